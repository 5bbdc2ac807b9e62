//! A body's pieces of SQL, each compiled for what is wanted of it.

use basalt_core::{Error, Result};
use basalt_types::{Type, Value};
use sqlparser::ast;
use sqlparser::tokenizer::Token;

use super::frame::Slot;
use super::outcome::Gives;
use crate::compile::domain::in_domain;
use crate::compile::parse::{parse_expr, parse_statement};
use crate::compile::row;
use crate::compile::scope::{Clause, CteColumn, Scope};
use crate::compile::select::BoundQuery;
use crate::compile::typed::{CastContext, Typed};
use crate::compile::write::Wanted;
use crate::compile::{Compiler, steps};
use crate::plpgsql::tokens::Tokens;
use crate::program::{Output, OutputColumn};

/// Makes the steps of a piece, and tells the columns of its rows where these are as they are.
pub(super) fn bind(
    compiler: &mut Compiler<'_>,
    scope: &Scope<'_>,
    text: &str,
    gives: &Gives,
) -> Result<Vec<OutputColumn>> {
    match gives {
        Gives::Nothing => {
            if statement(compiler, scope, text, &Output::Result)?.is_empty() {
                return Ok(Vec::new());
            }
            let error = Error::new("42601", "query has no destination for result data");
            Err(match compiler.writes {
                true => error,
                false => error.with_hint("If you want to discard the results of a SELECT, use PERFORM instead."),
            })
        }
        Gives::Found => statement(compiler, scope, text, &Output::Result).map(|_| Vec::new()),
        Gives::When => expression(compiler, scope, text, |compiler, value| {
            let condition = compiler.condition(value, "WHEN")?;
            one(condition)
        }),
        Gives::Value(slot) => {
            expression(compiler, scope, text, |compiler, value| one(assigned(compiler, value, slot)?))
        }
        Gives::Plain => expression(compiler, scope, text, |compiler, value| one(compiler.storable(value)?)),
        Gives::Fields => {
            let mut columns = expression(compiler, scope, text, |compiler, value| {
                let Some(fields) = compiler.fields(&value) else { return Err(no_row()) };
                let found = fields.into_iter().map(|(name, field)| Ok((name, compiler.storable(field)?)));
                found.chain([Ok((String::new(), row::mark(&value)))]).collect()
            })?;
            // What says whether the row is there is none of its columns.
            columns.pop();
            Ok(columns)
        }
        Gives::Row(shape) => expression(compiler, scope, text, |compiler, value| {
            let fields = compiler.fields(&value);
            if fields.is_none() && !value.is_null_literal() {
                return Err(no_row());
            }
            let mut fields = fields.unwrap_or_default().into_iter();
            let mut field = |slot: &Slot| {
                let value = fields.next().map_or_else(null, |(_, value)| value);
                Ok((slot.name.clone(), assigned(compiler, value, slot)?))
            };
            let mut found = shape.iter().map(&mut field).collect::<Result<Vec<_>>>()?;
            found.push((String::new(), row::mark(&value)));
            Ok(found)
        }),
        Gives::Returned(shape) => expression(compiler, scope, text, |compiler, value| {
            returned(compiler, &value, shape, "returned record type does not match expected record type")
        }),
        Gives::Triggered(shape) => expression(compiler, scope, text, |compiler, value| {
            let message = "returned row structure does not match the structure of the triggering table";
            let fields = returned(compiler, &value, shape, message)?;
            // Values of the same types, which may be longer than the table's columns take.
            let fields = fields.into_iter().zip(shape.iter());
            let mut found = fields
                .map(|((name, field), slot)| Ok((name, assigned(compiler, field, slot)?)))
                .collect::<Result<Vec<_>>>()?;
            found.push((String::new(), if value.is_null_literal() { null() } else { row::mark(&value) }));
            Ok(found)
        }),
        Gives::Places(slots) => places(compiler, scope, text, slots),
        Gives::Rows => {
            let columns = statement(compiler, scope, text, &Output::Result)?;
            if columns.is_empty() {
                return Err(no_data());
            }
            Ok(columns.into_iter().map(|column| OutputColumn { name: column.name, ty: column.ty }).collect())
        }
        Gives::Exactly(shape) => {
            let columns = statement(compiler, scope, text, &Output::Result)?;
            if columns.is_empty() {
                return Err(Error::new("42601", "query does not return tuples"));
            }
            fit(
                "structure of query does not match function result type",
                shape,
                columns.iter().map(|column| &column.ty),
            )?;
            Ok(Vec::new())
        }
    }
}

/// The fields of a row that RETURN gives.
///
/// Errors: 42804 for what is no row, and with the message for one of other types.
fn returned(compiler: &mut Compiler<'_>, value: &Typed, shape: &[Slot], message: &str) -> Result<Vec<(String, Typed)>> {
    if value.is_null_literal() {
        return Ok(shape.iter().map(|slot| (slot.name.clone(), null())).collect());
    }
    let Some(fields) = compiler.fields(value) else {
        let message = "cannot return non-composite value from function returning composite type";
        return Err(Error::new("42804", message));
    };
    let mut found = Vec::with_capacity(fields.len());
    for (name, field) in fields {
        found.push((name, compiler.storable(field)?));
    }
    fit(message, shape, found.iter().map(|(_, field)| &field.ty))?;
    Ok(found)
}

fn one(value: Typed) -> Result<Vec<(String, Typed)>> {
    Ok(vec![(String::new(), value)])
}

fn null() -> Typed {
    Typed::constant(Value::Null, Type::UNKNOWN)
}

fn no_row() -> Error {
    Error::new("42804", "cannot assign non-composite value to a record variable")
}

fn no_data() -> Error {
    Error::new("42601", "INTO used with a command that cannot return data")
}

/// 42804 where columns are not of the types that they have to have.
fn fit<'t>(message: &str, shape: &[Slot], types: impl ExactSizeIterator<Item = &'t Type>) -> Result<()> {
    let refused = |detail: String| Err(Error::new("42804", message.to_owned()).with_detail(detail));
    let count = types.len();
    for (at, (ty, slot)) in types.zip(shape).enumerate() {
        if *ty != slot.ty {
            let (found, wanted) = (ty.sql_name(), slot.ty.sql_name());
            return refused(format!(
                "Returned type {found} does not match expected type {wanted} in column {}.",
                at + 1
            ));
        }
    }
    if count != shape.len() {
        let wanted = shape.len();
        return refused(format!(
            "Number of returned columns ({count}) does not match expected column count ({wanted})."
        ));
    }
    Ok(())
}

fn statement(compiler: &mut Compiler<'_>, scope: &Scope<'_>, text: &str, output: &Output) -> Result<Vec<CteColumn>> {
    let wanted = Wanted { outer: Some(scope), output, types: None };
    steps::body_statement(compiler, &parse_statement(text)?, wanted)
}

/// An expression, which may go on as a query does: `count(*) from t`.
fn expression(
    compiler: &mut Compiler<'_>,
    scope: &Scope<'_>,
    text: &str,
    wanted: impl FnOnce(&mut Compiler<'_>, Typed) -> Result<Vec<(String, Typed)>>,
) -> Result<Vec<OutputColumn>> {
    let (list, from) = match parse_over_rows(text) {
        Ok(expr) => {
            scope.clause.set(Clause::Rows("expressions of functions"));
            let value = compiler.bind_expr(scope, &expr, None)?;
            (wanted(compiler, value)?, String::new())
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
            (wanted(compiler, column.value("_value"))?, format!(" FROM ({sql}) AS _value LIMIT 2"))
        }
    };
    let values: Vec<&str> = list.iter().map(|(_, value)| value.sql.as_str()).collect();
    let values = if values.is_empty() { "NULL".to_owned() } else { values.join(", ") };
    compiler.end_step(format!("SELECT {values}{from}"), Output::Result, None);
    Ok(list.into_iter().map(|(name, value)| OutputColumn { name, ty: value.ty }).collect())
}

/// Parses an expression in which `new.*` and `old.*` may stand for the whole rows, as PostgreSQL alone takes them for operands.
///
/// Errors: 42601.
pub(crate) fn parse_over_rows(text: &str) -> Result<ast::Expr> {
    if !text.contains(".*") {
        return parse_expr(text);
    }
    let Ok(found) = Tokens::new(text) else { return parse_expr(text) };
    parse_expr(&found.replaced(|tokens| {
        let row = match tokens.ahead(0) {
            Some(Token::Word(word)) if word.quote_style.is_some() => Some(word.value.clone()),
            _ => tokens.word(0),
        };
        let row = row.filter(|word| matches!(word.as_str(), "new" | "old"));
        let is_whole = tokens.ahead(1) == Some(&Token::Period) && tokens.ahead(2) == Some(&Token::Mul);
        Ok(row.filter(|_| is_whole).map(|row| (3, row)))
    })?)
}

/// A query or write whose rows go to these places: NULL where one has no column for it; what it has too many is left out.
fn places(compiler: &mut Compiler<'_>, scope: &Scope<'_>, text: &str, places: &[Slot]) -> Result<Vec<OutputColumn>> {
    let slot = compiler.slot();
    let columns = statement(compiler, scope, text, &Output::Capture(slot))?;
    if columns.is_empty() {
        return Err(no_data());
    }
    let mut list = Vec::new();
    for (at, place) in places.iter().enumerate() {
        let value = match columns.get(at) {
            Some(column) => {
                let value = Typed::new(format!("_row.{}", column.sqlite), column.ty.clone());
                Typed { typmod: column.typmod, ..value }
            }
            None => null(),
        };
        list.push(assigned(compiler, value, place)?.sql);
    }
    let sql = format!("SELECT {} FROM pg_rows({slot}) AS _row", list.join(", "));
    compiler.end_step(sql, Output::Result, None);
    Ok(Vec::new())
}

/// A value as PL/pgSQL assigns it: as an assignment of SQL does, and by way of its text where that knows none.
pub(in crate::compile) fn assigned(compiler: &mut Compiler<'_>, value: Typed, place: &Slot) -> Result<Typed> {
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
