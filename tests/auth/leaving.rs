//! Leaving for a provider and coming back: how long a state holds, and where one lands when the project's list changed meanwhile.

use basalt_server::Config;
use basalt_tests::Server;
use serde_json::json;

use crate::stand_in::StandIn;
use crate::world::{get, parameter, start_with};

/// GitHub, as it answers: a token, a profile, the addresses.
pub async fn github() -> StandIn {
    let profile =
        json!({"id": 1, "login": "ada", "name": "Ada", "email": null, "avatar_url": "https://img.example/a.png"});
    let emails = json!([{"email": "ada@example.com", "primary": true, "verified": true, "visibility": null}]);
    StandIn::start(&[
        (
            "/login/oauth/access_token",
            json!({"access_token": "gho_1", "scope": "user:email", "token_type": "bearer"}).to_string(),
        ),
        ("/api/v3/user", profile.to_string()),
        ("/api/v3/user/emails", emails.to_string()),
    ])
    .await
}

pub fn configure(config: &mut Config, provider: &StandIn, allowed: &[&str]) {
    let external = basalt_auth::provider::External {
        enabled: true,
        client_id: "the-client".into(),
        secret: "the-secret".into(),
        url: provider.url.clone(),
        ..Default::default()
    };
    config.auth.external.insert("github".into(), external);
    config.auth.site_url = "https://shop.example".into();
    config.auth.additional_redirect_urls = allowed.iter().map(|url| (*url).to_owned()).collect();
    config.outbound.allow = vec!["127.0.0.1".into()];
}

/// Leaves for the provider; gives the state.
pub async fn leave(server: &Server, redirect_to: &str) -> String {
    let left = get(server, &format!("/authorize?provider=github&redirect_to={redirect_to}")).send().await;
    assert_eq!(left.status, 302, "{}", left.body);
    parameter(left.header("location"), "state").expect("a state")
}

/// Comes back; gives where it leads.
pub async fn back(server: &Server, state: &str) -> String {
    let landed = get(server, &format!("/callback?code=the-code&state={state}")).send().await;
    assert_eq!(landed.status, 302, "{}", landed.body);
    landed.header("location").to_owned()
}

#[tokio::test]
async fn a_state_holds_for_ten_minutes() {
    let provider = github().await;
    let server = start_with(|config| configure(config, &provider, &[])).await;
    let state = leave(&server, "https://shop.example/welcome").await;
    server.script("update auth.flow_state set created_at = created_at - interval '11 minutes'").await;
    let landed = back(&server, &state).await;
    assert!(landed.starts_with("https://shop.example") && landed.contains("error_code=bad_oauth_state"), "{landed}");
    assert_eq!(provider.asked(), [""; 0], "the code of an old flow is not exchanged");
    let state = leave(&server, "https://shop.example/welcome").await;
    server.script("update auth.flow_state set created_at = created_at - interval '9 minutes'").await;
    let landed = back(&server, &state).await;
    assert!(landed.starts_with("https://shop.example/welcome#access_token="), "{landed}");
}

#[tokio::test]
async fn where_one_lands_is_judged_by_the_list_of_today() {
    let provider = github().await;
    let mut server = start_with(|config| configure(config, &provider, &["https://old.example/**"])).await;
    let kept = leave(&server, "https://old.example/welcome").await;
    let landed = back(&server, &kept).await;
    assert!(landed.starts_with("https://old.example/welcome#access_token="), "{landed}");
    let state = leave(&server, "https://old.example/welcome").await;
    // The project takes the address off its list while somebody is at the provider.
    server.stop().await;
    server.restart(|config| configure(config, &provider, &["https://new.example/**"])).await;
    let landed = back(&server, &state).await;
    assert!(landed.starts_with("https://shop.example#access_token="), "{landed}");
}
