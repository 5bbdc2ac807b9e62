//! Pieces of SQL while a body runs: their values and rows, and whether they may write.

use basalt_core::{Error, Result};
use basalt_sql::Program;
use basalt_sql::compile::body::{Code, Gives, Shape, shape_of_columns};
use basalt_sql::plpgsql::ast::Sql;
use basalt_types::{Value, Volatility};
use rusqlite::Connection;

use super::super::memory::Gathered;
use super::super::run::{self, Params};
use super::super::schema::Schema;
use super::super::{error, session};
use super::body::Body;
use super::host::Host;

/// Rows that a piece of SQL gave.
pub(super) struct Given {
    /// As many as were wanted.
    pub rows: Gathered,
    /// Their columns, where they are as they are.
    pub columns: Option<Shape>,
    /// How many there were, or were written.
    pub count: u64,
    /// Whether it wrote.
    pub wrote: bool,
}

impl Body<'_> {
    pub(super) fn holds(&mut self, condition: &Sql) -> Result<bool> {
        Ok(self.value(condition, &Gives::condition())? == Value::Int(1))
    }

    /// The value of an expression: NULL where it is a query without rows.
    pub(super) fn value(&mut self, sql: &Sql, gives: &Gives) -> Result<Value> {
        let mut given = self.given(sql, gives, 2)?;
        one_value(sql, &given)?;
        Ok(given.rows.pop().and_then(|row| row.into_iter().next()).unwrap_or_default())
    }

    /// What RETURN and RETURN NEXT give.
    pub(super) fn row(&mut self, sql: &Sql) -> Result<Vec<Value>> {
        let mut given = self.given(sql, &self.code.returned(), 2)?;
        one_value(sql, &given)?;
        let width = self.code.outcome.columns.as_ref().map_or(1, |columns| columns.len());
        Ok(given.rows.pop().unwrap_or_else(|| vec![Value::Null; width]))
    }

    /// Runs a piece of SQL: at most so many of its rows.
    ///
    /// Errors: the SQL's; 57014 when the statement has to stop; 54000 when its rows are more than the statement may hold.
    pub(super) fn given(&mut self, sql: &Sql, gives: &Gives, most: usize) -> Result<Given> {
        session::check_time()?;
        if self.firing.is_some_and(|firing| firing.is_told(sql.id)) {
            return Ok(Given { rows: Gathered::default(), columns: None, count: 0, wrote: false });
        }
        // A script shows where a statement of its block stands.
        let place = matches!(self.host, Host::Script(_)).then_some(sql.at);
        self.host
            .with(|schema| {
                let program = self.code.program(&schema.catalog, &self.values.layout, sql, gives)?;
                let params = Params::Frame(&self.values.flat);
                run_program(self.connection, schema, self.code, (&program, params), most)
            })
            .map_err(|error| error.elsewhere(place))
    }
}

/// Runs a program of a function's.
pub(super) fn run_program(
    connection: &Connection,
    schema: &Schema,
    code: &Code,
    (program, params): (&Program, Params<'_>),
    most: usize,
) -> Result<Given> {
    check_writing(code, program)?;
    let (mut rows, mut count) = (Gathered::default(), 0);
    let written = run::rows_of(connection, schema, program, params, |row| {
        count += 1;
        if rows.len() < most {
            let columns = row.as_ref().column_count();
            let row = run::owned(row, columns).map_err(error::translate)?;
            // A row by itself counts where it goes to.
            if most == usize::MAX {
                rows.gather(row)?;
            } else {
                rows.push(row);
            }
        }
        Ok(())
    })?;
    let columns = (!program.columns.is_empty()).then(|| shape_of_columns(&program.columns));
    Ok(Given { rows, columns, count: written.max(count), wrote: program.writes })
}

/// Refuses a write where nothing may be written: in a function that is not volatile (0A000), in a transaction that only reads (25006), and
/// while a statement of SQLite's is under way (0A000).
fn check_writing(code: &Code, program: &Program) -> Result<()> {
    if !program.writes && program.locks.is_none() {
        return Ok(());
    }
    let command = program.steps.iter().find_map(|step| step.probe.as_ref()).map(|probe| probe.command);
    let command = match command {
        Some(command) => command.word(),
        // A function that writes by itself judges by itself.
        None if program.writes => return Ok(()),
        None => error::LOCKING,
    };
    if code.volatility != Volatility::Volatile {
        return Err(Error::new("0A000", format!("{command} is not allowed in a non-volatile function")));
    }
    let (only_reads, is_running) = session::with(|session| {
        (session.read_only.get() || session.sequences.borrow().is_none(), session.running.get() > 0)
    });
    if only_reads {
        return Err(error::read_only(command));
    }
    if is_running && program.writes {
        let what = format!("a write by function {}, which is called while a query runs,", code.function);
        return Err(Error::unsupported(what, "Call the function by itself, or in a loop of another one."));
    }
    Ok(())
}

/// 21000 for an expression that is a query of several rows.
pub(super) fn one_value(sql: &Sql, given: &Given) -> Result<()> {
    match given.rows.len() {
        0 | 1 => Ok(()),
        _ => Err(Error::new("21000", format!("query \"{}\" returned more than one row", sql.text.trim()))),
    }
}
