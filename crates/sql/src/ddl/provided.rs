//! What services have made in a database, for migrations that make it again: dumps of a Supabase project that runs itself do.

use std::sync::OnceLock;

use basalt_core::{Error, Result};
use basalt_types::Type;

use super::cursor::{Cursor, RawName};
use super::dump::{SERVICE_ROLES, is_service};
use super::{Session, apply, bootstrap, is_definition};
use crate::catalog::{Catalog, Column, Name, Relation};
use crate::script::{Piece, first_word, split, tokens};

/// What the migrations of services make.
#[derive(Debug, Default)]
pub struct Provided {
    sources: Vec<&'static str>,
    /// Read when a statement first asks.
    made: OnceLock<Catalog>,
}

impl Provided {
    /// What these migrations make, in their order.
    pub fn by(sources: Vec<&'static str>) -> Provided {
        Provided { sources, made: OnceLock::new() }
    }

    fn made(&self) -> &Catalog {
        self.made.get_or_init(|| {
            let mut catalog = bootstrap();
            let mut session = Session::default();
            for piece in self.sources.iter().filter_map(|source| split(source).ok()).flatten() {
                if let Piece::Statement { sql, .. } = piece
                    && is_definition(sql)
                {
                    // A service's migrations run when it is installed, which tells what is wrong with them.
                    let _ = apply(&mut catalog, &mut session, sql);
                }
            }
            catalog
        })
    }

    /// What a migration's statement would make again, if a service has made it and it is there in `there`: such a statement is passed over.
    ///
    /// Errors: 42P07, 42710 for what is there in another form, with what to write instead.
    pub fn made_again(&self, sql: &str, there: &Catalog) -> Result<Option<String>> {
        let is_made = |word: &str| word.eq_ignore_ascii_case("create") || word.eq_ignore_ascii_case("alter");
        if !first_word(sql).is_some_and(is_made) {
            return Ok(None);
        }
        // What can't be read is told by whoever runs it.
        let Ok(mut cursor) = Cursor::new(sql) else { return Ok(None) };
        let kinds = ["create table", "create unlogged table", "create type", "create function", "create schema"];
        let others = ["create unique index", "create index", "alter table"];
        let found = match cursor.accept_any(&[&kinds[..], &others].concat()) {
            Some("create table" | "create unlogged table") => self.table(&mut cursor, there)?,
            Some("create type") => self.enumeration(&mut cursor, there)?,
            Some("create function") => self.function(&mut cursor, there),
            Some("create schema") => self.schema(&mut cursor, there),
            Some("create unique index" | "create index") => self.index(&mut cursor, there),
            Some(_) => self.altered(&mut cursor, there),
            None => None,
        };
        Ok(found.map(|what| format!("{what}, which Basalt makes itself")))
    }

    /// Whether a statement may drop what a service has made.
    pub fn may_drop(sql: &str) -> bool {
        let of_service = |token: &str| is_service(Some(&token.trim_matches('"').to_ascii_lowercase()));
        first_word(sql).is_some_and(|word| word.eq_ignore_ascii_case("drop")) && tokens(sql).any(of_service)
    }

    /// The name of what comes next, if it is of a service's schema.
    fn name(&self, cursor: &mut Cursor<'_>) -> Option<(RawName, Name)> {
        let raw = cursor.name().ok()?;
        let schema = raw.schema.clone().filter(|schema| is_service(Some(schema)))?;
        let name = Name::new(schema, &raw.name);
        Some((raw, name))
    }

    /// The relation of that name, made by a service and there.
    fn relation<'c>(&self, name: &Name, there: &'c Catalog) -> Option<(&Relation, &'c Relation)> {
        Some((self.made().relations.get(name)?, there.relations.get(name)?))
    }

    /// PostgreSQL itself passes over a table that is made `if not exists`.
    fn table(&self, cursor: &mut Cursor<'_>, there: &Catalog) -> Result<Option<String>> {
        let Some((raw, name)) = self.name(cursor) else { return Ok(None) };
        let Some((_, old)) = self.relation(&name, there) else { return Ok(None) };
        let mut without = there.clone();
        without.relations.shift_remove(&name);
        let made = apply(&mut without, &mut Session::default(), cursor.sql()).ok();
        let Some(new) = made.and_then(|_| without.relations.get(&name).cloned()) else { return Ok(None) };
        let is_other =
            |column: &&Column| old.column(&column.name).is_none_or(|old| stored_as(&old.ty) != stored_as(&column.ty));
        let others: Vec<String> = new.columns.iter().filter(is_other).map(|c| format!("\"{}\"", c.name)).collect();
        if others.is_empty() {
            return Ok(Some(format!("table {name}")));
        }
        let hint = format!(
            "Basalt makes {name} itself, without these columns, or with other types: {}. Leave the statement out, and give the table columns of \
            your own with `alter table {name} add column if not exists ...`. {}",
            others.join(", "),
            columns(&name, old)
        );
        Err(Error::new("42P07", format!("relation \"{}\" already exists", raw.name)).with_hint(hint).at(raw.at))
    }

    fn enumeration(&self, cursor: &mut Cursor<'_>, there: &Catalog) -> Result<Option<String>> {
        let Some((raw, name)) = self.name(cursor).filter(|(_, name)| self.made().enums.contains_key(name)) else {
            return Ok(None);
        };
        let mut without = there.clone();
        let Some(old) = without.enums.remove(&name) else { return Ok(None) };
        let made = apply(&mut without, &mut Session::default(), cursor.sql()).ok();
        let Some(new) = made.and_then(|_| without.enums.get(&name).cloned()) else { return Ok(None) };
        if new.labels.iter().all(|label| old.labels.contains(label)) {
            return Ok(Some(format!("type {name}")));
        }
        let hint = format!(
            "Basalt makes {name} itself, with other labels: leave the statement out, and add labels with `alter type {name} add value ...`."
        );
        Err(Error::new("42710", format!("type \"{}\" already exists", raw.name)).with_hint(hint).at(raw.at))
    }

    /// A function that takes the same.
    fn function(&self, cursor: &mut Cursor<'_>, there: &Catalog) -> Option<String> {
        let raw = cursor.function_name().ok()?;
        let name = Name::new(raw.schema.filter(|schema| is_service(Some(schema)))?, raw.name);
        self.made().functions.get(&name)?;
        let mut without = there.clone();
        let old = without.functions.remove(&name)?;
        let mut session = Session { check_function_bodies: false, ..Session::default() };
        apply(&mut without, &mut session, cursor.sql()).ok()?;
        let new = without.functions.get(&name)?.first()?;
        let takes = new.input_types();
        old.iter().any(|old| super::resolve::takes(old, &takes)).then(|| format!("function {name}"))
    }

    fn schema(&self, cursor: &mut Cursor<'_>, there: &Catalog) -> Option<String> {
        let name = cursor.ident().ok().filter(|name| is_service(Some(name)) && cursor.at_end())?;
        (self.made().schemas.contains_key(&name) && there.schemas.contains_key(&name)).then(|| format!("schema {name}"))
    }

    fn index(&self, cursor: &mut Cursor<'_>, there: &Catalog) -> Option<String> {
        let index = cursor.ident().ok()?;
        cursor.expect("on").ok()?;
        cursor.accept("only");
        let (_, table) = self.name(cursor)?;
        let (made, there) = self.relation(&table, there)?;
        let has = |relation: &Relation| {
            let keys = relation.constraints.iter().filter(|constraint| constraint.kind.has_index());
            relation.indexes.iter().map(|index| &index.name).chain(keys.map(|key| &key.name)).any(|name| *name == index)
        };
        (has(made) && has(there)).then(|| format!("index {index} on {table}"))
    }

    /// `add constraint` and `owner to` of a service's table, each alone.
    fn altered(&self, cursor: &mut Cursor<'_>, there: &Catalog) -> Option<String> {
        cursor.accept("if exists");
        cursor.accept("only");
        let (_, table) = self.name(cursor)?;
        let (made, is_there) = self.relation(&table, there)?;
        if cursor.accept("owner to") {
            let role = cursor.label().ok()?;
            let is_nobody = SERVICE_ROLES.contains(&role.as_str()) && !there.roles.contains_key(&role);
            return is_nobody.then(|| format!("the owner of {table}"));
        }
        cursor.expect("add constraint").ok()?;
        let constraint = cursor.ident().ok()?;
        let has = |relation: &Relation| relation.constraints.iter().any(|other| other.name == constraint);
        (has(made) && has(is_there) && cursor.items().len() == 1).then(|| format!("constraint {constraint} on {table}"))
    }

    /// An error of a script's statement with what to do about it, where a service's table that it names is why.
    pub fn helped(&self, error: Error, sql: &str, there: &Catalog) -> Error {
        if !matches!(error.code(), "42703" | "42P07") || error.hint().is_some() {
            return error;
        }
        let words: String = sql.chars().filter(|c| *c != '"').flat_map(char::to_lowercase).collect();
        let is_named = |name: &Name| {
            is_service(Some(&name.schema))
                && words.match_indices(&name.to_string()).any(|(at, found)| {
                    !words[at + found.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
                })
        };
        let named: Vec<&Relation> =
            there.relations.values().map(|relation| &**relation).filter(|relation| is_named(&relation.name)).collect();
        match named[..] {
            [table] if self.made().relations.contains_key(&table.name) => {
                let hint = format!("Basalt makes {} itself. {}", table.name, columns(&table.name, table));
                error.with_hint(hint)
            }
            _ => error,
        }
    }
}

fn columns(name: &Name, table: &Relation) -> String {
    let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    format!("The columns of {name} are {}.", columns.join(", "))
}

/// Texts of any width are alike.
fn stored_as(ty: &Type) -> &Type {
    if ty.is_textual() { &Type::TEXT } else { ty }
}
