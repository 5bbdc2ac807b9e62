//! Random writes.

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::USERS;
use super::dice::{Dice, encoded, one_in, pick, word};
use super::read::{Query, accept, keys, order, select};
use super::schema::{Column, Schema, Table};
use crate::pair::{Asked, Who};

/// A write to a table or a view, or a call.
pub fn request(random: &mut Dice, schema: &Schema, who: Who) -> Asked {
    let index = random.usize(0..schema.tables.len());
    let table = &schema.tables[index];
    match random.u8(0..12) {
        0..5 => insert(random, schema, index, who),
        5..8 => update(random, schema, index, who),
        8 | 9 => delete(random, table, who),
        10 => replace(random, table, who),
        _ => call(random, table, who),
    }
}

fn preferences(random: &mut Dice, asked: &mut Asked, others: &[&str]) {
    let mut preferences: Vec<&str> = match random.u8(0..8) {
        0 => vec!["return=headers-only"],
        1 => vec![],
        2 => vec!["return=minimal"],
        _ => vec!["return=representation"],
    };
    preferences.extend(others.iter().filter(|_| one_in(random, 2 + others.len() as u32)));
    if one_in(random, 12) {
        preferences.push("tx=rollback");
    }
    if one_in(random, 8) {
        preferences.push("count=exact");
    }
    let rare = ["timezone=Asia/Tokyo", "handling=strict", "handling=lenient, nope=1", "missing=null", "tx=commit"];
    if random.fault(12) {
        preferences.push("timezone=Nowhere/City");
    } else if one_in(random, 6) {
        preferences.push(word(random, &rare));
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

/// What is given back: the key and what is computed, or embedded resources too.
fn given_back(random: &mut Dice, schema: &Schema, index: usize, query: &mut Query) {
    let select = match random.u8(0..4) {
        0 => format!("{},level,label", keys(&schema.tables[index])),
        1 => select(random, schema, index, query, "", 1),
        _ => return,
    };
    query.add("select", &select);
}

fn insert(random: &mut Dice, schema: &Schema, index: usize, who: Who) -> Asked {
    let table = &schema.tables[index];
    let named = columns(random, table, true);
    let count = random.usize(1..4);
    let mut rows = rows(random, &named, count);
    let mut query = Query::default();
    if one_in(random, 4) && !named.is_empty() {
        let names: Vec<String> = named.iter().map(|(column, _)| column.quoted()).collect();
        query.add("columns", &names.join(","));
        // Then rows may lack members, and have others.
        for row in rows.iter_mut().filter_map(Value::as_object_mut) {
            let (column, in_key) = pick(random, &named);
            if !in_key && random.bool() {
                row.remove(&column.name);
            }
            if one_in(random, 4) {
                row.insert("other".into(), json!(1));
            }
        }
    }
    if one_in(random, 6) {
        query.add("on_conflict", &keys(table));
    }
    given_back(random, schema, index, &mut query);
    let mut asked = Asked::new(who, Method::POST, query.path(&table.name));
    let resolution = *pick(random, &["resolution=merge-duplicates", "resolution=ignore-duplicates"]);
    preferences(random, &mut asked, &[resolution, "missing=default"]);
    accept(random, &mut asked);
    if one_in(random, 12) && !named.is_empty() {
        csv_body(&mut asked, &named, &rows);
        return asked;
    }
    let body = if rows.len() == 1 { rows[0].to_string() } else { Value::from(rows).to_string() };
    json_body(&mut asked, body);
    asked
}

/// The rows as CSV: nulls, texts, and everything else by its JSON.
fn csv_body(asked: &mut Asked, named: &[(&Column, bool)], rows: &[Value]) {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let cell = |value: &Value| match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => quoted(text),
        other => quoted(&other.to_string()),
    };
    let header: Vec<String> = named.iter().map(|(column, _)| quoted(&column.name)).collect();
    let mut lines = vec![header.join(",")];
    for row in rows {
        let cells: Vec<String> = named.iter().map(|(column, _)| cell(&row[&column.name])).collect();
        lines.push(cells.join(","));
    }
    asked.headers.push(("Content-Type".into(), "text/csv".into()));
    asked.body = lines.join("\n");
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

/// Sometimes only some of the rows, in an order.
fn limited(random: &mut Dice, table: &Table, query: &mut Query) {
    if one_in(random, 5) {
        if !random.fault(2) {
            query.add("order", &order(random, table));
        }
        query.add("limit", &random.u8(0..3).to_string());
        if one_in(random, 3) {
            query.add("offset", "1");
        }
    }
}

fn update(random: &mut Dice, schema: &Schema, index: usize, who: Who) -> Asked {
    let table = &schema.tables[index];
    let mut query = Query::default();
    target(random, table, &mut query);
    given_back(random, schema, index, &mut query);
    limited(random, table, &mut query);
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
    limited(random, table, &mut query);
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
