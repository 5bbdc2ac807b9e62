//! What of the users a transaction reads and writes.

use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Factor, Identity, User};
use crate::address::{Address, Channel};
use crate::error::{AuthError, Result};
use crate::store::{Param, Work, params};

/// What a column is stored as.
type Stored = fn(&User) -> Option<String>;

/// The columns that a [`User`] has. The first is the key. A change that nobody asked for is an empty text, as projects' SQL expects it.
const COLUMNS: [(&str, Stored); 28] = [
    ("id", |user| user.id.text()),
    ("aud", |user| user.aud.text()),
    ("role", |user| user.role.text()),
    ("email", |user| user.email.text()),
    ("encrypted_password", |user| user.encrypted_password.text()),
    ("email_confirmed_at", |user| user.email_confirmed_at.text()),
    ("invited_at", |user| user.invited_at.text()),
    ("confirmation_sent_at", |user| user.confirmation_sent_at.text()),
    ("recovery_sent_at", |user| user.recovery_sent_at.text()),
    ("email_change", |user| user.email_change.clone().unwrap_or_default().text()),
    ("email_change_sent_at", |user| user.email_change_sent_at.text()),
    ("email_change_confirm_status", |user| user.email_change_confirm_status.text()),
    ("last_sign_in_at", |user| user.last_sign_in_at.text()),
    ("raw_app_meta_data", |user| Value::Object(user.app_metadata()).text()),
    ("raw_user_meta_data", |user| Value::Object(user.user_metadata()).text()),
    ("created_at", |user| user.created_at.text()),
    ("updated_at", |user| user.updated_at.text()),
    ("phone", |user| user.phone.text()),
    ("phone_confirmed_at", |user| user.phone_confirmed_at.text()),
    ("phone_change", |user| user.phone_change.clone().unwrap_or_default().text()),
    ("phone_change_sent_at", |user| user.phone_change_sent_at.text()),
    ("banned_until", |user| user.banned_until.text()),
    ("reauthentication_sent_at", |user| user.reauthentication_sent_at.text()),
    ("is_sso_user", |user| user.is_sso_user.text()),
    ("deleted_at", |user| user.deleted_at.text()),
    ("is_anonymous", |user| user.is_anonymous.text()),
    ("proven_email", |user| user.proven_email.text()),
    ("proven_phone", |user| user.proven_phone.text()),
];

static NAMES: LazyLock<String> = LazyLock::new(|| COLUMNS.map(|(name, _)| name).join(", "));
static SELECT: LazyLock<String> = LazyLock::new(|| format!("select {} from auth.users", *NAMES));
static INSERT: LazyLock<String> = LazyLock::new(|| {
    let places: Vec<String> = (1..=COLUMNS.len()).map(|place| format!("${place}")).collect();
    format!(
        "insert into auth.users (instance_id, {}) values ('00000000-0000-0000-0000-000000000000', {})",
        *NAMES,
        places.join(", ")
    )
});
static UPDATE: LazyLock<String> = LazyLock::new(|| {
    let set: Vec<String> = (2..).zip(&COLUMNS[1..]).map(|(place, (name, _))| format!("{name} = ${place}")).collect();
    format!("update auth.users set {} where id = $1", set.join(", "))
});

impl Work {
    pub async fn user(&mut self, id: Uuid) -> Result<Option<User>> {
        Ok(self.user_or_what_is_left(id).await?.filter(|user| user.deleted_at.is_none()))
    }

    /// A user as administrators know one: also one that was deleted softly, of whom a row is left.
    pub async fn user_or_what_is_left(&mut self, id: Uuid) -> Result<Option<User>> {
        self.one(&format!("{} where id = $1", *SELECT), params![id]).await
    }

    /// Reads a user and keeps others from changing it until the transaction ends.
    pub async fn lock_user(&mut self, id: Uuid) -> Result<Option<User>> {
        Ok(self.lock_user_or_what_is_left(id).await?.filter(|user| user.deleted_at.is_none()))
    }

    /// The same for a user as administrators know one.
    pub async fn lock_user_or_what_is_left(&mut self, id: Uuid) -> Result<Option<User>> {
        self.one(&format!("{} where id = $1 for update", *SELECT), params![id]).await
    }

    /// The user who has this address (lower case) and signs in with it.
    pub async fn user_by_email(&mut self, email: &str) -> Result<Option<User>> {
        let sql = format!("{} where email = $1 and is_sso_user = false and deleted_at is null", *SELECT);
        self.one(&sql, params![email]).await
    }

    /// The user who has this number (digits only).
    pub async fn user_by_phone(&mut self, phone: &str) -> Result<Option<User>> {
        let sql = format!("{} where phone = $1 and deleted_at is null", *SELECT);
        self.one(&sql, params![phone]).await
    }

    /// The user who has this address; keeps others from changing it until the transaction ends, since who was found is mostly stored again,
    /// with all columns as they were read.
    pub async fn lock_user_at(&mut self, address: &Address) -> Result<Option<User>> {
        let condition = match address.channel {
            Channel::Email => "email = $1 and is_sso_user = false and deleted_at is null",
            Channel::Phone => "phone = $1 and deleted_at is null",
        };
        self.one(&format!("{} where {condition} for update", *SELECT), params![&*address.text]).await
    }

    /// Stores a new user. An address that somebody took in the meantime is a refusal.
    pub async fn insert_user(&mut self, user: &User) -> Result<()> {
        self.store(&INSERT, user, "saving new user").await
    }

    /// Stores a user as it is now.
    pub async fn update_user(&mut self, user: &mut User, now: Timestamp) -> Result<()> {
        user.updated_at = Some(now);
        self.store(&UPDATE, user, "updating user").await
    }

    async fn store(&mut self, sql: &str, user: &User, doing: &str) -> Result<()> {
        let values = COLUMNS.iter().map(|(_, value)| value(user)).collect();
        let stored = self.attempt(sql, values).await;
        stored.map(drop).map_err(|error| taken(&error).unwrap_or_else(|| AuthError::of_database(error, doing)))
    }

    /// Deletes a user, and what belongs to it.
    pub async fn delete_user(&mut self, id: Uuid) -> Result<()> {
        let deleted = self.attempt("delete from auth.users where id = $1", params![id]).await;
        deleted.map(drop).map_err(|error| AuthError::of_database(error, "deleting user"))
    }

    pub async fn identities(&mut self, user: Uuid) -> Result<Vec<Identity>> {
        let sql = "select id, provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at, email \
            from auth.identities where user_id = $1 order by created_at, id";
        self.all(sql, params![user]).await
    }

    pub async fn factors(&mut self, user: Uuid) -> Result<Vec<Factor>> {
        let sql = "select id, friendly_name, factor_type, status, phone, created_at, updated_at, last_challenged_at \
            from auth.mfa_factors where user_id = $1 order by created_at, id";
        self.all(sql, params![user]).await
    }

    /// Stores a new identity of `user`, and notes its provider with the user (who is to be stored after).
    pub async fn insert_identity(
        &mut self,
        user: &mut User,
        provider: &str,
        provider_id: &str,
        data: Map<String, Value>,
        now: Timestamp,
    ) -> Result<()> {
        let sql = "insert into auth.identities (id, provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, \
            updated_at) values ($1, $2, $3, $4, $5, $6, $6, $6)";
        let values = params![Uuid::new_v4(), provider_id, user.id, Value::Object(data), provider, now];
        let inserted = self.attempt(sql, values).await;
        inserted.map_err(|error| match error.code() {
            "23505" => AuthError::new(422, "identity_already_exists", "Identity is already linked to another user"),
            _ => error.into(),
        })?;
        user.add_provider(provider);
        Ok(())
    }

    /// The e-mail or phone identity of a user follows the user's address.
    pub async fn update_identity_data(&mut self, id: Uuid, data: Map<String, Value>, now: Timestamp) -> Result<()> {
        let sql = "update auth.identities set identity_data = $2, updated_at = $3 where id = $1";
        self.execute(sql, params![id, Value::Object(data), now]).await.map(drop)
    }

    /// A user with identities and factors, as clients see it.
    pub async fn user_json(&mut self, user: &User) -> Result<Value> {
        let identities = self.identities(user.id).await?;
        let factors = self.factors(user.id).await?;
        Ok(user.json(&identities, &factors))
    }
}

/// The refusal where a key of the users' says that somebody has the address, or the id. Others are of what triggers write.
fn taken(error: &basalt_core::Error) -> Option<AuthError> {
    let (code, sentence) = match (error.code(), error.constraint()?) {
        ("23505", "users_pkey") => ("user_already_exists", "A user with this ID has already been registered"),
        ("23505", "users_email_partial_key") => {
            ("email_exists", "A user with this email address has already been registered")
        }
        ("23505", "users_phone_key") => ("phone_exists", "A user with this phone number has already been registered"),
        _ => return None,
    };
    Some(AuthError::new(422, code, sentence))
}
