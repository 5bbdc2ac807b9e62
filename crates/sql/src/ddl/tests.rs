//! SQL in; catalog facts and actions out.

mod alter;
mod create;
mod depend;
mod privilege;
mod publication;

use basalt_core::{Error, Result};

use super::{Action, Session, apply, bootstrap, is_definition};
use crate::catalog::{Catalog, Relation};
use crate::script::{Piece, split};

/// A database that a script has run against.
struct Database {
    catalog: Catalog,
    session: Session,
}

impl Database {
    fn new(script: &str) -> Self {
        let mut database = Database { catalog: bootstrap(), session: Session::default() };
        database.run(script).unwrap_or_else(|error| panic!("{error} at {:?}", error.position()));
        database
    }

    fn run(&mut self, script: &str) -> Result<Vec<Action>> {
        let mut actions = Vec::new();
        for piece in split(script)? {
            if let Piece::Statement { sql, .. } = piece
                && is_definition(sql)
            {
                actions.extend(apply(&mut self.catalog, &mut self.session, sql)?);
            }
        }
        Ok(actions)
    }

    /// The error of a statement that has to fail.
    fn error(&mut self, script: &str) -> Error {
        self.run(script).expect_err(script)
    }

    fn relation(&self, name: &str) -> &Relation {
        let (schema, name) = name.split_once('.').unwrap_or(("public", name));
        self.catalog.relation(schema, name).unwrap_or_else(|| panic!("no relation {name}"))
    }

    /// Names of the relation's constraints.
    fn constraints(&self, name: &str) -> Vec<&str> {
        self.relation(name).constraints.iter().map(|c| c.name.as_str()).collect()
    }

    fn columns(&self, name: &str) -> Vec<&str> {
        self.relation(name).columns.iter().map(|c| c.name.as_str()).collect()
    }
}

/// The SQLite statements among the actions.
fn sql(actions: &[Action]) -> Vec<&str> {
    actions
        .iter()
        .flat_map(|action| match action {
            Action::Sql(sql) => vec![sql.as_str()],
            Action::Rebuild(list) => list.iter().map(String::as_str).collect(),
            _ => Vec::new(),
        })
        .collect()
}
