//! Users, their identities and factors: rows of the schema, and the objects that clients see.

mod costs;
mod rows;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::address::{Address, Channel};

/// The role and audience of whoever signs up.
pub(crate) const AUTHENTICATED: &str = "authenticated";

/// A row of `auth.users`.
#[derive(Clone, Deserialize)]
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
    /// The address that somebody proved (see `proof`).
    #[serde(default)]
    pub proven_email: Option<String>,
    #[serde(default)]
    pub proven_phone: Option<String>,
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
            email_change_confirm_status: Some(0),
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
            proven_email: None,
            proven_phone: None,
        }
    }

    /// The user's address of a kind.
    pub fn address(&self, channel: Channel) -> Option<&str> {
        match channel {
            Channel::Email => present(&self.email),
            Channel::Phone => present(&self.phone),
        }
    }

    /// Gives the user an address, in place of another of its kind.
    pub fn set_address(&mut self, address: &Address) {
        match address.channel {
            Channel::Email => self.email = Some(address.text.clone()),
            Channel::Phone => self.phone = Some(address.text.clone()),
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
