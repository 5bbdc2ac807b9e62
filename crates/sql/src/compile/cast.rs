//! Casts.
use super::*;
use super::typed::Typed;
impl Compiler<'_> {
    /// Converts an expression to a type in a context; decides an undecided literal or parameter.
    /// 42804/42846 if the cast does not exist there.
    pub fn coerce(&mut self, _value: Typed, _to: &Type, _typmod: Option<Typmod>, _context: CastContext) -> Result<Typed> { unimplemented!() }
    /// An undecided literal or parameter becomes text.
    pub fn decided(&mut self, _value: Typed) -> Result<Typed> { unimplemented!() }
}
