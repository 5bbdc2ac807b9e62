//! PKCE (RFC 7636): a flow's state from its beginning, over the mail or the provider, to the exchange of its code.

use basalt_core::constant_time_eq;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Response;
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Challenge;
use crate::call::Call;
use crate::error::{AuthError, Result};
use crate::provider::ExternalUser;
use crate::store::{Work, params};

/// Seconds for which a code is good, and a flow may wait for its user at a provider.
pub(crate) const CODE_SECONDS: i64 = 300;

/// A code challenge and its method: `s256` or `plain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pkce {
    pub challenge: String,
    pub method: &'static str,
}

/// A row of `auth.flow_state`.
#[derive(Clone, Deserialize)]
pub(crate) struct FlowState {
    pub user_id: Option<Uuid>,
    pub code_challenge: Option<String>,
    pub code_challenge_method: Option<String>,
    pub provider_access_token: Option<String>,
    pub provider_refresh_token: Option<String>,
    pub authentication_method: String,
    pub auth_code_issued_at: Option<Timestamp>,
    /// What a user who is signed in wants to sign in by too.
    pub external_identity: Option<ExternalUser>,
}

impl Challenge {
    /// The pair, if the client sent one.
    ///
    /// Errors: `validation_failed` for half a pair or a bad challenge.
    pub fn read(&self) -> Result<Option<Pkce>> {
        let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let (challenge, method) = match (text(&self.code_challenge), text(&self.code_challenge_method)) {
            (None, None) => return Ok(None),
            (Some(challenge), Some(method)) => (challenge, method),
            _ => {
                let message = "PKCE flow requires code_challenge_method and code_challenge";
                return Err(AuthError::validation(message));
            }
        };
        let method = match method.to_ascii_lowercase().as_str() {
            "s256" => "s256",
            "plain" => "plain",
            _ => {
                let message = format!("unsupported code_challenge method {method:?}");
                return Err(AuthError::validation(message));
            }
        };
        if !(43..=128).contains(&challenge.len()) {
            return Err(AuthError::validation("code challenge has to be between 43 and 128 characters"));
        }
        if !challenge.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'~' | b'-')) {
            let message =
                "code challenge can only contain alphanumeric characters, hyphens, periods, underscores and tildes";
            return Err(AuthError::validation(message));
        }
        Ok(Some(Pkce { challenge, method }))
    }
}

impl Pkce {
    /// Whether the verifier is the one that the challenge was made of.
    pub fn accepts(&self, verifier: &str) -> bool {
        match self.method {
            "plain" => constant_time_eq(self.challenge.as_bytes(), verifier.as_bytes()),
            _ => constant_time_eq(
                self.challenge.as_bytes(),
                BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)).as_bytes(),
            ),
        }
    }
}

#[derive(Deserialize)]
struct Exchange {
    #[serde(default)]
    auth_code: String,
    #[serde(default)]
    code_verifier: String,
}

impl Work {
    /// Begins a flow that a mail continues.
    pub async fn begin_flow(&mut self, user: Uuid, method: &str, pkce: &Pkce, now: Timestamp) -> Result<()> {
        let sql = "insert into auth.flow_state (id, user_id, code_challenge_method, code_challenge, provider_type, \
            authentication_method, created_at, updated_at) values ($1, $2, $3, $4, 'email', $5, $6, $6)";
        let values = params![Uuid::new_v4(), user, pkce.method, pkce.challenge, method, now];
        self.execute(sql, values).await.map(drop)
    }

    /// Gives the user's latest flow of that kind a code. `None` if there is none.
    pub async fn issue_code(&mut self, user: Uuid, method: &str, now: Timestamp) -> Result<Option<Uuid>> {
        let code = Uuid::new_v4();
        let sql = "update auth.flow_state set auth_code = $3, auth_code_issued_at = $4, updated_at = $4 where id = \
            (select id from auth.flow_state where user_id = $1 and authentication_method = $2 and auth_code is null \
            order by created_at desc, id limit 1)";
        let changed = self.execute(sql, params![user, method, code, now]).await?;
        Ok((changed > 0).then_some(code))
    }
}

impl Call<'_> {
    /// `grant_type=pkce`: a code and its verifier become a session. The statement that finds the code uses it up.
    pub async fn exchange_code(&self) -> Result<Response<Bytes>> {
        let Exchange { auth_code, code_verifier } = self.body()?;
        if auth_code.is_empty() || code_verifier.is_empty() {
            let message = "invalid request: both auth code and code verifier should be non-empty";
            return Err(AuthError::validation(message));
        }
        let not_found = || AuthError::new(404, "flow_state_not_found", "invalid flow state, no valid flow state found");
        let mut work = self.begin().await?;
        let sql = "delete from auth.flow_state where auth_code = $1 returning user_id, code_challenge, code_challenge_method, \
            provider_access_token, provider_refresh_token, authentication_method, auth_code_issued_at, external_identity";
        let state: FlowState = work.one(sql, params![auth_code]).await?.ok_or_else(not_found)?;
        let age = state.auth_code_issued_at.map_or(i64::MAX, |at| self.now.duration_since(at).as_secs());
        if age > CODE_SECONDS {
            return Err(AuthError::new(422, "flow_state_expired", "invalid flow state, flow state has expired"));
        }
        let pair = Challenge {
            code_challenge: state.code_challenge.clone(),
            code_challenge_method: state.code_challenge_method.clone(),
        };
        if !pair.read()?.is_some_and(|pkce| pkce.accepts(&code_verifier)) {
            let message = "code challenge does not match previously saved code verifier";
            return Err(AuthError::new(400, "bad_code_verifier", message));
        }
        let user = match (state.user_id, &state.external_identity) {
            (Some(id), Some(external)) => Some(self.link_identity(&mut work, external, id).await?),
            (Some(id), None) => work.lock_user(id).await?,
            (None, _) => None,
        };
        let mut user = user.ok_or_else(not_found)?;
        let begun = self.sign_in(&mut work, &mut user, &state.authentication_method).await?;
        self.audit(&mut work, "login", Some(&user), &state.authentication_method).await?;
        let mut signed_in = self.finish(work, begun).await?;
        for (name, token) in
            [("provider_token", state.provider_access_token), ("provider_refresh_token", state.provider_refresh_token)]
        {
            if let Some(token) = token.filter(|token| !token.is_empty()) {
                signed_in.body.insert(name.into(), token.into());
            }
        }
        Ok(signed_in.response())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(challenge: &str, method: &str) -> Result<Option<Pkce>> {
        Challenge { code_challenge: Some(challenge.into()), code_challenge_method: Some(method.into()) }.read()
    }

    /// The pair of RFC 7636, appendix B.
    #[test]
    fn the_rfc_s_example_is_accepted() {
        let pkce = pair("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "S256").unwrap().unwrap();
        assert!(pkce.accepts("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert!(!pkce.accepts("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl"));
        assert!(!pkce.accepts("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
    }

    #[test]
    fn half_a_pair_and_bad_characters_are_refused() {
        assert_eq!(pair("", "").unwrap(), None);
        assert!(pair("x", "").is_err() && pair("short", "s256").is_err() && pair(&"a b".repeat(20), "s256").is_err());
        assert!(pair(&"a".repeat(129), "plain").is_err() && pair(&"a".repeat(50), "md5").is_err());
    }
}
