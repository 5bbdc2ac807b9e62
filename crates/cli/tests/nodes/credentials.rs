//! A NATS server that takes nobody but the users of its operator's accounts, who have credentials files (NATS documentation, "JWT
//! authentication").

use basalt_tests::nats::Nats;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

use crate::world::{Client, World};

/// What `issuer` says of `subject`.
fn jwt(issuer: &KeyPair, subject: &KeyPair, kind: &str, rights: Value) -> String {
    let mut nats = rights;
    (nats["type"], nats["version"]) = (kind.into(), 2.into());
    let claims = json!({
        "jti": format!("{kind}-1"), "iat": 1_700_000_000, "iss": issuer.public_key(), "name": kind,
        "sub": subject.public_key(), "nats": nats,
    });
    let head = json!({"typ": "JWT", "alg": "ed25519-nkey"});
    let said = [head, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let signature = issuer.sign(said.as_bytes()).expect("a signature");
    format!("{said}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_show_their_credentials() {
    let (operator, account, user) = (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_user());
    let limits = json!({"limits": {
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
    }});
    let folder = tempfile::tempdir().expect("a folder");
    let [configuration, credentials] = ["nats.conf", "node.creds"].map(|name| folder.path().join(name));
    let configured = format!(
        "operator: {}\nresolver: MEMORY\nresolver_preload: {{ {}: {} }}\n",
        jwt(&operator, &operator, "operator", json!({})),
        account.public_key(),
        jwt(&operator, &account, "account", limits),
    );
    std::fs::write(&configuration, configured).expect("a file");
    let seed = user.seed().expect("a seed");
    let shown = format!(
        "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n",
        jwt(&account, &user, "user", json!({"subs": -1, "data": -1, "payload": -1})),
    );
    std::fs::write(&credentials, shown).expect("a file");

    let nats = Nats::start_configured(&configuration);
    let world = World::start(Some(nats.address())).await;
    let stranger = world.node();
    stranger.server.says("no line to other nodes");
    let path = credentials.to_str().expect("a path");
    let shows = [("BASALT_MESSAGING__NATS_CREDENTIALS", path), ("BASALT_LOG__LEVEL", "debug")];
    let (one, two) = (world.node_with(&shows), world.node_with(&shows));
    one.hears(1).await;
    two.hears(1).await;
    let (mut a, mut b) = (Client::join(&one, "a").await, Client::join(&two, "b").await);
    a.sees(&["a", "b"]).await;
    b.sees(&["a", "b"]).await;
    let said = [one.server.said(), one.server.banner.clone()].concat();
    assert!(!said.iter().any(|line| line.contains(&seed)), "a seed in the log");
}
