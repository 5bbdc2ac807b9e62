//! Who may see a change: those who could have read the row as it was logged.

use basalt_core::{Claims, Identity};
use basalt_db::changes::readable;
use basalt_tests::{Server, token};
use serde_json::{Value, json};
use std::sync::Arc;

use crate::world::{end, logged};

const ANN: &str = "00000000-0000-0000-0000-00000000000a";
const BOB: &str = "00000000-0000-0000-0000-00000000000b";

const SCHEMA: &str = "
create type level as enum ('low', 'high');
create table teams (name text, member uuid);
alter table teams enable row level security;
create policy own on teams for select to authenticated using (member = auth.uid());
insert into teams values ('red', '00000000-0000-0000-0000-00000000000a'), ('blue', '00000000-0000-0000-0000-00000000000b');

create table notes (id integer primary key, owner uuid, team text, level level default 'low', at timestamptz, tags text[], secret text);
alter table notes enable row level security;
create policy own on notes for all to authenticated using (owner = auth.uid());
create policy team on notes for select to authenticated using (exists (select 1 from teams t where t.name = notes.team and t.member = (select auth.uid())));
create policy claimed on notes for select to authenticated using ('vip' = any (tags) and (auth.jwt() ->> 'vip')::boolean);
create policy public on notes for select to anon using (level = 'low' and at < '2030-01-01');
create policy not_secret on notes as restrictive for select to anon, authenticated using (secret is null or secret <> 'top');
revoke select on notes from anon;
grant select (id, owner, level) on notes to anon;

create table open (id integer primary key, note text);
alter table open enable row level security;
create policy everyone on open using (true);
create table closed (id integer primary key, note text);
alter table closed enable row level security;
create table barred (id integer primary key);
alter table barred enable row level security;
create policy everyone on barred using (true);
revoke all on barred from anon;
alter publication supabase_realtime add table notes, open, closed, barred;
";

fn identities() -> Vec<(Identity, Option<String>)> {
    let with = |claims: Value| {
        let map = claims.as_object().expect("an object").clone();
        let role = claims["role"].as_str().expect("a role");
        (Identity { role: role.into(), claims: Arc::new(Claims::new(&map)) }, Some(token(claims.clone())))
    };
    vec![
        (Identity::role("anon"), None),
        with(json!({"role": "authenticated", "sub": ANN})),
        with(json!({"role": "authenticated", "sub": BOB})),
        with(json!({"role": "authenticated", "sub": BOB, "vip": true})),
        with(json!({"role": "authenticated"})),
        with(json!({"role": "service_role"})),
    ]
}

/// Whether an identity reads the row through REST.
async fn reads(server: &Server, table: &str, id: i64, token: Option<&str>) -> bool {
    let ask = server.get(&format!("/{table}?select=id&id=eq.{id}"));
    let answer = match token {
        Some(token) => ask.token(token),
        None => ask,
    }
    .send()
    .await;
    answer.json() == json!([{"id": id}])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_is_what_the_identity_could_have_read() {
    let server = Server::start(SCHEMA).await;
    let identities = identities();
    let plain: Vec<Identity> = identities.iter().map(|(identity, _)| identity.clone()).collect();
    let mut writes: Vec<(&str, &str, i64, Value)> = Vec::new();
    let mut id = 0;
    for owner in [Some(ANN), Some(BOB), None] {
        for (team, level, at, tags, secret) in [
            (json!("red"), "low", "2024-01-01T00:00:00Z", json!(["vip"]), json!(null)),
            (json!("blue"), "high", "2024-01-01T00:00:00Z", json!(["a", "b"]), json!("some")),
            (json!("green"), "low", "2040-01-01T00:00:00Z", json!(["vip"]), json!("top")),
            (json!(null), "low", "2024-01-01T00:00:00Z", json!(null), json!(null)),
        ] {
            id += 1;
            let row = json!({"id": id, "owner": owner, "team": team, "level": level, "at": at, "tags": tags, "secret": secret});
            writes.push(("POST", "notes", id, row));
        }
    }
    writes.push(("PATCH", "notes", 1, json!({"owner": BOB, "team": "blue"})));
    writes.push(("PATCH", "notes", 2, json!({"secret": "top"})));
    writes.push(("DELETE", "notes", 1, json!(null)));
    writes.push(("DELETE", "notes", 3, json!(null)));
    for table in ["open", "closed", "barred"] {
        writes.push(("POST", table, 1, json!({"id": 1})));
        writes.push(("DELETE", table, 1, json!(null)));
    }
    let start = end(&server).await;
    let mut could = Vec::new();
    for (method, table, id, body) in &writes {
        let mut seen = Vec::new();
        let before = *method == "DELETE";
        for turn in [true, false] {
            if turn != before {
                let path = format!("/{table}");
                let filtered = format!("/{table}?id=eq.{id}");
                let ask = match *method {
                    "POST" => server.post(&path, body),
                    "PATCH" => server.patch(&filtered, body),
                    _ => server.delete(&filtered),
                };
                let answer = ask.service().send().await;
                assert!(answer.status < 300, "{method} {table} {}", answer.body);
            } else {
                for (_, token) in &identities {
                    seen.push(reads(&server, table, *id, token.as_deref()).await);
                }
            }
        }
        could.push(seen);
    }
    let changes = logged(&server, start).await;
    assert_eq!(changes.len(), writes.len());
    // Judged all at once, when most rows are no longer what they were.
    let verdicts = server.database.changes().judge(&changes, &plain).await.expect("verdicts");
    let told: Vec<Vec<bool>> =
        verdicts.iter().map(|verdict| (0..plain.len()).map(|index| verdict.allows(index)).collect()).collect();
    for ((write, told), could) in writes.iter().zip(&told).zip(&could) {
        assert_eq!(told, could, "{write:?}");
    }
    let both = |allowed: bool| could.iter().flatten().any(|seen| *seen == allowed);
    assert!(both(true) && both(false), "the cases tell something");
}

#[tokio::test(flavor = "multi_thread")]
async fn later_writes_neither_reveal_nor_hide() {
    let server = Server::start(SCHEMA).await;
    let start = end(&server).await;
    server.post("/notes", &json!({"id": 1, "owner": ANN})).service().send().await;
    server.patch("/notes?id=eq.1", &json!({"owner": BOB})).service().send().await;
    server.delete("/notes?id=eq.1").service().send().await;
    let changes = logged(&server, start).await;
    let users: Vec<Identity> = identities().into_iter().map(|(identity, _)| identity).collect();
    let verdicts = server.database.changes().judge(&changes, &users).await.expect("verdicts");
    let of = |change: usize| [verdicts[change].allows(1), verdicts[change].allows(2)];
    assert_eq!([of(0), of(1), of(2)], [[true, false], [false, true], [false, true]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_given_the_columns_that_it_may_select() {
    let server = Server::start(SCHEMA).await;
    let start = end(&server).await;
    server.post("/notes", &json!({"id": 1})).service().send().await;
    let changes = logged(&server, start).await;
    let catalog = server.database.catalog();
    let table = &changes[0].table;
    assert_eq!(readable(&catalog, table, "anon"), ["id", "owner", "level"]);
    assert_eq!(readable(&catalog, table, "authenticated").len(), 7);
    assert_eq!(readable(&catalog, table, "nobody"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_fails_over_a_row_hides_that_row_alone() {
    let schema = "create table t (id integer primary key, n integer);
        alter table t enable row level security;
        create policy risky on t for select using (10 / n > 1);
        alter publication supabase_realtime add table t;";
    let server = Server::start(schema).await;
    let start = end(&server).await;
    server
        .post("/t", &json!([{"id": 1, "n": 2}, {"id": 2, "n": 0}, {"id": 3, "n": 5}, {"id": 4, "n": 9}]))
        .service()
        .send()
        .await;
    let changes = logged(&server, start).await;
    let verdicts = server.database.changes().judge(&changes, &[Identity::role("anon")]).await.expect("verdicts");
    assert_eq!(verdicts.iter().map(|verdict| verdict.allows(0)).collect::<Vec<_>>(), [true, false, true, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_may_name_its_table_with_the_schema() {
    let schema = "create table t (id integer primary key, owner text);
        create table u (id integer primary key);
        grant select on u to authenticated;
        alter table t enable row level security;
        create policy own on t for select using (public.t.owner = auth.uid()::text and not exists (select from u where u.id = public.t.id));
        alter publication supabase_realtime add table t;";
    let server = Server::start(schema).await;
    let start = end(&server).await;
    server.post("/t", &json!([{"id": 1, "owner": ANN}, {"id": 2, "owner": BOB}])).service().send().await;
    let changes = logged(&server, start).await;
    let (ann, _) = identities().into_iter().find(|(identity, _)| identity.claims.sub() == Some(ANN)).expect("Ann");
    let verdicts = server.database.changes().judge(&changes, &[ann]).await.unwrap();
    assert_eq!(verdicts.iter().map(|verdict| verdict.allows(0)).collect::<Vec<_>>(), [true, false]);
}
