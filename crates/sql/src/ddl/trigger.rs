//! Triggers with built-in functions, and with those that tell rows to channels (PostgreSQL manual, `create trigger`).

use std::collections::BTreeSet;
use std::sync::Arc;

use basalt_core::{Error, Operation, Result};
use basalt_types::Type;
use sqlparser::tokenizer::Token;

use super::Change;
use super::cursor::RawName;
use crate::catalog::{Name, Relation, Routine, Trigger};
use crate::telling;

const INSTEAD: &str = "The embedded engine has two trigger functions, extensions.moddatetime(column) and \
    suppress_redundant_updates_trigger(), both `before update ... for each row`, and functions that only call \
    realtime.broadcast_changes, `after insert or update or delete ... for each row`. Use a default, a generated column or a \
    check constraint; [[broadcasts]] of basalt.toml to tell changes to realtime channels, [[webhooks]] to send them to a URL; or run the \
    project on PostgreSQL.";

/// A trigger's table, and the function that it calls.
struct Called {
    raw: RawName,
    relation: Arc<Relation>,
    function_at: usize,
    function: RawName,
    args: Vec<String>,
}

impl Change<'_> {
    pub(super) fn create_trigger(&mut self, replace: bool) -> Result<()> {
        let at = self.cursor.offset();
        let name = self.cursor.ident()?;
        if self.cursor.accept("after") {
            return self.create_telling_trigger(name, replace, at);
        }
        if !self.cursor.accept("before update") || self.cursor.peek("or") || self.cursor.peek("of") {
            return Err(self.lacking("a trigger on these events", INSTEAD));
        }
        let Called { raw, relation, function_at, function, args } = self.trigger_call()?;
        let built_in = match (function.name.as_str(), args.as_slice()) {
            ("moddatetime", [column]) => {
                let ty = relation.column(column).map(|c| &c.ty);
                if !matches!(ty, Some(&Type::TIMESTAMP | &Type::TIMESTAMPTZ)) {
                    let message =
                        format!("attribute \"{column}\" of \"{}\" must be type TIMESTAMP or TIMESTAMPTZ", raw.name);
                    return Err(Error::new("42804", message).at(function_at));
                }
                Name::new("extensions", "moddatetime")
            }
            ("suppress_redundant_updates_trigger", []) => Name::new("pg_catalog", "suppress_redundant_updates_trigger"),
            (other, _) => {
                let message = format!("trigger function {other} is not supported by the embedded engine");
                return Err(Error::unsupported(message, INSTEAD).at(function_at));
            }
        };
        let trigger =
            Trigger { name, on_insert: false, on_update: true, function: built_in, args, after: BTreeSet::new() };
        self.put_trigger(&relation, trigger, replace).map_err(|e| e.at(at))
    }

    /// A trigger after rows were written, whose function tells them to channels.
    fn create_telling_trigger(&mut self, name: String, replace: bool, at: usize) -> Result<()> {
        let mut after = BTreeSet::new();
        loop {
            after.insert(match self.cursor.accept_any(&["insert", "update", "delete"]) {
                Some("insert") => Operation::Insert,
                Some("update") if !self.cursor.peek("of") => Operation::Update,
                Some("delete") => Operation::Delete,
                _ => return Err(self.lacking("a trigger on these events", INSTEAD)),
            });
            if !self.cursor.accept("or") {
                break;
            }
        }
        let Called { relation, function_at, function, args, .. } = self.trigger_call()?;
        let routine = self.find_routine(&function, Some(&[])).ok().filter(|_| args.is_empty());
        let told =
            |routine: &Arc<Routine>| (routine.language == "plpgsql").then(|| telling::read(&routine.body)).flatten();
        let Some((routine, tellings)) = routine.and_then(|routine| Some((routine.clone(), told(&routine)?))) else {
            let message = format!("trigger function {} is not supported by the embedded engine", function.name);
            return Err(Error::unsupported(message, INSTEAD).at(function_at));
        };
        for column in tellings.iter().flat_map(|telling| &telling.topic).filter_map(telling::Piece::column) {
            let ty = relation.column(column).map(|c| &c.ty);
            let Some(ty) = ty else {
                let message = format!("record \"new\" has no field \"{column}\"");
                return Err(Error::new("42703", message).at(function_at));
            };
            if !telling::is_plain(ty) {
                let message = format!("a channel's name from a column of type {}", ty.sql_name());
                let instead = "Name channels by numbers, uuids, texts, booleans or enumerations.";
                return Err(Error::unsupported(message, instead).at(function_at));
            }
        }
        let trigger = Trigger { name, on_insert: false, on_update: false, function: routine.name.clone(), args, after };
        self.put_trigger(&relation, trigger, replace).map_err(|e| e.at(at))
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

    /// What follows the events of either kind of trigger: `on t for each row execute function f(...)`.
    fn trigger_call(&mut self) -> Result<Called> {
        self.cursor.expect("on")?;
        let raw = self.cursor.name()?;
        let relation = self.find_table(&raw)?;
        if !self.cursor.accept("for each row") && !self.cursor.accept("for row") {
            return Err(self.lacking("a trigger of this kind", INSTEAD));
        }
        if self.cursor.peek("when") {
            return Err(self.lacking("WHEN of a trigger", INSTEAD));
        }
        if self.cursor.accept_any(&["execute function", "execute procedure"]).is_none() {
            return Err(self.cursor.unexpected());
        }
        let function_at = self.cursor.offset();
        let function = self.cursor.function_name()?;
        let args = self.trigger_arguments()?;
        Ok(Called { raw, relation, function_at, function, args })
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
                None => self.cursor.label()?,
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

    pub(super) fn drop_trigger(&mut self) -> Result<()> {
        if let Some((part, relation)) = self.dropped_part("trigger", has)? {
            self.relation_mut(&relation.name)?.triggers.retain(|t| t.name != part.name);
        }
        Ok(())
    }
}

fn has(relation: &Relation, trigger: &str) -> bool {
    relation.triggers.iter().any(|t| t.name == trigger)
}
