//! What one entry of a join asks for (contract: wire.md section 3.6).

use std::collections::{BTreeSet, HashSet};

use basalt_core::{Change, Error, Operation};
use basalt_db::changes::may_select;
use basalt_sql::Catalog;
use basalt_sql::catalog::{Column, Publication, REALTIME, Relation};
use basalt_sql::unprotected::Closed;
use serde_json::{Map, Value};

use super::filter::{self, Condition, Row};

/// A kind of change. Those who want the same share it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Wanted {
    /// `None`: all of them.
    operation: Option<Operation>,
    /// `None`: every schema.
    schema: Option<String>,
    /// `None`: every table.
    table: Option<String>,
    conditions: Vec<Condition>,
}

impl Wanted {
    /// Reads an entry. The error is what the client is told.
    pub fn read(entry: &Map<String, Value>) -> Result<Wanted, String> {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let named = |text: Option<&str>| text.filter(|text| *text != "*").map(str::to_owned);
        let operation = match text("event").unwrap_or("*") {
            "*" => None,
            name => Some(
                Operation::by_name(name)
                    .filter(|operation| *operation != Operation::Truncate)
                    .ok_or_else(|| format!("{UNABLE}. An event is *, INSERT, UPDATE or DELETE, not {name}"))?,
            ),
        };
        let conditions = text("filter").map_or(Ok(Vec::new()), filter::parse)?;
        Ok(Wanted {
            operation,
            schema: named(text("schema").or(Some("public"))),
            table: named(text("table")),
            conditions,
        })
    }

    /// Whether such changes can come to a role. The error is what the client is told: a column that the role may not select is
    /// as unknown as one that does not exist, lest a condition over it tell its values.
    pub fn check(
        &self,
        catalog: &Catalog,
        role: &str,
        closes: impl Fn(&Relation) -> Option<Closed>,
        select: Option<&BTreeSet<String>>,
        entry: &Map<String, Value>,
    ) -> Result<(), String> {
        let publication = catalog.publications.get(REALTIME);
        let tables: Vec<&Relation> = catalog
            .relations
            .values()
            .map(|relation| &**relation)
            .filter(|relation| {
                self.is_of(&relation.name.schema, &relation.name.name) && published(publication, relation)
            })
            .collect();
        if tables.is_empty() {
            let asked = asked(entry);
            return Err(format!(
                "{UNABLE}. Please check Realtime is enabled for the given connect parameters: {asked}"
            ));
        }
        // One of several that is closed is left out without a word, as rows are that a policy hides.
        if let [table] = tables[..]
            && self.table.is_some()
            && let Some(closed) = closes(table)
        {
            return Err(format!("{UNABLE}. {} {}", closed.detail(), closed.hint()));
        }
        let fits = |table: &Relation| {
            let part = publication.and_then(|publication| publication.part(&table.name));
            let is_known = |column: &Column| {
                part.is_none_or(|part| part.has(&column.name)) && may_select(catalog, table, column, role)
            };
            self.conditions.iter().try_for_each(|condition| condition.check(table, is_known))?;
            let unknown = select.into_iter().flatten().find(|name| !table.column(name).is_some_and(is_known));
            unknown.map_or(Ok(()), |name| Err(Error::new("P0001", format!("invalid column for select {name}"))))
        };
        // Of several tables, it has to fit one.
        let mut faults = tables.iter().map(|table| fits(table));
        match faults.find(Result::is_ok).or_else(|| tables.first().map(|table| fits(table))) {
            Some(Err(error)) => Err(format!(
                "{UNABLE}. An exception happened so please check your connect parameters: {}. Exception: ERROR {} {}",
                asked(entry),
                error.code(),
                error.message()
            )),
            _ => Ok(()),
        }
    }

    /// Whether all that it compares are among these columns.
    pub fn compares_only(&self, columns: &HashSet<&str>) -> bool {
        self.conditions.iter().all(|condition| columns.contains(condition.column_name()))
    }

    /// Whether a change is one of these.
    pub fn matches(&self, change: &Change, table: &Relation, row: &Row<'_>) -> bool {
        self.operation.is_none_or(|operation| operation == change.operation)
            && self.is_of(&change.table.schema, &change.table.name)
            && self.conditions.iter().all(|condition| condition.matches(table, row))
    }

    fn is_of(&self, schema: &str, table: &str) -> bool {
        self.schema.as_deref().is_none_or(|one| one == schema) && self.table.as_deref().is_none_or(|one| one == table)
    }
}

/// Whether a table's changes are for realtime clients.
fn published(publication: Option<&Publication>, relation: &Relation) -> bool {
    publication.is_some_and(|publication| publication.has(&relation.name)) && relation.view().is_none()
}

const UNABLE: &str = "Unable to subscribe to changes with given parameters";

fn asked(entry: &Map<String, Value>) -> String {
    let shown = |name: &str, default: &str| entry.get(name).and_then(Value::as_str).unwrap_or(default).to_owned();
    format!(
        "[event: {}, schema: {}, table: {}, filters: [{}]]",
        shown("event", "*"),
        shown("schema", "public"),
        shown("table", "*"),
        shown("filter", "")
    )
}
