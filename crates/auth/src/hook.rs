//! Hooks: the project's own code, as a SQL function or behind an HTTP address (signed by the Standard Webhooks scheme).

use std::time::Duration;

use basalt_db::Database;
use basalt_outbound::webhook::Secrets;
use basalt_outbound::{Limits, Outbound};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::error::AuthError;
use crate::mail::{Deliver, Undelivered};
use crate::settings::{Hook, Hooks as Settings};
use crate::store::{call_within, params};

/// Longest time that a hook may take, and largest answer.
const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_ANSWER: u64 = 200 << 10;

/// The hooks of a project.
pub(crate) struct Hooks {
    database: Database,
    outbound: Outbound,
    custom_access_token: Option<Way>,
    send_sms: Option<Way>,
    send_email: Option<HttpHook>,
}

enum Way {
    Function(String),
    Http(HttpHook),
}

/// A hook behind an address.
#[derive(Clone)]
struct HttpHook {
    uri: String,
    secrets: Option<Secrets>,
}

/// The hook that sends mails.
pub(crate) struct MailHook {
    outbound: Outbound,
    hook: HttpHook,
}

/// A message to a hook: every attempt to deliver it has the same id.
#[derive(Serialize, Deserialize)]
pub(crate) struct Posted {
    pub id: Uuid,
    body: String,
}

/// A hook that did not do its part.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Request(#[from] http::Error),
    #[error(transparent)]
    Unreached(#[from] basalt_outbound::Error),
    #[error("it answered {0}")]
    Status(StatusCode),
    #[error("it answered no JSON: {0}")]
    Answer(String),
}

impl Hooks {
    /// Reads the configuration.
    ///
    /// Errors: which hook can't be used, and why.
    pub fn new(settings: &Settings, database: &Database, outbound: &Outbound) -> Result<Hooks, String> {
        let limits = Limits { timeout: TIMEOUT, response: MAX_ANSWER, redirects: 0 };
        let send_email = match way("send_email", &settings.send_email)? {
            Some(Way::Function(_)) => return Err("`auth.hook.send_email.uri` must be an HTTP address".into()),
            Some(Way::Http(hook)) => Some(hook),
            None => None,
        };
        Ok(Hooks {
            database: database.clone(),
            outbound: outbound.limited(limits),
            custom_access_token: way("custom_access_token", &settings.custom_access_token)?,
            send_sms: way("send_sms", &settings.send_sms)?,
            send_email,
        })
    }

    /// The claims of an access token as the project wants them. To be called outside of transactions: nobody else's writes wait for a hook.
    ///
    /// Errors: the hook's own refusal, or that it failed.
    pub async fn claims(
        &self,
        user: Uuid,
        method: &str,
        claims: Map<String, Value>,
    ) -> Result<Map<String, Value>, AuthError> {
        let Some(way) = &self.custom_access_token else { return Ok(claims) };
        let event = serde_json::json!({"user_id": user, "claims": claims, "authentication_method": method});
        let answer = match way {
            Way::Function(call) => self.call_function(call, &event).await?,
            Way::Http(hook) => {
                hook.call(&self.outbound, &Posted::new(&event)).await.map_err(|error| unanswered(&error))?
            }
        };
        refusal(&answer)?;
        match answer.get("claims") {
            Some(Value::Object(claims)) if required(claims) => Ok(claims.clone()),
            _ => {
                let message = "output claims do not conform to the expected schema: the hook must answer all of sub, aud, exp, iat, role, \
                    aal, session_id and is_anonymous";
                Err(AuthError::new(500, "unexpected_failure", message))
            }
        }
    }

    /// Calls a function of the database, in a transaction of its own.
    async fn call_function(&self, call: &str, event: &Value) -> Result<Value, AuthError> {
        let called = call_within::<Map<String, Value>>(&self.database, call, params![event], TIMEOUT).await;
        let rows = called.map_err(|error| match error.code() {
            // Of the statement's own limit.
            "57014" => late(),
            _ => error.into(),
        })?;
        Ok(rows.into_iter().next().and_then(|mut row| row.remove("answer")).unwrap_or_default())
    }

    /// Has a text message sent.
    pub async fn send_sms(&self, payload: &Value) -> Result<(), String> {
        match &self.send_sms {
            Some(Way::Http(hook)) => {
                let answer =
                    hook.call(&self.outbound, &Posted::new(payload)).await.map_err(|error| error.to_string())?;
                refusal(&answer).map_err(|error| error.message().to_owned())
            }
            Some(Way::Function(_)) | None => Err("`auth.hook.send_sms.uri` is no HTTP address".into()),
        }
    }

    /// The hook that sends mails, if there is one.
    pub fn mail(&self) -> Option<MailHook> {
        let hook = self.send_email.clone()?;
        Some(MailHook { outbound: self.outbound.clone(), hook })
    }
}

impl Posted {
    pub fn new(payload: &Value) -> Posted {
        Posted { id: Uuid::new_v4(), body: payload.to_string() }
    }
}

impl Deliver for MailHook {
    type Item = Posted;

    async fn deliver(&self, posted: &Posted) -> Result<(), Undelivered> {
        let answer = self.hook.call(&self.outbound, posted).await.map_err(|error| {
            let is_final = match &error {
                Failed::Unreached(error) => !error.is_transient(),
                // Others are of the way to the hook: a secret that changed, a deployment that is under way.
                Failed::Status(status) => matches!(*status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY),
                Failed::Request(_) | Failed::Answer(_) => true,
            };
            Undelivered { why: format!("the hook send_email failed: {error}"), is_final }
        })?;
        refusal(&answer).map_err(|error| Undelivered { why: error.message().to_owned(), is_final: true })
    }
}

impl HttpHook {
    async fn call(&self, outbound: &Outbound, posted: &Posted) -> Result<Value, Failed> {
        let body = &posted.body;
        let mut request =
            Request::builder().method(Method::POST).uri(&self.uri).header(header::CONTENT_TYPE, "application/json");
        if let Some(secrets) = &self.secrets {
            let now = u64::try_from(Timestamp::now().as_second()).unwrap_or_default();
            for (name, value) in secrets.headers(&posted.id.to_string(), now, body.as_bytes()) {
                request = request.header(name, value);
            }
        }
        let request = request.body(Bytes::from(body.clone()))?;
        let response = outbound.send(request).await?;
        if !response.status().is_success() {
            return Err(Failed::Status(response.status()));
        }
        if response.body().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(response.body()).map_err(|error| Failed::Answer(error.to_string()))
    }
}

fn way(name: &str, hook: &Hook) -> Result<Option<Way>, String> {
    if !hook.enabled {
        return Ok(None);
    }
    if let Some(path) = hook.uri.strip_prefix("pg-functions://") {
        let parts: Vec<&str> = path.split('/').collect();
        let [_, schema, function] = parts.as_slice() else {
            return Err(format!("`auth.hook.{name}.uri` must read pg-functions://postgres/<schema>/<function>"));
        };
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let call = format!("select {}.{}($1::jsonb) as answer", quoted(schema), quoted(function));
        return Ok(Some(Way::Function(call)));
    }
    if !hook.uri.starts_with("https://") && !hook.uri.starts_with("http://") {
        return Err(format!("`auth.hook.{name}.uri` \"{}\" is neither pg-functions:// nor an HTTP address", hook.uri));
    }
    let secrets = match hook.secrets.as_str() {
        "" => None,
        text => Some(Secrets::parse(text).map_err(|error| format!("`auth.hook.{name}.secrets`: {error}"))?),
    };
    Ok(Some(Way::Http(HttpHook { uri: hook.uri.clone(), secrets })))
}

/// What a hook that gave no claims is told as.
fn unanswered(error: &Failed) -> AuthError {
    tracing::error!(%error, "the hook custom_access_token failed");
    match error {
        Failed::Unreached(basalt_outbound::Error::Timeout(_)) => late(),
        Failed::Unreached(basalt_outbound::Error::BodyTooLarge(_)) => {
            AuthError::new(422, "hook_payload_over_size_limit", "Payload size exceeded size limit")
        }
        _ => AuthError::new(500, "unexpected_failure", "Error running hook URI: custom_access_token"),
    }
}

/// A hook that took too long.
fn late() -> AuthError {
    let message = format!("Failed to reach hook within maximum time of {} seconds", TIMEOUT.as_secs());
    AuthError::new(422, "hook_timeout", message)
}

/// A hook says no: `{"error": {"http_code": 403, "message": "..."}}`.
fn refusal(answer: &Value) -> Result<(), AuthError> {
    let Some(error) = answer.get("error").filter(|error| !error.is_null()) else { return Ok(()) };
    let status = error.get("http_code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let status = status.filter(|status| (400..600).contains(status)).unwrap_or(500);
    let message = error.get("message").and_then(Value::as_str).unwrap_or("the hook refused");
    Err(AuthError::new(status, if status >= 500 { "unexpected_failure" } else { "validation_failed" }, message))
}

/// Whether what verification relies on is still there.
fn required(claims: &Map<String, Value>) -> bool {
    ["sub", "aud", "exp", "iat", "role", "aal", "session_id", "is_anonymous"]
        .iter()
        .all(|name| claims.contains_key(*name))
}
