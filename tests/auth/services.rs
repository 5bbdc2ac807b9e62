//! What a service may do with the token of a user who let it in: read as the user within the user's policies, and see what its scopes open.

use reqwest::Method;
use serde_json::{Value, json};

use crate::issuer::{BACK, VERIFIER, World, world};
use crate::world::{ask, claims, get, parameter, put};

/// A service's access token with these scopes.
async fn let_in(world: &World, scopes: &str) -> String {
    let to = world.decide(&world.asked_for(scopes).await, "approve").await;
    let tokens = world.exchange(&parameter(&to, "code").expect("a code"), VERIFIER, BACK).await.json();
    tokens["access_token"].as_str().unwrap_or_else(|| panic!("{tokens}")).to_owned()
}

#[tokio::test]
async fn a_service_manages_nothing_of_its_user() {
    let world = world().await;
    let opened = world.asked().await;
    let mine = let_in(&world, "openid email profile phone").await;
    let id = "00000000-0000-4000-8000-000000000000";
    let own = &world.ada.user;
    let authorization = format!("/oauth/authorizations/{opened}");
    let routes: Vec<(Method, String)> = [
        ("PUT", "/user"),
        ("GET", "/reauthenticate"),
        ("POST", "/logout?scope=local"),
        ("POST", "/logout?scope=global"),
        ("POST", "/logout?scope=others"),
        ("GET", "/user/identities/authorize?provider=github"),
        ("DELETE", &format!("/user/identities/{id}")),
        ("GET", "/user/oauth/grants"),
        ("DELETE", &format!("/user/oauth/grants?client_id={}", world.id())),
        ("GET", &authorization),
        ("POST", &format!("{authorization}/consent")),
        ("POST", "/factors"),
        ("POST", "/factors/recovery-codes"),
        ("GET", "/factors/recovery-codes"),
        ("POST", "/factors/recovery"),
        ("DELETE", &format!("/factors/{id}")),
        ("POST", &format!("/factors/{id}/challenge")),
        ("POST", &format!("/factors/{id}/verify")),
        ("POST", "/passkeys/registration/options"),
        ("POST", "/passkeys/registration/verify"),
        ("GET", "/passkeys"),
        ("PATCH", &format!("/passkeys/{id}")),
        ("DELETE", &format!("/passkeys/{id}")),
        ("POST", "/token?grant_type=id_token"),
        ("POST", "/invite"),
        ("GET", "/admin/users"),
        ("POST", "/admin/users"),
        ("GET", &format!("/admin/users/{own}")),
        ("PUT", &format!("/admin/users/{own}")),
        ("DELETE", &format!("/admin/users/{own}")),
        ("GET", &format!("/admin/users/{own}/factors")),
        ("GET", &format!("/admin/users/{own}/sessions")),
        ("POST", "/admin/generate_link"),
        ("GET", "/admin/audit"),
        ("GET", "/admin/oauth/clients"),
        ("DELETE", &format!("/admin/oauth/clients/{}", world.id())),
    ]
    .into_iter()
    .map(|(method, path)| (method.parse().expect("a method"), path.to_owned()))
    .collect();
    let body = json!({
        "action": "approve", "factor_type": "totp", "friendly_name": "x", "password": "taken-over-1", "email": "eve@example.com",
        "provider": "github", "id_token": "x", "link_identity": true, "code": "000000", "challenge_id": id, "challenge": id,
    });
    for (method, path) in routes {
        let read = method == Method::GET;
        let asked = ask(&world.server, method.clone(), &path).token(&mine);
        let answer = if read { asked.send().await } else { asked.json(&body).send().await };
        let code = answer.json()["code"].clone();
        let known =
            ["no_authorization", "not_admin", "manual_linking_disabled", "passkey_disabled", "provider_disabled"];
        assert!(
            (400..500).contains(&answer.status) && known.iter().any(|known| code == *known),
            "{method} {path}: {} {}",
            answer.status,
            answer.body
        );
    }
    // Nothing of it happened.
    let user = get(&world.server, "/user").token(&world.ada.access).send().await;
    assert_eq!((user.status, user.json().get("factors")), (200, None), "{}", user.body);
    assert_eq!(world.introspect(&mine).await["active"], true);
    let still = world.decide(&opened, "approve").await;
    assert!(still.starts_with(BACK), "{still}");
}

#[tokio::test]
async fn a_service_sees_what_its_scopes_open() {
    let world = world().await;
    let data = json!({"data": {"name": "Ada", "salary": 7}});
    put(&world.server, "/user", data).token(&world.ada.access).send().await;
    let admin = json!({"phone": "4915100000001", "phone_confirm": true, "app_metadata": {"team": "north"}});
    let path = format!("/admin/users/{}", world.ada.user);
    let changed = ask(&world.server, Method::PUT, &path).service().json(&admin).send().await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    for (scopes, email, phone, name) in [
        ("email", "ada@example.com", "", Value::Null),
        ("openid phone", "", "4915100000001", Value::Null),
        ("profile", "", "", json!("Ada")),
        ("openid", "", "", Value::Null),
    ] {
        let token = let_in(&world, scopes).await;
        let user = get(&world.server, "/user").token(&token).send().await.json();
        for seen in [&claims(&token), &user] {
            assert_eq!((&seen["email"], &seen["phone"]), (&json!(email), &json!(phone)), "{scopes}: {seen}");
            assert_eq!(
                (&seen["user_metadata"]["name"], seen["user_metadata"].get("salary")),
                (&name, None),
                "{scopes}: {seen}"
            );
            // Policies decide by it, for a service as for its user.
            assert_eq!(seen["app_metadata"]["team"], "north", "{scopes}: {seen}");
        }
        assert_eq!((&user["identities"], user.get("factors")), (&json!([]), None), "{scopes}: {user}");
        let named = world.introspect(&token).await;
        assert_eq!(named["username"], email, "{scopes}: {named}");
    }
    // The user's own session shows all of it.
    let user = get(&world.server, "/user").token(&world.ada.access).send().await.json();
    assert_eq!((&user["user_metadata"]["salary"], &user["phone"]), (&json!(7), &json!("4915100000001")));
}
