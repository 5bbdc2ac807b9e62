//! A service on loopback that answers each path with one text, and keeps what it was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A running service. It ends with the test's runtime.
pub struct StandIn {
    pub url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl StandIn {
    /// Answers paths (without their query) with these texts, and others with 404.
    pub async fn start(answers: &[(&str, String)]) -> StandIn {
        let answers: HashMap<String, String> =
            answers.iter().map(|(path, text)| ((*path).to_owned(), text.clone())).collect();
        StandIn::answering(move |request| {
            let path = request.split([' ', '?']).nth(1).unwrap_or_default();
            answers.get(path).map_or(("404 Not Found", String::new()), |text| ("200 OK", text.clone()))
        })
        .await
    }

    /// Answers whole requests with a status and a body; with an empty status, not at all, and the connection stays open.
    pub async fn answering(mut answer: impl FnMut(&str) -> (&'static str, String) + Send + 'static) -> StandIn {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = asked.clone();
        tokio::spawn(async move {
            let mut silent = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
                while !is_whole(&request) {
                    match stream.read(&mut buffer).await {
                        Ok(read) if read > 0 => request.extend_from_slice(&buffer[..read]),
                        _ => break,
                    }
                }
                let request = String::from_utf8_lossy(&request).into_owned();
                let (status, text) = answer(&request);
                kept.lock().expect("a list").push(request);
                if status.is_empty() {
                    silent.push(stream);
                    continue;
                }
                let answer =
                    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}", text.len());
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        StandIn { url, asked }
    }

    /// What it was asked: requests whole.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("a list").clone()
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    body.len() >= length
}
