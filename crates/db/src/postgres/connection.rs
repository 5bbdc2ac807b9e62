//! One connection: how it is made, and the statements that are prepared on it.

use std::time::Duration;

use basalt_core::{Error, Result};
use basalt_supervise::caught;
use futures_util::future::poll_fn;
use quick_cache::unsync::Cache;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::tls::{MakeTlsConnect, NoTlsStream};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Row, Socket, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::cancelling;
use super::error::{translate, unreachable};
use super::tls::Tls;

/// Where PostgreSQL is, and how to reach it.
#[derive(Clone)]
pub(crate) struct Target {
    pub config: Config,
    pub tls: Tls,
}

/// What carries a connection's bytes. Nothing is sent or received unless it is polled.
pub(crate) enum Driver {
    Plain(Box<tokio_postgres::Connection<Socket, NoTlsStream>>),
    Encrypted(Box<tokio_postgres::Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>>),
}

/// A connection with its prepared statements.
pub(crate) struct Connection {
    pub client: Client,
    target: Target,
    /// Whether functions may have left something on it (settings, temporary tables, locks).
    pub is_littered: bool,
    /// The version of the catalog as of which nothing was left on it.
    pub clean_at: u64,
    statements: Cache<String, Statement>,
    driver: JoinHandle<()>,
}

impl Target {
    /// Connects.
    ///
    /// Errors: 08001 when PostgreSQL can't be reached or refuses, 53300 when it takes no more connections.
    pub async fn connect(&self, statements: usize) -> Result<Connection> {
        let (client, driver) = self.open().await?;
        Ok(Connection {
            client,
            target: self.clone(),
            is_littered: false,
            clean_at: 0,
            statements: Cache::new(statements.max(1)),
            driver: tokio::spawn(async { _ = caught("a connection to PostgreSQL", driver.drive()).await }),
        })
    }

    /// Connects; whoever calls drives.
    ///
    /// Errors: 08001 when PostgreSQL can't be reached or refuses, 53300 when it takes no more connections.
    pub async fn open(&self) -> Result<(Client, Driver)> {
        // The driver's own limit is each address's, and ends when the machine has answered; PostgreSQL has to do so as well.
        let attempts = 2 * self.config.get_hosts().len().max(1) as u32;
        let limit = self.config.get_connect_timeout().map_or(Duration::MAX, |limit| limit.saturating_mul(attempts));
        // On the heap, as the driver's connecting is large, and every request's future would have room for it.
        let connected = timeout(limit, Box::pin(self.connected())).await;
        let silent = |_| {
            Error::of_connection("08001", "PostgreSQL can't be reached")
                .with_detail(format!("No answer within {limit:?}."))
        };
        connected.map_err(silent)?.map_err(|error| unreachable(&error))
    }

    async fn connected(&self) -> Result<(Client, Driver), tokio_postgres::Error> {
        match &self.tls {
            Tls::Off => {
                let (client, driver) = self.config.connect(NoTls).await?;
                Ok((client, Driver::Plain(Box::new(driver))))
            }
            Tls::On(connector) => {
                let (client, driver) = self.config.connect((**connector).clone()).await?;
                Ok((client, Driver::Encrypted(Box::new(driver))))
            }
        }
    }
}

impl Driver {
    /// What the server says next; `None` when the connection has ended.
    pub async fn message(&mut self) -> Option<Result<AsyncMessage>> {
        let message = poll_fn(|context| match self {
            Driver::Plain(driver) => driver.poll_message(context),
            Driver::Encrypted(driver) => driver.poll_message(context),
        });
        message.await.map(|message| message.map_err(translate))
    }

    async fn drive(mut self) {
        while let Some(message) = self.message().await {
            match message {
                Ok(AsyncMessage::Notice(notice)) => log(&notice),
                Ok(_) => (),
                Err(error) => return tracing::debug!(%error, "a connection to PostgreSQL ended"),
            }
        }
    }
}

/// What PostgreSQL remarks beside an answer: functions' warnings are for whoever runs the server, notices for whoever looks for them.
fn log(remark: &DbError) {
    let (severity, message) = (remark.severity(), remark.message());
    match remark.parsed_severity() {
        Some(Severity::Warning) => tracing::info!(code = remark.code().code(), "PostgreSQL's {severity}: {message}"),
        _ => tracing::debug!(code = remark.code().code(), "PostgreSQL's {severity}: {message}"),
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

    /// Runs a query of the server's own, prepared once where statements may be (`keeps`).
    pub async fn ask(&mut self, sql: &str, params: &[(&(dyn ToSql + Sync), Type)], keeps: bool) -> Result<Vec<Row>> {
        if !keeps {
            return self.client.query_typed(sql, params).await.map_err(translate);
        }
        let statement = match self.prepared(sql) {
            Some(statement) => statement,
            None => self.prepare(sql.to_owned(), sql).await?,
        };
        let values: Vec<&(dyn ToSql + Sync)> = params.iter().map(|(value, _)| *value).collect();
        self.client.query(&statement, &values).await.map_err(translate)
    }

    /// Ends what the connection is doing, and the connection.
    pub async fn cancel(self) {
        cancelling::cancel(self.target.clone(), self.client.cancel_token()).await;
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
