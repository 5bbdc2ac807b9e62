//! The orders that SQLite does not know: of built-in types, of the schema's enumerations and their arrays, and of rows, whose
//! collations say themselves what they compare.

use basalt_sql::Catalog;
use basalt_types::{Type, collation};
use rusqlite::Connection;

/// Registers the collations of the built-in types, and what makes those of rows when a statement first names one.
pub(super) fn register_builtin(connection: &Connection) -> rusqlite::Result<()> {
    collation::builtin().into_iter().try_for_each(|ty| register(connection, ty))?;
    connection.collation_needed(|connection, name| match Type::of_collation(name) {
        Some(ty) => connection.create_collation(name, move |a, b| collation::compare(&ty, a, b)),
        None => Ok(()),
    })
}

/// Registers the collations of a catalog's enumerations.
pub(super) fn register_enums(connection: &Connection, catalog: &Catalog) -> rusqlite::Result<()> {
    for labels in catalog.enums.values() {
        let ty = Type::Enum(labels.clone());
        register(connection, ty.clone().array_of())?;
        register(connection, ty)?;
    }
    Ok(())
}

fn register(connection: &Connection, ty: Type) -> rusqlite::Result<()> {
    match ty.collation() {
        Some(name) => connection.create_collation(name.as_str(), move |a, b| collation::compare(&ty, a, b)),
        None => Ok(()),
    }
}
