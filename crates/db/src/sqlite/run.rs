//! Runs a request on a connection: binds, steps, captures, renders.

use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use basalt_core::{Error, Identity, Result};
use basalt_sql::program::{Bind, Output, Session as SessionValue, Step};
use basalt_sql::{Catalog, Program};
use basalt_types::{Type, Value, ValueRef, codec};
use rusqlite::{Connection, Row, Rows, Statement};

use super::functions::with_context;
use super::memory::Gathered;
use super::programs::{Compiled, Prepared};
use super::render::Renderer;
use super::schema::Schema;
use super::value::{Stored, StoredRef, stored};
use super::{diagnose, error, plan, plpgsql, session, triggers};
use crate::{Answer, Explain, Format, Options, Request};

/// A parameter in its stored form.
pub(super) enum Param<'a> {
    Text(&'a str),
    Value(Value),
}

/// Runs everything of a request but the end of its transaction. The session has been started.
pub(super) fn transaction(
    connection: &Connection,
    schema: &Schema,
    request: &Request,
    prepared: &Prepared,
    limit: usize,
) -> Result<Answer> {
    if request.read_only {
        prepared.refuse_writing()?;
    }
    if let Some(function) = &prepared.pre_request {
        statement(connection, schema, function, &[], Format::None, usize::MAX)?;
    }
    if let Some(fault) = &prepared.fault {
        return Err(fault.clone());
    }
    let main = &prepared.main;
    let mut answer = match request.format {
        Format::Plan(Explain { json, analyze, .. }) => plan::explain(connection, main, json, || {
            analyze.then(|| statement(connection, schema, main, &request.params, Format::Json, limit)).transpose()
        })?,
        format => statement(connection, schema, main, &request.params, format, limit)?,
    };
    if let Some(count) = &prepared.count {
        answer.total = Some(total(connection, schema, count, &request.params)?);
    }
    answer.response_settings = session::with(|session| {
        let context = session.context.borrow();
        let settings = context.settings.borrow();
        let set = |name: &str| {
            settings.get(name).filter(|value| !value.is_empty()).map(|value| (name.to_owned(), value.clone()))
        };
        ["response.status", "response.headers"].into_iter().filter_map(set).collect()
    });
    if let Some(check) = &request.check {
        check(&answer)?;
    }
    Ok(answer)
}

/// Starts the session of a request.
///
/// Errors: 22023 for an unknown time zone.
pub(super) fn start(schema: &Schema, request: &Request, options: &Options) -> Result<Duration> {
    let role = schema.catalog.roles.get(&*request.identity.role);
    let mut settings = request.settings.clone();
    let mut timeout = options.statement_timeout;
    // What is set first counts: the request's own, its role's, everybody's.
    for defaults in role.map(|role| &role.settings).into_iter().chain([&schema.catalog.settings]) {
        for (name, value) in defaults {
            if settings.iter().any(|(given, _)| given == name) {
                continue;
            }
            if let Some(given) = Some(value).filter(|_| name == "statement_timeout").and_then(|text| duration(text)) {
                timeout = given;
            }
            settings.push((name.clone(), value.clone()));
        }
    }
    let given = request.hoisted.iter().find(|(name, _)| name == "statement_timeout");
    if let Some(given) = given.and_then(|(_, text)| duration(text)) {
        timeout = given;
    }
    session::with(|session| {
        session.most_memory.set(options.max_body);
        session.start(&request.identity, settings, request.read_only)
    })?;
    Ok(timeout)
}

/// Starts a session of the owner, for migrations.
pub(super) fn start_owner(catalog: &Catalog) {
    session::with(|session| {
        let settings = catalog.settings.clone().into_iter().collect();
        // The values were judged when they were set.
        let _ = session.start(&Identity::owner(), settings, false);
        session.most_memory.set(usize::MAX);
        session.unwatch();
    });
}

/// Reads a duration setting: milliseconds without a unit, as PostgreSQL's `statement_timeout`; 0 is no limit.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..unit_at].parse().ok()?;
    let millis = match text[unit_at..].trim() {
        "" | "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.saturating_mul(millis)))
}

/// Runs one program.
pub(crate) fn statement(
    connection: &Connection,
    schema: &Schema,
    compiled: &Compiled,
    params: &[Option<String>],
    format: Format,
    limit: usize,
) -> Result<Answer> {
    let mut renderer = Renderer::new(&compiled.layout, format, limit, compiled.body_size.load(Ordering::Relaxed));
    let changes =
        with_rows(connection, schema, compiled, params, |row| with_context(|context| renderer.row(row, context)))?;
    let answer = renderer.finish(changes);
    if format != Format::None {
        compiled.body_size.store(answer.body.len() + 64, Ordering::Relaxed);
    }
    Ok(answer)
}

/// The only value of a count statement.
fn total(connection: &Connection, schema: &Schema, count: &Compiled, params: &[Option<String>]) -> Result<u64> {
    let mut total = 0;
    with_rows(connection, schema, count, params, |row| {
        total = row.get::<_, i64>(0).map_err(error::translate)?.unsigned_abs();
        Ok(())
    })?;
    Ok(total)
}

/// Runs a program's steps and hands each row of its result to `take`. Gives what the last step changed.
pub(super) fn with_rows(
    connection: &Connection,
    schema: &Schema,
    compiled: &Compiled,
    params: &[Option<String>],
    take: impl FnMut(&Row<'_>) -> Result<()>,
) -> Result<u64> {
    let params = convert(&compiled.program.params, params)?;
    rows_of(connection, schema, &compiled.program, Params::Given(&params), take)
}

/// The same, for parameters in their stored form.
pub(super) fn rows_of(
    connection: &Connection,
    schema: &Schema,
    program: &Program,
    params: Params<'_>,
    take: impl FnMut(&Row<'_>) -> Result<()>,
) -> Result<u64> {
    plpgsql::calling(connection, schema, program, || steps_of(connection, schema, program, params, take))
}

fn steps_of(
    connection: &Connection,
    schema: &Schema,
    program: &Program,
    params: Params<'_>,
    mut take: impl FnMut(&Row<'_>) -> Result<()>,
) -> Result<u64> {
    let mut changes = 0;
    for step in &program.steps {
        if step.probe.is_some() {
            session::with(|session| {
                if let Some(sequences) = session.sequences.borrow_mut().as_mut() {
                    sequences.start_step();
                }
            });
        }
        let done = run_step(connection, schema, step, params, &mut take);
        let done = done.and_then(|changes| match &step.fires {
            Some(fires) => triggers::fire(connection, schema, fires).map(|()| changes).map_err(Failure::Ours),
            None => Ok(changes),
        });
        changes = match done {
            Ok(changes) => changes,
            Err(failure) => {
                session::with(|session| session.noted.take());
                return Err(match failure {
                    Failure::Ours(error) => error,
                    Failure::Sqlite(failure) => diagnose::step(connection, schema, step, params, failure),
                });
            }
        };
    }
    Ok(changes)
}

/// The values that a program's steps bind.
#[derive(Clone, Copy)]
pub(super) enum Params<'p> {
    /// A request's.
    Given(&'p [Option<Param<'p>>]),
    /// Those of a trigger function's body.
    Frame(&'p [Value]),
}

impl Params<'_> {
    fn get(&self, number: usize) -> ValueRef<'_> {
        match self {
            Params::Given(params) => match params.get(number).and_then(Option::as_ref) {
                None => ValueRef::Null,
                Some(Param::Text(text)) => ValueRef::Text(text),
                Some(Param::Value(value)) => value.as_ref(),
            },
            Params::Frame(values) => values.get(number).map_or(ValueRef::Null, Value::as_ref),
        }
    }
}

/// Why a step failed.
pub(super) enum Failure {
    Sqlite(rusqlite::Error),
    Ours(Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Failure::Sqlite(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Ours(error)
    }
}

fn run_step(
    connection: &Connection,
    schema: &Schema,
    step: &Step,
    params: Params<'_>,
    take: &mut impl FnMut(&Row<'_>) -> Result<()>,
) -> Result<u64, Failure> {
    let mut statement = connection.prepare_cached(&step.sql)?;
    bind(&mut statement, &step.binds, params)?;
    let is_write = !statement.readonly();
    let columns = statement.column_count();
    let mut rows = statement.raw_query();
    match &step.output {
        Output::Discard => while rows.next()?.is_some() {},
        Output::Result => {
            while let Some(row) = rows.next()? {
                take(row)?;
            }
        }
        Output::Capture(slot) => {
            let captured = all(&mut rows, columns)?;
            keep(*slot, captured);
        }
        Output::Proposed(proposed) => {
            let captured = all(&mut rows, columns)?;
            drop(rows);
            keep(proposed.slot, triggers::propose(connection, schema, proposed, captured)?);
            return Ok(0);
        }
        Output::Called(called) => {
            let args = all(&mut rows, columns)?.rows.pop().unwrap_or_default();
            drop(rows);
            drop(statement);
            let given = plpgsql::call(connection, schema, &called.callee, args)?;
            keep(called.slot, given);
            return Ok(0);
        }
    }
    drop(rows);
    Ok(match step.counts {
        Some(slot) => {
            session::with(|session| session.slots.borrow().get(slot).map_or(0, |rows| rows.rows.len() as u64))
        }
        None if is_write => connection.changes(),
        None => 0,
    })
}

/// All rows that are left.
///
/// Errors: 54000 when they are more than a statement may hold.
pub(super) fn all(rows: &mut Rows<'_>, columns: usize) -> rusqlite::Result<Gathered> {
    let mut found = Gathered::default();
    while let Some(row) = rows.next()? {
        found.gather(owned(row, columns)?).map_err(session::raise)?;
    }
    Ok(found)
}

/// Keeps rows for later steps.
fn keep(slot: usize, rows: Gathered) {
    session::with(|session| {
        let mut slots = session.slots.borrow_mut();
        if slots.len() <= slot {
            slots.resize_with(slot + 1, Default::default);
        }
        slots[slot] = Rc::new(rows);
    });
}

/// Copies a row.
pub(super) fn owned(row: &Row<'_>, columns: usize) -> rusqlite::Result<Vec<Value>> {
    (0..columns).map(|i| Ok(stored(row.get_ref(i)?)?.to_owned())).collect()
}

/// Converts parameters to their stored form.
///
/// Errors: 08P01 when there are too few; 22P02 and the like for a bad value.
fn convert<'a>(
    types: &[(Type, Option<basalt_types::Typmod>)],
    params: &'a [Option<String>],
) -> Result<Vec<Option<Param<'a>>>> {
    if types.len() > params.len() {
        let message =
            format!("bind message supplies {} parameters, but the statement requires {}", params.len(), types.len());
        return Err(Error::new("08P01", message));
    }
    let convert = |((ty, typmod), text): (&(Type, Option<basalt_types::Typmod>), &'a Option<String>)| {
        let Some(text) = text.as_deref() else { return Ok(None) };
        if typmod.is_none() && matches!(*ty, Type::TEXT | Type::VARCHAR | Type::UNKNOWN) && !text.contains('\0') {
            return Ok(Some(Param::Text(text)));
        }
        with_context(|context| codec::from_text(ty, *typmod, text, context)).map(|value| Some(Param::Value(value)))
    };
    types.iter().zip(params).map(convert).collect()
}

/// Binds a step's parameters.
pub(super) fn bind(statement: &mut Statement<'_>, binds: &[Bind], params: Params<'_>) -> Result<(), Failure> {
    for (i, bind) in binds.iter().enumerate() {
        let index = i + 1;
        match bind {
            Bind::Param(number) => statement.raw_bind_parameter(index, StoredRef(params.get(*number)))?,
            Bind::Captured { slot, column } => session::with(|session| {
                let slots = session.slots.borrow();
                let value = slots.get(*slot).and_then(|rows| rows.first()).and_then(|row| row.get(*column));
                statement.raw_bind_parameter(index, StoredRef(value.map_or(ValueRef::Null, Value::as_ref)))
            })?,
            Bind::Session(wanted) => statement.raw_bind_parameter(index, Stored(session_value(wanted)?))?,
        }
    }
    Ok(())
}

/// What the session says.
pub(super) fn session_value(wanted: &SessionValue) -> Result<Value> {
    session::with(|session| {
        let identity = session.identity.borrow();
        let Some(identity) = identity.as_ref() else { return Ok(Value::Null) };
        let context = session.context.borrow();
        Ok(match wanted {
            SessionValue::Uid => match identity.claims.sub() {
                Some(sub) if !sub.is_empty() => codec::from_text(&Type::UUID, None, sub, &context)?,
                _ => Value::Null,
            },
            SessionValue::User => (&*identity.role).into(),
            SessionValue::Role => identity.claims.role().map(str::to_owned).into(),
            SessionValue::Email => identity.claims.email().map(str::to_owned).into(),
            SessionValue::Jwt => codec::from_text(&Type::JSONB, None, identity.claims.json(), &context)?,
            SessionValue::Now => context.now.into(),
            SessionValue::TriggerDepth => i64::from(session.trigger_depth.get()).into(),
            SessionValue::Setting(name) => {
                drop(context);
                session.setting(name).into()
            }
        })
    })
}
