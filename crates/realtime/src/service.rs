//! The service: who may connect, and what all connections share.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use basalt_db::Database;
use basalt_messaging::{Bus, LARGEST_MESSAGE, Subscription};
use bytesize::ByteSize;
use http::{HeaderMap, StatusCode};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::changes::{Openness, Subscriptions};
use crate::connection::Connection;
use crate::connection::channels::Joined;
use crate::hub::Hub;
use crate::limits::{Bucket, Limits, Rate};
use crate::nodes::{Nodes, TOPIC};
use crate::outbox::Close;
use crate::protocol::Version;
use crate::query;
use crate::rows::{Broadcasts, RowBroadcast};
use crate::session::{Session, TokenFault, Tokens};

/// How long a join waits for the database's changes to be followed.
const A_LITTLE: Duration = Duration::from_secs(5);

/// Realtime over one database. Cloning is a reference count.
#[derive(Clone)]
pub struct Realtime {
    pub(crate) shared: Arc<Shared>,
}

/// The largest payload that other nodes can be told, with the names of its channel and event.
const LARGEST_PAYLOAD: ByteSize = ByteSize::b((LARGEST_MESSAGE - (1 << 20)) as u64);

/// What can change while the service runs.
pub struct Settings {
    /// The limits.
    pub limits: Limits,
    /// Who verifies tokens.
    pub tokens: Arc<dyn Tokens>,
    /// Which tables' changes callers from outside may follow.
    pub openness: Openness,
    broadcasts: Vec<RowBroadcast>,
}

impl Settings {
    /// Judges the limits, and the broadcasts of rows.
    ///
    /// Errors: what of them can't be used.
    pub fn new(
        limits: Limits,
        tokens: Arc<dyn Tokens>,
        openness: Openness,
        broadcasts: &[Broadcasts],
    ) -> Result<Settings, String> {
        if limits.payload > LARGEST_PAYLOAD {
            return Err(format!("`realtime.payload` is {}; give at most {LARGEST_PAYLOAD}", limits.payload));
        }
        let broadcasts = broadcasts.iter().map(RowBroadcast::new).collect::<Result<_, _>>()?;
        Ok(Settings { limits, tokens, openness, broadcasts })
    }

    /// The broadcasts of rows.
    pub(crate) fn broadcasts(&self) -> &[RowBroadcast] {
        &self.broadcasts
    }
}

/// What all connections share.
pub(crate) struct Shared {
    pub hub: Arc<Hub>,
    pub database: Database,
    pub subscriptions: Subscriptions,
    /// Whether changes of the database are being followed.
    pub following: watch::Sender<bool>,
    /// Rings when the settings changed.
    pub reconfigured: Notify,
    /// What other nodes say. Held by whoever follows.
    pub heard: tokio::sync::Mutex<Subscription>,
    settings: RwLock<Arc<Settings>>,
    api_events: Mutex<Bucket>,
}

/// A connection that is not let in: the status and the text of `{"error": ...}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// 401 or 429.
    pub status: StatusCode,
    /// What to say.
    pub error: &'static str,
}

impl Realtime {
    /// The service over a database in which [`crate::SERVICE`] is installed, and the other nodes that share it.
    pub fn new(database: Database, bus: Bus, settings: Settings) -> Realtime {
        let api_events = Mutex::new(Bucket::new(Rate::per_second(settings.limits.api_events.into())));
        let heard = tokio::sync::Mutex::new(bus.subscribe(TOPIC));
        let hub = Arc::new(Hub::new(Nodes::new(bus), &settings.limits));
        let settings = RwLock::new(Arc::new(settings));
        Realtime {
            shared: Arc::new(Shared {
                heard,
                hub,
                database,
                subscriptions: Subscriptions::default(),
                following: watch::Sender::new(false),
                reconfigured: Notify::new(),
                settings,
                api_events,
            }),
        }
    }

    /// Judges by other settings from now on. Connections keep the bounds of their queues.
    pub fn reconfigure(&self, settings: Settings) {
        self.shared.hub.room().limit(&settings.limits);
        *self.shared.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        self.shared.reconfigured.notify_one();
    }

    /// Lets a client in by its query string (`apikey`, `vsn`) and its headers, before the upgrade.
    pub fn connect(&self, query_string: &str, headers: &HeaderMap) -> Result<Connection, Refused> {
        let settings = self.shared.settings();
        let header = || headers.get("x-api-key").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let key = query::parameter(query_string, "apikey").filter(|key| !key.is_empty()).or_else(header);
        let session = self
            .shared
            .verify(&settings, key.as_deref())
            .map_err(|error| Refused { status: StatusCode::UNAUTHORIZED, error })?;
        let version = match query::parameter(query_string, "vsn").as_deref() {
            Some("2.0.0") => Version::V2,
            _ => Version::V1,
        };
        let full = Refused { status: StatusCode::TOO_MANY_REQUESTS, error: "Too many connected users" };
        let place = self.shared.hub.place(settings.limits.connections).ok_or(full)?;
        Ok(Connection::new(self.shared.clone(), &settings, version, session, place))
    }

    /// Ends all connections, with what waits for them written first.
    pub fn close(&self) {
        self.shared.hub.close(Close::STOPPING);
    }
}

impl Shared {
    /// The settings as they are now.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who a key speaks for. The error is what its holder is told.
    pub fn verify(&self, settings: &Settings, key: Option<&str>) -> Result<Session, &'static str> {
        self.session(settings, key.ok_or("API key is missing")?).map_err(TokenFault::short)
    }

    /// Who a token speaks for now.
    pub fn session(&self, settings: &Settings, token: &str) -> Result<Session, TokenFault> {
        let session = settings.tokens.verify(token)?;
        if let Some(seconds) = session.overdue() {
            return Err(TokenFault::Expired(seconds));
        }
        let (catalog, role) = (self.database.catalog(), &*session.identity.role);
        if catalog.withholds(role, &catalog.requestable()) {
            return Err(TokenFault::Role);
        }
        Ok(session)
    }

    /// Waits a little until changes are followed, and the other nodes know of this one: what is written or said after a join is told.
    /// Whether changes are followed.
    pub async fn follows(&self) -> bool {
        let mut following = self.following.subscribe();
        let followed = async {
            self.hub.nodes().attempted().await;
            following.wait_for(|following| *following).await.is_ok()
        };
        timeout(A_LITTLE, followed).await.unwrap_or(false)
    }

    /// Whether the HTTP endpoints may take so many broadcasts now.
    pub fn take_event(&self, rate: Rate, count: u64) -> bool {
        self.api_events.lock().unwrap_or_else(PoisonError::into_inner).take(rate, count)
    }

    /// Lets a member go.
    pub fn forget(&self, joined: &Joined) {
        self.subscriptions.forget(joined.member.id);
        self.hub.leave(&joined.channel, &joined.member);
    }
}
