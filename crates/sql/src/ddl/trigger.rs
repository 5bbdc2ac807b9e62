//! Triggers for each row: with built-in functions, and with the project's own in PL/pgSQL (PostgreSQL manual, `create trigger`).

use std::collections::BTreeSet;
use std::sync::Arc;

use basalt_core::{Error, Operation, Result};
use basalt_types::Type;
use sqlparser::ast::{Expr, Ident};
use sqlparser::tokenizer::Token;

use super::Change;
use super::cursor::RawName;
use super::policy::moved;
use super::source::fold;
use crate::Catalog;
use crate::catalog::{Name, Relation, Routine, Run, Trigger};
use crate::compile::body::parse_over_rows;
use crate::compile::{TSVECTOR_UPDATE, check_tsvector_update, trigger};
use crate::plpgsql::{self, Kind};
use crate::telling::{self, Telling};
use crate::visit::any_expression;

const INSTEAD: &str = "The embedded engine has triggers `before` or `after insert, update or delete ... for each row`. Use one of these; a \
    default, a generated column or a check constraint; or run the project on PostgreSQL.";

/// Checks a trigger again, once everything is there that its function may call; one that is gone is none.
///
/// Errors: as when it is made.
pub fn check_trigger(catalog: &Catalog, table: &Name, name: &str) -> Result<()> {
    let Some(relation) = catalog.relations.get(table) else { return Ok(()) };
    let found = relation.triggers.iter().find(|trigger| trigger.name == name);
    found.map_or(Ok(()), |found| trigger::check(catalog, relation, found, false).map(drop))
}

/// What a trigger says before its function.
struct Clauses {
    name: String,
    run: Run,
    raw: RawName,
    relation: Arc<Relation>,
}

impl Change<'_> {
    pub(super) fn create_trigger(&mut self, replace: bool) -> Result<()> {
        let at = self.cursor.offset();
        let clauses = self.trigger_clauses()?;
        if self.cursor.accept_any(&["execute function", "execute procedure"]).is_none() {
            return Err(self.cursor.unexpected());
        }
        let function_at = self.cursor.offset();
        let function = self.cursor.function_name()?;
        let args = self.trigger_arguments()?;
        let trigger = match self.find_routine(&function, Some(&[])) {
            Ok(routine) => self.own_trigger(&clauses, &routine, args),
            Err(_) if function.name == TSVECTOR_UPDATE => self.tsvector_update(&clauses, args),
            Err(missing) => match built_in(&clauses, &function.name, args) {
                Some(trigger) => trigger,
                None => Err(missing.with_hint(
                    "Create the function first, in language plpgsql. [[webhooks]] of basalt.toml send changes to a URL, [[broadcasts]] tell them to \
                     channels.",
                )),
            },
        };
        let trigger = trigger.map_err(|error| moved(error, function_at))?;
        self.put_trigger(&clauses.relation, trigger, replace).map_err(|e| e.at(at))
    }

    /// `name before insert or update of a on t for each row when (...)`.
    fn trigger_clauses(&mut self) -> Result<Clauses> {
        let name = self.cursor.ident()?;
        let before = match self.cursor.accept_any(&["before", "after"]) {
            Some(word) => word == "before",
            None if self.cursor.peek("instead of") => return Err(self.lacking("INSTEAD OF triggers", INSTEAD)),
            None => return Err(self.cursor.unexpected()),
        };
        let mut run = Run { before, operations: BTreeSet::new(), columns: Vec::new(), when: None };
        let mut columns = Vec::new();
        loop {
            let at = self.cursor.offset();
            let operation = match self.cursor.accept_any(&["insert", "update", "delete"]) {
                Some("insert") => Operation::Insert,
                Some("update") => Operation::Update,
                Some(_) => Operation::Delete,
                None if self.cursor.peek("truncate") => return Err(self.lacking("triggers on TRUNCATE", INSTEAD)),
                None => return Err(self.cursor.unexpected()),
            };
            if !run.operations.insert(operation) {
                return Err(Error::new("42601", "duplicate trigger events specified").at(at));
            }
            if operation == Operation::Update && self.cursor.accept("of") {
                let at = self.cursor.offset();
                columns = self.cursor.list(super::cursor::Cursor::ident)?.into_iter().map(|name| (name, at)).collect();
            }
            if !self.cursor.accept("or") {
                break;
            }
        }
        self.cursor.expect("on")?;
        let raw = self.cursor.name()?;
        let relation = self.find_table(&raw)?;
        for (column, at) in columns {
            if relation.column(&column).is_none() {
                let message = format!("column \"{column}\" of relation \"{}\" does not exist", raw.name);
                return Err(Error::new("42703", message).at(at));
            }
            run.columns.push(column);
        }
        if self.cursor.peek("referencing") {
            return Err(self.lacking("transition tables (referencing)", INSTEAD));
        }
        if !self.cursor.accept("for each row") && !self.cursor.accept("for row") {
            let instead = "Write `for each row`: the function then runs once for each row that the statement writes.";
            return Err(self.lacking("triggers that fire once for a statement", instead));
        }
        if self.cursor.accept("when") {
            run.when = Some(self.trigger_condition(&relation, &run)?);
        }
        Ok(Clauses { name, run, raw, relation })
    }

    /// The condition of WHEN.
    ///
    /// Errors: 42P17 for a row that the operation has not, 0A000 for a subquery.
    fn trigger_condition(&mut self, relation: &Relation, run: &Run) -> Result<String> {
        let at = self.cursor.offset();
        let text = self.cursor.in_parentheses()?;
        let expr = parse_over_rows(text).map_err(|error| moved(error, at))?;
        for (operation, row, word) in [(Operation::Insert, "old", "OLD"), (Operation::Delete, "new", "NEW")] {
            let reads = |expr: &Expr| match expr {
                Expr::Identifier(name) => fold(name) == row,
                Expr::CompoundIdentifier(parts) => fold(&parts[0]) == row,
                _ => false,
            };
            if run.operations.contains(&operation) && any_expression(&expr, reads) {
                let event = operation.to_string().to_uppercase();
                let message = format!("{event} trigger's WHEN condition cannot reference {word} values");
                return Err(Error::new("42P17", message).at(at));
            }
        }
        let is_query = |expr: &Expr| matches!(expr, Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. });
        if any_expression(&expr, is_query) {
            return Err(Error::new("0A000", "cannot use subquery in trigger WHEN condition").at(at));
        }
        if run.before {
            check_generated(relation, &expr).map_err(|error| error.at(at))?;
        }
        Ok(self.source(None, expr))
    }

    /// A trigger with a function of the project's own.
    fn own_trigger(&mut self, clauses: &Clauses, routine: &Routine, args: Vec<String>) -> Result<Trigger> {
        if routine.returns != Type::TRIGGER {
            let message = format!("function {} must return type trigger", routine.name.name);
            return Err(Error::new("42P17", message));
        }
        let body = plpgsql::parse(&routine.body, Kind::Trigger)?;
        let is_told = clauses.run.is_unconditional();
        let tellings = if is_told { telling::tellings(&body) } else { Vec::new() };
        check_tellings(&clauses.relation, &tellings)?;
        let run = (!is_told || !telling::only_tells(&body)).then(|| clauses.run.clone());
        let after = if tellings.is_empty() { BTreeSet::new() } else { clauses.run.operations.clone() };
        let trigger = Trigger {
            name: clauses.name.clone(),
            on_insert: false,
            on_update: false,
            function: routine.name.clone(),
            args,
            after,
            run,
            disabled: false,
        };
        self.check_trigger(&clauses.relation, &trigger)?;
        Ok(trigger)
    }

    /// A trigger that keeps a column of search vectors.
    fn tsvector_update(&mut self, clauses: &Clauses, args: Vec<String>) -> Result<Trigger> {
        if !clauses.run.before || clauses.run.operations.contains(&Operation::Delete) {
            let what = format!("{TSVECTOR_UPDATE} other than `before insert or update ... for each row`");
            return Err(Error::unsupported(what, "Let it fire before the rows are written."));
        }
        check_tsvector_update(&clauses.relation, &args)?;
        let trigger = Trigger {
            name: clauses.name.clone(),
            on_insert: false,
            on_update: false,
            function: Name::new("pg_catalog", TSVECTOR_UPDATE),
            args,
            after: BTreeSet::new(),
            run: Some(clauses.run.clone()),
            disabled: false,
        };
        self.check_trigger(&clauses.relation, &trigger)?;
        Ok(trigger)
    }

    /// Checks a trigger, or notes that what its function calls has to come yet.
    fn check_trigger(&mut self, relation: &Arc<Relation>, trigger: &Trigger) -> Result<()> {
        let unchecked = self.session.unchecked.as_mut();
        let is_complete = trigger::check(&self.catalog, relation, trigger, unchecked.is_some())?;
        if let Some(unchecked) = unchecked.filter(|_| !is_complete) {
            unchecked.insert((relation.name.clone(), trigger.name.clone()));
        }
        Ok(())
    }

    /// Checks the triggers of a function that was written anew.
    pub(super) fn recheck_triggers(&mut self, routine: &Routine) -> Result<()> {
        let is_fired = |relation: &Relation| relation.triggers.iter().any(|one| one.function == routine.name);
        let fired: Vec<_> = self.catalog.relations.values().filter(|relation| is_fired(relation)).cloned().collect();
        for relation in &fired {
            for one in relation.triggers.iter().filter(|one| one.function == routine.name) {
                let body = plpgsql::parse(&routine.body, Kind::Trigger)?;
                let is_told = one.run.as_ref().is_none_or(Run::is_unconditional);
                let tells = is_told && !telling::tellings(&body).is_empty();
                if one.run.is_none() != (is_told && telling::only_tells(&body)) || one.after.is_empty() == tells {
                    let what = format!("another kind of function for trigger \"{}\"", one.name);
                    return Err(Error::unsupported(what, "Drop the trigger first, and create it again afterwards."));
                }
                self.check_trigger(relation, one)?;
            }
        }
        Ok(())
    }

    /// Adds a trigger, or puts it in the place of one of its name.
    fn put_trigger(&mut self, relation: &Relation, trigger: Trigger, replace: bool) -> Result<()> {
        if has(relation, &trigger.name) && !replace {
            let message =
                format!("trigger \"{}\" for relation \"{}\" already exists", trigger.name, relation.name.name);
            return Err(Error::new("42710", message));
        }
        let triggers = &mut self.relation_mut(&relation.name)?.triggers;
        triggers.retain(|t| t.name != trigger.name);
        triggers.push(trigger);
        // PostgreSQL fires them in the order of their names.
        triggers.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(())
    }

    /// `(a, 'b')`: names and strings alike.
    fn trigger_arguments(&mut self) -> Result<Vec<String>> {
        self.cursor.expect_token(&Token::LParen)?;
        let mut args = Vec::new();
        while !self.cursor.accept_token(&Token::RParen) {
            if !args.is_empty() {
                self.cursor.expect_token(&Token::Comma)?;
            }
            args.push(match self.cursor.accept_string() {
                Some(text) => text,
                None if self.cursor.ident_ahead().is_some() => self.cursor.label()?,
                None => self.cursor.integer()?.to_string(),
            });
        }
        Ok(args)
    }

    /// `trigger name on table rename to other`.
    pub(super) fn alter_trigger(&mut self) -> Result<()> {
        let part = self.part("trigger")?;
        let relation = self.find_table(&part.table)?;
        let Some(to) = self.rename_to()? else { return Err(self.cursor.unexpected()) };
        if has(&relation, &to) {
            return Err(part.taken(&to));
        }
        let triggers = &mut self.relation_mut(&relation.name)?.triggers;
        match triggers.iter_mut().find(|t| t.name == part.name) {
            Some(trigger) => trigger.name = to,
            None => return Err(part.missing()),
        }
        triggers.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(())
    }

    /// `alter table ... enable | disable trigger name | all | user`.
    pub(super) fn switch_trigger(&mut self, table: &Name, disabled: bool) -> Result<()> {
        let at = self.cursor.offset();
        let name = self.cursor.label()?;
        let all = matches!(name.as_str(), "all" | "user");
        if name == "all" {
            // To PostgreSQL a foreign key is a few triggers.
            match disabled {
                true => self.session.keys_disabled.insert(table.clone()),
                false => self.session.keys_disabled.remove(table),
            };
        }
        let relation = self.relation_mut(table)?;
        let mut found = relation.triggers.iter_mut().filter(|trigger| all || trigger.name == name).peekable();
        if found.peek().is_none() && !all {
            let message = format!("trigger \"{name}\" for table \"{}\" does not exist", table.name);
            return Err(Error::new("42704", message).at(at));
        }
        found.for_each(|trigger| trigger.disabled = disabled);
        Ok(())
    }

    pub(super) fn drop_trigger(&mut self) -> Result<()> {
        if let Some((part, relation)) = self.dropped_part("trigger", has)? {
            self.relation_mut(&relation.name)?.triggers.retain(|t| t.name != part.name);
        }
        Ok(())
    }
}

/// 42P17 if the condition of a BEFORE trigger reads generated columns of `new`, which are computed when the row is written.
fn check_generated(relation: &Relation, condition: &Expr) -> Result<()> {
    let is_generated = |name: &Ident| relation.column(&fold(name)).is_some_and(|column| column.generated.is_some());
    let has_generated = relation.columns.iter().any(|column| column.generated.is_some());
    let mut detail = None;
    any_expression(condition, |expr| {
        detail = match expr {
            Expr::Identifier(row) if has_generated && fold(row) == "new" => {
                Some("A whole-row reference is used and the table contains generated columns.".to_owned())
            }
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [row, column] if fold(row) == "new" && is_generated(column) => {
                    Some(format!("Column \"{}\" is a generated column.", fold(column)))
                }
                _ => None,
            },
            _ => None,
        };
        detail.is_some()
    });
    let message = "BEFORE trigger's WHEN condition cannot reference NEW generated columns";
    detail.map_or(Ok(()), |detail| Err(Error::new("42P17", message).with_detail(detail)))
}

/// Whether what a function tells can be told from the change log.
fn check_tellings(relation: &Relation, tellings: &[Telling]) -> Result<()> {
    for column in tellings.iter().flat_map(|telling| &telling.topic).filter_map(telling::Piece::column) {
        let Some(ty) = relation.column(column).map(|c| &c.ty) else {
            return Err(Error::new("42703", format!("record \"new\" has no field \"{column}\"")));
        };
        if !telling::is_plain(ty) {
            let message = format!("a channel's name from a column of type {}", ty.sql_name());
            let instead = "Name channels by numbers, uuids, texts, booleans or enumerations.";
            return Err(Error::unsupported(message, instead));
        }
    }
    Ok(())
}

/// A trigger with a function that PostgreSQL or its extension brings, if it is one.
fn built_in(clauses: &Clauses, function: &str, args: Vec<String>) -> Option<Result<Trigger>> {
    let name = match function {
        "moddatetime" => Name::new("extensions", "moddatetime"),
        "suppress_redundant_updates_trigger" => Name::new("pg_catalog", "suppress_redundant_updates_trigger"),
        _ => return None,
    };
    let Clauses { run, relation, raw, .. } = clauses;
    let only_updates = run.before && run.operations == BTreeSet::from([Operation::Update]);
    if !only_updates || !run.columns.is_empty() || run.when.is_some() {
        let what = format!("{function} other than `before update ... for each row`");
        return Some(Err(Error::unsupported(what, "Leave out other events, columns and WHEN.")));
    }
    match (function, args.as_slice()) {
        ("moddatetime", [column]) => {
            let ty = relation.column(column).map(|c| &c.ty);
            if !matches!(ty, Some(&Type::TIMESTAMP | &Type::TIMESTAMPTZ)) {
                let message =
                    format!("attribute \"{column}\" of \"{}\" must be type TIMESTAMP or TIMESTAMPTZ", raw.name);
                return Some(Err(Error::new("42804", message)));
            }
        }
        ("suppress_redundant_updates_trigger", []) => {}
        _ => return None,
    }
    Some(Ok(Trigger {
        name: clauses.name.clone(),
        on_insert: false,
        on_update: true,
        function: name,
        args,
        after: BTreeSet::new(),
        run: None,
        disabled: false,
    }))
}

fn has(relation: &Relation, trigger: &str) -> bool {
    relation.triggers.iter().any(|t| t.name == trigger)
}
