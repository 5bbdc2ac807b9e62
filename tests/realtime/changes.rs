//! Database changes: who is told what.

use basalt_tests::{Server, on_postgres, on_postgres_before};
use serde_json::{Value, json};

use crate::socket::Socket;
use crate::{anon, token, user};

pub const ANNA: &str = "00000000-0000-4000-8000-00000000000a";
const BEN: &str = "00000000-0000-4000-8000-00000000000b";

pub const SCHEMA: &str = "
create table public.notes (id int primary key, owner uuid, text text, secret text);
alter table public.notes enable row level security;
create policy own on public.notes to authenticated using (owner = auth.uid()) with check (owner = auth.uid());
create table public.prices (id int primary key, price numeric(10,2), tags text[], at timestamptz);
alter table public.prices enable row level security;
create policy everyone on public.prices for select using (true);
alter table public.prices replica identity full;
create table public.unkeyed (x int);
alter table public.unkeyed enable row level security;
create policy everyone on public.unkeyed for select using (true);
create table public.unwatched (id int primary key);
alter publication supabase_realtime add table public.notes, public.prices, public.unkeyed;
";

/// A client that follows one kind of changes, and the id of those.
pub async fn subscribed(server: &Server, key: &str, entry: Value) -> (Socket, i64) {
    let mut socket = Socket::connect(server, key).await;
    let response = socket.join("a", json!({"postgres_changes": [entry]})).await;
    assert_eq!(socket.system().await, "Subscribed to PostgreSQL");
    let mut expected = entry;
    expected["id"] = response["postgres_changes"][0]["id"].clone();
    assert_eq!(response["postgres_changes"], json!([expected]));
    (socket, expected["id"].as_i64().unwrap())
}

/// The next change, without its time.
pub async fn change(socket: &mut Socket) -> Value {
    let mut payload = socket.event("postgres_changes").await;
    let time = payload["data"].as_object_mut().unwrap().remove("commit_timestamp").unwrap();
    assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
    payload
}

#[tokio::test]
async fn a_change_has_the_rows_of_its_kind() {
    let server = Server::start(SCHEMA).await;
    let (mut socket, id) =
        subscribed(&server, &anon(), json!({"event": "*", "schema": "public", "table": "prices"})).await;
    server.script("insert into prices values (1, 2.5, '{a,b}', '2026-01-01 00:00:00+00')").await;
    let columns = json!([{"name": "id", "type": "int4"}, {"name": "price", "type": "numeric"},
        {"name": "tags", "type": "_text"}, {"name": "at", "type": "timestamptz"}]);
    let record = json!({"id": 1, "price": 2.50, "tags": ["a", "b"], "at": "2026-01-01T00:00:00+00:00"});
    let data = json!({"schema": "public", "table": "prices", "type": "INSERT", "columns": columns, "record": record, "errors": null});
    assert_eq!(change(&mut socket).await, json!({"ids": [id], "data": data}));

    server.script("update prices set price = 3; delete from prices").await;
    let update = change(&mut socket).await["data"].clone();
    assert_eq!((&update["type"], &update["record"]["price"]), (&json!("UPDATE"), &json!(3.00)));
    // All of the old row, since the replica identity is full and the policies show it.
    let old = json!({"id": 1, "price": 2.50, "tags": ["a", "b"], "at": "2026-01-01T00:00:00+00:00"});
    assert_eq!(update["old_record"], old);
    let delete = change(&mut socket).await["data"].clone();
    assert_eq!(
        (&delete["type"], &delete["old_record"], delete.get("record")),
        (&json!("DELETE"), &json!({"id": 1}), None)
    );
}

#[tokio::test]
async fn subscribers_are_told_what_their_policies_let_them_read() {
    let server = Server::start(SCHEMA).await;
    let entry = json!({"event": "*", "schema": "public", "table": "notes"});
    let (mut anna, _) = subscribed(&server, &user(ANNA), entry.clone()).await;
    let (mut ben, _) = subscribed(&server, &user(BEN), entry.clone()).await;
    let (mut nobody, _) = subscribed(&server, &anon(), entry.clone()).await;
    let (mut service, _) = subscribed(&server, &token(json!({"role": "service_role"})), entry).await;
    let note = |id: u32, owner: &str| json!({"id": id, "owner": owner, "text": "t"});
    server.post("/notes", &note(1, ANNA)).user(ANNA).expect(201, Value::Null).await;
    server.post("/notes", &note(2, BEN)).user(BEN).expect(201, Value::Null).await;
    server.delete("/notes?id=eq.1").user(ANNA).expect(204, Value::Null).await;
    server.post("/notes", &note(3, BEN)).user(BEN).expect(201, Value::Null).await;

    assert_eq!(change(&mut ben).await["data"]["record"]["id"], 2);
    assert_eq!(change(&mut ben).await["data"]["record"]["id"], 3);
    assert_eq!(change(&mut anna).await["data"]["record"]["id"], 1);
    let deleted = change(&mut anna).await["data"].clone();
    assert_eq!((&deleted["type"], &deleted["old_record"]), (&json!("DELETE"), &json!({"id": 1})));
    for kind in ["INSERT", "INSERT", "DELETE", "INSERT"] {
        assert_eq!(change(&mut service).await["data"]["type"], kind);
    }
    // All have been told: what did not come does not come.
    for socket in [&mut anna, &mut ben, &mut nobody] {
        socket.expect_none("postgres_changes").await;
    }
}

#[tokio::test]
async fn a_renewed_token_is_who_is_told() {
    let server = Server::start(SCHEMA).await;
    let entry = json!({"event": "INSERT", "schema": "public", "table": "notes"});
    let (mut socket, _) = subscribed(&server, &user(ANNA), entry.clone()).await;
    socket.send("realtime:a", "access_token", json!({"access_token": user(BEN)})).await;
    socket.ask("phoenix", "heartbeat", json!({})).await;
    server.script(&format!("insert into notes values (1, '{ANNA}'), (2, '{BEN}')")).await;
    assert_eq!(change(&mut socket).await["data"]["record"]["id"], 2);
    socket.ask("realtime:a", "phx_leave", json!({})).await;
    let (mut other, _) = subscribed(&server, &user(BEN), entry).await;
    server.script(&format!("insert into notes values (3, '{BEN}')")).await;
    change(&mut other).await;
    socket.expect_none("postgres_changes").await;
}

/// A condition over a column would tell its values, and so would an answer that differs from the one for a column that does not exist.
#[tokio::test]
async fn one_message_has_all_ids_of_a_channel() {
    let server = Server::start(SCHEMA).await;
    let mut socket = Socket::connect(&server, &anon()).await;
    let entries = json!([
        {"event": "*", "schema": "public"},
        {"event": "insert", "schema": "public", "table": "prices", "filter": "price=gt.5"},
        {"event": "*", "schema": "*", "table": "*", "filter": "id=in.(1,2)"},
        {"event": "UPDATE", "schema": "public", "table": "prices"}
    ]);
    let response = socket.join("a", json!({"postgres_changes": entries})).await;
    let ids: Vec<i64> = (0..4).map(|i| response["postgres_changes"][i]["id"].as_i64().unwrap()).collect();
    server.script("insert into prices values (1, 9), (3, 1); update prices set price = 2 where id = 3").await;
    assert_eq!(change(&mut socket).await["ids"], json!([ids[0], ids[1], ids[2]]));
    assert_eq!(change(&mut socket).await["ids"], json!([ids[0]]));
    assert_eq!(change(&mut socket).await["ids"], json!([ids[0], ids[3]]));
}

/// What one listener of a channel chose is not what another one did.
/// An update's old row is told to those who could have read it, and its key to the others where it is the new row's.
#[tokio::test]
async fn an_old_row_that_was_hidden_stays_so() {
    let server = Server::start(&format!("{SCHEMA} alter table public.notes replica identity full;")).await;
    let entry = json!({"event": "*", "schema": "public", "table": "notes"});
    let (mut anna, _) = subscribed(&server, &user(ANNA), entry.clone()).await;
    let (mut ben, _) = subscribed(&server, &user(BEN), entry).await;
    server
        .script(&format!(
            "insert into notes values (1, '{ANNA}', 'annas own', null);
            update notes set text = 'second' where id = 1;
            update notes set owner = '{BEN}', text = 'given' where id = 1;
            update notes set owner = '{ANNA}', id = 2 where id = 1;
            update notes set text = 'third' where id = 2;"
        ))
        .await;
    assert_eq!(change(&mut anna).await["data"]["type"], "INSERT");
    let old = change(&mut anna).await["data"]["old_record"].clone();
    assert_eq!(old, json!({"id": 1, "owner": ANNA, "text": "annas own", "secret": null}));
    // To Ben it was hidden.
    let given = change(&mut ben).await["data"].clone();
    assert_eq!((&given["record"]["text"], &given["old_record"]), (&json!("given"), &json!({"id": 1})));
    // To Anna it was meanwhile, and its key is another.
    let back = change(&mut anna).await["data"].clone();
    assert_eq!((&back["record"]["id"], &back["old_record"]), (&json!(2), &json!({})));
    assert_eq!(change(&mut anna).await["data"]["old_record"]["text"], "given");
    ben.expect_none("postgres_changes").await;
}

/// Who may select nothing of a table is told that, and not by what filter it would have come.
#[tokio::test]
async fn who_may_select_nothing_is_told_so() {
    let schema = format!(
        "{SCHEMA} revoke select on public.notes from anon; revoke select on public.prices from authenticated;
        grant select (id, tags) on public.prices to authenticated;"
    );
    let server = Server::start(&schema).await;
    let notes = json!({"event": "*", "schema": "public", "table": "notes"});
    let (mut socket, id) = subscribed(&server, &anon(), notes).await;
    server.script(&format!("insert into notes values (1, '{ANNA}', 't', 's'); delete from notes")).await;
    for kind in ["INSERT", "DELETE"] {
        let data = json!({"schema": "public", "table": "notes", "type": kind, "columns": [], "record": {},
            "errors": ["Error 401: Unauthorized"]});
        assert_eq!(change(&mut socket).await, json!({"ids": [id], "data": data}));
    }
    let filtered = |filter: &str| json!({"event": "*", "schema": "public", "table": "prices", "filter": filter});
    for (key, entry) in [
        (anon(), json!({"event": "*", "schema": "public", "table": "notes", "filter": "secret=eq.s"})),
        (user(ANNA), filtered("price=gt.1")),
    ] {
        let mut socket = Socket::connect(&server, &key).await;
        socket.join("a", json!({"postgres_changes": [entry]})).await;
        assert!(socket.system().await.contains("invalid column for filter"));
    }
    let (mut socket, _) = subscribed(&server, &user(ANNA), filtered("id=eq.1")).await;
    server.script("insert into prices (id, price) values (1, 2)").await;
    assert_eq!(change(&mut socket).await["data"]["record"], json!({"id": 1, "tags": null}));
    // What was allowed when it was asked for may not be any more.
    server.script("revoke select (id) on public.prices from authenticated; insert into prices (id) values (3)").await;
    socket.expect_none("postgres_changes").await;
}

#[tokio::test]
async fn what_can_t_be_subscribed_is_explained_and_the_channel_lives() {
    let server = Server::start(SCHEMA).await;
    let unable = "Unable to subscribe to changes with given parameters.";
    let cases = [
        (
            json!({"event": "*", "schema": "public", "table": "notes", "filter": "foo=hey"}),
            r#"Error parsing `filter` params: ["foo", "hey"]"#.to_owned(),
        ),
        (
            json!({"event": "*", "schema": "public", "table": "unwatched"}),
            format!(
                "{unable} Please check Realtime is enabled for the given connect parameters: \
                [event: *, schema: public, table: unwatched, filters: []]"
            ),
        ),
        (
            json!({"event": "INSERT", "schema": "public", "table": "notes", "filter": "id=eq.x"}),
            format!(
                "{unable} An exception happened so please check your connect parameters: \
                [event: INSERT, schema: public, table: notes, filters: [id=eq.x]]. \
                Exception: ERROR 22P02 invalid input syntax for type integer: \"x\""
            ),
        ),
    ];
    let mut socket = Socket::connect(&server, &anon()).await;
    for (entry, message) in cases {
        let response = socket.join("a", json!({"postgres_changes": [entry]})).await;
        assert!(response["postgres_changes"][0]["id"].is_i64());
        let system = socket.event("system").await;
        let expected = json!({"extension": "postgres_changes", "status": "error", "message": message, "channel": "a"});
        assert_eq!(system, expected);
    }
    assert_eq!(socket.ask("realtime:a", "phx_leave", json!({})).await["status"], "ok");
}

#[tokio::test]
async fn rows_that_can_t_be_told_say_why() {
    let server = Server::start(SCHEMA).await;
    let (mut socket, _) = subscribed(&server, &anon(), json!({"event": "*", "schema": "public"})).await;
    server.script("insert into unkeyed values (1)").await;
    let data = change(&mut socket).await["data"].clone();
    assert_eq!((&data["errors"], &data["record"]), (&json!(["Error 400: Bad Request, no primary key"]), &json!({})));
    let long = "x".repeat(1 << 20);
    server.script(&format!("insert into prices values (1, 2, '{{{long}}}')")).await;
    let data = change(&mut socket).await["data"].clone();
    assert_eq!(data["errors"], json!(["Error 413: Payload Too Large"]));
    assert_eq!(data["record"], json!({"id": 1, "price": 2.00, "at": null}));
}

#[tokio::test]
async fn what_is_undone_is_not_told() {
    let server = Server::start(SCHEMA).await;
    let (mut socket, _) = subscribed(&server, &anon(), json!({"event": "*", "schema": "public"})).await;
    let failed =
        server.database.run_script("insert into prices values (1, 1); insert into prices values (1, 1)", |_| {});
    assert!(failed.await.is_err());
    server.script("insert into prices values (2, 2)").await;
    assert_eq!(change(&mut socket).await["data"]["record"]["id"], 2);
}

#[tokio::test]
async fn a_table_without_row_security_is_closed_to_whoever_comes_from_outside() {
    const BARE: &str = "create table public.cards (id int primary key, card text);
        create table public.open_cards (id int primary key);
        alter publication supabase_realtime add table public.cards, public.open_cards;";
    let server = Server::start_with(BARE, |config| config.api.unprotected = vec!["public.open_cards".to_owned()]).await;
    let entry = |table: &str| json!({"event": "*", "schema": "public", "table": table});
    for key in [anon(), user(ANNA)] {
        let mut socket = Socket::connect(&server, &key).await;
        socket.join("a", json!({"postgres_changes": [entry("cards")]})).await;
        let said = socket.system().await;
        assert!(said.contains("Row security is off") && said.contains("api.unprotected"), "{said}");
    }
    let (mut outside, _) = subscribed(&server, &anon(), entry("*")).await;
    let (mut inside, _) = subscribed(&server, &token(json!({"role": "service_role"})), entry("cards")).await;
    server.script("insert into cards values (1, '4111'); update cards set card = '5500'; delete from cards").await;
    server.script("insert into open_cards values (2)").await;
    for kind in ["INSERT", "UPDATE", "DELETE"] {
        assert_eq!(change(&mut inside).await["data"]["type"], kind);
    }
    // Of all tables only the one that was opened.
    assert_eq!(change(&mut outside).await["data"]["table"], "open_cards");
}

#[tokio::test]
async fn of_a_part_that_is_published_nothing_else_is_told() {
    if on_postgres_before(15) {
        return eprintln!("skipped: publications of columns and rows need PostgreSQL 15");
    }
    let server = Server::start(
        "create table public.parts (id int primary key, shown text, hidden text, stage int);
        alter table public.parts enable row level security;
        alter table public.parts replica identity full;
        create policy told on public.parts for select using (hidden <> 'secret');",
    )
    .await;
    let publish =
        "alter publication supabase_realtime add table public.parts (id, shown, stage, hidden) where (stage > 1);
        alter publication supabase_realtime set table public.parts (id, shown) where (10 / stage < 10)";
    // Parts of tables are PostgreSQL's.
    if !on_postgres() {
        let refused = server.database.run_script(publish, |_| {}).await.unwrap_err();
        return assert_eq!(refused.error.code(), "0A000");
    }
    // What replicates updates has to hold the identity.
    server
        .script(
            "alter publication supabase_realtime set (publish = 'insert');
        alter publication supabase_realtime add table public.parts (id, shown) where (10 / stage < 10)",
        )
        .await;
    let entry = |filter: &str| json!({"event": "*", "schema": "public", "table": "parts", "filter": filter});
    let mut socket = Socket::connect(&server, &anon()).await;
    socket.join("a", json!({"postgres_changes": [entry("hidden=eq.x")]})).await;
    assert!(socket.system().await.contains("invalid column for filter hidden"));
    let (mut socket, _) = subscribed(&server, &anon(), entry("id=gt.0")).await;
    let logged = async || server.database.changes().read(0, 100).await.unwrap().changes.len();
    // The second is not published, the third hidden, and what the condition fails over is written all the same.
    let rows = "insert into parts values (1, 'a', 'b', 5), (2, 'a', 'b', 1), (3, 'a', 'secret', 5), (4, 'a', 'b', 0), (5, 'c', 'd', 2)";
    server.script(rows).await;
    let first = change(&mut socket).await["data"].clone();
    assert_eq!((&first["record"], first["columns"].as_array().unwrap().len()), (&json!({"id": 1, "shown": "a"}), 2));
    assert_eq!(change(&mut socket).await["data"]["record"], json!({"id": 5, "shown": "c"}));
    assert_eq!(logged().await, 4, "not the second");

    // A service watches the table whole; subscribers are told what is published, as what it is to them.
    server
        .script(
            "create publication basalt_test for table public.parts;
        alter publication supabase_realtime set (publish = 'insert, update, delete');
        alter publication supabase_realtime set table public.parts where (10 / stage < 10)",
        )
        .await;
    server.script("insert into parts values (6, 'e', 'f', 1); update parts set stage = 2 where id = 6;
        update parts set stage = 3 where id = 6; update parts set stage = 1 where id = 6; delete from parts where id in (2, 5)",
    )
    .await;
    let mut told = Vec::new();
    for _ in 0..4 {
        let data = change(&mut socket).await["data"].clone();
        told.push(format!("{} {} {}", data["type"], data["record"]["id"], data["old_record"]["id"]));
    }
    assert_eq!(told, [r#""INSERT" 6 null"#, r#""UPDATE" 6 6"#, r#""DELETE" null 6"#, r#""DELETE" null 5"#]);
    assert_eq!(logged().await, 10);
}

#[tokio::test]
async fn policies_are_asked_once_for_each_identity() {
    let server = Server::start(SCHEMA).await;
    let entry = json!({"event": "INSERT", "schema": "public", "table": "notes"});
    let mut sockets = Vec::new();
    for n in 0..100 {
        let id = if n % 2 == 0 { ANNA } else { BEN };
        sockets.push((id, subscribed(&server, &user(id), entry.clone()).await.0));
    }
    let before = server.database.changes().asked();
    // One transaction is one batch, whatever it writes.
    server.script(&format!("insert into notes values (1, '{ANNA}'), (2, '{BEN}')")).await;
    for (id, socket) in &mut sockets {
        assert_eq!(change(socket).await["data"]["record"]["owner"], *id);
    }
    assert_eq!(server.database.changes().asked() - before, 2);
    let metrics = server.raw(reqwest::Method::GET, "/metrics").send().await.body;
    assert!(metrics.contains(&format!("basalt_policy_questions_total {}", before + 2)), "{metrics}");
}

/// Where the log dropped entries before they were told, whoever follows changes hears of it, and only they.
#[tokio::test]
async fn who_missed_changes_is_told_so() {
    let server = Server::start(SCHEMA).await;
    let entry = json!({"event": "*", "schema": "public", "table": "prices"});
    let (mut follows, _) = subscribed(&server, &anon(), entry).await;
    let mut other = Socket::connect(&server, &anon()).await;
    other.join("b", json!({})).await;
    // Written and dropped in one transaction: nobody can have read them.
    server
        .script(
            "insert into public.prices (id) select n from generate_series(1, 20) n;
        update basalt.log set trimmed = (select max(id) from basalt.changes);
        delete from basalt.changes;",
        )
        .await;
    // At once, not with the next change.
    let told = follows.event("system").await;
    assert_eq!(
        (&told["extension"], &told["status"], &told["channel"]),
        (&json!("postgres_changes"), &json!("error"), &json!("a"))
    );
    let message = told["message"].as_str().unwrap();
    assert!(message.starts_with("Changes were missed: about 20 were dropped from the change log"), "{message}");
    // It goes on with what is there.
    server.script("insert into public.prices (id) values (21)").await;
    assert_eq!(follows.event("postgres_changes").await["data"]["record"]["id"], 21);
    server.script("insert into public.prices (id) values (22)").await;
    assert_eq!(follows.event("postgres_changes").await["data"]["record"]["id"], 22);
    follows.expect_none("system").await;
    other.expect_none("system").await;
}
