//! Readers: the live tail, durable cursors, and what becomes of those that fall behind.

use std::time::Duration;

use basalt_db::changes::{Batch, Limits, Subscription};
use basalt_tests::Server;
use serde_json::json;

use crate::world::{end, logged};

const SCHEMA: &str =
    "create table t (id integer primary key, note text); alter publication supabase_realtime add table t;";

/// Limits that trim nothing by themselves.
fn generous() -> Limits {
    Limits { keep: Duration::ZERO, entries: 1_000_000, bytes: 1 << 40, age: Duration::from_secs(1_000_000) }
}

async fn write(server: &Server, ids: std::ops::Range<i64>) {
    let rows: Vec<_> = ids.map(|id| json!({"id": id, "note": "x".repeat(20)})).collect();
    let answer = server.post("/t", &json!(rows)).service().send().await;
    assert_eq!(answer.status, 201, "{}", answer.body);
}

fn ids(batch: &Batch) -> Vec<i64> {
    let id = |change: &std::sync::Arc<basalt_core::Change>| {
        let row: serde_json::Value = serde_json::from_str(change.new.as_ref().expect("a row").get()).expect("JSON");
        row["id"].as_i64().expect("an id")
    };
    batch.changes.iter().map(id).collect()
}

/// Reads until so many ids have come.
async fn take(live: &mut Subscription, count: usize) -> Vec<i64> {
    let mut all = Vec::new();
    while all.len() < count {
        let next = tokio::time::timeout(Duration::from_secs(20), live.next());
        all.extend(ids(&next.await.expect("in time").expect("an open database")));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tail_tells_what_is_written_from_now_on() {
    let server = Server::start(SCHEMA).await;
    write(&server, 0..3).await;
    let mut early = server.database.changes().subscribe().await.unwrap();
    write(&server, 3..5).await;
    let mut late = server.database.changes().subscribe().await.unwrap();
    for id in 5..20 {
        write(&server, id..id + 1).await;
    }
    assert_eq!(take(&mut early, 17).await, (3..20).collect::<Vec<_>>());
    let late = take(&mut late, 15).await;
    assert_eq!(late[late.len() - 15..], (5..20).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_subscriber_is_given_what_it_missed_from_the_log() {
    let server = Server::start(SCHEMA).await;
    let mut slow = server.database.changes().subscribe().await.unwrap();
    let mut quick = server.database.changes().subscribe().await.unwrap();
    for id in 0..200 {
        write(&server, id..id + 1).await;
        assert_eq!(take(&mut quick, 1).await, [id]);
    }
    assert_eq!(take(&mut slow, 200).await, (0..200).collect::<Vec<_>>());
    write(&server, 200..201).await;
    assert_eq!(take(&mut slow, 1).await, [200]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_stands_where_it_was_left() {
    let server = Server::start(SCHEMA).await;
    write(&server, 0..2).await;
    let changes = server.database.changes();
    let cursor = changes.cursor("mailer").await.unwrap();
    write(&server, 2..8).await;
    let batch = cursor.read(4).await.unwrap();
    assert_eq!(ids(&batch), [2, 3, 4, 5]);
    // At least once: what is not passed comes again.
    assert_eq!(ids(&cursor.read(2).await.unwrap()), [2, 3]);
    cursor.advance(batch.changes[2].id).await.unwrap();
    cursor.advance(batch.changes[0].id).await.unwrap();
    let again = changes.cursor("mailer").await.unwrap();
    assert_eq!(ids(&again.read(100).await.unwrap()), [5, 6, 7]);
    assert_eq!(changes.cursors().await.unwrap(), [("mailer".to_owned(), batch.changes[2].id)]);
    assert!(again.claim("one", Duration::from_secs(60)).await.unwrap());
    assert!(again.claim("one", Duration::from_secs(60)).await.unwrap());
    assert!(!again.claim("two", Duration::from_secs(60)).await.unwrap());
    again.release("one").await.unwrap();
    assert!(again.claim("two", Duration::from_secs(60)).await.unwrap());
    changes.drop_cursor("mailer").await.unwrap();
    assert_eq!(again.read(1).await.unwrap_err().code(), "42704");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_bounded_in_bytes() {
    let server = Server::start(SCHEMA).await;
    let start = end(&server).await;
    for id in 0..4 {
        let row = json!({"id": id, "note": "x".repeat(900_000)});
        assert_eq!(server.post("/t", &row).service().send().await.status, 201);
    }
    let changes = server.database.changes();
    let first = changes.read(start, 100).await.unwrap();
    assert_eq!(ids(&first), [0, 1]);
    assert_eq!(ids(&changes.read(first.last(), 100).await.unwrap()), [2, 3]);
    let row = json!({"id": 9, "note": "x".repeat(5_000_000)});
    assert_eq!(server.post("/t", &row).service().send().await.status, 201);
    let after = changes.read(first.last(), 100).await.unwrap().last();
    assert_eq!(ids(&changes.read(after, 100).await.unwrap()), [9], "one is always given");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_every_cursor_has_passed_goes() {
    let server = Server::start(SCHEMA).await;
    let changes = server.database.changes();
    let start = end(&server).await;
    let (one, two) = (changes.cursor("one").await.unwrap(), changes.cursor("two").await.unwrap());
    write(&server, 0..10).await;
    let all = logged(&server, start).await;
    one.advance(all[9].id).await.unwrap();
    two.advance(all[3].id).await.unwrap();
    assert_eq!(changes.trim(&generous()).await.unwrap(), 4);
    assert_eq!(ids(&two.read(100).await.unwrap()), (4..10).collect::<Vec<_>>());
    assert_eq!(changes.trim(&Limits { keep: Duration::from_secs(600), ..generous() }).await.unwrap(), 0);
    changes.drop_cursor("two").await.unwrap();
    assert_eq!(
        changes.trim(&Limits { keep: Duration::from_secs(600), ..generous() }).await.unwrap(),
        0,
        "young ones stay for slow subscribers"
    );
    assert_eq!(changes.trim(&generous()).await.unwrap(), 6);
    assert_eq!(changes.trim(&generous()).await.unwrap(), 0);
    // Ids are never used twice, not even those of an empty log.
    write(&server, 10..11).await;
    let last = logged(&server, all[9].id).await;
    assert!(last[0].id > all[9].id);
    assert!(changes.read(start, 10).await.unwrap().lost > 0, "who stands before the trimmed ones is told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_falls_too_far_behind_is_told() {
    let server = Server::start(SCHEMA).await;
    let changes = server.database.changes();
    let cursor = changes.cursor("slow").await.unwrap();
    write(&server, 0..50).await;
    let trimmed = changes.trim(&Limits { entries: 20, ..generous() }).await.unwrap();
    assert_eq!(trimmed, 30);
    for _ in 0..2 {
        let batch = cursor.read(5).await.unwrap();
        assert_eq!((batch.lost, ids(&batch)), (30, vec![30, 31, 32, 33, 34]), "told until it has moved on");
    }
    let batch = cursor.read(5).await.unwrap();
    cursor.done(&batch).await.unwrap();
    let next = cursor.read(5).await.unwrap();
    assert_eq!((next.lost, ids(&next)), (0, vec![35, 36, 37, 38, 39]));
    // By bytes and by age as well.
    assert!(changes.trim(&Limits { bytes: 500, ..generous() }).await.unwrap() > 5);
    assert!(changes.trim(&Limits { age: Duration::ZERO, ..generous() }).await.unwrap() > 0);
    let batch = cursor.read(100).await.unwrap();
    assert_eq!((batch.lost, batch.changes.len()), (15, 0));
    cursor.done(&batch).await.unwrap();
    assert_eq!(cursor.read(100).await.unwrap().lost, 0);
    // What is lost while a batch is worked on is told with the next one.
    write(&server, 50..60).await;
    let batch = cursor.read(5).await.unwrap();
    changes.trim(&Limits { entries: 2, ..generous() }).await.unwrap();
    cursor.done(&batch).await.unwrap();
    assert_eq!(cursor.read(5).await.unwrap().lost, 8);
}
