//! What a code or link proves, and to whom: the address that it was sent to, to whoever was sent it, until a new password ends it.

use basalt_tests::Server;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha224};

use crate::factors::owners_view;
use crate::world::{
    PASSWORD, ask, follow, get, mail, parameter, post, put, refresh, session, sign_in, sign_up, start, start_with,
};

const ADA: &str = "ada@example.com";
const NUMBER: &str = "491511234567";
/// The pair of RFC 7636, appendix B.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// What another auth service stores of a code, and anybody can compute.
fn guessed(address: &str, code: &str) -> String {
    Sha224::digest(format!("{address}{code}")).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(mail: &Value, name: &str) -> String {
    mail[name].as_str().unwrap_or_else(|| panic!("no {name} in {mail}")).to_owned()
}

/// The hash that is stored of what was sent to an address.
async fn stored(server: &Server, address: &str) -> String {
    owners_view(server, "tokens", "select token_hash, relates_to from auth.one_time_tokens").await;
    let rows = server.get(&format!("/tokens?relates_to=eq.{address}")).service().send().await.json();
    rows[0]["token_hash"].as_str().unwrap_or_else(|| panic!("no token: {rows}")).to_owned()
}

async fn dead(server: &Server, link: &str, why: &str) {
    let path = link.strip_prefix(server.url()).unwrap_or(link);
    let answer = server.raw(Method::GET, path).send().await;
    let to = answer.header("location");
    assert!(answer.status == 303 && to.contains("error_code=otp_expired"), "{why}: {} {to}", answer.status);
}

#[tokio::test]
async fn the_hash_of_a_link_is_not_computed_of_a_guessed_code() {
    let server = start().await;
    for pkce in [false, true] {
        let mut asked = json!({"email": ADA});
        if pkce {
            asked["code_challenge"] = CHALLENGE.into();
            asked["code_challenge_method"] = "s256".into();
        }
        post(&server, "/otp", asked).expect(200, json!({})).await;
        let letter = mail(&server, ADA).await;
        let hash = guessed(ADA, &text(&letter, "token"));
        for guess in [hash.clone(), format!("pkce_{hash}")] {
            post(&server, "/verify", json!({"type": "email", "token_hash": guess}))
                .expect_error(403, "otp_expired")
                .await;
            dead(&server, &format!("/auth/v1/verify?type=magiclink&token={guess}"), "guessed").await;
        }
        let to = follow(&server, &letter).await;
        assert!(parameter(&to, if pkce { "code" } else { "access_token" }).is_some(), "the link itself: {to}");
    }
}

/// What Supabase's auth service left in the database is good with its address alone, where guesses are counted.
#[tokio::test]
async fn a_code_of_another_auth_service_is_good_with_its_address() {
    let server = start().await;
    post(&server, "/otp", json!({"email": ADA})).expect(200, json!({})).await;
    let hash = guessed(ADA, "314159");
    server.script(&format!("update auth.one_time_tokens set token_hash = '{hash}'")).await;
    let by_hash = json!({"type": "email", "token_hash": hash});
    post(&server, "/verify", by_hash).expect_error(403, "otp_expired").await;
    dead(&server, &format!("/auth/v1/verify?type=magiclink&token={hash}"), "by link").await;
    let by_code = json!({"type": "email", "email": ADA, "token": "314159"});
    session(&post(&server, "/verify", by_code).send().await);
}

/// A stranger who types somebody's address into their account and proves their own number has not proved the address.
#[tokio::test]
async fn a_text_message_proves_no_mail() {
    let server = start_with(|config| {
        config.auth.sms.enable_signup = true;
        config.auth.sms.test_otp.insert(NUMBER.into(), "123456".into());
    })
    .await;
    let stranger = sign_up(&server, ADA).await;
    put(&server, "/user", json!({"phone": NUMBER})).token(&stranger.access).send().await;
    let change = json!({"type": "phone_change", "phone": NUMBER, "token": "123456"});
    session(&post(&server, "/verify", change).send().await);
    assert_eq!(post(&server, "/otp", json!({"phone": NUMBER})).send().await.status, 200);
    let hash = stored(&server, NUMBER).await;
    for kind in ["email", "signup", "magiclink", "recovery", "email_change"] {
        let verify = json!({"type": kind, "token_hash": hash});
        post(&server, "/verify", verify).expect_error(403, "otp_expired").await;
        dead(&server, &format!("/auth/v1/verify?type={kind}&token={hash}"), kind).await;
    }
    let verify = json!({"type": "sms", "phone": NUMBER, "token": "123456"});
    session(&post(&server, "/verify", verify).send().await);
    owners_view(&server, "proven", "select proven_email, proven_phone from auth.users").await;
    let proven = server.get("/proven").service().send().await.json();
    assert_eq!(proven, json!([{"proven_email": null, "proven_phone": NUMBER}]));
}

/// A code is good as long as codes of its way are, whatever it is said to be.
#[tokio::test]
async fn the_way_of_a_code_says_how_long_it_is_good() {
    let server = start_with(|config| {
        config.auth.sms.enable_signup = true;
        config.auth.sms.test_otp.insert(NUMBER.into(), "123456".into());
    })
    .await;
    post(&server, "/otp", json!({"phone": NUMBER})).send().await;
    post(&server, "/otp", json!({"email": ADA})).expect(200, json!({})).await;
    server.script("update auth.one_time_tokens set created_at = created_at - interval '2 minutes'").await;
    let by_message = json!({"type": "sms", "phone": NUMBER, "token": "123456"});
    post(&server, "/verify", by_message).expect_error(403, "otp_expired").await;
    let code = text(&mail(&server, ADA).await, "token");
    session(&post(&server, "/verify", json!({"type": "email", "email": ADA, "token": code})).send().await);
}

#[tokio::test]
async fn a_link_to_an_address_of_before_is_dead() {
    let server = start().await;
    let ada = sign_up(&server, ADA).await;
    for path in ["/otp", "/recover"] {
        let (old, new) = (format!("old{}@example.com", &path[1..]), format!("new{}@example.com", &path[1..]));
        let rename = async |email: &str| {
            let path = format!("/admin/users/{}", ada.user);
            let changed = ask(&server, Method::PUT, &path).service().json(&json!({"email": email})).send().await;
            assert_eq!(changed.status, 200, "{}", changed.body);
        };
        rename(&old).await;
        post(&server, path, json!({"email": old})).expect(200, json!({})).await;
        let letter = mail(&server, &old).await;
        rename(&new).await;
        dead(&server, letter["link"].as_str().expect("a link"), path).await;
        let code = json!({"type": "magiclink", "email": old, "token": letter["token"]});
        post(&server, "/verify", code).expect_error(403, "otp_expired").await;
        post(&server, path, json!({"email": new})).expect(200, json!({})).await;
        assert!(parameter(&follow(&server, &mail(&server, &new).await).await, "access_token").is_some());
    }
}

/// An application that is given the hash of a mail is signed in where it is, however the mail was asked for.
#[tokio::test]
async fn the_hash_of_a_flow_with_pkce_signs_in() {
    let server = start().await;
    let asked = json!({"email": ADA, "code_challenge": CHALLENGE, "code_challenge_method": "s256"});
    post(&server, "/otp", asked).expect(200, json!({})).await;
    let link = text(&mail(&server, ADA).await, "link");
    let hash = parameter(&link, "token").expect("a hash");
    assert!(hash.starts_with("pkce_"), "{hash}");
    let signed_in = post(&server, "/verify", json!({"type": "email", "token_hash": hash})).send().await;
    let user = get(&server, "/user").token(&session(&signed_in).access).send().await;
    assert_eq!(user.json()["email"], ADA);
}

#[tokio::test]
async fn a_new_password_ends_links_and_a_change_that_waits() {
    let server = start().await;
    let ada = sign_up(&server, ADA).await;
    post(&server, "/recover", json!({"email": ADA})).expect(200, json!({})).await;
    let link = text(&mail(&server, ADA).await, "link");
    put(&server, "/user", json!({"email": "eve@example.com"})).token(&ada.access).send().await;
    let (old, new) = (mail(&server, ADA).await, mail(&server, "eve@example.com").await);
    let changed = put(&server, "/user", json!({"password": "another-1"})).token(&ada.access).send().await;
    assert_eq!((changed.status, changed.json().get("new_email")), (200, None), "{}", changed.body);
    dead(&server, &link, "recovery").await;
    dead(&server, old["link"].as_str().expect("a link"), "the old address").await;
    dead(&server, new["link"].as_str().expect("a link"), "the new address").await;
    let before = text(&mail(&server, ADA).await, "token");
    post(&server, "/resend", json!({"type": "email_change", "email": ADA})).expect(200, json!({})).await;
    assert_eq!(text(&mail(&server, ADA).await, "token"), before, "no change waits");
    assert_eq!(get(&server, "/user").token(&ada.access).send().await.json()["email"], ADA);
}

#[tokio::test]
async fn an_administrator_s_new_password_ends_everything() {
    let server = start().await;
    let ada = sign_up(&server, ADA).await;
    post(&server, "/recover", json!({"email": ADA})).expect(200, json!({})).await;
    let link = text(&mail(&server, ADA).await, "link");
    let path = format!("/admin/users/{}", ada.user);
    let change = |body: Value| ask(&server, Method::PUT, &path).service().json(&body).send();
    assert_eq!(change(json!({"user_metadata": {"a": 1}})).await.status, 200);
    assert_eq!(get(&server, "/user").token(&ada.access).send().await.status, 200, "anything else ends nothing");
    assert_eq!(change(json!({"password": "another-1"})).await.status, 200);
    get(&server, "/user").token(&ada.access).expect_error(403, "session_not_found").await;
    assert_eq!(refresh(&server, &ada.refresh).await.status, 400);
    dead(&server, &link, "recovery").await;
    assert_eq!(sign_in(&server, ADA, PASSWORD).await.status, 400);
    assert_eq!(sign_in(&server, ADA, "another-1").await.status, 200);
}
