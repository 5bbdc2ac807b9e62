//! `POST /oauth/token` and `GET /oauth/userinfo`: a service's tokens, and what they open.

use bytes::Bytes;
use http::Response;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::Client;
use super::consent::user_claims;
use crate::call::Call;
use crate::error::{AuthError, Result, answer};
use crate::flow::Challenge;
use crate::limit::Kind;
use crate::secret::sha256;
use crate::session::SignedIn;
use crate::store::{Work, params};
use crate::user::User;

/// What the token endpoint is sent: a form, as RFC 6749 has it, or JSON.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Form {
    grant_type: String,
    code: String,
    redirect_uri: String,
    code_verifier: String,
    refresh_token: String,
    pub token: String,
    pub client_id: Option<String>,
    pub client_secret: Option<String>,
}

/// Seconds for which a used code is known: a day.
const KEPT: i64 = 86_400;

/// An authorization whose code was presented; it is used up.
#[derive(Deserialize)]
struct Approved {
    id: Uuid,
    client_id: Uuid,
    user_id: Option<Uuid>,
    redirect_uri: String,
    scope: String,
    nonce: Option<String>,
    code_challenge: String,
    code_challenge_method: String,
    expires_at: jiff::Timestamp,
}

impl Call<'_> {
    pub async fn service_token(&self) -> Result<Response<Bytes>> {
        self.require_issuer()?;
        self.limit(Kind::Token)?;
        let form = self.form()?;
        let mut work = self.begin().await?;
        let client =
            self.authenticated_client(&mut work, form.client_id.as_deref(), form.client_secret.as_deref()).await?;
        if !client.may(&form.grant_type) {
            let message = format!("the client may not use grant_type {:?}", form.grant_type);
            return Err(AuthError::oauth("unsupported_grant_type", message));
        }
        match form.grant_type.as_str() {
            "authorization_code" => self.exchange_authorization(work, &client, &form).await,
            _ => self.refresh_service(work, &client, &form.refresh_token).await,
        }
    }

    async fn exchange_authorization(&self, mut work: Work, client: &Client, form: &Form) -> Result<Response<Bytes>> {
        let invalid =
            || AuthError::oauth("invalid_grant", "the code is unknown, used or expired, or not for this request");
        // What it was good for is kept for a while: whoever brings it once more ends what it gave. GoTrue's tables know no other word for it.
        let sql = "update auth.oauth_authorizations set status = 'expired' where authorization_code = $1 and client_id = $2 and status = 'approved' \
            returning id, client_id, user_id, redirect_uri, scope, nonce, code_challenge, code_challenge_method, expires_at";
        let code = sha256(&form.code);
        let approved: Option<Approved> = work.one(sql, params![code, client.id]).await?;
        let Some(approved) = approved else {
            self.end_replayed(work, &code).await?;
            return Err(invalid());
        };
        let pair = Challenge {
            code_challenge: Some(approved.code_challenge.clone()),
            code_challenge_method: Some(approved.code_challenge_method.clone()),
        };
        let fits = approved.expires_at > self.now
            && approved.redirect_uri == form.redirect_uri
            && pair.read()?.is_some_and(|pkce| pkce.accepts(&form.code_verifier));
        if !fits {
            // The code is used up all the same: whoever has it and not its verifier may not try another.
            work.commit().await?;
            return Err(invalid());
        }
        let user = match approved.user_id {
            Some(id) => work.lock_user(id).await?,
            None => None,
        };
        let mut user = user.ok_or_else(invalid)?;
        let begun = self.sign_in_service(&mut work, &mut user, approved.client_id, &approved.scope).await?;
        let sql = "update auth.oauth_authorizations set session_id = $2, expires_at = $3 where id = $1";
        let kept = self.now + SignedDuration::from_secs(KEPT);
        work.execute(sql, params![approved.id, begun.session_id, kept]).await?;
        self.audit(&mut work, "oauth_token", Some(&user), &client.id.to_string()).await?;
        let signed_in = self.finish(work, begun).await?;
        let id_token = self.id_token(&user, &approved, &signed_in)?;
        Ok(tokens(&signed_in, &approved.scope, id_token))
    }

    /// A code that was used already is somebody else's too: the session that it gave ends (RFC 6749 section 4.1.2).
    async fn end_replayed(&self, mut work: Work, code: &str) -> Result<()> {
        let sql = "delete from auth.sessions where id in \
            (select session_id from auth.oauth_authorizations where authorization_code = $1 and status = 'expired')";
        if work.execute(sql, params![code]).await? > 0 {
            self.audit(&mut work, "token_revoked", None, "replayed authorization code").await?;
        }
        work.commit().await
    }

    async fn refresh_service(&self, mut work: Work, client: &Client, token: &str) -> Result<Response<Bytes>> {
        let scope = match self.service_session(&mut work, token).await? {
            Some((owner, scope)) if owner == client.id => scope,
            _ => return Err(AuthError::oauth("invalid_grant", "the refresh token is unknown or another client's")),
        };
        let signed_in = self.renew(work, token).await.map_err(|error| match error.status() {
            500.. => error,
            _ => AuthError::oauth("invalid_grant", error.message()),
        })?;
        Ok(tokens(&signed_in, &scope, None))
    }

    /// The client and scopes of the session that a refresh token belongs to, if it is a service's.
    async fn service_session(&self, work: &mut Work, token: &str) -> Result<Option<(Uuid, String)>> {
        let Some(session) = work.refresh_token(token).await?.and_then(|token| token.session_id) else {
            return Ok(None);
        };
        let session = work.session(session).await?;
        Ok(session.and_then(|session| Some((session.oauth_client_id?, session.scopes.unwrap_or_default()))))
    }

    fn id_token(&self, user: &User, approved: &Approved, signed_in: &SignedIn) -> Result<Option<String>> {
        if !approved.scope.split_whitespace().any(|scope| scope == "openid") {
            return Ok(None);
        }
        let mut claims = user_claims(user, &approved.scope);
        claims["iss"] = json!(self.issuer());
        claims["aud"] = json!(approved.client_id);
        claims["iat"] = json!(self.now.as_second());
        claims["exp"] = json!(signed_in.expires_at());
        claims["auth_time"] = json!(user.last_sign_in_at.unwrap_or(self.now).as_second());
        if let Some(nonce) = &approved.nonce {
            claims["nonce"] = json!(nonce);
        }
        let Value::Object(claims) = claims else { return Ok(None) };
        self.auth.keys.sign(&claims).map(Some).map_err(AuthError::unexpected)
    }

    pub async fn userinfo(&self) -> Result<Response<Bytes>> {
        self.require_issuer()?;
        let mut work = self.begin().await?;
        let bearer = self.bearer(&mut work, false).await?;
        let session = work.session(bearer.session()?).await?;
        let scopes = session.and_then(|session| session.scopes);
        // A user's own session opens all of it.
        let scopes = scopes.unwrap_or_else(|| super::SCOPES.join(" "));
        Ok(answer(200, &user_claims(&bearer.user, &scopes)))
    }

    /// The body of a request to the token endpoint, by its declared type.
    pub(super) fn form(&self) -> Result<Form> {
        if self.declared().is_some_and(|kind| kind == "application/json") {
            return self.body();
        }
        let mut form = Form::default();
        for (name, value) in self.form_pairs()? {
            match &*name {
                "grant_type" => form.grant_type = value,
                "code" => form.code = value,
                "redirect_uri" => form.redirect_uri = value,
                "code_verifier" => form.code_verifier = value,
                "refresh_token" => form.refresh_token = value,
                "token" => form.token = value,
                "client_id" => form.client_id = Some(value),
                "client_secret" => form.client_secret = Some(value),
                _ => {}
            }
        }
        Ok(form)
    }
}

/// RFC 6749 section 5.1.
fn tokens(signed_in: &SignedIn, scope: &str, id_token: Option<String>) -> Response<Bytes> {
    let mut body = json!({
        "access_token": signed_in.text("access_token"),
        "token_type": "bearer",
        "expires_in": signed_in.body.get("expires_in"),
        "refresh_token": signed_in.text("refresh_token"),
        "scope": scope,
    });
    if let Some(token) = id_token {
        body["id_token"] = json!(token);
    }
    answer(200, &body)
}
