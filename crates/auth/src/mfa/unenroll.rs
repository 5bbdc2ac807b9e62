//! `DELETE /factors/{id}`: a factor goes, and what sessions owed to it.

use bytes::Bytes;
use http::Response;
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::call::Call;
use crate::error::{AuthError, Result, answer};
use crate::store::{Work, params};

impl Call<'_> {
    pub async fn unenroll(&self, factor: Uuid) -> Result<Response<Bytes>> {
        let mut work = self.begin().await?;
        let bearer = self.bearer(&mut work, true).await?;
        let held = work.held(bearer.user.id, factor).await?;
        if held.factor.is_verified() && !self.is_aal2(&mut work, &bearer).await? {
            return Err(AuthError::new(422, "insufficient_aal", "AAL2 required to unenroll verified factor"));
        }
        work.remove_factor(bearer.user.id, factor, self.now).await?;
        self.audit(&mut work, "factor_unenrolled", Some(&bearer.user), &held.factor.factor_type).await?;
        work.commit().await?;
        Ok(answer(200, &json!({ "id": factor })))
    }
}

impl Work {
    /// Removes a factor. Sessions that proved it are aal1 again; all are once no verified factor is left, and then there is nothing
    /// that recovery codes stand in for.
    pub async fn remove_factor(&mut self, user: Uuid, factor: Uuid, now: Timestamp) -> Result<()> {
        self.execute("delete from auth.mfa_factors where id = $1 and user_id = $2", params![factor, user]).await?;
        let is_left = self.factors(user).await?.iter().any(|other| other.is_verified());
        let sql = "update auth.sessions set aal = 'aal1', factor_id = null, updated_at = $4 \
            where user_id = $1 and aal = 'aal2' and (factor_id = $2 or not $3::boolean)";
        self.execute(sql, params![user, factor, is_left, now]).await?;
        let sql = "delete from auth.mfa_amr_claims where authentication_method in ('totp', 'mfa/phone', 'mfa/webauthn', \
            'recovery_code') and session_id in (select id from auth.sessions where user_id = $1 and aal = 'aal1')";
        self.execute(sql, params![user]).await?;
        if !is_left {
            self.execute("delete from auth.mfa_recovery_codes where user_id = $1", params![user]).await?;
        }
        Ok(())
    }
}
