//! Random databases, policies and statements: Basalt, PostgreSQL and a naive evaluator have to agree on the rows seen, the rows
//! changed and the refusals.
//!
//! `BASALT_POLICY_SEEDS=1000..3000` runs those seeds instead of the fixed ones; a fault is printed with its seed.

use std::sync::Arc;

use basalt_core::{Claims, Identity};
use basalt_db::{Format, Request};
use basalt_tests::postgres::{Cluster, Session};
use basalt_tests::{Server, token};
use reqwest::Method;
use serde_json::{Value as Json, json};

use super::ask::{Ask, CALLERS, Call, Caller};
use super::evaluator;
use super::generate::Generator;
use super::world::{Table, World};

/// Databases of the fixed run, and statements over each.
const SEEDS: std::ops::Range<u64> = 0..150;
const STATEMENTS: usize = 24;

/// Roles and functions that Basalt has from the start, for PostgreSQL.
const BOOTSTRAP: &str = "
  create role anon noinherit; create role authenticated noinherit; create role service_role noinherit bypassrls;
  create schema auth;
  grant usage on schema auth to public;
  create function auth.jwt() returns jsonb language sql stable as
    $$ select nullif(current_setting('request.jwt.claims', true), '')::jsonb $$;
  create function auth.uid() returns uuid language sql stable as $$ select (auth.jwt() ->> 'sub')::uuid $$;
  create function auth.role() returns text language sql stable as $$ select auth.jwt() ->> 'role' $$;
";

/// Memberships that pass nothing on, since no member inherits: whoever took them into account would answer otherwise.
const MEMBERS: &str = "
  create role keeper noinherit;
  grant keeper to anon, authenticated; grant service_role to keeper;
";

/// A schema `public` as Basalt has it from the start, for PostgreSQL.
const RENEW: &str = "
  drop schema if exists public cascade;
  create schema public;
  grant usage on schema public to public;
  alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
";

/// Rows, or the number of rows changed; or SQLSTATE and message.
type Outcome = Result<Json, (String, String)>;

#[tokio::test]
async fn policies_mean_what_postgresql_says() {
    let seeds = match std::env::var("BASALT_POLICY_SEEDS") {
        Ok(range) => {
            let (from, to) = range.split_once("..").expect("BASALT_POLICY_SEEDS is a range such as 5..6");
            from.parse().expect("a number")..to.parse().expect("a number")
        }
        Err(_) => SEEDS,
    };
    let cluster = Cluster::start();
    if !cluster.has(15, "`security_invoker`") {
        return;
    }
    let postgres = cluster.connect().await;
    postgres.script(BOOTSTRAP).await;
    postgres.script(MEMBERS).await;
    let server = Server::start(MEMBERS).await;
    let mut faults = Vec::new();
    for seed in seeds {
        faults.extend(compare(seed, &server, &postgres).await);
    }
    assert!(faults.is_empty(), "{} faults\n\n{}", faults.len(), faults.join("\n\n"));
}

/// Makes the database of a seed on both engines and runs its statements; says where they differ.
async fn compare(seed: u64, server: &Server, postgres: &Session) -> Option<String> {
    let mut generator = Generator::new(seed);
    let mut world = generator.world();
    let script = world.script();
    postgres.script(RENEW).await;
    postgres.script(&script).await;
    server.database.reset().await.expect("an empty database");
    let made = server.database.run_script(&format!("{MEMBERS}{script}"), |_| ()).await;
    if let Err(error) = made {
        return Some(format!("seed {seed}: Basalt refuses the script: {error}\n{script}"));
    }
    for number in 0..STATEMENTS {
        let caller = CALLERS[generator.random.usize(0..CALLERS.len())];
        let ask = generator.ask(&world);
        let call = ask.call(&world).filter(|_| generator.random.bool() && is_served(&world, caller, &ask));
        let sql = ask.sql(&world);
        let expected = from_postgres(postgres, caller, &ask, &sql).await;
        let (found, shown) = match &call {
            Some(call) => (over_http(server, caller, call).await, format!("{} {}\n  {call:?}", call.method, call.path)),
            None => (in_database(server, caller, &ask, &sql).await, String::new()),
        };
        let denied = evaluator::lacks_privilege(&world, caller, &ask);
        let naive = evaluator::answer(&mut world, caller, &ask);
        if matches!(&expected, Err((code, _)) if code == "23503") && found.is_ok() && is_late_cascade(&world, &ask) {
            return None; // From here on the engines hold different rows.
        }
        let naive = naive.map(sorted).map_err(str::to_owned);
        let code = |outcome: &Outcome| outcome.clone().map_err(|(code, _)| code);
        let differs = !agree(&ask, &found, &expected, denied) || code(&expected) != naive;
        let states = if ask.writes() && !differs { states(server, postgres, &world).await } else { None };
        if differs || states.is_some() {
            return Some(format!(
                "seed {seed}, statement {number}, as {caller:?}\n  {sql}\n  {shown}\n  PostgreSQL {}\n  Basalt     {}\n  naive      {}\n{}\n{script}",
                text(&expected),
                text(&found),
                text(&naive),
                states.unwrap_or_default(),
            ));
        }
    }
    None
}

/// Whether a delete takes rows away over a middle table that also refer to what is deleted without cascading. PostgreSQL judges their
/// keys before it comes to the middle table's cascades, SQLite after (docs/engines.md).
fn is_late_cascade(world: &World, ask: &Ask) -> bool {
    let Ask::Delete { table, .. } = ask else { return false };
    let reached = |of: usize| {
        let references = move |child: &Table| child.columns.iter().any(|column| column.references == Some((of, true)));
        (0..world.tables.len()).filter(move |child| references(&world.tables[*child]))
    };
    let middles = (0..world.tables.len()).fold(vec![*table], |mut found, _| {
        let next: Vec<usize> = found.iter().flat_map(|of| reached(*of)).filter(|t| !found.contains(t)).collect();
        found.extend(next);
        found
    });
    middles[1..].iter().flat_map(|middle| reached(*middle)).any(|child| {
        world.tables[child]
            .columns
            .iter()
            .any(|c| c.references.is_some_and(|(to, cascades)| !cascades && middles.contains(&to)))
    })
}

/// Whether the REST API serves what a statement reads: tables without row security are closed to the API's callers, and so are
/// views and functions that reach them with their caller's rights.
fn is_served(world: &World, caller: Caller, ask: &Ask) -> bool {
    let tables = match ask {
        Ask::Read(read) => {
            let mut tables = vec![read.table];
            read.view.iter().for_each(|view| world.views[*view].condition.tables(world, &mut tables));
            tables
        }
        Ask::Embed { parent, child, .. } | Ask::EmbedOne { parent, child, .. } => vec![*parent, *child],
        Ask::Insert(insert) => vec![insert.table],
        Ask::Update { table, .. } | Ask::Delete { table, .. } => vec![*table],
    };
    match caller.role {
        "keeper" => false,
        "service_role" => true,
        _ => tables.iter().all(|table| world.tables[*table].row_security),
    }
}

/// Whether two answers are the same. Where several things are refused, the engines may name different ones first: which of the
/// tables without a privilege, which of the foreign keys, which of several faulty rows, and endless policies or what no policy
/// allows anyway.
fn agree(ask: &Ask, found: &Outcome, expected: &Outcome, denied: bool) -> bool {
    let lacks = |refusal: &(String, String)| refusal.1.starts_with("permission denied for ");
    let endless = matches!(expected, Err((code, _)) if code == "42P17");
    match (found, expected) {
        (Ok(found), Err(_)) if endless => ask.writes() && [json!(0), json!([])].contains(found),
        (Err(found), Err(_)) if endless => found.0 == "42P17" || ask.writes() || (denied && lacks(found)),
        (Err(found), Err(expected)) if lacks(found) => lacks(expected),
        (Err(found), Err(expected)) if found.0 == "23503" => expected.0 == "23503",
        (Err(found), Err(expected)) => {
            let several = matches!(ask, Ask::Insert(insert) if insert.rows.len() > 1);
            found == expected || several
        }
        _ => found == expected,
    }
}

async fn from_postgres(postgres: &Session, caller: Caller, ask: &Ask, sql: &str) -> Outcome {
    let claims = Json::Object(caller.claims()).to_string();
    let gives_rows = !ask.writes() || sql.contains(" returning ");
    let select =
        if gives_rows { "select coalesce(jsonb_agg(to_jsonb(a)), '[]') from a" } else { "select count(*) from a" };
    let wrapped = match (ask.writes(), gives_rows) {
        (true, false) => return postgres.count(caller.role, &claims, sql).await.map(|count| json!(count)),
        _ => format!("with a as ({sql}) {select}"),
    };
    let body = postgres.run(caller.role, &claims, &wrapped).await?.unwrap_or_default();
    Ok(sorted(serde_json::from_str(&body).expect("JSON from PostgreSQL")))
}

async fn in_database(server: &Server, caller: Caller, ask: &Ask, sql: &str) -> Outcome {
    let identity = Identity { role: caller.role.into(), claims: Arc::new(Claims::new(&caller.claims())) };
    let gives_rows = !ask.writes() || sql.contains(" returning ");
    let format = if gives_rows { Format::Json } else { Format::None };
    let request = Request { format, ..Request::new(identity, sql, Vec::new()) };
    let answer = server.database.run(request).await;
    let answer = answer.map_err(|error| (error.code().to_owned(), error.message().to_owned()))?;
    match gives_rows {
        true => Ok(sorted(serde_json::from_slice(&answer.body).expect("JSON from Basalt"))),
        false => Ok(json!(answer.rows)),
    }
}

async fn over_http(server: &Server, caller: Caller, call: &Call) -> Outcome {
    let method = Method::from_bytes(call.method.as_bytes()).expect("a method");
    let mut request = server.ask(method, &call.path);
    if caller.role != "anon" {
        request = request.token(&token(Json::Object(caller.claims())));
    }
    if !call.prefer.is_empty() {
        request = request.prefer(&call.prefer);
    }
    if let Some(body) = &call.body {
        request = request.json(body);
    }
    let answer = request.send().await;
    let body = answer.json();
    if answer.status >= 400 {
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        return Err((text("code"), text("message")));
    }
    if call.method != "GET" && call.prefer.contains("return=minimal") {
        let total = answer.header("content-range").rsplit('/').next().and_then(|total| total.parse::<u64>().ok());
        return Ok(json!(total));
    }
    Ok(sorted(body))
}

/// Where the rows in the three databases differ, all of them seen by the owner.
async fn states(server: &Server, postgres: &Session, world: &World) -> Option<String> {
    for table in &world.tables {
        let sql = format!("select coalesce(jsonb_agg(to_jsonb(t)), '[]') from {} t", table.name);
        let body = postgres.run("postgres", "{}", &sql).await.expect("rows").unwrap_or_default();
        let expected = sorted(serde_json::from_str(&body).expect("JSON from PostgreSQL"));
        let request = Request::new(Identity::owner(), format!("select * from {}", table.name), Vec::new());
        let answer = server.database.run(request).await.expect("rows");
        let found = sorted(serde_json::from_slice(&answer.body).expect("JSON from Basalt"));
        let columns: Vec<usize> = (0..table.columns.len()).collect();
        let object = |row: &Vec<super::world::Value>| {
            Json::Object(columns.iter().map(|c| (table.columns[*c].name.clone(), row[*c].json())).collect())
        };
        let naive = sorted(Json::Array(table.rows.iter().map(object).collect()));
        if expected != found || expected != naive {
            return Some(format!(
                "  then {}\n  PostgreSQL {expected}\n  Basalt     {found}\n  naive      {naive}",
                table.name
            ));
        }
    }
    None
}

/// Rows in an order of their own, numbers in one form.
fn sorted(json: Json) -> Json {
    match plain(json) {
        Json::Array(mut rows) => {
            rows.sort_by_key(Json::to_string);
            Json::Array(rows)
        }
        other => other,
    }
}

fn plain(json: Json) -> Json {
    match json {
        Json::Number(number) => match number.as_f64() {
            Some(value) if value.fract() == 0.0 => json!(value as i64),
            _ => Json::Number(number),
        },
        Json::Array(items) => Json::Array(items.into_iter().map(plain).collect()),
        Json::Object(members) => {
            let mut members: Vec<(String, Json)> =
                members.into_iter().map(|(key, value)| (key, plain(value))).collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Json::Object(members.into_iter().collect())
        }
        other => other,
    }
}

fn text<E: std::fmt::Debug>(outcome: &Result<Json, E>) -> String {
    match outcome {
        Ok(json) => json.to_string(),
        Err(error) => format!("{error:?}"),
    }
}
