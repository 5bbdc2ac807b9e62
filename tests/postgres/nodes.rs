//! Several processes on one database: what one begins, another ends. Codes, links, flows, challenges and sessions stand in the database.

use basalt_server::Config;
use basalt_tests::Server;
use basalt_tests::postgres::Cluster;
use basalt_tests::totp::code;
use reqwest::Method;
use serde_json::json;

/// The pair of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn configure(config: &mut Config) {
    config.auth.email.enable_confirmations = true;
    config.auth.email.mailbox = true;
    config.auth.passkey.enabled = true;
    config.auth.site_url = "http://localhost:3000".into();
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
    assert_eq!(one.auth("/signup", "", sign_up).await.status, 200);
    let link = mail("ada@example.com").await["link"].as_str().expect("a link").replace(one.url(), "");
    let landed = other.raw(Method::GET, &link).send().await;
    let auth_code = landed.header("location").split_once("?code=").expect("a code").1.to_owned();
    let exchange = json!({"auth_code": auth_code, "code_verifier": VERIFIER});
    let session = one.auth("/token?grant_type=pkce", "", exchange).await;
    let (access, refresh) = (session.text("/access_token"), session.text("/refresh_token"));

    // A session of one goes on at the other, and its old token is known there.
    let refreshed = other.auth("/token?grant_type=refresh_token", "", json!({"refresh_token": refresh})).await;
    let again = one.auth("/token?grant_type=refresh_token", "", json!({"refresh_token": refresh})).await;
    assert_eq!(refreshed.text("/refresh_token"), again.text("/refresh_token"));

    // A factor's challenge of one is answered at the other; a passkey's is known there.
    let factor = one.auth("/factors", &access, json!({"factor_type": "totp", "friendly_name": "app"})).await;
    let (id, secret) = (factor.text("/id"), factor.text("/totp/secret"));
    let challenge = one.auth(&format!("/factors/{id}/challenge"), &access, json!({})).await.text("/id");
    let answer = json!({"challenge_id": challenge, "code": code(&secret, 0)});
    assert_eq!(other.auth(&format!("/factors/{id}/verify"), &access, answer).await.status, 200);
    let options = one.auth("/passkeys/authentication/options", "", json!({})).await;
    let unknown = json!({"challenge_id": options.text("/challenge_id"), "credential": {"id": "AA", "rawId": "AA", "type": "public-key",
        "response": {"clientDataJSON": "AA", "authenticatorData": "AA", "signature": "AA", "userHandle": "AA"}, "clientExtensionResults": {}}});
    let refused = other.auth("/passkeys/authentication/verify", "", unknown).await;
    assert!(!refused.body.contains("challenge_not_found"), "{}", refused.body);

    // A pause after a request for nobody is one for all.
    let nobody = json!({"email": "nobody@example.com"});
    assert_eq!(one.auth("/recover", "", nobody.clone()).await.status, 200);
    assert_eq!(other.auth("/recover", "", nobody).await.status, 429);
}
