//! A sequence read as a relation: `select last_value, is_called from s`.

use basalt_core::{Error, Identity, Result};
use basalt_types::{Type, Value};
use sqlparser::ast::{ObjectName, Spanned, TableAlias};

use super::compiler::Compiler;
use super::from::{FromClause, rename};
use super::privilege;
use super::scope::{Scope, SourceColumn};
use super::typed::constant_sql;
use super::types::{fold, split_name};
use crate::catalog::Privilege;
use crate::{Name, quote};

/// Its columns. `log_cnt` is how many values PostgreSQL's log is ahead; there is none here.
const COLUMNS: [(&str, Type); 3] = [("last_value", Type::INT8), ("log_cnt", Type::INT8), ("is_called", Type::BOOL)];

impl Compiler<'_> {
    /// The sequence of that name, unless a table or view has it.
    pub(super) fn sequence_in_from(&self, name: &ObjectName) -> Result<Option<Name>> {
        let (schema, table) = split_name(name)?;
        let path = schema.as_ref().map_or(self.search_path.as_slice(), std::slice::from_ref);
        let is_relation = path.iter().any(|schema| self.catalog.relation(schema, &table).is_some());
        Ok(self.find_sequence(schema.as_deref(), &table).filter(|_| !is_relation))
    }

    /// Adds it to FROM. 42501 without SELECT.
    pub(super) fn bind_sequence(
        &mut self,
        scope: &mut Scope<'_>,
        (name, written): (&Name, &ObjectName),
        alias: Option<&TableAlias>,
        clause: &mut FromClause,
    ) -> Result<()> {
        privilege::use_schema(self, &name.schema).map_err(|e| self.place(e, written.span()))?;
        let Some(sequence) = self.catalog.sequences.get(name) else { return Err(Error::internal("no such sequence")) };
        let owner = sequence.owned_by.as_ref().and_then(|(table, _)| self.catalog.relations.get(table));
        let owner = owner.map_or(Identity::OWNER, |relation| relation.owner.as_str());
        if !self.catalog.allows(&self.role, owner, &sequence.grants, Privilege::Select) {
            return Err(Error::permission_denied("sequence", &name.name));
        }
        let (literal, start) = (constant_sql(&Value::from(name.to_string())), sequence.start);
        let shown = alias.map_or(name.name.clone(), |a| fold(&a.name));
        let sqlite = self.alias(&shown);
        // The writer knows better than the disk.
        clause.text(format!(
            "(SELECT coalesce(pg_sequence({literal}, 0), d.last_value, {start}) AS last_value, 0 AS log_cnt, \
             coalesce(pg_sequence({literal}, 1), d.is_called, 0) AS is_called \
             FROM (SELECT 1) LEFT JOIN basalt_sequences AS d ON d.name = {literal}) AS {sqlite}"
        ));
        let columns = COLUMNS.map(|(column, ty)| SourceColumn {
            name: column.to_owned(),
            ty,
            typmod: None,
            sql: format!("{sqlite}.{}", quote::ident(column)),
            not_null: true,
            collated: false,
            leakproof: true,
            hidden: false,
        });
        let mut source = self.source(&shown, &sqlite, columns.into());
        rename(&mut source, alias)?;
        scope.add(source)
    }
}
