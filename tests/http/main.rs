//! The same requests sent to a server on the embedded engine and to one on PostgreSQL: status, headers and body have to be the
//! same, byte for byte, and so have the tables after each write.
//!
//! Hand-written requests are in `cases`; others are generated from fixed seeds, over Chinook, the shop, and schemas that are
//! generated too. What differs for a reason is in `different.rs` and `different.txt`.

mod answer;
mod cases;
mod counted;
mod different;
mod generated;
mod pair;
mod projects;

use basalt_tests::postgres::Cluster;

use pair::Tally;

/// Compares a project on both engines, and finds nothing.
async fn alike(compare: impl AsyncFnOnce(&Cluster) -> Tally) {
    let cluster = Cluster::start();
    if !cluster.has(15, "`security_invoker`") {
        return;
    }
    let all = compare(&cluster).await;
    assert!(all.faults.is_empty(), "{} faults\n\n{}", all.faults.len(), all.faults.join("\n\n"));
}

/// What writes of tables with triggers answer and leave.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_engines_fire_alike() {
    alike(projects::triggers).await;
}

/// What rows are as columns, arguments and results.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_engines_hold_rows_alike() {
    alike(projects::rows).await;
}

/// What policies let pass, and what views over hidden rows tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_engines_guard_alike() {
    alike(projects::guarded).await;
}

/// What becomes of rows that are there already.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_engines_upsert_alike() {
    alike(projects::upserts).await;
}

/// Requests that have to be compared at least.
const ENOUGH: usize = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_engines_answer_alike() {
    let cluster = Cluster::start();
    if !cluster.has(15, "`security_invoker`") {
        return;
    }
    let (shop, chinook, generated) =
        tokio::join!(projects::shop(&cluster), projects::chinook(&cluster), generated::all(&cluster));
    let mut all = Tally::default();
    [shop, chinook, generated].into_iter().for_each(|tally| all.add(tally));
    eprintln!("{} distinct requests compared, {} of them known to differ", all.requests.len(), all.known);
    let (told, few) = counted::kinds(&all.requests);
    eprintln!("{told}");
    assert!(all.faults.is_empty(), "{} faults\n\n{}", all.faults.len(), all.faults.join("\n\n"));
    assert!(all.requests.len() >= ENOUGH, "only {} distinct requests were compared", all.requests.len());
    if std::env::var_os("BASALT_DIFFERENTIAL_SEEDS").is_none() {
        assert!(few.is_empty(), "too few of some kinds: {few:?}");
    }
}
