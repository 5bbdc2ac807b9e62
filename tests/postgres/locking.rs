//! Transactions that wait for each other: one of them fails with PostgreSQL's own words, and nothing of it is kept.

use basalt_tests::postgres::Cluster;
use basalt_tests::{Answer, Server};
use reqwest::Method;
use serde_json::{Value, json};

const SCHEMA: &str = "
    create table accounts (id integer primary key, balance integer not null);
    insert into accounts values (1, 0), (2, 0);
    create function is_here(who integer) returns boolean language sql volatile as $$
      select exists (select from pg_locks where locktype = 'advisory' and objid = who) $$;
    create function meet(me integer) returns void language plpgsql as $$
    declare other integer := 1803 - me;
    begin
      perform pg_advisory_xact_lock(me);
      while not is_here(other) loop perform pg_sleep(0.01); end loop;
      -- Nobody goes on before the other one has seen that both are here.
      perform pg_advisory_xact_lock(me + 10);
      while is_here(other) and not is_here(other + 10) loop perform pg_sleep(0.01); end loop;
    end $$;
    create function move(from_account integer, to_account integer) returns void language plpgsql as $$
    begin
      update accounts set balance = balance - 1 where id = from_account;
      perform meet(900 + from_account);
      update accounts set balance = balance + 1 where id = to_account;
    end $$;
    create function move_serially(from_account integer, to_account integer) returns void language plpgsql
      set default_transaction_isolation = 'serializable' as $$
    begin
      perform sum(balance) from accounts where id = to_account;
      perform meet(900 + from_account);
      update accounts set balance = balance + 1 where id = from_account;
    end $$;";

/// The one that went through and the one that did not.
fn apart(one: Answer, other: Answer) -> (Answer, Answer) {
    if one.status < 300 { (one, other) } else { (other, one) }
}

async fn balances(server: &Server) -> Value {
    server.get("/accounts?order=id&select=balance").service().send().await.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_requests_that_wait_for_each_other_one_fails() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |_| ()).await;
    let ask = |from: i32, to: i32| {
        server.post("/rpc/move", &json!({"from_account": from, "to_account": to})).service().send()
    };
    let (one, other) = tokio::join!(ask(1, 2), ask(2, 1));
    let (done, failed) = apart(one, other);
    assert_eq!((done.status, failed.status), (204, 500), "{} {}", done.body, failed.body);
    assert_eq!((&failed.json()["code"], &failed.json()["message"]), (&json!("40P01"), &json!("deadlock detected")));
    // One moved one, the other nothing.
    let balances = balances(&server).await;
    assert!(
        balances == json!([{"balance": -1}, {"balance": 1}]) || balances == json!([{"balance": 1}, {"balance": -1}])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_batches_that_wait_for_each_other_one_fails_as_a_whole() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |_| ()).await;
    let batch = |first: i32, second: i32| {
        let set =
            |id: i32| json!({"method": "PATCH", "path": format!("/accounts?id=eq.{id}"), "body": {"balance": first}});
        let meet = json!({"method": "POST", "path": "/rpc/meet", "body": {"me": 900 + first}});
        server.raw(Method::POST, "/batch/v1").service().json(&json!([set(first), meet, set(second)])).send()
    };
    let (one, other) = tokio::join!(batch(1, 2), batch(2, 1));
    let (done, failed) = apart(one, other);
    assert_eq!((done.status, failed.status), (200, 500), "{} {}", done.body, failed.body);
    assert_eq!((&failed.json()["code"], &failed.json()["request"]), (&json!("40P01"), &json!(2)));
    let balances = balances(&server).await;
    assert!(balances == json!([{"balance": 1}, {"balance": 1}]) || balances == json!([{"balance": 2}, {"balance": 2}]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_can_t_be_one_after_the_other_fails() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |_| ()).await;
    let ask = |from: i32, to: i32| {
        server.post("/rpc/move_serially", &json!({"from_account": from, "to_account": to})).service().send()
    };
    let (one, other) = tokio::join!(ask(1, 2), ask(2, 1));
    let (done, failed) = apart(one, other);
    assert_eq!((done.status, failed.status), (204, 500), "{} {}", done.body, failed.body);
    assert_eq!(failed.json()["code"], "40001");
    let balances = balances(&server).await;
    assert!(balances == json!([{"balance": 1}, {"balance": 0}]) || balances == json!([{"balance": 0}, {"balance": 1}]));
}
