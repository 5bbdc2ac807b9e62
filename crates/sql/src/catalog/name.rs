//! Names of what a database contains.

use serde::{Deserialize, Serialize};

/// A schema-qualified name. Compares by schema, then name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// The schema.
    pub schema: String,
    /// The name within it.
    pub name: String,
}

impl Name {
    /// A name in a schema.
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Name { schema: schema.into(), name: name.into() }
    }

    /// A name as it is configured: `schema.name`, or `name` of schema `public`. No quotes are heeded.
    pub fn named(text: &str) -> Self {
        let (schema, name) = text.split_once('.').unwrap_or(("public", text));
        Name::new(schema, name)
    }

    /// The name of the SQLite table: bare for `public`, `schema.name` otherwise.
    pub fn physical(&self) -> String {
        if self.schema == "public" && !self.name.contains('.') {
            self.name.clone()
        } else {
            format!("{}.{}", self.schema, self.name)
        }
    }

    /// Quoted PostgreSQL source: `"public"."t"`.
    pub fn quoted(&self) -> String {
        format!("{}.{}", crate::quote::ident(&self.schema), crate::quote::ident(&self.name))
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

// Names are map keys, so they serialize as one string. A dot in a schema's name is refused at its creation.
impl Serialize for Name {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (schema, name) = text.split_once('.').ok_or_else(|| serde::de::Error::custom("a name without a schema"))?;
        Ok(Name::new(schema, name))
    }
}
