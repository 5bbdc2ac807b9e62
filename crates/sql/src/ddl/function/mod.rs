//! Functions in languages sql and plpgsql (PostgreSQL manual, `create function`, `alter function`).

mod body;
mod replaced;
mod signature;

use std::sync::Arc;

use basalt_core::{Error, Identity, Result};
use basalt_types::{Type, Volatility};
use sqlparser::tokenizer::Token;

use super::cursor::RawName;
use super::overload::{is_field, keep_calls, rename_calls};
use super::{Change, source};
use crate::catalog::{Catalog, DefaultObject, Input, Name, ParamMode, Routine};
use crate::{compile, plpgsql, telling};
use body::Body;

impl Change<'_> {
    pub(in crate::ddl) fn create_function(&mut self, replace: bool) -> Result<()> {
        let raw = self.cursor.function_name()?;
        let name = self.new_name(&raw)?;
        let params = self.parameters()?;
        let mut routine = Routine {
            owner: Identity::OWNER.to_owned(),
            returns: Type::VOID,
            returns_relation: None,
            returns_domain: None,
            returns_composite: None,
            returns_set: false,
            language: String::new(),
            body: String::new(),
            parsed: false,
            volatility: Volatility::Volatile,
            strict: false,
            security_definer: false,
            rows: None,
            settings: Vec::new(),
            grants: self.default_grants(&name.schema, DefaultObject::Functions),
            comment: None,
            name: name.clone(),
            params,
        };
        self.returns(&mut routine)?;
        let (mut body, mut object_file) = (None, false);
        let mut language_at = raw.at;
        loop {
            let at = self.cursor.offset();
            if self.cursor.accept("language") {
                language_at = at;
                routine.language = match self.cursor.accept_string() {
                    Some(text) => text.to_ascii_lowercase(),
                    None => self.cursor.label()?,
                };
            } else if self.cursor.accept("as") {
                let at = self.cursor.offset();
                body = Some(Body { text: self.cursor.string()?, at, parsed: false });
                if self.cursor.accept_token(&Token::Comma) {
                    self.cursor.string()?;
                    object_file = true;
                }
            } else if self.cursor.accept("return") {
                let at = self.cursor.offset();
                let expr = self.cursor.expr()?;
                body = Some(Body { text: format!("SELECT {}", self.source(None, expr)), at, parsed: true });
            } else if self.cursor.accept("begin atomic") {
                body = Some(self.atomic_body()?);
            } else if !self.function_option(&mut routine)? {
                break;
            }
        }
        let Some(body) = body else {
            return Err(Error::new("42P13", "no function body specified").at(raw.at));
        };
        if routine.language.is_empty() {
            if !body.parsed {
                return Err(Error::new("42P13", "no language specified").at(raw.at));
            }
            routine.language = "sql".to_owned();
        }
        if routine.language == "plpgsql" && routine.is_fired() {
            // What dumps have for event triggers is kept, and never run.
            if routine.returns == Type::TRIGGER {
                self.check_trigger_function(&routine, &body, language_at)?;
            }
            routine.body.clone_from(&body.text);
            return self.put_routine(routine, replace, &raw, &body);
        }
        if routine.is_interpreted() && body.parsed {
            return Err(Error::new("42P13", "inline SQL function body only valid for language SQL").at(language_at));
        }
        if !matches!(routine.language.as_str(), "sql" | "plpgsql") || object_file {
            return Err(refused_language(&routine).at(language_at));
        }
        if routine.is_fired() {
            let message = format!("SQL functions cannot return type {}", routine.returns.sql_name());
            return Err(Error::new("42P13", message).at(language_at));
        }
        self.check_inputs(&routine).map_err(|e| e.at(raw.at))?;
        routine.parsed = body.parsed;
        routine.body = if body.parsed { self.qualified_statements(&body)? } else { body.text.clone() };
        self.put_routine(routine, replace, &raw, &body)
    }

    /// Reads the body of a trigger function. What it says of its table's rows is checked where a trigger calls it.
    fn check_trigger_function(&self, routine: &Routine, body: &Body, language_at: usize) -> Result<()> {
        if routine.inputs().next().is_some() {
            return Err(Error::new("42P13", "trigger functions cannot have declared arguments").at(language_at));
        }
        let read =
            plpgsql::parse(&body.text, plpgsql::Kind::Trigger).map_err(|error| body.error(error, self.cursor.sql()))?;
        if !telling::tellings(&read).is_empty() && !routine.security_definer {
            let what = "a trigger function that tells rows to channels with the rights of whoever writes them";
            let instead = "Say `security definer`, so that it may tell what their writer may not send; or tell the table's changes \
                to channels with [[broadcasts]] in basalt.toml (docs/realtime.md).";
            return Err(Error::unsupported(what, instead).at(language_at));
        }
        Ok(())
    }

    /// Adds the function, or puts it in the place of the one with the same arguments.
    fn put_routine(&mut self, mut routine: Routine, replace: bool, raw: &RawName, body: &Body) -> Result<()> {
        let name = routine.name.clone();
        let args = routine.input_types();
        let overloads = self.catalog.routines(&name.schema, &name.name);
        let before = (!overloads.is_empty()).then(|| self.catalog.clone());
        let (mut is_replaced, mut takes_other_calls) = (false, before.is_some());
        if let Some(old) = overloads.iter().find(|r| super::resolve::takes(r, &args)) {
            if !replace {
                let message = format!("function \"{}\" already exists with same argument types", raw.name);
                return Err(Error::new("42723", message).at(raw.at));
            }
            check_replacement(old, &routine, &self.routine_signature(old)).map_err(|e| e.at(raw.at))?;
            (is_replaced, takes_other_calls) = (true, overloads.len() > 1 && !old.is_called_as(&routine));
            routine.owner.clone_from(&old.owner);
            routine.grants.clone_from(&old.grants);
            routine.comment.clone_from(&old.comment);
        }
        let overloads = self.catalog.functions.entry(name.clone()).or_default();
        overloads.retain(|r| !super::resolve::takes(r, &args));
        overloads.push(Arc::new(routine.clone()));
        if self.session.check_function_bodies && !routine.is_fired() {
            compile::check_routine(&self.catalog, &routine).map_err(|error| match body.parsed {
                true => body.parsed_error(error, &self.catalog, &routine, self.cursor.sql()),
                false => body.error(error, self.cursor.sql()),
            })?;
        }
        if routine.returns == Type::TRIGGER {
            self.recheck_triggers(&routine).map_err(|e| body.error(e, self.cursor.sql()))?;
        }
        let Some(before) = before else { return Ok(()) };
        let changed = takes_other_calls && !keep_calls(&mut self.catalog, &before, &name)?.is_empty();
        if is_replaced || changed { self.rebuild_callers(&before) } else { Ok(()) }
    }

    /// Reads an option that both `create function` and `alter function` know; tells whether there was one.
    fn function_option(&mut self, routine: &mut Routine) -> Result<bool> {
        let words = [
            "immutable",
            "stable",
            "volatile",
            "strict",
            "returns null on null input",
            "called on null input",
            "external security definer",
            "security definer",
            "external security invoker",
            "security invoker",
            "not leakproof",
            "leakproof",
            "parallel",
            "cost",
            "rows",
            "window",
            "support",
            "set",
            "reset",
        ];
        match self.cursor.accept_any(&words) {
            Some("immutable") => routine.volatility = Volatility::Immutable,
            Some("stable") => routine.volatility = Volatility::Stable,
            Some("volatile") => routine.volatility = Volatility::Volatile,
            Some("strict" | "returns null on null input") => routine.strict = true,
            Some("called on null input") => routine.strict = false,
            Some("external security definer" | "security definer") => routine.security_definer = true,
            Some("external security invoker" | "security invoker") => routine.security_definer = false,
            // Hints to PostgreSQL's planner; that a function is leakproof is not taken on trust here.
            Some("not leakproof" | "leakproof" | "window") => {}
            Some("parallel") => drop(self.cursor.label()?),
            Some("support") => drop(self.cursor.name()?),
            Some("cost") => drop(self.cursor.skip()),
            Some("rows") => routine.rows = u64::try_from(self.cursor.integer()?).ok(),
            Some("reset") => {
                let name = self.cursor.setting_name()?;
                routine.settings.retain(|(key, _)| name != "all" && *key != name);
            }
            Some(_) => {
                let (name, value) = self.function_setting()?;
                routine.settings.retain(|(key, _)| *key != name);
                routine.settings.extend(value.map(|value| (name, value)));
            }
            None => return Ok(false),
        }
        Ok(true)
    }

    /// `set name to value` or `set name from current`.
    fn function_setting(&mut self) -> Result<(String, Option<String>)> {
        if let Some(name) = self.cursor.ident_ahead().filter(|_| self.cursor.word_at(1).as_deref() == Some("from")) {
            self.cursor.ident()?;
            self.cursor.expect("from current")?;
            let current = (name == "search_path").then(|| self.session.search_path.join(", "));
            return Ok((name, current));
        }
        let (name, values) = self.setting()?;
        Ok((name, values.map(|values| values.join(", "))))
    }

    fn check_inputs(&self, routine: &Routine) -> Result<()> {
        let mut defaults = false;
        for param in routine.inputs() {
            if defaults && param.default.is_none() {
                return Err(Error::new(
                    "42P13",
                    "input parameters after one with a default value must also have defaults",
                ));
            }
            if let Some(default) = &param.default {
                defaults = true;
                let expr = source::parse_expr(default)?;
                compile::check_default(&self.catalog, &expr, (&param.ty, None))?;
            }
            if param.mode == ParamMode::Variadic && param.ty.element().is_none() {
                return Err(Error::new("42P13", "VARIADIC parameter must be an array"));
            }
        }
        Ok(())
    }

    pub(in crate::ddl) fn alter_function(&mut self) -> Result<()> {
        let raw = self.cursor.function_name()?;
        if self.pass_extension_function(&raw)? {
            self.cursor.expect("owner to")?;
            return self.role().map(drop);
        }
        let args = self.referred_inputs()?;
        let old = self.find_routine(&raw, args.as_deref())?;
        let mut routine = (*old).clone();
        let mut is_renamed = false;
        if let Some(role) = self.owner_to()? {
            routine.owner = role;
        } else if let Some(to) = self.rename_to()? {
            is_renamed = true;
            routine.name.name = to;
        } else if let Some(schema) = self.set_schema()? {
            routine.name.schema = schema;
        } else {
            while self.function_option(&mut routine)? {}
            self.cursor.accept("restrict");
        }
        let args = old.input_types();
        let before = self.catalog.clone();
        // Its own name is taken, too; its own schema is not.
        let is_taken = |r: &Arc<Routine>| super::resolve::takes(r, &args);
        if (is_renamed || routine.name != old.name)
            && self.catalog.routines(&routine.name.schema, &routine.name.name).iter().any(is_taken)
        {
            let types: Vec<String> = args.iter().map(|arg| self.input_name(arg)).collect();
            let Name { schema, name } = &routine.name;
            let message = format!("function {name}({}) already exists in schema \"{schema}\"", types.join(", "));
            return Err(Error::new("42723", message).at(raw.at));
        }
        if let Some(overloads) = self.catalog.functions.get_mut(&old.name) {
            overloads.retain(|r| !is_taken(r));
        }
        self.catalog.functions.retain(|_, overloads| !overloads.is_empty());
        let overloads = self.catalog.functions.entry(routine.name.clone()).or_default();
        let to = routine.name.clone();
        overloads.push(Arc::new(routine));
        if to == old.name {
            return Ok(());
        }
        for relation in self.catalog.relations.values_mut().filter(|_| args.is_empty()) {
            if relation.triggers.iter().any(|trigger| trigger.function == old.name) {
                let triggers = Arc::make_mut(relation).triggers.iter_mut();
                triggers
                    .filter(|trigger| trigger.function == old.name)
                    .for_each(|trigger| trigger.function = to.clone());
            }
        }
        let is_alone = |catalog: &Catalog, name: &Name| catalog.routines(&name.schema, &name.name).is_empty();
        let has_one_meaning = is_alone(&self.catalog, &old.name) && is_alone(&before, &to) && !is_field(&before, &old);
        if has_one_meaning {
            return self.rename_in_sources(&super::drop::Object::Routine(old.name.clone(), args), &to);
        }
        let mut changed = keep_calls(&mut self.catalog, &before, &to)?;
        let after = self.catalog.routines(&to.schema, &to.name).to_vec();
        changed.extend(rename_calls(&mut self.catalog, &before, &old, (&to, &after))?);
        if changed.is_empty() { Ok(()) } else { self.rebuild_callers(&before) }
    }

    /// Removes a function.
    pub(in crate::ddl) fn remove_routine(&mut self, name: &Name, args: &[Input]) {
        if let Some(overloads) = self.catalog.functions.get_mut(name) {
            overloads.retain(|r| !super::resolve::takes(r, args));
            if overloads.is_empty() {
                self.catalog.functions.remove(name);
            }
        }
    }
}

/// 42P13 if callers of the old function could not call the new one.
fn check_replacement(old: &Routine, new: &Routine, signature: &str) -> Result<()> {
    let hint = format!("Use DROP FUNCTION {signature} first.");
    if old.returns != new.returns || old.returns_set != new.returns_set {
        return Err(Error::new("42P13", "cannot change return type of existing function").with_hint(hint));
    }
    for (old, new) in old.inputs().zip(new.inputs()) {
        if !old.name.is_empty() && old.name != new.name {
            let message = format!("cannot change name of input parameter \"{}\"", old.name);
            return Err(Error::new("42P13", message).with_hint(hint));
        }
        if old.default.is_some() && new.default.is_none() {
            return Err(Error::new("42P13", "cannot remove parameter defaults from existing function").with_hint(hint));
        }
    }
    Ok(())
}

fn refused_language(routine: &Routine) -> Error {
    let instead = if routine.is_fired() {
        "Write it in language plpgsql; or run the project on PostgreSQL."
    } else {
        "Write it in language sql or plpgsql; or run the project on PostgreSQL."
    };
    Error::unsupported(
        format!(
            "function {} is written in language {}, which the embedded engine does not run",
            routine.name.name, routine.language
        ),
        instead,
    )
}
