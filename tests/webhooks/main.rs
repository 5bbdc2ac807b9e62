//! Webhooks: what is sent, how it is signed, and what becomes of what nobody takes.

mod defining;

use basalt_core::unix_time;
use basalt_outbound::webhook::Secrets;
use basalt_server::Config;
use basalt_server::config::Webhook;
use basalt_tests::Server;
use basalt_tests::receiver::{Received, Receiver};
use basalt_tests::waiting::{comes_to, until};
use reqwest::Method;
use serde_json::{Value, json};

const SCHEMA: &str = "
create table orders (id integer primary key, note text);
create table other (id integer primary key);
create schema shop;
create table shop.items (id integer primary key);
";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn hook(name: &str, url: String, change: Value) -> Webhook {
    let mut settings = json!({"name": name, "table": "orders", "url": url});
    for (key, value) in change.as_object().expect("an object") {
        settings[key] = value.clone();
    }
    serde_json::from_value(settings).expect("a hook")
}

fn with(receiver: &Receiver, hooks: Vec<Webhook>) -> impl FnOnce(&mut Config) + use<> {
    let allowed = receiver.address.clone();
    move |config| {
        config.outbound.allow = vec![allowed];
        config.webhooks = hooks;
    }
}

/// Waits until each hook has a reader at work: what is written from then on is sent.
async fn ready(server: &Server, hooks: usize) {
    let held = "select count(*) as value from basalt.cursors where holder is not null";
    comes_to("readers at work", json!(hooks), async || server.value(held).await).await;
}

async fn write(server: &Server, method: Method, path: &str, body: Value) {
    let answer = server.ask(method, path).service().json(&body).send().await;
    assert!(answer.status < 300, "{}", answer.body);
}

async fn counts(server: &Server) -> (u64, u64) {
    let all = server.raw(Method::GET, "/admin/v1/webhooks").service().send().await.json();
    (all[0]["pending"].as_u64().expect("a count"), all[0]["dead"].as_u64().expect("a count"))
}

/// Waits until the first hook has so many pending and dead messages.
async fn counted(server: &Server, wanted: (u64, u64)) {
    comes_to("messages pending and dead", wanted, async || counts(server).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_sent_signed_and_in_supabase_s_form() {
    let receiver = Receiver::start().await;
    let hooks = vec![
        hook("all", receiver.url("/all"), json!({"secret": SECRET, "headers": {"x-key": "k"}})),
        hook("deletes", receiver.url("/deletes"), json!({"events": ["DELETE"]})),
        hook("items", receiver.url("/items"), json!({"table": "shop.items"})),
    ];
    let server = Server::start_with(SCHEMA, with(&receiver, hooks)).await;
    ready(&server, 3).await;
    write(&server, Method::POST, "/orders", json!({"id": 1, "note": "new"})).await;
    write(&server, Method::PATCH, "/orders?id=eq.1", json!({"note": "paid"})).await;
    write(&server, Method::DELETE, "/orders?id=eq.1", json!(null)).await;
    write(&server, Method::POST, "/other", json!({"id": 1})).await;
    server.script("insert into shop.items values (7);").await;
    let mut came = receiver.wait("/all", 3).await;
    came.sort_by_key(|one| one.id().len().to_string() + one.id());
    let (new, paid) = (json!({"id": 1, "note": "new"}), json!({"id": 1, "note": "paid"}));
    let body = |kind: &str, record: &Value, old: &Value| json!({"type": kind, "table": "orders", "schema": "public", "record": record, "old_record": old});
    let bodies: Vec<Value> = came.iter().map(Received::json).collect();
    assert_eq!(
        bodies,
        [body("INSERT", &new, &json!(null)), body("UPDATE", &paid, &new), body("DELETE", &json!(null), &paid)]
    );
    let now = unix_time().as_secs();
    for one in &came {
        let headers = one.headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        assert_eq!(Secrets::parse(SECRET).unwrap().verify(&headers, one.body.as_bytes(), now), Ok(()));
        assert_eq!((&*one.headers["x-key"], &*one.headers["content-type"]), ("k", "application/json"));
    }
    let deletes = receiver.wait("/deletes", 1).await;
    assert_eq!(deletes[0].json()["type"], "DELETE");
    assert!(!deletes[0].headers.contains_key("webhook-signature"));
    assert_eq!(receiver.wait("/items", 1).await[0].json()["record"], json!({"id": 7}));
    assert_eq!(receiver.all().len(), 5, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_ready_sends_what_is_written_from_then_on() {
    let receiver = Receiver::start().await;
    let mut server =
        Server::start_with(SCHEMA, with(&receiver, vec![hook("one", receiver.url("/one"), json!({}))])).await;
    // Nothing waits for readers but the start itself.
    write(&server, Method::POST, "/orders", json!({"id": 1})).await;
    assert_eq!(server.raw(Method::GET, "/health/ready").send().await.status, 200);
    assert_eq!(receiver.wait("/one", 1).await[0].json()["record"]["id"], 1);
    server.stop().await;
    // A hook that came with a new configuration, of another table.
    let hooks = vec![
        hook("one", receiver.url("/one"), json!({})),
        hook("two", receiver.url("/two"), json!({"table": "shop.items"})),
    ];
    server.restart(with(&receiver, hooks)).await;
    server.script("insert into shop.items values (7);").await;
    assert_eq!(receiver.wait("/two", 1).await[0].json()["record"], json!({"id": 7}));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_is_tried_again_and_then_dead() {
    let receiver = Receiver::start().await;
    receiver.answer("/hook", 500, "");
    let hooks = vec![hook("one", receiver.url("/hook"), json!({"attempts": 2}))];
    let server = Server::start_with(SCHEMA, with(&receiver, hooks)).await;
    ready(&server, 1).await;
    write(&server, Method::POST, "/orders", json!({"id": 1})).await;
    counted(&server, (1, 0)).await;
    // Its pause is over.
    let due = "update basalt.webhook_deliveries set next_at = now();";
    server.script(due).await;
    counted(&server, (0, 1)).await;
    let came = receiver.wait("/hook", 2).await;
    assert_eq!((came[0].id(), &came[0].body), (came[1].id(), &came[1].body), "the same message");
    let admin = |method: Method, path: &str| server.raw(method, &format!("/admin/v1/webhooks{path}")).service();
    let dead = admin(Method::GET, "/one/deliveries?status=dead").send().await.json();
    assert_eq!(
        (&dead[0]["answer"], &dead[0]["attempts"], &dead[0]["id"]),
        (&json!(500), &json!(2), &json!(came[0].id()))
    );
    assert_eq!(dead[0]["body"].as_str(), Some(&*came[0].body));
    admin(Method::GET, "/one/deliveries?status=pending").expect(200, json!([])).await;

    // Replayed, it is taken, and gone.
    receiver.answer("/hook", 204, "");
    let path = format!("/one/deliveries/{}/replay", came[0].id());
    admin(Method::POST, &path).expect(200, json!({"replayed": 1})).await;
    counted(&server, (0, 0)).await;
    assert_eq!(receiver.wait("/hook", 3).await[2].id(), came[0].id());
    admin(Method::POST, &path).expect_error(404, "webhook_not_found").await;

    // 410 wants no more; all are replayed at once, or forgotten.
    receiver.answer("/hook", 410, "");
    write(&server, Method::POST, "/orders", json!([{"id": 2}, {"id": 3}, {"id": 4}])).await;
    counted(&server, (0, 3)).await;
    let dead = admin(Method::GET, "/one/deliveries?limit=1").send().await.json();
    let rest = admin(Method::GET, &format!("/one/deliveries?after={}", dead[0]["change_id"])).send().await.json();
    assert_eq!((dead.as_array().unwrap().len(), rest.as_array().unwrap().len()), (1, 2));
    let id = dead[0]["id"].as_str().unwrap();
    admin(Method::DELETE, &format!("/one/deliveries/{id}")).expect(200, json!({"deleted": 1})).await;
    receiver.answer("/hook", 200, "");
    admin(Method::POST, "/one/replay").expect(200, json!({"replayed": 2})).await;
    counted(&server, (0, 0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_slow_or_down_delays_no_other() {
    let receiver = Receiver::start().await;
    receiver.answer("/slow", 0, "");
    let nobody = "http://127.0.0.1:9/".to_owned();
    let hooks = vec![
        hook("slow", receiver.url("/slow"), json!({"timeout": "1s"})),
        hook("down", nobody, json!({})),
        hook("quick", receiver.url("/quick"), json!({})),
    ];
    let server = Server::start_with(SCHEMA, with(&receiver, hooks)).await;
    ready(&server, 3).await;
    let rows: Vec<Value> = (0..20).map(|id| json!({"id": id})).collect();
    write(&server, Method::POST, "/orders", json!(rows)).await;
    receiver.wait("/quick", 20).await;
    counted(&server, (20, 0)).await;
}

/// Has so many messages of a hook that were not taken, of changes from `first` on.
async fn were_there(server: &Server, hook: &str, status: &str, first: i64, count: i64) {
    let script = format!(
        "insert into basalt.webhook_deliveries (id, hook, change_id, status, attempts, next_at, error, body)
         select 'old_{hook}_' || n, '{hook}', n, '{status}', 1, now(), 'refused', '{{}}' from generate_series({first}, {}) n;",
        first + count - 1
    );
    server.script(&script).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_slow_hook_has_to_try_again_delays_no_other() {
    let receiver = Receiver::start().await;
    receiver.answer("/slow", 0, "");
    let hooks = vec![
        hook("slow", receiver.url("/slow"), json!({"timeout": "5min"})),
        hook("quick", receiver.url("/quick"), json!({})),
    ];
    let server = Server::start_with(SCHEMA, with(&receiver, hooks)).await;
    ready(&server, 2).await;
    were_there(&server, "slow", "pending", 1, 100).await;
    receiver.wait("/slow", 1).await;
    were_there(&server, "quick", "pending", 1, 20).await;
    receiver.wait("/quick", 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_messages_are_kept_up_to_a_number() {
    let receiver = Receiver::start().await;
    receiver.answer("/hook", 410, "");
    let server = Server::start_with(SCHEMA, with(&receiver, vec![hook("one", receiver.url("/hook"), json!({}))])).await;
    ready(&server, 1).await;
    were_there(&server, "one", "dead", -10_000, 10_000).await;
    write(&server, Method::POST, "/orders", json!({"id": 1})).await;
    let kept = "select count(*) || ' ' || max(change_id) as value from basalt.webhook_deliveries";
    comes_to("the number of messages, and the newest", json!("10000 1"), async || server.value(kept).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_not_there_delays_no_other() {
    let receiver = Receiver::start().await;
    let hooks = vec![
        hook("late", receiver.url("/late"), json!({"table": "late"})),
        hook("one", receiver.url("/one"), json!({})),
    ];
    let server = Server::start_with(SCHEMA, with(&receiver, hooks)).await;
    ready(&server, 2).await;
    write(&server, Method::POST, "/orders", json!({"id": 1})).await;
    receiver.wait("/one", 1).await;
    // Once it is there, its hook works.
    server.script("create table late (id int)").await;
    until("a row of the late table that is told", async || {
        server.script("insert into late values (1)").await;
        receiver.all().len() > 1
    })
    .await;
    assert_eq!(receiver.all()[1].json()["table"], "late");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_public_is_not_reached_and_redirects_are_not_followed() {
    let receiver = Receiver::start().await;
    receiver.answer("/moved", 302, "location: /elsewhere\r\n");
    let hooks = vec![hook("moved", receiver.url("/moved"), json!({"attempts": 1}))];
    let server = Server::start_with(SCHEMA, with(&receiver, hooks)).await;
    ready(&server, 1).await;
    write(&server, Method::POST, "/orders", json!({"id": 1})).await;
    counted(&server, (0, 1)).await;
    assert_eq!(receiver.all().len(), 1);

    let closed = vec![hook("closed", receiver.url("/closed"), json!({"attempts": 1}))];
    let server = Server::start_with(SCHEMA, |config| config.webhooks = closed).await;
    ready(&server, 1).await;
    write(&server, Method::POST, "/orders", json!({"id": 1})).await;
    counted(&server, (0, 1)).await;
    let dead = server.raw(Method::GET, "/admin/v1/webhooks/closed/deliveries").service().send().await.json();
    assert!(dead[0]["error"].as_str().unwrap().contains("outbound.allow"), "{dead}");
    assert_eq!(receiver.all().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_service_key_opens_the_admin_api() {
    let receiver = Receiver::start().await;
    let hooks = vec![hook("one", receiver.url("/hook"), json!({"secret": SECRET}))];
    let server = Server::start_with(SCHEMA, with(&receiver, hooks)).await;
    ready(&server, 1).await;
    let path = "/admin/v1/webhooks";
    server.raw(Method::GET, path).expect_error(403, "webhook_not_allowed").await;
    server
        .raw(Method::GET, path)
        .user("00000000-0000-0000-0000-00000000000a")
        .expect_error(403, "webhook_not_allowed")
        .await;
    server.raw(Method::GET, path).token("nonsense").expect_error(401, "PGRST301").await;
    server.raw(Method::POST, path).expect_error(403, "webhook_not_allowed").await;
    for (path, allowed) in [
        ("", "GET, POST"),
        ("/one", "GET, PATCH, DELETE"),
        ("/one/deliveries", "GET"),
        ("/one/deliveries/1", "DELETE"),
        ("/one/deliveries/1/replay", "POST"),
        ("/one/replay", "POST"),
    ] {
        let ask = server.raw(Method::PUT, &format!("/admin/v1/webhooks{path}")).service();
        let refused = ask.expect_error(405, "webhook_method_not_allowed").await;
        assert_eq!(refused.header("allow"), allowed, "{path}");
    }
    for (path, status, code) in [
        ("/none/deliveries", 404, "webhook_not_found"),
        ("/one/nothing", 404, "webhook_not_found"),
        ("/one/deliveries?limit=many", 400, "webhook_parameter_invalid"),
        ("/one/deliveries?after=99999999999999999999", 400, "webhook_parameter_invalid"),
        ("/one/deliveries?status=lost", 400, "webhook_parameter_invalid"),
    ] {
        server.raw(Method::GET, &format!("/admin/v1/webhooks{path}")).service().expect_error(status, code).await;
    }
    let all = server.raw(Method::GET, path).service().send().await;
    assert!(!all.body.contains("whsec"), "secrets are not told");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_while_the_server_was_down_is_sent_later() {
    let receiver = Receiver::start().await;
    let hooks = vec![hook("one", receiver.url("/hook"), json!({}))];
    let mut server = Server::start_with(SCHEMA, with(&receiver, hooks.clone())).await;
    ready(&server, 1).await;
    server.stop().await;
    server.script("insert into orders values (5, 'meanwhile');").await;
    assert_eq!(receiver.all().len(), 0);
    server.restart(with(&receiver, hooks)).await;
    assert_eq!(receiver.wait("/hook", 1).await[0].json()["record"]["id"], 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_come_change_and_go_with_the_configuration() {
    let receiver = Receiver::start().await;
    let before = vec![hook("kept", receiver.url("/kept"), json!({})), hook("gone", receiver.url("/gone"), json!({}))];
    let server = Server::start_with(SCHEMA, with(&receiver, before.clone())).await;
    ready(&server, 2).await;
    let reload = async |hooks: Vec<Webhook>, allowed: &[&str]| {
        let config = server.configuration(|config| {
            config.outbound.allow = allowed.iter().map(|one| (*one).to_owned()).collect();
            config.webhooks = hooks;
        });
        server.basalt().reconfigure(server.folder.path(), &config).await
    };
    // What can't be used changes nothing.
    let twice = vec![before[0].clone(), before[0].clone()];
    let refused = reload(twice, &[&receiver.address]).await.unwrap_err().to_string();
    assert!(refused.contains("two webhooks have the same name"), "{refused}");

    let after = vec![
        hook("kept", receiver.url("/elsewhere"), json!({"attempts": 1})),
        hook("new", receiver.url("/new"), json!({"table": "other"})),
    ];
    reload(after.clone(), &[&receiver.address]).await.unwrap();
    let names = "select string_agg(name, ',' order by name) as value from basalt.cursors where holder is not null";
    let wanted = json!("webhook:kept,webhook:new");
    comes_to("readers at work", wanted, async || server.value(names).await).await;
    write(&server, Method::POST, "/orders", json!({"id": 1})).await;
    write(&server, Method::POST, "/other", json!({"id": 2})).await;
    assert_eq!(receiver.wait("/elsewhere", 1).await[0].json()["record"]["id"], 1);
    assert_eq!(receiver.wait("/new", 1).await[0].json()["record"]["id"], 2);
    assert_eq!(receiver.all().len(), 2, "nothing at the old places");

    // The client is a new one too: what was opened is closed.
    reload(after, &[]).await.unwrap();
    write(&server, Method::POST, "/orders", json!({"id": 3})).await;
    counted(&server, (0, 1)).await;
}
