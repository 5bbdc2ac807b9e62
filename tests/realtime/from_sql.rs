//! Broadcasts from SQL, and of the past.

use basalt_tests::{Server, on_postgres};
use serde_json::{Value, json};

use crate::socket::Socket;
use crate::{anon, from_now};

const OPEN: &str = "create policy reads on realtime.messages for select to anon using (realtime.topic() <> 'closed');";

async fn run(server: &Server, sql: &str) {
    server.database.run_script(sql, |_| {}).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

#[tokio::test]
async fn sent_messages_arrive_with_their_id() {
    let server = Server::start(OPEN).await;
    let (mut private, mut public) = (Socket::connect(&server, &anon()).await, Socket::connect(&server, &anon()).await);
    private.join("a", json!({"private": true})).await;
    public.join("a", json!({})).await;
    run(
        &server,
        r#"select realtime.send('{"x": 1}', 'e', 'a'); select realtime.send('{"id": "mine"}', 'f', 'a', false)"#,
    )
    .await;
    let mut message = private.event("broadcast").await;
    let id = message["meta"]["id"].take();
    assert!(id.as_str().is_some_and(|id| id.len() == 36));
    let payload = json!({"x": 1, "id": id});
    assert_eq!(message, json!({"type": "broadcast", "event": "e", "payload": payload, "meta": {"id": null}}));
    assert_eq!(public.event("broadcast").await["payload"], json!({"id": "mine"}));

    run(&server, r"select realtime.send_binary('\x00ff', 'g', 'a', false)").await;
    let message = public.event("broadcast").await;
    assert_eq!((&message["event"], &message["bytes"]), (&json!("g"), &json!([0, 255])));
    private.expect_none("broadcast").await;
}

#[tokio::test]
async fn the_past_is_told_again() {
    let server = Server::start(OPEN).await;
    for n in 1..=3 {
        run(&server, &format!(r#"select realtime.send('{{"n": {n}}}', 'e', 'a')"#)).await;
    }
    run(
        &server,
        r#"select realtime.send('{"n": 4}', 'e', 'other'); select realtime.send('{"n": 5}', 'e', 'a', false);
        insert into realtime.messages (topic, extension, event, payload, private, inserted_at)
        values ('a', 'broadcast', 'e', '{"n": 0}', true, now() - interval '4 days')"#,
    )
    .await;
    let replayed = async |since: i64, limit: u32| {
        let mut socket = Socket::connect(&server, &anon()).await;
        let replay = json!({"since": since, "limit": limit});
        socket.join("a", json!({"private": true, "broadcast": {"replay": replay}})).await;
        socket.ask("phoenix", "heartbeat", json!({})).await;
        let mut numbers = Vec::new();
        while let Some(message) = socket.waiting("broadcast") {
            // What was on its way when the channel was joined comes too.
            if message["meta"]["replayed"] == true {
                numbers.push(message["payload"]["n"].clone());
            }
        }
        Value::from(numbers)
    };
    assert_eq!(replayed(0, 25).await, json!([1, 2, 3]));
    assert_eq!(replayed(0, 2).await, json!([2, 3]));
    assert_eq!(replayed(from_now(60) * 1000, 25).await, json!([]));
}

#[tokio::test]
async fn forgetting_messages_is_not_logged() {
    let server = Server::start(OPEN).await;
    let mut socket = Socket::connect(&server, &anon()).await;
    socket.join("a", json!({"private": true})).await;
    run(&server, "select realtime.send('{}', 'e', 'a'); delete from realtime.messages").await;
    run(&server, "select realtime.send('{}', 'f', 'a')").await;
    for event in ["e", "f"] {
        assert_eq!(socket.event("broadcast").await["event"], event);
    }
    let logged = server.database.changes().read(0, 100).await.unwrap().changes;
    assert_eq!(logged.iter().map(|change| change.operation.name()).collect::<Vec<_>>(), ["INSERT", "INSERT"]);
}

#[tokio::test]
async fn triggers_broadcast_their_rows() {
    // Functions over any row are PostgreSQL's.
    if !on_postgres() {
        return;
    }
    let server = Server::start(OPEN).await;
    let mut socket = Socket::connect(&server, &anon()).await;
    socket.join("t:1", json!({"private": true})).await;
    run(&server, "create table t (id int primary key, x text);
        create function told() returns trigger language plpgsql security definer as $$ begin
          perform realtime.broadcast_changes('t:' || coalesce(new.id, old.id), tg_op, tg_op, tg_table_name, tg_table_schema, new, old);
          return null;
        end $$;
        create trigger told after insert or update or delete on t for each row execute function told();
        insert into t values (1, 'a'); delete from t").await;
    let mut inserted = socket.event("broadcast").await["payload"].clone();
    assert!(inserted["id"].take().is_string());
    let record = json!({"id": 1, "x": "a"});
    let expected = json!({"id": null, "schema": "public", "table": "t", "operation": "INSERT", "record": record, "old_record": null});
    assert_eq!(inserted, expected);
    assert_eq!(socket.event("broadcast").await["payload"]["old_record"], record);
}
