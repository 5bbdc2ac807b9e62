//! Whether foreign keys and triggers look at the rows that a script writes.
//!
//! Rows of `copy` come by the thousand, and may refer to each other in any order. SQLite judges a key row by row: while a deferred one is
//! violated it looks for children of each row that comes, through the whole table if no index is there. So such rows come unseen, and
//! the table is judged once, when the statement has ended (as PostgreSQL does) or the script has.

use std::collections::BTreeSet;

use basalt_core::{Error, Result};
use basalt_sql::Name;
use basalt_sql::catalog::Relation;
use basalt_sql::script::copy::Copy;
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::Script;
use crate::sqlite::{migrating, translate};

/// Who looks at what is written.
pub(super) struct Looking {
    /// Whether keys looked when the script began.
    at_first: bool,
    /// Whether keys look now.
    keys: bool,
    /// Whether rows were written at which no key will ever look: whoever wrote them says that they hold.
    pub trusts: bool,
    /// Whether a statement may have left a deferred key violated, which SQLite counts: it has to see what mends that.
    pub counts: bool,
    /// Tables that wait for their deferred keys to be judged.
    pub owed: BTreeSet<Name>,
}

/// When keys look at the rows of a `copy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Meanwhile,
    Afterwards,
    Never,
}

impl Looking {
    pub fn new(connection: &Connection) -> Looking {
        let keys = connection.db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY).unwrap_or(true);
        Looking { at_first: keys, keys, trusts: false, counts: false, owed: BTreeSet::new() }
    }
}

impl Script<'_> {
    /// Has foreign keys look at what is written from now on, or not.
    pub(super) fn keys_look(&mut self, keys: bool) -> Result<()> {
        let keys = keys && self.looking.at_first;
        if self.looking.keys != keys {
            self.set(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, keys)?;
            self.looking.keys = keys;
        }
        Ok(())
    }

    /// Whether they do.
    pub(super) fn do_keys_look(&self) -> bool {
        self.looking.keys
    }

    /// Before a statement: what the script has set of keys and triggers. Gives whether nobody looks at its rows at all.
    pub(super) fn look(&mut self, sql: &str, is_write: bool) -> Result<bool> {
        migrating::be_quiet(self.session.is_replica);
        let unseen = is_write && self.session.passes_over_keys(sql, &self.catalog);
        self.keys_look(!unseen)?;
        self.looking.trusts |= unseen;
        self.looking.counts |= is_write && !unseen;
        Ok(unseen)
    }

    /// Before a `copy`.
    pub(super) fn look_at_copy(&mut self, copy: &Copy, sql: &str) -> Result<Seen> {
        let counted = self.looking.counts;
        if self.look(sql, true)? || !self.looking.at_first {
            return Ok(Seen::Never);
        }
        let table = self.catalog.relations.get(copy.table());
        // What is there already has to hold, and no trigger's function may write meanwhile.
        let is_alone = |table: &Relation| {
            table.foreign_keys().next().is_some() && table.triggers.iter().all(|trigger| trigger.disabled) && !counted
        };
        match table.filter(|table| is_alone(table)) {
            Some(table) if self.broken(table, |_| true)?.is_none() => {
                self.looking.counts = counted;
                self.keys_look(false)?;
                Ok(Seen::Afterwards)
            }
            _ => Ok(Seen::Meanwhile),
        }
    }

    /// After a `copy`.
    ///
    /// Errors: 23503 for the first row that violates a key which is not deferred.
    pub(super) fn judge_copy(&mut self, copy: &Copy, seen: Seen) -> Result<()> {
        let Some(table) = self.catalog.relations.get(copy.table()).filter(|_| seen == Seen::Afterwards) else {
            return Ok(());
        };
        let is_deferred = |name: &str| table.constraints.iter().any(|c| c.name == name && c.initially_deferred);
        self.broken(table, |name| !is_deferred(name))?.map_or(Ok(()), Err)?;
        self.looking.owed.insert(table.name.clone());
        self.keys_look(true)
    }

    /// Has no trigger run and no key look from now on, however the script goes on: its rows come from a database that has kept the keys.
    pub(crate) fn be_replica(&mut self) -> Result<()> {
        self.session.is_replica = true;
        migrating::be_quiet(true);
        self.keys_look(false)
    }

    /// At the end of a script.
    ///
    /// Errors: 23503 for the first row that violates a key which `set constraints` has deferred, or of a `copy` that violates a deferred one.
    pub(crate) fn settle(&mut self) -> Result<()> {
        if !self.session.timing.is_empty() {
            self.define("commit")?;
        }
        let mut owed = self.looking.owed.iter().filter_map(|name| self.catalog.relations.get(name));
        owed.try_for_each(|table| self.broken(table, |_| true)?.map_or(Ok(()), Err))
    }

    /// Leaves the connection as it was.
    pub(super) fn leave(&mut self) -> Result<()> {
        migrating::be_quiet(false);
        self.keys_look(true)
    }

    /// The error for the first row that violates one of these keys of the table.
    pub(crate) fn broken(&self, table: &Relation, is_asked: impl Fn(&str) -> bool) -> Result<Option<Error>> {
        migrating::broken_key(self.connection, table, is_asked, true).map_err(translate)
    }
}
