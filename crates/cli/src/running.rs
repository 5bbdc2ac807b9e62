//! A server in production until it is asked to stop: signals, and what the database asks for.

use std::pin::pin;
use std::time::Duration;

use basalt_db::Database;
use basalt_server::Basalt;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::report::Failure;
use crate::serving::url;
use crate::settling::settle;
use crate::stopping::{Stop, asked_to_stop};

/// A configuration that could not be read is tried again after this: it may be the database that was away.
const AGAIN: Duration = Duration::from_secs(30);

/// What may be read again while the server runs.
#[derive(Debug, Clone, Copy)]
enum Asked {
    /// The catalog: SIGUSR1.
    Schema,
    /// The configuration: SIGUSR2, or the database's word.
    Configuration,
}

/// Runs a server until `stop` (SIGTERM or Ctrl-C), then drains it. `reconfigure` reads the configuration again.
pub async fn run(
    server: Basalt,
    database: &Database,
    mut stop: Stop,
    reconfigure: impl AsyncFn(&Basalt) -> Result<(), Failure>,
) {
    let mut signals = Signals::new();
    // Whoever reads this may ask for anything now.
    match server.socket() {
        Some(path) => tracing::info!(socket = %path.display(), "serving"),
        None => tracing::info!(url = url(server.address()), "serving"),
    }
    if let Some(admin) = server.admin_address() {
        tracing::info!(url = url(admin), "answering operators");
    }
    let mut settling = pin!(settle());
    let mut failed = false;
    loop {
        let asked = tokio::select! {
            asked = signals.next() => asked,
            () = configuration_asked(database) => Asked::Configuration,
            () = tokio::time::sleep(AGAIN), if failed => Asked::Configuration,
            () = &mut stop => break,
            never = &mut settling => match never {},
        };
        let done = match asked {
            Asked::Schema => reload(database).await,
            Asked::Configuration => {
                let done = reconfigure(&server).await;
                // What roles are set to is read with the catalog.
                done.and(reload(database).await)
            }
        };
        failed = match asked {
            Asked::Schema => failed,
            Asked::Configuration => done.is_err(),
        };
        match done {
            Ok(()) => tracing::info!(what = ?asked, "read again"),
            Err(Failure(reports)) => {
                let reasons: Vec<String> = reports.into_iter().map(|report| report.message).collect();
                tracing::error!(what = ?asked, error = reasons.join("; "), "could not be read again; the old one stays");
            }
        }
    }
    tracing::info!("stopping: finishing the requests under way");
    // A second signal does not wait for them.
    tokio::select! {
        () = server.stop() => tracing::info!("stopped"),
        () = asked_to_stop() => tracing::warn!("stopped at once; requests under way were cut"),
    }
}

/// Completes when the database asks for the configuration to be read again.
pub async fn configuration_asked(database: &Database) {
    match database.postgres() {
        Some(postgres) => postgres.configuration_asked().await,
        None => std::future::pending().await,
    }
}

/// Reads the catalog again. The embedded engine's is never out of date.
pub async fn reload(database: &Database) -> Result<(), Failure> {
    match database.postgres() {
        Some(postgres) => Ok(postgres.reload().await?),
        None => Ok(()),
    }
}

/// SIGUSR1 and SIGUSR2, as far as they can be heard.
struct Signals {
    schema: Option<Signal>,
    configuration: Option<Signal>,
}

impl Signals {
    fn new() -> Signals {
        Signals {
            schema: signal(SignalKind::user_defined1()).ok(),
            configuration: signal(SignalKind::user_defined2()).ok(),
        }
    }

    async fn next(&mut self) -> Asked {
        async fn of(signal: &mut Option<Signal>) {
            let heard = match signal {
                Some(signal) => signal.recv().await,
                None => None,
            };
            if heard.is_none() {
                std::future::pending().await
            }
        }
        tokio::select! {
            () = of(&mut self.schema) => Asked::Schema,
            () = of(&mut self.configuration) => Asked::Configuration,
        }
    }
}
