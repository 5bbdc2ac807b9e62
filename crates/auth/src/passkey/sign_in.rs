//! `POST /passkeys/authentication/...`: whoever has a passkey signs in with it.

use bytes::Bytes;
use http::Response;
use serde::Deserialize;
use serde_json::Value;

use super::{Answered, Ceremony, not_verified};
use crate::call::Call;
use crate::error::{AuthError, Result, answer};
use crate::flow::Security;
use crate::limit::Kind;
use crate::store::params;
use crate::webauthn::Credential;

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    gotrue_meta_security: Security,
}

#[derive(Deserialize)]
struct Found {
    credential: Credential,
}

impl Call<'_> {
    pub async fn passkey_authentication(&self) -> Result<Response<Bytes>> {
        self.limit(Kind::Passkey)?;
        let asked: Asked = self.body()?;
        self.judge_captcha(&asked.gotrue_meta_security).await?;
        let question = self.relying_party()?.ask_passkey().map_err(AuthError::unexpected)?;
        let mut work = self.begin().await?;
        let body = self.ask(&mut work, None, Ceremony::Authentication, question).await?;
        work.commit().await?;
        Ok(answer(200, &body))
    }

    pub async fn sign_in_with_passkey(&self) -> Result<Response<Bytes>> {
        self.limit(Kind::Verify)?;
        let answered: Answered = self.body()?;
        let challenge = self.take_challenge(&answered.challenge_id, None, Ceremony::Authentication).await?;
        let id = answered.credential.get("id").and_then(Value::as_str).unwrap_or_default();
        let unknown = || AuthError::new(400, "webauthn_credential_not_found", "No such passkey is registered");

        let mut work = self.begin().await?;
        // The row is locked: of two uses of one counter, the second is judged by what the first left.
        let sql = "update auth.webauthn_credentials set last_used_at = $2, updated_at = $2 where credential_id = $1 \
            returning credential";
        let found: Option<Found> = work.one(sql, params![id, self.now]).await?;
        let mut credential = found.ok_or_else(unknown)?.credential;
        let party = self.relying_party()?;
        let judged = party.judge_passkey(&challenge.session_data, &answered.credential, &mut credential);
        judged.map_err(|why| not_verified(&why))?;
        let stored = serde_json::to_value(&credential).map_err(AuthError::unexpected)?;
        let sql = "update auth.webauthn_credentials set credential = $2 where credential_id = $1";
        work.execute(sql, params![credential.id, stored]).await?;
        let mut user = work.lock_user(credential.user_id).await?.ok_or_else(unknown)?;
        let begun = self.sign_in(&mut work, &mut user, "passkey").await?;
        self.audit(&mut work, "login", Some(&user), "passkey").await?;
        Ok(self.finish(work, begun).await?.response())
    }
}
