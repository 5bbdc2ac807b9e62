//! What the service key may do.

use reqwest::Method;
use serde_json::{Value, json};

use crate::issuer::{BACK, CHALLENGE, VERIFIER, world};
use crate::world::{
    PASSWORD, Session, ask, claims, follow, get, mail, parameter, post, refresh, session, sign_in, sign_up, start,
    start_confirming,
};

#[tokio::test]
async fn users_are_listed_in_pages_newest_first() {
    let server = start().await;
    for name in ["a", "b", "c"] {
        sign_up(&server, &format!("{name}@example.com")).await;
    }
    let page = ask(&server, Method::GET, "/admin/users?page=1&per_page=2").service().send().await;
    let emails: Vec<String> = page.json()["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["email"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(emails, ["c@example.com", "b@example.com"]);
    assert_eq!(page.json()["aud"], "authenticated");
    assert_eq!(page.header("x-total-count"), "3");
    let links = page.header("link");
    assert!(links.contains("page=2&per_page=2>; rel=\"next\"") && links.contains("rel=\"last\""), "{links}");
    let found = ask(&server, Method::GET, "/admin/users?filter=B@exam").service().send().await.json();
    assert_eq!(found["users"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_user_is_made_changed_banned_and_deleted() {
    let server = start_confirming().await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD, "email_confirm": true,
        "user_metadata": {"name": "Ada"}, "app_metadata": {"plan": "pro"}});
    let created = ask(&server, Method::POST, "/admin/users").service().json(&body).send().await.json();
    assert_eq!(created["app_metadata"], json!({"plan": "pro", "provider": "email", "providers": ["email"]}));
    assert_eq!(created["identities"][0]["identity_data"]["email_verified"], true);
    let path = format!("/admin/users/{}", created["id"].as_str().unwrap());
    let ada = session(&sign_in(&server, "ada@example.com", PASSWORD).await);
    let change = |body: Value| ask(&server, Method::PUT, &path).service().json(&body).send();
    let changed = change(json!({"email": "countess@example.com", "role": "staff"})).await.json();
    assert_eq!((&changed["email"], &changed["role"]), (&json!("countess@example.com"), &json!("staff")));
    let banned = change(json!({"ban_duration": "24h"})).await.json();
    assert!(banned["banned_until"].is_string());
    assert_eq!(sign_in(&server, "countess@example.com", PASSWORD).await.json()["code"], "user_banned");
    assert_ne!(refresh(&server, &ada.refresh).await.status, 200);
    let free = change(json!({"ban_duration": "none"})).await.json();
    assert!(free.get("banned_until").is_none());
    assert_eq!(change(json!({"ban_duration": "soon"})).await.json()["code"], "validation_failed");
    sign_in(&server, "countess@example.com", PASSWORD).await;
    let soft = ask(&server, Method::DELETE, &path).service().json(&json!({"should_soft_delete": true}));
    soft.expect(200, json!({})).await;
    assert_eq!(sign_in(&server, "countess@example.com", PASSWORD).await.json()["code"], "invalid_credentials");
    // What is left of them is shown, tells nothing, and goes for good when it is deleted once more.
    let left = ask(&server, Method::GET, &path).service().send().await;
    assert!(left.status == 200 && left.json()["deleted_at"].is_string(), "{}", left.body);
    assert!(!left.body.contains("example.com") && left.json()["user_metadata"] == json!({}), "{}", left.body);
    let listed = ask(&server, Method::GET, "/admin/users").service().send().await.json();
    assert_eq!(listed["users"][0]["id"], created["id"]);
    let again = ask(&server, Method::DELETE, &path).service().json(&json!({"should_soft_delete": true}));
    again.expect(200, json!({})).await;
    assert_eq!(ask(&server, Method::GET, &path).service().send().await.json(), left.json(), "nothing more is left");
    ask(&server, Method::PUT, &path).service().json(&json!({})).expect_error(404, "user_not_found").await;
    ask(&server, Method::DELETE, &path).service().expect(200, json!({})).await;
    ask(&server, Method::GET, &path).service().expect_error(404, "user_not_found").await;
    ask(&server, Method::DELETE, &path).service().expect_error(404, "user_not_found").await;
    ask(&server, Method::GET, "/admin/users/x").service().expect_error(404, "validation_failed").await;
    let audit = ask(&server, Method::GET, "/admin/audit").service().send().await.json();
    let actions: Vec<&str> = audit.as_array().unwrap().iter().filter_map(|e| e["payload"]["action"].as_str()).collect();
    assert!(actions.contains(&"user_deleted") && actions.contains(&"login"), "{actions:?}");
}

#[tokio::test]
async fn what_is_taken_is_named() {
    let server = start_confirming().await;
    let create = |body: Value| ask(&server, Method::POST, "/admin/users").service().json(&body);
    let id = "5f0c1c9e-4d8a-4b59-9c2c-2f1d3a4b5c6d";
    let made = create(json!({"id": id, "email": "ada@example.com", "phone": "+15550001"})).send().await;
    assert_eq!((made.status, &made.json()["id"]), (200, &json!(id)), "{}", made.body);
    for (body, code) in [
        (json!({"id": id, "email": "eve@example.com"}), "user_already_exists"),
        (json!({"email": "ADA@example.com"}), "email_exists"),
        (json!({"phone": "15550001"}), "phone_exists"),
    ] {
        create(body).expect_error(422, code).await;
    }
    // What can't be read is named in JSON's words.
    for (body, message) in [
        (json!([]), "an object is expected, not an array"),
        (json!({"email": 7}), "invalid type: integer `7`, expected a string at line 1 column 10"),
        (json!({"user_metadata": [1]}), "invalid type: array, expected an object at line 1 column 17"),
    ] {
        let answer = create(body).expect_error(400, "bad_json").await;
        assert_eq!(answer.json()["message"], format!("Could not parse request body as JSON: {message}"));
    }
}

#[tokio::test]
async fn links_are_made_without_a_mail() {
    let server = start_confirming().await;
    let link = |body: Value| ask(&server, Method::POST, "/admin/generate_link").service().json(&body).send();
    let made = link(json!({"type": "signup", "email": "ada@example.com", "password": PASSWORD})).await.json();
    assert_eq!((&made["email"], &made["verification_type"]), (&json!("ada@example.com"), &json!("signup")));
    let to = follow(&server, &json!({"link": made["action_link"]})).await;
    assert!(to.contains("access_token="), "{to}");
    let again = link(json!({"type": "invite", "email": "ada@example.com"})).await.json();
    assert_eq!(again["code"], "email_exists");
    let unknown = link(json!({"type": "recovery", "email": "nobody@example.com"})).await;
    assert_eq!((unknown.status, &unknown.json()["code"]), (404, &json!("user_not_found")));
    let new = link(json!({"type": "magiclink", "email": "new@example.com"})).await.json();
    assert_eq!(new["verification_type"], "signup");
    let recovery = link(json!({"type": "recovery", "email": "ada@example.com"})).await.json();
    let verify = json!({"type": "recovery", "token_hash": recovery["hashed_token"]});
    assert_eq!(post(&server, "/verify", verify).send().await.status, 200);
    assert!(crate::world::mails(&server, "ada@example.com").await.is_empty());
}

#[tokio::test]
async fn an_invited_user_is_confirmed_by_the_invitation() {
    let server = start_confirming().await;
    let invite = json!({"email": "ada@example.com", "data": {"team": 1}});
    let user = ask(&server, Method::POST, "/invite").service().json(&invite).send().await.json();
    assert!(user["invited_at"].is_string());
    let to = follow(&server, &mail(&server, "ada@example.com").await).await;
    let token = parameter(&to, "access_token").unwrap();
    let user = get(&server, "/user").token(&token).send().await.json();
    assert_eq!((&user["user_metadata"]["team"], user["email_confirmed_at"].is_string()), (&json!(1), true));
    ask(&server, Method::POST, "/invite").service().json(&invite).expect_error(422, "email_exists").await;
    ask(&server, Method::POST, "/invite").json(&invite).expect_error(401, "no_authorization").await;
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let server = start().await;
    let first = sign_up(&server, "ada@example.com").await;
    let second = session(&sign_in(&server, "ada@example.com", PASSWORD).await);
    let eve = sign_up(&server, "eve@example.com").await;
    let path = format!("/admin/users/{}/sessions", first.user);
    let list = ask(&server, Method::GET, &path).service().send().await.json();
    let id = |of: &Session| claims(&of.access)["session_id"].clone();
    let listed: Vec<&Value> = list.as_array().unwrap().iter().map(|session| &session["id"]).collect();
    assert_eq!(listed, [&id(&second), &id(&first)], "newest first");
    assert_eq!((&list[0]["aal"], &list[0]["ip"]), (&json!("aal1"), &json!("127.0.0.1")));
    assert!(!list.to_string().contains(&second.refresh), "tokens are not shown");
    let one = |of: &Session| format!("{path}/{}", id(of).as_str().unwrap());
    ask(&server, Method::DELETE, &one(&eve)).service().expect_error(404, "session_not_found").await;
    ask(&server, Method::DELETE, &one(&first)).service().expect(200, json!({})).await;
    get(&server, "/user").token(&first.access).expect_error(403, "session_not_found").await;
    assert_eq!(refresh(&server, &second.refresh).await.status, 200);
    ask(&server, Method::DELETE, &path).service().expect(200, json!({})).await;
    assert_eq!(refresh(&server, &second.refresh).await.status, 400);
    assert_eq!(refresh(&server, &eve.refresh).await.status, 200);
    ask(&server, Method::GET, &path).token(&eve.access).expect_error(403, "not_admin").await;
}

/// Nothing lets a banned user in, whatever they hold from before, and all of it does again once the ban is over.
#[tokio::test]
async fn a_ban_holds_at_every_door() {
    let world = world().await;
    let (server, ada) = (&world.server, &world.ada);
    let path = format!("/admin/users/{}", ada.user);
    let change = |body: Value| ask(server, Method::PUT, &path).service().json(&body).send();
    // A proven address: what she has goes on when she signs in by mail.
    assert_eq!(change(json!({"email_confirm": true})).await.status, 200);
    let service = world.exchange(&world.code().await, VERIFIER, BACK).await.json();
    let (code, opened) = (world.code().await, world.asked().await);
    let pair = json!({"email": "ada@example.com", "code_challenge": CHALLENGE, "code_challenge_method": "s256"});
    post(server, "/otp", pair).expect(200, json!({})).await;
    let landed = follow(server, &mail(server, "ada@example.com").await).await;
    let pkce = json!({"auth_code": parameter(&landed, "code").expect("a code"), "code_verifier": VERIFIER});
    post(server, "/otp", json!({"email": "ada@example.com"})).expect(200, json!({})).await;
    let letter = mail(server, "ada@example.com").await;

    assert_eq!(change(json!({"ban_duration": "24h"})).await.status, 200);
    let banned = |answer: &basalt_tests::Answer, what: &str| {
        assert!((400..500).contains(&answer.status), "{what}: {} {}", answer.status, answer.body);
    };
    let held = |access: &str| (access.to_owned(), ["/user", "/oauth/userinfo", "/user/oauth/grants"]);
    for (access, paths) in [held(&ada.access), held(service["access_token"].as_str().unwrap())] {
        for path in paths {
            let answer = get(server, path).token(&access).send().await;
            assert_eq!(answer.status, 403, "{path}: {}", answer.body);
        }
    }
    banned(&sign_in(server, "ada@example.com", PASSWORD).await, "a password");
    banned(&refresh(server, &ada.refresh).await, "a refresh token");
    let verify = json!({"type": "email", "email": "ada@example.com", "token": letter["token"]});
    banned(&post(server, "/verify", verify.clone()).send().await, "a code");
    let landed = follow(server, &letter).await;
    assert!(landed.contains("error_code=user_banned"), "{landed}");
    banned(&post(server, "/token?grant_type=pkce", pkce.clone()).send().await, "the code of a flow");
    banned(&world.exchange(&code, VERIFIER, BACK).await, "a service's code");
    let consent = post(server, &format!("/oauth/authorizations/{opened}/consent"), json!({"action": "approve"}));
    consent.token(&ada.access).expect_error(403, "user_banned").await;
    let [id, secret] = world.credentials();
    let renewed = world
        .token(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", service["refresh_token"].as_str().unwrap()),
            (id.0, &id.1),
            (secret.0, &secret.1),
        ])
        .await;
    banned(&renewed, "a service's refresh token");
    assert_eq!(world.introspect(&ada.access).await, json!({"active": false}));

    assert_eq!(change(json!({"ban_duration": "none"})).await.status, 200);
    assert_eq!(get(server, "/user").token(&ada.access).send().await.status, 200);
    assert_eq!(sign_in(server, "ada@example.com", PASSWORD).await.status, 200);
    assert_eq!(refresh(server, &ada.refresh).await.status, 200);
}
