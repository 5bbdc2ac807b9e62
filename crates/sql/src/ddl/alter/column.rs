//! Adding, changing and dropping columns of a table that may have rows.

use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::Type;
use basalt_types::codec::{CastContext, castable};
use sqlparser::ast::{Expr, Value};
use sqlparser::tokenizer::Token;

use super::super::captured::Columns;
use super::super::column::nextval;
use super::super::constraint::check_foreign_key;
use super::super::data_type::Declared;
use super::super::drop::Object;
use super::super::policy::moved;
use super::super::sequence::no_identity;
use super::super::source::{self, ident_node};
use super::super::table::{add_constraint, duplicate_column};
use super::super::{Action, Change, physical, unique};
use crate::catalog::{Column, ConstraintKind, Identity, Name, Relation};
use crate::compile;
use crate::quote::ident;

impl Change<'_> {
    /// `[column] [if not exists] name type ...`.
    pub(super) fn add_column(&mut self, table: &Name) -> Result<()> {
        self.cursor.accept("column");
        let if_not_exists = self.cursor.accept("if not exists");
        let mut new = self.column_definition(table)?;
        let old = self.relation(table)?;
        if let Some(other) = old.columns.iter().find(|c| c.name.eq_ignore_ascii_case(&new.column.name)) {
            if other.name != new.column.name {
                return Err(duplicate_column(&other.name, &new.column.name).at(new.at));
            }
            let message = format!("column \"{}\" of relation \"{}\" already exists", other.name, table.name);
            return if if_not_exists { Ok(()) } else { Err(Error::new("42701", message).at(new.at)) };
        }
        let name = new.column.name.clone();
        let added = [name.clone()];
        let held = self.meanings_to_hold(table, &Columns::Added(&added));
        let mut after = (*old).clone();
        after.columns.push(new.column.clone());
        // The sequence names its owner, which has to be there.
        self.catalog.relations.insert(table.clone(), Arc::new(after.clone()));
        self.give_sequence(table, &mut new)?;
        if let Some(column) = after.columns.last_mut() {
            *column = new.column;
        }
        let mut foreign_keys = Vec::new();
        for constraint in new.constraints {
            let constraint = self.resolve_constraint(&after, constraint)?;
            if matches!(constraint.kind, ConstraintKind::ForeignKey(_)) {
                foreign_keys.push(constraint.name.clone());
            }
            add_constraint(&mut after, constraint);
        }
        Self::check_generated(&after)?;
        self.fill_column(&old, &after, &name)?;
        self.catalog.relations.insert(table.clone(), Arc::new(after));
        self.refresh_row_type(table);
        self.hold_meanings(held, table, &Columns::Added(&added)).map_err(|error| error.at(new.at))?;
        self.refresh_shown_rows();
        for constraint in foreign_keys {
            self.actions.push(Action::CheckForeignKey { table: table.physical(), constraint });
        }
        Ok(())
    }

    /// Brings the last column of `after` into the table, with its default in the rows that there are.
    fn fill_column(&mut self, old: &Relation, after: &Relation, name: &str) -> Result<()> {
        let Some(column) = after.column(name) else { return Ok(()) };
        let plain = after.constraints.len() == old.constraints.len() && column.generated.is_none() && !column.not_null;
        let keep = |value: Option<String>| {
            move |column: &Column| if column.name == name { value.clone() } else { Some(ident(&column.name)) }
        };
        let default = match (&column.default, &column.sequence) {
            (None, Some(sequence)) => Some(nextval(sequence)),
            (default, _) => default.clone(),
        };
        // A domain may refuse NULL.
        let domain = column.domain.as_ref().filter(|domain| self.catalog.is_demanding(domain));
        let null = domain.map(|_| "NULL".to_owned());
        let Some(default) = default.or(null) else {
            if plain {
                let definition = physical::column_definition(&self.catalog, after, column)?;
                self.push(format!("ALTER TABLE {} ADD COLUMN {definition}", physical::table(&old.name)));
                return Ok(());
            }
            if column.not_null && column.generated.is_none() {
                let none = format!("NOT EXISTS (SELECT 1 FROM {})", physical::table(&old.name));
                let message = format!("column \"{name}\" of relation \"{}\" contains null values", old.name.name);
                self.push(physical::require(&none, "23502", &message));
            }
            return self.rebuild(old, after, keep(None));
        };
        match compile::filling(&self.catalog, old, &source::parse_expr(&default)?, column) {
            Ok(compiled) => self.rebuild(old, after, keep(Some(compiled.sql))),
            // It depends on the session: first the column, then an update, then what the column demands.
            Err(error) if error.code() == "42P17" => {
                let mut loose = old.clone();
                loose.columns.push(Column { not_null: false, ..column.clone() });
                self.rebuild(old, &loose, keep(None))?;
                let set = format!("update {} set {} = {default}", old.name.quoted(), ident(name));
                self.actions.push(Action::Statement(set));
                for guard in unique::new_key_guards(old, after) {
                    self.push(guard);
                }
                self.rebuild(&loose, after, |column| Some(ident(&column.name)))
            }
            Err(error) => Err(error),
        }
    }

    /// `[column] [if exists] name [cascade]`.
    pub(super) fn drop_column(&mut self, table: &Name) -> Result<()> {
        self.cursor.accept("column");
        let if_exists = self.cursor.accept("if exists");
        let at = self.cursor.offset();
        let name = self.cursor.ident()?;
        let cascade = self.cursor.accept_any(&["cascade", "restrict"]) == Some("cascade");
        let relation = self.relation(table)?;
        if relation.column(&name).is_none() {
            return if if_exists { Ok(()) } else { Err(missing_column(&name, table).at(at)) };
        }
        if relation.columns.len() == 1 {
            return Err(Error::unsupported("a table without columns is not supported", "Drop the table.").at(at));
        }
        self.drop_objects(vec![Object::Column(table.clone(), name)], cascade).map_err(|e| e.at(at))
    }

    /// `[column] name action`.
    pub(super) fn alter_column(&mut self, table: &Name) -> Result<()> {
        self.cursor.accept("column");
        let at = self.cursor.offset();
        let name = self.cursor.ident()?;
        let old = self.relation(table)?;
        let Some(column) = old.column(&name) else { return Err(missing_column(&name, table).at(at)) };
        let mut changed = column.clone();
        let words = [
            "set default",
            "drop default",
            "set not null",
            "drop not null",
            "set data type",
            "type",
            "add generated",
            "drop identity",
            "drop expression",
            "set statistics",
            "set storage",
            "set compression",
            "reset",
        ];
        let at = self.cursor.offset();
        match self.cursor.accept_any(&words) {
            Some(words @ ("set default" | "drop default"))
                if column.generated.is_some() || column.identity.is_some() =>
            {
                let (kind, instead) = match column.identity {
                    Some(_) => ("an identity", "IDENTITY"),
                    None => ("a generated", "EXPRESSION"),
                };
                let message = format!("column \"{name}\" of relation \"{}\" is {kind} column", table.name);
                let error = Error::new("42601", message).at(at);
                return Err(match words {
                    "set default" => error,
                    _ => error.with_hint(format!("Use ALTER TABLE ... ALTER COLUMN ... DROP {instead} instead.")),
                });
            }
            Some("set default") => {
                let expr = self.cursor.default_expr()?;
                let default = self.default_source(expr, column).map_err(|e| moved(e, at))?;
                (changed.default, changed.default_by_domain) = (default, false);
            }
            Some("drop default") => changed.default = None,
            Some("set not null") => (changed.not_null, changed.not_null_by_domain) = (true, false),
            Some("drop not null") => {
                if old.primary_key().is_some_and(|key| key.contains(&name)) {
                    return Err(Error::new("42P16", format!("column \"{name}\" is in a primary key")).at(at));
                }
                if column.identity.is_some() {
                    let message = format!("column \"{name}\" of relation \"{}\" is an identity column", table.name);
                    return Err(Error::new("42601", message).at(at));
                }
                changed.not_null = false;
            }
            Some("set data type" | "type") => {
                let declared = self.data_type()?;
                return self.change_type(&old, column, declared);
            }
            Some("add generated") => {
                let always = self.cursor.accept("always");
                if !always {
                    self.cursor.expect("by default")?;
                }
                self.cursor.expect("as identity")?;
                if !column.not_null {
                    let message = format!(
                        "column \"{name}\" of relation \"{}\" must be declared NOT NULL before identity can be added",
                        table.name
                    );
                    return Err(Error::new("55000", message).at(at));
                }
                if column.identity.is_some() || column.default.is_some() {
                    let what = if column.identity.is_some() {
                        "is already an identity column"
                    } else {
                        "already has a default value"
                    };
                    return Err(Error::new(
                        "55000",
                        format!("column \"{name}\" of relation \"{}\" {what}", table.name),
                    )
                    .at(at));
                }
                if !column.ty.is_integer() {
                    return Err(identity_type().at(at));
                }
                let options = self.identity_options()?.of_type(&column.ty);
                changed.sequence = Some(self.column_sequence(table, &name, &options).map_err(|e| e.at(at))?);
                changed.identity = Some(if always { Identity::Always } else { Identity::ByDefault });
            }
            Some("drop identity") => {
                let if_exists = self.cursor.accept("if exists");
                if column.identity.is_none() {
                    return if if_exists { Ok(()) } else { Err(no_identity(&name, table).at(at)) };
                }
                changed.identity = None;
                if let Some(sequence) = changed.sequence.take() {
                    self.remove_sequence(&sequence);
                }
            }
            Some("drop expression") => {
                let if_exists = self.cursor.accept("if exists");
                if changed.generated.take().is_none() && !if_exists {
                    let message =
                        format!("column \"{name}\" of relation \"{}\" is not a stored generated column", table.name);
                    return Err(Error::new("55000", message).at(at));
                }
            }
            // Statistics and storage change no results.
            Some("set statistics") => drop(self.cursor.integer()?),
            Some("set storage" | "set compression") => drop(self.cursor.label()?),
            Some(_) => self.storage_parameters()?,
            None if self.cursor.peek("set") && self.cursor.token_at(1) == &Token::LParen => {
                self.cursor.skip();
                self.storage_parameters()?;
            }
            None if self.cursor.peek("set") || self.cursor.peek("restart") => {
                self.alter_identity(table, &mut changed)?
            }
            None => return Err(self.cursor.unexpected()),
        }
        changed.inherit(&self.catalog);
        self.put_column(&old, changed)
    }

    /// Puts a changed column into the table; into SQLite's too where that tells.
    fn put_column(&mut self, old: &Relation, changed: Column) -> Result<()> {
        let mut after = old.clone();
        let Some(slot) = after.columns.iter_mut().find(|c| c.name == changed.name) else { return Ok(()) };
        let physical = slot.not_null != changed.not_null
            || slot.generated != changed.generated
            || (slot.default != changed.default && physical::sets_default(old, &changed.name));
        *slot = changed;
        if physical {
            return self.replace_table(old, after, |column| Some(ident(&column.name)));
        }
        self.catalog.relations.insert(after.name.clone(), Arc::new(after));
        Ok(())
    }

    /// `type new [collate c] [using expr]`.
    fn change_type(&mut self, old: &Relation, column: &Column, declared: Declared) -> Result<()> {
        let at = declared.at;
        if column.identity.is_some() && !(declared.ty.is_integer() && declared.domain.is_none()) {
            return Err(identity_type().at(at));
        }
        self.check_storable(&declared.ty, declared.composite.as_ref()).map_err(|e| e.at(at))?;
        if self.cursor.accept("collate") {
            self.collation()?;
        }
        let using = if self.cursor.accept("using") { Some(self.cursor.expr()?) } else { None };
        let before = self.row_before(old, column).map_err(|e| e.at(at))?;
        self.check_type_users(old, &column.name).map_err(|e| e.at(at))?;

        let plain = (&declared.ty, declared.typmod);
        let target = (plain.0, plain.1, declared.domain.as_ref());
        let automatic = castable(&column.ty, &declared.ty).is_some_and(|context| context != CastContext::Explicit);
        let cannot =
            |what: String| Error::new("42804", format!("{what} cannot be cast automatically to type {}", declared.ty));
        let value = match using {
            Some(mut expr) => {
                source::qualify_over(&mut expr, &self.catalog, &self.session.search_path, Some(&before));
                let what = format!("result of USING clause for column \"{}\"", column.name);
                compile::conversion(&self.catalog, &before, &expr, target)
                    .map_err(|e| if e.code() == "42804" { cannot(what).at(at) } else { moved(e, at) })?
            }
            None if !automatic && column.ty != declared.ty => {
                let hint =
                    format!("You might need to specify \"USING {}::{}\".", ident_node(&column.name), declared.ty);
                return Err(cannot(format!("column \"{}\"", column.name)).with_hint(hint).at(at));
            }
            None => {
                let expr = Expr::Identifier(ident_node(&column.name));
                compile::conversion(&self.catalog, &before, &expr, target).map_err(|e| moved(e, at))?
            }
        };
        if let Some(sequence) = column.sequence.as_ref().filter(|_| column.identity.is_some()) {
            self.retype_sequence(sequence, &declared.ty).map_err(|e| e.at(at))?;
        }
        let default = match column.default.as_ref().filter(|_| !column.default_by_domain) {
            Some(default) if declared.ty != column.ty => Some(self.kept_default(default, column)?),
            default => default.cloned(),
        };
        if let Some(default) = &default {
            let checked = compile::check_default(&self.catalog, &source::parse_expr(default)?, plain);
            // A value that does not fit is told when it is written.
            if checked.is_err_and(|error| error.code() == "42804") {
                return Err(cannot(format!("default for column \"{}\"", column.name)).at(at));
            }
        }
        let mut changed = Column {
            ty: declared.ty.clone(),
            typmod: declared.typmod,
            domain: declared.domain.clone(),
            composite: declared.composite.clone(),
            default,
            default_by_domain: false,
            ..column.clone()
        };
        changed.inherit(&self.catalog);
        let mut after = old.clone();
        if let Some(slot) = after.columns.iter_mut().find(|c| c.name == changed.name) {
            *slot = changed;
        }
        let name = column.name.clone();
        self.replace_table(old, after, |column| {
            Some(if column.name == name { value.sql.clone() } else { ident(&column.name) })
        })?;
        self.converted.insert(name);
        Ok(())
    }

    /// A default that stays what it is when its column's type changes: a literal is a value of the type that the column had.
    fn kept_default(&self, default: &str, column: &Column) -> Result<String> {
        let expr = source::parse_expr(default)?;
        let mut literal = &expr;
        while let Expr::Nested(inner) = literal {
            literal = inner;
        }
        match literal {
            Expr::Value(value)
                if matches!(value.value, Value::SingleQuotedString(_) | Value::EscapedStringLiteral(_)) =>
            {
                let ty = type_source(&column.ty, column.composite.as_ref());
                Ok(source::parse_expr(&format!("CAST({default} AS {ty})"))?.to_string())
            }
            _ => Ok(default.to_owned()),
        }
    }

    /// Has the foreign keys over converted columns, from the table and to it, judged anew: whether they can compare, and each row.
    pub(super) fn judge_keys(&mut self, table: &Name) -> Result<()> {
        let converted = std::mem::take(&mut self.converted);
        let is_over = |relation: &Name, columns: &[String]| {
            relation == table && columns.iter().any(|column| converted.contains(column))
        };
        let mut judged = Vec::new();
        for relation in self.catalog.relations.values() {
            for constraint in &relation.constraints {
                let ConstraintKind::ForeignKey(key) = &constraint.kind else { continue };
                if !is_over(&relation.name, &key.columns) && !is_over(&key.target, &key.target_columns) {
                    continue;
                }
                let target = self.relation(&key.target)?;
                check_foreign_key(&constraint.name, relation, &key.columns, &target, &key.target_columns)?;
                if !constraint.not_valid {
                    let (table, constraint) = (relation.name.physical(), constraint.name.clone());
                    judged.push(Action::CheckForeignKey { table, constraint });
                }
            }
        }
        self.actions.extend(judged);
        Ok(())
    }
}

/// A type as a cast names it, whatever the length of its values. A composite type has a name of its own.
pub(in crate::ddl) fn type_source(ty: &Type, composite: Option<&Name>) -> String {
    match (ty, composite) {
        (Type::Array(element), _) => format!("{}[]", type_source(element, composite)),
        (Type::Enum(ty), _) => source::plain_name(&Name::new(&ty.schema, &ty.name)),
        (Type::Record(_), Some(name)) => source::plain_name(name),
        // Other names mean a length: `character` one of 1.
        (Type::Base(base), _) => base.internal_name().to_owned(),
        (ty, _) => ty.sql_name(),
    }
}

fn missing_column(name: &str, table: &Name) -> Error {
    Error::new("42703", format!("column \"{name}\" of relation \"{}\" does not exist", table.name))
}

fn identity_type() -> Error {
    Error::new("22023", "identity column type must be smallint, integer, or bigint")
}
