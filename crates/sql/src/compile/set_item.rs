//! Set-returning functions in a select list: they become entries of FROM, and the calls stand for what those give.
//!
//! As in PostgreSQL calls of one depth run side by side, a shorter one's rows followed by NULLs; a call in another's arguments
//! runs before it; and all of them run over the groups and windows of their query.

use basalt_core::{Error, Result};
use sqlparser::ast::{
    Distinct, Expr, Function, FunctionArg, FunctionArgExpr, GroupByExpr, Ident, OrderByExpr, Query, Select, SelectItem,
    SetExpr, Statement, TableAlias, TableFactor, TableWithJoins, Visit,
};

use super::carried::{ROWS_FROM, starred};
use super::compiler::Compiler;
use super::from::{FromClause, rename};
use super::function::argument_list;
use super::name::column_name;
use super::overload;
use super::parse::parse_statement;
use super::projection::set_item_value;
use super::scope::{Clause, Scope, Source, SourceColumn};
use super::set_calls::{Atoms, Finder, has_window};
use super::set_function::{Call, is_recordset};
use super::typed::Typed;
use super::types::{fold, split_name};
use super::unrolled::{is_bytes, json_of};
use crate::visit::visit;

/// Calls that run side by side at most: SQLite's table function takes them as arguments.
const MOST_CALLS: usize = 32;

/// What the query of a wrapped SELECT is called.
pub(super) const WRAPPED: &str = "?grouped";

impl Compiler<'_> {
    /// Set-returning calls of a select list become entries of FROM. Gives the calls and their sources' ids.
    pub(super) fn bind_set_items(
        &mut self,
        scope: &mut Scope<'_>,
        clause: &mut FromClause,
        projection: &[SelectItem],
    ) -> Result<Vec<(Function, usize)>> {
        for calls in self.set_calls(projection)? {
            let ids = match calls.as_slice() {
                [call] => vec![self.bind_one(scope, clause, call)?],
                several => self.bind_side_by_side(scope, clause, several)?,
            };
            scope.set_calls.borrow_mut().extend(calls.into_iter().zip(ids));
        }
        Ok(scope.set_calls.take())
    }

    /// What a call of this level's select list stands for, if it is a set-returning one.
    pub(super) fn set_item(&self, scope: &Scope<'_>, function: &Function) -> Option<Typed> {
        let calls = scope.set_calls.borrow();
        let (_, id) = calls.iter().find(|(call, _)| call == function)?;
        scope.source(*id).map(set_item_value)
    }

    /// The call that is the only one of its depth.
    fn bind_one(&mut self, scope: &mut Scope<'_>, clause: &mut FromClause, function: &Function) -> Result<usize> {
        let (args, ..) = argument_list(function)?;
        let alias = hidden(scope, 0);
        clause.cross();
        self.bind_table_function(scope, &function.name, args, false, Some(&alias), clause)?;
        let source = scope.sources.last_mut().ok_or_else(|| Error::internal("a call without a source"))?;
        source.qualified_only = true;
        Ok(source.id)
    }

    /// Calls of one depth: each becomes a JSON array of its rows, and `pg_lockstep` walks them together.
    fn bind_side_by_side(
        &mut self,
        scope: &mut Scope<'_>,
        clause: &mut FromClause,
        calls: &[Function],
    ) -> Result<Vec<usize>> {
        let mut rows = Vec::with_capacity(calls.len());
        for (place, function) in calls.iter().enumerate() {
            let alias = hidden(scope, place);
            let (args, ..) = argument_list(function)?;
            let (schema, name) = split_name(&function.name)?;
            let args = self.bind_argument_list(scope, args, None)?;
            let call = Call { name, ordinality: false, alias: Some(&alias) };
            rows.push(self.call_rows(scope, schema.as_deref(), call, args)?);
        }
        clause.cross();
        self.add_side_by_side(scope, rows, clause)?;
        let added = scope.sources.len() - calls.len();
        let mut ids = Vec::with_capacity(calls.len());
        for source in &mut scope.sources[added..] {
            source.qualified_only = true;
            ids.push(source.id);
        }
        Ok(ids)
    }

    /// The rows of a call as a JSON array of arrays, and their columns.
    pub(super) fn call_rows(
        &mut self,
        scope: &Scope<'_>,
        schema: Option<&str>,
        call: Call<'_>,
        args: Vec<super::function::Argument>,
    ) -> Result<CallRows> {
        let mut inner = Scope::new(Some(scope));
        let mut from = FromClause::default();
        self.table_call(&mut inner, schema, call, args, &mut from)?;
        let source = inner.sources.pop().ok_or_else(|| Error::internal("a call without a source"))?;
        let values: Vec<String> = source.columns.iter().map(|c| json_of(&c.ty, c.sql.clone())).collect();
        let sql = format!("(SELECT json_group_array(json_array({})) FROM {})", values.join(", "), from.sql());
        let mut effects = Typed::new(sql, basalt_types::Type::VOID);
        from.effects.iter().for_each(|effect| effects.absorb(effect));
        effects.sources.retain(|id| *id != source.id);
        Ok(CallRows { rows: effects, source })
    }

    /// `rows from (f(), g())`: one entry with the columns of all.
    pub(super) fn bind_rows_from(
        &mut self,
        scope: &mut Scope<'_>,
        calls: &[FunctionArg],
        ordinality: bool,
        alias: Option<&TableAlias>,
        clause: &mut FromClause,
    ) -> Result<()> {
        let (mut arrays, mut columns) = (Vec::new(), Vec::new());
        let lockstep = self.alias("_rows");
        for (place, call) in calls.iter().enumerate() {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Function(function))) = call else {
                return Err(Error::new("42601", format!("syntax error at or near \"{call}\"")));
            };
            let (args, ..) = argument_list(function)?;
            let (schema, name) = split_name(&function.name)?;
            let args = self.bind_argument_list(scope, args, None)?;
            let call = Call { name, ordinality: false, alias: None };
            let CallRows { rows, mut source } = self.call_rows(scope, schema.as_deref(), call, args)?;
            read_from(&format!("{lockstep}.c{place}"), &mut source.columns);
            columns.append(&mut source.columns);
            arrays.push(rows);
        }
        if ordinality {
            columns.push(super::set_function::ordinality(format!("({lockstep}.rowid + 1)")));
        }
        let shown = alias.map_or_else(|| ROWS_FROM.to_owned(), |alias| fold(&alias.name));
        let mut source = self.source(&shown, &lockstep, columns);
        source.scalar = source.columns.len() == 1;
        rename(&mut source, alias)?;
        let sql = lockstep_of(&arrays)?;
        self.add_function(scope, sql, source, &arrays, clause)
    }

    /// Adds calls whose rows stand side by side: one entry of SQLite's FROM, a source for each.
    pub(super) fn add_side_by_side(
        &mut self,
        scope: &mut Scope<'_>,
        calls: Vec<CallRows>,
        clause: &mut FromClause,
    ) -> Result<()> {
        let lockstep = self.alias("_rows");
        let arrays: Vec<Typed> = calls.iter().map(|call| call.rows.clone()).collect();
        clause.text(format!("{} AS {lockstep}", lockstep_of(&arrays)?));
        for (place, CallRows { rows, mut source }) in calls.into_iter().enumerate() {
            let row = format!("{lockstep}.c{place}");
            read_from(&row, &mut source.columns);
            // It tells a call that has no more rows.
            source.columns.push(SourceColumn {
                name: String::new(),
                ty: basalt_types::Type::JSON,
                typmod: None,
                sql: row,
                not_null: true,
                collated: false,
                leakproof: true,
                hidden: true,
            });
            (source.nullable, source.protected, source.sqlite) = (true, false, lockstep.clone());
            clause.effects.push(rows);
            scope.add(source)?;
        }
        Ok(())
    }

    /// The set-returning calls of a select list by their depth, each once.
    ///
    /// Errors: 0A000 where PostgreSQL takes none: in CASE, COALESCE, and the arguments of aggregates and window functions.
    fn set_calls(&self, projection: &[SelectItem]) -> Result<Vec<Vec<Function>>> {
        let mut finder = Finder::new(self);
        for item in projection {
            if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                let _ = visit(expr, &mut finder);
            } else {
                let _ = visit(item, &mut finder);
            }
        }
        match finder.refused {
            Some(refused) => Err(refused),
            None => Ok(finder.levels),
        }
    }

    /// Whether a select list calls set-returning functions.
    pub(super) fn has_set_calls(&self, node: &impl Visit) -> bool {
        let mut finder = Finder::new(self);
        let _ = visit(node, &mut finder);
        !finder.levels.is_empty() || finder.refused.is_some()
    }

    pub(super) fn returns_set(&self, function: &Function) -> bool {
        if function.over.is_some() || function.filter.is_some() {
            return false;
        }
        let Ok((schema, name)) = split_name(&function.name) else { return false };
        let builtin = schema.as_deref().is_none_or(|s| s == "pg_catalog");
        let is_set = builtin && (name == "unnest" || !overload::set_functions(&name).is_empty());
        let populates = builtin && is_recordset(&name) && name.ends_with("populate_recordset");
        let routines = self.routine_candidates(schema.as_deref(), &name);
        populates || is_set && overload::functions(&name).is_empty() || routines.iter().any(|r| r.returns_set)
    }

    /// A SELECT with groups or windows below its set-returning calls, as one over it: these see what those give.
    /// `None` where that makes no difference.
    ///
    /// Errors: 0A000 for `*` beside them.
    pub(super) fn wrapped(
        &self,
        select: &Select,
        keys: &[OrderByExpr],
        aggregated: bool,
    ) -> Result<Option<(Select, Vec<OrderByExpr>)>> {
        if !self.sees_groups(select, keys, aggregated)? {
            return Ok(None);
        }
        let mut atoms = Atoms::new(self);
        let mut outer = select.clone();
        lift_items(&mut atoms, &mut outer.projection)?;
        let mut outer_keys = keys.to_vec();
        let key_exprs = outer_keys.iter_mut().map(|key| &mut key.expr);
        let on = match &mut outer.distinct {
            Some(Distinct::On(exprs)) => exprs.as_mut_slice(),
            _ => &mut [],
        };
        for expr in key_exprs.chain(on).filter(|expr| !is_output(&outer.projection, expr)) {
            *expr = atoms.lift(expr.clone());
        }
        let mut inner = Select { distinct: None, projection: atoms.found, ..select.clone() };
        if inner.projection.is_empty() {
            inner.projection.push(SelectItem::UnnamedExpr(Expr::Value(
                sqlparser::ast::Value::Number("1".to_owned(), false).with_empty_span(),
            )));
        }
        outer.from = vec![TableWithJoins { relation: derived(inner)?, joins: Vec::new() }];
        (outer.selection, outer.having) = (None, None);
        (outer.group_by, outer.named_window) = (GroupByExpr::Expressions(Vec::new(), Vec::new()), Vec::new());
        Ok(Some((outer, outer_keys)))
    }

    /// Whether set-returning calls of a select list see what its groups or windows give; they do not where each of them is a key.
    fn sees_groups(&self, select: &Select, keys: &[OrderByExpr], aggregated: bool) -> Result<bool> {
        let windowed = select.projection.iter().any(has_window) || keys.iter().any(has_window);
        let with_sets = |item: &SelectItem| self.has_set_calls(item);
        if !(aggregated || windowed) || !select.projection.iter().any(with_sets) {
            return Ok(false);
        }
        self.set_calls(&select.projection)?;
        let GroupByExpr::Expressions(group, _) = &select.group_by else { return Ok(false) };
        let is_key = |(index, item): (usize, &SelectItem)| {
            let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else { return false };
            let by_name = |key: &Expr| match (key, item) {
                (Expr::Identifier(key), SelectItem::ExprWithAlias { alias, .. }) => key == alias,
                _ => false,
            };
            group.iter().any(|key| key == expr || key.to_string() == (index + 1).to_string() || by_name(key))
        };
        let mut calls = select.projection.iter().enumerate().filter(|(_, item)| with_sets(item));
        Ok(windowed || !calls.all(is_key))
    }

    /// 0A000 in PostgreSQL's words for a set-returning function where none may stand.
    pub(super) fn misplaced_set(&self, scope: &Scope<'_>) -> Error {
        let place = match scope.clause.get() {
            Clause::Rows(place) => place,
            Clause::Having => "HAVING",
            Clause::Output | Clause::Aggregate | Clause::Window => {
                return Error::unsupported(
                    "a set-returning function is not supported here on the embedded engine",
                    "Write it in FROM.",
                );
            }
        };
        Error::new("0A000", format!("set-returning functions are not allowed in {place}"))
    }
}

/// Makes the items of a select list ones over the query below it, of the same names.
///
/// Errors: 0A000 for `*`.
fn lift_items(atoms: &mut Atoms<'_, '_>, projection: &mut [SelectItem]) -> Result<()> {
    for item in projection {
        let (expr, alias) = match item {
            SelectItem::UnnamedExpr(expr) => (expr.clone(), Ident::with_quote('"', column_name(expr))),
            SelectItem::ExprWithAlias { expr, alias } => (expr.clone(), alias.clone()),
            other => {
                return Err(Error::unsupported(
                    format!("{other} beside a set-returning function over groups or windows is not supported"),
                    "Name the columns.",
                ));
            }
        };
        *item = match starred(&expr) {
            Some(_) => SelectItem::UnnamedExpr(atoms.lift(expr)),
            None => SelectItem::ExprWithAlias { expr: atoms.lift(expr), alias },
        };
    }
    Ok(())
}

/// Whether a key is a column of the select list, by place or name.
fn is_output(projection: &[SelectItem], key: &Expr) -> bool {
    let is_named = |name: &Ident| {
        let is_it =
            |item: &SelectItem| matches!(item, SelectItem::ExprWithAlias { alias, .. } if fold(alias) == fold(name));
        projection.iter().any(is_it)
    };
    match key {
        Expr::Value(_) => true,
        Expr::Identifier(ident) => is_named(ident),
        _ => false,
    }
}

/// A call's rows as a JSON array, and the source that its columns describe.
pub(super) struct CallRows {
    rows: Typed,
    /// Its columns are of the call by itself.
    pub source: Source,
}

/// `pg_lockstep` over arrays of rows.
fn lockstep_of(arrays: &[Typed]) -> Result<String> {
    if arrays.len() > MOST_CALLS {
        return Err(Error::unsupported(
            format!("more than {MOST_CALLS} set-returning functions side by side are not supported"),
            "Join some of them by a number.",
        ));
    }
    let arrays: Vec<&str> = arrays.iter().map(|array| array.sql.as_str()).collect();
    Ok(format!("pg_lockstep({})", arrays.join(", ")))
}

/// Columns as cells of a row that is a JSON array.
fn read_from(row: &str, columns: &mut [SourceColumn]) {
    for (index, column) in columns.iter_mut().enumerate() {
        column.sql = match is_bytes(&column.ty) {
            true => format!("unhex({row} ->> {index})"),
            false => format!("({row} ->> {index})"),
        };
        (column.collated, column.not_null, column.leakproof) = (false, false, true);
    }
}

/// A name for the source of a call of a select list, which no name of the query's is.
fn hidden(scope: &Scope<'_>, place: usize) -> TableAlias {
    named(&format!("?set{}", scope.sources.len() + place))
}

fn named(name: &str) -> TableAlias {
    TableAlias { explicit: true, name: Ident::with_quote('"', name), columns: Vec::new(), at: None }
}

fn derived(select: Select) -> Result<TableFactor> {
    let subquery = Box::new(Query { body: Box::new(SetExpr::Select(Box::new(select))), ..*a_query()? });
    Ok(TableFactor::Derived { lateral: false, subquery, alias: Some(named(WRAPPED)), sample: None })
}

/// A query whose SELECT is to be filled in.
pub(super) fn a_query() -> Result<Box<Query>> {
    match parse_statement("SELECT 1")? {
        Statement::Query(query) => Ok(query),
        _ => Err(Error::internal("a query expected")),
    }
}
