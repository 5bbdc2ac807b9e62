//! One connection: how it is made, and the statements that are prepared on it.

use basalt_core::{Error, Result};
use quick_cache::unsync::Cache;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls, Statement};

use super::error::{translate, unreachable};
use super::tls::Tls;

/// Where PostgreSQL is, and how to reach it.
#[derive(Clone)]
pub(crate) struct Target {
    pub config: Config,
    pub tls: Tls,
}

/// A connection with its prepared statements.
pub(crate) struct Connection {
    pub client: Client,
    pub tls: Tls,
    statements: Cache<String, Statement>,
    driver: JoinHandle<()>,
}

impl Target {
    /// Connects.
    ///
    /// Errors: 08001 when PostgreSQL can't be reached or refuses.
    pub async fn connect(&self, statements: usize) -> Result<Connection> {
        let (client, driver) = match &self.tls {
            Tls::Off => {
                let (client, driver) = self.config.connect(NoTls).await.map_err(|error| unreachable(&error))?;
                (client, tokio::spawn(async move { drive(driver.await) }))
            }
            Tls::On(connector) => {
                let connected = self.config.connect((**connector).clone()).await;
                let (client, driver) = connected.map_err(|error| unreachable(&error))?;
                (client, tokio::spawn(async move { drive(driver.await) }))
            }
        };
        let statements = Cache::new(statements.max(1));
        Ok(Connection { client, tls: self.tls.clone(), statements, driver })
    }
}

fn drive(ended: Result<(), tokio_postgres::Error>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to PostgreSQL ended");
    }
}

impl Connection {
    /// A statement that was prepared before under this key.
    pub fn prepared(&self, key: &str) -> Option<Statement> {
        self.statements.get(key).cloned()
    }

    /// Prepares a statement and keeps it. Another one may be given up for it.
    pub async fn prepare(&mut self, key: String, sql: &str) -> Result<Statement> {
        let statement = self.client.prepare(sql).await.map_err(translate)?;
        self.statements.insert(key, statement.clone());
        Ok(statement)
    }

    /// Forgets what was prepared: tables may have other columns now.
    pub fn forget(&mut self) {
        self.statements.clear();
    }

    /// Ends what the connection is doing, and the connection.
    pub async fn cancel(self) {
        let token = self.client.cancel_token();
        let cancelled = match &self.tls {
            Tls::Off => token.cancel_query(NoTls).await,
            Tls::On(connector) => token.cancel_query((**connector).clone()).await,
        };
        if let Err(error) = cancelled {
            tracing::debug!(%error, "a statement could not be cancelled");
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// 08P01: an answer that the protocol does not allow.
pub(super) fn unexpected() -> Error {
    Error::new("08P01", "PostgreSQL answered with something else than a row")
}
