//! Calls of functions in PL/pgSQL, which the engine interprets.
//!
//! One that may write, or that gives rows, runs once, as a step before the statement that calls it. Any other is a function of SQLite's to
//! the statement, so that it can stand in policies and be asked for each row.

use std::collections::{HashMap, HashSet};
use std::ptr;

use basalt_core::{Error, Result};
use basalt_types::{Type, Volatility};
use sqlparser::tokenizer::Token;

use super::compiler::{Compiler, parameters, sets};
use super::parse::tokens;
use super::row;
use super::scope::{CteColumn, Scope};
use super::select::BoundQuery;
use super::steps::Captured;
use super::typed::{CastContext, Form, Typed};
use crate::catalog::{Catalog, Routine};
use crate::program::{Called, Callee, Output, Step};
use crate::quote;

impl Compiler<'_> {
    /// The value that a function gives.
    ///
    /// Errors: 0A000 where it would run for each row of a query, but writes or gives a row, and in what SQLite keeps.
    pub(super) fn interpreted_value(
        &mut self,
        scope: &Scope<'_>,
        routine: &Routine,
        args: Vec<Typed>,
    ) -> Result<Typed> {
        refuse_trigger(routine)?;
        let is_row = matches!(routine.returns, Type::Record(_));
        if matches!(&routine.returns, Type::Record(fields) if fields.is_empty()) {
            let what = format!("function {} that returns a record in an expression", routine.name.name);
            return Err(Error::unsupported(what, "Call it in FROM with its columns: from f() as t (a int, b text)."));
        }
        self.sets |= sets(&routine.body);
        let may_write = may_write(self.catalog, routine);
        if self.detached || !scope.allows_subqueries() {
            return Err(kept(scope, routine));
        }
        if may_write || is_row {
            let in_query = scope.levels().any(|level| !level.sources.is_empty());
            if in_query && (may_write || args.iter().any(|arg| !arg.sources.is_empty())) {
                return Err(for_each_row(routine, if may_write { "may write" } else { "gives a row" }));
            }
            return self.stepped_value(routine, args);
        }
        let callee = quote::literal(&self.named(routine));
        let args = self.passed(routine, args)?;
        let list: Vec<&str> = std::iter::once(callee.as_str()).chain(args.iter().map(|arg| arg.sql.as_str())).collect();
        let sql = format!("pg_interpreted({})", list.join(", "));
        self.calls = true;
        let mut value = Typed::over(sql, routine.returns.clone(), &args);
        value.leakproof = false;
        value.volatile |= routine.volatility == Volatility::Volatile;
        value.stable |= routine.volatility == Volatility::Stable;
        if !value.volatile && value.sources.is_empty() {
            // SQLite asks a subquery of no row once.
            value.sql = format!("(SELECT {})", value.sql);
        }
        Ok(value)
    }

    fn stepped_value(&mut self, routine: &Routine, args: Vec<Typed>) -> Result<Typed> {
        let query = self.interpreted_rows(routine, args)?;
        let is_row = matches!(routine.returns, Type::Record(_));
        let field = |column: &super::select::BoundColumn| {
            let sql = format!("(SELECT {} FROM ({}))", quote::ident(&column.sqlite), query.sql);
            Typed { typmod: column.typmod, ..Typed::over(sql, column.ty.clone(), [&query.effects]) }
        };
        match (is_row, query.columns.as_slice()) {
            (false, [column]) => Ok(field(column)),
            (_, columns) => {
                Ok(row::record(columns.iter().map(|column| (column.name.clone(), field(column))).collect()))
            }
        }
    }

    /// The rows that a function gives, which runs in a step before the current one.
    ///
    /// Errors: 0A000 for arguments of a query's rows.
    pub(super) fn interpreted_rows(&mut self, routine: &Routine, args: Vec<Typed>) -> Result<BoundQuery> {
        refuse_trigger(routine)?;
        if args.iter().any(|arg| !arg.sources.is_empty()) {
            return Err(for_each_row(routine, "gives rows"));
        }
        self.sets |= sets(&routine.body);
        let callee = self.named(routine);
        let args = self.passed(routine, args)?;
        self.writes |= may_write(self.catalog, routine);
        let slot = self.slot();
        let values: Vec<&str> = args.iter().map(|arg| arg.sql.as_str()).collect();
        let sql = format!("SELECT {}", if values.is_empty() { "NULL".to_owned() } else { values.join(", ") });
        let mut binds = self.binds().to_vec();
        binds.truncate(parameters(&sql));
        let output = Output::Called(Box::new(Called { slot, callee }));
        self.before_this_step(|compiler| {
            compiler.steps.push(Step { sql, binds, output, probe: None, fires: None, counts: None });
            Ok(())
        })?;
        let columns = self.result_columns(routine).into_iter().enumerate().map(|(at, (name, ty, typmod))| CteColumn {
            name,
            sqlite: format!("c{at}"),
            ty,
            typmod,
            not_null: false,
            collated: false,
            leakproof: true,
            source: None,
        });
        Ok(Captured { slot, columns: columns.collect() }.query(!routine.returns_set))
    }

    /// Arguments as the function's variables take them: a row's fields one by one, and whether it is there.
    fn passed(&mut self, routine: &Routine, args: Vec<Typed>) -> Result<Vec<Typed>> {
        let mut passed = Vec::with_capacity(args.len());
        for (param, arg) in routine.inputs().zip(args) {
            let relation = param.relation.as_ref().and_then(|name| self.catalog.relations.get(name));
            let fields: Vec<String> = match (relation, &param.ty) {
                (Some(relation), _) => relation.columns.iter().map(|column| column.name.clone()).collect(),
                (None, Type::Record(fields)) => fields.iter().map(|(name, _)| name.clone()).collect(),
                (None, ty) => {
                    passed.push(self.coerce(arg, &ty.clone(), None, CastContext::Assignment)?);
                    continue;
                }
            };
            for name in fields {
                passed.push(match arg.is_null_literal() {
                    true => arg.clone(),
                    false => self.field(&arg, &name)?,
                });
            }
            passed.push(row::mark(&arg));
        }
        for arg in &mut passed {
            if let Form::Column(..) = arg.form {
                arg.form = Form::Other;
            }
        }
        Ok(passed)
    }

    /// What the engine knows the function by.
    fn named(&self, routine: &Routine) -> String {
        let (function, inputs, returns) = (routine.name.clone(), routine.input_types(), routine.returns.clone());
        let callee = Callee { function, inputs, returns, who: self.who() };
        super::cast::json(&callee)
    }
}

fn refuse_trigger(routine: &Routine) -> Result<()> {
    match routine.is_fired() {
        true => Err(Error::new("0A000", "trigger functions can only be called as triggers")),
        false => Ok(()),
    }
}

/// What SQLite keeps can't be interpreted: 0A000 over a table's columns. A default is not kept then (42P17), but compiled into each write.
fn kept(scope: &Scope<'_>, routine: &Routine) -> Error {
    let name = &routine.name.name;
    if scope.levels().all(|level| level.sources.is_empty()) {
        return Error::new("42P17", format!("function {name} is interpreted"));
    }
    let what = format!("function {name} in PL/pgSQL in a check, index or generated column");
    Error::unsupported(
        what,
        "Write it in language sql, or the expression itself; or check it in a trigger before the row.",
    )
}

fn for_each_row(routine: &Routine, does: &str) -> Error {
    let what =
        format!("function {} in PL/pgSQL, which {does} and is called for each row of a query,", routine.name.name);
    let instead = match does {
        "may write" => {
            "If it only reads, declare it `stable`, and the functions that it calls; otherwise call it without a query, or in a \
             function in a loop over the rows."
        }
        _ => "Call it with constants, parameters or variables; in a function, in a loop over the rows.",
    };
    Error::unsupported(what, instead)
}

/// What has a body write, and what runs SQL that nobody has read.
const WRITES: [&str; 8] = ["insert", "update", "delete", "merge", "execute", "nextval", "setval", "share"];

/// Whether a function may write: by its own words or those of the functions that it names. Errs towards yes.
fn may_write(catalog: &Catalog, routine: &Routine) -> bool {
    let mut by_name: HashMap<&str, Vec<&Routine>> = HashMap::new();
    for (name, routines) in &catalog.functions {
        by_name.entry(&name.name).or_default().extend(routines.iter().map(|routine| &**routine));
    }
    let mut seen = HashSet::new();
    let mut next = vec![routine];
    while let Some(routine) = next.pop() {
        if !seen.insert(ptr::from_ref(routine)) {
            continue;
        }
        let Ok(found) = tokens(&routine.body) else { return true };
        for token in found {
            let Token::Word(word) = token.token else { continue };
            let name = if word.quote_style.is_some() { word.value } else { word.value.to_ascii_lowercase() };
            // PostgreSQL has a function that is not volatile write nothing by itself.
            if WRITES.contains(&name.as_str()) && routine.volatility == Volatility::Volatile {
                return true;
            }
            next.extend(by_name.get(name.as_str()).into_iter().flatten());
        }
    }
    false
}
