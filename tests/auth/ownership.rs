//! Whose an account is: anybody can type anybody's address; whoever proves first that it is theirs has the account, and what others left
//! there dies.

use std::sync::{Arc, Mutex};

use basalt_server::Config;
use basalt_tests::Server;
use reqwest::Method;
use serde_json::json;

use crate::factors::{enrol, owners_view};
use crate::leaving::{back, configure, leave};
use crate::stand_in::StandIn;
use crate::world::{
    PASSWORD, Session, ask, follow, get, mail, parameter, post, put, refresh, session, sign_in, sign_up, start,
    start_confirming, start_with,
};

const OWNERS: &str = "ada@example.com";
/// A stranger's password at the owner's address.
const STRANGERS: &str = "of-somebody-else";

/// Ways in which the owner of an address proves it.
const WAYS: [&str; 6] = ["code", "link", "recovery", "invitation", "made link", "provider"];

/// GitHub, whose user is told anew for each sign-in: id, and whether it verified the address.
struct Github {
    stand_in: StandIn,
    user: Arc<Mutex<(i64, bool)>>,
}

impl Github {
    async fn start() -> Github {
        let user = Arc::new(Mutex::new((1, true)));
        let told = user.clone();
        let stand_in = StandIn::answering(move |request| {
            let (id, verified) = *told.lock().expect("a user");
            let path = request.split([' ', '?']).nth(1).unwrap_or_default();
            let answer = match path {
                "/login/oauth/access_token" => json!({"access_token": "gho_1", "token_type": "bearer"}),
                "/api/v3/user" => json!({"id": id, "login": "ada", "name": "Ada"}),
                _ => json!([{"email": OWNERS, "primary": true, "verified": verified}]),
            };
            ("200 OK", answer.to_string())
        })
        .await;
        Github { stand_in, user }
    }

    /// Goes through the provider as one of its users; gives where it leads.
    async fn sign_in(&self, server: &Server, id: i64, verified: bool) -> String {
        *self.user.lock().expect("a user") = (id, verified);
        back(server, &leave(server, "https://shop.example/in").await).await
    }

    fn configure(&self, config: &mut Config) {
        configure(config, &self.stand_in, &[]);
    }
}

/// The owner proves the address; gives their access token.
async fn prove(server: &Server, github: &Github, way: &str) -> String {
    let by_code = async |kind: &str| {
        let code = mail(server, OWNERS).await["token"].clone();
        let body = json!({"type": kind, "email": OWNERS, "token": code});
        session(&post(server, "/verify", body).send().await).access
    };
    let by_link = async || {
        let to = follow(server, &mail(server, OWNERS).await).await;
        parameter(&to, "access_token").unwrap_or_else(|| panic!("no session in {to}"))
    };
    match way {
        "code" => {
            post(server, "/otp", json!({"email": OWNERS})).expect(200, json!({})).await;
            by_code("email").await
        }
        "link" => {
            post(server, "/magiclink", json!({"email": OWNERS})).expect(200, json!({})).await;
            by_link().await
        }
        "recovery" => {
            post(server, "/recover", json!({"email": OWNERS})).expect(200, json!({})).await;
            by_link().await
        }
        "invitation" => {
            let invited = ask(server, Method::POST, "/invite").service().json(&json!({"email": OWNERS})).send().await;
            // Whoever's address is usable is no one to invite.
            if invited.status == 422 {
                post(server, "/recover", json!({"email": OWNERS})).expect(200, json!({})).await;
            }
            by_link().await
        }
        "made link" => {
            let body = json!({"type": "magiclink", "email": OWNERS});
            let made = ask(server, Method::POST, "/admin/generate_link").service().json(&body).send().await.json();
            let verify = json!({"type": "magiclink", "token_hash": made["hashed_token"]});
            session(&post(server, "/verify", verify).send().await).access
        }
        _ => {
            let to = github.sign_in(server, 7, true).await;
            parameter(&to, "access_token").unwrap_or_else(|| panic!("no session in {to}"))
        }
    }
}

async fn wrong(server: &Server, password: &str, why: &str) {
    let answer = sign_in(server, OWNERS, password).await;
    assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("invalid_credentials")), "{why}: {}", answer.body);
}

async fn dropped(server: &Server) -> usize {
    let query = "select payload ->> 'action' as action from auth.audit_log_entries";
    owners_view(server, "log", query).await;
    let entries = server.get("/log?action=eq.unproven_dropped").service().send().await.json();
    entries.as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn accounts_taken_over_beforehand_with_confirmations() {
    let github = Github::start().await;
    for way in WAYS {
        let server = start_with(|config| {
            github.configure(config);
            config.auth.email.enable_confirmations = true;
        })
        .await;
        let stranger = json!({"email": OWNERS, "password": STRANGERS, "data": {"name": "Eve"}});
        assert_eq!(post(&server, "/signup", stranger).send().await.status, 200);
        let access = prove(&server, &github, way).await;
        wrong(&server, STRANGERS, way).await;
        let user = get(&server, "/user").token(&access).send().await.json();
        assert_ne!(user["user_metadata"]["name"], "Eve", "{way}");
        assert_eq!(user["user_metadata"].get("name").is_some(), way == "provider", "{way}");
        assert!(user["identities"].as_array().is_some_and(|list| list.len() == 1), "{way}: {user}");
        assert_eq!(dropped(&server).await, 1, "{way}");
        // The owner goes on, and what they set afterwards is theirs.
        let new = put(&server, "/user", json!({"password": PASSWORD})).token(&access).send().await;
        assert_eq!(new.status, 200, "{way}: {}", new.body);
        let access = prove(&server, &github, "link").await;
        assert_eq!(sign_in(&server, OWNERS, PASSWORD).await.status, 200, "{way}");
        assert_eq!(get(&server, "/user").token(&access).send().await.status, 200, "{way}");
    }
}

#[tokio::test]
async fn accounts_taken_over_beforehand_without_confirmations() {
    let github = Github::start().await;
    for way in WAYS {
        let server = start_with(|config| github.configure(config)).await;
        let stranger = session(&post(&server, "/signup", json!({"email": OWNERS, "password": STRANGERS})).send().await);
        enrol(&server, &stranger, "app").await;
        let access = prove(&server, &github, way).await;
        stranger_is_out(&server, &stranger, way).await;
        let user = get(&server, "/user").token(&access).send().await.json();
        assert_eq!((&user["id"], user.get("factors")), (&json!(stranger.user), None), "{way}");
        assert_eq!(dropped(&server).await, 1, "{way}");
        // From now on the address is proven.
        put(&server, "/user", json!({"password": PASSWORD})).token(&access).send().await;
        let owner = session(&sign_in(&server, OWNERS, PASSWORD).await);
        for again in ["code", "recovery", "provider"] {
            prove(&server, &github, again).await;
            assert_eq!(get(&server, "/user").token(&owner.access).send().await.status, 200, "{way}, {again}");
            assert_eq!(sign_in(&server, OWNERS, PASSWORD).await.status, 200, "{way}, {again}");
        }
    }
}

async fn stranger_is_out(server: &Server, stranger: &Session, why: &str) {
    wrong(server, STRANGERS, why).await;
    let user = get(server, "/user").token(&stranger.access).send().await;
    assert_eq!((user.status, &user.json()["code"]), (403, &json!("session_not_found")), "{why}");
    assert_eq!(refresh(server, &stranger.refresh).await.status, 400, "{why}");
}

/// Without confirmations the address of who had none counts at once, and proves nothing.
#[tokio::test]
async fn an_address_that_was_typed_into_an_account_is_not_proven() {
    let github = Github::start().await;
    let server = start_with(|config| {
        github.configure(config);
        config.auth.enable_anonymous_sign_ins = true;
    })
    .await;
    let guest = session(&post(&server, "/signup", json!({})).send().await);
    let typed = put(&server, "/user", json!({"email": OWNERS, "password": STRANGERS})).token(&guest.access);
    assert_eq!(typed.send().await.status, 200);
    prove(&server, &github, "provider").await;
    stranger_is_out(&server, &guest, "a guest").await;

    // Nor does an address that an administrator wrote down count for one that the user did prove.
    let server = start_with(|config| github.configure(config)).await;
    let made = json!({"email": "eve@example.com", "password": STRANGERS, "email_confirm": true});
    ask(&server, Method::POST, "/admin/users").service().json(&made).send().await;
    let eve = session(&sign_in(&server, "eve@example.com", STRANGERS).await);
    let path = format!("/admin/users/{}", eve.user);
    ask(&server, Method::PUT, &path).service().json(&json!({"email": OWNERS})).send().await;
    prove(&server, &github, "provider").await;
    stranger_is_out(&server, &eve, "another address").await;
}

/// With or without confirmations, the mail of a permanent user goes to no other address before somebody there, and here, says yes.
#[tokio::test]
async fn a_permanent_user_s_new_address_is_always_confirmed() {
    for double in [true, false] {
        let server = start_with(|config| config.auth.email.double_confirm_changes = double).await;
        let ada = sign_up(&server, OWNERS).await;
        let change = put(&server, "/user", json!({"email": "new@example.com"})).token(&ada.access).send().await.json();
        assert_eq!((&change["email"], &change["new_email"]), (&json!(OWNERS), &json!("new@example.com")), "{change}");
        let to = follow(&server, &mail(&server, "new@example.com").await).await;
        if double {
            assert!(to.contains("#message=Confirmation+link+accepted"), "{to}");
            follow(&server, &mail(&server, OWNERS).await).await;
        }
        let user = get(&server, "/user").token(&ada.access).send().await.json();
        assert_eq!((&user["email"], user.get("new_email")), (&json!("new@example.com"), None), "{double}");
    }
}

#[tokio::test]
async fn an_identity_whose_address_nobody_verified_dies_with_the_rest() {
    let github = Github::start().await;
    for confirmations in [true, false] {
        let server = start_with(|config| {
            github.configure(config);
            config.auth.email.enable_confirmations = confirmations;
        })
        .await;
        let to = github.sign_in(&server, 666, false).await;
        assert_eq!(parameter(&to, "access_token").is_some(), !confirmations, "{to}");
        prove(&server, &github, "link").await;
        let again = github.sign_in(&server, 666, false).await;
        assert!(again.contains("error_code=provider_email_needs_verification"), "{again}");
    }
    // The mail that such a sign-in sends confirms the identity: it is the same person's.
    let server = start_with(|config| {
        github.configure(config);
        config.auth.email.enable_confirmations = true;
    })
    .await;
    github.sign_in(&server, 1, false).await;
    let to = follow(&server, &mail(&server, OWNERS).await).await;
    assert!(parameter(&to, "access_token").is_some(), "{to}");
    let again = github.sign_in(&server, 1, false).await;
    assert!(parameter(&again, "access_token").is_some(), "{again}");
}

/// The mail that is clicked does not say which of two sign-ups it belongs to.
#[tokio::test]
async fn of_two_sign_ups_with_one_address_neither_password_holds() {
    for (first, second) in [(STRANGERS, PASSWORD), (PASSWORD, STRANGERS)] {
        for third in [None, Some(first), Some(second)] {
            let server = start_confirming().await;
            let ask = |password: &str| {
                post(&server, "/signup", json!({"email": OWNERS, "password": password, "data": {"by": password}}))
                    .send()
            };
            ask(first).await;
            let stale = mail(&server, OWNERS).await;
            ask(second).await;
            assert!(follow(&server, &stale).await.contains("otp_expired"), "the first link is dead");
            if let Some(third) = third {
                ask(third).await;
            }
            let to = follow(&server, &mail(&server, OWNERS).await).await;
            let access = parameter(&to, "access_token").unwrap_or_else(|| panic!("no session in {to}"));
            for password in [STRANGERS, PASSWORD] {
                wrong(&server, password, password).await;
            }
            assert_eq!(
                put(&server, "/user", json!({"password": "chosen-now-1"})).token(&access).send().await.status,
                200
            );
            assert_eq!(sign_in(&server, OWNERS, "chosen-now-1").await.status, 200);
        }
    }
}

/// Even a sign-up that is refused for coming too soon leaves no password behind that its owner did not choose.
#[tokio::test]
async fn a_second_sign_up_counts_within_the_pause_too() {
    let server = start_with(|config| {
        config.auth.email.enable_confirmations = true;
        config.auth.email.max_frequency = std::time::Duration::from_secs(60);
    })
    .await;
    let ask = |password: &str| post(&server, "/signup", json!({"email": OWNERS, "password": password})).send();
    ask(STRANGERS).await;
    assert_eq!(ask(PASSWORD).await.status, 429);
    follow(&server, &mail(&server, OWNERS).await).await;
    wrong(&server, STRANGERS, "the first").await;
}

#[tokio::test]
async fn a_sign_up_that_is_repeated_keeps_its_password_and_data() {
    let server = start_confirming().await;
    let body = json!({"email": OWNERS, "password": PASSWORD, "data": {"name": "Ada"}});
    for _ in 0..2 {
        assert_eq!(post(&server, "/signup", body.clone()).send().await.status, 200);
    }
    post(&server, "/resend", json!({"type": "signup", "email": OWNERS})).expect(200, json!({})).await;
    follow(&server, &mail(&server, OWNERS).await).await;
    let user = sign_in(&server, OWNERS, PASSWORD).await.json();
    assert_eq!(user["user"]["user_metadata"]["name"], "Ada", "{user}");
    assert_eq!(dropped(&server).await, 0);
}

/// Nobody can hold an address back: once the mail is too old, a sign-up begins anew.
#[tokio::test]
async fn a_sign_up_that_nobody_confirmed_makes_way() {
    let server = start_confirming().await;
    let ask = |password: &str, name: &str| {
        post(&server, "/signup", json!({"email": OWNERS, "password": password, "data": {"name": name}})).send()
    };
    ask(STRANGERS, "Eve").await;
    server.script("update auth.one_time_tokens set created_at = created_at - interval '2 hours'").await;
    ask(PASSWORD, "Ada").await;
    follow(&server, &mail(&server, OWNERS).await).await;
    wrong(&server, STRANGERS, "the first").await;
    let user = sign_in(&server, OWNERS, PASSWORD).await.json();
    assert_eq!(user["user"]["user_metadata"]["name"], "Ada", "{user}");
}

/// What the owner left before they proved the address by the confirmation of their own sign-up stays.
#[tokio::test]
async fn the_own_confirmation_drops_nothing() {
    let github = Github::start().await;
    let server = start_with(|config| {
        github.configure(config);
        config.auth.email.enable_confirmations = true;
    })
    .await;
    post(&server, "/signup", json!({"email": OWNERS, "password": PASSWORD, "data": {"name": "Ada L."}})).send().await;
    follow(&server, &mail(&server, OWNERS).await).await;
    let ada = session(&sign_in(&server, OWNERS, PASSWORD).await);
    for way in ["code", "recovery", "provider"] {
        prove(&server, &github, way).await;
        assert_eq!(sign_in(&server, OWNERS, PASSWORD).await.status, 200, "{way}");
        assert_eq!(get(&server, "/user").token(&ada.access).send().await.status, 200, "{way}");
    }
    assert_eq!(dropped(&server).await, 0);
}

#[tokio::test]
async fn a_number_is_its_owner_s_too() {
    let number = "491511234567";
    let server = start_with(|config| {
        config.auth.sms.enable_signup = true;
        config.auth.sms.test_otp.insert(number.into(), "123456".into());
    })
    .await;
    let stranger = json!({"phone": number, "password": STRANGERS});
    assert_eq!(post(&server, "/signup", stranger.clone()).send().await.status, 200);
    post(&server, "/otp", json!({"phone": number})).send().await;
    let verify = json!({"type": "sms", "phone": number, "token": "123456"});
    session(&post(&server, "/verify", verify).send().await);
    let signed_in = post(&server, "/token?grant_type=password", stranger).send().await;
    assert_eq!((signed_in.status, &signed_in.json()["code"]), (400, &json!("invalid_credentials")));
}

/// What an administrator says counts as proven.
#[tokio::test]
async fn an_administrator_s_word_is_a_proof() {
    let server = start().await;
    let made = json!({"email": OWNERS, "password": PASSWORD, "email_confirm": true});
    ask(&server, Method::POST, "/admin/users").service().json(&made).send().await;
    post(&server, "/otp", json!({"email": OWNERS})).expect(200, json!({})).await;
    follow(&server, &mail(&server, OWNERS).await).await;
    assert_eq!(sign_in(&server, OWNERS, PASSWORD).await.status, 200);
    let other = sign_up(&server, "grace@example.com").await;
    let confirm = json!({"email_confirm": true});
    let path = format!("/admin/users/{}", other.user);
    ask(&server, Method::PUT, &path).service().json(&confirm).send().await;
    post(&server, "/otp", json!({"email": "grace@example.com"})).expect(200, json!({})).await;
    follow(&server, &mail(&server, "grace@example.com").await).await;
    assert_eq!(sign_in(&server, "grace@example.com", PASSWORD).await.status, 200);
    assert_eq!(get(&server, "/user").token(&other.access).send().await.status, 200);
}

/// Users of before count as proven if their address was confirmed by mail, if mails alone signed them in, or if the provider of their first sign-in
/// verified it.
#[tokio::test]
async fn an_upgrade_judges_the_users_that_are_there() {
    let upgrade = include_str!("../../crates/auth/src/schema/0007_proven.sql");
    let (_, upgrade) = upgrade.split_once("-- Users of before").expect("the part about them");
    let server = start().await;
    for (name, change) in [
        ("mailed", "confirmation_sent_at = created_at - interval '1 minute'"),
        ("changed-before-the-mail", "confirmation_sent_at = now() + interval '1 hour'"),
        ("typed", "confirmation_sent_at = null"),
        ("linked", "encrypted_password = null, recovery_sent_at = created_at - interval '1 minute'"),
        ("asked", "recovery_sent_at = created_at - interval '1 minute'"),
        ("google", r#"encrypted_password = null, raw_app_meta_data = '{"provider": "google"}'"#),
        ("joined", "last_sign_in_at = null"),
        ("waiting", "email_confirmed_at = null, confirmation_sent_at = now()"),
    ] {
        let id = sign_up(&server, &format!("{name}@example.com")).await.user;
        server.script(&format!("update auth.users set {change} where id = '{id}'")).await;
        if ["google", "joined"].contains(&name) {
            let data = json!({"sub": name, "email": format!("{name}@example.com"), "email_verified": true});
            server
                .script(&format!(
                    "insert into auth.identities (id, provider_id, user_id, identity_data, provider)
                       values (gen_random_uuid(), '{name}', '{id}', '{data}', 'google')"
                ))
                .await;
        }
    }
    server.script(&format!("--{upgrade}")).await;
    owners_view(&server, "proven", "select email from auth.users where proven_email = email").await;
    let proven = server.get("/proven?order=email").service().send().await.json();
    let emails = ["google", "linked", "mailed"].map(|name| json!({"email": format!("{name}@example.com")}));
    assert_eq!(proven, json!(emails));
}
