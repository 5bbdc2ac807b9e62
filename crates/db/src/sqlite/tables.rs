//! The table functions of every connection: `pg_rows`, `pg_recordset`, `pg_call`, `pg_lockstep`.
//!
//! SQLite knows table functions only as virtual tables, and rusqlite's traits for those are unsafe to implement: they ask that the
//! struct is laid out as C does it with SQLite's part first. It has no unsafe block.
#![allow(unsafe_code)]

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_int};
use std::fmt::Write as _;
use std::marker::PhantomData;
use std::rc::Rc;

use basalt_core::{Error, Result};
use basalt_types::function::Kind;
use basalt_types::{Base, SetFunction, Type, Typmod, Value, ValueRef, codec, set_functions};
use rusqlite::vtab::{
    Context as Cell, Filters, IndexConstraintOp, IndexInfo, Module, VTab, VTabConfig, VTabConnection, VTabCursor,
};
use rusqlite::{Connection, ffi};
use serde_json::value::RawValue;

use super::functions::with_context;
use super::memory::Gathered;
use super::session::{self, Rows, raise};
use super::value::{StoredRef, stored};

/// Columns of every table function, `c0` and on: PostgreSQL allows no wider row (manual, appendix K).
const COLUMNS: c_int = 1664;
/// Arguments of every table function, `a0` and on.
const ARGUMENTS: c_int = 32;

/// Gives a call's rows.
type Source = fn(&[ValueRef<'_>]) -> Result<Given>;

/// Rows of a call.
enum Given {
    /// Those that were there, or were made.
    Kept(Rows),
    /// One column of whole numbers, which are made as they are asked for.
    Series { start: i64, step: i64, count: u64 },
}

impl Given {
    /// Counts what was made.
    fn made(rows: Vec<Vec<Value>>) -> Result<Given> {
        Gathered::counted(rows).map(|rows| Given::Kept(Rc::new(rows)))
    }

    fn count(&self) -> u64 {
        match self {
            Given::Kept(rows) => rows.len() as u64,
            Given::Series { count, .. } => *count,
        }
    }
}

/// Registers all of them.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    const MODULE: Module<'static, Table> = Module::eponymous_only_module();
    let tables: [(&CStr, Source); 4] =
        [(c"pg_rows", captured), (c"pg_recordset", recordset), (c"pg_call", call), (c"pg_lockstep", lockstep)];
    tables.into_iter().try_for_each(|(name, source)| connection.create_module(name, &MODULE, Some(source)))
}

/// `pg_rows(slot)`.
fn captured(args: &[ValueRef<'_>]) -> Result<Given> {
    let slot = args.first().map_or(-1, |arg| arg.int());
    let found =
        session::with(|session| usize::try_from(slot).ok().and_then(|s| session.slots.borrow().get(s).cloned()));
    found.map(Given::Kept).ok_or_else(|| Error::internal(format!("no rows were captured as {slot}")))
}

/// `pg_recordset(json, columns)`; `pg_recordset(json, columns, row)` where what an object lacks is taken from a row; with the name of
/// the function behind these for any but `json_to_recordset`.
fn recordset(args: &[ValueRef<'_>]) -> Result<Given> {
    let (json, columns, base, function) = match *args {
        [json, columns] => (json, columns, ValueRef::Null, "json_to_recordset"),
        [json, columns, base] => (json, columns, base, "json_to_recordset"),
        [json, columns, base, function] => (json, columns, base, function.text()),
        _ => return Err(Error::internal("pg_recordset takes two to four arguments")),
    };
    if json.is_null() {
        return Given::made(Vec::new());
    }
    let columns: Vec<(String, Type, Option<Typmod>)> =
        serde_json::from_str(columns.text()).map_err(|e| Error::internal(format!("{e} in a recordset's columns")))?;
    // PostgreSQL reads all of the document, in whichever column it goes.
    if json.text().contains("\\u") {
        basalt_types::json::check(json.text())?;
    }
    if !base.is_null() {
        return populated(function, json.text(), columns, base.text());
    }
    let objects: Vec<HashMap<Cow<'_, str>, &RawValue>> =
        serde_json::from_str(json.text()).map_err(|_| not_objects(function, json.text()))?;
    with_context(|context| {
        let mut rows = Vec::with_capacity(objects.len());
        for object in &objects {
            let mut row = Vec::with_capacity(columns.len());
            for (name, ty, typmod) in &columns {
                row.push(match object.get(name.as_str()) {
                    Some(value) => {
                        codec::from_json(ty, *typmod, value, context).map_err(|error| codec::in_key(error, name))?
                    }
                    None => Value::Null,
                });
            }
            rows.push(row);
        }
        Given::made(rows)
    })
}

/// A row's copies, each with an object's members put in.
fn populated(function: &str, json: &str, columns: Vec<(String, Type, Option<Typmod>)>, base: &str) -> Result<Given> {
    let fields: Vec<(String, Type)> = columns.into_iter().map(|(name, ty, _)| (name, ty)).collect();
    let objects: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| not_objects(function, json))?;
    with_context(|context| {
        let filled = objects.into_iter().map(|object| match object.get().starts_with('{') {
            true => codec::populate(&fields, Some(base), object.get(), context),
            false => Err(not_objects(function, &format!("[{}]", object.get()))),
        });
        let rows = filled.map(|row| Ok(codec::values_of(&fields, row?.as_ref().text()))).collect::<Result<Vec<_>>>()?;
        Given::made(rows)
    })
}

/// What is wrong with a document that is no array of objects. Of functions of one object it is in an array of its own.
fn not_objects(function: &str, json: &str) -> Error {
    let first = |json: &str| json.trim_start().as_bytes().first().copied();
    let message = match first(json) {
        Some(b'[') if function.ends_with("recordset") => format!("argument of {function} must be an array of objects"),
        Some(b'[') if first(&json.trim_start()[1..]) == Some(b'[') => {
            "cannot call populate_composite on an array".to_owned()
        }
        Some(b'[') => "cannot call populate_composite on a scalar".to_owned(),
        _ if function.starts_with("jsonb") => format!("cannot call {function} on a non-array"),
        Some(b'{') => format!("cannot call {function} on an object"),
        _ => format!("cannot call {function} on a scalar"),
    };
    Error::new("22023", message)
}

/// `pg_call(name, types, x...)`.
fn call(args: &[ValueRef<'_>]) -> Result<Given> {
    let [name, types, args @ ..] = args else { return Err(Error::internal("pg_call takes a name and types")) };
    let types: Vec<Type> =
        serde_json::from_str(types.text()).map_err(|e| Error::internal(format!("{e} in the types of a call")))?;
    if name.text() == "generate_series"
        && let Some(series) = series(&types, args)
    {
        return Ok(series);
    }
    let function = set_functions()
        .find(|function| function.name == name.text() && takes(function, &types))
        .ok_or_else(|| Error::internal(format!("there is no set function {} of these types", name.text())))?;
    with_context(|context| (function.rows)(context, &types, args)).and_then(Given::made)
}

/// A series of whole numbers; `None` for any other, and for one that is an error.
fn series(types: &[Type], args: &[ValueRef<'_>]) -> Option<Given> {
    let are_whole = types.iter().all(|ty| matches!(ty, Type::Base(Base::Int4 | Base::Int8)));
    let (&[ValueRef::Int(start), ValueRef::Int(stop)], step) = (args.get(..2)?, args.get(2)) else { return None };
    let step = match step {
        None => 1,
        Some(&ValueRef::Int(step)) if step != 0 => step,
        Some(_) => return None,
    };
    let steps = (i128::from(stop) - i128::from(start)) / i128::from(step);
    let is_empty = if step > 0 { start > stop } else { start < stop };
    let count = if is_empty { 0 } else { u64::try_from(steps + 1).unwrap_or(u64::MAX) };
    are_whole.then_some(Given::Series { start, step, count })
}

/// `pg_lockstep(array, ...)`.
fn lockstep(args: &[ValueRef<'_>]) -> Result<Given> {
    let mut arrays: Vec<Vec<&RawValue>> = Vec::with_capacity(args.len());
    for array in args {
        let unread = |error| Error::internal(format!("{error} in the rows of a call"));
        arrays.push(if array.is_null() { Vec::new() } else { serde_json::from_str(array.text()).map_err(unread)? });
    }
    let longest = arrays.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |array: &[&RawValue], at: usize| array.get(at).map_or(Value::Null, |row| Value::from((*row).get()));
    Given::made((0..longest).map(|at| arrays.iter().map(|array| cell(array, at)).collect()).collect())
}

fn takes(function: &SetFunction, types: &[Type]) -> bool {
    let count = function.args.len();
    types.len() <= count
        && types.len() + function.optional >= count
        && function.args.iter().zip(types).all(|(kind, ty)| accepts(*kind, ty))
}

fn accepts(kind: Kind, ty: &Type) -> bool {
    match kind {
        Kind::Is(base) => ty.base() == Some(base),
        Kind::ArrayOf(base) => ty.element().and_then(Type::base) == Some(base),
        Kind::AnyArray => ty.element().is_some(),
        Kind::AnyRange => ty.base().and_then(Base::subtype).is_some(),
        Kind::AnyEnum => matches!(ty, Type::Enum(_)),
        Kind::Record => matches!(ty, Type::Record(_)),
        Kind::AnyElement | Kind::Any => true,
    }
}

/// One table function of one connection.
#[repr(C)]
struct Table {
    base: ffi::sqlite3_vtab,
    source: Source,
}

// SAFETY: `Table` is laid out as C does it, and SQLite's part comes first.
unsafe impl<'vtab> VTab<'vtab> for Table {
    type Aux = Source;
    type Cursor = Cursor<'vtab>;

    fn connect(
        connection: &mut VTabConnection,
        source: Option<&Source>,
        _: &[u8],
        _: &[u8],
        _: &[u8],
        _: &[&[u8]],
    ) -> rusqlite::Result<(Cow<'static, CStr>, Self)> {
        connection.config(VTabConfig::DirectOnly)?;
        let source = *source.ok_or_else(|| rusqlite::Error::ModuleError("a table function without code".into()))?;
        Ok((Cow::Owned(declaration()?), Table { base: ffi::sqlite3_vtab::default(), source }))
    }

    /// Every argument must be known before the rows can be.
    fn best_index(&self, info: &mut IndexInfo) -> rusqlite::Result<bool> {
        let mut known = Vec::new();
        for (i, constraint) in info.constraints().enumerate() {
            let argument = constraint.column() - COLUMNS;
            if argument < 0 || constraint.operator() != IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ {
                continue;
            }
            if !constraint.is_usable() {
                return Ok(false);
            }
            known.push((i, argument));
        }
        for (i, argument) in known {
            let mut usage = info.constraint_usage(i);
            usage.set_argv_index(argument + 1);
            usage.set_omit(true);
        }
        info.set_estimated_cost(100.0);
        info.set_estimated_rows(100);
        Ok(true)
    }

    fn open(&'vtab mut self) -> rusqlite::Result<Cursor<'vtab>> {
        Ok(Cursor {
            base: ffi::sqlite3_vtab_cursor::default(),
            source: self.source,
            rows: Given::Kept(Rows::default()),
            position: 0,
            table: PhantomData,
        })
    }
}

fn declaration() -> rusqlite::Result<CString> {
    let mut sql = String::from("CREATE TABLE x(");
    for i in 0..COLUMNS {
        let _ = write!(sql, "c{i}, ");
    }
    for i in 0..ARGUMENTS {
        let _ = write!(sql, "{}a{i} HIDDEN", if i == 0 { "" } else { ", " });
    }
    sql.push(')');
    Ok(CString::new(sql)?)
}

/// Rows being read.
#[repr(C)]
struct Cursor<'vtab> {
    base: ffi::sqlite3_vtab_cursor,
    source: Source,
    rows: Given,
    position: u64,
    table: PhantomData<&'vtab Table>,
}

// SAFETY: `Cursor` is laid out as C does it, and SQLite's part comes first.
unsafe impl VTabCursor for Cursor<'_> {
    fn filter(&mut self, _: c_int, _: Option<&str>, args: &Filters<'_>) -> rusqlite::Result<()> {
        let args = args.iter().map(stored).collect::<rusqlite::Result<Vec<_>>>()?;
        // What was made before goes first.
        self.rows = Given::Kept(Rows::default());
        self.rows = (self.source)(&args).map_err(raise)?;
        self.position = 0;
        Ok(())
    }

    fn next(&mut self) -> rusqlite::Result<()> {
        self.position += 1;
        Ok(())
    }

    fn eof(&self) -> bool {
        self.position >= self.rows.count()
    }

    fn column(&self, cell: &mut Cell, index: c_int) -> rusqlite::Result<()> {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let value = match &self.rows {
            Given::Kept(rows) => {
                let row = usize::try_from(self.position).ok().and_then(|at| rows.get(at));
                row.and_then(|row| row.get(index)).map_or(ValueRef::Null, Value::as_ref)
            }
            // Never beyond the series' end, so within the type.
            Given::Series { start, step, .. } if index == 0 => {
                ValueRef::Int(start.wrapping_add(step.wrapping_mul(self.position as i64)))
            }
            Given::Series { .. } => ValueRef::Null,
        };
        cell.set_result(StoredRef(value))
    }

    fn rowid(&self) -> rusqlite::Result<i64> {
        Ok(self.position as i64)
    }
}
