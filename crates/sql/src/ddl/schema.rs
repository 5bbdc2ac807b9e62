//! Schemas (PostgreSQL manual, `create schema`).

use basalt_core::{Error, Result};

use super::Change;
use super::data_type::declared_type;
use crate::catalog::{Name, Schema};

impl Change<'_> {
    pub(super) fn create_schema(&mut self) -> Result<()> {
        let if_not_exists = self.cursor.accept("if not exists");
        let at = self.cursor.offset();
        let name = if self.cursor.peek("authorization") { None } else { Some(self.cursor.ident()?) };
        let owner = if self.cursor.accept("authorization") { Some(self.role()?) } else { None };
        let Some(name) = name.or(owner) else { return Err(self.cursor.unexpected()) };
        if !self.cursor.at_end() {
            return Err(
                self.lacking("CREATE SCHEMA with elements", "Write the statements after it, with qualified names.")
            );
        }
        check_schema_name(&name).map_err(|e| e.at(at))?;
        if self.catalog.schemas.contains_key(&name) {
            let error = Error::new("42P06", format!("schema \"{name}\" already exists")).at(at);
            return if if_not_exists { Ok(()) } else { Err(error) };
        }
        self.catalog.schemas.insert(name, Schema::default());
        Ok(())
    }

    pub(super) fn alter_schema(&mut self) -> Result<()> {
        let at = self.cursor.offset();
        let name = self.cursor.ident()?;
        self.check_schema(&name).map_err(|e| e.at(at))?;
        // Everything is the owner's.
        if self.owner_to()?.is_some() {
            return Ok(());
        }
        let Some(to) = self.rename_to()? else { return Err(self.cursor.unexpected()) };
        check_schema_name(&to).map_err(|e| e.at(at))?;
        if self.catalog.schemas.contains_key(&to) {
            return Err(Error::new("42P06", format!("schema \"{to}\" already exists")).at(at));
        }
        let filled = self.catalog.relations.keys().any(|n| n.schema == name)
            || self.catalog.functions.keys().any(|n| n.schema == name)
            || self.catalog.sequences.keys().any(|n| n.schema == name)
            || self.catalog.enums.keys().chain(self.catalog.domains.keys()).any(|n| n.schema == name)
            || self.catalog.composites.keys().any(|n| n.schema == name);
        if filled {
            return Err(Error::unsupported(
                format!("schema \"{name}\" cannot be renamed because it is not empty"),
                "Create the other schema, and move each object by `alter ... set schema`.",
            )
            .at(at));
        }
        if let Some(schema) = self.catalog.schemas.remove(&name) {
            self.catalog.schemas.insert(to.clone(), schema);
        }
        for publication in self.catalog.publications.values_mut() {
            if publication.schemas.remove(&name) {
                publication.schemas.insert(to.clone());
            }
        }
        for entry in self.catalog.default_privileges.iter_mut().filter(|e| e.schema.as_ref() == Some(&name)) {
            entry.schema = Some(to.clone());
        }
        Ok(())
    }

    /// The base type of the domain or other type of that name, for messages.
    pub(super) fn type_exists(&self, name: &Name) -> bool {
        declared_type(&self.catalog, name, 0).domain.is_some()
            || self.catalog.enums.contains_key(name)
            || self.catalog.composites.contains_key(name)
    }
}

fn check_schema_name(name: &str) -> Result<()> {
    if name.starts_with("pg_") {
        return Err(Error::new("42939", format!("unacceptable schema name \"{name}\""))
            .with_detail("The prefix \"pg_\" is reserved for system schemas."));
    }
    if name.contains('.') {
        return Err(Error::unsupported(format!("the schema name \"{name}\" has a dot"), "Choose a name without dots."));
    }
    Ok(())
}
