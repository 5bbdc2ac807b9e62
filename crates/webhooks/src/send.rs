//! One attempt to deliver a message.

use std::time::Duration;

use basalt_core::unix_time;
use basalt_outbound::{Limits, Outbound};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};

use crate::settings::Hook;

/// Bytes of an answer that are read; nobody looks at them.
const ANSWER: u64 = 64 << 10;
/// The longest pause that an answer may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The answer's status, if there was an answer.
    pub status: Option<u16>,
    /// In words.
    pub reason: String,
    /// Whether it is of no use to try again.
    pub for_good: bool,
    /// How long the answer asks to wait.
    pub wait: Option<Duration>,
}

/// Sends a message once. Any answer of 2xx takes it; 410 wants no more; a redirect is not followed.
pub(crate) async fn send(outbound: &Outbound, hook: &Hook, id: &str, body: &str) -> Result<(), Refused> {
    let mut request = Request::new(Bytes::copy_from_slice(body.as_bytes()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = hook.url.clone();
    *request.headers_mut() = hook.headers.clone();
    request.headers_mut().entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    let now = unix_time().as_secs();
    let signed = match &hook.secrets {
        Some(secrets) => secrets.headers(id, now, body.as_bytes()).to_vec(),
        None => vec![("webhook-id", id.to_owned()), ("webhook-timestamp", now.to_string())],
    };
    for (name, value) in signed {
        if let Ok(value) = HeaderValue::try_from(value) {
            request.headers_mut().insert(name, value);
        }
    }
    let limits = Limits { timeout: hook.timeout, response: ANSWER, redirects: 0 };
    let answer = match outbound.limited(limits).open(request).await {
        Ok(answer) => answer,
        Err(error) => {
            return Err(Refused { status: None, reason: error.to_string(), for_good: false, wait: None });
        }
    };
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let wait = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Err(Refused {
        status: Some(status.as_u16()),
        reason: format!("the answer is {status}"),
        for_good: status == StatusCode::GONE,
        wait: wait.map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT)),
    })
}
