//! PL/pgSQL: functions' bodies run here, statement by statement; their SQL is compiled as any other.
//!
//! [`body`] walks the statements, for triggers and for calls alike. A call is a step of its own ([`call`]), or a function of SQLite's
//! while a statement runs (`pg_interpreted`); then it may only read.

mod body;
mod control;
mod dynamic;
mod host;
mod pieces;
mod raise;
mod values;

use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_sql::Program;
use basalt_sql::catalog::Routine;
use basalt_sql::compile::body::Code;
use basalt_sql::program::Callee;
use basalt_types::{Value, ValueRef};
use quick_cache::sync::Cache;
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use scoped_tls::scoped_thread_local;

use super::functions::gathered;
use super::memory::Gathered;
use super::schema::Schema;
use super::session;
pub(super) use body::Body;
pub(crate) use host::Defining;
use host::Host;
use values::Values;

/// Functions and triggers that run within each other: more are a recursion that does not end.
const MAX_NESTING: usize = 64;

scoped_thread_local!(static CONNECTION: Connection);
scoped_thread_local!(static SCHEMA: Schema);

/// Functions kept: each once for whom it runs as, its search path, its inputs and the type of its result.
const CAPACITY: usize = 1024;

/// A function that was called.
pub(super) struct Known {
    code: Code,
    is_strict: bool,
}

/// The functions that a schema's statements have called, by their [`Callee`].
pub(super) struct Functions(Cache<String, Arc<Known>>);

impl Default for Functions {
    fn default() -> Functions {
        Functions(Cache::new(CAPACITY))
    }
}

impl Functions {
    fn get(&self, schema: &Schema, callee: &str) -> Result<Arc<Known>> {
        self.0.get_or_insert_with(callee, || Functions::made(schema, callee).map(Arc::new))
    }

    /// Reads what the function does.
    fn made(schema: &Schema, callee: &str) -> Result<Known> {
        let called: Callee = serde_json::from_str(callee).map_err(|e| Error::internal(e.to_string()))?;
        let overloads = schema.catalog.routines(&called.function.schema, &called.function.name);
        let is_meant = |routine: &&Arc<Routine>| routine.input_types() == called.inputs;
        let missing = || Error::new("42883", format!("function {} does not exist", called.function.name));
        let routine = overloads.iter().find(is_meant).ok_or_else(missing)?;
        let routine = Routine { returns: called.returns, ..(**routine).clone() };
        let code = Code::of_function(&schema.catalog, &routine, &called.who)?;
        Ok(Known { code, is_strict: routine.strict })
    }
}

/// Registers `pg_interpreted(callee, x...)`.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_scalar_function("pg_interpreted", -1, FunctionFlags::SQLITE_UTF8, |call| {
        let callee: String = call.get(0)?;
        let args = gathered(call, 1, |args| args.iter().map(|arg| ValueRef::to_owned(*arg)).collect())?;
        let value = while_running(|connection, schema| {
            let mut rows = self::call(connection, schema, &callee, args)?;
            Ok(rows.pop().and_then(|row| row.into_iter().next()).unwrap_or_default())
        });
        value.map(super::value::Stored).map_err(session::raise)
    })
}

/// Runs what is called while SQLite runs a statement.
fn while_running<T>(f: impl FnOnce(&Connection, &Schema) -> Result<T>) -> Result<T> {
    if !CONNECTION.is_set() {
        return Err(Error::internal("a function in PL/pgSQL was called outside of a statement"));
    }
    let depth = session::with(|session| session.running.replace(session.running.get() + 1));
    let result = CONNECTION.with(|connection| SCHEMA.with(|schema| f(connection, schema)));
    session::with(|session| session.running.set(depth));
    result
}

/// Runs a program whose statements may call functions.
pub(super) fn calling<T>(connection: &Connection, schema: &Schema, program: &Program, f: impl FnOnce() -> T) -> T {
    match program.calls {
        true => CONNECTION.set(connection, || SCHEMA.set(schema, f)),
        false => f(),
    }
}

/// Calls a function: its rows. One that gives one value, or nothing, gives one row.
///
/// Errors: the function's own.
pub(super) fn call(connection: &Connection, schema: &Schema, callee: &str, args: Vec<Value>) -> Result<Gathered> {
    let known = schema.functions.get(schema, callee)?;
    let outcome = &known.code.outcome;
    if known.is_strict && !known.code.inputs().is_empty() && args.iter().any(Value::is_null) {
        let width = outcome.columns.as_ref().map_or(1, |columns| columns.len());
        let rows = if outcome.is_set { Vec::new() } else { vec![vec![Value::Null; width]] };
        return Ok(rows.into());
    }
    within(|| Body::of_call(connection, schema, &known.code, args).run())
}

/// Runs a block of a script.
///
/// Errors: the block's own.
pub(super) fn run_block(connection: &Connection, script: &dyn Defining, code: &Code) -> Result<()> {
    within(|| Body::new(connection, Host::Script(script), code, Vec::new()).run().map(drop))
}

/// Runs what functions run: other statements, whose captured rows and noted ones are their own.
///
/// Errors: 54001 when functions or triggers run each other without end; 57014 when the statement has run too long.
pub(super) fn within<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    let (slots, noted) = session::with(|session| {
        if session.nesting.get() >= MAX_NESTING {
            return Err(Error::new("54001", "stack depth limit exceeded")
                .with_hint("Functions or triggers run each other without end."));
        }
        session.nesting.set(session.nesting.get() + 1);
        Ok((session.slots.take(), session.noted.take()))
    })?;
    let result = f();
    session::with(|session| {
        session.nesting.set(session.nesting.get() - 1);
        session.slots.replace(slots);
        session.noted.replace(noted);
    });
    result
}
