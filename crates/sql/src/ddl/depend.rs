//! What depends on what (PostgreSQL manual, section 5.14).

use std::collections::BTreeSet;
use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::Type;
use sqlparser::ast::Expr;

use super::Change;
use super::drop::Object;
use super::field::{is_marked, with_fields_marked};
use super::overload::{is_field, with_calls_marked};
use super::rename_column::reads_in_rows;
use super::resolve::takes;
use super::source::{Uses, fold, parse_expr, parse_statements};
use super::types::is_enum;
use crate::Catalog;
use crate::catalog::{Column, ConstraintKind, Name, Relation, Routine};
use crate::compile::{Kept, Meanings};

impl Change<'_> {
    /// What depends directly on an object, and whether it goes without CASCADE.
    pub(super) fn dependents(&self, object: &Object) -> Result<Vec<(Object, bool)>> {
        let mut found = Vec::new();
        match object {
            Object::Relation(name) => {
                found.extend(
                    self.owned_sequences(name, None).map(|sequence| (Object::Sequence(sequence.clone()), true)),
                );
                let reads =
                    |uses: &Uses| uses.relations.contains(name) || uses.types.contains(name) || names_class(uses, name);
                users(&self.catalog, reads, &mut found);
                for other in self.catalog.relations.values().filter(|r| r.name != *name) {
                    let keys = other.foreign_keys().filter(|(_, key)| key.target == *name);
                    found.extend(keys.map(|(key, _)| (Object::Constraint(other.name.clone(), key.to_owned()), false)));
                }
                let typed = self.catalog.functions.values().flatten().filter(|r| {
                    let of_params = r.params.iter().flat_map(|param| [&param.relation, &param.composite]);
                    of_params.chain([&r.returns_relation, &r.returns_composite]).any(|of| of.as_ref() == Some(name))
                });
                found.extend(typed.map(|r| (Object::Routine(r.name.clone(), r.input_types()), false)));
            }
            Object::Column(table, column) => self.column_dependents(table, column, &mut found)?,
            Object::Constraint(table, name) => {
                let relation = self.relation(table)?;
                let key = relation.constraints.iter().find(|c| c.name == *name);
                if let Some(ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns)) =
                    key.map(|c| &c.kind)
                {
                    self.referrers(&relation, columns, &mut found);
                }
                if key.is_some_and(|key| key.kind.has_index()) {
                    let readers = self.key_readers(&relation, name)?;
                    found.extend(readers.into_iter().map(|reader| (reader, false)));
                }
            }
            Object::Index(table, name) => {
                let relation = self.relation(table)?;
                let index = relation.indexes.iter().find(|i| i.name == *name && i.unique && i.predicate.is_none());
                if let Some(columns) = index.and_then(|index| index.columns.as_ref()) {
                    self.referrers(&relation, columns, &mut found);
                }
            }
            Object::Routine(name, args) => {
                let overloads = self.catalog.routines(&name.schema, &name.name);
                let is_told_apart = |routine: &&Arc<Routine>| overloads.len() > 1 || is_field(&self.catalog, routine);
                match overloads.iter().find(|routine| takes(routine, args)).filter(is_told_apart) {
                    Some(routine) => {
                        let (marked, mark) = with_calls_marked(&self.catalog, routine)?;
                        let calls = |uses: &Uses| uses.functions.contains(&mark) || uses.columns.contains(&mark.name);
                        users(&marked, calls, &mut found);
                    }
                    None => users(&self.catalog, |uses| uses.functions.contains(name), &mut found),
                }
                for relation in self.catalog.relations.values().filter(|_| args.is_empty()) {
                    let triggers = relation.triggers.iter().filter(|trigger| trigger.function == *name);
                    found.extend(triggers.map(|one| (Object::Trigger(relation.name.clone(), one.name.clone()), false)));
                }
            }
            Object::Type(name) => {
                users(&self.catalog, |uses| uses.types.contains(name), &mut found);
                let of_its_rows =
                    self.catalog.composites.get(name).map(|fields| Type::Record(Arc::new(fields.clone())));
                // What holds rows depends on their type alone, which depends on its fields' types.
                let is_of = |ty: &Type, composite: Option<&Name>| {
                    composite == Some(name) || composite.is_none() && is_enum(ty.element().unwrap_or(ty), name)
                };
                for relation in self.catalog.relations.values() {
                    let is_its = |c: &&Column| c.domain.as_ref() == Some(name) || is_of(&c.ty, c.composite.as_ref());
                    for column in relation.columns.iter().filter(is_its) {
                        let object = match relation.view() {
                            Some(_) => Object::Relation(relation.name.clone()),
                            None => Object::Column(relation.name.clone(), column.name.clone()),
                        };
                        found.push((object, false));
                    }
                }
                for routine in self.catalog.functions.values().flatten() {
                    let mut params = routine.params.iter();
                    if params.any(|param| is_of(&param.ty, param.composite.as_ref()))
                        || is_of(&routine.returns, routine.returns_composite.as_ref())
                        || routine.domains().any(|domain| domain == name)
                    {
                        found.push((Object::Routine(routine.name.clone(), routine.input_types()), false));
                    }
                }
                for (domain, definition) in &self.catalog.domains {
                    if definition.over.as_ref() == Some(name) || is_of(&definition.ty, None) {
                        found.push((Object::Type(domain.clone()), false));
                    }
                }
                for (composite, fields) in &self.catalog.composites {
                    let is_its =
                        |ty: &Type| is_of(ty, None) || of_its_rows.as_ref() == Some(ty.element().unwrap_or(ty));
                    let fields = fields.iter().filter(|(_, ty)| is_its(ty));
                    found.extend(fields.map(|(field, _)| (Object::Attribute(composite.clone(), field.clone()), false)));
                }
            }
            Object::Sequence(name) => {
                let reads = |uses: &Uses| names_class(uses, name) || uses.relations.contains(name);
                users(&self.catalog, reads, &mut found);
            }
            Object::Schema(schema) => {
                let relations =
                    self.catalog.relations.keys().filter(|n| n.schema == *schema).cloned().map(Object::Relation);
                let sequences =
                    self.catalog.sequences.iter().filter(|(n, s)| n.schema == *schema && s.owned_by.is_none());
                let types =
                    self.catalog.enums.keys().chain(self.catalog.domains.keys()).chain(self.catalog.composites.keys());
                let types = types.filter(|n| n.schema == *schema).cloned().map(Object::Type);
                let routines = self.catalog.functions.values().flatten().filter(|r| r.name.schema == *schema);
                let routines = routines.map(|r| Object::Routine(r.name.clone(), r.input_types()));
                let sequences = sequences.map(|(n, _)| Object::Sequence(n.clone()));
                found.extend(relations.chain(sequences).chain(routines).chain(types).map(|object| (object, false)));
            }
            Object::Attribute(..)
            | Object::Default(..)
            | Object::DomainCheck(..)
            | Object::Policy(..)
            | Object::Trigger(..) => {}
        }
        found.retain(|(other, _)| other != object);
        Ok(found)
    }

    fn column_dependents(&self, table: &Name, column: &str, found: &mut Vec<(Object, bool)>) -> Result<()> {
        let marked = with_fields_marked(&self.catalog, table, column)?;
        let relation =
            marked.relations.get(table).ok_or_else(|| Error::internal(format!("table {table} went missing")))?;
        let reads = |uses: &Uses| uses.columns.contains(column) || is_marked(uses);
        let own = |name: &str| Object::Constraint(table.clone(), name.to_owned());
        for constraint in &relation.constraints {
            let involved = match &constraint.kind {
                ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns) => {
                    columns.iter().any(|c| c == column)
                }
                ConstraintKind::ForeignKey(key) => key.columns.iter().any(|c| c == column),
                kind => kind.sources().any(|source| reads(&Uses::of_expr(source))),
            };
            if involved {
                // An exclusion goes along with a column that is one of its elements; its expressions and predicate hold theirs.
                let goes_along = match &constraint.kind {
                    ConstraintKind::Exclude(exclusion) => exclusion.elements.iter().any(|e| is_column(&e.key, column)),
                    _ => true,
                };
                found.push((own(&constraint.name), goes_along));
            }
        }
        for index in &relation.indexes {
            let mut sources = index.keys.iter().chain(&index.predicate);
            if sources.any(|source| reads(&Uses::of_expr(&bare_key(source)))) {
                found.push((Object::Index(table.clone(), index.name.clone()), true));
            }
        }
        found.extend(
            self.owned_sequences(table, Some(column)).map(|sequence| (Object::Sequence(sequence.clone()), true)),
        );
        for other in &relation.columns {
            if other.generated.as_deref().is_some_and(|source| reads(&Uses::of_expr(source))) {
                found.push((Object::Column(table.clone(), other.name.clone()), false));
            }
        }
        for trigger in &relation.triggers {
            let reads = |when: &str| reads_in_rows(when, column) || is_marked(&Uses::of_expr(when));
            let run = trigger.run.as_ref();
            let is_meant = run
                .is_some_and(|run| run.columns.iter().any(|c| c == column) || run.when.as_deref().is_some_and(reads));
            if is_meant {
                found.push((Object::Trigger(table.clone(), trigger.name.clone()), false));
            }
        }
        let readers = self.column_readers(&marked, table, column);
        found.extend(readers.into_iter().map(|object| (object, false)));
        for other in self.catalog.relations.values() {
            let keys = other
                .foreign_keys()
                .filter(|(_, key)| key.target == *table && key.target_columns.iter().any(|c| c == column));
            found.extend(keys.map(|(key, _)| (Object::Constraint(other.name.clone(), key.to_owned()), false)));
        }
        Ok(())
    }

    /// What reads a column of the table in an expression or query, its own constraints, indexes and columns too if they read it in a row.
    /// `marked` is of [`with_fields_marked`].
    pub(super) fn column_readers(&self, marked: &Catalog, table: &Name, column: &str) -> Vec<Object> {
        let mut found = Vec::new();
        let reads = |uses: &Uses| is_marked(uses) || (uses.may_read(column) && reads_rows(&self.catalog, uses, table));
        users(marked, reads, &mut found);
        let mut found: Vec<Object> = found.into_iter().map(|(object, _)| object).collect();
        let policies = marked.relations.get(table).into_iter().flat_map(|relation| &relation.policies);
        let policies = policies.map(|policy| Object::Policy(table.clone(), policy.name.clone()));
        found.extend(policies.filter(|policy| !found.contains(policy)).collect::<Vec<_>>());
        found.retain(|object| match object {
            Object::Relation(name) => {
                let view = marked.relations.get(name).and_then(|relation| relation.view());
                view.is_none_or(|view| {
                    let uses = Uses::of_query(&view.query);
                    is_marked(&uses) || self.means_column((&view.query, &uses), &Kept::View, table, column)
                })
            }
            Object::Policy(on, name) => {
                let policies = marked.relations.get(on).into_iter().flat_map(|relation| &relation.policies);
                let mut sources =
                    policies.filter(|policy| policy.name == *name).flat_map(|p| p.using.iter().chain(&p.check));
                sources.any(|source| {
                    let uses = Uses::of_expr(source);
                    is_marked(&uses) || self.means_column((source, &uses), &Kept::Row(on.clone()), table, column)
                })
            }
            Object::Routine(name, args) => {
                let overloads = marked.routines(&name.schema, &name.name);
                let routine = overloads.iter().find(|routine| takes(routine, args));
                routine.is_none_or(|routine| {
                    let mut defaults = routine.params.iter().filter_map(|param| param.default.as_ref());
                    let uses = parse_statements(&routine.body).map(|body| Uses::of(&body)).unwrap_or_default();
                    let kept = Kept::Body(routine.clone());
                    is_marked(&uses)
                        || defaults.any(|source| is_marked(&Uses::of_expr(source)))
                        || self.means_column((&routine.body, &uses), &kept, table, column)
                })
            }
            _ => true,
        });
        found
    }

    /// Whether a source that may read the column does: by what its names mean, as far as they tell.
    fn means_column(&self, (source, uses): (&str, &Uses), kept: &Kept, table: &Name, column: &str) -> bool {
        let is_own = matches!(kept, Kept::Row(on) if on == table);
        let reads_rows = reads_rows(&self.catalog, uses, table);
        if !(is_own || reads_rows) || !uses.may_read(column) {
            return false;
        }
        if uses.windows && uses.columns.contains(column) || uses.writes && reads_rows {
            return true;
        }
        calls_for_rows(&self.catalog, uses, table)
            || Meanings::of(&self.catalog, kept, source).map_or(true, |meanings| meanings.read(table, column))
    }

    /// Foreign keys that need this unique key, unless another one serves them.
    fn referrers(&self, relation: &Relation, columns: &[String], found: &mut Vec<(Object, bool)>) {
        let set: BTreeSet<&String> = columns.iter().collect();
        let same = relation.unique_keys().filter(|key| key.iter().collect::<BTreeSet<_>>() == set).count()
            + relation
                .indexes
                .iter()
                .filter(|index| {
                    let key = index.columns.as_ref().filter(|_| index.unique && index.predicate.is_none());
                    key.is_some_and(|key| key.iter().collect::<BTreeSet<_>>() == set)
                })
                .count();
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
}

/// What has a source that satisfies `uses`.
fn users(catalog: &Catalog, uses: impl Fn(&Uses) -> bool, found: &mut Vec<(Object, bool)>) {
    let expr = |source: &String| uses(&Uses::of_expr(source));
    for routine in catalog.functions.values().flatten() {
        let mut defaults = routine.params.iter().filter_map(|param| param.default.as_ref());
        // Other bodies are texts, which PostgreSQL reads anew when they run.
        let reads = || routine.parsed && parse_statements(&routine.body).is_ok_and(|body| uses(&Uses::of(&body)));
        if defaults.any(expr) || reads() {
            found.push((Object::Routine(routine.name.clone(), routine.input_types()), false));
        }
    }
    for relation in catalog.relations.values() {
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
            if !column.default_by_domain && column.default.as_ref().is_some_and(expr) {
                found.push((Object::Default(name.clone(), column.name.clone()), false));
            }
            if column.generated.as_ref().is_some_and(expr) {
                found.push((Object::Column(name.clone(), column.name.clone()), false));
            }
        }
        for constraint in &relation.constraints {
            if constraint.kind.sources().any(expr) {
                found.push((Object::Constraint(name.clone(), constraint.name.clone()), false));
            }
        }
        for index in &relation.indexes {
            let plain = index.columns.is_some() && index.predicate.is_none();
            if !plain && index.keys.iter().chain(&index.predicate).any(|source| expr(&bare_key(source))) {
                found.push((Object::Index(name.clone(), index.name.clone()), false));
            }
        }
        for trigger in &relation.triggers {
            if trigger.run.as_ref().and_then(|run| run.when.as_ref()).is_some_and(expr) {
                found.push((Object::Trigger(name.clone(), trigger.name.clone()), false));
            }
        }
    }
    for (name, domain) in &catalog.domains {
        if domain.default.as_ref().is_some_and(expr) {
            found.push((Object::Type(name.clone()), false));
        }
        let checks = domain.checks.iter().filter(|(_, source)| expr(source));
        found.extend(checks.map(|(check, _)| (Object::DomainCheck(name.clone(), check.clone()), false)));
    }
}

/// Whether a source reads rows of the table, under its name or as those that a function gives.
pub(super) fn reads_rows(catalog: &Catalog, uses: &Uses, table: &Name) -> bool {
    uses.relations.contains(table) || calls_for_rows(catalog, uses, table)
}

/// Whether a source calls a function that gives rows of the table.
pub(super) fn calls_for_rows(catalog: &Catalog, uses: &Uses, table: &Name) -> bool {
    let mut called = uses.functions.iter().flat_map(|name| catalog.routines(&name.schema, &name.name));
    called.any(|routine| routine.returns_relation.as_ref() == Some(table))
}

/// An index's key without its direction.
pub(super) fn bare_key(key: &str) -> String {
    let key = key.strip_suffix(" NULLS FIRST").or_else(|| key.strip_suffix(" NULLS LAST")).unwrap_or(key);
    key.strip_suffix(" DESC").unwrap_or(key).to_owned()
}

/// Whether a key is that column and nothing more.
fn is_column(key: &str, column: &str) -> bool {
    matches!(parse_expr(key), Ok(Expr::Identifier(ident)) if fold(&ident) == column)
}

/// Whether a literal (of `nextval`, of type `regclass`) names the sequence or relation, qualified or in `public`.
fn names_class(uses: &Uses, name: &Name) -> bool {
    uses.sequences.contains(&name.to_string()) || (name.schema == "public" && uses.sequences.contains(&name.name))
}
