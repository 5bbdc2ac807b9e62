//! A receiver of webhooks on the loopback address: it remembers what came, and answers what it is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::waiting::until;

/// A message that came.
#[derive(Debug, Clone)]
pub struct Received {
    /// The request's path.
    pub path: String,
    /// Its headers, their names in lower case.
    pub headers: HashMap<String, String>,
    /// Its body.
    pub body: String,
}

impl Received {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// The message's id.
    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }
}

/// What it answers, by path; 200 otherwise. 0: nothing, for a long time.
type Answers = HashMap<String, (u16, &'static str)>;

/// A receiver. Cloning is a reference count.
#[derive(Clone)]
pub struct Receiver {
    /// Its host and port.
    pub address: String,
    received: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Mutex<Answers>>,
}

impl Receiver {
    /// Listens on a free port.
    pub async fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let receiver = Receiver { address, received: Arc::default(), answers: Arc::default() };
        let serving = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        receiver
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From now on, a path is answered with this status and these header lines.
    pub fn answer(&self, path: &str, status: u16, headers: &'static str) {
        self.answers.lock().unwrap().insert(path.to_owned(), (status, headers));
    }

    /// All that came.
    pub fn all(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// What came to a path, once there are so many.
    pub async fn wait(&self, path: &str, count: usize) -> Vec<Received> {
        let came = || -> Vec<Received> { self.all().into_iter().filter(|one| one.path == path).collect() };
        until(&format!("{count} requests to {path}"), async || came().len() >= count).await;
        came()
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut buffer = Vec::new();
        loop {
            let end = loop {
                if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                    break end;
                }
                let mut more = [0; 4096];
                match stream.read(&mut more).await {
                    Ok(0) | Err(_) => return,
                    Ok(n) => buffer.extend_from_slice(&more[..n]),
                }
            };
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let mut lines = head.lines();
            let path = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
            let headers: HashMap<String, String> = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect();
            let length: usize = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            while buffer.len() < end + 4 + length {
                let mut more = [0; 4096];
                match stream.read(&mut more).await {
                    Ok(0) | Err(_) => return,
                    Ok(n) => buffer.extend_from_slice(&more[..n]),
                }
            }
            let body = String::from_utf8_lossy(&buffer[end + 4..end + 4 + length]).into_owned();
            buffer.drain(..end + 4 + length);
            let (status, extra) = self.answers.lock().unwrap().get(&path).copied().unwrap_or((200, ""));
            self.received.lock().unwrap().push(Received { path, headers, body });
            if status == 0 {
                tokio::time::sleep(Duration::from_secs(600)).await;
            }
            let answer = format!("HTTP/1.1 {status} Some Reason\r\n{extra}content-length: 0\r\n\r\n");
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}
