//! `comment on`: kept for what the APIs describe.

use std::sync::Arc;

use basalt_core::{Error, Result};
use sqlparser::tokenizer::Token;

use super::Change;
use super::cursor::RawName;
use super::types::missing_type;
use crate::catalog::Relation;

impl Change<'_> {
    pub(super) fn comment(&mut self) -> Result<()> {
        let kinds = [
            "table",
            "view",
            "column",
            "function",
            "routine",
            "schema",
            "type",
            "domain",
            "policy",
            "constraint",
            "trigger",
            "index",
            "sequence",
            "role",
            "extension",
            "database",
            "language",
            "statistics",
            "publication",
        ];
        match self.cursor.accept_any(&kinds) {
            Some("table" | "view") => {
                let raw = self.cursor.name()?;
                let relation = self.find_relation(&raw)?;
                let comment = self.comment_text()?;
                self.relation_mut(&relation.name)?.comment = comment;
            }
            Some("column") => self.comment_on_column()?,
            Some("function" | "routine") => {
                let raw = self.cursor.function_name()?;
                if self.pass_extension_function(&raw)? {
                    return self.comment_text().map(drop);
                }
                let args = self.referred_inputs()?;
                let routine = self.find_routine(&raw, args.as_deref())?;
                let comment = self.comment_text()?;
                let args = routine.input_types();
                let overloads = self.catalog.functions.get_mut(&routine.name).into_iter().flatten();
                for routine in overloads.filter(|r| super::resolve::takes(r, &args)) {
                    Arc::make_mut(routine).comment.clone_from(&comment);
                }
            }
            Some("schema") => {
                let at = self.cursor.offset();
                let name = self.cursor.ident()?;
                self.check_schema(&name).map_err(|e| e.at(at))?;
                let comment = self.comment_text()?;
                if let Some(schema) = self.catalog.schemas.get_mut(&name) {
                    schema.comment = comment;
                }
            }
            // No API shows these; what they are on has to exist all the same.
            Some("type" | "domain") => {
                let raw = self.cursor.name()?;
                self.lookup(&raw, |name| self.type_exists(name)).ok_or_else(|| missing_type(&raw))?;
                self.comment_text()?;
            }
            Some(kind @ ("policy" | "constraint" | "trigger")) => self.comment_on_part(kind)?,
            Some("index") => {
                let raw = self.cursor.name()?;
                self.find_index(&raw).ok_or_else(|| self.missing_relation(&raw))?;
                self.comment_text()?;
            }
            Some("sequence") => {
                let raw = self.cursor.name()?;
                let found = self.lookup(&raw, |name| self.catalog.sequences.contains_key(name));
                found.ok_or_else(|| self.missing_relation(&raw))?;
                self.comment_text()?;
            }
            Some("extension") => {
                let at = self.cursor.offset();
                let name = self.cursor.ident()?;
                if name != "plpgsql" && !self.catalog.extensions.contains_key(&name) {
                    return Err(Error::new("42704", format!("extension \"{name}\" does not exist")).at(at));
                }
                self.comment_text()?;
            }
            Some(_) => {
                self.cursor.name()?;
                self.comment_text()?;
            }
            None => return Err(self.refused()),
        }
        Ok(())
    }

    fn comment_on_column(&mut self) -> Result<()> {
        let at = self.cursor.offset();
        let mut parts = self.cursor.dotted()?;
        let column = parts.pop().unwrap_or_default();
        let Some(name) = parts.pop() else {
            return Err(Error::new("42601", "column name must be qualified").at(at));
        };
        let raw = RawName { schema: parts.pop(), name, at };
        let relation = self.find_relation(&raw)?;
        let comment = self.comment_text()?;
        match self.relation_mut(&relation.name)?.columns.iter_mut().find(|c| c.name == column) {
            Some(column) => column.comment = comment,
            None => {
                let message = format!("column \"{column}\" of relation \"{}\" does not exist", raw.name);
                return Err(Error::new("42703", message).at(at));
            }
        }
        Ok(())
    }

    /// `name on table` of a policy, constraint or trigger.
    fn comment_on_part(&mut self, kind: &str) -> Result<()> {
        let at = self.cursor.offset();
        let name = self.cursor.ident()?;
        self.cursor.expect("on")?;
        if self.cursor.accept("domain") {
            let raw = self.cursor.name()?;
            self.lookup(&raw, |name| self.catalog.domains.contains_key(name)).ok_or_else(|| missing_type(&raw))?;
            return self.comment_text().map(drop);
        }
        let raw = self.cursor.name()?;
        let relation: Arc<Relation> = self.find_relation(&raw)?;
        let exists = match kind {
            "policy" => relation.policies.iter().any(|p| p.name == name),
            "trigger" => relation.triggers.iter().any(|t| t.name == name),
            _ => relation.constraints.iter().any(|c| c.name == name),
        };
        if !exists {
            let message = format!("{kind} \"{name}\" for table \"{}\" does not exist", raw.name);
            return Err(Error::new("42704", message).at(at));
        }
        self.comment_text().map(drop)
    }

    /// `is 'text'` or `is null`; an empty comment is none.
    fn comment_text(&mut self) -> Result<Option<String>> {
        self.cursor.expect("is")?;
        if self.cursor.accept("null") {
            return Ok(None);
        }
        // Neighbouring literals on different lines are one.
        let mut text = self.cursor.string()?;
        while let Some(more) = self.cursor.accept_string() {
            text.push_str(&more);
        }
        self.cursor.accept_token(&Token::SemiColon);
        Ok(Some(text).filter(|text| !text.is_empty()))
    }
}
