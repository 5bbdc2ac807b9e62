//! ON CONFLICT.

use std::collections::BTreeSet;

use basalt_core::{Error, Result};
use basalt_types::Type;
use sqlparser::ast;

use super::target::{Target, column_list};
use super::values::{self, assignments};
use super::{before, demanding, rows, sources, update};
use crate::catalog::{ConstraintKind, PolicyCommand, Privilege, Relation};
use crate::compile::policy::{self, Part};
use crate::compile::scope::{Clause, Scope, Source};
use crate::compile::suggest::missing_column;
use crate::compile::typed::Typed;
use crate::compile::types::fold;
use crate::compile::{Compiler, session};
use crate::program::Command;
use crate::quote;

/// A bound ON CONFLICT.
pub(super) struct Conflict {
    /// The table's columns whose uniqueness arbitrates; none for a bare DO NOTHING.
    pub key: Vec<usize>,
    /// The columns to set, and WHERE, of DO UPDATE.
    update: Option<DoUpdate>,
    /// The columns that the statement assigns to.
    named: Vec<usize>,
}

struct DoUpdate {
    assigned: Vec<(usize, Typed)>,
    condition: Option<Typed>,
}

impl Conflict {
    /// Binds the clause; `table` is the existing row. Privileges and names are settled here, policies in [`Self::sql`].
    ///
    /// Errors: 0A000 for an exclusion constraint; 42P10 without a matching unique constraint, 42704 for an unknown one, 42601 for DO UPDATE of nothing in particular.
    pub fn bind(
        compiler: &mut Compiler<'_>,
        target: &Target,
        table: &Source,
        outer: Option<&Scope<'_>>,
        clause: &ast::OnConflict,
    ) -> Result<Conflict> {
        let key = match &clause.conflict_target {
            Some(on) => {
                let updates = matches!(clause.action, ast::OnConflictAction::DoUpdate(_));
                arbiter(target, on, &|name| missing(table, updates, name))?
            }
            None if target.table.constraints.iter().any(|c| matches!(c.kind, ConstraintKind::Exclude(_))) => {
                return Err(not_ignored());
            }
            None => Vec::new(),
        };
        let arbiters: Vec<usize> =
            (0..target.columns.len()).filter(|&i| target.columns[i].is_some_and(|base| key.contains(&base))).collect();
        if !arbiters.is_empty() {
            target.require(compiler, &arbiters, Privilege::Select)?;
        }
        let update = match &clause.action {
            ast::OnConflictAction::DoNothing => None,
            ast::OnConflictAction::DoUpdate(_) if key.is_empty() => {
                let message = "ON CONFLICT DO UPDATE requires inference specification or constraint name";
                return Err(Error::new("42601", message).with_hint("For example, ON CONFLICT (column_name)."));
            }
            ast::OnConflictAction::DoUpdate(update) => Some(DoUpdate::bind(compiler, target, table, outer, update)?),
        };
        let named = update.iter().flat_map(|update| &update.assigned).map(|(index, _)| *index).collect();
        Ok(Conflict { key, update, named })
    }

    /// Whether it may change rows that are there.
    pub fn updates(&self) -> bool {
        self.update.is_some()
    }

    /// The columns that DO UPDATE assigns to.
    pub fn assigned(&self, target: &Target) -> Vec<String> {
        self.named.iter().map(|index| target.table_column(*index).name.clone()).collect()
    }

    /// Ends a step that computes the rows as DO UPDATE would leave them: the slot that keeps them, as BEFORE UPDATE triggers leave them.
    pub fn propose(
        &self,
        compiler: &mut Compiler<'_>,
        target: &Target,
        table: &Source,
        proposed: &str,
    ) -> Result<usize> {
        let (assigned, condition) = match &self.update {
            Some(update) => (update.assigned.as_slice(), update.condition.as_ref()),
            None => (&[][..], None),
        };
        let new = |index: usize| match assigned.iter().find(|(i, _)| *i == index) {
            Some((_, value)) => value.sql.clone(),
            None => table.columns[index].sql.clone(),
        };
        let number = format!("{}.{}", target.sqlite, target.rowid()?);
        let list = before::update_list(target, &number, new, |index| table.columns[index].sql.clone());
        let condition = condition.map(|condition| format!(" WHERE {}", condition.sql)).unwrap_or_default();
        let joined = self.joined(target, proposed);
        // A row is found by its number.
        let sql = format!("SELECT {} FROM {joined}{condition} ORDER BY 1", list.join(", "));
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
        let condition = Typed::new(format!("{} IS NOT NULL", cell(0)), Type::BOOL);
        self.update = Some(DoUpdate { assigned: assigned.collect(), condition: Some(condition) });
        Ok(self)
    }

    /// The proposed rows as `excluded`, beside those that are there.
    fn joined(&self, target: &Target, proposed: &str) -> String {
        let equal = |&index: &usize| {
            let column = quote::ident(&target.table_column(index).name);
            format!("{}.{column} = excluded.{column}", target.sqlite)
        };
        let key: Vec<String> = self.key.iter().map(equal).collect();
        format!("({proposed}) AS excluded JOIN {} ON {}", target.sqlite, key.join(" AND "))
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
        let (key, same_key) = self.sqlite_key(target);
        let key = column_list(key.iter().map(|&index| target.table_column(index)));
        let on = if key.is_empty() { " ON CONFLICT".to_owned() } else { format!(" ON CONFLICT ({key})") };
        let Some(update) = &self.update else {
            return Ok(match same_key {
                None => format!("{on} DO NOTHING"),
                // Passes over the row after looking at it.
                Some(same) => format!("{on} DO UPDATE SET {key} = excluded.{key} WHERE iif({same}, 0, 0)"),
            });
        };
        let mut demands: Vec<String> = notes_update.then(session::note_update).into_iter().collect();
        demands.extend(update.demands(compiler, target, table, reads)?);
        let mut list = Vec::new();
        for (at, (index, value)) in update.assigned.iter().enumerate() {
            let value = values::stored(&target.table, *index, value);
            let value = if at == 0 { demanding(&demands, &value) } else { value };
            list.push(format!("{} = {value}", quote::ident(&target.table_column(*index).name)));
        }
        let condition = update.condition.as_ref().map(|c| c.sql.clone());
        let condition = match (same_key, condition) {
            (Some(same), condition) => {
                format!(" WHERE {}", demanding(&[same], condition.as_deref().unwrap_or("1")))
            }
            (None, Some(condition)) => format!(" WHERE {condition}"),
            (None, None) => String::new(),
        };
        Ok(format!("{on} DO UPDATE SET {}{condition}", list.join(", ")))
    }

    /// The key as SQLite's clause names it. SQLite finds no index by a key that holds the row number beside other columns, but
    /// rows that are the same in it are the same in the row number: then that, and the demand that the rest is the same too.
    fn sqlite_key(&self, target: &Target) -> (Vec<usize>, Option<String>) {
        let number =
            values::rowid_column(&target.table).filter(|number| self.key.len() > 1 && self.key.contains(number));
        let Some(number) = number else { return (self.key.clone(), None) };
        let names = |index: usize| {
            let name = &target.table_column(index).name;
            let sql = quote::ident(name);
            (name, format!("{}.{sql}", target.sqlite), format!("excluded.{sql}"))
        };
        let rest = self.key.iter().filter(|&&index| index != number).map(|&index| {
            let (_, old, new) = names(index);
            format!("{old} = {new}")
        });
        let rest: Vec<String> = rest.collect();
        let (name, _, number_given) = names(number);
        let constraint = target.table.constraints.iter().find(|constraint| {
            matches!(&constraint.kind, ConstraintKind::PrimaryKey(columns) if columns.len() == 1 && columns[0] == *name)
        });
        let constraint = constraint.map(|constraint| constraint.name.as_str()).unwrap_or_default();
        let message = quote::literal(&format!("duplicate key value violates unique constraint \"{constraint}\""));
        let detail = format!("{} || {number_given} || ') already exists.'", quote::literal(&format!("Key ({name})=(")));
        let constraint = quote::literal(constraint);
        let same = format!("pg_require({}, '23505', {message}, NULL, {constraint}, {detail})", rest.join(" AND "));
        (vec![number], Some(same))
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
        let condition = match &update.selection {
            Some(selection) => Some(compiler.bind_condition(&scope, selection, "WHERE")?),
            None => None,
        };
        Ok(DoUpdate { assigned, condition })
    }

    /// What policies ask of the row that is there and of what becomes of it.
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
            let mut demands = policy::demands(compiler, table, PolicyCommand::Update, Part::Conflict)?;
            let there = (PolicyCommand::Update, Part::Conflict);
            if reads && !policy::implies(compiler, table, there, (PolicyCommand::Select, Part::Conflict)) {
                demands.extend(policy::demands(compiler, table, PolicyCommand::Select, Part::Conflict)?);
            }
            demands.extend(policy::demands(compiler, &row, PolicyCommand::Update, Part::Check)?);
            let new = (PolicyCommand::Update, Part::Check);
            if reads && !policy::implies(compiler, &row, new, (PolicyCommand::Select, Part::Using)) {
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

/// The table's columns whose uniqueness a conflict target names.
fn arbiter(target: &Target, on: &ast::ConflictTarget, unknown: &dyn Fn(&str) -> Error) -> Result<Vec<usize>> {
    let table = &target.table;
    let index_of = |name: &String| table.columns.iter().position(|column| column.name == *name);
    match on {
        ast::ConflictTarget::OnConstraint(name) => {
            let name = name.0.last().and_then(|part| part.as_ident()).map(fold).unwrap_or_default();
            let found = table.constraints.iter().find(|constraint| constraint.name == name);
            let missing = || {
                let table = &table.name.name;
                Error::new("42704", format!("constraint \"{name}\" for table \"{table}\" does not exist"))
            };
            match found.map(|constraint| &constraint.kind) {
                None => Err(missing()),
                Some(ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns)) => {
                    Ok(columns.iter().filter_map(index_of).collect())
                }
                Some(ConstraintKind::Exclude(_)) => Err(not_ignored()),
                Some(_) => Err(Error::new("42809", "constraint in ON CONFLICT clause has no associated index")),
            }
        }
        ast::ConflictTarget::Columns(idents) => {
            let mut key = Vec::new();
            for ident in idents {
                let name = fold(ident);
                let named = target.named.columns.iter().position(|column| column.name == name);
                let index = named.and_then(|i| target.columns[i]);
                let index = index.ok_or_else(|| unknown(&name))?;
                // Named twice is named once.
                if !key.contains(&index) {
                    key.push(index);
                }
            }
            let wanted: BTreeSet<&str> = key.iter().map(|&i| table.columns[i].name.as_str()).collect();
            if unique_sets(table).any(|columns| columns.iter().map(String::as_str).collect::<BTreeSet<_>>() == wanted) {
                return Ok(key);
            }
            let message = "there is no unique or exclusion constraint matching the ON CONFLICT specification";
            Err(Error::new("42P10", message))
        }
    }
}

/// 42703, with the columns of the row that is there, and of the proposed one, that may have been meant.
fn missing(table: &Source, updates: bool, name: &str) -> Error {
    let mut scope = Scope::new(None);
    scope.sources.push(table.clone());
    if updates {
        scope.sources.push(Source { alias: "excluded".to_owned(), ..table.clone() });
    }
    missing_column(&scope, None, name)
}

/// 0A000: what a trigger refuses SQLite can't pass over.
fn not_ignored() -> Error {
    Error::unsupported(
        "ON CONFLICT can't pass over rows that an exclusion constraint refuses, on the embedded engine",
        "Name the columns of a unique constraint after ON CONFLICT, or leave out rows that conflict by a condition.",
    )
}

/// Column sets that are unique over the whole table.
fn unique_sets(table: &Relation) -> impl Iterator<Item = &[String]> {
    let indexes = table.indexes.iter().filter(|index| index.unique && index.predicate.is_none());
    table.unique_keys().chain(indexes.filter_map(|index| index.columns.as_deref()))
}
