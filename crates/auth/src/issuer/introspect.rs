//! `POST /oauth/introspect` (RFC 7662): whether a token counts at this moment. A signature holds until it expires; this also knows of
//! sessions that ended and users who were banned. Whoever asks is a confidential client, or has the service key.

use bytes::Bytes;
use http::Response;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::call::Call;
use crate::error::{AuthError, Result, answer};
use crate::store::Work;

impl Call<'_> {
    pub async fn introspect(&self) -> Result<Response<Bytes>> {
        self.require_issuer()?;
        let form = self.form()?;
        let mut work = self.begin().await?;
        if !self.is_administrator() {
            let client =
                self.authenticated_client(&mut work, form.client_id.as_deref(), form.client_secret.as_deref()).await?;
            if client.is_public() {
                return Err(AuthError::oauth("invalid_client", "a public client may not introspect tokens"));
            }
        }
        let found = self.inspect(&mut work, &form.token).await?;
        Ok(answer(200, &found.unwrap_or_else(|| json!({"active": false}))))
    }

    /// What a token says, if it counts.
    async fn inspect(&self, work: &mut Work, token: &str) -> Result<Option<Value>> {
        let claims: Map<String, Value> = match self.auth.verify.verify(token) {
            Ok(identity) => serde_json::from_str(identity.claims.json()).unwrap_or_default(),
            Err(_) => return Ok(None),
        };
        let id = |name: &str| claims.get(name).and_then(Value::as_str).and_then(|id| Uuid::parse_str(id).ok());
        let (Some(user), Some(session)) = (id("sub"), id("session_id")) else { return Ok(None) };
        let Some(session) = work.session(session).await?.filter(|session| session.user_id == user) else {
            return Ok(None);
        };
        let Some(user) = work.user(user).await?.filter(|user| !user.is_banned(self.now)) else { return Ok(None) };
        let mut body = json!({
            "active": true,
            "token_type": "bearer",
            "sub": user.id,
        });
        let scopes = session.oauth_client_id.map(|_| session.scopes.clone().unwrap_or_default());
        let seen = scopes.map(|scopes| user.seen_with(&scopes));
        body["username"] = json!(seen.as_ref().unwrap_or(&user).email.as_deref().unwrap_or_default());
        for name in ["iss", "aud", "exp", "iat", "role", "aal", "session_id"] {
            if let Some(value) = claims.get(name) {
                body[name] = value.clone();
            }
        }
        if let Some(client) = session.oauth_client_id {
            body["client_id"] = json!(client);
            body["scope"] = json!(session.scopes.unwrap_or_default());
        }
        Ok(Some(body))
    }
}
