//! `POST /passkeys/registration/...`: a signed-in user registers a passkey.

use bytes::Bytes;
use http::Response;
use uuid::Uuid;

use super::{Answered, Ceremony, Passkey, not_verified};
use crate::bearer::Bearer;
use crate::call::Call;
use crate::error::{AuthError, Result, answer};
use crate::limit::Kind;
use crate::store::{Work, params};
use crate::webauthn::{Credential, Person, Use};

impl Call<'_> {
    pub async fn passkey_registration(&self) -> Result<Response<Bytes>> {
        self.limit(Kind::Passkey)?;
        let mut work = self.begin().await?;
        let bearer = self.bearer(&mut work, true).await?;
        let known = self.judge_registrant(&mut work, &bearer).await?;
        let known: Vec<Credential> = known.into_iter().map(|passkey| passkey.credential).collect();
        let question = self.relying_party()?.ask_new(Use::Passkey, &Person::of(&bearer.user), &known);
        let question = question.map_err(AuthError::unexpected)?;
        let body = self.ask(&mut work, Some(bearer.user.id), Ceremony::Registration, question).await?;
        work.commit().await?;
        Ok(answer(200, &body))
    }

    pub async fn register_passkey(&self) -> Result<Response<Bytes>> {
        self.limit(Kind::Verify)?;
        let answered: Answered = self.body()?;
        let mut work = self.begin().await?;
        let user = self.bearer(&mut work, false).await?.user.id;
        work.commit().await?;
        let challenge = self.take_challenge(&answered.challenge_id, Some(user), Ceremony::Registration).await?;
        let credential = self.relying_party()?.judge_new(user, &challenge.session_data, &answered.credential);
        let credential = credential.map_err(|why| not_verified(&why))?;

        let mut work = self.begin().await?;
        let bearer = self.bearer(&mut work, true).await?;
        self.judge_registrant(&mut work, &bearer).await?;
        let passkey =
            Passkey { id: Uuid::new_v4(), credential, friendly_name: None, created_at: self.now, last_used_at: None };
        let stored = serde_json::to_value(&passkey.credential).map_err(AuthError::unexpected)?;
        let sql = "insert into auth.webauthn_credentials (id, user_id, credential_id, credential, created_at, updated_at) \
            values ($1, $2, $3, $4, $5, $5)";
        let values = params![passkey.id, user, passkey.credential.id, stored, self.now];
        work.attempt(sql, values).await.map_err(|error| match error.code() {
            "23505" => AuthError::new(422, "webauthn_credential_exists", "This passkey is already registered"),
            _ => error.into(),
        })?;
        self.audit(&mut work, "passkey_created", Some(&bearer.user), "passkey").await?;
        work.commit().await?;
        Ok(answer(200, &passkey.json()))
    }

    /// Whether a user may register one more passkey; gives those they have.
    ///
    /// Errors: `no_authorization` for anonymous users; `insufficient_aal` where the user has a second factor and did not prove it;
    /// `too_many_passkeys`.
    async fn judge_registrant(&self, work: &mut Work, bearer: &Bearer) -> Result<Vec<Passkey>> {
        if bearer.user.is_anonymous {
            return Err(AuthError::new(403, "no_authorization", "Anonymous users cannot register passkeys"));
        }
        self.judge_passkey_change(work, bearer).await?;
        let known = work.passkeys(bearer.user.id).await?;
        let most = self.auth.settings.passkey.max_passkeys;
        if known.len() >= most {
            let message = format!("A user can have {most} passkeys at most: delete one first");
            return Err(AuthError::new(422, "too_many_passkeys", message));
        }
        Ok(known)
    }

    /// Whether a bearer may change what their user signs in with.
    pub(super) async fn judge_passkey_change(&self, work: &mut Work, bearer: &Bearer) -> Result<()> {
        let has_factor = work.factors(bearer.user.id).await?.iter().any(|factor| factor.is_verified());
        if has_factor && !self.is_aal2(work, bearer).await? {
            return Err(AuthError::new(403, "insufficient_aal", "AAL2 required to change passkeys"));
        }
        Ok(())
    }
}
