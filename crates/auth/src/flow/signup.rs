//! Sign-up: by e-mail, by phone, or without an address.

use bytes::Bytes;
use http::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Challenge, Metadata, Security};
use crate::address::{Address, Channel};
use crate::call::Call;
use crate::error::{AuthError, Result, answer};
use crate::limit::Kind;
use crate::one_time::Purpose;
use crate::password;
use crate::store::Work;
use crate::user::{User, present};

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
        let (email, phone) = (present(&asked.email).map(str::to_owned), present(&asked.phone).map(str::to_owned));
        self.limit(if email.is_none() && phone.is_none() { Kind::Anonymous } else { Kind::SignUp })?;
        self.judge_captcha(&asked.gotrue_meta_security).await?;
        if !settings.enable_signup {
            return Err(signup_disabled());
        }
        match (email, phone) {
            (None, None) => self.anonymous(asked.data.unwrap_or_default()).await,
            (Some(_), Some(_)) => {
                Err(AuthError::validation("Only an email address or phone number should be provided on signup."))
            }
            (Some(email), None) => self.sign_up_at(Channel::Email, &email, asked).await,
            (None, Some(phone)) => self.sign_up_at(Channel::Phone, &phone, asked).await,
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

    async fn sign_up_at(&self, channel: Channel, given: &str, asked: SignUp) -> Result<Response<Bytes>> {
        let settings = &self.auth.settings;
        let missing = || AuthError::validation("Signup requires a valid password");
        let password = present(&asked.password).ok_or_else(missing)?;
        password::judge(settings, password)?;
        self.judge_leaked(password).await?;
        let (enabled, confirm) = match channel {
            Channel::Email => (settings.email.enable_signup, settings.email.enable_confirmations),
            Channel::Phone => (settings.sms.enable_signup, settings.sms.enable_confirmations),
        };
        if !enabled {
            let (code, message) = match channel {
                Channel::Email => ("email_provider_disabled", "Email signups are disabled"),
                Channel::Phone => ("phone_provider_disabled", "Phone signups are disabled"),
            };
            return Err(AuthError::new(400, code, message));
        }
        let address = channel.read(given)?;
        let pkce = asked.challenge.read()?;
        if channel == Channel::Phone && pkce.is_some() {
            return Err(AuthError::validation("PKCE not supported for phone signups"));
        }
        let data = asked.data.unwrap_or_default();
        // Hashed before anybody is looked for: whoever exists, it takes the same time.
        let hash = self.auth.passwords.hash(password).await?;
        let mut work = self.begin().await?;
        let existing = work.user_at(&address).await?;
        if existing.as_ref().is_some_and(User::is_confirmed) {
            if !confirm {
                return Err(AuthError::new(422, "user_already_exists", "User already registered"));
            }
            self.pretend(work, Purpose::Confirmation, &address).await?;
            return Ok(answer(200, &self.nobody(&address, data)));
        }
        let mut user = match existing {
            Some(mut user) => {
                // Nobody has proved that the address is theirs: the password is that of whoever asked last, as the link is.
                user.encrypted_password = Some(hash);
                work.update_user(&mut user, self.now).await?;
                user
            }
            None => self.new_user(&mut work, &address, Some(hash), data).await?,
        };
        if confirm {
            let outgoing = self.confirmation(&mut work, &mut user, &address, pkce.as_ref()).await?;
            let body = work.user_json(&user).await?;
            self.audit(&mut work, "user_confirmation_requested", Some(&user), channel.name()).await?;
            work.commit().await?;
            self.deliver(&user, outgoing).await?;
            return Ok(answer(200, &body));
        }
        self.confirm(&mut work, &mut user, channel).await?;
        let signed_in = self.sign_in(&mut work, &mut user, "password").await?;
        self.audit(&mut work, "user_signedup", Some(&user), channel.name()).await?;
        work.commit().await?;
        Ok(signed_in.response())
    }

    /// Stores a new user who has an address.
    pub async fn new_user(
        &self,
        work: &mut Work,
        address: &Address,
        hash: Option<String>,
        data: Metadata,
    ) -> Result<User> {
        let mut user = User::new(self.now);
        user.set_address(address);
        user.encrypted_password = hash;
        let mut own = data;
        own.extend(identity_data(&user, address));
        user.patch_user_metadata(&own);
        work.insert_user(&user).await?;
        let id = user.id.to_string();
        work.insert_identity(&mut user, address.channel.name(), &id, own, self.now).await?;
        work.update_user(&mut user, self.now).await?;
        Ok(user)
    }

    /// The user's address of a kind is theirs: noted with the user and with the identity.
    pub async fn confirm(&self, work: &mut Work, user: &mut User, channel: Channel) -> Result<()> {
        let (name, verified) = (channel.name(), format!("{}_verified", channel.name()));
        let confirmed_at = match channel {
            Channel::Email => &mut user.email_confirmed_at,
            Channel::Phone => &mut user.phone_confirmed_at,
        };
        confirmed_at.get_or_insert(self.now);
        user.is_anonymous = false;
        user.patch_user_metadata(&Metadata::from_iter([(verified.clone(), true.into())]));
        let address = Address { channel, text: user.address(channel).unwrap_or_default().to_owned() };
        let known = work.identities(user.id).await?.into_iter().find(|identity| identity.provider == name);
        let (id, mut data) = match known {
            Some(identity) => (Some(identity.id), identity.identity_data),
            None => (None, identity_data(user, &address)),
        };
        data.insert(verified, true.into());
        data.insert(name.into(), address.text.into());
        match id {
            Some(id) => work.update_identity_data(id, data, self.now).await?,
            None => {
                let subject = user.id.to_string();
                work.insert_identity(user, name, &subject, data, self.now).await?;
            }
        }
        work.forget_tokens(user.id).await?;
        work.update_user(user, self.now).await
    }

    /// The answer to a sign-up of somebody who is there already: as that of a new user, so that it tells nothing.
    fn nobody(&self, address: &Address, data: Metadata) -> Value {
        let mut user = User::new(self.now);
        user.set_address(address);
        user.role = None;
        user.confirmation_sent_at = Some(self.now);
        user.add_provider(address.channel.name());
        user.patch_user_metadata(&data);
        user.json(&[], &[])
    }
}

/// What an e-mail or phone identity says.
pub(crate) fn identity_data(user: &User, address: &Address) -> Metadata {
    let mut data = Metadata::new();
    data.insert("sub".into(), user.id.to_string().into());
    data.insert(address.channel.name().into(), address.text.clone().into());
    data.insert("email_verified".into(), json!(false));
    data.insert("phone_verified".into(), json!(false));
    data
}

/// `422 signup_disabled`.
pub(crate) fn signup_disabled() -> AuthError {
    AuthError::new(422, "signup_disabled", "Signups not allowed for this instance")
}
