//! UPDATE.
//!
//! The plain form is SQLite's own. Where new values come from other tables, read the table itself by subqueries, or differ at
//! each call while a policy looks at them, and where BEFORE triggers look at the rows, these are computed first ([`super::computed`]).

use basalt_core::{Error, Result};
use sqlparser::ast;

use super::returning::{self, Returning};
use super::target::Target;
use super::{Wanted, before, demanding, rows, sources, values};
use crate::catalog::{Identity, PolicyCommand, Privilege};
use crate::compile::from::FromClause;
use crate::compile::policy::{self, Part};
use crate::compile::scope::{Clause, CteColumn, Scope, Source};
use crate::compile::typed::{CastContext, Typed};
use crate::compile::{Compiler, privilege, session};
use crate::program::{Command, Probe};
use crate::quote;

/// Makes the steps of an UPDATE.
pub(super) fn update(compiler: &mut Compiler<'_>, update: &ast::Update, wanted: Wanted<'_>) -> Result<Vec<CteColumn>> {
    if update.from.is_none() {
        let steps = compiler.steps.len();
        let plain = compiler.before_this_step(|compiler| Statement::new(compiler, update, wanted)?.plain(compiler))?;
        if let Some(columns) = plain {
            return Ok(columns);
        }
        compiler.steps.truncate(steps);
    }
    Statement::new(compiler, update, wanted)?.computed(compiler)
}

/// An UPDATE whose names are looked up.
pub(super) struct Statement<'u> {
    pub update: &'u ast::Update,
    pub wanted: Wanted<'u>,
    pub target: Target,
    pub assigned: Vec<(usize, ast::Expr)>,
    pub returning: Option<Returning>,
    /// Whether it reads columns of the target.
    pub reads: bool,
}

impl<'u> Statement<'u> {
    fn new(compiler: &mut Compiler<'_>, update: &'u ast::Update, wanted: Wanted<'u>) -> Result<Self> {
        let set = values::set_columns(&update.assignments);
        let target = written_table(compiler, &update.table, Command::Update, &set)?;
        let assigned = values::assignments(compiler, &target, &update.assignments)?;
        let columns = assigned.iter().filter_map(|(index, _)| target.columns[*index]);
        compiler.writes_to(&target.table, columns.map(|index| target.table_column(index).name.clone()).collect());
        let returning = Returning::new(update.returning.as_deref(), false)?;
        let reads = update.selection.as_ref().is_some_and(|selection| target.is_read_in(selection))
            || assigned.iter().any(|(_, value)| target.is_read_in(value))
            || returning.as_ref().is_some_and(|returning| returning.reads(&target));
        if reads {
            target.require_reads(compiler)?;
        }
        Ok(Statement { update, wanted, target, assigned, returning, reads })
    }

    /// SQLite's own UPDATE, or `None` if the rows have to be computed first.
    fn plain(self, compiler: &mut Compiler<'_>) -> Result<Option<Vec<CteColumn>>> {
        let target = &self.target;
        if before::is_asked(&target.table, Command::Update) {
            return Ok(None);
        }
        let sqlite = target.sqlite.clone();
        let found = Found::new(compiler, target, &sqlite, PolicyCommand::Update, self.reads)?;
        let mut scope = Scope::new(self.wanted.outer);
        scope.sources.push(found.named.clone());
        let assigned = bind_set(compiler, target, &scope, self.assigned.clone())?;
        if assigned.iter().any(|(_, value)| reads_itself(target, &value.sql)) {
            return Ok(None);
        }
        let mut from = FromClause::filtered(found.filters);
        let condition = compiler.bind_where(&scope, &mut from, self.update.selection.as_ref())?;
        let row = rows::new_row(compiler, &target.table, |index| match assigned.iter().find(|(i, _)| *i == index) {
            Some((_, value)) if value.volatile => Some(Typed { sql: VOLATILE.to_owned(), ..value.clone() }),
            Some((_, value)) => Some(value.clone()),
            None => Some(found.table.value(index)),
        })?;
        let demands = demands(compiler, target, &row, self.reads)?;
        if demands.iter().any(|demand| reads_itself(target, demand) || demand.contains(VOLATILE)) {
            return Ok(None);
        }
        let unchanged = unchanged(target, &found.table, &assigned);
        let condition = and(condition, unchanged);
        let mut list = Vec::new();
        for (at, (index, value)) in assigned.iter().enumerate() {
            let value = values::stored(&target.table, *index, value);
            let value = if at == 0 { demanding(&demands, &value) } else { value };
            list.push(format!("{} = {value}", quote::ident(&target.table_column(*index).name)));
        }
        let sql = format!("UPDATE {sqlite} SET {}{condition}", list.join(", "));
        let new = rows::new_row(compiler, &target.table, |index| {
            let assigned = assigned.iter().find(|(i, _)| *i == index);
            Some(assigned.map_or_else(|| found.table.value(index), |(_, value)| value.clone()))
        })?;
        let probe = probe(compiler, target, &new, &found.table, &format!("FROM {sqlite}{condition}"), "");
        let Statement { target, returning, wanted, .. } = self;
        returning::end_write(compiler, &target, found.named, sql, probe, returning.as_ref(), wanted).map(Some)
    }
}

/// The rows of the target that a command may find.
pub(super) struct Found {
    /// The table.
    pub table: Source,
    /// What the statement's expressions see.
    pub named: Source,
    /// What policies, and views between, ask of its rows.
    pub filters: Vec<Typed>,
}

impl Found {
    /// The target as `sqlite`, with the policies of `command`, and SELECT's where the statement reads columns.
    pub fn new(
        compiler: &mut Compiler<'_>,
        target: &Target,
        sqlite: &str,
        command: PolicyCommand,
        reads: bool,
    ) -> Result<Found> {
        let mut table = target.table_source(compiler, sqlite).with_row_number();
        let role = target.role.clone();
        let mut filters = compiler.as_role(&role, |compiler| {
            let mut filters = Vec::new();
            filters.extend(policy::using(compiler, &table, command)?);
            let given = (command, Part::Using);
            if reads && !policy::implies(compiler, &table, given, (PolicyCommand::Select, Part::Using))? {
                filters.extend(policy::using(compiler, &table, PolicyCommand::Select)?);
            }
            Ok(filters)
        })?;
        filters.retain(|filter| filter.sql != "1");
        filters.dedup_by(|a, b| a.sql == b.sql);
        if !filters.is_empty() {
            let guard: Vec<&str> = filters.iter().map(|filter| filter.sql.as_str()).collect();
            table.guard = Some(guard.join(" AND "));
        }
        let conditions = target.conditions(compiler, &table)?;
        filters.extend(conditions.into_iter().map(|condition| match &table.guard {
            Some(guard) if !condition.leakproof => {
                Typed { sql: format!("CASE WHEN {guard} THEN {} ELSE 0 END", condition.sql), ..condition }
            }
            _ => condition,
        }));
        let named = target.named_source(compiler, &table)?;
        Ok(Found { table, named, filters })
    }
}

/// Binds the other tables of an UPDATE or DELETE, after the target.
pub(super) fn bind_others(
    compiler: &mut Compiler<'_>,
    scope: &mut Scope<'_>,
    tables: &[ast::TableWithJoins],
) -> Result<FromClause> {
    let from = compiler.bind_from(scope, tables)?;
    for source in scope.sources[1..].iter().filter(|source| source.check_privileges) {
        if let Some(relation) = &source.relation {
            privilege::read_any(compiler, relation)?;
        }
    }
    Ok(from)
}

/// What UPDATE or DELETE names; `set` are the columns that it assigns to.
pub(super) fn written_table(
    compiler: &mut Compiler<'_>,
    table: &ast::TableWithJoins,
    command: Command,
    set: &[&ast::Ident],
) -> Result<Target> {
    match &table.relation {
        ast::TableFactor::Table { name, alias, args: None, .. } if table.joins.is_empty() => {
            Target::resolve(compiler, name, alias.as_ref().map(|alias| &alias.name), command, set)
        }
        _ => Err(Error::new("42601", "the statement writes to one table")),
    }
}

/// Binds SET and what triggers add to it, and demands the privilege to update.
pub(super) fn bind_set(
    compiler: &mut Compiler<'_>,
    target: &Target,
    scope: &Scope<'_>,
    assigned: Vec<(usize, ast::Expr)>,
) -> Result<Vec<(usize, Typed)>> {
    scope.clause.set(Clause::Rows("UPDATE"));
    bind_assignments(compiler, target, scope, assigned)
}

/// Binds assignments (columns of `named`) to values for the table's columns, and demands the privilege to update these.
/// `moddatetime` triggers add theirs. They come in the order in which SQLite computes them (its rowid, then the table's order):
/// what the first one demands is asked before anything else looks at the row.
///
/// Errors: 428C9 for a value where only DEFAULT may stand.
pub(super) fn bind_assignments(
    compiler: &mut Compiler<'_>,
    target: &Target,
    scope: &Scope<'_>,
    assigned: Vec<(usize, ast::Expr)>,
) -> Result<Vec<(usize, Typed)>> {
    let named: Vec<usize> = assigned.iter().map(|(index, _)| *index).collect();
    let key = values::rowid_column(&target.table);
    let mut bound: Vec<(usize, Typed)> = Vec::new();
    for (index, expr) in assigned {
        let base = target.base(index, "update")?;
        let column = target.table_column(base);
        if values::is_default(&expr) {
            if column.generated.is_none() {
                let value = values::default_of(compiler, &target.table, column, scope.a_column())?;
                bound.push((base, value));
            }
            continue;
        }
        refuse_value(column)?;
        let value = values::bind(compiler, scope, &expr, column)?;
        bound.push((base, value));
    }
    target.require(compiler, &named, Privilege::Update)?;
    for trigger in target.table.triggers.iter().filter(|t| t.is_built_in("moddatetime")) {
        let column = trigger.args.first().and_then(|name| target.table.columns.iter().position(|c| c.name == *name));
        if let Some(index) = column {
            let now = session::now(compiler);
            let column = target.table_column(index);
            let value = compiler.coerce(now, &column.ty, column.typmod, CastContext::Assignment)?;
            bound.retain(|(i, _)| *i != index);
            bound.push((index, value));
        }
    }
    if bound.is_empty() {
        // Only generated columns were set to DEFAULT: the row is written as it is.
        let stored = (0..target.table.columns.len()).find(|&i| target.table_column(i).generated.is_none());
        let index = stored.ok_or_else(|| Error::internal("a table without stored columns"))?;
        let own = format!("{}.{}", target.sqlite, quote::ident(&target.table_column(index).name));
        bound.push((index, Typed::new(own, target.table_column(index).ty.clone())));
    }
    bound.sort_by_key(|(index, _)| (Some(*index) != key, *index));
    Ok(bound)
}

fn refuse_value(column: &crate::catalog::Column) -> Result<()> {
    let name = &column.name;
    let detail = if column.generated.is_some() {
        format!("Column \"{name}\" is a generated column.")
    } else if column.identity == Some(Identity::Always) {
        format!("Column \"{name}\" is an identity column defined as GENERATED ALWAYS.")
    } else {
        return Ok(());
    };
    Err(Error::new("428C9", format!("column \"{name}\" can only be updated to DEFAULT")).with_detail(detail))
}

/// What policies ask of the new row.
pub(super) fn demands(compiler: &mut Compiler<'_>, target: &Target, row: &Source, reads: bool) -> Result<Vec<String>> {
    let role = target.role.clone();
    compiler.as_role(&role, |compiler| {
        let mut demands = policy::demands(compiler, row, PolicyCommand::Update, Part::Check)?;
        let given = (PolicyCommand::Update, Part::Check);
        if reads && !policy::implies(compiler, row, given, (PolicyCommand::Select, Part::Using))? {
            demands.extend(policy::demands(compiler, row, PolicyCommand::Select, Part::Using)?);
        }
        Ok(sources(demands).collect())
    })
}

/// `suppress_redundant_updates_trigger`: some assigned value differs from the row's.
pub(super) fn unchanged(target: &Target, table: &Source, assigned: &[(usize, Typed)]) -> Option<String> {
    let suppresses = |trigger: &crate::catalog::Trigger| trigger.is_built_in("suppress_redundant_updates_trigger");
    target.table.triggers.iter().any(suppresses).then(|| {
        let differs = |(index, value): &(usize, Typed)| format!("{} IS NOT {}", table.columns[*index].sql, value.sql);
        format!("({})", assigned.iter().map(differs).collect::<Vec<_>>().join(" OR "))
    })
}

pub(super) fn probe(
    compiler: &Compiler<'_>,
    target: &Target,
    new: &Source,
    old: &Source,
    from: &str,
    with: &str,
) -> Probe {
    let columns: Vec<&str> = new.columns.iter().chain(&old.columns).map(|column| column.sql.as_str()).collect();
    Probe {
        relation: target.table.name.clone(),
        command: Command::Update,
        sql: format!("{with}SELECT {} {from}", columns.join(", ")),
        binds: compiler.binds().to_vec(),
        show_values: target.shows_values(compiler),
    }
}

/// ` WHERE a AND b`, or nothing.
pub(super) fn and(condition: Option<String>, other: Option<String>) -> String {
    match (condition, other) {
        (Some(a), Some(b)) => format!(" WHERE ({a}) AND {b}"),
        (Some(a), None) | (None, Some(a)) => format!(" WHERE {a}"),
        (None, None) => String::new(),
    }
}

/// Entries of FROM, one of which may be empty.
pub(super) fn comma(first: &str, second: &str) -> String {
    if first.is_empty() { second.to_owned() } else { format!("{first}, {second}") }
}

/// Whether an SQLite expression reads the table that is written by a subquery, which has to find it as it was. A literal may
/// make it say so in error, which costs a little time only.
fn reads_itself(target: &Target, sql: &str) -> bool {
    sql.contains(&format!("{} AS ", target.sqlite))
}

const VOLATILE: &str = "\"volatile value\"";
