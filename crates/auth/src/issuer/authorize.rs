//! `GET /oauth/authorize`: what a service asks for is stored, and its user sent to the project's page of consent.

use bytes::Bytes;
use http::Response;
use url::Url;
use uuid::Uuid;

use super::SCOPES;
use crate::call::Call;
use crate::error::{AuthError, Result};
use crate::flow::Challenge;
use crate::landing::redirect;
use crate::limit::Kind;
use crate::store::params;

/// Seconds in which the user has to answer.
const WAIT: i64 = 600;
/// Longest state and nonce that are kept.
const MAX: usize = 2048;

impl Call<'_> {
    pub async fn authorize_service(&self) -> Result<Response<Bytes>> {
        self.require_issuer()?;
        self.limit(Kind::Sso)?;
        let asked = |name: &str| self.query(name);
        let mut work = self.begin().await?;
        let id = asked("client_id").and_then(|id| Uuid::parse_str(&id).ok());
        let client = match id {
            Some(id) => work.client(id).await?,
            None => None,
        };
        // Nobody is sent to an address that the client did not register.
        let client = client.ok_or_else(|| AuthError::oauth("invalid_client", "client_id names no client"))?;
        let to = asked("redirect_uri").unwrap_or_default();
        if !client.takes(&to) {
            return Err(AuthError::oauth("invalid_request", "redirect_uri is not one that the client registered"));
        }
        let state = asked("state").filter(|state| state.len() <= MAX);
        let refused = |error: &str, description: &str| {
            let answer = self.back(&to, &[("error", error), ("error_description", description)], state.as_deref());
            Ok(redirect(302, &answer))
        };
        if asked("response_type").as_deref() != Some("code") {
            return refused("unsupported_response_type", "only response_type=code is supported");
        }
        let pair = Challenge {
            code_challenge: asked("code_challenge"),
            code_challenge_method: asked("code_challenge_method"),
        };
        let pkce = match pair.read() {
            Ok(Some(pkce)) if pkce.method == "s256" => pkce,
            Ok(_) => return refused("invalid_request", "code_challenge with code_challenge_method=S256 is required"),
            Err(error) => return refused("invalid_request", error.message()),
        };
        let scope = asked("scope").unwrap_or_else(|| "email".into());
        if let Some(unknown) = scope.split_whitespace().find(|scope| !SCOPES.contains(scope)) {
            return refused("invalid_scope", &format!("there is no scope {unknown:?}"));
        }
        if scope.split_whitespace().any(|scope| scope == "openid") && !self.auth.keys.is_asymmetric() {
            return refused("invalid_scope", "openid needs signing keys: set `auth.signing_keys_path`");
        }
        let authorization = Uuid::new_v4();
        let sql = "insert into auth.oauth_authorizations (id, client_id, redirect_uri, scope, state, nonce, code_challenge, \
            code_challenge_method, status, created_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8, 'pending', $9, $10)";
        let nonce = asked("nonce").filter(|nonce| nonce.len() <= MAX);
        let expires = self.now + jiff::SignedDuration::from_secs(WAIT);
        let values =
            params![authorization, client.id, to, scope, state, nonce, pkce.challenge, pkce.method, self.now, expires];
        work.execute(sql, values).await?;
        // What nobody answered is of no use to anybody.
        work.execute("delete from auth.oauth_authorizations where expires_at < $1", params![self.now]).await?;
        work.commit().await?;
        let settings = &self.auth.settings;
        let page =
            Url::parse(&settings.site_url).and_then(|site| site.join(&settings.oauth_server.authorization_url_path));
        let mut page = page.map_err(AuthError::unexpected)?;
        page.query_pairs_mut().append_pair("authorization_id", &authorization.to_string());
        Ok(redirect(302, page.as_str()))
    }

    /// Back to the service: with the answer, its state, and who answers (RFC 9207).
    pub(super) fn back(&self, to: &str, pairs: &[(&str, &str)], state: Option<&str>) -> String {
        let Ok(mut url) = Url::parse(to) else { return to.to_owned() };
        url.query_pairs_mut()
            .extend_pairs(pairs)
            .extend_pairs(state.map(|state| ("state", state)))
            .append_pair("iss", self.issuer());
        url.into()
    }
}
