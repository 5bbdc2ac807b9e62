//! Sessions, refresh tokens and access tokens.

use bytes::Bytes;
use http::{HeaderValue, Response};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::call::Call;
use crate::error::{AuthError, Result, answer};
use crate::secret;
use crate::store::{Work, params};
use crate::user::User;

/// A row of `auth.sessions`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Session {
    pub id: Uuid,
    pub user_id: Uuid,
    pub created_at: Option<Timestamp>,
    pub aal: Option<String>,
    pub not_after: Option<Timestamp>,
    /// The service that the session is for; none if it is the user's own.
    pub oauth_client_id: Option<Uuid>,
    /// What that service may see of the user.
    pub scopes: Option<String>,
    refreshed_at: Option<civil::DateTime>,
}

/// The columns that a [`Session`] has.
const COLUMNS: &str = "id, user_id, created_at, aal, not_after, refreshed_at, oauth_client_id, scopes";

/// A row of `auth.refresh_tokens`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RefreshToken {
    pub id: i64,
    pub token: String,
    pub revoked: Option<bool>,
    pub updated_at: Option<Timestamp>,
    pub parent: Option<String>,
    pub session_id: Option<Uuid>,
}

/// A method by which a session's user proved themselves (RFC 8176's idea).
#[derive(Debug, Clone, Deserialize)]
struct Method {
    authentication_method: String,
    updated_at: Timestamp,
}

/// A session that stands in a transaction, and what its first or next access token is made of.
pub(crate) struct Begun {
    pub session_id: Uuid,
    user_id: Uuid,
    method: String,
    claims: Map<String, Value>,
    pub refresh_token: String,
    expires_at: i64,
    /// The user as clients see them.
    user: Value,
    /// What goes if the project's hook refuses the token.
    undo: Undo,
}

/// What a refused token undoes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Undo {
    /// The session was made for it.
    Session,
    /// The user too.
    User,
    /// There is a session that goes on: with the refresh token that its client has, as if the answer had been lost.
    Nothing,
}

/// What a sign-in answers.
pub(crate) struct SignedIn {
    pub user_id: Uuid,
    pub session_id: Uuid,
    pub body: Map<String, Value>,
}

impl Session {
    /// When it was last refreshed, or made.
    pub fn last_used(&self) -> Option<Timestamp> {
        let refreshed = self.refreshed_at.and_then(|at| at.to_zoned(TimeZone::UTC).ok()).map(|at| at.timestamp());
        refreshed.or(self.created_at)
    }
}

impl Begun {
    /// The user was made in the same transaction.
    pub fn of_new_user(self) -> Begun {
        Begun { undo: Undo::User, ..self }
    }
}

impl SignedIn {
    /// The answer with its headers.
    pub fn response(self) -> Response<Bytes> {
        let mut response = answer(200, &self.body);
        for (name, id) in [("sb-auth-user-id", self.user_id), ("sb-auth-session-id", self.session_id)] {
            if let Ok(value) = HeaderValue::try_from(id.to_string()) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    /// A text member of the answer.
    pub fn text(&self, name: &str) -> &str {
        self.body.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Seconds of the Unix epoch at which the access token expires.
    pub fn expires_at(&self) -> i64 {
        self.body.get("expires_at").and_then(Value::as_i64).unwrap_or_default()
    }
}

impl Work {
    pub async fn session(&mut self, id: Uuid) -> Result<Option<Session>> {
        let sql = format!("select {COLUMNS} from auth.sessions where id = $1");
        self.one(&sql, params![id]).await
    }

    /// Reads a session and keeps others from refreshing it until the transaction ends.
    pub async fn lock_session(&mut self, id: Uuid) -> Result<Option<Session>> {
        let sql = format!(
            "update auth.sessions set updated_at = updated_at where id = $1 \
            returning {COLUMNS}"
        );
        self.one(&sql, params![id]).await
    }

    /// The user's latest session.
    pub async fn latest_session(&mut self, user: Uuid) -> Result<Option<Session>> {
        let sql = format!(
            "select {COLUMNS} from auth.sessions \
            where user_id = $1 order by created_at desc, id limit 1"
        );
        self.one(&sql, params![user]).await
    }

    /// A token, which may be one that another program made.
    pub async fn refresh_token(&mut self, token: &str) -> Result<Option<RefreshToken>> {
        let sql = "select id, token, revoked, updated_at, parent, session_id from auth.refresh_tokens where token = $1";
        let found = self.one(sql, params![token]).await?;
        match found.is_none() && self.take_over_token(token).await? {
            true => self.one(sql, params![token]).await,
            false => Ok(found),
        }
    }

    /// The token of a session that can be used next.
    pub async fn active_token(&mut self, session: Uuid) -> Result<Option<RefreshToken>> {
        let sql = "select id, token, revoked, updated_at, parent, session_id from auth.refresh_tokens \
            where session_id = $1 and revoked = false order by id desc limit 1";
        self.one(sql, params![session]).await
    }

    /// Revokes every token of a session.
    pub async fn revoke_tokens(&mut self, session: Uuid, now: Timestamp) -> Result<()> {
        let sql =
            "update auth.refresh_tokens set revoked = true, updated_at = $2 where session_id = $1 and revoked = false";
        self.execute(sql, params![session, now]).await.map(drop)
    }

    /// Stores a new refresh token of a session, and gives it.
    pub async fn add_token(&mut self, session: &Session, parent: Option<&str>, now: Timestamp) -> Result<String> {
        let token = secret::refresh_token();
        let sql = "insert into auth.refresh_tokens (instance_id, token, user_id, revoked, created_at, updated_at, parent, session_id) \
            values ('00000000-0000-0000-0000-000000000000', $1, $2, false, $3, $3, $4, $5)";
        self.execute(sql, params![token, session.user_id, now, parent, session.id]).await?;
        Ok(token)
    }

    /// Notes that the session's user proved themselves by `method`.
    pub async fn add_method(&mut self, session: Uuid, method: &str, now: Timestamp) -> Result<()> {
        let sql = "insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method) \
            values ($1, $2, $3, $3, $4) on conflict (session_id, authentication_method) do update set updated_at = $3";
        self.execute(sql, params![Uuid::new_v4(), session, now, method]).await.map(drop)
    }

    async fn methods(&mut self, session: Uuid) -> Result<Vec<Method>> {
        let sql = "select authentication_method, updated_at from auth.mfa_amr_claims where session_id = $1 \
            order by updated_at desc, authentication_method";
        self.all(sql, params![session]).await
    }

    /// Ends sessions of a user: all, or all but one.
    pub async fn end_sessions(&mut self, user: Uuid, but: Option<Uuid>) -> Result<()> {
        let sql = "delete from auth.sessions where user_id = $1 and ($2::uuid is null or id <> $2::uuid)";
        self.execute(sql, params![user, but]).await.map(drop)
    }

    /// What a new password ends: sessions, all or all but one, and what would go on without it: links, codes, flows, a change of address that waits. The
    /// user is to be stored after.
    pub async fn end_with_old_password(&mut self, user: &mut User, but: Option<Uuid>) -> Result<()> {
        self.end_sessions(user.id, but).await?;
        self.forget_tokens(user.id).await?;
        let sql = "delete from auth.flow_state where user_id = $1 or linking_target_id = $1";
        self.execute(sql, params![user.id]).await?;
        (user.email_change, user.phone_change) = (None, None);
        Ok(())
    }

    /// Ends one session.
    pub async fn end_session(&mut self, session: Uuid) -> Result<()> {
        self.execute("delete from auth.sessions where id = $1", params![session]).await.map(drop)
    }
}

impl Call<'_> {
    /// Begins a session of a user who proved themselves by `method`; [`Call::finish`] gives it out.
    pub async fn sign_in(&self, work: &mut Work, user: &mut User, method: &str) -> Result<Begun> {
        self.begin_session(work, user, method, None).await
    }

    /// Begins a session in which a service acts for a user, within `scopes`.
    pub async fn sign_in_service(&self, work: &mut Work, user: &mut User, client: Uuid, scopes: &str) -> Result<Begun> {
        self.begin_session(work, user, "oauth_provider/authorization_code", Some((client, scopes))).await
    }

    async fn begin_session(
        &self,
        work: &mut Work,
        user: &mut User,
        method: &str,
        service: Option<(Uuid, &str)>,
    ) -> Result<Begun> {
        if user.is_banned(self.now) {
            return Err(AuthError::new(400, "user_banned", "User is banned"));
        }
        user.last_sign_in_at = Some(self.now);
        let sql = "update auth.users set last_sign_in_at = $2, updated_at = $2 where id = $1";
        work.execute(sql, params![user.id, self.now]).await?;
        let sql = "insert into auth.sessions (id, user_id, created_at, updated_at, aal, user_agent, ip, oauth_client_id, scopes) \
            values ($1, $2, $3, $3, 'aal1', $4, $5, $6, $7)";
        let id = Uuid::new_v4();
        work.execute(
            sql,
            params![
                id,
                user.id,
                self.now,
                self.user_agent(),
                self.ip(),
                service.map(|(client, _)| client),
                service.map(|(_, scopes)| scopes),
            ],
        )
        .await?;
        work.add_method(id, method, self.now).await?;
        let session = Session {
            id,
            user_id: user.id,
            created_at: Some(self.now),
            aal: Some("aal1".into()),
            not_after: None,
            refreshed_at: None,
            oauth_client_id: service.map(|(client, _)| client),
            scopes: service.map(|(_, scopes)| scopes.to_owned()),
        };
        let token = work.add_token(&session, None, self.now).await?;
        let begun = self.go_on(work, user, &session, method, token).await?;
        Ok(Begun { undo: Undo::Session, ..begun })
    }

    /// A session goes on with another access token; [`Call::finish`] gives it out.
    pub async fn go_on(
        &self,
        work: &mut Work,
        user: &User,
        session: &Session,
        method: &str,
        refresh_token: String,
    ) -> Result<Begun> {
        let expires_at = self.now.as_second().saturating_add(self.expires_in());
        Ok(Begun {
            session_id: session.id,
            user_id: user.id,
            method: method.to_owned(),
            claims: self.claims(work, user, session, expires_at).await?,
            refresh_token,
            expires_at,
            user: work.user_json(user).await?,
            undo: Undo::Nothing,
        })
    }

    /// Commits, and then asks the project's hook for the access token: whoever writes meanwhile does not wait for the hook. The answer of a sign-in
    /// or refresh: tokens and the user.
    ///
    /// Errors: those of the hook; then nobody has a session that they did not have before.
    pub async fn finish(&self, work: Work, begun: Begun) -> Result<SignedIn> {
        work.commit().await?;
        match self.access_token(&begun).await {
            Ok(access_token) => self.signed_in(begun, &access_token),
            Err(refused) => {
                if let Err(error) = self.undo(&begun).await {
                    tracing::error!(error = error.message(), session = %begun.session_id, "a session that was given to nobody could not be ended");
                }
                Err(refused)
            }
        }
    }

    /// A signed access token, with the claims that the project's hook wants. To be called outside of transactions.
    pub async fn access_token(&self, begun: &Begun) -> Result<String> {
        let claims = self.auth.hooks.claims(begun.user_id, &begun.method, begun.claims.clone()).await?;
        self.auth.keys.sign(&claims).map_err(AuthError::unexpected)
    }

    /// The answer that gives a session out.
    pub fn signed_in(&self, begun: Begun, access_token: &str) -> Result<SignedIn> {
        let Value::Object(body) = json!({
            "access_token": access_token,
            "token_type": "bearer",
            "expires_in": self.expires_in(),
            "expires_at": begun.expires_at,
            "refresh_token": begun.refresh_token,
            "user": begun.user,
        }) else {
            return Err(AuthError::unexpected("a session is no object"));
        };
        Ok(SignedIn { user_id: begun.user_id, session_id: begun.session_id, body })
    }

    /// Ends what was begun for a token that was refused. A new user goes with it, so that they can come again, unless they signed in meanwhile.
    async fn undo(&self, begun: &Begun) -> Result<()> {
        if begun.undo == Undo::Nothing {
            return Ok(());
        }
        let mut work = self.begin().await?;
        work.end_session(begun.session_id).await?;
        if begun.undo == Undo::User {
            let sql =
                "delete from auth.users where id = $1 and not exists (select from auth.sessions where user_id = $1)";
            if let Err(error) = work.attempt(sql, params![begun.user_id]).await {
                tracing::warn!(%error, user = %begun.user_id, "a new user whose token was refused stays: rows of the project hold them");
            }
        }
        work.commit().await
    }

    /// Seconds for which an access token is good.
    fn expires_in(&self) -> i64 {
        i64::try_from(self.auth.settings.jwt_expiry).unwrap_or(i64::MAX)
    }

    /// The claims of an access token.
    async fn claims(&self, work: &mut Work, user: &User, session: &Session, exp: i64) -> Result<Map<String, Value>> {
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
