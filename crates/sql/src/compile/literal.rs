//! Literals: numbers, strings, typed strings, intervals, parameters.

use basalt_core::{Error, Result};
use basalt_types::{Type, Value};
use sqlparser::ast;

use super::compiler::Compiler;
use super::domain::in_domain;
use super::scope::Scope;
use super::typed::{CastContext, Form, Typed};
use crate::program::Bind;

/// PostgreSQL's limit on the number of a parameter.
const MAX_PARAMETERS: usize = 65_535;

impl Compiler<'_> {
    pub(super) fn bind_literal(&mut self, scope: &Scope<'_>, value: &ast::Value) -> Result<Typed> {
        match value {
            ast::Value::Number(digits, _) => number(digits),
            ast::Value::Boolean(b) => Ok(Typed::constant(Value::from(*b), Type::BOOL)),
            // `n'...'` is of type character, so that blanks at its end mean nothing.
            ast::Value::NationalStringLiteral(text) => Ok(Typed::constant(text.as_str().into(), Type::BPCHAR)),
            ast::Value::Null => Ok(Typed::constant(Value::Null, Type::UNKNOWN)),
            ast::Value::Placeholder(name) => self.bind_placeholder(scope, name),
            other => match string(other) {
                Some(text) => Ok(Typed::constant(Value::Text(text.to_owned()), Type::UNKNOWN)),
                None if matches!(
                    other,
                    ast::Value::HexStringLiteral(_) | ast::Value::SingleQuotedByteStringLiteral(_)
                ) =>
                {
                    Err(Error::unsupported(
                        format!("bit strings, such as {other}, are not supported on the embedded engine"),
                        "Write a number, whose operators & | # ~ << >> there are; or bytes, such as '\\xff'::bytea.",
                    ))
                }
                None => Err(Error::unsupported(
                    format!("the literal {other} is not supported on the embedded engine"),
                    "Write it as a string with a cast.",
                )),
            },
        }
    }

    /// `$1`: a function's argument inside its body, the statement's parameter elsewhere.
    fn bind_placeholder(&mut self, scope: &Scope<'_>, name: &str) -> Result<Typed> {
        let missing = || Error::new("42P02", format!("there is no parameter {name}"));
        let number: usize = name.strip_prefix('$').and_then(|n| n.parse().ok()).ok_or_else(missing)?;
        let index = number.checked_sub(1).ok_or_else(missing)?;
        if let Some(args) = scope.levels().find_map(|level| level.args.clone()) {
            let value = args.numbered.get(index).and_then(|at| args.values.get(*at));
            return value.map(|(_, value)| value.clone()).ok_or_else(missing);
        }
        if index >= MAX_PARAMETERS || !self.inlining.is_empty() {
            return Err(missing());
        }
        if self.params.len() <= index {
            self.params.resize(index + 1, None);
        }
        let sql = self.bind(Bind::Param(index));
        Ok(match self.params[index].clone() {
            Some((ty, typmod)) => Typed { typmod, ..Typed::new(sql, ty) },
            None => Typed { form: Form::Param(index), ..Typed::new(sql, Type::UNKNOWN) },
        })
    }

    /// `date '2024-01-01'`, and every other type before a string.
    pub(super) fn bind_typed_string(&mut self, typed: &ast::TypedString) -> Result<Typed> {
        let resolved = self.resolve_type(&typed.data_type)?;
        let text = string(&typed.value.value)
            .ok_or_else(|| Error::new("42601", format!("syntax error at or near \"{}\"", typed.value.value)))?;
        let literal = Typed::constant(Value::Text(text.to_owned()), Type::UNKNOWN);
        let value = self.coerce(literal, &resolved.ty, resolved.typmod, CastContext::Explicit)?;
        match &resolved.domain {
            Some(domain) => in_domain(self, value, domain),
            None => Ok(value),
        }
    }

    /// `interval '1' day`, `interval '1 day'`.
    pub(super) fn bind_interval(&mut self, interval: &ast::Interval) -> Result<Typed> {
        let text = match &*interval.value {
            ast::Expr::Value(value) => string(&value.value),
            _ => None,
        };
        let text = text.ok_or_else(|| {
            Error::new("42601", format!("syntax error at or near \"{}\"", interval.value))
                .with_hint("An interval is written as a string: interval '1 day'.")
        })?;
        let bare_number = text.trim().parse::<f64>().is_ok();
        let text = match (&interval.leading_field, &interval.last_field) {
            (Some(_), Some(_)) if bare_number => {
                return Err(Error::unsupported(
                    "interval fields with TO need a full value",
                    "Write interval '1 day 2 hours'.",
                ));
            }
            (Some(field), None) if bare_number => format!("{text} {}", field.to_string().to_lowercase()),
            _ => text.to_owned(),
        };
        let literal = Typed::constant(Value::Text(text), Type::UNKNOWN);
        self.coerce(literal, &Type::INTERVAL, None, CastContext::Explicit)
    }
}

/// The text of a string literal.
pub(super) fn string(value: &ast::Value) -> Option<&str> {
    match value {
        ast::Value::SingleQuotedString(text)
        | ast::Value::EscapedStringLiteral(text)
        | ast::Value::UnicodeStringLiteral(text)
        | ast::Value::NationalStringLiteral(text) => Some(text),
        ast::Value::DollarQuotedString(quoted) => Some(&quoted.value),
        _ => None,
    }
}

/// An integer that fits is `integer`, then `bigint`; all else is `numeric`.
fn number(digits: &str) -> Result<Typed> {
    if let Ok(int) = digits.parse::<i64>() {
        let ty = if i32::try_from(int).is_ok() { Type::INT4 } else { Type::INT8 };
        return Ok(Typed::constant(Value::Int(int), ty));
    }
    let is_decimal = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
    if !digits.chars().all(is_decimal) {
        let message = format!("trailing junk after numeric literal at or near \"{digits}\"");
        return Err(Error::new("42601", message));
    }
    let session = basalt_types::Context::default();
    let value = basalt_types::codec::from_text(&Type::NUMERIC, None, digits, &session)?;
    Ok(Typed::constant(value, Type::NUMERIC))
}
