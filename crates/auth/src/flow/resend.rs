//! `POST /resend`: what was sent, once more. The answer never tells whether there is such a user.

use bytes::Bytes;
use http::Response;
use serde::Deserialize;
use serde_json::json;

use super::{Challenge, Security};
use crate::address;
use crate::call::Call;
use crate::error::{AuthError, Result, answer, done};
use crate::limit;
use crate::one_time::Purpose;
use crate::user::present;

#[derive(Deserialize)]
struct Resend {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
    #[serde(flatten)]
    challenge: Challenge,
    #[serde(default)]
    gotrue_meta_security: Security,
}

impl Call<'_> {
    pub async fn resend(&self) -> Result<Response<Bytes>> {
        self.limit(limit::Kind::Resend)?;
        let asked: Resend = self.body()?;
        self.judge_captcha(&asked.gotrue_meta_security).await?;
        match (asked.r#type.as_str(), present(&asked.email), present(&asked.phone)) {
            ("signup" | "email_change", Some(email), None) => {
                self.resend_mail(&asked.r#type, &address::email(email)?, &asked.challenge).await
            }
            ("sms" | "phone_change", None, Some(phone)) => {
                self.resend_text(&asked.r#type, &address::phone(phone)?).await
            }
            ("signup" | "email_change", None, _) => {
                Err(AuthError::validation("Type provided requires an email address"))
            }
            ("sms" | "phone_change", _, None) => Err(AuthError::validation("Type provided requires a phone number")),
            ("signup" | "email_change" | "sms" | "phone_change", ..) => {
                Err(AuthError::validation("Only an email address or phone number should be provided."))
            }
            _ => Err(AuthError::validation("Missing one of these types: signup, email_change, sms, phone_change")),
        }
    }

    async fn resend_mail(&self, kind: &str, email: &str, challenge: &Challenge) -> Result<Response<Bytes>> {
        let pkce = challenge.read()?;
        let mut work = self.begin().await?;
        let Some(mut user) = work.user_by_email(email).await? else { return Ok(done()) };
        let letters = match kind {
            "signup" if user.email_confirmed_at.is_some() => return Ok(done()),
            "signup" => vec![self.confirmation(&mut work, &mut user, pkce.as_ref()).await?],
            _ => match present(&user.email_change).map(str::to_owned) {
                None => return Ok(done()),
                Some(new) => self.change_letters(&mut work, &mut user, &new, pkce.as_ref()).await?,
            },
        };
        work.commit().await?;
        self.post(&user, &letters)?;
        Ok(done())
    }

    async fn resend_text(&self, kind: &str, phone: &str) -> Result<Response<Bytes>> {
        let unsent = || Ok(answer(200, &json!({"message_id": ""})));
        let mut work = self.begin().await?;
        let Some(mut user) = work.user_by_phone(phone).await? else { return unsent() };
        if kind == "sms" && user.phone_confirmed_at.is_some() {
            return unsent();
        }
        let new = present(&user.phone_change).map(str::to_owned);
        let pause = self.auth.settings.sms.max_frequency;
        let (to, purpose) = match (kind, new) {
            ("sms", _) => {
                self.judge_frequency(user.confirmation_sent_at, pause, "over_sms_send_rate_limit")?;
                user.confirmation_sent_at = Some(self.now);
                (phone.to_owned(), Purpose::Confirmation)
            }
            (_, Some(new)) => {
                self.judge_frequency(user.phone_change_sent_at, pause, "over_sms_send_rate_limit")?;
                user.phone_change_sent_at = Some(self.now);
                (new, Purpose::PhoneChange)
            }
            (_, None) => return unsent(),
        };
        work.update_user(&mut user, self.now).await?;
        let code = self.phone_code(&mut work, &user, purpose, &to).await?;
        work.commit().await?;
        self.text(&user, &to, &code).await?;
        unsent()
    }
}
