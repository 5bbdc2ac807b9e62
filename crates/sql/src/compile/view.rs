//! Views.
use super::*;
/// A view's columns as its query gives them.
#[derive(Debug, Clone)]
pub struct ViewColumn {
    /// Name.
    pub name: String,
    /// Type.
    pub ty: Type,
    /// Modifier, where the column is a plain one.
    pub typmod: Option<Typmod>,
    /// The base table and column it is, when it is a plain column of the top SELECT.
    pub source: Option<(crate::Name, String)>,
}

/// Checks a view's query and tells its columns.
pub fn view_columns(_catalog: &Catalog, _search_path: &[String], _query: &ast::Query) -> Result<Vec<ViewColumn>> {
    unimplemented!()
}
