//! Codes and links to sign in with: `POST /otp`, `POST /magiclink`.

use bytes::Bytes;
use http::Response;
use serde::Deserialize;
use serde_json::json;

use super::once_more::{TAKEN, until_undisturbed};
use super::signup::signup_disabled;
use super::{Challenge, Metadata, Security};
use crate::address::{Channel, judge_message_channel};
use crate::call::Call;
use crate::error::{AuthError, Result, answer, done};
use crate::limit;
use crate::mail::Kind;
use crate::one_time::Purpose;
use crate::user::present;

#[derive(Deserialize)]
struct Otp {
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
    #[serde(default = "yes")]
    create_user: bool,
    #[serde(default)]
    data: Option<Metadata>,
    #[serde(default)]
    channel: Option<String>,
    #[serde(flatten)]
    challenge: Challenge,
    #[serde(default)]
    gotrue_meta_security: Security,
}

fn yes() -> bool {
    true
}

impl Call<'_> {
    pub async fn otp(&self) -> Result<Response<Bytes>> {
        self.limit(limit::Kind::Otp)?;
        let asked: Otp = self.body()?;
        self.judge_captcha(&asked.gotrue_meta_security).await?;
        asked.data.iter().try_for_each(|data| self.judge_metadata(data))?;
        match (present(&asked.email), present(&asked.phone)) {
            (Some(_), Some(_)) => {
                Err(AuthError::validation("Only an email address or phone number should be provided"))
            }
            (Some(_), None) if present(&asked.channel).is_some() => {
                Err(AuthError::validation("Channel should only be specified with Phone OTP"))
            }
            (Some(_), None) => until_undisturbed(TAKEN, || self.otp_by_email(&asked)).await,
            (None, Some(_)) => until_undisturbed(TAKEN, || self.otp_by_phone(&asked)).await,
            (None, None) => Err(AuthError::validation("One of email or phone must be set")),
        }
    }

    pub async fn magic_link(&self) -> Result<Response<Bytes>> {
        self.limit(limit::Kind::MagicLink)?;
        let asked: Otp = self.body()?;
        self.judge_captcha(&asked.gotrue_meta_security).await?;
        asked.data.iter().try_for_each(|data| self.judge_metadata(data))?;
        if present(&asked.email).is_none() {
            return Err(AuthError::validation("Password recovery requires an email"));
        }
        until_undisturbed(TAKEN, || self.otp_by_email(&asked)).await
    }

    async fn otp_by_email(&self, asked: &Otp) -> Result<Response<Bytes>> {
        let settings = &self.auth.settings;
        if !settings.email.enable_signup {
            return Err(AuthError::new(422, "email_provider_disabled", "Email logins are disabled"));
        }
        let address = Channel::Email.read(asked.email.as_deref().unwrap_or_default())?;
        let pkce = asked.challenge.read()?;
        let mut work = self.begin().await?;
        let mut user = match work.lock_user_at(&address).await? {
            Some(user) => user,
            None if !asked.create_user => return Err(no_signups_by_otp()),
            None if !settings.enable_signup => return Err(signup_disabled()),
            None => {
                let data = asked.data.clone().unwrap_or_default();
                self.new_user(&mut work, &address, None, data).await?
            }
        };
        let outgoing = if user.email_confirmed_at.is_some() || !settings.email.enable_confirmations {
            self.judge_pause(user.recovery_sent_at, Channel::Email)?;
            self.limit_mails()?;
            user.recovery_sent_at = Some(self.now);
            work.update_user(&mut user, self.now).await?;
            let what = (Kind::MagicLink, "magiclink", Purpose::Recovery);
            self.letter(&mut work, &user, what, pkce.as_ref(), "magiclink").await?.into()
        } else {
            self.confirmation(&mut work, &mut user, &address, pkce.as_ref()).await?
        };
        self.audit(&mut work, "user_recovery_requested", Some(&user), "email").await?;
        self.send(work, &user, outgoing).await?;
        Ok(done())
    }

    async fn otp_by_phone(&self, asked: &Otp) -> Result<Response<Bytes>> {
        let settings = &self.auth.settings;
        if !settings.sms.enable_signup {
            return Err(AuthError::new(400, "phone_provider_disabled", "Unsupported phone provider"));
        }
        judge_message_channel(asked.channel.as_deref())?;
        let address = Channel::Phone.read(asked.phone.as_deref().unwrap_or_default())?;
        let mut work = self.begin().await?;
        let mut user = match work.lock_user_at(&address).await? {
            Some(user) => user,
            None if !asked.create_user => return Err(no_signups_by_otp()),
            None if !settings.enable_signup => return Err(signup_disabled()),
            None => self.new_user(&mut work, &address, None, asked.data.clone().unwrap_or_default()).await?,
        };
        let outgoing = self.confirmation(&mut work, &mut user, &address, None).await?;
        self.audit(&mut work, "user_recovery_requested", Some(&user), "phone").await?;
        self.send(work, &user, outgoing).await?;
        Ok(answer(200, &json!({"message_id": ""})))
    }
}

fn no_signups_by_otp() -> AuthError {
    AuthError::new(422, "otp_disabled", "Signups not allowed for otp")
}
