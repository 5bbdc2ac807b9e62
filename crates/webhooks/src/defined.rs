//! Hooks that the admin API defined: kept in the database, so that every server on it sends for them.

use basalt_core::{Error, Result};
use basalt_db::Database;
use serde::Deserialize;

use crate::settings::Settings;
use crate::store::{execute, rows};

/// Hooks that may be defined.
pub(crate) const MOST: u64 = 100;

/// A hook as it is kept.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Defined {
    pub name: String,
    /// Its [`Settings`] in JSON.
    pub definition: String,
}

/// What became of a hook that was to be kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Insertion {
    /// It is kept.
    Done,
    /// Another one has its name.
    Taken,
    /// There are [`MOST`] already.
    Full,
}

/// All of them, by name. None where the database has no tables of Basalt's (`database.bootstrap = false`).
pub(crate) async fn all(database: &Database) -> Result<Vec<Defined>> {
    if database.is_loaded() && database.catalog().relation("basalt", "webhooks").is_none() {
        return Ok(Vec::new());
    }
    rows(database, "select name, definition from basalt.webhooks order by name", Vec::new(), true).await
}

/// Keeps a new one.
pub(crate) async fn insert(database: &Database, settings: &Settings) -> Result<Insertion> {
    let sql = "insert into basalt.webhooks (name, definition)
        select $1, $2 where (select count(*) from basalt.webhooks) < $3::bigint on conflict (name) do nothing";
    let params = vec![Some(settings.name.clone()), Some(text(settings)?), Some(MOST.to_string())];
    if execute(database, sql, params).await? > 0 {
        return Ok(Insertion::Done);
    }
    let is_taken = all(database).await?.iter().any(|one| one.name == settings.name);
    Ok(if is_taken { Insertion::Taken } else { Insertion::Full })
}

/// Keeps other settings of one that is still as it was. Whether it was.
pub(crate) async fn replace(database: &Database, was: &Defined, settings: &Settings) -> Result<bool> {
    let sql = "update basalt.webhooks set definition = $3, updated_at = now() where name = $1 and definition = $2";
    let params = vec![Some(was.name.clone()), Some(was.definition.clone()), Some(text(settings)?)];
    Ok(execute(database, sql, params).await? > 0)
}

/// Forgets one. Whether it was there.
pub(crate) async fn delete(database: &Database, name: &str) -> Result<bool> {
    let sql = "delete from basalt.webhooks where name = $1";
    Ok(execute(database, sql, vec![Some(name.to_owned())]).await? > 0)
}

fn text(settings: &Settings) -> Result<String> {
    serde_json::to_string(settings).map_err(|error| Error::internal(error.to_string()))
}
