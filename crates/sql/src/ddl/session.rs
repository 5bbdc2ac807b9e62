//! What a script sets for the statements after it, and the statements that change nothing here.

use std::collections::{BTreeMap, BTreeSet};

use basalt_core::{Error, Identity, Result};
use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::dump::target_of_rows;
use super::{Action, Change};
use crate::quote::literal;
use crate::script::first_word;
use crate::{Catalog, DEFAULT_PATH, Name};

/// What `set` statements of a script leave behind for the ones after them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Where unqualified names are looked up and, in its first schema, created.
    pub search_path: Vec<String>,
    /// Whether the bodies of functions are checked when they are made (pg_dump turns it off).
    pub check_function_bodies: bool,
    /// Whether rows come from elsewhere, where triggers and foreign keys have had their say (`session_replication_role = replica`).
    pub is_replica: bool,
    /// Tables whose foreign keys look at no row (`alter table ... disable trigger all`). The triggers themselves are the catalog's.
    pub keys_disabled: BTreeSet<Name>,
    /// Constraints that `set constraints` has look at another time than their table says, and whether that has them deferred.
    pub timing: BTreeMap<(Name, String), bool>,
    /// In a script where what triggers' functions call may come further down: the tables and names of triggers for which it is not there
    /// yet. Where this is `None`, it has to be there when the trigger is made.
    pub unchecked: Option<BTreeSet<(Name, String)>>,
}

impl Session {
    /// Whether a statement writes rows at which no foreign key looks.
    pub fn passes_over_keys(&self, sql: &str, catalog: &Catalog) -> bool {
        self.is_replica
            || !self.keys_disabled.is_empty()
                && self.target(sql, catalog).is_some_and(|table| self.keys_disabled.contains(&table))
    }

    /// The table that a statement writes.
    pub fn target(&self, sql: &str, catalog: &Catalog) -> Option<Name> {
        let raw = target_of_rows(sql).or_else(|| {
            let mut cursor = Cursor::new(sql).ok()?;
            cursor.accept_any(&["update", "delete from"])?;
            cursor.accept("only");
            cursor.name().ok()
        })?;
        let named = |schema: &String| Name::new(schema, &raw.name);
        let mut places = raw.schema.iter().chain(self.search_path.iter().filter(|_| raw.schema.is_none())).map(named);
        places.find(|name| catalog.relations.contains_key(name))
    }
}

impl Default for Session {
    fn default() -> Self {
        Session {
            search_path: DEFAULT_PATH.map(str::to_owned).to_vec(),
            check_function_bodies: true,
            is_replica: false,
            keys_disabled: BTreeSet::new(),
            timing: BTreeMap::new(),
            unchecked: None,
        }
    }
}

/// Whether the statement defines or sets something (and belongs to [`super::apply`]) rather than reads or writes rows.
/// A statement that this crate does not know belongs there too, and is refused.
pub fn is_definition(sql: &str) -> bool {
    let rows = ["select", "values", "insert", "update", "delete", "with", "table", "explain", "show"];
    match first_word(sql) {
        Some(word) if word.eq_ignore_ascii_case("select") => sets_search_path(sql),
        Some(word) => !rows.iter().any(|row| word.eq_ignore_ascii_case(row)),
        None => false,
    }
}

/// `select pg_catalog.set_config('search_path', ...)`, with which pg_dump begins.
fn sets_search_path(sql: &str) -> bool {
    // Shorter than any import's rows, which are not to be read twice.
    if sql.len() > 1000 {
        return false;
    }
    let Ok(mut cursor) = Cursor::new(sql) else { return false };
    set_config(&mut cursor).is_some_and(|(name, _)| name == "search_path")
}

/// The name and value of `select [pg_catalog.]set_config('name', 'value', false)`.
fn set_config(cursor: &mut Cursor<'_>) -> Option<(String, String)> {
    if !cursor.accept("select") {
        return None;
    }
    if cursor.accept("pg_catalog") {
        cursor.accept_token(&Token::Period);
    }
    if !(cursor.accept("set_config") && cursor.accept_token(&Token::LParen)) {
        return None;
    }
    let name = cursor.accept_string()?;
    cursor.accept_token(&Token::Comma);
    let value = cursor.accept_string()?;
    cursor.accept_token(&Token::Comma);
    (cursor.accept_any(&["false", "true"]).is_some() && cursor.accept_token(&Token::RParen)).then_some((name, value))
}

impl Change<'_> {
    /// Applies a statement about the session or about maintenance; tells whether it was one.
    pub(super) fn session_statement(&mut self) -> Result<bool> {
        let idle = [
            // A script runs in one transaction already.
            "begin",
            "start transaction",
            "set transaction",
            "set session characteristics",
            "deallocate",
            "discard",
            // Maintenance changes no results.
            "reindex",
            "checkpoint",
            "cluster",
            // Nobody can listen; PostgREST's order to read the schema again happens by itself.
            "notify",
            // One file is one database.
            "drop database",
        ];
        if self.cursor.accept_any(&["lock", "analyze", "reindex table", "vacuum"]).is_some() {
            return self.tables_exist().map(|()| true);
        }
        if self.cursor.accept_any(&idle).is_some() {
            self.cursor.skip_all();
            return Ok(true);
        }
        if self.cursor.accept_any(&["commit", "end"]).is_some() {
            self.cursor.skip_all();
            return self.end_timing().map(|()| true);
        }
        if self.cursor.accept("set constraints") {
            return self.set_constraints().map(|()| true);
        }
        if self.cursor.peek("select") {
            if let Some((name, value)) = set_config(&mut self.cursor) {
                let path = value.split(',').map(|schema| schema.trim().trim_matches('"').to_owned());
                self.set(&name, &path.filter(|schema| !schema.is_empty()).collect::<Vec<_>>())?;
            }
            return Ok(true);
        }
        if self.cursor.accept("reset role") || self.cursor.accept("reset session authorization") {
            return Ok(true);
        }
        if self.cursor.accept("reset") {
            let name = self.cursor.setting_name()?;
            self.reset(&name);
            return Ok(true);
        }
        if self.cursor.peek("set role") || self.cursor.peek("set session authorization") {
            let refused = self.refused();
            return if self.is_the_owner() { Ok(true) } else { Err(refused) };
        }
        if self.cursor.accept("set") {
            self.set_statement()?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Reads the tables of a statement that does nothing here but has to have them.
    fn tables_exist(&mut self) -> Result<()> {
        if self.cursor.peek_token(&Token::LParen) {
            self.cursor.in_parentheses()?;
        }
        while self
            .cursor
            .accept_any(&["table", "only", "verbose", "full", "freeze", "analyze", "concurrently"])
            .is_some()
        {}
        if !self.cursor.at_end() {
            loop {
                let raw = self.cursor.name()?;
                self.find_relation(&raw)?;
                if !self.cursor.accept_token(&Token::Comma) {
                    break;
                }
            }
        }
        // How they are locked, or which columns are looked at.
        self.cursor.skip_all();
        Ok(())
    }

    /// `set session authorization default` and its like: scripts run as the owner.
    fn is_the_owner(&mut self) -> bool {
        let words = ["set role none", "set role", "set session authorization"];
        let at = words.iter().position(|words| self.cursor.accept(words));
        at == Some(0)
            || self.cursor.accept("default")
            || self.cursor.accept_string().or_else(|| self.cursor.label().ok()).as_deref() == Some(Identity::OWNER)
    }

    fn set_statement(&mut self) -> Result<()> {
        let _ = self.cursor.accept_any(&["session", "local"]);
        let (name, values) = match self.cursor.accept_any(&["time zone", "names"]) {
            Some("names") => ("client_encoding".to_owned(), self.encoding()?),
            Some(_) => ("timezone".to_owned(), self.zone()?),
            None => self.setting()?,
        };
        match values {
            Some(values) => self.set(&name, &values)?,
            None => self.reset(&name),
        }
        Ok(())
    }

    /// What stands behind `set time zone`; nothing for `default` and `local`.
    fn zone(&mut self) -> Result<Option<Vec<String>>> {
        if self.cursor.accept_any(&["default", "local"]).is_some() {
            return Ok(None);
        }
        if !self.cursor.accept("interval") {
            return self.setting_value().map(|value| Some(vec![value]));
        }
        let hours = self.setting_value()?;
        self.cursor.accept("hour to minute");
        Ok(Some(vec![format!("interval '{hours}'")]))
    }

    /// What stands behind `set names`; nothing for `default` and where nothing stands.
    fn encoding(&mut self) -> Result<Option<Vec<String>>> {
        if self.cursor.at_end() || self.cursor.accept("default") {
            return Ok(None);
        }
        self.setting_value().map(|value| Some(vec![value]))
    }

    /// `name = value, ...` or `name to value, ...`; no values for `default`.
    pub(super) fn setting(&mut self) -> Result<(String, Option<Vec<String>>)> {
        let name = self.cursor.setting_name()?;
        if !self.cursor.accept_token(&Token::Eq) {
            self.cursor.expect("to")?;
        }
        if self.cursor.accept("default") {
            return Ok((name, None));
        }
        let mut values = vec![self.setting_value()?];
        while self.cursor.accept_token(&Token::Comma) {
            values.push(self.setting_value()?);
        }
        Ok((name, Some(values)))
    }

    /// A text, a word or a number.
    fn setting_value(&mut self) -> Result<String> {
        if let Some(text) = self.cursor.accept_string() {
            return Ok(text);
        }
        if self.cursor.accept_token(&Token::Minus) {
            return Ok(format!("-{}", self.cursor.skip()));
        }
        if self.cursor.ident_ahead().is_none() { Ok(self.cursor.skip()) } else { self.cursor.label() }
    }

    /// Keeps what later statements of the script need, or has it told to their session.
    ///
    /// Errors: 0A000 for what would have values read otherwise than this engine reads them. Other settings change no results.
    fn set(&mut self, name: &str, values: &[String]) -> Result<()> {
        let value = values.join(", ");
        let is = |known: &[&str]| known.iter().any(|known| value.eq_ignore_ascii_case(known));
        match name {
            "timezone" => self.tell(name, &value),
            name if name.contains('.') => self.tell(name, &value),
            "datestyle" if !is(&["iso", "iso, mdy", "iso,mdy", "mdy", "us", "default"]) => {
                return Err(self.other_reading(name, &value, "Write dates as 2024-04-03."));
            }
            "intervalstyle" if !is(&["postgres"]) => {
                return Err(self.other_reading(name, &value, "Write intervals as '-1 days -02:03:04'."));
            }
            "standard_conforming_strings" if !is(&["on", "true", "1", "yes"]) => {
                return Err(self.other_reading(name, &value, "Write texts with backslash escapes as E'...'."));
            }
            "client_encoding" if !is(&["utf8", "utf-8", "unicode", "default"]) => {
                return Err(self.other_reading(name, &value, "Convert the script to UTF-8."));
            }
            "default_text_search_config" if !is(&["english", "pg_catalog.english"]) => {
                let hint = "Name the configuration where it is used: to_tsvector('simple', ...).";
                return Err(self.other_reading(name, &value, hint));
            }
            "search_path" => self.session.search_path = values.iter().filter(|v| !v.is_empty()).cloned().collect(),
            "check_function_bodies" => {
                let off = |value: &String| matches!(value.to_ascii_lowercase().as_str(), "false" | "off" | "0" | "no");
                self.session.check_function_bodies = !values.first().is_some_and(off);
            }
            "session_replication_role" => {
                let value = values.first().map(|value| value.to_ascii_lowercase()).unwrap_or_default();
                if !["origin", "replica", "local"].contains(&value.as_str()) {
                    let message = format!("invalid value for parameter \"session_replication_role\": \"{value}\"");
                    return Err(Error::new("22023", message).with_hint("Available values: origin, replica, local."));
                }
                self.session.is_replica = value == "replica";
            }
            _ => {}
        }
        Ok(())
    }

    /// Has the session of the statements that follow know a setting.
    fn tell(&mut self, name: &str, value: &str) {
        let (name, value) = (literal(name), literal(value));
        self.actions.push(Action::Statement(format!("select pg_catalog.set_config({name}, {value}, false)")));
    }

    fn other_reading(&self, name: &str, value: &str, hint: &'static str) -> Error {
        Error::unsupported(format!("{name} = {value} is not supported"), hint)
    }

    fn reset(&mut self, name: &str) {
        let initial = Session::default();
        match name {
            "timezone" => {
                let zone = self.catalog.settings.get(name).cloned();
                self.tell(name, zone.as_deref().unwrap_or("UTC"));
            }
            name if name.contains('.') => {
                let value = self.catalog.settings.get(name).cloned();
                self.tell(name, value.as_deref().unwrap_or_default());
            }
            "search_path" => self.session.search_path = initial.search_path,
            "check_function_bodies" => self.session.check_function_bodies = true,
            "session_replication_role" => self.session.is_replica = false,
            "all" => {
                let Session { keys_disabled, timing, unchecked, .. } = std::mem::take(self.session);
                *self.session = Session { keys_disabled, timing, unchecked, ..initial };
            }
            _ => {}
        }
    }
}
