//! The load: connections that each send one prepared request after another and read the whole answer.
//!
//! It writes bytes and looks only for the status and the length of the body, so that it costs little beside the server it measures.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a run found.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Answers with the expected status.
    pub answered: u64,
    /// Answers with another status, or none.
    pub failed: u64,
    /// The first unexpected answer.
    pub first_failure: Option<String>,
    /// How long the run took.
    pub elapsed: Duration,
    /// Latencies, sorted.
    pub latencies: Vec<Duration>,
}

impl Outcome {
    /// Answers a second.
    pub fn rate(&self) -> f64 {
        self.answered as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency below which `share` (0 to 1) of the answers came.
    pub fn percentile(&self, share: f64) -> Duration {
        let index = ((self.latencies.len() as f64 - 1.0) * share).round().max(0.0) as usize;
        self.latencies.get(index).copied().unwrap_or_default()
    }
}

/// Runs `connections` for `duration` against a port of this machine. Each connection goes through `requests` in turn, from its own place.
pub async fn run(
    port: u16,
    connections: usize,
    duration: Duration,
    status: u16,
    requests: Arc<Vec<Vec<u8>>>,
) -> Outcome {
    let stop = Arc::new(AtomicBool::new(false));
    let started = Instant::now();
    let tasks: Vec<_> = (0..connections)
        .map(|index| {
            let (stop, requests) = (stop.clone(), requests.clone());
            let first = index * requests.len() / connections;
            tokio::spawn(connection(port, first, status, requests, stop))
        })
        .collect();
    tokio::time::sleep(duration).await;
    stop.store(true, Ordering::Relaxed);
    let mut outcome = Outcome::default();
    for task in tasks {
        let part = task.await.unwrap_or_default();
        outcome.answered += part.answered;
        outcome.failed += part.failed;
        outcome.first_failure = outcome.first_failure.or(part.first_failure);
        outcome.latencies.extend(part.latencies);
    }
    outcome.elapsed = started.elapsed();
    outcome.latencies.sort_unstable();
    outcome
}

/// A GET, prepared.
pub fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n").into_bytes()
}

/// A POST of JSON, prepared.
pub fn post(path: &str, body: &str, token: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

async fn connection(
    port: u16,
    first: usize,
    status: u16,
    requests: Arc<Vec<Vec<u8>>>,
    stop: Arc<AtomicBool>,
) -> Outcome {
    let mut outcome = Outcome::default();
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else {
        outcome.failed = 1;
        return outcome;
    };
    let _ = stream.set_nodelay(true);
    let expected = format!("HTTP/1.1 {status} ");
    let mut buffer = vec![0; 256 * 1024];
    for request in requests.iter().cycle().skip(first) {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let sent = Instant::now();
        let read = match stream.write_all(request).await {
            Ok(()) => answer(&mut stream, &mut buffer).await,
            Err(_) => None,
        };
        match read {
            Some(length) if buffer.starts_with(expected.as_bytes()) => {
                debug_assert!(length > 0);
                outcome.answered += 1;
                outcome.latencies.push(sent.elapsed());
            }
            Some(length) => {
                outcome.failed += 1;
                outcome.first_failure.get_or_insert_with(|| String::from_utf8_lossy(&buffer[..length]).into_owned());
            }
            None => {
                outcome.failed += 1;
                return outcome;
            }
        }
    }
    outcome
}

/// Reads one answer whole; its length, or `None` when the connection ended.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<usize> {
    let mut filled = 0;
    let mut whole = None;
    loop {
        if filled == buffer.len() {
            buffer.resize(buffer.len() * 2, 0);
        }
        match stream.read(&mut buffer[filled..]).await {
            Ok(n) if n > 0 => filled += n,
            _ => return None,
        }
        if whole.is_none() {
            whole = length(&buffer[..filled]);
        }
        if whole.is_some_and(|whole| filled >= whole) {
            return Some(filled);
        }
    }
}

/// Head and body of the answer that begins here, once the head is complete.
fn length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).ok()?;
    let body = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok())
        .unwrap_or(0);
    Some(head + body)
}
