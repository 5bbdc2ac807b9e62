//! What a table has under a name of its own, as `policy p on t` and `trigger g on t` say it.

use std::sync::Arc;

use basalt_core::{Error, Result};

use super::Change;
use super::cursor::RawName;
use crate::catalog::Relation;

/// `name on table`.
pub(super) struct Part {
    /// `policy` or `trigger`.
    kind: &'static str,
    pub name: String,
    pub table: RawName,
    at: usize,
}

impl Part {
    /// 42710 for a name that is taken.
    pub fn taken(&self, name: &str) -> Error {
        // PostgreSQL's own words are not alike.
        let owner = if self.kind == "trigger" { "relation" } else { "table" };
        let message = format!("{} \"{name}\" for {owner} \"{}\" already exists", self.kind, self.table.name);
        Error::new("42710", message).at(self.at)
    }

    /// 42704 for a name that the table has not.
    pub fn missing(&self) -> Error {
        let message = format!("{} \"{}\" for table \"{}\" does not exist", self.kind, self.name, self.table.name);
        Error::new("42704", message).at(self.at)
    }
}

impl Change<'_> {
    /// Reads `name on table`.
    pub(super) fn part(&mut self, kind: &'static str) -> Result<Part> {
        let at = self.cursor.offset();
        let name = self.cursor.ident()?;
        self.cursor.expect("on")?;
        Ok(Part { kind, name, table: self.cursor.name()?, at })
    }

    /// Reads `[if exists] name on table [cascade | restrict]`, whose table has such a part; `None` if `if exists` excuses that
    /// there is none.
    pub(super) fn dropped_part(
        &mut self,
        kind: &'static str,
        has: impl Fn(&Relation, &str) -> bool,
    ) -> Result<Option<(Part, Arc<Relation>)>> {
        let if_exists = self.cursor.accept("if exists");
        let part = self.part(kind)?;
        let _ = self.cursor.accept_any(&["cascade", "restrict"]);
        match self.find_relation(&part.table) {
            Ok(relation) if has(&relation, &part.name) => Ok(Some((part, relation))),
            _ if if_exists => Ok(None),
            Ok(_) => Err(part.missing()),
            Err(error) => Err(error),
        }
    }
}
