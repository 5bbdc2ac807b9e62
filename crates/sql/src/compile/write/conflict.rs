//! ON CONFLICT.

use basalt_core::{Error, Result};
use sqlparser::ast;

use super::arbiter::{Arbiter, SameKey};
use super::target::Target;
use super::values::{self, assignments};
use super::{before, demanding, rows, sources, update};
use crate::catalog::PolicyCommand;
use crate::compile::parse::parse_expr;
use crate::compile::policy::{self, Part};
use crate::compile::scope::{Clause, Scope, Source};
use crate::compile::typed::Typed;
use crate::compile::{Compiler, session};
use crate::program::{Command, NOTE_UPDATE};
use crate::quote;

/// A bound ON CONFLICT.
pub(super) struct Conflict {
    /// What says which rows conflict.
    pub arbiter: Arbiter,
    /// The columns to set, and WHERE, of DO UPDATE.
    update: Option<DoUpdate>,
    /// The columns that the statement assigns to.
    named: Vec<usize>,
}

struct DoUpdate {
    assigned: Vec<(usize, Typed)>,
    condition: Option<Typed>,
    /// Whether it notes, for RETURNING, that its row is no new one.
    notes: bool,
    /// What holds of a row that a step has computed already, with the policies' demands of the row that was there.
    proposed: Option<String>,
}

impl Conflict {
    /// Binds the clause; `table` is the existing row. Privileges and names are settled here, policies in [`Self::sql`].
    ///
    /// Errors: [`Arbiter::bind`]'s; 42601 for DO UPDATE of nothing in particular.
    pub fn bind(
        compiler: &mut Compiler<'_>,
        target: &Target,
        table: &Source,
        outer: Option<&Scope<'_>>,
        clause: &ast::OnConflict,
    ) -> Result<Conflict> {
        let arbiter = Arbiter::bind(compiler, target, table, outer, clause)?;
        let update = match &clause.action {
            ast::OnConflictAction::DoNothing => None,
            ast::OnConflictAction::DoUpdate(_) if arbiter.key.is_empty() => {
                let message = "ON CONFLICT DO UPDATE requires inference specification or constraint name";
                return Err(Error::new("42601", message).with_hint("For example, ON CONFLICT (column_name)."));
            }
            ast::OnConflictAction::DoUpdate(update) => Some(DoUpdate::bind(compiler, target, table, outer, update)?),
        };
        let named = update.iter().flat_map(|update| &update.assigned).map(|(index, _)| *index).collect();
        Ok(Conflict { arbiter, update, named })
    }

    /// Whether it may change rows that are there.
    pub fn updates(&self) -> bool {
        self.update.is_some()
    }

    /// The condition by which DO UPDATE leaves rows alone, if it gives the same each time.
    pub fn spares(&self) -> Option<&Typed> {
        self.update.as_ref()?.condition.as_ref().filter(|condition| !condition.volatile)
    }

    /// The columns that DO UPDATE assigns to.
    pub fn assigned(&self, target: &Target) -> Vec<String> {
        self.named.iter().map(|index| target.table_column(*index).name.clone()).collect()
    }

    /// Ends a step that computes the rows as DO UPDATE would leave them: the slot that keeps them, as BEFORE UPDATE triggers leave them.
    /// These see no row that does not meet `demands` and what policies ask of the row that is there.
    pub fn propose(
        &self,
        compiler: &mut Compiler<'_>,
        target: &Target,
        table: &Source,
        proposed: &str,
        demands: Vec<String>,
    ) -> Result<usize> {
        let (assigned, condition) = match &self.update {
            Some(update) => (update.assigned.as_slice(), update.condition.as_ref()),
            None => (&[][..], None),
        };
        // Each is asked only where those before it hold, and all before a value is computed.
        let mut asked = vec![self.arbiter.meets(target)];
        asked.extend(condition.map(|condition| condition.sql.clone()));
        asked.extend(demands);
        asked.extend(demands_of_existing(compiler, target, table, true)?);
        let new = |index: usize| match assigned.iter().find(|(i, _)| *i == index) {
            Some((_, value)) => value.sql.clone(),
            None => table.columns[index].sql.clone(),
        };
        let number = format!("{}.{}", target.sqlite, target.rowid()?);
        let list = before::update_list(target, &number, new, |index| table.columns[index].sql.clone());
        let (joined, condition) = (self.joined(target, proposed), demanding(&asked, "1"));
        // A row is found by its number.
        let sql = format!("SELECT {} FROM {joined} WHERE {condition} ORDER BY 1", list.join(", "));
        Ok(before::end_step(compiler, target, Command::Update, sql, self.named.iter().copied()))
    }

    /// The clause that writes what [`Self::propose`] kept.
    pub fn writing_proposed(mut self, compiler: &mut Compiler<'_>, target: &Target, slot: usize) -> Result<Conflict> {
        let mut columns = before::assigned_by_triggers(compiler.catalog, &target.table);
        columns.extend(&self.named);
        let key = values::rowid_column(&target.table);
        columns.sort_by_key(|index| (Some(*index) != key, *index));
        columns.dedup();
        let number = format!("{}.{}", target.sqlite, target.rowid()?);
        let cell = |index: usize| format!("pg_cell({slot}, {number}, {index})");
        let assigned = columns.into_iter().map(|index| (index, before::cell(target, index, cell(index + 1))));
        let assigned = assigned.collect();
        self.update = self.update.map(|update| DoUpdate {
            assigned,
            // Of several rows with the key, it tells the one that is meant.
            condition: update.condition.filter(|condition| !condition.volatile),
            proposed: Some(format!("{} IS NOT NULL", cell(0))),
            ..update
        });
        Ok(self)
    }

    /// The proposed rows as `excluded`, beside those that are there.
    fn joined(&self, target: &Target, proposed: &str) -> String {
        format!("({proposed}) AS excluded JOIN {} ON {}", target.sqlite, self.arbiter.meets(target))
    }

    /// The rows as DO UPDATE would leave them, as a query over the proposed rows; none for DO NOTHING. For DETAIL.
    pub fn updated_rows(
        &self,
        compiler: &mut Compiler<'_>,
        target: &Target,
        table: &Source,
        proposed: &str,
    ) -> Result<Option<String>> {
        let Some(update) = &self.update else { return Ok(None) };
        let row = rows::new_row(compiler, &target.table, |index| {
            let assigned = update.assigned.iter().find(|(i, _)| *i == index);
            Some(assigned.map_or_else(|| table.value(index), |(_, value)| value.clone()))
        })?;
        let columns: Vec<&str> = row.columns.iter().map(|column| column.sql.as_str()).collect();
        Ok(Some(format!("SELECT {} FROM {}", columns.join(", "), self.joined(target, proposed))))
    }

    /// SQLite's clause, the policies' demands of an update included. `reads`: the statement reads columns of the target.
    /// `notes_update`: RETURNING asks whether its row is a new one.
    pub fn sql(
        &self,
        compiler: &mut Compiler<'_>,
        target: &Target,
        table: &Source,
        reads: bool,
        notes_update: bool,
    ) -> Result<String> {
        let (on, same_key) = self.arbiter.sql(compiler, target)?;
        let Some(update) = &self.update else {
            return Ok(match same_key {
                None => format!("{on} DO NOTHING"),
                // Passes over the row after looking at it.
                Some(SameKey { number, demand }) => {
                    format!("{on} DO UPDATE SET {number} = excluded.{number} WHERE iif({demand}, 0, 0)")
                }
            });
        };
        let notes_update = notes_update || update.notes;
        let mut demands: Vec<String> = notes_update.then(session::note_update).into_iter().collect();
        if update.proposed.is_none() {
            demands.extend(demands_of_existing(compiler, target, table, reads)?);
        }
        demands.extend(update.demands(compiler, target, table, reads)?);
        let mut list = Vec::new();
        for (at, (index, value)) in update.assigned.iter().enumerate() {
            let value = values::stored(&target.table, *index, value);
            let value = if at == 0 { demanding(&demands, &value) } else { value };
            list.push(format!("{} = {value}", quote::ident(&target.table_column(*index).name)));
        }
        let conditions: Vec<&str> =
            update.proposed.as_deref().into_iter().chain(update.condition.iter().map(|c| c.sql.as_str())).collect();
        let condition = match (same_key, conditions.as_slice()) {
            (Some(same), []) => format!(" WHERE {}", demanding(&[same.demand], "1")),
            (Some(same), all) => format!(" WHERE {}", demanding(&[same.demand], &all.join(" AND "))),
            (None, []) => String::new(),
            (None, all) => format!(" WHERE {}", all.join(" AND ")),
        };
        Ok(format!("{on} DO UPDATE SET {}{condition}", list.join(", ")))
    }
}

impl DoUpdate {
    fn bind(
        compiler: &mut Compiler<'_>,
        target: &Target,
        table: &Source,
        outer: Option<&Scope<'_>>,
        update: &ast::DoUpdate,
    ) -> Result<DoUpdate> {
        let mut excluded = compiler.table_source(&target.table, "excluded", "excluded");
        excluded.check_privileges = false;
        // SQLite knows the columns' collations, but not those of the row that was proposed.
        excluded.columns.iter_mut().for_each(|column| column.collated = false);
        let mut excluded = target.named_source(compiler, &excluded)?;
        "excluded".clone_into(&mut excluded.alias);
        excluded.schema = None;
        let mut scope = Scope::new(outer);
        scope.sources.push(target.named_source(compiler, table)?);
        scope.sources.push(excluded);
        scope.clause.set(Clause::Rows("UPDATE"));
        let assigned =
            update::bind_assignments(compiler, target, &scope, assignments(compiler, target, &update.assignments)?)?;
        let note = parse_expr(NOTE_UPDATE)?;
        let notes = update.selection.as_ref() == Some(&note);
        let condition = match &update.selection {
            Some(selection) if !notes => Some(compiler.bind_condition(&scope, selection, "WHERE")?),
            _ => None,
        };
        Ok(DoUpdate { assigned, condition, notes, proposed: None })
    }

    /// What policies ask of what becomes of the row.
    fn demands(
        &self,
        compiler: &mut Compiler<'_>,
        target: &Target,
        table: &Source,
        reads: bool,
    ) -> Result<Vec<String>> {
        if !compiler.catalog.policies_apply(&target.role, &target.table) {
            return Ok(Vec::new());
        }
        // A value that differs at each call can't be looked at before it is stored.
        let row = rows::new_row(compiler, &target.table, |index| {
            let assigned = self.assigned.iter().find(|(i, _)| *i == index);
            let value = assigned.map_or_else(|| table.value(index), |(_, value)| value.clone());
            Some(if value.volatile { Typed { sql: VOLATILE.to_owned(), ..value } } else { value })
        })?;
        compiler.as_role(&target.role, |compiler| {
            let mut demands = policy::demands(compiler, &row, PolicyCommand::Update, Part::Check)?;
            let new = (PolicyCommand::Update, Part::Check);
            if reads && !policy::implies(compiler, &row, new, (PolicyCommand::Select, Part::Using))? {
                demands.extend(policy::demands(compiler, &row, PolicyCommand::Select, Part::Using)?);
            }
            if demands.iter().any(|demand| demand.sql.contains(VOLATILE)) {
                return Err(Error::unsupported(
                    "ON CONFLICT DO UPDATE can't set a volatile value that a row policy looks at",
                    "Set a parameter or a constant.",
                ));
            }
            Ok(sources(demands).collect())
        })
    }
}

const VOLATILE: &str = "\"volatile value\"";

/// What policies ask of the row that is there.
fn demands_of_existing(
    compiler: &mut Compiler<'_>,
    target: &Target,
    table: &Source,
    reads: bool,
) -> Result<Vec<String>> {
    compiler.as_role(&target.role, |compiler| {
        let mut demands = policy::demands(compiler, table, PolicyCommand::Update, Part::Conflict)?;
        let there = (PolicyCommand::Update, Part::Conflict);
        if reads && !policy::implies(compiler, table, there, (PolicyCommand::Select, Part::Conflict))? {
            demands.extend(policy::demands(compiler, table, PolicyCommand::Select, Part::Conflict)?);
        }
        Ok(sources(demands).collect())
    })
}
