//! Programs of several steps: data-modifying `with` queries, and functions that SQLite can't have inlined.
//!
//! Each step runs as one SQLite statement; rows that later steps read are captured and read as `pg_rows(slot)`.

use std::collections::BTreeSet;
use std::rc::Rc;

use basalt_core::{Error, Result};
use basalt_types::{Type, Typmod, Value};
use sqlparser::ast;

use super::Compiler;
use super::compiler::{Inlined, parameters};
use super::parse::parse_statement;
use super::routine::mismatch;
use super::scope::{Arguments, Cte, CteColumn, Scope};
use super::select::{BoundColumn, BoundQuery};
use super::typed::{CastContext, Form, Typed};
use super::types::{fold, split_name};
use super::write::{self, Wanted};
use crate::catalog::Routine;
use crate::program::{Bind, Output, OutputColumn, Step};
use crate::quote;
use crate::visit::any_relation;

/// How often a function may be entered again from its own body.
const MAX_REENTRY: usize = 2;

/// More steps than this are a recursion that does not end.
const MAX_STEPS: usize = 500;

/// A query, which may have data-modifying CTEs, becomes steps; `super::plain_query` does the plain case.
pub(super) fn query(compiler: &mut Compiler<'_>, query: &ast::Query) -> Result<Vec<OutputColumn>> {
    if !modifies(query) {
        return super::plain_query(compiler, query);
    }
    let wanted = Wanted { outer: None, output: &Output::Result, types: None };
    let columns = output(modifying_query(compiler, query, wanted)?);
    compiler.end_statement();
    Ok(columns)
}

/// INSERT, UPDATE or DELETE becomes steps.
pub(super) fn write(compiler: &mut Compiler<'_>, statement: &ast::Statement) -> Result<Vec<OutputColumn>> {
    let wanted = Wanted { outer: None, output: &Output::Result, types: None };
    let columns = output(write::write(compiler, statement, wanted)?);
    compiler.end_statement();
    Ok(columns)
}

/// Whether a function's body is one query that writes nothing by itself, so that it can stand where the function is called.
pub(super) fn is_inlinable(statements: &[ast::Statement]) -> bool {
    matches!(statements, [ast::Statement::Query(query)] if !modifies(query))
}

/// Rows that a function's steps captured.
pub(super) struct Captured {
    /// The slot of `pg_rows(slot)`.
    pub slot: usize,
    /// Its columns (`sqlite` is `c0`, ...).
    pub columns: Vec<CteColumn>,
}

impl Captured {
    /// They as a query.
    pub fn query(self, at_most_one: bool) -> BoundQuery {
        let mut effects = Typed::new("", Type::VOID);
        (effects.leakproof, effects.volatile) = (false, true);
        let names: Vec<String> = self.columns.iter().map(|column| quote::ident(&column.sqlite)).collect();
        let columns = self.columns.into_iter().map(|column| BoundColumn {
            name: column.name,
            sqlite: column.sqlite,
            ty: column.ty,
            typmod: column.typmod,
            not_null: column.not_null,
            collated: column.collated,
            leakproof: true,
            source: None,
        });
        BoundQuery {
            sql: format!("SELECT {} FROM pg_rows({})", names.join(", "), self.slot),
            columns: columns.collect(),
            at_most_one,
            protected: false,
            effects,
            value: None,
        }
    }
}

/// Runs a function that is more than one query (several statements, or writes) in steps before the current one, and keeps
/// the last statement's rows: exactly one, of NULLs if need be, unless the function returns a set. The arguments are over no
/// source. The role is the function's already.
///
/// Errors: 54001 for endless recursion, 42P13 when the last statement doesn't give the declared result.
pub(super) fn run_routine(
    compiler: &mut Compiler<'_>,
    routine: &Routine,
    statements: &[ast::Statement],
    args: Vec<Typed>,
) -> Result<Captured> {
    let inlined = Inlined::function(routine);
    let entered = compiler.inlining.iter().filter(|entered| **entered == inlined).count();
    if entered > MAX_REENTRY || compiler.steps.len() > MAX_STEPS {
        return Err(Error::new("54001", "stack depth limit exceeded"));
    }
    let mut values = Vec::new();
    for (param, arg) in routine.inputs().zip(args) {
        values.push((param.name.clone(), compiler.coerce(arg, &param.ty, None, CastContext::Assignment)?));
    }
    if routine.strict && values.iter().any(|(_, value)| !value.not_null) {
        return Err(Error::unsupported(
            format!("strict function {} has several statements or writes", routine.name.name),
            "Leave STRICT out, and say in the statements what a NULL argument does.",
        ));
    }
    let binds = compiler.binds().to_vec();
    compiler.inlining.push(inlined);
    let captured = compiler.before_this_step(|compiler| {
        let (values, standing) = pass_arguments(compiler, values, &binds);
        let args = Rc::new(Arguments::numbered(routine.name.name.clone(), values));
        compiler.with_standing(standing, |compiler| {
            compiler.deeper(|compiler| run_body(compiler, routine, statements, &args))
        })
    });
    compiler.inlining.pop();
    captured
}

/// Makes arguments steady for the statements of a body, each of which binds them as `?1`, `?2`, ...: what is neither a
/// constant nor bound already is computed once, in a step of its own. `binds` are those of the calling statement.
fn pass_arguments(
    compiler: &mut Compiler<'_>,
    args: Vec<(String, Typed)>,
    binds: &[Bind],
) -> (Vec<(String, Typed)>, Vec<Bind>) {
    let slot = compiler.slot();
    let mut computed: Vec<String> = Vec::new();
    let (mut passed, mut standing) = (Vec::new(), Vec::new());
    for (name, value) in args {
        if matches!(value.form, Form::Constant(_)) {
            passed.push((name, value));
            continue;
        }
        let parameter = value.sql.strip_prefix('?').and_then(|number| number.parse::<usize>().ok());
        let bound = parameter.and_then(|number| binds.get(number.checked_sub(1)?)).cloned();
        standing.push(bound.unwrap_or_else(|| {
            computed.push(value.sql.clone());
            Bind::Captured { slot, column: computed.len() - 1 }
        }));
        let mut steady = Typed::new(format!("?{}", standing.len()), value.ty);
        (steady.typmod, steady.not_null) = (value.typmod, value.not_null);
        passed.push((name, steady));
    }
    if !computed.is_empty() {
        let sql = format!("SELECT {}", computed.join(", "));
        let mut binds = binds.to_vec();
        binds.truncate(parameters(&sql));
        compiler.steps.push(Step { sql, binds, output: Output::Capture(slot), probe: None, fires: None, counts: None });
    }
    (passed, standing)
}

fn run_body(
    compiler: &mut Compiler<'_>,
    routine: &Routine,
    statements: &[ast::Statement],
    args: &Rc<Arguments>,
) -> Result<Captured> {
    let result = result_columns(compiler, routine);
    let types: Option<Vec<(Type, Option<Typmod>)>> =
        result.as_ref().map(|columns| columns.iter().map(|(_, ty, typmod)| (ty.clone(), *typmod)).collect());
    let slot = compiler.slot();
    let mut given = Vec::new();
    for (at, statement) in statements.iter().enumerate() {
        let wanted_output = match types {
            Some(_) if at + 1 == statements.len() => Output::Capture(slot),
            _ => Output::Discard,
        };
        let mut scope = Scope::new(None);
        scope.args = Some(args.clone());
        let types = types.as_deref().filter(|_| wanted_output != Output::Discard);
        given = body_statement(compiler, statement, Wanted { outer: Some(&scope), output: &wanted_output, types })?;
    }
    let Some(result) = result else { return Ok(void(compiler, routine)) };
    if given.len() != result.len() {
        return Err(mismatch(routine)
            .with_detail("Function's final statement must be SELECT or INSERT/UPDATE/DELETE RETURNING."));
    }
    let columns = given.into_iter().zip(result).map(|(column, (name, ..))| CteColumn { name, ..column }).collect();
    let captured = Captured { slot, columns };
    Ok(if routine.returns_set { captured } else { exactly_one(compiler, captured) })
}

/// Makes steps of a statement of a function's body.
///
/// Errors: 0A000 for what is neither a query nor a write.
pub(super) fn body_statement(
    compiler: &mut Compiler<'_>,
    statement: &ast::Statement,
    wanted: Wanted<'_>,
) -> Result<Vec<CteColumn>> {
    let columns = match statement {
        ast::Statement::Query(query) if modifies(query) => modifying_query(compiler, query, wanted),
        ast::Statement::Query(query) => query_step(compiler, query, wanted),
        ast::Statement::Insert(_)
        | ast::Statement::Update(_)
        | ast::Statement::Delete(_)
        | ast::Statement::Merge(_) => write::write(compiler, statement, wanted),
        other => Err(crate::refused_in_function(&other.to_string())),
    }?;
    compiler.end_statement();
    Ok(columns)
}

/// Name, type and modifier of each column that a function gives; `None` for void.
fn result_columns(compiler: &Compiler<'_>, routine: &Routine) -> Option<Vec<(String, Type, Option<Typmod>)>> {
    if routine.returns == Type::VOID {
        return None;
    }
    let relation = routine.returns_relation.as_ref().and_then(|name| compiler.catalog.relations.get(name));
    if let Some(relation) = relation {
        return Some(relation.columns.iter().map(|c| (c.name.clone(), c.ty.clone(), c.typmod)).collect());
    }
    Some(match &routine.returns {
        Type::Record(fields) => fields.iter().map(|(name, ty)| (name.clone(), ty.clone(), None)).collect(),
        ty => {
            let name = routine.outputs().next().map_or(&routine.name.name, |param| &param.name);
            vec![(name.clone(), ty.clone(), None)]
        }
    })
}

/// The one row of a void function.
fn void(compiler: &mut Compiler<'_>, routine: &Routine) -> Captured {
    let slot = compiler.slot();
    // A set of nothing has no rows, one nothing is one.
    let rows = if routine.returns_set { "SELECT NULL LIMIT 0" } else { "SELECT NULL" };
    compiler.end_step(rows.to_owned(), Output::Capture(slot), None);
    let null = Typed { ty: Type::VOID, ..Typed::constant(Value::Null, Type::VOID) };
    Captured { slot, columns: described([(routine.name.name.clone(), null)]) }
}

/// The first of captured rows, or one of NULLs.
fn exactly_one(compiler: &mut Compiler<'_>, captured: Captured) -> Captured {
    let slot = compiler.slot();
    let columns: Vec<&str> = captured.columns.iter().map(|column| column.sqlite.as_str()).collect();
    let columns = columns.join(", ");
    let first = format!("(SELECT {columns} FROM pg_rows({}) LIMIT 1)", captured.slot);
    let sql = format!("SELECT {columns} FROM (SELECT 1) LEFT JOIN {first}");
    compiler.end_step(sql, Output::Capture(slot), None);
    let columns = captured.columns.into_iter().map(|column| CteColumn { not_null: false, ..column }).collect();
    Captured { slot, columns }
}

/// Whether a query writes: as a whole, or in its `with`.
fn modifies(query: &ast::Query) -> bool {
    written(query).is_some()
        || query.with.as_ref().is_some_and(|with| with.cte_tables.iter().any(|cte| modifies(&cte.query)))
}

/// The write that stands where a query's body could.
fn written(query: &ast::Query) -> Option<&ast::Statement> {
    match &*query.body {
        ast::SetExpr::Insert(statement)
        | ast::SetExpr::Update(statement)
        | ast::SetExpr::Delete(statement)
        | ast::SetExpr::Merge(statement) => Some(statement),
        _ => None,
    }
}

/// A query with data-modifying CTEs, or WITH before a write: each CTE is a step whose rows are captured. Those that read no
/// data-modifying one run first, so that they see the tables as they were.
fn modifying_query(compiler: &mut Compiler<'_>, query: &ast::Query, wanted: Wanted<'_>) -> Result<Vec<CteColumn>> {
    let mut scope = Scope::new(wanted.outer);
    if let Some(with) = &query.with {
        let late = after_writes(with);
        let (first, then): (Vec<_>, Vec<_>) = with.cte_tables.iter().partition(|cte| !late.contains(&cte_name(cte)));
        for cte in first.into_iter().chain(then) {
            let captured = capture_cte(compiler, &scope, with.recursive, cte)?;
            if captured.columns.is_empty() && reads(query, &captured.name) {
                let message = format!("WITH query \"{}\" does not have a RETURNING clause", captured.name);
                return Err(Error::new("0A000", message));
            }
            scope.ctes.push(captured);
        }
    }
    let wanted = Wanted { outer: Some(&scope), ..wanted };
    if let Some(statement) = written(query) {
        return write::write(compiler, statement, wanted);
    }
    query_step(compiler, &ast::Query { with: None, ..query.clone() }, wanted)
}

/// The CTEs that write, and those that read these.
fn after_writes(with: &ast::With) -> BTreeSet<String> {
    let mut late: BTreeSet<String> = BTreeSet::new();
    for cte in &with.cte_tables {
        if modifies(&cte.query) || late.iter().any(|name| reads(&cte.query, name)) {
            late.insert(cte_name(cte));
        }
    }
    late
}

/// Whether a query reads a relation by this bare name.
fn reads(query: &ast::Query, name: &str) -> bool {
    any_relation(query, |relation| matches!(split_name(relation), Ok((None, read)) if read == name))
}

fn cte_name(cte: &ast::Cte) -> String {
    fold(&cte.alias.name)
}

fn capture_cte(compiler: &mut Compiler<'_>, scope: &Scope<'_>, recursive: bool, cte: &ast::Cte) -> Result<Cte> {
    let slot = compiler.slot();
    let output = Output::Capture(slot);
    let wanted = Wanted { outer: Some(scope), output: &output, types: None };
    let mut columns = match written(&cte.query) {
        Some(statement) if cte.query.with.is_none() => write::write(compiler, statement, wanted)?,
        None if !modifies(&cte.query) => match recursive {
            true => query_step(compiler, &recursive_query(cte)?, wanted)?,
            false => query_step(compiler, &cte.query, wanted)?,
        },
        _ => {
            let message = "WITH clause containing a data-modifying statement must be at the top level";
            return Err(Error::new("0A000", message));
        }
    };
    for (column, given) in columns.iter_mut().zip(&cte.alias.columns) {
        column.name = fold(&given.name);
    }
    Ok(Cte { name: cte_name(cte), table: format!("pg_rows({slot})"), columns, protected: false })
}

/// `with recursive x as (...) select * from x`: a CTE that may read itself, as a query.
fn recursive_query(cte: &ast::Cte) -> Result<ast::Query> {
    let ast::Statement::Query(mut query) = parse_statement(&format!("SELECT * FROM {}", quote::ident(&cte_name(cte))))?
    else {
        return Err(Error::internal("a query expected"));
    };
    let with_token = ast::helpers::attached_token::AttachedToken::empty();
    query.with = Some(ast::With { with_token, recursive: true, cte_tables: vec![cte.clone()] });
    Ok(*query)
}

/// Binds a query, its columns converted to the types that are wanted, and makes it the current step's statement.
fn query_step(compiler: &mut Compiler<'_>, query: &ast::Query, wanted: Wanted<'_>) -> Result<Vec<CteColumn>> {
    let bound = match wanted.types {
        Some(types) => compiler.bind_query_as(wanted.outer, query, types)?,
        None => compiler.bind_query(wanted.outer, query)?,
    };
    let columns = bound.columns.iter().map(|column| (column.name.clone(), column.value("")));
    let columns = described(columns);
    compiler.end_step(bound.sql, wanted.output.clone(), None);
    Ok(columns)
}

/// Columns as `pg_rows` gives them.
pub(super) fn described(bound: impl IntoIterator<Item = (String, Typed)>) -> Vec<CteColumn> {
    let column = |(index, (name, value)): (usize, (String, Typed))| CteColumn {
        name,
        sqlite: format!("c{index}"),
        ty: value.ty,
        typmod: value.typmod,
        not_null: value.not_null,
        collated: false,
        leakproof: true,
        source: None,
    };
    bound.into_iter().enumerate().map(column).collect()
}

/// Columns as a program's result.
fn output(columns: Vec<CteColumn>) -> Vec<OutputColumn> {
    columns.into_iter().map(|column| OutputColumn { name: column.name, ty: column.ty }).collect()
}
