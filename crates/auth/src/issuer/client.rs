//! A registered service: a row of `auth.oauth_clients`, and what it may do.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use url::{Host, Url};
use uuid::Uuid;

use crate::error::Result;
use crate::store::{Work, params};

/// A row of `auth.oauth_clients`.
#[derive(Clone, Deserialize)]
pub(super) struct Client {
    pub id: Uuid,
    pub client_secret_hash: Option<String>,
    pub registration_type: String,
    pub client_type: String,
    pub token_endpoint_auth_method: String,
    pub redirect_uris: String,
    pub grant_types: String,
    pub client_name: Option<String>,
    pub client_uri: Option<String>,
    pub logo_uri: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The columns that a [`Client`] has.
pub(super) const COLUMNS: &str = "id, client_secret_hash, registration_type, client_type, token_endpoint_auth_method, redirect_uris, grant_types, \
    client_name, client_uri, logo_uri, created_at, updated_at";

impl Client {
    fn list(text: &str) -> Vec<String> {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// What administrators see of it; its secret is shown when it is made.
    pub fn json(&self, secret: Option<&str>) -> Value {
        let mut object = json!({
            "client_id": self.id,
            "client_name": self.client_name.as_deref().unwrap_or_default(),
            "client_type": self.client_type,
            "token_endpoint_auth_method": self.token_endpoint_auth_method,
            "registration_type": self.registration_type,
            "redirect_uris": Client::list(&self.redirect_uris),
            "grant_types": Client::list(&self.grant_types),
            "response_types": ["code"],
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        });
        for (name, value) in [("client_uri", &self.client_uri), ("logo_uri", &self.logo_uri)] {
            if let Some(value) = value {
                object[name] = json!(value);
            }
        }
        if let Some(secret) = secret {
            object["client_secret"] = json!(secret);
        }
        object
    }

    /// What users see of it.
    pub fn shown(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.client_name.as_deref().unwrap_or_default(),
            "uri": self.client_uri.as_deref().unwrap_or_default(),
            "logo_uri": self.logo_uri.as_deref().unwrap_or_default(),
        })
    }

    /// Whether this is one of its addresses: the same text, but for the port on the machine itself (RFC 8252 section 7.3).
    pub fn takes(&self, redirect: &str) -> bool {
        let registered = Client::list(&self.redirect_uris);
        registered.iter().any(|known| {
            known == redirect || without_port(known).is_some_and(|known| without_port(redirect) == Some(known))
        })
    }

    /// Whether it can keep no secret.
    pub fn is_public(&self) -> bool {
        self.client_secret_hash.is_none()
    }

    pub fn may(&self, grant: &str) -> bool {
        Client::list(&self.grant_types).iter().any(|known| known == grant)
    }
}

/// An address on the machine itself, its port aside.
pub(super) fn without_port(uri: &str) -> Option<Url> {
    let mut url = Url::parse(uri).ok().filter(|url| url.scheme() == "http" && url.username().is_empty())?;
    let is_loopback = match url.host()? {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
        Host::Domain(_) => false,
    };
    url.set_port(None).ok().filter(|()| is_loopback)?;
    Some(url)
}

impl Work {
    pub(super) async fn client(&mut self, id: Uuid) -> Result<Option<Client>> {
        let sql = format!("select {COLUMNS} from auth.oauth_clients where id = $1 and deleted_at is null");
        self.one(&sql, params![id]).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(uris: &[&str]) -> Client {
        let now = Timestamp::now();
        Client {
            id: Uuid::nil(),
            client_secret_hash: None,
            registration_type: "manual".into(),
            client_type: "public".into(),
            token_endpoint_auth_method: "none".into(),
            redirect_uris: json!(uris).to_string(),
            grant_types: "[]".into(),
            client_name: None,
            client_uri: None,
            logo_uri: None,
            created_at: now,
            updated_at: now,
        }
    }

    #[test]
    fn addresses_are_compared_whole_but_for_the_port_of_the_own_machine() {
        let client = client(&["https://app.example/back", "http://127.0.0.1/back"]);
        assert!(client.takes("https://app.example/back") && client.takes("http://127.0.0.1:49152/back"));
        for other in [
            "https://app.example/back/",
            "https://app.example/back?x=1",
            "https://app.example:8443/back",
            "https://app.example@evil.example/back",
            "http://127.0.0.1:1/other",
            "http://user@127.0.0.1/back",
            "http://localhost/back",
        ] {
            assert!(!client.takes(other), "{other}");
        }
    }
}
