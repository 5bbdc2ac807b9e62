//! New names, carried into every expression and query that the catalog keeps.

use std::ops::ControlFlow;
use std::sync::Arc;

use basalt_core::{Error, Result};
use sqlparser::ast::{
    DataType, Expr, ObjectName, ObjectNamePart, Select, Statement, TableAlias, TableAliasWithoutColumns, TableFactor,
    TableObject, Value, VisitorMut,
};

use super::called_name::{Outputs, keep_entry};
use super::depend::{bare_key, reads_rows};
use super::drop::Object;
use super::field::rename_fields;
use super::rename_column::{Renaming, renamed, renamed_in_rows};
use super::rename_row::{each_source, gather_name};
use super::source::{
    Uses, defined_types_mut, fold, ident_node, is_class, joined, parse_expr, parse_query, parse_statements, plain_name,
};
use super::{Change, physical};
use crate::catalog::{ConstraintKind, Name, RelationKind};
use crate::compile::{self, Kept};
use crate::visit::visit_mut;

impl Change<'_> {
    /// Writes the object's new name into all sources.
    pub(super) fn rename_in_sources(&mut self, object: &Object, to: &Name) -> Result<()> {
        self.rewrite(&mut Renamer { object, to, outputs: Outputs::default() })
    }

    /// Renames a column in the catalog: in its table's constraints and indexes, in foreign keys to it, and in all sources.
    ///
    /// Errors: 0A000 for what reads it so that its new name can't be written there.
    pub(super) fn rename_column_in_sources(&mut self, table: &Name, from: &str, to: &str) -> Result<()> {
        let renaming = Renaming::new(&self.catalog, table, from, to);
        let rename = |columns: &mut Vec<String>| {
            columns.iter_mut().filter(|c| *c == from).for_each(|c| to.clone_into(c));
        };
        for relation in self.catalog.relations.values_mut() {
            let touched = relation.name == *table || relation.foreign_keys().any(|(_, key)| key.target == *table);
            if !touched {
                continue;
            }
            let relation = Arc::make_mut(relation);
            let own = relation.name == *table;
            for constraint in &mut relation.constraints {
                match &mut constraint.kind {
                    ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns) if own => rename(columns),
                    ConstraintKind::ForeignKey(key) => {
                        if own {
                            rename(&mut key.columns);
                            rename(&mut key.set_columns);
                        }
                        if key.target == *table {
                            rename(&mut key.target_columns);
                        }
                    }
                    kind if own => {
                        for source in kind.sources_mut() {
                            *source = renamed(table, source, from, to)?;
                        }
                    }
                    _ => {}
                }
            }
            if !own {
                continue;
            }
            for index in &mut relation.indexes {
                index.columns.iter_mut().for_each(rename);
                for key in &mut index.keys {
                    let bare = bare_key(key);
                    *key = renamed(table, &bare, from, to)? + &key[bare.len()..];
                }
                if let Some(predicate) = &mut index.predicate {
                    *predicate = renamed(table, predicate, from, to)?;
                }
            }
            for column in &mut relation.columns {
                if let Some(source) = &mut column.generated {
                    *source = renamed(table, source, from, to)?;
                }
            }
        }
        for sequence in self.catalog.sequences.values_mut() {
            if let Some((owner, column)) = &mut sequence.owned_by
                && owner == table
                && column == from
            {
                to.clone_into(column);
            }
        }
        for relation in self.catalog.relations.values_mut() {
            if let RelationKind::View(view) = &mut Arc::make_mut(relation).kind {
                let sources = view.sources.iter_mut().flatten();
                sources.filter(|(t, c)| t == table && c == from).for_each(|(_, column)| to.clone_into(column));
            }
        }
        self.rename_column_in_queries(&renaming, table, from, to)?;
        self.rename_column_in_bodies(&renaming)?;
        rename_fields(&mut self.catalog, renaming.into_after(), table, from, to)
    }

    /// Renames a column in the bodies of functions that were parsed when they were made.
    fn rename_column_in_bodies(&mut self, renaming: &Renaming<'_>) -> Result<()> {
        for routine in self.catalog.functions.values_mut().flatten().filter(|routine| routine.parsed) {
            if !renaming.concerns(&Uses::of(&parse_statements(&routine.body)?)) {
                continue;
            }
            let what = format!("function {}", routine.name.name);
            let syntax = (parse_statements, |statements: &Vec<Statement>| joined(statements));
            let body = renaming.in_source(&routine.body, &Kept::Body(routine.clone()), syntax, &what)?;
            Arc::make_mut(routine).body = body;
        }
        Ok(())
    }

    /// Renames a column in policies and views.
    fn rename_column_in_queries(&mut self, renaming: &Renaming<'_>, table: &Name, from: &str, to: &str) -> Result<()> {
        for relation in self.catalog.relations.values_mut() {
            let own = relation.name == *table;
            let relation = Arc::make_mut(relation);
            let (name, kept) = (relation.name.clone(), Kept::Row(relation.name.clone()));
            for policy in &mut relation.policies {
                let what = format!("policy \"{}\" on table \"{}\"", policy.name, name.name);
                for source in policy.using.iter_mut().chain(&mut policy.check) {
                    if own || renaming.concerns(&Uses::of_expr(source)) {
                        *source = renaming.in_source(source, &kept, (parse_expr, ToString::to_string), &what)?;
                    }
                }
            }
            for run in relation.triggers.iter_mut().filter(|_| own).filter_map(|trigger| trigger.run.as_mut()) {
                run.columns.iter_mut().filter(|column| *column == from).for_each(|column| to.clone_into(column));
                if let Some(when) = &mut run.when {
                    *when = renamed_in_rows(when, from, to)?;
                }
            }
            if let RelationKind::View(view) = &mut relation.kind
                && renaming.concerns(&Uses::of_query(&view.query))
            {
                let what = format!("view \"{}\"", name.name);
                let syntax = (parse_query, ToString::to_string);
                view.query = renaming.in_source(&view.query, &Kept::View, syntax, &what)?;
            }
        }
        Ok(())
    }

    /// Checks that every source which refers to the object still compiles after a change.
    ///
    /// Errors: 2BP01, saying what to drop first.
    pub(super) fn recheck(&self, object: &Object, what: &str) -> Result<()> {
        let touches = |uses: &Uses| match object {
            Object::Relation(name) | Object::Column(name, _) => reads_rows(&self.catalog, uses, name),
            Object::Type(_) => true,
            _ => false,
        };
        for relation in self.catalog.relations.values() {
            let own = matches!(object, Object::Relation(name) | Object::Column(name, _) if *name == relation.name);
            for policy in &relation.policies {
                for source in policy.using.iter().chain(&policy.check) {
                    if own || touches(&Uses::of_expr(source)) {
                        compile::check_policy(&self.catalog, relation, source).map_err(|error| {
                            needs(
                                what,
                                &format!("policy {} on table {}", policy.name, self.show(&relation.name)),
                                &error,
                            )
                        })?;
                    }
                }
            }
            for constraint in &relation.constraints {
                if let ConstraintKind::Check(source) = &constraint.kind
                    && (own || matches!(object, Object::Type(_)))
                {
                    physical::check(&self.catalog, relation, source).map_err(|error| {
                        needs(
                            what,
                            &format!("constraint {} on table {}", constraint.name, self.show(&relation.name)),
                            &error,
                        )
                    })?;
                }
            }
            for column in relation.columns.iter().filter(|_| matches!(object, Object::Type(_))) {
                let Some(source) = &column.default else { continue };
                compile::check_default(&self.catalog, &parse_expr(source)?, (&column.ty, column.typmod)).map_err(
                    |error| {
                        let default = format!("default value for column {} of table", column.name);
                        needs(what, &format!("{default} {}", self.show(&relation.name)), &error)
                    },
                )?;
            }
            let Some(view) = relation.view() else { continue };
            let query = parse_query(&view.query)?;
            if touches(&Uses::of(&query)) {
                let columns = compile::view_columns(&self.catalog, &[], &query, None)
                    .map_err(|error| needs(what, &format!("view {}", self.show(&relation.name)), &error))?;
                let same = columns.iter().map(|c| &c.ty).eq(relation.columns.iter().map(|c| &c.ty));
                if !same {
                    let error = Error::new("0A000", "the types of its columns would change");
                    return Err(needs(what, &format!("view {}", self.show(&relation.name)), &error));
                }
            }
        }
        for routine in self.catalog.functions.values().flatten().filter(|routine| routine.parsed) {
            let takes_rows = |name: &Name| routine.params.iter().any(|param| param.relation.as_ref() == Some(name));
            let is_of_rows = matches!(object, Object::Relation(name) | Object::Column(name, _) if takes_rows(name));
            if is_of_rows || touches(&Uses::of(&parse_statements(&routine.body)?)) {
                compile::check_routine(&self.catalog, routine)
                    .map_err(|error| needs(what, &format!("function {}", self.routine_signature(routine)), &error))?;
            }
        }
        Ok(())
    }

    /// Rewrites every source of the catalog.
    fn rewrite(&mut self, renamer: &mut Renamer<'_>) -> Result<()> {
        for relation in self.catalog.relations.values_mut() {
            let relation = Arc::make_mut(relation);
            each_source(relation, &mut |source| renamer.expr(source))?;
            relation
                .columns
                .iter_mut()
                .filter_map(|c| c.default.as_mut())
                .try_for_each(|source| renamer.expr(source))?;
            let runs = relation.triggers.iter_mut().filter_map(|trigger| trigger.run.as_mut());
            runs.filter_map(|run| run.when.as_mut()).try_for_each(|when| renamer.expr(when))?;
            if let RelationKind::View(view) = &mut relation.kind {
                let mut query = parse_query(&view.query)?;
                let before = query.to_string();
                let _ = visit_mut(&mut query, renamer);
                let after = query.to_string();
                if before != after {
                    view.query = after;
                }
            }
        }
        for domain in self.catalog.domains.values_mut() {
            domain.default.iter_mut().try_for_each(|source| renamer.expr(source))?;
            domain.checks.iter_mut().try_for_each(|(_, source)| renamer.expr(source))?;
        }
        for routine in self.catalog.functions.values_mut().flatten() {
            let routine = Arc::make_mut(routine);
            let params = routine.params.iter_mut();
            params.flat_map(|param| &mut param.default).try_for_each(|source| renamer.expr(source))?;
            if routine.parsed {
                let mut statements = parse_statements(&routine.body)?;
                let _ = visit_mut(&mut statements, renamer);
                routine.body = joined(&statements);
            }
        }
        Ok(())
    }
}

fn needs(what: &str, dependent: &str, error: &Error) -> Error {
    Error::new("2BP01", format!("cannot change {what} because {dependent} needs it"))
        .with_detail(error.message().to_owned())
        .with_hint(format!("Drop {dependent} first, and create it again afterwards."))
}

/// Writes one object's new name.
struct Renamer<'a> {
    object: &'a Object,
    to: &'a Name,
    outputs: Outputs,
}

impl Renamer<'_> {
    fn expr(&mut self, source: &mut String) -> Result<()> {
        let mut expr = parse_expr(source)?;
        let before = expr.to_string();
        let _ = visit_mut(&mut expr, self);
        let after = expr.to_string();
        if before != after {
            *source = after;
        }
        Ok(())
    }

    fn replace(&self, name: &mut ObjectName, from: &Name) -> bool {
        let parts: Vec<String> = name.0.iter().filter_map(ObjectNamePart::as_ident).map(fold).collect();
        let same = matches!(parts.as_slice(), [.., schema, last] if *schema == from.schema && *last == from.name);
        if same {
            *name = ObjectName::from(vec![ident_node(&self.to.schema), ident_node(&self.to.name)]);
        }
        same
    }

    fn data_type(&self, ty: &mut DataType) {
        use sqlparser::ast::ArrayElemTypeDef::{AngleBracket, SquareBracket};
        match (ty, self.object) {
            (DataType::Custom(name, _), Object::Type(from) | Object::Relation(from)) => drop(self.replace(name, from)),
            (DataType::Array(SquareBracket(element, _) | AngleBracket(element)), _) => self.data_type(element),
            _ => {}
        }
    }
}

impl VisitorMut for Renamer<'_> {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &mut Statement) -> ControlFlow<()> {
        if let (Statement::Insert(insert), Object::Relation(from)) = (statement, self.object)
            && let TableObject::TableName(name) = &mut insert.table
            && self.replace(name, from)
        {
            let old = TableAliasWithoutColumns { explicit: true, alias: ident_node(&from.name) };
            insert.table_alias = insert.table_alias.take().or(Some(old));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        defined_types_mut(factor).for_each(|ty| self.data_type(ty));
        match (factor, self.object) {
            (TableFactor::Table { name, alias, args: None, .. }, Object::Relation(from) | Object::Sequence(from)) => {
                let renamed = self.replace(name, from);
                // Columns may be qualified by the old name.
                let old = TableAlias { explicit: true, name: ident_node(&from.name), columns: Vec::new(), at: None };
                *alias = alias.take().or(renamed.then_some(old));
            }
            (factor, Object::Routine(from, _)) => {
                let (TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. }) = factor
                else {
                    return ControlFlow::Continue(());
                };
                if self.replace(name, from) {
                    keep_entry(factor, &from.name);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.outputs.enter(select);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.outputs.leave(select);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        gather_name(expr);
        match expr {
            Expr::Function(function) => {
                if let Object::Routine(from, _) = self.object {
                    self.replace(&mut function.name, from);
                }
            }
            // Entries of FROM go on under the old name.
            Expr::CompoundIdentifier(parts) => {
                if let Object::Relation(from) | Object::Sequence(from) = self.object
                    && matches!(parts.as_slice(), [schema, table, _] if fold(schema) == from.schema && fold(table) == from.name)
                {
                    parts.remove(0);
                }
            }
            Expr::Cast { expr, data_type, .. } if is_class(data_type) => {
                if let (Expr::Value(value), Object::Relation(from)) = (&mut **expr, self.object)
                    && let Value::SingleQuotedString(text) = &mut value.value
                    && *text == plain_name(from)
                {
                    *text = plain_name(self.to);
                }
            }
            Expr::Cast { data_type, .. } => self.data_type(data_type),
            Expr::TypedString(typed) => self.data_type(&mut typed.data_type),
            Expr::Value(value) => {
                if let (Value::SingleQuotedString(text), Object::Sequence(from)) = (&mut value.value, self.object)
                    && *text == plain_name(from)
                {
                    *text = plain_name(self.to);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
