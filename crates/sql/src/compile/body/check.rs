//! Whether a body could run, as far as that can be told when its function is made.

use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::Type;

use super::{Code, Gives, Layout, Place, Shape, Slot, Who};
use crate::Catalog;
use crate::catalog::Routine;
use crate::definition_path;
use crate::plpgsql::ast::{Block, Into, Over, Query, Sql, Statement, Target};
use crate::program::OutputColumn;

/// What is made of an error in a piece.
pub(in crate::compile) type Judge<'j> = dyn FnMut(&Sql, Error) -> Result<()> + 'j;

/// Checks a function in PL/pgSQL: its RETURNs, the variables that it assigns to, and that its pieces are SQL that the embedded engine
/// has. What they name may come later.
///
/// Errors: 42601 and 42804 where PostgreSQL has them when a function is made, with their byte offset in the body; 0A000 with the line.
pub fn check_function(catalog: &Catalog, routine: &Routine) -> Result<()> {
    let search_path = definition_path(&routine.name.schema);
    let who = Who { caller: routine.owner.clone(), user: routine.owner.clone(), search_path };
    let code = Code::of_function(catalog, routine, &who)?;
    check_statements(&code)?;
    simulate(catalog, &code, &mut |sql, error| match error.code() {
        "0A000" => Err(placed(error, &routine.name.name, &routine.body, sql.at)),
        "42601" if error.message().starts_with("syntax error") => {
            let at = sql.at + error.position().unwrap_or_default();
            Err(error.elsewhere(Some(at.min(routine.body.len()))))
        }
        _ => Ok(()),
    })
}

/// What PostgreSQL says of the statements when they are read.
pub(super) fn check_statements(code: &Code) -> Result<()> {
    let mut checked = Ok(());
    code.body.block.each_statement(&mut |statement| {
        if checked.is_ok() {
            checked = check_statement(code, statement);
        }
    });
    checked
}

/// What PostgreSQL says of a statement when its function is made.
fn check_statement(code: &Code, statement: &Statement) -> Result<()> {
    let layout = code.first_layout();
    let known = |target: &Target| match code.place(&layout, target) {
        Err(error) if matches!(error.code(), "55000" | "42703") => Ok(()),
        other => other.map(drop).map_err(|error| error.at(target.at)),
    };
    let outcome = &code.outcome;
    match statement {
        Statement::Return(value) => match value {
            Some(sql) if outcome.is_set => {
                let hint = "Use RETURN NEXT or RETURN QUERY.";
                refused("42804", "RETURN cannot have a parameter in function returning set", Some(sql))
                    .map_err(|error| error.with_hint(hint))
            }
            Some(sql) if outcome.columns.is_none() => {
                refused("42804", "RETURN cannot have a parameter in function returning void", Some(sql))
            }
            Some(sql) if !outcome.out.is_empty() => {
                refused("42804", "RETURN cannot have a parameter in function with OUT parameters", Some(sql))
            }
            None if !outcome.is_set && outcome.columns.is_some() && outcome.out.is_empty() => {
                refused("42601", "missing expression at or near \";\"", None)
            }
            _ => Ok(()),
        },
        Statement::ReturnNext(value) => match value {
            _ if !outcome.is_set => refused("42804", "cannot use RETURN NEXT in a non-SETOF function", value.as_ref()),
            Some(sql) if !outcome.out.is_empty() => {
                refused("42804", "RETURN NEXT cannot have a parameter in function with OUT parameters", Some(sql))
            }
            None if outcome.out.is_empty() => refused("42601", "missing expression at or near \";\"", None),
            _ => Ok(()),
        },
        Statement::ReturnQuery(_) if !outcome.is_set => {
            refused("42804", "cannot use RETURN QUERY in a non-SETOF function", None)
        }
        Statement::Assign(target, _) => known(target),
        Statement::Into(_, into) | Statement::Execute(_, Some(into)) => into.targets.iter().try_for_each(known),
        Statement::Diagnostics(items) => items.iter().try_for_each(|(target, _)| known(target)),
        Statement::Loop(looped) => match &looped.over {
            Over::Rows(targets, _) => targets.iter().try_for_each(known).map_err(|error| {
                let message = "loop variable of loop over rows must be a record variable or list of scalar variables";
                Error::new("42601", message).at(error.position().unwrap_or_default())
            }),
            Over::Elements(target, ..) => known(target),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

fn refused(code: &'static str, message: &'static str, sql: Option<&Sql>) -> Result<()> {
    let error = Error::new(code, message);
    Err(match sql {
        Some(sql) => error.at(sql.at),
        None => error,
    })
}

/// Compiles the pieces of a body in their order, with the columns that records have by then; what depends on a record whose columns
/// are not known is passed over. `judge` is told of each error.
pub(in crate::compile) fn simulate(catalog: &Catalog, code: &Code, judge: &mut Judge<'_>) -> Result<()> {
    let mut run = Simulation { catalog, code, layout: code.first_layout(), judge };
    run.block(&code.body.block)
}

struct Simulation<'s, 'j> {
    catalog: &'s Catalog,
    code: &'s Code,
    layout: Arc<Layout>,
    judge: &'s mut Judge<'j>,
}

impl Simulation<'_, '_> {
    fn block(&mut self, block: &Block) -> Result<()> {
        for place in &block.declared {
            let Some(sql) = &self.code.body.variables[*place].value else { continue };
            let place = self.code.place_of(&self.layout, self.code.frame.declared(*place), None);
            self.assign(sql, place)?;
        }
        self.statements(&block.statements)?;
        block.handlers.iter().try_for_each(|handler| self.statements(&handler.statements))
    }

    fn statements(&mut self, statements: &[Statement]) -> Result<()> {
        statements.iter().try_for_each(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &Statement) -> Result<()> {
        match statement {
            Statement::Assign(target, sql) => {
                let place = self.code.place(&self.layout, target);
                self.assign(sql, place)
            }
            Statement::If(branches, otherwise) => {
                for (condition, statements) in branches {
                    self.piece(condition, &Gives::condition())?;
                    self.statements(statements)?;
                }
                self.statements(otherwise)
            }
            Statement::Run(sql) => self.piece(sql, &Gives::Nothing).map(drop),
            Statement::Perform(sql) | Statement::Set(sql) => self.piece(sql, &Gives::Found).map(drop),
            Statement::Into(sql, Into { targets, .. }) => self.into(targets, sql),
            Statement::Raise(raise) => {
                let texts = raise.args.iter().chain(raise.options.iter().map(|(_, value)| value));
                texts.into_iter().try_for_each(|sql| self.piece(sql, &Gives::text()).map(drop))
            }
            Statement::Return(Some(sql)) | Statement::ReturnNext(Some(sql)) => {
                self.piece(sql, &self.code.returned()).map(drop)
            }
            Statement::ReturnQuery(Query::Static(sql)) => self.piece(sql, &self.code.returned_rows()).map(drop),
            Statement::Loop(looped) => {
                match &looped.over {
                    Over::Ever => {}
                    Over::While(sql) => drop(self.piece(sql, &Gives::condition())?),
                    Over::Range { from, to, by, .. } => {
                        for sql in [from, to].into_iter().chain(by) {
                            self.piece(sql, &Gives::integer())?;
                        }
                    }
                    Over::Rows(targets, Query::Static(sql)) => self.into(targets, sql)?,
                    Over::Rows(_, Query::Dynamic(dynamic)) => drop(self.piece(&dynamic.text, &Gives::text())?),
                    Over::Elements(target, rows, is_null) => {
                        self.piece(is_null, &Gives::condition())?;
                        self.into(std::slice::from_ref(target), rows)?;
                    }
                }
                self.statements(&looped.statements)
            }
            Statement::Leave(leave) => {
                leave.when.iter().try_for_each(|sql| self.piece(sql, &Gives::condition()).map(drop))
            }
            Statement::Execute(dynamic, _) | Statement::ReturnQuery(Query::Dynamic(dynamic)) => {
                self.piece(&dynamic.text, &Gives::text())?;
                dynamic.using.iter().try_for_each(|sql| self.piece(sql, &Gives::Plain).map(drop))
            }
            Statement::Block(block) => self.block(block),
            Statement::Return(None)
            | Statement::ReturnNext(None)
            | Statement::ReturnRow(_)
            | Statement::Diagnostics(_)
            | Statement::Define(_)
            | Statement::Nothing => Ok(()),
        }
    }

    fn assign(&mut self, sql: &Sql, place: Result<Place>) -> Result<()> {
        match place {
            Ok(place) => {
                let columns = self.piece(sql, &Code::assigned(&place))?;
                self.shape(&place, columns);
                Ok(())
            }
            Err(error) if error.code() == "55000" => Ok(()),
            Err(error) => (self.judge)(sql, error),
        }
    }

    fn into(&mut self, targets: &[Target], sql: &Sql) -> Result<()> {
        match self.code.places(&self.layout, targets) {
            Ok((places, gives)) => {
                let columns = self.piece(sql, &gives)?;
                if let [place] = places.as_slice() {
                    self.shape(place, columns);
                }
                Ok(())
            }
            Err(error) if error.code() == "55000" => Ok(()),
            Err(error) => (self.judge)(sql, error),
        }
    }

    /// Gives a record the columns that it is assigned.
    fn shape(&mut self, place: &Place, columns: Vec<OutputColumn>) {
        if let Place::Row(at, None) = place {
            let mut shapes = self.layout.shapes.clone();
            shapes[*at] = (!columns.is_empty()).then(|| shape_of_columns(&columns));
            self.layout = self.code.layout(shapes);
        }
    }

    fn piece(&mut self, sql: &Sql, gives: &Gives) -> Result<Vec<OutputColumn>> {
        match self.code.program(self.catalog, &self.layout, sql, gives) {
            Ok(program) => Ok(program.columns.clone()),
            Err(error) if error.code() == "55000" => Ok(Vec::new()),
            Err(error) => (self.judge)(sql, error).map(|()| Vec::new()),
        }
    }
}

/// A row of a program's columns.
pub fn shape_of_columns(columns: &[OutputColumn]) -> Shape {
    let slot = |column: &OutputColumn| match column.ty == Type::UNKNOWN {
        true => Slot::new(&column.name, Type::TEXT),
        false => Slot::new(&column.name, column.ty.clone()),
    };
    Arc::new(columns.iter().map(slot).collect())
}

/// Whether the error is that something is not there yet or may not be read yet, or is of a value, which may never be reached.
pub(in crate::compile) fn may_come(error: &Error) -> bool {
    matches!(error.code(), "42P01" | "42703" | "3F000" | "42704" | "42501" | "42702") || error.code().starts_with("22")
}

/// An error with the function's line in its message.
pub(in crate::compile) fn placed(error: Error, function: &str, body: &str, at: usize) -> Error {
    let line = body[..body.floor_char_boundary(at)].matches('\n').count() + 1;
    let message = format!("{} (line {line} of the body of {function})", error.message());
    error.with_message(message).elsewhere(None)
}
