//! Sessions as they begin, go on and are given out, with their access tokens.

mod claims;
mod rows;

use bytes::Bytes;
use http::{HeaderValue, Response};
use serde_json::{Map, Value, json};
use uuid::Uuid;

pub(crate) use self::rows::{RefreshToken, Session};
use crate::call::Call;
use crate::error::{AuthError, Result, answer};
use crate::store::{Work, params};
use crate::user::User;

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
}
