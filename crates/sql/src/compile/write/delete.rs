//! DELETE.

use basalt_core::Result;
use sqlparser::ast;

use super::returning::{self, Returning};
use super::target::Target;
use super::update::{Found, and, bind_others, comma, written_table};
use super::{Wanted, before};
use crate::catalog::PolicyCommand;
use crate::compile::from::FromClause;
use crate::compile::scope::{Clause, CteColumn, Scope, Source};
use crate::compile::{Compiler, steps};
use crate::program::{Command, Output, Probe};

/// Makes the steps of a DELETE.
pub(super) fn delete(compiler: &mut Compiler<'_>, delete: &ast::Delete, wanted: Wanted<'_>) -> Result<Vec<CteColumn>> {
    let (ast::FromTable::WithFromKeyword(from) | ast::FromTable::WithoutKeyword(from)) = &delete.from;
    let [table] = from.as_slice() else {
        return Err(basalt_core::Error::new("42601", "DELETE names one table"));
    };
    let target = written_table(compiler, table, Command::Delete, &[])?;
    target.require_delete(compiler)?;
    compiler.writes_to(&target.table, Vec::new());
    let returning = Returning::new(delete.returning.as_deref(), false)?;
    let reads = delete.selection.as_ref().is_some_and(|selection| target.is_read_in(selection))
        || returning.as_ref().is_some_and(|returning| returning.reads(&target));
    if reads {
        target.require_reads(compiler)?;
    }
    // The triggers are to see the rows as they were found, and so is the caller those that an action takes before their turn.
    let is_kept =
        before::is_asked(&target.table, Command::Delete) || compiler.catalog.deletes_reach_own_rows(&target.table.name);
    let statement = Statement { delete, wanted, target, returning, reads, is_kept };
    let needs_a_step = is_kept || statement.returning.as_ref().is_some_and(Returning::needs_a_step);
    let plain = delete.using.is_none() && !needs_a_step;
    if plain { statement.plain(compiler) } else { statement.found_first(compiler) }
}

/// A DELETE whose names are looked up.
struct Statement<'d> {
    delete: &'d ast::Delete,
    wanted: Wanted<'d>,
    target: Target,
    returning: Option<Returning>,
    reads: bool,
    /// Whether the rows are kept as they are found, before any of them is deleted.
    is_kept: bool,
}

impl Statement<'_> {
    /// SQLite's own DELETE.
    fn plain(self, compiler: &mut Compiler<'_>) -> Result<Vec<CteColumn>> {
        let sqlite = self.target.sqlite.clone();
        let found = Found::new(compiler, &self.target, &sqlite, PolicyCommand::Delete, self.reads)?;
        let mut scope = Scope::new(self.wanted.outer);
        scope.sources.push(found.named.clone());
        let mut from = FromClause::filtered(found.filters);
        let condition = and(compiler.bind_where(&scope, &mut from, self.delete.selection.as_ref())?, None);
        let sql = format!("DELETE FROM {sqlite}{condition}");
        let probe = self.probe(compiler, &found.table, &format!("FROM {sqlite}{condition}"));
        let Statement { target, returning, wanted, .. } = self;
        returning::end_write(compiler, &target, found.named, sql, probe, returning.as_ref(), wanted)
    }

    /// Finds the rows first, with what RETURNING gives of them, as SQLite's DELETE reads no other table.
    fn found_first(self, compiler: &mut Compiler<'_>) -> Result<Vec<CteColumn>> {
        let target = &self.target;
        let inner = compiler.alias(&target.table.name.name);
        let found = Found::new(compiler, target, &inner, PolicyCommand::Delete, self.reads)?;
        let mut scope = Scope::new(self.wanted.outer);
        scope.sources.push(found.named.clone());
        let mut from = match &self.delete.using {
            Some(tables) => bind_others(compiler, &mut scope, tables)?,
            None => FromClause::default(),
        };
        from.filters.extend(found.filters);
        let condition = compiler.bind_where(&scope, &mut from, self.delete.selection.as_ref())?;
        scope.clause.set(Clause::Rows("RETURNING"));
        let returned = match &self.returning {
            Some(returning) => returning.bind(compiler, &scope, self.wanted)?,
            None => Vec::new(),
        };
        let rowid = target.rowid()?;
        let is_changed = before::is_asked(&target.table, Command::Delete);
        let mut list = vec![format!("{inner}.{rowid}")];
        if is_changed {
            list.extend(found.table.columns.iter().map(|column| column.sql.clone()));
        }
        let first_returned = list.len();
        list.extend(returned.iter().map(|(_, value)| value.sql.clone()));
        let tables = comma(&from.sql(), &format!("{} AS {inner}", target.sqlite));
        let condition = and(condition, None);
        // A row that meets several of the other tables is deleted once.
        let once = if self.delete.using.is_some() { " GROUP BY 1" } else { "" };
        let rows = format!("SELECT {} FROM {tables}{condition}{once}", list.join(", "));
        let sqlite = &target.sqlite;
        if self.returning.is_none() && !self.is_kept {
            let matched = format!(" WHERE {sqlite}.{rowid} IN ({rows})");
            let table = target.table_source(compiler, sqlite);
            let probe = self.probe(compiler, &table, &format!("FROM {sqlite}{matched}"));
            let output = if *self.wanted.output == Output::Result { Output::Result } else { Output::Discard };
            compiler.end_step(format!("DELETE FROM {sqlite}{matched}"), output, Some(probe));
            return Ok(Vec::new());
        }
        let slot = match is_changed {
            true => before::end_step(compiler, target, Command::Delete, rows, []),
            false => {
                let slot = compiler.slot();
                compiler.end_step(rows, Output::Capture(slot), None);
                slot
            }
        };
        let matched = format!(" WHERE {sqlite}.{rowid} IN (SELECT c0 FROM pg_rows({slot}))");
        let table = target.table_source(compiler, sqlite);
        let probe = self.probe(compiler, &table, &format!("FROM {sqlite}{matched}"));
        if self.returning.is_none() {
            let output = if *self.wanted.output == Output::Result { Output::Result } else { Output::Discard };
            compiler.end_step(format!("DELETE FROM {sqlite}{matched}"), output, Some(probe));
            compiler.count_rows_of(slot);
            return Ok(Vec::new());
        }
        compiler.end_step(format!("DELETE FROM {sqlite}{matched}"), Output::Discard, Some(probe));
        let cells = first_returned..first_returned + returned.len();
        let list: Vec<String> = cells.map(|column| format!("c{column}")).collect();
        compiler.end_step(format!("SELECT {} FROM pg_rows({slot})", list.join(", ")), self.wanted.output.clone(), None);
        Ok(steps::described(returned))
    }

    fn probe(&self, compiler: &Compiler<'_>, table: &Source, from: &str) -> Probe {
        let columns: Vec<&str> = table.columns.iter().map(|column| column.sql.as_str()).collect();
        Probe {
            relation: self.target.table.name.clone(),
            command: Command::Delete,
            sql: format!("SELECT {} {from}", columns.join(", ")),
            binds: compiler.binds().to_vec(),
            show_values: self.target.shows_values(compiler),
        }
    }
}
