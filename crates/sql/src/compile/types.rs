//! Types.
use super::*;
/// The type that an AST data type names.
pub fn resolve_type(_catalog: &Catalog, _search_path: &[String], _ty: &ast::DataType) -> Result<ResolvedType> { unimplemented!() }
/// A resolved type name.
pub struct ResolvedType {
    /// The type; a domain's base type.
    pub ty: Type,
    /// Modifier.
    pub typmod: Option<Typmod>,
    /// The domain.
    pub domain: Option<crate::Name>,
    /// `serial` and friends.
    pub serial: bool,
    /// The relation whose row type it is.
    pub relation: Option<crate::Name>,
}
