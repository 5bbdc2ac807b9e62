//! The HTTP endpoints: broadcasts of those who hold no connection, and a ping.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::channel::{Key, PREFIX};
use crate::limits::Rate;
use crate::protocol::{Broadcast, MAX_LENGTH};
use crate::query;
use crate::rights::Rights;
use crate::service::{Realtime, Settings};
use crate::session::Session;

/// A request to an endpoint, read whole.
pub struct Incoming<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its path below the mount point, percent-encoded as it came.
    pub path: &'a str,
    /// Its query string.
    pub query: &'a str,
    /// Its token, if it has one.
    pub token: Option<&'a str>,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Most messages of one request.
const MOST_MESSAGES: usize = 1000;

/// A refusal: status and body.
type Refusal = (StatusCode, Value);

impl Realtime {
    /// Answers a request.
    pub async fn handle(&self, incoming: Incoming<'_>) -> Response<Bytes> {
        let segments: Vec<&str> = incoming.path.trim_matches('/').split('/').collect();
        let result = match (incoming.method, &segments[..]) {
            (&Method::GET, ["api", "ping"]) => return answer(StatusCode::OK, &json!({"message": "Success"})),
            (&Method::POST, ["api", "broadcast"]) => self.batch(&incoming).await,
            (&Method::POST, ["api", "broadcast", topic, "events", event]) => self.one(&incoming, topic, event).await,
            (_, ["api", "ping"]) => return not_allowed("GET"),
            (_, ["api", "broadcast"] | ["api", "broadcast", _, "events", _]) => return not_allowed("POST"),
            _ => Err((StatusCode::NOT_FOUND, json!({"message": "Not Found"}))),
        };
        match result {
            Ok(()) => {
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = StatusCode::ACCEPTED;
                response
            }
            Err((status, body)) => answer(status, &body),
        }
    }

    /// `{"messages": [...]}`: all of them or, if one is wrong, none.
    async fn batch(&self, incoming: &Incoming<'_>) -> Result<(), Refusal> {
        #[derive(Deserialize)]
        struct Body<'a> {
            #[serde(borrow)]
            messages: Vec<Said<'a>>,
        }
        #[derive(Deserialize)]
        struct Said<'a> {
            #[serde(default)]
            topic: Option<String>,
            #[serde(default)]
            event: Option<String>,
            #[serde(borrow, default)]
            payload: Option<&'a RawValue>,
            #[serde(default)]
            private: Option<bool>,
        }
        let settings = self.shared.settings();
        let session = self.caller(&settings, incoming)?;
        let declared = media(incoming.headers);
        if declared.is_some_and(|media| media != "application/json" && !media.ends_with("+json")) {
            let message = "Unsupported Media Type: send application/json";
            return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, json!({"message": message})));
        }
        let body: Body = serde_json::from_slice(&incoming.body)
            .map_err(|error| unprocessable(json!({"messages": [format!("is invalid: {error}")]})))?;
        if body.messages.is_empty() {
            return Err(unprocessable(json!({"messages": ["can't be blank"]})));
        }
        if body.messages.len() > MOST_MESSAGES {
            return Err(unprocessable(json!({"messages": [format!("should have at most {MOST_MESSAGES} item(s)")]})));
        }
        let mut faults = Vec::new();
        let mut good = Vec::new();
        for said in body.messages {
            let mut fault = Map::new();
            let blank = || json!(["can't be blank"]);
            let (topic, event) = (said.topic.unwrap_or_default(), said.event.unwrap_or_default());
            [("topic", topic.is_empty()), ("event", event.is_empty()), ("payload", said.payload.is_none())]
                .into_iter()
                .filter(|(_, missing)| *missing)
                .for_each(|(field, _)| drop(fault.insert(field.into(), blank())));
            let payload = said.payload.map_or("{}", RawValue::get);
            if settings.limits.is_too_large(payload.len()) {
                fault.insert("payload".into(), json!(["Payload size exceeds tenant limit"]));
            }
            faults.push(Value::Object(fault));
            let key = Key { topic: format!("{PREFIX}{topic}").into(), private: said.private.unwrap_or(false) };
            good.push((key, Broadcast::of_json(event, payload.to_owned(), None)));
        }
        if faults.iter().any(|fault| *fault != json!({})) {
            return Err(unprocessable(json!({"messages": faults})));
        }
        self.send(&settings, &session, good).await
    }

    /// The body is the payload.
    async fn one(&self, incoming: &Incoming<'_>, topic: &str, event: &str) -> Result<(), Refusal> {
        let settings = self.shared.settings();
        let session = self.caller(&settings, incoming)?;
        let (topic, event) = (percent_decode_str(topic), percent_decode_str(event));
        let topic = topic.decode_utf8().map_err(|_| unprocessable(json!({"topic": ["is invalid"]})))?;
        let event = event.decode_utf8().map_err(|_| unprocessable(json!({"event": ["is invalid"]})))?;
        if topic.is_empty() {
            return Err(unprocessable(json!({"topic": ["can't be blank"]})));
        }
        if event.is_empty() {
            return Err(unprocessable(json!({"event": ["can't be blank"]})));
        }
        if settings.limits.is_too_large(incoming.body.len()) {
            return Err(unprocessable(json!({"payload": ["Payload size exceeds tenant limit"]})));
        }
        let media = media(incoming.headers).unwrap_or_default();
        let body = incoming.body.clone();
        let broadcast = if media == "application/json" {
            serde_json::from_slice::<&RawValue>(&body)
                .map_err(|error| unprocessable(json!({"payload": [format!("is invalid: {error}")]})))?;
            Broadcast::of_json(event.into_owned(), body, None)
        } else if media == "application/octet-stream" {
            // A binary frame says these lengths in one byte.
            if topic.len() + PREFIX.len() > MAX_LENGTH || event.len() > MAX_LENGTH {
                return Err(unprocessable(json!({"topic": ["is too long, or the event is, for a binary payload"]})));
            }
            Broadcast { event: event.into_owned(), json: false, body, meta: None }
        } else {
            let message = "Unsupported Media Type: send application/json or application/octet-stream";
            return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, json!({"message": message})));
        };
        let private =
            query::parameter(incoming.query, "private").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let key = Key { topic: format!("{PREFIX}{topic}").into(), private };
        self.send(&settings, &session, vec![(key, broadcast)]).await
    }

    fn caller(&self, settings: &Settings, incoming: &Incoming<'_>) -> Result<Session, Refusal> {
        let session = self.shared.verify(settings, incoming.token);
        session.map_err(|_| (StatusCode::UNAUTHORIZED, json!({"message": "Unauthorized"})))
    }

    /// Sends what the caller may send; the rest is dropped, and nobody learns which.
    async fn send(&self, settings: &Settings, session: &Session, said: Vec<(Key, Broadcast)>) -> Result<(), Refusal> {
        if !self.shared.take_event(Rate::per_second(settings.limits.api_events.into()), said.len() as u64) {
            let message = "You have exceeded your rate limit";
            return Err((StatusCode::TOO_MANY_REQUESTS, json!({"message": message})));
        }
        let mut rights: Vec<(Key, bool)> = Vec::new();
        for (key, broadcast) in said {
            let known = rights.iter().find(|(one, _)| *one == key).map(|(_, may)| *may);
            let may = match known {
                Some(may) => may,
                None if key.private => {
                    let asked = Rights::to_write(&self.shared.database, &session.identity, key.name()).await;
                    let may = asked.map_err(|error| {
                        tracing::warn!(%error, "the right to send to a private channel could not be asked for");
                        (StatusCode::SERVICE_UNAVAILABLE, json!({"message": "The database can't be asked now"}))
                    })?;
                    rights.push((key.clone(), may.broadcast));
                    may.broadcast
                }
                None => !settings.limits.private_only,
            };
            if may {
                self.shared.hub.broadcast(&key, &broadcast);
                self.shared.hub.nodes().broadcast(&key, &broadcast);
            }
        }
        Ok(())
    }
}

/// The media type that the body is declared as, in lower case and without parameters.
fn media(headers: &HeaderMap) -> Option<String> {
    let value = String::from_utf8_lossy(headers.get(header::CONTENT_TYPE)?.as_bytes()).into_owned();
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn unprocessable(errors: Value) -> Refusal {
    (StatusCode::UNPROCESSABLE_ENTITY, json!({"errors": errors}))
}

/// The answer to a method that is not the one that the path takes.
fn not_allowed(allowed: &'static str) -> Response<Bytes> {
    let mut response = answer(StatusCode::METHOD_NOT_ALLOWED, &json!({"message": "Method Not Allowed"}));
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

fn answer(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(body.to_string().into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    response
}
