//! Filters of database changes: every operator over every type, as PostgreSQL would judge.

use basalt_tests::Server;
use serde_json::{Value, json};

use crate::anon;
use crate::socket::Socket;

const SCHEMA: &str = "
create type mood as enum ('sad', 'ok', 'happy');
create domain score as int check (value >= 0);
create table things (
  id int primary key, small smallint, big bigint, exact numeric(10,2), half real, whole double precision, flag boolean, word text,
  name varchar(20), code char(5), key uuid, day date, hour time, moment timestamp, at timestamptz, span interval, mood mood, score score,
  data jsonb, bytes bytea, tags text[], numbers int[], nothing text);
alter table things enable row level security;
create policy everyone on things for select using (true);
alter publication supabase_realtime add table things;
";

const ROW: &str = "insert into things values (
  10, -3, 9007199254740993, 12.50, 0.5, 1e10, true, 'a, \"b\" (c)', 'Anna', 'ab', '6f1c1a52-6a53-4b33-9d7c-0a3b6c4f6f10', '2026-03-01',
  '09:30', '2026-03-01 10:00', '2026-03-01 12:00+02', '90 minutes', 'ok', 7, '{\"b\": 1, \"a\": [1, 2]}', '\\xdeadbeef', '{a,\"b c\"}',
  '{2,10}', null)";

/// Filters that the row passes, by type.
const YES: &[&str] = &[
    "id=eq.10",
    "id=neq.9",
    "id=gt.9",
    "id=gte.10",
    "id=lt.11",
    "id=lte.10",
    "id=in.(9,10)",
    "id=isdistinct.9",
    "id=like.1%",
    "small=lt.0",
    "small=eq.-3",
    "big=eq.9007199254740993",
    "big=gt.9007199254740992",
    "big=neq.9007199254740992",
    "exact=eq.12.5",
    "exact=lt.100",
    "exact=in.(1,12.500)",
    "half=eq.0.5",
    "whole=gte.1e10",
    "whole=eq.10000000000",
    "flag=eq.true",
    "flag=is.true",
    "flag=not.is.false",
    "flag=not.is.null",
    "flag=neq.false",
    "flag=gt.false",
    r#"word=eq."a, \"b\" (c)""#,
    r#"word=in.(x,"a, \"b\" (c)")"#,
    "word=like.a%",
    "word=ilike.A%",
    "word=match.^a",
    "word=imatch.^A,word=neq.x",
    "word=not.like.b%",
    "word=not.in.(x,y)",
    "name=eq.Anna",
    "name=ilike.an%",
    "name=gt.Ann",
    "code=eq.ab",
    "key=eq.6F1C1A52-6a53-4b33-9d7c-0a3b6c4f6f10",
    "key=gt.00000000-0000-0000-0000-000000000000",
    "day=eq.2026-03-01",
    "day=gt.2025-12-31",
    "day=lt.2026-03-02",
    "hour=eq.09:30:00",
    "hour=lt.10:00",
    "moment=eq.2026-03-01T10:00:00",
    "moment=gte.2026-03-01",
    "at=eq.2026-03-01T10:00:00Z",
    "at=eq.2026-03-01T05:00:00-05:00",
    "at=lt.2026-03-01T10:00:01Z",
    "span=eq.01:30:00",
    "span=gt.1 hour",
    "span=lt.1 day",
    "mood=eq.ok",
    "mood=gt.sad",
    "mood=lt.happy",
    "mood=in.(sad,ok)",
    "score=eq.7",
    "score=gte.5",
    r#"data=eq."{\"a\": [1,2], \"b\": 1}""#,
    r"bytes=eq.\xDEADBEEF",
    r#"tags=eq."{a,\"b c\"}""#,
    r#"numbers=eq."{2,10}""#,
    r#"numbers=gt."{2,9}""#,
    "nothing=is.null",
    "nothing=is.unknown",
    "nothing=isdistinct.x",
    "nothing=not.isdistinct.null",
    "id=gt.0,id=lt.100,mood=eq.ok",
];

/// Filters that it does not pass. What is unknown does not hold, whichever way it is asked.
const NO: &[&str] = &[
    "id=eq.1",
    "id=lt.9",
    "id=not.in.(10)",
    "id=gt.0,id=gt.10",
    "big=eq.9007199254740992",
    "exact=gt.100",
    "half=eq.0.25",
    "flag=is.null",
    "flag=eq.false",
    "word=like.A%",
    "word=match.^A",
    "word=not.ilike.A%",
    "name=eq.anna",
    "key=lt.00000000-0000-0000-0000-000000000000",
    "day=eq.2026-03-02",
    "hour=gt.10:00",
    "at=eq.2026-03-01T12:00:00Z",
    "span=gt.1 day",
    "mood=gt.ok",
    "score=lt.7",
    r#"data=eq."{\"b\": 1}""#,
    r"bytes=eq.\xDE",
    r#"tags=eq."{a}""#,
    r#"numbers=lt."{2,9}""#,
    "nothing=eq.x",
    "nothing=neq.x",
    "nothing=not.eq.x",
    "nothing=in.(x)",
    "nothing=not.in.(x)",
    "nothing=like.%",
    "nothing=is.true",
    "nothing=isdistinct.null",
];

/// Values that their columns can't be: said when the channel is joined.
const UNREADABLE: &[(&str, &str)] = &[
    ("id=eq.x", "22P02"),
    ("big=in.(1,x)", "22P02"),
    ("exact=gt.x", "22P02"),
    ("flag=eq.maybe", "22P02"),
    ("key=eq.1", "22P02"),
    ("day=eq.2026-02-30", "22008"),
    ("at=lt.never", "22007"),
    ("span=eq.x", "22007"),
    ("mood=eq.glad", "22P02"),
    ("data=eq.{", "22P02"),
    ("numbers=eq.1", "22P02"),
    ("word=match.(", "2201B"),
];

#[tokio::test]
async fn every_operator_judges_every_type() {
    let server = Server::start(SCHEMA).await;
    let mut socket = Socket::connect(&server, &anon()).await;
    let all: Vec<&str> = YES.iter().chain(NO).copied().collect();
    let entries: Vec<Value> = all
        .iter()
        .map(|filter| json!({"event": "*", "schema": "public", "table": "things", "filter": filter}))
        .collect();
    let response = socket.join("a", json!({"postgres_changes": entries})).await;
    assert_eq!(socket.system().await, "Subscribed to PostgreSQL");
    let ids: Vec<&Value> = (0..all.len()).map(|i| &response["postgres_changes"][i]["id"]).collect();
    server.script(ROW).await;
    // The old row of a delete is judged alike.
    server.script("delete from things").await;
    for kind in ["INSERT", "DELETE"] {
        let change = socket.event("postgres_changes").await;
        assert_eq!(change["data"]["type"], kind);
        let told = change["ids"].as_array().unwrap();
        let passed: Vec<&str> =
            all.iter().zip(&ids).filter(|(_, id)| told.contains(id)).map(|(filter, _)| *filter).collect();
        assert_eq!(passed, YES, "{kind}");
    }
    for (filter, code) in UNREADABLE {
        let entry = json!({"event": "*", "schema": "public", "table": "things", "filter": filter});
        socket.join("b", json!({"postgres_changes": [entry]})).await;
        let message = socket.system().await;
        assert!(message.contains(&format!("Exception: ERROR {code} ")), "{filter}: {message}");
    }
}
