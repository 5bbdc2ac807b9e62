//! A query or write, and who runs it, become a [`Program`] for SQLite.
//!
//! Binding and lowering are one pass: every expression of the AST becomes SQLite source together with its PostgreSQL
//! type ([`typed::Typed`]). [`scope`] says what names mean, [`overload`] which operator or function is meant,
//! [`select`] and [`from`] put queries together, [`view`] and [`routine`] inline what SQLite doesn't have.

pub(crate) mod absent;
mod aggregate;
mod bare_select;
pub mod body;
mod built_in_trigger;
mod carried;
mod carried_groups;
mod cast;
mod clauses;
pub(crate) mod collation;
mod column;
mod compare;
mod compiler;
mod cte;
mod derived;
mod domain;
mod element;
mod expr;
mod filter;
mod fold;
mod from;
mod function;
mod given;
mod group;
mod grouping_sets;
mod index_predicate;
mod insert_source;
mod interpreted;
mod join;
mod literal;
mod lock;
mod meanings;
mod meant;
mod name;
mod operator;
mod order;
mod order_by;
mod overload;
pub(crate) mod parse;
mod policy;
mod predicate;
mod privilege;
mod projection;
mod routine;
mod row;
mod scope;
mod search_cycle;
mod select;
mod sequence;
mod session;
mod set_calls;
mod set_function;
mod set_item;
mod set_operation;
mod special;
mod star;
mod steps;
mod subquery;
mod suggest;
mod system;
mod template;
pub mod trigger;
mod typed;
mod types;
mod unrolled;
mod view;
mod window;
mod write;

#[cfg(test)]
mod tests;

use basalt_core::{Error, Result};
use basalt_types::{Type, Typmod};
use sqlparser::ast;

pub(crate) use absent::no_relation;
pub(crate) use built_in_trigger::{TSVECTOR_UPDATE, check_tsvector_update};
pub(crate) use carried::WHOLE;
pub(crate) use cast::type_literal;
pub(crate) use compiler::Compiler;
pub(crate) use meanings::{Kept, Meaning, Meanings, Starred};
pub(crate) use meant::function_meant;
pub(crate) use name::column_name;
pub use overload::extension_called;
pub(crate) use parse::{offset, parse_expr, parse_statement};
pub(crate) use session::name_parts;
pub(crate) use types::CREATE_VECTOR;
pub use types::resolve_type;
pub use view::{ViewColumn, view_columns};

use crate::catalog::{Column, Name, Relation};
use crate::program::{Output, OutputColumn};
use crate::{Catalog, DEFAULT_PATH, Program};
use domain::in_domain;
use scope::{Clause, Scope};
use typed::{CastContext, Typed};

/// Compiles one PostgreSQL statement (SELECT, VALUES, INSERT, UPDATE, DELETE, WITH ...) as `role`.
///
/// Unqualified names are looked up in `search_path`. Parameters are `$1`, ...; each takes the type that its context gives it, as
/// PostgreSQL infers it; one that nothing decides is text.
///
/// Errors: PostgreSQL's own (42P01, 42703, 42883, 42804, 42501, ...), with a position; 0A000 for what this engine lacks.
pub fn compile(catalog: &Catalog, role: &str, search_path: &[String], sql: &str) -> Result<Program> {
    let statement = parse_statement(sql)?;
    let mut compiler = Compiler::new(catalog, role, search_path, sql);
    let columns = match &statement {
        ast::Statement::Query(query) => steps::query(&mut compiler, query)?,
        ast::Statement::Insert(_)
        | ast::Statement::Update(_)
        | ast::Statement::Delete(_)
        | ast::Statement::Merge(_) => steps::write(&mut compiler, &statement)?,
        other => {
            let word = other.to_string().split_whitespace().next().unwrap_or_default().to_uppercase();
            return Err(Error::unsupported(
                format!("{word} is not a query or a write"),
                "Leave it out: definitions, queries and writes run here.".to_owned(),
            ));
        }
    };
    Ok(compiler.finish(columns))
}

/// Binds a query and makes it the current step's statement: the plain case of a statement without data-modifying CTEs.
fn plain_query(compiler: &mut Compiler<'_>, query: &ast::Query) -> Result<Vec<OutputColumn>> {
    let bound = compiler.bind_query(None, query)?;
    let columns = bound.output()?;
    compiler.end_step(bound.sql, Output::Result, None);
    Ok(columns)
}

/// An expression over one relation's columns, compiled for a CHECK, DEFAULT, generated column, index or partial index.
#[derive(Debug, Clone)]
pub struct Expression {
    /// SQLite source. Columns are bare quoted names.
    pub sql: String,
    /// Its type.
    pub ty: Type,
}

/// Compiles an expression of DDL, converted to the expected type as an assignment does.
///
/// Errors: 0A000 for a subquery; 42P17 for what depends on the session or on a parameter (defaults that do are compiled into
/// each INSERT instead).
pub fn expression(
    catalog: &Catalog,
    relation: Option<&Relation>,
    expr: &ast::Expr,
    expected: Option<(&Type, Option<Typmod>)>,
) -> Result<Expression> {
    defined(catalog, relation, expr, |compiler, scope| {
        let typed = compiler.bind_expr(scope, expr, expected.map(|(ty, _)| ty))?;
        // What a table keeps must not depend on the session, whatever its type.
        if relation.is_some() && (compiler.has_binds() || typed.stable || typed.volatile) {
            return Err(not_steady());
        }
        let typed = match expected {
            Some((ty, typmod)) => compiler.coerce(typed, ty, typmod, CastContext::Assignment)?,
            None => typed,
        };
        let typed = compiler.storable(typed)?;
        if relation.is_some() && typed.stable { Err(not_steady()) } else { Ok(typed) }
    })
}

/// Compiles what gives a column's values anew, once, in the domain that is told: it may depend on the session, and differ at each call.
///
/// Errors: 0A000 for a subquery; 42804 for another type.
pub fn conversion(
    catalog: &Catalog,
    relation: &Relation,
    expr: &ast::Expr,
    (ty, typmod, domain): (&Type, Option<Typmod>, Option<&Name>),
) -> Result<Expression> {
    defined(catalog, Some(relation), expr, |compiler, scope| {
        compiler.detached = true;
        let typed = compiler.bind_expr(scope, expr, Some(ty))?;
        let typed = compiler.coerce(typed, ty, typmod, CastContext::Assignment)?;
        match domain {
            Some(domain) => in_domain(compiler, typed, domain),
            None => Ok(typed),
        }
    })
}

/// Compiles a new column's default for the rows that there are in a table, in the column's domain.
///
/// Errors: as for [`expression`].
pub fn filling(catalog: &Catalog, relation: &Relation, expr: &ast::Expr, column: &Column) -> Result<Expression> {
    defined(catalog, None, expr, |compiler, scope| {
        compiler.each_row = relation.columns.first().map(|column| crate::quote::ident(&column.name));
        let typed = compiler.bind_expr(scope, expr, Some(&column.ty))?;
        let typed = compiler.coerce(typed, &column.ty, column.typmod, CastContext::Assignment)?;
        let typed = compiler.storable(typed)?;
        match &column.domain {
            Some(domain) => in_domain(compiler, typed, domain),
            None => Ok(typed),
        }
    })
}

/// Checks what is compiled wherever it is used, and may depend on the session: a default.
///
/// Errors: as for [`expression`], but for 42P17.
pub fn check_default(catalog: &Catalog, expr: &ast::Expr, (ty, typmod): (&Type, Option<Typmod>)) -> Result<()> {
    let checked = defined(catalog, None, expr, |compiler, scope| {
        compiler.defines = true;
        let typed = compiler.bind_expr(scope, expr, Some(ty))?;
        let typed = compiler.coerce(typed, ty, typmod, CastContext::Assignment)?;
        compiler.storable(typed)
    });
    match checked {
        Err(error) if error.code() != "42P17" => Err(error),
        _ => Ok(()),
    }
}

/// Checks the condition of a domain's CHECK, which is compiled wherever a value is converted to it; `relation` has the value as its column.
///
/// Errors: as for [`condition`].
pub fn check_domain(catalog: &Catalog, relation: &Relation, expr: &ast::Expr) -> Result<()> {
    let checked = defined(catalog, Some(relation), expr, |compiler, scope| {
        compiler.defines = true;
        bind_check(compiler, scope, expr)
    });
    checked.map(drop)
}

/// Compiles the condition of a CHECK or of a partial index; `clause` is what the message for another type calls it.
///
/// Errors: as for [`expression`]; 0A000 for a volatile one.
pub fn condition(catalog: &Catalog, relation: &Relation, expr: &ast::Expr, clause: &'static str) -> Result<Expression> {
    defined(catalog, Some(relation), expr, |compiler, scope| {
        if clause == "CHECK" {
            return bind_check(compiler, scope, expr);
        }
        scope.clause.set(Clause::Rows("index predicates"));
        let condition = compiler.bind_condition(scope, expr, clause)?;
        if condition.stable || condition.volatile { Err(not_steady()) } else { Ok(condition) }
    })
}

/// The condition of a CHECK, which may depend on the session.
fn bind_check(compiler: &mut Compiler<'_>, scope: &Scope<'_>, expr: &ast::Expr) -> Result<Typed> {
    compiler.detached = true;
    scope.clause.set(Clause::Rows("check constraints"));
    let condition = compiler.bind_condition(scope, expr, "CHECK")?;
    if condition.volatile {
        return Err(Error::unsupported(
            "a CHECK whose result differs at each call is not supported on the embedded engine",
            "Leave out what is random or counts.",
        ));
    }
    Ok(condition)
}

fn defined(
    catalog: &Catalog,
    relation: Option<&Relation>,
    expr: &ast::Expr,
    bind: impl FnOnce(&mut Compiler<'_>, &Scope<'_>) -> Result<Typed>,
) -> Result<Expression> {
    let text = expr.to_string();
    let path = DEFAULT_PATH.map(str::to_owned);
    let mut compiler = Compiler::new(catalog, basalt_core::Identity::OWNER, &path, &text);
    compiler.forget_positions();
    compiler.names_anew = false;
    compiler.kept = relation.is_some();
    let mut scope = Scope::new(None);
    if let Some(relation) = relation {
        let source = compiler.bare_source(&std::sync::Arc::new(relation.clone()));
        scope.sources.push(source);
    }
    scope.forbid_subqueries();
    let typed = bind(&mut compiler, &scope)?;
    if compiler.has_binds() {
        return Err(not_steady());
    }
    Ok(Expression { sql: typed.sql, ty: typed.ty })
}

fn not_steady() -> Error {
    Error::new("42P17", "the expression depends on the session or on a parameter")
}

/// Checks that a policy's expression, as it is kept, compiles over its table and is boolean.
pub fn check_policy(catalog: &Catalog, relation: &Relation, expr: &str) -> Result<()> {
    check_policy_expr(catalog, relation, &parse_expr(expr)?, expr)
}

/// As [`check_policy`], of an expression parsed from somewhere in `text`, where errors are placed.
pub fn check_policy_expr(catalog: &Catalog, relation: &Relation, parsed: &ast::Expr, text: &str) -> Result<()> {
    let path = DEFAULT_PATH.map(str::to_owned);
    bind_policy(&mut Compiler::defining(catalog, &path, text), relation, parsed)
}

fn bind_policy(compiler: &mut Compiler<'_>, relation: &Relation, parsed: &ast::Expr) -> Result<()> {
    over_row(compiler, relation, |compiler, scope| compiler.bind_condition(scope, parsed, "POLICY")).map(drop)
}

/// Binds what the catalog keeps with a table, over its row.
fn over_row(
    compiler: &mut Compiler<'_>,
    relation: &Relation,
    bind: impl FnOnce(&mut Compiler<'_>, &Scope<'_>) -> Result<Typed>,
) -> Result<Typed> {
    compiler.names_anew = false;
    let relation = std::sync::Arc::new(relation.clone());
    let mut scope = Scope::new(None);
    scope.clause.set(policy::EXPRESSIONS);
    let alias = compiler.alias(&relation.name.name);
    let source = compiler.table_source(&relation, &relation.name.name, &alias);
    scope.sources.push(source);
    bind(compiler, &scope)
}

/// Checks a function's body: every statement compiles, and the last one's columns fit the declared result. Errors are placed in the body.
pub fn check_routine(catalog: &Catalog, routine: &crate::catalog::Routine) -> Result<()> {
    routine::check(catalog, routine)
}
