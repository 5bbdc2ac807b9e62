//! Who a statement runs as: a database role and the verified claims that came with it.

use std::sync::Arc;

use serde_json::{Map, Value};

/// The caller of one statement. Belongs to the statement, never to a connection.
/// Cloning is two reference counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The database role: `anon`, `authenticated`, `service_role` or a custom one.
    pub role: Arc<str>,
    /// The claims of the verified token, or `{"role":"<anon>"}` without one.
    pub claims: Arc<Claims>,
}

/// Verified JWT claims, kept as the JSON text that `request.jwt.claims` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    json: String,
    sub: Option<String>,
    email: Option<String>,
}

impl Claims {
    /// Takes a JSON object. `sub` and `email` are read out once, for `auth.uid()` and `auth.email()`.
    pub fn new(claims: &Map<String, Value>) -> Self {
        // As `->>` reads them: a number is its text.
        let text = |key: &str| match claims.get(key)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        Claims { sub: text("sub"), email: text("email"), json: serde_json::to_string(claims).unwrap_or_default() }
    }

    /// All claims as JSON text.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The `sub` claim: the user's id.
    pub fn sub(&self) -> Option<&str> {
        self.sub.as_deref()
    }

    /// The `email` claim.
    pub fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }
}

impl Identity {
    /// The role that owns the schema, runs migrations and bypasses row-level security.
    pub const OWNER: &'static str = "postgres";

    /// An identity of `role` without a token.
    pub fn role(role: &str) -> Self {
        let mut claims = Map::new();
        claims.insert("role".into(), role.into());
        Identity { role: role.into(), claims: Arc::new(Claims::new(&claims)) }
    }

    /// The schema's owner: migrations, imports, and Basalt's own services.
    pub fn owner() -> Self {
        Identity::role(Self::OWNER)
    }
}
