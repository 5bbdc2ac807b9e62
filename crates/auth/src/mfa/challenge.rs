//! `POST /factors/{id}/challenge`: what the next verification of a factor answers to.

use bytes::Bytes;
use http::Response;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Held, Kind, no_relying_party};
use crate::call::Call;
use crate::error::{AuthError, Result, answer};
use crate::limit;
use crate::secret::digits;
use crate::store::{Work, params};
use crate::user::{User, present};
use crate::webauthn::{CHALLENGE_SECONDS, Credential, Person, Question, Use};

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    channel: Option<String>,
}

/// A row of `auth.mfa_challenges`.
#[derive(Deserialize)]
pub(super) struct Challenge {
    pub id: Uuid,
    pub created_at: Timestamp,
    pub ip_address: String,
    pub otp_code: Option<String>,
    pub web_authn_session_data: Option<String>,
}

impl Challenge {
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now.duration_since(self.created_at) <= SignedDuration::from_secs(CHALLENGE_SECONDS)
    }
}

impl Call<'_> {
    pub async fn challenge(&self, factor: Uuid) -> Result<Response<Bytes>> {
        self.limit(limit::Kind::Mfa)?;
        let asked: Asked = self.body()?;
        let mut work = self.begin().await?;
        let bearer = self.bearer(&mut work, true).await?;
        let held = work.held(bearer.user.id, factor).await?;
        let kind = held.kind()?;
        kind.judge_verify(&self.auth.settings.mfa)?;
        let expires_at = self.now.as_second() + CHALLENGE_SECONDS;
        let id = Uuid::new_v4();
        let mut body = json!({"id": id, "type": kind.name(), "expires_at": expires_at});
        let mut text = None;
        let (mut code_hash, mut state) = (None, None);
        match kind {
            Kind::Totp => {}
            Kind::Phone => {
                let (phone, code) = self.factor_code(&held, present(&asked.channel))?;
                code_hash = Some(self.auth.codes.of(&phone, &code));
                text = Some((phone, code));
            }
            Kind::WebAuthn => {
                let (of, question) = self.factor_question(&mut work, &bearer.user, &held).await?;
                body["webauthn"] = json!({"type": of, "credential_options": {"publicKey": question.options}});
                state = Some(Value::from(question.state));
            }
        }
        let old =
            self.now.saturating_sub(SignedDuration::from_secs(CHALLENGE_SECONDS)).map_err(AuthError::unexpected)?;
        let sql = "delete from auth.mfa_challenges where factor_id = $1 and created_at < $2";
        work.execute(sql, params![factor, old]).await?;
        let sql = "insert into auth.mfa_challenges (id, factor_id, created_at, ip_address, otp_code, web_authn_session_data) \
            values ($1, $2, $3, $4, $5, $6)";
        let values = params![id, factor, self.now, self.ip(), code_hash, state];
        work.execute(sql, values).await?;
        let sql = "update auth.mfa_factors set last_challenged_at = $2 where id = $1";
        work.execute(sql, params![factor, self.now]).await?;
        self.audit(&mut work, "challenge_created", Some(&bearer.user), kind.name()).await?;
        work.commit().await?;
        if let Some((phone, code)) = text {
            self.text(&bearer.user, &phone, &code).await?;
        }
        Ok(answer(200, &body))
    }

    /// The number of a phone factor, and a code to send there.
    fn factor_code(&self, held: &Held, channel: Option<&str>) -> Result<(String, String)> {
        if channel.is_some_and(|channel| channel != "sms") {
            return Err(AuthError::validation("channel needs to be sms"));
        }
        let sms = &self.auth.settings.sms;
        let phone = held.factor.phone.clone().unwrap_or_default();
        if let Some(code) = sms.test_otp.get(&phone) {
            return Ok((phone, code.clone()));
        }
        self.judge_frequency(held.factor.last_challenged_at, sms.max_frequency, "over_sms_send_rate_limit")?;
        self.limit_messages()?;
        Ok((phone, digits(sms.otp_length)))
    }

    /// What a browser is asked: for a new credential (`create`) until the factor has one, then for that one (`request`).
    async fn factor_question(&self, work: &mut Work, user: &User, held: &Held) -> Result<(&'static str, Question)> {
        let party = self.auth.relying_party.as_ref().ok_or_else(no_relying_party)?;
        let question = match &held.web_authn_credential {
            Some(credential) => ("request", party.ask_factor(credential)),
            None => {
                let known = work.factor_credentials(user.id).await?;
                ("create", party.ask_new(Use::Factor, &Person::of(user), &known))
            }
        };
        Ok((question.0, question.1.map_err(AuthError::unexpected)?))
    }
}

impl Work {
    /// The credentials of a user's factors.
    async fn factor_credentials(&mut self, user: Uuid) -> Result<Vec<Credential>> {
        #[derive(Deserialize)]
        struct Row {
            credential: Credential,
        }
        let sql = "select web_authn_credential as credential from auth.mfa_factors \
            where user_id = $1 and web_authn_credential is not null";
        let rows: Vec<Row> = self.all(sql, params![user]).await?;
        Ok(rows.into_iter().map(|row| row.credential).collect())
    }
}
