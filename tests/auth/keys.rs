//! Signing keys of the project's own: ES256, published, rotated.

use basalt_server::{Basalt, Config};
use serde_json::{Value, json};

use crate::world::PASSWORD;
use crate::world::{get, session, sign_in, sign_up, start_with};

fn write(folder: &std::path::Path, keys: &[&Value]) -> std::path::PathBuf {
    let path = folder.join("signing_keys.json");
    std::fs::write(&path, json!(keys).to_string()).expect("a file");
    path
}

#[tokio::test]
async fn tokens_are_signed_with_a_key_that_others_can_verify_and_that_can_be_rotated() {
    let folder = tempfile::tempdir().expect("a folder");
    let (old, new) = (basalt_auth::keys::generate(), basalt_auth::keys::generate());
    let path = write(folder.path(), &[&old]);
    let mut kept: Option<Config> = None;
    let server = start_with(|config| {
        config.auth.signing_keys_path = path.clone();
        kept = Some(config.clone());
    })
    .await;
    let jwks = get(&server, "/.well-known/jwks.json").send().await;
    assert_eq!(jwks.header("cache-control"), "public, max-age=600");
    let published = jwks.json()["keys"].as_array().unwrap().clone();
    assert_eq!(published.len(), 1);
    assert!(published[0].get("d").is_none(), "the private part stays here");
    let ada = sign_up(&server, "ada@example.com").await;
    let header: Value =
        serde_json::from_slice(&crate::world::base64_url(ada.access.split('.').next().unwrap())).unwrap();
    assert_eq!((&header["alg"], &header["kid"]), (&json!("ES256"), &old["kid"]));
    server.get("/notes").token(&ada.access).expect(200, json!([])).await;

    // The new key signs, the old one still verifies.
    write(folder.path(), &[&new, &old]);
    let basalt: &Basalt = server.basalt();
    basalt.reconfigure(server.folder.path(), &kept.unwrap()).await.expect("a new configuration");
    let grace = sign_up(&server, "grace@example.com").await;
    let header: Value =
        serde_json::from_slice(&crate::world::base64_url(grace.access.split('.').next().unwrap())).unwrap();
    assert_eq!(header["kid"], new["kid"]);
    server.get("/notes").token(&ada.access).expect(200, json!([])).await;
    assert_eq!(get(&server, "/user").token(&ada.access).send().await.status, 200);
    assert_eq!(session(&sign_in(&server, "ada@example.com", PASSWORD).await).user, ada.user);
}
