//! What an access token says, and whether its session may go on.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::Session;
use crate::call::Call;
use crate::error::{AuthError, Result};
use crate::store::Work;
use crate::user::User;

impl Call<'_> {
    /// The claims of an access token.
    pub(super) async fn claims(
        &self,
        work: &mut Work,
        user: &User,
        session: &Session,
        exp: i64,
    ) -> Result<Map<String, Value>> {
        let methods = work.methods(session.id).await?;
        let amr: Vec<Value> = methods
            .iter()
            .map(|method| json!({"method": method.authentication_method, "timestamp": method.updated_at.as_second()}))
            .collect();
        let seen = session.oauth_client_id.map(|_| user.seen_with(session.scopes.as_deref().unwrap_or_default()));
        let user = seen.as_ref().unwrap_or(user);
        let Value::Object(claims) = json!({
            "iss": self.issuer(),
            "sub": user.id,
            "aud": user.aud.as_deref().unwrap_or_default(),
            "exp": exp,
            "iat": self.now.as_second(),
            "email": user.email.as_deref().unwrap_or_default(),
            "phone": user.phone.as_deref().unwrap_or_default(),
            "app_metadata": user.app_metadata(),
            "user_metadata": user.user_metadata(),
            "role": user.role.as_deref().unwrap_or_default(),
            "aal": session.aal.as_deref().unwrap_or("aal1"),
            "amr": amr,
            "session_id": session.id,
            "is_anonymous": user.is_anonymous,
        }) else {
            return Err(AuthError::unexpected("claims are no object"));
        };
        let mut claims = claims;
        if let Some(client) = session.oauth_client_id {
            claims.insert("client_id".into(), client.to_string().into());
            claims.insert("scope".into(), session.scopes.clone().unwrap_or_default().into());
        }
        Ok(claims)
    }

    /// Whether a session has lived too long, or was superseded.
    ///
    /// Errors: `session_expired` with the reason.
    pub async fn judge_session(&self, work: &mut Work, session: &Session) -> Result<()> {
        let limits = &self.auth.settings.sessions;
        let expired = |why: &str| {
            let message = format!("Invalid Refresh Token: Session Expired{why}");
            Err(AuthError::new(400, "session_expired", message))
        };
        let age = |since: Option<Timestamp>| since.map_or(SignedDuration::ZERO, |since| self.now.duration_since(since));
        let exceeds = |age: SignedDuration, limit: std::time::Duration| {
            !limit.is_zero() && SignedDuration::try_from(limit).is_ok_and(|limit| age > limit)
        };
        if session.not_after.is_some_and(|end| end < self.now) || exceeds(age(session.created_at), limits.timebox) {
            return expired("");
        }
        if exceeds(age(session.last_used()), limits.inactivity_timeout) {
            return expired(" (Inactivity)");
        }
        if limits.single_per_user
            && work.latest_session(session.user_id).await?.is_some_and(|latest| latest.id != session.id)
        {
            return expired(" (Revoked by Newer Login)");
        }
        Ok(())
    }
}
