//! Expressions.
use super::*;
use super::typed::Typed;
impl Compiler<'_> {
    /// Binds an expression. `expected` is what the context would like an undecided literal or parameter to be; the result
    /// need not be of that type ([`Self::coerce`] makes it so).
    pub fn bind_expr(&mut self, _scope: &Scope<'_>, _expr: &ast::Expr, _expected: Option<&Type>) -> Result<Typed> { unimplemented!() }
    /// Binds a condition: 42804 `argument of WHERE must be type boolean, not type integer` if it is none.
    pub fn bind_condition(&mut self, _scope: &Scope<'_>, _expr: &ast::Expr, _clause: &'static str) -> Result<Typed> { unimplemented!() }
}
