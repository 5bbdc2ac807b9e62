//! Sign-up: with and without confirmation, without an address, and what it refuses.

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{
    PASSWORD, claims, follow, get, mail, mails, parameter, post, put, session, sign_in, sign_up, start,
    start_confirming, start_with,
};

#[tokio::test]
async fn a_new_user_has_a_session_and_sees_only_their_own_rows() {
    let server = start().await;
    let body = json!({"email": "Ada@Example.com", "password": PASSWORD, "data": {"name": "Ada"}});
    let answer = post(&server, "/signup", body).send().await;
    let ada = session(&answer);
    assert_eq!(answer.header("sb-auth-user-id"), ada.user);
    let user = &answer.json()["user"];
    assert_eq!(user["email"], "ada@example.com");
    assert_eq!(user["user_metadata"]["name"], "Ada");
    assert_eq!(user["app_metadata"], json!({"provider": "email", "providers": ["email"]}));
    assert_eq!(user["identities"][0]["identity_data"]["email_verified"], true);
    let token = claims(&ada.access);
    for (claim, value) in [
        ("iss", json!(format!("{}/auth/v1", server.url()))),
        ("sub", json!(ada.user)),
        ("aud", json!("authenticated")),
        ("role", json!("authenticated")),
        ("email", json!("ada@example.com")),
        ("phone", json!("")),
        ("aal", json!("aal1")),
        ("is_anonymous", json!(false)),
    ] {
        assert_eq!(token[claim], value, "{claim}");
    }
    assert_eq!(token["amr"][0]["method"], "password");
    assert_eq!(token["exp"].as_i64().unwrap() - token["iat"].as_i64().unwrap(), 3600);

    let grace = sign_up(&server, "grace@example.com").await;
    server.post("/notes", &json!({"body": "mine"})).token(&ada.access).expect(201, Value::Null).await;
    server.get("/notes?select=body").token(&ada.access).expect(200, json!([{"body": "mine"}])).await;
    server.get("/notes?select=body").token(&grace.access).expect(200, json!([])).await;
    let other = json!({"body": "hers", "owner": ada.user});
    server.post("/notes", &other).token(&grace.access).expect_error(403, "42501").await;
}

#[tokio::test]
async fn an_address_is_confirmed_by_its_link() {
    let server = start_confirming().await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    let answer = post(&server, "/signup?redirect_to=http://127.0.0.1:5173/welcome", body).send().await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.json().get("access_token").is_none() && answer.json()["confirmation_sent_at"].is_string());
    let refused = sign_in(&server, "ada@example.com", PASSWORD).await;
    assert_eq!((refused.status, &refused.json()["code"]), (400, &json!("email_not_confirmed")));
    // Whoever does not know the password does not learn that the address waits.
    let refused = sign_in(&server, "ada@example.com", "something-else").await;
    assert_eq!(refused.json()["code"], "invalid_credentials");

    let letter = mail(&server, "ada@example.com").await;
    let to = follow(&server, &letter).await;
    assert!(to.starts_with("http://127.0.0.1:5173/welcome#access_token="), "{to}");
    assert_eq!(parameter(&to, "type").as_deref(), Some("signup"));
    let token = parameter(&to, "access_token").unwrap();
    let user = get(&server, "/user").token(&token).send().await.json();
    assert_eq!(user["user_metadata"]["email_verified"], true);
    assert!(user["email_confirmed_at"].is_string());
    // A link works once.
    let again = follow(&server, &letter).await;
    assert!(again.contains("error=access_denied&error_code=otp_expired"), "{again}");
    assert_eq!(sign_in(&server, "ada@example.com", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_sign_up_tells_nothing_of_who_is_there() {
    let server = start_confirming().await;
    let ask = |email: &'static str| post(&server, "/signup", json!({"email": email, "password": PASSWORD})).send();
    ask("ada@example.com").await;
    follow(&server, &mail(&server, "ada@example.com").await).await;
    let (known, new) = (ask("ada@example.com").await, ask("grace@example.com").await);
    assert_eq!((known.status, new.status), (200, 200));
    assert_eq!(known.json()["identities"], json!([]));
    assert_eq!(known.json()["app_metadata"], new.json()["app_metadata"]);
    assert_ne!(known.json()["id"], get_id(&server, "ada@example.com").await, "the id is nobody's");
    assert_eq!(mails(&server, "ada@example.com").await.len(), 1, "nothing was sent");
}

async fn get_id(server: &basalt_tests::Server, email: &str) -> Value {
    let list = crate::world::ask(server, Method::GET, "/admin/users").service().send().await.json();
    let users = list["users"].as_array().unwrap();
    users.iter().find(|user| user["email"] == email).unwrap()["id"].clone()
}

#[tokio::test]
async fn a_user_without_an_address_gets_one_later() {
    let server = start_with(|config| config.auth.enable_anonymous_sign_ins = true).await;
    let answer = post(&server, "/signup", json!({"data": {"theme": "dark"}})).send().await;
    let guest = session(&answer);
    assert_eq!(claims(&guest.access)["is_anonymous"], true);
    assert_eq!(answer.json()["user"]["app_metadata"], json!({}));
    server.post("/notes", &json!({"body": "kept"})).token(&guest.access).expect(201, Value::Null).await;
    let lone = put(&server, "/user", json!({"password": PASSWORD})).token(&guest.access);
    lone.expect_error(422, "validation_failed").await;
    let upgrade = put(&server, "/user", json!({"email": "ada@example.com", "password": PASSWORD}));
    let user = upgrade.token(&guest.access).send().await.json();
    assert_eq!((&user["email"], &user["is_anonymous"]), (&json!("ada@example.com"), &json!(false)));
    let ada = session(&sign_in(&server, "ada@example.com", PASSWORD).await);
    assert_eq!(ada.user, guest.user);
    server.get("/notes?select=body").token(&ada.access).expect(200, json!([{"body": "kept"}])).await;
}

#[tokio::test]
async fn what_is_no_sign_up_is_refused() {
    let server = start().await;
    sign_up(&server, "ada@example.com").await;
    let refuse = async |body: Value, status: u16, code: &str, message: &str| {
        let answer = post(&server, "/signup", body.clone()).expect_error(status, code).await;
        assert!(answer.json()["message"].as_str().unwrap().contains(message), "{body}: {}", answer.body);
        assert_eq!(answer.header("x-sb-error-code"), code);
    };
    let with = |email: &str, password: &str| json!({"email": email, "password": password});
    refuse(with("ada@example.com", PASSWORD), 422, "user_already_exists", "User already registered").await;
    refuse(with("nobody", PASSWORD), 400, "validation_failed", "invalid format").await;
    refuse(with(&format!("{}@example.com", "a".repeat(250)), PASSWORD), 400, "validation_failed", "too long").await;
    refuse(with("new@example.com", ""), 400, "validation_failed", "Signup requires a valid password").await;
    refuse(with("new@example.com", &"x".repeat(73)), 400, "validation_failed", "72").await;
    refuse(with("new@example.com", "short"), 422, "weak_password", "at least 6 characters").await;
    refuse(json!({}), 422, "anonymous_provider_disabled", "disabled").await;
    refuse(json!({"phone": "+491234567", "password": PASSWORD}), 400, "phone_provider_disabled", "Phone signups").await;
    let both = json!({"email": "new@example.com", "phone": "+491234567", "password": PASSWORD});
    refuse(both, 400, "validation_failed", "Only an email address or phone number").await;
    let weak = post(&server, "/signup", with("new@example.com", "short")).send().await.json();
    assert_eq!(weak["weak_password"], json!({"reasons": ["length"]}));
    let broken = crate::world::ask(&server, Method::POST, "/signup").body("{").expect_error(400, "bad_json").await;
    assert!(broken.json()["message"].as_str().unwrap().starts_with("Could not parse request body as JSON: "));
    let large = crate::world::ask(&server, Method::POST, "/signup").body(vec![b' '; 2 << 20]);
    large.expect_error(413, "request_entity_too_large").await;
    // Old clients read the status as the code.
    let old = server.raw(Method::POST, "/auth/v1/signup").json(&with("ada@example.com", PASSWORD)).send().await;
    assert_eq!(old.json(), json!({"code": 422, "error_code": "user_already_exists", "msg": "User already registered"}));
}

#[tokio::test]
async fn sign_ups_can_be_turned_off() {
    let server = start_with(|config| config.auth.enable_signup = false).await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    post(&server, "/signup", body).expect_error(422, "signup_disabled").await;
    post(&server, "/otp", json!({"email": "ada@example.com"})).expect_error(422, "signup_disabled").await;
    let settings = get(&server, "/settings").send().await.json();
    assert_eq!((&settings["disable_signup"], &settings["external"]["email"]), (&json!(true), &json!(true)));
}
