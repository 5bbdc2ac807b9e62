//! Roles (PostgreSQL manual, `create role`). Nobody logs in to the embedded engine, so passwords and limits are not kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use basalt_core::{Error, Result};
use sqlparser::tokenizer::Token;

use super::{Action, Change};
use crate::catalog::{Grants, Input, PUBLIC, Param, Role};

impl Change<'_> {
    pub(super) fn create_role(&mut self) -> Result<()> {
        let at = self.cursor.offset();
        let name = self.cursor.ident()?;
        if matches!(name.as_str(), PUBLIC | "none") || name.starts_with("pg_") {
            return Err(Error::new("42939", format!("role name \"{name}\" is reserved")).at(at));
        }
        if self.catalog.roles.contains_key(&name) {
            return Err(Error::new("42710", format!("role \"{name}\" already exists")).at(at));
        }
        self.catalog.roles.insert(name.clone(), Role::default());
        self.role_options(&name)
    }

    fn role_options(&mut self, name: &str) -> Result<()> {
        self.cursor.accept("with");
        let flags = [
            "superuser",
            "nosuperuser",
            "bypassrls",
            "nobypassrls",
            "login",
            "nologin",
            "inherit",
            "noinherit",
            "createdb",
            "nocreatedb",
            "createrole",
            "nocreaterole",
            "replication",
            "noreplication",
        ];
        loop {
            if let Some(flag) = self.cursor.accept_any(&flags) {
                if let Some(role) = self.catalog.roles.get_mut(name) {
                    match flag {
                        "superuser" | "nosuperuser" => role.superuser = flag == "superuser",
                        "bypassrls" | "nobypassrls" => role.bypass_row_security = flag == "bypassrls",
                        "inherit" | "noinherit" => role.inherits = flag == "inherit",
                        _ => {}
                    }
                }
                continue;
            }
            match self.cursor.accept_any(&["encrypted password", "password", "valid until", "connection limit"]) {
                Some("connection limit") => drop(self.cursor.integer()?),
                Some(_) => {
                    if !self.cursor.accept("null") {
                        self.cursor.string()?;
                    }
                }
                None => match self.cursor.accept_any(&["in role", "in group", "role", "user", "admin"]) {
                    Some(words) => self.role_members(name, words.starts_with("in "))?,
                    None => return Ok(()),
                },
            }
        }
    }

    /// `in role parents` or `role members`.
    fn role_members(&mut self, name: &str, parents: bool) -> Result<()> {
        loop {
            let other = self.role()?;
            let (member, parent) = if parents { (name, other.as_str()) } else { (other.as_str(), name) };
            if let Some(role) = self.catalog.roles.get_mut(member) {
                role.member_of.insert(parent.to_owned());
            }
            if !self.cursor.accept_token(&Token::Comma) {
                return Ok(());
            }
        }
    }

    pub(super) fn alter_role(&mut self) -> Result<()> {
        let name = if self.cursor.accept("all") { None } else { Some(self.role()?) };
        if self.cursor.accept("in database") {
            self.cursor.ident()?;
        }
        let Some(name) = name else { return self.setting_of_all() };
        if self.cursor.accept("set") {
            let (setting, values) = self.setting()?;
            if let Some(role) = self.catalog.roles.get_mut(&name) {
                self.actions.extend(put_setting(&mut role.settings, setting, values));
            }
            return Ok(());
        }
        if self.cursor.accept("reset") {
            let setting = self.cursor.setting_name()?;
            if let Some(role) = self.catalog.roles.get_mut(&name) {
                role.settings.retain(|key, _| setting != "all" && *key != setting);
            }
            return Ok(());
        }
        if self.cursor.peek("rename") {
            return Err(self.lacking("ALTER ROLE RENAME", "Create the other role, and grant it what this one has."));
        }
        if let Some(word) = self.cursor.accept_any(&["add user", "drop user"]) {
            let member = self.role()?;
            if let Some(role) = self.catalog.roles.get_mut(&member) {
                if word == "add user" {
                    role.member_of.insert(name)
                } else {
                    role.inherit_options.remove(&name);
                    role.member_of.remove(&name)
                };
            }
            return Ok(());
        }
        self.role_options(&name)
    }

    /// `alter database name ...`: one file is one database, of which its settings are all that there is to alter.
    pub(super) fn alter_database(&mut self) -> Result<()> {
        self.cursor.ident()?;
        if self.cursor.peek("set tablespace") || !(self.cursor.peek("set") || self.cursor.peek("reset")) {
            self.cursor.skip_all();
            return Ok(());
        }
        self.setting_of_all()
    }

    /// `set name to value`, `reset name`, for every session that begins later.
    fn setting_of_all(&mut self) -> Result<()> {
        if self.cursor.accept("reset") {
            let setting = self.cursor.setting_name()?;
            self.catalog.settings.retain(|key, _| setting != "all" && *key != setting);
            return Ok(());
        }
        self.cursor.expect("set")?;
        let (setting, values) = self.setting()?;
        self.actions.extend(put_setting(&mut self.catalog.settings, setting, values));
        Ok(())
    }

    pub(super) fn drop_role(&mut self) -> Result<()> {
        let if_exists = self.cursor.accept("if exists");
        loop {
            let at = self.cursor.offset();
            let name = self.cursor.ident()?;
            match self.check_role(&name) {
                Ok(()) => self.remove_role(&name).map_err(|e| e.at(at))?,
                Err(_) if if_exists => {}
                Err(error) => return Err(error.at(at)),
            }
            if !self.cursor.accept_token(&Token::Comma) {
                return Ok(());
            }
        }
    }

    fn remove_role(&mut self, name: &str) -> Result<()> {
        let mut uses = Vec::new();
        let held = |grants: &Grants| grants.contains_key(name);
        for relation in self.catalog.relations.values() {
            let table = if relation.view().is_some() { "view" } else { "table" };
            if relation.owner == name {
                uses.push(format!("owner of {table} {}", self.show(&relation.name)));
            }
            if held(&relation.grants) || relation.columns.iter().any(|c| held(&c.grants)) {
                uses.push(format!("privileges for {table} {}", self.show(&relation.name)));
            }
            for policy in relation.policies.iter().filter(|p| p.roles.iter().any(|r| r == name)) {
                uses.push(format!("target of policy {} on table {}", policy.name, self.show(&relation.name)));
            }
        }
        for routine in self.catalog.functions.values().flatten() {
            if routine.owner == name {
                uses.push(format!("owner of function {}", self.routine_signature(routine)));
            }
            if held(&routine.grants) {
                uses.push(format!("privileges for function {}", self.routine_signature(routine)));
            }
        }
        uses.extend(
            self.catalog
                .sequences
                .iter()
                .filter(|(_, s)| held(&s.grants))
                .map(|(n, _)| format!("privileges for sequence {}", self.show(n))),
        );
        uses.extend(
            self.catalog
                .schemas
                .iter()
                .filter(|(_, s)| held(&s.grants))
                .map(|(n, _)| format!("privileges for schema {n}")),
        );
        if !uses.is_empty() {
            let message = format!("role \"{name}\" cannot be dropped because some objects depend on it");
            return Err(Error::new("2BP01", message).with_detail(uses.join("\n")));
        }
        if name == basalt_core::Identity::OWNER {
            return Err(Error::new("55006", "current user cannot be dropped"));
        }
        self.catalog.roles.remove(name);
        for role in self.catalog.roles.values_mut() {
            role.member_of.remove(name);
            role.inherit_options.remove(name);
        }
        for entry in &mut self.catalog.default_privileges {
            entry.grants.remove(name);
        }
        Ok(())
    }

    /// `f(integer, text)` as messages show it.
    pub(super) fn routine_signature(&self, routine: &Arc<crate::catalog::Routine>) -> String {
        let name = |param: &Param| match &param.domain {
            Some(domain) => self.show(domain),
            None => self.input_name(&param.input()),
        };
        let args: Vec<String> = routine.inputs().map(name).collect();
        format!("{}({})", self.show(&routine.name), args.join(","))
    }

    /// An input as messages name it.
    pub(super) fn input_name(&self, input: &Input) -> String {
        match input {
            Input::Value(ty) => ty.sql_name(),
            Input::Row(relation) => self.show(relation),
        }
    }
}

/// Puts a setting in force, or takes it away. Gives what judges its value.
fn put_setting(settings: &mut BTreeMap<String, String>, name: String, values: Option<Vec<String>>) -> Option<Action> {
    let Some(values) = values else {
        settings.remove(&name);
        return None;
    };
    let value = values.join(", ");
    settings.insert(name.clone(), value.clone());
    Some(Action::JudgeSetting(name, value))
}
