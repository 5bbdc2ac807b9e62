//! Random queries: joins, filters, grouping and set operations, ordered by all that they show.

use basalt_tests::postgres::Cluster;
use fastrand::Rng;

use super::expressions::{Generator, TABLE, same};
use super::pair::{Pair, fault};

/// Queries of a seed.
const QUERIES: usize = 300;

const TABLES: &str = "
    create table a (id int primary key, g int, s text, n numeric, at date);
    create table b (id int primary key, a_id int references a, g int, s text, f float8);
    create table c (id int primary key, b_id int references b, s text, ok bool);
    insert into a select i, nullif(i % 4, 3), nullif(chr(97 + i % 5), 'e'), i * 1.25 - 7, date '2024-01-01' + i * 11
      from generate_series(1, 20) i;
    insert into b select i, nullif(i % 23, 0) , i % 3, chr(65 + i % 4), nullif(i % 7, 0) / 2.0 from generate_series(1, 20) i;
    insert into c select i, nullif(i % 18, 0), repeat('x', i % 4), i % 5 > 1 from generate_series(1, 25) i;";

/// Columns by table, numbers first.
const COLUMNS: [(&str, &[&str], &[&str]); 3] = [
    ("a", &["id", "g", "n"], &["s", "at"]),
    ("b", &["id", "g", "f", "a_id"], &["s"]),
    ("c", &["id", "b_id"], &["s", "ok"]),
];

/// The seeds of the generated tests.
pub fn seeds() -> std::ops::Range<u64> {
    match std::env::var("BASALT_DIFFERENTIAL_SEEDS") {
        Ok(range) => {
            let (from, to) = range.split_once("..").expect("BASALT_DIFFERENTIAL_SEEDS is a range such as 5..6");
            from.parse().expect("a number")..to.parse().expect("a number")
        }
        Err(_) => 1..2,
    }
}

#[tokio::test]
async fn queries_answer_as_in_postgresql() {
    let cluster = Cluster::start();
    if !cluster.is_reference() {
        return;
    }
    let pair = Pair::new(&cluster, "queries").await;
    pair.script(TABLE).await;
    pair.script(TABLES).await;
    let mut faults = Vec::new();
    for seed in seeds() {
        let mut queries = Queries { random: Rng::with_seed(seed), conditions: Generator::new(seed, "v.", |_| false) };
        for _ in 0..QUERIES {
            let sql = queries.query();
            let (expected, found) = pair.ask(&sql).await;
            if !same(&expected, &found) {
                faults.push(fault(&sql, &expected, &found));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults\n\n{}", faults.len(), faults.join("\n\n"));
}

struct Queries {
    random: Rng,
    conditions: Generator,
}

/// A table in FROM: its index in `COLUMNS` and its alias.
type Source = (usize, String);

impl Queries {
    /// A whole query with a total order.
    fn query(&mut self) -> String {
        let columns = self.random.usize(1..4);
        let query = match self.random.u8(0..6) {
            0 => {
                let word = ["union", "union all", "intersect", "except"][self.random.usize(0..4)];
                format!("({}) {word} ({})", self.plain(columns, 0), self.plain(columns, 0))
            }
            1 => {
                let condition = self.conditions.condition(3);
                return format!("select v.id, v.t from v where {condition} order by v.id");
            }
            2 | 3 => self.grouped(),
            4 => return self.windowed(),
            _ => self.plain(columns, 2),
        };
        let count = if query.starts_with("select g.") { 4 } else { columns };
        let order: Vec<String> = (1..=count)
            .map(|n| format!("{n}{}", ["", " desc", " nulls first", " desc nulls last"][self.random.usize(0..4)]))
            .collect();
        let limit = match self.random.u8(0..4) {
            0 => format!(" limit {} offset {}", self.random.u8(0..9), self.random.u8(0..4)),
            _ => String::new(),
        };
        format!("{query} order by {}{limit}", order.join(", "))
    }

    /// Rows of joined tables. All columns are text where both sides of a set operation have to agree.
    fn plain(&mut self, columns: usize, depth: usize) -> String {
        let (from, sources) = self.from();
        let list: Vec<String> = (0..columns)
            .map(|n| match depth {
                0 => format!("{}::text as c{n}", self.column(&sources)),
                _ => format!("{} as c{n}", self.scalar(&sources, depth)),
            })
            .collect();
        let distinct = if self.random.u8(0..4) == 0 { "distinct " } else { "" };
        format!("select {distinct}{} from {from}{}", list.join(", "), self.filter(&sources, depth))
    }

    fn grouped(&mut self) -> String {
        let (from, sources) = self.from();
        let (key, value, text) = (self.column(&sources), self.number(&sources), self.column(&sources));
        let aggregates =
            ["count(*)", "count(#)", "sum(#)", "min(#)", "max(#)", "avg(#)", "count(distinct #)", "bool_or(# > 3)"];
        let first = aggregates[self.random.usize(0..aggregates.len())].replace('#', &value);
        let second = match self.random.u8(0..3) {
            0 => format!("string_agg({text}::text, ',' order by {text}::text, {value})"),
            1 => format!("array_agg({value} order by {value} desc)::text"),
            _ => format!("count(*) filter (where {value} > 2)"),
        };
        let having = if self.random.bool() { format!(" having count({value}) > 1") } else { String::new() };
        format!(
            "select g.k, g.a, g.b, g.c from (select {key} as k, {first} as a, {second} as b, count(*) as c from {from}{} group by {key}{having}) g",
            self.filter(&sources, 1)
        )
    }

    fn windowed(&mut self) -> String {
        let (table, numbers, others) = COLUMNS[self.random.usize(0..3)];
        let number = numbers[self.random.usize(0..numbers.len())];
        let other = others[self.random.usize(0..others.len())];
        let functions = [
            "row_number()",
            "rank()",
            "dense_rank()",
            "lag(q.#)",
            "lead(q.#, 2)",
            "sum(q.#)",
            "first_value(q.#)",
            "count(*)",
            "ntile(3)",
            "last_value(q.#)",
            "percent_rank()",
            "cume_dist()",
            "max(q.#)",
            "nth_value(q.#, 2)",
        ];
        let function = functions[self.random.usize(0..functions.len())].replace('#', number);
        let frames =
            ["", " rows between 1 preceding and 1 following", " rows unbounded preceding", " groups current row"];
        let frame = frames[self.random.usize(0..frames.len())];
        format!(
            "select q.id, {function} over (partition by q.{other} order by q.{number} desc, q.id{frame}) as w from {table} q order by q.id"
        )
    }

    /// FROM with one to three tables.
    fn from(&mut self) -> (String, Vec<Source>) {
        let first = self.random.usize(0..3);
        let mut sources = vec![(first, "t0".to_owned())];
        let mut from = format!("{} t0", COLUMNS[first].0);
        for n in 1..self.random.usize(1..4) {
            let table = self.random.usize(0..3);
            let alias = format!("t{n}");
            let before = self.number(&sources);
            sources.push((table, alias.clone()));
            let own = COLUMNS[table].1[self.random.usize(0..2)];
            let kind = ["join", "left join", "right join", "full join"][self.random.usize(0..4)];
            from = format!("{from} {kind} {} {alias} on {alias}.{own} = {before}", COLUMNS[table].0);
        }
        (from, sources)
    }

    fn filter(&mut self, sources: &[Source], depth: usize) -> String {
        match self.random.u8(0..3) {
            0 => String::new(),
            1 => format!(" where {}", self.predicate(sources, depth)),
            _ => {
                let word = if self.random.bool() { "and" } else { "or" };
                format!(" where {} {word} {}", self.predicate(sources, depth), self.predicate(sources, depth))
            }
        }
    }

    fn predicate(&mut self, sources: &[Source], depth: usize) -> String {
        let column = self.column(sources);
        let number = self.number(sources);
        match self.random.u8(0..if depth == 0 { 5 } else { 9 }) {
            0 => format!("{column} is not null"),
            1 => format!("{number} > {}", self.random.i8(-3..12)),
            2 => format!("{number} in (1, 2, 5, null)"),
            3 => format!("({number} = 2) is not true"),
            4 => format!("{column}::text like '%{}%'", ["a", "1", "x"][self.random.usize(0..3)]),
            5 => format!("{number} in (select x.g from a x where x.id < {number})"),
            6 => format!("exists (select 1 from b x where x.a_id = {number} and x.id > 2)"),
            7 => format!("{number} not in (select x.id from c x where x.ok)"),
            _ => format!("{number} > all (select x.g from b x where x.id = {number})"),
        }
    }

    fn scalar(&mut self, sources: &[Source], depth: usize) -> String {
        let number = self.number(sources);
        match self.random.u8(0..if depth == 0 { 2 } else { 6 }) {
            0 | 1 => self.column(sources),
            2 => format!("coalesce({number}, 0) + 1"),
            3 => format!("(select max(x.s) from b x where x.id = {number})"),
            4 => format!("(select count(*) from c x where x.b_id = {number})"),
            _ => format!("case when {} then {number} end", self.predicate(sources, depth - 1)),
        }
    }

    fn column(&mut self, sources: &[Source]) -> String {
        let (table, alias) = &sources[self.random.usize(0..sources.len())];
        let (_, numbers, others) = COLUMNS[*table];
        let n = self.random.usize(0..numbers.len() + others.len());
        format!("{alias}.{}", numbers.iter().chain(others).nth(n).expect("a column"))
    }

    fn number(&mut self, sources: &[Source]) -> String {
        let (table, alias) = &sources[self.random.usize(0..sources.len())];
        let numbers = COLUMNS[*table].1;
        format!("{alias}.{}", numbers[self.random.usize(0..numbers.len())])
    }
}
