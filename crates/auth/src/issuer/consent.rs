//! What a user sees of a service that asks to be let in, and their answer. The page of consent is the project's own; it calls with the
//! user's access token, so no other site can answer for them.

use bytes::Bytes;
use http::Response;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::Client;
use crate::address::Channel;
use crate::call::Call;
use crate::error::{AuthError, Result, answer, done};
use crate::flow::pkce::CODE_SECONDS;
use crate::secret::sha256;
use crate::store::{Work, params};
use crate::user::User;

/// A row of `auth.oauth_authorizations` that waits for its user.
#[derive(Debug, Deserialize)]
struct Pending {
    id: Uuid,
    client_id: Uuid,
    redirect_uri: String,
    scope: String,
    state: Option<String>,
}

/// A row of `auth.oauth_consents`.
#[derive(Debug, Deserialize)]
struct Consent {
    client_id: Uuid,
    scopes: String,
    granted_at: Timestamp,
}

#[derive(Deserialize)]
struct Decision {
    #[serde(default)]
    action: String,
}

impl Call<'_> {
    /// `GET /oauth/authorizations/{id}`: what is asked for, or where to go at once if the user has agreed before.
    pub async fn show_authorization(&self, id: &str) -> Result<Response<Bytes>> {
        self.require_issuer()?;
        let mut work = self.begin().await?;
        let user = self.bearer(&mut work, true).await?.user;
        let (pending, client) = self.pending(&mut work, id, &user).await?;
        let granted = consents(&mut work, user.id).await?.into_iter().find(|consent| consent.client_id == client.id);
        let covers = |consent: &Consent| {
            let granted: Vec<&str> = consent.scopes.split_whitespace().collect();
            pending.scope.split_whitespace().all(|scope| granted.contains(&scope))
        };
        let body = match granted.is_some_and(|consent| covers(&consent)) {
            true => json!({"redirect_url": self.approve(&mut work, &pending).await?}),
            false => json!({
                "authorization_id": pending.id,
                "redirect_uri": pending.redirect_uri,
                "client": client.shown(),
                "user": {"id": user.id, "email": user.email.as_deref().unwrap_or_default()},
                "scope": pending.scope,
            }),
        };
        work.commit().await?;
        Ok(answer(200, &body))
    }

    /// `POST /oauth/authorizations/{id}/consent`: yes or no.
    pub async fn decide_authorization(&self, id: &str) -> Result<Response<Bytes>> {
        self.require_issuer()?;
        let Decision { action } = self.body()?;
        let mut work = self.begin().await?;
        let user = self.bearer(&mut work, true).await?.user;
        let (pending, client) = self.pending(&mut work, id, &user).await?;
        let to = match action.as_str() {
            "approve" => {
                let sql = "insert into auth.oauth_consents (id, user_id, client_id, scopes, granted_at) values ($1, $2, $3, $4, $5) \
                    on conflict (user_id, client_id) do update set scopes = $4, granted_at = $5";
                work.execute(sql, params![Uuid::new_v4(), user.id, client.id, pending.scope, self.now]).await?;
                self.approve(&mut work, &pending).await?
            }
            "deny" => {
                work.execute("delete from auth.oauth_authorizations where id = $1", params![pending.id]).await?;
                let denied = [("error", "access_denied"), ("error_description", "the user denied the request")];
                self.back(&pending.redirect_uri, &denied, pending.state.as_deref())
            }
            _ => return Err(AuthError::validation("action must be approve or deny")),
        };
        self.audit(&mut work, &format!("oauth_{action}"), Some(&user), &client.id.to_string()).await?;
        work.commit().await?;
        Ok(answer(200, &json!({ "redirect_url": to })))
    }

    /// `GET /user/oauth/grants`: whom the user has let in.
    pub async fn list_grants(&self) -> Result<Response<Bytes>> {
        self.require_issuer()?;
        let mut work = self.begin().await?;
        let user = self.bearer(&mut work, false).await?.user;
        let mut grants = Vec::new();
        for consent in consents(&mut work, user.id).await? {
            if let Some(client) = work.client(consent.client_id).await? {
                let scopes: Vec<&str> = consent.scopes.split_whitespace().collect();
                grants.push(json!({"client": client.shown(), "scopes": scopes, "granted_at": consent.granted_at}));
            }
        }
        Ok(answer(200, &grants))
    }

    /// `DELETE /user/oauth/grants?client_id=`: the service is out, and its sessions end.
    pub async fn revoke_grant(&self) -> Result<Response<Bytes>> {
        self.require_issuer()?;
        let client = self.query("client_id").and_then(|id| Uuid::parse_str(&id).ok());
        let client = client.ok_or_else(|| AuthError::validation("client_id is required"))?;
        let mut work = self.begin().await?;
        let user = self.bearer(&mut work, true).await?.user;
        let sql = "delete from auth.oauth_consents where user_id = $1 and client_id = $2";
        if work.execute(sql, params![user.id, client]).await? == 0 {
            let message = "No active grant found for this client";
            return Err(AuthError::new(404, "oauth_consent_not_found", message));
        }
        let sql = "delete from auth.sessions where user_id = $1 and oauth_client_id = $2";
        work.execute(sql, params![user.id, client]).await?;
        self.audit(&mut work, "oauth_revoke", Some(&user), &client.to_string()).await?;
        work.commit().await?;
        Ok(done())
    }

    /// The authorization, from now on this user's: whoever opened it first.
    async fn pending(&self, work: &mut Work, id: &str, user: &User) -> Result<(Pending, Client)> {
        let missing = || AuthError::new(404, "oauth_authorization_not_found", "authorization not found");
        let id = Uuid::parse_str(id).map_err(|_| missing())?;
        let sql = "update auth.oauth_authorizations set user_id = $2 where id = $1 and (user_id is null or user_id = $2) \
            and status = 'pending' and expires_at > $3 returning id, client_id, redirect_uri, scope, state";
        let pending: Pending = work.one(sql, params![id, user.id, self.now]).await?.ok_or_else(missing)?;
        let client = work.client(pending.client_id).await?.ok_or_else(missing)?;
        Ok((pending, client))
    }

    /// Gives the authorization its code. What is stored is the code's hash.
    async fn approve(&self, work: &mut Work, pending: &Pending) -> Result<String> {
        let code = Uuid::new_v4().to_string();
        let sql = "update auth.oauth_authorizations set status = 'approved', authorization_code = $2, expires_at = $3 where id = $1";
        let expires = self.now + SignedDuration::from_secs(CODE_SECONDS);
        work.execute(sql, params![pending.id, sha256(&code), expires]).await?;
        Ok(self.back(&pending.redirect_uri, &[("code", &code)], pending.state.as_deref()))
    }
}

async fn consents(work: &mut Work, user: Uuid) -> Result<Vec<Consent>> {
    let sql = "select client_id, scopes, granted_at from auth.oauth_consents where user_id = $1 order by granted_at, client_id";
    work.all(sql, params![user]).await
}

/// Claims of the user that the scopes open (OpenID Connect Core section 5.4).
pub(super) fn user_claims(user: &User, scopes: &str) -> Value {
    let mut claims = json!({"sub": user.id});
    let has = |scope: &str| scopes.split_whitespace().any(|known| known == scope);
    if has("email") {
        claims["email"] = json!(user.email.as_deref().unwrap_or_default());
        claims["email_verified"] = json!(user.is_proven(Channel::Email));
    }
    if has("phone") {
        claims["phone_number"] = json!(user.phone.as_deref().unwrap_or_default());
        claims["phone_number_verified"] = json!(user.is_proven(Channel::Phone));
    }
    if has("profile") {
        let metadata = user.user_metadata();
        for name in ["name", "preferred_username", "picture"] {
            if let Some(value) = metadata.get(name).filter(|value| value.is_string()) {
                claims[name] = value.clone();
            }
        }
        claims["updated_at"] = json!(user.updated_at.map(|at| at.as_second()));
    }
    claims
}
