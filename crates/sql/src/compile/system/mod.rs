//! PostgreSQL's catalogs as the embedded engine has them: views of `information_schema` and `pg_catalog` whose rows are put
//! together from the catalog while a statement is compiled. A program belongs to one version of the catalog, so they are never stale.

mod columns;
mod constraints;
mod definitions;
mod information;
mod internal;
mod objects;
mod rights;
mod triggers;

use std::sync::Arc;

use basalt_core::Result;
use basalt_types::Type;
use serde_json::Value as Json;
use sqlparser::ast::TableAlias;

use super::compiler::Compiler;
use super::from::{FromClause, rename};
use super::scope::{Scope, SourceColumn};
use super::types::fold;
use crate::catalog::{Catalog, Privilege, Relation};
use crate::quote;

pub(super) use rights::function;

/// A view's columns, and its rows for whoever asks.
struct View {
    columns: Vec<(&'static str, Type)>,
    rows: Vec<Vec<Json>>,
}

/// Whose rights a row is judged by, and over what.
struct Asker<'a> {
    catalog: &'a Catalog,
    user: &'a str,
    path: &'a [String],
}

/// What each object says of the database that it is in.
const DATABASE: &str = "postgres";

/// The types of `information_schema`, by its domains `sql_identifier`, `character_data` and `cardinal_number`.
const NAME: Type = Type::NAME;
const CHARACTER_DATA: Type = Type::VARCHAR;
const CARDINAL_NUMBER: Type = Type::INT4;

impl Compiler<'_> {
    fn asker(&self) -> Asker<'_> {
        Asker { catalog: self.catalog, user: &self.user, path: &self.search_path }
    }

    /// Adds a system view to FROM, if the name is one's. Those of `pg_catalog` come before any other of their name.
    pub(super) fn bind_system_view(
        &mut self,
        scope: &mut Scope<'_>,
        (schema, name): (Option<&str>, &str),
        alias: Option<&TableAlias>,
        clause: &mut FromClause,
    ) -> Result<bool> {
        let asker = self.asker();
        let view = match schema {
            Some("information_schema") => asker.information(name),
            Some("pg_catalog") => asker.internal(name).or_else(|| asker.objects(name)),
            None if name.starts_with("pg_") => asker.internal(name).or_else(|| asker.objects(name)),
            _ => None,
        };
        let Some(view) = view else { return Ok(false) };
        let shown = alias.map_or(name.to_owned(), |a| fold(&a.name));
        let sqlite = self.alias(&shown);
        clause.text(format!("({}) AS {sqlite}", view.sql()));
        let columns = view.columns.into_iter().map(|(name, ty)| SourceColumn {
            name: name.to_owned(),
            ty,
            typmod: None,
            sql: format!("{sqlite}.{}", quote::ident(name)),
            not_null: false,
            collated: false,
            leakproof: true,
            hidden: false,
        });
        let columns = columns.collect();
        let mut source = self.source(&shown, &sqlite, columns);
        rename(&mut source, alias)?;
        scope.add(source)?;
        Ok(true)
    }
}

impl View {
    /// A query of its rows: a column that is the same in all of them is written once.
    fn sql(&self) -> String {
        let names = self.columns.iter().map(|(name, _)| quote::ident(name));
        let Some(first) = self.rows.first() else {
            let columns: Vec<String> = names.map(|name| format!("NULL AS {name}")).collect();
            return format!("SELECT {} WHERE 0", columns.join(", "));
        };
        let is_same = |at: &usize| self.rows.iter().all(|row| row[*at] == first[*at]);
        let (same, varied): (Vec<usize>, Vec<usize>) = (0..first.len()).partition(is_same);
        let cell = |(at, name): (usize, String)| match varied.iter().position(|column| *column == at) {
            Some(place) => format!("value ->> {place} AS {name}"),
            None => format!("{} AS {name}", constant(&first[at])),
        };
        let columns: Vec<String> = names.enumerate().map(cell).collect();
        debug_assert_eq!(same.len() + varied.len(), self.columns.len(), "a cell for each column");
        let rows: Vec<Vec<&Json>> = self.rows.iter().map(|row| varied.iter().map(|at| &row[*at]).collect()).collect();
        format!("SELECT {} FROM json_each({})", columns.join(", "), quote::literal(&super::cast::json(&rows)))
    }
}

fn constant(value: &Json) -> String {
    match value {
        Json::Null => "NULL".to_owned(),
        Json::Bool(value) => u8::from(*value).to_string(),
        Json::String(text) => quote::literal(text),
        other => other.to_string(),
    }
}

fn yes_or_no(holds: bool) -> Json {
    Json::from(if holds { "YES" } else { "NO" })
}

impl<'a> Asker<'a> {
    /// Whether the asker is the owner, or has the owner's rights.
    fn owns(&self, owner: &str) -> bool {
        self.catalog.is_superuser(self.user) || self.catalog.inherited(self.user).contains(owner)
    }

    /// Whether any of the privileges is there, on the relation or on a column.
    fn may_any(&self, relation: &Relation, privileges: &[Privilege]) -> bool {
        privileges.iter().any(|privilege| self.catalog.allows_any(self.user, relation, *privilege))
    }

    /// The relations, by schema and name.
    fn relations(&self) -> impl Iterator<Item = &'a Arc<Relation>> + use<'a> {
        let mut relations: Vec<_> = self.catalog.relations.values().collect();
        relations.sort_by(|a, b| a.name.cmp(&b.name));
        relations.into_iter()
    }
}
