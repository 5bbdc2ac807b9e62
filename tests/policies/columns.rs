//! Writes by roles that may select some columns only: the same on both engines.

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
