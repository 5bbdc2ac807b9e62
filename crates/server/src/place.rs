//! Where a request goes, by its path: how that is counted, which methods it takes, and how it says that something broke there.

use axum::body::Body;
use basalt_auth::AuthError;
use basalt_rest::RestError;
use http::{HeaderMap, Method, Response, StatusCode};

use crate::answer::{TEXT, answer, not_allowed};
use crate::auth::AUTH;
use crate::mailbox::MAIL;
use crate::meter::Meter;
use crate::realtime;
use crate::surface::Surface;

/// Where batches go.
pub const BATCH: &str = "/batch/v1";

static AUTH_API: Meter = Meter::new("auth");
static BATCHES: Meter = Meter::new("batch");
static HEALTH: Meter = Meter::new("health");
static MAILBOX: Meter = Meter::new("mail");
static METRICS: Meter = Meter::new("metrics");
static OPENAPI: Meter = Meter::new("openapi");
static REALTIME: Meter = Meter::new("realtime");
static REST_API: Meter = Meter::new("rest");
static WEBHOOKS: Meter = Meter::new("webhooks");
static UNKNOWN: Meter = Meter::new("unknown");

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Rest,
    Batch,
    OpenApi31,
    Auth,
    Mail,
    Realtime,
    Webhooks,
    Live,
    Ready,
    Metrics,
    SchemaCache,
    Nowhere,
}

impl Place {
    /// On everybody's port.
    pub fn of(surface: &Surface, path: &str) -> Place {
        match path {
            _ if is_below(path, &surface.rest_path) => Place::Rest,
            _ if surface.auth.is_some() && is_below(path, AUTH) => Place::Auth,
            _ if surface.has_mailbox && is_below(path, MAIL) => Place::Mail,
            _ if is_below(path, realtime::MOUNT) => Place::Realtime,
            _ if is_below(path, basalt_webhooks::MOUNT) => Place::Webhooks,
            "/health/live" => Place::Live,
            "/health/ready" => Place::Ready,
            "/metrics" => Place::Metrics,
            BATCH => Place::Batch,
            "/openapi.json" => Place::OpenApi31,
            _ => Place::Nowhere,
        }
    }

    /// On the port for operators.
    pub fn of_operators(path: &str) -> Place {
        match path {
            "/live" | "/health/live" => Place::Live,
            "/ready" | "/health/ready" => Place::Ready,
            "/metrics" => Place::Metrics,
            "/schema_cache" => Place::SchemaCache,
            _ => Place::Nowhere,
        }
    }

    /// What counts its answers.
    pub fn meter(self) -> &'static Meter {
        match self {
            Place::Rest => &REST_API,
            Place::Batch => &BATCHES,
            Place::OpenApi31 => &OPENAPI,
            Place::Auth => &AUTH_API,
            Place::Mail => &MAILBOX,
            Place::Realtime => &REALTIME,
            Place::Webhooks => &WEBHOOKS,
            Place::Live | Place::Ready => &HEALTH,
            Place::Metrics | Place::SchemaCache => &METRICS,
            Place::Nowhere => &UNKNOWN,
        }
    }

    /// Whether it is a page for operators: about the server, not of the application.
    pub fn is_for_operators(self) -> bool {
        matches!(self, Place::Live | Place::Ready | Place::Metrics | Place::SchemaCache)
    }

    /// The answer to a method that a page for operators does not take. The doors judge methods themselves.
    pub fn refuses(self, method: &Method) -> Option<Response<Body>> {
        let is_page = self.is_for_operators();
        let is_taken = method == Method::GET || method == Method::HEAD;
        (is_page && !is_taken).then(|| not_allowed("GET, HEAD"))
    }

    /// The answer where a fault ended a request, in the form that the place's clients expect. `headers` are the request's.
    pub fn broken(self, surface: &Surface, method: &Method, headers: &HeaderMap) -> Response<Body> {
        const STATUS: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;
        const MESSAGE: &str = "Internal error";
        match self {
            Place::Auth => AuthError::unexpected("a panic").response(headers).map(Body::from),
            Place::Realtime => realtime::refuse(STATUS, MESSAGE),
            Place::Webhooks => basalt_webhooks::broken().map(Body::from),
            Place::Mail | Place::Live | Place::Ready | Place::Metrics | Place::SchemaCache => {
                answer(STATUS, TEXT, MESSAGE)
            }
            Place::Rest | Place::Batch | Place::OpenApi31 | Place::Nowhere => {
                surface.refuse(RestError::new(500, "PGRSTX00", MESSAGE), method)
            }
        }
    }
}

/// What a REST API mounted at a path, which is empty at the root, would hide, or be hidden by.
pub(crate) fn taken_by(path: &str) -> Option<&'static str> {
    const OTHERS: [&str; 8] =
        [AUTH, MAIL, realtime::MOUNT, basalt_webhooks::MOUNT, BATCH, "/health", "/metrics", "/openapi.json"];
    let meets = |other: &&str| is_below(path, other) || is_below(other, path);
    OTHERS.into_iter().find(meets).filter(|_| !path.is_empty())
}

/// Whether a path is the mount point or below it.
fn is_below(path: &str, mount: &str) -> bool {
    path.strip_prefix(mount).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
