//! `POST /factors/{id}/verify`: the answer to a challenge makes a session aal2. Whoever answers holds the user's row, so a code is
//! not used twice at once; a challenge is gone once it was answered.

use basalt_core::constant_time_eq;
use bytes::Bytes;
use http::Response;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::challenge::Challenge;
use super::{Held, Kind, no_relying_party, totp};
use crate::bearer::Bearer;
use crate::call::Call;
use crate::error::{AuthError, Result};
use crate::limit;
use crate::store::{Work, params};

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    challenge_id: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    webauthn: Option<WebAuthn>,
}

#[derive(Deserialize)]
struct WebAuthn {
    #[serde(default)]
    credential_response: Value,
}

impl Call<'_> {
    pub async fn verify_factor(&self, factor: Uuid) -> Result<Response<Bytes>> {
        self.limit(limit::Kind::Mfa)?;
        let asked: Asked = self.body()?;
        let challenge =
            Uuid::parse_str(&asked.challenge_id).map_err(|_| AuthError::validation("challenge_id must be an UUID"))?;
        let mut work = self.begin().await?;
        let bearer = self.bearer(&mut work, true).await?;
        let mut held = work.held(bearer.user.id, factor).await?;
        let kind = held.kind()?;
        kind.judge_verify(&self.auth.settings.mfa)?;
        let account = format!("factor {factor}");
        let challenge = self.open_challenge(&mut work, factor, challenge).await?;
        let judging = async {
            self.audit(&mut work, "verification_attempted", Some(&bearer.user), kind.name()).await?;
            let proved = match kind {
                Kind::Totp => self.judge_code(&mut held, &asked.code),
                Kind::Phone => self.judge_message(&held, &challenge, &asked.code),
                Kind::WebAuthn => self.judge_credential(&bearer, &mut held, &challenge, asked.webauthn.as_ref()),
            };
            // What a browser signed answers to nothing else; a code may be mistyped.
            if proved.is_ok() || kind == Kind::WebAuthn {
                work.execute("delete from auth.mfa_challenges where id = $1", params![challenge.id]).await?;
            }
            Ok(proved)
        };
        if let Err(error) = self.attempt(&account, judging).await {
            work.commit().await?;
            return Err(error);
        }
        let credential =
            held.web_authn_credential.as_ref().and_then(|credential| serde_json::to_value(credential).ok());
        let sql = "update auth.mfa_factors set status = 'verified', last_totp_step = $2, web_authn_credential = $3, \
            updated_at = $4 where id = $1";
        work.execute(sql, params![factor, held.last_totp_step, credential, self.now]).await?;
        let sql = "delete from auth.mfa_factors where user_id = $1 and factor_type = $2 and status = 'unverified'";
        work.execute(sql, params![bearer.user.id, kind.name()]).await?;
        Ok(self.elevate(work, bearer, Some(factor), kind.method()).await?.response())
    }

    /// A challenge that may still be answered by this client.
    ///
    /// Errors: `mfa_factor_not_found`, `mfa_ip_address_mismatch`, `mfa_challenge_expired`.
    async fn open_challenge(&self, work: &mut Work, factor: Uuid, id: Uuid) -> Result<Challenge> {
        let sql = "select id, created_at, ip_address, otp_code, web_authn_session_data from auth.mfa_challenges \
            where id = $1 and factor_id = $2 and verified_at is null";
        let challenge: Option<Challenge> = work.one(sql, params![id, factor]).await?;
        let challenge = challenge.ok_or_else(|| {
            let message = "MFA factor with the provided challenge ID not found";
            AuthError::new(422, "mfa_factor_not_found", message)
        })?;
        if challenge.ip_address != self.ip() {
            let message = "Challenge and verify IP addresses mismatch";
            return Err(AuthError::new(422, "mfa_ip_address_mismatch", message));
        }
        if !challenge.is_fresh(self.now) {
            let message = format!("MFA challenge {id} has expired, create a new challenge to verify against");
            return Err(AuthError::new(422, "mfa_challenge_expired", message));
        }
        Ok(challenge)
    }

    /// A code of an app, later than every one that was accepted before.
    fn judge_code(&self, held: &mut Held, code: &str) -> Result<()> {
        let secret = held.secret.as_deref().unwrap_or_default();
        match totp::accepts(secret, code, self.now, held.last_totp_step) {
            Some(step) => {
                held.last_totp_step = Some(step);
                Ok(())
            }
            None => Err(wrong("Invalid TOTP code entered")),
        }
    }

    /// The code that was sent to the factor's number.
    fn judge_message(&self, held: &Held, challenge: &Challenge, code: &str) -> Result<()> {
        let hashes = self.auth.codes.all(held.factor.phone.as_deref().unwrap_or_default(), code);
        let sent = challenge.otp_code.as_deref().unwrap_or_default();
        match hashes.iter().any(|hash| constant_time_eq(sent.as_bytes(), hash.as_bytes())) {
            true => Ok(()),
            false => Err(wrong("Invalid MFA Phone code entered")),
        }
    }

    /// A new credential for a factor that has none; a known one signs.
    fn judge_credential(
        &self,
        bearer: &Bearer,
        held: &mut Held,
        challenge: &Challenge,
        asked: Option<&WebAuthn>,
    ) -> Result<()> {
        let party = self.auth.relying_party.as_ref().ok_or_else(no_relying_party)?;
        let response = asked.map_or(&Value::Null, |asked| &asked.credential_response);
        let state = challenge.web_authn_session_data.as_deref().unwrap_or_default();
        let judged = match &mut held.web_authn_credential {
            Some(credential) => party.judge_factor(state, response, credential),
            none => party.judge_new(bearer.user.id, state, response).map(|credential| *none = Some(credential)),
        };
        judged.map_err(|why| wrong(&format!("Invalid WebAuthn response: {why}")))
    }
}

fn wrong(message: &str) -> AuthError {
    AuthError::new(422, "mfa_verification_failed", message)
}
