//! Broadcasts from SQL, and of the past.

use basalt_tests::{Server, on_postgres};
use serde_json::{Value, json};

use crate::socket::Socket;
use crate::{anon, from_now};

const OPEN: &str = "create policy reads on realtime.messages for select to anon using (realtime.topic() <> 'closed');";

#[tokio::test]
async fn sent_messages_arrive_with_their_id() {
    let server = Server::start(OPEN).await;
    let (mut private, mut public) = (Socket::connect(&server, &anon()).await, Socket::connect(&server, &anon()).await);
    private.join("a", json!({"private": true})).await;
    public.join("a", json!({})).await;
    server
        .script(
            r#"select realtime.send('{"x": 1}', 'e', 'a'); select realtime.send('{"id": "mine"}', 'f', 'a', false)"#,
        )
        .await;
    let mut message = private.event("broadcast").await;
    let id = message["meta"]["id"].take();
    assert!(id.as_str().is_some_and(|id| id.len() == 36));
    let payload = json!({"x": 1, "id": id});
    assert_eq!(message, json!({"type": "broadcast", "event": "e", "payload": payload, "meta": {"id": null}}));
    assert_eq!(public.event("broadcast").await["payload"], json!({"id": "mine"}));

    server.script(r"select realtime.send_binary('\x00ff', 'g', 'a', false)").await;
    let message = public.event("broadcast").await;
    assert_eq!((&message["event"], &message["bytes"]), (&json!("g"), &json!([0, 255])));
    private.expect_none("broadcast").await;
}

#[tokio::test]
async fn the_past_is_told_again() {
    let server = Server::start(OPEN).await;
    for n in 1..=3 {
        server.script(&format!(r#"select realtime.send('{{"n": {n}}}', 'e', 'a')"#)).await;
    }
    server
        .script(
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
    server.script("select realtime.send('{}', 'e', 'a'); delete from realtime.messages").await;
    server.script("select realtime.send('{}', 'f', 'a')").await;
    for event in ["e", "f"] {
        assert_eq!(socket.event("broadcast").await["event"], event);
    }
    let logged = server.database.changes().read(0, 100).await.unwrap().changes;
    assert_eq!(logged.iter().map(|change| change.operation.name()).collect::<Vec<_>>(), ["INSERT", "INSERT"]);
}

/// The body that the documentation of Supabase shows is understood by both engines.
#[tokio::test]
async fn triggers_broadcast_their_rows() {
    let server = Server::start(OPEN).await;
    server.script("create table t (id int primary key, x text);
        create function told() returns trigger language plpgsql security definer as $$ begin
          perform realtime.broadcast_changes('t:' || coalesce(new.id, old.id)::text, tg_op, tg_op, tg_table_name, tg_table_schema, new, old);
          return null;
        end $$;
        create trigger told after insert or update or delete on t for each row execute function told();").await;
    let (mut socket, mut public) = (Socket::connect(&server, &anon()).await, Socket::connect(&server, &anon()).await);
    socket.join("t:1", json!({"private": true})).await;
    public.join("t:1", json!({})).await;
    server.script("insert into t values (1, 'a'), (2, 'a'); update t set x = 'b'; delete from t").await;
    let record = |x: &str| json!({"id": 1, "x": x});
    for (operation, record, old) in [
        ("INSERT", record("a"), Value::Null),
        ("UPDATE", record("b"), record("a")),
        ("DELETE", Value::Null, record("b")),
    ] {
        let mut told = socket.event("broadcast").await;
        assert_eq!(told["event"], operation);
        let payload = told["payload"].as_object_mut().unwrap();
        assert!(payload["id"].is_string());
        payload["id"] = json!(1);
        let expected = json!({"id": 1, "schema": "public", "table": "t", "operation": operation, "record": record, "old_record": old});
        assert_eq!(told["payload"], expected);
    }
    // What is undone, or done when the trigger is gone, is told to nobody; another function may take the first one's place.
    let undone = server.database.run_script("insert into t values (1, 'c'); select 1 / 0", |_| {}).await;
    assert!(undone.is_err());
    server.script("drop trigger told on t; insert into t values (1, 'd')").await;
    server
        .script(
            "create or replace function told() returns trigger language plpgsql security definer as $$ begin
          perform realtime.broadcast_changes('t:' || new.id, 'moved', tg_op, tg_table_name, tg_table_schema, new, old);
          return new;
        end $$;
        create trigger told after update on t for each row execute function told();",
        )
        .await;
    server.script("update t set x = 'e'").await;
    let told = socket.event("broadcast").await;
    assert_eq!((&told["event"], &told["payload"]["record"]["x"]), (&json!("moved"), &json!("e")));
    public.expect_none("broadcast").await;
    // A function that triggers call is not dropped alone.
    let refused = server
        .database
        .run_script("drop function told()", |_| {})
        .await
        .err()
        .map(|failed| failed.error.code().to_owned());
    assert_eq!(refused.as_deref(), Some("2BP01"));
    server.script("drop function told() cascade; update t set x = 'f'").await;
    socket.expect_none("broadcast").await;
}

/// What a function tells under conditions, and beside other statements.
#[tokio::test]
async fn triggers_broadcast_what_they_decide_to() {
    let server = Server::start(OPEN).await;
    server.script("create table t (id int primary key, x text, at timestamptz default '2024-01-01');
        create table told (id int);
        create function told() returns trigger language plpgsql security definer as $$ begin
          if new.x is distinct from old.x then
            perform realtime.broadcast_changes('x:' || coalesce(new.x, 'none') || to_char(coalesce(new.at, old.at), 'YYYY'), tg_op, tg_op, tg_table_name, tg_table_schema, new, old);
          end if;
          if tg_op = 'DELETE' then
            perform realtime.send(jsonb_build_object('gone', old.id), 'gone', 'x:none2024', false);
            return old;
          end if;
          return new;
        end $$;
        create trigger told after insert or update or delete on t for each row execute function told();
        create function pair() returns trigger language plpgsql security definer as $$ begin
          perform realtime.broadcast_changes('all', 'written', tg_op, tg_table_name, tg_table_schema, new, old);
          insert into told values (new.id);
          return null;
        end $$;
        create trigger pair after insert on t for each row execute function pair();").await;
    let (mut a, mut none) = (Socket::connect(&server, &anon()).await, Socket::connect(&server, &anon()).await);
    let (mut all, mut public) = (Socket::connect(&server, &anon()).await, Socket::connect(&server, &anon()).await);
    a.join("x:a2024", json!({"private": true})).await;
    none.join("x:none2024", json!({"private": true})).await;
    all.join("all", json!({"private": true})).await;
    public.join("x:none2024", json!({})).await;
    server.script("insert into t values (1, 'a'); update t set x = 'a'; delete from t").await;
    let told = a.event("broadcast").await;
    assert_eq!((&told["event"], &told["payload"]["record"]["x"]), (&json!("INSERT"), &json!("a")));
    assert_eq!((&told["payload"]["table"], &told["payload"]["old_record"]), (&json!("t"), &Value::Null));
    let told = none.event("broadcast").await;
    assert_eq!((&told["event"], &told["payload"]["old_record"]["id"]), (&json!("DELETE"), &json!(1)));
    assert_eq!(told["payload"]["record"], Value::Null);
    let told = all.event("broadcast").await;
    assert_eq!((&told["event"], &told["payload"]["record"]["id"]), (&json!("written"), &json!(1)));
    assert_eq!(public.event("broadcast").await["payload"]["gone"], 1);
    a.expect_none("broadcast").await;
    all.expect_none("broadcast").await;
    server.get("/told").service().expect(200, json!([{"id": 1}])).await;
}

/// What triggers before a row tell, and those that ask for a condition or a column.
#[tokio::test]
async fn triggers_broadcast_the_rows_that_they_ask_for() {
    let server = Server::start(OPEN).await;
    let told = "perform realtime.broadcast_changes('all', tg_name, tg_op, tg_table_name, tg_table_schema, new, old)";
    server.script(&format!(
            "create table t (id int primary key, x text, y text);
             create function told() returns trigger language plpgsql security definer as $$ begin {told}; return new; end $$;
             create trigger early before insert on t for each row execute function told();
             create trigger of_x after update of x on t for each row execute function told();
             create trigger on_y after update on t for each row when (new.y = 'b') execute function told();"
        ),
    )
    .await;
    let mut socket = Socket::connect(&server, &anon()).await;
    socket.join("all", json!({"private": true})).await;
    server
        .script("insert into t values (1, 'a', 'a'); update t set y = 'c'; update t set x = 'b'; update t set y = 'b'")
        .await;
    for (event, x, y) in [("early", "a", "a"), ("of_x", "b", "c"), ("on_y", "b", "b")] {
        let told = socket.event("broadcast").await;
        assert_eq!(told["event"], event);
        assert_eq!(told["payload"]["record"], json!({"id": 1, "x": x, "y": y}));
    }
    socket.expect_none("broadcast").await;
    // A function that tells no more may take the place of one that does.
    server
        .script("create or replace function told() returns trigger language plpgsql as 'begin return new; end'")
        .await;
    server.script("update t set x = 'c'").await;
    socket.expect_none("broadcast").await;
}

/// What the embedded engine does not understand it refuses, and says what it would.
#[tokio::test]
async fn other_trigger_functions_are_refused_with_advice() {
    if on_postgres() {
        return;
    }
    let server = Server::start("create table t (id int primary key, at timestamptz)").await;
    let refused = async |sql: &str| {
        let failed = server.database.run_script(sql, |_| {}).await.expect_err(sql);
        format!("{} {} {}", failed.error.code(), failed.error.message(), failed.error.hint().unwrap_or_default())
    };
    let function = |rest: &str, body: &str| {
        format!("create function told() returns trigger language plpgsql {rest} as $$ begin {body} return null; end $$")
    };
    let tells = |topic: &str| {
        format!("perform realtime.broadcast_changes({topic}, tg_op, tg_op, tg_table_name, tg_table_schema, new, old);")
    };
    let other = refused(&function("security definer", "open c;")).await;
    assert!(other.starts_with("0A000") && other.contains("perform"), "{other}");
    let invoker = refused(&function("", &tells("'a'"))).await;
    assert!(invoker.starts_with("0A000") && invoker.contains("security definer"), "{invoker}");
    let on = "create trigger told after insert on t for each row execute function told()";
    let time = refused(&format!("{}; {on}", function("security definer", &tells("'a:' || new.at")))).await;
    assert!(time.contains("timestamp with time zone"), "{time}");
    let missing = refused(&format!("{}; {on}", function("security definer", &tells("'a:' || new.y")))).await;
    assert!(missing.starts_with("42703 record \"new\" has no field \"y\""), "{missing}");
}
