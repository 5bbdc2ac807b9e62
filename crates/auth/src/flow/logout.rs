//! `POST /logout`: ends sessions of the bearer.

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::call::Call;
use crate::error::{AuthError, Result};

impl Call<'_> {
    pub async fn logout(&self) -> Result<Response<Bytes>> {
        let scope = self.query("scope");
        let scope = scope.as_deref().unwrap_or("global");
        if !matches!(scope, "global" | "local" | "others") {
            return Err(AuthError::validation(format!("Unsupported logout scope {scope:?}")));
        }
        let mut work = self.begin().await?;
        let bearer = self.bearer(&mut work, false).await?;
        match scope {
            "local" => work.end_session(bearer.session()?).await?,
            "others" => work.end_sessions(bearer.user.id, Some(bearer.session()?)).await?,
            _ => work.end_sessions(bearer.user.id, None).await?,
        }
        self.audit(&mut work, "logout", Some(&bearer.user), scope).await?;
        work.commit().await?;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::NO_CONTENT;
        Ok(response)
    }
}
