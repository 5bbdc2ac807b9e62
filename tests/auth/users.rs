//! What users change of themselves, and what their rows mean to the project's own SQL.

use serde_json::json;

use crate::world::{get, put, sign_up, start};

#[tokio::test]
async fn metadata_is_merged_and_null_deletes() {
    let server = start().await;
    let ada = sign_up(&server, "ada@example.com").await;
    let change = |data: serde_json::Value| put(&server, "/user", json!({ "data": data })).token(&ada.access).send();
    change(json!({"a": 1, "b": {"c": 2}})).await;
    let user = change(json!({"a": null, "b": {"d": 3}})).await.json();
    assert_eq!((user["user_metadata"].get("a"), &user["user_metadata"]["b"]), (None, &json!({"d": 3})));
    let own = put(&server, "/user", json!({"app_metadata": {"role": "admin"}})).token(&ada.access);
    own.expect_error(403, "not_admin").await;
}

#[tokio::test]
async fn a_deleted_user_takes_their_rows_along() {
    let server = start().await;
    let ada = sign_up(&server, "ada@example.com").await;
    server.post("/notes", &json!({"body": "gone"})).token(&ada.access).expect(201, serde_json::Value::Null).await;
    let path = format!("/admin/users/{}", ada.user);
    crate::world::ask(&server, reqwest::Method::DELETE, &path).service().expect(200, json!({})).await;
    server.get("/notes").service().expect(200, json!([])).await;
    get(&server, "/user").token(&ada.access).expect_error(403, "user_not_found").await;
}

#[tokio::test]
async fn nobody_reads_the_users_through_the_other_apis() {
    let server = start().await;
    let ada = sign_up(&server, "ada@example.com").await;
    for table in ["users", "refresh_tokens", "one_time_tokens"] {
        let answer = server.get(&format!("/{table}")).header("accept-profile", "auth").token(&ada.access).send().await;
        assert_eq!((answer.status, &answer.json()["code"]), (406, &json!("PGRST106")), "{table}");
    }
}
