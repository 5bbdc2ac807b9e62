//! What is asked of a provider from server to server: tokens for a code, and the profile.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderName, HeaderValue, Method, Request, header};
use serde_json::{Value, json};
use sha2::Sha256;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::definition::Client;
use super::error::ProviderError;
use super::exchange::{Answered, Endpoints, Provider};
use super::template::text;

impl Provider {
    /// The token endpoint's answer.
    pub(super) async fn tokens(&self, endpoints: &Endpoints, answered: &Answered<'_>) -> Result<Value, ProviderError> {
        let mut fields =
            vec![("grant_type", "authorization_code"), ("code", answered.code), ("redirect_uri", &self.redirect_uri)];
        if endpoints.pkce {
            fields.push(("code_verifier", answered.verifier));
        }
        if endpoints.client == Client::Post {
            fields.extend([("client_id", self.client_id()), ("client_secret", &self.settings.secret)]);
        }
        let (kind, body) = if endpoints.client == Client::BasicJson {
            let fields: serde_json::Map<String, Value> =
                fields.iter().map(|(name, value)| ((*name).into(), json!(value))).collect();
            ("application/json", Value::from(fields).to_string())
        } else {
            ("application/x-www-form-urlencoded", Serializer::new(String::new()).extend_pairs(fields).finish())
        };
        let mut headers = vec![(header::CONTENT_TYPE, HeaderValue::from_static(kind))];
        if endpoints.client != Client::Post {
            headers.push((header::AUTHORIZATION, basic(self.client_id(), &self.settings.secret)?));
        }
        self.ask(Method::POST, &endpoints.token, headers, body.into()).await
    }

    /// A profile, or what else the provider tells the holder of an access token.
    pub(super) async fn get(&self, url: &str, access_token: &str) -> Result<Value, ProviderError> {
        let mut url = Url::parse(url).map_err(|error| ProviderError::Configuration(format!("{url}: {error}")))?;
        if self.row.signed_profile {
            url.query_pairs_mut().append_pair("appsecret_proof", &proof(access_token, &self.settings.secret)?);
        }
        let headers = vec![(header::AUTHORIZATION, secret(&format!("Bearer {access_token}"))?)];
        if self.row.body.is_empty() {
            self.ask(Method::GET, url.as_str(), headers, Bytes::new()).await
        } else {
            self.ask(Method::POST, url.as_str(), headers, self.row.body.clone().into()).await
        }
    }

    async fn ask(
        &self,
        method: Method,
        url: &str,
        headers: Vec<(HeaderName, HeaderValue)>,
        body: Bytes,
    ) -> Result<Value, ProviderError> {
        let mut request = Request::builder().method(method).uri(url).header(header::ACCEPT, "application/json");
        if !body.is_empty() && headers.iter().all(|(name, _)| name != header::CONTENT_TYPE) {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        for (name, value) in &self.row.headers {
            request = request.header(name, value);
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(body).map_err(|error| ProviderError::Configuration(format!("{url}: {error}")))?;
        let response = self.outbound.send(request).await?;
        let status = response.status();
        let answer: Option<Value> = serde_json::from_slice(response.body()).ok();
        // Some say what was wrong with status 200.
        let field = |name: &str| answer.as_ref().and_then(|answer| answer.get(name)).and_then(text);
        if let Some(error) = field("error") {
            let clip = |text: String| text.chars().take(200).collect();
            let description = field("error_description").unwrap_or_default();
            return Err(ProviderError::Refused { error: clip(error), description: clip(description) });
        }
        match answer {
            Some(answer) if status.is_success() => Ok(answer),
            // The query may hold a proof that is nobody's business.
            _ => Err(ProviderError::Answer(format!("{} answered {status}", url.split('?').next().unwrap_or_default()))),
        }
    }
}

/// HTTP Basic for a client: both parts are encoded as in forms first (RFC 6749, section 2.3.1).
fn basic(id: &str, password: &str) -> Result<HeaderValue, ProviderError> {
    let encode = |part: &str| byte_serialize(part.as_bytes()).collect::<String>();
    secret(&format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(id), encode(password)))))
}

/// A header that stays with its origin and out of logs.
fn secret(value: &str) -> Result<HeaderValue, ProviderError> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| ProviderError::Answer("a token has characters that no header takes".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Proof that whoever has the access token also has the app's secret.
fn proof(access_token: &str, app_secret: &str) -> Result<String, ProviderError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(app_secret.as_bytes())
        .map_err(|error| ProviderError::Configuration(error.to_string()))?;
    mac.update(access_token.as_bytes());
    Ok(mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect())
}
