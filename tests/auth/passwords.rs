//! Passwords: imported hashes, weak ones, the bundled list.

use serde_json::json;
use sha1::Digest;

use crate::stand_in::StandIn;
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

/// As seeds of Supabase projects write their users.
#[tokio::test]
async fn a_seed_makes_users_who_sign_in() {
    let server = start().await;
    let sql = "insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at,
          raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
        values ('00000000-0000-0000-0000-000000000000', gen_random_uuid(), 'authenticated', 'authenticated', 'ada@example.com',
          extensions.crypt('secret-1', extensions.gen_salt('bf')), current_timestamp,
          '{\"provider\":\"email\",\"providers\":[\"email\"]}', '{}', current_timestamp, current_timestamp)";
    server.script(sql).await;
    assert!(stored_hash(&server).await.starts_with("$2a$06$"));
    assert_eq!(sign_in(&server, "ada@example.com", "secret-2").await.status, 400);
    session(&sign_in(&server, "ada@example.com", "secret-1").await);
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

/// The API learns five digits of the hash; a count of 0 is padding; one that is away keeps nobody out.
#[tokio::test]
async fn a_leaked_password_is_refused() {
    let hash: String = sha1::Sha1::digest("Correct-horse-7").iter().map(|byte| format!("{byte:02X}")).collect();
    let padded: String = sha1::Sha1::digest("Another-horse-8").iter().map(|byte| format!("{byte:02X}")).collect();
    let range = |hash: &str, count: u32| {
        (
            format!("/range/{}", &hash[..5]),
            format!("0018A45C4D1DEF81644B54AB7F969B88D65:3\r\n{}:{count}\r\n", &hash[5..]),
        )
    };
    let (leaked, padding) = (range(&hash, 12), range(&padded, 0));
    let service = StandIn::start(&[(leaked.0.as_str(), leaked.1), (padding.0.as_str(), padding.1)]).await;
    let server = start_with(|config| {
        config.auth.leaked_passwords_url = format!("{}/range/", service.url);
        config.outbound.allow = vec!["127.0.0.1".into()];
    })
    .await;
    let ask =
        |email: &str, password: &str| post(&server, "/signup", json!({"email": email, "password": password})).send();
    let refused = ask("ada@example.com", "Correct-horse-7").await;
    assert_eq!((refused.status, &refused.json()["code"]), (422, &json!("weak_password")));
    assert_eq!(refused.json()["weak_password"]["reasons"], json!(["pwned"]));
    for request in service.asked() {
        assert!(request.starts_with(&format!("GET /range/{} ", &hash[..5])), "{request}");
        assert!(
            request.to_ascii_lowercase().contains("add-padding: true") && !request.contains(&hash[5..]),
            "{request}"
        );
    }
    assert_eq!(ask("ada@example.com", "Another-horse-8").await.status, 200);
    assert_eq!(ask("grace@example.com", "Unlisted-horse-9").await.status, 200, "the service does not know it");
}
