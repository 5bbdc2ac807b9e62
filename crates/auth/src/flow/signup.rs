//! Sign-up: by e-mail, by phone, or without an address.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::once_more::{TAKEN, until_undisturbed};
use super::pkce::Pkce;
use super::{Challenge, Metadata, Security};
use crate::address::{Address, Channel, judge_message_channel};
use crate::call::Call;
use crate::error::{AuthError, Result, answer};
use crate::limit::Kind;
use crate::one_time::{Found, Purpose};
use crate::password::{self, Verdict};
use crate::store::Work;
use crate::user::{Identity, User, present};

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
    #[serde(default)]
    pub channel: Option<String>,
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
        asked.data.iter().try_for_each(|data| self.judge_metadata(data))?;
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
        let mut user = User { aud: Some(self.new_audience()?), ..User::new(self.now) };
        user.is_anonymous = true;
        user.patch_user_metadata(&data);
        work.insert_user(&user).await?;
        let begun = self.sign_in(&mut work, &mut user, "anonymous").await?.of_new_user();
        self.audit(&mut work, "user_signedup", Some(&user), "anonymous").await?;
        Ok(self.finish(work, begun).await?.response())
    }

    async fn sign_up_at(&self, channel: Channel, given: &str, asked: SignUp) -> Result<Response<Bytes>> {
        let settings = &self.auth.settings;
        let missing = || AuthError::validation("Signup requires a valid password");
        let password = present(&asked.password).ok_or_else(missing)?;
        password::judge(settings, password)?;
        self.judge_leaked(password).await?;
        let enabled = match channel {
            Channel::Email => settings.email.enable_signup,
            Channel::Phone => settings.sms.enable_signup,
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
        if channel == Channel::Phone {
            judge_message_channel(asked.channel.as_deref())?;
        }
        if channel == Channel::Phone && pkce.is_some() {
            return Err(AuthError::validation("PKCE not supported for phone signups"));
        }
        let data = asked.data.unwrap_or_default();
        until_undisturbed(TAKEN, || self.sign_up_with(&address, password, &data, pkce.as_ref())).await
    }

    async fn sign_up_with(
        &self,
        address: &Address,
        password: &str,
        data: &Metadata,
        pkce: Option<&Pkce>,
    ) -> Result<Response<Bytes>> {
        let (channel, confirm) = (address.channel, self.confirms(address.channel));
        // One hash is computed, whoever exists: of the password, or to compare it with the one that waits already.
        let waits = if confirm { self.waiting_password(address).await? } else { None };
        let (hash, is_same) = match &waits {
            None => (Some(self.auth.passwords.hash(password).await?), false),
            Some(hash) => {
                let verdict = self.auth.passwords.verify(password, Some(hash), BTreeSet::new()).await?;
                (None, verdict != Verdict::Wrong)
            }
        };
        let mut work = self.begin().await?;
        let existing = work.lock_user_at(address).await?;
        if existing.as_ref().is_some_and(User::is_confirmed) {
            if !confirm {
                return Err(AuthError::new(422, "user_already_exists", "User already registered"));
            }
            self.audit(&mut work, "user_repeated_signup", existing.as_ref(), channel.name()).await?;
            self.pretend(work, Purpose::Confirmation, address).await?;
            return Ok(answer(200, &self.as_new(Uuid::new_v4(), address, data.clone(), None)));
        }
        let waiting = match &existing {
            Some(user) if confirm => self.waiting(&mut work, user, channel).await?,
            _ => None,
        };
        let Some(mut user) = existing else {
            let hash = hash.ok_or_else(at_once)?;
            let user = self.new_user(&mut work, address, Some(hash), data.clone()).await?;
            return self.signed_up(work, user, address, data.clone(), pkce).await;
        };
        let Some(waiting) = waiting else {
            // Whoever was here before never proved that the address is theirs, and had their time.
            self.start_over(&mut work, &mut user, address, hash.ok_or_else(at_once)?, data.clone()).await?;
            return self.signed_up(work, user, address, data.clone(), pkce).await;
        };
        if waits.as_deref() != present(&user.encrypted_password) {
            return Err(at_once());
        }
        let own = is_same && waiting.of_sign_up;
        if !own {
            // Two who signed up with one address: the mail that is clicked does not say whose. Neither password holds, whatever becomes of
            // this request: the owner of the address is signed in by the mail and sets one.
            user.encrypted_password = None;
            work.update_user(&mut user, self.now).await?;
            work.bind_confirmation(user.id, false).await?;
            work.commit().await?;
            work = self.begin().await?;
            // It may have been clicked meanwhile.
            let now = work.lock_user(user.id).await?;
            user = now.filter(|user| !user.is_confirmed()).ok_or_else(at_once)?;
        }
        let outgoing = self.confirmation(&mut work, &mut user, address, pkce).await?;
        work.bind_confirmation(user.id, own).await?;
        self.audit(&mut work, "user_confirmation_requested", Some(&user), channel.name()).await?;
        self.send(work, &user, outgoing).await?;
        Ok(answer(200, &self.as_new(user.id, address, data.clone(), Some(Uuid::new_v4()))))
    }

    /// A sign-up that made an account, or made it anew: a session, or a mail and the user.
    async fn signed_up(
        &self,
        mut work: Work,
        mut user: User,
        address: &Address,
        data: Metadata,
        pkce: Option<&Pkce>,
    ) -> Result<Response<Bytes>> {
        let channel = address.channel;
        if !self.confirms(channel) {
            self.confirm(&mut work, &mut user, channel).await?;
            let begun = self.sign_in(&mut work, &mut user, "password").await?.of_new_user();
            self.audit(&mut work, "user_signedup", Some(&user), channel.name()).await?;
            return Ok(self.finish(work, begun).await?.response());
        }
        let outgoing = self.confirmation(&mut work, &mut user, address, pkce).await?;
        work.bind_confirmation(user.id, true).await?;
        let identity = work.identities(user.id).await?.first().map(|identity| identity.id);
        let body = self.as_new(user.id, address, data, identity);
        self.audit(&mut work, "user_confirmation_requested", Some(&user), channel.name()).await?;
        self.send(work, &user, outgoing).await?;
        Ok(answer(200, &body))
    }

    /// Whether a new address of a kind is to be confirmed before its user signs in.
    fn confirms(&self, channel: Channel) -> bool {
        match channel {
            Channel::Email => self.auth.settings.email.enable_confirmations,
            Channel::Phone => self.auth.settings.sms.enable_confirmations,
        }
    }

    /// The password that waits for its sign-up to be confirmed, hashed.
    async fn waiting_password(&self, address: &Address) -> Result<Option<String>> {
        let mut work = self.begin().await?;
        let password = match work.lock_user_at(address).await?.filter(|user| !user.is_confirmed()) {
            Some(user) if self.waiting(&mut work, &user, address.channel).await?.is_some() => user.encrypted_password,
            _ => None,
        };
        work.commit().await?;
        Ok(password.filter(|hash| !hash.is_empty()))
    }

    /// The confirmation that a user was sent and may still use.
    async fn waiting(&self, work: &mut Work, user: &User, channel: Channel) -> Result<Option<Found>> {
        let waiting = work.waiting_confirmation(user.id).await?;
        Ok(waiting.filter(|waiting| waiting.channel() == channel && waiting.is_for(user) && self.is_fresh(waiting)))
    }

    /// Stores a new user who has an address.
    pub async fn new_user(
        &self,
        work: &mut Work,
        address: &Address,
        hash: Option<String>,
        data: Metadata,
    ) -> Result<User> {
        let mut user = User { aud: Some(self.new_audience()?), ..User::new(self.now) };
        user.set_address(address);
        user.encrypted_password = hash;
        let own = own_data(&user, address, data);
        user.patch_user_metadata(&own);
        work.insert_user(&user).await?;
        self.add_own_identity(work, &mut user, address, own).await?;
        Ok(user)
    }

    /// Makes of a user who never confirmed anything a new one, under the same id.
    async fn start_over(
        &self,
        work: &mut Work,
        user: &mut User,
        address: &Address,
        hash: String,
        data: Metadata,
    ) -> Result<()> {
        self.drop_unproven(work, user, address.channel, None).await?;
        user.encrypted_password = Some(hash);
        let own = own_data(user, address, data);
        user.patch_user_metadata(&own);
        self.add_own_identity(work, user, address, own).await
    }

    async fn add_own_identity(
        &self,
        work: &mut Work,
        user: &mut User,
        address: &Address,
        data: Metadata,
    ) -> Result<()> {
        let id = user.id.to_string();
        work.insert_identity(user, address.channel.name(), &id, data, self.now).await?;
        work.update_user(user, self.now).await
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

    /// The answer to a sign-up that is to be confirmed: a new user, made of what was sent alone, whoever has the address. Published clients look
    /// at `identities`: none, and no role, says that it is confirmed already.
    fn as_new(&self, id: Uuid, address: &Address, data: Metadata, identity: Option<Uuid>) -> Value {
        let mut user = User { aud: Some(self.audience().to_owned()), ..User::new(self.now) };
        user.id = id;
        if identity.is_none() {
            user.role = None;
        }
        user.set_address(address);
        user.confirmation_sent_at = Some(self.now);
        user.add_provider(address.channel.name());
        let own = own_data(&user, address, data);
        user.patch_user_metadata(&own);
        let identity = identity.map(|identity| Identity {
            id: identity,
            provider_id: id.to_string(),
            user_id: id,
            email: (address.channel == Channel::Email).then(|| address.text.clone()),
            identity_data: own,
            provider: address.channel.name().to_owned(),
            last_sign_in_at: Some(self.now),
            created_at: Some(self.now),
            updated_at: Some(self.now),
        });
        user.json(identity.as_slice(), &[])
    }
}

/// What a sign-up says of its user, with what is known of the address.
fn own_data(user: &User, address: &Address, mut data: Metadata) -> Metadata {
    data.extend(identity_data(user, address));
    data
}

/// Two sign-ups with one address at the same moment: what was read holds no more.
fn at_once() -> AuthError {
    AuthError::new(409, "conflict", "Somebody signed up with this address at the same time; try again")
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
