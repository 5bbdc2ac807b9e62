//! An entry of the log as it is read, with what the catalog says of its table.

use std::collections::HashMap;
use std::sync::Arc;

use basalt_core::{Change, ChangedColumn, ChangedTable, Error, Operation, ReplicaIdentity, Result};
use basalt_sql::catalog::{Column, Relation};
use basalt_sql::{Catalog, Name};
use basalt_types::Type;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A row of the log.
#[derive(Deserialize)]
pub(super) struct Row {
    id: u64,
    transaction: u64,
    committed_at: i64,
    schema: String,
    name: String,
    operation: String,
    old: Option<Box<RawValue>>,
    new: Option<Box<RawValue>>,
    role: String,
    sub: Option<String>,
    /// The last id that was trimmed.
    trimmed: u64,
}

/// Reads rows of the log, a JSON array.
pub(super) fn read(body: &[u8]) -> Result<Vec<Row>> {
    serde_json::from_slice(body).map_err(|error| Error::internal(format!("the change log can't be read: {error}")))
}

impl Row {
    /// Its table.
    pub fn table(&self) -> Name {
        Name::new(self.schema.as_str(), self.name.as_str())
    }
}

/// The rows with what the catalog says of their tables, and the last id that was trimmed if there are any.
pub(super) fn described(rows: Vec<Row>, catalog: &Catalog) -> Result<(Vec<Arc<Change>>, u64)> {
    let trimmed = rows.first().map_or(0, |row| row.trimmed);
    let mut tables: HashMap<(String, String), Arc<ChangedTable>> = HashMap::new();
    let changes = rows.into_iter().map(|row| {
        let operation = Operation::by_name(&row.operation)
            .ok_or_else(|| Error::internal(format!("the change log has an operation {}", row.operation)))?;
        let table = tables
            .entry((row.schema, row.name))
            .or_insert_with_key(|(schema, name)| Arc::new(table(catalog, schema, name)))
            .clone();
        Ok(Arc::new(Change {
            id: row.id,
            transaction: row.transaction,
            committed_at: row.committed_at,
            operation,
            table,
            new: row.new,
            old: row.old,
            role: row.role,
            sub: row.sub,
        }))
    });
    Ok((changes.collect::<Result<_>>()?, trimmed))
}

fn table(catalog: &Catalog, schema: &str, name: &str) -> ChangedTable {
    match catalog.relations.get(&Name::new(schema, name)) {
        Some(relation) => of(relation),
        None => ChangedTable {
            schema: schema.to_owned(),
            name: name.to_owned(),
            columns: Vec::new(),
            key: Vec::new(),
            replica_identity: ReplicaIdentity::Default,
            identity: Vec::new(),
            row_security: true,
        },
    }
}

fn of(relation: &Relation) -> ChangedTable {
    let column = |column: &Column| ChangedColumn { name: column.name.clone(), ty: type_name(column) };
    ChangedTable {
        schema: relation.name.schema.clone(),
        name: relation.name.name.clone(),
        columns: relation.columns.iter().map(column).collect(),
        key: relation.primary_key().map(<[String]>::to_vec).unwrap_or_default(),
        replica_identity: relation.replica_identity.clone(),
        identity: relation.identity_columns(),
        row_security: relation.row_security,
    }
}

/// What `pg_type.typname` has for a column's type.
fn type_name(column: &Column) -> String {
    fn of(ty: &Type) -> String {
        match ty {
            Type::Base(base) => base.internal_name().to_owned(),
            Type::Enum(e) => e.name.clone(),
            Type::Array(element) => format!("_{}", of(element)),
            Type::Record(_) => "record".to_owned(),
            Type::Other(other) => other.name.clone(),
        }
    }
    column.domain.as_ref().map_or_else(|| of(&column.ty), |domain| domain.name.clone())
}
