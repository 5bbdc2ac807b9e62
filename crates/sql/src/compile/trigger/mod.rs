//! What a trigger function's body runs: its pieces of SQL, compiled over the row that fired it.
//!
//! A run of a body keeps its values in a [`Frame`]. Each piece is compiled for it: `new.a` and variables are SQLite parameters
//! of these places, so that the same program serves every row. A piece is compiled when it first runs, as PostgreSQL does: what is
//! never reached need not make sense for this table.

mod check;
mod frame;
mod pieces;

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use basalt_core::{Error, Operation, Result};
use basalt_types::{Type, Typmod, Value};

use super::Compiler;
use super::row;
use super::scope::{Arguments, Scope};
use super::typed::Typed;
use crate::catalog::{Relation, Routine, Trigger};
use crate::plpgsql::ast::{Block, Body, Sql, Statement, Target};
use crate::program::Bind;
use crate::{Catalog, Name, Program, plpgsql, telling};
pub use check::check;
pub use frame::{Frame, Variable};
use pieces::Gives;
pub(crate) use pieces::parse_over_rows;

/// Arguments of a trigger that are known at least: NULL where it has fewer.
const ARGUMENTS: usize = 16;

/// Whose rights a statement has, and where it looks names up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Who {
    /// The role that runs the statement.
    pub caller: String,
    /// `current_user`: the caller, or the owner of a definer function around.
    pub user: String,
    /// Where unqualified names are looked up.
    pub search_path: Vec<String>,
}

/// A trigger's function, for one of its operations.
#[derive(Debug)]
pub struct Firing {
    /// The table.
    pub relation: Arc<Relation>,
    /// The trigger.
    pub trigger: Trigger,
    /// The function's body.
    pub body: Body,
    /// Where its values are.
    pub frame: Frame,
    operation: Operation,
    /// Whose rights the condition is asked with, and the function's own.
    asking: Who,
    running: Who,
    condition: OnceLock<Result<Option<Program>>>,
    pieces: Vec<Piece>,
}

/// A piece of the body.
#[derive(Debug)]
struct Piece {
    sql: Sql,
    /// What is wanted of it.
    gives: Result<Gives>,
    /// Whether it is told from the change log, and not run.
    is_told: bool,
    program: OnceLock<Result<Program>>,
}

impl Firing {
    /// Looks up what a trigger runs when an operation fires it.
    ///
    /// Errors: 42883 when the function is gone; those of [`plpgsql::parse`]; 42704 for an unknown type of a variable.
    pub fn new(
        catalog: &Catalog,
        relation: &Arc<Relation>,
        trigger: &Trigger,
        operation: Operation,
        asking: &Who,
    ) -> Result<Firing> {
        let routine = routine(catalog, &trigger.function)?;
        let body = plpgsql::parse(&routine.body)?;
        let running = Who {
            user: if routine.security_definer { routine.owner.clone() } else { asking.user.clone() },
            search_path: routine.search_path().unwrap_or_else(|| asking.search_path.clone()),
            caller: asking.caller.clone(),
        };
        let frame = Frame::new(catalog, &running.search_path, relation, &body.block)?;
        let told = if trigger.after.is_empty() { HashSet::new() } else { telling::pieces(&body) };
        let pieces = wanted(&body.block, relation, &frame).into_iter().map(|(mut sql, gives)| {
            if let Some(text) = telling::sending(&sql.text, operation) {
                sql.text = text;
            }
            Piece { is_told: told.contains(&sql.id), sql, gives, program: OnceLock::new() }
        });
        let mut pieces: Vec<Piece> = pieces.collect();
        pieces.sort_by_key(|piece| piece.sql.id);
        Ok(Firing {
            relation: relation.clone(),
            trigger: trigger.clone(),
            body,
            frame,
            operation,
            asking: asking.clone(),
            running,
            condition: OnceLock::new(),
            pieces,
        })
    }

    /// The place of what is assigned to, and what it holds.
    ///
    /// Errors: 42601 for what is no variable, 42703 for a column that the row has not.
    pub fn target(&self, target: &Target) -> Result<(usize, Variable)> {
        self.frame.target(&self.relation, target)
    }

    /// The trigger's WHEN, if it has one: a program whose row is one boolean.
    ///
    /// Errors: PostgreSQL's own.
    pub fn condition(&self, catalog: &Catalog) -> Result<Option<&Program>> {
        let compiled = self.condition.get_or_init(|| {
            let when = self.trigger.run.as_ref().and_then(|run| run.when.as_deref());
            when.map(|when| self.compile(catalog, &self.asking, when, &Gives::When)).transpose()
        });
        compiled.as_ref().map(Option::as_ref).map_err(Clone::clone)
    }

    /// The program of a piece of the body; none for what is told from the change log.
    ///
    /// Errors: PostgreSQL's own.
    pub fn program(&self, catalog: &Catalog, sql: &Sql) -> Result<Option<&Program>> {
        let piece = self.pieces.get(sql.id).ok_or_else(|| Error::internal("a piece of a body went missing"))?;
        if piece.is_told {
            return Ok(None);
        }
        let compile =
            || self.compile(catalog, &self.running, &piece.sql.text, piece.gives.as_ref().map_err(Clone::clone)?);
        piece.program.get_or_init(compile).as_ref().map(Some).map_err(Clone::clone)
    }

    fn compile(&self, catalog: &Catalog, who: &Who, text: &str, gives: &Gives) -> Result<Program> {
        let mut compiler = Compiler::new(catalog, &who.caller, &who.search_path, text);
        compiler.forget_positions();
        let standing: Vec<Bind> = (0..self.frame.size()).map(Bind::Param).collect();
        let mut scope = Scope::new(None);
        scope.args = Some(Rc::new(self.names()));
        compiler.as_user(&who.user, |compiler| {
            compiler.with_standing(standing, |compiler| pieces::bind(compiler, &scope, text, gives))
        })?;
        Ok(compiler.finish(Vec::new()))
    }

    /// What the names of a body mean.
    fn names(&self) -> Arguments {
        let place = |at: usize, ty: &Type, typmod: Option<Typmod>| {
            let mut typed = Typed::new(format!("?{}", at + 1), ty.clone());
            typed.typmod = typmod;
            typed
        };
        let row = |places: std::ops::Range<usize>| {
            let columns = self.relation.columns.iter().zip(places);
            row::record(
                columns.map(|(column, at)| (column.name.clone(), place(at, &column.ty, column.typmod))).collect(),
            )
        };
        let (relation, trigger) = (&self.relation.name, &self.trigger);
        let mut values =
            vec![("new".to_owned(), row(self.frame.new_row())), ("old".to_owned(), row(self.frame.old_row()))];
        for (at, variable) in (self.frame.old_row().end..).zip(&self.frame.variables) {
            values.push((variable.name.clone(), place(at, &variable.ty, variable.typmod)));
        }
        let is_before = trigger.run.as_ref().is_some_and(|run| run.before);
        let texts = [
            ("tg_op", self.operation.to_string().to_uppercase()),
            ("tg_name", trigger.name.clone()),
            ("tg_when", if is_before { "BEFORE" } else { "AFTER" }.to_owned()),
            ("tg_level", "ROW".to_owned()),
            ("tg_table_name", relation.name.clone()),
            ("tg_relname", relation.name.clone()),
            ("tg_table_schema", relation.schema.clone()),
        ];
        values.extend(texts.map(|(name, text)| (name.to_owned(), Typed::constant(Value::from(text), Type::TEXT))));
        let count = i64::try_from(trigger.args.len()).unwrap_or_default();
        values.push(("tg_nargs".to_owned(), Typed::constant(Value::from(count), Type::INT4)));
        for at in 0..trigger.args.len().max(ARGUMENTS) {
            let argument = Typed::constant(Value::from(trigger.args.get(at).cloned()), Type::TEXT);
            values.push((format!("tg_argv{at}"), argument));
        }
        Arguments { function: trigger.function.name.clone(), values, numbered: false }
    }
}

/// The function of a trigger.
///
/// Errors: 42883 when it is gone.
fn routine<'c>(catalog: &'c Catalog, name: &Name) -> Result<&'c Arc<Routine>> {
    let found = catalog.routines(&name.schema, &name.name).iter().find(|routine| routine.inputs().next().is_none());
    found.ok_or_else(|| Error::new("42883", format!("function {}() does not exist", name.name)))
}

/// All pieces of a body, with what is wanted of each.
fn wanted(block: &Block, relation: &Relation, frame: &Frame) -> Vec<(Sql, Result<Gives>)> {
    let place = |target: &Target| frame.target(relation, target).map(|(_, variable)| variable);
    let declared = |block: &Block| {
        let values = block.declared.iter().filter_map(|declared| {
            let target = Target { row: None, name: declared.name.clone(), at: declared.at };
            Some((declared.value.clone()?, place(&target).map(Gives::Value)))
        });
        values.collect::<Vec<_>>()
    };
    let mut found = declared(block);
    block.each_statement(&mut |statement| match statement {
        Statement::Assign(target, sql) => found.push((sql.clone(), place(target).map(Gives::Value))),
        Statement::If(branches, _) => {
            found.extend(branches.iter().map(|(condition, _)| (condition.clone(), Ok(Gives::condition()))));
        }
        Statement::Run(sql) | Statement::Perform(sql) => found.push((sql.clone(), Ok(Gives::Nothing))),
        Statement::Into(sql, targets, _) => {
            found.push((sql.clone(), targets.iter().map(place).collect::<Result<Vec<_>>>().map(Gives::Row)));
        }
        Statement::Raise(raise) => {
            let texts = raise.args.iter().chain(raise.options.iter().map(|(_, value)| value));
            found.extend(texts.map(|sql| (sql.clone(), Ok(Gives::text()))));
        }
        Statement::Block(block) => found.extend(declared(block)),
        Statement::Return(_) | Statement::Nothing => {}
    });
    found
}
