//! The catalog is read: at the start, and again whenever somebody says that it changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use basalt_core::Result;
use basalt_sql::Catalog;

use super::connection::Connection;
use super::error::translate;
use super::opening::requests_login;
use super::pool::Unfinished;
use super::{Engine, catalog};

/// The catalog, and what was found with it. By default nothing was read yet.
#[derive(Default)]
pub(super) struct Current {
    pub catalog: Arc<Catalog>,
    /// The connecting role's own `statement_timeout` decides, if it has one.
    pub own_timeout: bool,
    /// How long it took to read.
    took: Duration,
}

/// How often the catalog was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loads {
    /// As often it succeeded.
    pub succeeded: u64,
    /// As often it failed.
    pub failed: u64,
    /// How long the last one that succeeded took.
    pub took: Duration,
}

/// The same, while it is counted.
#[derive(Default)]
pub(super) struct Counted {
    succeeded: AtomicU64,
    failed: AtomicU64,
}

impl Counted {
    /// The count after the first look, which may have found nothing.
    pub fn after(current: &Current) -> Counted {
        Counted { succeeded: u64::from(current.catalog.version > 0).into(), ..Counted::default() }
    }
}

impl Engine {
    pub(super) fn loads(&self) -> Loads {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (succeeded, failed) = (of(&self.loads.succeeded), of(&self.loads.failed));
        Loads { succeeded, failed, took: self.current.load().took }
    }

    /// Reads the catalog again. What can't be read leaves everything as it was.
    pub(super) async fn reload(&self) -> Result<()> {
        let _turn = self.reloading.lock().await;
        let read = self.read().await;
        let counted = if read.is_ok() { &self.loads.succeeded } else { &self.loads.failed };
        counted.fetch_add(1, Ordering::Relaxed);
        let current = Arc::new(read?);
        self.current.store(current.clone());
        self.hub.ring();
        self.watch(&current.catalog).await
    }

    async fn read(&self) -> Result<Current> {
        let unfinished = Unfinished::new(self.owner.get().await?);
        let connection = unfinished.get()?;
        let login = match self.is_loaded() {
            true => self.current.load().catalog.login.clone(),
            false => requests_login(connection, false, false).await?.0,
        };
        let current = Current::read(connection, &login).await?;
        unfinished.finish();
        Ok(current)
    }
}

impl Current {
    pub(super) async fn read(connection: &Connection, login: &str) -> Result<Current> {
        let started = Instant::now();
        let timeout = "select current_setting('statement_timeout') not in ('0', '0ms')";
        let own_timeout = connection.client.query_typed_one(timeout, &[]).await.map_err(translate)?.get(0);
        let mut catalog = catalog::load(&connection.client).await?;
        catalog.login = login.to_owned();
        Ok(Current { catalog: Arc::new(catalog), own_timeout, took: started.elapsed() })
    }
}
