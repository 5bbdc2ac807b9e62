//! Random writes to tables whose rows exclude each other: what is refused, and what is there afterwards.

use basalt_tests::postgres::Cluster;
use fastrand::Rng;

use super::pair::{Outcome, Pair, fault};
use super::queries::seeds;

/// Writes of a seed.
const WRITES: usize = 400;

/// Bookings by group; spans of two columns, of which some don't count; numbers that are equal in several forms; pairs.
const TABLES: &str = "
    create extension btree_gist;
    create table a (id int primary key, g int, r int4range, exclude using gist (g with =, r with &&));
    create table b (id int primary key, g text, x int, y int, off bool not null default false,
        exclude using gist (g with =, int4range(x, y, '[]') with &&) where (not off));
    create table c (id int primary key, g numeric, r numrange, exclude using gist (r with &&, g with =));
    create table d (id int primary key, g int, r int4range, exclude using gist (g with <>, r with &&));";

#[tokio::test]
async fn rows_exclude_each_other_as_in_postgresql() {
    let cluster = Cluster::start();
    if !cluster.is_reference() {
        return;
    }
    let pair = Pair::new(&cluster, "exclusions").await;
    pair.script(TABLES).await;
    let mut faults = Vec::new();
    let (mut kept, mut refused) = (0, 0);
    for seed in seeds() {
        let mut random = Rng::with_seed(seed);
        for _ in 0..WRITES {
            let table = ["a", "b", "c", "d"][random.usize(0..4)];
            let sql = write(&mut random, table);
            let (expected, found) = pair.ask(&sql).await;
            match &expected {
                Outcome::Refused(refusal) if refusal.code == "23P01" => refused += 1,
                _ => kept += 1,
            }
            let all = pair.compare(&format!("select * from {table} order by id")).await;
            if told(&expected) != told(&found) {
                faults.push(fault(&sql, &expected, &found));
            } else if let Some(all) = all {
                faults.push(format!("after {sql}\n{all}"));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults\n\n{}", faults.len(), faults.join("\n\n"));
    // Both must have been met often.
    assert!(kept > WRITES / 10 && refused > WRITES / 10, "{kept} writes were kept, {refused} refused");
}

/// An outcome without DETAIL: which of several rows a new one meets first is the engine's choice.
fn told(outcome: &Outcome) -> Outcome {
    match outcome {
        Outcome::Refused(refusal) => {
            let mut refusal = refusal.clone();
            refusal.detail = None;
            Outcome::Refused(refusal)
        }
        other => other.clone(),
    }
}

fn write(random: &mut Rng, table: &str) -> String {
    let id = random.u8(0..60);
    match random.u8(0..10) {
        0 => format!("delete from {table} where id = {id}"),
        1 | 2 => {
            let (name, value) = random_column(random, table);
            format!("update {table} set {name} = {value} where id = {id}")
        }
        3 | 4 => {
            let (name, value) = random_column(random, table);
            let row = row(random, table, id);
            format!("insert into {table} values {row} on conflict (id) do update set {name} = {value}")
        }
        5 => format!("insert into {table} values {} on conflict (id) do nothing", row(random, table, id)),
        _ => {
            let rows: Vec<String> = (0..random.u8(1..3)).map(|n| row(random, table, id + 60 * n)).collect();
            format!("insert into {table} values {}", rows.join(", "))
        }
    }
}

/// A new row; only updates turn the ends of a span round, which is no range.
fn row(random: &mut Rng, table: &str, id: u8) -> String {
    let group = value(random, table, "g");
    match table {
        "b" => {
            let from = random.u8(0..60);
            format!("({id}, {group}, {from}, {}, {})", from + random.u8(0..6), random.bool())
        }
        _ => format!("({id}, {group}, {})", value(random, table, "r")),
    }
}

fn random_column(random: &mut Rng, table: &str) -> (&'static str, String) {
    let columns = if table == "b" { ["g", "x", "y", "off"].as_slice() } else { &["g", "r"] };
    let column = columns[random.usize(0..columns.len())];
    (column, value(random, table, column))
}

fn value(random: &mut Rng, table: &str, column: &str) -> String {
    if column != "off" && random.u8(0..20) == 0 {
        return "null".into();
    }
    match (table, column) {
        ("c", "g") => ["1", "1.0", "2", "2.50", "'NaN'"][random.usize(0..5)].into(),
        (_, "g") => format!("'{}'", random.u8(0..3)),
        (_, "off") => random.bool().to_string(),
        (_, "x" | "y") => random.u8(0..60).to_string(),
        _ => range(random),
    }
}

fn range(random: &mut Rng) -> String {
    let from = random.u8(0..60);
    let (lower, upper) = (from.to_string(), (from + random.u8(0..6)).to_string());
    let lower = if random.u8(0..30) == 0 { "" } else { &lower };
    let upper = if random.u8(0..30) == 0 { "" } else { &upper };
    let (open, close) = (["[", "("][random.usize(0..2)], ["]", ")"][random.usize(0..2)]);
    format!("'{open}{lower},{upper}{close}'")
}
