//! Mails: their links come from the configuration, and nothing of a user's becomes a header.

use reqwest::Method;
use serde_json::json;

use crate::world::{PASSWORD, ask, mail, post, start_with};

#[tokio::test]
async fn links_do_not_come_from_the_host_header() {
    let server = start_with(|config| {
        config.auth.email.enable_confirmations = true;
        config.server.public_url = "https://api.example.com".into();
        config.auth.site_url = "https://shop.example.com".into();
    })
    .await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    let asked =
        post(&server, "/signup", body).header("host", "evil.example").header("x-forwarded-host", "evil.example");
    assert_eq!(asked.send().await.status, 200);
    let letter = mail(&server, "ada@example.com").await;
    let link = letter["link"].as_str().unwrap();
    assert!(link.starts_with("https://api.example.com/auth/v1/verify?token="), "{link}");
    assert!(link.ends_with("redirect_to=https%3A%2F%2Fshop.example.com"), "{link}");
    assert!(!letter["html"].as_str().unwrap().contains("evil"));
}

#[tokio::test]
async fn an_address_with_a_line_break_is_no_address_and_data_is_escaped() {
    let folder = tempfile::tempdir().expect("a folder");
    let body = folder.path().join("invite.html");
    std::fs::write(&body, "<p>{{ .Data.name }} at {{ .SiteURL }}: {{ .Token }}</p>").expect("a file");
    let server = start_with(|config| {
        let template = basalt_auth::settings::Template { subject: "For {{ .Data.name }}".into(), content_path: body };
        config.auth.email.template.insert("invite".into(), template);
    })
    .await;
    for bad in ["ada@example.com\r\nBcc: all@example.com", "ada@example.com\nx", "<ada@example.com>"] {
        let invite = ask(&server, Method::POST, "/invite").service().json(&json!({ "email": bad }));
        invite.expect_error(400, "validation_failed").await;
    }
    let named = json!({"email": "ada@example.com", "data": {"name": "<b>Ada</b>\r\nBcc: all@example.com"}});
    assert_eq!(ask(&server, Method::POST, "/invite").service().json(&named).send().await.status, 200);
    let letter = mail(&server, "ada@example.com").await;
    assert!(!letter["subject"].as_str().unwrap().contains(['\r', '\n']), "{letter}");
    assert!(letter["html"].as_str().unwrap().starts_with("<p>&lt;b&gt;Ada"), "{letter}");
}

#[tokio::test]
async fn the_mailbox_is_there_only_where_it_is_turned_on_and_runs_nothing() {
    let server = start_with(|config| config.auth.email.mailbox = false).await;
    assert_eq!(server.raw(Method::GET, "/studio/mail").send().await.status, 404);
    let otp = post(&server, "/otp", json!({"email": "ada@example.com"})).send().await;
    assert_eq!((otp.status, &otp.json()["message"]), (500, &json!("Error sending magic_link email")));
    let server = start_with(|_| ()).await;
    post(&server, "/otp", json!({"email": "ada@example.com"})).expect(200, json!({})).await;
    let page = server.raw(Method::GET, "/studio/mail").send().await;
    assert!(page.body.contains("ada@example.com"), "{}", page.body);
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    // No page of another origin reads it, or empties it.
    for (method, path) in [(Method::GET, "/studio/mail/messages"), (Method::OPTIONS, "/studio/mail/messages")] {
        let ask = server.raw(method, path).header("origin", "https://evil.example");
        let answer = ask.header("access-control-request-method", "DELETE").send().await;
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{:?}", answer.headers);
    }
    // Nor does one whose name leads here.
    for (method, path) in [(Method::GET, "/studio/mail/messages"), (Method::DELETE, "/studio/mail/messages")] {
        let answer = server.raw(method, path).header("host", "evil.example:54321").send().await;
        assert_eq!(answer.status, 421);
        assert!(answer.body.contains("`server.public_url`"), "{}", answer.body);
    }
    let health = server.raw(Method::GET, "/auth/v1/health").header("host", "evil.example").send().await;
    assert_eq!(health.status, 200, "the API has any name that a proxy gives it");
    let mails = server.raw(Method::GET, "/studio/mail/messages").header("host", "localhost:1").send().await;
    assert_eq!(mails.json().as_array().map(Vec::len), Some(1), "{}", mails.body);
}
