//! Sign-up: by e-mail, by phone, or without an address (contract: wire.md section 1.5).

use bytes::Bytes;
use http::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Challenge, Metadata, Security};
use crate::address;
use crate::call::Call;
use crate::error::{AuthError, Result, answer};
use crate::limit::Kind;
use crate::one_time::Purpose;
use crate::password;
use crate::store::Work;
use crate::user::User;

#[derive(Deserialize)]
pub(super) struct SignUp {
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub phone: Option<String>,
    #[serde(default)]
    pub password: Option<String>,
    #[serde(default)]
    pub data: Option<Metadata>,
    #[serde(flatten)]
    pub challenge: Challenge,
    #[serde(default)]
    pub gotrue_meta_security: Security,
}

impl Call<'_> {
    pub async fn signup(&self) -> Result<Response<Bytes>> {
        let asked: SignUp = self.body()?;
        let settings = &self.auth.settings;
        let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let (email, phone) = (text(&asked.email), text(&asked.phone));
        self.limit(if email.is_none() && phone.is_none() { Kind::Anonymous } else { Kind::SignUp })?;
        self.judge_captcha(&asked.gotrue_meta_security).await?;
        if !settings.enable_signup {
            return Err(signup_disabled());
        }
        let data = asked.data.clone().unwrap_or_default();
        match (email, phone) {
            (None, None) => self.anonymous(data).await,
            (Some(_), Some(_)) => {
                Err(AuthError::validation("Only an email address or phone number should be provided on signup."))
            }
            (email, phone) => {
                let password =
                    text(&asked.password).ok_or_else(|| AuthError::validation("Signup requires a valid password"))?;
                password::judge(settings, &password)?;
                self.judge_leaked(&password).await?;
                match (email, phone) {
                    (Some(email), _) => self.signup_by_email(&email, &password, data, &asked.challenge).await,
                    (_, phone) => {
                        self.signup_by_phone(&phone.unwrap_or_default(), &password, data, &asked.challenge).await
                    }
                }
            }
        }
    }

    async fn anonymous(&self, data: Metadata) -> Result<Response<Bytes>> {
        if !self.auth.settings.enable_anonymous_sign_ins {
            let message = "Anonymous sign-ins are disabled";
            return Err(AuthError::new(422, "anonymous_provider_disabled", message));
        }
        let mut work = self.begin().await?;
        let mut user = User::new(self.now);
        user.is_anonymous = true;
        user.patch_user_metadata(&data);
        work.insert_user(&user).await?;
        let signed_in = self.sign_in(&mut work, &mut user, "anonymous").await?;
        self.audit(&mut work, "user_signedup", Some(&user), "anonymous").await?;
        work.commit().await?;
        Ok(signed_in.response())
    }

    async fn signup_by_email(
        &self,
        email: &str,
        password: &str,
        data: Metadata,
        challenge: &Challenge,
    ) -> Result<Response<Bytes>> {
        let settings = &self.auth.settings;
        if !settings.email.enable_signup {
            return Err(AuthError::new(400, "email_provider_disabled", "Email signups are disabled"));
        }
        let email = address::email(email)?;
        let pkce = challenge.read()?;
        // Hashed before anybody is looked for: whoever exists, it takes the same time.
        let hash = self.auth.passwords.hash(password).await?;
        let mut work = self.begin().await?;
        let existing = work.user_by_email(&email).await?;
        let confirm = settings.email.enable_confirmations;
        if existing.as_ref().is_some_and(User::is_confirmed) {
            return match confirm {
                false => Err(AuthError::new(422, "user_already_exists", "User already registered")),
                true => Ok(answer(200, &self.nobody(&email, data))),
            };
        }
        let mut user = match existing {
            Some(mut user) => {
                // Nobody has proved that the address is theirs: the password is that of whoever asked last, as the link is.
                user.encrypted_password = Some(hash);
                work.update_user(&mut user, self.now).await?;
                user
            }
            None => self.new_email_user(&mut work, &email, Some(hash), data).await?,
        };
        if confirm {
            let letter = self.confirmation(&mut work, &mut user, pkce.as_ref()).await?;
            let body = work.user_json(&user).await?;
            self.audit(&mut work, "user_confirmation_requested", Some(&user), "email").await?;
            work.commit().await?;
            self.post(&user, &[letter])?;
            return Ok(answer(200, &body));
        }
        self.confirm_email(&mut work, &mut user).await?;
        let signed_in = self.sign_in(&mut work, &mut user, "password").await?;
        self.audit(&mut work, "user_signedup", Some(&user), "email").await?;
        work.commit().await?;
        Ok(signed_in.response())
    }

    /// Stores a new user who has an e-mail address.
    pub async fn new_email_user(
        &self,
        work: &mut Work,
        email: &str,
        hash: Option<String>,
        data: Metadata,
    ) -> Result<User> {
        let mut user = User::new(self.now);
        user.email = Some(email.to_owned());
        user.encrypted_password = hash;
        let mut own = data.clone();
        own.extend(identity_data(&user, Some(email), None));
        user.patch_user_metadata(&own);
        work.insert_user(&user).await?;
        let id = user.id.to_string();
        work.insert_identity(&mut user, "email", &id, own, self.now).await?;
        work.update_user(&mut user, self.now).await?;
        Ok(user)
    }

    /// Stores a new user who has a phone number.
    pub async fn new_phone_user(
        &self,
        work: &mut Work,
        phone: &str,
        hash: Option<String>,
        data: Metadata,
    ) -> Result<User> {
        let mut user = User::new(self.now);
        user.phone = Some(phone.to_owned());
        user.encrypted_password = hash;
        let mut own = data.clone();
        own.extend(identity_data(&user, None, Some(phone)));
        user.patch_user_metadata(&own);
        work.insert_user(&user).await?;
        let id = user.id.to_string();
        work.insert_identity(&mut user, "phone", &id, own, self.now).await?;
        work.update_user(&mut user, self.now).await?;
        Ok(user)
    }

    /// The address is the user's: noted with the user and with the identity.
    pub async fn confirm_email(&self, work: &mut Work, user: &mut User) -> Result<()> {
        if user.email_confirmed_at.is_none() {
            user.email_confirmed_at = Some(self.now);
        }
        user.is_anonymous = false;
        let verified = Metadata::from_iter([("email_verified".to_owned(), true.into())]);
        user.patch_user_metadata(&verified);
        let identity = work.identities(user.id).await?.into_iter().find(|identity| identity.provider == "email");
        match identity {
            Some(mut identity) => {
                identity.identity_data.insert("email_verified".into(), true.into());
                identity.identity_data.insert("email".into(), user.email.clone().unwrap_or_default().into());
                work.update_identity_data(identity.id, identity.identity_data, self.now).await?;
            }
            None => {
                let mut data = identity_data(user, user.email.as_deref(), None);
                data.insert("email_verified".into(), true.into());
                let id = user.id.to_string();
                work.insert_identity(user, "email", &id, data, self.now).await?;
            }
        }
        work.forget_tokens(user.id).await?;
        work.update_user(user, self.now).await
    }

    /// The number is the user's.
    pub async fn confirm_phone(&self, work: &mut Work, user: &mut User) -> Result<()> {
        if user.phone_confirmed_at.is_none() {
            user.phone_confirmed_at = Some(self.now);
        }
        user.is_anonymous = false;
        let verified = Metadata::from_iter([("phone_verified".to_owned(), true.into())]);
        user.patch_user_metadata(&verified);
        let identity = work.identities(user.id).await?.into_iter().find(|identity| identity.provider == "phone");
        match identity {
            Some(mut identity) => {
                identity.identity_data.insert("phone_verified".into(), true.into());
                identity.identity_data.insert("phone".into(), user.phone.clone().unwrap_or_default().into());
                work.update_identity_data(identity.id, identity.identity_data, self.now).await?;
            }
            None => {
                let mut data = identity_data(user, None, user.phone.as_deref());
                data.insert("phone_verified".into(), true.into());
                let id = user.id.to_string();
                work.insert_identity(user, "phone", &id, data, self.now).await?;
            }
        }
        work.forget_tokens(user.id).await?;
        work.update_user(user, self.now).await
    }

    async fn signup_by_phone(
        &self,
        phone: &str,
        password: &str,
        data: Metadata,
        challenge: &Challenge,
    ) -> Result<Response<Bytes>> {
        let settings = &self.auth.settings;
        if !settings.sms.enable_signup {
            return Err(AuthError::new(400, "phone_provider_disabled", "Phone signups are disabled"));
        }
        let phone = address::phone(phone)?;
        if challenge.read()?.is_some() {
            return Err(AuthError::validation("PKCE not supported for phone signups"));
        }
        let hash = self.auth.passwords.hash(password).await?;
        let mut work = self.begin().await?;
        let existing = work.user_by_phone(&phone).await?;
        let confirm = settings.sms.enable_confirmations;
        if existing.as_ref().is_some_and(|user| user.phone_confirmed_at.is_some()) {
            return match confirm {
                false => Err(AuthError::new(422, "user_already_exists", "User already registered")),
                true => Ok(answer(200, &self.nobody_by_phone(&phone, data))),
            };
        }
        let mut user = match existing {
            Some(mut user) => {
                user.encrypted_password = Some(hash);
                work.update_user(&mut user, self.now).await?;
                user
            }
            None => self.new_phone_user(&mut work, &phone, Some(hash), data).await?,
        };
        if confirm {
            self.judge_frequency(user.confirmation_sent_at, settings.sms.max_frequency, "over_sms_send_rate_limit")?;
            user.confirmation_sent_at = Some(self.now);
            work.update_user(&mut user, self.now).await?;
            let code = self.phone_code(&mut work, &user, Purpose::Confirmation, &phone).await?;
            let body = work.user_json(&user).await?;
            work.commit().await?;
            self.text(&user, &phone, &code).await?;
            return Ok(answer(200, &body));
        }
        self.confirm_phone(&mut work, &mut user).await?;
        let signed_in = self.sign_in(&mut work, &mut user, "password").await?;
        self.audit(&mut work, "user_signedup", Some(&user), "phone").await?;
        work.commit().await?;
        Ok(signed_in.response())
    }

    /// The answer to a sign-up of somebody who is there already: as that of a new user, so that it tells nothing.
    fn nobody(&self, email: &str, data: Metadata) -> Value {
        let mut user = User::new(self.now);
        user.email = Some(email.to_owned());
        self.disguise(user, "email", data)
    }

    fn nobody_by_phone(&self, phone: &str, data: Metadata) -> Value {
        let mut user = User::new(self.now);
        user.phone = Some(phone.to_owned());
        self.disguise(user, "phone", data)
    }

    fn disguise(&self, mut user: User, provider: &str, data: Metadata) -> Value {
        user.role = None;
        user.confirmation_sent_at = Some(self.now);
        user.add_provider(provider);
        user.patch_user_metadata(&data);
        user.json(&[], &[])
    }
}

/// What an e-mail or phone identity says.
pub(crate) fn identity_data(user: &User, email: Option<&str>, phone: Option<&str>) -> Metadata {
    let mut data = Metadata::new();
    data.insert("sub".into(), user.id.to_string().into());
    if let Some(email) = email {
        data.insert("email".into(), email.into());
    }
    data.insert("email_verified".into(), json!(false));
    if let Some(phone) = phone {
        data.insert("phone".into(), phone.into());
    }
    data.insert("phone_verified".into(), json!(false));
    data
}

/// `422 signup_disabled`.
pub(crate) fn signup_disabled() -> AuthError {
    AuthError::new(422, "signup_disabled", "Signups not allowed for this instance")
}
