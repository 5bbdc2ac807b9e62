//! Triggers with built-in functions (PostgreSQL manual, `create trigger`).

use basalt_core::{Error, Result};
use basalt_types::Type;
use sqlparser::tokenizer::Token;

use super::Change;
use crate::catalog::{Name, Relation, Trigger};

const INSTEAD: &str = "The embedded engine has two trigger functions: extensions.moddatetime(column) and \
    suppress_redundant_updates_trigger(), both `before update ... for each row`. Use a default, a generated column or a \
    check constraint; [[broadcasts]] of basalt.toml to tell changes to realtime channels, [[webhooks]] to send them to a URL; or run the \
    project on PostgreSQL.";

impl Change<'_> {
    pub(super) fn create_trigger(&mut self, replace: bool) -> Result<()> {
        let at = self.cursor.offset();
        let name = self.cursor.ident()?;
        if !self.cursor.accept("before update") || self.cursor.peek("or") || self.cursor.peek("of") {
            return Err(self.lacking("a trigger on these events", INSTEAD));
        }
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
        if has(&relation, &name) && !replace {
            let message = format!("trigger \"{name}\" for relation \"{}\" already exists", raw.name);
            return Err(Error::new("42710", message).at(at));
        }
        let triggers = &mut self.relation_mut(&relation.name)?.triggers;
        triggers.retain(|t| t.name != name);
        triggers.push(Trigger { name, on_insert: false, on_update: true, function: built_in, args });
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
