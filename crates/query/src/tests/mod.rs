//! Tests of planning and rendering over a small catalog. The statements were run on PostgreSQL 15 when they were written, and the
//! embedded engine must compile each.

mod call;
mod embed;
mod errors;
mod filter;
mod fixture;
mod relationship;
mod spread;
mod write;

use basalt_core::{Error, Identity};
use basalt_sql::compile::compile;

use crate::Statement;

/// Asserts that a statement has this SQL (line breaks stand for spaces) and these parameters, and that the embedded engine
/// compiles it.
#[track_caller]
fn is(statement: Statement, sql: &str, params: &[&str]) {
    reads(&statement, sql, params);
    assert_eq!(compiled(&statement), Ok(()), "{}", statement.sql);
}

/// Asserts the same of a statement that the engine refuses with this SQLSTATE.
#[track_caller]
fn is_refused(statement: Statement, sql: &str, params: &[&str], code: &str) {
    reads(&statement, sql, params);
    assert_eq!(compiled(&statement).unwrap_err().code(), code);
}

#[track_caller]
fn reads(statement: &Statement, sql: &str, params: &[&str]) {
    let one_line = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(*statement.sql, *one_line);
    assert_eq!(fixture::params(statement), params);
}

fn compiled(statement: &Statement) -> Result<(), Error> {
    let catalog = fixture::planner().catalog();
    let sqls = [Some(&statement.sql), statement.count_sql.as_ref()];
    let mut sqls = sqls.into_iter().flatten();
    sqls.try_for_each(|sql| compile(catalog, Identity::OWNER, &["public".to_owned()], sql).map(drop))
}
