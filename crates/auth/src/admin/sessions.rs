//! Sessions of a user as administrators see and end them.

use bytes::Bytes;
use http::Response;
use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::users::user_not_found;
use crate::call::Call;
use crate::error::{AuthError, Result, answer, done};
use crate::store::params;

/// A session without its tokens.
#[derive(Serialize, Deserialize)]
struct Shown {
    id: Uuid,
    created_at: Option<Timestamp>,
    /// In UTC.
    refreshed_at: Option<civil::DateTime>,
    aal: Option<String>,
    user_agent: Option<String>,
    ip: Option<String>,
    /// The service that the session is for.
    oauth_client_id: Option<Uuid>,
}

impl Call<'_> {
    /// `GET /admin/users/{id}/sessions`, newest first.
    pub async fn list_sessions(&self, user: Uuid) -> Result<Response<Bytes>> {
        let mut work = self.begin().await?;
        work.user(user).await?.ok_or_else(user_not_found)?;
        let sql = "select id, created_at, refreshed_at, aal, user_agent, ip, oauth_client_id from auth.sessions \
            where user_id = $1 order by created_at desc, id";
        let sessions: Vec<Shown> = work.all(sql, params![user]).await?;
        Ok(answer(200, &sessions))
    }

    /// `DELETE /admin/users/{id}/sessions[/{session}]`: all of them, or one.
    pub async fn end_user_sessions(&self, user: Uuid, session: Option<&str>) -> Result<Response<Bytes>> {
        let mut work = self.begin().await?;
        let user = work.user(user).await?.ok_or_else(user_not_found)?;
        match session {
            None => work.end_sessions(user.id, None).await?,
            Some(text) => {
                let not_found = || AuthError::new(404, "session_not_found", "Session not found");
                let id = Uuid::parse_str(text).map_err(|_| not_found())?;
                work.session(id).await?.filter(|session| session.user_id == user.id).ok_or_else(not_found)?;
                work.end_session(id).await?;
            }
        }
        self.audit(&mut work, "logout", Some(&user), "admin").await?;
        work.commit().await?;
        Ok(done())
    }
}
