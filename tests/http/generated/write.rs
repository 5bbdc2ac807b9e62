//! Random writes.

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::USERS;
use super::dice::{Dice, encoded, one_in, pick};
use super::read::{Query, accept, keys};
use super::schema::{Column, Schema, Table};
use crate::pair::{Asked, Who};

/// A write to a table or a view, or a call.
pub fn request(random: &mut Dice, schema: &Schema, who: Who) -> Asked {
    let table = pick(random, &schema.tables);
    match random.u8(0..12) {
        0..5 => insert(random, table, who),
        5..8 => update(random, table, who),
        8 | 9 => delete(random, table, who),
        10 => replace(random, table, who),
        _ => call(random, table, who),
    }
}

fn preferences(random: &mut Dice, asked: &mut Asked, others: &[&str]) {
    let mut preferences: Vec<&str> = match random.u8(0..6) {
        0 => vec!["return=headers-only"],
        1 => vec![],
        _ => vec!["return=representation"],
    };
    preferences.extend(others.iter().filter(|_| one_in(random, 2 + others.len() as u32)));
    if one_in(random, 12) {
        preferences.push("tx=rollback");
    }
    if one_in(random, 8) {
        preferences.push("count=exact");
    }
    if !preferences.is_empty() {
        asked.headers.push(("Prefer".into(), preferences.join(", ")));
    }
}

/// A value for a column: the key's rarely collide, owners are users.
fn value(random: &mut Dice, column: &Column, in_key: bool) -> Value {
    match (column.name.as_str(), column.kind.sql) {
        ("owner", _) => json!(pick(random, &USERS)),
        ("level", _) => json!(random.u8(0..5)),
        (_, "integer" | "bigint") if in_key => json!(random.u8(1..30)),
        (_, "text") if in_key => json!(format!("k{}", random.u8(1..30))),
        _ if one_in(random, 8) => Value::Null,
        _ => column.kind.body(random),
    }
}

/// The columns that a body names: the key and some of the others.
fn columns<'a>(random: &mut Dice, table: &'a Table, with_key: bool) -> Vec<(&'a Column, bool)> {
    let mut columns: Vec<(&Column, bool)> = Vec::new();
    if with_key && !one_in(random, 12) {
        columns.extend(table.key.iter().map(|column| (column, true)));
    }
    for column in &table.columns {
        if one_in(random, if column.generated { 20 } else { 2 }) {
            columns.push((column, false));
        }
    }
    columns
}

fn rows(random: &mut Dice, columns: &[(&Column, bool)], count: usize) -> Vec<Value> {
    let mut row = || {
        let members = columns.iter().map(|(column, in_key)| (column.name.clone(), value(random, column, *in_key)));
        Value::Object(members.collect::<Map<_, _>>())
    };
    (0..count).map(|_| row()).collect()
}

fn insert(random: &mut Dice, table: &Table, who: Who) -> Asked {
    let named = columns(random, table, true);
    let count = random.usize(1..4);
    let rows = rows(random, &named, count);
    let mut query = Query::default();
    if one_in(random, 5) && !named.is_empty() {
        let names: Vec<String> = named.iter().map(|(column, _)| column.quoted()).collect();
        query.add("columns", &names.join(","));
    }
    if one_in(random, 6) {
        query.add("on_conflict", &keys(table));
    }
    if one_in(random, 3) {
        query.add("select", &format!("{},level,label", keys(table)));
    }
    let mut asked = Asked::new(who, Method::POST, query.path(&table.name));
    preferences(
        random,
        &mut asked,
        &["resolution=merge-duplicates", "resolution=ignore-duplicates", "missing=default"],
    );
    accept(random, &mut asked);
    let body = if rows.len() == 1 { rows[0].to_string() } else { Value::from(rows).to_string() };
    json_body(&mut asked, body);
    asked
}

fn json_body(asked: &mut Asked, body: String) {
    asked.headers.push(("Content-Type".into(), "application/json".into()));
    asked.body = body;
}

/// Filters for rows to change: by key, by level, or a random one.
fn target(random: &mut Dice, table: &Table, query: &mut Query) {
    match random.u8(0..4) {
        0 => query.add("level", &format!("eq.{}", random.u8(0..5))),
        1 => {
            let all: Vec<&Column> = table.all().collect();
            let column = *pick(random, &all);
            let filter = column.kind.filter(random);
            query.add(&column.quoted(), &filter);
        }
        _ => {
            for column in &table.key {
                let value = value(random, column, true);
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                query.add(&column.quoted(), &format!("eq.{text}"));
            }
        }
    }
}

fn update(random: &mut Dice, table: &Table, who: Who) -> Asked {
    let mut query = Query::default();
    target(random, table, &mut query);
    if one_in(random, 3) {
        query.add("select", &format!("{},level,label", keys(table)));
    }
    let name = if one_in(random, 10) { format!("v_{}", table.name) } else { table.name.clone() };
    let mut asked = Asked::new(who, Method::PATCH, query.path(&name));
    preferences(random, &mut asked, &["handling=strict, max-affected=2", "missing=default"]);
    accept(random, &mut asked);
    let mut named = columns(random, table, false);
    if name != table.name {
        named.retain(|(column, _)| column.name == "level");
    }
    let body = rows(random, &named, 1).remove(0).to_string();
    json_body(&mut asked, body);
    asked
}

fn delete(random: &mut Dice, table: &Table, who: Who) -> Asked {
    let mut query = Query::default();
    target(random, table, &mut query);
    let mut asked = Asked::new(who, Method::DELETE, query.path(&table.name));
    preferences(random, &mut asked, &["handling=strict, max-affected=1"]);
    accept(random, &mut asked);
    asked
}

fn replace(random: &mut Dice, table: &Table, who: Who) -> Asked {
    let named: Vec<(&Column, bool)> = table
        .all()
        .filter(|column| !column.generated)
        .map(|column| (column, table.key.iter().any(|key| key.name == column.name)))
        .collect();
    let row = rows(random, &named, 1).remove(0);
    let mut query = Query::default();
    for column in &table.key {
        let value = if one_in(random, 8) { value(random, column, true) } else { row[&column.name].clone() };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        query.add(&column.quoted(), &format!("eq.{text}"));
    }
    let mut asked = Asked::new(who, Method::PUT, query.path(&table.name));
    preferences(random, &mut asked, &[]);
    json_body(&mut asked, row.to_string());
    asked
}

fn call(random: &mut Dice, table: &Table, who: Who) -> Asked {
    let number = random.u8(0..4);
    let (path, body) = match random.u8(0..6) {
        0 => ("/rpc/add".to_owned(), json!({"a": number})),
        1 => ("/rpc/add".to_owned(), json!({"a": "x", "b": number})),
        2 => ("/rpc/who".to_owned(), json!({})),
        3 => (format!("/rpc/top_{}?level=gte.{number}", table.name), json!({"n": number})),
        _ => (format!("/rpc/raise_{}?select={},level", table.name, encoded(&keys(table))), json!({"by": number})),
    };
    let mut asked = Asked::new(who, Method::POST, path);
    json_body(&mut asked, body.to_string());
    asked
}
