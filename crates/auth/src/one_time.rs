//! One-time tokens: what a mail or message proves. Only their hashes are stored; each is used up by the statement that finds it.

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use serde::Deserialize;
use uuid::Uuid;

use crate::address::Channel;
use crate::call::Call;
use crate::error::Result;
use crate::secret::digits;
use crate::store::{Work, params};
use crate::user::{User, present};

/// What a token is for, by its name in `auth.one_time_token_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose {
    #[serde(rename = "confirmation_token")]
    Confirmation,
    #[serde(rename = "reauthentication_token")]
    Reauthentication,
    #[serde(rename = "recovery_token")]
    Recovery,
    #[serde(rename = "email_change_token_new")]
    EmailChangeNew,
    #[serde(rename = "email_change_token_current")]
    EmailChangeCurrent,
    #[serde(rename = "phone_change_token")]
    PhoneChange,
}

/// Marks the hash in a link whose flow ends with PKCE.
pub(crate) const PKCE: &str = "pkce_";

/// A token as it was sent.
pub(crate) struct Sent {
    /// The code.
    pub code: String,
    /// The hash that the link carries.
    pub hash: String,
}

/// A token that was found, and is used up.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Found {
    pub user_id: Uuid,
    pub token_type: Purpose,
    created_at: civil::DateTime,
    /// The address that it was sent to.
    relates_to: String,
    /// Whether it is that of the sign-up whose password, or identity, waits for it.
    #[serde(default)]
    pub of_sign_up: bool,
}

impl Purpose {
    pub fn name(self) -> &'static str {
        match self {
            Purpose::Confirmation => "confirmation_token",
            Purpose::Reauthentication => "reauthentication_token",
            Purpose::Recovery => "recovery_token",
            Purpose::EmailChangeNew => "email_change_token_new",
            Purpose::EmailChangeCurrent => "email_change_token_current",
            Purpose::PhoneChange => "phone_change_token",
        }
    }
}

impl Found {
    /// By what way it was sent.
    pub fn channel(&self) -> Channel {
        match self.token_type {
            Purpose::PhoneChange => Channel::Phone,
            Purpose::EmailChangeNew | Purpose::EmailChangeCurrent => Channel::Email,
            _ if self.relates_to.contains('@') => Channel::Email,
            _ => Channel::Phone,
        }
    }

    /// Whether the address that it was sent to is the one it is about: the user's, or the one to change to. It proves no other.
    pub fn is_for(&self, user: &User) -> bool {
        let address = match self.token_type {
            Purpose::EmailChangeNew => present(&user.email_change),
            Purpose::PhoneChange => present(&user.phone_change),
            _ => user.address(self.channel()),
        };
        address == Some(&self.relates_to)
    }

    /// Whether it was sent no longer ago than `seconds`.
    pub fn is_fresh(&self, now: Timestamp, seconds: u64) -> bool {
        let sent = self.created_at.to_zoned(TimeZone::UTC).map(|at| at.timestamp());
        let age = sent.map(|sent| now.duration_since(sent).as_secs());
        age.is_ok_and(|age| age <= i64::try_from(seconds).unwrap_or(i64::MAX))
    }
}

impl Call<'_> {
    /// Makes a token of a user's for an address, in place of an earlier one for the same purpose.
    pub async fn make_token(
        &self,
        work: &mut Work,
        user: Uuid,
        purpose: Purpose,
        address: &str,
        length: usize,
        pkce: bool,
    ) -> Result<Sent> {
        let code = digits(length);
        let hash = self.auth.codes.of(address, &code);
        let sent = Sent { hash: if pkce { format!("{PKCE}{hash}") } else { hash }, code };
        work.store_token(user, purpose, address, &sent.hash, self.now).await?;
        Ok(sent)
    }
}

impl Work {
    /// Stores the hash of a token.
    pub async fn store_token(
        &mut self,
        user: Uuid,
        purpose: Purpose,
        address: &str,
        hash: &str,
        now: Timestamp,
    ) -> Result<()> {
        let sql = "insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to, created_at, updated_at) \
            values ($1, $2, $3, $4, $5, $6, $6) on conflict (user_id, token_type) \
            do update set token_hash = $4, relates_to = $5, created_at = $6, updated_at = $6, of_sign_up = false";
        let at = civil_utc(now);
        self.execute(sql, params![Uuid::new_v4(), user, purpose.name(), hash, address, at]).await.map(drop)
    }

    /// Uses up the token with one of these hashes, if there is one for one of the purposes.
    pub async fn take_token(&mut self, hashes: &[String], purposes: &[Purpose]) -> Result<Option<Found>> {
        let names: Vec<&str> = purposes.iter().map(|purpose| purpose.name()).collect();
        let sql = "delete from auth.one_time_tokens where token_hash = any ($1::text[]) \
            and token_type::text = any ($2::text[]) returning user_id, token_type, created_at, relates_to, of_sign_up";
        self.one(sql, params![array(hashes), array(&names)]).await
    }

    /// The confirmation that a user was last sent, if it is not used up.
    pub async fn waiting_confirmation(&mut self, user: Uuid) -> Result<Option<Found>> {
        let sql = "select user_id, token_type, created_at, relates_to, of_sign_up from auth.one_time_tokens \
            where user_id = $1 and token_type::text = $2";
        self.one(sql, params![user, Purpose::Confirmation.name()]).await
    }

    /// Says of the confirmation that a user was sent whether it is that of the sign-up that left what waits there.
    pub async fn bind_confirmation(&mut self, user: Uuid, of_sign_up: bool) -> Result<()> {
        let sql = "update auth.one_time_tokens set of_sign_up = $3 where user_id = $1 and token_type::text = $2";
        self.execute(sql, params![user, Purpose::Confirmation.name(), of_sign_up]).await.map(drop)
    }

    /// Forgets all tokens of a user.
    pub async fn forget_tokens(&mut self, user: Uuid) -> Result<()> {
        self.execute("delete from auth.one_time_tokens where user_id = $1", params![user]).await.map(drop)
    }
}

/// An array of names and hashes, which need no quotes, as PostgreSQL writes it.
fn array<T: AsRef<str>>(items: &[T]) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    format!("{{{}}}", items.join(","))
}

/// A moment as the `timestamp` columns keep it: UTC, without saying so.
fn civil_utc(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).datetime().to_string()
}
