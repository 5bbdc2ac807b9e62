//! `do $$ ... $$` in a script: a block in PL/pgSQL, whose definitions are the script's.

use std::cell::RefCell;
use std::sync::Arc;

use basalt_core::Result;
use basalt_sql::Catalog;
use basalt_sql::compile::body::Code;
use basalt_sql::plpgsql::Anonymous;

use super::script::Script;
use crate::sqlite::migrating::{self, Defining, Schema};

impl Script<'_> {
    /// Runs a block.
    ///
    /// Errors: those of its statements; what is no PL/pgSQL, and a definition that is refused, has its place in the statement.
    pub(super) fn block(&mut self, block: &Anonymous) -> Result<()> {
        let connection = self.connection;
        let code = Code::of_block(&self.catalog, &block.body, &self.session.search_path);
        let done = code.and_then(|code| migrating::run_block(connection, &Running(RefCell::new(self)), &code));
        done.map_err(|error| {
            let place = error.position().map(|at| block.at + at);
            error.elsewhere(place)
        })
    }
}

/// A script while its block runs.
struct Running<'s, 'w>(RefCell<&'s mut Script<'w>>);

impl Defining for Running<'_, '_> {
    fn schema(&self) -> Result<Arc<Schema>> {
        let mut script = self.0.borrow_mut();
        script.watch()?;
        Ok(script.schema().clone())
    }

    fn define(&self, sql: &str) -> Result<()> {
        self.0.borrow_mut().define(sql)
    }

    fn catalog(&self) -> Catalog {
        self.0.borrow().catalog.clone()
    }

    fn restore(&self, catalog: Catalog) -> Result<()> {
        self.0.borrow_mut().restore(catalog)
    }
}
