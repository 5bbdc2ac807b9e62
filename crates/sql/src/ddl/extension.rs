//! Extensions: those whose functions are built in can be created, and that says by which schema they are called.

use basalt_core::{Error, Result};
use basalt_types::Type;
use sqlparser::tokenizer::Token;

use super::Change;
use crate::catalog::EXTENSIONS;

/// Extensions whose absence changes no results: dumps of Supabase's projects make them all.
pub const WITHOUT_RESULTS: [&str; 3] = ["pg_stat_statements", "pg_graphql", "supabase_vault"];

/// Extensions that the engine has built in.
const BUILT_IN: [&str; 8] =
    ["plpgsql", "pgcrypto", "uuid-ossp", "pg_trgm", "moddatetime", "unaccent", "vector", "btree_gist"];

impl Change<'_> {
    pub(super) fn create_extension(&mut self) -> Result<()> {
        let if_not_exists = self.cursor.accept("if not exists");
        let at = self.cursor.offset();
        let name = self.cursor.ident()?;
        let mut schema = None;
        while let Some(word) = self.cursor.accept_any(&["with", "schema", "version", "from", "cascade"]) {
            match word {
                "schema" => schema = Some(self.cursor.ident()?),
                "version" | "from" if self.cursor.accept_string().is_none() => drop(self.cursor.ident()?),
                _ => {}
            }
        }
        if ![&BUILT_IN[..], &WITHOUT_RESULTS].concat().contains(&name.as_str()) {
            let instead = match name.as_str() {
                "citext" => "Use text with a unique index over lower(...), and compare lower(...).",
                "hstore" => "Use jsonb.",
                "postgis" => {
                    "Keep longitude and latitude in columns of double precision, or run the project on PostgreSQL."
                }
                "pg_net" => {
                    "Have changes sent to a URL with `[[webhooks]]` of basalt.toml, or run the project on PostgreSQL."
                }
                "pg_cron" => "Have a scheduler outside call a function of the API, or run the project on PostgreSQL.",
                _ => "Do without it, or run the project on PostgreSQL.",
            };
            let message = format!("extension \"{name}\" is not available in the embedded engine");
            return Err(Error::unsupported(message, instead).at(at));
        }
        if self.catalog.extensions.contains_key(&name) {
            let exists = || Error::new("42710", format!("extension \"{name}\" already exists")).at(at);
            return if if_not_exists { Ok(()) } else { Err(exists()) };
        }
        // A service's schema that Basalt lacks is none to be missed.
        let schema = schema.or_else(|| self.path().next().map(str::to_owned)).unwrap_or_else(|| EXTENSIONS.to_owned());
        self.catalog.extensions.insert(name, vec![schema]);
        Ok(())
    }

    pub(super) fn alter_extension(&mut self) -> Result<()> {
        let at = self.cursor.offset();
        let name = self.cursor.ident()?;
        if !self.catalog.extensions.contains_key(&name) {
            return Err(Error::new("42704", format!("extension \"{name}\" does not exist")).at(at));
        }
        if let Some(schema) = self.set_schema()? {
            self.catalog.extensions.entry(name).or_default().insert(0, schema);
            return Ok(());
        }
        // Its functions are the same in any version.
        self.cursor.skip_all();
        Ok(())
    }

    pub(super) fn drop_extension(&mut self) -> Result<()> {
        let if_exists = self.cursor.accept("if exists");
        loop {
            let at = self.cursor.offset();
            let name = self.cursor.ident()?;
            if name == "vector" {
                self.check_vectors_unused().map_err(|e| e.at(at))?;
            }
            if self.catalog.extensions.remove(&name).is_none() && !if_exists {
                return Err(Error::new("42704", format!("extension \"{name}\" does not exist")).at(at));
            }
            if !self.cursor.accept_token(&Token::Comma) {
                let _ = self.cursor.accept_any(&["cascade", "restrict"]);
                return Ok(());
            }
        }
    }

    /// 2BP01 while a column holds vectors.
    fn check_vectors_unused(&self) -> Result<()> {
        let is_vector = |ty: &Type| *ty.element().unwrap_or(ty) == Type::VECTOR;
        let detail = self.catalog.relations.values().find_map(|relation| {
            let column = relation.columns.iter().find(|column| is_vector(&column.ty))?;
            Some(format!("column {} of table {} depends on type vector", column.name, relation.name.name))
        });
        detail.map_or(Ok(()), |detail| {
            Err(Error::new("2BP01", "cannot drop extension vector because other objects depend on it")
                .with_detail(detail)
                .with_hint("Drop those columns first."))
        })
    }
}
