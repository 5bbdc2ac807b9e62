//! Queries: SELECT with its clauses, VALUES, set operations.

use basalt_core::{Error, Result};
use basalt_types::{Type, Typmod};
use sqlparser::ast::{Distinct, Expr, LockClause, OrderByExpr, Query, Select, SetExpr};

use super::aggregate::has_aggregate;
use super::compiler::Compiler;
use super::filter::conjuncts;
use super::group::is_grouped;
use super::grouping_sets::sets_of;
use super::lock::{check_lockable, not_lockable};
use super::order;
use super::projection::columns_of;
use super::scope::Scope;
use super::typed::{CastContext, Form, Typed};
use crate::program::OutputColumn;
use crate::{Name, quote};

/// A bound query.
pub(crate) struct BoundQuery {
    /// SQLite source, without parentheses. Columns are named by [`BoundColumn::sqlite`].
    pub sql: String,
    /// Its columns.
    pub columns: Vec<BoundColumn>,
    /// Whether it is known to give one row at most.
    pub at_most_one: bool,
    /// Whether it reads a table with row policies.
    pub protected: bool,
    /// Leakproof, volatile and outer sources of everything inside.
    pub effects: Typed,
    /// For `select x` without FROM: x.
    pub value: Option<Typed>,
}

/// A column of a [`BoundQuery`].
#[derive(Debug, Clone)]
pub(crate) struct BoundColumn {
    /// Name.
    pub name: String,
    /// Its unique name in SQLite, unquoted.
    pub sqlite: String,
    /// Type; never unknown once the query is bound as a whole.
    pub ty: Type,
    /// Modifier.
    pub typmod: Option<Typmod>,
    /// NOT NULL.
    pub not_null: bool,
    /// Carries its collation.
    pub collated: bool,
    /// Whether what computes it can neither fail nor tell of a row that policies hide.
    pub leakproof: bool,
    /// The base table's column that it is.
    pub source: Option<(Name, String)>,
}

/// The types that a query's columns have to become, and in which context.
type Targets<'w> = (&'w [(Type, Option<Typmod>)], CastContext);

/// What the place of a query asks of it.
#[derive(Clone, Copy, Default)]
pub(super) struct Wanted<'w> {
    /// Types that the columns have to become, and in which context.
    pub types: Option<Targets<'w>>,
    /// Literals and parameters may stay undecided.
    pub undecided: bool,
    /// Columns are compared: they have to carry their collations.
    pub collated: bool,
    /// `for update` and its kin.
    pub locks: &'w [LockClause],
    /// Whether there are rows is all that is asked.
    pub exists: bool,
    /// The condition of the rows that FETCH ... WITH TIES wants.
    pub ties: Option<&'w str>,
    /// Keys of other grouping sets than the one that is bound.
    pub absent: &'w [Expr],
}

impl BoundQuery {
    /// The columns as a program's result.
    pub fn output(&self) -> Result<Vec<OutputColumn>> {
        Ok(self.columns.iter().map(|c| OutputColumn { name: c.name.clone(), ty: c.ty.clone() }).collect())
    }
}

impl BoundColumn {
    /// The column as read from the query under an alias (quoted).
    pub fn value(&self, alias: &str) -> Typed {
        let mut typed = Typed::new(format!("{alias}.{}", quote::ident(&self.sqlite)), self.ty.clone());
        typed.typmod = self.typmod;
        typed.not_null = self.not_null;
        typed.collated = self.collated;
        typed
    }
}

impl Compiler<'_> {
    /// Binds a query; `outer` is what its subqueries may refer to.
    pub fn bind_query(&mut self, outer: Option<&Scope<'_>>, query: &Query) -> Result<BoundQuery> {
        self.deeper(|c| c.query(outer, query, Wanted::default()))
    }

    /// Binds a query whose columns go to columns of these types (INSERT ... SELECT/VALUES): undecided literals take them,
    /// the rest is converted as an assignment.
    pub fn bind_query_as(
        &mut self,
        outer: Option<&Scope<'_>>,
        query: &Query,
        types: &[(Type, Option<Typmod>)],
    ) -> Result<BoundQuery> {
        let wanted = Wanted { types: Some((types, CastContext::Assignment)), ..Wanted::default() };
        self.deeper(|c| c.query(outer, query, wanted))
    }

    /// Binds a query of which only is asked whether it has rows.
    pub(super) fn bind_rows_query(&mut self, outer: &Scope<'_>, query: &Query) -> Result<BoundQuery> {
        let wanted = Wanted { exists: true, ..Wanted::default() };
        self.deeper(|c| c.query(Some(outer), query, wanted))
    }

    pub(super) fn query(&mut self, outer: Option<&Scope<'_>>, query: &Query, wanted: Wanted<'_>) -> Result<BoundQuery> {
        if query.for_clause.is_some() || query.settings.is_some() || query.format_clause.is_some() {
            return Err(Error::new("42601", "syntax error at or near \"FOR\""));
        }
        let Some(with) = &query.with else { return self.query_body(outer, query, wanted) };
        let mut scope = Scope::new(outer);
        let (prefix, effects) = self.bind_with(&mut scope, with)?;
        let mut bound = self.query_body(Some(&scope), query, wanted)?;
        if !prefix.is_empty() {
            bound.sql = format!("{prefix} {}", bound.sql);
            bound.value = None;
        }
        effects.iter().for_each(|e| bound.effects.absorb(e));
        Ok(bound)
    }

    fn query_body(&mut self, outer: Option<&Scope<'_>>, query: &Query, wanted: Wanted<'_>) -> Result<BoundQuery> {
        let keys = order::keys(query.order_by.as_ref())?;
        let empty = Scope::new(outer);
        let limit = self.bind_limit(&empty, query.limit_clause.as_ref(), query.fetch.as_ref())?;
        let (at_most_one, ties) = (limit.at_most_one, limit.ties.as_deref());
        let limit = limit.sql;
        if ties.is_some() && keys.is_empty() {
            return Err(Error::new("42601", "WITH TIES cannot be specified without ORDER BY clause"));
        }
        if ties.is_some() && !matches!(&*query.body, SetExpr::Select(_)) {
            return Err(no_ties("a set operation"));
        }
        let wanted = Wanted { locks: &query.locks, ties, ..wanted };
        check_lockable(&query.body, &query.locks)?;
        let mut bound = match &*query.body {
            SetExpr::Select(select) => self.select(outer, select, keys, &limit, wanted)?,
            body => {
                let mut bound = self.set_expr(outer, body, wanted)?;
                let ordered = self.order_by_output(&bound.columns, keys)?;
                if !(ordered.is_empty() && limit.is_empty()) {
                    if let SetExpr::Query(_) | SetExpr::Values(_) = body {
                        bound.sql = format!("SELECT * FROM ({})", bound.sql);
                    }
                    bound.sql = format!("{}{ordered}{limit}", bound.sql);
                    bound.value = None;
                }
                bound
            }
        };
        bound.at_most_one |= at_most_one;
        Ok(bound)
    }

    /// A query's body that isn't a SELECT with ORDER BY of its own.
    pub(super) fn set_expr(
        &mut self,
        outer: Option<&Scope<'_>>,
        body: &SetExpr,
        wanted: Wanted<'_>,
    ) -> Result<BoundQuery> {
        self.deeper(|c| match body {
            SetExpr::Select(select) => c.select(outer, select, &[], "", wanted),
            SetExpr::Query(query) => c.query(outer, query, wanted),
            SetExpr::Values(values) => c.values(outer, values, wanted),
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                c.set_operation(outer, left, *op, *set_quantifier, right, wanted)
            }
            SetExpr::Table(table) => {
                let name = match (&table.schema_name, &table.table_name) {
                    (Some(schema), Some(name)) => format!("{}.{}", quote::ident(schema), quote::ident(name)),
                    (None, Some(name)) => quote::ident(name),
                    _ => return Err(Error::new("42601", "syntax error at or near \"TABLE\"")),
                };
                match super::parse_statement(&format!("SELECT * FROM {name}"))? {
                    sqlparser::ast::Statement::Query(query) => c.query(outer, &query, wanted),
                    _ => Err(Error::internal("a query that is none")),
                }
            }
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                Err(Error::new("0A000", "WITH clause containing a data-modifying statement must be at the top level"))
            }
        })
    }

    pub(super) fn select(
        &mut self,
        outer: Option<&Scope<'_>>,
        select: &Select,
        keys: &[OrderByExpr],
        limit: &str,
        wanted: Wanted<'_>,
    ) -> Result<BoundQuery> {
        refuse_foreign_clauses(select)?;
        let grouped = is_grouped(select);
        let aggregated = grouped
            || select.having.is_some()
            || select.projection.iter().any(has_aggregate)
            || keys.iter().any(has_aggregate);
        if aggregated && !wanted.locks.is_empty() {
            return Err(not_lockable(wanted.locks, "aggregate functions"));
        }
        if let Some((wrapped, keys)) = self.wrapped(select, keys, aggregated)? {
            return self.deeper(|c| c.select(outer, &wrapped, &keys, limit, wanted));
        }
        if let Some(sets) = sets_of(&select.group_by)? {
            return self.bind_grouping_sets(outer, select, keys, limit, wanted, &sets);
        }
        let mut scope = Scope::new(outer);
        let clauses = self.bind_clauses(&mut scope, select, keys, wanted, aggregated)?;
        let columns = columns_of(&scope, &clauses.items);
        let at_most_one = (aggregated && !grouped)
            || scope.sources.iter().all(|s| s.at_most_one)
            || (outer.is_some() && self.finds_one(&scope, select));
        let is_bare = scope.sources.is_empty() && clauses.reads_nothing() && !aggregated && limit.is_empty();
        let value = match clauses.items.as_slice() {
            [item] if is_bare => Some(item.value.clone()),
            _ => None,
        };
        let mut effects = clauses.effects();
        effects.sources.retain(|id| scope.source(*id).is_none());
        effects.leaks.retain(|id| scope.source(*id).is_none());
        let protected = scope.sources.iter().any(|s| s.protected || s.guard.is_some());
        let sql = clauses.sql(&columns, limit, wanted.ties);
        Ok(BoundQuery { sql, columns, at_most_one, protected, effects, value })
    }

    /// Whether a SELECT over one table finds one row at most, by all columns of one of its unique keys.
    fn finds_one(&mut self, scope: &Scope<'_>, select: &Select) -> bool {
        let ([source], Some(selection)) = (scope.sources.as_slice(), &select.selection) else { return false };
        let Some(relation) = source.relation.as_ref().filter(|r| r.view().is_none()) else { return false };
        if relation.unique_keys().next().is_none() {
            return false;
        }
        let mut fixed: Vec<usize> = Vec::new();
        for conjunct in conjuncts(selection) {
            let Expr::BinaryOp { left, op: sqlparser::ast::BinaryOperator::Eq, right } = conjunct else { continue };
            let (Ok(left), Ok(right)) = (self.bind_expr(scope, left, None), self.bind_expr(scope, right, None)) else {
                continue;
            };
            for (column, value) in [(&left, &right), (&right, &left)] {
                if let Form::Column(id, index) = column.form
                    && id == source.id
                    && !value.sources.contains(&id)
                {
                    fixed.push(index);
                }
            }
        }
        let is_fixed = |name: &String| fixed.iter().any(|i| relation.columns.get(*i).is_some_and(|c| c.name == *name));
        relation.unique_keys().any(|key| !key.is_empty() && key.iter().all(is_fixed))
    }
}

pub(super) fn no_ties(beside: &str) -> Error {
    Error::unsupported(
        format!("FETCH ... WITH TIES beside {beside} is not supported on the embedded engine"),
        "Write it over a subquery.",
    )
}

/// Whether it says DISTINCT ON.
pub(super) fn is_on(select: &Select) -> bool {
    matches!(select.distinct, Some(Distinct::On(_)))
}

fn refuse_foreign_clauses(select: &Select) -> Result<()> {
    let foreign = select.top.is_some()
        || select.into.is_some()
        || !select.lateral_views.is_empty()
        || select.prewhere.is_some()
        || !select.connect_by.is_empty()
        || !select.cluster_by.is_empty()
        || !select.distribute_by.is_empty()
        || !select.sort_by.is_empty()
        || select.qualify.is_some()
        || select.value_table_mode.is_some()
        || select.exclude.is_some();
    if select.into.is_some() {
        return Err(Error::unsupported(
            "SELECT INTO is not supported",
            "Write CREATE TABLE ... and INSERT ... SELECT.",
        ));
    }
    if foreign { Err(Error::new("42601", "syntax error in SELECT")) } else { Ok(()) }
}
