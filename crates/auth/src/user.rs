//! Users, their identities and factors: rows of the schema, and the objects that clients see (contract: wire.md section 1.3).

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::error::{AuthError, Result};
use crate::store::{Work, params};

/// The role and audience of whoever signs up.
pub(crate) const AUTHENTICATED: &str = "authenticated";

/// The columns that a [`User`] has.
const COLUMNS: &str = "id, aud, role, email, encrypted_password, email_confirmed_at, invited_at, confirmation_sent_at, \
    recovery_sent_at, email_change, email_change_sent_at, email_change_confirm_status, last_sign_in_at, raw_app_meta_data, \
    raw_user_meta_data, created_at, updated_at, phone, phone_confirmed_at, phone_change, phone_change_sent_at, banned_until, \
    reauthentication_sent_at, is_sso_user, deleted_at, is_anonymous";

/// A row of `auth.users`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct User {
    pub id: Uuid,
    pub aud: Option<String>,
    pub role: Option<String>,
    pub email: Option<String>,
    pub encrypted_password: Option<String>,
    pub email_confirmed_at: Option<Timestamp>,
    pub invited_at: Option<Timestamp>,
    pub confirmation_sent_at: Option<Timestamp>,
    pub recovery_sent_at: Option<Timestamp>,
    pub email_change: Option<String>,
    pub email_change_sent_at: Option<Timestamp>,
    pub email_change_confirm_status: Option<i32>,
    pub last_sign_in_at: Option<Timestamp>,
    pub raw_app_meta_data: Option<Map<String, Value>>,
    pub raw_user_meta_data: Option<Map<String, Value>>,
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
    pub phone: Option<String>,
    pub phone_confirmed_at: Option<Timestamp>,
    pub phone_change: Option<String>,
    pub phone_change_sent_at: Option<Timestamp>,
    pub banned_until: Option<Timestamp>,
    pub reauthentication_sent_at: Option<Timestamp>,
    #[serde(default)]
    pub is_sso_user: bool,
    pub deleted_at: Option<Timestamp>,
    pub is_anonymous: bool,
}

/// A row of `auth.identities`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Identity {
    pub id: Uuid,
    pub provider_id: String,
    pub user_id: Uuid,
    pub identity_data: Map<String, Value>,
    pub provider: String,
    pub last_sign_in_at: Option<Timestamp>,
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
    pub email: Option<String>,
}

/// A row of `auth.mfa_factors`, its secret aside.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Factor {
    pub id: Uuid,
    pub friendly_name: Option<String>,
    pub factor_type: String,
    pub status: String,
    pub phone: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub last_challenged_at: Option<Timestamp>,
}

impl User {
    /// A new user without an address, not stored yet.
    pub fn new(now: Timestamp) -> User {
        User {
            id: Uuid::new_v4(),
            aud: Some(AUTHENTICATED.into()),
            role: Some(AUTHENTICATED.into()),
            email: None,
            encrypted_password: None,
            email_confirmed_at: None,
            invited_at: None,
            confirmation_sent_at: None,
            recovery_sent_at: None,
            email_change: None,
            email_change_sent_at: None,
            email_change_confirm_status: None,
            last_sign_in_at: None,
            raw_app_meta_data: None,
            raw_user_meta_data: None,
            created_at: Some(now),
            updated_at: Some(now),
            phone: None,
            phone_confirmed_at: None,
            phone_change: None,
            phone_change_sent_at: None,
            banned_until: None,
            reauthentication_sent_at: None,
            is_sso_user: false,
            deleted_at: None,
            is_anonymous: false,
        }
    }

    pub fn is_banned(&self, now: Timestamp) -> bool {
        self.banned_until.is_some_and(|until| until > now)
    }

    /// Whether one of the user's addresses is confirmed.
    pub fn is_confirmed(&self) -> bool {
        self.email_confirmed_at.is_some() || self.phone_confirmed_at.is_some()
    }

    pub fn app_metadata(&self) -> Map<String, Value> {
        self.raw_app_meta_data.clone().unwrap_or_default()
    }

    pub fn user_metadata(&self) -> Map<String, Value> {
        self.raw_user_meta_data.clone().unwrap_or_default()
    }

    /// Lays `patch` over the user's own metadata: a null deletes its key.
    pub fn patch_user_metadata(&mut self, patch: &Map<String, Value>) {
        merge(self.raw_user_meta_data.get_or_insert_default(), patch);
    }

    /// The same over the metadata that the user can't change.
    pub fn patch_app_metadata(&mut self, patch: &Map<String, Value>) {
        merge(self.raw_app_meta_data.get_or_insert_default(), patch);
    }

    /// Notes that the user signs in by `provider`: first, or besides others.
    pub fn add_provider(&mut self, provider: &str) {
        let metadata = self.raw_app_meta_data.get_or_insert_default();
        metadata.entry("provider").or_insert_with(|| provider.into());
        let providers = metadata.entry("providers").or_insert_with(|| json!([]));
        if let Value::Array(list) = providers
            && !list.iter().any(|known| known == provider)
        {
            list.push(provider.into());
        }
    }

    /// The object that clients see.
    pub fn json(&self, identities: &[Identity], factors: &[Factor]) -> Value {
        let mut object = Map::new();
        let mut put = |key: &str, value: Value| {
            if !value.is_null() {
                object.insert(key.into(), value);
            }
        };
        let confirmed = [self.email_confirmed_at, self.phone_confirmed_at].into_iter().flatten().min();
        put("id", json!(self.id));
        put("aud", json!(self.aud.as_deref().unwrap_or_default()));
        put("role", json!(self.role.as_deref().unwrap_or_default()));
        put("email", json!(self.email.as_deref().unwrap_or_default()));
        put("email_confirmed_at", json!(self.email_confirmed_at));
        put("invited_at", json!(self.invited_at));
        put("phone", json!(self.phone.as_deref().unwrap_or_default()));
        put("phone_confirmed_at", json!(self.phone_confirmed_at));
        put("confirmation_sent_at", json!(self.confirmation_sent_at));
        put("confirmed_at", json!(confirmed));
        put("recovery_sent_at", json!(self.recovery_sent_at));
        put("new_email", json!(present(&self.email_change)));
        put("email_change_sent_at", json!(self.email_change_sent_at));
        put("new_phone", json!(present(&self.phone_change)));
        put("phone_change_sent_at", json!(self.phone_change_sent_at));
        put("reauthentication_sent_at", json!(self.reauthentication_sent_at));
        put("last_sign_in_at", json!(self.last_sign_in_at));
        put("app_metadata", Value::Object(self.app_metadata()));
        put("user_metadata", Value::Object(self.user_metadata()));
        if !factors.is_empty() {
            put("factors", factors.iter().map(Factor::json).collect());
        }
        put("identities", identities.iter().map(Identity::json).collect());
        put("created_at", json!(self.created_at));
        put("updated_at", json!(self.updated_at));
        put("banned_until", json!(self.banned_until));
        put("deleted_at", json!(self.deleted_at));
        put("is_anonymous", json!(self.is_anonymous));
        Value::Object(object)
    }
}

impl Identity {
    pub fn json(&self) -> Value {
        let mut object = json!({
            "identity_id": self.id,
            "id": self.provider_id,
            "user_id": self.user_id,
            "identity_data": self.identity_data,
            "provider": self.provider,
            "last_sign_in_at": self.last_sign_in_at,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        });
        if let Some(email) = &self.email {
            object["email"] = json!(email);
        }
        object
    }
}

impl Factor {
    pub fn json(&self) -> Value {
        let mut object = json!({
            "id": self.id,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "status": self.status,
            "factor_type": self.factor_type,
            "phone": self.phone.as_deref().unwrap_or_default(),
            "last_challenged_at": self.last_challenged_at,
        });
        if let Some(name) = present(&self.friendly_name) {
            object["friendly_name"] = json!(name);
        }
        object
    }

    pub fn is_verified(&self) -> bool {
        self.status == "verified"
    }
}

/// A text that is there and not empty.
pub(crate) fn present(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

fn merge(metadata: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, value) in patch {
        if value.is_null() {
            metadata.shift_remove(key);
        } else {
            metadata.insert(key.clone(), value.clone());
        }
    }
}

/// What of the users a transaction reads and writes.
impl Work {
    pub async fn user(&mut self, id: Uuid) -> Result<Option<User>> {
        self.one(&format!("select {COLUMNS} from auth.users where id = $1 and deleted_at is null"), params![id]).await
    }

    /// Reads a user and keeps others from changing it until the transaction ends.
    pub async fn lock_user(&mut self, id: Uuid) -> Result<Option<User>> {
        let sql = format!(
            "update auth.users set updated_at = updated_at where id = $1 and deleted_at is null returning {COLUMNS}"
        );
        self.one(&sql, params![id]).await
    }

    /// The user who has this address (lower case) and signs in with it.
    pub async fn user_by_email(&mut self, email: &str) -> Result<Option<User>> {
        let sql =
            format!("select {COLUMNS} from auth.users where email = $1 and is_sso_user = false and deleted_at is null");
        self.one(&sql, params![email]).await
    }

    /// The user who has this number (digits only).
    pub async fn user_by_phone(&mut self, phone: &str) -> Result<Option<User>> {
        let sql = format!("select {COLUMNS} from auth.users where phone = $1 and deleted_at is null");
        self.one(&sql, params![phone]).await
    }

    /// Stores a new user. An address that somebody took in the meantime is a refusal.
    pub async fn insert_user(&mut self, user: &User) -> Result<()> {
        let sql = "insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, invited_at, \
            confirmation_sent_at, last_sign_in_at, raw_app_meta_data, raw_user_meta_data, created_at, updated_at, phone, \
            phone_confirmed_at, banned_until, is_sso_user, is_anonymous) \
            values ('00000000-0000-0000-0000-000000000000', $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";
        let values = params![
            user.id,
            user.aud,
            user.role,
            user.email,
            user.encrypted_password,
            user.email_confirmed_at,
            user.invited_at,
            user.confirmation_sent_at,
            user.last_sign_in_at,
            Value::Object(user.app_metadata()),
            Value::Object(user.user_metadata()),
            user.created_at,
            user.updated_at,
            user.phone,
            user.phone_confirmed_at,
            user.banned_until,
            user.is_sso_user,
            user.is_anonymous,
        ];
        self.attempt(sql, values).await.map(drop).map_err(|error| taken(error, user.email.is_some()))
    }

    /// Stores a user as it is now.
    pub async fn update_user(&mut self, user: &mut User, now: Timestamp) -> Result<()> {
        user.updated_at = Some(now);
        let sql = "update auth.users set aud = $2, role = $3, email = $4, encrypted_password = $5, email_confirmed_at = $6, \
            invited_at = $7, confirmation_sent_at = $8, recovery_sent_at = $9, email_change = $10, email_change_sent_at = $11, \
            email_change_confirm_status = $12, last_sign_in_at = $13, raw_app_meta_data = $14, raw_user_meta_data = $15, \
            updated_at = $16, phone = $17, phone_confirmed_at = $18, phone_change = $19, phone_change_sent_at = $20, \
            banned_until = $21, reauthentication_sent_at = $22, deleted_at = $23, is_anonymous = $24 where id = $1";
        let values = params![
            user.id,
            user.aud,
            user.role,
            user.email,
            user.encrypted_password,
            user.email_confirmed_at,
            user.invited_at,
            user.confirmation_sent_at,
            user.recovery_sent_at,
            user.email_change,
            user.email_change_sent_at,
            user.email_change_confirm_status,
            user.last_sign_in_at,
            Value::Object(user.app_metadata()),
            Value::Object(user.user_metadata()),
            user.updated_at,
            user.phone,
            user.phone_confirmed_at,
            user.phone_change,
            user.phone_change_sent_at,
            user.banned_until,
            user.reauthentication_sent_at,
            user.deleted_at,
            user.is_anonymous,
        ];
        self.attempt(sql, values).await.map(drop).map_err(|error| taken(error, user.email.is_some()))
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

/// A violated unique key means that somebody has the address.
fn taken(error: basalt_core::Error, is_email: bool) -> AuthError {
    match (error.code(), is_email) {
        ("23505", true) if error.constraint() != Some("users_phone_key") => {
            AuthError::new(422, "email_exists", "A user with this email address has already been registered")
        }
        ("23505", _) => {
            AuthError::new(422, "phone_exists", "A user with this phone number has already been registered")
        }
        _ => error.into(),
    }
}
