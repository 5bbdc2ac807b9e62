//! `a[i] := x` of PL/pgSQL, which the parser passes on as a call: what the array, or the `jsonb`, becomes.

use basalt_core::{Error, Result};
use basalt_types::{Base, Type};

use super::body::{Slot, assigned};
use super::column::check_key;
use super::compiler::Compiler;
use super::typed::{CastContext, Typed};

/// What the call goes by.
pub(super) const WITH_ELEMENT: &str = "basalt_with_element";

impl Compiler<'_> {
    /// The container with the value at the subscript.
    ///
    /// Errors: 42804 for what has no subscripts, or none of that type; those of the value's assignment to an element.
    pub(super) fn with_element(&mut self, args: Vec<Typed>) -> Result<Typed> {
        let Ok([container, subscript, value]) = <[Typed; 3]>::try_from(args) else {
            return Err(Error::internal("an element's assignment takes three arguments"));
        };
        let slot = |ty: &Type| Slot::new("", ty.clone());
        match &container.ty {
            Type::Array(element) => {
                let value = assigned(self, value, &slot(element))?;
                let subscript = self.coerce(subscript, &Type::INT4, None, CastContext::Assignment)?;
                self.call(WITH_ELEMENT, vec![container, subscript, value])
            }
            Type::Base(Base::Jsonb) => {
                let value = assigned(self, value, &slot(&Type::JSONB))?;
                let is_index = matches!(subscript.ty, Type::Base(Base::Int2 | Base::Int4));
                check_key(&subscript)?;
                let key = self.coerce(subscript, &Type::TEXT, None, CastContext::Explicit)?;
                let is_index = Typed::constant(is_index.into(), Type::BOOL);
                self.call("basalt_with_member", vec![container, key, value, is_index])
            }
            other => Err(Error::new(
                "42804",
                format!("cannot subscript type {} because it does not support subscripting", other.sql_name()),
            )),
        }
    }
}
