//! `/admin/v1/webhooks`: what operators see and do, with the service key.
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /admin/v1/webhooks` | the hooks, how far each has read, and how many messages wait or are dead |
//! | `GET .../{hook}/deliveries?status=dead&after=0&limit=100` | messages that were not taken, oldest first |
//! | `POST .../{hook}/replay` | all dead messages of the hook are tried again |
//! | `POST .../{hook}/deliveries/{id}/replay` | this one is |
//! | `DELETE .../{hook}/deliveries/{id}` | this one is forgotten |

use std::sync::Arc;

use basalt_core::{Error, Identity};
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::settings::Hook;
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
}

/// A refusal: status, code, message.
struct Refusal(StatusCode, &'static str, String);

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

impl Webhooks {
    /// Answers an operator.
    pub async fn handle(&self, request: Request<'_>) -> Response<Bytes> {
        match self.answer(&request).await {
            Ok(body) => json_response(StatusCode::OK, &body),
            Err(Refusal(status, code, message)) => json_response(status, &json!({"code": code, "message": message})),
        }
    }

    async fn answer(&self, request: &Request<'_>) -> Result<Value, Refusal> {
        if &*request.identity.role != "service_role" {
            let message = "Webhooks are for the service key alone".to_owned();
            return Err(Refusal(StatusCode::FORBIDDEN, "webhook_not_allowed", message));
        }
        let path = request.path.strip_prefix(MOUNT).unwrap_or_default().trim_matches('/');
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let get = request.method == Method::GET;
        let post = request.method == Method::POST;
        match parts[..] {
            [] if get => self.all().await,
            [hook, "deliveries"] if get => self.deliveries(&*self.named(hook)?, request.query).await,
            [hook, "replay"] if post => {
                let count = store::replay(&self.database, &self.named(hook)?.name, None).await?;
                Ok(json!({"replayed": count}))
            }
            [hook, "deliveries", id, "replay"] if post => {
                match store::replay(&self.database, &self.named(hook)?.name, Some(id)).await? {
                    0 => Err(absent(format!("There is no dead message {id}"))),
                    count => Ok(json!({"replayed": count})),
                }
            }
            [hook, "deliveries", id] if request.method == Method::DELETE => {
                match store::forget(&self.database, &self.named(hook)?.name, id).await? {
                    true => Ok(json!({"deleted": 1})),
                    false => Err(absent(format!("There is no message {id}"))),
                }
            }
            [] | [_, "deliveries" | "replay"] | [_, "deliveries", _] | [_, "deliveries", _, "replay"] => {
                let message = format!("{} is not for this path", request.method);
                Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, "webhook_method_not_allowed", message))
            }
            _ => Err(absent(format!("There is nothing at {}", request.path))),
        }
    }

    fn named(&self, name: &str) -> Result<Arc<Hook>, Refusal> {
        self.hook(name).ok_or_else(|| absent(format!("There is no webhook {name} in basalt.toml")))
    }

    async fn all(&self) -> Result<Value, Refusal> {
        let cursors = self.database.changes().cursors().await?;
        let mut all = Vec::new();
        let hooks = self.hooks.borrow().clone();
        for hook in &hooks.all {
            let cursor = reader::cursor(hook);
            let position = cursors.iter().find(|(name, _)| *name == cursor).map(|(_, position)| *position);
            let counted = store::count(&self.database, &hook.name).await?;
            let of = |status: &str| counted.iter().find(|(name, _)| name == status).map_or(0, |(_, n)| *n);
            all.push(json!({
                "name": hook.name,
                "table": hook.table.to_string(),
                "events": hook.operations.iter().map(|operation| operation.name()).collect::<Vec<_>>(),
                "url": hook.url.to_string(),
                "position": position,
                "pending": of("pending"),
                "dead": of("dead"),
            }));
        }
        Ok(Value::Array(all))
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

fn absent(message: String) -> Refusal {
    Refusal(StatusCode::NOT_FOUND, "webhook_not_found", message)
}

fn json_response(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
