//! Queries: SELECT with its clauses, VALUES, set operations.

use std::collections::HashSet;
use std::rc::Rc;

use basalt_core::{Error, Result};
use basalt_types::{Type, Typmod};
use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, OrderByExpr, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr,
    SetOperator, SetQuantifier, Spanned, Values,
};

use super::aggregate::has_aggregate;
use super::compiler::Compiler;
use super::from::conjuncts;
use super::name::column_name;
use super::order;
use super::overload;
use super::scope::{Clause, Grouping, Scope, Source};
use super::typed::{CastContext, Form, Typed};
use super::types::split_name;
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
}

/// An item of a select list.
struct Item {
    name: String,
    value: Typed,
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

    fn query(&mut self, outer: Option<&Scope<'_>>, query: &Query, wanted: Wanted<'_>) -> Result<BoundQuery> {
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
        let (limit, at_most_one) = self.bind_limit(&empty, query.limit_clause.as_ref(), query.fetch.as_ref())?;
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
    fn set_expr(&mut self, outer: Option<&Scope<'_>>, body: &SetExpr, wanted: Wanted<'_>) -> Result<BoundQuery> {
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

    fn select(
        &mut self,
        outer: Option<&Scope<'_>>,
        select: &Select,
        keys: &[OrderByExpr],
        limit: &str,
        wanted: Wanted<'_>,
    ) -> Result<BoundQuery> {
        refuse_foreign_clauses(select)?;
        let mut scope = Scope::new(outer);
        let mut from = self.bind_from(&mut scope, &select.from)?;
        let set_items = self.bind_set_items(&mut scope, &mut from, &select.projection)?;
        *scope.windows.borrow_mut() = select.named_window.clone();
        let filter = self.bind_where(&scope, &mut from, select.selection.as_ref())?;

        let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(exprs, _) if exprs.is_empty());
        let aggregated = grouped
            || select.having.is_some()
            || select.projection.iter().any(has_aggregate)
            || keys.iter().any(has_aggregate);
        let group_keys = self.bind_group_by(&scope, select)?;
        if aggregated {
            let grouping = grouping_of(&scope, &group_keys);
            *scope.grouping.borrow_mut() = Some(Rc::new(grouping));
        }
        scope.clause.set(Clause::Output);
        let mut items = self.bind_items(&scope, &select.projection, &set_items, wanted)?;
        let having = match &select.having {
            Some(having) => {
                scope.clause.set(Clause::Having);
                Some(self.bind_condition(&scope, having, "HAVING")?)
            }
            None => None,
        };
        scope.clause.set(Clause::Output);
        let distinct = matches!(select.distinct, Some(Distinct::Distinct));
        for item in &mut items {
            item.value = match wanted.undecided {
                true if item.value.is_unknown() => item.value.clone(),
                _ => self.storable(item.value.clone())?,
            };
            if (distinct || wanted.collated) && !item.value.collated {
                item.value.sql = item.value.collated_sql();
                item.value.collated = item.value.ty.collation().is_some();
            }
        }
        let order = self.bind_order_by(&scope, keys, &items, select)?;
        self.check_unread(&scope)?;

        let mut effects = Typed::new("", Type::VOID);
        let values = items.iter().map(|i| &i.value);
        let keys = group_keys.iter().map(|(_, key)| key).chain(order.iter().map(|(key, _)| key));
        values.chain(&from.effects).chain(&having).chain(keys).for_each(|e| effects.absorb(e));
        effects.sources.retain(|id| scope.source(*id).is_none());

        let columns = columns_of(&scope, &items);
        let at_most_one =
            (aggregated && !grouped) || scope.sources.iter().all(|s| s.at_most_one) || self.finds_one(&scope, select);
        let value =
            (scope.sources.is_empty() && from.is_empty() && filter.is_none() && !aggregated && limit.is_empty())
                .then(|| items.first().map(|i| i.value.clone()))
                .flatten()
                .filter(|value| items.len() == 1 && !value.volatile);

        let list: Vec<String> = items.iter().zip(&columns).map(|(item, column)| output(item, column)).collect();
        let on = match &select.distinct {
            Some(Distinct::On(exprs)) => Some(self.bind_distinct_on(&scope, exprs, &items, &order)?),
            _ => None,
        };
        let mut rest = String::new();
        if !from.is_empty() {
            rest.push_str(&format!(" FROM {}", from.sql()));
        }
        if let Some(filter) = &filter {
            rest.push_str(&format!(" WHERE {filter}"));
        }
        if grouped {
            let keys: Vec<String> = group_keys.iter().map(|(_, key)| group_key(key)).collect();
            rest.push_str(&format!(" GROUP BY {}", keys.join(", ")));
        }
        if let Some(having) = &having {
            // SQLite wants a GROUP BY before it.
            rest.push_str(if grouped { "" } else { " GROUP BY NULL" });
            rest.push_str(&format!(" HAVING {}", having.sql));
        }
        let order_sql: Vec<&str> = order.iter().map(|(_, sql)| sql.as_str()).collect();
        let sql = match on {
            Some(partition) => distinct_on(&list, &columns, &rest, &partition, &order, limit),
            None => {
                let word = if distinct { "SELECT DISTINCT" } else { "SELECT" };
                let list = if list.is_empty() { "NULL".to_owned() } else { list.join(", ") };
                let order =
                    if order_sql.is_empty() { String::new() } else { format!(" ORDER BY {}", order_sql.join(", ")) };
                format!("{word} {list}{rest}{order}{limit}")
            }
        };
        let protected = scope.sources.iter().any(|s| s.protected || s.guard.is_some());
        Ok(BoundQuery { sql, columns, at_most_one, protected, effects, value })
    }

    /// The select list, `*` expanded; what the place wants done with each value.
    fn bind_items(
        &mut self,
        scope: &Scope<'_>,
        projection: &[SelectItem],
        set_items: &[Option<usize>],
        wanted: Wanted<'_>,
    ) -> Result<Vec<Item>> {
        let mut items: Vec<Item> = Vec::with_capacity(projection.len());
        for (index, item) in projection.iter().enumerate() {
            let expected = wanted.types.and_then(|(types, _)| types.get(items.len())).map(|(ty, _)| ty);
            match item {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                    let name = match item {
                        SelectItem::ExprWithAlias { alias, .. } => super::types::fold(alias),
                        _ => column_name(expr),
                    };
                    let value = match set_items.get(index).copied().flatten() {
                        Some(id) => match scope.source(id) {
                            Some(source) => set_item_value(source),
                            None => return Err(Error::internal("a set function's source is lost")),
                        },
                        None => self.bind_expr(scope, expr, expected)?,
                    };
                    items.push(Item { name, value });
                }
                SelectItem::Wildcard(_) => self.expand_all(scope, &mut items, item)?,
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                    let (schema, alias) = split_name(name)?;
                    match scope.named(schema.as_deref(), &alias) {
                        Some((source, level)) => self.expand(level, source, &mut items)?,
                        None => self.expand_argument(scope, name, &alias, &mut items)?,
                    }
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(expr), _) => {
                    let row = self.bind_expr(scope, expr, None)?;
                    self.expand_row(&row, &mut items)?;
                }
                other => return Err(Error::new("42601", format!("syntax error at or near \"{other}\""))),
            }
        }
        if let Some((types, context)) = wanted.types {
            // More columns than wanted are the caller's to refuse, who knows what it is that has too few.
            for (item, (ty, typmod)) in items.iter_mut().zip(types) {
                item.value = self.coerce(item.value.clone(), ty, *typmod, context)?;
            }
        }
        Ok(items)
    }

    /// Binds a select list (or RETURNING): names and values, `*` expanded.
    pub fn bind_projection(&mut self, scope: &Scope<'_>, items: &[SelectItem]) -> Result<Vec<(String, Typed)>> {
        let outer = scope.clause.replace(Clause::Rows("RETURNING"));
        let bound = self.bind_items(scope, items, &[], Wanted::default());
        scope.clause.set(outer);
        bound?.into_iter().map(|item| Ok((item.name, self.storable(item.value)?))).collect()
    }

    fn expand_all(&mut self, scope: &Scope<'_>, items: &mut Vec<Item>, item: &SelectItem) -> Result<()> {
        if scope.sources.iter().all(|s| s.qualified_only) {
            let error = Error::new("42601", "SELECT * with no tables specified is not valid");
            return Err(self.place(error, item.span()));
        }
        let mut merged = Vec::new();
        for column in &scope.merged {
            items.push(Item { name: column.name.clone(), value: self.merged_value(scope, column)? });
            merged.extend(column.parts.iter().copied());
        }
        for source in scope.sources.iter().filter(|s| !s.qualified_only) {
            for (index, column) in source.columns.iter().enumerate() {
                if !column.hidden && !merged.contains(&(source.id, index)) {
                    let value = self.use_column(scope, source, index, false)?;
                    items.push(Item { name: column.name.clone(), value });
                }
            }
        }
        Ok(())
    }

    fn merged_value(&mut self, scope: &Scope<'_>, merged: &super::scope::Merged) -> Result<Typed> {
        for &(id, column) in &merged.parts {
            if let Some(source) = scope.source(id) {
                self.use_column(scope, source, column, false)?;
            }
        }
        Ok(merged.value.clone())
    }

    fn expand(&mut self, level: &Scope<'_>, source: &Source, items: &mut Vec<Item>) -> Result<()> {
        for (index, column) in source.columns.iter().enumerate().filter(|(_, c)| !c.hidden) {
            let value = self.use_column(level, source, index, false)?;
            items.push(Item { name: column.name.clone(), value });
        }
        Ok(())
    }

    fn expand_row(&mut self, row: &Typed, items: &mut Vec<Item>) -> Result<()> {
        let Type::Record(fields) = &row.ty else {
            return Err(Error::new("42809", format!("type {} is not composite", row.ty.sql_name())));
        };
        for (name, _) in fields.iter() {
            items.push(Item { name: name.clone(), value: self.field(row, name)? });
        }
        Ok(())
    }

    fn expand_argument(
        &mut self,
        scope: &Scope<'_>,
        name: &sqlparser::ast::ObjectName,
        alias: &str,
        items: &mut Vec<Item>,
    ) -> Result<()> {
        let args = scope.levels().find_map(|level| level.args.clone());
        match args.and_then(|args| args.values.iter().find(|(arg, _)| arg == alias).map(|(_, v)| v.clone())) {
            Some(row) => self.expand_row(&row, items),
            None => {
                let error = Error::new("42P01", format!("missing FROM-clause entry for table \"{alias}\""));
                Err(self.place(error, name.span()))
            }
        }
    }

    /// GROUP BY: each key with the expression that it is in the select list too.
    fn bind_group_by(&mut self, scope: &Scope<'_>, select: &Select) -> Result<Vec<(Option<Expr>, Typed)>> {
        let exprs = match &select.group_by {
            GroupByExpr::Expressions(exprs, modifiers) if modifiers.is_empty() => exprs,
            _ => return Err(Error::unsupported("GROUP BY ALL is not supported", "Name the columns.")),
        };
        let outer = scope.clause.replace(Clause::Rows("GROUP BY"));
        let mut keys = Vec::with_capacity(exprs.len());
        for expr in exprs {
            let meant = self.group_expr(scope, expr, &select.projection)?;
            let key = self.bind_expr(scope, meant, None)?;
            let key = self.storable(key)?;
            keys.push((Some(meant.clone()), key));
        }
        scope.clause.set(outer);
        Ok(keys)
    }

    /// What a GROUP BY key means: an input column first, then an output column's name, or its position.
    fn group_expr<'e>(&mut self, scope: &Scope<'_>, expr: &'e Expr, projection: &'e [SelectItem]) -> Result<&'e Expr> {
        let names: Vec<String> = projection.iter().map(|_| String::new()).collect();
        let item_expr = |item: &'e SelectItem| match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
            _ => None,
        };
        if let Some(position) = order::position(expr, &names, "GROUP BY")? {
            let before = &projection[..=position];
            return match before.iter().map(item_expr).collect::<Option<Vec<_>>>() {
                Some(exprs) => Ok(exprs[position]),
                None => Err(Error::unsupported("GROUP BY position after *", "Name the columns.")),
            };
        }
        if let Expr::Identifier(ident) = expr {
            let name = super::types::fold(ident);
            let is_input = scope.sources.iter().any(|s| s.columns.iter().any(|c| c.name == name && !c.hidden));
            let aliased = projection.iter().find_map(|item| match item {
                SelectItem::ExprWithAlias { expr, alias } if super::types::fold(alias) == name => Some(expr),
                _ => None,
            });
            if let (false, Some(aliased)) = (is_input, aliased) {
                return Ok(aliased);
            }
        }
        Ok(expr)
    }

    /// ORDER BY of a SELECT: each key's value, and as SQLite source.
    fn bind_order_by(
        &mut self,
        scope: &Scope<'_>,
        keys: &[OrderByExpr],
        items: &[Item],
        select: &Select,
    ) -> Result<Vec<(Typed, String)>> {
        let names: Vec<String> = items.iter().map(|i| i.name.clone()).collect();
        let distinct = matches!(select.distinct, Some(Distinct::Distinct));
        let mut bound = Vec::with_capacity(keys.len());
        for key in keys {
            let at = match order::output_name(&key.expr, &names)? {
                Some(at) => Some(at),
                None => order::position(&key.expr, &names, "ORDER BY").map_err(|e| self.place(e, key.expr.span()))?,
            };
            let value = match at {
                Some(at) => items[at].value.clone(),
                None => {
                    let value = self.bind_expr(scope, &key.expr, None)?;
                    self.storable(value)?
                }
            };
            if distinct && at.is_none() && !items.iter().any(|i| i.value.sql == value.sql) {
                let error = Error::new("42P10", "for SELECT DISTINCT, ORDER BY expressions must appear in select list");
                return Err(self.place(error, key.expr.span()));
            }
            if value.ty == Type::JSON {
                let error = Error::new("42883", "could not identify an ordering operator for type json")
                    .with_hint("Use an explicit ordering operator or modify the query.");
                return Err(self.place(error, key.expr.span()));
            }
            let sql = match (at, &value.form) {
                // The output column itself, rather than its expression computed again.
                (Some(at), Form::Other | Form::Constant(_) | Form::Param(_)) if !is_on(select) => {
                    let position = Typed { sql: (at + 1).to_string(), ..value.clone() };
                    order::key(&position, &key.options)?
                }
                _ => order::key(&value, &key.options)?,
            };
            bound.push((value, sql));
        }
        Ok(bound)
    }

    /// ORDER BY after a set operation: output columns only.
    fn order_by_output(&mut self, columns: &[BoundColumn], keys: &[OrderByExpr]) -> Result<String> {
        let names: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
        let mut sql = Vec::with_capacity(keys.len());
        for key in keys {
            let at = match order::output_name(&key.expr, &names)? {
                Some(at) => Some(at),
                None => order::position(&key.expr, &names, "ORDER BY")?,
            };
            let Some(at) = at else {
                let error = match &key.expr {
                    Expr::Identifier(ident) => {
                        Error::new("42703", format!("column \"{}\" does not exist", super::types::fold(ident)))
                    }
                    _ => Error::new("0A000", "invalid UNION/INTERSECT/EXCEPT ORDER BY clause")
                        .with_detail("Only result column names can be used, not expressions or functions."),
                };
                return Err(self.place(error, key.expr.span()));
            };
            let column = &columns[at];
            let mut value = Typed::new((at + 1).to_string(), column.ty.clone());
            value.not_null = column.not_null;
            sql.push(order::key(&value, &key.options)?);
        }
        Ok(if sql.is_empty() { String::new() } else { format!(" ORDER BY {}", sql.join(", ")) })
    }

    /// The partition of DISTINCT ON; 42P10 if ORDER BY does not start with it.
    fn bind_distinct_on(
        &mut self,
        scope: &Scope<'_>,
        exprs: &[Expr],
        items: &[Item],
        order: &[(Typed, String)],
    ) -> Result<Vec<String>> {
        let names: Vec<String> = items.iter().map(|i| i.name.clone()).collect();
        let mut partition = Vec::with_capacity(exprs.len());
        for expr in exprs {
            let at = match order::output_name(expr, &names)? {
                Some(at) => Some(at),
                None => order::position(expr, &names, "DISTINCT ON")?,
            };
            let value = match at {
                Some(at) => items[at].value.clone(),
                None => self.bind_expr(scope, expr, None)?,
            };
            partition.push(self.storable(value)?.collated_sql());
        }
        let leading = order.iter().take(partition.len());
        if !order.is_empty() && !leading.clone().all(|(value, _)| partition.contains(&value.collated_sql())) {
            return Err(Error::new("42P10", "SELECT DISTINCT ON expressions must match initial ORDER BY expressions"));
        }
        Ok(partition)
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

    fn values(&mut self, outer: Option<&Scope<'_>>, values: &Values, wanted: Wanted<'_>) -> Result<BoundQuery> {
        let scope = Scope::new(outer);
        scope.clause.set(Clause::Rows("VALUES"));
        let width = values.rows.first().map_or(0, |row| row.content.len());
        let mut columns: Vec<Vec<Typed>> = vec![Vec::with_capacity(values.rows.len()); width];
        for row in &values.rows {
            if row.content.len() != width {
                return Err(Error::new("42601", "VALUES lists must all be the same length"));
            }
            for (column, expr) in row.content.iter().enumerate() {
                let expected = wanted.types.and_then(|(types, _)| types.get(column)).map(|(ty, _)| ty);
                columns[column].push(self.bind_expr(&scope, expr, expected)?);
            }
        }
        let mut effects = Typed::new("", Type::VOID);
        let mut described = Vec::with_capacity(width);
        for (index, column) in columns.iter_mut().enumerate() {
            let target = wanted.types.and_then(|(types, context)| types.get(index).map(|t| (t, context)));
            let (mut unified, ty, typmod) = match target {
                Some(((ty, typmod), context)) => {
                    let values = std::mem::take(column).into_iter().map(|v| self.coerce(v, ty, *typmod, context));
                    (values.collect::<Result<Vec<_>>>()?, ty.clone(), *typmod)
                }
                None if wanted.undecided && column.iter().all(Typed::is_unknown) => {
                    (std::mem::take(column), Type::UNKNOWN, None)
                }
                None => {
                    let (values, ty) = self.unify(std::mem::take(column), "VALUES")?;
                    (values, ty, None)
                }
            };
            for value in &mut unified {
                if wanted.collated {
                    value.sql = value.collated_sql();
                }
                effects.absorb(value);
            }
            let name = format!("column{}", index + 1);
            described.push(BoundColumn {
                sqlite: name.clone(),
                name,
                ty,
                typmod,
                not_null: unified.iter().all(|v| v.not_null),
                collated: false,
                source: None,
            });
            *column = unified;
        }
        let rows = (0..values.rows.len()).map(|row| {
            let items: Vec<&str> = columns.iter().map(|column| column[row].sql.as_str()).collect();
            format!("({})", items.join(", "))
        });
        let sql = format!("VALUES {}", rows.collect::<Vec<_>>().join(", "));
        let at_most_one = values.rows.len() <= 1;
        Ok(BoundQuery { sql, columns: described, at_most_one, protected: false, effects, value: None })
    }

    fn set_operation(
        &mut self,
        outer: Option<&Scope<'_>>,
        left: &SetExpr,
        op: SetOperator,
        quantifier: SetQuantifier,
        right: &SetExpr,
        wanted: Wanted<'_>,
    ) -> Result<BoundQuery> {
        let all = matches!(quantifier, SetQuantifier::All);
        let word = match (op, all) {
            (SetOperator::Union, true) => "UNION ALL",
            (SetOperator::Union, false) => "UNION",
            (SetOperator::Intersect, false) => "INTERSECT",
            (SetOperator::Except, false) => "EXCEPT",
            (op, _) => {
                return Err(Error::unsupported(
                    format!("{op} ALL is not supported on the embedded engine"),
                    "Number equal rows with row_number() and leave out ALL.",
                ));
            }
        };
        let loose = Wanted { undecided: true, collated: !all, ..Wanted::default() };
        let first = self.set_expr(outer, left, loose)?;
        let second = self.set_expr(outer, right, loose)?;
        if first.columns.len() != second.columns.len() {
            let name = if op == SetOperator::Union { "UNION" } else { word };
            return Err(Error::new("42601", format!("each {name} query must have the same number of columns")));
        }
        let mut types = Vec::with_capacity(first.columns.len());
        for (index, (a, b)) in first.columns.iter().zip(&second.columns).enumerate() {
            let target = wanted.types.and_then(|(types, _)| types.get(index).cloned());
            let same_modifier = if a.typmod == b.typmod { a.typmod } else { None };
            types.push(match (target, overload::common(&a.ty, &b.ty)) {
                (Some(target), _) => target,
                (None, Some(Type::UNKNOWN)) => (Type::TEXT, None),
                (None, Some(ty)) => (ty, same_modifier),
                (None, None) => {
                    let name = if op == SetOperator::Union { "UNION" } else { word };
                    let (a, b) = (a.ty.sql_name(), b.ty.sql_name());
                    return Err(Error::new("42804", format!("{name} types {a} and {b} cannot be matched")));
                }
            });
        }
        let context = wanted.types.map_or(CastContext::Implicit, |(_, context)| context);
        let exact = Wanted { types: Some((&types, context)), undecided: false, collated: !all || wanted.collated };
        let fits = |query: &BoundQuery| {
            query
                .columns
                .iter()
                .zip(&types)
                .all(|(c, (ty, typmod))| c.ty == *ty && (typmod.is_none() || *typmod == c.typmod))
        };
        let first = if fits(&first) && !wanted.collated { first } else { self.set_expr(outer, left, exact)? };
        let second = if fits(&second) && !wanted.collated { second } else { self.set_expr(outer, right, exact)? };
        let mut effects = first.effects;
        effects.absorb(&second.effects);
        let columns =
            first.columns.into_iter().zip(&second.columns).zip(&types).map(|((a, b), (ty, typmod))| BoundColumn {
                ty: ty.clone(),
                typmod: *typmod,
                not_null: a.not_null && b.not_null,
                collated: a.collated && b.collated,
                source: None,
                ..a
            });
        Ok(BoundQuery {
            sql: format!("{} {word} {}", operand(first.sql, left, true), operand(second.sql, right, false)),
            columns: columns.collect(),
            at_most_one: false,
            protected: first.protected || second.protected,
            effects,
            value: None,
        })
    }
}

/// An operand of a compound SELECT: SQLite takes plain SELECTs, from left to right.
fn operand(sql: String, body: &SetExpr, first: bool) -> String {
    match body {
        SetExpr::Select(select) if !is_on(select) => sql,
        SetExpr::Values(_) => sql,
        SetExpr::SetOperation { .. } if first => sql,
        _ => format!("SELECT * FROM ({sql})"),
    }
}

fn is_on(select: &Select) -> bool {
    matches!(select.distinct, Some(Distinct::On(_)))
}

/// What the keys of a group determine.
fn grouping_of(scope: &Scope<'_>, keys: &[(Option<Expr>, Typed)]) -> Grouping {
    let mut columns = Vec::new();
    let mut exprs = Vec::new();
    for (expr, key) in keys {
        match (&key.form, expr) {
            (Form::Column(source, column), _) => columns.push((*source, *column)),
            (_, Some(expr)) => exprs.push(expr.clone()),
            _ => {}
        }
    }
    let determined = scope.sources.iter().filter(|source| {
        let key = source.relation.as_ref().filter(|r| r.view().is_none()).and_then(|r| r.primary_key());
        key.is_some_and(|key| {
            let grouped = |name: &String| {
                source.columns.iter().position(|c| c.name == *name).is_some_and(|i| columns.contains(&(source.id, i)))
            };
            !key.is_empty() && key.iter().all(grouped)
        })
    });
    let determined = determined.map(|s| s.id).collect();
    Grouping { columns, exprs, determined }
}

/// A key of GROUP BY. A bare number would be a position.
fn group_key(key: &Typed) -> String {
    match key.form {
        Form::Constant(_) => format!("({} || '')", key.sql),
        _ => key.collated_sql(),
    }
}

/// The row, or its one column, of a set function of the select list.
fn set_item_value(source: &Source) -> Typed {
    match source.columns.len() {
        1 => source.value(0),
        _ => super::row::of_source(source),
    }
}

/// The columns of a select list, with names that are unique in SQLite.
fn columns_of(scope: &Scope<'_>, items: &[Item]) -> Vec<BoundColumn> {
    let mut taken: HashSet<String> = HashSet::new();
    let mut columns = Vec::with_capacity(items.len());
    for item in items {
        let mut sqlite = item.name.clone();
        let mut number = 2;
        // SQLite's names differ by more than case.
        while !taken.insert(sqlite.to_lowercase()) {
            sqlite = format!("{}_{number}", item.name);
            number += 1;
        }
        let source = match item.value.form {
            Form::Column(id, index) => scope.source(id).and_then(|source| {
                let relation = source.relation.as_ref()?;
                Some((relation.name.clone(), relation.columns.get(index)?.name.clone()))
            }),
            _ => None,
        };
        columns.push(BoundColumn {
            name: item.name.clone(),
            sqlite,
            ty: item.value.ty.clone(),
            typmod: item.value.typmod,
            not_null: item.value.not_null,
            collated: item.value.collated,
            source,
        });
    }
    columns
}

/// An item of SQLite's select list; a column that has the wanted name anyway needs no alias.
fn output(item: &Item, column: &BoundColumn) -> String {
    let name = quote::ident(&column.sqlite);
    let is_named = matches!(item.value.form, Form::Column(..)) && item.value.sql.ends_with(&format!(".{name}"));
    if is_named { item.value.sql.clone() } else { format!("{} AS {name}", item.value.sql) }
}

/// `distinct on (...)`: the first row of each partition.
fn distinct_on(
    list: &[String],
    columns: &[BoundColumn],
    rest: &str,
    partition: &[String],
    order: &[(Typed, String)],
    limit: &str,
) -> String {
    let keys: Vec<&str> = order.iter().map(|(_, sql)| sql.as_str()).collect();
    let over = if keys.is_empty() { String::new() } else { format!(" ORDER BY {}", keys.join(", ")) };
    let mut inner = list.to_vec();
    inner.push(format!("row_number() OVER (PARTITION BY {}{over}) AS _n", partition.join(", ")));
    inner.push(format!("row_number() OVER ({}) AS _o", over.trim_start()));
    let names: Vec<String> = columns.iter().map(|c| quote::ident(&c.sqlite)).collect();
    let outer_order = if keys.is_empty() { "" } else { " ORDER BY _o" };
    format!("SELECT {} FROM (SELECT {}{rest}) WHERE _n = 1{outer_order}{limit}", names.join(", "), inner.join(", "))
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
