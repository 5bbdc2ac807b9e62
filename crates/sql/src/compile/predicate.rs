//! Predicates with their own syntax: null and truth tests, BETWEEN, IN, LIKE, ANY and ALL.

use basalt_core::{Error, Result};
use basalt_types::array::elements;
use basalt_types::{Type, Value};
use sqlparser::ast::{BinaryOperator, Expr, FunctionArg, FunctionArgExpr, Query};

use super::compare::comparison;
use super::compiler::Compiler;
use super::expr::bare;
use super::function::argument_list;
use super::operator::{chain, negate, no_operator, spelling};
use super::overload;
use super::parse::asymmetric;
use super::scope::Scope;
use super::typed::{CastContext, Form, Origin, Typed};
use super::types::split_name;
use super::unrolled::{item_value, items};

impl Compiler<'_> {
    pub(super) fn bind_null_test(&mut self, scope: &Scope<'_>, operand: &Expr, not: bool) -> Result<Typed> {
        let operand = self.bind_expr(scope, operand, None)?;
        let mut operand = self.decided(operand)?;
        if let Type::Record(_) = operand.ty
            && let Some(fields) = self.fields(&operand)
        {
            let fields = fields.into_iter().map(|(name, field)| Ok((name, self.storable(field)?)));
            operand.form = Form::Row(fields.collect::<Result<Vec<_>>>()?, Origin::Value);
        }
        let test = if not { "IS NOT NULL" } else { "IS NULL" };
        let sql = match &operand.form {
            // A row is NULL when all its fields are, and NOT NULL when none is.
            Form::Row(fields, _) if !fields.is_empty() => {
                let tests: Vec<String> = fields.iter().map(|(_, field)| format!("{} {test}", field.sql)).collect();
                format!("({})", tests.join(" AND "))
            }
            Form::Row(..) => "1".to_owned(),
            Form::Constant(value) if self.folds => {
                return Ok(Typed::constant((value.is_null() != not).into(), Type::BOOL));
            }
            _ => format!("({} {test})", operand.sql),
        };
        Ok(Typed { not_null: true, ..Typed::over(sql, Type::BOOL, [&operand]) })
    }

    pub(super) fn bind_truth_test(&mut self, scope: &Scope<'_>, operand: &Expr, test: &'static str) -> Result<Typed> {
        let operand = self.bind_condition(scope, operand, test)?;
        // SQLite has no UNKNOWN.
        let sql = format!("({} {})", operand.sql, test.replace("UNKNOWN", "NULL"));
        Ok(Typed { not_null: true, ..Typed::over(sql, Type::BOOL, [&operand]) })
    }

    pub(super) fn bind_distinct(&mut self, scope: &Scope<'_>, left: &Expr, right: &Expr, op: &str) -> Result<Typed> {
        let left = self.bind_expr(scope, left, None)?;
        let right = self.bind_expr(scope, right, None)?;
        let mut typed = self.compare(op, left, right).map_err(|error| match error.code() {
            "42883" => {
                let message = error.message().replace(&format!(" {op} "), " = ");
                Error::new("42883", message).with_hint(error.hint().unwrap_or_default().to_owned())
            }
            _ => error,
        })?;
        typed.not_null = true;
        Ok(typed)
    }

    pub(super) fn bind_between(
        &mut self,
        scope: &Scope<'_>,
        expr: &Expr,
        negated: bool,
        low: &Expr,
        high: &Expr,
    ) -> Result<Typed> {
        let symmetric = asymmetric(low);
        let value = self.bind_expr(scope, expr, None)?;
        let low = self.bind_expr(scope, symmetric.as_ref().unwrap_or(low), Some(&value.ty))?;
        let high = self.bind_expr(scope, high, Some(&value.ty))?;
        let mut within = self.between(value.clone(), low.clone(), high.clone())?;
        if symmetric.is_some() {
            let turned = self.between(value, high, low)?;
            within = chain(vec![within, turned], " OR ");
        }
        Ok(if negated { negate(&within) } else { within })
    }

    fn between(&mut self, value: Typed, low: Typed, high: Typed) -> Result<Typed> {
        let above = self.compare(">=", value.clone(), low)?;
        let below = self.compare("<=", value, high)?;
        Ok(match (self.known(&above), self.known(&below)) {
            (Some(Some(false)), _) | (_, Some(Some(true))) => above,
            (_, Some(Some(false))) | (Some(_), Some(_)) | (Some(Some(true)), _) => below,
            _ => chain(vec![above, below], " AND "),
        })
    }

    pub(super) fn bind_in_list(
        &mut self,
        scope: &Scope<'_>,
        expr: &Expr,
        list: &[Expr],
        negated: bool,
    ) -> Result<Typed> {
        let value = self.bind_expr(scope, expr, None)?;
        let mut items = Vec::with_capacity(list.len());
        for item in list {
            items.push(self.bind_expr(scope, item, Some(&value.ty))?);
        }
        if let Type::Record(_) = value.ty {
            // PostgreSQL compares with several items as with an array's, and a single one field by field, cast or not.
            let is_single = items.len() == 1;
            let meant = |row: Typed| match row.form {
                Form::Row(_, Origin::Cast) if is_single => row.with_origin(Origin::Written),
                _ => row,
            };
            let value = meant(value);
            let mut tests = Vec::with_capacity(items.len());
            for item in items {
                tests.push(self.compare("=", value.clone(), meant(item))?);
            }
            let any = chain(tests, " OR ");
            return Ok(if negated { negate(&any) } else { any });
        }
        // Several constants are brought to one type with the value; anything else is compared with it one by one.
        let constants = items.iter().filter(|item| matches!(item.form, Form::Constant(_))).count();
        self.one_of(value, items, negated, if constants > 1 { overload::common } else { overload::compared })
    }

    /// `value in (items)`, compared as the type that `join` makes of theirs.
    fn one_of(
        &mut self,
        value: Typed,
        items: Vec<Typed>,
        negated: bool,
        join: fn(&Type, &Type) -> Option<Type>,
    ) -> Result<Typed> {
        let mut ty = value.ty.clone();
        for item in &items {
            ty = join(&ty, &item.ty).ok_or_else(|| no_operator("=", Some(&value.ty), &item.ty))?;
        }
        if ty == Type::UNKNOWN {
            ty = Type::TEXT;
        }
        let value = self.coerce(value, &ty, None, CastContext::Implicit)?;
        let mut coerced = Vec::with_capacity(items.len());
        for item in items {
            coerced.push(self.coerce(item, &ty, None, CastContext::Implicit)?);
        }
        if let Some(found) = self.folded_membership(&value, &coerced) {
            return Ok(if negated { negate(&found) } else { found });
        }
        let values: Vec<&str> = coerced.iter().map(|i| i.sql.as_str()).collect();
        let not = if negated { "NOT " } else { "" };
        let sql = format!("({} {not}IN ({}))", value.collated_sql(), values.join(", "));
        let mut typed = Typed::over(sql, Type::BOOL, coerced.iter().chain([&value]));
        typed.leakproof &= self.compares_at_once(&ty);
        typed.not_null = value.not_null && coerced.iter().all(|i| i.not_null);
        Ok(typed)
    }

    pub(super) fn bind_in_query(
        &mut self,
        scope: &Scope<'_>,
        expr: &Expr,
        query: &Query,
        negated: bool,
    ) -> Result<Typed> {
        let value = self.bind_expr(scope, expr, None)?;
        let query = self.bind_subquery(scope, query)?;
        let fields = match &value.form {
            Form::Row(fields, Origin::Written | Origin::Cast) => {
                fields.iter().map(|(_, field)| field.clone()).collect()
            }
            _ => vec![value],
        };
        if fields.len() < query.columns.len() {
            return Err(Error::new("42601", "subquery has too many columns"));
        }
        if fields.len() > query.columns.len() {
            return Err(Error::new("42601", "subquery has too few columns"));
        }
        let mut operands = Vec::new();
        let mut columns = Vec::new();
        let mut converted = false;
        for (field, column) in fields.into_iter().zip(&query.columns) {
            let inner = column.value("_q");
            let (left, right) = self.comparable("=", field, inner.clone())?;
            converted |= right.sql != inner.sql;
            operands.push(left);
            columns.push(right.sql);
        }
        let sql = match converted {
            true => format!("SELECT {} FROM ({}) AS _q", columns.join(", "), query.sql),
            false => query.sql.clone(),
        };
        let lefts: Vec<String> = operands.iter().map(Typed::collated_sql).collect();
        let left = if lefts.len() == 1 { lefts[0].clone() } else { format!("({})", lefts.join(", ")) };
        let not = if negated { "NOT " } else { "" };
        let sql = format!("({left} {not}IN ({sql}))");
        Ok(Typed::over(sql, Type::BOOL, operands.iter().chain([&query.effects])))
    }

    pub(super) fn bind_like(
        &mut self,
        scope: &Scope<'_>,
        op: &str,
        expr: &Expr,
        pattern: &Expr,
        escape: Option<&Expr>,
        negated: bool,
    ) -> Result<Typed> {
        // `like any (...)` and `like all (...)` come as calls.
        if let Expr::Function(function) = pattern
            && let Ok((None, name)) = split_name(&function.name)
            && (name == "any" || name == "some" || name == "all")
            && let Ok(([FunctionArg::Unnamed(FunctionArgExpr::Expr(patterns))], false, [])) = argument_list(function)
        {
            return self.bind_like_each(scope, op, expr, patterns, name != "all", negated);
        }
        let value = self.bind_expr(scope, expr, None)?;
        let mut pattern = self.bind_expr(scope, pattern, None)?;
        if let Some(escape) = escape {
            let escape = self.bind_expr(scope, escape, Some(&Type::TEXT))?;
            pattern = match (&pattern.form, &escape.form) {
                (Form::Constant(Value::Text(text)), Form::Constant(Value::Text(escape))) => {
                    Typed::constant(Value::Text(with_backslash(text, escape)?), Type::TEXT)
                }
                _ => self.call("like_escape", vec![pattern, escape])?,
            };
        }
        let matched = self.apply(op, Some(value), pattern)?;
        Ok(if negated { negate(&matched) } else { matched })
    }

    /// `x like any (patterns)`.
    pub(super) fn bind_like_each(
        &mut self,
        scope: &Scope<'_>,
        op: &str,
        expr: &Expr,
        patterns: &Expr,
        any: bool,
        negated: bool,
    ) -> Result<Typed> {
        let value = self.bind_expr(scope, expr, None)?;
        if self.kept
            && let Some(items) = self.bind_listed(scope, patterns, &Type::TEXT)?
        {
            let test = |pattern| {
                let matched = self.apply(op, Some(value.clone()), pattern)?;
                Ok(if negated { negate(&matched) } else { matched })
            };
            let tests = items.into_iter().map(test).collect::<Result<Vec<_>>>()?;
            return Ok(chain(tests, if any { " OR " } else { " AND " }));
        }
        let texts = Type::TEXT.array_of();
        let patterns = self.bind_expr(scope, patterns, Some(&texts))?;
        let patterns = self.coerce(patterns, &texts, None, CastContext::Implicit)?;
        let matched = self.apply(op, Some(value), Typed::new("_a.value", Type::TEXT))?;
        let test = if negated { negate(&matched) } else { matched };
        Ok(each(&test, &patterns, any))
    }

    pub(super) fn bind_similar(
        &mut self,
        scope: &Scope<'_>,
        expr: &Expr,
        pattern: &Expr,
        escape: Option<&Expr>,
        negated: bool,
    ) -> Result<Typed> {
        let value = self.bind_expr(scope, expr, None)?;
        let mut args = vec![self.bind_as(scope, pattern, &Type::TEXT)?];
        if let Some(escape) = escape {
            args.push(self.bind_as(scope, escape, &Type::TEXT)?);
        }
        let regex = self.call("similar_to_escape", args)?;
        let matched = self.apply("~", Some(value), regex)?;
        Ok(if negated { negate(&matched) } else { matched })
    }

    /// `x op any (array or subquery)`, `x op all (...)`.
    pub(super) fn bind_quantified(
        &mut self,
        scope: &Scope<'_>,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        any: bool,
    ) -> Result<Typed> {
        let name = spelling(op)?;
        let right = bare(right);
        if let Expr::Subquery(query) = right {
            return match (comparison(&name), any) {
                (Some("="), true) => self.bind_in_query(scope, left, query, false),
                (Some("<>"), false) => self.bind_in_query(scope, left, query, true),
                _ => self.quantified_query(scope, left, &name, query, any),
            };
        }
        let value = self.bind_expr(scope, left, None)?;
        let is_row = matches!(value.ty, Type::Record(_));
        let is_membership = matches!((comparison(&name), any), (Some("="), true) | (Some("<>"), false));
        // A list of items is what IN takes.
        if !is_row
            && (is_membership || self.kept)
            && let Some(items) = self.bind_listed(scope, right, &value.ty)?
        {
            return self.with_each(&name, value, items, any);
        }
        if value.ty.element().is_some() && matches!(right, Expr::Value(_)) {
            let message = format!("could not find array type for data type {}", value.ty.sql_name());
            return Err(Error::new("42704", message));
        }
        let expected = if value.is_unknown() { Type::TEXT } else { value.ty.clone() }.array_of();
        let array = self.bind_expr(scope, right, Some(&expected))?;
        let array =
            if array.is_unknown() { self.coerce(array, &expected, None, CastContext::Implicit)? } else { array };
        let Some(element) = array.ty.element().cloned() else {
            return Err(Error::new("42809", "op ANY/ALL (array) requires array on right side"));
        };
        if !is_row
            && (is_membership || self.kept)
            && let Some(items) = constants(&array, &element)
        {
            return self.with_each(&name, value, items, any);
        }
        let item = Typed::new(item_value(&element, "_a.value"), element.clone());
        if self.kept
            && let Some(op) = comparison(&name)
        {
            return self.compare_with_any(op, value, item, array, any);
        }
        if is_membership {
            let (left, right) = self.comparable(&name, value, item)?;
            let not = if any { "" } else { "NOT " };
            let column =
                if right.sql == "_a.value" { "value".to_owned() } else { right.sql.replace("_a.value", "value") };
            let sql = format!("({} {not}IN (SELECT {column} FROM json_each({})))", left.collated_sql(), items(&array));
            return Ok(Typed::over(sql, Type::BOOL, [&left, &array]));
        }
        let test = self.binary(&name, value, item)?;
        Ok(each(&test, &array, any))
    }

    /// The items of an array that is written out, as the casts around it make them; `None` for any other array.
    fn bind_listed(&mut self, scope: &Scope<'_>, array: &Expr, expected: &Type) -> Result<Option<Vec<Typed>>> {
        match array {
            Expr::Nested(inner) => self.bind_listed(scope, inner, expected),
            Expr::Array(array) if !array.elem.iter().any(|item| matches!(bare(item), Expr::Array(_))) => {
                let items = array.elem.iter().map(|item| self.bind_expr(scope, item, Some(expected)));
                let items = items.collect::<Result<Vec<_>>>()?;
                let are_plain = !items.is_empty() && items.iter().all(|item| item.ty.element().is_none());
                Ok(are_plain.then_some(items))
            }
            Expr::Cast { expr, data_type, .. } => {
                let resolved = self.resolve_type(data_type)?;
                let Some(element) = resolved.ty.element().filter(|_| resolved.domain.is_none()) else {
                    return Ok(None);
                };
                let Some(items) = self.bind_listed(scope, expr, element)? else { return Ok(None) };
                let cast = |item| self.coerce(item, element, resolved.typmod, CastContext::Explicit);
                items.into_iter().map(cast).collect::<Result<Vec<_>>>().map(Some)
            }
            _ => Ok(None),
        }
    }

    /// `value op any (items)`, `value op all (items)`.
    fn with_each(&mut self, op: &str, value: Typed, items: Vec<Typed>, any: bool) -> Result<Typed> {
        if let (Some("="), true) | (Some("<>"), false) = (comparison(op), any) {
            return self.one_of(value, items, !any, overload::compared);
        }
        let tests = items.into_iter().map(|item| self.binary(op, value.clone(), item));
        Ok(chain(tests.collect::<Result<Vec<_>>>()?, if any { " OR " } else { " AND " }))
    }

    /// A comparison with any or all items of an array, as a call: where no query may stand.
    fn compare_with_any(&mut self, op: &str, value: Typed, item: Typed, array: Typed, any: bool) -> Result<Typed> {
        let (value, item) = self.comparable(op, value, item)?;
        let array = self.coerce(array, &item.ty.array_of(), None, CastContext::Implicit)?;
        // What holds for all is what fails for none.
        let op = match op {
            op if any => op,
            "=" => "<>",
            "<>" => "=",
            "<" => ">=",
            "<=" => ">",
            ">" => "<=",
            _ => "<",
        };
        let found =
            self.call("basalt_compares_with_any", vec![Typed::constant(op.into(), Type::TEXT), value, array])?;
        Ok(if any { found } else { negate(&found) })
    }

    fn quantified_query(
        &mut self,
        scope: &Scope<'_>,
        left: &Expr,
        op: &str,
        query: &Query,
        any: bool,
    ) -> Result<Typed> {
        let value = self.bind_expr(scope, left, None)?;
        let query = self.bind_subquery(scope, query)?;
        let [column] = query.columns.as_slice() else {
            return Err(Error::new("42601", "subquery has too many columns"));
        };
        let alias = self.alias("_q");
        let test = self.binary(op, value, column.value(&alias))?;
        let sql = quantified(&format!("SELECT {} AS r FROM ({}) AS {alias}", test.sql, query.sql), any);
        Ok(Typed::over(sql, Type::BOOL, [&test, &query.effects]))
    }

    /// A binary operator over bound operands, comparison or not.
    pub(super) fn binary(&mut self, name: &str, left: Typed, right: Typed) -> Result<Typed> {
        match comparison(name) {
            Some(op) => self.compare(op, left, right),
            None => self.apply(name, Some(left), right),
        }
    }
}

/// The items of an array that is a constant; `None` for any other array.
fn constants(array: &Typed, element: &Type) -> Option<Vec<Typed>> {
    let Form::Constant(Value::Text(text)) = &array.form else { return None };
    let items = elements(element, text).into_iter().map(|item| Typed::constant(item, element.clone()));
    Some(items.collect()).filter(|items: &Vec<Typed>| !items.is_empty())
}

/// Whether a test holds for any or all items of an array, each of which it calls `_a.value`.
fn each(test: &Typed, array: &Typed, any: bool) -> Typed {
    let results = format!("SELECT {} AS r FROM json_each({}) AS _a", test.sql, items(array));
    Typed::over(quantified(&results, any), Type::BOOL, [test, array])
}

/// Truth of any or all of the results `r` of a query, NULL as SQL wants it.
fn quantified(results: &str, any: bool) -> String {
    let (none, decisive) = if any { (0, 1) } else { (1, 0) };
    format!(
        "(SELECT CASE WHEN count(*) = 0 THEN {none} WHEN sum(r = {decisive}) > 0 THEN {decisive} \
         WHEN count(r) < count(*) THEN NULL ELSE {none} END FROM ({results}))"
    )
}

/// A LIKE pattern with another escape character, as one with the backslash.
fn with_backslash(pattern: &str, escape: &str) -> Result<String> {
    let mut chars = escape.chars();
    let escape = match (chars.next(), chars.next()) {
        (first, None) => first,
        _ => {
            return Err(
                Error::new("22025", "invalid escape string").with_hint("Escape string must be empty or one character.")
            );
        }
    };
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        if Some(c) == escape {
            out.push('\\');
            out.extend(rest.next());
        } else if c == '\\' {
            out.push_str("\\\\");
        } else {
            out.push(c);
        }
    }
    Ok(out)
}
