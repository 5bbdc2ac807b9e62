//! What one entry of a join asks for.

use std::collections::BTreeSet;

use basalt_core::{Change, Operation};
use basalt_sql::Catalog;
use basalt_sql::catalog::{Privilege, Publication, REALTIME, Relation};
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
    /// The columns that are told besides the key; `None`: all of them.
    pub select: Option<BTreeSet<String>>,
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
        let select = entry.get("select").and_then(Value::as_array);
        let select = select.map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        Ok(Wanted {
            operation,
            schema: named(text("schema").or(Some("public"))),
            table: named(text("table")),
            conditions,
            select,
        })
    }

    /// Whether such changes can come to a role. The error is what the client is told.
    pub fn check(
        &self,
        catalog: &Catalog,
        role: &str,
        closes: impl Fn(&Relation) -> Option<Closed>,
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
            // By what it may not read nobody is told either: whether a change comes would say what it is, and what is wrong with the
            // condition, of which type.
            let may_read = |name: &str| {
                table.column(name).is_some_and(|column| catalog.allows_column(role, table, column, Privilege::Select))
            };
            if let Some(condition) = self.conditions.iter().find(|condition| !may_read(condition.about())) {
                return Err(filter::unknown("filter", condition.about()));
            }
            if let Some(name) = self.select.iter().flatten().find(|name| !may_read(name)) {
                return Err(filter::unknown("select", name));
            }
            self.conditions.iter().try_for_each(|condition| condition.check(table, part))
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

    /// Whether a change is one of these.
    pub fn matches(&self, change: &Change, table: &Relation, row: &Row<'_>) -> bool {
        self.operation.is_none_or(|operation| operation == change.operation)
            && self.is_of(&change.table.schema, &change.table.name)
            && self.conditions.iter().all(|condition| condition.matches(table, row))
    }

    /// Whether all that it asks of a row is among the columns that somebody may read.
    pub fn is_within(&self, readable: &[&str]) -> bool {
        self.conditions.iter().all(|condition| readable.contains(&condition.about()))
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
