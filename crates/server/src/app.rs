//! The application: what every request passes through, and where it goes.
//!
//! In order: a request id, a place among the requests under way, CORS, the route. The REST door needs an identity and a body; both are
//! judged before it is called. Operators may have a port of their own. Whatever happens inside, a panic included, becomes an answer, a log line and a number in `/metrics`.

use std::future::poll_fn;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::body::{Body, HttpBody};
use basalt_auth::State;
use basalt_db::Database;
use basalt_messaging::Bus;
use basalt_realtime::Realtime;
use basalt_rest::{Incoming, Reason, RestError, Stage, Timing};
use basalt_webhooks::Webhooks;
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::ext::ReasonPhrase;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{Semaphore, watch};
use tokio_util::task::TaskTracker;

use crate::answer::{JSON, TEXT, answer};
use crate::auth::{self, AUTH};
use crate::config::Limits;
use crate::gauges;
use crate::mailbox;
use crate::meter::Meter;
use crate::place::Place;
use crate::readers::Readers;
use crate::surface::Surface;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

static OVERLOAD: Meter = Meter::new("overload");
static PREFLIGHT: Meter = Meter::new("preflight");

/// What a running server consists of.
pub struct App {
    pub(crate) surface: ArcSwap<Surface>,
    pub(crate) database: Database,
    pub(crate) under_way: Semaphore,
    pub(crate) ready: AtomicBool,
    /// Whether what is written is told and sent.
    pub(crate) readers: watch::Sender<Readers>,
    pub(crate) metrics: PrometheusHandle,
    /// The hooks of basalt.toml.
    pub(crate) webhooks: Arc<Webhooks>,
    /// What of the auth API outlives a change of the configuration.
    pub(crate) auth_state: State,
    pub(crate) realtime: Realtime,
    /// The way to the other nodes.
    pub(crate) bus: Bus,
    /// The WebSockets.
    pub(crate) sockets: TaskTracker,
    /// Who sends mails: one for each configuration that is still in use.
    pub(crate) senders: TaskTracker,
}

/// The listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    /// For everybody.
    Api,
    /// For operators.
    Admin,
}

impl App {
    /// Answers one request. Never fails: every fault is an answer.
    pub async fn handle(self: Arc<Self>, port: Port, peer: IpAddr, request: Request<Body>) -> Response<Body> {
        let started = Instant::now();
        let surface = self.surface.load_full();
        let id = request_id(request.headers());
        let method = request.method().clone();
        let logged =
            tracing::enabled!(target: "basalt::request", tracing::Level::INFO).then(|| request.uri().path().to_owned());
        let origin = request.headers().get(header::ORIGIN).cloned();
        let trace = surface.trace_header.clone().map(|name| (request.headers().get(&name).cloned(), name));

        let place = match port {
            Port::Api => Place::of(&surface, request.uri().path()),
            Port::Admin => Place::of_operators(request.uri().path()),
        };
        // What its errors look like, a client of the auth API says in its headers.
        let headers = if place == Place::Auth { request.headers().clone() } else { HeaderMap::new() };

        // Pinned where it stands: to move it would copy all that it may come to hold.
        let answering = pin!(self.admit(&surface, port, place, peer, request));
        let (meter, mut response) = AssertUnwindSafe(answering).catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!(%id, %method, ?place, "a request panicked");
            basalt_supervise::count();
            (place.meter(), place.broken(&surface, &method, &headers))
        });

        // Mails are for the developer's eyes: no page of another origin may read them.
        if place != Place::Mail {
            surface.cors.decorate(origin.as_ref(), response.headers_mut());
        }
        if let Some((value, name)) = trace {
            response.headers_mut().insert(name, value.unwrap_or(HeaderValue::from_static("")));
        }
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let (status, elapsed) = (response.status().as_u16(), started.elapsed());
        meter.count(status, elapsed);
        if let Some(path) = logged {
            tracing::info!(
                target: "basalt::request",
                %id, %method, path, status, ms = elapsed.as_micros() as f64 / 1000.0, "request"
            );
        }
        if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(id)) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        response
    }

    /// What a request is answered that there is room for, and what counts that.
    async fn admit(
        &self,
        surface: &Surface,
        port: Port,
        place: Place,
        peer: IpAddr,
        request: Request<Body>,
    ) -> (&'static Meter, Response<Body>) {
        // Operators are answered however much is under way.
        let under_way = match port {
            Port::Api if !place.is_for_operators() => self.under_way.try_acquire().map(Some),
            _ => Ok(None),
        };
        let Ok(_place) = under_way else { return (&OVERLOAD, surface.refuse(overloaded(), request.method())) };
        if port == Port::Api && request.headers().get_all(header::HOST).iter().nth(1).is_some() {
            let error = RestError::new(400, "BST005", "The request names more than one host")
                .hint("Send one Host header. A proxy that adds its own has to take the client's away.");
            return (Place::Nowhere.meter(), surface.refuse(error, request.method()));
        }
        if port == Port::Api
            && place != Place::Mail
            && let Some(answer) = surface.cors.preflight(request.method(), request.headers())
        {
            return (&PREFLIGHT, answer);
        }
        #[cfg(test)]
        tests::panic_if_asked(request.headers());
        (place.meter(), self.route(surface, port, place, peer, request).await)
    }

    async fn route(
        &self,
        surface: &Surface,
        port: Port,
        place: Place,
        peer: IpAddr,
        request: Request<Body>,
    ) -> Response<Body> {
        if let Some(refusal) = place.refuses(request.method()) {
            return refusal;
        }
        match place {
            Place::Rest => surface.rest(request, Target::Rest).await,
            Place::Batch => surface.rest(request, Target::Batch).await,
            Place::OpenApi31 => surface.rest(request, Target::OpenApi31).await,
            Place::Auth => surface.auth(peer, request).boxed().await,
            Place::Mail => mailbox::mail(&self.auth_state, surface, request.map(drop)).boxed().await,
            Place::Realtime => self.realtime(surface, request).boxed().await,
            Place::Webhooks => self.webhooks(surface, request).boxed().await,
            Place::Live => answer(StatusCode::OK, TEXT, ""),
            Place::Ready => self.readiness().await,
            Place::Metrics => answer(StatusCode::OK, TEXT, self.counted()),
            Place::SchemaCache => answer(StatusCode::OK, JSON, surface.door.schema_cache()),
            Place::Nowhere if port == Port::Admin => answer(StatusCode::NOT_FOUND, TEXT, ""),
            Place::Nowhere => surface.refuse(not_found(request.uri().path(), &surface.rest_path), request.method()),
        }
    }

    /// What operators ask of webhooks.
    async fn webhooks(&self, surface: &Surface, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let identity = match surface.verifier.identify(&parts.headers) {
            Ok(identity) => identity,
            Err(error) => return surface.refuse(error, &parts.method),
        };
        let body = match surface.read(body).await {
            Ok(body) => body,
            Err(error) => {
                let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
                return basalt_webhooks::unreadable(status, &error.body.message).map(Body::from);
            }
        };
        let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
        // One that is no text is none that is known.
        let declared = parts.headers.get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or("?"));
        let asked =
            basalt_webhooks::Request { method: &parts.method, path, query, identity: &identity, declared, body };
        self.webhooks.handle(asked).await.map(Body::from)
    }

    /// What was counted, and how the database stands, as Prometheus reads it.
    fn counted(&self) -> String {
        let mut text = self.metrics.render();
        gauges::write(&self.database, &self.bus, &mut text);
        gauges::write_tokens(self.surface.load().verifier.remembered(), &mut text);
        gauges::write_hashes(self.auth_state.hashes.load(Ordering::Relaxed), &mut text);
        text
    }

    async fn readiness(&self) -> Response<Body> {
        let serves = self.ready.load(Ordering::Acquire) && self.surface.load().door.serves();
        let reads = *self.readers.borrow() == Readers::Begun;
        let ready = serves && reads && self.database.answers().await;
        // A node that can't reach the others serves all the same: to take it away would help nobody.
        let is_cut_off = self.bus.standing().is_some_and(|standing| !standing.connected);
        let text = match (reads, is_cut_off) {
            (false, _) => "what reads changes has not begun: webhooks would miss what is written\n",
            (true, true) => "other nodes can't be reached: broadcasts and presence stay on this one\n",
            (true, false) => "",
        };
        answer(if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, TEXT, text)
    }
}

impl Surface {
    /// The REST door.
    async fn rest(&self, request: Request<Body>, target: Target) -> Response<Body> {
        let timing = Timing::start(self.timed);
        let (parts, body) = request.into_parts();
        let identity = match self.verifier.identify(&parts.headers) {
            Ok(identity) => identity,
            Err(error) => return self.refuse(error, &parts.method),
        };
        timing.mark(Stage::Jwt);
        let body = match self.read(body).await {
            Ok(body) => body,
            Err(error) => return self.refuse(error, &parts.method),
        };
        timing.skip();
        let path = parts.uri.path();
        let incoming = Incoming {
            method: &parts.method,
            path: path.strip_prefix(&self.rest_path).unwrap_or(path),
            query: parts.uri.query().unwrap_or_default(),
            headers: &parts.headers,
            body,
            anonymous: self.verifier.anonymous_role() == Some(&identity.role),
            identity,
            timing: &timing,
            within: None,
        };
        let response = match target {
            Target::Rest => self.door.handle(incoming).await,
            Target::Batch => Box::pin(self.door.batch(incoming, &self.rest_path)).await,
            Target::OpenApi31 => self.door.openapi31(incoming).await,
        };
        worded(response).map(Body::from)
    }

    /// The auth API.
    async fn auth(&self, peer: IpAddr, request: Request<Body>) -> Response<Body> {
        let client = auth::client(&self.trusted_proxies, peer, request.headers());
        let (parts, body) = request.into_parts();
        let Some(auth) = &self.auth else { return self.refuse(not_found(AUTH, &self.rest_path), &parts.method) };
        let body = match self.read(body).await {
            Ok(body) => body,
            Err(error) => return auth::unreadable(error.status, &error.body.message, &parts.headers),
        };
        let path = parts.uri.path();
        let incoming = basalt_auth::Request {
            method: &parts.method,
            path: path.strip_prefix(AUTH).unwrap_or(path),
            query: parts.uri.query().unwrap_or_default(),
            headers: &parts.headers,
            body,
            client,
        };
        // Boxed: the flows are many and deep, and a request to another door should not carry them.
        auth.handle(incoming).boxed().await.map(Body::from)
    }

    /// A request's whole body, as large and as slow as it may be.
    pub(crate) async fn read(&self, body: Body) -> Result<Bytes, RestError> {
        if body.is_end_stream() {
            return Ok(Bytes::new());
        }
        let limited = Limited::new(body, self.limits.body.as_u64() as usize);
        match within(self.body_timeout, limited.collect()).await {
            Some(Ok(collected)) => Ok(collected.to_bytes()),
            Some(Err(error)) => Err(unreadable(&*error, &self.limits)),
            None => Err(RestError::new(408, "BST007", "The request's body did not arrive in time")
                .hint("Send less at once, or raise `server.body_timeout` in basalt.toml.")
                .header("Connection", "close")),
        }
    }

    /// A refusal in the REST API's form.
    pub(crate) fn refuse(&self, error: RestError, method: &Method) -> Response<Body> {
        self.door.refuse(error, method).map(Body::from)
    }
}

/// Puts the words that a schema's author has for a status where HTTP/1 has them. HTTP/2 has no place for them.
fn worded(mut response: Response<Bytes>) -> Response<Bytes> {
    let reason = response.extensions_mut().remove::<Reason>();
    if let Some(phrase) = reason.and_then(|reason| ReasonPhrase::try_from(reason.0.into_bytes()).ok()) {
        response.extensions_mut().insert(phrase);
    }
    response
}

/// A future's result, if it comes in time. One that is there when it is asked a second time costs no timer: so are most bodies, which
/// came with their heads.
async fn within<F: Future>(time: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut was_asked = false;
    let early = poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending if was_asked => Poll::Ready(None),
        Poll::Pending => {
            was_asked = true;
            context.waker().wake_by_ref();
            Poll::Pending
        }
    });
    match early.await {
        Some(result) => Some(result),
        None => tokio::time::timeout(time, future).await.ok(),
    }
}

#[derive(Clone, Copy)]
enum Target {
    Rest,
    Batch,
    OpenApi31,
}

/// The caller's own id if it is a plain one, else a new one (UUID version 7: ids sort by time).
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    let plain = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let fresh = || uuid::Uuid::now_v7().hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()).to_owned();
    given.filter(plain).map_or_else(fresh, str::to_owned)
}

fn unreadable(error: &(dyn std::error::Error + 'static), limits: &Limits) -> RestError {
    if error.downcast_ref::<LengthLimitError>().is_some() {
        let limit = limits.body;
        return RestError::new(413, "BST001", "The request body is too large")
            .details(format!("The limit is {limit}."))
            .hint("Send less at once, or raise `limits.body` in basalt.toml.");
    }
    RestError::new(400, "PGRST102", "The request body could not be read")
}

fn overloaded() -> RestError {
    RestError::new(503, "BST002", "Too many requests are under way")
        .hint("Try again shortly, or raise `limits.requests` in basalt.toml.")
        .header("Retry-After", "1")
}

fn not_found(path: &str, rest_path: &str) -> RestError {
    RestError::new(404, "BST003", format!("There is nothing at {path}"))
        .hint(format!("The REST API is under {rest_path}; its description is /openapi.json."))
}

#[cfg(test)]
mod tests;
