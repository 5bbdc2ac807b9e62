//! What the contract has and Basalt has not says so by its code.

use reqwest::Method;
use serde_json::json;

use crate::world::{ask, post, start, start_with};

#[tokio::test]
async fn what_is_not_there_says_so() {
    let server = start().await;
    post(&server, "/sso", json!({"domain": "example.com"})).expect_error(404, "saml_provider_disabled").await;
    let providers = ask(&server, Method::GET, "/admin/sso/providers").service();
    providers.expect_error(404, "saml_provider_disabled").await;
    let wallet = json!({"chain": "ethereum", "message": "m", "signature": "s"});
    post(&server, "/token?grant_type=web3", wallet).expect_error(422, "web3_provider_disabled").await;
}

#[tokio::test]
async fn a_message_goes_by_no_other_channel() {
    let number = "491511234567";
    let server = start_with(|config| {
        config.auth.sms.enable_signup = true;
        config.auth.sms.test_otp.insert(number.into(), "123456".into());
    })
    .await;
    for channel in ["whatsapp", "pigeon"] {
        let asked = json!({"phone": number, "password": "Correct-horse-7", "channel": channel});
        for path in ["/otp", "/signup"] {
            post(&server, path, asked.clone()).expect_error(400, "validation_failed").await;
        }
    }
    assert_eq!(post(&server, "/otp", json!({"phone": number, "channel": "sms"})).send().await.status, 200);
}
