//! What is good once is good for one of fifty who bring it at the same moment.

use basalt_tests::{Answer, Ask, Server};
use serde_json::{Value, json};

use crate::issuer::{BACK, CHALLENGE, VERIFIER, world};
use crate::leaving::{back, configure, github, leave};
use crate::world::{follow, get, mail, mails, parameter, post, put, sign_up, start_with};

const EMAIL: &str = "ada@example.com";
const AT_ONCE: usize = 50;

/// Asks the same fifty times at once.
async fn at_once(ask: impl Fn() -> Ask) -> Vec<Answer> {
    let tries: Vec<_> = (0..AT_ONCE).map(|_| tokio::spawn(ask().send())).collect();
    let mut answers = Vec::new();
    for attempt in tries {
        answers.push(attempt.await.expect("an answer"));
    }
    answers
}

/// How many of the answers let somebody in; none is a fault of the server's.
#[track_caller]
fn let_in(answers: &[Answer]) -> usize {
    let lets_in = |answer: &&Answer| match answer.status {
        200 => true,
        302 | 303 => parameter(answer.header("location"), "error").is_none(),
        _ => false,
    };
    assert!(
        answers.iter().all(|answer| answer.status < 500),
        "{:?}",
        answers.iter().find(|answer| answer.status > 499)
    );
    answers.iter().filter(lets_in).count()
}

async fn asked(server: &Server, path: &str, body: Value) -> Value {
    post(server, path, body).expect(200, json!({})).await;
    mail(server, EMAIL).await
}

#[tokio::test]
async fn a_code_or_link_of_a_mail_lets_one_in() {
    let server = start_with(|config| config.auth.rate_limit.failures = 1000).await;
    for (path, kind) in [("/otp", "email"), ("/magiclink", "magiclink"), ("/recover", "recovery")] {
        let letter = asked(&server, path, json!({"email": EMAIL})).await;
        let body = json!({"type": kind, "email": EMAIL, "token": letter["token"]});
        assert_eq!(let_in(&at_once(|| post(&server, "/verify", body.clone())).await), 1, "the code of {path}");
        let letter = asked(&server, path, json!({"email": EMAIL})).await;
        let link = letter["link"].as_str().expect("a link");
        let link = link.strip_prefix(&format!("{}/auth/v1", server.url())).expect("a link here");
        assert_eq!(let_in(&at_once(|| get(&server, link)).await), 1, "the link of {path}");
    }
}

#[tokio::test]
async fn the_code_of_a_text_message_lets_one_in() {
    let number = "491511234567";
    let server = start_with(|config| {
        config.auth.sms.enable_signup = true;
        config.auth.sms.test_otp.insert(number.into(), "123456".into());
        config.auth.rate_limit.failures = 1000;
    })
    .await;
    post(&server, "/otp", json!({"phone": number})).send().await;
    let body = json!({"type": "sms", "phone": number, "token": "123456"});
    assert_eq!(let_in(&at_once(|| post(&server, "/verify", body.clone())).await), 1);
}

#[tokio::test]
async fn the_code_of_a_flow_is_exchanged_once() {
    let server = start_with(|_| ()).await;
    let pair = json!({"email": EMAIL, "code_challenge": CHALLENGE, "code_challenge_method": "s256"});
    let landed = follow(&server, &asked(&server, "/otp", pair).await).await;
    let body = json!({"auth_code": parameter(&landed, "code").expect("a code"), "code_verifier": VERIFIER});
    assert_eq!(let_in(&at_once(|| post(&server, "/token?grant_type=pkce", body.clone())).await), 1);
}

#[tokio::test]
async fn a_state_brings_one_home() {
    let provider = github().await;
    let server = start_with(|config| configure(config, &provider, &[])).await;
    let state = leave(&server, "https://shop.example/in").await;
    let path = format!("/callback?code=the-code&state={state}");
    assert_eq!(let_in(&at_once(|| get(&server, &path)).await), 1);
    assert!(back(&server, &state).await.contains("flow_state_already_used"));
}

#[tokio::test]
async fn a_service_s_code_and_its_approval_count_once() {
    let world = world().await;
    let opened = world.asked().await;
    let path = format!("/oauth/authorizations/{opened}/consent");
    let approve = || post(&world.server, &path, json!({"action": "approve"})).token(&world.ada.access);
    let answers = at_once(approve).await;
    assert_eq!(let_in(&answers), 1, "an approval");
    let to = answers.iter().find(|answer| answer.status == 200).expect("an approval").json();
    let code = parameter(to["redirect_url"].as_str().expect("an address"), "code").expect("a code");
    let [id, secret] = world.credentials();
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "authorization_code")
        .append_pair("code", &code)
        .append_pair("redirect_uri", BACK)
        .append_pair("code_verifier", VERIFIER)
        .append_pair(id.0, &id.1)
        .append_pair(secret.0, &secret.1)
        .finish();
    let exchange = || {
        let asked = world.server.raw(reqwest::Method::POST, "/auth/v1/oauth/token");
        asked.header("content-type", "application/x-www-form-urlencoded").body(form.clone())
    };
    let answers = at_once(exchange).await;
    assert_eq!(let_in(&answers), 1, "a code");
    // The other forty-nine are replays: what it gave has ended.
    let tokens = answers.iter().find(|answer| answer.status == 200).expect("tokens").json();
    assert_eq!(world.introspect(tokens["access_token"].as_str().unwrap()).await, json!({"active": false}));
}

#[tokio::test]
async fn a_request_for_a_mail_undoes_nothing_that_happens_beside_it() {
    let server = start_with(|_| ()).await;
    for path in ["/magiclink", "/recover", "/otp"] {
        for round in 0..6 {
            let email = format!("{}-{round}@example.com", &path[1..]);
            let user = sign_up(&server, &email).await.user;
            let mails: Vec<_> =
                (0..4).map(|_| tokio::spawn(post(&server, path, json!({"email": email})).send())).collect();
            let ban = put(&server, &format!("/admin/users/{user}"), json!({"ban_duration": "24h"})).service().send();
            assert_eq!(ban.await.status, 200);
            for sent in mails {
                sent.await.expect("an answer");
            }
            let known = get(&server, &format!("/admin/users/{user}")).service().send().await.json();
            assert!(known["banned_until"].is_string(), "{path}: {known}");
        }
    }
}

/// Who was here before: without a lock on the user, all would see that the last mail was long ago. (Of one who is new the address's key makes the
/// others wait, so that nothing would be seen.)
#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_who_ask_for_a_mail_to_one_user_one_is_sent() {
    let server = start_with(|config| {
        config.auth.email.max_frequency = std::time::Duration::from_secs(60);
        config.auth.rate_limit.failures = 1000;
    })
    .await;
    for path in ["/otp", "/magiclink", "/recover"] {
        let email = format!("{}@example.com", &path[1..]);
        sign_up(&server, &email).await;
        let answers = at_once(|| post(&server, path, json!({ "email": email }))).await;
        assert_eq!(let_in(&answers), 1, "{path}");
        let others = answers.iter().filter(|answer| answer.status != 200);
        others.for_each(|answer| assert_eq!(answer.status, 429, "{path}: {}", answer.body));
        assert_eq!(mails(&server, &email).await.len(), 1, "{path}");
    }
}

#[tokio::test]
async fn one_who_is_new_asks_for_several_codes_at_once_and_hears_no_more_than_others() {
    let server = start_with(|config| config.auth.email.max_frequency = std::time::Duration::from_secs(60)).await;
    for path in ["/otp", "/magiclink"] {
        let body = json!({"email": format!("new-{}@example.com", &path[1..])});
        let answers = at_once(|| post(&server, path, body.clone())).await;
        assert_eq!(let_in(&answers), 1, "{path}");
        let others = answers.iter().filter(|answer| answer.status != 200);
        others.for_each(|answer| assert_eq!(answer.status, 429, "{path}: {}", answer.body));
    }
}
