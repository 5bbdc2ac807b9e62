//! The embedded engine.

use std::sync::Arc;

use basalt_core::Result;
use basalt_sql::Catalog;

use crate::{Answer, Options, Request};

/// An open SQLite database with its reader threads and its writer.
pub struct Sqlite {}

impl Sqlite {
    /// Opens the file and starts the threads.
    pub fn open(_options: Options) -> Result<Sqlite> {
        unimplemented!()
    }

    /// The catalog as it is now.
    pub fn catalog(&self) -> Arc<Catalog> {
        unimplemented!()
    }

    /// Runs a statement.
    pub async fn run(&self, _request: Request) -> Result<Answer> {
        unimplemented!()
    }
}
