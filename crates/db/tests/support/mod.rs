//! What the tests share: a database in a folder of its own, and short ways to ask it.
#![allow(dead_code)] // each test file uses its part

use basalt_core::{Error, Identity, Result};
use basalt_db::{Answer, Database, Format, Options, Request};
use tempfile::TempDir;

/// A database that goes with its folder.
pub struct Fixture {
    pub database: Database,
    pub folder: TempDir,
}

/// Options for tests: few readers, no syncs.
pub fn options(folder: &TempDir) -> Options {
    Options { data_dir: folder.path().to_owned(), readers: 2, durable: false, ..Options::default() }
}

/// A new database with these tables.
pub async fn with_schema(schema: &str) -> Fixture {
    with_options(schema, |options| options).await
}

/// A new database with other options.
pub async fn with_options(schema: &str, change: impl FnOnce(Options) -> Options) -> Fixture {
    let folder = TempDir::new().expect("a folder");
    let database = Database::open(change(options(&folder))).expect("opens");
    database.run_script(schema, |_| {}).await.expect("the schema applies");
    Fixture { database, folder }
}

impl Fixture {
    /// Runs a statement as the owner, rows as JSON.
    pub async fn run(&self, sql: &str, params: &[&str]) -> Result<Answer> {
        self.database.run(request(sql, params)).await
    }

    /// The JSON body of a statement that succeeds, without the line breaks of `json_agg`.
    pub async fn json(&self, sql: &str, params: &[&str]) -> String {
        let answer = self.run(sql, params).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        text(&answer).replace(", \n ", ",")
    }

    /// The error of a statement that fails.
    pub async fn error(&self, sql: &str, params: &[&str]) -> Error {
        match self.run(sql, params).await {
            Ok(answer) => panic!("{sql} gave {}", text(&answer)),
            Err(error) => error,
        }
    }
}

/// A statement as the owner.
pub fn request(sql: &str, params: &[&str]) -> Request {
    Request::new(Identity::owner(), sql, params.iter().map(|text| Some((*text).to_owned())).collect())
}

/// A statement as the owner in another form.
pub fn request_as(format: Format, sql: &str) -> Request {
    Request { format, ..request(sql, &[]) }
}

/// A body as text.
pub fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).expect("UTF-8")
}
