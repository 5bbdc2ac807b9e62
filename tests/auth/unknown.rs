//! Whoever asks can't tell whether there is a user: the same answers, the first time and again, after as many hashes. What says it by contract
//! stands in docs/auth.md.

use std::time::Duration;

use basalt_tests::{Answer, Server};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{PASSWORD, follow, mail, mails, post, sign_up, start_with};

const KNOWN: &str = "ada@example.com";
const UNKNOWN: &str = "nobody@example.com";

/// Hashes that the server computed so far.
async fn hashes(server: &Server) -> u64 {
    let text = server.raw(Method::GET, "/metrics").send().await.body;
    let line = text.lines().find(|line| line.starts_with("basalt_password_hashes_total ")).expect("the count");
    line.split(' ').nth(1).and_then(|count| count.parse().ok()).expect("a number")
}

/// A whole answer, but for what differs by chance: ids, times, the seconds to wait, and the address that was asked for. Identities and role are left
/// out: that a confirmed user has none is what the contract says, and published clients look at.
fn plain(answer: &Answer) -> (u16, String) {
    let mut body = answer.json();
    body.as_object_mut().map(|object| ["identities", "role"].map(|name| object.remove(name)));
    (answer.status, without_chance(&body, ""))
}

/// The same with both.
fn whole(answer: &Answer) -> (u16, String) {
    (answer.status, without_chance(&answer.json(), ""))
}

fn without_chance(value: &Value, name: &str) -> String {
    match value {
        Value::Object(object) => {
            let members = object.iter().map(|(name, value)| format!("{name}: {}", without_chance(value, name)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Array(list) => list.iter().map(|value| without_chance(value, "")).collect::<Vec<_>>().join(", "),
        Value::String(text) if name == "id" || name == "sub" || name.ends_with("_id") => {
            format!("an id of {}", text.len())
        }
        Value::String(text) if name.ends_with("_at") => format!("a time of {}", text.len().min(20)),
        Value::String(_) if name == "email" || name == "phone" => "an address".into(),
        other => other.to_string().chars().filter(|c| !c.is_ascii_digit()).collect(),
    }
}

/// A server on which Ada signed up and confirmed her address.
async fn server(confirming: bool, pause: u64) -> Server {
    let server = start_with(|config| {
        config.auth.email.enable_confirmations = confirming;
        config.auth.email.max_frequency = Duration::from_secs(pause);
        config.auth.sms.enable_signup = true;
        config.auth.sms.max_frequency = Duration::from_secs(pause);
        config.auth.rate_limit.failures = 1000;
    })
    .await;
    if confirming {
        post(&server, "/signup", json!({"email": KNOWN, "password": PASSWORD})).send().await;
        follow(&server, &mail(&server, KNOWN).await).await;
    } else {
        sign_up(&server, KNOWN).await;
    }
    server
}

#[tokio::test]
async fn as_many_hashes_are_computed_for_nobody_as_for_somebody() {
    let server = server(true, 0).await;
    let ask = async |path: &str, body: Value| {
        let before = hashes(&server).await;
        let answer = post(&server, path, body).send().await;
        (plain(&answer), hashes(&server).await - before)
    };
    for (path, body, expected) in [
        ("/token?grant_type=password", json!({"password": "wrong-1"}), 1),
        ("/token?grant_type=password", json!({"password": ""}), 1),
        ("/signup", json!({"password": PASSWORD}), 1),
        ("/recover", json!({}), 0),
        ("/resend", json!({"type": "signup"}), 0),
        ("/resend", json!({"type": "email_change"}), 0),
        ("/verify", json!({"type": "email", "token": "000000"}), 0),
        ("/otp", json!({}), 0),
        ("/magiclink", json!({}), 0),
    ] {
        let with = |email: &str| {
            let mut body = body.clone();
            body["email"] = email.into();
            body
        };
        // Somebody whom the flows of before did not make.
        let stranger = format!("{}-{UNKNOWN}", path.replace(|c: char| !c.is_ascii_alphabetic(), ""));
        let (known, unknown) = (ask(path, with(KNOWN)).await, ask(path, with(&stranger)).await);
        assert_eq!(known, unknown, "{path} {body}");
        assert_eq!(known.1, expected, "{path} {body}");
    }
    for (path, body, expected) in [
        ("/token?grant_type=password", json!({"password": "wrong-1"}), 1),
        ("/resend", json!({"type": "sms"}), 0),
        ("/resend", json!({"type": "phone_change"}), 0),
    ] {
        let with = |phone: &str| {
            let mut body = body.clone();
            body["phone"] = phone.into();
            body
        };
        let made = json!({"phone": "4915100000001", "password": PASSWORD, "phone_confirm": true});
        crate::world::ask(&server, Method::POST, "/admin/users").service().json(&made).send().await;
        let (known, unknown) = (ask(path, with("4915100000001")).await, ask(path, with("4915100000002")).await);
        assert_eq!((&known, known.1), (&unknown, expected), "{path} {body}");
    }
}

/// A hash of another server's costs what it costs: as long as somebody has one, everybody's sign-in costs that too.
#[tokio::test]
async fn whose_hash_was_imported_does_not_show() {
    let server = server(false, 0).await;
    let import = async |email: &str, hash: &str| {
        let user = json!({"email": email, "password_hash": hash, "email_confirm": true});
        crate::world::ask(&server, Method::POST, "/admin/users").service().json(&user).send().await.status
    };
    let scrypt = "$scrypt$ln=4,r=8,p=1$c2FsdA$c2FsdHNhbHRzYWx0c2FsdA";
    for (email, hash) in [
        ("old@example.com", bcrypt::hash("secret-1", 4).expect("a hash").as_str()),
        ("same@example.com", bcrypt::hash("secret-2", 4).expect("a hash").as_str()),
        ("older@example.com", bcrypt::hash("secret-3", 5).expect("a hash").as_str()),
        ("other@example.com", scrypt),
    ] {
        assert_eq!(import(email, hash).await, 200, "{email}");
    }
    assert_eq!(import("dear@example.com", &bcrypt::hash("x", 4).expect("a hash").replace("$04$", "$20$")).await, 400);
    let hashes_of = async |email: &str, password: &str| {
        let before = hashes(&server).await;
        let status = crate::world::sign_in(&server, email, password).await.status;
        (status, hashes(&server).await - before)
    };
    // Our own, bcrypt at two costs, and scrypt.
    for email in [KNOWN, UNKNOWN, "old@example.com", "same@example.com", "older@example.com", "other@example.com"] {
        assert_eq!(hashes_of(email, "wrong-1").await, (400, 4), "{email}");
    }
    // Whoever signs in has a new hash from then on: a cost that nobody's hash has any more is spent no longer.
    assert_eq!(hashes_of("older@example.com", "secret-3").await, (200, 4 + 1));
    assert_eq!(hashes_of("old@example.com", "secret-1").await, (200, 3 + 1));
    for email in [KNOWN, UNKNOWN, "old@example.com", "same@example.com"] {
        assert_eq!(hashes_of(email, "wrong-1").await, (400, 3), "{email}");
    }
    assert_eq!(hashes_of("same@example.com", "secret-2").await, (200, 3 + 1));
    assert_eq!(hashes_of(UNKNOWN, "wrong-1").await, (400, 2));
}

/// Asking again is refused alike: a pause that only users have would tell of them.
#[tokio::test]
async fn nobody_has_to_wait_as_somebody_has() {
    let server = server(true, 60).await;
    let twice = async |path: &str, body: Value| {
        let (first, second) = (post(&server, path, body.clone()).send().await, post(&server, path, body).send().await);
        [plain(&first), plain(&second)]
    };
    let fresh = "grace@example.com";
    let recovered = twice("/recover", json!({"email": KNOWN})).await;
    assert_eq!(recovered, twice("/recover", json!({"email": UNKNOWN})).await);
    assert_eq!((recovered[0].0, recovered[1].0), (200, 429), "{recovered:?}");
    let signed_up = twice("/signup", json!({"email": KNOWN, "password": PASSWORD})).await;
    assert_eq!(signed_up, twice("/signup", json!({"email": fresh, "password": PASSWORD})).await);
    assert_eq!((signed_up[0].0, signed_up[1].0), (200, 429), "{signed_up:?}");
    // Grace did not confirm yet, Ada did, and nobody is nobody: all were asked for a moment ago but the last.
    let resend =
        async |email: &str| plain(&post(&server, "/resend", json!({"type": "signup", "email": email})).send().await);
    assert_eq!(resend(fresh).await, resend(KNOWN).await);
    assert_eq!(resend(UNKNOWN).await.0, 200);
    assert_eq!(resend(UNKNOWN).await, resend(fresh).await);
    assert_eq!(mails(&server, UNKNOWN).await.len(), 0);
}

#[tokio::test]
async fn mails_to_nobody_count_as_those_to_somebody() {
    let server = start_with(|config| config.auth.rate_limit.email_sent = 2).await;
    let mut statuses = Vec::new();
    for n in 0..3 {
        let answer = post(&server, "/recover", json!({"email": format!("nobody{n}@example.com")})).send().await;
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [200, 200, 429]);
}

/// A number that was never confirmed is nobody's way into a user's account.
#[tokio::test]
async fn signing_up_by_an_unconfirmed_number_changes_no_password() {
    let server = server(false, 0).await;
    let made =
        json!({"email": "grace@example.com", "email_confirm": true, "phone": "4915100000003", "password": PASSWORD});
    let made = crate::world::ask(&server, Method::POST, "/admin/users").service().json(&made).send().await;
    assert_eq!(made.status, 200, "{}", made.body);
    post(&server, "/signup", json!({"phone": "4915100000003", "password": "of-somebody-else"})).send().await;
    let signed_in = crate::world::sign_in(&server, "grace@example.com", "of-somebody-else").await;
    assert_eq!((signed_in.status, &signed_in.json()["code"]), (400, &json!("invalid_credentials")));
    assert_eq!(crate::world::sign_in(&server, "grace@example.com", PASSWORD).await.status, 200);
}

/// Whoever signs up with an address that waits for its owner sees what they sent themselves, and cannot tell that somebody was there.
#[tokio::test]
async fn a_second_sign_up_is_answered_as_the_first() {
    let server = server(true, 0).await;
    let waiting = json!({"email": "grace@example.com", "password": PASSWORD, "data": {"salary": 7, "name": "Grace"}});
    assert_eq!(post(&server, "/signup", waiting).send().await.status, 200);
    let invited = json!({"email": "joan@example.com", "data": {"team": "north"}});
    crate::world::ask(&server, Method::POST, "/invite").service().json(&invited).send().await;
    let ask = async |email: &str| {
        let body = json!({"email": email, "password": "another-7", "data": {"theme": "dark", "sub": "x"}});
        post(&server, "/signup", body).send().await
    };
    let new = ask("new@example.com").await;
    assert!(new.body.contains("theme"), "{}", new.body);
    for email in ["grace@example.com", "joan@example.com", "new@example.com"] {
        let again = ask(email).await;
        assert!(!again.body.contains("salary") && !again.body.contains("north"), "{}", again.body);
        assert_eq!(whole(&again), whole(&new), "{email}");
    }
    let confirmed = ask(KNOWN).await;
    assert_eq!((&confirmed.json()["identities"], &confirmed.json()["role"]), (&json!([]), &json!("")));
    assert_eq!(plain(&confirmed), plain(&new));
    // What waits is compared with, and costs what a new user's hash costs.
    let before = hashes(&server).await;
    ask("grace@example.com").await;
    let between = hashes(&server).await;
    ask("newer@example.com").await;
    assert_eq!((between - before, hashes(&server).await - between), (1, 1));
    let before = hashes(&server).await;
    let again = json!({"email": "newer@example.com", "password": "another-7"});
    post(&server, "/signup", again).send().await;
    assert_eq!(hashes(&server).await - before, 1, "of the password that waits");
}
