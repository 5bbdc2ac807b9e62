//! UPDATE whose rows are found and computed first (`WITH ... AS MATERIALIZED`, or a step of their own) and then written, so that every value is
//! computed once, from the rows as they were before.

use basalt_core::Result;
use sqlparser::ast;

use super::returning::{self, Returning};
use super::target::Target;
use super::update::{Found, Statement, and, bind_others, bind_set, comma, demands, probe, unchanged};
use super::{Wanted, before, demanding, rows, values};
use crate::catalog::PolicyCommand;
use crate::compile::Compiler;
use crate::compile::from::FromClause;
use crate::compile::scope::{CteColumn, Scope, Source};
use crate::compile::typed::{Form, Typed};
use crate::program::{Command, Output, Probe};
use crate::quote;

impl Statement<'_> {
    /// Finds the rows and computes their new values first.
    pub fn computed(self, compiler: &mut Compiler<'_>) -> Result<Vec<CteColumn>> {
        let target = &self.target;
        let inner = compiler.alias(&target.table.name.name);
        let found = Found::new(compiler, target, &inner, PolicyCommand::Update, self.reads)?;
        let mut scope = Scope::new(self.wanted.outer);
        scope.sources.push(found.named.clone());
        let mut from = match &self.update.from {
            Some(ast::UpdateTableFromKind::AfterSet(tables) | ast::UpdateTableFromKind::BeforeSet(tables)) => {
                bind_others(compiler, &mut scope, tables)?
            }
            None => FromClause::default(),
        };
        from.filters.extend(found.filters);
        let assigned = bind_set(compiler, target, &scope, self.assigned.clone())?;
        let others = others_read(compiler, &scope, self.returning.as_ref(), self.wanted, &found.named)?;
        let condition = compiler.bind_where(&scope, &mut from, self.update.selection.as_ref())?;
        let is_changed = before::is_asked(&target.table, Command::Update);
        // Among others, such a trigger has its turn.
        let unchanged = if is_changed { None } else { unchanged(target, &found.table, &assigned) };
        let condition = and(condition, unchanged);

        let number = format!("{inner}.{}", target.rowid()?);
        let mut list = if is_changed {
            let new = |index: usize| match assigned.iter().find(|(i, _)| *i == index) {
                Some((_, value)) => value.sql.clone(),
                None => found.table.columns[index].sql.clone(),
            };
            before::update_list(target, &number, new, |index| found.table.columns[index].sql.clone())
        } else {
            let values = assigned.iter().map(|(_, value)| value.sql.as_str());
            let list = std::iter::once(number.as_str()).chain(values).enumerate();
            list.map(|(at, value)| format!("{value} AS c{at}")).collect()
        };
        let assigned = written(compiler, target, assigned, is_changed);
        let first_other = list.len();
        if others {
            let columns = scope.sources[1..].iter().flat_map(|source| &source.columns);
            list.extend(columns.enumerate().map(|(at, column)| format!("{} AS c{}", column.sql, first_other + at)));
        }
        let tables = comma(&from.sql(), &format!("{} AS {inner}", target.sqlite));
        // A row that meets several of the other tables is updated once.
        let once = if self.update.from.is_some() { " GROUP BY 1" } else { "" };
        let rows = format!("SELECT {} FROM {tables}{condition}{once}", list.join(", "));

        let captured = is_changed || others || self.returning.as_ref().is_some_and(Returning::needs_a_step);
        let (with, new) = if captured {
            let named = self.assigned.iter().filter_map(|(index, _)| target.columns[*index]);
            let slot = match is_changed {
                true => before::end_step(compiler, target, Command::Update, rows, named),
                false => {
                    let slot = compiler.slot();
                    compiler.end_step(rows, Output::Capture(slot), None);
                    compiler.alias(&target.table.name.physical());
                    slot
                }
            };
            let alias = compiler.alias("new");
            (String::new(), Computed { alias: alias.clone(), from: format!("pg_rows({slot}) AS {alias}") })
        } else {
            let alias = compiler.alias("new");
            (format!("WITH {alias} AS MATERIALIZED ({rows}) "), Computed { alias: alias.clone(), from: alias })
        };
        let (sql, probe) = self.write_computed(compiler, &assigned, &with, &new)?;
        let Statement { target, returning, wanted, .. } = self;
        let table = target.table_source(compiler, &target.sqlite);
        match returning {
            Some(returning) if others => {
                let written = returning::capture_keyed(compiler, &target, sql, probe)?;
                let old = new.from.trim_end_matches(&format!(" AS {}", new.alias)).to_owned();
                let alias = compiler.alias(&target.alias);
                let others_alias = compiler.alias("others");
                let written_table = returning::captured_table(compiler, &target, &alias, 1);
                let mut sources = vec![target.named_source(compiler, &written_table)?];
                let mut column = first_other;
                for source in &scope.sources[1..] {
                    let mut source = source.clone();
                    for slot in &mut source.columns {
                        slot.sql = format!("{others_alias}.c{column}");
                        slot.collated = false;
                        column += 1;
                    }
                    source.guard = None;
                    source.row_number = None;
                    sources.push(source);
                }
                let mut over = Scope::new(wanted.outer);
                over.sources = sources;
                let tables = format!(
                    "pg_rows({written}) AS {alias} JOIN {old} AS {others_alias} ON {others_alias}.c0 = {alias}.c0"
                );
                returning::select_step(compiler, &returning, &over, &tables, wanted)
            }
            returning => {
                let named = target.named_source(compiler, &table)?;
                returning::end_write(compiler, &target, named, sql, probe, returning.as_ref(), wanted)
            }
        }
    }

    /// The UPDATE that writes computed rows, and its probe.
    fn write_computed(
        &self,
        compiler: &mut Compiler<'_>,
        assigned: &[Written],
        with: &str,
        new: &Computed,
    ) -> Result<(String, Probe)> {
        let target = &self.target;
        let sqlite = &target.sqlite;
        let table = target.table_source(compiler, sqlite);
        let value = |index: usize| match assigned.iter().find(|written| written.index == index) {
            Some(Written { cell, value, .. }) => {
                let sql = format!("{}.c{cell}", new.alias);
                Some(Typed { sql, collated: false, form: Form::Other, ..value.clone() })
            }
            None => Some(table.value(index)),
        };
        let row = rows::new_row(compiler, &target.table, value)?;
        let demands = demands(compiler, target, &row, self.reads)?;
        let mut list = Vec::new();
        for (at, Written { index, cell, value }) in assigned.iter().enumerate() {
            let sql = format!("{}.c{cell}", new.alias);
            let value = values::stored(&target.table, *index, &Typed { sql, ..value.clone() });
            let value = if at == 0 { demanding(&demands, &value) } else { value };
            list.push(format!("{} = {value}", quote::ident(&target.table_column(*index).name)));
        }
        let matched = format!("{sqlite}.{} = {}.c0", target.rowid()?, new.alias);
        let sql = format!("{with}UPDATE {sqlite} SET {} FROM {} WHERE {matched}", list.join(", "), new.from);
        let from = format!("FROM {} JOIN {sqlite} ON {matched}", new.from);
        let probe = probe(compiler, target, &row, &table, &from, with);
        Ok((sql, probe))
    }
}

/// A column that computed rows change.
struct Written {
    /// Its index in the table.
    index: usize,
    /// The cell of the computed row that has its value.
    cell: usize,
    value: Typed,
}

/// What computed rows change: what is assigned to, and what triggers may assign to, in the order in which SQLite computes it.
fn written(compiler: &Compiler<'_>, target: &Target, assigned: Vec<(usize, Typed)>, is_changed: bool) -> Vec<Written> {
    let key = values::rowid_column(&target.table);
    let mut written: Vec<Written> = Vec::new();
    for (at, (index, value)) in assigned.into_iter().enumerate() {
        match is_changed {
            true => written.push(Written { index, cell: index + 1, value: before::cell(target, index, value.sql) }),
            false => written.push(Written { index, cell: at + 1, value }),
        }
    }
    if is_changed {
        for index in before::assigned_by_triggers(compiler.catalog, &target.table) {
            if !written.iter().any(|one| one.index == index) {
                written.push(Written { index, cell: index + 1, value: before::cell(target, index, String::new()) });
            }
        }
    }
    written.sort_by_key(|one| (Some(one.index) != key, one.index));
    written
}

/// Computed rows in SQLite: how they are called, and the entry of FROM.
struct Computed {
    alias: String,
    from: String,
}

/// Whether RETURNING reads other entries of the scope than the target.
fn others_read(
    compiler: &mut Compiler<'_>,
    scope: &Scope<'_>,
    returning: Option<&Returning>,
    wanted: Wanted<'_>,
    target: &Source,
) -> Result<bool> {
    let Some(returning) = returning.filter(|_| scope.sources.len() > 1) else { return Ok(false) };
    let bound = returning.bind(compiler, scope, wanted)?;
    Ok(bound.iter().any(|(_, value)| value.sources.iter().any(|id| *id != target.id)))
}
