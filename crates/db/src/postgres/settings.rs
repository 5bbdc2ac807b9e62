//! Who a transaction runs as: the settings that come before its statement (wire contract of REST, section 14).

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use basalt_sql::Catalog;
use basalt_sql::quote;

use crate::{Isolation, Request};

/// The beginning of a transaction.
pub(super) struct Settings<'r> {
    /// BEGIN with its modes.
    pub begin: String,
    /// Names and values in the order in which they are set.
    pub values: Vec<(Cow<'r, str>, Cow<'r, str>)>,
    /// Whether locks that an earlier request left on the connection are given up first.
    pub unlocks: bool,
}

/// Undoes what functions of an earlier request may have left on a connection (`set_config(.., false)`, temporary tables); their locks
/// go with [`UNLOCK`]. It follows the command that begins.
pub(super) const CLEAN: &str = "; reset all; reset role; discard temp";
/// Gives up the locks of the session, as an expression.
pub(super) const UNLOCK: &str = "pg_catalog.pg_advisory_unlock_all()";

/// Compiling what a request runs to machine code takes seconds where running it takes milliseconds (a subquery for each column of a
/// spread), and no time limit stops it. Roles may have it on.
const NO_JIT: (Cow<'_, str>, Cow<'_, str>) = (Cow::Borrowed("jit"), Cow::Borrowed("off"));

impl<'r> Settings<'r> {
    /// What a request sets. `timeout`, in milliseconds, holds where no role or function says otherwise; `names_role` is false
    /// for the owner, who stays what the connection is.
    pub fn of(request: &'r Request, catalog: &Catalog, timeout: Option<u64>, names_role: bool) -> Settings<'r> {
        let role = &*request.identity.role;
        let of_role = catalog.roles.get(role).map(|role| &role.settings);
        let mut values: Vec<(Cow<'r, str>, Cow<'r, str>)> = Vec::with_capacity(12);
        let path: Vec<String> = request.search_path.iter().map(|schema| quote::ident(schema)).collect();
        values.push(("search_path".into(), path.join(", ").into()));
        values.push(NO_JIT);
        if let Some(timeout) = timeout {
            values.push(("statement_timeout".into(), timeout.to_string().into()));
        }
        let mut isolation = Isolation::default();
        for (name, value) in of_role.into_iter().flatten().filter(|(name, _)| !name.starts_with("pgrst.")) {
            match name.as_str() {
                Isolation::SETTING => isolation = Isolation::of(value),
                _ => values.push((name.clone().into(), value.clone().into())),
            }
        }
        if names_role {
            values.push(("role".into(), role.into()));
        }
        values.push(("request.jwt.claims".into(), request.identity.claims.json().into()));
        values.extend(request.settings.iter().map(|(name, value)| (name.into(), value.into())));
        for (name, value) in &request.hoisted {
            match name.as_str() {
                Isolation::SETTING => isolation = Isolation::of(value),
                _ => values.push((name.into(), value.into())),
            }
        }
        Settings { begin: begin(isolation, request.read_only), values, unlocks: false }
    }

    /// The longest that a statement may run, where that is set here.
    pub fn time_limit(&self) -> Option<Duration> {
        let (_, limit) = self.values.iter().rev().find(|(name, _)| name == "statement_timeout")?;
        duration(limit).filter(|limit| !limit.is_zero())
    }

    /// The values alone.
    pub fn values(&self) -> impl ExactSizeIterator<Item = Option<&str>> + Send {
        self.values.iter().map(|(_, value)| Some(&**value))
    }

    /// The statement that sets all of them, one parameter each.
    pub fn sql(&self) -> String {
        let mut sql = format!("select {}", if self.unlocks { UNLOCK } else { "" });
        for (index, (name, _)) in self.values.iter().enumerate() {
            sql.push_str(if index > 0 || self.unlocks { ", " } else { "" });
            sql.push_str("pg_catalog.set_config(");
            quote::push_literal(&mut sql, name);
            let _ = write!(sql, ", ${}, true)", index + 1);
        }
        sql
    }
}

/// A time as PostgreSQL's settings have it: a number and a unit, by itself milliseconds.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let seconds = match unit {
        "us" => 1e-6,
        "" | "ms" => 1e-3,
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.trim_end().parse::<f64>().ok()? * seconds).ok()
}

fn begin(isolation: Isolation, read_only: bool) -> String {
    format!("begin isolation level {} {}", isolation.words(), if read_only { "read only" } else { "read write" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_postgresql_s_settings_have_them() {
        for (text, milliseconds) in
            [("8000", Some(8000)), ("2s", Some(2000)), ("1.5 s", Some(1500)), ("1min", Some(60_000)), ("0", Some(0))]
        {
            assert_eq!(duration(text), milliseconds.map(Duration::from_millis), "{text}");
        }
        assert!(["soon", "-1", "2 weeks"].iter().all(|text| duration(text).is_none()));
    }
}
