//! `[[broadcasts]]`: changes of tables told to the channels that their rows name.

use basalt_server::Config;
use basalt_tests::waiting::comes_to;
use basalt_tests::{Server, on_postgres};
use serde_json::{Value, json};

use crate::anon;
use crate::socket::Socket;

const SCHEMA: &str = "
create table orders (id int primary key, room text, note text);
alter table orders enable row level security;
create policy reads on realtime.messages for select to anon using (realtime.topic() = 'orders:a');
";

fn broadcasts(settings: Value) -> impl FnOnce(&mut Config) {
    move |config| config.broadcasts = serde_json::from_value(settings).expect("broadcasts")
}

/// Waits until the table is watched for `count` operations.
async fn watched(server: &Server, count: usize) {
    let table = basalt_sql::Name::new("public", "orders");
    let watched = async || server.database.changes().watched().get(&table).map_or(0, Vec::len);
    comes_to("operations that are watched", count, watched).await;
}

#[tokio::test]
async fn rows_are_told_to_their_channels() {
    let private = json!({"table": "orders", "topic": "orders:{room}"});
    let public =
        json!({"table": "public.orders", "topic": "all", "events": ["DELETE"], "event": "gone", "private": false});
    let server = Server::start_with(SCHEMA, broadcasts(json!([private, public]))).await;
    watched(&server, 3).await;
    let mut all = Socket::connect(&server, &anon()).await;
    all.join("all", json!({})).await;
    let mut room = Socket::connect(&server, &anon()).await;
    room.join("orders:a", json!({"private": true})).await;
    let closed = json!({"config": {"private": true}});
    let refused = room.ask("realtime:orders:b", "phx_join", closed).await["response"]["reason"].clone();
    assert!(refused.as_str().unwrap().starts_with("Unauthorized"), "the channel's policies say who listens");

    server
        .script(
            "insert into orders values (1, 'a', 'x'), (2, 'b', 'x'), (3, null, 'x'); update orders set note = 'y';
        delete from orders where id < 3",
        )
        .await;
    let mut told = Vec::new();
    for operation in ["INSERT", "UPDATE", "DELETE"] {
        let mut message = room.event("broadcast").await;
        assert_eq!(message["event"], operation);
        let id = message["payload"]["id"].take();
        assert_eq!(message["meta"]["id"], id);
        told.push(message["payload"].clone());
    }
    let row = |note: &str| json!({"id": 1, "room": "a", "note": note});
    let payload = |operation: &str, record: Value, old: Value| json!({"id": null, "schema": "public", "table": "orders", "operation": operation, "record": record, "old_record": old});
    assert_eq!(
        told,
        [
            payload("INSERT", row("x"), Value::Null),
            payload("UPDATE", row("y"), row("x")),
            payload("DELETE", Value::Null, row("y")),
        ]
    );
    for id in [1, 2] {
        let message = all.event("broadcast").await;
        assert_eq!((&message["event"], &message["payload"]["old_record"]["id"]), (&json!("gone"), &json!(id)));
    }
    room.expect_none("broadcast").await;
}

#[tokio::test]
async fn they_come_and_go_with_the_configuration() {
    let server = Server::start(SCHEMA).await;
    let reload = async |settings: Value| {
        let config = server.configuration(broadcasts(settings));
        server.basalt().reconfigure(server.folder.path(), &config).await
    };
    let wrong = reload(json!([{"table": "orders", "topic": "orders:{"}])).await.unwrap_err().to_string();
    assert!(wrong.contains("[[broadcasts]] of table \"orders\": `topic`"), "{wrong}");
    reload(json!([{"table": "orders", "topic": "all", "events": ["INSERT"], "private": false}])).await.unwrap();
    watched(&server, 1).await;
    let mut all = Socket::connect(&server, &anon()).await;
    all.join("all", json!({})).await;
    server.script("insert into orders values (1, 'a', 'x')").await;
    assert_eq!(all.event("broadcast").await["payload"]["record"]["id"], 1);
    reload(json!([])).await.unwrap();
    watched(&server, 0).await;
}

#[tokio::test]
async fn a_trigger_that_broadcasts_is_refused_with_what_to_do() {
    if on_postgres() {
        return;
    }
    let server = Server::start(SCHEMA).await;
    let function = "create function told() returns trigger language plpgsql as $$ begin
        perform realtime.broadcast_changes('a', tg_op, tg_op, tg_table_name, tg_table_schema, new, old); return null; end $$";
    let error = server.database.run_script(function, |_| {}).await.unwrap_err().error;
    assert_eq!(error.code(), "0A000");
    assert!(error.hint().is_some_and(|hint| hint.contains("[[broadcasts]]")));
}
