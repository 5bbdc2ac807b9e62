//! The line between nodes breaks: each serves its own clients meanwhile, and it is made again.

use basalt_tests::nats::{Nats, PASSWORD, USER};
use serde_json::json;

use crate::support::Project;
use crate::world::{Client, Node, World};

/// Sends until the other hears: what was under way when the line broke is lost.
async fn hears_again(sender: &mut Client, receiver: &mut Client) {
    let sending = async {
        loop {
            sender.send("end", json!({})).await;
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        () = sending => {}
        _ = receiver.until_end() => {}
    }
}

async fn meet(one: &Node, two: &Node) -> (Client, Client) {
    one.hears(1).await;
    two.hears(1).await;
    let (mut a, mut b) = (Client::join(one, "a").await, Client::join(two, "b").await);
    a.sees(&["a", "b"]).await;
    b.sees(&["a", "b"]).await;
    (a, b)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nats_server_may_come_and_go() {
    let mut nats = Nats::start();
    let world = World::start(Some(nats.url())).await;
    // What is logged in most detail tells no password.
    let loud = [("BASALT_LOG__LEVEL", "debug")];
    let (one, two) = (world.node_with(&loud), world.node_with(&loud));
    let (mut a, mut b) = meet(&one, &two).await;

    nats.kill();
    one.comes_to("basalt_nodes_connected", |connected| connected == 0).await;
    let (status, text) = one.server.get("/health/ready");
    assert!(status == 200 && text.contains("other nodes can't be reached"), "{status} {text}");
    a.sees(&["a"]).await;
    b.sees(&["b"]).await;
    one.post("e", json!({"n": 1}));
    one.post("end", json!({}));
    assert_eq!(a.until_end().await, [json!({"n": 1})]);

    nats.restart();
    a.sees(&["a", "b"]).await;
    b.sees(&["a", "b"]).await;
    hears_again(&mut a, &mut b).await;
    assert_eq!(one.server.get("/health/ready"), (200, String::new()));
    assert!(one.metric("basalt_nodes_reconnected_total") > 0);
    let said = [one.server.said(), two.server.said(), one.server.banner.clone(), two.server.banner.clone()].concat();
    assert!(said.len() > 10 && !said.iter().any(|line| line.contains(PASSWORD)), "a password in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_may_come_and_go() {
    let world = World::start(None).await;
    let [one, two] = world.nodes();
    let (mut a, mut b) = meet(&one, &two).await;
    world.cluster.stop();
    one.comes_to("basalt_nodes_connected", |connected| connected == 0).await;
    world.cluster.run_server();
    one.comes_to("basalt_nodes_connected", |connected| connected == 1).await;
    two.comes_to("basalt_nodes_connected", |connected| connected == 1).await;
    hears_again(&mut a, &mut b).await;
    hears_again(&mut b, &mut a).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_nats_refuses_serves_alone_and_says_so() {
    let nats = Nats::start();
    let world = World::start(Some(nats.address())).await;
    let by_settings = [("BASALT_MESSAGING__NATS_USER", USER), ("BASALT_MESSAGING__NATS_PASSWORD", PASSWORD)];
    let refused = world.node_with(&[by_settings[0], ("BASALT_MESSAGING__NATS_PASSWORD", "wrong-password")]);
    refused.server.says("no line to other nodes");
    assert!(refused.server.get("/health/ready").1.contains("other nodes can't be reached"));
    let mut client = Client::join(&refused, "a").await;
    client.sees(&["a"]).await;
    assert!(!refused.server.said().iter().any(|line| line.contains("wrong-password")));

    let (one, two) = (world.node_with(&by_settings), world.node_with(&by_settings));
    one.hears(1).await;
    two.hears(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_over_tls_is_trusted_by_its_authority_alone() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("a certificate");
    let folder = tempfile::tempdir().expect("a folder");
    let [certificate, key] = ["a.pem", "a.key"].map(|name| folder.path().join(name));
    std::fs::write(&certificate, made.cert.pem()).expect("a file");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
    let nats = Nats::start_with_tls(&certificate, &key);
    let world = World::start(Some(nats.address())).await;
    let user = [("BASALT_MESSAGING__NATS_USER", USER), ("BASALT_MESSAGING__NATS_PASSWORD", PASSWORD)];
    let distrusting = world.node_with(&user);
    distrusting.server.says("no line to other nodes");
    let ca = certificate.to_str().expect("a path");
    let trusting = [user[0], user[1], ("BASALT_MESSAGING__NATS_CA", ca)];
    let (one, two) = (world.node_with(&trusting), world.node_with(&trusting));
    let (mut a, mut b) = meet(&one, &two).await;
    hears_again(&mut a, &mut b).await;
    assert_eq!(distrusting.metric("basalt_nodes_connected"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_may_be_alone_by_its_configuration() {
    let world = World::start(None).await;
    for alone in [("BASALT_DATABASE__POOLER", "transaction"), ("BASALT_MESSAGING__NOTIFY", "false")] {
        let node = world.node_with(&[alone]);
        assert!(!node.server.get("/metrics").1.contains("basalt_nodes"));
        assert_eq!(node.server.get("/health/ready"), (200, String::new()));
        let mut client = Client::join(&node, "a").await;
        client.sees(&["a"]).await;
    }
}

#[test]
fn nats_with_the_embedded_engine_is_refused() {
    let config = "[messaging]\nnats = \"nats://me:s3cret@127.0.0.1:1\"\n[auth]\njwt_secret = \"a-secret-of-its-own-for-the-tests-0123456789\"\n";
    let project =
        Project::new(&[("basalt.toml", config), ("migrations/0001_a.sql", "create table a (id int primary key);")]);
    let said = project.run(&["serve", ".", "--migrate"]);
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    assert!(said.stderr.contains("`messaging.nats` joins nodes that share a PostgreSQL database"), "{}", said.stderr);
    assert!(!said.stderr.contains("s3cret"), "{}", said.stderr);
}
