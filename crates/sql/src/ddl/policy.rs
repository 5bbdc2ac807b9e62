//! Row policies (PostgreSQL manual, `create policy`).

use basalt_core::{Error, Result};
use sqlparser::ast::Expr;

use super::{Change, source};
use crate::catalog::{Name, PUBLIC, Policy, PolicyCommand, Relation};
use crate::compile;

impl Change<'_> {
    pub(super) fn create_policy(&mut self) -> Result<()> {
        let part = self.part("policy")?;
        let relation = self.find_table(&part.table)?;
        if has(&relation, &part.name) {
            return Err(part.taken(&part.name));
        }
        let name = part.name;
        let mut policy =
            Policy { name, permissive: true, command: PolicyCommand::All, roles: Vec::new(), using: None, check: None };
        if self.cursor.accept("as") {
            match self.cursor.accept_any(&["permissive", "restrictive"]) {
                Some(word) => policy.permissive = word == "permissive",
                None => return Err(self.cursor.unexpected()),
            }
        }
        if self.cursor.accept("for") {
            policy.command = match self.cursor.accept_any(&["all", "select", "insert", "update", "delete"]) {
                Some("all") => PolicyCommand::All,
                Some("select") => PolicyCommand::Select,
                Some("insert") => PolicyCommand::Insert,
                Some("update") => PolicyCommand::Update,
                Some(_) => PolicyCommand::Delete,
                None => return Err(self.cursor.unexpected()),
            };
        }
        self.policy_body(&relation, &mut policy)?;
        self.relation_mut(&relation.name)?.policies.push(policy);
        Ok(())
    }

    /// `to roles using (...) with check (...)`.
    fn policy_body(&mut self, relation: &Relation, policy: &mut Policy) -> Result<()> {
        if self.cursor.accept("to") {
            policy.roles = vec![self.role()?];
            while self.cursor.accept_token(&sqlparser::tokenizer::Token::Comma) {
                let role = self.role()?;
                policy.roles.push(role);
            }
            if policy.roles.iter().any(|role| role == PUBLIC) {
                policy.roles.clear();
            }
        }
        let at = self.cursor.offset();
        if self.cursor.accept("using") {
            if policy.command == PolicyCommand::Insert {
                return Err(Error::new("42601", "only WITH CHECK expression allowed for INSERT").at(at));
            }
            policy.using = Some(self.policy_expr(relation)?);
        }
        let at = self.cursor.offset();
        if self.cursor.accept("with check") {
            if matches!(policy.command, PolicyCommand::Select | PolicyCommand::Delete) {
                return Err(Error::new("42601", "WITH CHECK cannot be applied to SELECT or DELETE").at(at));
            }
            policy.check = Some(self.policy_expr(relation)?);
        }
        Ok(())
    }

    fn policy_expr(&mut self, relation: &Relation) -> Result<String> {
        let at = self.cursor.offset();
        let mut expr: Expr = self.cursor.parenthesized()?;
        source::qualify_over(&mut expr, &self.catalog, &self.session.search_path, Some(relation));
        compile::check_policy_expr(&self.catalog, relation, &expr, self.cursor.sql()).map_err(|e| e.at(at))?;
        Ok(self.source(Some(relation), expr))
    }

    pub(super) fn alter_policy(&mut self) -> Result<()> {
        let part = self.part("policy")?;
        let relation = self.find_table(&part.table)?;
        let place = relation.policies.iter().position(|p| p.name == part.name).ok_or_else(|| part.missing())?;
        let mut policy = relation.policies[place].clone();
        if let Some(to) = self.rename_to()? {
            if has(&relation, &to) {
                return Err(part.taken(&to));
            }
            policy.name = to;
        } else {
            self.policy_body(&relation, &mut policy)?;
        }
        self.relation_mut(&relation.name)?.policies[place] = policy;
        Ok(())
    }

    pub(super) fn drop_policy(&mut self) -> Result<()> {
        match self.dropped_part("policy", has)? {
            Some((part, relation)) => self.remove_policy(&relation.name, &part.name),
            None => Ok(()),
        }
    }

    pub(super) fn remove_policy(&mut self, table: &Name, policy: &str) -> Result<()> {
        self.relation_mut(table)?.policies.retain(|p| p.name != policy);
        Ok(())
    }
}

fn has(relation: &Relation, policy: &str) -> bool {
    relation.policies.iter().any(|p| p.name == policy)
}

/// An error about a piece of a statement, pointing at where the piece stands.
pub(super) fn moved(error: Error, at: usize) -> Error {
    let mut moved = Error::new(error.code().to_owned(), error.message().to_owned()).at(at);
    if let Some(detail) = error.detail() {
        moved = moved.with_detail(detail.to_owned());
    }
    if let Some(hint) = error.hint() {
        moved = moved.with_hint(hint.to_owned());
    }
    moved
}
