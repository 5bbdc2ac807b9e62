//! Whose account an external user's is (the rule of security.md: accounts are linked only by an address that is verified on both sides).

use serde_json::Value;
use uuid::Uuid;

use crate::address::{Address, Channel};
use crate::call::Call;
use crate::error::{AuthError, Result};
use crate::flow::once_more::{TAKEN, until_undisturbed};
use crate::flow::signup::signup_disabled;
use crate::provider::{ExternalEmail, ExternalUser, Provider};
use crate::store::{Work, params};
use crate::user::{Identity, User};

/// What an external user is here for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// To sign in, or up.
    SignIn,
    /// To become another identity of this user.
    Link(Uuid),
}

impl Call<'_> {
    /// Finds the user, or makes one, in a transaction that is still to be committed. `home` is where a mail's link leads, should one be needed.
    ///
    /// Errors: `identity_already_exists`, `email_exists`, `signup_disabled`, `user_banned`, `provider_email_needs_verification`,
    /// `email_address_not_provided`.
    pub(super) async fn account(
        &self,
        provider: &Provider,
        external: &ExternalUser,
        way: Way,
        home: &str,
    ) -> Result<(Work, User)> {
        match way {
            // Two first sign-ins at once: the second finds what the first made.
            Way::SignIn => until_undisturbed(TAKEN, || self.account_once(provider, external, way, home)).await,
            Way::Link(_) => self.account_once(provider, external, way, home).await,
        }
    }

    async fn account_once(
        &self,
        provider: &Provider,
        external: &ExternalUser,
        way: Way,
        home: &str,
    ) -> Result<(Work, User)> {
        let mut work = self.begin().await?;
        let mut user = match way {
            Way::Link(target) => self.link_identity(&mut work, external, target).await?,
            Way::SignIn => match work.external_identity(external).await? {
                Some(identity) => self.recognise(&mut work, external, &identity).await?,
                None => match work.user_by_verified_email(external).await? {
                    Some(user) => self.adopt(&mut work, external, user).await?,
                    None => self.sign_up(&mut work, provider, external).await?,
                },
            },
        };
        if user.is_banned(self.now) {
            return Err(AuthError::new(403, "user_banned", "User is banned"));
        }
        if user.email.is_some() && user.email_confirmed_at.is_none() && way == Way::SignIn {
            self.ask_for_confirmation(work, &mut user, home).await?;
            return Err(unverified(provider));
        }
        Ok((work, user))
    }

    /// A user who came before by this identity.
    async fn recognise(&self, work: &mut Work, external: &ExternalUser, identity: &Identity) -> Result<User> {
        let gone = || AuthError::unexpected("an identity has no user");
        let mut user = work.lock_user(identity.user_id).await?.ok_or_else(gone)?;
        let sql = "update auth.identities set identity_data = $2, last_sign_in_at = $3, updated_at = $3 where id = $1";
        let mut data = external.identity_data.clone();
        // A name that was told once stays.
        for name in ["name", "full_name"] {
            if let Some(told) = identity.identity_data.get(name) {
                data.entry(name).or_insert_with(|| told.clone());
            }
        }
        let data = Value::Object(data);
        work.execute(sql, params![identity.id, data, self.now]).await?;
        if has_verified_email(&user, external) {
            if !user.is_proven(Channel::Email) && work.has_left(&user, Some(identity.id)).await? {
                self.drop_unproven(work, &mut user, Channel::Email, Some(identity.id)).await?;
                user.add_provider(&identity.provider);
            }
            self.take_provider_s_word(&mut user);
        }
        self.take_profile(&mut user, &external.identity_data);
        work.update_user(&mut user, self.now).await?;
        Ok(user)
    }

    /// A user who has the address that the provider verified gains the identity. If nobody had proven that the address is theirs, whoever
    /// signed up with it may be somebody else: what they left is dropped.
    async fn adopt(&self, work: &mut Work, external: &ExternalUser, mut user: User) -> Result<User> {
        if !user.is_proven(Channel::Email) {
            self.drop_unproven(work, &mut user, Channel::Email, None).await?;
        }
        self.add_identity(work, external, &mut user).await?;
        self.take_profile(&mut user, &external.identity_data);
        self.take_provider_s_word(&mut user);
        work.update_user(&mut user, self.now).await?;
        Ok(user)
    }

    /// A user adds the identity by hand. One without an address gains a verified one with it, and is anonymous no longer.
    ///
    /// With PKCE the exchange of the code does it, not the callback: whoever began the flow, and could have somebody else go through it at the
    /// provider, must be the one in whose browser it ended.
    pub async fn link_identity(&self, work: &mut Work, external: &ExternalUser, target: Uuid) -> Result<User> {
        work.judge_linkable(external, target).await?;
        let gone = || AuthError::new(403, "user_not_found", "User from sub claim in JWT does not exist");
        let mut user = work.lock_user(target).await?.ok_or_else(gone)?;
        let verified = external.emails.iter().find(|email| email.verified);
        if let (None, Some(email)) = (user.email.as_deref().filter(|email| !email.is_empty()), verified) {
            user.email = Some(email.address.clone());
            user.email_confirmed_at = Some(self.now);
            user.set_proven(Channel::Email);
        }
        user.is_anonymous = false;
        self.add_identity(work, external, &mut user).await?;
        work.update_user(&mut user, self.now).await?;
        self.audit(work, "user_modified", Some(&user), &external.provider).await?;
        Ok(user)
    }

    /// A new user. An address that the provider did not verify is confirmed by mail first, and takes nobody's place.
    async fn sign_up(&self, work: &mut Work, provider: &Provider, external: &ExternalUser) -> Result<User> {
        if !self.auth.settings.enable_signup {
            return Err(signup_disabled());
        }
        let mut email = external.emails.first();
        if let Some(ExternalEmail { address, verified: false, .. }) = email
            && work.user_by_email(address).await?.is_some()
        {
            if !provider.email_optional() {
                return Err(unverified(provider));
            }
            email = None;
        }
        if email.is_none() && !provider.email_optional() {
            let message = "Error getting user email from external provider";
            return Err(AuthError::new(422, "email_address_not_provided", message));
        }
        let mut user = User::new(self.now);
        user.email = email.map(|email| email.address.clone());
        let autoconfirm = !self.auth.settings.email.enable_confirmations;
        if email.is_some_and(|email| email.verified || autoconfirm) {
            user.email_confirmed_at = Some(self.now);
        }
        if email.is_some_and(|email| email.verified) {
            user.set_proven(Channel::Email);
        }
        user.add_provider(provider.name());
        self.take_profile(&mut user, &external.identity_data);
        work.insert_user(&user).await?;
        self.add_identity(work, external, &mut user).await?;
        self.audit(work, "user_signedup", Some(&user), provider.name()).await?;
        Ok(user)
    }

    /// Has the user confirm the address by mail, unless they were asked a moment ago: that is not told, since it would tell whose address is
    /// new here.
    async fn ask_for_confirmation(&self, mut work: Work, user: &mut User, home: &str) -> Result<()> {
        let address = Address { channel: Channel::Email, text: user.email.clone().unwrap_or_default() };
        // The mail confirms the identity too, unless somebody else asked for another since.
        let own = work.waiting_confirmation(user.id).await?.is_none_or(|waiting| waiting.of_sign_up);
        match self.confirmation(&mut work, user, &address, None).await {
            Ok(mut outgoing) => {
                work.bind_confirmation(user.id, own).await?;
                outgoing.letters.iter_mut().for_each(|letter| home.clone_into(&mut letter.redirect_to));
                self.send(work, user, outgoing).await
            }
            Err(error) if error.status() == 429 => work.commit().await,
            Err(error) => Err(error),
        }
    }

    async fn add_identity(&self, work: &mut Work, external: &ExternalUser, user: &mut User) -> Result<()> {
        let data = external.identity_data.clone();
        work.insert_identity(user, &external.provider, &external.subject, data, self.now).await
    }

    /// The provider's word on the very address that the user has counts as a proof.
    fn take_provider_s_word(&self, user: &mut User) {
        user.email_confirmed_at.get_or_insert(self.now);
        user.set_proven(Channel::Email);
    }
}

impl Work {
    /// Judges that an identity is nobody's yet.
    ///
    /// Errors: `identity_already_exists`.
    pub(super) async fn judge_linkable(&mut self, external: &ExternalUser, target: Uuid) -> Result<()> {
        let Some(identity) = self.external_identity(external).await? else { return Ok(()) };
        let whose = if identity.user_id == target { "" } else { " to another user" };
        Err(AuthError::new(422, "identity_already_exists", format!("Identity is already linked{whose}")))
    }

    async fn external_identity(&mut self, external: &ExternalUser) -> Result<Option<Identity>> {
        let sql = "select id, provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at, email \
            from auth.identities where provider = $1 and provider_id = $2";
        self.one(sql, params![external.provider, external.subject]).await
    }

    /// The user who has one of the addresses that the provider verified, in the provider's order.
    async fn user_by_verified_email(&mut self, external: &ExternalUser) -> Result<Option<User>> {
        for email in external.emails.iter().filter(|email| email.verified) {
            if let Some(user) = self.user_by_email(&email.address).await? {
                return self.lock_user(user.id).await;
            }
        }
        Ok(None)
    }
}

/// Whether the provider verified the very address that the user has.
fn has_verified_email(user: &User, external: &ExternalUser) -> bool {
    external.emails.iter().any(|email| email.verified && Some(email.address.as_str()) == user.email.as_deref())
}

/// The same whether or not somebody has the address.
fn unverified(provider: &Provider) -> AuthError {
    let name = provider.name();
    let message = format!("Unverified email with {name}. A confirmation email has been sent to your {name} email");
    AuthError::new(403, "provider_email_needs_verification", message)
}
