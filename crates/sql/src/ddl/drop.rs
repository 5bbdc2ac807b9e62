//! Dropping things, and what depends on them (PostgreSQL manual, section 5.14).

use std::collections::BTreeSet;
use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::Type;
use sqlparser::tokenizer::Token;

use super::grant::input_types;
use super::source::Uses;
use super::types::mentions;
use super::{Change, physical};
use crate::catalog::{ConstraintKind, Name, Relation};
use crate::quote::ident;

/// Something that can be dropped.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Object {
    /// A table or view.
    Relation(Name),
    Column(Name, String),
    Constraint(Name, String),
    Default(Name, String),
    Policy(Name, String),
    Index(Name, String),
    /// With the types of its inputs.
    Routine(Name, Vec<Type>),
    /// An enumeration, domain or composite type.
    Type(Name),
    Sequence(Name),
    Schema(String),
}

impl Change<'_> {
    pub(super) fn drop_statement(&mut self) -> Result<()> {
        let kinds = [
            "table", "view", "index concurrently", "index", "sequence", "type", "domain", "schema", "function", "routine",
            "policy", "trigger", "role", "user", "group", "extension",
        ];
        let kind = self.cursor.accept_any(&kinds);
        match kind {
            Some("policy") => self.drop_policy(),
            Some("trigger") => self.drop_trigger(),
            Some("role" | "user" | "group") => self.drop_role(),
            Some("extension") => self.drop_extension(),
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
            None => Err(self.refused()),
        }
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
                Ok(routine) => Ok(Some(Object::Routine(routine.name.clone(), input_types(&routine)))),
                Err(error) if if_exists && error.code() == "42883" => Ok(None),
                Err(error) => Err(error),
            };
        }
        let raw = self.cursor.name()?;
        let found = match kind {
            "table" | "view" => self.lookup(&raw, |name| self.catalog.relations.contains_key(name)).map(Object::Relation),
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
        let (Object::Column(relation, _)
        | Object::Constraint(relation, _)
        | Object::Default(relation, _)
        | Object::Policy(relation, _)
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

    /// What depends directly on an object, and whether it goes without CASCADE.
    fn dependents(&self, object: &Object) -> Result<Vec<(Object, bool)>> {
        let mut found = Vec::new();
        match object {
            Object::Relation(name) => {
                let relation = self.relation(name)?;
                found.extend(relation.columns.iter().filter_map(|c| c.sequence.clone()).map(|s| (Object::Sequence(s), true)));
                self.users(|uses| uses.relations.contains(name), &mut found);
                for other in self.catalog.relations.values().filter(|r| r.name != *name) {
                    let keys = other.foreign_keys().filter(|(_, key)| key.target == *name);
                    found.extend(keys.map(|(key, _)| (Object::Constraint(other.name.clone(), key.to_owned()), false)));
                }
                let typed = self.catalog.functions.values().flatten().filter(|r| {
                    r.returns_relation.as_ref() == Some(name) || r.params.iter().any(|p| p.relation.as_ref() == Some(name))
                });
                found.extend(typed.map(|r| (Object::Routine(r.name.clone(), input_types(r)), false)));
            }
            Object::Column(table, column) => self.column_dependents(table, column, &mut found)?,
            Object::Constraint(table, name) => {
                let relation = self.relation(table)?;
                let key = relation.constraints.iter().find(|c| c.name == *name);
                if let Some(ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns)) = key.map(|c| &c.kind) {
                    self.referrers(&relation, columns, &mut found);
                }
            }
            Object::Index(table, name) => {
                let relation = self.relation(table)?;
                let index = relation.indexes.iter().find(|i| i.name == *name && i.unique && i.predicate.is_none());
                if let Some(columns) = index.and_then(|index| index.columns.as_ref()) {
                    self.referrers(&relation, columns, &mut found);
                }
            }
            Object::Routine(name, _) if self.catalog.routines(&name.schema, &name.name).len() == 1 => {
                self.users(|uses| uses.functions.contains(name), &mut found);
            }
            Object::Type(name) => {
                self.users(|uses| uses.types.contains(name), &mut found);
                for relation in self.catalog.relations.values() {
                    let columns = relation.columns.iter();
                    for column in columns.filter(|c| mentions(&c.ty, name) || c.domain.as_ref() == Some(name)) {
                        let object = match relation.view() {
                            Some(_) => Object::Relation(relation.name.clone()),
                            None => Object::Column(relation.name.clone(), column.name.clone()),
                        };
                        found.push((object, false));
                    }
                }
                let fields = self.catalog.composites.get(name).map(|fields| Type::Record(Arc::new(fields.clone())));
                for routine in self.catalog.functions.values().flatten() {
                    let types = routine.params.iter().map(|p| &p.ty).chain([&routine.returns]);
                    let mut types = types.filter(|_| routine.returns_relation.is_none());
                    if types.any(|ty| mentions(ty, name) || fields.as_ref() == Some(ty)) {
                        found.push((Object::Routine(routine.name.clone(), input_types(routine)), false));
                    }
                }
                let domains = self.catalog.domains.iter().filter(|(_, domain)| mentions(&domain.ty, name));
                found.extend(domains.map(|(domain, _)| (Object::Type(domain.clone()), false)));
            }
            Object::Sequence(name) => {
                let own = self.catalog.sequences.get(name).and_then(|s| s.owned_by.clone());
                self.users(|uses| names_sequence(uses, name), &mut found);
                if let Some((table, column)) = own {
                    let identity = self.relation(&table)?.column(&column).is_some_and(|c| c.identity.is_some());
                    if identity {
                        found.push((Object::Column(table, column), false));
                    }
                }
            }
            Object::Schema(schema) => {
                let relations = self.catalog.relations.keys().filter(|n| n.schema == *schema).cloned().map(Object::Relation);
                let sequences = self.catalog.sequences.iter().filter(|(n, s)| n.schema == *schema && s.owned_by.is_none());
                let types = self.catalog.enums.keys().chain(self.catalog.domains.keys()).chain(self.catalog.composites.keys());
                let types = types.filter(|n| n.schema == *schema).cloned().map(Object::Type);
                let routines = self.catalog.functions.values().flatten().filter(|r| r.name.schema == *schema);
                let routines = routines.map(|r| Object::Routine(r.name.clone(), input_types(r)));
                let sequences = sequences.map(|(n, _)| Object::Sequence(n.clone()));
                found.extend(relations.chain(sequences).chain(routines).chain(types).map(|object| (object, false)));
            }
            Object::Routine(..) | Object::Default(..) | Object::Policy(..) => {}
        }
        found.retain(|(other, _)| other != object);
        Ok(found)
    }

    fn column_dependents(&self, table: &Name, column: &str, found: &mut Vec<(Object, bool)>) -> Result<()> {
        let relation = self.relation(table)?;
        let own = |name: &str| Object::Constraint(table.clone(), name.to_owned());
        for constraint in &relation.constraints {
            let involved = match &constraint.kind {
                ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns) => columns.iter().any(|c| c == column),
                ConstraintKind::ForeignKey(key) => key.columns.iter().any(|c| c == column),
                ConstraintKind::Check(source) => Uses::of_expr(source).columns.contains(column),
            };
            if involved {
                found.push((own(&constraint.name), true));
            }
        }
        for index in &relation.indexes {
            if index_uses(index, column) {
                found.push((Object::Index(table.clone(), index.name.clone()), true));
            }
        }
        if let Some(sequence) = relation.column(column).and_then(|c| c.sequence.clone()) {
            found.push((Object::Sequence(sequence), true));
        }
        for other in &relation.columns {
            let generated = other.generated.as_deref().is_some_and(|source| Uses::of_expr(source).columns.contains(column));
            if generated {
                found.push((Object::Column(table.clone(), other.name.clone()), false));
            }
        }
        for policy in &relation.policies {
            let sources = policy.using.iter().chain(&policy.check);
            if sources.map(|source| Uses::of_expr(source)).any(|uses| uses.columns.contains(column)) {
                found.push((Object::Policy(table.clone(), policy.name.clone()), false));
            }
        }
        let mut elsewhere = Vec::new();
        self.users(|uses| uses.relations.contains(table) && uses.columns.contains(column), &mut elsewhere);
        found.extend(elsewhere.into_iter().filter(|(object, _)| !found.contains(&(object.clone(), false))).collect::<Vec<_>>());
        for other in self.catalog.relations.values() {
            let keys = other.foreign_keys().filter(|(_, key)| {
                key.target == *table && key.target_columns.iter().any(|c| c == column)
            });
            found.extend(keys.map(|(key, _)| (Object::Constraint(other.name.clone(), key.to_owned()), false)));
        }
        Ok(())
    }

    /// Foreign keys that need this unique key, unless another one serves them.
    fn referrers(&self, relation: &Relation, columns: &[String], found: &mut Vec<(Object, bool)>) {
        let set: BTreeSet<&String> = columns.iter().collect();
        let same = relation.unique_keys().filter(|key| key.iter().collect::<BTreeSet<_>>() == set).count()
            + relation.indexes.iter().filter(|index| {
                let key = index.columns.as_ref().filter(|_| index.unique && index.predicate.is_none());
                key.is_some_and(|key| key.iter().collect::<BTreeSet<_>>() == set)
            }).count();
        if same > 1 {
            return;
        }
        for other in self.catalog.relations.values() {
            let keys = other.foreign_keys().filter(|(_, key)| {
                key.target == relation.name && key.target_columns.iter().collect::<BTreeSet<_>>() == set
            });
            found.extend(keys.map(|(key, _)| (Object::Constraint(other.name.clone(), key.to_owned()), false)));
        }
    }

    /// Views, policies, defaults, checks, generated columns and indexes whose source satisfies `uses`.
    fn users(&self, uses: impl Fn(&Uses) -> bool, found: &mut Vec<(Object, bool)>) {
        let expr = |source: &String| uses(&Uses::of_expr(source));
        for relation in self.catalog.relations.values() {
            let name = &relation.name;
            if relation.view().is_some_and(|view| uses(&Uses::of_query(&view.query))) {
                found.push((Object::Relation(name.clone()), false));
            }
            for policy in &relation.policies {
                if policy.using.iter().chain(&policy.check).any(expr) {
                    found.push((Object::Policy(name.clone(), policy.name.clone()), false));
                }
            }
            for column in &relation.columns {
                if column.default.as_ref().is_some_and(expr) {
                    found.push((Object::Default(name.clone(), column.name.clone()), false));
                }
                if column.generated.as_ref().is_some_and(expr) {
                    found.push((Object::Column(name.clone(), column.name.clone()), false));
                }
            }
            for constraint in &relation.constraints {
                if matches!(&constraint.kind, ConstraintKind::Check(source) if expr(source)) {
                    found.push((Object::Constraint(name.clone(), constraint.name.clone()), false));
                }
            }
            for index in &relation.indexes {
                let plain = index.columns.is_some() && index.predicate.is_none();
                if !plain && index.keys.iter().chain(&index.predicate).any(|source| expr(&bare_key(source))) {
                    found.push((Object::Index(name.clone(), index.name.clone()), false));
                }
            }
        }
    }

    /// The object as messages name it.
    fn describe(&self, object: &Object) -> String {
        let kind = |name: &Name| {
            let view = self.catalog.relations.get(name).is_some_and(|r| r.view().is_some());
            format!("{} {}", if view { "view" } else { "table" }, self.show(name))
        };
        match object {
            Object::Relation(name) => kind(name),
            Object::Column(table, column) => format!("column {column} of {}", kind(table)),
            Object::Constraint(table, name) => format!("constraint {name} on {}", kind(table)),
            Object::Default(table, column) => format!("default value for column {column} of {}", kind(table)),
            Object::Policy(table, name) => format!("policy {name} on {}", kind(table)),
            Object::Index(table, name) => format!("index {}", self.show(&Name::new(&table.schema, name))),
            Object::Routine(name, args) => {
                let overloads = self.catalog.routines(&name.schema, &name.name);
                let routine = overloads.iter().find(|r| super::resolve::takes(r, args));
                format!("function {}", routine.map_or_else(|| self.show(name), |routine| self.routine_signature(routine)))
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
            Object::Policy(table, name) => self.remove_policy(table, name),
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
                self.catalog.default_privileges.retain(|entry| entry.schema.as_ref() != Some(name));
                Ok(())
            }
        }
    }

    fn remove_relation(&mut self, name: &Name) -> Result<()> {
        let Some(relation) = self.catalog.relations.shift_remove(name) else { return Ok(()) };
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
        new.columns.retain(|c| c.name != column);
        let generated = old.column(column).is_some_and(|c| c.generated.is_some() || c.domain.is_some());
        if generated {
            self.rebuild(&old, &new, |column| Some(ident(&column.name)))?;
        } else {
            self.push(format!("ALTER TABLE {} DROP COLUMN {}", physical::table(table), ident(column)));
        }
        self.catalog.relations.insert(table.clone(), Arc::new(new));
        self.refresh_row_type(table);
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

/// An index's key without its direction.
pub(super) fn bare_key(key: &str) -> String {
    let key = key.strip_suffix(" NULLS FIRST").or_else(|| key.strip_suffix(" NULLS LAST")).unwrap_or(key);
    key.strip_suffix(" DESC").unwrap_or(key).to_owned()
}

fn index_uses(index: &crate::catalog::Index, column: &str) -> bool {
    let sources = index.keys.iter().chain(&index.predicate);
    sources.map(|source| Uses::of_expr(&bare_key(source))).any(|uses| uses.columns.contains(column))
}

/// Whether `nextval` names the sequence, qualified or in `public`.
fn names_sequence(uses: &Uses, name: &Name) -> bool {
    uses.sequences.contains(&name.to_string()) || (name.schema == "public" && uses.sequences.contains(&name.name))
}
