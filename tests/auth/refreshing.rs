//! Refresh tokens: one use each, replays end the session, races do not.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{PASSWORD, claims, get, post, refresh, session, sign_in, sign_up, start, start_with};

#[tokio::test]
async fn a_refresh_keeps_the_session_and_rotates_its_token() {
    let server = start().await;
    let ada = sign_up(&server, "ada@example.com").await;
    let next = session(&refresh(&server, &ada.refresh).await);
    assert_ne!(next.refresh, ada.refresh);
    let (before, after) = (claims(&ada.access), claims(&next.access));
    assert_eq!((&before["session_id"], &before["amr"]), (&after["session_id"], &after["amr"]));
    // The client whose answer was lost asks again.
    assert_eq!(session(&refresh(&server, &ada.refresh).await).refresh, next.refresh);
}

#[tokio::test]
async fn a_replayed_token_ends_its_family() {
    let server = start_with(|config| config.auth.refresh_token_reuse_interval = 0).await;
    let ada = sign_up(&server, "ada@example.com").await;
    let second = session(&refresh(&server, &ada.refresh).await);
    let third = session(&refresh(&server, &second.refresh).await);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let replayed = refresh(&server, &ada.refresh).await;
    assert_eq!((replayed.status, &replayed.json()["code"]), (400, &json!("refresh_token_already_used")));
    assert_eq!(refresh(&server, &third.refresh).await.json()["code"], "refresh_token_already_used");
    assert_eq!(sign_in(&server, "ada@example.com", PASSWORD).await.status, 200);
}

/// Several tabs may come with one token for ten seconds, however often it was rotated meanwhile.
#[tokio::test]
async fn an_older_token_may_be_used_again_for_a_moment() {
    let server = start().await;
    let first = sign_up(&server, "ada@example.com").await;
    let second = session(&refresh(&server, &first.refresh).await);
    let third = session(&refresh(&server, &second.refresh).await);
    let age = "update auth.refresh_tokens set updated_at = updated_at - interval '5 seconds' where revoked";
    server.script(age).await;
    assert_eq!(session(&refresh(&server, &first.refresh).await).refresh, third.refresh);
    server.script(age).await;
    server.script(age).await;
    let late = refresh(&server, &first.refresh).await;
    assert_eq!((late.status, &late.json()["code"]), (400, &json!("refresh_token_already_used")));
}

#[tokio::test]
async fn a_hundred_refreshes_at_once_make_one_family() {
    let server = Arc::new(start().await);
    let ada = sign_up(&server, "ada@example.com").await;
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (server, token) = (server.clone(), ada.refresh.clone());
            tokio::spawn(async move { refresh(&server, &token).await })
        })
        .collect();
    let mut given = HashSet::new();
    for task in tasks {
        let answer = task.await.unwrap();
        // Whoever waited too long for the others may be sent away, and comes back.
        match answer.status {
            200 => drop(given.insert(session(&answer).refresh)),
            status => assert!(matches!(status, 409 | 429 | 503 | 504), "{status} {}", answer.body),
        }
    }
    assert_eq!(given.len(), 1, "one token took the old one's place");
    let sql = "select count(*)::int as n from auth.refresh_tokens where revoked = false";
    let request = basalt_db::Request::new(basalt_core::Identity::owner(), sql, Vec::new());
    let rows: Value = serde_json::from_slice(&server.database.run(request).await.unwrap().body).unwrap();
    assert_eq!(rows, json!([{"n": 1}]));
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused() {
    let server = start().await;
    let unknown = refresh(&server, "0123456789ab").await;
    assert_eq!((unknown.status, &unknown.json()["code"]), (400, &json!("refresh_token_not_found")));
    let empty = refresh(&server, "").await;
    let oauth = json!({"error": "invalid_request", "error_description": "refresh_token required"});
    assert_eq!((empty.status, empty.json()), (400, oauth));
    let grant = post(&server, "/token?grant_type=magic", json!({})).send().await;
    assert_eq!((grant.status, &grant.json()["message"]), (400, &json!("unsupported_grant_type")));
}

#[tokio::test]
async fn sessions_end_as_configured() {
    let server = start_with(|config| {
        config.auth.sessions.timebox = Duration::from_secs(3600);
        config.auth.sessions.single_per_user = true;
    })
    .await;
    let first = sign_up(&server, "ada@example.com").await;
    let second = session(&sign_in(&server, "ada@example.com", PASSWORD).await);
    let superseded = refresh(&server, &first.refresh).await.json();
    assert_eq!(superseded["message"], "Invalid Refresh Token: Session Expired (Revoked by Newer Login)");
    let second = session(&refresh(&server, &second.refresh).await);
    server.script("update auth.sessions set created_at = created_at - interval '61 minutes'").await;
    let expired = refresh(&server, &second.refresh).await;
    assert_eq!((expired.status, &expired.json()["code"]), (400, &json!("session_expired")));
    assert_eq!(expired.json()["message"], "Invalid Refresh Token: Session Expired");
}

#[tokio::test]
async fn a_session_that_nobody_uses_ends() {
    let server = start_with(|config| config.auth.sessions.inactivity_timeout = Duration::from_secs(3600)).await;
    let used = sign_up(&server, "ada@example.com").await;
    let idle = session(&sign_in(&server, "ada@example.com", PASSWORD).await);
    // Both began two hours ago; one was refreshed half an hour ago.
    server.script("update auth.sessions set created_at = created_at - interval '2 hours'").await;
    let session_id = claims(&used.access)["session_id"].as_str().unwrap().to_owned();
    let refreshed = "refreshed_at = (now() at time zone 'UTC') - interval '30 minutes'";
    server.script(&format!("update auth.sessions set {refreshed} where id = '{session_id}'")).await;
    let expired = refresh(&server, &idle.refresh).await;
    assert_eq!((expired.status, &expired.json()["code"]), (400, &json!("session_expired")));
    assert_eq!(expired.json()["message"], "Invalid Refresh Token: Session Expired (Inactivity)");
    assert_eq!(refresh(&server, &used.refresh).await.status, 200);
}

#[tokio::test]
async fn signing_out_ends_what_it_says() {
    let server = start().await;
    let one = sign_up(&server, "ada@example.com").await;
    let two = session(&sign_in(&server, "ada@example.com", PASSWORD).await);
    let three = session(&sign_in(&server, "ada@example.com", PASSWORD).await);
    let out = async |session: &crate::world::Session, scope: &str| {
        let answer = post(&server, &format!("/logout?scope={scope}"), json!({})).token(&session.access).send().await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{scope}");
    };
    let alive =
        async |session: &crate::world::Session| get(&server, "/user").token(&session.access).send().await.status;
    out(&one, "local").await;
    assert_eq!((alive(&one).await, alive(&two).await, alive(&three).await), (403, 200, 200));
    out(&two, "others").await;
    assert_eq!((alive(&two).await, alive(&three).await), (200, 403));
    out(&two, "global").await;
    assert_eq!(refresh(&server, &two.refresh).await.json()["code"], "refresh_token_not_found");
    let gone = get(&server, "/user").token(&two.access).expect_error(403, "session_not_found").await;
    assert_eq!(gone.header("content-type"), "application/json");
    let four = session(&sign_in(&server, "ada@example.com", PASSWORD).await);
    post(&server, "/logout?scope=all", json!({})).token(&four.access).expect_error(400, "validation_failed").await;
}

/// A token as Supabase's auth service makes it, of a session that counts.
fn counted(session: &str, counter: u8, key: &[u8]) -> String {
    use base64::Engine as _;
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::{Digest, Sha256};
    let mut bytes = vec![0];
    bytes.extend_from_slice(uuid::Uuid::parse_str(session).expect("an id").as_bytes());
    bytes.push(counter);
    let signature = Hmac::<Sha256>::new_from_slice(key).expect("a key").chain_update(&bytes).finalize().into_bytes();
    bytes.extend_from_slice(&signature[..16]);
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum[..4]);
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

#[tokio::test]
async fn a_session_that_counts_its_tokens_goes_on() {
    use base64::Engine as _;
    let server = start_with(|config| config.auth.refresh_token_reuse_interval = 0).await;
    let key = [9; 32];
    let text = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(key);
    let mut sessions = Vec::new();
    for name in ["ada", "grace", "mary"] {
        let access = sign_up(&server, &format!("{name}@example.com")).await.access;
        sessions.push(claims(&access)["session_id"].as_str().expect("a session").to_owned());
    }
    let made = format!(
        "delete from auth.refresh_tokens;
        update auth.sessions set created_at = created_at - interval '1 hour', refresh_token_hmac_key = '{text}', refresh_token_counter = 5"
    );
    server.script(&made).await;
    let code = async |token: &str| refresh(&server, token).await.json()["code"].clone();

    // What its key did not sign, what it has not given yet, and what is no such token, is nobody's.
    let ada = &sessions[0];
    for token in [counted(ada, 5, &[8; 32]), counted(ada, 6, &key), counted(&uuid::Uuid::nil().to_string(), 5, &key)] {
        assert_eq!(code(&token).await, "refresh_token_not_found");
    }
    let next = session(&refresh(&server, &counted(ada, 5, &key)).await);
    assert_eq!(claims(&next.access)["session_id"], ada.as_str());
    // The answer got lost: the same again. Then the new one counts as every token does.
    assert_eq!(session(&refresh(&server, &counted(ada, 5, &key)).await).refresh, next.refresh);
    let after = session(&refresh(&server, &next.refresh).await);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(code(&counted(ada, 5, &key)).await, "refresh_token_already_used");
    assert_eq!(code(&after.refresh).await, "refresh_token_already_used");

    // The one before the last: its answer was lost there.
    let grace = session(&refresh(&server, &counted(&sessions[1], 4, &key)).await);
    assert_eq!(grace.refresh, counted(&sessions[1], 5, &key));
    assert_eq!(refresh(&server, &grace.refresh).await.status, 200);

    // An old one was copied: nobody goes on.
    assert_eq!(code(&counted(&sessions[2], 3, &key)).await, "refresh_token_already_used");
    assert_eq!(code(&counted(&sessions[2], 5, &key)).await, "refresh_token_already_used");
}

/// A dump says where the sequence of the tokens stands, and those of later sessions go on there.
#[tokio::test]
async fn tokens_go_on_behind_those_of_a_dump() {
    let server = start().await;
    sign_up(&server, "ada@example.com").await;
    let dump = "select pg_catalog.setval('auth.refresh_tokens_id_seq', 41, true);
        select pg_catalog.setval('auth.not_there_id_seq', 7, true);";
    server.database.import("dump.sql", dump, |_| ()).await.expect("imports");
    assert_eq!(sign_in(&server, "ada@example.com", PASSWORD).await.status, 200);
    assert_eq!(server.value("select max(id) as value from auth.refresh_tokens").await, json!(42));
}
