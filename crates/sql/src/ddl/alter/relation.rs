//! What tables and views have in common: owner, name, schema, and the names of columns.

use std::sync::Arc;

use basalt_core::{Error, Result};

use super::super::drop::Object;
use super::super::rename_row::rename_row;
use super::super::table::duplicate_column;
use super::super::view::rename_output;
use super::super::{Action, Change, conflicts, naming, physical};
use crate::catalog::{Column, ConstraintKind, Name, Relation, RelationKind};
use crate::quote::ident;

impl Change<'_> {
    /// `owner to`, `rename`, `set schema`; tells whether it was one of them.
    pub(in crate::ddl) fn alter_any_relation(&mut self, relation: &Arc<Relation>) -> Result<bool> {
        let name = &relation.name;
        let at = self.cursor.offset();
        let renamed = self.rename_to()?.map(|to| Name::new(&name.schema, to));
        if renamed.as_ref() == Some(name) {
            return Err(exists(name).at(at));
        }
        let moved = match renamed {
            Some(to) => Some(to),
            None => self.set_schema()?.map(|schema| Name::new(schema, &name.name)),
        };
        if let Some(to) = moved {
            self.rename_relation(relation, &to).map_err(|e| e.at(at))?;
            return Ok(true);
        }
        if self.cursor.accept("rename constraint") {
            let at = self.cursor.offset();
            let from = self.cursor.ident()?;
            self.cursor.expect("to")?;
            let to = self.cursor.ident()?;
            self.rename_constraint(name, &from, to).map_err(|e| e.at(at))?;
            return Ok(true);
        }
        if self.cursor.accept("rename") {
            self.cursor.accept("column");
            let at = self.cursor.offset();
            let from = self.cursor.ident()?;
            self.cursor.expect("to")?;
            let to = self.cursor.ident()?;
            self.rename_column(relation, &from, &to).map_err(|e| e.at(at))?;
            return Ok(true);
        }
        if relation.view().is_some()
            && let Some(role) = self.owner_to()?
        {
            self.relation_mut(name)?.owner = role;
            return Ok(true);
        }
        Ok(false)
    }

    fn rename_relation(&mut self, old: &Arc<Relation>, to: &Name) -> Result<()> {
        let from = &old.name;
        if from == to {
            return Ok(());
        }
        if naming::relation_name_taken(&self.catalog, &to.schema, &to.name) {
            return Err(exists(to));
        }
        self.check_physical(to)?;
        let mut new = (**old).clone();
        rename_row(&self.catalog, &mut new, to)?;
        new.name = to.clone();
        let place = self.catalog.relations.get_index_of(from).unwrap_or(0);
        self.catalog.relations.shift_remove(from);
        self.catalog.relations.shift_insert(place, to.clone(), Arc::new(new));
        for relation in self.catalog.relations.values_mut() {
            let keys = relation.foreign_keys().any(|(_, key)| key.target == *from);
            let sources =
                relation.view().is_some_and(|view| view.sources.iter().flatten().any(|(table, _)| table == from));
            if !keys && !sources {
                continue;
            }
            let relation = Arc::make_mut(relation);
            for constraint in &mut relation.constraints {
                if let ConstraintKind::ForeignKey(key) = &mut constraint.kind
                    && key.target == *from
                {
                    key.target = to.clone();
                }
            }
            if let RelationKind::View(view) = &mut relation.kind {
                let sources = view.sources.iter_mut().flatten().filter(|(table, _)| table == from);
                sources.for_each(|(table, _)| *table = to.clone());
            }
        }
        self.rename_row_type(from, to);
        for sequence in self.catalog.sequences.values_mut() {
            if let Some((table, _)) = &mut sequence.owned_by
                && table == from
            {
                *table = to.clone();
            }
        }
        for publication in self.catalog.publications.values_mut() {
            if publication.tables.remove(from) {
                publication.tables.insert(to.clone());
            }
        }
        self.rename_in_sources(&Object::Relation(from.clone()), to)?;
        if old.view().is_some() {
            return Ok(());
        }
        self.push(format!("ALTER TABLE {} RENAME TO {}", physical::table(from), physical::table(to)));
        if from.schema != to.schema { self.move_parts(old, to) } else { Ok(()) }
    }

    /// Moves a table's indexes and sequences into its new schema.
    fn move_parts(&mut self, old: &Relation, to: &Name) -> Result<()> {
        let new = self.relation(to)?;
        for index in &new.indexes {
            self.push(format!("DROP INDEX IF EXISTS {}", physical::index_name(&old.name.schema, &index.name)));
            let statement = physical::create_index(&self.catalog, &new, index)?;
            self.actions.extend(statement.map(Action::Sql));
        }
        for constraint in new.constraints.iter().filter(|c| matches!(c.kind, ConstraintKind::Exclude(_))) {
            self.push(format!("DROP INDEX IF EXISTS {}", physical::index_name(&old.name.schema, &constraint.name)));
        }
        self.actions.extend(conflicts::indexes(&self.catalog, &new)?.into_iter().map(Action::Sql));
        let owned: Vec<Name> = self.owned_sequences(to, None).cloned().collect();
        for sequence in owned {
            let moved = Name::new(&to.schema, &sequence.name);
            self.rename_sequence(&sequence, &moved)?;
        }
        Ok(())
    }

    fn rename_column(&mut self, relation: &Arc<Relation>, from: &str, to: &str) -> Result<()> {
        let name = &relation.name;
        if relation.column(from).is_none() {
            return Err(Error::new("42703", format!("column \"{from}\" does not exist")));
        }
        // PostgreSQL refuses a column's own name too; it may take another case.
        let meets = |c: &&Column| c.name.eq_ignore_ascii_case(to) && (c.name != from || from == to);
        if let Some(other) = relation.columns.iter().find(meets) {
            if other.name != to {
                return Err(duplicate_column(&other.name, to));
            }
            let message = format!("column \"{to}\" of relation \"{}\" already exists", name.name);
            return Err(Error::new("42701", message));
        }
        self.rename_column_in_sources(name, from, to)?;
        if relation.view().is_some() {
            let changed = self.relation_mut(name)?;
            rename_output(changed, from, to)?;
        } else {
            self.push(format!("ALTER TABLE {} RENAME COLUMN {} TO {}", physical::table(name), ident(from), ident(to)));
        }
        if let Some(column) = self.relation_mut(name)?.columns.iter_mut().find(|c| c.name == from) {
            to.clone_into(&mut column.name);
        }
        self.refresh_row_type(name);
        self.refresh_shown_rows();
        self.recheck(&Object::Column(name.clone(), to.to_owned()), &format!("column \"{from}\" of \"{}\"", name.name))
    }
}

fn exists(relation: &Name) -> Error {
    Error::new("42P07", format!("relation \"{}\" already exists", relation.name))
}
