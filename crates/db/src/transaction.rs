//! Several statements in one transaction, each of which may depend on the answers before it.

use basalt_core::Result;

use crate::{Answer, Request, postgres, sqlite};

/// An open transaction. Dropped without a commit, it is undone.
///
/// Each statement runs as its own request's identity, in a savepoint: one that fails changes nothing, and what to do then is the
/// caller's decision. On the embedded engine no other write runs meanwhile, so it ends by itself after the statement timeout
/// (57014); on PostgreSQL after as long without a statement (25P03).
pub struct Transaction(Engine);

enum Engine {
    Sqlite(sqlite::Exclusive),
    Postgres(Box<postgres::Open>),
}

impl Transaction {
    pub(crate) fn sqlite(exclusive: sqlite::Exclusive) -> Self {
        Transaction(Engine::Sqlite(exclusive))
    }

    pub(crate) fn postgres(open: postgres::Open) -> Self {
        Transaction(Engine::Postgres(Box::new(open)))
    }

    /// Runs a statement. How the request says that its transaction ends counts for its own changes: a rollback undoes them.
    pub async fn run(&mut self, request: Request) -> Result<Answer> {
        match &mut self.0 {
            Engine::Sqlite(exclusive) => exclusive.run(request).await,
            Engine::Postgres(open) => Box::pin(open.run(request)).await,
        }
    }

    /// Keeps everything; it is on the disk when this returns.
    ///
    /// Errors: a deferred constraint's; then nothing is kept.
    pub async fn commit(self) -> Result<()> {
        match self.0 {
            Engine::Sqlite(exclusive) => exclusive.commit().await,
            Engine::Postgres(open) => open.commit().await,
        }
    }

    /// Undoes everything, after a look at deferred constraints.
    pub async fn rollback(self) -> Result<()> {
        match self.0 {
            Engine::Sqlite(exclusive) => exclusive.rollback().await,
            Engine::Postgres(open) => open.rollback().await,
        }
    }
}
