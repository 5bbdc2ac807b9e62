//! The end of a command by a signal: what it has started is stopped first.
//!
//! A process that runs a private PostgreSQL must not just die: that would live on. Everything else ends with the process, transactions
//! undone, so there a signal ends it at once.

use std::path::Path;
use std::pin::Pin;
use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};

use basalt_db::{Database, PostgresOptions};
use basalt_server::Config;
use basalt_server::config::Engine;
use tokio::signal::unix::{SignalKind, signal};

use crate::report::{Failure, Report};

/// What a shell says of a command that was ended by Ctrl-C.
const INTERRUPTED: i32 = 130;

/// Whether a private PostgreSQL is, or may be, running.
static RUNS_POSTGRES: AtomicBool = AtomicBool::new(false);

/// Completes when the process is asked to end.
pub type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Opens a project's database. A signal stops a private PostgreSQL from now on.
pub async fn open_database(root: &Path, config: &Config) -> basalt_core::Result<Database> {
    if config.database.engine() == Engine::Postgres && config.database.url.is_empty() {
        RUNS_POSTGRES.store(true, Ordering::Relaxed);
    }
    basalt_server::open_database(root, config).await
}

/// Starts a private PostgreSQL of no project, with the same promise.
pub async fn start_postgres(options: PostgresOptions) -> basalt_core::Result<Database> {
    RUNS_POSTGRES.store(true, Ordering::Relaxed);
    Database::connect(options).await
}

/// Runs a command's asynchronous part, with a thread a core, unless a signal ends it.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let done = on_threads(async { unless(asked_to_stop(), INTERRUPTED, work).await })?;
    done.unwrap_or_else(|| exit(INTERRUPTED))
}

/// Starts a server and serves until asked to stop, which it may be before it is started. What serves heeds `Stop` itself.
pub fn serve_on<S>(
    start: impl Future<Output = Result<S, Failure>>,
    serve: impl AsyncFnOnce(S, Stop) -> Result<(), Failure>,
) -> Result<(), Failure> {
    on_threads(async {
        let mut stop: Stop = Box::pin(asked_to_stop());
        match unless(&mut stop, 0, start).await {
            Some(started) => serve(started?, stop).await,
            None => Ok(()),
        }
    })?
}

/// Runs `work` to its end, and whatever it left to threads that block: one may be starting PostgreSQL, and stops it when nobody wants it.
pub fn on_threads<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Report::error(format!("can't start threads: {error}")))?;
    Ok(runtime.block_on(work))
}

/// What `work` gives, or nothing if `stop` comes first; `work` is dropped then, and with it what it opened. With no PostgreSQL to stop the process
/// ends: to drop the embedded engine would wait for what it writes.
async fn unless<T>(stop: impl Future<Output = ()>, code: i32, work: impl Future<Output = T>) -> Option<T> {
    let stopped = async {
        stop.await;
        if !RUNS_POSTGRES.load(Ordering::Relaxed) {
            exit(code);
        }
    };
    tokio::select! {
        done = work => Some(done),
        () = stopped => None,
    }
}

/// Completes when the process is asked to end: by Ctrl-C or SIGTERM. It listens from the call on, not only when
/// it is waited for.
pub fn asked_to_stop() -> impl Future<Output = ()> + Send + 'static {
    let heard = [SignalKind::terminate(), SignalKind::interrupt()].map(|kind| signal(kind).ok());
    async move {
        if let [Some(mut terminate), Some(mut interrupt)] = heard {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            return;
        }
        let _ = tokio::signal::ctrl_c().await;
    }
}
