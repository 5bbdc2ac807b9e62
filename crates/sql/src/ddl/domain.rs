//! Domains (PostgreSQL manual, `create domain`, `alter domain`). Writes check a domain's
//! constraints as they convert a value to it, so a table knows only whether a column may be null.

use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::{Base, Type};
use sqlparser::ast::{Expr, Ident, VisitorMut};

use super::drop::Object;
use super::source::{self, fold};
use super::table::plain_column;
use super::types::missing_type;
use super::{Action, Change, naming, physical};
use crate::catalog::{Catalog, Column, Domain, Name, Relation};
use crate::compile;
use crate::quote::ident;
use crate::visit::visit_mut;

/// The column that stands for `value` while a domain's check is compiled.
pub(super) const VALUE: &str = "value";

impl Change<'_> {
    pub(super) fn create_domain(&mut self) -> Result<()> {
        let raw = self.cursor.name()?;
        let name = self.new_name(&raw)?;
        self.check_type_name(&name).map_err(|e| e.at(raw.at))?;
        self.cursor.accept("as");
        let base = self.data_type()?;
        if let Type::Record(_) = base.ty {
            return Err(self.lacking(
                "a domain over a composite type",
                "Check the fields in the tables that have columns of the type.",
            ));
        }
        if matches!(base.ty, Type::Base(Base::Void | Base::Trigger | Base::EventTrigger)) {
            return Err(
                Error::new("42804", format!("\"{}\" is not a valid base type for a domain", base.ty)).at(base.at)
            );
        }
        let parent = base.domain.as_ref().and_then(|name| self.catalog.domains.get(name));
        let default = parent.and_then(|parent| parent.default.clone());
        let (ty, typmod, over) = (base.ty, base.typmod, base.domain);
        let mut domain = Domain { ty, typmod, over, not_null: false, default, checks: Vec::new() };
        loop {
            let at = self.cursor.offset();
            let given = if self.cursor.accept("constraint") { Some(self.cursor.ident()?) } else { None };
            match self.cursor.accept_any(&["not null", "null", "default", "check", "collate"]) {
                Some("not null") => domain.not_null = true,
                Some("null") => domain.not_null = false,
                Some("default") => {
                    let expr = self.cursor.default_expr()?;
                    let column = plain_column(name.name.clone(), domain.ty.clone());
                    domain.default = self.default_source(expr, &column).map_err(|e| e.at(at))?;
                }
                Some("check") => drop(self.domain_check(&name, &mut domain, given).map_err(|e| e.at(at))?),
                Some(_) => self.collation()?,
                None if given.is_some() => return Err(self.cursor.unexpected()),
                None => break,
            }
        }
        self.catalog.domains.insert(name, domain);
        Ok(())
    }

    /// Reads a check's expression and adds it, named.
    fn domain_check(&mut self, name: &Name, domain: &mut Domain, given: Option<String>) -> Result<String> {
        let mut expr = self.cursor.parenthesized()?;
        let mut relation = self.empty_relation(name.clone());
        relation.columns.push(plain_column(VALUE.to_owned(), domain.ty.clone()));
        source::qualify_over(&mut expr, &self.catalog, &self.session.search_path, Some(&relation));
        compile::check_domain(&self.catalog, &relation, &expr)?;
        let taken = |check: &str| {
            domain.checks.iter().any(|(c, _)| c == check)
                || naming::constraint_name_taken(&self.catalog, &name.schema, check)
        };
        let check = given.unwrap_or_else(|| naming::free_name(&name.name, None, "check", taken));
        if domain.checks.iter().any(|(c, _)| *c == check) {
            let message = format!("constraint \"{check}\" for domain \"{}\" already exists", name.name);
            return Err(Error::new("42710", message));
        }
        domain.checks.push((check.clone(), expr.to_string()));
        Ok(check)
    }

    pub(super) fn alter_domain(&mut self) -> Result<()> {
        let raw = self.cursor.name()?;
        let name = self.find_type(&raw).ok_or_else(|| missing_type(&raw))?;
        let Some(mut domain) = self.catalog.domains.get(&name).cloned() else {
            return Err(Error::new("42809", format!("{} is not a domain", self.show(&name))).at(raw.at));
        };
        if self.alter_any_type(&name)? {
            return Ok(());
        }
        let at = self.cursor.offset();
        let mut judged = domain.checks.clone();
        let words = [
            "set default",
            "drop default",
            "set not null",
            "drop not null",
            "add",
            "drop constraint",
            "validate constraint",
            "rename constraint",
        ];
        match self.cursor.accept_any(&words) {
            Some("set default") => {
                let expr = self.cursor.default_expr()?;
                let column = plain_column(name.name.clone(), domain.ty.clone());
                domain.default = self.default_source(expr, &column).map_err(|e| e.at(at))?;
            }
            Some("drop default") => domain.default = None,
            Some("set not null") => domain.not_null = true,
            Some("drop not null") => domain.not_null = false,
            Some("add") => {
                let given = if self.cursor.accept("constraint") { Some(self.cursor.ident()?) } else { None };
                self.cursor.expect("check")?;
                self.domain_check(&name, &mut domain, given).map_err(|e| e.at(at))?;
                if self.cursor.accept("not valid") {
                    judged.clone_from(&domain.checks);
                }
            }
            Some("drop constraint") => {
                let if_exists = self.cursor.accept("if exists");
                let check = self.cursor.ident()?;
                let before = domain.checks.len();
                domain.checks.retain(|(c, _)| *c != check);
                if domain.checks.len() == before && !if_exists {
                    return Err(missing_check(&check, &name).at(at));
                }
                let _ = self.cursor.accept_any(&["cascade", "restrict"]);
            }
            Some("validate constraint") => {
                let check = self.cursor.ident()?;
                if !domain.checks.iter().any(|(c, _)| *c == check) {
                    return Err(missing_check(&check, &name).at(at));
                }
                judged.retain(|(c, _)| *c != check);
            }
            Some(_) => {
                let from = self.cursor.ident()?;
                self.cursor.expect("to")?;
                let to = self.cursor.ident()?;
                let said =
                    |check: &str, what: &str| format!("constraint \"{check}\" for domain {} {what}", self.show(&name));
                let Some(renamed) = domain.checks.iter().position(|(c, _)| *c == from) else {
                    return Err(Error::new("42704", said(&from, "does not exist")).at(at));
                };
                if domain.checks.iter().any(|(c, _)| *c == to) {
                    return Err(Error::new("42710", said(&to, "already exists")).at(at));
                }
                domain.checks[renamed].0 = to;
                judged.clone_from(&domain.checks);
            }
            None => return Err(self.cursor.unexpected()),
        }
        self.change_domain(&name, domain, &judged)
    }

    /// Puts a changed domain into force, in the tables with columns of it too. Their rows hold to the checks in `judged`, or need not.
    pub(super) fn change_domain(&mut self, name: &Name, domain: Domain, judged: &[(String, String)]) -> Result<()> {
        let Some(old) = self.catalog.domains.insert(name.clone(), domain.clone()) else { return Ok(()) };
        for before in self.tables_of_domain(name) {
            let mut after = (*before).clone();
            // SQLite itself keeps NOT NULL, the checks of generated columns, and the defaults that foreign keys set.
            let mut is_kept = false;
            for (at, old_column) in
                before.columns.iter().enumerate().filter(|(_, c)| is_of_domain(&self.catalog, c, name))
            {
                let column = &mut after.columns[at];
                column.inherit(&self.catalog);
                is_kept |= column.not_null != old_column.not_null
                    || column.generated.is_some() && old.checks != domain.checks
                    || column.default != old_column.default && physical::sets_default(&before, &column.name);
                if column.not_null && !old_column.not_null {
                    self.actions.push(Action::Sql(null_guard(&before, "table", &column.name)));
                }
            }
            for column in after.columns.iter().filter(|c| is_of_domain(&self.catalog, c, name)) {
                for (_, check) in domain.checks.iter().filter(|check| !judged.contains(check)) {
                    let condition = physical::check(&self.catalog, &after, &over_column(check, &column.name)?)?;
                    let message = format!(
                        "column \"{}\" of table \"{}\" contains values that violate the new constraint",
                        column.name, before.name.name
                    );
                    let none =
                        format!("NOT EXISTS (SELECT 1 FROM {} WHERE NOT ({condition}))", physical::table(&before.name));
                    self.actions.push(Action::Sql(physical::require(&none, "23514", &message)));
                }
            }
            if is_kept {
                self.rebuild(&before, &after, |column| Some(ident(&column.name)))?;
            }
            self.catalog.relations.insert(before.name.clone(), Arc::new(after));
        }
        Ok(())
    }

    pub(super) fn rename_domain(&mut self, from: &Name, to: Name) -> Result<()> {
        self.check_type_name(&to)?;
        let tables = self.tables_of_domain(from);
        if let Some(domain) = self.catalog.domains.remove(from) {
            self.catalog.domains.insert(to.clone(), domain);
        }
        for table in tables {
            for column in self.relation_mut(&table.name)?.columns.iter_mut().filter(|c| c.domain.as_ref() == Some(from))
            {
                column.domain = Some(to.clone());
            }
        }
        let renamed = |domain: &mut Name| {
            if domain == from {
                domain.clone_from(&to);
            }
        };
        self.catalog.domains.values_mut().filter_map(|domain| domain.over.as_mut()).for_each(renamed);
        for routine in self.catalog.functions.values_mut().flatten().filter(|r| r.domains().any(|d| d == from)) {
            let routine = Arc::make_mut(routine);
            let domains = routine.params.iter_mut().filter_map(|param| param.domain.as_mut());
            domains.chain(&mut routine.returns_domain).for_each(renamed);
        }
        self.rename_in_sources(&Object::Type(from.clone()), &to)
    }

    /// The tables with columns of the domain, or of one that is over it.
    fn tables_of_domain(&self, name: &Name) -> Vec<Arc<Relation>> {
        let relations = self.catalog.relations.values().filter(|r| r.view().is_none());
        relations.filter(|r| r.columns.iter().any(|c| is_of_domain(&self.catalog, c, name))).cloned().collect()
    }
}

fn missing_check(check: &str, domain: &Name) -> Error {
    Error::new("42704", format!("constraint \"{check}\" of domain \"{}\" does not exist", domain.name))
}

fn is_of_domain(catalog: &Catalog, column: &Column, name: &Name) -> bool {
    column.domain.as_ref().is_some_and(|domain| catalog.is_in_domain(domain, name))
}

/// 23502 if a row holds NULL in the column. `kind` is what the message calls the table.
pub(super) fn null_guard(relation: &Relation, kind: &str, column: &str) -> String {
    let none =
        format!("NOT EXISTS (SELECT 1 FROM {} WHERE {} IS NULL)", physical::table(&relation.name), ident(column));
    let message = format!("column \"{column}\" of {kind} \"{}\" contains null values", relation.name.name);
    physical::require(&none, "23502", &message)
}

/// A domain's check with a column in the place of `value`.
pub(super) fn over_column(check: &str, column: &str) -> Result<String> {
    let mut expr = source::parse_expr(check)?;
    let _ = visit_mut(&mut expr, &mut ValueOf(source::ident_node(column)));
    Ok(expr.to_string())
}

struct ValueOf(Ident);

impl VisitorMut for ValueOf {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> std::ops::ControlFlow<()> {
        if let Expr::Identifier(ident) = expr
            && fold(ident) == VALUE
        {
            *ident = self.0.clone();
        }
        std::ops::ControlFlow::Continue(())
    }
}
