//! One request while it is answered: its parameters, and what is asked of it everywhere.

use std::time::Duration;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use crate::error::{AuthError, Result};
use crate::json;
use crate::limit::{Attempt, Kind};
use crate::store::Work;
use crate::{Auth, Request};

/// Largest body.
const MAX_BODY: usize = 1 << 20;
/// The type of a form.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
const FIVE_MINUTES: Duration = Duration::from_secs(300);
const HOUR: Duration = Duration::from_secs(3600);
/// Longest user agent that is kept with a session.
const MAX_USER_AGENT: usize = 512;

/// A request, and the API that answers it.
pub(crate) struct Call<'a> {
    pub auth: &'a Auth,
    pub request: Request<'a>,
    /// The moment at which the request counts as made.
    pub now: Timestamp,
}

impl<'a> Call<'a> {
    pub fn new(auth: &'a Auth, request: Request<'a>) -> Self {
        // The database keeps microseconds.
        let now = Timestamp::now();
        let now = now.round(jiff::Unit::Microsecond).unwrap_or(now);
        Call { auth, request, now }
    }

    /// The media type that the body is declared as, in lower case and without parameters.
    pub fn declared(&self) -> Option<String> {
        let value = String::from_utf8_lossy(self.request.headers.get(CONTENT_TYPE)?.as_bytes()).into_owned();
        Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    /// The pairs of a body that is declared as a form, or not declared at all.
    ///
    /// Errors: `unsupported_media_type`, `request_entity_too_large`.
    pub fn form_pairs(&self) -> Result<Vec<(String, String)>> {
        self.judge_size()?;
        match self.declared() {
            Some(kind) if kind != FORM && !self.request.body.is_empty() => Err(unsupported(&kind, FORM)),
            _ => Ok(form_urlencoded::parse(&self.request.body).into_owned().collect()),
        }
    }

    fn judge_size(&self) -> Result<()> {
        if self.request.body.len() <= MAX_BODY {
            return Ok(());
        }
        Err(AuthError::new(413, "request_entity_too_large", "Request body is too large: the limit is 1 MiB"))
    }

    /// The body as JSON, which it is declared as, or not declared at all; an empty one is an empty object.
    ///
    /// Errors: `unsupported_media_type`, `request_entity_too_large`, `bad_json`.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T> {
        self.judge_size()?;
        let body = &self.request.body;
        let is_empty = body.iter().all(u8::is_ascii_whitespace);
        let is_json = |kind: &str| kind == "application/json" || kind.ends_with("+json");
        if let Some(kind) = self.declared().filter(|kind| !is_empty && !is_json(kind)) {
            return Err(unsupported(&kind, "application/json"));
        }
        match is_empty {
            true => json::object(b"{}"),
            false => json::object(body.trim_ascii()),
        }
    }

    /// A parameter of the query string.
    pub fn query(&self, name: &str) -> Option<String> {
        let pairs = form_urlencoded::parse(self.request.query.as_bytes());
        pairs.into_iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.into_owned())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        header(self.request.headers, name)
    }

    /// The client, for sessions and the audit log.
    pub fn user_agent(&self) -> Option<String> {
        self.header("user-agent").map(|text| text.chars().take(MAX_USER_AGENT).collect())
    }

    /// The client's address, for sessions and the audit log.
    pub fn ip(&self) -> String {
        self.request.client.to_canonical().to_string()
    }

    /// Where the user is to be sent in the end.
    pub fn redirect_to(&self) -> String {
        let asked = self.query("redirect_to").or_else(|| self.header("redirect_to").map(str::to_owned));
        self.auth.redirects.choose(asked.as_deref(), self.header("referer"))
    }

    pub async fn begin(&self) -> Result<Work> {
        Work::begin(&self.auth.database).await
    }

    /// Takes one of what the client may still ask for.
    ///
    /// Errors: `over_request_rate_limit`.
    pub fn limit(&self, kind: Kind) -> Result<()> {
        let most = &self.auth.settings.rate_limit;
        let (most, window) = match kind {
            Kind::Token | Kind::Authorize => (most.token_refresh, FIVE_MINUTES),
            Kind::Verify => (most.token_verifications, FIVE_MINUTES),
            Kind::Anonymous => (most.anonymous_users, HOUR),
            Kind::Mfa => (most.mfa, Duration::from_secs(60)),
            _ => (most.sign_in_sign_ups, FIVE_MINUTES),
        };
        let taken = self.auth.state.limits.take(kind, Some(self.request.client), most, window);
        taken.map_err(AuthError::rate_limit)
    }

    /// Takes one of the mails that all users together may be sent.
    pub fn limit_mails(&self) -> Result<()> {
        let most = self.auth.settings.rate_limit.email_sent;
        let over = || AuthError::new(429, "over_email_send_rate_limit", "email rate limit exceeded");
        self.auth.state.limits.take(Kind::Email, None, most, HOUR).map_err(|wait| over().retry_after(wait))
    }

    /// Takes one of the text messages that all users together may be sent.
    pub fn limit_messages(&self) -> Result<()> {
        let most = self.auth.settings.rate_limit.sms_sent;
        let over = || AuthError::new(429, "over_sms_send_rate_limit", "SMS rate limit exceeded");
        self.auth.state.limits.take(Kind::Sms, None, most, HOUR).map_err(|wait| over().retry_after(wait))
    }

    /// Takes an attempt at an account, which has failed unless it is said that it has not.
    ///
    /// Errors: `over_request_rate_limit` while the account has to wait.
    pub async fn take_attempt(&self, account: &str) -> Result<Attempt> {
        self.auth.state.limits.attempt(account, self.auth.settings.rate_limit.failures).await
    }

    /// Has a password or code of an account judged: the inner error is that it is wrong, the outer one that nobody could say.
    ///
    /// Errors: both, and as [`Call::take_attempt`].
    pub async fn attempt<T>(&self, account: &str, judging: impl Future<Output = Result<Result<T>>>) -> Result<T> {
        let attempt = self.take_attempt(account).await?;
        let judged = judging.await;
        match &judged {
            Ok(Ok(_)) => attempt.succeeded(),
            Ok(Err(_)) => drop(attempt),
            Err(_) => attempt.undecided(),
        }
        judged?
    }

    /// Judges that an account is not being guessed at.
    pub fn may_try(&self, account: &str) -> Result<()> {
        self.auth.state.limits.may_try(account)
    }

    /// Counts a wrong password or code of an account.
    pub fn failed(&self, account: &str) {
        self.auth.state.limits.failed(account, self.auth.settings.rate_limit.failures);
    }

    /// An account proved itself.
    pub fn succeeded(&self, account: &str) {
        self.auth.state.limits.succeeded(account);
    }

    /// Judges that a user was not sent something a moment ago.
    ///
    /// Errors: 429 with the seconds to wait.
    pub fn judge_frequency(&self, last: Option<Timestamp>, pause: Duration, code: &'static str) -> Result<()> {
        let waited = last.map(|last| self.now.duration_since(last).as_secs());
        let pause = i64::try_from(pause.as_secs()).unwrap_or(i64::MAX);
        match waited {
            Some(waited) if waited < pause => {
                let left = pause - waited.max(0);
                let message = format!("For security purposes, you can only request this after {left} seconds.");
                Err(AuthError::new(429, code, message).retry_after(Duration::from_secs(left.unsigned_abs())))
            }
            _ => Ok(()),
        }
    }
}

pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty())
}

fn unsupported(kind: &str, wanted: &str) -> AuthError {
    let kind: String = kind.chars().take(128).collect();
    let message = format!("The body is declared as {kind:?}: send it as {wanted}, and say so in Content-Type");
    AuthError::new(415, "unsupported_media_type", message)
}
