//! The audit log: every flow leaves its entry, by the name that Supabase's auth service gives it.

use basalt_tests::Server;
use basalt_tests::totp::code;
use reqwest::Method;
use serde_json::{Value, json};

use crate::factors::{challenge, enrol};
use crate::world::{
    PASSWORD, Session, ask, follow, get, mail, parameter, post, put, refresh, session, sign_in, start_with,
};

struct Log {
    server: Server,
    read: usize,
}

impl Log {
    /// What was added since the last look, in the order of the alphabet, with the group of each.
    async fn added(&mut self) -> Vec<String> {
        let log = get(&self.server, "/admin/audit?per_page=1000").service().send().await.json();
        let log = log.as_array().expect("a log").clone();
        let added = &log[..log.len() - self.read];
        self.read = log.len();
        let told = |entry: &Value| {
            let of = |name: &str| entry["payload"][name].as_str().unwrap_or_default().to_owned();
            assert!(!of("actor_id").is_empty(), "{entry}");
            format!("{} {}", of("log_type"), of("action"))
        };
        let mut told: Vec<String> = added.iter().map(told).collect();
        told.sort();
        told
    }

    async fn expect(&mut self, added: &[&str]) {
        assert_eq!(self.added().await, added);
    }
}

/// The session that a link in the last mail gives.
async fn clicked(server: &Server, email: &str) -> Session {
    let landed = follow(server, &mail(server, email).await).await;
    let of = |name: &str| parameter(&landed, name).unwrap_or_else(|| panic!("no {name} in {landed}"));
    Session { access: of("access_token"), refresh: of("refresh_token"), user: String::new() }
}

#[tokio::test]
async fn every_flow_leaves_its_entry() {
    let server = start_with(|config| {
        config.auth.email.enable_confirmations = true;
        config.auth.enable_anonymous_sign_ins = true;
    })
    .await;
    let mut log = Log { server, read: 0 };
    let email = "ada@example.com";
    let ada = || json!({"email": email, "password": PASSWORD});
    let done = async |log: &Log, path: &str, body: Value| {
        let answer = post(&log.server, path, body).send().await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    };
    done(&log, "/signup", ada()).await;
    log.expect(&["user user_confirmation_requested"]).await;
    done(&log, "/resend", json!({"type": "signup", "email": email})).await;
    log.expect(&["user user_confirmation_requested"]).await;
    clicked(&log.server, email).await;
    log.expect(&["team user_signedup"]).await;
    done(&log, "/signup", ada()).await;
    log.expect(&["user user_repeated_signup"]).await;
    let first = session(&sign_in(&log.server, email, PASSWORD).await);
    log.expect(&["account login"]).await;
    let second = session(&refresh(&log.server, &first.refresh).await);
    log.expect(&["token token_refreshed"]).await;
    for (body, entries) in [
        (json!({"data": {"name": "Ada"}}), &["user user_modified"][..]),
        (json!({"password": "Another-1"}), &["user user_modified", "user user_updated_password"]),
        (json!({"email": "countess@example.com"}), &["user user_modified"]),
    ] {
        assert_eq!(put(&log.server, "/user", body).token(&second.access).send().await.status, 200);
        log.expect(entries).await;
    }
    done(&log, "/resend", json!({"type": "email_change", "email": email})).await;
    log.expect(&["user user_modified"]).await;
    for path in ["/recover", "/otp", "/magiclink"] {
        done(&log, path, json!({"email": email})).await;
        log.expect(&["user user_recovery_requested"]).await;
        clicked(&log.server, email).await;
        log.expect(&["account login"]).await;
    }
    assert_eq!(get(&log.server, "/reauthenticate").token(&second.access).send().await.status, 200);
    log.expect(&["user user_reauthenticate_requested"]).await;

    let (factor, secret) = enrol(&log.server, &second, "app").await;
    log.expect(&["factor factor_in_progress"]).await;
    let opened = challenge(&log.server, &second, &factor).await.text("/id");
    log.expect(&["factor challenge_created"]).await;
    let body = json!({"challenge_id": opened, "code": code(&secret, 0)});
    let verified = post(&log.server, &format!("/factors/{factor}/verify"), body).token(&second.access).send().await;
    let raised = session(&verified);
    log.expect(&["account login", "factor verification_attempted"]).await;
    let codes = post(&log.server, "/factors/recovery-codes", json!({})).token(&raised.access);
    assert_eq!(codes.send().await.status, 200);
    log.expect(&["recovery_codes generate_recovery_codes"]).await;
    let path = format!("/factors/{factor}");
    assert_eq!(ask(&log.server, Method::DELETE, &path).token(&raised.access).send().await.status, 200);
    log.expect(&["factor factor_unenrolled"]).await;

    // Somebody else has the refresh token that was used long ago.
    log.server.script("update auth.refresh_tokens set updated_at = now() - interval '1 hour'").await;
    let third = session(&refresh(&log.server, &raised.refresh).await);
    session(&refresh(&log.server, &third.refresh).await);
    log.server.script("update auth.refresh_tokens set updated_at = now() - interval '1 hour'").await;
    log.added().await;
    assert_eq!(refresh(&log.server, &raised.refresh).await.status, 400);
    log.expect(&["token token_revoked"]).await;
    let last = session(&sign_in(&log.server, email, "Another-1").await);
    log.added().await;
    assert_eq!(post(&log.server, "/logout", json!({})).token(&last.access).send().await.status, 204);
    log.expect(&["account logout"]).await;
    session(&post(&log.server, "/signup", json!({})).send().await);
    log.expect(&["team user_signedup"]).await;
}

#[tokio::test]
async fn what_administrators_do_is_told_too() {
    let server = start_with(|_| ()).await;
    let mut log = Log { server, read: 0 };
    let admin = async |log: &Log, method: Method, path: &str, body: Value| {
        let answer = ask(&log.server, method, path).service().json(&body).send().await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer
    };
    admin(&log, Method::POST, "/invite", json!({"email": "ada@example.com"})).await;
    log.expect(&["team user_invited"]).await;
    let ada = clicked(&log.server, "ada@example.com").await;
    log.expect(&["account invite_accepted"]).await;
    let body = json!({"email": "grace@example.com", "password": PASSWORD, "email_confirm": true});
    let grace = admin(&log, Method::POST, "/admin/users", body).await.text("/id");
    log.expect(&["team user_signedup"]).await;
    admin(&log, Method::PUT, &format!("/admin/users/{grace}"), json!({"ban_duration": "24h"})).await;
    log.expect(&["user user_modified"]).await;
    admin(&log, Method::POST, "/admin/generate_link", json!({"type": "recovery", "email": "grace@example.com"})).await;
    log.expect(&["team link_generated"]).await;
    let (factor, _) = enrol(&log.server, &ada, "app").await;
    let id = get(&log.server, "/user").token(&ada.access).send().await.text("/id");
    log.added().await;
    let path = format!("/admin/users/{id}/factors/{factor}");
    admin(&log, Method::PUT, &path, json!({"friendly_name": "other"})).await;
    log.expect(&["factor factor_updated"]).await;
    admin(&log, Method::DELETE, &path, json!({})).await;
    log.expect(&["factor factor_deleted"]).await;
    admin(&log, Method::DELETE, &format!("/admin/users/{grace}"), json!({})).await;
    log.expect(&["team user_deleted"]).await;
}
