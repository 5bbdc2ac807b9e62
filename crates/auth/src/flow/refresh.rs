//! Refresh: a refresh token is good for one use (RFC 9700 section 4.14.2).

use bytes::Bytes;
use http::Response;
use serde::Deserialize;

use crate::call::Call;
use crate::error::{AuthError, Result};
use crate::session::{RefreshToken, Session, SignedIn};
use crate::store::{Work, params};

#[derive(Deserialize)]
struct Refresh {
    #[serde(default)]
    refresh_token: String,
}

/// What becomes of a refresh token that was presented.
enum Use {
    /// A new token takes its place.
    Rotate,
    /// It was used already, by the same client: the token that took its place is given again.
    Repeat(RefreshToken),
    /// Somebody else has it: nobody may go on with it.
    Replay,
}

impl Call<'_> {
    pub async fn refresh(&self) -> Result<Response<Bytes>> {
        let Refresh { refresh_token: presented } = self.body()?;
        if presented.is_empty() {
            return Err(AuthError::oauth("invalid_request", "refresh_token required"));
        }
        let mut work = self.begin().await?;
        // A service refreshes at its own endpoint, where it has to prove who it is.
        if let Some(session) = work.refresh_token(&presented).await?.and_then(|token| token.session_id)
            && work.session(session).await?.is_some_and(|session| session.oauth_client_id.is_some())
        {
            return Err(not_found());
        }
        Ok(self.renew(work, &presented).await?.response())
    }

    /// Uses a refresh token.
    pub async fn renew(&self, mut work: Work, presented: &str) -> Result<SignedIn> {
        let no_session = || AuthError::new(400, "session_not_found", "Invalid Refresh Token: No Valid Session Found");
        let known = work.refresh_token(presented).await?.ok_or_else(not_found)?;
        let session = known.session_id.ok_or_else(no_session)?;
        // From here on, refreshes of one session come one after the other.
        let session = work.lock_session(session).await?.ok_or_else(no_session)?;
        let user = work.user(session.user_id).await?.ok_or_else(no_session)?;
        if user.is_banned(self.now) {
            return Err(AuthError::new(400, "user_banned", "Invalid Refresh Token: User Banned"));
        }
        self.judge_session(&mut work, &session).await?;
        let known = work.refresh_token(presented).await?.ok_or_else(not_found)?;
        let token = match self.judge_use(&mut work, &known, &session).await? {
            Use::Repeat(active) => active.token,
            Use::Rotate => self.rotate(&mut work, &known, &session).await?,
            Use::Replay => {
                if self.auth.settings.enable_refresh_token_rotation {
                    work.revoke_tokens(session.id, self.now).await?;
                    self.audit(&mut work, "token_revoked", Some(&user), "replayed refresh token").await?;
                    work.commit().await?;
                }
                let message = "Invalid Refresh Token: Already Used";
                return Err(AuthError::new(400, "refresh_token_already_used", message));
            }
        };
        let refreshed = "update auth.sessions set refreshed_at = $2::timestamptz at time zone 'UTC', updated_at = $2::timestamptz, user_agent = $3, ip = $4 where id = $1";
        work.execute(refreshed, params![session.id, self.now, self.user_agent(), self.ip()]).await?;
        let begun = self.go_on(&mut work, &user, &session, "token_refresh", token).await?;
        self.audit(&mut work, "token_refreshed", Some(&user), "").await?;
        self.finish(work, begun).await
    }

    async fn judge_use(&self, work: &mut Work, known: &RefreshToken, session: &Session) -> Result<Use> {
        if known.revoked != Some(true) {
            return Ok(Use::Rotate);
        }
        let Some(active) = work.active_token(session.id).await? else { return Ok(Use::Replay) };
        let age = known.updated_at.map_or(i128::MAX, |at| self.now.duration_since(at).as_millis());
        let interval = i128::from(self.auth.settings.refresh_token_reuse_interval) * 1000;
        // A client whose answer was lost asks again with the token before the active one; several tabs ask within moments.
        match active.parent.as_deref() == Some(known.token.as_str()) || age < interval {
            true => Ok(Use::Repeat(active)),
            false => Ok(Use::Replay),
        }
    }

    async fn rotate(&self, work: &mut Work, known: &RefreshToken, session: &Session) -> Result<String> {
        if !self.auth.settings.enable_refresh_token_rotation {
            return Ok(known.token.clone());
        }
        let revoke = "update auth.refresh_tokens set revoked = true, updated_at = $2 where id = $1";
        work.execute(revoke, params![known.id, self.now]).await?;
        work.add_token(session, Some(&known.token), self.now).await
    }
}

fn not_found() -> AuthError {
    AuthError::new(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
}
