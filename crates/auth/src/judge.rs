//! What other services say: whether a captcha was solved, whether a password was leaked.

use std::time::Duration;

use basalt_outbound::{Limits, Outbound};
use bytes::Bytes;
use http::{Method, Request, header};
use serde::Deserialize;
use sha1::{Digest, Sha1};
use url::form_urlencoded;

use crate::call::Call;
use crate::error::{AuthError, Result};
use crate::flow::Security;

/// How long a captcha service may take, and the largest answer that is read of it.
const CAPTCHA: Limits = Limits { timeout: Duration::from_secs(10), response: 64 << 10, redirects: 0 };
/// Longest solved captcha that is sent on: Turnstile's have 2,048 characters at most, hCaptcha's a few thousand.
const LONGEST_TOKEN: usize = 8 << 10;

impl Call<'_> {
    /// Judges the captcha, where the project wants one. An administrator needs none.
    ///
    /// Errors: `captcha_failed`; `unexpected_failure` where the service does not say.
    pub async fn judge_captcha(&self, security: &Security) -> Result<()> {
        let captcha = &self.auth.settings.captcha;
        if !captcha.enabled || self.is_administrator() {
            return Ok(());
        }
        let failed = |why: &str| {
            let message = format!("captcha protection: request disallowed ({why})");
            AuthError::new(400, "captcha_failed", message)
        };
        let token = security.captcha_token.as_deref().filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| failed("no captcha_token found"))?;
        if token.len() > LONGEST_TOKEN {
            return Err(failed("captcha_token is too long"));
        }
        let url = match (captcha.url.as_str(), captcha.provider.as_str()) {
            ("", "turnstile") => "https://challenges.cloudflare.com/turnstile/v0/siteverify",
            ("", _) => "https://api.hcaptcha.com/siteverify",
            (url, _) => url,
        };
        let ip = self.ip();
        let pairs = [("secret", captcha.secret.as_str()), ("response", token), ("remoteip", &ip)];
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let unsaid = |error: &str| {
            tracing::error!(error, "the captcha service failed");
            AuthError::new(500, "unexpected_failure", "captcha verification process failed")
        };
        let outbound = self.auth.outbound.limited(CAPTCHA);
        let verdict = post_form(&outbound, url, form).await.map_err(|error| unsaid(&error))?;
        if verdict.success {
            return Ok(());
        }
        let codes = verdict.error_codes.join(", ");
        match codes.as_str() {
            "" => Err(failed("not solved")),
            "internal-error" => Err(unsaid(&codes)),
            _ => {
                if codes.contains("secret") {
                    tracing::error!(codes, "the captcha service does not take `auth.captcha.secret`");
                }
                Err(failed(&codes))
            }
        }
    }

    /// Asks the range API, where one is configured, whether a password was leaked. It learns five digits of its hash. When it does
    /// not answer, the password passes: sign-ups do not hang on it.
    ///
    /// Errors: `weak_password` with reason `pwned`.
    pub async fn judge_leaked(&self, password: &str) -> Result<()> {
        let url = &self.auth.settings.leaked_passwords_url;
        if url.is_empty() {
            return Ok(());
        }
        let hash: String = Sha1::digest(password).iter().map(|byte| format!("{byte:02X}")).collect();
        let (range, rest) = hash.split_at(5);
        let request = Request::get(format!("{url}{range}")).header("Add-Padding", "true").body(Bytes::new());
        let listed = match request {
            Ok(request) => self.auth.outbound.send(request).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let listed = match listed {
            Ok(response) if response.status().is_success() => response.into_body(),
            Ok(response) => {
                tracing::warn!(status = %response.status(), "leaked passwords could not be asked for");
                return Ok(());
            }
            Err(error) => {
                tracing::warn!(%error, "leaked passwords could not be asked for");
                return Ok(());
            }
        };
        let text = String::from_utf8_lossy(&listed);
        let leaked = text.lines().filter_map(|line| line.trim().split_once(':')).any(|(hash, count)| {
            // Padding has the count 0.
            hash.eq_ignore_ascii_case(rest) && count.parse::<u64>().is_ok_and(|count| count > 0)
        });
        if leaked {
            let message = "Password is known to be weak and easy to guess, please choose a different one.";
            return Err(AuthError::weak_password(message, vec!["pwned"]));
        }
        Ok(())
    }
}

/// What a captcha service answers: hCaptcha and Turnstile alike.
#[derive(Deserialize)]
struct Verdict {
    success: bool,
    #[serde(default, rename = "error-codes")]
    error_codes: Vec<String>,
}

/// Whatever its status, an answer counts if it is one: a refusal may come as 400.
async fn post_form(outbound: &Outbound, url: &str, form: String) -> Result<Verdict, String> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(url)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Bytes::from(form))
        .map_err(|error| error.to_string())?;
    let response = outbound.send(request).await.map_err(|error| error.to_string())?;
    let verdict = serde_json::from_slice(response.body());
    verdict.map_err(|error| format!("it answered {}: {error}", response.status()))
}
