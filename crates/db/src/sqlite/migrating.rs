//! What scripts need of the engine: the writer's parts, under one roof.

use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_sql::Catalog;
use basalt_sql::compile::body::Code;
use basalt_types::codec;
use rusqlite::Connection;

pub(crate) use super::diagnose::broken_key;
use super::functions::with_context;
pub(crate) use super::plpgsql::Defining;
pub(crate) use super::programs::Compiled;
pub(crate) use super::run::statement;
pub(crate) use super::schema::Schema;
use super::sequences::Sequences;
use super::value::stored;
use super::writer::Writer;
use super::{changes, collations, diagnose, error, plpgsql, run, schema, session};
use crate::migrate::Service;

/// Starts the session of a script.
pub(crate) fn start(catalog: &Catalog) {
    run::start_owner(catalog);
    changes::begin();
}

/// Whether sessions can begin with a setting.
///
/// Errors: 22023 for an unknown time zone.
pub(crate) fn judge_setting(name: &str, value: &str) -> Result<()> {
    match name {
        "timezone" => session::time_zone(value).map(drop),
        _ => Ok(()),
    }
}

/// Whether what is written from now on fires no triggers: it is no change by anybody.
pub(crate) fn be_quiet(quiet: bool) {
    session::with(|session| session.is_quiet.set(quiet));
}

/// Runs a SELECT as the owner and hands each row to `take` as a line of COPY's text format.
pub(crate) fn copy_lines(
    connection: &Connection,
    schema: &Schema,
    select: &str,
    mut take: impl FnMut(&str),
) -> Result<()> {
    let program = basalt_sql::compile::compile(&schema.catalog, basalt_core::Identity::OWNER, &[], select)?;
    let compiled = Compiled::new(program, schema);
    let columns = &compiled.program.columns;
    let (mut line, mut text) = (String::new(), String::new());
    run::with_rows(connection, schema, &compiled, &[], |row| {
        line.clear();
        for (index, column) in columns.iter().enumerate() {
            line.push_str(if index > 0 { "\t" } else { "" });
            let value = row.get_ref(index).and_then(stored).map_err(error::translate)?;
            if value.is_null() {
                line.push_str("\\N");
                continue;
            }
            text.clear();
            with_context(|context| codec::to_text(&column.ty, value, context, &mut text));
            push_escaped(&mut line, &text);
        }
        line.push('\n');
        take(&line);
        Ok(())
    })
    .map(drop)
}

/// Appends a field of COPY's text format (PostgreSQL manual, `COPY`, "Text Format").
fn push_escaped(line: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c => line.push(c),
        }
    }
}

/// Runs a block of a script.
pub(crate) fn run_block(connection: &Connection, script: &dyn Defining, code: &Code) -> Result<()> {
    plpgsql::run_block(connection, script, code)
}

/// Registers the collations of a catalog's enumerations.
pub(crate) fn register_enums(connection: &Connection, catalog: &Catalog) -> Result<()> {
    collations::register_enums(connection, catalog).map_err(error::translate)
}

/// Changes the sequences.
pub(crate) fn sequences(change: impl FnOnce(&mut Sequences) -> Result<()>) -> Result<()> {
    session::with(|session| session.sequences.borrow_mut().as_mut().map_or(Ok(()), change))
}

/// What a failed definition means: rows that are there already may violate a new constraint.
pub(crate) fn definition_error(catalog: &Catalog, failure: rusqlite::Error) -> Error {
    match diagnose::Violation::of(&failure) {
        Some(violation) => diagnose::existing(catalog, &violation).unwrap_or_else(|| error::translate(failure)),
        None => error::translate(failure),
    }
}

impl Writer {
    /// The schema as it is now.
    pub(crate) fn schema(&self) -> Arc<Schema> {
        self.shared.schema.load()
    }

    /// The services whose schemas the database holds.
    pub(crate) fn services(&self) -> Vec<Service> {
        self.shared.options.services.clone()
    }

    /// Commits a script's transaction and shows its catalog to everyone. `trusts`: rows were written that no key is to look at.
    pub(crate) fn publish(&mut self, catalog: Catalog, trusts: bool) -> Result<()> {
        let sqlite = &self.connection.sqlite;
        schema::save(sqlite, &catalog)?;
        session::with(|session| {
            session.sequences.borrow().as_ref().map_or(Ok(()), |sequences| sequences.flush(sqlite))
        })
        .map_err(error::translate)?;
        let new = Schema::new(catalog);
        let judged = Some(&new).filter(|_| !trusts);
        if let Some(broken) = judged.and_then(|new| diagnose::deferred(sqlite, new, &self.shared.file)) {
            return Err(broken);
        }
        self.shared.schema.change(new, || self.connection.command("COMMIT"))?;
        session::with(|session| session.sequences.borrow_mut().as_mut().map(Sequences::flushed));
        self.tell();
        self.shared.stats.group(1);
        Ok(())
    }

    /// Undoes a script: its transaction, its sequences, its collations.
    pub(crate) fn abandon(&mut self, schema: &Schema) {
        if !self.connection.sqlite.is_autocommit()
            && let Err(error) = self.connection.command("ROLLBACK")
        {
            tracing::error!(%error, "a script's transaction can't be rolled back");
            self.reopen();
        }
        self.connection.forget_version();
        let sequences = Sequences::load(&self.connection.sqlite, &schema.catalog);
        match sequences {
            Ok(sequences) => session::with(|session| *session.sequences.borrow_mut() = Some(sequences)),
            Err(error) => tracing::error!(%error, "the sequences can't be read"),
        }
    }
}
