//! A server is ready when what reads changes has begun, and begins however long the database lets it wait.

use std::net::TcpListener;
use std::time::Duration;

use basalt_server::Config;
use basalt_tests::Server;
use basalt_tests::postgres::Cluster;
use basalt_tests::receiver::Receiver;
use basalt_tests::waiting::comes_to;
use reqwest::Method;
use serde_json::json;

const TABLE: &str = "create table orders (id integer primary key);";

/// Has what is written to the table sent to `/one`.
fn sends(config: &mut Config, receiver: &Receiver) {
    let hook = json!({"name": "one", "table": "orders", "url": receiver.url("/one")});
    config.outbound.allow = vec![receiver.address.clone()];
    config.webhooks = vec![serde_json::from_value(hook).expect("a hook")];
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

/// Looks at the operators' port until it is asked for this path as it is to be; gives the body.
async fn answered(port: u16, path: &str, status: u16) -> String {
    let mut said = String::new();
    comes_to(path, status, async || {
        // Before it listens, nothing answers.
        let Ok(answer) = reqwest::get(format!("http://127.0.0.1:{port}{path}")).await else { return 0 };
        let status = answer.status().as_u16();
        said = answer.text().await.expect("a body");
        status
    })
    .await;
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_not_ready_before_its_webhooks_have_begun() {
    let cluster = Cluster::start();
    let receiver = Receiver::start().await;
    let mut server = Server::start_on(&cluster, TABLE, |_| ()).await;
    server.stop().await;
    let psql = cluster.connect_to(server.database_name()).await;
    // Readers can't stand anywhere, until somebody lets go.
    psql.script("begin; lock table basalt.cursors in access exclusive mode").await;

    let port = free_port();
    let change = |config: &mut Config| {
        config.server.admin_port = port;
        sends(config, &receiver);
    };
    let watched = async {
        answered(port, "/live", 200).await;
        let said = answered(port, "/ready", 503).await;
        assert_eq!(said, "what reads changes has not begun: webhooks would miss what is written\n");
        // The start goes on without it.
        psql.script("select pg_sleep(11)").await;
    };
    tokio::join!(server.restart(change), watched);
    assert_eq!(server.raw(Method::GET, "/health/live").send().await.status, 200, "it serves all the same");
    assert_eq!(server.raw(Method::GET, "/health/ready").send().await.status, 503);
    psql.script("rollback").await;
    answered(port, "/ready", 200).await;
    server.post("/orders", &json!({"id": 1})).service().expect(201, json!(null)).await;
    assert_eq!(receiver.wait("/one", 1).await[0].json()["record"], json!({"id": 1}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_cannot_be_watched_for_a_moment_is_waited_for() {
    let cluster = Cluster::start();
    let receiver = Receiver::start().await;
    let mut server = Server::start_on(&cluster, TABLE, |_| ()).await;
    server.stop().await;
    let psql = cluster.connect_to(server.database_name()).await;
    // Its triggers can't be made while somebody writes.
    psql.script("begin; insert into orders values (1)").await;
    let port = free_port();
    let change = |config: &mut Config| {
        config.server.admin_port = port;
        sends(config, &receiver);
    };
    let watched = async {
        answered(port, "/ready", 503).await;
        psql.script("commit").await;
        answered(port, "/ready", 200).await;
    };
    tokio::join!(server.restart(change), watched);
    server.post("/orders", &json!({"id": 2})).service().expect(201, json!(null)).await;
    assert_eq!(receiver.wait("/one", 1).await[0].json()["record"], json!({"id": 2}));
}

/// Nodes are replaced one after the other: for a while one has hooks that another was never told of.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_there_before_leaves_the_hooks_of_a_new_one_alone() {
    let cluster = Cluster::start();
    let receiver = Receiver::start().await;
    let old = Server::start_on(&cluster, TABLE, |_| ()).await;
    let url = format!("{} dbname={}", cluster.url(), old.database_name());
    let new = Server::start_at(&url, |config| sends(config, &receiver)).await;
    // For longer than the old one takes to look after its own.
    for id in 0..16 {
        new.post("/orders", &json!({ "id": id })).service().expect(201, json!(null)).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let mut told: Vec<i64> =
        receiver.wait("/one", 16).await.iter().map(|one| one.json()["record"]["id"].as_i64().expect("an id")).collect();
    told.sort_unstable();
    assert_eq!(told, (0..16).collect::<Vec<i64>>());
}
