//! ON CONFLICT.

use std::collections::BTreeSet;

use basalt_core::{Error, Result};
use basalt_types::Type;
use sqlparser::ast;

use super::target::{Target, column_list};
use super::values::{self, assignments};
use super::{before, demanding, rows, sources, update};
use crate::catalog::{ConstraintKind, PolicyCommand, Privilege, Relation};
use crate::compile::arbiter;
use crate::compile::parse::parse_expr;
use crate::compile::policy::{self, Part};
use crate::compile::scope::{Clause, Scope, Source};
use crate::compile::suggest::missing_column;
use crate::compile::typed::{CastContext, Typed};
use crate::compile::types::fold;
use crate::compile::{Compiler, condition, session};
use crate::program::{Command, NOTE_UPDATE};
use crate::{definition_path, quote};

/// A bound ON CONFLICT.
pub(super) struct Conflict {
    /// The table's columns whose uniqueness arbitrates; none for a bare DO NOTHING.
    pub key: Vec<usize>,
    /// What a row has to be for its key to be unique, where a partial index arbitrates.
    partial: Option<Partial>,
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

/// The predicate of a partial index, as SQLite source.
struct Partial {
    /// As the index's definition has it.
    definition: String,
    /// Over the row that is there.
    there: String,
    /// Over the proposed row.
    proposed: String,
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
        let (key, partial) = match &clause.conflict_target {
            Some(ast::ConflictTarget::OnConstraint(name)) => (constraint_key(target, name)?, None),
            Some(ast::ConflictTarget::Columns(columns)) => {
                let updates = matches!(clause.action, ast::OnConflictAction::DoUpdate(_));
                let (columns, predicate) = arbiter::predicate(columns)?;
                let key = listed_key(target, columns, &|name| missing(table, updates, name))?;
                let partial = Partial::of(compiler, target, table, &key, predicate.as_ref())?;
                (key, partial)
            }
            None if target.table.constraints.iter().any(|c| matches!(c.kind, ConstraintKind::Exclude(_))) => {
                return Err(not_ignored());
            }
            None => (Vec::new(), None),
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
        Ok(Conflict { key, partial, update, named })
    }

    /// Whether it may change rows that are there.
    pub fn updates(&self) -> bool {
        self.update.is_some()
    }

    /// The condition by which DO UPDATE leaves rows alone, if it gives the same each time.
    pub fn spares(&self) -> Option<&Typed> {
        self.update.as_ref()?.condition.as_ref().filter(|condition| !condition.volatile)
    }

    /// Whether more than the proposed rows' keys says which of them affect the same row.
    pub fn looks_at_rows(&self) -> bool {
        self.partial.is_some() || self.spares().is_some()
    }

    /// What a proposed row has to be to conflict with another, its key aside.
    pub fn arbitrates_proposed(&self) -> Option<&str> {
        self.partial.as_ref().map(|partial| partial.proposed.as_str())
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
        mut demands: Vec<String>,
    ) -> Result<usize> {
        let (assigned, condition) = match &self.update {
            Some(update) => (update.assigned.as_slice(), update.condition.as_ref()),
            None => (&[][..], None),
        };
        demands.extend(demands_of_existing(compiler, target, table, true)?);
        let new = |index: usize| match assigned.iter().find(|(i, _)| *i == index) {
            Some((_, value)) => value.sql.clone(),
            None => table.columns[index].sql.clone(),
        };
        let number = format!("{}.{}", target.sqlite, target.rowid()?);
        let number = demanding(&demands, &number);
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

    /// What holds of a proposed row, `excluded`, and the one that it conflicts with.
    pub fn meets(&self, target: &Target) -> String {
        let equal = |&index: &usize| {
            let column = quote::ident(&target.table_column(index).name);
            format!("{}.{column} = excluded.{column}", target.sqlite)
        };
        let mut all: Vec<String> = self.key.iter().map(equal).collect();
        all.extend(self.partial.iter().flat_map(|partial| [partial.there.clone(), partial.proposed.clone()]));
        all.join(" AND ")
    }

    /// The proposed rows as `excluded`, beside those that are there.
    fn joined(&self, target: &Target, proposed: &str) -> String {
        format!("({proposed}) AS excluded JOIN {} ON {}", target.sqlite, self.meets(target))
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
        let (key, same_key) = self.sqlite_key(compiler, target)?;
        let key = column_list(key.iter().map(|&index| target.table_column(index)));
        let on = match (key.is_empty(), &self.partial) {
            (true, _) => " ON CONFLICT".to_owned(),
            (false, Some(partial)) if same_key.is_none() => {
                format!(" ON CONFLICT ({key}) WHERE {}", partial.definition)
            }
            (false, _) => format!(" ON CONFLICT ({key})"),
        };
        let Some(update) = &self.update else {
            return Ok(match same_key {
                None => format!("{on} DO NOTHING"),
                // Passes over the row after looking at it.
                Some(same) => format!("{on} DO UPDATE SET {key} = excluded.{key} WHERE iif({same}, 0, 0)"),
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
        let condition = match (same_key, conditions.join(" AND ")) {
            (Some(same), condition) if condition.is_empty() => format!(" WHERE {}", demanding(&[same], "1")),
            (Some(same), condition) => format!(" WHERE {}", demanding(&[same], &condition)),
            (None, condition) if condition.is_empty() => condition,
            (None, condition) => format!(" WHERE {condition}"),
        };
        Ok(format!("{on} DO UPDATE SET {}{condition}", list.join(", ")))
    }

    /// The key as SQLite's clause names it. SQLite finds no index by a key that holds the row number beside other columns, but
    /// rows that are the same in it are the same in the row number: then that, and the demand that the rest is the same too.
    fn sqlite_key(&self, compiler: &mut Compiler<'_>, target: &Target) -> Result<(Vec<usize>, Option<String>)> {
        let number =
            values::rowid_column(&target.table).filter(|number| self.key.len() > 1 && self.key.contains(number));
        let Some(number) = number else { return Ok((self.key.clone(), None)) };
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
        let number_given = Typed::new(number_given, target.table_column(number).ty.clone());
        let number_given = compiler.coerce(number_given, &Type::TEXT, None, CastContext::Explicit)?.sql;
        let constraint = target.table.constraints.iter().find(|constraint| {
            matches!(&constraint.kind, ConstraintKind::PrimaryKey(columns) if columns.len() == 1 && columns[0] == *name)
        });
        let constraint = constraint.map(|constraint| constraint.name.as_str()).unwrap_or_default();
        let message = quote::literal(&format!("duplicate key value violates unique constraint \"{constraint}\""));
        let detail = format!("{} || {number_given} || ') already exists.'", quote::literal(&format!("Key ({name})=(")));
        let constraint = quote::literal(constraint);
        let same = format!("pg_require({}, '23505', {message}, NULL, {constraint}, {detail})", rest.join(" AND "));
        Ok((vec![number], Some(same)))
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
        if reads && !policy::implies(compiler, table, there, (PolicyCommand::Select, Part::Conflict)) {
            demands.extend(policy::demands(compiler, table, PolicyCommand::Select, Part::Conflict)?);
        }
        Ok(sources(demands).collect())
    })
}

/// The table's columns of a unique constraint.
fn constraint_key(target: &Target, name: &ast::ObjectName) -> Result<Vec<usize>> {
    let table = &target.table;
    let index_of = |name: &String| table.columns.iter().position(|column| column.name == *name);
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

/// The table's columns that a conflict target lists, each once.
fn listed_key(target: &Target, idents: &[ast::Ident], unknown: &dyn Fn(&str) -> Error) -> Result<Vec<usize>> {
    let mut key = Vec::new();
    for ident in idents {
        let name = fold(ident);
        let named = target.named.columns.iter().position(|column| column.name == name);
        let index = named.and_then(|i| target.columns[i]);
        let index = index.ok_or_else(|| unknown(&name))?;
        if !key.contains(&index) {
            key.push(index);
        }
    }
    Ok(key)
}

impl Partial {
    /// The partial index that arbitrates over `key`, if no unique index over the whole table does. `given` is the conflict target's
    /// predicate.
    ///
    /// Errors: 42P10 without a matching index; those of the predicate.
    fn of(
        compiler: &mut Compiler<'_>,
        target: &Target,
        table: &Source,
        key: &[usize],
        given: Option<&ast::Expr>,
    ) -> Result<Option<Partial>> {
        let given = match given {
            Some(given) => {
                let mut scope = Scope::new(None);
                scope.sources.push(target.named_source(compiler, table)?);
                // What is no condition matches no index.
                conjuncts(compiler, &scope, given)
                    .map_err(|error| if error.code() == "42804" { unmatched() } else { error })?
            }
            None => Vec::new(),
        };
        let relation = &target.table;
        let wanted: BTreeSet<&str> = key.iter().map(|&index| relation.columns[index].name.as_str()).collect();
        let is_wanted = |columns: &[String]| columns.iter().map(String::as_str).collect::<BTreeSet<_>>() == wanted;
        if unique_sets(relation).any(is_wanted) {
            return Ok(None);
        }
        let mut excluded = compiler.table_source(relation, "excluded", "excluded");
        excluded.columns.iter_mut().for_each(|column| column.collated = false);
        for index in relation.indexes.iter().filter(|index| index.unique) {
            let Some(predicate) = &index.predicate else { continue };
            if !index.columns.as_deref().is_some_and(is_wanted) {
                continue;
            }
            let predicate = parse_expr(predicate)?;
            let mut over = |source: &Source| {
                let mut scope = Scope::new(None);
                scope.sources.push(Source {
                    alias: relation.name.name.clone(),
                    check_privileges: false,
                    ..source.clone()
                });
                let path = definition_path(&relation.name.schema);
                compiler.inside(path, |compiler| conjuncts(compiler, &scope, &predicate))
            };
            let (there, proposed) = (over(table)?, over(&excluded)?);
            if there.iter().all(|one| given.contains(one)) {
                let definition = condition(compiler.catalog, relation, &predicate, "WHERE")?.sql;
                let (there, proposed) = (there.join(" AND "), proposed.join(" AND "));
                return Ok(Some(Partial { definition, there, proposed }));
            }
        }
        Err(unmatched())
    }
}

fn unmatched() -> Error {
    Error::new("42P10", "there is no unique or exclusion constraint matching the ON CONFLICT specification")
}

/// The parts of an index's predicate that AND joins, as SQLite source.
fn conjuncts(compiler: &mut Compiler<'_>, scope: &Scope<'_>, predicate: &ast::Expr) -> Result<Vec<String>> {
    match predicate {
        ast::Expr::Nested(inner) => conjuncts(compiler, scope, inner),
        ast::Expr::BinaryOp { left, op: ast::BinaryOperator::And, right } => {
            let mut all = conjuncts(compiler, scope, left)?;
            all.extend(conjuncts(compiler, scope, right)?);
            Ok(all)
        }
        _ => {
            scope.clause.set(Clause::Rows("index predicates"));
            Ok(vec![compiler.bind_condition(scope, predicate, "WHERE")?.sql])
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
