//! What a membership passes on, and what it only allows to become: the same on both engines.

use basalt_tests::postgres::Cluster;
use basalt_tests::{Server, token};
use serde_json::json;

const SCHEMA: &str = "
  create role viewer noinherit; create role heir;
  grant viewer, heir to authenticator; grant authenticated to viewer, heir;
  create table notes (id int primary key); insert into notes values (1);
  revoke all on notes from anon; alter table notes enable row level security;
  create policy seen on notes to authenticated using (true);
  create table shared (id int primary key); insert into shared values (1);
  grant select on shared to viewer; alter table shared enable row level security;
  create policy seen on shared to authenticated using (true);
";

#[tokio::test]
async fn a_role_that_does_not_inherit_has_no_privileges_of_its_parents() {
    let cluster = Cluster::start();
    let embedded = Server::start_embedded(SCHEMA, |_| ()).await;
    let postgres = Server::start_on(&cluster, SCHEMA, |_| ()).await;
    for server in [&embedded, &postgres] {
        let role = |name: &str| token(json!({"role": name, "sub": "11111111-1111-4111-8111-111111111111"}));
        // Neither the table's grants nor the policies to a parent are its own.
        server.get("/notes").token(&role("viewer")).expect_error(403, "42501").await;
        server.get("/shared").token(&role("viewer")).expect(200, json!([])).await;
        server.post("/notes", &json!({"id": 2})).token(&role("viewer")).expect_error(403, "42501").await;
        server.get("/notes").token(&role("authenticator")).expect_error(403, "42501").await;
        server.get("/notes").token(&role("heir")).expect(200, json!([{"id": 1}])).await;
        server.get("/notes").token(&role("authenticated")).expect(200, json!([{"id": 1}])).await;
    }
}
