//! Three nodes share the work; one is killed in the middle, and comes back.

use basalt_tests::nats::Nats;
use serde_json::{Value, json};

use crate::world::{Client, World};

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_share_the_work_over_postgresql() {
    share(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_share_the_work_over_nats() {
    let nats = Nats::start();
    share(Some(nats.url())).await;
}

async fn share(nats: Option<String>) {
    let world = World::start(nats).await;
    // The first one sends the webhooks.
    let doomed = world.node();
    world.comes_to("select count(*) from basalt.cursors where holder is not null", "1").await;
    let [one, two] = world.nodes();
    for node in [&doomed, &one, &two] {
        node.hears(2).await;
    }
    let (mut a, mut b, mut c) =
        (Client::join(&one, "a").await, Client::join(&two, "b").await, Client::join(&doomed, "c").await);
    for client in [&mut a, &mut b, &mut c] {
        client.sees(&["a", "b", "c"]).await;
    }

    // Over a socket, over HTTP and from SQL; small, and larger than a notification or a frame can be.
    let large = json!({"large": "x".repeat(90_000)});
    a.send("e", json!({"n": 1})).await;
    a.send("e", large.clone()).await;
    a.send("end", json!({})).await;
    for client in [&mut b, &mut c] {
        assert!(client.until_end().await == [json!({"n": 1}), large.clone()]);
    }
    let larger = json!({"large": "y".repeat(2_000_000)});
    two.post("e", json!({"n": 2}));
    two.post("e", larger.clone());
    two.post("end", json!({}));
    for client in [&mut a, &mut b, &mut c] {
        assert!(client.until_end().await == [json!({"n": 2}), larger.clone()]);
    }
    world
        .session
        .script(
            "select realtime.send('{\"n\": 3}', 'e', 'room', false); select realtime.send('{}', 'end', 'room', false)",
        )
        .await;
    for client in [&mut a, &mut b, &mut c] {
        assert_eq!(client.until_end().await, [json!({"n": 3})]);
    }
    let ids: Vec<usize> = (1..=20).collect();
    for id in &ids {
        world.write(*id).await;
    }
    for client in [&mut a, &mut b, &mut c] {
        assert_eq!(client.notes_until(20).await, ids);
    }
    world.told(1..=20).await;

    // In the middle of what everybody does.
    a.send("e", json!({"n": 4})).await;
    world.write(21).await;
    doomed.server.kill();
    world.write(22).await;
    a.send("e", json!({"n": 5})).await;
    a.send("end", json!({})).await;
    c.is_cut().await;
    assert_eq!(b.until_end().await, [json!({"n": 4}), json!({"n": 5})]);
    for client in [&mut a, &mut b] {
        client.sees(&["a", "b"]).await;
        assert_eq!(client.notes_until(22).await, [21, 22]);
    }
    for id in 23..=30 {
        world.write(id).await;
    }
    for client in [&mut a, &mut b] {
        assert_eq!(client.notes_until(30).await, (23..=30).collect::<Vec<_>>());
    }
    world.told(1..=30).await;

    // A node that starts is told who is there.
    let again = world.node();
    again.hears(2).await;
    let mut c = Client::join(&again, "c").await;
    for client in [&mut a, &mut b, &mut c] {
        client.sees(&["a", "b", "c"]).await;
    }
    c.send("e", json!({"n": 6})).await;
    c.send("end", json!({})).await;
    for client in [&mut a, &mut b] {
        assert_eq!(client.until_end().await, [json!({"n": 6})] as [Value; 1]);
    }

    // One that is asked to stop says goodbye.
    again.server.terminate();
    for client in [&mut a, &mut b] {
        client.sees(&["a", "b"]).await;
    }
    one.hears(1).await;
    assert_eq!((one.metric("basalt_nodes_rejected_total"), two.metric("basalt_nodes_rejected_total")), (0, 0));
    assert_each_webhook_is_of_one_change(&world);
}

/// The same change may be told twice, by the same id; no id tells of two changes.
fn assert_each_webhook_is_of_one_change(world: &World) {
    let mut told: Vec<(String, Value)> =
        world.receiver.all().iter().map(|one| (one.id().to_owned(), one.json()["record"]["id"].clone())).collect();
    told.sort_by_key(|(id, _)| id.clone());
    told.dedup();
    let ids: std::collections::BTreeSet<&String> = told.iter().map(|(id, _)| id).collect();
    assert_eq!((ids.len(), told.len()), (30, 30));
}
