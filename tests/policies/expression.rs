//! Conditions of policies and filters.

use std::collections::BTreeSet;

use super::world::{Value, World};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A condition over the columns of one table (the innermost), by index.
#[derive(Debug, Clone)]
pub enum Expr {
    Constant(bool),
    Compare(usize, Comparison, Value),
    Columns(usize, Comparison, usize),
    Flag(usize),
    IsNull(usize, bool),
    IsDistinct(usize, Value),
    In(usize, Vec<Value>, bool),
    /// `'x' = any (column)`
    AnyOf(String, usize),
    /// `column = auth.uid()`, in a scalar subquery if so said.
    IsCaller(usize, bool),
    /// `auth.jwt() ->> 'key' = 'value'`
    Claim(&'static str, &'static str),
    /// `column = auth.jwt() ->> 'key'`
    ClaimColumn(usize, &'static str),
    AuthRole(&'static str),
    CurrentUser(&'static str),
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    /// `exists (select 1 from table where inner = outer and condition)`
    Exists {
        table: usize,
        inner: usize,
        outer: usize,
        condition: Box<Expr>,
    },
    /// `column in (select inner from table where condition)`
    InTable {
        column: usize,
        table: usize,
        inner: usize,
        condition: Box<Expr>,
        negated: bool,
    },
    /// A call of a function with a column.
    Call(usize, usize),
}

impl Comparison {
    pub fn sql(self) -> &'static str {
        match self {
            Comparison::Equal => "=",
            Comparison::NotEqual => "<>",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        }
    }

    pub fn holds<T: PartialOrd + ?Sized>(self, a: &T, b: &T) -> bool {
        match self {
            Comparison::Equal => a == b,
            Comparison::NotEqual => a != b,
            Comparison::Less => a < b,
            Comparison::LessOrEqual => a <= b,
            Comparison::Greater => a > b,
            Comparison::GreaterOrEqual => a >= b,
        }
    }
}

impl Expr {
    /// As PostgreSQL source, over the row that `row` names.
    pub fn sql(&self, world: &World, table: usize, row: &str) -> String {
        let name = |column: &usize| format!("{row}.{}", world.tables[table].columns[*column].name);
        let all = |parts: &[Expr], word: &str| {
            let parts: Vec<String> = parts.iter().map(|part| part.sql(world, table, row)).collect();
            format!("({})", parts.join(word))
        };
        // Inner rows have names of their own, so that a subquery over the same table is no accident.
        let inner_row = format!("{}_", row.split('.').next_back().unwrap_or(row));
        match self {
            Expr::Constant(value) => value.to_string(),
            Expr::Compare(c, comparison, value) => format!("{} {} {}", name(c), comparison.sql(), value.sql()),
            Expr::Columns(a, comparison, b) => format!("{} {} {}", name(a), comparison.sql(), name(b)),
            Expr::Flag(c) => name(c),
            Expr::IsNull(c, true) => format!("{} is null", name(c)),
            Expr::IsNull(c, false) => format!("{} is not null", name(c)),
            Expr::IsDistinct(c, value) => format!("{} is distinct from {}", name(c), value.sql()),
            Expr::In(c, values, negated) => {
                let values: Vec<String> = values.iter().map(Value::sql).collect();
                format!("{} {}in ({})", name(c), if *negated { "not " } else { "" }, values.join(", "))
            }
            Expr::AnyOf(text, c) => format!("'{text}' = any ({})", name(c)),
            Expr::IsCaller(c, false) => format!("{} = auth.uid()", name(c)),
            Expr::IsCaller(c, true) => format!("(select auth.uid()) = {}", name(c)),
            Expr::Claim(key, value) => format!("(auth.jwt() ->> '{key}') = '{value}'"),
            Expr::ClaimColumn(c, key) => format!("{} = (auth.jwt() ->> '{key}')", name(c)),
            Expr::AuthRole(role) => format!("auth.role() = '{role}'"),
            Expr::CurrentUser(role) => format!("current_user = '{role}'"),
            Expr::Not(inner) => format!("not ({})", inner.sql(world, table, row)),
            Expr::And(parts) => all(parts, " and "),
            Expr::Or(parts) => all(parts, " or "),
            Expr::Exists { table, inner, outer, condition } => {
                let inner_table = &world.tables[*table];
                format!(
                    "exists (select 1 from {} {inner_row} where {inner_row}.{} = {} and {})",
                    inner_table.name,
                    inner_table.columns[*inner].name,
                    name(outer),
                    condition.sql(world, *table, &inner_row)
                )
            }
            Expr::InTable { column, table, inner, condition, negated } => {
                let inner_table = &world.tables[*table];
                format!(
                    "{} {}in (select {inner_row}.{} from {} {inner_row} where {})",
                    name(column),
                    if *negated { "not " } else { "" },
                    inner_table.columns[*inner].name,
                    inner_table.name,
                    condition.sql(world, *table, &inner_row)
                )
            }
            Expr::Call(function, c) => format!("{}({})", world.functions[*function].name, name(c)),
        }
    }

    /// Whether there is a subquery in it.
    pub fn has_query(&self) -> bool {
        match self {
            Expr::Exists { .. } | Expr::InTable { .. } => true,
            Expr::IsCaller(_, wrapped) => *wrapped,
            Expr::Not(inner) => inner.has_query(),
            Expr::And(parts) | Expr::Or(parts) => parts.iter().any(Expr::has_query),
            _ => false,
        }
    }

    /// The tables that it reads besides its own, as whoever asks.
    pub fn tables(&self, world: &World, found: &mut Vec<usize>) {
        match self {
            Expr::Not(inner) => inner.tables(world, found),
            Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| part.tables(world, found)),
            Expr::Exists { table, condition, .. } | Expr::InTable { table, condition, .. } => {
                found.push(*table);
                condition.tables(world, found);
            }
            Expr::Call(function, _) if world.functions[*function].definer.is_none() => {
                found.push(world.functions[*function].table);
                world.functions[*function].condition.tables(world, found);
            }
            _ => {}
        }
    }

    /// The columns of its own table that it reads.
    pub fn columns(&self, found: &mut BTreeSet<usize>) {
        match self {
            Expr::Compare(c, ..)
            | Expr::Flag(c)
            | Expr::IsNull(c, _)
            | Expr::IsDistinct(c, _)
            | Expr::In(c, ..)
            | Expr::AnyOf(_, c)
            | Expr::IsCaller(c, _)
            | Expr::ClaimColumn(c, _)
            | Expr::Call(_, c) => _ = found.insert(*c),
            Expr::Columns(a, _, b) => found.extend([*a, *b]),
            Expr::Not(inner) => inner.columns(found),
            Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| part.columns(found)),
            Expr::Exists { outer, .. } => _ = found.insert(*outer),
            Expr::InTable { column, .. } => _ = found.insert(*column),
            Expr::Constant(_) | Expr::Claim(..) | Expr::AuthRole(_) | Expr::CurrentUser(_) => {}
        }
    }
}
