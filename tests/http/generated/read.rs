//! Random reads.

use reqwest::Method;

use super::dice::{Dice, encoded, one_in, pick, word};
use super::schema::{Column, Schema, Table};
use crate::pair::{Asked, Who};

/// The parameters of a query string, encoded.
#[derive(Default)]
pub struct Query(Vec<String>);

impl Query {
    pub fn add(&mut self, name: &str, value: &str) {
        self.0.push(format!("{}={}", encoded(name), encoded(value)));
    }

    /// A path with the parameters.
    pub fn path(&self, target: &str) -> String {
        if self.0.is_empty() { format!("/{target}") } else { format!("/{target}?{}", self.0.join("&")) }
    }
}

/// A read of a table, a view or a function's rows.
pub fn request(random: &mut Dice, schema: &Schema, who: Who) -> Asked {
    let index = random.usize(0..schema.tables.len());
    let table = &schema.tables[index];
    let mut query = Query(Vec::new());
    let target = match random.u8(0..10) {
        0 => {
            view(random, table, &mut query);
            format!("v_{}", table.name)
        }
        1 => {
            if random.bool() {
                query.add("n", &random.u8(0..5).to_string());
            }
            shape(random, schema, index, &mut query);
            format!("rpc/top_{}", table.name)
        }
        2 => {
            grouped(random, table, &mut query);
            table.name.clone()
        }
        _ => {
            shape(random, schema, index, &mut query);
            table.name.clone()
        }
    };
    let method = match random.u8(0..60) {
        0 | 1 => Method::HEAD,
        2 => Method::OPTIONS,
        _ => Method::GET,
    };
    let mut asked = Asked::new(who, method, query.path(&target));
    if one_in(random, 20) {
        let range = *pick(random, &["0-2", "1-", "3-1", "50-60", "x"]);
        asked.headers.push(("Range".into(), range.into()));
    }
    if one_in(random, 12) {
        let strict = *pick(
            random,
            &["handling=strict", "handling=strict, nope=1", "handling=lenient, nope", "tx=rollback", "max-affected=1"],
        );
        asked.headers.push(("Prefer".into(), strict.into()));
    } else if one_in(random, 4) {
        asked.headers.push(("Prefer".into(), "count=exact".into()));
    } else if one_in(random, 8) {
        asked.headers.push(("Prefer".into(), "timezone=Asia/Tokyo".into()));
    }
    accept(random, &mut asked);
    asked
}

/// Asks for a media type, sometimes.
pub fn accept(random: &mut Dice, asked: &mut Asked) {
    let types = [
        "text/csv",
        "application/vnd.pgrst.object+json",
        "application/vnd.pgrst.array+json;nulls=stripped",
        "application/vnd.pgrst.object+json;nulls=stripped",
    ];
    if one_in(random, 5) {
        asked.headers.push(("Accept".into(), (*pick(random, &types)).into()));
    }
}

/// What a read has: columns and embeds, filters, order and limits.
fn shape(random: &mut Dice, schema: &Schema, index: usize, query: &mut Query) {
    let table = &schema.tables[index];
    let select = select(random, schema, index, query, "", 2);
    query.add("select", &select);
    filters(random, table, query, "");
    if !one_in(random, 6) {
        query.add("order", &order(random, table));
        limits(random, query, "");
    }
}

/// A select list; the parameters of its embeds are added to the query under `path`.
pub fn select(random: &mut Dice, schema: &Schema, index: usize, query: &mut Query, path: &str, depth: usize) -> String {
    let table = &schema.tables[index];
    let mut items = Vec::new();
    if random.bool() {
        items.push("*".to_owned());
    }
    for _ in 0..random.usize(1..4) {
        items.push(item(random, table));
    }
    let embeds = schema.embeds(index);
    if depth > 0 && !embeds.is_empty() && random.bool() {
        for n in 0..random.usize(1..3) {
            let embed = pick(random, &embeds);
            let alias = format!("e{depth}{n}");
            let inner = format!("{path}{alias}.");
            let target = &schema.tables[embed.table];
            let join = *pick(random, &["", "", "!inner", "!left"]);
            // A spread has no alias: its parameters go by the table's name.
            if one_in(random, 4) {
                let name = embed.text.split('!').next().unwrap_or_default();
                let rest = target.columns.iter().take(random.usize(0..3));
                let columns: Vec<String> = target
                    .key
                    .iter()
                    .chain(rest)
                    .map(|column| format!("s{depth}{n}_{}:{}", column.name.replace(", ", "_"), column.quoted()))
                    .collect();
                items.push(format!("...{}{join}({})", embed.text, columns.join(",")));
                if !embed.single && n == 0 {
                    query.add(&format!("{path}{name}.order"), &keys(target));
                    limits(random, query, &format!("{path}{name}."));
                }
                continue;
            }
            let list = match random.u8(0..8) {
                0 => "count()".to_owned(),
                1 => String::new(),
                2 => aggregates(random, target),
                3 => format!("level,count(),{}", aggregates(random, target)),
                _ => {
                    query.add(&format!("{inner}order"), &order(random, target));
                    limits(random, query, &inner);
                    select(random, schema, embed.table, query, &inner, depth - 1)
                }
            };
            filters(random, target, query, &inner);
            if one_in(random, 6) && path.is_empty() {
                query.add(&alias, word(random, &["is.null", "not.is.null"]));
            }
            items.push(format!("{alias}:{}{join}({list})", embed.text));
        }
    }
    items.join(",")
}

/// One column, as it is, cast, renamed or taken apart; or the computed field.
fn item(random: &mut Dice, table: &Table) -> String {
    let columns: Vec<&Column> = table.all().collect();
    let column = *pick(random, &columns);
    let name = column.quoted();
    match random.u8(0..10) {
        0 => format!("{name}::text"),
        1 => format!("x:{name}"),
        2 if column.kind.sql.starts_with("json") => {
            format!("{name}{}", pick(random, &["->a", "->>a", "->0", "->>1", "->a->b", "->a->>b", "->-1"]))
        }
        2 if column.kind.sql.ends_with(']') => format!("{name}{}", pick(random, &["->0", "->>1", "->-1"])),
        3 if column.kind.number && !column.kind.sql.starts_with("numeric") => {
            format!("{name}::{}", pick(random, &["int", "numeric", "double precision"]))
        }
        4 => "label".to_owned(),
        _ => name,
    }
}

fn filters(random: &mut Dice, table: &Table, query: &mut Query, path: &str) {
    let columns: Vec<&Column> = table.all().collect();
    for _ in 0..random.usize(0..3) {
        let column = *pick(random, &columns);
        match random.u8(0..6) {
            0 => {
                let terms: Vec<String> = (0..random.usize(1..4)).map(|_| term(random, &columns)).collect();
                let (not, word) = (["", "not."][random.usize(0..2)], ["or", "and"][random.usize(0..2)]);
                query.add(&format!("{path}{not}{word}"), &format!("({})", terms.join(",")));
            }
            1 if column.kind.sql.starts_with("json") => {
                query.add(
                    &format!("{path}{}{}", column.quoted(), pick(random, &["->>a", "->a", "->0"])),
                    word(random, &["eq.1", "gt.0", "is.null", "not.is.null"]),
                );
            }
            _ => {
                let filter = column.kind.filter(random);
                query.add(&format!("{path}{}", column.quoted()), &filter);
            }
        }
    }
}

/// A filter within a logic tree.
fn term(random: &mut Dice, columns: &[&Column]) -> String {
    let column = *pick(random, columns);
    let filter = column.kind.filter(random);
    if filter.contains("in.(") || filter.contains("(any)") {
        return format!("{}.{filter}", column.quoted());
    }
    let value_at = filter.strip_prefix("not.").map_or(0, |_| 4);
    let (operator, value) = filter[value_at..].split_once('.').unwrap_or_default();
    let value = match operator {
        "is" => value.to_owned(),
        _ => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
    };
    format!("{}.{}{operator}.{value}", column.quoted(), &filter[..value_at])
}

/// The key's columns.
pub fn keys(table: &Table) -> String {
    table.key.iter().map(Column::quoted).collect::<Vec<_>>().join(",")
}

/// An order that leaves nothing open.
pub fn order(random: &mut Dice, table: &Table) -> String {
    let columns: Vec<&Column> = table.columns.iter().filter(|column| column.kind.ordered).collect();
    let json: Vec<&Column> = table.columns.iter().filter(|column| column.kind.sql.starts_with("json")).collect();
    if !json.is_empty() && one_in(random, 6) {
        return format!("{}->>a.desc.nullslast,{}", pick(random, &json).quoted(), keys(table));
    }
    let direction = pick(random, &["", ".desc", ".asc.nullsfirst", ".desc.nullslast"]);
    match columns.is_empty() || random.bool() {
        true => keys(table),
        false => format!("{}{direction},{}", pick(random, &columns).quoted(), keys(table)),
    }
}

fn limits(random: &mut Dice, query: &mut Query, path: &str) {
    if one_in(random, 3) {
        query.add(&format!("{path}limit"), &random.u8(0..6).to_string());
    }
    if one_in(random, 6) {
        query.add(&format!("{path}offset"), &random.u8(0..8).to_string());
    }
}

/// Aggregates of numbers, without and with casts.
fn aggregates(random: &mut Dice, table: &Table) -> String {
    let numbers: Vec<&Column> = table.columns.iter().filter(|column| column.kind.number).collect();
    let column = pick(random, &numbers).quoted();
    let aggregate = *pick(random, &["sum", "avg", "min", "max", "count"]);
    let cast = *pick(random, &["", "", "::text", "::numeric"]);
    format!("a:{column}.{aggregate}(){cast}")
}

fn grouped(random: &mut Dice, table: &Table, query: &mut Query) {
    let columns: Vec<&Column> = table.columns.iter().filter(|column| column.kind.ordered).collect();
    let column = *pick(random, &columns);
    let by: &[&str] = match column.kind.sql {
        _ if column.kind.number => &["sum", "avg", "min", "max", "count"],
        // These have no largest.
        "boolean" | "uuid" | "bytea" => &["count"],
        _ => &["count", "max", "min"],
    };
    query.add("select", &format!("level,count(),x:{}.{}()", column.quoted(), pick(random, by)));
    query.add("order", "level");
    filters(random, table, query, "");
}

fn view(random: &mut Dice, table: &Table, query: &mut Query) {
    if random.bool() {
        query.add("select", &format!("*,{}(level)", table.name));
    }
    query.add("level", &format!("gte.{}", random.u8(0..4)));
    query.add("order", &keys(table));
}
