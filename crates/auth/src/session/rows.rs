//! Rows of sessions, of their refresh tokens, and of the methods by which their users proved themselves.

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use serde::Deserialize;
use uuid::Uuid;

use crate::error::Result;
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
    pub(super) refreshed_at: Option<civil::DateTime>,
}

/// The columns that a [`Session`] has.
const COLUMNS: &str = "id, user_id, created_at, aal, not_after, refreshed_at, oauth_client_id, scopes";

/// A row of `auth.refresh_tokens`.
#[derive(Clone, Deserialize)]
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
pub(super) struct Method {
    pub authentication_method: String,
    pub updated_at: Timestamp,
}

impl Session {
    /// When it was last refreshed, or made.
    pub fn last_used(&self) -> Option<Timestamp> {
        let refreshed = self.refreshed_at.and_then(|at| at.to_zoned(TimeZone::UTC).ok()).map(|at| at.timestamp());
        refreshed.or(self.created_at)
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

    pub(super) async fn methods(&mut self, session: Uuid) -> Result<Vec<Method>> {
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
