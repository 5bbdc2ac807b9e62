//! Functions that ask the session: `auth.uid()`, `now()`, `current_setting(...)`, and sequences.
//!
//! What is steady within a statement becomes a parameter ([`Session`]), so that indexes serve a comparison with it.

use std::sync::Arc;

use basalt_core::{Error, Identity, Result};
use basalt_types::text::quoted_ident;
use basalt_types::{EnumType, Type, Typmod, Value};

use super::Compiler;
use super::parse::LONGEST_NAME;
use super::privilege;
use super::typed::{CastContext, Form, Typed, constant_sql};
use crate::Name;
use crate::catalog::Privilege;
use crate::program::{Bind, Session};

/// The name under which RETURNING of an upsert asks whether its row is a new one: what `xmax = 0` is rewritten to.
pub(super) const IS_INSERTED: &str = "$inserted";

/// The setting that tells RETURNING of an upsert that its row was updated.
const UPDATED: &str = "basalt.updated";

/// SQLite source that notes, while an upsert's row is updated, that it is no new one. Always true.
pub(super) fn note_update() -> String {
    format!("pg_set_config('{UPDATED}', '1', 1) IS NOT NULL")
}

/// Reads the note and takes it back, for the next row.
fn is_inserted() -> String {
    format!("(CASE WHEN pg_setting('{UPDATED}', 1) = '1' THEN pg_set_config('{UPDATED}', '', 1) IS NULL ELSE 1 END)")
}

/// The function as a session parameter or sequence call, if it is one. `schema` is `None` for an unqualified name;
/// keywords without parentheses (`current_user`, `current_timestamp`) come with no arguments. Arguments are bound, and undecided
/// literals among them still of unknown type.
pub(super) fn function(
    compiler: &mut Compiler<'_>,
    schema: Option<&str>,
    name: &str,
    args: &[Typed],
) -> Result<Option<Typed>> {
    match schema {
        Some("auth") => Ok(auth(compiler, name, args)),
        None | Some("pg_catalog") => builtin(compiler, name, args),
        Some(_) => Ok(None),
    }
}

fn auth(compiler: &mut Compiler<'_>, name: &str, args: &[Typed]) -> Option<Typed> {
    let (asked, ty) = match (name, args) {
        ("uid", []) => (Session::Uid, Type::UUID),
        ("role", []) => (Session::Role, Type::TEXT),
        ("email", []) => (Session::Email, Type::TEXT),
        ("jwt", []) => (Session::Jwt, Type::JSONB),
        _ => return None,
    };
    Some(ask(compiler, asked, ty))
}

/// What the session says: a parameter, or a call where no statement binds any.
fn ask(compiler: &mut Compiler<'_>, asked: Session, ty: Type) -> Typed {
    let changes = compiler.sets && matches!(asked, Session::Setting(_));
    if !compiler.detached && !changes {
        return Typed::new(compiler.bind(Bind::Session(asked)), ty);
    }
    let sql = match &asked {
        Session::Setting(name) => format!("pg_setting({}, 1)", crate::quote::literal(name)),
        asked => format!("pg_session({})", crate::quote::literal(asked.name())),
    };
    let mut typed = Typed::new(sql, ty);
    (typed.stable, typed.volatile) = (true, changes);
    typed
}

fn builtin(compiler: &mut Compiler<'_>, name: &str, args: &[Typed]) -> Result<Option<Typed>> {
    let typed = match (name, args) {
        ("now" | "transaction_timestamp" | "statement_timestamp", []) => now(compiler),
        ("current_timestamp", []) => now(compiler),
        ("current_timestamp", [digits]) => moment(compiler, Type::TIMESTAMPTZ, Some(digits))?,
        ("localtimestamp", []) => moment(compiler, Type::TIMESTAMP, None)?,
        ("localtimestamp", [digits]) => moment(compiler, Type::TIMESTAMP, Some(digits))?,
        ("current_date", []) => moment(compiler, Type::DATE, None)?,
        ("current_time" | "localtime", []) => moment(compiler, Type::TIME, None)?,
        ("current_time" | "localtime", [digits]) => moment(compiler, Type::TIME, Some(digits))?,
        ("current_user" | "current_role" | "user", []) if compiler.detached => ask(compiler, Session::User, Type::NAME),
        ("current_user" | "current_role" | "user", []) => name_constant(&compiler.user.clone()),
        ("session_user", []) => {
            let login = if compiler.caller == Identity::OWNER { Identity::OWNER } else { "authenticator" };
            name_constant(login)
        }
        ("current_schema", []) => {
            let schema = compiler.search_path.iter().find(|s| compiler.catalog.schemas.contains_key(*s)).cloned();
            Typed::constant(Value::from(schema), Type::NAME)
        }
        ("current_schemas", [implicit]) => schemas(compiler, implicit)?,
        ("timeofday", []) => {
            let moment = compiler.call("clock_timestamp", Vec::new())?;
            let template = Typed::constant(Value::from("Dy Mon DD HH24:MI:SS.US YYYY TZ"), Type::TEXT);
            compiler.call("to_char", vec![moment, template])?
        }
        ("pg_trigger_depth", []) => ask(compiler, Session::TriggerDepth, Type::INT4),
        ("txid_current", []) => transaction(compiler),
        ("pg_current_xact_id", []) => {
            let id = transaction(compiler);
            compiler.coerce(id, &Type::TEXT, None, CastContext::Explicit)?
        }
        ("current_query", []) => Typed::constant(Value::Null, Type::TEXT),
        ("pg_backend_pid", []) => Typed::constant(Value::from(i64::from(std::process::id())), Type::INT4),
        ("inet_client_addr" | "inet_server_addr", []) => Typed::constant(Value::Null, Type::TEXT),
        ("inet_client_port" | "inet_server_port", []) => Typed::constant(Value::Null, Type::INT4),
        ("pg_is_in_recovery", []) => Typed::constant(Value::from(false), Type::BOOL),
        ("pg_client_encoding" | "getdatabaseencoding", []) => name_constant("UTF8"),
        ("current_database" | "current_catalog", []) => name_constant("postgres"),
        ("version", []) => {
            let version = concat!("PostgreSQL 15.0 (Basalt ", env!("CARGO_PKG_VERSION"), ", embedded)");
            Typed::constant(Value::from(version), Type::TEXT)
        }
        ("current_setting", [name]) => setting(compiler, name, None)?,
        ("current_setting", [name, missing_ok]) => setting(compiler, name, Some(missing_ok))?,
        ("set_config", [name, value, is_local]) => set_config(compiler, name, value, is_local)?,
        ("pg_typeof", [value]) => Typed::constant(Value::from(value.ty.sql_name()), Type::TEXT),
        ("enum_range" | "enum_first" | "enum_last", [value]) => match &value.ty {
            Type::Enum(labels) => enumerated(name, value, &labels.labels),
            _ => return Ok(None),
        },
        ("enum_range", [lower, upper]) => match (&lower.ty, &upper.ty) {
            (Type::Enum(labels), _) | (_, Type::Enum(labels)) => enum_range(compiler, labels, [lower, upper])?,
            _ => return Ok(None),
        },
        ("pg_get_constraintdef", [oid] | [oid, _]) => compiler.constraint_definition(oid),
        ("pg_get_serial_sequence", [table, column]) => serial_sequence(compiler, table, column)?,
        ("nextval" | "currval", [sequence]) | ("setval", [sequence, _] | [sequence, _, _]) if is_null(sequence) => {
            Typed::constant(Value::Null, Type::INT8)
        }
        ("nextval", [sequence]) => {
            let name = sequence_named(compiler, sequence, &[Privilege::Usage, Privilege::Update])?;
            compiler.writes = true;
            nextval(&name)
        }
        ("currval", [sequence]) => {
            let name = sequence_named(compiler, sequence, &[Privilege::Usage, Privilege::Select])?;
            volatile(format!("pg_currval({})", literal(&name)))
        }
        ("lastval", []) => volatile("pg_lastval()".to_owned()),
        ("setval", [sequence, value]) => setval(compiler, sequence, value, None)?,
        ("setval", [sequence, value, is_called]) => setval(compiler, sequence, value, Some(is_called))?,
        (IS_INSERTED, []) => {
            let mut typed = Typed::new(is_inserted(), Type::BOOL);
            (typed.volatile, typed.not_null) = (true, true);
            typed
        }
        _ => return super::system::function(compiler, name, args),
    };
    Ok(Some(typed))
}

/// A number for the transaction: the moment when it began, in microseconds.
fn transaction(compiler: &mut Compiler<'_>) -> Typed {
    let now = now(compiler);
    let mut typed = Typed::over(format!("({} + 946684800000000)", now.sql), Type::INT8, [&now]);
    typed.not_null = true;
    typed
}

/// `current_schemas(implicit)`: the schemas of the search path that there are, before them the system's if asked for.
fn schemas(compiler: &mut Compiler<'_>, implicit: &Typed) -> Result<Typed> {
    let implicit = compiler.coerce(implicit.clone(), &Type::BOOL, None, CastContext::Implicit)?;
    let known = compiler.search_path.iter().filter(|schema| compiler.catalog.schemas.contains_key(*schema));
    let known: Vec<&str> = known.map(String::as_str).collect();
    let all: Vec<&str> = std::iter::once("pg_catalog").chain(known.iter().copied()).collect();
    let array = |names: &[&str]| Value::from(super::cast::json(&names));
    let ty = Type::NAME.array_of();
    Ok(match &implicit.form {
        Form::Constant(Value::Int(0)) => Typed::constant(array(&known), ty),
        Form::Constant(Value::Int(_)) => Typed::constant(array(&all), ty),
        Form::Constant(_) => Typed::constant(Value::Null, ty),
        _ => {
            let [known, all] = [&known, &all].map(|names| constant_sql(&array(names)));
            let sql = format!("(CASE WHEN {0} THEN {all} WHEN NOT {0} THEN {known} END)", implicit.sql);
            Typed::over(sql, ty, [&implicit])
        }
    })
}

/// What an enumeration has: all its labels, its first, its last. The value is asked for its type only.
fn enumerated(name: &str, value: &Typed, labels: &[String]) -> Typed {
    let label = |label: Option<&String>| Typed::constant(Value::from(label.cloned()), value.ty.clone());
    match name {
        "enum_first" => label(labels.first()),
        "enum_last" => label(labels.last()),
        _ => Typed::constant(Value::from(super::cast::json(&labels)), value.ty.clone().array_of()),
    }
}

/// `enum_range(lower, upper)`: the labels between two, both included; NULL leaves an end open.
fn enum_range(compiler: &mut Compiler<'_>, labels: &Arc<EnumType>, bounds: [&Typed; 2]) -> Result<Typed> {
    let ty = Type::Enum(labels.clone());
    let all = constant_sql(&Value::from(super::cast::json(&labels.labels)));
    let mut conditions = Vec::new();
    let mut operands = Vec::new();
    for (bound, op) in bounds.into_iter().zip([">=", "<="]) {
        let bound = compiler.coerce(bound.clone(), &ty, None, CastContext::Implicit)?;
        let place = format!("(SELECT b.key FROM json_each({all}) AS b WHERE b.value = {})", bound.sql);
        conditions.push(format!("({0} IS NULL OR e.key {op} {place})", bound.sql));
        operands.push(bound);
    }
    let sql =
        format!("(SELECT json_group_array(e.value) FROM json_each({all}) AS e WHERE {})", conditions.join(" AND "));
    Ok(Typed::over(sql, ty.array_of(), &operands))
}

/// `now()`: the start of the transaction.
pub(super) fn now(compiler: &mut Compiler<'_>) -> Typed {
    let mut typed = ask(compiler, Session::Now, Type::TIMESTAMPTZ);
    typed.not_null = true;
    typed
}

/// `now()` as another type, in the session's time zone, perhaps with fewer digits of the second's fraction.
fn moment(compiler: &mut Compiler<'_>, ty: Type, digits: Option<&Typed>) -> Result<Typed> {
    let typmod = match digits.map(|d| &d.form) {
        None => None,
        // PostgreSQL takes more for 6, with a warning.
        Some(Form::Constant(Value::Int(digits @ 0..))) => Some(Typmod::Fraction((*digits).min(6) as u32)),
        Some(_) => return Err(Error::new("42601", "the precision must be a constant from 0 on")),
    };
    let now = now(compiler);
    compiler.coerce(now, &ty, typmod, CastContext::Explicit)
}

fn name_constant(name: &str) -> Typed {
    Typed::constant(Value::from(name), Type::NAME)
}

fn setting(compiler: &mut Compiler<'_>, name: &Typed, missing_ok: Option<&Typed>) -> Result<Typed> {
    let missing_ok = match missing_ok {
        Some(given) => compiler.coerce(given.clone(), &Type::BOOL, None, CastContext::Implicit)?,
        None => Typed::constant(Value::from(false), Type::BOOL),
    };
    // The one setting that changes while a statement runs is asked for each row.
    let is_steady = !matches!(&name.form, Form::Constant(Value::Text(name)) if **name == *UPDATED);
    if let (Form::Constant(Value::Text(name)), Form::Constant(Value::Int(1))) = (&name.form, &missing_ok.form)
        && is_steady
    {
        let asked = Session::Setting(name.to_lowercase());
        return Ok(ask(compiler, asked, Type::TEXT));
    }
    let name = compiler.coerce(name.clone(), &Type::TEXT, None, CastContext::Implicit)?;
    let sql = format!("pg_setting({}, {})", name.sql, missing_ok.sql);
    let mut typed = Typed::over(sql, Type::TEXT, [&name, &missing_ok]);
    (typed.leakproof, typed.stable, typed.volatile) = (false, true, !is_steady);
    Ok(typed)
}

fn set_config(compiler: &mut Compiler<'_>, name: &Typed, value: &Typed, is_local: &Typed) -> Result<Typed> {
    let name = compiler.coerce(name.clone(), &Type::TEXT, None, CastContext::Implicit)?;
    if let Form::Constant(constant) = &name.form
        && ["role", "session_authorization"].iter().any(|of| constant.as_ref().text().eq_ignore_ascii_case(of))
    {
        return Err(Error::unsupported(
            "a change of role within a statement",
            "Make a function of the role's own (security definer) of what is to run with its rights.",
        ));
    }
    let value = compiler.coerce(value.clone(), &Type::TEXT, None, CastContext::Implicit)?;
    let is_local = compiler.coerce(is_local.clone(), &Type::BOOL, None, CastContext::Implicit)?;
    let sql = format!("pg_set_config({}, {}, {})", name.sql, value.sql, is_local.sql);
    let mut typed = Typed::over(sql, Type::TEXT, [&name, &value, &is_local]);
    (typed.leakproof, typed.volatile) = (false, true);
    Ok(typed)
}

/// The next value of a sequence. Identity columns ask for no privilege on theirs.
pub(super) fn nextval(sequence: &Name) -> Typed {
    let mut typed = volatile(format!("pg_nextval({})", literal(sequence)));
    typed.not_null = true;
    typed
}

fn setval(compiler: &mut Compiler<'_>, sequence: &Typed, value: &Typed, is_called: Option<&Typed>) -> Result<Typed> {
    let name = sequence_named(compiler, sequence, &[Privilege::Update])?;
    compiler.writes = true;
    let value = compiler.coerce(value.clone(), &Type::INT8, None, CastContext::Implicit)?;
    let is_called = match is_called {
        Some(given) => compiler.coerce(given.clone(), &Type::BOOL, None, CastContext::Implicit)?,
        None => Typed::constant(Value::from(true), Type::BOOL),
    };
    let sql = format!("pg_setval({}, {}, {})", literal(&name), value.sql, is_called.sql);
    let mut typed = Typed::over(sql, Type::INT8, [&value, &is_called]);
    (typed.leakproof, typed.volatile) = (false, true);
    Ok(typed)
}

/// A call that is of type bigint, may fail and differs each time.
fn volatile(sql: String) -> Typed {
    let mut typed = Typed::new(sql, Type::INT8);
    (typed.leakproof, typed.volatile) = (false, true);
    typed
}

fn literal(sequence: &Name) -> String {
    constant_sql(&Value::from(sequence.to_string()))
}

impl Compiler<'_> {
    /// The sequence of that name, by the search path.
    pub(super) fn find_sequence(&self, schema: Option<&str>, name: &str) -> Option<Name> {
        let known = |schema: &str| Some(Name::new(schema, name)).filter(|n| self.catalog.sequences.contains_key(n));
        match schema {
            Some(schema) => known(schema),
            None => self.search_path.iter().find_map(|schema| known(schema)),
        }
    }
}

/// The sequence that a constant names as PostgreSQL source does (`s`, `public.s`, `"S"`), if the role has one of the privileges.
fn sequence_named(compiler: &Compiler<'_>, argument: &Typed, privileges: &[Privilege]) -> Result<Name> {
    let Form::Constant(Value::Text(text)) = &argument.form else {
        return Err(Error::unsupported(
            "a computed sequence name is not supported",
            "Name the sequence by a constant.",
        ));
    };
    let parts = name_parts(text);
    let name = match parts.as_slice() {
        [name] => compiler.find_sequence(None, name),
        [schema, name] => compiler.find_sequence(Some(schema), name),
        _ => None,
    };
    let undefined = || Error::new("42P01", format!("relation \"{text}\" does not exist"));
    let name = name.ok_or_else(undefined)?;
    privilege::use_schema(compiler, &name.schema)?;
    let sequence = compiler.catalog.sequences.get(&name).ok_or_else(undefined)?;
    let owner = sequence.owned_by.as_ref().and_then(|(table, _)| compiler.catalog.relations.get(table));
    let owner = owner.map_or(Identity::OWNER, |relation| relation.owner.as_str());
    let allowed = privileges.iter().any(|p| compiler.catalog.allows(&compiler.user, owner, &sequence.grants, *p));
    if allowed { Ok(name) } else { Err(Error::permission_denied("sequence", &name.name)) }
}

fn is_null(value: &Typed) -> bool {
    matches!(value.form, Form::Constant(Value::Null))
}

/// `pg_get_serial_sequence(table, column)`: the sequence that a column owns, as `nextval` takes it. The table is named as in PostgreSQL
/// source, the column as it is. NULL for a column that owns none.
fn serial_sequence(compiler: &Compiler<'_>, table: &Typed, column: &Typed) -> Result<Typed> {
    let found = |value: Option<String>| Ok(Typed::constant(Value::from(value), Type::TEXT));
    let (table, column) = match (&table.form, &column.form) {
        (Form::Constant(Value::Text(table)), Form::Constant(Value::Text(column))) => (table, column),
        _ if is_null(table) || is_null(column) => return found(None),
        _ => {
            let message = "a computed table or column is not supported in pg_get_serial_sequence";
            return Err(Error::unsupported(message, "Name both by constants."));
        }
    };
    let parts = name_parts(table);
    let relation = match parts.as_slice() {
        [name] => compiler.search_path.iter().find_map(|schema| compiler.catalog.relation(schema, name)),
        [schema, _] if !compiler.catalog.schemas.contains_key(schema) => {
            return Err(Error::new("3F000", format!("schema \"{schema}\" does not exist")));
        }
        [schema, name] => compiler.catalog.relation(schema, name),
        _ => None,
    };
    let undefined = || Error::new("42P01", format!("relation \"{}\" does not exist", parts.join(".")));
    let relation = relation.ok_or_else(undefined)?;
    let Some(definition) = relation.column(column) else {
        let message = format!("column \"{column}\" of relation \"{}\" does not exist", relation.name.name);
        return Err(Error::new("42703", message));
    };
    let owns = |owner: &Option<(Name, String)>| owner.as_ref().is_some_and(|(t, c)| *t == relation.name && c == column);
    let owned =
        || compiler.catalog.sequences.iter().find(|(_, sequence)| owns(&sequence.owned_by)).map(|(name, _)| name);
    let sequence = definition.sequence.as_ref().or_else(owned);
    found(sequence.map(|name| format!("{}.{}", quoted_ident(&name.schema), quoted_ident(&name.name))))
}

/// The parts of a dotted name: quoted ones as they stand, the rest in lower case, all cut to a name's length.
pub(crate) fn name_parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(String::new()),
            c => {
                if let Some(part) = parts.last_mut() {
                    if quoted { part.push(c) } else { part.extend(c.to_lowercase()) }
                }
            }
        }
    }
    for part in &mut parts {
        part.truncate(part.floor_char_boundary(LONGEST_NAME));
    }
    parts
}
