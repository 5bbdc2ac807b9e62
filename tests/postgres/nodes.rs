//! Several processes on one database: what one begins, another ends. Codes, links, flows, challenges and sessions stand in the database.

use basalt_server::Config;
use basalt_tests::postgres::Cluster;
use basalt_tests::totp::code;
use basalt_tests::{Answer, Server};
use reqwest::Method;
use serde_json::{Value, json};

/// The pair of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn configure(config: &mut Config) {
    config.auth.email.enable_confirmations = true;
    config.auth.email.mailbox = true;
    config.auth.passkey.enabled = true;
    config.auth.site_url = "http://localhost:3000".into();
}

async fn post(server: &Server, path: &str, token: &str, body: Value) -> Answer {
    let ask = server.raw(Method::POST, &format!("/auth/v1{path}"));
    let ask = if token.is_empty() { ask } else { ask.token(token) };
    ask.json(&body).send().await
}

#[track_caller]
fn text(answer: &Answer, pointer: &str) -> String {
    let found = answer.json().pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    found.unwrap_or_else(|| panic!("no {pointer} in {} {}", answer.status, answer.body))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_begins_another_ends() {
    let cluster = Cluster::start();
    drop(cluster.create("app").await);
    let url = format!("{} dbname=app", cluster.url());
    let (one, other) = (Server::start_at(&url, configure).await, Server::start_at(&url, configure).await);
    let mail = async |to: &str| {
        let list = one.raw(Method::GET, &format!("/studio/mail/messages?to={to}")).send().await.json();
        list[0].clone()
    };

    // A link of one, by PKCE, opened at the other; its code exchanged at the first.
    let sign_up = json!({"email": "ada@example.com", "password": "Correct-horse-7", "code_challenge": CHALLENGE, "code_challenge_method": "s256"});
    assert_eq!(post(&one, "/signup", "", sign_up).await.status, 200);
    let link = mail("ada@example.com").await["link"].as_str().expect("a link").replace(one.url(), "");
    let landed = other.raw(Method::GET, &link).send().await;
    let auth_code = landed.header("location").split_once("?code=").expect("a code").1.to_owned();
    let exchange = json!({"auth_code": auth_code, "code_verifier": VERIFIER});
    let session = post(&one, "/token?grant_type=pkce", "", exchange).await;
    let (access, refresh) = (text(&session, "/access_token"), text(&session, "/refresh_token"));

    // A session of one goes on at the other, and its old token is known there.
    let refreshed = post(&other, "/token?grant_type=refresh_token", "", json!({"refresh_token": refresh})).await;
    let again = post(&one, "/token?grant_type=refresh_token", "", json!({"refresh_token": refresh})).await;
    assert_eq!(text(&refreshed, "/refresh_token"), text(&again, "/refresh_token"));

    // A factor's challenge of one is answered at the other; a passkey's is known there.
    let factor = post(&one, "/factors", &access, json!({"factor_type": "totp", "friendly_name": "app"})).await;
    let (id, secret) = (text(&factor, "/id"), text(&factor, "/totp/secret"));
    let challenge = text(&post(&one, &format!("/factors/{id}/challenge"), &access, json!({})).await, "/id");
    let answer = json!({"challenge_id": challenge, "code": code(&secret, 0)});
    assert_eq!(post(&other, &format!("/factors/{id}/verify"), &access, answer).await.status, 200);
    let options = post(&one, "/passkeys/authentication/options", "", json!({})).await;
    let unknown = json!({"challenge_id": text(&options, "/challenge_id"), "credential": {"id": "AA", "rawId": "AA", "type": "public-key",
        "response": {"clientDataJSON": "AA", "authenticatorData": "AA", "signature": "AA", "userHandle": "AA"}, "clientExtensionResults": {}}});
    let refused = post(&other, "/passkeys/authentication/verify", "", unknown).await;
    assert!(!refused.body.contains("challenge_not_found"), "{}", refused.body);

    // A pause after a request for nobody is one for all.
    let nobody = json!({"email": "nobody@example.com"});
    assert_eq!(post(&one, "/recover", "", nobody.clone()).await.status, 200);
    assert_eq!(post(&other, "/recover", "", nobody).await.status, 429);
}
