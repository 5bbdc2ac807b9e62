//! What new objects grant (PostgreSQL manual, `alter default privileges`).

use std::collections::BTreeSet;

use basalt_core::Result;
use sqlparser::tokenizer::Token;

use super::Change;
use super::grant::{all_privileges, change, privilege};
use crate::catalog::{DefaultObject, DefaultPrivilege, Grants, PUBLIC, Privilege};

impl Change<'_> {
    /// The grants of a new object in the schema.
    pub(super) fn default_grants(&self, schema: &str, object: DefaultObject) -> Grants {
        let mut grants = self.entry(None, object).map_or_else(|| built_in(object), |entry| entry.grants.clone());
        for (role, privileges) in self.entry(Some(schema), object).into_iter().flat_map(|entry| &entry.grants) {
            grants.entry(role.clone()).or_default().extend(privileges);
        }
        grants
    }

    pub(super) fn alter_default_privileges(&mut self) -> Result<()> {
        let mut schemas: Vec<Option<String>> = Vec::new();
        while let Some(word) = self.cursor.accept_any(&["for role", "for user", "in schema"]) {
            loop {
                // Everything here is made by the owner, so the role does not matter.
                if word != "in schema" {
                    self.cursor.label()?;
                } else {
                    let at = self.cursor.offset();
                    let schema = self.cursor.ident()?;
                    self.check_schema(&schema).map_err(|e| e.at(at))?;
                    schemas.push(Some(schema));
                }
                if !self.cursor.accept_token(&Token::Comma) {
                    break;
                }
            }
        }
        if schemas.is_empty() {
            schemas.push(None);
        }
        let grant = match self.cursor.accept_any(&["grant", "revoke"]) {
            Some(word) => word == "grant",
            None => return Err(self.cursor.unexpected()),
        };
        if self.cursor.accept("grant option for") {
            self.cursor.skip_all();
            return Ok(());
        }
        let at = self.cursor.offset();
        let words = if self.cursor.accept("all") {
            self.cursor.accept("privileges");
            None
        } else {
            Some(self.cursor.list(|cursor| cursor.label())?)
        };
        self.cursor.expect("on")?;
        let object = match self.cursor.accept_any(&["tables", "sequences", "functions", "routines", "types", "schemas"])
        {
            Some("tables") => DefaultObject::Tables,
            Some("sequences") => DefaultObject::Sequences,
            Some("functions" | "routines") => DefaultObject::Functions,
            // New types and schemas are not guarded.
            Some(_) => {
                self.cursor.skip_all();
                return Ok(());
            }
            None => return Err(self.cursor.unexpected()),
        };
        let privileges = match words {
            None => all_privileges(object),
            Some(words) => {
                words.iter().map(|word| privilege(word)).collect::<Result<BTreeSet<_>>>().map_err(|e| e.at(at))?
            }
        };
        let roles = self.grantees(grant)?;
        for schema in schemas {
            let place = self.catalog.default_privileges.iter().position(|e| e.schema == schema && e.object == object);
            let place = place.unwrap_or_else(|| {
                let grants = if schema.is_none() { built_in(object) } else { Grants::new() };
                self.catalog.default_privileges.push(DefaultPrivilege { schema, object, grants });
                self.catalog.default_privileges.len() - 1
            });
            change(&mut self.catalog.default_privileges[place].grants, &roles, &privileges, grant);
        }
        Ok(())
    }

    fn entry(&self, schema: Option<&str>, object: DefaultObject) -> Option<&DefaultPrivilege> {
        self.catalog.default_privileges.iter().find(|e| e.schema.as_deref() == schema && e.object == object)
    }
}

/// What PostgreSQL grants when nobody says otherwise.
fn built_in(object: DefaultObject) -> Grants {
    match object {
        DefaultObject::Functions => Grants::from([(PUBLIC.to_owned(), BTreeSet::from([Privilege::Execute]))]),
        DefaultObject::Tables | DefaultObject::Sequences => Grants::new(),
    }
}
