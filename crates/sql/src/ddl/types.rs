//! Enumerations and composite types (PostgreSQL manual, `create type`, `alter type`).

use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::{EnumType, Type};
use sqlparser::tokenizer::Token;

use super::Change;
use super::cursor::RawName;
use super::drop::Object;
use crate::catalog::{Catalog, Name, Relation};
use crate::quote::{ident, literal};

impl Change<'_> {
    pub(super) fn create_type(&mut self) -> Result<()> {
        let raw = self.cursor.name()?;
        let name = self.new_name(&raw)?;
        self.check_type_name(&name).map_err(|e| e.at(raw.at))?;
        if !self.cursor.accept("as") {
            return Err(self.lacking("a type of this kind", "Use `create type ... as enum` or a domain."));
        }
        if self.cursor.accept("enum") {
            let labels = self.enum_labels()?;
            let ty = EnumType { schema: name.schema.clone(), name: name.name.clone(), labels };
            self.catalog.enums.insert(name, Arc::new(ty));
            return Ok(());
        }
        if self.cursor.peek("range") {
            return Err(
                self.lacking("a range type of its own", "Use numrange or another built-in range type, or two columns.")
            );
        }
        self.cursor.expect_token(&Token::LParen)?;
        let mut fields: Vec<(String, Type)> = Vec::new();
        while !self.cursor.accept_token(&Token::RParen) {
            if !fields.is_empty() {
                self.cursor.expect_token(&Token::Comma)?;
            }
            let at = self.cursor.offset();
            let field = self.cursor.ident()?;
            if fields.iter().any(|(name, _)| *name == field) {
                return Err(Error::new("42701", format!("column \"{field}\" specified more than once")).at(at));
            }
            let declared = self.data_type()?;
            if declared.typmod.is_some() || declared.domain.is_some() {
                return Err(self.lacking(
                    "a composite type whose fields have modifiers or domains",
                    "Take the plain type (numeric, text), and check the fields in the tables that hold them.",
                ));
            }
            fields.push((field, declared.ty));
            if self.cursor.accept("collate") {
                self.collation()?;
            }
        }
        self.catalog.composites.insert(name, fields);
        Ok(())
    }

    fn enum_labels(&mut self) -> Result<Vec<String>> {
        self.cursor.expect_token(&Token::LParen)?;
        let mut labels = Vec::new();
        while !self.cursor.accept_token(&Token::RParen) {
            if !labels.is_empty() {
                self.cursor.expect_token(&Token::Comma)?;
            }
            let at = self.cursor.offset();
            let label = self.cursor.string()?;
            check_label(&label).map_err(|e| e.at(at))?;
            if labels.contains(&label) {
                return Err(Error::new(
                    "23505",
                    "duplicate key value violates unique constraint \"pg_enum_typid_label_index\"",
                )
                .at(at));
            }
            labels.push(label);
        }
        Ok(labels)
    }

    /// 42710 if a type or relation has the name.
    pub(super) fn check_type_name(&self, name: &Name) -> Result<()> {
        let taken = self.catalog.enums.contains_key(name)
            || self.catalog.domains.contains_key(name)
            || self.catalog.composites.contains_key(name)
            || self.catalog.relations.contains_key(name);
        if taken {
            return Err(Error::new("42710", format!("type \"{}\" already exists", name.name)));
        }
        Ok(())
    }

    /// The enumeration, composite type or domain of a name.
    pub(super) fn find_type(&self, raw: &RawName) -> Option<Name> {
        let Catalog { enums, composites, domains, .. } = &self.catalog;
        self.lookup(raw, |name| enums.contains_key(name) || composites.contains_key(name) || domains.contains_key(name))
    }

    /// What `alter type` and `alter domain` both do to a type: owner, name, schema; tells whether it was one of them.
    pub(super) fn alter_any_type(&mut self, name: &Name) -> Result<bool> {
        if self.owner_to()?.is_some() {
            return Ok(true);
        }
        let to = match self.rename_to()? {
            Some(to) => Name::new(&name.schema, to),
            None => match self.set_schema()? {
                // The schema that it is in already is taken, in contrast to the name that it has.
                Some(schema) if schema == name.schema => return Ok(true),
                Some(schema) => Name::new(schema, &name.name),
                None => return Ok(false),
            },
        };
        match self.catalog.domains.contains_key(name) {
            true => self.rename_domain(name, to)?,
            false => self.rename_type(name, to)?,
        }
        Ok(true)
    }

    pub(super) fn alter_type(&mut self) -> Result<()> {
        let raw = self.cursor.name()?;
        let name = self.find_type(&raw).ok_or_else(|| missing_type(&raw))?;
        if self.alter_any_type(&name)? {
            return Ok(());
        }
        let Some(old) = self.catalog.enums.get(&name).cloned() else {
            return Err(self.lacking("ALTER TYPE of a composite type", "Drop the type and create it again."));
        };
        let at = self.cursor.offset();
        if self.cursor.accept("add value") {
            return self.add_label(&name, (*old).clone());
        }
        if self.cursor.accept("rename value") {
            let from = self.cursor.string()?;
            self.cursor.expect("to")?;
            let to = self.cursor.string()?;
            return self.rename_label(&name, &old, &from, to).map_err(|e| e.at(at));
        }
        Err(self.cursor.unexpected())
    }

    /// `add value [if not exists] 'label' [before | after 'other']`. Rows hold labels, so nothing else changes.
    fn add_label(&mut self, name: &Name, mut ty: EnumType) -> Result<()> {
        let if_not_exists = self.cursor.accept("if not exists");
        let at = self.cursor.offset();
        let label = self.cursor.string()?;
        check_label(&label).map_err(|e| e.at(at))?;
        let neighbour = match self.cursor.accept_any(&["before", "after"]) {
            Some(word) => Some((word, self.cursor.string()?)),
            None => None,
        };
        if ty.labels.contains(&label) {
            let message = format!("enum label \"{label}\" already exists");
            return if if_not_exists { Ok(()) } else { Err(Error::new("42710", message).at(at)) };
        }
        let place = match neighbour {
            Some((word, other)) => {
                let found = ty.labels.iter().position(|l| *l == other);
                let found = found.ok_or_else(|| missing_label(&other).at(at))?;
                found + usize::from(word == "after")
            }
            None => ty.labels.len(),
        };
        ty.labels.insert(place, label);
        self.replace_enum(name, ty);
        // The collations of rows tell their enumerations' labels.
        for old in self.tables_with(name).into_iter().filter(|table| table.columns.iter().any(|c| in_row(&c.ty, name)))
        {
            let new = self.relation(&old.name)?;
            self.rebuild(&old, &new, |column| Some(ident(&column.name)))?;
        }
        Ok(())
    }

    /// Renames a label in the type, in every source, and in every row, since rows hold labels.
    fn rename_label(&mut self, name: &Name, old: &Arc<EnumType>, from: &str, to: String) -> Result<()> {
        check_label(&to)?;
        if old.labels.contains(&to) {
            return Err(Error::new("42710", format!("enum label \"{to}\" already exists")));
        }
        let mut ty = (**old).clone();
        let label = ty.labels.iter_mut().find(|l| **l == from).ok_or_else(|| missing_label(from))?;
        to.clone_into(label);
        if self.catalog.relations.values().flat_map(|r| &r.columns).any(|column| in_row(&column.ty, name)) {
            return Err(self.lacking(
                "renaming a label of a type that columns of composite types hold",
                "Add the new label, update the rows to it, and leave the old one unused.",
            ));
        }
        let keeping = self.rename_label_in_sources(name, from, &to)?;
        self.replace_enum(name, ty);
        let relations = self.catalog.relations.values().filter(|r| r.view().is_none());
        let holds = |r: &Relation| keeping.contains(&r.name) || r.columns.iter().any(|c| mentions(&c.ty, name));
        let holders: Vec<Arc<Relation>> = relations.filter(|r| holds(r)).cloned().collect();
        for table in holders {
            let value = |column: &crate::catalog::Column| {
                let quoted = ident(&column.name);
                match &column.ty {
                    Type::Enum(e) if is_named(e, name) => {
                        Some(format!("CASE {quoted} WHEN {} THEN {} ELSE {quoted} END", literal(from), literal(&to)))
                    }
                    Type::Array(element) if matches!(&**element, Type::Enum(e) if is_named(e, name)) => {
                        let json = |label: &str| literal(&serde_json::Value::from(label).to_string());
                        Some(format!("replace({quoted}, {}, {})", json(from), json(&to)))
                    }
                    _ => Some(quoted),
                }
            };
            self.rebuild(&table, &table, value)?;
        }
        self.recheck(&Object::Type(name.clone()), &format!("label \"{from}\" of type {}", name.name))
    }

    fn rename_type(&mut self, from: &Name, to: Name) -> Result<()> {
        self.check_type_name(&to)?;
        if let Some(fields) = self.catalog.composites.remove(from) {
            self.catalog.composites.insert(to.clone(), fields);
            self.rename_row_type(from, &to);
            for relation in self.catalog.relations.values_mut() {
                for column in &mut Arc::make_mut(relation).columns {
                    if column.composite.as_ref() == Some(from) {
                        column.composite = Some(to.clone());
                    }
                }
            }
        }
        let Some(old) = self.catalog.enums.remove(from) else {
            return self.rename_in_sources(&Object::Type(from.clone()), &to);
        };
        let ty = EnumType { schema: to.schema.clone(), name: to.name.clone(), labels: old.labels.clone() };
        let before: Vec<Arc<Relation>> = self.tables_with(from);
        self.catalog.enums.insert(to.clone(), old);
        self.replace_type(from, &Arc::new(ty.clone()));
        self.catalog.enums.insert(to.clone(), Arc::new(ty));
        self.rename_in_sources(&Object::Type(from.clone()), &to)?;
        // The collation that compares the labels bears the type's name.
        for old in before {
            let new = self.relation(&old.name)?;
            self.rebuild(&old, &new, |column| Some(ident(&column.name)))?;
        }
        Ok(())
    }

    /// Puts a changed enumeration in the place of its older self, wherever that stands.
    pub(super) fn replace_enum(&mut self, name: &Name, ty: EnumType) {
        let ty = Arc::new(ty);
        self.replace_type(name, &ty);
        self.catalog.enums.insert(name.clone(), ty);
    }

    fn replace_type(&mut self, name: &Name, new: &Arc<EnumType>) {
        for_each_type(&mut self.catalog, &mut |ty| replace_in(ty, name, new));
    }

    /// The tables with columns of the enumeration.
    fn tables_with(&self, name: &Name) -> Vec<Arc<Relation>> {
        let tables = self.catalog.relations.values().filter(|r| r.view().is_none());
        tables.filter(|r| r.columns.iter().any(|c| mentions(&c.ty, name))).cloned().collect()
    }
}

/// Whether a type is the enumeration.
pub(super) fn is_enum(ty: &Type, name: &Name) -> bool {
    matches!(ty, Type::Enum(e) if is_named(e, name))
}

/// Whether a type is the enumeration, or an array or row of it.
fn mentions(ty: &Type, name: &Name) -> bool {
    match ty {
        Type::Enum(e) => is_named(e, name),
        Type::Array(element) => mentions(element, name),
        Type::Record(fields) => fields.iter().any(|(_, ty)| mentions(ty, name)),
        Type::Base(_) | Type::Other(_) => false,
    }
}

/// Whether a type holds the enumeration in rows.
fn in_row(ty: &Type, name: &Name) -> bool {
    matches!(ty.element().unwrap_or(ty), Type::Record(_)) && mentions(ty, name)
}

fn is_named(ty: &EnumType, name: &Name) -> bool {
    ty.schema == name.schema && ty.name == name.name
}

fn replace_in(ty: &mut Type, name: &Name, new: &Arc<EnumType>) {
    match ty {
        Type::Enum(e) if is_named(e, name) => *e = new.clone(),
        Type::Array(element) if mentions(element, name) => replace_in(Arc::make_mut(element), name, new),
        Type::Record(fields) if fields.iter().any(|(_, ty)| mentions(ty, name)) => {
            for (_, ty) in Arc::make_mut(fields) {
                replace_in(ty, name, new);
            }
        }
        _ => {}
    }
}

/// Visits every type that the catalog holds.
fn for_each_type(catalog: &mut Catalog, visit: &mut impl FnMut(&mut Type)) {
    for relation in catalog.relations.values_mut() {
        Arc::make_mut(relation).columns.iter_mut().for_each(|column| visit(&mut column.ty));
    }
    catalog.domains.values_mut().for_each(|domain| visit(&mut domain.ty));
    catalog.composites.values_mut().flatten().for_each(|(_, ty)| visit(ty));
    for routine in catalog.functions.values_mut().flatten() {
        let routine = Arc::make_mut(routine);
        visit(&mut routine.returns);
        routine.params.iter_mut().for_each(|param| visit(&mut param.ty));
    }
}

fn check_label(label: &str) -> Result<()> {
    if label.len() > 63 {
        return Err(Error::new("42602", format!("invalid enum label \"{label}\""))
            .with_detail("Labels must be 63 bytes or less."));
    }
    Ok(())
}

fn missing_label(label: &str) -> Error {
    Error::new("22023", format!("\"{label}\" is not an existing enum label"))
}

/// 42704 for a name that is no type.
pub(super) fn missing_type(raw: &RawName) -> Error {
    Error::new("42704", format!("type \"{}\" does not exist", raw.text())).at(raw.at)
}
