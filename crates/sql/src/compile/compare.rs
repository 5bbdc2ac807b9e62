//! The six comparisons, of values and of rows.

use basalt_core::{Error, Result};
use basalt_types::{Base, Type};
use sqlparser::ast::Query;

use super::compiler::Compiler;
use super::operator::no_operator;
use super::overload;
use super::row::without_order;
use super::scope::Scope;
use super::typed::{CastContext, Form, Origin, Typed};

impl Compiler<'_> {
    /// One of the six comparisons. `op` is SQLite's spelling.
    pub(super) fn compare(&mut self, op: &str, left: Typed, right: Typed) -> Result<Typed> {
        if let (Form::Row(a, Origin::Written), Form::Row(b, Origin::Written)) = (&left.form, &right.form) {
            return self.compare_rows(op, a.clone(), b.clone());
        }
        let (left, right) = self.comparable(op, left, right)?;
        if let Some(result) = self.folded_comparison(op, &left, &right) {
            return Ok(result);
        }
        let sql = format!("({} {op} {})", left.collated_beside(&right), right.sql);
        let mut typed = Typed::over(sql, Type::BOOL, [&left, &right]);
        typed.not_null = left.not_null && right.not_null;
        Ok(typed)
    }

    /// Two operands as values of one type that has an order; 42883 if there is none.
    pub(super) fn comparable(&mut self, op: &str, left: Typed, right: Typed) -> Result<(Typed, Typed)> {
        let is_row = |value: &Typed| matches!(value.ty, Type::Record(_));
        match (is_row(&left), is_row(&right)) {
            (false, false) => {}
            (true, true) => return self.comparable_rows(left, right),
            _ if left.is_unknown() || right.is_unknown() => return self.comparable_rows(left, right),
            _ => return Err(no_operator(op, Some(&left.ty), &right.ty)),
        }
        let missing = |l: &Typed, r: &Typed| no_operator(op, Some(&l.ty), &r.ty);
        let ty = match (left.is_unknown(), right.is_unknown()) {
            (true, true) => Type::TEXT,
            (true, false) => right.ty.clone(),
            (false, true) => left.ty.clone(),
            (false, false) => overload::compared(&left.ty, &right.ty).ok_or_else(|| missing(&left, &right))?,
        };
        if !has_order(&ty) {
            return Err(missing(&left, &right));
        }
        // `varchar` has no comparisons of its own, and an undecided literal beside it must not be cut.
        let mut left = self.coerce(left, &ty, None, CastContext::Implicit)?;
        let right = self.coerce(right, &ty, None, CastContext::Implicit)?;
        left.leakproof &= self.compares_at_once(&ty);
        Ok((left, right))
    }

    /// Whether the time that a comparison takes tells nothing of its operands: values of these types have few bytes, or are compared as bytes.
    /// A numeric's digits tell little, and wait for those policies alone that take their time too.
    pub(super) fn compares_at_once(&self, ty: &Type) -> bool {
        match ty {
            Type::Base(Base::Numeric) => !self.asks_at_length,
            Type::Base(base) => *base != Base::Jsonb && base.subtype().is_none(),
            Type::Enum(_) => true,
            _ => false,
        }
    }

    fn compare_rows(&mut self, op: &str, left: Vec<(String, Typed)>, right: Vec<(String, Typed)>) -> Result<Typed> {
        if left.len() != right.len() {
            return Err(Error::new("42601", "unequal number of entries in row expressions"));
        }
        let mut lefts = Vec::new();
        let mut rights = Vec::new();
        let mut all = Vec::new();
        for ((_, l), (_, r)) in left.into_iter().zip(right) {
            let (l, r) = self.comparable(op, l, r)?;
            lefts.push(l.collated_beside(&r));
            rights.push(r.sql.clone());
            all.extend([l, r]);
        }
        let sql = match lefts.len() {
            1 => format!("({} {op} {})", lefts[0], rights[0]),
            _ => format!("(({}) {op} ({}))", lefts.join(", "), rights.join(", ")),
        };
        Ok(Typed::over(sql, Type::BOOL, &all))
    }

    /// `(a, b) = (select x, y ...)`.
    pub(super) fn compare_row_with_query(
        &mut self,
        scope: &Scope<'_>,
        op: &str,
        fields: Vec<(String, Typed)>,
        query: &Query,
    ) -> Result<Typed> {
        let query = self.bind_subquery(scope, query)?;
        if fields.len() != query.columns.len() {
            let many = if query.columns.len() > fields.len() { "many" } else { "few" };
            return Err(Error::new("42601", format!("subquery has too {many} columns")));
        }
        let (mut lefts, mut rights, mut all) = (Vec::new(), Vec::new(), Vec::new());
        for ((_, field), column) in fields.into_iter().zip(&query.columns) {
            let (left, right) = self.comparable(op, field, column.value("_q"))?;
            lefts.push(left.collated_beside(&right));
            rights.push(right.sql);
            all.push(left);
        }
        let sql = match query.at_most_one {
            true => format!("(({}) {op} (SELECT {} FROM ({}) AS _q))", lefts.join(", "), rights.join(", "), query.sql),
            false => {
                return Err(Error::unsupported(
                    "a row is compared with a subquery that may give several rows",
                    "Add LIMIT 1 to the subquery, or write IN.",
                ));
            }
        };
        Ok(Typed::over(sql, Type::BOOL, all.iter().chain([&query.effects])))
    }
}

/// SQLite's spelling of one of the six comparisons.
pub(super) fn comparison(name: &str) -> Option<&'static str> {
    Some(match name {
        "=" => "=",
        "<>" | "!=" => "<>",
        "<" => "<",
        "<=" => "<=",
        ">" => ">",
        ">=" => ">=",
        _ => return None,
    })
}

/// 42883 for values that have to be told apart, of a type that has no equality.
pub(super) fn require_equality(ty: &Type) -> Result<()> {
    match ty {
        Type::Base(Base::Json | Base::Jsonpath) | Type::Record(_) if without_order(ty).is_some() => {
            Err(Error::new("42883", format!("could not identify an equality operator for type {}", ty.sql_name())))
        }
        _ => Ok(()),
    }
}

/// Whether values of the type compare.
fn has_order(ty: &Type) -> bool {
    !matches!(ty, Type::Base(Base::Json | Base::Jsonpath | Base::Void | Base::Trigger | Base::EventTrigger))
}
