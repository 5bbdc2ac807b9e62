//! Factors that go, by their user and by administrators.

use basalt_tests::totp::code;
use basalt_tests::{Answer, Server};
use reqwest::Method;
use serde_json::json;

use crate::factors::{enrol, refused, secured, verify};
use crate::world::{PASSWORD, Session, ask, claims, get, post, put, refresh, session, sign_in, sign_up, start};

async fn unenrol(server: &Server, by: &Session, factor: &str) -> Answer {
    ask(server, Method::DELETE, &format!("/factors/{factor}")).token(&by.access).send().await
}

#[tokio::test]
async fn a_verified_factor_goes_at_aal2_only() {
    let server = start().await;
    let (second, factor, _) = secured(&server, "ada@example.com").await;
    let fresh = session(&sign_in(&server, "ada@example.com", PASSWORD).await);
    refused(&unenrol(&server, &fresh, &factor).await, 422, "insufficient_aal");
    let gone = unenrol(&server, &second, &factor).await;
    assert_eq!((gone.status, gone.json()), (200, json!({ "id": factor })));
    refused(&unenrol(&server, &second, &factor).await, 404, "mfa_factor_not_found");
    // The session is aal1 again, and says nothing of the factor.
    let after = claims(&session(&refresh(&server, &second.refresh).await).access);
    assert_eq!(after["aal"], "aal1");
    assert_eq!(after["amr"].as_array().unwrap().len(), 1, "{after}");
    // The old token still reads aal2; it makes nothing that needs it.
    let codes = post(&server, "/factors/recovery-codes", json!({})).token(&second.access).send().await;
    refused(&codes, 403, "insufficient_aal");
}

#[tokio::test]
async fn an_unverified_factor_goes_at_aal1() {
    let server = start().await;
    let first = sign_up(&server, "ada@example.com").await;
    let (factor, _) = enrol(&server, &first, "app").await;
    assert_eq!(unenrol(&server, &first, &factor).await.status, 200);
    let eve = sign_up(&server, "eve@example.com").await;
    let (factor, _) = enrol(&server, &first, "app").await;
    refused(&unenrol(&server, &eve, &factor).await, 404, "mfa_factor_not_found");
}

#[tokio::test]
async fn a_session_keeps_aal2_by_the_factor_that_it_proved() {
    let server = start().await;
    let (second, first_factor, _) = secured(&server, "ada@example.com").await;
    let (other, secret) = enrol(&server, &second, "other").await;
    let third = session(&verify(&server, &second, &other, &code(&secret, 0)).await);
    assert_eq!(unenrol(&server, &third, &first_factor).await.status, 200);
    let after = session(&refresh(&server, &third.refresh).await);
    assert_eq!(claims(&after.access)["aal"], "aal2");
    assert_eq!(unenrol(&server, &after, &other).await.status, 200);
    assert_eq!(claims(&session(&refresh(&server, &after.refresh).await).access)["aal"], "aal1");
}

/// What a token says of a second factor counts only as long as its session says so.
#[tokio::test]
async fn a_token_of_before_the_factor_went_changes_nothing_that_needs_it() {
    let server = start().await;
    let (second, _, _) = secured(&server, "ada@example.com").await;
    let (other, secret) = enrol(&server, &second, "other").await;
    let third = session(&verify(&server, &second, &other, &code(&secret, 0)).await);
    assert_eq!(claims(&third.access)["aal"], "aal2");
    assert_eq!(unenrol(&server, &third, &other).await.status, 200);
    // The first factor is still there, and this session proved only the one that went.
    for body in [json!({"password": "Another-horse-8"}), json!({"email": "eve@example.com"})] {
        let answer = put(&server, "/user", body).token(&third.access).send().await;
        refused(&answer, 401, "insufficient_aal");
    }
    assert_eq!(put(&server, "/user", json!({"data": {"name": "Ada"}})).token(&third.access).send().await.status, 200);
}

#[tokio::test]
async fn an_administrator_removes_a_lost_factor() {
    let server = start().await;
    let (second, factor, _) = secured(&server, "ada@example.com").await;
    let path = format!("/admin/users/{}/factors", second.user);
    let listed = get(&server, &path).service().send().await.json();
    assert_eq!(listed[0]["id"], factor);
    assert_eq!(ask(&server, Method::DELETE, &format!("{path}/{factor}")).service().send().await.status, 200);
    get(&server, &path).service().expect(200, json!([])).await;
    assert_eq!(claims(&session(&refresh(&server, &second.refresh).await).access)["aal"], "aal1");
}
