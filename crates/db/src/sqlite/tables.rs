//! The table functions of every connection: `pg_rows`, `pg_recordset`, `pg_call`, `pg_lockstep`.
//!
//! SQLite knows table functions only as virtual tables, and rusqlite's traits for those are unsafe to implement: they ask that the
//! struct is laid out as C does it with SQLite's part first. No other file of the crate does so; it has no unsafe block.
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
use super::session::{self, Rows, raise};
use super::value::{Stored, StoredRef, stored};

/// Columns of every table function, `c0` and on: PostgreSQL allows no wider row (manual, appendix K).
const COLUMNS: c_int = 1664;
/// Arguments of every table function, `a0` and on.
const ARGUMENTS: c_int = 32;

/// Gives a call's rows.
type Source = fn(&[ValueRef<'_>]) -> Result<Rows>;

/// Registers all of them.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    const MODULE: Module<'static, Table> = Module::eponymous_only_module();
    let tables: [(&CStr, Source); 4] =
        [(c"pg_rows", captured), (c"pg_recordset", recordset), (c"pg_call", call), (c"pg_lockstep", lockstep)];
    tables.into_iter().try_for_each(|(name, source)| connection.create_module(name, &MODULE, Some(source)))
}

/// `pg_rows(slot)`.
fn captured(args: &[ValueRef<'_>]) -> Result<Rows> {
    let slot = args.first().map_or(-1, |arg| arg.int());
    let found =
        session::with(|session| usize::try_from(slot).ok().and_then(|s| session.slots.borrow().get(s).cloned()));
    found.ok_or_else(|| Error::internal(format!("no rows were captured as {slot}")))
}

/// `pg_recordset(json, columns)`; `pg_recordset(json, columns, row)` where what an object lacks is taken from a row.
fn recordset(args: &[ValueRef<'_>]) -> Result<Rows> {
    let (json, columns, base) = match *args {
        [json, columns] => (json, columns, ValueRef::Null),
        [json, columns, base] => (json, columns, base),
        _ => return Err(Error::internal("pg_recordset takes two or three arguments")),
    };
    if json.is_null() {
        return Ok(Rows::default());
    }
    let columns: Vec<(String, Type, Option<Typmod>)> =
        serde_json::from_str(columns.text()).map_err(|e| Error::internal(format!("{e} in a recordset's columns")))?;
    // PostgreSQL reads all of the document, in whichever column it goes.
    if json.text().contains("\\u") {
        basalt_types::json::check(json.text())?;
    }
    if !base.is_null() {
        return populated(json.text(), columns, base.text());
    }
    let objects: Vec<HashMap<Cow<'_, str>, &RawValue>> =
        serde_json::from_str(json.text()).map_err(|_| not_objects(json.text()))?;
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
        Ok(Rc::new(rows))
    })
}

/// A row's copies, each with an object's members put in.
fn populated(json: &str, columns: Vec<(String, Type, Option<Typmod>)>, base: &str) -> Result<Rows> {
    let fields: Vec<(String, Type)> = columns.into_iter().map(|(name, ty, _)| (name, ty)).collect();
    let objects: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| not_objects(json))?;
    with_context(|context| {
        let filled = objects.into_iter().map(|object| match object.get().starts_with('{') {
            true => codec::populate(&fields, Some(base), object.get(), context),
            false => Err(not_objects("[]")),
        });
        let rows = filled.map(|row| Ok(codec::values_of(&fields, row?.as_ref().text()))).collect::<Result<Vec<_>>>()?;
        Ok(Rc::new(rows))
    })
}

fn not_objects(json: &str) -> Error {
    let message = match json.trim_start().as_bytes().first() {
        Some(b'[') => "argument of json_to_recordset must be an array of objects",
        Some(b'{') => "cannot call json_to_recordset on an object",
        _ => "cannot call json_to_recordset on a scalar",
    };
    Error::new("22023", message)
}

/// `pg_call(name, types, x...)`.
fn call(args: &[ValueRef<'_>]) -> Result<Rows> {
    let [name, types, args @ ..] = args else { return Err(Error::internal("pg_call takes a name and types")) };
    let types: Vec<Type> =
        serde_json::from_str(types.text()).map_err(|e| Error::internal(format!("{e} in the types of a call")))?;
    let function = set_functions()
        .find(|function| function.name == name.text() && takes(function, &types))
        .ok_or_else(|| Error::internal(format!("there is no set function {} of these types", name.text())))?;
    with_context(|context| (function.rows)(context, &types, args)).map(Rc::new)
}

/// `pg_lockstep(array, ...)`.
fn lockstep(args: &[ValueRef<'_>]) -> Result<Rows> {
    let mut arrays: Vec<Vec<&RawValue>> = Vec::with_capacity(args.len());
    for array in args {
        let unread = |error| Error::internal(format!("{error} in the rows of a call"));
        arrays.push(if array.is_null() { Vec::new() } else { serde_json::from_str(array.text()).map_err(unread)? });
    }
    let longest = arrays.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |array: &[&RawValue], at: usize| array.get(at).map_or(Value::Null, |row| Value::from((*row).get()));
    Ok(Rc::new((0..longest).map(|at| arrays.iter().map(|array| cell(array, at)).collect()).collect()))
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
            rows: Rows::default(),
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
    rows: Rows,
    position: usize,
    table: PhantomData<&'vtab Table>,
}

// SAFETY: `Cursor` is laid out as C does it, and SQLite's part comes first.
unsafe impl VTabCursor for Cursor<'_> {
    fn filter(&mut self, _: c_int, _: Option<&str>, args: &Filters<'_>) -> rusqlite::Result<()> {
        let args = args.iter().map(stored).collect::<rusqlite::Result<Vec<_>>>()?;
        self.rows = (self.source)(&args).map_err(raise)?;
        self.position = 0;
        Ok(())
    }

    fn next(&mut self) -> rusqlite::Result<()> {
        self.position += 1;
        Ok(())
    }

    fn eof(&self) -> bool {
        self.position >= self.rows.len()
    }

    fn column(&self, cell: &mut Cell, index: c_int) -> rusqlite::Result<()> {
        let row = self.rows.get(self.position);
        let value = row.zip(usize::try_from(index).ok()).and_then(|(row, index)| row.get(index));
        match value {
            Some(value) => cell.set_result(StoredRef(value.as_ref())),
            None => cell.set_result(Stored(Value::Null)),
        }
    }

    fn rowid(&self) -> rusqlite::Result<i64> {
        Ok(self.position as i64)
    }
}
