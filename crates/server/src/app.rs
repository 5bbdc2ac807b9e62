//! The application: what every request passes through, and where it goes.
//!
//! In order: a request id, a place among the requests under way, CORS, the route. The REST door needs an identity and a body; both are
//! judged before it is called. Operators may have a port of their own. Whatever happens inside, a panic included, becomes an answer, a log line and a number in `/metrics`.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;
use axum::body::Body;
use basalt_db::Database;
use basalt_rest::{Incoming, RestError, Stage, Timing};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;

use crate::config::Limits;
use crate::surface::Surface;

/// What a running server consists of.
pub struct App {
    pub(crate) surface: ArcSwap<Surface>,
    pub(crate) database: Database,
    pub(crate) under_way: Semaphore,
    pub(crate) ready: AtomicBool,
    pub(crate) metrics: PrometheusHandle,
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
    pub async fn handle(self: Arc<Self>, port: Port, request: Request<Body>) -> Response<Body> {
        let started = Instant::now();
        let surface = self.surface.load_full();
        let id = request_id(request.headers());
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let origin = request.headers().get(header::ORIGIN).cloned();
        let trace = surface.trace_header.clone().map(|name| (request.headers().get(&name).cloned(), name));

        let (route, mut response) = match port {
            Port::Admin => self.operators(&path),
            Port::Api => match self.under_way.try_acquire() {
                Ok(_place) => self.route(&surface, request).await,
                Err(_) => ("overload", surface.refuse(overloaded(), &method)),
            },
        };

        surface.cors.decorate(origin.as_ref(), response.headers_mut());
        if let Some((value, name)) = trace {
            response.headers_mut().insert(name, value.unwrap_or(HeaderValue::from_static("")));
        }
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert("x-request-id", value);
        }
        let (status, elapsed) = (response.status().as_u16(), started.elapsed());
        metrics::counter!("basalt_requests_total", "route" => route, "status" => status_class(status)).increment(1);
        metrics::histogram!("basalt_request_seconds", "route" => route).record(elapsed.as_secs_f64());
        tracing::info!(
            target: "basalt::request",
            %id, %method, path, status, ms = elapsed.as_micros() as f64 / 1000.0, "request"
        );
        response
    }

    async fn route(&self, surface: &Surface, request: Request<Body>) -> (&'static str, Response<Body>) {
        if let Some(answer) = surface.cors.preflight(request.method(), request.headers()) {
            return ("preflight", answer);
        }
        let path = request.uri().path();
        if is_below(path, &surface.rest_path) {
            return ("rest", surface.rest(request, Target::Rest).await);
        }
        match path {
            "/health/live" => ("health", plain(StatusCode::OK, "")),
            "/health/ready" => ("health", self.readiness()),
            "/metrics" => ("metrics", plain(StatusCode::OK, self.metrics.render())),
            "/openapi.json" => ("openapi", surface.rest(request, Target::OpenApi31).await),
            _ => ("unknown", surface.refuse(not_found(path, &surface.rest_path), request.method())),
        }
    }

    /// What the port for operators answers.
    fn operators(&self, path: &str) -> (&'static str, Response<Body>) {
        match path {
            "/live" | "/health/live" => ("health", plain(StatusCode::OK, "")),
            "/ready" | "/health/ready" => ("health", self.readiness()),
            "/metrics" => ("metrics", plain(StatusCode::OK, self.metrics.render())),
            _ => ("unknown", plain(StatusCode::NOT_FOUND, "")),
        }
    }

    fn readiness(&self) -> Response<Body> {
        let ready = self.ready.load(Ordering::Acquire) && self.database.is_loaded();
        plain(if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, "")
    }
}

impl Surface {
    /// The REST door. A panic in it ends only this request.
    async fn rest(&self, request: Request<Body>, target: Target) -> Response<Body> {
        let timing = Timing::start(self.timed);
        let (parts, body) = request.into_parts();
        let identity = match self.verifier.identify(&parts.headers) {
            Ok(identity) => identity,
            Err(error) => return self.refuse(error, &parts.method),
        };
        timing.mark(Stage::Jwt);
        let body = match Limited::new(body, self.limits.body.as_u64() as usize).collect().await {
            Ok(collected) => collected.to_bytes(),
            Err(error) => return self.refuse(unreadable(&*error, &self.limits), &parts.method),
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
        };
        let answering = async {
            match target {
                Target::Rest => self.door.handle(incoming).await,
                Target::OpenApi31 => self.door.openapi31(incoming, &format!("{}{}", self.public_url, self.rest_path)),
            }
        };
        match AssertUnwindSafe(answering).catch_unwind().await {
            Ok(response) => response.map(Body::from),
            Err(_) => {
                tracing::error!(path, "a request panicked");
                metrics::counter!("basalt_panics_total").increment(1);
                self.refuse(RestError::new(500, "PGRSTX00", "Internal error"), &parts.method)
            }
        }
    }

    fn refuse(&self, error: RestError, method: &Method) -> Response<Body> {
        self.door.refuse(error, method).map(Body::from)
    }
}

/// Whether a path is the mount point or below it.
fn is_below(path: &str, mount: &str) -> bool {
    path.strip_prefix(mount).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[derive(Clone, Copy)]
enum Target {
    Rest,
    OpenApi31,
}

/// The caller's own id if it is a plain one, else a new one (UUID version 7: ids sort by time).
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get("x-request-id").and_then(|value| value.to_str().ok());
    let plain = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    given.filter(plain).map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned)
}

fn status_class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
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

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::from(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
