//! What all statements of the process together take of memory. A process can only lower the limit: these tests have one of their own.

mod support;

use std::time::Duration;

use basalt_db::Options;
use support::with_options;

#[tokio::test]
async fn what_is_sorted_has_a_bound_that_ends_one_statement_alone() {
    let db = with_options("create table t (n int); insert into t values (1);", |options| Options {
        memory: 64 << 20,
        statement_timeout: Duration::from_secs(120),
        ..options
    })
    .await;
    let rows = "select repeat('x', 4000 + i % 10) as x from generate_series(1, 50000) i order by x, i offset 1";
    let sorted = format!("select sum(length(x)) from ({rows}) s");
    for _ in 0..2 {
        assert_eq!(db.error(&sorted, &[]).await.code(), "53200");
        assert_eq!(db.json("select n from t", &[]).await, "[{\"n\":1}]");
    }
    // A write that needs too much is undone, and others stand.
    let filled = format!("insert into t select length(x) from ({rows}) s");
    assert_eq!(db.error(&filled, &[]).await.code(), "53200");
    db.run("insert into t values (2)", &[]).await.expect("writes");
    assert_eq!(db.json("select n from t order by n", &[]).await, "[{\"n\":1},{\"n\":2}]");
}
