//! What a name in a definition stands for: schemas, relations, functions and roles.

use std::sync::Arc;

use basalt_core::{Error, Result};

use super::Change;
use super::cursor::RawName;
use crate::catalog::{Input, Name, PUBLIC, Relation, Routine};

impl Change<'_> {
    /// The schemas of the search path that exist.
    pub(super) fn path(&self) -> impl Iterator<Item = &str> {
        self.session.search_path.iter().map(String::as_str).filter(|schema| self.catalog.schemas.contains_key(*schema))
    }

    /// The name that a new object gets: in the schema written, or the first of the search path.
    ///
    /// Errors: 3F000 without such a schema; 42501 in `pg_catalog`.
    pub(super) fn new_name(&self, raw: &RawName) -> Result<Name> {
        match &raw.schema {
            Some(schema) if schema == "pg_catalog" || schema == "information_schema" => {
                Err(Error::permission_denied("schema", schema).at(raw.at))
            }
            Some(schema) => {
                self.check_schema(schema).map_err(|e| e.at(raw.at))?;
                Ok(Name::new(schema, &raw.name))
            }
            None => match self.path().next() {
                Some(schema) => Ok(Name::new(schema, &raw.name)),
                None => Err(Error::new("3F000", "no schema has been selected to create in").at(raw.at)),
            },
        }
    }

    /// 3F000 unless the schema exists.
    pub(super) fn check_schema(&self, schema: &str) -> Result<()> {
        if self.catalog.schemas.contains_key(schema) {
            return Ok(());
        }
        Err(Error::new("3F000", format!("schema \"{schema}\" does not exist")))
    }

    /// 42704 unless the role exists (`public` is everyone).
    pub(super) fn check_role(&self, role: &str) -> Result<()> {
        if role == PUBLIC || self.catalog.roles.contains_key(role) {
            return Ok(());
        }
        Err(Error::new("42704", format!("role \"{role}\" does not exist")).with_hint(format!(
            "Create it before, with create role {}. A dump without owners and grants is made by pg_dump --no-owner --no-acl.",
            crate::quote::ident(role)
        )))
    }

    /// Reads a role's name; `current_user` and its like are the owner, and so is whoever owns the database.
    pub(super) fn role(&mut self) -> Result<String> {
        let at = self.cursor.offset();
        self.cursor.accept("group");
        let role = self.cursor.label()?;
        if matches!(role.as_str(), "current_user" | "session_user" | "current_role" | "pg_database_owner") {
            return Ok(basalt_core::Identity::OWNER.to_owned());
        }
        self.check_role(&role).map_err(|e| e.at(at))?;
        Ok(role)
    }

    /// The name under which something exists, looked up in the schema written or along the search path.
    pub(super) fn lookup(&self, raw: &RawName, exists: impl Fn(&Name) -> bool) -> Option<Name> {
        match &raw.schema {
            Some(schema) => Some(Name::new(schema, &raw.name)).filter(|name| exists(name)),
            None => self.path().map(|schema| Name::new(schema, &raw.name)).find(exists),
        }
    }

    /// The relation of that name.
    ///
    /// Errors: 3F000, 42P01.
    pub(super) fn find_relation(&self, raw: &RawName) -> Result<Arc<Relation>> {
        let found = self.lookup(raw, |name| self.catalog.relations.contains_key(name));
        match found.and_then(|name| self.catalog.relations.get(&name)) {
            Some(relation) => Ok(relation.clone()),
            None => Err(self.missing_relation(raw)),
        }
    }

    /// 42P01 for a name that is no relation.
    pub(super) fn missing_relation(&self, raw: &RawName) -> Error {
        crate::compile::no_relation(raw.schema.as_deref(), &raw.text()).at(raw.at)
    }

    /// The table of that name; 42809 for a view.
    pub(super) fn find_table(&self, raw: &RawName) -> Result<Arc<Relation>> {
        let relation = self.find_relation(raw)?;
        if relation.view().is_some() {
            return Err(Error::new("42809", format!("\"{}\" is not a table", raw.name)).at(raw.at));
        }
        Ok(relation)
    }

    /// The one function of that name with these input types, or with any when none are given.
    ///
    /// Errors: 42883, 42725.
    pub(super) fn find_routine(&self, raw: &RawName, args: Option<&[Input]>) -> Result<Arc<Routine>> {
        let name = self.lookup(raw, |name| {
            let routines = self.catalog.routines(&name.schema, &name.name);
            routines.iter().any(|r| args.is_none_or(|args| takes(r, args)))
        });
        let missing = || match args {
            Some(args) => {
                let args: Vec<String> = args.iter().map(|input| self.input_name(input)).collect();
                Error::new("42883", format!("function {}({}) does not exist", raw.text(), args.join(", "))).at(raw.at)
            }
            None => Error::new("42883", format!("could not find a function named \"{}\"", raw.text())).at(raw.at),
        };
        let name = name.ok_or_else(missing)?;
        let routines = self.catalog.routines(&name.schema, &name.name);
        let mut fitting = routines.iter().filter(|r| args.is_none_or(|args| takes(r, args)));
        let found = fitting.next().ok_or_else(missing)?;
        if fitting.next().is_some() {
            return Err(Error::new("42725", format!("function name \"{}\" is not unique", raw.text()))
                .with_hint("Specify the argument list to select the function unambiguously.")
                .at(raw.at));
        }
        Ok(found.clone())
    }
}

/// Whether the function has exactly these inputs.
pub(super) fn takes(routine: &Routine, args: &[Input]) -> bool {
    routine.input_types() == args
}
