//! `explain`: how SQLite would run a statement, in the shape of PostgreSQL's plans.

use std::time::Instant;

use basalt_core::Result;
use bytes::Bytes;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::error::translate;
use super::programs::Compiled;
use crate::Answer;

/// A node of SQLite's query plan.
struct Node {
    id: i64,
    parent: i64,
    detail: String,
}

/// What running the statement gave.
struct Execution {
    rows: u64,
    milliseconds: f64,
}

/// Explains every step of a program; `run` runs it if that is wanted. Only then are there times in the answer: without
/// them the same statement always has the same plan.
pub(super) fn explain(
    connection: &Connection,
    compiled: &Compiled,
    json: bool,
    run: impl FnOnce() -> Result<Option<Answer>>,
) -> Result<Answer> {
    let mut plans = Vec::new();
    for step in &compiled.program.steps {
        plans.push(nodes(connection, &step.sql).map_err(translate)?);
    }
    let started = Instant::now();
    let ran = run()?;
    let execution = ran
        .as_ref()
        .map(|answer| Execution { rows: answer.rows, milliseconds: started.elapsed().as_secs_f64() * 1000.0 });
    let body = if json { to_json(&plans, execution) } else { to_text(&plans, execution) };
    Ok(Answer { body: Bytes::from(body), rows: ran.map_or(0, |answer| answer.rows), ..Answer::default() })
}

fn nodes(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<Node>> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
    // The plan does not depend on the parameters' values: they stay unbound.
    let rows =
        statement.raw_query().mapped(|row| Ok(Node { id: row.get(0)?, parent: row.get(1)?, detail: row.get(3)? }));
    rows.collect()
}

fn to_text(plans: &[Vec<Node>], execution: Option<Execution>) -> String {
    let mut lines = Vec::new();
    for nodes in plans {
        write_level(nodes, 0, 0, &mut lines);
    }
    if let Some(Execution { rows, milliseconds }) = execution {
        lines.push(format!("Actual Rows: {rows}"));
        lines.push(format!("Execution Time: {milliseconds:.3} ms"));
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn write_level(nodes: &[Node], parent: i64, depth: usize, lines: &mut Vec<String>) {
    for node in nodes.iter().filter(|node| node.parent == parent) {
        let arrow = if depth == 0 { String::new() } else { format!("{}->  ", "      ".repeat(depth - 1) + "  ") };
        lines.push(format!("{arrow}{}", node.detail));
        write_level(nodes, node.id, depth + 1, lines);
    }
}

/// A list of the steps' plans; the last one's rows are the statement's.
fn to_json(plans: &[Vec<Node>], execution: Option<Execution>) -> String {
    let plan = |nodes: &Vec<Node>| json!({ "Plan": { "Node Type": "SQLite", "Plans": children(nodes, 0) } });
    let mut steps: Vec<Value> = plans.iter().map(plan).collect();
    if let (Some(last), Some(Execution { rows, milliseconds })) = (steps.last_mut(), execution) {
        last["Plan"]["Actual Rows"] = rows.into();
        last["Execution Time"] = milliseconds.into();
    }
    Value::Array(steps).to_string()
}

fn children(nodes: &[Node], parent: i64) -> Vec<Value> {
    let below = nodes.iter().filter(|node| node.parent == parent);
    below.map(|node| json!({ "Node Type": node.detail, "Plans": children(nodes, node.id) })).collect()
}
