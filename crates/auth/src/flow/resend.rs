//! `POST /resend`: what was sent, once more. The answer never tells whether there is such a user.

use bytes::Bytes;
use http::Response;
use serde::Deserialize;
use serde_json::json;

use super::notify::Outgoing;
use super::pkce::Pkce;
use super::{Challenge, Security};
use crate::address::{Address, Channel};
use crate::call::Call;
use crate::error::{AuthError, Result, answer, done};
use crate::limit;
use crate::one_time::Purpose;
use crate::user::{User, present};

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
        let (email, phone) = (present(&asked.email), present(&asked.phone));
        let (channel, given) = match (asked.r#type.as_str(), email, phone) {
            ("signup" | "email_change", Some(email), None) => (Channel::Email, email),
            ("sms" | "phone_change", None, Some(phone)) => (Channel::Phone, phone),
            ("signup" | "email_change", None, _) => {
                return Err(AuthError::validation("Type provided requires an email address"));
            }
            ("sms" | "phone_change", _, None) => {
                return Err(AuthError::validation("Type provided requires a phone number"));
            }
            ("signup" | "email_change" | "sms" | "phone_change", ..) => {
                return Err(AuthError::validation("Only an email address or phone number should be provided."));
            }
            _ => {
                let message = "Missing one of these types: signup, email_change, sms, phone_change";
                return Err(AuthError::validation(message));
            }
        };
        let address = channel.read(given)?;
        let pkce = asked.challenge.read()?;
        let is_change = matches!(asked.r#type.as_str(), "email_change" | "phone_change");
        match is_change {
            true => self.resend_change(&address, pkce.as_ref()).await?,
            false => self.resend_confirmation(&address, pkce.as_ref()).await?,
        }
        Ok(match channel {
            Channel::Email => done(),
            Channel::Phone => answer(200, &json!({"message_id": ""})),
        })
    }

    async fn resend_confirmation(&self, address: &Address, pkce: Option<&Pkce>) -> Result<()> {
        let mut work = self.begin().await?;
        let confirmed = |user: &User| match address.channel {
            Channel::Email => user.email_confirmed_at.is_some(),
            Channel::Phone => user.phone_confirmed_at.is_some(),
        };
        let Some(mut user) = work.lock_user_at(address).await?.filter(|user| !confirmed(user)) else {
            return self.pretend(work, Purpose::Confirmation, address).await;
        };
        let own = work.waiting_confirmation(user.id).await?.is_some_and(|waiting| waiting.of_sign_up);
        let outgoing = self.confirmation(&mut work, &mut user, address, pkce).await?;
        work.bind_confirmation(user.id, own).await?;
        self.audit(&mut work, "user_confirmation_requested", Some(&user), address.channel.name()).await?;
        self.send(work, &user, outgoing).await
    }

    async fn resend_change(&self, address: &Address, pkce: Option<&Pkce>) -> Result<()> {
        let mut work = self.begin().await?;
        let new = |user: &User| match address.channel {
            Channel::Email => present(&user.email_change).map(str::to_owned),
            Channel::Phone => present(&user.phone_change).map(str::to_owned),
        };
        let user = work.lock_user_at(address).await?;
        let Some((mut user, new)) = user.and_then(|user| new(&user).map(|new| (user, new))) else {
            let purpose = match address.channel {
                Channel::Email => Purpose::EmailChangeNew,
                Channel::Phone => Purpose::PhoneChange,
            };
            return self.pretend(work, purpose, address).await;
        };
        let outgoing = match address.channel {
            Channel::Email => {
                let letters = self.change_letters(&mut work, &mut user, &new, pkce).await?;
                Outgoing { letters, text: None }
            }
            Channel::Phone => self.change_text(&mut work, &mut user, &new).await?,
        };
        self.audit(&mut work, "user_modified", Some(&user), address.channel.name()).await?;
        self.send(work, &user, outgoing).await
    }
}
