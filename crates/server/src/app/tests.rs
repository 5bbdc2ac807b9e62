//! A fault anywhere in a request's way is an answer in the form that its clients expect, a line of the log, and a number.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http::HeaderMap;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::keys::DEVELOPMENT_SECRET;
use crate::{Basalt, Config, open_database};

const PANIC: &str = "x-panic";

/// Panics where a request says so.
pub(super) fn panic_if_asked(headers: &HeaderMap) {
    assert!(!headers.contains_key(PANIC), "as it was asked");
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(&mut *self.0.lock().unwrap(), bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// A GET: status, headers in lower case, body.
async fn get(address: SocketAddr, path: &str, headers: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{path}: no answer: {answer}"));
    (head[9..12].parse().unwrap(), head.to_lowercase(), body.to_owned())
}

async fn panics(address: SocketAddr) -> u64 {
    let text = get(address, "/metrics", "").await.2;
    let line = text.lines().find_map(|line| line.strip_prefix("basalt_panics_total "));
    line.map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn a_panic_is_answered_logged_and_counted_on_every_surface() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
    let _logging = tracing::subscriber::set_default(subscriber);

    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.server.port = 0;
    config.server.admin_port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    config.auth.jwt_secret = DEVELOPMENT_SECRET.into();
    config.auth.email.mailbox = true;
    let database = open_database(folder.path(), &config).await.unwrap();
    let basalt = Basalt::start(folder.path(), &config, database).await.unwrap();
    let (api, operators) = (basalt.address(), basalt.admin_address().unwrap());

    let rest = json!({"code": "PGRSTX00", "message": "Internal error", "details": null, "hint": null});
    let unexpected = "Unexpected failure, please check server logs for more information";
    let (socket, hook) =
        (json!({"error": "Internal error"}), json!({"code": "webhook_failed", "message": "Internal error"}));
    let text = json!("Internal error");
    let cases = [
        (api, "/rest/v1/t", &rest),
        (api, "/batch/v1", &rest),
        (api, "/openapi.json", &rest),
        (api, "/nothing", &rest),
        (api, "/auth/v1/user", &json!({"code": "unexpected_failure", "message": unexpected})),
        (api, "/realtime/v1/websocket", &socket),
        (api, "/realtime/v1/api/ping", &socket),
        (api, "/admin/v1/webhooks", &hook),
        (api, "/studio/mail", &text),
        (api, "/health/live", &text),
        (api, "/health/ready", &text),
        (api, "/metrics", &text),
        (operators, "/live", &text),
        (operators, "/ready", &text),
        (operators, "/metrics", &text),
        (operators, "/schema_cache", &text),
    ];
    let before = panics(api).await;
    let mut ids = BTreeSet::new();
    for (n, (address, path, expected)) in cases.iter().enumerate() {
        let id = format!("request-{n}");
        let headers = format!("{PANIC}: yes\r\nx-request-id: {id}\r\nx-supabase-api-version: 2024-01-01\r\n");
        let (status, head, body) = get(*address, path, &headers).await;
        let mut found = serde_json::from_str(&body).unwrap_or(Value::String(body));
        if let Some(found) = found.as_object_mut() {
            // A number by which the log finds it.
            found.remove("error_id");
        }
        assert_eq!((status, &found), (500, *expected), "{path}");
        assert!(head.contains(&format!("x-request-id: {id}")) && head.contains("nosniff"), "{path}: {head}");
        ids.insert(id);
    }
    let logged = log.text();
    let lines = logged.lines().filter(|line| line.contains("ERROR") && line.contains("a request panicked"));
    let told: BTreeSet<String> =
        lines.filter_map(|line| Some(line.split("id=").nth(1)?.split(' ').next()?.to_owned())).collect();
    assert_eq!(told, ids);
    assert_eq!(panics(api).await - before, cases.len() as u64);

    // Nothing was left behind: all go on.
    assert_eq!(get(api, "/health/ready", "").await.0, 200);
    assert_eq!(get(api, "/auth/v1/health", "").await.0, 200);
    basalt.stop().await;
}
