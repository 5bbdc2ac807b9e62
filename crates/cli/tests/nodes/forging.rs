//! Anybody with a connection to the database can listen and notify: nodes believe only nodes, and only once.

use std::time::Duration;

use basalt_tests::waiting::until;

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use serde_json::json;

use crate::world::{Client, World};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forged_or_repeated_is_not_believed() {
    let world = World::start(None).await;
    let [one, two] = world.nodes();
    one.hears(1).await;
    two.hears(1).await;
    let (mut a, mut b) = (Client::join(&one, "a").await, Client::join(&two, "b").await);
    a.sees(&["a", "b"]).await;
    b.sees(&["a", "b"]).await;

    let mut heard = world.cluster.eavesdrop("project", "basalt_nodes").await;
    a.send("e", json!({"n": "a-text-that-is-easy-to-find"})).await;
    a.send("end", json!({})).await;
    assert_eq!(b.until_end().await.len(), 1);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut notifications = Vec::new();
    while let Ok(notification) = heard.try_recv() {
        notifications.push(notification);
    }
    assert!(!notifications.is_empty());
    let is_readable = |notification: &String| {
        let frame = BASE64_STANDARD_NO_PAD.decode(notification).expect("base64");
        String::from_utf8_lossy(&frame).contains("easy-to-find")
    };
    assert!(!notifications.iter().any(is_readable), "{notifications:?}");

    // As a role that has no rights at all.
    let mut forged = vec![String::new(), "reload schema".into(), "x".repeat(7000), "AQAA".repeat(30)];
    let mut changed = notifications[0].clone().into_bytes();
    let last = changed.len() - 2;
    changed[last] = if changed[last] == b'A' { b'B' } else { b'A' };
    forged.push(String::from_utf8(changed).expect("text"));
    let forged_count = forged.len();
    let repeated_count = notifications.len();
    for payload in forged.iter().chain(&notifications) {
        let sql = format!("set role anon; select pg_notify('basalt_nodes', '{payload}'); reset role");
        world.session.script(&sql).await;
    }
    // Each node knows its own frames, and rejects those of the other, and what is forged: a changed one only the one that did not make it.
    let total = forged_count + repeated_count;
    let rejected = || [&one, &two].map(|node| node.metric("basalt_nodes_rejected_total"));
    until("frames that are rejected", async || rejected().iter().sum::<u64>() >= total as u64).await;
    assert!(rejected().iter().all(|count| *count >= forged_count as u64 - 1), "{:?}", rejected());

    // Nothing of it was told, and everything goes on.
    a.send("e", json!({"n": 1})).await;
    a.send("end", json!({})).await;
    assert_eq!(b.until_end().await, [json!({"n": 1})]);
    one.hears(1).await;
    two.hears(1).await;
}
