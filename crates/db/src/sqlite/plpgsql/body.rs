//! One run of a body: its statements in order.

use basalt_core::{Error, Result};
use basalt_sql::compile::body::{Code, Gives, Place, Shape};
use basalt_sql::compile::trigger::Firing;
use basalt_sql::plpgsql::ast::{Block, Diagnostic, Handler, Into, Leave, Query, RowName, Sql, Statement, Target};
use basalt_types::{Value, codec};
use rusqlite::Connection;

use super::super::memory::Gathered;
use super::super::run::{self, Params};
use super::super::schema::Schema;
use super::super::{error, session};
use super::Values;
use super::dynamic::Asked;
use super::host::Host;
use super::pieces::{Given, one_value};

/// A run.
pub(in crate::sqlite) struct Body<'b> {
    pub(super) connection: &'b Connection,
    pub(super) host: Host<'b>,
    pub(super) code: &'b Code,
    /// The trigger that fires it, if one does.
    pub(super) firing: Option<&'b Firing>,
    pub(super) values: Values,
    /// The errors that are being handled, innermost last.
    pub(super) handled: Vec<Error>,
    /// The rows that it gives back so far.
    rows: Gathered,
    /// How many rows the last statement met.
    pub(super) count: u64,
    /// How many turns its loops have taken.
    pub(super) turns: u64,
}

/// How a statement ended.
pub(super) enum Flow<'b> {
    Next,
    /// The function ends; of a trigger with one of these rows, unless it has gathered one.
    Return(&'b [RowName]),
    Leave(&'b Leave),
}

impl<'b> Body<'b> {
    pub(super) fn new(connection: &'b Connection, host: Host<'b>, code: &'b Code, first: Vec<Value>) -> Self {
        let mut values = Values::new(code, first);
        if let Some(found) = code.frame.own("found") {
            values.set(found, false.into());
        }
        let (handled, rows) = (Vec::new(), Gathered::default());
        Body { connection, host, code, firing: None, values, handled, rows, count: 0, turns: 0 }
    }

    /// A run for a trigger's row: the columns as they are to be or have become, and as they were. Either may be missing.
    pub fn of_trigger(
        connection: &'b Connection,
        schema: &'b Schema,
        firing: &'b Firing,
        (new, old): (Vec<Value>, Vec<Value>),
    ) -> Self {
        let layout = firing.code.first_layout();
        let mut first = vec![Value::Null; layout.size];
        for (places, row) in layout.places.iter().zip([new, old]) {
            first.splice(places.start..places.start + row.len(), row);
        }
        Body { firing: Some(firing), ..Body::new(connection, Host::Schema(schema), &firing.code, first) }
    }

    /// A run for a call's arguments.
    pub fn of_call(connection: &'b Connection, schema: &'b Schema, code: &'b Code, args: Vec<Value>) -> Self {
        let layout = code.first_layout();
        let mut first = vec![Value::Null; layout.size];
        let mut args = args.into_iter();
        for at in code.inputs() {
            first[layout.places[*at].clone()].fill_with(|| args.next().unwrap_or_default());
        }
        Body::new(connection, Host::Schema(schema), code, first)
    }

    /// Runs a trigger's: which of the rows it returns, if the trigger's condition holds; `None` when that does not.
    ///
    /// Errors: those of its statements; what it raises; 2F005 when it does not return.
    pub fn fire(mut self, has: impl Fn(RowName) -> bool) -> Result<Option<Option<Vec<Value>>>> {
        if let Some(firing) = self.firing {
            let mut holds = true;
            self.host.with(|schema| {
                let Some(condition) = firing.condition(&schema.catalog)? else { return Ok(()) };
                run::rows_of(self.connection, schema, condition, Params::Frame(&self.values.flat), |row| {
                    holds = row.get::<_, Option<bool>>(0).map_err(error::translate)?.unwrap_or_default();
                    Ok(())
                })
                .map(drop)
            })?;
            if !holds {
                return Ok(None);
            }
        }
        let depth = session::with(|session| session.trigger_depth.replace(session.trigger_depth.get() + 1));
        let flow = self.block(&self.code.body.block);
        session::with(|session| session.trigger_depth.set(depth));
        let Flow::Return(rows) = flow? else {
            return Err(Error::new("2F005", "control reached end of trigger procedure without RETURN"));
        };
        if let Some(mut row) = self.rows.pop() {
            // Behind the fields is whether the row is there.
            let is_there = row.pop().is_some_and(|mark| !mark.is_null());
            return Ok(Some(is_there.then_some(row)));
        }
        let row = rows.iter().find(|row| has(**row));
        Ok(Some(row.map(|row| self.values.of(*row as usize).to_vec())))
    }

    /// Runs a call's: the rows that it gives.
    ///
    /// Errors: those of its statements; what it raises; 2F005 when it does not return what it has to.
    pub fn run(mut self) -> Result<Gathered> {
        let flow = self.block(&self.code.body.block)?;
        let outcome = &self.code.outcome;
        if outcome.is_set {
            return Ok(self.rows);
        }
        if !outcome.out.is_empty() {
            return Ok(vec![self.out_row()].into());
        }
        match (&outcome.columns, flow) {
            (None, _) => Ok(vec![vec![String::new().into()]].into()),
            (Some(_), Flow::Return(_)) => Ok(self.rows),
            (Some(_), _) => Err(Error::new("2F005", "control reached end of function without RETURN")),
        }
    }

    /// The values of the OUT parameters. A row beside others is one value; by itself it is the function's row.
    fn out_row(&self) -> Vec<Value> {
        let out = &self.code.outcome.out;
        let value = |at: &usize| {
            let values = self.values.of(*at);
            let Some(shape) = &self.values.layout.shapes[*at] else { return values.to_vec() };
            match values.split_at(shape.len()) {
                (fields, _) if out.len() == 1 => fields.to_vec(),
                (_, [Value::Null]) => vec![Value::Null],
                (fields, _) => vec![codec::record_of(fields.iter().map(Value::as_ref))],
            }
        };
        out.iter().flat_map(value).collect()
    }

    fn block(&mut self, block: &'b Block) -> Result<Flow<'b>> {
        let flow = if block.handlers.is_empty() { self.block_body(block)? } else { self.guarded(block)? };
        Ok(match flow {
            Flow::Leave(leave) if leave.label.is_some() && leave.label == block.label => Flow::Next,
            flow => flow,
        })
    }

    /// A block with handlers. What it wrote is undone before one of them runs; a function that only reads needs no savepoint.
    fn guarded(&mut self, block: &'b Block) -> Result<Flow<'b>> {
        let writes = session::with(|session| session.sequences.borrow().is_some() && session.running.get() == 0);
        if writes {
            self.command("SAVEPOINT handled")?;
        }
        let mark = self.host.mark();
        let done = self.block_body(block);
        let Err(failure) = done else {
            if writes {
                self.command("RELEASE handled")?;
            }
            return done;
        };
        let is_lost = writes && self.connection.is_autocommit();
        // Whoever handles it: a savepoint that was left here would be the one that a block around this one goes back to.
        if writes && !is_lost {
            self.command("ROLLBACK TO handled")?;
            self.command("RELEASE handled")?;
        }
        let handler = block.handlers.iter().find(|handler| handles(handler, &failure));
        let Some(handler) = handler.filter(|_| !is_lost) else { return Err(failure) };
        if self.host.undo(mark)? {
            self.code.forget();
        }
        for (place, text) in handler.knows.iter().zip([failure.code(), failure.message()]) {
            self.values.set(self.code.frame.declared(*place), text.to_owned().into());
        }
        self.handled.push(failure);
        let flow = self.statements(&handler.statements);
        self.handled.pop();
        flow
    }

    fn block_body(&mut self, block: &'b Block) -> Result<Flow<'b>> {
        for declared in &block.declared {
            let place = self.code.place_of(&self.values.layout, self.code.frame.declared(*declared), None)?;
            match &self.code.body.variables[*declared].value {
                Some(sql) => self.assign(&place, sql)?,
                None => self.values.put(self.code, &place, None, Vec::new())?,
            }
        }
        self.statements(&block.statements)
    }

    pub(super) fn statements(&mut self, statements: &'b [Statement]) -> Result<Flow<'b>> {
        for statement in statements {
            match self.statement(statement)? {
                Flow::Next => {}
                ended => return Ok(ended),
            }
        }
        Ok(Flow::Next)
    }

    fn statement(&mut self, statement: &'b Statement) -> Result<Flow<'b>> {
        match statement {
            Statement::Assign(target, sql) => {
                let place = self.code.place(&self.values.layout, target)?;
                self.assign(&place, sql)?;
            }
            Statement::If(branches, otherwise) => {
                for (condition, statements) in branches {
                    if self.holds(condition)? {
                        return self.statements(statements);
                    }
                }
                return self.statements(otherwise);
            }
            Statement::Run(sql) | Statement::Perform(sql) => {
                let is_run = matches!(statement, Statement::Run(_));
                let given = self.given(sql, if is_run { &Gives::Nothing } else { &Gives::Found }, 0)?;
                self.count = given.count;
                self.found(given.count > 0);
            }
            Statement::Set(sql) => drop(self.given(sql, &Gives::Found, 0)?),
            Statement::Into(sql, into) => self.into(sql, into)?,
            Statement::Execute(dynamic, into) => self.execute(dynamic, into.as_ref())?,
            Statement::Raise(raise) => self.raise(raise)?,
            Statement::ReturnRow(rows) => return Ok(Flow::Return(rows)),
            Statement::Return(value) => {
                if let Some(sql) = value {
                    self.rows = match self.row(sql) {
                        // As a trigger's row it is NULL.
                        Err(_) if self.firing.is_some() && self.code.is_unassigned(&self.values.layout, sql) => {
                            Gathered::default()
                        }
                        row => vec![row?].into(),
                    };
                }
                return Ok(Flow::Return(&[]));
            }
            Statement::ReturnNext(value) => {
                let row = match value {
                    Some(sql) => self.row(sql)?,
                    None => self.out_row(),
                };
                self.rows.gather(row)?;
            }
            Statement::ReturnQuery(query) => {
                let gives = self.code.returned_rows();
                let given = match query {
                    Query::Static(sql) => self.given(sql, &gives, usize::MAX)?,
                    Query::Dynamic(dynamic) => self.dynamic(dynamic, &gives, usize::MAX, Asked::All)?,
                };
                self.count = given.count;
                self.found(given.count > 0);
                self.rows.join(given.rows);
            }
            Statement::Loop(looped) => return self.looped(looped),
            Statement::Leave(leave) => {
                let is_meant = leave.when.as_ref().map_or(Ok(true), |when| self.holds(when))?;
                return Ok(if is_meant { Flow::Leave(leave) } else { Flow::Next });
            }
            Statement::Diagnostics(items) => {
                for (target, item) in items {
                    self.diagnose(target, *item)?;
                }
            }
            Statement::Define(sql) => self.define(&sql.text).map_err(|error| {
                let place = error.position().map(|at| sql.at + at);
                error.elsewhere(place)
            })?,
            Statement::Block(block) => return self.block(block),
            Statement::Nothing => {}
        }
        Ok(Flow::Next)
    }

    pub(super) fn assign(&mut self, place: &Place, sql: &Sql) -> Result<()> {
        let mut given = self.given(sql, &Code::assigned(place), 2)?;
        one_value(sql, &given)?;
        self.values.put(self.code, place, given.columns, given.rows.pop().unwrap_or_default())
    }

    fn into(&mut self, sql: &Sql, into: &Into) -> Result<()> {
        let (places, gives) = self.code.places(&self.values.layout, &into.targets)?;
        let given = self.given(sql, &gives, 2)?;
        self.take(&places, given, into.strict)
    }

    /// Assigns the first of a statement's rows; NULLs where it has none.
    pub(super) fn take(&mut self, places: &[Place], mut given: Given, strict: bool) -> Result<()> {
        match given.rows.len() {
            0 if strict => return Err(Error::new("P0002", "query returned no rows")),
            2.. if strict || given.wrote => {
                let hint = "Make sure the query returns a single row, or use LIMIT 1.";
                return Err(Error::new("P0003", "query returned more than one row").with_hint(hint));
            }
            _ => {}
        }
        self.count = given.rows.len().min(1) as u64;
        self.found(!given.rows.is_empty());
        let row = if given.rows.is_empty() { Vec::new() } else { given.rows.swap_remove(0) };
        self.spread(places, given.columns, row)
    }

    /// Assigns a row: to one place, or cell by cell.
    pub(super) fn spread(&mut self, places: &[Place], columns: Option<Shape>, row: Vec<Value>) -> Result<()> {
        if let [place] = places {
            let row = match place {
                // One of a statement without rows is there, of nulls.
                Place::Row(_, shape) if row.is_empty() => {
                    vec![Value::Null; shape.as_ref().or(columns.as_ref()).map_or(0, |shape| shape.len())]
                }
                _ => row,
            };
            return self.values.put(self.code, place, columns, row);
        }
        let mut cells = row.into_iter();
        places.iter().try_for_each(|place| {
            let cell = cells.next().unwrap_or_default();
            self.values.put(self.code, place, None, vec![cell])
        })
    }

    fn diagnose(&mut self, target: &Target, item: Diagnostic) -> Result<()> {
        let place = self.code.place(&self.values.layout, target)?;
        let handled = self.handled.last();
        if handled.is_none() && !matches!(item, Diagnostic::RowCount | Diagnostic::Context) {
            let message = "GET STACKED DIAGNOSTICS cannot be used outside an exception handler";
            return Err(Error::new("0Z002", message));
        }
        let object = handled.and_then(Error::object);
        let text = |text: Option<&str>| Value::from(text.unwrap_or_default().to_owned());
        let value = match item {
            Diagnostic::RowCount => Value::from(i64::try_from(self.count).unwrap_or(i64::MAX)),
            Diagnostic::ReturnedSqlstate => text(handled.map(Error::code)),
            Diagnostic::MessageText => text(handled.map(Error::message)),
            Diagnostic::Detail => text(handled.and_then(Error::detail)),
            Diagnostic::Hint => text(handled.and_then(Error::hint)),
            Diagnostic::ConstraintName => text(handled.and_then(Error::constraint)),
            Diagnostic::ColumnName => text(object.and_then(|object| object.column.as_deref())),
            Diagnostic::DatatypeName => text(object.and_then(|object| object.datatype.as_deref())),
            Diagnostic::SchemaName => text(object.and_then(|object| object.schema.as_deref())),
            Diagnostic::TableName => text(object.and_then(|object| object.table.as_deref())),
            Diagnostic::Context => text(None),
        };
        self.values.put(self.code, &place, None, vec![value])
    }

    pub(super) fn found(&mut self, found: bool) {
        if let Some(variable) = self.code.frame.own("found") {
            self.values.set(variable, found.into());
        }
    }

    /// Runs a definition.
    pub(super) fn define(&mut self, sql: &str) -> Result<()> {
        self.host.define(sql)?;
        self.code.forget();
        Ok(())
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
