//! `POST /batch/v1`: several REST requests in one transaction, all or nothing; later ones may use earlier answers.
//!
//! ```json
//! [{"method": "POST", "path": "/orders", "headers": {"Prefer": "return=representation"}, "body": {"customer": 1}},
//!  {"method": "POST", "path": "/lines", "body": {"order_id": {"$ref": "0.body[0].id"}, "product": 7}}]
//! ```
//!
//! The answer lists `{"status", "headers", "body"}` in the same order. The first request that fails undoes everything, and its
//! error is the answer, with its place in the list as `request`.

mod isolation;
mod json;
mod reference;

use basalt_db::TransactionEnd;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, header};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use self::reference::Answers;
use crate::door::{Door, Incoming};
use crate::error::{RestError, RestResult};
use crate::parse::media::{Media, content_type};
use crate::parse::prefer::Preferences;
use crate::timing::{Stage, Timing};

/// Headers that each request says for itself: what it sends and how it is answered. All others are the batch's own, as whoever stands
/// before the server (a proxy that names the client's address, or its certificate) let them through.
static OWN: [HeaderName; 7] = [
    header::ACCEPT,
    header::CONTENT_TYPE,
    header::RANGE,
    HeaderName::from_static("range-unit"),
    HeaderName::from_static("prefer"),
    HeaderName::from_static("accept-profile"),
    HeaderName::from_static("content-profile"),
];

/// One request of a batch.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    method: String,
    /// The path with its query string, with or without the mount point.
    path: String,
    #[serde(default)]
    headers: Map<String, Value>,
    body: Option<Box<RawValue>>,
}

/// A request as the door takes it.
struct Prepared {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// A response as a member of the list.
#[derive(Serialize)]
struct Answer {
    status: u16,
    headers: IndexMap<String, String>,
    body: Box<RawValue>,
}

impl Door {
    /// Answers a batch. `incoming` is the batch's own request; `mount` precedes paths of the REST API, and may be left out.
    ///
    /// Errors: BST010 for a body that is no list of requests; BST011 for a longer list than allowed; BST012 for a reference to nothing; BST014 for
    /// a request that answered a status of failure by itself; 54000 for answers that are too large in sum.
    pub async fn batch(&self, incoming: Incoming<'_>, mount: &str) -> Response<Bytes> {
        let method = incoming.method.clone();
        let version = self.database.catalog_version();
        let mut done = self.run_batch(&incoming, mount).await;
        // A request of it was planned over tables that are others by now. Nothing of the batch was kept.
        if let Err(Failure::Request(_, response)) = &done
            && self.database.is_outdated(version, code(response)).await
        {
            done = self.run_batch(&incoming, mount).await;
        }
        match done {
            Ok(answers) => respond(&answers),
            Err(Failure::Whole(error)) => self.refuse(error, &method),
            Err(Failure::Request(index, response)) => numbered(index, response),
        }
    }

    async fn run_batch(&self, incoming: &Incoming<'_>, mount: &str) -> Result<Vec<Answer>, Failure> {
        if incoming.method != Method::POST {
            return Err(RestError::new(405, "PGRST117", format!("Unsupported HTTP method: {}", incoming.method)).into());
        }
        let items = self.items(incoming)?;
        let opened = self.database.begin(self.isolation(incoming, &items, mount)).await;
        let transaction = Mutex::new(opened.map_err(|error| RestError::database(&error, incoming.anonymous))?);
        let timing = Timing::start(false);
        let mut earlier = Answers::new(self.options.body);
        let mut room = self.options.response;
        for (index, item) in items.into_iter().enumerate() {
            let refused = |error| Failure::Request(index, self.refuse(error, &Method::POST));
            let prepared = prepare(item, &mut earlier, mount, incoming.headers).map_err(refused)?;
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
            if response.status().as_u16() >= 400 {
                return Err(self.failed(index, response));
            }
            room = room.checked_sub(response.body().len()).ok_or_else(|| refused(self.too_large()))?;
            earlier.push(answer(&response).map_err(refused)?);
        }
        let transaction = transaction.into_inner();
        let ended = match self.end(&Preferences::read(incoming.headers)) {
            TransactionEnd::Commit => transaction.commit().await,
            TransactionEnd::Rollback => transaction.rollback().await,
        };
        ended.map_err(|error| RestError::database(&error, incoming.anonymous))?;
        incoming.timing.mark(Stage::Transaction);
        Ok(earlier.into_all())
    }

    /// The requests that a batch lists.
    fn items(&self, incoming: &Incoming<'_>) -> RestResult<Vec<Item>> {
        let hint = "Send [{\"method\": \"POST\", \"path\": \"/table\", \"headers\": {}, \"body\": {}}, ...] as application/json.";
        let media = content_type(incoming.headers);
        if media != Media::Json {
            return Err(RestError::new(415, "BST010", format!("A batch is JSON, not {}", media.name())).hint(hint));
        }
        let items: Vec<Item> = serde_json::from_slice(&incoming.body).map_err(|error| {
            RestError::new(400, "BST010", "The body is no list of requests").details(error.to_string()).hint(hint)
        })?;
        if items.len() > self.options.batch {
            let message = format!("The batch has {} requests, {} are allowed", items.len(), self.options.batch);
            return Err(RestError::new(413, "BST011", message)
                .hint("Send less at once, or raise `limits.batch` in basalt.toml."));
        }
        Ok(items)
    }

    fn too_large(&self) -> RestError {
        let message = format!("the answers of the batch are larger than {} bytes", self.options.response);
        RestError::new(400, "54000", message).hint("Ask for fewer rows or columns, or for less at once.")
    }

    /// Why a request's answer undoes the batch: its error, or that it has the status of one.
    fn failed(&self, index: usize, response: Response<Bytes>) -> Failure {
        let told = response.headers().get("proxy-status");
        if told.is_some() && !response.body().is_empty() {
            return Failure::Request(index, response);
        }
        let status = response.status().as_u16();
        let details: Value = match told.and_then(|value| value.to_str().ok()) {
            // HEAD has no body.
            Some(told) => told.into(),
            None => serde_json::from_slice(response.body())
                .unwrap_or_else(|_| String::from_utf8_lossy(response.body()).into_owned().into()),
        };
        let error = RestError::new(status, "BST014", format!("A request of the batch was answered with {status}"))
            .details(details)
            .hint("Every request of a batch must succeed; nothing was kept.");
        Failure::Request(index, self.refuse(error, &Method::POST))
    }
}

/// Why a batch was undone.
enum Failure {
    /// Of no single request.
    Whole(RestError),
    /// A request's place in the list, from 0, and its error.
    Request(usize, Response<Bytes>),
}

impl From<RestError> for Failure {
    fn from(error: RestError) -> Self {
        Failure::Whole(error)
    }
}

/// The code of an error's answer.
fn code(response: &Response<Bytes>) -> &str {
    let told = response.headers().get("proxy-status").and_then(|value| value.to_str().ok());
    told.and_then(|told| told.split_once("error=")).map_or("", |(_, code)| code)
}

/// An error with the request's place in the list.
fn numbered(index: usize, mut response: Response<Bytes>) -> Response<Bytes> {
    if let Ok(mut members) = serde_json::from_slice::<Map<String, Value>>(response.body()) {
        members.insert("request".into(), index.into());
        *response.body_mut() = Value::Object(members).to_string().into();
    }
    response
}

/// A path without the mount point.
fn within<'p>(path: &'p str, mount: &str) -> &'p str {
    path.strip_prefix(mount).filter(|rest| rest.is_empty() || rest.starts_with(['/', '?'])).unwrap_or(path)
}

fn prepare(item: Item, earlier: &mut Answers, mount: &str, given: &HeaderMap) -> RestResult<Prepared> {
    let invalid = |what: String| RestError::new(400, "BST010", what);
    let method =
        Method::from_bytes(item.method.as_bytes()).map_err(|_| invalid(format!("\"{}\" is no method", item.method)))?;
    let path = earlier.in_path(&item.path)?;
    let path = within(&path, mount).to_owned();
    let mut headers = given.clone();
    OWN.iter().chain(&[header::CONTENT_LENGTH]).for_each(|name| _ = headers.remove(name));
    for (name, value) in &item.headers {
        let Some(own) = OWN.iter().find(|own| name.eq_ignore_ascii_case(own.as_str())) else {
            return Err(invalid(format!("a request of a batch has no header \"{name}\" of its own"))
                .hint("Send it with the batch."));
        };
        let no_text = || invalid(format!("header \"{name}\" has no text for a value"));
        let value = earlier.in_header(value.as_str().ok_or_else(no_text)?)?;
        headers.append(own, HeaderValue::from_str(&value).map_err(|_| no_text())?);
    }
    if Preferences::read(&headers).commit.is_some() {
        return Err(invalid("how the transaction ends is not one request's to say".to_owned())
            .hint("Send `Prefer: tx=...` with the batch."));
    }
    let is_text = content_type(&headers) != Media::Json;
    let body = match item.body {
        None => Bytes::new(),
        Some(body) if is_text && body.get().starts_with('"') => {
            serde_json::from_str::<String>(body.get()).map_err(|error| invalid(error.to_string()))?.into()
        }
        Some(body) => earlier.in_body(&body)?.into(),
    };
    Ok(Prepared { method, path, headers, body })
}

/// A response as a member of the list.
fn answer(response: &Response<Bytes>) -> RestResult<Answer> {
    let mut headers = IndexMap::new();
    for (name, value) in response.headers() {
        headers.insert(name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    let in_bytes =
        || RestError::new(400, "BST010", "An answer in bytes can't be a part of a batch").hint("Ask for it by itself.");
    let text = std::str::from_utf8(response.body()).map_err(|_| in_bytes())?;
    let is_json = headers.get("content-type").is_some_and(|ty| ty.contains("json"));
    let json = is_json.then(|| RawValue::from_string(text.to_owned()).ok()).flatten();
    let body = match json {
        Some(json) => json,
        None if text.is_empty() => RawValue::NULL.to_owned(),
        None => to_raw_value(text).map_err(|_| in_bytes())?,
    };
    Ok(Answer { status: response.status().as_u16(), headers, body })
}

fn respond(answers: &[Answer]) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(serde_json::to_vec(answers).unwrap_or_default()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    response
}
