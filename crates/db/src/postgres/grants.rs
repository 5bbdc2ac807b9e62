//! Who is connected, and which grant a refusal asks for.

use basalt_core::{Error, Result};
use basalt_sql::quote;
use tokio_postgres::Client;

use super::error::translate;

/// The role of a connection.
pub(super) struct Connected {
    /// Its name, quoted where SQL needs that.
    pub role: String,
    pub is_superuser: bool,
    /// Whether it may create roles.
    pub creates_roles: bool,
    /// Whether it may create in the schema `public`, if there is one.
    pub creates_in_public: bool,
    database: String,
}

impl Connected {
    pub async fn ask(client: &Client) -> Result<Connected> {
        let sql = "select quote_ident(rolname), rolsuper, quote_ident(current_database()), \
            coalesce((select has_schema_privilege(oid, 'create') from pg_catalog.pg_namespace where nspname = 'public'), true), \
            rolsuper or rolcreaterole \
            from pg_catalog.pg_roles where rolname = current_user";
        let row = client.query_typed_one(sql, &[]).await.map_err(translate)?;
        let (role, is_superuser, database, creates_in_public) = (row.get(0), row.get(1), row.get(2), row.get(3));
        Ok(Connected { role, is_superuser, creates_roles: row.get(4), creates_in_public, database })
    }

    /// The grant that lets it do what was refused, where PostgreSQL says on what.
    pub fn grant(&self, error: &Error) -> Option<String> {
        // Before it may stand which migration was refused.
        let (_, on) = error.message().split_once("permission denied for ")?;
        if on.starts_with("database ") {
            return Some(format!("grant create on database {} to {}", self.database, self.role));
        }
        let schema = on.strip_prefix("schema ")?;
        Some(format!("grant usage, create on schema {} to {}", quote::ident(schema), self.role))
    }

    /// A refusal with the grant that it asks for in its hint.
    pub fn explain(&self, error: Error) -> Error {
        match self.grant(&error).filter(|_| error.code() == "42501" && error.hint().is_none()) {
            Some(grant) => error.with_hint(format!("Have somebody who may run: {grant};")),
            None => error,
        }
    }
}
