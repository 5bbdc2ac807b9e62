//! `/user`: what a user sees and changes of themselves.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::Response;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::Value;

use super::notify::{Letter, Outgoing};
use super::once_more::{CHANGED, until_undisturbed};
use super::pkce::Pkce;
use super::{Challenge, Metadata};
use crate::address::{self, Channel};
use crate::bearer::Bearer;
use crate::call::Call;
use crate::error::{AuthError, Result, answer};
use crate::limit::{self, Attempt};
use crate::mail::Kind;
use crate::one_time::Purpose;
use crate::password::{self, Verdict};
use crate::store::Work;
use crate::user::{User, present};

/// How old a session may be whose user changes their password without a nonce.
const RECENT: SignedDuration = SignedDuration::from_hours(24);

#[derive(Deserialize)]
struct Update {
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    current_password: Option<String>,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    channel: Option<String>,
    #[serde(default)]
    data: Option<Metadata>,
    #[serde(default)]
    app_metadata: Option<Value>,
    #[serde(flatten)]
    challenge: Challenge,
}

/// The addresses to change to, read.
struct Change {
    email: Option<String>,
    phone: Option<String>,
    pkce: Option<Pkce>,
}

impl Call<'_> {
    pub async fn get_user(&self) -> Result<Response<Bytes>> {
        let mut work = self.begin().await?;
        let bearer = self.bearer(&mut work, false).await?;
        self.judge_audience(&bearer)?;
        let session = match bearer.session {
            Some(id) => work.session(id).await?,
            None => None,
        };
        if let Some(service) = session.filter(|session| session.oauth_client_id.is_some()) {
            let seen = bearer.user.seen_with(service.scopes.as_deref().unwrap_or_default());
            return Ok(answer(200, &seen.json(&[], &[])));
        }
        Ok(answer(200, &work.user_json(&bearer.user).await?))
    }

    pub async fn update_user(&self) -> Result<Response<Bytes>> {
        self.limit(limit::Kind::UserUpdate)?;
        let asked: Update = self.body()?;
        let pkce = asked.challenge.read()?;
        let email = present(&asked.email).map(address::email).transpose()?;
        let phone = present(&asked.phone).map(address::phone).transpose()?;
        if phone.is_some() {
            address::judge_message_channel(asked.channel.as_deref())?;
        }
        let password = present(&asked.password);
        if let Some(password) = password {
            password::judge(&self.auth.settings, password)?;
            self.judge_leaked(password).await?;
        }
        let change = Change { email, phone, pkce };
        until_undisturbed(CHANGED, || self.update_with(&asked, &change)).await
    }

    async fn update_with(&self, asked: &Update, change: &Change) -> Result<Response<Bytes>> {
        let password = present(&asked.password);
        // Hashed and compared before the transaction: nobody waits for another's hash.
        let before = self.read_bearer().await?;
        self.judge_audience(&before)?;
        if asked.app_metadata.is_some() {
            return Err(AuthError::new(403, "not_admin", "Updating app_metadata requires admin privileges"));
        }
        if before.user.is_sso_user && (password.is_some() || change.email.is_some() || change.phone.is_some()) {
            let message = "Updating email, phone, password of a SSO account only possible via SSO";
            return Err(AuthError::new(422, "user_sso_managed", message));
        }
        // Who tries a password here finds out whether it was the old one: that counts as a failure until it is the new one.
        let account = before.user.address(Channel::Email).or(before.user.address(Channel::Phone));
        let account = account.filter(|_| password.is_some() && present(&before.user.encrypted_password).is_some());
        let attempt = match account {
            Some(account) => Some(self.take_attempt(account).await?),
            None => None,
        };
        let hash = match password {
            Some(password) => Some(self.new_hash(&before.user, password, asked.current_password.as_deref()).await?),
            None => None,
        };

        let mut work = self.begin().await?;
        let bearer = self.bearer(&mut work, true).await?;
        let sensitive = hash.is_some() || change.email.is_some() || change.phone.is_some();
        let has_factor = work.factors(bearer.user.id).await?.iter().any(|factor| factor.is_verified());
        if sensitive && has_factor && !self.is_aal2(&mut work, &bearer).await? {
            let message = "AAL2 session is required to update email or password when MFA is enabled.";
            return Err(AuthError::new(401, "insufficient_aal", message));
        }
        if bearer.user.encrypted_password != before.user.encrypted_password {
            attempt.into_iter().for_each(Attempt::undecided);
            return Err(AuthError::new(409, "conflict", "The user was changed at the same time; try again"));
        }
        let mut user = bearer.user.clone();
        if let Some(data) = &asked.data {
            self.patch_user_metadata(&mut user, data)?;
        }
        if let Some(hash) = hash {
            self.judge_recent(&mut work, &bearer, asked.nonce.as_deref()).await?;
            if user.is_anonymous && change.email.is_none() && change.phone.is_none() {
                let message = "Updating password of an anonymous user without an email or phone is not allowed";
                return Err(AuthError::new(422, "validation_failed", message));
            }
            user.encrypted_password = Some(hash);
            work.end_with_old_password(&mut user, bearer.session).await?;
            self.audit(&mut work, "user_updated_password", Some(&user), "").await?;
        }
        let mut outgoing = Outgoing::default();
        if let Some(email) = change.email.clone().filter(|email| Some(email) != user.email.as_ref()) {
            self.change_email(&mut work, &mut user, email, change.pkce.as_ref(), &mut outgoing).await?;
        }
        if let Some(phone) = change.phone.clone().filter(|phone| Some(phone) != user.phone.as_ref()) {
            self.change_phone(&mut work, &mut user, phone, &mut outgoing).await?;
        }
        work.update_user(&mut user, self.now).await?;
        self.audit(&mut work, "user_modified", Some(&user), "").await?;
        let body = work.user_json(&user).await?;
        self.send(work, &user, outgoing).await?;
        attempt.into_iter().for_each(Attempt::succeeded);
        Ok(answer(200, &body))
    }

    async fn read_bearer(&self) -> Result<Bearer> {
        let mut work = self.begin().await?;
        let bearer = self.bearer(&mut work, false).await?;
        work.commit().await?;
        Ok(bearer)
    }

    /// The hash of a new password.
    ///
    /// Errors: `same_password`; `current_password_invalid` where the current one was given and is not.
    async fn new_hash(&self, user: &User, password: &str, current: Option<&str>) -> Result<String> {
        if let Some(hash) = present(&user.encrypted_password) {
            if let Some(current) = current.filter(|current| !current.is_empty())
                && self.auth.passwords.verify(current, Some(hash), BTreeSet::new()).await? == Verdict::Wrong
            {
                let message = "Current password is not valid.";
                return Err(AuthError::new(400, "current_password_invalid", message));
            }
            if self.auth.passwords.verify(password, Some(hash), BTreeSet::new()).await? != Verdict::Wrong {
                let message = "New password should be different from the old password.";
                return Err(AuthError::new(422, "same_password", message));
            }
        }
        self.auth.passwords.hash(password).await
    }

    /// A password is changed by somebody who signed in of late, or has read the mail with the nonce.
    async fn judge_recent(&self, work: &mut Work, bearer: &Bearer, nonce: Option<&str>) -> Result<()> {
        if !self.auth.settings.email.secure_password_change || present(&bearer.user.encrypted_password).is_none() {
            return Ok(());
        }
        let session = match bearer.session {
            Some(id) => work.session(id).await?,
            None => None,
        };
        let created = session.and_then(|session| session.created_at);
        if created.is_some_and(|created| self.now.duration_since(created) < RECENT) {
            return Ok(());
        }
        match nonce.filter(|nonce| !nonce.is_empty()) {
            Some(nonce) => self.judge_nonce(work, &bearer.user, nonce).await,
            None => {
                let message = "Password update requires reauthentication.";
                Err(AuthError::new(400, "reauthentication_needed", message))
            }
        }
    }

    async fn change_email(
        &self,
        work: &mut Work,
        user: &mut User,
        email: String,
        pkce: Option<&Pkce>,
        outgoing: &mut Outgoing,
    ) -> Result<()> {
        if work.user_by_email(&email).await?.is_some() {
            let message = "A user with this email address has already been registered";
            return Err(AuthError::new(422, "email_exists", message));
        }
        // Who has no address yet may take one as who signs up may; a permanent user's mail doesn't go elsewhere unasked.
        if user.is_anonymous && !self.auth.settings.email.enable_confirmations {
            user.email = Some(email.clone());
            user.email_change = None;
            user.email_confirmed_at = Some(self.now);
            user.patch_user_metadata(&[("email".to_owned(), Value::from(email))].into_iter().collect());
            return self.confirm(work, user, Channel::Email).await;
        }
        outgoing.letters = self.change_letters(work, user, &email, pkce).await?;
        Ok(())
    }

    /// The mails that ask the new address, and the old one too, to confirm a change.
    pub async fn change_letters(
        &self,
        work: &mut Work,
        user: &mut User,
        email: &str,
        pkce: Option<&Pkce>,
    ) -> Result<Vec<Letter>> {
        let settings = &self.auth.settings.email;
        self.judge_pause(user.email_change_sent_at, Channel::Email)?;
        self.limit_mails()?;
        user.email_change = Some(email.to_owned());
        user.email_change_sent_at = Some(self.now);
        user.email_change_confirm_status = Some(0);
        work.update_user(user, self.now).await?;
        let old = present(&user.email).filter(|_| settings.double_confirm_changes).map(str::to_owned);
        let mut letters = Vec::new();
        let to = [(Some(email.to_owned()), Purpose::EmailChangeNew), (old, Purpose::EmailChangeCurrent)];
        for (to, purpose) in to.into_iter().filter_map(|(to, purpose)| Some((to?, purpose))) {
            let sent = self.make_token(work, user.id, purpose, &to, settings.otp_length, pkce.is_some()).await?;
            letters.push(Letter {
                kind: Kind::EmailChange,
                verification: "email_change",
                to,
                new_email: email.to_owned(),
                sent,
                redirect_to: self.redirect_to(),
            });
        }
        if let Some(pkce) = pkce {
            work.begin_flow(user.id, "email_change", pkce, self.now).await?;
        }
        Ok(letters)
    }

    async fn change_phone(
        &self,
        work: &mut Work,
        user: &mut User,
        phone: String,
        outgoing: &mut Outgoing,
    ) -> Result<()> {
        if work.user_by_phone(&phone).await?.is_some() {
            let message = "A user with this phone number has already been registered";
            return Err(AuthError::new(422, "phone_exists", message));
        }
        let settings = &self.auth.settings.sms;
        if !settings.enable_confirmations {
            user.phone = Some(phone);
            user.phone_confirmed_at = Some(self.now);
            return self.confirm(work, user, Channel::Phone).await;
        }
        outgoing.text = self.change_text(work, user, &phone).await?.text;
        Ok(())
    }

    /// The message that asks the new number to confirm a change.
    pub async fn change_text(&self, work: &mut Work, user: &mut User, phone: &str) -> Result<Outgoing> {
        self.judge_pause(user.phone_change_sent_at, Channel::Phone)?;
        user.phone_change = Some(phone.to_owned());
        user.phone_change_sent_at = Some(self.now);
        work.update_user(user, self.now).await?;
        self.coded(work, user, Purpose::PhoneChange, phone).await
    }

    fn judge_audience(&self, bearer: &Bearer) -> Result<()> {
        let token = bearer.claims.get("aud").and_then(Value::as_str);
        match token {
            Some(audience) if audience != self.audience() => {
                Err(AuthError::validation("Token audience doesn't match request audience"))
            }
            _ => Ok(()),
        }
    }
}
