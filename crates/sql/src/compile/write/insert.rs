//! INSERT.

use basalt_core::{Error, Result};
use sqlparser::ast;

use super::conflict::Conflict;
use super::returning::{self, Returning};
use super::rows::{self, Rows};
use super::target::{Target, column_list};
use super::{Wanted, before, demanding, sources, values};
use crate::catalog::{Column, PolicyCommand};
use crate::compile::Compiler;
use crate::compile::policy::{self, Part};
use crate::compile::scope::{CteColumn, Source};
use crate::compile::typed::{Form, Typed, constant_sql};
use crate::program::{Command, Probe};
use crate::quote;

/// Makes the steps of an INSERT.
pub(super) fn insert(compiler: &mut Compiler<'_>, insert: &ast::Insert, wanted: Wanted<'_>) -> Result<Vec<CteColumn>> {
    let ast::TableObject::TableName(name) = &insert.table else {
        return Err(Error::new("42601", "INSERT INTO names a table"));
    };
    let alias = insert.table_alias.as_ref().map(|alias| &alias.alias);
    let listed: Vec<_> = insert.columns.iter().filter_map(values::written_column).collect();
    let target = Target::resolve(compiler, name, alias, Command::Insert, &listed)?;
    let sqlite = target.sqlite.clone();
    let table = target.table_source(compiler, &sqlite);
    let mut rows = Rows::bind(compiler, &target, insert, wanted.outer)?;
    let clause = match &insert.on {
        None => None,
        Some(ast::OnInsert::OnConflict(clause)) => Some(clause),
        Some(_) => return Err(Error::new("42601", "syntax error at or near \"ON\"")),
    };
    let may_update = clause.is_some_and(|clause| matches!(clause.action, ast::OnConflictAction::DoUpdate(_)));
    let is_changed = may_update && before::is_asked(&target.table, Command::Update);
    let mut proposed = None;
    if is_changed || before::is_asked(&target.table, Command::Insert) {
        let slot = NewRow::of(compiler, &target, rows)?.propose(compiler, &target);
        rows = proposed_rows(compiler, &target, slot);
        proposed = Some(slot);
    }
    let bind = |compiler: &mut Compiler<'_>| {
        clause.map(|clause| Conflict::bind(compiler, &target, &table, wanted.outer, clause)).transpose()
    };
    let mut conflict = bind(compiler)?;
    if let (true, Some(slot), Some(bound)) = (is_changed, proposed, &conflict) {
        let row = NewRow { alias: quote::ident("excluded"), ..NewRow::of(compiler, &target, rows)? };
        // As in PostgreSQL, what policies ask of the proposed row and of the one that is there comes before the triggers of its update.
        let demands = row.policy_demands(compiler, &target, true, true)?;
        let excluded = row.as_excluded(compiler, &target)?;
        let updates = bound.propose(compiler, &target, &table, &excluded, demands)?;
        conflict = bind(compiler)?.map(|bound| bound.writing_proposed(compiler, &target, updates)).transpose()?;
        rows = proposed_rows(compiler, &target, slot);
    }
    let updates = conflict.as_ref().is_some_and(Conflict::updates);
    compiler.writes_to(&target.table, conflict.as_ref().map(|one| one.assigned(&target)).unwrap_or_default());
    let returning = Returning::new(insert.returning.as_deref(), updates)?;
    let reads = conflict.as_ref().is_some_and(|conflict| !conflict.arbiter.key.is_empty())
        || returning.as_ref().is_some_and(|returning| returning.reads(&target));
    if reads {
        target.require_reads(compiler)?;
    }

    let numbered = rows.from.is_some() && conflict.as_ref().is_some_and(|conflict| conflict.spares().is_some());
    let row = NewRow { numbered, ..NewRow::of(compiler, &target, rows)? };
    let (demands, computed) = row.demands(compiler, &target, conflict.as_ref(), reads)?;
    let source = row.source(computed);
    let mut sql = source.insert(&target, &row, &demands);
    if let Some(conflict) = &conflict {
        let asks = returning.as_ref().is_some_and(|returning| returning.asks_inserted);
        sql.push_str(&conflict.sql(compiler, &target, &table, reads, asks)?);
    }
    let probe = Probe {
        relation: target.table.name.clone(),
        command: Command::Insert,
        sql: source.select_rows(compiler, &target, &row, conflict.as_ref(), &table)?,
        binds: compiler.binds().to_vec(),
        show_values: target.shows_values(compiler),
    };
    let named = target.named_source(compiler, &table)?;
    returning::end_write(compiler, &target, named, sql, probe, returning.as_ref(), wanted)
}

/// Rows that a step proposed.
fn proposed_rows(compiler: &mut Compiler<'_>, target: &Target, slot: usize) -> Rows {
    let alias = compiler.alias("rows");
    let source = compiler.source_id();
    let cell = |(index, column): (usize, &Column)| {
        let cell = before::cell(target, index, format!("{alias}.c{}", index + 1));
        column.generated.is_none().then_some(Typed { form: Form::Column(source, index), ..cell })
    };
    let given = target.table.columns.iter().enumerate().map(cell).collect();
    Rows { from: Some((format!("pg_rows({slot})"), alias)), volatile: false, given }
}

/// The values of a row to insert.
struct NewRow {
    from: Option<(String, String)>,
    /// Whether the source must not be computed twice.
    volatile: bool,
    /// For each column of the table its value; none for a generated one.
    values: Vec<Option<Typed>>,
    /// The name of the computed row in SQLite, quoted.
    alias: String,
    /// Whether the computed row tells its place among the others, in [`PLACE`].
    numbered: bool,
}

/// The column that has the place of a computed row among the others, quoted.
const PLACE: &str = "\"basalt:place\"";

/// The column of proposed rows that say nothing, quoted.
const EACH: &str = "\"basalt:each\"";

/// Where the values stand when the row is written.
struct RowSource {
    /// `WITH ... ` with its space, or nothing.
    with: String,
    /// ` FROM ...`, or nothing.
    from: String,
    /// Whether the row is computed first and read by name.
    computed: bool,
}

impl NewRow {
    fn of(compiler: &mut Compiler<'_>, target: &Target, rows: Rows) -> Result<NewRow> {
        let Rows { mut from, volatile, given } = rows;
        let cell = given.iter().flatten().next().map(|cell| cell.sql.clone());
        let each = from.as_mut().map(|(source, alias)| {
            cell.unwrap_or_else(|| {
                *source = format!("(SELECT 1 AS {EACH} FROM {source})");
                format!("{alias}.{EACH}")
            })
        });
        let mut row = Vec::new();
        for (column, given) in target.table.columns.iter().zip(given) {
            if column.generated.is_some() {
                row.push(None);
                continue;
            }
            row.push(Some(match given {
                Some(value) => value,
                None => values::default_of(compiler, &target.table, column, each.as_deref())?,
            }));
        }
        Ok(NewRow { from, volatile, values: row, alias: compiler.alias("new"), numbered: false })
    }

    /// Ends a step that computes the rows: the slot that keeps them, as BEFORE INSERT triggers leave them.
    fn propose(&self, compiler: &mut Compiler<'_>, target: &Target) -> usize {
        let (with, from) = self.source(false).clauses(target, self);
        let value = |value: &Option<Typed>| value.as_ref().map_or("NULL", |value| value.sql.as_str()).to_owned();
        let list: Vec<String> = self.values.iter().map(value).collect();
        let sql = format!("{with}SELECT NULL, {}{from}", list.join(", "));
        before::end_step(compiler, target, Command::Insert, sql, [])
    }

    /// The row for policies and DETAIL. What is costly, or differs at each call, is read by name from the computed row.
    fn as_source(&self, compiler: &mut Compiler<'_>, target: &Target, computed: bool) -> Result<Source> {
        rows::new_row(compiler, &target.table, |index| {
            let value = self.values[index].clone()?;
            if value.is_cheap() && !computed {
                return Some(value);
            }
            Some(Typed { sql: self.by_name(target, index), collated: false, ..value })
        })
    }

    /// A query for the rows as they were proposed, generated columns included.
    fn as_excluded(&self, compiler: &mut Compiler<'_>, target: &Target) -> Result<String> {
        let proposed = rows::new_row(compiler, &target.table, |index| self.values[index].clone())?;
        let (_, from) = self.source(false).clauses(target, self);
        Ok(named_rows(&proposed, &from))
    }

    /// The computed rows, with generated columns and their places.
    fn proposed(&self, compiler: &mut Compiler<'_>, target: &Target) -> Result<String> {
        let alias = &self.alias;
        if target.table.columns.iter().all(|column| column.generated.is_none()) {
            return Ok(alias.clone());
        }
        let place = if self.numbered { format!(", {alias}.{PLACE}") } else { String::new() };
        let rows = self.as_source(compiler, target, true)?;
        Ok(format!("({})", named_rows(&rows, &format!("{place} FROM {alias}"))))
    }

    fn by_name(&self, target: &Target, index: usize) -> String {
        format!("{}.{}", self.alias, quote::ident(&target.table_column(index).name))
    }

    /// What policies ask of the row, and that DO UPDATE meets no row twice; and whether the row is computed first, because that
    /// reads what must not be computed twice.
    fn demands(
        &self,
        compiler: &mut Compiler<'_>,
        target: &Target,
        conflict: Option<&Conflict>,
        reads: bool,
    ) -> Result<(Vec<String>, bool)> {
        if let Some(conflict) = conflict.filter(|conflict| conflict.updates() && self.from.is_some()) {
            let mut demands = self.policy_demands(compiler, target, reads, true)?;
            demands.push(self.no_duplicates(compiler, target, conflict)?);
            return Ok((demands, true));
        }
        let demands = self.policy_demands(compiler, target, reads, false)?;
        if demands.iter().any(|demand| demand.contains(&format!("{}.", self.alias))) {
            return Ok((self.policy_demands(compiler, target, reads, true)?, true));
        }
        Ok((demands, false))
    }

    fn policy_demands(
        &self,
        compiler: &mut Compiler<'_>,
        target: &Target,
        reads: bool,
        computed: bool,
    ) -> Result<Vec<String>> {
        if !compiler.catalog.policies_apply(&target.role, &target.table) {
            return Ok(Vec::new());
        }
        let row = self.as_source(compiler, target, computed)?;
        let asked = compiler.as_role(&target.role, |compiler| {
            let mut asked = policy::demands(compiler, &row, PolicyCommand::Insert, Part::Check)?;
            let given = (PolicyCommand::Insert, Part::Check);
            if reads && !policy::implies(compiler, &row, given, (PolicyCommand::Select, Part::Using))? {
                asked.extend(policy::demands(compiler, &row, PolicyCommand::Select, Part::Using)?);
            }
            Ok(asked)
        })?;
        Ok(sources(asked).collect())
    }

    /// 21000 if DO UPDATE meets a row that the statement has inserted or updated: if several rows have the key by which it finds the
    /// row to change, unless its condition leaves that row alone until the last of them.
    fn no_duplicates(&self, compiler: &mut Compiler<'_>, target: &Target, conflict: &Conflict) -> Result<String> {
        let partial = conflict.arbiter.partial.as_ref();
        let name = "excluded";
        let from = format!("{} AS {name}", self.proposed(compiler, target)?);
        let by_name = |index: usize| format!("{name}.{}", quote::ident(&target.table_column(index).name));
        let mut counted: Vec<String> =
            conflict.arbiter.key.iter().map(|&i| format!("{} IS NOT NULL", by_name(i))).collect();
        counted.extend(partial.map(|partial| partial.proposed.clone()));
        let collated = |&index: &usize| match target.table_column(index).ty.collation() {
            Some(collation) => format!("{} COLLATE {}", by_name(index), quote::ident(&collation)),
            None => by_name(index),
        };
        let keys: Vec<String> = conflict.arbiter.key.iter().map(collated).collect();
        let (from, second) = match conflict.spares() {
            None => (from, "count(*) > 1".to_owned()),
            Some(condition) => {
                let (table, place) = (&target.sqlite, format!("{name}.{PLACE}"));
                let is_affected = format!("iif({table}.{} IS NULL, 1, {})", target.rowid()?, condition.sql);
                let from = format!("{from} LEFT JOIN {table} ON {}", conflict.arbiter.meets(target));
                (from, format!("min(iif({is_affected}, {place}, NULL)) < max({place})"))
            }
        };
        Ok(format!(
            "pg_require(NOT EXISTS (SELECT 1 FROM {from} WHERE {counted} GROUP BY {keys} HAVING {second}), '21000', {message}, {hint})",
            counted = counted.join(" AND "),
            keys = keys.join(", "),
            message = constant_sql(&"ON CONFLICT DO UPDATE command cannot affect row a second time".into()),
            hint = constant_sql(
                &"Ensure that no rows proposed for insertion within the same command have duplicate constrained values."
                    .into()
            ),
        ))
    }

    /// Where the values stand.
    fn source(&self, computed: bool) -> RowSource {
        let (mut with, mut from) = (Vec::new(), String::new());
        if let Some((source, alias)) = &self.from {
            if self.volatile {
                with.push(format!("{alias} AS MATERIALIZED {source}"));
                from = format!(" FROM {alias}");
            } else {
                from = format!(" FROM {source} AS {alias}");
            }
        }
        RowSource { with: with_clause(&with), from, computed }
    }
}

/// A query for rows, whose columns have their names.
fn named_rows(rows: &Source, from: &str) -> String {
    let named = rows.columns.iter().map(|column| format!("{} AS {}", column.sql, quote::ident(&column.name)));
    format!("SELECT {}{from}", named.collect::<Vec<_>>().join(", "))
}

fn with_clause(queries: &[String]) -> String {
    if queries.is_empty() { String::new() } else { format!("WITH {} ", queries.join(", ")) }
}

impl RowSource {
    /// `WITH ... INSERT INTO ...` up to ON CONFLICT.
    fn insert(&self, target: &Target, row: &NewRow, demands: &[String]) -> String {
        let order = stored_order(target);
        if order.is_empty() {
            return format!("INSERT INTO {} DEFAULT VALUES", target.sqlite);
        }
        let columns = column_list(order.iter().map(|&index| target.table_column(index)));
        let (with, from) = self.clauses(target, row);
        let mut list = Vec::new();
        for (at, &index) in order.iter().enumerate() {
            let value = self.value(target, row, index);
            list.push(if at == 0 { demanding(demands, &value) } else { value });
        }
        let list = list.join(", ");
        let into = format!("{with}INSERT INTO {} ({columns})", target.sqlite);
        match from.is_empty() {
            true => format!("{into} VALUES ({list})"),
            // WHERE keeps SQLite from taking ON CONFLICT for a join's ON.
            false => format!("{into} SELECT {list}{from} WHERE 1"),
        }
    }

    /// A query for the rows as they would be stored: the proposed ones, and what DO UPDATE makes of those that are there.
    fn select_rows(
        &self,
        compiler: &mut Compiler<'_>,
        target: &Target,
        row: &NewRow,
        conflict: Option<&Conflict>,
        table: &Source,
    ) -> Result<String> {
        let stored = match self.computed {
            true => row.as_source(compiler, target, true)?,
            // Nothing is computed first: each value stands for itself.
            false => rows::new_row(compiler, &target.table, |index| row.values[index].clone())?,
        };
        let (with, from) = self.clauses(target, row);
        let columns: Vec<&str> = stored.columns.iter().map(|column| column.sql.as_str()).collect();
        let rows = format!("SELECT {}{from}", columns.join(", "));
        let proposed = named_rows(&stored, &from);
        let updated = match conflict {
            Some(conflict) => conflict.updated_rows(compiler, target, table, &proposed)?,
            None => None,
        };
        Ok(match updated {
            Some(updated) => format!("{with}{rows} UNION ALL {updated}"),
            None => format!("{with}{rows}"),
        })
    }

    fn value(&self, target: &Target, row: &NewRow, index: usize) -> String {
        let Some(value) = &row.values[index] else { return "NULL".to_owned() };
        match self.computed {
            true => values::stored(&target.table, index, &Typed { sql: row.by_name(target, index), ..value.clone() }),
            false => values::stored(&target.table, index, value),
        }
    }

    /// WITH and FROM, the computed row included.
    fn clauses(&self, target: &Target, row: &NewRow) -> (String, String) {
        if !self.computed {
            return (self.with.clone(), self.from.clone());
        }
        let mut list = Vec::new();
        for (index, value) in row.values.iter().enumerate() {
            if let Some(value) = value {
                list.push(format!("{} AS {}", value.sql, quote::ident(&target.table_column(index).name)));
            }
        }
        if row.numbered {
            list.push(format!("row_number() OVER () AS {PLACE}"));
        }
        let new = format!("{} AS MATERIALIZED (SELECT {}{})", row.alias, list.join(", "), self.from);
        let with = match self.with.strip_suffix(' ') {
            Some(with) => format!("{with}, {new} "),
            None => format!("WITH {new} "),
        };
        (with, format!(" FROM {}", row.alias))
    }
}

/// The columns that are stored, SQLite's rowid last: so that policies are asked, within the first, before a missing key is found.
fn stored_order(target: &Target) -> Vec<usize> {
    let key = values::rowid_column(&target.table);
    let stored = |index: &usize| target.table_column(*index).generated.is_none();
    let mut order: Vec<usize> = (0..target.table.columns.len()).filter(stored).collect();
    order.sort_by_key(|index| Some(*index) == key);
    order
}
