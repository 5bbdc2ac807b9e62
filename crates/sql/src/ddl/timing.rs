//! `set constraints`: when foreign keys look, for the rest of a transaction. SQLite keeps that with the table, which is rebuilt, and
//! again when the transaction ends.

use std::collections::BTreeMap;

use basalt_core::{Error, Result};

use super::cursor::RawName;
use super::{Action, Change};
use crate::catalog::{Constraint, Name};
use crate::quote::ident;

/// A constraint: its table and its name.
type Key = (Name, String);

impl Change<'_> {
    /// `all | name, ... deferred | immediate`.
    pub(super) fn set_constraints(&mut self) -> Result<()> {
        let names = match self.cursor.accept("all") {
            true => None,
            false => Some(self.cursor.list(|cursor| cursor.name())?),
        };
        let deferred = self.cursor.accept("deferred");
        if !deferred {
            self.cursor.expect("immediate")?;
        }
        let mut keys = Vec::new();
        match names {
            None => {
                keys.extend(self.constraints(|_, _| true).filter(|(_, deferrable)| *deferrable).map(|(key, _)| key))
            }
            Some(names) => {
                for raw in &names {
                    keys.extend(self.constraints_named(raw, deferred)?);
                }
            }
        }
        self.time(keys.into_iter().map(|key| (key, deferred)).collect())
    }

    /// At the end of a transaction constraints look again when their tables say.
    pub(super) fn end_timing(&mut self) -> Result<()> {
        let timing = std::mem::take(&mut self.session.timing);
        self.time(timing)?;
        self.session.timing.clear();
        Ok(())
    }

    /// Constraints whose schema and name are wanted, and whether they may be deferred.
    fn constraints(&self, is_wanted: impl Fn(&str, &str) -> bool) -> impl Iterator<Item = (Key, bool)> {
        self.catalog.relations.values().flat_map(move |relation| {
            let wanted: Vec<(Key, bool)> = relation
                .constraints
                .iter()
                .filter(|constraint| is_wanted(&relation.name.schema, &constraint.name))
                .map(|constraint| ((relation.name.clone(), constraint.name.clone()), constraint.deferrable))
                .collect();
            wanted
        })
    }

    /// The deferrable ones of a name, in the schema written or the first of the search path that has any.
    ///
    /// Errors: 42704 for none; 42809 for one that is to be deferred and can't.
    fn constraints_named(&self, raw: &RawName, deferred: bool) -> Result<Vec<Key>> {
        let schemas: Vec<&str> = match &raw.schema {
            Some(schema) => {
                self.check_schema(schema).map_err(|e| e.at(raw.at))?;
                vec![schema]
            }
            None => self.path().collect(),
        };
        let in_schema = |schema: &&str| -> Vec<(Key, bool)> {
            self.constraints(|other, name| other == *schema && name == raw.name).collect()
        };
        let found = schemas.iter().map(in_schema).find(|found| !found.is_empty());
        let found = found.ok_or_else(|| Error::new("42704", format!("constraint \"{}\" does not exist", raw.name)))?;
        if deferred && found.iter().any(|(_, deferrable)| !deferrable) {
            return Err(Error::new("42809", format!("constraint \"{}\" is not deferrable", raw.name)));
        }
        Ok(found.into_iter().filter(|(_, deferrable)| *deferrable).map(|(key, _)| key).collect())
    }

    /// Has constraints deferred or not. One that no longer is has to hold now.
    fn time(&mut self, keys: BTreeMap<Key, bool>) -> Result<()> {
        for ((table, name), deferred) in keys {
            let Some(old) = self.catalog.relations.get(&table).cloned() else { continue };
            let mut after = (*old).clone();
            let is_meant = |c: &&mut Constraint| c.name == name && c.initially_deferred != deferred;
            let Some(constraint) = after.constraints.iter_mut().find(is_meant) else { continue };
            constraint.initially_deferred = deferred;
            self.session.timing.entry((table.clone(), name.clone())).or_insert(!deferred);
            if !deferred {
                self.actions.push(Action::CheckForeignKey { table: table.physical(), constraint: name });
            }
            self.replace_table(&old, after, |column| Some(ident(&column.name)))?;
        }
        Ok(())
    }
}
