//! `POST /token`: each grant.

use bytes::Bytes;
use http::Response;
use serde::Deserialize;
use serde_json::json;

use super::Security;
use crate::address;
use crate::call::Call;
use crate::error::{AuthError, Result};
use crate::limit::Kind;
use crate::password::{self, Verdict};
use crate::user::present;

#[derive(Deserialize)]
struct PasswordGrant {
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    gotrue_meta_security: Security,
}

impl Call<'_> {
    pub async fn token(&self) -> Result<Response<Bytes>> {
        self.limit(Kind::Token)?;
        match self.query("grant_type").as_deref() {
            Some("password") => self.sign_in_with_password().await,
            Some("refresh_token") => self.refresh().await,
            Some("id_token") => self.id_token_grant().await,
            Some("pkce") => self.exchange_code().await,
            Some("web3") => Err(AuthError::new(422, "web3_provider_disabled", "Web3 provider is disabled")),
            _ => Err(AuthError::new(400, "invalid_credentials", "unsupported_grant_type")),
        }
    }

    async fn sign_in_with_password(&self) -> Result<Response<Bytes>> {
        let asked: PasswordGrant = self.body()?;
        self.judge_captcha(&asked.gotrue_meta_security).await?;
        let settings = &self.auth.settings;
        let (email, phone) = (present(&asked.email), present(&asked.phone));
        let (account, is_email) = match (email, phone) {
            (Some(_), Some(_)) => {
                let message = "Only an email address or phone number should be provided on login.";
                return Err(AuthError::validation(message));
            }
            (Some(_), None) if !settings.email.enable_signup => {
                return Err(AuthError::new(422, "email_provider_disabled", "Email logins are disabled"));
            }
            (None, Some(_)) if !settings.sms.enable_signup => {
                return Err(AuthError::new(422, "phone_provider_disabled", "Phone logins are disabled"));
            }
            (Some(email), None) => (email.trim().to_lowercase(), true),
            (None, Some(phone)) => (address::phone(phone)?, false),
            (None, None) => return Err(AuthError::validation("missing email or phone")),
        };
        let password = asked.password.unwrap_or_default();
        let wrong = || AuthError::new(400, "invalid_credentials", "Invalid login credentials");
        let judging = async {
            // The transaction ends before the password is compared: nobody waits for another's hash.
            let mut work = self.begin().await?;
            let found = match is_email {
                true => work.user_by_email(&account).await?,
                false => work.user_by_phone(&account).await?,
            };
            let costs = work.password_costs().await?;
            work.commit().await?;
            let hash = found.as_ref().and_then(|user| present(&user.encrypted_password));
            let verdict = self.auth.passwords.verify(&password, hash, costs).await?;
            Ok(found.filter(|_| verdict != Verdict::Wrong).map(|found| (found, verdict)).ok_or_else(wrong))
        };
        let (found, verdict) = self.attempt(&account, judging).await?;
        let renewed = match verdict {
            Verdict::Outdated => Some(self.auth.passwords.hash(&password).await?),
            _ => None,
        };

        let mut work = self.begin().await?;
        let mut user = work.lock_user(found.id).await?.ok_or_else(wrong)?;
        if user.encrypted_password != found.encrypted_password {
            // It was changed while it was compared.
            return Err(wrong());
        }
        if user.is_banned(self.now) {
            return Err(AuthError::new(400, "user_banned", "User is banned"));
        }
        if is_email && user.email_confirmed_at.is_none() {
            return Err(AuthError::new(400, "email_not_confirmed", "Email not confirmed"));
        }
        if !is_email && user.phone_confirmed_at.is_none() {
            return Err(AuthError::new(400, "phone_not_confirmed", "Phone not confirmed"));
        }
        if let Some(hash) = renewed {
            user.encrypted_password = Some(hash);
            work.update_user(&mut user, self.now).await?;
        }
        let begun = self.sign_in(&mut work, &mut user, "password").await?;
        self.audit(&mut work, "login", Some(&user), "password").await?;
        let mut signed_in = self.finish(work, begun).await?;
        if let Some((message, reasons)) = password::weaknesses(settings, &password) {
            signed_in.body.insert("weak_password".into(), json!({"message": message, "reasons": reasons}));
        }
        Ok(signed_in.response())
    }
}
