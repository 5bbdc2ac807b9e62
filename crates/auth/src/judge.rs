//! What other services say: whether a captcha was solved, whether a password was leaked.

use basalt_outbound::Outbound;
use bytes::Bytes;
use http::{Method, Request, header};
use serde_json::Value;
use sha1::{Digest, Sha1};
use url::form_urlencoded;

use crate::call::Call;
use crate::error::{AuthError, Result};
use crate::flow::Security;

impl Call<'_> {
    /// Judges the captcha, where the project wants one. An administrator needs none.
    ///
    /// Errors: `captcha_failed`.
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
        let url = match (captcha.url.as_str(), captcha.provider.as_str()) {
            ("", "turnstile") => "https://challenges.cloudflare.com/turnstile/v0/siteverify",
            ("", _) => "https://api.hcaptcha.com/siteverify",
            (url, _) => url,
        };
        let ip = self.ip();
        let address = ip.iter().map(|ip| ("remoteip", ip.as_str()));
        let pairs = [("secret", captcha.secret.as_str()), ("response", token)].into_iter().chain(address);
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let answer = post_form(&self.auth.outbound, url, form).await.map_err(|error| {
            tracing::error!(%error, "the captcha service failed");
            AuthError::new(500, "unexpected_failure", "captcha verification process failed")
        })?;
        if answer.get("success") == Some(&Value::Bool(true)) {
            return Ok(());
        }
        let codes = answer.get("error-codes").and_then(Value::as_array);
        let codes: Vec<&str> = codes.into_iter().flatten().filter_map(Value::as_str).collect();
        Err(failed(if codes.is_empty() { "not solved" } else { codes[0] }))
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

async fn post_form(outbound: &Outbound, url: &str, form: String) -> Result<Value, String> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(url)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Bytes::from(form))
        .map_err(|error| error.to_string())?;
    let response = outbound.send(request).await.map_err(|error| error.to_string())?;
    serde_json::from_slice(response.body()).map_err(|error| error.to_string())
}
