//! A body's pieces of SQL, each compiled for what is wanted of it.

use basalt_core::{Error, Result};
use basalt_types::{Type, Value};
use sqlparser::ast;
use sqlparser::tokenizer::Token;

use super::frame::Variable;
use crate::compile::domain::in_domain;
use crate::compile::parse::{parse_expr, parse_statement, tokens};
use crate::compile::scope::{Clause, Scope};
use crate::compile::select::BoundQuery;
use crate::compile::typed::{CastContext, Typed};
use crate::compile::write::Wanted;
use crate::compile::{Compiler, steps};
use crate::program::Output;

/// What is wanted of a piece of SQL.
#[derive(Debug, Clone)]
pub(super) enum Gives {
    /// Nothing.
    Nothing,
    /// The condition of WHEN.
    When,
    /// A value for a place.
    Value(Variable),
    /// A row for several places.
    Row(Vec<Variable>),
}

impl Gives {
    /// One text.
    pub fn text() -> Gives {
        Gives::Value(Variable::plain("text", Type::TEXT))
    }

    /// One boolean: what IF asks is assigned to one.
    pub fn condition() -> Gives {
        Gives::Value(Variable::plain("condition", Type::BOOL))
    }
}

/// Makes the steps of a piece.
pub(super) fn bind(compiler: &mut Compiler<'_>, scope: &Scope<'_>, text: &str, gives: &Gives) -> Result<()> {
    match gives {
        Gives::Nothing => {
            let wanted = Wanted { outer: Some(scope), output: &Output::Result, types: None };
            steps::body_statement(compiler, &parse_statement(text)?, wanted).map(drop)
        }
        Gives::When => expression(compiler, scope, text, |compiler, value| compiler.condition(value, "WHEN")),
        Gives::Value(place) => expression(compiler, scope, text, |compiler, value| assigned(compiler, value, place)),
        Gives::Row(places) => row(compiler, scope, text, places),
    }
}

/// An expression, which may go on as a query does: `count(*) from t`.
fn expression(
    compiler: &mut Compiler<'_>,
    scope: &Scope<'_>,
    text: &str,
    wanted: impl FnOnce(&mut Compiler<'_>, Typed) -> Result<Typed>,
) -> Result<()> {
    let sql = match parse_over_rows(text) {
        Ok(expr) => {
            scope.clause.set(Clause::Rows("expressions of functions"));
            let value = compiler.bind_expr(scope, &expr, None)?;
            format!("SELECT {}", wanted(compiler, value)?.sql)
        }
        Err(error) => {
            let Ok(ast::Statement::Query(query)) = parse_statement(&format!("select {text}")) else {
                return Err(error);
            };
            let BoundQuery { sql, columns, .. } = compiler.bind_query(Some(scope), &query)?;
            let [column] = columns.as_slice() else {
                let message = format!("query \"{}\" returned {} columns", text.trim(), columns.len());
                return Err(Error::new("42601", message));
            };
            let value = wanted(compiler, column.value("_value"))?;
            format!("SELECT {} FROM ({sql}) AS _value LIMIT 2", value.sql)
        }
    };
    compiler.end_step(sql, Output::Result, None);
    Ok(())
}

/// Parses an expression in which `new.*` and `old.*` may stand for the whole rows, as PostgreSQL alone takes them for operands.
///
/// Errors: 42601.
pub(crate) fn parse_over_rows(text: &str) -> Result<ast::Expr> {
    if !text.contains(".*") {
        return parse_expr(text);
    }
    let Ok(found) = tokens(text) else { return parse_expr(text) };
    let found: Vec<Token> = found.into_iter().map(|token| token.token).collect();
    let (mut bare, mut at) = (String::with_capacity(text.len()), 0);
    while at < found.len() {
        bare.push_str(&found[at].to_string());
        let is_whole = matches!(&found[at..], [row, Token::Period, Token::Mul, ..] if is_row(row));
        at += if is_whole { 3 } else { 1 };
    }
    parse_expr(&bare)
}

fn is_row(token: &Token) -> bool {
    let Token::Word(word) = token else { return false };
    word.quote_style.is_none() && ["new", "old"].iter().any(|row| word.value.eq_ignore_ascii_case(row))
}

/// A query or write whose row goes to these places: NULL where it has no column for one; what it has too many is left out.
fn row(compiler: &mut Compiler<'_>, scope: &Scope<'_>, text: &str, places: &[Variable]) -> Result<()> {
    let slot = compiler.slot();
    let output = Output::Capture(slot);
    let wanted = Wanted { outer: Some(scope), output: &output, types: None };
    let columns = steps::body_statement(compiler, &parse_statement(text)?, wanted)?;
    if columns.is_empty() {
        return Err(Error::new("42601", "INTO used with a command that cannot return data"));
    }
    let mut list = Vec::new();
    for (at, place) in places.iter().enumerate() {
        let value = match columns.get(at) {
            Some(column) => {
                let value = Typed::new(format!("_row.{}", column.sqlite), column.ty.clone());
                Typed { typmod: column.typmod, ..value }
            }
            None => Typed::constant(Value::Null, Type::UNKNOWN),
        };
        list.push(assigned(compiler, value, place)?.sql);
    }
    let sql = format!("SELECT {} FROM pg_rows({slot}) AS _row LIMIT 2", list.join(", "));
    compiler.end_step(sql, Output::Result, None);
    Ok(())
}

/// A value as PL/pgSQL assigns it: as an assignment of SQL does, and by way of its text where that knows none.
fn assigned(compiler: &mut Compiler<'_>, value: Typed, place: &Variable) -> Result<Typed> {
    let value = compiler.storable(value)?;
    let value = match compiler.coerce(value.clone(), &place.ty, place.typmod, CastContext::Assignment) {
        Err(error) if matches!(error.code(), "42804" | "42846") => {
            let text = compiler.coerce(value, &Type::TEXT, None, CastContext::Explicit)?;
            compiler.coerce(text, &place.ty, place.typmod, CastContext::Explicit)?
        }
        other => other?,
    };
    match &place.domain {
        Some(domain) => in_domain(compiler, value, domain),
        None => Ok(value),
    }
}
