//! A provider on loopback: it answers by path, issues ID tokens, and keeps what it was asked.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use basalt_outbound::{Outbound, Settings};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Made for these tests; it opens nothing.
const KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgykuU4ryxW6lThmJl
aPTjlBNvOrFwMyMwzYk6RO+ADEqhRANCAAShpGHeseQiayZuChRPJFsTvuE6vdYk
45YtGEkczasCRaRebYVspWH4V/FCCvOayhETEaWSCs1j5moc4XW6uqMr
-----END PRIVATE KEY-----
";
const OTHER_KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgDXUqGkvi8YGb7UbQ
KQlY5EE5YtUeDpgH1+w4s0O9IbGhRANCAATR/C+cE35tyXvPi8bui8pJWqu5TvPR
jdF8zKaExzn80eVokURjZyx+jPq66LKELB+HteWj5LoThol9ie0N9DeL
-----END PRIVATE KEY-----
";

pub static SIGNING: LazyLock<EncodingKey> = LazyLock::new(|| EncodingKey::from_ec_pem(KEY.as_bytes()).unwrap());
pub static STRANGERS: LazyLock<EncodingKey> = LazyLock::new(|| EncodingKey::from_ec_pem(OTHER_KEY.as_bytes()).unwrap());

/// A server; `answers` may be changed while it runs.
pub struct StandIn {
    pub origin: String,
    pub answers: Arc<Mutex<HashMap<String, Value>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl StandIn {
    pub async fn start() -> StandIn {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let answers: Arc<Mutex<HashMap<String, Value>>> = Arc::default();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let server = StandIn { origin, answers: answers.clone(), asked: asked.clone() };
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (answers, asked) = (answers.clone(), asked.clone());
                tokio::spawn(async move {
                    let Some(request) = read(&mut stream).await else { return };
                    let target = request.split(' ').nth(1).unwrap_or_default();
                    let path = target.split('?').next().unwrap_or_default().to_owned();
                    asked.lock().unwrap().push(request.clone());
                    let answer = answers.lock().unwrap().get(&path).cloned();
                    let status = if answer.is_some() { "200 OK" } else { "404 Not Found" };
                    let body = answer.unwrap_or(Value::Null).to_string();
                    let head =
                        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                    let _ = stream.write_all((head + &body).as_bytes()).await;
                });
            }
        });
        server
    }

    pub fn answer(&self, path: &str, answer: Value) {
        self.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    pub fn asked(&self) -> String {
        self.asked.lock().unwrap().join("\n---\n")
    }
}

async fn read(stream: &mut tokio::net::TcpStream) -> Option<String> {
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                return Some(text);
            }
        }
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => request.extend_from_slice(&buffer[..read]),
            _ => return None,
        }
    }
}

/// A client that reaches loopback.
pub fn outbound() -> Outbound {
    Outbound::new(&Settings { allow: vec!["127.0.0.1".into()], ..Settings::default() }).unwrap()
}

/// What the provider publishes of its key.
pub fn key_set() -> Value {
    let mut key = Jwk::from_encoding_key(&SIGNING, Algorithm::ES256).unwrap();
    key.common.key_id = Some("one".into());
    let unknown = json!({"kty": "LATTICE", "kid": "new", "alg": "ML-DSA-65", "pub": "AQ"});
    json!({ "keys": [unknown, key] })
}

/// Claims that hold: what `claims` does not say is said well.
pub fn claims(issuer: &str, claims: &Value) -> Value {
    let now = jsonwebtoken::get_current_timestamp();
    let mut whole = json!({
        "iss": issuer, "aud": "the-client", "sub": "s-1", "iat": now, "exp": now + 600, "nonce": "the-nonce",
    });
    for (name, value) in claims.as_object().into_iter().flatten() {
        whole[name] = value.clone();
    }
    whole
}

/// A token of the provider's.
pub fn signed(claims: &Value) -> String {
    let header = Header { kid: Some("one".into()), ..Header::new(Algorithm::ES256) };
    jsonwebtoken::encode(&header, claims, &SIGNING).unwrap()
}
