//! Functions with their own syntax: CASE, COALESCE, GREATEST, TRIM, SUBSTRING, CEIL.

use basalt_core::{Error, Result};
use basalt_types::{Base, Type, Value};
use sqlparser::ast::{
    CaseWhen, CeilFloorKind, DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr, NormalizationForm,
    TrimWhereField,
};

use super::compiler::Compiler;
use super::function::argument_list;
use super::operator::negate;
use super::scope::Scope;
use super::typed::{CastContext, Origin, Typed};

impl Compiler<'_> {
    pub(super) fn bind_case_expr(
        &mut self,
        scope: &Scope<'_>,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
        expected: Option<&Type>,
    ) -> Result<Typed> {
        // It is a value to the conditions, a row that is written out too.
        let operand = operand.map(|e| self.bind_expr(scope, e, None)).transpose()?;
        let operand = operand.map(|operand| operand.with_origin(Origin::Value));
        let mut tests = Vec::with_capacity(conditions.len());
        let mut results = Vec::with_capacity(conditions.len() + 1);
        // Whether an earlier condition always holds, so that nothing after it is reached.
        let outer = self.folds;
        let mut is_settled = false;
        for case in conditions {
            self.folds = outer && !is_settled;
            let test = match &operand {
                Some(operand) => {
                    let value = self.bind_expr(scope, &case.condition, Some(&operand.ty))?;
                    self.compare("=", operand.clone(), value)?
                }
                None => self.bind_condition(scope, &case.condition, "CASE/WHEN")?,
            };
            let truth = self.known(&test);
            self.folds &= !matches!(truth, Some(None | Some(false)));
            results.push(self.bind_expr(scope, &case.result, expected)?);
            tests.push((test, if is_settled { Some(None) } else { truth }));
            is_settled |= truth == Some(Some(true));
        }
        if let Some(otherwise) = otherwise {
            self.folds = outer && !is_settled;
            results.push(self.bind_expr(scope, otherwise, expected)?);
        }
        self.folds = outer;
        let (mut results, ty) = self.unify_or(results, expected, "CASE")?;
        let mut last = if otherwise.is_some() { results.pop() } else { None };
        let mut sql = "(CASE".to_owned();
        let mut parts = Vec::with_capacity(2 * results.len() + 1);
        for ((test, truth), result) in tests.into_iter().zip(results) {
            match truth {
                Some(Some(true)) => last = Some(result),
                Some(_) => {}
                None => {
                    sql.push_str(&format!(" WHEN {} THEN {}", test.sql, result.sql));
                    parts.extend([test, result]);
                }
            }
        }
        let last = last.unwrap_or_else(|| Typed::constant(Value::Null, ty.clone()));
        if parts.is_empty() {
            return Ok(last);
        }
        sql.push_str(&format!(" ELSE {} END)", last.sql));
        let mut typed = Typed::over(sql, ty, parts.iter().chain([&last]));
        typed.not_null = last.not_null && parts.iter().skip(1).step_by(2).all(|result| result.not_null);
        Ok(typed)
    }

    /// `coalesce`, `nullif`, `greatest`, `least`.
    pub(super) fn bind_conditional(&mut self, name: &str, args: Vec<Typed>, expected: Option<&Type>) -> Result<Typed> {
        if name == "nullif" {
            let Ok([value, other]) = <[Typed; 2]>::try_from(args) else {
                return Err(Error::new("42601", "nullif takes two arguments"));
            };
            let is_real = value.ty == Type::Base(Base::Float4);
            let (mut left, right) = self.comparable("=", value, other)?;
            // PostgreSQL has comparisons of `real` with `double precision` that leave it what it is.
            if is_real {
                left.ty = Type::Base(Base::Float4);
            }
            let ty = left.ty.clone();
            match self.folded_comparison("=", &left, &right) {
                Some(equal) if self.known(&equal) == Some(Some(true)) => {
                    return Ok(Typed::constant(Value::Null, ty));
                }
                Some(_) => return Ok(left),
                None => {}
            }
            let sql = format!("nullif({}, {})", left.collated_beside(&right), right.sql);
            return Ok(Typed::over(sql, ty, [&left, &right]));
        }
        if args.is_empty() {
            return Err(Error::new("42601", "syntax error at or near \")\""));
        }
        let (args, ty) = self.unify_or(args, expected, &name.to_uppercase())?;
        let mut args = if name == "coalesce" { self.reached(args) } else { args };
        if args.len() == 1 {
            return Ok(args.remove(0));
        }
        if let Some(best) = self.folded_extreme(name, &args) {
            return Ok(best);
        }
        let mut values = args.iter();
        let Some(first) = values.next() else { return Err(Error::internal("no arguments")) };
        let not_null = args.iter().all(|a| a.not_null);
        let sql = match name {
            "coalesce" => format!("coalesce({})", args.iter().map(|a| a.sql.as_str()).collect::<Vec<_>>().join(", ")),
            // SQLite's own are NULL if any argument is; PostgreSQL's pass NULLs over.
            _ => {
                let function = if name == "greatest" { "max" } else { "min" };
                // Of equal values PostgreSQL takes the first; SQLite's `max` does too, `min` takes the last.
                let ordered = |best: &str, next: &str| match function {
                    "max" => format!("{best}, {next}"),
                    _ => format!("{next}, {best}"),
                };
                values.fold(first.collated_sql(), |best, next| match not_null {
                    true => format!("{function}({})", ordered(&best, &next.collated_sql())),
                    false => {
                        let extreme = ordered(&best, &next.collated_sql());
                        format!("coalesce({function}({extreme}), {best}, {next})", next = next.sql)
                    }
                })
            }
        };
        let mut typed = Typed::over(sql, ty, &args);
        typed.not_null = not_null || (name == "coalesce" && args.iter().any(|a| a.not_null));
        Ok(typed)
    }

    /// Values as ones of their common type; undecided ones all together take the expected type.
    pub(super) fn unify_or(
        &mut self,
        values: Vec<Typed>,
        expected: Option<&Type>,
        construct: &str,
    ) -> Result<(Vec<Typed>, Type)> {
        match expected.filter(|_| values.iter().all(Typed::is_unknown)) {
            Some(ty) => {
                let values = values.into_iter().map(|v| self.coerce(v, ty, None, CastContext::Implicit));
                Ok((values.collect::<Result<Vec<_>>>()?, ty.clone()))
            }
            None => self.unify(values, construct),
        }
    }

    pub(super) fn bind_rounding(
        &mut self,
        scope: &Scope<'_>,
        name: &str,
        expr: &Expr,
        field: &CeilFloorKind,
    ) -> Result<Typed> {
        match field {
            CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) => {
                let value = self.bind_expr(scope, expr, None)?;
                self.call(name, vec![value])
            }
            _ => Err(Error::new("42601", format!("syntax error in {name}"))),
        }
    }

    /// `(start, end) overlaps (start, end)`, where an end may be a length.
    pub(super) fn bind_overlaps(&mut self, scope: &Scope<'_>, left: &Expr, right: &Expr) -> Result<Typed> {
        let mut bounds = Vec::with_capacity(4);
        for period in [left, right] {
            let Expr::Tuple(items) = period else {
                return Err(Error::new("42601", "syntax error at or near \"overlaps\""));
            };
            let [start, end] = items.as_slice() else {
                let side = if std::ptr::eq(period, left) { "left" } else { "right" };
                let message = format!("wrong number of parameters on {side} side of OVERLAPS expression");
                return Err(Error::new("42601", message));
            };
            let start = self.bind_expr(scope, start, None)?;
            let end = self.bind_expr(scope, end, None)?;
            let end = if end.ty == Type::INTERVAL { self.apply("+", Some(start.clone()), end)? } else { end };
            bounds.extend([start, end]);
        }
        self.call("overlaps", bounds)
    }

    /// `normalize(text, NFC)`: the form is a keyword.
    pub(super) fn bind_normalize(&mut self, scope: &Scope<'_>, function: &Function) -> Result<Typed> {
        let (args, ..) = argument_list(function)?;
        let mut values = Vec::with_capacity(args.len());
        for (index, arg) in args.iter().enumerate() {
            values.push(match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(form))) if index == 1 => {
                    Typed::constant(form.value.as_str().into(), Type::TEXT)
                }
                FunctionArg::Unnamed(value) => self.bind_argument(scope, value, None)?,
                named => return Err(Error::new("42601", format!("syntax error at or near \"{named}\""))),
            });
        }
        self.call("normalize", values)
    }

    /// `text is nfc normalized`.
    pub(super) fn bind_normalized_test(
        &mut self,
        scope: &Scope<'_>,
        text: &Expr,
        form: Option<NormalizationForm>,
        negated: bool,
    ) -> Result<Typed> {
        let mut args = vec![self.bind_expr(scope, text, None)?];
        args.extend(form.map(|form| Typed::constant(form.to_string().into(), Type::TEXT)));
        let test = self.call("is_normalized", args)?;
        Ok(if negated { negate(&test) } else { test })
    }

    pub(super) fn bind_substring(
        &mut self,
        scope: &Scope<'_>,
        expr: &Expr,
        from: Option<&Expr>,
        length: Option<&Expr>,
    ) -> Result<Typed> {
        let mut args = vec![self.bind_expr(scope, expr, None)?];
        match (from, length) {
            (None, Some(_)) => args.push(Typed::constant(1.into(), Type::INT4)),
            (Some(from), _) => args.push(self.bind_expr(scope, from, None)?),
            (None, None) => {}
        }
        if let Some(length) = length {
            args.push(self.bind_expr(scope, length, None)?);
        }
        self.call("substring", args)
    }

    pub(super) fn bind_trim(
        &mut self,
        scope: &Scope<'_>,
        side: Option<TrimWhereField>,
        what: Option<&Expr>,
        expr: &Expr,
    ) -> Result<Typed> {
        let name = match side {
            Some(TrimWhereField::Leading) => "ltrim",
            Some(TrimWhereField::Trailing) => "rtrim",
            _ => "btrim",
        };
        let mut args = vec![self.bind_expr(scope, expr, None)?];
        if let Some(what) = what {
            args.push(self.bind_expr(scope, what, None)?);
        }
        self.call(name, args)
    }
}
