//! Mails: their links come from the configuration, and nothing of a user's becomes a header.

use basalt_auth::settings::Template;
use reqwest::Method;
use serde_json::json;

use crate::world::{PASSWORD, ask, follow, get, mail, parameter, post, put, start_with};

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
        let template = Template { subject: "For {{ .Data.name }}".into(), content_path: body };
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

/// Every kind of mail has every variable that is documented.
#[tokio::test]
async fn templates_have_all_their_variables() {
    const KINDS: [&str; 6] = ["confirmation", "invite", "magic_link", "recovery", "email_change", "reauthentication"];
    let folder = tempfile::tempdir().expect("a folder");
    let body = folder.path().join("all.html");
    let variables = "{{ .ConfirmationURL }}|{{ .Token }}|{{ .TokenHash }}|{{ .SiteURL }}|{{ .RedirectTo }}|{{ .Email }}|{{ .NewEmail }}|{{ .Data.name }}";
    std::fs::write(&body, format!("{variables}|{{{{ if .Data.name }}}}named{{{{ else }}}}unnamed{{{{ end }}}}"))
        .expect("a file");
    let server = start_with(|config| {
        config.auth.email.enable_confirmations = true;
        config.auth.site_url = "https://shop.example".into();
        config.auth.additional_redirect_urls = vec!["https://shop.example/**".into()];
        for kind in KINDS {
            let template = Template { subject: format!("{kind} for {{{{ .Email }}}}"), content_path: body.clone() };
            config.auth.email.template.insert(kind.into(), template);
        }
    })
    .await;
    let (email, new, home) = ("ada@example.com", "countess@example.com", "https://shop.example/welcome");
    let at = |path: &str| format!("{path}?redirect_to={home}");
    let expect = async |kind: &str, to: &str, new: &str| {
        let letter = mail(&server, to).await;
        assert_eq!((&letter["kind"], &letter["subject"]), (&json!(kind), &json!(format!("{kind} for {email}"))));
        let html = letter["html"].as_str().expect("a body").replace("&#x2f;", "/").replace("&amp;", "&");
        let told: Vec<&str> = html.split('|').collect();
        let [link, token, hash, rest @ ..] = told.as_slice() else { panic!("{html}") };
        assert_eq!((*link, *token), (letter["link"].as_str().unwrap(), letter["token"].as_str().unwrap()));
        assert!(token.len() == 6 && link.contains(&format!("token={hash}&")), "{html}");
        assert_eq!(rest, ["https://shop.example", home, email, new, "Ada", "named"], "{kind}");
    };
    let user = json!({"email": email, "password": PASSWORD, "data": {"name": "Ada"}});
    assert_eq!(post(&server, &at("/signup"), user.clone()).send().await.status, 200);
    expect("confirmation", email, "").await;
    assert_eq!(ask(&server, Method::POST, &at("/invite")).service().json(&user).send().await.status, 200);
    expect("invite", email, "").await;
    // What a sign-up left that nobody proved goes with the invitation: she says her name again.
    let landed = follow(&server, &mail(&server, email).await).await;
    let token = parameter(&landed, "access_token").expect("a session");
    let named = put(&server, "/user", json!({"data": {"name": "Ada"}})).token(&token).send().await;
    assert_eq!(named.status, 200, "{}", named.body);
    for (path, kind) in [("/otp", "magic_link"), ("/recover", "recovery")] {
        post(&server, &at(path), json!({ "email": email })).expect(200, json!({})).await;
        expect(kind, email, "").await;
    }
    let landed = follow(&server, &mail(&server, email).await).await;
    let token = parameter(&landed, "access_token").expect("a session");
    assert_eq!(get(&server, &at("/reauthenticate")).token(&token).send().await.status, 200);
    expect("reauthentication", email, "").await;
    assert_eq!(put(&server, &at("/user"), json!({ "email": new })).token(&token).send().await.status, 200);
    expect("email_change", email, new).await;
    expect("email_change", new, new).await;
}
