//! Flows under way: rows of `auth.flow_state` between a browser's leaving for a provider and its return.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use uuid::Uuid;

use crate::error::{AuthError, Result};
use crate::provider::ExternalUser;
use crate::store::{Work, params};

/// How long a browser may stay with the provider.
const MOST_TIME_AWAY: SignedDuration = SignedDuration::from_mins(10);

/// How long rows are kept, so that a state that comes again is known to be used.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Rows that one new flow clears away at most.
const CLEARED: u32 = 100;

/// A flow.
#[derive(Clone, Deserialize)]
pub(super) struct Flow {
    pub id: Uuid,
    pub provider_type: String,
    pub code_challenge: Option<String>,
    pub code_challenge_method: Option<String>,
    pub referrer: Option<String>,
    pub linking_target_id: Option<Uuid>,
    pub nonce: Option<String>,
    pub provider_code_verifier: Option<String>,
    pub created_at: Timestamp,
}

impl Flow {
    /// Whether the application exchanges a code for the session, by PKCE.
    pub fn is_pkce(&self) -> bool {
        self.code_challenge.is_some()
    }
}

/// 256 random bits as text: a nonce, or a verifier of PKCE (RFC 7636, section 4.1).
pub(super) fn unguessable() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

impl Work {
    /// Stores a flow, and clears away some that ended long ago.
    pub(super) async fn begin_external_flow(&mut self, flow: &Flow) -> Result<()> {
        let old = flow.created_at - KEPT;
        let sql = format!(
            "delete from auth.flow_state where id in (select id from auth.flow_state where created_at < $1 limit {CLEARED})"
        );
        self.execute(&sql, params![old]).await?;
        let sql = "insert into auth.flow_state (id, provider_type, authentication_method, code_challenge, code_challenge_method, \
            referrer, linking_target_id, nonce, provider_code_verifier, created_at, updated_at) \
            values ($1, $2, 'oauth', $3, $4, $5, $6, $7, $8, $9, $9)";
        let values = params![
            flow.id,
            flow.provider_type,
            flow.code_challenge,
            flow.code_challenge_method,
            flow.referrer,
            flow.linking_target_id,
            flow.nonce,
            flow.provider_code_verifier,
            flow.created_at,
        ];
        self.execute(sql, values).await.map(drop)
    }

    /// Uses up the flow that a state names: one statement, so that of two browsers that come with it one is served.
    ///
    /// Errors: `bad_oauth_state`, `flow_state_already_used`.
    pub(super) async fn take_external_flow(&mut self, state: &str, now: Timestamp) -> Result<Flow> {
        let bad = || AuthError::new(400, "bad_oauth_state", "OAuth callback with invalid state");
        let id = Uuid::parse_str(state).map_err(|_| bad())?;
        let sql = "update auth.flow_state set auth_code_issued_at = $2, updated_at = $2 \
            where id = $1 and authentication_method = 'oauth' and auth_code_issued_at is null \
            returning id, provider_type, code_challenge, code_challenge_method, referrer, linking_target_id, nonce, \
            provider_code_verifier, created_at";
        if let Some(flow) = self.one::<Flow>(sql, params![id, now]).await? {
            return if now.duration_since(flow.created_at) > MOST_TIME_AWAY { Err(bad()) } else { Ok(flow) };
        }
        #[derive(Deserialize)]
        struct Known {}
        let sql = "select id from auth.flow_state where id = $1 and authentication_method = 'oauth'";
        match self.one::<Known>(sql, params![id]).await? {
            Some(Known {}) => Err(AuthError::new(400, "flow_state_already_used", "OAuth state has already been used")),
            None => Err(bad()),
        }
    }

    /// Makes the code that the application exchanges for a session of the user. `linking` is an identity that is linked by the exchange.
    pub(super) async fn issue_external_code(
        &mut self,
        flow: &Flow,
        user: Uuid,
        external: &ExternalUser,
        linking: bool,
        now: Timestamp,
    ) -> Result<Uuid> {
        let code = Uuid::new_v4();
        let sql = "update auth.flow_state set user_id = $2, auth_code = $3, auth_code_issued_at = $4, updated_at = $4, \
            provider_access_token = $5, provider_refresh_token = $6, external_identity = $7, nonce = null, provider_code_verifier = null where id = $1";
        let (access, refresh) = (&external.access_token, &external.refresh_token);
        let identity = linking.then(|| serde_json::to_value(external)).transpose().map_err(AuthError::unexpected)?;
        self.execute(sql, params![flow.id, user, code, now, access, refresh, identity]).await?;
        Ok(code)
    }
}
