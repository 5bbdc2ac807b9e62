//! The clauses of one SELECT: bound in PostgreSQL's order, then put together for SQLite.

use std::rc::Rc;

use basalt_core::Result;
use basalt_types::Type;
use sqlparser::ast::{Distinct, OrderByExpr, Select};

use super::aggregate::has_aggregate;
use super::compare::require_equality;
use super::compiler::Compiler;
use super::filter::guarded_group;
use super::from::FromClause;
use super::group::{Key, grouping_of, is_grouped};
use super::order::unplaced;
use super::order_by::{SortKey, distinct_on, with_ties};
use super::projection::{Item, aliased};
use super::scope::{Clause, Scope};
use super::select::{BoundColumn, Wanted, no_ties};
use super::typed::Typed;

/// The bound clauses of a SELECT.
pub(super) struct Clauses {
    /// The select list.
    pub items: Vec<Item>,
    from: FromClause,
    filter: Option<String>,
    /// The keys of GROUP BY, if it has one.
    group_keys: Option<Vec<Key>>,
    having: Option<Typed>,
    /// Whether the select list has an aggregate.
    aggregates: bool,
    distinct: bool,
    /// The keys of DISTINCT ON.
    on: Option<Vec<String>>,
    order: Vec<SortKey>,
}

impl Compiler<'_> {
    /// Binds what a SELECT says; its sources are put into the scope.
    ///
    /// Errors: PostgreSQL's of each clause; 0A000 for WITH TIES beside DISTINCT.
    pub(super) fn bind_clauses(
        &mut self,
        scope: &mut Scope<'_>,
        select: &Select,
        keys: &[OrderByExpr],
        wanted: Wanted<'_>,
        aggregated: bool,
    ) -> Result<Clauses> {
        let mut from = self.bind_from(scope, &select.from)?;
        let set_calls = self.bind_set_items(scope, &mut from, &select.projection)?;
        *scope.windows.borrow_mut() = select.named_window.clone();
        self.bind_locks(scope, &mut from, wanted.locks)?;
        let filter = match self.bind_where(scope, &mut from, select.selection.as_ref()) {
            Ok(filter) => filter,
            // Of two names that nobody knows PostgreSQL tells the one that is selected.
            Err(error) if error.code() == "42703" => {
                scope.clause.set(Clause::Output);
                let selected = self.bind_items(scope, &select.projection, wanted).err();
                return Err(selected.filter(|selected| selected.code() == "42703").unwrap_or(error));
            }
            Err(error) => return Err(error),
        };

        *scope.set_calls.borrow_mut() = set_calls;
        let group_keys = self.bind_group_by(scope, select)?;
        if aggregated {
            let grouping = grouping_of(scope, &group_keys);
            let grouping = self.with_absent(scope, select, wanted.absent, grouping)?;
            *scope.grouping.borrow_mut() = Some(Rc::new(grouping));
        }
        scope.clause.set(Clause::Output);
        let folds = self.folds;
        self.folds &= !wanted.exists;
        let items = self.bind_items(scope, &select.projection, wanted);
        self.folds = folds;
        let mut items = items?;
        let having = match &select.having {
            Some(having) => {
                scope.clause.set(Clause::Having);
                Some(self.bind_condition(scope, having, "HAVING")?)
            }
            None => None,
        };
        scope.clause.set(Clause::Output);
        let distinct = matches!(select.distinct, Some(Distinct::Distinct));
        self.settle_items(&mut items, distinct, wanted)?;
        let order = self.bind_order_by(scope, keys, &items, distinct)?;
        self.check_unread(scope)?;
        let on = match &select.distinct {
            Some(Distinct::On(exprs)) => Some(self.bind_distinct_on(scope, exprs, &items, &order)?),
            _ => None,
        };
        match &on {
            Some(_) if wanted.ties.is_some() => return Err(no_ties("DISTINCT ON")),
            None if wanted.ties.is_some() && distinct => return Err(no_ties("DISTINCT")),
            _ => {}
        }
        let group_keys = is_grouped(select).then_some(group_keys);
        let aggregates = select.projection.iter().any(has_aggregate);
        Ok(Clauses { items, from, filter, group_keys, having, aggregates, distinct, on, order })
    }

    /// Makes values of the select list that SQLite can hold, and compare where they are compared.
    fn settle_items(&mut self, items: &mut [Item], distinct: bool, wanted: Wanted<'_>) -> Result<()> {
        for item in items {
            item.value = match wanted.undecided {
                true if item.value.is_unknown() => item.value.clone(),
                _ => self.storable(item.value.clone())?,
            };
            if distinct {
                require_equality(&item.value.ty)?;
            }
            if (distinct || wanted.collated) && !item.value.collated {
                item.value.sql = item.value.collated_sql();
                item.value.collated = item.value.ty.collation().is_some();
            }
        }
        Ok(())
    }
}

impl Clauses {
    /// Whether it is a select list without FROM and WHERE.
    pub(super) fn reads_nothing(&self) -> bool {
        self.from.is_empty() && self.filter.is_none()
    }

    /// What all of it reads, tells and may change.
    pub(super) fn effects(&self) -> Typed {
        let values = self.items.iter().map(|item| &item.value);
        let grouped = self.group_keys.iter().flatten().map(|key| &key.value);
        let ordered = self.order.iter().map(|key| &key.value);
        let all = values.chain(&self.from.effects).chain(&self.having).chain(grouped).chain(ordered);
        Typed::over("", Type::VOID, all)
    }

    /// The SELECT, its columns named as said; `ties` is the condition of the rows that FETCH ... WITH TIES wants.
    pub(super) fn sql(&self, columns: &[BoundColumn], limit: &str, ties: Option<&str>) -> String {
        let list: Vec<String> = self.items.iter().zip(columns).map(|(item, column)| aliased(item, column)).collect();
        let rest = self.rows();
        if let Some(partition) = &self.on {
            return distinct_on(list, columns, &rest, partition, &self.order, limit);
        }
        if let Some(ties) = ties {
            return with_ties(list, columns, &rest, &self.order, ties);
        }
        let word = if self.distinct { "SELECT DISTINCT" } else { "SELECT" };
        let list = if list.is_empty() { "NULL".to_owned() } else { list.join(", ") };
        let keys: Vec<&str> = self.order.iter().map(|key| key.sql.as_str()).collect();
        let order = if keys.is_empty() { String::new() } else { format!(" ORDER BY {}", keys.join(", ")) };
        format!("{word} {list}{rest}{order}{limit}")
    }

    /// FROM, WHERE, GROUP BY and HAVING.
    fn rows(&self) -> String {
        let mut rows = String::new();
        if !self.from.is_empty() {
            rows.push_str(&format!(" FROM {}", self.from.sql()));
        }
        if let Some(filter) = &self.filter {
            rows.push_str(&format!(" WHERE {filter}"));
        }
        if let Some(keys) = &self.group_keys {
            let keys: Vec<String> = keys.iter().map(|key| unplaced(&key.value)).collect();
            rows.push_str(&format!(" GROUP BY {}", keys.join(", ")));
        }
        match &self.having {
            Some(having) if self.group_keys.is_some() || self.aggregates => {
                let having = if self.group_keys.is_some() { guarded_group(having) } else { having.sql.clone() };
                rows.push_str(&format!(" HAVING {having}"));
            }
            // SQLite wants keys or an aggregate before it; what is selected reads no column.
            Some(having) => rows = format!(" FROM (SELECT count(*) AS _c, {} AS _h{rows}) WHERE _h", having.sql),
            None => {}
        }
        rows
    }
}
