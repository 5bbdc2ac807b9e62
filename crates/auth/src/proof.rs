//! Whose an account is. Anybody can sign up with anybody's address; whoever first proves that it is theirs (by a link or a code, by the word of a
//! provider) has the account, and what others left there dies: passwords, identities, sessions, factors (rule of docs/auth.md, "Whose account it is").

use uuid::Uuid;

use crate::address::Channel;
use crate::call::Call;
use crate::error::Result;
use crate::store::{Work, params};
use crate::user::{User, present};

impl User {
    /// Whether somebody proved that the user's address of a kind is theirs. One that is confirmed may be merely usable.
    pub fn is_proven(&self, channel: Channel) -> bool {
        let proven = match channel {
            Channel::Email => &self.proven_email,
            Channel::Phone => &self.proven_phone,
        };
        self.address(channel).is_some_and(|address| present(proven) == Some(address))
    }

    /// Notes that the address is proven, as it is now.
    pub fn set_proven(&mut self, channel: Channel) {
        let address = self.address(channel).map(str::to_owned);
        match channel {
            Channel::Email => self.proven_email = address,
            Channel::Phone => self.proven_phone = address,
        }
    }
}

impl Call<'_> {
    /// Somebody proved the user's address. `own`: by the confirmation of the sign-up that left what waits there, which is theirs then.
    ///
    /// A number that is proven in an account whose e-mail address is proven adds to that account.
    pub async fn prove_address(&self, work: &mut Work, user: &mut User, channel: Channel, own: bool) -> Result<()> {
        let is_somebodys = own || user.is_proven(channel) || user.is_proven(Channel::Email);
        if !is_somebodys && work.has_left(user, None).await? {
            self.drop_unproven(work, user, channel, None).await?;
        }
        user.set_proven(channel);
        self.confirm(work, user, channel).await
    }

    /// Drops what was left at an account by whoever is not known to have its address: everything that signs in, what is under way, the other
    /// address, and what they said of themselves. One identity may be kept: the one by which the address is proven.
    pub async fn drop_unproven(
        &self,
        work: &mut Work,
        user: &mut User,
        channel: Channel,
        kept: Option<Uuid>,
    ) -> Result<()> {
        let id = user.id;
        let sql = "delete from auth.identities where user_id = $1 and ($2::uuid is null or id <> $2::uuid)";
        work.execute(sql, params![id, kept]).await?;
        for table in ["sessions", "one_time_tokens", "oauth_authorizations", "oauth_consents"] {
            work.execute(&format!("delete from auth.{table} where user_id = $1"), params![id]).await?;
        }
        // Codes that were given out already, and identities that are being linked. A flow that a mail goes on with stays.
        let sql =
            "delete from auth.flow_state where (user_id = $1 and auth_code is not null) or linking_target_id = $1";
        work.execute(sql, params![id]).await?;
        work.drop_credentials(id).await?;
        user.encrypted_password = None;
        match channel {
            Channel::Email => (user.phone, user.phone_confirmed_at) = (None, None),
            Channel::Phone => (user.email, user.email_confirmed_at) = (None, None),
        }
        (user.email_change, user.phone_change) = (None, None);
        user.raw_user_meta_data = None;
        user.set_providers(std::iter::empty());
        user.raw_app_meta_data.get_or_insert_default().shift_remove("provider");
        self.audit(work, "unproven_dropped", Some(user), "").await
    }
}

impl Work {
    /// Whether anything stands at an account by which somebody could sign in, beside its address and one identity.
    pub async fn has_left(&mut self, user: &User, but: Option<Uuid>) -> Result<bool> {
        if present(&user.encrypted_password).is_some() {
            return Ok(true);
        }
        let sql = "select id from auth.identities where user_id = $1 and provider not in ('email', 'phone') \
            and ($2::uuid is null or id <> $2::uuid) \
            union all select id from auth.sessions where user_id = $1 \
            union all select id from auth.mfa_factors where user_id = $1 \
            union all select id from auth.webauthn_credentials where user_id = $1 limit 1";
        let left: Option<Left> = self.one(sql, params![user.id, but]).await?;
        Ok(left.is_some())
    }
}

#[derive(serde::Deserialize)]
struct Left {
    #[serde(rename = "id")]
    _id: Uuid,
}
