//! Privileges (PostgreSQL manual, `grant`, `revoke`).

use std::collections::BTreeSet;
use std::sync::Arc;

use basalt_core::{Error, Result};
use sqlparser::tokenizer::Token;

use super::Change;
use super::cursor::RawName;
use crate::catalog::{DefaultObject, Grants, Input, Name, Privilege};

/// Every privilege that a kind of object has.
pub(super) fn all_privileges(object: DefaultObject) -> BTreeSet<Privilege> {
    use Privilege::{Delete, Execute, Insert, References, Select, Trigger, Truncate, Update, Usage};
    match object {
        DefaultObject::Tables => [Select, Insert, Update, Delete, Truncate, References, Trigger].into(),
        DefaultObject::Sequences => [Usage, Select, Update].into(),
        DefaultObject::Functions => [Execute].into(),
    }
}

/// A privilege as written, perhaps for some columns. No privilege: `all`.
pub(super) struct Written {
    pub word: Option<String>,
    columns: Vec<String>,
    pub at: usize,
}

/// What the privileges are on.
enum Target {
    Relations(Vec<Name>),
    Sequences(Vec<Name>),
    Routines(Vec<(Name, Vec<Input>)>),
    Schemas(Vec<String>),
    /// Types, languages, databases, ...: nothing of theirs is guarded here.
    Unguarded,
}

impl Change<'_> {
    pub(super) fn grant(&mut self) -> Result<()> {
        self.grant_or_revoke(true)
    }

    pub(super) fn revoke(&mut self) -> Result<()> {
        if self.cursor.accept("inherit option for") {
            return self.revoke_inherit_option();
        }
        if self.cursor.accept_any(&["grant option for", "admin option for"]).is_some() {
            // The right to pass a privilege on is not kept, so there is nothing to take back.
            self.cursor.skip_all();
            return Ok(());
        }
        self.grant_or_revoke(false)
    }

    fn grant_or_revoke(&mut self, grant: bool) -> Result<()> {
        let written = self.written_privileges()?;
        if !self.cursor.accept("on") {
            let parents = self.parents(written)?;
            return if grant { self.grant_membership(&parents) } else { self.revoke_membership(&parents) };
        }
        let target = self.target()?;
        let roles = self.grantees(grant)?;
        match target {
            Target::Relations(names) => {
                for name in names {
                    self.grant_on_relation(&name, &written, &roles, grant)?;
                }
            }
            Target::Sequences(names) => {
                let privileges = privileges(&written, &all_privileges(DefaultObject::Sequences), "sequence")?;
                for name in names {
                    if let Some(sequence) = self.catalog.sequences.get_mut(&name) {
                        change(&mut sequence.grants, &roles, &privileges, grant);
                    }
                }
            }
            Target::Routines(routines) => {
                let privileges = privileges(&written, &all_privileges(DefaultObject::Functions), "function")?;
                for (name, args) in routines {
                    let overloads = self.catalog.functions.get_mut(&name).into_iter().flatten();
                    for routine in overloads.filter(|r| super::resolve::takes(r, &args)) {
                        change(&mut Arc::make_mut(routine).grants, &roles, &privileges, grant);
                    }
                }
            }
            Target::Schemas(schemas) => {
                let privileges = schema_privileges(&written)?;
                for schema in schemas {
                    if let Some(schema) = self.catalog.schemas.get_mut(&schema) {
                        change(&mut schema.grants, &roles, &privileges, grant);
                    }
                }
            }
            Target::Unguarded => {}
        }
        Ok(())
    }

    pub(super) fn written_privileges(&mut self) -> Result<Vec<Written>> {
        let mut written = Vec::new();
        loop {
            let at = self.cursor.offset();
            let all = self.cursor.accept("all");
            if all {
                self.cursor.accept("privileges");
            }
            let word = if all { None } else { Some(self.cursor.label()?) };
            let columns = if self.cursor.peek_token(&Token::LParen) { self.cursor.column_list()? } else { Vec::new() };
            written.push(Written { word, columns, at });
            if !self.cursor.accept_token(&Token::Comma) {
                return Ok(written);
            }
        }
    }

    fn target(&mut self) -> Result<Target> {
        let kinds = [
            "all tables in schema",
            "all sequences in schema",
            "all functions in schema",
            "all routines in schema",
            "all procedures in schema",
            "sequence",
            "function",
            "routine",
            "schema",
            "table",
        ];
        Ok(match self.cursor.accept_any(&kinds) {
            Some("all tables in schema") => {
                let schemas = self.schema_list()?;
                Target::Relations(
                    self.catalog.relations.keys().filter(|n| schemas.contains(&n.schema)).cloned().collect(),
                )
            }
            Some("all sequences in schema") => {
                let schemas = self.schema_list()?;
                Target::Sequences(
                    self.catalog.sequences.keys().filter(|n| schemas.contains(&n.schema)).cloned().collect(),
                )
            }
            Some("all functions in schema" | "all routines in schema" | "all procedures in schema") => {
                let schemas = self.schema_list()?;
                let routines = self.catalog.functions.values().flatten().filter(|r| schemas.contains(&r.name.schema));
                Target::Routines(routines.map(|r| (r.name.clone(), r.input_types())).collect())
            }
            Some("sequence") => {
                let raws = self.cursor.list(|cursor| cursor.name())?;
                let found = raws.iter().map(|raw| {
                    let found = self.lookup(raw, |name| self.catalog.sequences.contains_key(name));
                    found.ok_or_else(|| self.missing_relation(raw))
                });
                Target::Sequences(found.collect::<Result<_>>()?)
            }
            Some("function" | "routine") => {
                let mut routines = Vec::new();
                loop {
                    let raw = self.cursor.function_name()?;
                    if !self.pass_extension_function(&raw)? {
                        let args = self.referred_inputs()?;
                        let routine = self.find_routine(&raw, args.as_deref())?;
                        routines.push((routine.name.clone(), routine.input_types()));
                    }
                    if !self.cursor.accept_token(&Token::Comma) {
                        break Target::Routines(routines);
                    }
                }
            }
            Some("schema") => Target::Schemas(self.schema_list()?),
            Some(_) => self.relation_targets()?,
            None => {
                if let Some(kind) = self.cursor.accept_any(&["type", "domain"]) {
                    self.type_targets(kind)?;
                    return Ok(Target::Unguarded);
                }
                let unguarded =
                    ["language", "database", "foreign data wrapper", "foreign server", "parameter", "tablespace"];
                if self.cursor.accept_any(&unguarded).is_some() {
                    self.cursor.list(|cursor| cursor.name())?;
                    return Ok(Target::Unguarded);
                }
                self.relation_targets()?
            }
        })
    }

    /// Types or domains: nothing of theirs is guarded, but they have to exist.
    fn type_targets(&mut self, kind: &str) -> Result<()> {
        loop {
            let declared = self.data_type()?;
            if kind == "domain" && declared.domain.is_none() {
                return Err(Error::new("42809", "that type is not a domain").at(declared.at));
            }
            if !self.cursor.accept_token(&Token::Comma) {
                return Ok(());
            }
        }
    }

    /// Tables and views; a sequence may be named as a table too.
    fn relation_targets(&mut self) -> Result<Target> {
        let raws: Vec<RawName> = self.cursor.list(|cursor| cursor.name())?;
        let sequences: Vec<Name> =
            raws.iter().filter_map(|raw| self.lookup(raw, |name| self.catalog.sequences.contains_key(name))).collect();
        if sequences.len() == raws.len() {
            return Ok(Target::Sequences(sequences));
        }
        let names = raws.iter().map(|raw| self.find_relation(raw).map(|relation| relation.name.clone()));
        Ok(Target::Relations(names.collect::<Result<_>>()?))
    }

    fn schema_list(&mut self) -> Result<Vec<String>> {
        let mut schemas = Vec::new();
        loop {
            let at = self.cursor.offset();
            let schema = self.cursor.ident()?;
            self.check_schema(&schema).map_err(|e| e.at(at))?;
            schemas.push(schema);
            if !self.cursor.accept_token(&Token::Comma) {
                return Ok(schemas);
            }
        }
    }

    /// `to roles` or `from roles`, and what may follow.
    pub(super) fn grantees(&mut self, grant: bool) -> Result<Vec<String>> {
        self.cursor.expect(if grant { "to" } else { "from" })?;
        let mut roles = vec![self.role()?];
        while self.cursor.accept_token(&Token::Comma) {
            let role = self.role()?;
            roles.push(role);
        }
        let tail = ["with grant option", "with admin option", "cascade", "restrict"];
        let _ = self.cursor.accept_any(&tail);
        if self.cursor.accept("granted by") {
            self.role()?;
        }
        let _ = self.cursor.accept_any(&tail);
        Ok(roles)
    }

    fn grant_on_relation(&mut self, name: &Name, written: &[Written], roles: &[String], grant: bool) -> Result<()> {
        let all = all_privileges(DefaultObject::Tables);
        let relation = self.relation_mut(name)?;
        for written in written {
            let privileges = privileges(std::slice::from_ref(written), &all, "relation")?;
            for column in &written.columns {
                let Some(column) = relation.columns.iter_mut().find(|c| c.name == *column) else {
                    let message = format!("column \"{column}\" of relation \"{}\" does not exist", name.name);
                    return Err(Error::new("42703", message).at(written.at));
                };
                change(&mut column.grants, roles, &privileges, grant);
            }
            if written.columns.is_empty() {
                change(&mut relation.grants, roles, &privileges, grant);
                // Taking a privilege on the table takes it on its columns.
                for column in relation.columns.iter_mut().filter(|_| !grant) {
                    change(&mut column.grants, roles, &privileges, false);
                }
            }
        }
        Ok(())
    }
}

/// Adds privileges to the grants, or takes them away.
pub(super) fn change(grants: &mut Grants, roles: &[String], privileges: &BTreeSet<Privilege>, grant: bool) {
    for role in roles {
        if grant {
            grants.entry(role.clone()).or_default().extend(privileges);
        } else if let Some(held) = grants.get_mut(role) {
            held.retain(|p| !privileges.contains(p));
            if held.is_empty() {
                grants.remove(role);
            }
        }
    }
}

/// The privileges that the words name, of those that the kind of object has.
///
/// Errors: 42601 for no privilege at all, 0LP01 for one of another kind of object.
fn privileges(written: &[Written], all: &BTreeSet<Privilege>, kind: &str) -> Result<BTreeSet<Privilege>> {
    let mut found = BTreeSet::new();
    for Written { word, at, .. } in written {
        let Some(word) = word else {
            found.extend(all);
            continue;
        };
        let privilege = privilege(word).map_err(|e| e.at(*at))?;
        if !all.contains(&privilege) {
            let message = format!("invalid privilege type {} for {kind}", word.to_uppercase());
            return Err(Error::new("0LP01", message).at(*at));
        }
        found.insert(privilege);
    }
    Ok(found)
}

/// The privileges of a schema: `create` is the owner's alone, and stays so.
fn schema_privileges(written: &[Written]) -> Result<BTreeSet<Privilege>> {
    let kept: Vec<&Written> = written.iter().filter(|w| w.word.as_deref() != Some("create")).collect();
    let usage = BTreeSet::from([Privilege::Usage]);
    let mut found = BTreeSet::new();
    for written in kept {
        found.extend(privileges(std::slice::from_ref(written), &usage, "schema")?);
    }
    Ok(found)
}

/// A privilege by its word.
pub(super) fn privilege(word: &str) -> Result<Privilege> {
    let unrecognized = || Error::new("42601", format!("unrecognized privilege type \"{word}\""));
    Privilege::ALL.into_iter().find(|privilege| privilege.word() == word).ok_or_else(unrecognized)
}
