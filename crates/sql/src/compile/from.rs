//! FROM.
use super::*;
/// A bound FROM.
#[derive(Default)]
pub(crate) struct FromClause {
    /// Row policies that WHERE has to add.
    pub filters: Vec<super::typed::Typed>,
}
impl FromClause {
    /// SQLite source, without the word FROM. After [`Compiler::bind_where`].
    pub fn sql(&self) -> String { String::new() }
}
impl Compiler<'_> {
    /// Binds FROM (or USING of DELETE, FROM of UPDATE): adds its entries to the scope.
    pub fn bind_from(&mut self, _scope: &mut Scope<'_>, _from: &[ast::TableWithJoins]) -> Result<FromClause> { unimplemented!() }
    /// The relation of that name, by the search path. 42P01 if there is none.
    pub fn relation(&self, _name: &ast::ObjectName) -> Result<std::sync::Arc<Relation>> { unimplemented!() }
}
