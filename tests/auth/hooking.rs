//! The project's hook for access tokens is asked while nothing is held: others write meanwhile, and what it refuses leaves nothing that could be used.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use basalt_server::Config;
use basalt_tests::Server;
use basalt_tests::totp::code;
use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::factors::{enrol, verify};
use crate::stand_in::StandIn;
use crate::world::{PASSWORD, claims, get, post, refresh, session, sign_in, sign_up, start_with};

/// What the hook does with a question.
type Answering = Box<dyn FnMut(&Value) -> (&'static str, Value) + Send>;

/// A hook that hands out claims as it got them until it is told otherwise.
#[derive(Clone, Default)]
struct Hook(Arc<Mutex<Option<Answering>>>);

impl Hook {
    fn answers(&self, answering: impl FnMut(&Value) -> (&'static str, Value) + Send + 'static) {
        *self.0.lock().expect("a lock") = Some(Box::new(answering));
    }

    fn refuses(&self) {
        self.answers(|_| ("200 OK", json!({"error": {"http_code": 403, "message": "not today"}})));
    }

    fn agrees(&self) {
        *self.0.lock().expect("a lock") = None;
    }

    async fn start(&self) -> StandIn {
        let answering = self.0.clone();
        StandIn::answering(move |request| {
            let (_, body) = request.split_once("\r\n\r\n").expect("a body");
            let event: Value = serde_json::from_str(body).expect("JSON");
            let (status, answer) = match answering.lock().expect("a lock").as_mut() {
                Some(answering) => answering(&event),
                None => ("200 OK", json!({"claims": event["claims"]})),
            };
            (status, answer.to_string())
        })
        .await
    }
}

fn by_http(url: &str) -> impl FnOnce(&mut Config) + use<'_> {
    move |config| {
        config.outbound.allow = vec!["127.0.0.1".into()];
        let own = &mut config.auth.hook.custom_access_token;
        (own.enabled, own.uri) = (true, url.to_owned());
    }
}

async fn users(server: &Server) -> Value {
    get(server, "/admin/users").service().send().await.json()["users"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn others_write_while_the_hook_thinks() {
    let hook = Hook::default();
    let stand_in = hook.start().await;
    let server = start_with(by_http(&stand_in.url)).await;
    let eve = sign_up(&server, "eve@example.com").await;
    let (asked, was_asked) = mpsc::channel();
    let (let_go, may_go) = mpsc::channel::<()>();
    hook.answers(move |event| {
        asked.send(()).expect("somebody listens");
        // The thread's other tasks go on elsewhere meanwhile.
        block_in_place(|| may_go.recv_timeout(Duration::from_secs(60))).expect("let go");
        ("200 OK", json!({"claims": event["claims"]}))
    });
    let signing_up = async { sign_up(&server, "ada@example.com").await };
    let writing = async {
        tokio::task::spawn_blocking(move || was_asked.recv().expect("the hook is asked")).await.expect("no panic");
        let written = server.post("/notes", &json!({"body": "while it thinks"})).token(&eve.access).send().await;
        let_go.send(()).expect("the hook waits");
        written
    };
    let (ada, written) = tokio::join!(signing_up, writing);
    assert_eq!(written.status, 201, "{}", written.body);
    assert_eq!(get(&server, "/user").token(&ada.access).send().await.status, 200);
}

#[tokio::test]
async fn a_refused_token_leaves_nothing() {
    let hook = Hook::default();
    let stand_in = hook.start().await;
    let server = start_with(by_http(&stand_in.url)).await;
    let ada = sign_up(&server, "ada@example.com").await;
    let sessions = format!("/admin/users/{}/sessions", ada.user);
    let before = get(&server, &sessions).service().send().await.json();
    hook.refuses();
    post(&server, "/signup", json!({"email": "eve@example.com", "password": PASSWORD}))
        .expect_error(403, "validation_failed")
        .await;
    assert_eq!(users(&server).await.as_array().map(Vec::len), Some(1));
    assert_eq!(sign_in(&server, "ada@example.com", PASSWORD).await.status, 403);
    assert_eq!(get(&server, &sessions).service().send().await.json(), before);
    // The token that she has is good for as long as the hook says no.
    for _ in 0..2 {
        assert_eq!(refresh(&server, &ada.refresh).await.status, 403);
    }
    hook.agrees();
    let fresh = session(&refresh(&server, &ada.refresh).await);
    assert_eq!(claims(&fresh.access)["session_id"], claims(&ada.access)["session_id"]);
    assert_eq!(session(&refresh(&server, &fresh.refresh).await).user, ada.user);
    sign_up(&server, "eve@example.com").await;
}

/// The factor is proved whatever the hook says; the session is aal2 once it has a token that says so.
#[tokio::test]
async fn a_refused_token_of_a_second_factor_leaves_the_session_as_it_was() {
    let hook = Hook::default();
    let stand_in = hook.start().await;
    let server = start_with(by_http(&stand_in.url)).await;
    let ada = sign_up(&server, "ada@example.com").await;
    let (factor, secret) = enrol(&server, &ada, "app").await;
    hook.refuses();
    assert_eq!(verify(&server, &ada, &factor, &code(&secret, 0)).await.status, 403);
    hook.agrees();
    let still = session(&refresh(&server, &ada.refresh).await);
    assert_eq!(claims(&still.access)["aal"], "aal1");
    let proved = session(&verify(&server, &still, &factor, &code(&secret, 1)).await);
    assert_eq!(claims(&proved.access)["aal"], "aal2");
    assert_eq!(refresh(&server, &still.refresh).await.status, 400);
}

#[tokio::test]
async fn a_function_that_does_not_end_is_told_as_late() {
    let server = start_with(|config| {
        let own = &mut config.auth.hook.custom_access_token;
        (own.enabled, own.uri) = (true, "pg-functions://postgres/hooks/with_plan".into());
    })
    .await;
    let function = |body: &str| {
        format!(
            "create or replace function hooks.with_plan(event jsonb) returns jsonb language sql stable as $$ {body} $$"
        )
    };
    server
        .script(&format!("create schema hooks; {}", function("select jsonb_set(event, '{claims,plan}', '\"gold\"')")))
        .await;
    assert_eq!(claims(&sign_up(&server, "ada@example.com").await.access)["plan"], "gold");
    let endless = "select to_jsonb(count(*)) from generate_series(1, 1000000000000) as n where n % 2 = 3";
    server.script(&function(endless)).await;
    let eve = json!({"email": "eve@example.com", "password": PASSWORD});
    post(&server, "/signup", eve).expect_error(422, "hook_timeout").await;
}
