//! Dropping things, with or without what depends on them.

use std::sync::Arc;

use basalt_core::{Error, Result};
use sqlparser::tokenizer::Token;

use super::captured::Columns;
use super::{Change, physical};
use crate::catalog::{Input, Name};
use crate::quote::ident;

/// Something that can be dropped.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Object {
    /// A table or view.
    Relation(Name),
    Column(Name, String),
    Constraint(Name, String),
    Default(Name, String),
    /// A check of a domain.
    DomainCheck(Name, String),
    Policy(Name, String),
    Index(Name, String),
    Trigger(Name, String),
    /// With the types of its inputs.
    Routine(Name, Vec<Input>),
    /// An enumeration, domain or composite type.
    Type(Name),
    Sequence(Name),
    Schema(String),
}

impl Change<'_> {
    pub(super) fn drop_statement(&mut self) -> Result<()> {
        let kinds = [
            "table",
            "view",
            "index concurrently",
            "index",
            "sequence",
            "type",
            "domain",
            "schema",
            "function",
            "routine",
            "policy",
            "trigger",
            "role",
            "user",
            "group",
            "extension",
            "publication",
            "statistics",
        ];
        let kind = self.cursor.accept_any(&kinds);
        match kind {
            Some("policy") => self.drop_policy(),
            Some("trigger") => self.drop_trigger(),
            Some("role" | "user" | "group") => self.drop_role(),
            Some("extension") => self.drop_extension(),
            Some("publication") => self.drop_publication(),
            // As in `create`.
            Some("statistics") => {
                self.cursor.skip_all();
                Ok(())
            }
            Some(kind) => {
                let if_exists = self.cursor.accept("if exists");
                let mut objects = Vec::new();
                loop {
                    objects.extend(self.named_object(kind, if_exists)?);
                    if !self.cursor.accept_token(&Token::Comma) {
                        break;
                    }
                }
                let cascade = self.cursor.accept_any(&["cascade", "restrict"]) == Some("cascade");
                self.drop_objects(objects, cascade)
            }
            None if self.drops_what_is_never_there() => Ok(()),
            None => Err(self.refused()),
        }
    }

    /// Reads over a `drop ... if exists` of a kind that this engine does not have.
    fn drops_what_is_never_there(&mut self) -> bool {
        const KINDS: [&str; 13] = [
            "materialized view",
            "procedure",
            "aggregate",
            "rule",
            "operator class",
            "operator family",
            "operator",
            "cast",
            "collation",
            "event trigger",
            "foreign table",
            "foreign data wrapper",
            "server",
        ];
        let is_never = KINDS.iter().any(|kind| self.cursor.accept(&format!("{kind} if exists")));
        if is_never {
            self.cursor.skip_all();
        }
        is_never
    }

    /// The object that a `drop` names; nothing if it may be missing.
    fn named_object(&mut self, kind: &str, if_exists: bool) -> Result<Option<Object>> {
        if matches!(kind, "function" | "routine") {
            let at = self.cursor.offset();
            let found = match self.routine_reference() {
                Ok((raw, args)) => self.find_routine(&raw, args.as_deref()),
                // An argument of a type that does not exist: nor does the function.
                Err(error) if error.code() == "42704" && if_exists => {
                    self.skip_arguments();
                    return Ok(None);
                }
                Err(error) => return Err(error.at(at)),
            };
            return match found {
                Ok(routine) => Ok(Some(Object::Routine(routine.name.clone(), routine.input_types()))),
                Err(error) if if_exists && error.code() == "42883" => Ok(None),
                Err(error) => Err(error),
            };
        }
        let raw = self.cursor.name()?;
        let found = match kind {
            "table" | "view" => {
                self.lookup(&raw, |name| self.catalog.relations.contains_key(name)).map(Object::Relation)
            }
            "sequence" => self.lookup(&raw, |name| self.catalog.sequences.contains_key(name)).map(Object::Sequence),
            "schema" => Some(raw.name.clone()).filter(|s| self.catalog.schemas.contains_key(s)).map(Object::Schema),
            "index" | "index concurrently" => self.index_object(&raw)?,
            "domain" => self.lookup(&raw, |name| self.catalog.domains.contains_key(name)).map(Object::Type),
            _ => {
                let known = |name: &Name| {
                    self.catalog.enums.contains_key(name)
                        || self.catalog.composites.contains_key(name)
                        || self.catalog.domains.contains_key(name)
                };
                self.lookup(&raw, known).map(Object::Type)
            }
        };
        if let Some(Object::Relation(name)) = &found {
            let is_view = self.relation(name)?.view().is_some();
            if is_view != (kind == "view") {
                let (article, other) = if is_view { ("table", "view") } else { ("view", "table") };
                return Err(Error::new("42809", format!("\"{}\" is not a {article}", raw.name))
                    .with_hint(format!("Use DROP {} to remove a {other}.", other.to_uppercase()))
                    .at(raw.at));
            }
        }
        match found {
            Some(object) => Ok(Some(object)),
            None if if_exists => Ok(None),
            None => {
                let (code, what) = match kind {
                    "schema" => ("3F000", "schema"),
                    "type" | "domain" => ("42704", "type"),
                    "index" | "index concurrently" => ("42704", "index"),
                    "table" => ("42P01", "table"),
                    "view" => ("42P01", "view"),
                    _ => ("42P01", "sequence"),
                };
                Err(Error::new(code, format!("{what} \"{}\" does not exist", raw.text())).at(raw.at))
            }
        }
    }

    fn skip_arguments(&mut self) {
        while !self.cursor.at_end() && !self.cursor.accept_token(&Token::RParen) {
            self.cursor.skip();
        }
    }

    /// Drops objects with all that depends on them; 2BP01 if something does and `cascade` is not said.
    pub(super) fn drop_objects(&mut self, objects: Vec<Object>, cascade: bool) -> Result<()> {
        let roots = objects.len();
        let mut found = objects;
        let mut lines = Vec::new();
        let mut at = 0;
        while at < found.len() {
            let object = found[at].clone();
            for (dependent, automatic) in self.dependents(&object)? {
                if found.contains(&dependent) || self.is_part_of(&dependent, &found) {
                    continue;
                }
                if !automatic {
                    lines.push(format!("{} depends on {}", self.describe(&dependent), self.describe(&object)));
                }
                found.push(dependent);
            }
            at += 1;
        }
        if !cascade && !lines.is_empty() {
            let what = match &found[..roots] {
                [one] => format!("{} because other objects depend on it", self.describe(one)),
                _ => "desired object(s) because other objects depend on them".to_owned(),
            };
            return Err(Error::new("2BP01", format!("cannot drop {what}"))
                .with_detail(lines.join("\n"))
                .with_hint("Use DROP ... CASCADE to drop the dependent objects too."));
        }
        for object in found.iter().rev() {
            self.remove(object)?;
        }
        Ok(())
    }

    /// Whether the object goes anyway because its relation does.
    fn is_part_of(&self, object: &Object, going: &[Object]) -> bool {
        if let Object::DomainCheck(domain, _) = object {
            return going.contains(&Object::Type(domain.clone()));
        }
        let (Object::Column(relation, _)
        | Object::Constraint(relation, _)
        | Object::Default(relation, _)
        | Object::Policy(relation, _)
        | Object::Trigger(relation, _)
        | Object::Index(relation, _)) = object
        else {
            return false;
        };
        going.iter().any(|other| match other {
            Object::Relation(name) => name == relation,
            Object::Column(name, column) => {
                name == relation && matches!(object, Object::Default(_, c) | Object::Column(_, c) if c == column)
            }
            _ => false,
        })
    }

    /// The object as messages name it.
    pub(super) fn describe(&self, object: &Object) -> String {
        let kind = |name: &Name| {
            let view = self.catalog.relations.get(name).is_some_and(|r| r.view().is_some());
            format!("{} {}", if view { "view" } else { "table" }, self.show(name))
        };
        match object {
            Object::Relation(name) => kind(name),
            Object::Column(table, column) => format!("column {column} of {}", kind(table)),
            Object::Constraint(table, name) => format!("constraint {name} on {}", kind(table)),
            Object::Default(table, column) => format!("default value for column {column} of {}", kind(table)),
            Object::DomainCheck(_, name) => format!("constraint {name}"),
            Object::Policy(table, name) => format!("policy {name} on {}", kind(table)),
            Object::Trigger(table, name) => format!("trigger {name} on {}", kind(table)),
            Object::Index(table, name) => format!("index {}", self.show(&Name::new(&table.schema, name))),
            Object::Routine(name, args) => {
                let overloads = self.catalog.routines(&name.schema, &name.name);
                let routine = overloads.iter().find(|r| super::resolve::takes(r, args));
                format!(
                    "function {}",
                    routine.map_or_else(|| self.show(name), |routine| self.routine_signature(routine))
                )
            }
            Object::Type(name) => format!("type {}", self.show(name)),
            Object::Sequence(name) => format!("sequence {}", self.show(name)),
            Object::Schema(name) => format!("schema {name}"),
        }
    }

    /// Removes one object, whose dependents are gone already.
    fn remove(&mut self, object: &Object) -> Result<()> {
        match object {
            Object::Relation(name) => self.remove_relation(name),
            Object::Column(table, column) => self.remove_column(table, column),
            Object::Constraint(table, name) => self.remove_constraint(table, name),
            Object::Default(table, column) => {
                let slot = self.relation_mut(table)?.columns.iter_mut().find(|c| c.name == *column);
                if let Some(column) = slot {
                    column.default = None;
                }
                Ok(())
            }
            Object::DomainCheck(domain, name) => {
                if let Some(domain) = self.catalog.domains.get_mut(domain) {
                    domain.checks.retain(|(check, _)| check != name);
                }
                Ok(())
            }
            Object::Policy(table, name) => self.remove_policy(table, name),
            Object::Trigger(table, name) => {
                self.relation_mut(table)?.triggers.retain(|trigger| trigger.name != *name);
                Ok(())
            }
            Object::Index(table, name) => self.remove_index(table, name),
            Object::Routine(name, args) => {
                self.remove_routine(name, args);
                Ok(())
            }
            Object::Type(name) => {
                self.catalog.enums.remove(name);
                self.catalog.domains.remove(name);
                self.catalog.composites.remove(name);
                Ok(())
            }
            Object::Sequence(name) => {
                self.remove_sequence(name);
                Ok(())
            }
            Object::Schema(name) => {
                self.catalog.schemas.remove(name);
                self.catalog.publications.values_mut().for_each(|publication| _ = publication.schemas.remove(name));
                self.catalog.default_privileges.retain(|entry| entry.schema.as_ref() != Some(name));
                Ok(())
            }
        }
    }

    fn remove_relation(&mut self, name: &Name) -> Result<()> {
        let Some(relation) = self.catalog.relations.shift_remove(name) else { return Ok(()) };
        self.catalog.publications.values_mut().for_each(|publication| _ = publication.tables.remove(name));
        if relation.view().is_none() {
            // Dropped with foreign keys unenforced: SQLite would delete the rows first, and refuse for those that refer to them.
            self.actions.push(super::Action::Rebuild(vec![format!("DROP TABLE {}", physical::table(name))]));
        }
        Ok(())
    }

    fn remove_column(&mut self, table: &Name, column: &str) -> Result<()> {
        let old = self.relation(table)?;
        if old.view().is_some() {
            return Err(Error::internal(format!("column {column} of view {table} can't go alone")));
        }
        let mut new = (*old).clone();
        let dropped = Columns::Dropped(old.columns.iter().position(|c| c.name == column).unwrap_or_default());
        let held = self.meanings_to_hold(table, &dropped);
        new.columns.retain(|c| c.name != column);
        let generated = old.column(column).is_some_and(|c| c.generated.is_some() || c.domain.is_some());
        if generated || self.is_rewritten(table) {
            self.rebuild(&old, &new, |column| Some(ident(&column.name)))?;
        } else {
            self.push(format!("ALTER TABLE {} DROP COLUMN {}", physical::table(table), ident(column)));
        }
        self.catalog.relations.insert(table.clone(), Arc::new(new));
        self.refresh_row_type(table);
        self.hold_meanings(held, table, &dropped)
    }

    fn remove_constraint(&mut self, table: &Name, name: &str) -> Result<()> {
        let old = self.relation(table)?;
        let mut new = (*old).clone();
        new.constraints.retain(|c| c.name != name);
        self.rebuild(&old, &new, |column| Some(ident(&column.name)))?;
        self.catalog.relations.insert(table.clone(), Arc::new(new));
        Ok(())
    }
}
