//! The scalar functions of every connection: those of `basalt_types`, and those that only compiled programs call.

use std::fmt::Display;
use std::sync::Arc;

use basalt_core::{Error, Object, Result};
use basalt_sql::program::Session;
use basalt_types::array;
use basalt_types::codec::{self, JsonStyle, RowShape};
use basalt_types::{Context, Implementation, Type, Typmod, Value, ValueRef, Volatility};
use rusqlite::Connection;
use rusqlite::functions::{Context as Call, FunctionFlags};
use serde::de::DeserializeOwned;

use super::session::{self, raise};
use super::value::{Stored, stored};

/// Arguments that are gathered without an allocation.
const FEW: usize = 8;

/// Registers all of them.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    // What is steady within a statement SQLite may compute once. Indexes over it are refused where they are defined.
    for function in basalt_types::functions() {
        let steady = function.volatility != Volatility::Volatile;
        builtin(connection, &function.sqlite_name(), steady, function.strict, function.implementation)?;
    }
    for operator in basalt_types::operators() {
        let steady = operator.volatility != Volatility::Volatile;
        builtin(connection, &operator.sqlite_name(), steady, operator.strict, operator.implementation)?;
    }
    casts(connection)?;
    arrays(connection)?;
    rows(connection)?;
    settings(connection)?;
    sequences(connection)
}

fn flags(is_deterministic: bool) -> FunctionFlags {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    if is_deterministic { flags | FunctionFlags::SQLITE_DETERMINISTIC } else { flags }
}

fn builtin(
    connection: &Connection,
    name: &str,
    is_steady: bool,
    is_strict: bool,
    implementation: Implementation,
) -> rusqlite::Result<()> {
    match implementation {
        Implementation::Sqlite(_) => Ok(()),
        Implementation::Rust(code) => connection.create_scalar_function(name, -1, flags(is_steady), move |call| {
            with_arguments(call, 0, |args| match is_strict && args.iter().any(|arg| arg.is_null()) {
                true => Ok(Value::Null),
                false => with_context(|context| code(context, args)),
            })
        }),
        Implementation::Typed(code) => connection.create_scalar_function(name, -1, flags(is_steady), move |call| {
            let types = described::<Vec<Type>>(call, 0)?;
            with_arguments(call, 1, |args| match is_strict && args.iter().any(|arg| arg.is_null()) {
                true => Ok(Value::Null),
                false => with_context(|context| code(context, &types, args)),
            })
        }),
    }
}

/// `pg_cast`, `pg_assign`, `pg_require`.
fn casts(connection: &Connection) -> rusqlite::Result<()> {
    type Target = (Type, Option<Typmod>);
    connection.create_scalar_function("pg_cast", 3, flags(true), |call| {
        let (from, to) = (described::<Target>(call, 0)?, described::<Target>(call, 1)?);
        with_arguments(call, 2, |args| with_context(|context| codec::cast(&from.0, &to.0, to.1, args[0], context)))
    })?;
    connection.create_scalar_function("pg_assign", 3, flags(true), |call| {
        let (from, to) = (described::<Target>(call, 0)?, described::<Target>(call, 1)?);
        with_arguments(call, 2, |args| {
            let value = with_context(|context| codec::cast(&from.0, &to.0, None, args[0], context))?;
            codec::apply_typmod(&to.0, to.1, value, false)
        })
    })?;
    connection.create_scalar_function("pg_require", -1, flags(false), |call| {
        with_arguments(call, 0, |args| match args[0] {
            ValueRef::Int(1) => Ok(Value::Int(1)),
            _ => {
                let error = Error::new(args[1].text().to_owned(), args[2].text().to_owned());
                let error = match arg(args, 3) {
                    ValueRef::Null => error,
                    hint => error.with_hint(hint.text().to_owned()),
                };
                let error = match arg(args, 4) {
                    ValueRef::Null => error,
                    constraint => error.with_constraint(constraint.text()),
                };
                let error = match arg(args, 5) {
                    ValueRef::Null => error,
                    detail => error.with_detail(detail.text().to_owned()),
                };
                Err(match (arg(args, 6), arg(args, 7)) {
                    (ValueRef::Null, _) => error,
                    (schema, domain) => error.with_object(Object {
                        schema: Some(schema.text().to_owned()),
                        datatype: Some(domain.text().to_owned()),
                        ..Object::default()
                    }),
                })
            }
        })
    })
}

/// `pg_slice`, `pg_flat`.
fn arrays(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_scalar_function("pg_slice", -1, flags(true), |call| {
        with_arguments(call, 0, |args| {
            if args.iter().any(|arg| arg.is_null()) {
                return Ok(Value::Null);
            }
            let bounds: Vec<(i64, i64)> = args[1..].chunks(2).map(|pair| (pair[0].int(), arg(pair, 1).int())).collect();
            Ok(array::slice(args[0].text(), &bounds).into())
        })
    })?;
    connection.create_scalar_function("pg_flat", 1, flags(true), |call| {
        with_arguments(call, 0, |args| match args[0] {
            ValueRef::Text(text) => Ok(array::flat(text).into_owned().into()),
            other => Ok(other.to_owned()),
        })
    })
}

/// `pg_record`, `pg_joined_records`, `pg_populate`, `pg_row`, `pg_cell`, `pg_joined_rows`.
fn rows(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_scalar_function("pg_record", -1, flags(true), |call| {
        with_arguments(call, 0, |args| Ok(codec::record_of(args.iter().copied())))
    })?;
    connection.create_scalar_function("pg_joined_records", -1, flags(true), |call| {
        with_arguments(call, 0, |args| {
            let fields = |row: &ValueRef<'_>| row.text().strip_prefix('[')?.strip_suffix(']').map(str::to_owned);
            Ok(format!("[{}]", args.iter().filter_map(fields).collect::<Vec<_>>().join(",")).into())
        })
    })?;
    connection.create_scalar_function("pg_populate", 3, flags(true), |call| {
        let fields = described::<Vec<(String, Type)>>(call, 0)?;
        with_arguments(call, 1, |args| match (args[0], args[1]) {
            (base, ValueRef::Null) => Ok(base.to_owned()),
            (base, document) => {
                let base = (!base.is_null()).then(|| base.text());
                // PostgreSQL reads all of the document, in whichever column it goes.
                if document.text().contains("\\u") {
                    basalt_types::json::check(document.text())?;
                }
                with_context(|context| codec::populate(&fields, base, document.text().trim(), context))
            }
        })
    })?;
    connection.create_scalar_function("pg_cell", 3, flags(false), |call| {
        with_arguments(call, 0, |args| {
            let [slot, number, column] = [args[0].int(), args[1].int(), args[2].int()];
            let rows = session::with(|session| session.slots.borrow().get(usize::try_from(slot).ok()?).cloned());
            let rows = rows.ok_or_else(|| Error::internal(format!("no rows were captured as {slot}")))?;
            let found = rows.binary_search_by_key(&number, |row| row.first().map_or(0, |cell| cell.as_ref().int()));
            let cell = found.ok().zip(usize::try_from(column).ok()).and_then(|(row, column)| rows[row].get(column));
            Ok(cell.cloned().unwrap_or_default())
        })
    })?;
    connection.create_scalar_function("pg_row", -1, flags(true), |call| {
        let shape = aux(call, 0, row_shape)?;
        with_arguments(call, 1, |args| {
            let mut out = String::new();
            with_context(|context| shape.write_object(|i| arg(args, i), context, false, &mut out));
            shape.finish(out).map(Value::from)
        })
    })?;
    connection.create_scalar_function("pg_joined_rows", -1, flags(true), |call| {
        with_arguments(call, 0, |args| {
            let members = |row: &ValueRef<'_>| row.text().strip_prefix('{')?.strip_suffix('}').map(str::to_owned);
            let joined = format!("{{{}}}", args[1..].iter().filter_map(members).collect::<Vec<_>>().join(","));
            if args[0].int() == 0 {
                return Ok(joined.into());
            }
            with_context(|context| codec::cast(&Type::JSON, &Type::JSONB, None, ValueRef::Text(&joined), context))
        })
    })
}

/// The shape of `pg_row` and `pg_rows_agg` from its JSON.
pub(super) fn row_shape(descriptor: &str) -> Result<RowShape, serde_json::Error> {
    let (jsonb, columns): (bool, Vec<(String, Type)>) = serde_json::from_str(descriptor)?;
    Ok(RowShape::new(columns, if jsonb { JsonStyle::Jsonb } else { JsonStyle::Json }))
}

/// The argument at `index`; NULL beyond the last.
pub(super) fn arg<'a>(args: &[ValueRef<'a>], index: usize) -> ValueRef<'a> {
    args.get(index).copied().unwrap_or(ValueRef::Null)
}

/// `pg_session`, `pg_setting`, `pg_set_config`.
fn settings(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_scalar_function("pg_session", 1, flags(true), |call| {
        with_arguments(call, 0, |args| match Session::named(args[0].text()) {
            Some(asked) => super::run::session_value(&asked),
            None => Err(Error::internal(format!("a session has no {}", args[0].text()))),
        })
    })?;
    connection.create_scalar_function("pg_setting", -1, flags(false), |call| {
        with_arguments(call, 0, |args| {
            let name = args[0].text();
            match session::with(|session| session.setting(name)) {
                Some(value) => Ok(value.into()),
                None if arg(args, 1) == ValueRef::Int(1) => Ok(Value::Null),
                None => Err(Error::new("42704", format!("unrecognized configuration parameter \"{name}\""))),
            }
        })
    })?;
    connection.create_scalar_function("pg_set_config", -1, FunctionFlags::SQLITE_UTF8, |call| {
        with_arguments(call, 0, |args| {
            let value = arg(args, 1).text();
            session::with(|session| session.set(args[0].text(), value))?;
            Ok(value.into())
        })
    })
}

/// `pg_nextval`, `pg_currval`, `pg_lastval`, `pg_setval`, `pg_sequence`.
fn sequences(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8;
    connection.create_scalar_function("pg_nextval", 1, flags, |call| {
        with_arguments(call, 0, |args| writing("nextval", |sequences| sequences.next(args[0].text())))
    })?;
    connection.create_scalar_function("pg_setval", -1, flags, |call| {
        with_arguments(call, 0, |args| {
            if args.iter().any(|value| value.is_null()) {
                return Ok(Value::Null);
            }
            let is_called = args.get(2).is_none_or(|value| value.int() != 0);
            writing("setval", |sequences| sequences.set(args[0].text(), arg(args, 1).int(), is_called))
        })
    })?;
    connection.create_scalar_function("pg_currval", 1, flags, |call| {
        with_arguments(call, 0, |args| {
            let name = args[0].text();
            session::with(|session| match session.sequences.borrow().as_ref() {
                Some(sequences) => sequences.current(name).map(Value::Int),
                None => Err(super::sequences::not_yet_defined(name)),
            })
        })
    })?;
    connection.create_scalar_function("pg_sequence", 2, flags, |call| {
        with_arguments(call, 0, |args| {
            let state = session::with(|session| session.sequences.borrow().as_ref()?.state(args[0].text()));
            Ok(state.map_or(Value::Null, |(last_value, is_called)| match args[1].int() {
                0 => last_value.into(),
                _ => is_called.into(),
            }))
        })
    })?;
    connection.create_scalar_function("pg_lastval", 0, flags, |call| {
        with_arguments(call, 0, |_| {
            let last = session::with(|session| session.sequences.borrow().as_ref().and_then(|s| s.last()));
            last.map(Value::Int).ok_or_else(|| Error::new("55000", "lastval is not yet defined in this session"))
        })
    })
}

/// Changes a sequence, which only the writer may.
fn writing(function: &str, change: impl FnOnce(&mut super::sequences::Sequences) -> Result<i64>) -> Result<Value> {
    session::with(|session| match session.sequences.borrow_mut().as_mut() {
        Some(sequences) if !session.read_only.get() => change(sequences).map(Value::Int),
        _ => Err(super::error::read_only(&format!("{function}()"))),
    })
}

/// Calls `f` with the session's context.
pub(super) fn with_context<R>(f: impl FnOnce(&Context) -> R) -> R {
    session::with(|session| f(&session.context.borrow()))
}

/// Hands the arguments from the one at `from` on to `f`, and its result or error to SQLite.
fn with_arguments(
    call: &Call<'_>,
    from: usize,
    f: impl FnOnce(&[ValueRef<'_>]) -> Result<Value>,
) -> rusqlite::Result<Stored> {
    let made = gathered(call, from, |args| {
        let made = f(args)?;
        let taken: usize = args.iter().map(|arg| arg.size()).sum();
        session::check_time_over(taken + made.as_ref().size())?;
        Ok(made)
    })?;
    made.map(Stored).map_err(raise)
}

/// Calls `f` with the arguments from the one at `from` on.
pub(super) fn gathered<R>(call: &Call<'_>, from: usize, f: impl FnOnce(&[ValueRef<'_>]) -> R) -> rusqlite::Result<R> {
    let count = call.len().saturating_sub(from);
    if count > FEW {
        return Ok(f(&arguments(call, from)?));
    }
    let mut args = [ValueRef::Null; FEW];
    for (i, arg) in args[..count].iter_mut().enumerate() {
        *arg = stored(call.get_raw(from + i))?;
    }
    Ok(f(&args[..count]))
}

/// The arguments from the one at `from` on.
pub(super) fn arguments<'a>(call: &'a Call<'_>, from: usize) -> rusqlite::Result<Vec<ValueRef<'a>>> {
    (from..call.len()).map(|i| stored(call.get_raw(i))).collect()
}

/// An argument that is a constant description as JSON: read once for each prepared statement.
fn described<T: DeserializeOwned + Send + Sync + 'static>(call: &Call<'_>, index: i32) -> rusqlite::Result<Arc<T>> {
    aux(call, index, |text| serde_json::from_str(text))
}

pub(super) fn aux<T: Send + Sync + 'static, E: Display>(
    call: &Call<'_>,
    index: i32,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> rusqlite::Result<Arc<T>> {
    call.get_or_create_aux(index, |value| {
        let text = value.as_str().unwrap_or_default();
        read(text).map_err(|e| raise(Error::internal(format!("{e} in the description {text}"))))
    })
}
