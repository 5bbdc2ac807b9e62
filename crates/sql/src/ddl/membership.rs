//! Memberships of roles (PostgreSQL manual, `grant role to role`).

use basalt_core::{Error, Result};
use sqlparser::tokenizer::Token;

use super::Change;
use super::grant::Written;

impl Change<'_> {
    /// The roles before `to` or `from`.
    pub(super) fn parents(&mut self, written: Vec<Written>) -> Result<Vec<String>> {
        let mut parents = Vec::new();
        for written in written {
            let role = written.word.ok_or_else(|| self.cursor.unexpected())?;
            self.check_role(&role).map_err(|e| e.at(written.at))?;
            parents.push(role);
        }
        Ok(parents)
    }

    /// `grant parents` read; `to role, ...` and options follow.
    pub(super) fn grant_membership(&mut self, parents: &[String]) -> Result<()> {
        let at = self.cursor.offset();
        let members = self.members("to")?;
        let inherit = self.membership_options()?;
        self.granted_by()?;
        for member in members {
            for parent in parents {
                if self.catalog.memberships(parent).contains(member.as_str()) {
                    let message = format!("role \"{parent}\" is a member of role \"{member}\"");
                    return Err(Error::new("0LP01", message).at(at));
                }
                if let Some(role) = self.catalog.roles.get_mut(&member) {
                    role.member_of.insert(parent.clone());
                    if let Some(inherit) = inherit {
                        role.inherit_options.insert(parent.clone(), inherit);
                    }
                }
            }
        }
        Ok(())
    }

    /// `revoke parents` read; `from role, ...` follows.
    pub(super) fn revoke_membership(&mut self, parents: &[String]) -> Result<()> {
        for member in self.former_members()? {
            if let Some(role) = self.catalog.roles.get_mut(&member) {
                role.member_of.retain(|parent| !parents.contains(parent));
                role.inherit_options.retain(|parent, _| !parents.contains(parent));
            }
        }
        Ok(())
    }

    /// `revoke inherit option for` read; `parents from role, ...` follows.
    pub(super) fn revoke_inherit_option(&mut self) -> Result<()> {
        let written = self.written_privileges()?;
        let parents = self.parents(written)?;
        for member in self.former_members()? {
            if let Some(role) = self.catalog.roles.get_mut(&member) {
                let held = parents.iter().filter(|parent| role.member_of.contains(*parent));
                role.inherit_options.extend(held.map(|parent| (parent.clone(), false)));
            }
        }
        Ok(())
    }

    fn former_members(&mut self) -> Result<Vec<String>> {
        let members = self.members("from")?;
        self.granted_by()?;
        let _ = self.cursor.accept_any(&["cascade", "restrict"]);
        Ok(members)
    }

    fn members(&mut self, word: &str) -> Result<Vec<String>> {
        self.cursor.expect(word)?;
        let mut roles = vec![self.role()?];
        while self.cursor.accept_token(&Token::Comma) {
            let role = self.role()?;
            roles.push(role);
        }
        Ok(roles)
    }

    /// `with admin option, inherit false, ...`: what is said of inheriting.
    fn membership_options(&mut self) -> Result<Option<bool>> {
        let mut inherit = None;
        if !self.cursor.accept("with") {
            return Ok(inherit);
        }
        loop {
            let Some(option) = self.cursor.accept_any(&["admin", "inherit", "set"]) else {
                return Err(self.cursor.unexpected());
            };
            let Some(value) = self.cursor.accept_any(&["option", "true", "false"]) else {
                return Err(self.cursor.unexpected());
            };
            let value = value != "false";
            match option {
                "inherit" => inherit = Some(value),
                "set" if !value => {
                    return Err(self.lacking("GRANT ... WITH SET FALSE", "Grant the role's privileges themselves."));
                }
                _ => {}
            }
            if !self.cursor.accept_token(&Token::Comma) {
                return Ok(inherit);
            }
        }
    }

    fn granted_by(&mut self) -> Result<()> {
        if self.cursor.accept("granted by") {
            self.role()?;
        }
        Ok(())
    }
}
