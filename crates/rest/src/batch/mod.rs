//! `POST /batch/v1`: several REST requests in one transaction, all or nothing; later ones may use earlier answers.
//!
//! ```json
//! [{"method": "POST", "path": "/orders", "headers": {"Prefer": "return=representation"}, "body": {"customer": 1}},
//!  {"method": "POST", "path": "/lines", "body": {"order_id": {"$ref": "0.body[0].id"}, "product": 7}}]
//! ```
//!
//! The answer lists `{"status", "headers", "body"}` in the same order. The first request that fails undoes everything, and its
//! error is the answer, with its place in the list as `request`.

mod reference;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;

use crate::door::{Door, Incoming};
use crate::error::{RestError, RestResult};
use crate::parse::prefer::Preferences;
use crate::timing::{Stage, Timing};
use basalt_db::TransactionEnd;

/// Headers of a request that are the batch's to say: who asks, and how much is sent.
const NOT_OWN: [&str; 4] = ["authorization", "apikey", "content-length", "host"];

/// One request of a batch.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    method: String,
    /// The path with its query string, with or without the mount point.
    path: String,
    #[serde(default)]
    headers: Map<String, Value>,
    body: Option<Value>,
}

/// A request as the door takes it.
struct Prepared {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Door {
    /// Answers a batch. `incoming` is the batch's own request; `mount` precedes paths of the REST API, and may be left out.
    ///
    /// Errors: BST010 for a body that is no list of requests; BST011 for a longer list than allowed; BST012 for a reference to nothing.
    pub async fn batch(&self, incoming: Incoming<'_>, mount: &str) -> Response<Bytes> {
        let method = incoming.method.clone();
        match self.run_batch(incoming, mount).await {
            Ok(answers) => respond(200, &Value::Array(answers)),
            Err(Failure::Whole(error)) => self.refuse(error, &method),
            Err(Failure::Request(status, body)) => respond(status, &body),
        }
    }

    async fn run_batch(&self, incoming: Incoming<'_>, mount: &str) -> Result<Vec<Value>, Failure> {
        if incoming.method != Method::POST {
            return Err(RestError::new(405, "PGRST117", format!("Unsupported HTTP method: {}", incoming.method)).into());
        }
        let items: Vec<Item> = serde_json::from_slice(&incoming.body).map_err(|error| {
            RestError::new(400, "BST010", "The body is no list of requests")
                .details(error.to_string())
                .hint("Send [{\"method\": \"POST\", \"path\": \"/table\", \"headers\": {}, \"body\": {}}, ...].")
        })?;
        if items.len() > self.options.batch {
            let message = format!("The batch has {} requests, {} are allowed", items.len(), self.options.batch);
            return Err(RestError::new(413, "BST011", message)
                .hint("Send less at once, or raise `limits.batch` in basalt.toml.")
                .into());
        }
        let opened = self.database.begin().await;
        let transaction = Mutex::new(opened.map_err(|error| RestError::database(&error, incoming.anonymous))?);
        let timing = Timing::start(false);
        let mut answers: Vec<Value> = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let prepared = prepare(item, &answers, mount).map_err(|error| at(index, error))?;
            let (path, query) = prepared.path.split_once('?').unwrap_or((&prepared.path, ""));
            let response = self
                .handle(Incoming {
                    method: &prepared.method,
                    path,
                    query,
                    headers: &prepared.headers,
                    body: prepared.body,
                    identity: incoming.identity.clone(),
                    anonymous: incoming.anonymous,
                    timing: &timing,
                    within: Some(&transaction),
                })
                .await;
            let status = response.status().as_u16();
            let answer = answer(&response).map_err(|error| at(index, error))?;
            if status >= 400 {
                return Err(Failure::Request(status, numbered(index, answer["body"].clone())));
            }
            answers.push(answer);
        }
        let transaction = transaction.into_inner();
        let ended = match self.end(&Preferences::read(incoming.headers)) {
            TransactionEnd::Commit => transaction.commit().await,
            TransactionEnd::Rollback => transaction.rollback().await,
        };
        ended.map_err(|error| RestError::database(&error, incoming.anonymous))?;
        incoming.timing.mark(Stage::Transaction);
        Ok(answers)
    }
}

/// Why a batch was undone.
enum Failure {
    /// Of no single request.
    Whole(RestError),
    /// A request's status and body.
    Request(u16, Value),
}

impl From<RestError> for Failure {
    fn from(error: RestError) -> Self {
        Failure::Whole(error)
    }
}

fn at(index: usize, error: RestError) -> Failure {
    let body = serde_json::to_value(&error.body).unwrap_or_default();
    Failure::Request(error.status, numbered(index, body))
}

/// An error's body with the request's place in the list, from 0.
fn numbered(index: usize, mut body: Value) -> Value {
    if let Value::Object(members) = &mut body {
        members.insert("request".into(), index.into());
    }
    body
}

fn prepare(item: Item, answers: &[Value], mount: &str) -> RestResult<Prepared> {
    let invalid = |what: String| RestError::new(400, "BST010", what);
    let method =
        Method::from_bytes(item.method.as_bytes()).map_err(|_| invalid(format!("\"{}\" is no method", item.method)))?;
    let path = reference::in_path(&item.path, answers)?;
    let path = match path.strip_prefix(mount) {
        Some(rest) if rest.is_empty() || rest.starts_with(['/', '?']) => rest.to_owned(),
        _ => path,
    };
    let mut headers = HeaderMap::new();
    for (name, value) in &item.headers {
        let lower = name.to_ascii_lowercase();
        if NOT_OWN.contains(&lower.as_str()) {
            return Err(invalid(format!("a request of a batch has no header \"{name}\" of its own"))
                .hint("Send it with the batch."));
        }
        let value = value.as_str().and_then(|value| HeaderValue::from_str(value).ok());
        match (HeaderName::from_bytes(lower.as_bytes()), value) {
            (Ok(name), Some(value)) => drop(headers.append(name, value)),
            _ => return Err(invalid(format!("header \"{name}\" has no text for a value"))),
        }
    }
    let is_text = headers.get(header::CONTENT_TYPE).is_some_and(|ty| !ty.as_bytes().starts_with(b"application/json"));
    let body = match item.body {
        None => Bytes::new(),
        Some(Value::String(text)) if is_text => text.into(),
        Some(body) => reference::in_body(body, answers)?.to_string().into(),
    };
    Ok(Prepared { method, path, headers, body })
}

/// A response as a member of the list.
fn answer(response: &Response<Bytes>) -> RestResult<Value> {
    let mut headers = Map::new();
    for (name, value) in response.headers() {
        headers.insert(name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into());
    }
    let text = std::str::from_utf8(response.body()).map_err(|_| {
        RestError::new(400, "BST010", "An answer in bytes can't be a part of a batch").hint("Ask for it by itself.")
    })?;
    let is_json = headers.get("content-type").and_then(Value::as_str).is_some_and(|ty| ty.contains("json"));
    let body = match (text, is_json) {
        ("", _) => Value::Null,
        (text, true) => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        (text, false) => text.into(),
    };
    Ok(json!({"status": response.status().as_u16(), "headers": headers, "body": body}))
}

fn respond(status: u16, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    response
}
