//! `/admin/v1/webhooks`: what operators see and do, with the service key.
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /admin/v1/webhooks` | the hooks, how far each has read, and how many messages wait or are dead |
//! | `POST /admin/v1/webhooks` | a new hook ([`crate::defining`]) |
//! | `GET`, `PATCH`, `DELETE .../{hook}` | one hook; changed; removed |
//! | `GET .../{hook}/deliveries?status=dead&after=0&limit=100` | messages that were not taken, oldest first |
//! | `POST .../{hook}/replay` | all dead messages of the hook are tried again |
//! | `POST .../{hook}/deliveries/{id}/replay` | this one is |
//! | `DELETE .../{hook}/deliveries/{id}` | this one is forgotten |

use std::sync::Arc;

use basalt_core::{Error, Identity};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::settings::{Hook, Origin};
use crate::{Webhooks, reader, store};

/// Where it is mounted.
pub const MOUNT: &str = "/admin/v1/webhooks";

/// Messages of one answer.
const MOST: usize = 1000;

/// A request below [`MOUNT`].
pub struct Request<'r> {
    /// The method.
    pub method: &'r Method,
    /// The path.
    pub path: &'r str,
    /// The query string.
    pub query: &'r str,
    /// Who asks.
    pub identity: &'r Identity,
    /// What the body is declared as: `Content-Type`.
    pub declared: Option<&'r str>,
    /// The body.
    pub body: Bytes,
}

impl Request<'_> {
    /// A body is read as JSON, and as nothing that is declared as something else: `curl -d` alone says a form.
    fn judge_declaration(&self) -> Result<(), Refusal> {
        let media = self.declared.map(|declared| declared.split(';').next().unwrap_or_default().trim());
        if self.body.is_empty() || media.is_none_or(|media| media.eq_ignore_ascii_case("application/json")) {
            return Ok(());
        }
        let message = "A webhook's definition is application/json: say so in Content-Type".to_owned();
        Err(Refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "webhook_body_unreadable", message))
    }
}

/// A refusal: status, code, message.
pub(crate) struct Refusal(pub StatusCode, pub &'static str, pub String);

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        tracing::error!(%error, "the webhooks' messages can't be reached");
        Refusal(
            StatusCode::SERVICE_UNAVAILABLE,
            "webhook_database_unavailable",
            "The database can't be asked now".into(),
        )
    }
}

/// What a request is answered whose body could not be read.
pub fn unreadable(status: StatusCode, message: &str) -> Response<Bytes> {
    refused(&Refusal(status, "webhook_body_unreadable", message.to_owned()))
}

/// What a request is answered that a fault ended.
pub fn broken() -> Response<Bytes> {
    refused(&Refusal(StatusCode::INTERNAL_SERVER_ERROR, "webhook_failed", "Internal error".into()))
}

fn refused(Refusal(status, code, message): &Refusal) -> Response<Bytes> {
    json_response(*status, &json!({"code": code, "message": message}))
}

impl Webhooks {
    /// Answers an operator.
    pub async fn handle(&self, request: Request<'_>) -> Response<Bytes> {
        let path = request.path.strip_prefix(MOUNT).unwrap_or_default();
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let mut response = match self.answer(&request, &segments).await {
            Ok((status, body)) => json_response(status, &body),
            Err(refusal) => refused(&refusal),
        };
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            let methods = HeaderValue::from_static(methods(&segments).unwrap_or_default());
            response.headers_mut().insert(header::ALLOW, methods);
        }
        response
    }

    async fn answer(&self, request: &Request<'_>, segments: &[&str]) -> Result<(StatusCode, Value), Refusal> {
        if &*request.identity.role != "service_role" {
            let message = "Webhooks are for the service key alone".to_owned();
            return Err(Refusal(StatusCode::FORBIDDEN, "webhook_not_allowed", message));
        }
        // What another server was told a moment ago is known here, too.
        self.refresh().await?;
        let body = &request.body;
        request.judge_declaration()?;
        let done = match (request.method.as_str(), segments) {
            ("GET", []) => self.all().await?,
            ("POST", []) => {
                let name = self.create(body).await?;
                return Ok((StatusCode::CREATED, self.one(self.named(&name)?).await?));
            }
            ("GET", [hook]) => self.one(self.named(hook)?).await?,
            ("PATCH", [hook]) => {
                self.change(hook, body).await?;
                self.one(self.named(hook)?).await?
            }
            ("DELETE", [hook]) => {
                self.remove(hook).await?;
                json!({"deleted": 1})
            }
            ("GET", [hook, "deliveries"]) => self.deliveries(&*self.named(hook)?, request.query).await?,
            ("POST", [hook, "replay"]) => {
                json!({"replayed": store::replay(&self.database, &self.named(hook)?.name, None).await?})
            }
            ("POST", [hook, "deliveries", id, "replay"]) => {
                match store::replay(&self.database, &self.named(hook)?.name, Some(id)).await? {
                    0 => return Err(absent(format!("There is no dead message {id}"))),
                    count => json!({"replayed": count}),
                }
            }
            ("DELETE", [hook, "deliveries", id]) => {
                match store::forget(&self.database, &self.named(hook)?.name, id).await? {
                    true => json!({"deleted": 1}),
                    false => return Err(absent(format!("There is no message {id}"))),
                }
            }
            (method, _) if methods(segments).is_some() => {
                let message = format!("{method} is not for this path");
                return Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, "webhook_method_not_allowed", message));
            }
            _ => return Err(absent(format!("There is nothing at {}", request.path))),
        };
        Ok((StatusCode::OK, done))
    }

    fn named(&self, name: &str) -> Result<Arc<Hook>, Refusal> {
        self.hook(name).ok_or_else(|| absent(format!("There is no webhook {name}")))
    }

    async fn all(&self) -> Result<Value, Refusal> {
        let hooks = self.hooks.borrow().clone();
        self.shown(&hooks.all).await.map(Value::Array)
    }

    async fn one(&self, hook: Arc<Hook>) -> Result<Value, Refusal> {
        let shown = self.shown(std::slice::from_ref(&hook)).await?;
        Ok(shown.into_iter().next().unwrap_or_default())
    }

    /// Hooks as they are told: without their secrets, among which the values of their headers may be.
    async fn shown(&self, hooks: &[Arc<Hook>]) -> Result<Vec<Value>, Refusal> {
        let cursors = self.database.changes().cursors().await?;
        let mut shown = Vec::new();
        for hook in hooks {
            let cursor = reader::cursor(hook);
            let position = cursors.iter().find(|(name, _)| *name == cursor).map(|(_, position)| *position);
            let counted = store::count(&self.database, &hook.name).await?;
            let of = |status: &str| counted.iter().find(|(name, _)| name == status).map_or(0, |(_, n)| *n);
            shown.push(json!({
                "name": hook.name,
                "table": hook.table.to_string(),
                "events": hook.operations.iter().map(|operation| operation.name()).collect::<Vec<_>>(),
                "url": hook.url.to_string(),
                "headers": hook.headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(),
                "signed": hook.secrets.is_some(),
                "timeout": humantime::format_duration(hook.timeout).to_string(),
                "attempts": hook.attempts,
                "source": match hook.origin {
                    Origin::File => "basalt.toml",
                    Origin::Api => "api",
                },
                "position": position,
                "pending": of("pending"),
                "dead": of("dead"),
            }));
        }
        Ok(shown)
    }

    async fn deliveries(&self, hook: &Hook, query: &str) -> Result<Value, Refusal> {
        let (mut status, mut after, mut limit) = (None, 0, 100);
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let bad = || {
                let message =
                    format!("{name}={value} is not understood: status is pending or dead, after and limit are numbers");
                Refusal(StatusCode::BAD_REQUEST, "webhook_parameter_invalid", message)
            };
            match name {
                "status" if matches!(value, "pending" | "dead") => status = Some(value),
                "after" => after = value.parse().ok().filter(|n| *n <= i64::MAX as u64).ok_or_else(bad)?,
                "limit" => limit = value.parse::<usize>().map_err(|_| bad())?.min(MOST),
                _ => return Err(bad()),
            }
        }
        let found = store::list(&self.database, &hook.name, status, after, limit).await?;
        Ok(json!(found))
    }
}

/// The methods that a path takes; none where there is nothing.
fn methods(segments: &[&str]) -> Option<&'static str> {
    match segments {
        [] => Some("GET, POST"),
        [_] => Some("GET, PATCH, DELETE"),
        [_, "deliveries"] => Some("GET"),
        [_, "replay"] | [_, "deliveries", _, "replay"] => Some("POST"),
        [_, "deliveries", _] => Some("DELETE"),
        _ => None,
    }
}

pub(crate) fn absent(message: String) -> Refusal {
    Refusal(StatusCode::NOT_FOUND, "webhook_not_found", message)
}

fn json_response(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
