//! Webhooks that the admin API defines.

use basalt_core::unix_time;
use basalt_outbound::webhook::Secrets;
use basalt_tests::receiver::Receiver;
use basalt_tests::waiting::until;
use basalt_tests::{Ask, Server, on_postgres};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{SCHEMA, SECRET, hook, ready, with, write};

fn admin(server: &Server, method: Method, path: &str) -> Ask {
    server.raw(method, &format!("/admin/v1/webhooks{path}")).service()
}

async fn create(server: &Server, hook: Value) {
    let answer = admin(server, Method::POST, "").json(&hook).send().await;
    assert_eq!(answer.status, 201, "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_is_made_read_changed_and_removed() {
    let receiver = Receiver::start().await;
    let server = Server::start_with(SCHEMA, with(&receiver, Vec::new())).await;
    let made = json!({"name": "one", "table": "orders", "events": ["INSERT"], "url": receiver.url("/one"),
        "headers": {"x-key": "hidden"}, "secret": SECRET, "timeout": "2s"});
    let mut shown = json!({"name": "one", "table": "public.orders", "events": ["INSERT"], "url": receiver.url("/one"),
        "headers": ["x-key"], "signed": true, "timeout": "2s", "attempts": 10, "source": "api", "pending": 0, "dead": 0});
    let read = async |answer: Value| {
        let mut answer = answer;
        answer.as_object_mut().expect("a hook").remove("position");
        answer
    };
    let answer = admin(&server, Method::POST, "").json(&made).send().await;
    let begin = answer.json()["position"].clone();
    assert_eq!((answer.status, read(answer.json()).await), (201, shown.clone()));
    ready(&server, 1).await;
    write(&server, Method::POST, "/orders", json!({"id": 1, "note": "new"})).await;
    let came = receiver.wait("/one", 1).await;
    assert_eq!((came[0].json()["record"]["id"].clone(), &*came[0].headers["x-key"]), (json!(1), "hidden"));
    let now = unix_time().as_secs();
    let headers = came[0].headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    assert_eq!(Secrets::parse(SECRET).unwrap().verify(&headers, came[0].body.as_bytes(), now), Ok(()));

    // What is under way when a hook is changed is sent again: it is not, once the reader has moved on.
    let has_moved = async || admin(&server, Method::GET, "/one").send().await.json()["position"] != begin;
    until("a reader that has moved on", has_moved).await;

    // What is not named stays: the secret still signs.
    let change = json!({"url": receiver.url("/other"), "headers": null, "attempts": 1});
    shown["url"] = json!(receiver.url("/other"));
    (shown["headers"], shown["attempts"]) = (json!([]), json!(1));
    let answer = admin(&server, Method::PATCH, "/one").json(&change).send().await;
    assert_eq!((answer.status, read(answer.json()).await), (200, shown.clone()));
    assert_eq!(read(admin(&server, Method::GET, "/one").send().await.json()).await, shown);
    let all = admin(&server, Method::GET, "").send().await;
    assert!(!all.body.contains("whsec") && !all.body.contains("hidden"), "{}", all.body);
    ready(&server, 1).await;
    write(&server, Method::POST, "/orders", json!({"id": 2})).await;
    let came = receiver.wait("/other", 1).await;
    assert!(came[0].headers.contains_key("webhook-signature") && !came[0].headers.contains_key("x-key"));

    admin(&server, Method::DELETE, "/one").expect(200, json!({"deleted": 1})).await;
    admin(&server, Method::GET, "/one").expect_error(404, "webhook_not_found").await;
    admin(&server, Method::DELETE, "/one").expect_error(404, "webhook_not_found").await;
    ready(&server, 0).await;
    write(&server, Method::POST, "/orders", json!({"id": 3})).await;
    // From the answer on, nothing is missed.
    create(&server, json!({"name": "next", "table": "orders", "url": receiver.url("/next")})).await;
    write(&server, Method::POST, "/orders", json!({"id": 4})).await;
    assert_eq!(receiver.wait("/next", 1).await[0].json()["record"]["id"], 4);
    assert_eq!(receiver.all().len(), 3, "nothing of what was written without a hook");
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_outlive_the_server_and_send_what_it_missed() {
    let receiver = Receiver::start().await;
    let mut server = Server::start_with(SCHEMA, with(&receiver, Vec::new())).await;
    create(&server, json!({"name": "one", "table": "orders", "url": receiver.url("/hook")})).await;
    create(&server, json!({"name": "late", "table": "late", "url": receiver.url("/late")})).await;
    ready(&server, 2).await;
    server.stop().await;
    server.script("insert into orders values (5, 'meanwhile');").await;
    server.restart(with(&receiver, Vec::new())).await;
    assert_eq!(receiver.wait("/hook", 1).await[0].json()["record"]["id"], 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_basalt_toml_defines_is_read_there_alone() {
    let receiver = Receiver::start().await;
    let hooks = vec![hook("file", receiver.url("/file"), json!({}))];
    let server = Server::start_with(SCHEMA, with(&receiver, hooks.clone())).await;
    let url = receiver.url("/api");
    admin(&server, Method::POST, "")
        .json(&json!({"name": "file", "table": "orders", "url": url}))
        .expect_error(409, "webhook_exists")
        .await;
    create(&server, json!({"name": "api", "table": "orders", "url": url})).await;
    let all = admin(&server, Method::GET, "").send().await.json();
    let sources: Vec<_> = all.as_array().unwrap().iter().map(|one| (&one["name"], &one["source"])).collect();
    assert_eq!(sources, [(&json!("file"), &json!("basalt.toml")), (&json!("api"), &json!("api"))]);
    for method in [Method::PATCH, Method::DELETE] {
        let answer = admin(&server, method, "/file").json(&json!({"attempts": 1}));
        let answer = answer.expect_error(409, "webhook_in_configuration").await;
        assert!(answer.body.contains("basalt.toml"), "{}", answer.body);
    }
    ready(&server, 2).await;
    write(&server, Method::POST, "/orders", json!({"id": 1})).await;
    receiver.wait("/file", 1).await;
    receiver.wait("/api", 1).await;

    // A reload keeps the admin API's; one of its name in basalt.toml takes its place, for as long as it is there.
    let reload = async |hooks| {
        let config = server.configuration(with(&receiver, hooks));
        server.basalt().reconfigure(server.folder.path(), &config).await.expect("a configuration")
    };
    let source = async || admin(&server, Method::GET, "/api").send().await.json()["source"].clone();
    reload(vec![hook("api", receiver.url("/file"), json!({}))]).await;
    assert_eq!(source().await, "basalt.toml");
    reload(Vec::new()).await;
    assert_eq!(source().await, "api");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_t_be_used_is_refused_whole() {
    let server = Server::start(SCHEMA).await;
    let with = |change: Value| {
        let mut hook = json!({"name": "one", "table": "orders", "url": "https://example.com/"});
        change.as_object().unwrap().iter().for_each(|(name, value)| hook[name] = value.clone());
        hook
    };
    for (change, word) in [
        (json!({"name": "a b"}), "`name`"),
        (json!({"name": null}), "name"),
        (json!({"url": "ftp://example.com/"}), "`url`"),
        (json!({"url": 7}), "string"),
        (json!({"events": ["TRUNCATE"]}), "`events`"),
        (json!({"secret": "hunter2"}), "`secret`"),
        (json!({"headers": {"a b": "x"}}), "a b"),
        (json!({"headers": {"x": "a\r\nb: c"}}), "header x"),
        (json!({"timeout": "1h"}), "`timeout`"),
        (json!({"attempts": -1}), "-1"),
        (json!({"color": "red"}), "color"),
    ] {
        let answer = admin(&server, Method::POST, "").json(&with(change)).expect_error(400, "webhook_invalid").await;
        assert!(answer.body.contains(word) && !answer.body.contains("hunter2"), "{}", answer.body);
    }
    for body in ["", "[]", "{", "null"] {
        admin(&server, Method::POST, "").body(body).expect_error(400, "webhook_invalid").await;
    }
    let long = with(json!({"headers": {"x": "y".repeat(1 << 16)}}));
    admin(&server, Method::POST, "").json(&long).expect_error(413, "webhook_body_unreadable").await;
    admin(&server, Method::GET, "").expect(200, json!([])).await;

    create(&server, with(json!({}))).await;
    admin(&server, Method::POST, "").json(&with(json!({}))).expect_error(409, "webhook_exists").await;
    for change in [json!({"name": "two"}), json!({"name": null}), json!({"url": null}), json!({"x": 1})] {
        admin(&server, Method::PATCH, "/one").json(&change).expect_error(400, "webhook_invalid").await;
    }
    // A body is what it is declared to be.
    for kind in ["application/x-www-form-urlencoded", "text/plain", "application/jsonp"] {
        let declared = admin(&server, Method::PATCH, "/one").header("content-type", kind).body("{\"attempts\": 2}");
        declared.expect_error(415, "webhook_body_unreadable").await;
    }
    admin(&server, Method::PATCH, "/none").json(&json!({})).expect_error(404, "webhook_not_found").await;
    for n in 1..100 {
        create(&server, with(json!({"name": format!("n{n}")}))).await;
    }
    admin(&server, Method::POST, "")
        .json(&with(json!({"name": "more"})))
        .expect_error(409, "webhook_limit_reached")
        .await;
}

/// What a hook's headers hold is never given back: not by sending it elsewhere, either.
#[tokio::test(flavor = "multi_thread")]
async fn a_credential_goes_to_the_host_that_it_was_given_for() {
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    let allowed = vec![receiver.address.clone(), other.address.clone()];
    let server = Server::start_with(SCHEMA, |config| config.outbound.allow = allowed).await;
    let hook = json!({"name": "one", "table": "orders", "url": receiver.url("/a"), "headers": {"x-key": "hidden"}});
    create(&server, hook).await;
    let change = |change: Value| admin(&server, Method::PATCH, "/one").json(&change);
    let refused = change(json!({"url": other.url("/a")})).expect_error(400, "webhook_invalid").await;
    assert!(refused.body.contains("`headers`"), "{}", refused.body);
    assert_eq!(change(json!({"url": receiver.url("/b")})).send().await.json()["headers"], json!(["x-key"]));
    assert_eq!(change(json!({"url": other.url("/a"), "headers": null})).send().await.json()["headers"], json!([]));
    // Without any there is nothing to keep.
    assert_eq!(change(json!({"url": receiver.url("/a")})).send().await.status, 200);
    ready(&server, 1).await;
    write(&server, Method::POST, "/orders", json!({"id": 1})).await;
    assert!(!receiver.wait("/a", 1).await[0].headers.contains_key("x-key"));
    assert!(other.all().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_takes_up_what_one_is_told() {
    if !on_postgres() {
        return eprintln!("skipped: an embedded database is one server's");
    }
    let receiver = Receiver::start().await;
    let mut first = Server::start_with(SCHEMA, with(&receiver, Vec::new())).await;
    let url = first.configuration(|_| ()).database.url;
    let second = Server::start_at(&url, with(&receiver, Vec::new())).await;
    create(&first, json!({"name": "one", "table": "orders", "url": receiver.url("/hook")})).await;
    assert_eq!(admin(&second, Method::GET, "/one").send().await.json()["source"], "api");
    ready(&first, 1).await;
    // Whoever reads, the other one goes on.
    first.stop().await;
    write(&second, Method::POST, "/orders", json!({"id": 1})).await;
    receiver.wait("/hook", 1).await;
    admin(&second, Method::DELETE, "/one").expect(200, json!({"deleted": 1})).await;
    ready(&second, 0).await;
}
