//! `alter table` (PostgreSQL manual). What SQLite's own ALTER lacks is done by rebuilding the table.

mod column;
mod existing_index;
mod passes;
mod relation;
mod type_users;

use std::sync::Arc;

use basalt_core::{Error, ReplicaIdentity, Result};
use basalt_types::Type;
use sqlparser::tokenizer::Token;

use super::constraint::{NewConstraint, NewKind};
use super::cursor::RawName;
use super::domain::null_guard;
use super::drop::Object;
use super::table::add_constraint;
use super::unique::key_guard;
use super::{Action, Change, conflicts, naming, physical, source};
use crate::catalog::{Column, ConstraintKind, Name, Relation};
use crate::quote::ident;
use crate::{Catalog, compile, definition_path};
pub(super) use column::type_source;
pub(super) use passes::Rewrite;

impl Change<'_> {
    pub(super) fn alter_table(&mut self) -> Result<()> {
        let if_exists = self.cursor.accept("if exists");
        self.cursor.accept("only");
        let raw = self.cursor.name()?;
        self.cursor.accept_token(&Token::Mul);
        let relation = match self.find_relation(&raw) {
            Ok(relation) => relation,
            Err(error) => return self.alter_sequence_or_index(&raw, if_exists, error),
        };
        if self.alter_any_relation(&relation)? {
            return Ok(());
        }
        if relation.view().is_some() {
            let action = self.cursor.ident_ahead().unwrap_or_default().to_uppercase();
            let message = format!("ALTER action {action} cannot be performed on relation \"{}\"", raw.name);
            return Err(Error::new("42809", message)
                .with_detail("This operation is not supported for views.")
                .at(raw.at));
        }
        self.alter_table_actions(&relation.name)
    }

    /// Sequences and indexes, which pg_dump, Rails and others alter by `alter table` too; `missing` tells that there is neither.
    fn alter_sequence_or_index(&mut self, raw: &RawName, if_exists: bool, missing: Error) -> Result<()> {
        if let Some(sequence) = self.lookup(raw, |name| self.catalog.sequences.contains_key(name)) {
            let is_done = self.alter_any_sequence(&sequence).map_err(|e| e.at(raw.at))?;
            return if is_done { Ok(()) } else { Err(self.refused()) };
        }
        if self.find_index(raw).is_some() {
            return self.alter_named_index(raw);
        }
        if !if_exists {
            return Err(missing);
        }
        self.cursor.skip_all();
        Ok(())
    }

    fn alter_table_action(&mut self, table: &Name) -> Result<()> {
        if let Some(role) = self.owner_to()? {
            self.relation_mut(table)?.owner = role;
            return Ok(());
        }
        let words = [
            "add",
            "drop constraint",
            "drop",
            "alter constraint",
            "alter",
            "validate constraint",
            "enable row level security",
            "disable row level security",
            "no force row level security",
            "force row level security",
            "enable always trigger",
            "enable trigger",
            "disable trigger",
            "replica identity",
            "cluster on",
            "set without cluster",
            "set without oids",
            "set logged",
            "set unlogged",
            "set tablespace",
            "set access method",
            "reset",
            "set",
        ];
        match self.cursor.accept_any(&words) {
            Some("add") if self.at_constraint() => self.alter_add_constraint(table),
            Some("add") => self.add_column(table),
            Some("drop constraint") => self.drop_constraint(table),
            Some("drop") => self.drop_column(table),
            Some("alter constraint") => self.alter_constraint(table),
            Some("alter") => self.alter_column(table),
            Some("validate constraint") => self.validate_constraint(table),
            Some("enable row level security") => self.row_security(table, |r| r.row_security = true),
            Some("disable row level security") => self.row_security(table, |r| r.row_security = false),
            Some("force row level security") => self.row_security(table, |r| r.force_row_security = true),
            Some("no force row level security") => self.row_security(table, |r| r.force_row_security = false),
            Some("replica identity") => self.replica_identity(table),
            Some("enable always trigger" | "enable trigger") => self.switch_trigger(table, false),
            Some("disable trigger") => self.switch_trigger(table, true),
            // How PostgreSQL lays out a table changes no results.
            Some("cluster on" | "set tablespace" | "set access method") => {
                self.cursor.label()?;
                Ok(())
            }
            Some("reset" | "set") => self.storage_parameters(),
            Some(_) => Ok(()),
            None => {
                for (words, instead) in [
                    ("inherit", "Use one table; add a column for what would tell them apart."),
                    ("no inherit", "Use one table; add a column for what would tell them apart."),
                    ("attach", "Use one table."),
                    ("detach", "Use one table."),
                ] {
                    if self.cursor.peek(words) {
                        return Err(self.lacking(&format!("ALTER TABLE ... {}", words.to_uppercase()), instead));
                    }
                }
                Err(self.cursor.unexpected())
            }
        }
    }

    fn row_security(&mut self, table: &Name, change: impl FnOnce(&mut Relation)) -> Result<()> {
        change(self.relation_mut(table)?);
        Ok(())
    }

    fn replica_identity(&mut self, table: &Name) -> Result<()> {
        let identity = match self.cursor.accept_any(&["full", "default", "nothing"]) {
            Some("full") => ReplicaIdentity::Full,
            Some("default") => ReplicaIdentity::Default,
            Some(_) => ReplicaIdentity::Nothing,
            None => {
                self.cursor.expect("using index")?;
                ReplicaIdentity::Index(self.unique_index(table)?)
            }
        };
        self.relation_mut(table)?.replica_identity = identity;
        Ok(())
    }

    /// The name of a unique index of the table.
    fn unique_index(&mut self, table: &Name) -> Result<String> {
        let at = self.cursor.offset();
        let name = self.cursor.ident()?;
        let relation = self.relation(table)?;
        if relation.unique_index(&name).is_some() {
            return Ok(name);
        }
        Err(match relation.indexes.iter().any(|index| index.name == name) {
            true => Error::new("42809", format!("cannot use non-unique index \"{name}\" as replica identity")),
            false => Error::new("42704", format!("index \"{name}\" for table \"{}\" does not exist", table.name)),
        }
        .at(at))
    }

    fn alter_add_constraint(&mut self, table: &Name) -> Result<()> {
        let new = self.table_constraint()?;
        let new = self.take_index(table, new)?;
        self.add_new_constraint(table, new)
    }

    /// Adds a constraint to a table that may have rows.
    fn add_new_constraint(&mut self, table: &Name, new: NewConstraint) -> Result<()> {
        let old = self.relation(table)?;
        let not_valid = new.not_valid && matches!(new.kind, NewKind::ForeignKey { .. } | NewKind::Check(_));
        let at = new.at;
        let mut constraint = self.resolve_constraint(&old, new)?;
        if constraint.kind.has_index() && naming::relation_name_taken(&self.catalog, &table.schema, &constraint.name) {
            return Err(Error::new("42P07", format!("relation \"{}\" already exists", constraint.name)).at(at));
        }
        match &constraint.kind {
            ConstraintKind::PrimaryKey(columns) => {
                for column in columns.iter().filter(|c| old.column(c).is_some_and(|c| !c.not_null)) {
                    self.push(null_guard(&old, "relation", column));
                }
                self.push(key_guard(&old, columns, &constraint.name));
            }
            ConstraintKind::Unique(columns) => self.push(key_guard(&old, columns, &constraint.name)),
            ConstraintKind::Check(_) if not_valid => {}
            ConstraintKind::Check(source) => self.check_rows(&old, &constraint.name, source)?,
            ConstraintKind::Exclude(exclusion) => {
                self.push(conflicts::guard(&self.catalog, &old, &constraint.name, exclusion)?);
            }
            ConstraintKind::ForeignKey(_) => {}
        }
        constraint.not_valid = not_valid;
        let check = matches!(constraint.kind, ConstraintKind::ForeignKey(_)) && !not_valid;
        let name = constraint.name.clone();
        let mut after = (*old).clone();
        add_constraint(&mut after, constraint);
        self.replace_table(&old, after, |column| Some(ident(&column.name)))?;
        if check {
            self.actions.push(Action::CheckForeignKey { table: table.physical(), constraint: name });
        }
        Ok(())
    }

    /// 23514 if a row violates the CHECK.
    fn check_rows(&mut self, table: &Relation, constraint: &str, source: &str) -> Result<()> {
        let condition = physical::check(&self.catalog, table, source)?;
        let none = format!("NOT EXISTS (SELECT 1 FROM {} WHERE NOT ({condition}))", physical::table(&table.name));
        let message =
            format!("check constraint \"{constraint}\" of relation \"{}\" is violated by some row", table.name.name);
        self.push(physical::require_check(&none, &message, constraint));
        Ok(())
    }

    fn drop_constraint(&mut self, table: &Name) -> Result<()> {
        let if_exists = self.cursor.accept("if exists");
        let at = self.cursor.offset();
        let name = self.cursor.ident()?;
        let cascade = self.cursor.accept_any(&["cascade", "restrict"]) == Some("cascade");
        if self.relation(table)?.constraints.iter().any(|c| c.name == name) {
            return self.drop_objects(vec![Object::Constraint(table.clone(), name)], cascade).map_err(|e| e.at(at));
        }
        if if_exists { Ok(()) } else { Err(missing_constraint(&name, table).at(at)) }
    }

    fn alter_constraint(&mut self, table: &Name) -> Result<()> {
        let at = self.cursor.offset();
        let name = self.cursor.ident()?;
        let old = self.relation(table)?;
        let mut after = (*old).clone();
        let Some(constraint) = after.constraints.iter_mut().find(|c| c.name == name) else {
            return Err(missing_constraint(&name, table).at(at));
        };
        if !matches!(constraint.kind, ConstraintKind::ForeignKey(_)) {
            let message =
                format!("constraint \"{name}\" of relation \"{}\" is not a foreign key constraint", table.name);
            return Err(Error::new("42809", message).at(at));
        }
        while let Some(word) =
            self.cursor.accept_any(&["not deferrable", "deferrable", "initially deferred", "initially immediate"])
        {
            match word {
                "not deferrable" => (constraint.deferrable, constraint.initially_deferred) = (false, false),
                "deferrable" => constraint.deferrable = true,
                "initially deferred" => (constraint.deferrable, constraint.initially_deferred) = (true, true),
                _ => constraint.initially_deferred = false,
            }
        }
        self.replace_table(&old, after, |column| Some(ident(&column.name)))
    }

    fn validate_constraint(&mut self, table: &Name) -> Result<()> {
        let at = self.cursor.offset();
        let name = self.cursor.ident()?;
        let relation = self.relation(table)?;
        let Some(constraint) = relation.constraints.iter().find(|c| c.name == name) else {
            return Err(missing_constraint(&name, table).at(at));
        };
        match &constraint.kind {
            ConstraintKind::ForeignKey(_) => {
                self.actions.push(Action::CheckForeignKey { table: table.physical(), constraint: name.clone() });
            }
            ConstraintKind::Check(source) => self.check_rows(&relation, &name, source)?,
            _ => {
                let message = format!(
                    "constraint \"{name}\" of relation \"{}\" is not a foreign key or check constraint",
                    table.name
                );
                return Err(Error::new("42809", message).at(at));
            }
        }
        let valid = self.relation_mut(table)?.constraints.iter_mut().filter(|c| c.name == name);
        valid.for_each(|constraint| constraint.not_valid = false);
        Ok(())
    }

    pub(super) fn rename_constraint(&mut self, table: &Name, from: &str, to: String) -> Result<()> {
        let old = self.relation(table)?;
        let mut after = (*old).clone();
        let Some(constraint) = after.constraints.iter_mut().find(|c| c.name == from) else {
            let message = format!("constraint \"{from}\" for table \"{}\" does not exist", table.name);
            return Err(Error::new("42704", message));
        };
        if old.constraints.iter().any(|c| c.name == to) {
            let message = format!("constraint \"{to}\" for relation \"{}\" already exists", table.name);
            return Err(Error::new("42710", message));
        }
        constraint.name.clone_from(&to);
        self.rename_arbiter(table, from, &to)?;
        self.replace_table(&old, after, |column| Some(ident(&column.name)))
    }

    /// Rebuilds a table and puts its new form into the catalog.
    pub(super) fn replace_table(
        &mut self,
        old: &Relation,
        new: Relation,
        values: impl Fn(&Column) -> Option<String>,
    ) -> Result<()> {
        self.rebuild(old, &new, values)?;
        let name = new.name.clone();
        self.catalog.relations.insert(name.clone(), Arc::new(new));
        self.refresh_row_type(&name);
        self.refresh_shown_rows();
        Ok(())
    }

    /// Tells the functions over a relation's rows what these are now.
    pub(in crate::ddl) fn refresh_row_type(&mut self, name: &Name) {
        refresh_row_type(&mut self.catalog, name);
    }

    /// Tells the views that show rows what these are now. Their queries have to mean what they are to mean.
    pub(in crate::ddl) fn refresh_shown_rows(&mut self) {
        refresh_shown_rows(&mut self.catalog);
    }

    /// Writes another name of a relation or composite type into the signatures of functions over its rows.
    pub(in crate::ddl) fn rename_row_type(&mut self, from: &Name, to: &Name) {
        for routine in self.catalog.functions.values_mut().flatten() {
            let routine = Arc::make_mut(routine);
            let params = routine.params.iter_mut().flat_map(|param| [&mut param.relation, &mut param.composite]);
            let names = params.chain([&mut routine.returns_relation, &mut routine.returns_composite]);
            names.filter(|name| name.as_ref() == Some(from)).for_each(|name| *name = Some(to.clone()));
        }
    }
}

/// Tells the views that show rows, and the functions over their own rows, what these are now.
pub(in crate::ddl) fn refresh_shown_rows(catalog: &mut Catalog) {
    // One view after the other, as far as they read each other.
    for _ in 0..catalog.relations.len() {
        let Some(view) = catalog.relations.values().find_map(|relation| refreshed(catalog, relation)) else { return };
        let name = view.name.clone();
        catalog.relations.insert(name.clone(), Arc::new(view));
        refresh_row_type(catalog, &name);
    }
}

/// A view with the rows that its columns hold as they are now, where they have changed.
fn refreshed(catalog: &Catalog, relation: &Relation) -> Option<Relation> {
    let view = relation.view()?;
    let holds_rows = |column: &Column| matches!(column.ty.element().unwrap_or(&column.ty), Type::Record(_));
    if !relation.columns.iter().any(holds_rows) {
        return None;
    }
    let query = source::parse_query(&view.query).ok()?;
    let found = compile::view_columns(catalog, &definition_path(&relation.name.schema), &query, None).ok()?;
    let mut new = relation.clone();
    for (column, now) in new.columns.iter_mut().zip(found) {
        column.ty = now.ty;
    }
    let has_changed = new.columns.iter().zip(&relation.columns).any(|(new, old)| new.ty != old.ty);
    has_changed.then_some(new)
}

/// Tells the functions over a relation's rows what these are now.
pub(in crate::ddl) fn refresh_row_type(catalog: &mut Catalog, name: &Name) {
    let Some(row) = catalog.relations.get(name).map(|relation| relation.row_type()) else { return };
    let is_of = |relation: &Option<Name>, composite: &Option<Name>| {
        [relation, composite].into_iter().flatten().any(|of| of == name)
    };
    let refresh = |ty: &mut Type| {
        *ty = match ty {
            Type::Array(_) => row.clone().array_of(),
            _ => row.clone(),
        };
    };
    for routine in catalog.functions.values_mut().flatten() {
        let returns = is_of(&routine.returns_relation, &routine.returns_composite);
        if !returns && !routine.params.iter().any(|p| is_of(&p.relation, &p.composite)) {
            continue;
        }
        let routine = Arc::make_mut(routine);
        for param in routine.params.iter_mut().filter(|p| is_of(&p.relation, &p.composite)) {
            refresh(&mut param.ty);
        }
        match routine.type_of_outputs() {
            Some(ty) => routine.returns = ty,
            None if returns => refresh(&mut routine.returns),
            None => {}
        }
    }
}

fn missing_constraint(name: &str, table: &Name) -> Error {
    Error::new("42704", format!("constraint \"{name}\" of relation \"{}\" does not exist", table.name))
}
