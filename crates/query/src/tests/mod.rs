//! Tests of planning and rendering over a small catalog. The statements were run on PostgreSQL 15 when they were written.

mod call;
mod embed;
mod errors;
mod filter;
mod fixture;
mod relationship;
mod spread;
mod write;

/// Asserts that a statement has this SQL and these parameters. Line breaks in the expected text stand for spaces.
#[track_caller]
fn is(statement: crate::Statement, sql: &str, params: &[&str]) {
    let one_line = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(statement.sql, one_line);
    assert_eq!(fixture::params(&statement), params);
}
