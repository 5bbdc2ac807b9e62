//! Database changes: which columns are told, and may be asked for.

use basalt_tests::Server;
use serde_json::{Value, json};

use crate::changes::{ANNA, SCHEMA, change, subscribed};
use crate::socket::Socket;
use crate::{anon, token, user};

#[tokio::test]
async fn only_columns_that_the_role_may_select_are_told() {
    let schema = format!(
        "{SCHEMA} revoke select on public.notes from authenticated;
        grant select (id, owner, text) on public.notes to authenticated;"
    );
    let server = Server::start(&schema).await;
    let entry = json!({"event": "INSERT", "schema": "public", "table": "notes"});
    let (mut socket, _) = subscribed(&server, &user(ANNA), entry).await;
    server.script(&format!("insert into notes values (1, '{ANNA}', 't', 's')")).await;
    let data = change(&mut socket).await["data"].clone();
    assert_eq!(data["record"], json!({"id": 1, "owner": ANNA, "text": "t"}));
    assert!(!data.to_string().contains("secret"), "{data}");
}

#[tokio::test]
async fn a_column_that_the_role_may_not_select_is_as_unknown_as_one_that_does_not_exist() {
    let schema = "
        create table public.staff (id int primary key, name text, salary numeric);
        alter table public.staff enable row level security;
        create policy everyone on public.staff for select using (true);
        revoke select on public.staff from anon;
        grant select (id, name) on public.staff to anon;
        alter publication supabase_realtime add table public.staff;";
    let server = Server::start(schema).await;
    let entry = |table: &str, filter: &str, select: &[&str]| json!({"event": "*", "schema": "public", "table": table, "filter": filter, "select": select});
    let mut socket = Socket::connect(&server, &anon()).await;
    // The last two: values that the hidden column can't be, which would tell its type.
    for (table, filter, select) in [
        ("staff", "id=eq.1,{}=gt.500", &["id"][..]),
        ("staff", "{}=not.is.null", &["id"]),
        ("*", "{}=gt.500", &["id"]),
        ("staff", "id=eq.1", &["id", "{}"]),
        ("*", "", &["{}"]),
        ("staff", "{}=eq.x", &["id"]),
        ("staff", "{}=match.(", &["id"]),
    ] {
        let mut said = Vec::new();
        for column in ["salary", "absent"] {
            let select: Vec<String> = select.iter().map(|name| name.replace("{}", column)).collect();
            let select: Vec<&str> = select.iter().map(String::as_str).collect();
            let entry = entry(table, &filter.replace("{}", column), &select);
            socket.join("a", json!({"postgres_changes": [entry]})).await;
            let system = socket.event("system").await;
            assert_eq!(system["status"], "error", "{filter}: {system}");
            said.push(system["message"].as_str().unwrap().replace(column, "{}"));
        }
        assert!(said[0].contains("Exception: ERROR P0001 invalid column for "), "{filter}: {}", said[0]);
        assert_eq!(said[0], said[1], "{filter}");
    }
    // What may be selected may be asked for, and the service key may all.
    let entry = |column: &str| json!({"event": "*", "schema": "public", "table": "staff", "filter": format!("{column}=not.is.null"), "select": ["id", column]});
    subscribed(&server, &anon(), entry("name")).await;
    subscribed(&server, &token(json!({"role": "service_role"})), entry("salary")).await;
}

#[tokio::test]
async fn a_condition_over_a_column_that_was_revoked_matches_no_more() {
    let server = Server::start(SCHEMA).await;
    let entry = |filter: &str| json!({"event": "*", "schema": "public", "table": "prices", "filter": filter});
    let (mut socket, hidden) = subscribed(&server, &anon(), entry("at=not.is.null")).await;
    let (mut other, open) = subscribed(&server, &anon(), entry("price=gt.1")).await;
    server.script("insert into prices values (1, 2, null, '2026-01-01 00:00:00+00')").await;
    assert_eq!(change(&mut socket).await["ids"], json!([hidden]));
    assert_eq!(change(&mut other).await["ids"], json!([open]));
    server.script("revoke select on public.prices from anon; grant select (id, price) on public.prices to anon").await;
    server.script("insert into prices values (2, 2, null, '2026-01-01 00:00:00+00'); delete from prices").await;
    for kind in ["INSERT", "DELETE", "DELETE"] {
        assert_eq!(change(&mut other).await["data"]["type"], kind);
    }
    socket.expect_none("postgres_changes").await;
}

#[tokio::test]
async fn columns_can_be_chosen() {
    let server = Server::start(SCHEMA).await;
    let entry = json!({"event": "*", "schema": "public", "table": "prices", "select": ["price"]});
    let (mut socket, _) = subscribed(&server, &anon(), entry).await;
    server.script("insert into prices values (1, 9)").await;
    assert_eq!(change(&mut socket).await["data"]["record"], json!({"id": 1, "price": 9.00}));
}

#[tokio::test]
async fn each_listener_of_a_channel_has_the_columns_that_it_chose() {
    let server = Server::start(SCHEMA).await;
    let mut socket = Socket::connect(&server, &anon()).await;
    let entry = |select: Value| json!({"event": "*", "schema": "public", "table": "prices", "select": select});
    let all = json!({"event": "*", "schema": "public", "table": "prices"});
    let entries = json!([entry(json!(["price"])), all, entry(json!(["tags"])), entry(json!(["price"]))]);
    let response = socket.join("a", json!({"postgres_changes": entries})).await;
    let ids: Vec<i64> = (0..4).map(|i| response["postgres_changes"][i]["id"].as_i64().unwrap()).collect();
    assert_eq!(socket.system().await, "Subscribed to PostgreSQL");
    server.script("insert into prices values (1, 9)").await;
    let mut told = Vec::new();
    for _ in 0..3 {
        let change = change(&mut socket).await;
        told.push((change["ids"].clone(), change["data"]["record"].clone()));
    }
    let expected = [
        (json!([ids[0]]), json!({"id": 1, "price": 9.00})),
        (json!([ids[1]]), json!({"id": 1, "price": 9.00, "tags": null, "at": null})),
        (json!([ids[2]]), json!({"id": 1, "tags": null})),
    ];
    assert_eq!(told, expected);
    assert_eq!(ids[0], ids[3], "the same wish");
    socket.join("b", json!({"postgres_changes": [entry(json!(["price", "nothing"]))]})).await;
    assert!(socket.system().await.contains("invalid column for select nothing"));
}
