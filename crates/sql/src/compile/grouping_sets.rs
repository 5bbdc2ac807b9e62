//! GROUPING SETS, ROLLUP and CUBE: one SELECT for each set, joined by UNION ALL. A key that is not in a set is NULL there.

use std::collections::{BTreeSet, HashSet};

use basalt_core::{Error, Result};
use basalt_types::{Type, Value};
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, GroupByExpr, Ident, ObjectNamePart, OrderByExpr, OrderByOptions,
    Select, SelectItem,
};

use super::carried_groups::elements;
use super::compiler::Compiler;
use super::function::argument_list;
use super::group::single_keys;
use super::name::column_name;
use super::order;
use super::parse::parse_expr;
use super::scope::{Clause, Grouping, KeyExpr, Scope};
use super::select::{BoundQuery, Wanted, is_on};
use super::set_calls::has_window;
use super::typed::{Form, Typed};
use super::types::fold;
use crate::quote;

/// SQLite joins no more SELECTs.
const MOST_SETS: usize = 500;

/// Elements of a CUBE at most, as in PostgreSQL.
const MOST_CUBED: usize = 12;

/// A key of ORDER BY: which column it is.
type Key<'k> = (usize, &'k OrderByOptions);

/// The sets that a GROUP BY asks for; `None` if it is a plain one.
///
/// Errors: 54001 for too many.
pub(super) fn sets_of(group_by: &GroupByExpr) -> Result<Option<Vec<Vec<Expr>>>> {
    let Some((elements, distinct)) = elements(group_by) else { return Ok(None) };
    let is_set = |expr: &Expr| match expr {
        Expr::GroupingSets(_) | Expr::Rollup(_) | Expr::Cube(_) => true,
        Expr::Tuple(items) => items.is_empty(),
        _ => false,
    };
    if !elements.iter().any(is_set) {
        return Ok(None);
    }
    let mut sets: Vec<Vec<Expr>> = vec![Vec::new()];
    for element in elements {
        // They are counted before they are made: a short text may ask for more than there is memory.
        if sets.len() * count(element)? > MOST_SETS {
            return Err(Error::new("54001", format!("too many grouping sets present (maximum {MOST_SETS})")));
        }
        let choices = choices(element);
        let joined =
            |set: &Vec<Expr>| choices.iter().map(|choice| [set.as_slice(), choice].concat()).collect::<Vec<_>>();
        sets = sets.iter().flat_map(joined).collect();
    }
    let single = |set: &Vec<Expr>| set.iter().flat_map(single_keys).cloned().collect();
    let mut sets: Vec<Vec<Expr>> = sets.iter().map(single).collect();
    if distinct {
        let mut known: HashSet<BTreeSet<Expr>> = HashSet::new();
        sets.retain(|set| known.insert(set.iter().cloned().collect()));
    }
    Ok(Some(sets))
}

/// How many sets an element stands for.
///
/// Errors: 54011 for too large a CUBE.
fn count(element: &Expr) -> Result<usize> {
    match element {
        Expr::GroupingSets(sets) => sets.iter().map(|set| within(set).map_or(Ok(1), |inner| count(&inner))).sum(),
        Expr::Rollup(items) => Ok(items.len() + 1),
        Expr::Cube(items) if items.len() > MOST_CUBED => {
            Err(Error::new("54011", format!("CUBE is limited to {MOST_CUBED} elements")))
        }
        Expr::Cube(items) => Ok(1 << items.len()),
        _ => Ok(1),
    }
}

/// The sets that an element stands for.
fn choices(element: &Expr) -> Vec<Vec<Expr>> {
    match element {
        Expr::GroupingSets(sets) => {
            sets.iter().flat_map(|set| within(set).map_or_else(|| vec![set.clone()], |inner| choices(&inner))).collect()
        }
        Expr::Rollup(items) => (0..=items.len()).rev().map(|count| items[..count].concat()).collect(),
        Expr::Cube(items) => cubed(items),
        Expr::Tuple(items) => vec![items.clone()],
        plain => vec![vec![plain.clone()]],
    }
}

/// ROLLUP or CUBE as one of several grouping sets, which the parser takes for a call.
fn within(set: &[Expr]) -> Option<Expr> {
    let [Expr::Function(function)] = set else { return None };
    let [ObjectNamePart::Identifier(name)] = function.name.0.as_slice() else { return None };
    let (args, ..) = argument_list(function).ok()?;
    let items = args.iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Tuple(items))) => Some(items.clone()),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(item)) => Some(vec![item.clone()]),
        _ => None,
    });
    let items = items.collect::<Option<Vec<_>>>()?;
    match fold(name).as_str() {
        "rollup" if name.quote_style.is_none() => Some(Expr::Rollup(items)),
        "cube" if name.quote_style.is_none() => Some(Expr::Cube(items)),
        _ => None,
    }
}

/// Every selection of the elements, the whole first.
fn cubed(items: &[Vec<Expr>]) -> Vec<Vec<Expr>> {
    let selected = |mask: usize| {
        let chosen = items.iter().enumerate().filter(|(at, _)| mask & (1 << (items.len() - 1 - at)) != 0);
        chosen.flat_map(|(_, item)| item.clone()).collect()
    };
    (0..1_usize << items.len()).rev().map(selected).collect()
}

impl Compiler<'_> {
    /// A SELECT over several sets of keys.
    pub(super) fn bind_grouping_sets(
        &mut self,
        outer: Option<&Scope<'_>>,
        select: &Select,
        keys: &[OrderByExpr],
        limit: &str,
        wanted: Wanted<'_>,
        sets: &[Vec<Expr>],
    ) -> Result<BoundQuery> {
        refuse_beside_sets(select, keys, wanted)?;
        let visible = select.projection.len();
        let (projection, order) = with_keys(select, keys)?;
        let distinct = select.distinct.is_some();
        if distinct && projection.len() > visible {
            return Err(Error::new("42P10", "for SELECT DISTINCT, ORDER BY expressions must appear in select list"));
        }
        let mut known = HashSet::new();
        let all: Vec<&Expr> = sets.iter().flatten().filter(|expr| known.insert(*expr)).collect();
        let wanted = Wanted { collated: wanted.collated || distinct, undecided: false, ..wanted };
        let mut branches: Vec<BoundQuery> = Vec::with_capacity(sets.len());
        for set in sets {
            let own: HashSet<&Expr> = set.iter().collect();
            let absent: Vec<Expr> =
                all.iter().filter(|expr| !own.contains(*expr)).map(|expr| (*expr).clone()).collect();
            let branch = branch_of(select, &projection, set)?;
            let wanted = Wanted { absent: &absent, ..wanted };
            branches.push(self.deeper(|c| c.select(outer, &branch, &[], "", wanted))?);
        }
        self.joined_sets(branches, visible, distinct, &order, limit)
    }

    fn joined_sets(
        &mut self,
        branches: Vec<BoundQuery>,
        visible: usize,
        distinct: bool,
        order: &[Key<'_>],
        limit: &str,
    ) -> Result<BoundQuery> {
        let union: Vec<&str> = branches.iter().map(|branch| branch.sql.as_str()).collect();
        let union = union.join(" UNION ALL ");
        let mut effects = Typed::new("", Type::VOID);
        branches.iter().for_each(|branch| effects.absorb(&branch.effects));
        let protected = branches.iter().any(|branch| branch.protected);
        let at_most_one = branches.len() == 1 && branches[0].at_most_one;
        let leaks = |at: usize| branches.iter().any(|branch| !branch.columns[at].leakproof);
        let leaks: Vec<bool> = (0..branches.first().map_or(0, |first| first.columns.len())).map(leaks).collect();
        let mut columns = branches.into_iter().next().map(|first| first.columns).unwrap_or_default();
        for (column, leaks) in columns.iter_mut().zip(leaks) {
            (column.not_null, column.source, column.collated, column.leakproof) = (false, None, false, !leaks);
        }
        let mut keys = Vec::with_capacity(order.len());
        for (at, options) in order {
            keys.push(order::key(&columns[*at].value("_g"), options)?);
        }
        columns.truncate(visible);
        let shown: Vec<String> = columns.iter().map(|column| format!("_g.{}", quote::ident(&column.sqlite))).collect();
        let word = if distinct { "SELECT DISTINCT" } else { "SELECT" };
        let order = if keys.is_empty() { String::new() } else { format!(" ORDER BY {}", keys.join(", ")) };
        let sql = format!("{word} {} FROM ({union}) AS _g{order}{limit}", shown.join(", "));
        Ok(BoundQuery { sql, columns, at_most_one, protected, effects, value: None })
    }

    /// Adds the keys of other sets to what a query is grouped by.
    pub(super) fn with_absent(
        &mut self,
        scope: &Scope<'_>,
        select: &Select,
        absent: &[Expr],
        mut grouping: Grouping,
    ) -> Result<Grouping> {
        let outer = scope.clause.replace(Clause::Rows("GROUP BY"));
        for expr in absent {
            let meant = self.group_expr(scope, expr, &select.projection)?.clone();
            let key = self.bind_expr(scope, &meant, None)?;
            match key.form {
                Form::Column(source, column) if !grouping.columns.contains(&(source, column)) => {
                    grouping.absent_columns.push((source, column));
                }
                Form::Column(..) => {}
                _ if grouping.exprs.iter().any(|known| known.is(&meant, &key)) => {}
                _ => grouping.absent_exprs.push(KeyExpr::new(&meant, &key)),
            }
        }
        scope.clause.set(outer);
        Ok(grouping)
    }

    /// `grouping(a, b)`: a bit for each argument, 1 where it is not among the set's keys.
    pub(super) fn bind_grouping(&mut self, scope: &Scope<'_>, function: &Function) -> Result<Typed> {
        let (args, ..) = argument_list(function)?;
        let level = scope.levels().find(|level| level.grouping.borrow().is_some());
        let misplaced =
            || Error::new("42803", "arguments to GROUPING must be grouping expressions of the associated query level");
        let level = level.ok_or_else(misplaced)?;
        if args.len() > 31 {
            return Err(Error::new("54023", "GROUPING must have fewer than 32 arguments"));
        }
        let mut bits = 0_i64;
        for arg in args {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = arg else { return Err(misplaced()) };
            let grouping = level.grouping.take();
            let bound = self.bind_expr(scope, expr, None);
            level.grouping.borrow_mut().clone_from(&grouping);
            let (bound, grouping) = (bound?, grouping.ok_or_else(misplaced)?);
            let is_absent = match bound.form {
                Form::Column(source, column) if grouping.columns.contains(&(source, column)) => false,
                Form::Column(source, column) if grouping.absent_columns.contains(&(source, column)) => true,
                _ if grouping.exprs.iter().any(|key| key.is(expr, &bound)) => false,
                _ if grouping.absent_exprs.iter().any(|key| key.is(expr, &bound)) => true,
                _ => return Err(misplaced()),
            };
            bits = bits << 1 | i64::from(is_absent);
        }
        Ok(Typed::constant(bits.into(), Type::INT4))
    }
}

/// 0A000 for what may not stand beside grouping sets.
fn refuse_beside_sets(select: &Select, keys: &[OrderByExpr], wanted: Wanted<'_>) -> Result<()> {
    if wanted.ties.is_some() {
        return Err(Error::unsupported(
            "FETCH ... WITH TIES beside grouping sets is not supported",
            "Write it over a subquery.",
        ));
    }
    if is_on(select) || select.projection.iter().any(has_window) || keys.iter().any(has_window) {
        return Err(Error::unsupported(
            "window functions and DISTINCT ON beside grouping sets are not supported on the embedded engine",
            "Write them over a subquery that has the grouping sets.",
        ));
    }
    Ok(())
}

/// The select list, with the keys of ORDER BY behind it that it doesn't have; and the keys.
fn with_keys<'k>(select: &Select, keys: &'k [OrderByExpr]) -> Result<(Vec<SelectItem>, Vec<Key<'k>>)> {
    let mut projection = select.projection.clone();
    let names = projection.iter().map(|item| match item {
        SelectItem::UnnamedExpr(expr) => Ok(column_name(expr)),
        SelectItem::ExprWithAlias { alias, .. } => Ok(fold(alias)),
        other => Err(Error::unsupported(format!("{other} beside grouping sets is not supported"), "Name the columns.")),
    });
    let names = names.collect::<Result<Vec<_>>>()?;
    let mut order = Vec::with_capacity(keys.len());
    for key in keys {
        let same = |a: usize, b: usize| value_of(&select.projection[a]) == value_of(&select.projection[b]);
        let at = match order::output_column(&key.expr, &names, same, "ORDER BY")? {
            Some(at) => at,
            None => {
                let alias = Ident::with_quote('"', format!("?order{}", projection.len()));
                projection.push(SelectItem::ExprWithAlias { expr: key.expr.clone(), alias });
                projection.len() - 1
            }
        };
        order.push((at, &key.options));
    }
    Ok((projection, order))
}

/// The expression of an item of a select list; `None` for a star.
fn value_of(item: &SelectItem) -> Option<&Expr> {
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
        _ => None,
    }
}

/// The SELECT over one of the sets.
fn branch_of(select: &Select, projection: &[SelectItem], set: &[Expr]) -> Result<Select> {
    let having = match &select.having {
        // Over no key there is one group, whether there are rows or not.
        None if set.is_empty() => Some(parse_expr("count(*) >= 0")?),
        having => having.clone(),
    };
    Ok(Select {
        distinct: None,
        projection: projection.to_vec(),
        group_by: GroupByExpr::Expressions(set.to_vec(), Vec::new()),
        having,
        ..select.clone()
    })
}

/// A key that the set does not have.
pub(super) fn null_of(key: Typed) -> Typed {
    Typed { typmod: key.typmod, ..Typed::constant(Value::Null, key.ty) }
}
