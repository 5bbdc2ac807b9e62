//! Expressions: the AST's cases, each handed to the file that knows it.

use basalt_core::{Error, Result};
use basalt_types::Type;
use sqlparser::ast::{Expr, Spanned};

use super::compiler::Compiler;
use super::grouping_sets::null_of;
use super::row;
use super::scope::{Clause, Scope};
use super::typed::{CastContext, Form, Typed};

impl Compiler<'_> {
    /// Binds an expression. `expected` is what the context would like an undecided literal or parameter to be; the result
    /// need not be of that type ([`Self::coerce`] makes it so).
    pub fn bind_expr(&mut self, scope: &Scope<'_>, expr: &Expr, expected: Option<&Type>) -> Result<Typed> {
        let bound = self.deeper(|c| {
            let grouping = scope.grouping.borrow().clone().filter(|_| scope.clause.get() != Clause::Aggregate);
            let Some(group) = grouping else { return c.bind_case(scope, expr, expected) };
            if let Some(key) = c.bind_key(scope, &group, expr, expected)? {
                return Ok(key);
            }
            let bound = c.bind_case(scope, expr, expected)?;
            Ok(match bound.form {
                Form::Column(source, column) if group.absent_columns.contains(&(source, column)) => null_of(bound),
                _ => bound,
            })
        });
        bound.map_err(|error| {
            if error.position().is_some() || !self.has_positions() { error } else { self.place(error, expr.span()) }
        })
    }

    /// Binds a condition: 42804 `argument of WHERE must be type boolean, not type integer` if it is none.
    pub fn bind_condition(&mut self, scope: &Scope<'_>, expr: &Expr, clause: &'static str) -> Result<Typed> {
        let bound = self.bind_expr(scope, expr, Some(&Type::BOOL))?;
        self.condition(bound, clause).map_err(|error| self.place(error, expr.span()))
    }

    /// A bound expression as a condition.
    pub(super) fn condition(&mut self, bound: Typed, clause: &str) -> Result<Typed> {
        if bound.is_unknown() {
            return self.coerce(bound, &Type::BOOL, None, CastContext::Implicit);
        }
        match bound.ty {
            Type::BOOL => Ok(bound),
            other => Err(Error::new(
                "42804",
                format!("argument of {clause} must be type boolean, not type {}", other.sql_name()),
            )),
        }
    }

    /// Binds an expression and converts it to a type unasked.
    pub(super) fn bind_as(&mut self, scope: &Scope<'_>, expr: &Expr, ty: &Type) -> Result<Typed> {
        let bound = self.bind_expr(scope, expr, Some(ty))?;
        self.coerce(bound, ty, None, CastContext::Implicit)
    }

    /// Binds an expression for what it is, whether a group has it for a key or not.
    pub(super) fn bind_case(&mut self, scope: &Scope<'_>, expr: &Expr, expected: Option<&Type>) -> Result<Typed> {
        match expr {
            Expr::Identifier(ident) => self.bind_name(scope, ident),
            Expr::CompoundIdentifier(idents) => self.bind_qualified(scope, idents),
            Expr::CompoundFieldAccess { root, access_chain } => self.bind_access(scope, root, access_chain),
            Expr::Value(value) => self.bind_literal(scope, &value.value),
            Expr::TypedString(typed) => self.bind_typed_string(typed),
            Expr::Interval(interval) => self.bind_interval(interval),
            Expr::Nested(inner) => self.bind_expr(scope, inner, expected),
            Expr::Cast { expr, data_type, .. } => self.bind_cast(scope, expr, data_type),
            Expr::BinaryOp { left, op, right } => self.bind_binary(scope, left, op, right),
            Expr::UnaryOp { op, expr } => self.bind_unary(scope, *op, expr),
            Expr::AnyOp { left, compare_op, right, .. } => self.bind_quantified(scope, left, compare_op, right, true),
            Expr::AllOp { left, compare_op, right } => self.bind_quantified(scope, left, compare_op, right, false),
            Expr::IsNull(operand) => self.bind_null_test(scope, operand, false),
            Expr::IsNotNull(operand) => self.bind_null_test(scope, operand, true),
            Expr::IsTrue(operand) => self.bind_truth_test(scope, operand, "IS TRUE"),
            Expr::IsNotTrue(operand) => self.bind_truth_test(scope, operand, "IS NOT TRUE"),
            Expr::IsFalse(operand) => self.bind_truth_test(scope, operand, "IS FALSE"),
            Expr::IsNotFalse(operand) => self.bind_truth_test(scope, operand, "IS NOT FALSE"),
            Expr::IsUnknown(operand) => self.bind_truth_test(scope, operand, "IS UNKNOWN"),
            Expr::IsNotUnknown(operand) => self.bind_truth_test(scope, operand, "IS NOT UNKNOWN"),
            Expr::IsDistinctFrom(left, right) => self.bind_distinct(scope, left, right, "IS NOT"),
            Expr::IsNotDistinctFrom(left, right) => self.bind_distinct(scope, left, right, "IS"),
            Expr::IsNormalized { expr, form, negated } => self.bind_normalized_test(scope, expr, *form, *negated),
            Expr::Between { expr, negated, low, high } => self.bind_between(scope, expr, *negated, low, high),
            Expr::InList { expr, list, negated } => self.bind_in_list(scope, expr, list, *negated),
            Expr::InSubquery { expr, subquery, negated } => self.bind_in_query(scope, expr, subquery, *negated),
            Expr::Like { negated, expr, pattern, escape_char, any: false } => {
                self.bind_like(scope, "~~", expr, pattern, escape_char.as_deref(), *negated)
            }
            Expr::ILike { negated, expr, pattern, escape_char, any: false } => {
                self.bind_like(scope, "~~*", expr, pattern, escape_char.as_deref(), *negated)
            }
            Expr::Like { negated, expr, pattern, any: true, .. } => {
                self.bind_like_each(scope, "~~", expr, pattern, true, *negated)
            }
            Expr::ILike { negated, expr, pattern, any: true, .. } => {
                self.bind_like_each(scope, "~~*", expr, pattern, true, *negated)
            }
            Expr::SimilarTo { negated, expr, pattern, escape_char } => {
                self.bind_similar(scope, expr, pattern, escape_char.as_deref(), *negated)
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                self.bind_case_expr(scope, operand.as_deref(), conditions, else_result.as_deref(), expected)
            }
            Expr::Exists { subquery, negated } => self.bind_exists(scope, subquery, *negated),
            Expr::Subquery(query) => self.bind_scalar_query(scope, query),
            Expr::Function(function) => self.bind_function(scope, function, expected),
            Expr::Array(array) => self.bind_array(scope, &array.elem, expected),
            Expr::Tuple(items) => self.bind_row(scope, items),
            Expr::AtTimeZone { timestamp, time_zone } => {
                let zone = self.bind_expr(scope, time_zone, Some(&Type::TEXT))?;
                let moment = self.bind_expr(scope, timestamp, None)?;
                self.call("timezone", vec![zone, moment])
            }
            Expr::Extract { field, expr, .. } => {
                let field = field.to_string().trim_matches(['\'', '"']).to_lowercase();
                let field = Typed::constant(field.into(), Type::TEXT);
                let moment = self.bind_expr(scope, expr, None)?;
                self.call("extract", vec![field, moment])
            }
            Expr::Ceil { expr, field } => self.bind_rounding(scope, "ceil", expr, field),
            Expr::Floor { expr, field } => self.bind_rounding(scope, "floor", expr, field),
            Expr::Position { expr, r#in } => {
                let wanted = self.bind_expr(scope, expr, None)?;
                let text = self.bind_expr(scope, r#in, None)?;
                self.call("strpos", vec![text, wanted])
            }
            Expr::Substring { expr, substring_from, substring_for, .. } => {
                self.bind_substring(scope, expr, substring_from.as_deref(), substring_for.as_deref())
            }
            Expr::Trim { trim_where, trim_what, expr, trim_characters } => {
                let what = trim_what.as_deref().or_else(|| trim_characters.as_ref()?.first());
                self.bind_trim(scope, *trim_where, what, expr)
            }
            Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
                let mut args = Vec::new();
                for arg in
                    [Some(expr), Some(overlay_what), Some(overlay_from), overlay_for.as_ref()].into_iter().flatten()
                {
                    args.push(self.bind_expr(scope, arg, None)?);
                }
                self.call("overlay", args)
            }
            Expr::Collate { expr, collation } => self.bind_collate(scope, expr, collation),
            Expr::QualifiedWildcard(name, _) => self.bind_star(scope, name),
            Expr::Wildcard(_) => Err(Error::new("42601", "syntax error at or near \"*\"")),
            other => Err(Error::unsupported(
                format!("the expression {other} is not supported on the embedded engine"),
                "Write it with PostgreSQL's common functions and operators.",
            )),
        }
    }

    /// `row(a, b)`, `(a, b)`.
    pub(super) fn bind_row(&mut self, scope: &Scope<'_>, items: &[Expr]) -> Result<Typed> {
        let mut fields = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            fields.push((format!("f{}", index + 1), self.bind_expr(scope, item, None)?));
        }
        Ok(row::written(fields))
    }
}

/// An expression without the parentheses around it.
pub(super) fn bare(expr: &Expr) -> &Expr {
    let mut expr = expr;
    while let Expr::Nested(inner) = expr {
        expr = inner;
    }
    expr
}
