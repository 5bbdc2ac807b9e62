//! Statements of auth's own, as the schema's owner: rows come back as values of the model.

use std::time::Duration;

use basalt_core::Identity;
use basalt_db::{Database, Format, Request, Transaction};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::error::{AuthError, Result};

/// A parameter in PostgreSQL's text form; `None` is NULL.
pub(crate) trait Param {
    fn text(&self) -> Option<String>;
}

macro_rules! param {
    ($($type:ty),*) => { $(impl Param for $type { fn text(&self) -> Option<String> { Some(self.to_string()) } })* };
}
param!(str, String, Uuid, bool, i64, i32, u64, Timestamp, Value);

impl<T: Param + ?Sized> Param for &T {
    fn text(&self) -> Option<String> {
        (**self).text()
    }
}

impl<T: Param> Param for Option<T> {
    fn text(&self) -> Option<String> {
        self.as_ref().and_then(Param::text)
    }
}

/// The parameters of a statement, `$1` first.
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::Param::text(&$value)),*] };
}
pub(crate) use params;

/// A transaction. Dropped without [`Work::commit`], it is undone.
pub(crate) struct Work {
    transaction: Transaction,
}

impl Work {
    pub async fn begin(database: &Database) -> Result<Work> {
        Ok(Work { transaction: database.begin_as_owner().await? })
    }

    /// All rows.
    pub async fn all<T: DeserializeOwned>(&mut self, sql: &str, params: Vec<Option<String>>) -> Result<Vec<T>> {
        rows(&self.transaction.run(request(sql, params, Format::Json)).await?.body)
    }

    /// The first row, if there is one.
    pub async fn one<T: DeserializeOwned>(&mut self, sql: &str, params: Vec<Option<String>>) -> Result<Option<T>> {
        Ok(self.all(sql, params).await?.into_iter().next())
    }

    /// Runs a statement for what it changes; gives the number of rows.
    pub async fn execute(&mut self, sql: &str, params: Vec<Option<String>>) -> Result<u64> {
        Ok(self.attempt(sql, params).await?)
    }

    /// Runs a statement that may violate a constraint: then nothing of it stands, and the transaction goes on.
    pub async fn attempt(&mut self, sql: &str, params: Vec<Option<String>>) -> Result<u64, basalt_core::Error> {
        Ok(self.transaction.run(request(sql, params, Format::None)).await?.rows)
    }

    /// Keeps everything; it is on the disk when this returns.
    pub async fn commit(self) -> Result<()> {
        Ok(self.transaction.commit().await?)
    }
}

/// All rows of one statement in a transaction of its own.
pub(crate) async fn read<T: DeserializeOwned>(
    database: &Database,
    sql: &str,
    params: Vec<Option<String>>,
) -> Result<Vec<T>> {
    let mut request = request(sql, params, Format::Json);
    request.read_only = true;
    rows(&database.run(request).await?.body)
}

/// All rows of one statement that may write, in a transaction of its own that takes no longer than `limit`.
///
/// Errors: 57014 after `limit`, and what the statement says.
pub(crate) async fn call_within<T: DeserializeOwned>(
    database: &Database,
    sql: &str,
    params: Vec<Option<String>>,
    limit: Duration,
) -> Result<Vec<T>, basalt_core::Error> {
    let mut request = request(sql, params, Format::Json);
    request.hoisted = vec![("statement_timeout".into(), limit.as_millis().to_string())];
    let body = database.run(request).await?.body;
    serde_json::from_slice(&body)
        .map_err(|error| basalt_core::Error::new("XX000", format!("a row can't be read: {error}")))
}

/// A statement in a transaction of its own, for what it changes.
pub(crate) async fn write(database: &Database, sql: &str, params: Vec<Option<String>>) -> Result<()> {
    database.run(request(sql, params, Format::None)).await?;
    Ok(())
}

fn request(sql: &str, params: Vec<Option<String>>, format: Format) -> Request {
    let mut request = Request::new(Identity::owner(), sql, params);
    request.format = format;
    request
}

fn rows<T: DeserializeOwned>(body: &[u8]) -> Result<Vec<T>> {
    serde_json::from_slice(body).map_err(|error| AuthError::unexpected(format!("a row can't be read: {error}")))
}
