//! Roles that may use some columns only: what they may write, and what they are told. The same on both engines.

use basalt_tests::Server;
use basalt_tests::postgres::Cluster;
use serde_json::json;

use super::ask::ANN;

const SCHEMA: &str = "
  create table notes (id int primary key, title text, secret text default 'hush');
  revoke all on notes from anon, authenticated;
  grant select (id, title), insert (id, title), update (id, title) on notes to authenticated;
  alter table notes enable row level security;
  create policy own on notes to authenticated using (true) with check (title <> 'forbidden');
";

#[tokio::test]
async fn an_upsert_needs_the_columns_that_it_reads_and_no_others() {
    let cluster = Cluster::start();
    let embedded = Server::start_embedded(SCHEMA, |_| ()).await;
    let postgres = Server::start_on(&cluster, SCHEMA, |_| ()).await;
    for server in [&embedded, &postgres] {
        let upsert = |body, returned| {
            let ask = server.post("/notes?select=id,title", &body).user(ANN);
            ask.prefer(&format!("resolution=merge-duplicates,return={returned}"))
        };
        upsert(json!([{"id": 1, "title": "a"}]), "minimal").expect(201, json!(null)).await;
        upsert(json!([{"id": 1, "title": "b"}]), "minimal").expect(200, json!(null)).await;
        let both = json!([{"id": 1, "title": "c"}, {"id": 2, "title": "d"}]);
        upsert(both.clone(), "representation").expect(201, both.clone()).await;
        upsert(both.clone(), "representation").expect(200, both.clone()).await;
        upsert(json!([{"id": 1, "title": "forbidden"}]), "minimal").expect_error(403, "42501").await;
        for (title, status) in [("e", 201), ("f", 200)] {
            let row = json!({"id": 3, "title": title});
            let put = server.put("/notes?id=eq.3&select=id,title", &row).user(ANN);
            put.prefer("return=representation").expect(status, json!([row])).await;
        }
        let rows = json!([{"id": 1, "title": "c"}, {"id": 2, "title": "d"}, {"id": 3, "title": "f"}]);
        server.get("/notes?select=id,title&order=id").user(ANN).expect(200, rows).await;
        // What is not granted stays shut.
        server.get("/notes?select=secret").user(ANN).expect_error(403, "42501").await;
        let secret = server.post("/notes?select=secret", &json!({"id": 4, "title": "g"})).user(ANN);
        secret.prefer("return=representation").expect_error(403, "42501").await;
    }
}

const HIDDEN: &str = "
  create table people (id int primary key, name text, salary int, salaries text);
  create table payrolls (id int primary key, person int references people);
  create table vacations (id int primary key, person int references people);
  create function payments() returns int language sql stable as 'select 1';
  create function greetings() returns int language sql stable as 'select 1';
  revoke all on people, payrolls from anon;
  revoke execute on function payments() from public, anon;
  grant select (id, name, salaries) on people to anon;
  alter table people enable row level security; create policy seen on people using (true);
  alter table payrolls enable row level security; create policy seen on payrolls using (true);
  alter table vacations enable row level security; create policy seen on vacations using (true);
";

/// A hint that names a hidden thing would tell that it exists; whoever may use the thing is told.
#[tokio::test]
async fn hints_and_descriptions_name_only_what_the_caller_may_use() {
    let cluster = Cluster::start();
    let embedded = Server::start_embedded(HIDDEN, |_| ()).await;
    let postgres = Server::start_on(&cluster, HIDDEN, |_| ()).await;
    for server in [&embedded, &postgres] {
        for (path, names) in [
            ("/people?select=salry", "people.salary"),
            ("/people?salry=eq.1&select=id", "people.salary"),
            ("/people?select=id&order=salry", "people.salary"),
            ("/vacations?select=id,people(salry)", "salary"),
            ("/vacations?select=id,who:people(salry)", "salary"),
            ("/payroll", "public.payrolls"),
            ("/people?select=id,payrols(id)", "payrolls"),
            ("/rpc/payment", "public.payments"),
        ] {
            // Asked by one who may know, so that an answer that was kept would be told to the other.
            for role in ["service", "anon", "service", "anon"] {
                let ask = server.get(path);
                let answer = if role == "anon" { ask.send().await } else { ask.service().send().await };
                let named = answer.json()["hint"].as_str().is_some_and(|hint| hint.contains(names));
                assert_eq!(named, role == "service", "{path} as {role}: {} {}", answer.status, answer.body);
            }
        }
        for (path, names) in [
            ("/people?select=id,nme", "people.name"),
            ("/vacation", "public.vacations"),
            ("/rpc/greeting", "public.greetings"),
        ] {
            let answer = server.get(path).send().await;
            assert!(answer.json()["hint"].as_str().is_some_and(|hint| hint.contains(names)), "{path}: {}", answer.body);
        }
        for (description, mount) in [("/", ""), ("/openapi.json", "/rest/v1")] {
            let described = async |service: bool| {
                let ask = if mount.is_empty() {
                    server.get(description)
                } else {
                    server.raw(reqwest::Method::GET, description)
                };
                let ask = ask.header("accept", "application/json");
                if service { ask.service().send().await.body } else { ask.send().await.body }
            };
            let (all, part) = (described(true).await, described(false).await);
            for hidden in ["\"salary\"", "payrolls"] {
                assert!(all.contains(hidden) && !part.contains(hidden), "{description}: {hidden}");
            }
            assert!(part.contains("\"salaries\"") && part.contains("vacations"), "{description}: {part}");
        }
    }
}
