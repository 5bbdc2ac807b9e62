//! Queries.
use super::*;
use super::typed::Typed;
/// A bound query.
pub(crate) struct BoundQuery {
    /// SQLite source, without parentheses. Columns are named by [`BoundColumn::sqlite`].
    pub sql: String,
    /// Its columns.
    pub columns: Vec<BoundColumn>,
    /// Whether it can give more than one row.
    pub at_most_one: bool,
    /// Whether it reads a table with row policies.
    pub protected: bool,
    /// Leakproof, volatile and outer sources of everything inside.
    pub effects: Typed,
}
/// A column of a [`BoundQuery`].
#[derive(Debug, Clone)]
pub(crate) struct BoundColumn {
    /// Name.
    pub name: String,
    /// Its unique name in SQLite, unquoted.
    pub sqlite: String,
    /// Type; never unknown once the query is bound as a whole.
    pub ty: Type,
    /// Modifier.
    pub typmod: Option<Typmod>,
    /// NOT NULL.
    pub not_null: bool,
    /// Carries its collation.
    pub collated: bool,
    /// The base table's column that it is.
    pub source: Option<(crate::Name, String)>,
}
impl BoundQuery {
    /// The columns as a program's result.
    pub fn output(&self) -> Result<Vec<OutputColumn>> { Ok(self.columns.iter().map(|c| OutputColumn { name: c.name.clone(), ty: c.ty.clone() }).collect()) }
}
impl Compiler<'_> {
    /// Binds a query; `outer` is what its subqueries may refer to.
    pub fn bind_query(&mut self, _outer: Option<&Scope<'_>>, _query: &ast::Query) -> Result<BoundQuery> { unimplemented!() }
    /// Binds a query whose columns go to columns of these types (INSERT ... SELECT/VALUES): undecided literals take them,
    /// the rest is converted as an assignment. `None` where DEFAULT stands is not handled here.
    pub fn bind_query_as(&mut self, _outer: Option<&Scope<'_>>, _query: &ast::Query, _types: &[(Type, Option<Typmod>)]) -> Result<BoundQuery> { unimplemented!() }
    /// Binds a select list (or RETURNING): names and values, `*` expanded.
    pub fn bind_projection(&mut self, _scope: &Scope<'_>, _items: &[ast::SelectItem]) -> Result<Vec<(String, Typed)>> { unimplemented!() }
    /// WHERE over a scope's sources: the user's condition cut into conjuncts, each that leaks behind the row policies of the
    /// sources that it reads, and all of `filters` (row policies) and-ed to it. `None` if nothing is asked.
    pub fn bind_where(&mut self, _scope: &Scope<'_>, _from: &mut super::from::FromClause, _selection: Option<&ast::Expr>) -> Result<Option<String>> { unimplemented!() }
}
