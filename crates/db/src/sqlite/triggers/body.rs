//! Runs a trigger function's body for one row.

use basalt_core::{Error, Result};
use basalt_sql::compile::trigger::{Firing, Variable};
use basalt_sql::plpgsql::ast::{Block, Handler, RowName, Sql, Statement, Strict, Target};
use basalt_types::Value;
use rusqlite::Connection;

use super::super::error;
use super::super::run::{self, Params};
use super::super::schema::Schema;

/// A row that fires a trigger: the columns as they are to be or have become, and as they were. Either may be missing.
#[derive(Default)]
pub(super) struct Row {
    pub new: Vec<Value>,
    pub old: Vec<Value>,
}

/// One run of a body.
pub(super) struct Body<'b> {
    connection: &'b Connection,
    schema: &'b Schema,
    firing: &'b Firing,
    /// The values of the frame.
    pub(super) values: Vec<Value>,
    /// Which rows there are.
    has_new: bool,
    has_old: bool,
    /// The errors that are being handled, innermost last.
    pub(super) handled: Vec<Error>,
}

/// How a statement ended.
enum Flow<'b> {
    Next,
    Return(&'b [RowName]),
}

impl<'b> Body<'b> {
    /// A run for a row.
    pub fn new(connection: &'b Connection, schema: &'b Schema, firing: &'b Firing, row: Row) -> Self {
        let (has_new, has_old) = (!row.new.is_empty(), !row.old.is_empty());
        let frame = &firing.frame;
        let mut values = row.new;
        values.resize(frame.new_row().end, Value::Null);
        values.extend(row.old);
        values.resize(frame.size(), Value::Null);
        if let Some(found) = frame.variable("found") {
            values[found] = false.into();
        }
        Body { connection, schema, firing, values, has_new, has_old, handled: Vec::new() }
    }

    /// Runs it: the row that it returns, if the trigger's condition holds; the outer `None` when that does not.
    ///
    /// Errors: those of its statements; what it raises; 2F005 when it does not return.
    pub fn run(mut self) -> Result<Option<Option<Vec<Value>>>> {
        if let Some(condition) = self.firing.condition(&self.schema.catalog)? {
            let mut holds = false;
            run::rows_of(self.connection, self.schema, condition, Params::Frame(&self.values), |row| {
                holds = row.get::<_, Option<bool>>(0).map_err(error::translate)?.unwrap_or_default();
                Ok(())
            })?;
            if !holds {
                return Ok(None);
            }
        }
        match self.block(&self.firing.body.block)? {
            Flow::Return(rows) => Ok(Some(self.returned(rows))),
            Flow::Next => Err(Error::new("2F005", "control reached end of trigger procedure without RETURN")),
        }
    }

    /// The first of these rows that there is.
    fn returned(mut self, rows: &[RowName]) -> Option<Vec<Value>> {
        let there = rows.iter().find(|row| match row {
            RowName::New => self.has_new,
            RowName::Old => self.has_old,
        });
        let range = match there? {
            RowName::New => self.firing.frame.new_row(),
            RowName::Old => self.firing.frame.old_row(),
        };
        Some(self.values.drain(range).collect())
    }

    fn block(&mut self, block: &'b Block) -> Result<Flow<'b>> {
        if block.handlers.is_empty() {
            return self.block_body(block);
        }
        self.command("SAVEPOINT handled")?;
        let done = self.block_body(block);
        let Err(failure) = done else {
            self.command("RELEASE handled")?;
            return done;
        };
        let handler = block.handlers.iter().find(|handler| handles(handler, &failure));
        let Some(handler) = handler.filter(|_| !self.connection.is_autocommit()) else { return Err(failure) };
        self.command("ROLLBACK TO handled")?;
        self.command("RELEASE handled")?;
        for (name, text) in [("sqlstate", failure.code()), ("sqlerrm", failure.message())] {
            if let Some(place) = self.firing.frame.variable(name) {
                self.values[place] = text.to_owned().into();
            }
        }
        self.handled.push(failure);
        let flow = self.statements(&handler.statements);
        self.handled.pop();
        flow
    }

    fn block_body(&mut self, block: &'b Block) -> Result<Flow<'b>> {
        for declared in &block.declared {
            let target = Target { row: None, name: declared.name.clone(), at: declared.at };
            let (place, variable) = self.firing.target(&target)?;
            let value = match &declared.value {
                Some(sql) => self.value(sql)?,
                None => Value::Null,
            };
            self.put(place, &variable, value)?;
        }
        self.statements(&block.statements)
    }

    fn statements(&mut self, statements: &'b [Statement]) -> Result<Flow<'b>> {
        for statement in statements {
            if let returned @ Flow::Return(_) = self.statement(statement)? {
                return Ok(returned);
            }
        }
        Ok(Flow::Next)
    }

    fn statement(&mut self, statement: &'b Statement) -> Result<Flow<'b>> {
        match statement {
            Statement::Assign(target, sql) => {
                let (place, variable) = self.variable(target)?;
                let value = self.value(sql)?;
                self.put(place, &variable, value)?;
            }
            Statement::If(branches, otherwise) => {
                for (condition, statements) in branches {
                    if self.value(condition)? == Value::Int(1) {
                        return self.statements(statements);
                    }
                }
                return self.statements(otherwise);
            }
            Statement::Run(sql) | Statement::Perform(sql) => {
                let (rows, written) = self.rows(sql, usize::MAX)?;
                self.found(!rows.is_empty() || written > 0);
            }
            Statement::Into(sql, targets, strict) => self.into(sql, targets, *strict)?,
            Statement::Raise(raise) => self.raise(raise)?,
            Statement::Return(rows) => return Ok(Flow::Return(rows)),
            Statement::Block(block) => return self.block(block),
            Statement::Nothing => {}
        }
        Ok(Flow::Next)
    }

    fn into(&mut self, sql: &Sql, targets: &[Target], strict: Strict) -> Result<()> {
        let mut places = Vec::with_capacity(targets.len());
        for target in targets {
            places.push(self.variable(target)?);
        }
        let (mut rows, _) = self.rows(sql, 2)?;
        match (strict, rows.len()) {
            (Strict::Yes, 0) => return Err(Error::new("P0002", "query returned no rows")),
            (Strict::Yes, 2..) => {
                let hint = "Make sure the query returns a single row, or use LIMIT 1.";
                return Err(Error::new("P0003", "query returned more than one row").with_hint(hint));
            }
            _ => {}
        }
        self.found(!rows.is_empty());
        let row = if rows.is_empty() { vec![Value::Null; places.len()] } else { rows.swap_remove(0) };
        places.into_iter().zip(row).try_for_each(|((place, variable), value)| self.put(place, &variable, value))
    }

    /// What is assigned to. 22005 for a constant.
    fn variable(&self, target: &Target) -> Result<(usize, Variable)> {
        let (place, variable) = self.firing.target(target)?;
        match variable.constant {
            true => Err(Error::new("22005", format!("variable \"{}\" is declared CONSTANT", variable.name))),
            false => Ok((place, variable)),
        }
    }

    fn put(&mut self, place: usize, variable: &Variable, value: Value) -> Result<()> {
        if variable.not_null && value.is_null() {
            let message = format!("null value cannot be assigned to variable \"{}\" declared NOT NULL", variable.name);
            return Err(Error::new("22004", message));
        }
        self.values[place] = value;
        Ok(())
    }

    fn found(&mut self, found: bool) {
        if let Some(place) = self.firing.frame.variable("found") {
            self.values[place] = found.into();
        }
    }

    /// The value of an expression: NULL where it is a query without rows.
    pub(super) fn value(&mut self, sql: &Sql) -> Result<Value> {
        let (mut rows, _) = self.rows(sql, 2)?;
        match rows.len() {
            0 => Ok(Value::Null),
            1 => Ok(rows.swap_remove(0).into_iter().next().unwrap_or_default()),
            _ => {
                let message = format!("query \"{}\" returned more than one row", sql.text.trim());
                Err(Error::new("21000", message))
            }
        }
    }

    /// Runs a piece of SQL: at most so many of its rows, and how many it wrote.
    fn rows(&mut self, sql: &Sql, most: usize) -> Result<(Vec<Vec<Value>>, u64)> {
        let Some(program) = self.firing.program(&self.schema.catalog, sql)? else { return Ok((Vec::new(), 0)) };
        let mut rows = Vec::new();
        let written = run::rows_of(self.connection, self.schema, program, Params::Frame(&self.values), |row| {
            if rows.len() < most {
                let columns = row.as_ref().column_count();
                rows.push(run::owned(row, columns).map_err(error::translate)?);
            }
            Ok(())
        })?;
        Ok((rows, written))
    }

    fn command(&self, sql: &str) -> Result<()> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.raw_execute())
            .map_err(error::translate)?;
        Ok(())
    }
}

/// Whether a handler is for an error. What has the statement end, and a failed ASSERT, only its own name catches.
fn handles(handler: &Handler, failure: &Error) -> bool {
    let code = failure.code();
    if handler.codes.is_empty() {
        return !matches!(code, "57014" | "P0004") && !error::is_fatal(failure);
    }
    handler.codes.iter().any(|handled| {
        let class = handled.strip_suffix("000");
        handled == code || class.is_some_and(|class| code.starts_with(class))
    })
}
