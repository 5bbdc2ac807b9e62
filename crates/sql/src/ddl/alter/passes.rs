//! The passes of `alter table`: what its actions do, in PostgreSQL's order, whatever the order in which they are written. What is
//! dropped goes first; then columns get other types, each of them computed from the row as it was; then comes what is new.

use std::collections::BTreeMap;
use std::sync::Arc;

use basalt_core::{Error, Result};

use super::super::cursor::Cursor;
use super::super::{Action, Change, physical};
use crate::catalog::{Column, Name, Relation};
use crate::quote::ident;

/// When an action has its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pass {
    Drop,
    Type,
    Column,
    NotNull,
    Key,
    Other,
    Last,
}

impl Pass {
    /// That of the action which comes next.
    fn of(action: &Cursor<'_>) -> Pass {
        let word = |ahead| action.word_at(ahead).unwrap_or_default();
        match word(0).as_str() {
            "drop" => Pass::Drop,
            "add" => {
                let is_named = action.peek("add constraint");
                let is = |kind: &&str| if is_named { word(3) == *kind } else { action.peek(&format!("add {kind}")) };
                match ["primary", "unique", "exclude", "check", "foreign"].iter().find(|kind| is(kind)) {
                    Some(&("check" | "foreign")) => Pass::Other,
                    Some(_) => Pass::Key,
                    None => Pass::Column,
                }
            }
            "alter" if !action.peek("alter constraint") => {
                let first = if action.peek("alter column") { 3 } else { 2 };
                match (word(first).as_str(), word(first + 1).as_str()) {
                    ("drop", _) => Pass::Drop,
                    ("type", _) | ("set", "data") => Pass::Type,
                    ("set", "not") => Pass::NotNull,
                    ("set", "default") | ("add", _) => Pass::Other,
                    _ => Pass::Last,
                }
            }
            _ => Pass::Last,
        }
    }
}

/// A table whose columns get other types: it is rebuilt once, from the rows as they were.
pub(in crate::ddl) struct Rewrite {
    /// The table before the statement.
    row: Arc<Relation>,
    /// The values of columns that do not keep theirs, as SQLite source over it.
    values: BTreeMap<String, String>,
    /// Whether it is to be rebuilt.
    is_due: bool,
}

impl Change<'_> {
    /// The actions of `alter table`.
    pub(super) fn alter_table_actions(&mut self, table: &Name) -> Result<()> {
        let relation = self.relation(table)?;
        let mut actions: Vec<_> = self.cursor.items().into_iter().map(|action| (Pass::of(&action), action)).collect();
        // On the way to other columns SQLite has no table without any.
        let drops = actions.iter().filter(|(_, action)| action.peek("drop") && !action.peek("drop constraint"));
        let is_emptied = drops.count() >= relation.columns.len();
        actions.sort_by_key(|(pass, _)| (!(is_emptied && *pass == Pass::Column), *pass));
        if actions.iter().any(|(pass, _)| *pass == Pass::Type) {
            self.rewrite = Some(Rewrite { row: relation, values: BTreeMap::new(), is_due: false });
        }
        for (pass, action) in actions {
            if !matches!(pass, Pass::Drop | Pass::Type) {
                self.rewritten(table)?;
            }
            self.cursor = action;
            self.alter_table_action(table)?;
            self.cursor.end_item()?;
        }
        self.rewritten(table)?;
        self.judge_keys(table)
    }

    /// Rebuilds a table whose columns have got other types.
    fn rewritten(&mut self, table: &Name) -> Result<()> {
        let Some(Rewrite { row, values, .. }) = self.rewrite.take().filter(|rewrite| rewrite.is_due) else {
            return Ok(());
        };
        let new = self.relation(table)?;
        self.rebuild(&row, &new, |column| {
            Some(values.get(&column.name).cloned().unwrap_or_else(|| ident(&column.name)))
        })
    }

    /// The rows that `using` of a new type is computed over: as they were before the statement.
    ///
    /// Errors: 0A000 if the column has got another type already.
    pub(super) fn row_before(&self, now: &Relation, column: &Column) -> Result<Arc<Relation>> {
        let Some(rewrite) = &self.rewrite else { return Ok(Arc::new(now.clone())) };
        let is_another = |before: &Column| before.ty != column.ty || before.typmod != column.typmod;
        if rewrite.row.column(&column.name).is_some_and(is_another) {
            let message = format!("cannot alter type of column \"{}\" twice", column.name);
            return Err(Error::unsupported(message, "Say the column's last type alone."));
        }
        Ok(rewrite.row.clone())
    }

    /// Puts `new` in the place of the table `old`. `values` gives each stored column's value, as SQLite source over `old`.
    pub(in crate::ddl) fn rebuild(
        &mut self,
        old: &Relation,
        new: &Relation,
        values: impl Fn(&Column) -> Option<String>,
    ) -> Result<()> {
        if let Some(rewrite) = self.rewrite.as_mut().filter(|rewrite| rewrite.row.name == old.name) {
            rewrite.is_due = true;
            let others = new.columns.iter().filter_map(|column| Some((column.name.clone(), values(column)?)));
            rewrite.values.extend(others.filter(|(name, value)| *value != ident(name)));
            return Ok(());
        }
        self.actions.push(Action::Rebuild(physical::rebuild(&self.catalog, old, new, values)?));
        Ok(())
    }

    /// Whether a table is about to be rebuilt from the rows as they were.
    pub(in crate::ddl) fn is_rewritten(&self, table: &Name) -> bool {
        self.rewrite.as_ref().is_some_and(|rewrite| rewrite.row.name == *table)
    }
}
