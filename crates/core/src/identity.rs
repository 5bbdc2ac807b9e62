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
    role: Option<String>,
    sub: Option<String>,
    email: Option<String>,
}

impl Claims {
    /// Takes a JSON object. What `auth.role()`, `auth.uid()` and `auth.email()` tell is read out once.
    pub fn new(claims: &Map<String, Value>) -> Self {
        // As `->>` reads them: a number is its text.
        let text = |key: &str| match claims.get(key)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        let json = serde_json::to_string(claims).unwrap_or_default();
        Claims { role: text("role"), sub: text("sub"), email: text("email"), json }
    }

    /// All claims as JSON text.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The `role` claim.
    pub fn role(&self) -> Option<&str> {
        self.role.as_deref()
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

    /// The schema's owner: migrations, imports, and Basalt's own services. Nobody's token came with them.
    pub fn owner() -> Self {
        Identity { role: Self::OWNER.into(), claims: Arc::new(Claims::new(&Map::new())) }
    }
}
