//! Passwords: imported hashes, weak ones, the bundled list.

use serde_json::json;

use crate::world::{PASSWORD, ask, post, put, session, sign_in, sign_up, start, start_with};
use reqwest::Method;

async fn stored_hash(server: &basalt_tests::Server) -> String {
    let sql = "select encrypted_password from auth.users";
    let request = basalt_db::Request::new(basalt_core::Identity::owner(), sql, Vec::new());
    let body = server.database.run(request).await.expect("rows").body;
    let rows: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    rows[0]["encrypted_password"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn an_imported_hash_is_made_anew_at_the_next_sign_in() {
    let server = start().await;
    let imported = bcrypt::hash("secret-1", 4).expect("a hash");
    let user = json!({"email": "ada@example.com", "password_hash": imported, "email_confirm": true});
    let created = ask(&server, Method::POST, "/admin/users").service().json(&user).send().await;
    assert_eq!(created.status, 200, "{}", created.body);
    assert_eq!(sign_in(&server, "ada@example.com", "secret-2").await.status, 400);
    assert_eq!(stored_hash(&server).await, imported);
    session(&sign_in(&server, "ada@example.com", "secret-1").await);
    assert!(stored_hash(&server).await.starts_with("$argon2id$"), "{}", stored_hash(&server).await);
    session(&sign_in(&server, "ada@example.com", "secret-1").await);
    let unknown = json!({"email": "b@example.com", "password_hash": "$1$old$md5"});
    ask(&server, Method::POST, "/admin/users").service().json(&unknown).expect_error(400, "validation_failed").await;
}

#[tokio::test]
async fn weak_passwords_are_refused_with_their_reasons() {
    let server = start_with(|config| {
        config.auth.refuse_common_passwords = true;
        config.auth.minimum_password_length = 8;
    })
    .await;
    let refused =
        post(&server, "/signup", json!({"email": "ada@example.com", "password": "12345"})).send().await.json();
    assert_eq!(refused["weak_password"], json!({"reasons": ["length"]}));
    let common =
        post(&server, "/signup", json!({"email": "ada@example.com", "password": "Password"})).send().await.json();
    assert_eq!((&common["code"], &common["weak_password"]), (&json!("weak_password"), &json!({"reasons": ["pwned"]})));
    let ada = sign_up(&server, "ada@example.com").await;
    let change = put(&server, "/user", json!({"password": "sunshine"})).token(&ada.access);
    change.expect_error(422, "weak_password").await;
    assert_eq!(sign_in(&server, "ada@example.com", PASSWORD).await.status, 200);
}
