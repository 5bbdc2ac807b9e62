//! `redirect_to`: only where the project allows, however it is written.

use basalt_auth::provider::External;
use serde_json::json;

use crate::world::{follow, get, mail, post, start_with};

#[tokio::test]
async fn a_mail_leads_to_allowed_places_only() {
    let server = start_with(|config| {
        config.auth.site_url = "https://shop.example".into();
        config.auth.additional_redirect_urls = vec!["https://*.preview.example/**".into(), "app://open".into()];
    })
    .await;
    let land = async |redirect: &str, referrer: &str| {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("redirect_to", redirect).finish();
        let asked = post(&server, &format!("/otp?{query}"), json!({"email": "ada@example.com"}));
        asked.header("referer", referrer).expect(200, json!({})).await;
        let to = follow(&server, &mail(&server, "ada@example.com").await).await;
        to.split('#').next().unwrap_or_default().to_owned()
    };
    for allowed in ["https://shop.example/welcome?a=1", "https://pr-7.preview.example/x/y", "app://open"] {
        assert_eq!(land(allowed, "").await, allowed);
    }
    // What was compared is what is sent: an address as a browser would read it.
    for (written, sent) in [
        ("https://ⓢhop.example/welcome", "https://shop.example/welcome"),
        ("https:shop.example/x", "https://shop.example/x"),
        ("HTTPS://SHOP.EXAMPLE:443/a/../b", "https://shop.example/b"),
    ] {
        assert_eq!(land(written, "").await, sent);
    }
    for evil in [
        "https://evil.example",
        "https://shop.example.evil.example/",
        "https://shop.example@evil.example/",
        "https://evil.example\\@shop.example/",
        "//evil.example",
        "javascript:alert(1)",
        "https://a.b.preview.example.evil.example/",
        "https://shop.example:444/",
    ] {
        assert_eq!(land(evil, "").await, "https://shop.example", "{evil}");
        assert_eq!(
            land(evil, "https://pr-1.preview.example/from").await,
            "https://pr-1.preview.example/from",
            "{evil}"
        );
    }
}

/// What stands in the link is judged again when it is followed.
#[tokio::test]
async fn a_link_that_was_changed_leads_home() {
    let server = start_with(|_| ()).await;
    post(&server, "/otp", json!({"email": "ada@example.com"})).expect(200, json!({})).await;
    let mut letter = mail(&server, "ada@example.com").await;
    let link = letter["link"].as_str().unwrap().to_owned();
    let (before, _) = link.split_once("redirect_to=").unwrap();
    letter["link"] = json!(format!("{before}redirect_to=https%3A%2F%2Fevil.example"));
    let to = follow(&server, &letter).await;
    assert!(to.starts_with("http://127.0.0.1:3000#access_token="), "{to}");
}

/// Links and what providers are told come from the configuration, not from a header that anybody sets.
#[tokio::test]
async fn the_host_header_names_nothing() {
    let server = start_with(|config| {
        config.auth.oauth_server.enabled = true;
        let github = External {
            enabled: true,
            client_id: "the-client".into(),
            secret: "the-secret".into(),
            ..External::default()
        };
        config.auth.external.insert("github".into(), github);
    })
    .await;
    let forged =
        |path: &str| get(&server, path).header("host", "evil.example").header("x-forwarded-host", "evil.example");
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        let told = forged(path).send().await;
        assert_eq!(told.json()["issuer"], format!("{}/auth/v1", server.url()));
        assert!(!told.body.contains("evil.example"), "{}", told.body);
    }
    let left = forged("/authorize?provider=github").send().await;
    let to = url::Url::parse(left.header("location")).expect("an address");
    let told = to.query_pairs().find(|(name, _)| name == "redirect_uri").expect("where to come back").1.into_owned();
    assert_eq!((to.host_str(), told), (Some("github.com"), format!("{}/auth/v1/callback", server.url())));
    let asked = post(&server, "/otp", json!({"email": "ada@example.com"})).header("host", "evil.example");
    asked.expect(200, json!({})).await;
    let letter = mail(&server, "ada@example.com").await.to_string();
    assert!(letter.contains(server.url()) && !letter.contains("evil.example"), "{letter}");
}
