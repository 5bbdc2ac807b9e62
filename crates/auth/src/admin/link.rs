//! Links that an administrator makes and sends by their own means, and invitations.

use bytes::Bytes;
use http::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::users::user_not_found;
use crate::address::{self, Address, Channel};
use crate::call::Call;
use crate::error::{AuthError, Result, answer};
use crate::flow::Metadata;
use crate::flow::once_more::{TAKEN, until_undisturbed};
use crate::mail::Kind;
use crate::one_time::Purpose;
use crate::password;
use crate::user::present;

#[derive(Deserialize)]
struct Link {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    new_email: Option<String>,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    data: Option<Metadata>,
    #[serde(default)]
    redirect_to: Option<String>,
}

#[derive(Deserialize)]
struct Invite {
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    data: Option<Metadata>,
}

impl Call<'_> {
    pub async fn generate_link(&self) -> Result<Response<Bytes>> {
        let asked: Link = self.body()?;
        let address = Channel::Email.read(asked.email.as_deref().unwrap_or_default())?;
        asked.data.iter().try_for_each(|data| self.judge_metadata(data))?;
        // Hashed before the transaction: nobody waits for another's hash.
        let hash = match (asked.r#type.as_str(), present(&asked.password)) {
            ("signup", Some(password)) => {
                password::judge(&self.auth.settings, password)?;
                Some(self.auth.passwords.hash(password).await?)
            }
            _ => None,
        };
        until_undisturbed(TAKEN, || self.link_for(&asked, &address, hash.clone())).await
    }

    async fn link_for(&self, asked: &Link, address: &Address, hash: Option<String>) -> Result<Response<Bytes>> {
        let mut work = self.begin().await?;
        let existing = work.lock_user_at(address).await?;
        let kind = match (asked.r#type.as_str(), &existing) {
            ("magiclink", None) => "signup",
            (
                kind @ ("signup" | "invite" | "magiclink" | "recovery" | "email_change_current" | "email_change_new"),
                _,
            ) => kind,
            (other, _) => {
                let message = format!("Invalid email action link type requested: {other}");
                return Err(AuthError::validation(message));
            }
        };
        let is_new = matches!(kind, "signup" | "invite");
        if is_new && existing.as_ref().is_some_and(|user| user.email_confirmed_at.is_some()) {
            return Err(email_exists());
        }
        let is_made = existing.is_none();
        let mut user = match existing {
            Some(user) => user,
            None if is_new => {
                if hash.is_none() && asked.r#type == "signup" {
                    return Err(AuthError::validation("Signup requires a valid password"));
                }
                self.new_user(&mut work, address, hash, asked.data.clone().unwrap_or_default()).await?
            }
            None => return Err(user_not_found()),
        };
        let (purpose, verification) = match kind {
            "signup" => (Purpose::Confirmation, "signup"),
            "invite" => (Purpose::Confirmation, "invite"),
            "magiclink" => (Purpose::Recovery, "magiclink"),
            "recovery" => (Purpose::Recovery, "recovery"),
            "email_change_current" => (Purpose::EmailChangeCurrent, "email_change"),
            _ => (Purpose::EmailChangeNew, "email_change"),
        };
        let mut to = address.text.clone();
        match purpose {
            Purpose::Confirmation if kind == "invite" => {
                user.invited_at = Some(self.now);
                user.confirmation_sent_at = Some(self.now);
            }
            Purpose::Confirmation => user.confirmation_sent_at = Some(self.now),
            Purpose::Recovery => user.recovery_sent_at = Some(self.now),
            _ => {
                let new = address::email(asked.new_email.as_deref().unwrap_or_default())?;
                if work.user_by_email(&new).await?.is_some() {
                    return Err(email_exists());
                }
                if purpose == Purpose::EmailChangeNew {
                    to.clone_from(&new);
                }
                if user.email_change.as_ref() != Some(&new) {
                    user.email_change_confirm_status = Some(0);
                }
                user.email_change = Some(new);
                user.email_change_sent_at = Some(self.now);
            }
        }
        work.update_user(&mut user, self.now).await?;
        let length = self.auth.settings.email.otp_length;
        let sent = self.make_token(&mut work, user.id, purpose, &to, length, false).await?;
        work.bind_confirmation(user.id, is_made && purpose == Purpose::Confirmation).await?;
        let asked_redirect = asked.redirect_to.clone().or_else(|| self.query("redirect_to"));
        let redirect_to = self.auth.redirects.choose(asked_redirect.as_deref(), None);
        let mut body = work.user_json(&user).await?;
        self.audit(&mut work, "link_generated", Some(&user), kind).await?;
        work.commit().await?;
        if let Value::Object(object) = &mut body {
            let link = self.link(verification, &sent.hash, &redirect_to);
            object.insert("action_link".into(), link.into());
            object.insert("email_otp".into(), sent.code.into());
            object.insert("hashed_token".into(), sent.hash.into());
            object.insert("redirect_to".into(), redirect_to.into());
            object.insert("verification_type".into(), json!(kind));
        }
        Ok(answer(200, &body))
    }

    pub async fn invite(&self) -> Result<Response<Bytes>> {
        self.require_administrator()?;
        let asked: Invite = self.body()?;
        asked.data.iter().try_for_each(|data| self.judge_metadata(data))?;
        let address = Channel::Email.read(asked.email.as_deref().unwrap_or_default())?;
        until_undisturbed(TAKEN, || self.invite_at(&address, asked.data.as_ref())).await
    }

    async fn invite_at(&self, address: &Address, data: Option<&Metadata>) -> Result<Response<Bytes>> {
        let mut work = self.begin().await?;
        let mut user = match work.lock_user_at(address).await? {
            Some(user) if user.is_confirmed() => return Err(email_exists()),
            Some(user) => user,
            None => self.new_user(&mut work, address, None, data.cloned().unwrap_or_default()).await?,
        };
        self.limit_mails()?;
        user.invited_at = Some(self.now);
        user.confirmation_sent_at = Some(self.now);
        work.update_user(&mut user, self.now).await?;
        let what = (Kind::Invite, "invite", Purpose::Confirmation);
        let letter = self.letter(&mut work, &user, what, None, "invite").await?;
        self.audit(&mut work, "user_invited", Some(&user), "email").await?;
        let body = work.user_json(&user).await?;
        self.send(work, &user, letter.into()).await?;
        Ok(answer(200, &body))
    }
}

fn email_exists() -> AuthError {
    AuthError::new(422, "email_exists", "A user with this email address has already been registered")
}
