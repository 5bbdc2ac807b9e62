//! From a configuration to a running server, and back.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arc_swap::ArcSwap;
use basalt_auth::State;
use basalt_core::Error;
use basalt_db::Database;
use basalt_db::migrate::Service;
use basalt_realtime::Realtime;
use basalt_supervise::supervised;
use basalt_webhooks::{BadHook, Webhooks};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

use crate::app::{App, Port};
use crate::config::{Config, Engine, Pooler, Server};
use crate::naming::unknown_names;
use crate::readers::Readers;
use crate::socket::Socket;
use crate::surface::Surface;
use crate::{listener, messaging, meter, readers};

/// A server that can't start: what, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration can't be used.
    #[error("{0}")]
    Config(String),
    /// The database can't be opened.
    #[error("{0}")]
    Database(#[from] Error),
    /// The address can't be listened on.
    #[error("can't listen on {address}: {error}. Choose another with {by}, or end what uses it.")]
    Listen {
        /// The address.
        address: String,
        /// What says which port it is.
        by: &'static str,
        /// Why.
        error: std::io::Error,
    },
    /// The Unix socket can't be listened on.
    #[error("can't listen on the socket {}: {error}. See `server.unix_socket`.", path.display())]
    Socket {
        /// Its path.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

/// The services whose schemas stand beside the project's.
pub const SERVICES: [Service; 4] =
    [basalt_auth::SERVICE, basalt_realtime::SERVICE, basalt_storage::SERVICE, basalt_webhooks::SERVICE];

/// A running server. Dropping it without [`Basalt::stop`] cuts the requests under way.
pub struct Basalt {
    address: SocketAddr,
    socket: Option<PathBuf>,
    admin_address: Option<SocketAddr>,
    app: Arc<App>,
    stop: watch::Sender<()>,
    serving: JoinSet<()>,
}

/// Opens the database that a project's configuration names.
///
/// Errors: those of [`Database::open`] and [`Database::connect`].
pub async fn open_database(project: &Path, config: &Config) -> Result<Database, Error> {
    let from = &config.database;
    let data_dir = project.join(&from.data_dir);
    let max_body = config.limits.response.as_u64() as usize;
    match from.engine() {
        Engine::Sqlite => {
            let mut options = basalt_db::Options {
                data_dir,
                queue: from.queue,
                wait: from.pool_timeout,
                group: from.group,
                statement_timeout: from.statement_timeout,
                max_body,
                max_size: from.max_size.as_u64(),
                services: SERVICES.into(),
                ..basalt_db::Options::default()
            };
            if from.readers > 0 {
                options.readers = from.readers;
            }
            options.long_readers = match from.long_readers {
                0 => 2 * options.readers,
                given => given,
            };
            let open = tokio::task::spawn_blocking(move || Database::open(options));
            open.await.map_err(|error| Error::internal(error.to_string()))?
        }
        Engine::Postgres => {
            let options = basalt_db::PostgresOptions {
                url: Some(from.url.clone()).filter(|url| !url.is_empty()),
                authenticator_password: Some(from.authenticator_password.clone()).filter(|text| !text.is_empty()),
                data_dir,
                durable: true,
                connections: from.pool,
                queue: from.queue,
                wait: from.pool_timeout,
                idle: from.pool_idle,
                lifetime: from.pool_lifetime,
                statements: from.prepared_statements,
                statement_timeout: from.statement_timeout,
                max_body,
                transaction_pooler: from.pooler == Pooler::Transaction,
                bootstrap: from.bootstrap,
                required: from.required,
                channel: from.channel.clone(),
                services: SERVICES.into(),
            };
            Database::connect(options).await
        }
    }
}

impl Basalt {
    /// Listens and serves `database` as `config` says. `project` is where relative paths begin.
    pub async fn start(project: &Path, config: &Config, database: Database) -> Result<Basalt, StartError> {
        let server = config.server.clone();
        let path = Some(&server.unix_socket).filter(|path| !path.as_os_str().is_empty()).map(|path| project.join(path));
        let (socket, address) = match &path {
            None => Socket::tcp(&server.host, server.port, "--port", server.reuse_port).await?,
            Some(path) => (Socket::unix(path, server.socket_mode()?)?, nominal(&server)),
        };
        let metrics = meter::recorder();
        let state = State::default();
        let (surface, bus) = {
            let (database, state) = (database.clone(), state.clone());
            let made = move |project: &Path, config: &Config| {
                let surface = Surface::new(project, config, database.clone(), address, state)?;
                Ok((surface, messaging::bus(project, config, &database)?))
            };
            aside(project, config, made).await?
        };
        let realtime = Realtime::new(database.clone(), bus.clone(), surface.realtime(config)?);
        let webhooks = Webhooks::new(database.clone(), surface.outbound.clone(), &config.webhooks).map_err(bad_hook)?;
        let app = Arc::new(App {
            surface: ArcSwap::from_pointee(surface),
            auth_state: state,
            webhooks: webhooks.clone(),
            database,
            realtime,
            bus: bus.clone(),
            sockets: TaskTracker::new(),
            senders: TaskTracker::new(),
            under_way: Semaphore::new(config.limits.requests),
            ready: AtomicBool::new(false),
            readers: watch::Sender::new(Readers::Beginning),
            metrics: metrics.clone(),
        });
        let mut admin_address = None;
        let (stop, stopped) = watch::channel(());
        let mut serving = JoinSet::new();
        let (changes, limits) = (app.database.changes(), config.changes.limits());
        let tend = supervised("the change log's limits", move || changes.tend(limits.clone()));
        serving.spawn(until(stopped.clone(), tend));
        let send = supervised("webhooks", move || webhooks.clone().run());
        serving.spawn(until(stopped.clone(), send));
        // It ends by itself, once what the end of the connections makes it say has been said.
        serving.spawn(supervised("messages between nodes", move || {
            let bus = bus.clone();
            async move { bus.run().await }
        }));
        if server.admin_port != 0 {
            let host = if server.admin_host.is_empty() { &server.host } else { &server.admin_host };
            let (socket, address) =
                Socket::tcp(host, server.admin_port, "`server.admin_port`", server.reuse_port).await?;
            admin_address = Some(address);
            serving.spawn(listener::serve(socket, app.clone(), Port::Admin, server.clone(), stopped.clone()));
        }
        // Where the REST API is at the root nobody reaches realtime, and a database that others look after lacks its tables.
        let tells = !app.surface.load().rest_path.is_empty();
        if tells || !config.webhooks.is_empty() {
            let begun = app.clone();
            let begin = supervised("the beginning of readers", move || begun.clone().begin_reading());
            serving.spawn(until(stopped.clone(), begin));
            readers::awaited(app.readers.subscribe()).await;
        } else {
            app.readers.send_replace(Readers::Begun);
        }
        serving.spawn(listener::serve(socket, app.clone(), Port::Api, server, stopped.clone()));
        let tidy = supervised("tidying of metrics", move || meter::tidy(metrics.clone()));
        serving.spawn(until(stopped.clone(), tidy));
        if tells {
            let realtime = app.realtime.clone();
            let follow = supervised("realtime", move || {
                let realtime = realtime.clone();
                async move { realtime.follow().await }
            });
            serving.spawn(until(stopped, follow));
        }
        app.send_mails();
        for missing in unknown_names(config, &app.database) {
            tracing::warn!("{missing}");
        }
        Ok(Basalt { address, socket: path, admin_address, app, stop, serving })
    }

    /// Where it listens; on a Unix socket, the address that stands for it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The Unix socket that it listens on, if it is one.
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// Where it answers operators, if that is a port of its own.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// Judges and answers from now on as `config` says. What belongs to the listener and the database stays as it was at the start.
    ///
    /// Errors: what of it can't be used; then everything stays.
    pub async fn reconfigure(&self, project: &Path, config: &Config) -> Result<(), StartError> {
        let (database, address, state) = (self.app.database.clone(), self.address, self.app.auth_state.clone());
        let made = move |project: &Path, config: &Config| Surface::new(project, config, database, address, state);
        let surface = aside(project, config, made).await?;
        let realtime = surface.realtime(config)?;
        self.app.webhooks.reconfigure(surface.outbound.clone(), &config.webhooks).map_err(bad_hook)?;
        self.app.realtime.reconfigure(realtime);
        self.app.surface.store(Arc::new(surface));
        self.app.send_mails();
        Ok(())
    }

    /// Refuses new connections, finishes the requests under way, says goodbye to WebSockets, and returns.
    pub async fn stop(mut self) {
        let _ = self.stop.send(());
        self.app.realtime.close();
        self.app.sockets.close();
        // Each ends by itself within seconds, whether its client listens or not.
        self.app.sockets.wait().await;
        self.app.bus.leave();
        while self.serving.join_next().await.is_some() {}
        if let Some(auth) = &self.app.surface.load().auth {
            auth.close();
        }
        self.app.senders.close();
        self.app.senders.wait().await;
        self.app.webhooks.leave().await;
    }
}

impl App {
    /// Has the mails of the configuration as it is now sent. The sender of the one before ends once no request is answered by it.
    fn send_mails(&self) {
        if let Some(auth) = &self.surface.load().auth {
            self.senders.spawn(auth.sending());
        }
    }
}

/// Makes what the configuration decides on a thread that may wait for the disk, since the files that it names are read.
async fn aside<T: Send + 'static>(
    project: &Path,
    config: &Config,
    made: impl FnOnce(&Path, &Config) -> Result<T, StartError> + Send + 'static,
) -> Result<T, StartError> {
    let (project, config) = (project.to_owned(), config.clone());
    let made = tokio::task::spawn_blocking(move || made(&project, &config)).await;
    made.map_err(|error| StartError::Config(error.to_string()))?
}

/// The address that a server on a Unix socket would have: descriptions name it unless `server.public_url` does.
fn nominal(server: &Server) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, server.port))
}

fn bad_hook(error: BadHook) -> StartError {
    StartError::Config(error.to_string())
}

/// What [`Basalt::start`] would refuse of a configuration, but for what it listens on. Migrations need not have run yet.
///
/// Errors: what of the configuration can't be used.
pub fn check(project: &Path, config: &Config, database: Database) -> Result<(), StartError> {
    let surface = Surface::new(project, config, database.clone(), nominal(&config.server), State::default())?;
    surface.realtime(config)?;
    config.server.socket_mode()?;
    messaging::bus(project, config, &database)?;
    Webhooks::new(database, surface.outbound, &config.webhooks).map(drop).map_err(bad_hook)
}

/// Works until the server stops.
async fn until(mut stop: watch::Receiver<()>, work: impl Future<Output = ()>) {
    tokio::select! {
        _ = stop.changed() => {}
        () = work => {}
    }
}
