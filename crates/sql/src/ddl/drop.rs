//! Dropping things, with or without what depends on them.

use std::sync::Arc;

use basalt_core::{Error, Result};
use sqlparser::tokenizer::Token;

use super::captured::Columns;
use super::cursor::RawName;
use super::{Change, physical};
use crate::catalog::{Column, Input, Name};
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
    /// A field of a composite type.
    Attribute(Name, String),
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
            _ => match self.find_type(&raw) {
                Some(name) if kind == "domain" && !self.catalog.domains.contains_key(&name) => {
                    return Err(Error::new("42809", format!("\"{}\" is not a domain", raw.text())).at(raw.at));
                }
                found => found.map(Object::Type),
            },
        };
        let wanted = kind.split(' ').next().unwrap_or_default();
        if let Some(other) = self.relation_kind(&raw, found.as_ref()).filter(|other| *other != wanted) {
            self.check_kind(&raw, wanted, other)?;
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

    /// What kind of relation has the name, if one has: of what was found, or of something else.
    fn relation_kind(&self, raw: &RawName, found: Option<&Object>) -> Option<&'static str> {
        match found {
            Some(Object::Sequence(_)) => Some("sequence"),
            Some(Object::Index(..)) => Some("index"),
            Some(Object::Relation(_)) | None => match self.find_relation(raw) {
                Ok(relation) => Some(if relation.view().is_some() { "view" } else { "table" }),
                Err(_) => {
                    let is_sequence = self.lookup(raw, |name| self.catalog.sequences.contains_key(name)).is_some();
                    let is_index = || self.find_index(raw).is_some();
                    if is_sequence { Some("sequence") } else { is_index().then_some("index") }
                }
            },
            Some(_) => None,
        }
    }

    /// The error for a relation of another kind than the one that is to be dropped.
    fn check_kind(&self, raw: &RawName, wanted: &str, other: &str) -> Result<()> {
        let article = |kind: &str| if kind == "index" { "an" } else { "a" };
        match wanted {
            "table" | "view" | "sequence" | "index" => {
                Err(Error::new("42809", format!("\"{}\" is not {} {wanted}", raw.name, article(wanted)))
                    .with_hint(format!("Use DROP {} to remove {} {other}.", other.to_uppercase(), article(other)))
                    .at(raw.at))
            }
            "type" if matches!(other, "table" | "view") => {
                let message = format!("cannot drop type {0} because {other} {0} requires it", raw.name);
                Err(Error::new("2BP01", message).with_hint(format!("You can drop {other} {} instead.", raw.name)))
            }
            _ => Ok(()),
        }
    }

    fn skip_arguments(&mut self) {
        while !self.cursor.at_end() && !self.cursor.accept_token(&Token::RParen) {
            self.cursor.skip();
        }
    }

    /// Drops objects with all that depends on them; 2BP01 if something does and `cascade` is not said.
    pub(super) fn drop_objects(&mut self, objects: Vec<Object>, cascade: bool) -> Result<()> {
        objects.iter().try_for_each(|object| self.check_required(object))?;
        let roots = objects.len();
        let mut found = objects;
        let mut dependents = Vec::new();
        let mut lines = Vec::new();
        let mut at = 0;
        while at < found.len() {
            let object = found[at].clone();
            dependents.push(Vec::new());
            for (dependent, automatic) in self.dependents(&object)? {
                dependents[at].push(dependent.clone());
                if found.contains(&dependent) || whole_of(&dependent, &found).is_some() {
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
        removal_order(&found, &dependents).into_iter().try_for_each(|at| self.remove(&found[at]))
    }

    /// 2BP01 for the sequence of an identity column, which goes with the column alone.
    fn check_required(&self, object: &Object) -> Result<()> {
        let Object::Sequence(name) = object else { return Ok(()) };
        let Some((table, column)) = self.owner_of_sequence(name) else { return Ok(()) };
        let is_its = |c: &Column| c.identity.is_some() && c.sequence.as_ref() == Some(name);
        if !self.relation(table)?.column(column).is_some_and(is_its) {
            return Ok(());
        }
        let column = self.describe(&Object::Column(table.clone(), column.clone()));
        let message = format!("cannot drop {} because {column} requires it", self.describe(object));
        Err(Error::new("2BP01", message).with_hint(format!("You can drop {column} instead.")))
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
            Object::Attribute(of, name) => format!("column {name} of composite type {}", self.show(of)),
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
                let Some(mut changed) = self.catalog.domains.get(domain).cloned() else { return Ok(()) };
                changed.checks.retain(|(check, _)| check != name);
                let judged = changed.checks.clone();
                self.change_domain(domain, changed, &judged)
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
            Object::Attribute(..) => Err(self.lacking(
                &format!("DROP of {}", self.describe(object)),
                "Drop the composite type with all that is of it, and create it again.",
            )),
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
        if new.columns.is_empty() {
            let message = format!("cannot drop column {column} of table {}, which has no other", table.name);
            return Err(Error::unsupported(message, "Drop the table, or add another column first."));
        }
        let generated = old.column(column).is_some_and(|c| c.generated.is_some() || c.domain.is_some());
        if generated || self.is_rewritten(table) {
            self.rebuild(&old, &new, |column| Some(ident(&column.name)))?;
        } else {
            self.push(format!("ALTER TABLE {} DROP COLUMN {}", physical::table(table), ident(column)));
        }
        self.catalog.relations.insert(table.clone(), Arc::new(new));
        self.refresh_row_type(table);
        self.hold_meanings(held, table, &dropped)?;
        self.refresh_shown_rows();
        Ok(())
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

/// The place of the object with which this one goes anyway, as its relation's, column's or domain's part.
fn whole_of(object: &Object, going: &[Object]) -> Option<usize> {
    going.iter().position(|other| match (object, other) {
        (Object::DomainCheck(of, _) | Object::Attribute(of, _), Object::Type(name)) => of == name,
        (
            Object::Column(relation, _)
            | Object::Constraint(relation, _)
            | Object::Default(relation, _)
            | Object::Policy(relation, _)
            | Object::Trigger(relation, _)
            | Object::Index(relation, _),
            Object::Relation(name),
        ) => relation == name,
        (Object::Default(relation, of), Object::Column(name, column)) => relation == name && of == column,
        _ => false,
    })
}

/// The places of objects in an order in which each is behind what depends on it, without those that go with others.
fn removal_order(objects: &[Object], dependents: &[Vec<Object>]) -> Vec<usize> {
    let place =
        |object: &Object| whole_of(object, objects).or_else(|| objects.iter().position(|other| other == object));
    let mut order = Vec::new();
    let mut seen = vec![false; objects.len()];
    // What is being visited, innermost last, with the number of its dependents that were visited.
    let mut open: Vec<(usize, usize)> = Vec::new();
    for start in (0..objects.len()).rev().filter(|&at| whole_of(&objects[at], objects).is_none()) {
        if !seen[start] {
            seen[start] = true;
            open.push((start, 0));
        }
        while let Some((at, next)) = open.last_mut() {
            let Some(dependent) = dependents[*at].get(*next) else {
                order.push(*at);
                open.pop();
                continue;
            };
            *next += 1;
            if let Some(dependent) = place(dependent).filter(|&place| !seen[place]) {
                seen[dependent] = true;
                open.push((dependent, 0));
            }
        }
    }
    order
}
