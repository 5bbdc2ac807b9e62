//! The client against servers on loopback: what it refuses, follows, drops and gives up.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use basalt_outbound::{Error, Limits, Outbound, Resolve, Resolved, Settings};
use bytes::Bytes;
use bytesize::ByteSize;
use http::{HeaderValue, Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server that answers by path with bytes as they stand, and keeps what it was asked. An answer that ends in `...` never ends.
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

type Answers = HashMap<&'static str, String>;

impl Server {
    async fn start(host: &str, answers: impl FnOnce(SocketAddr) -> Answers) -> Server {
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (answers, asked) = (Arc::new(answers(address)), Arc::new(Mutex::new(Vec::new())));
        let kept = asked.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (answers, kept) = (answers.clone(), kept.clone());
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    let mut buffer = [0; 4096];
                    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                        match stream.read(&mut buffer).await {
                            Ok(read) if read > 0 => request.extend_from_slice(&buffer[..read]),
                            _ => return,
                        }
                    }
                    let request = String::from_utf8(request).unwrap();
                    let path = request.split(' ').nth(1).unwrap().to_owned();
                    kept.lock().unwrap().push(request);
                    let answer = answers.get(path.as_str()).cloned().unwrap_or_else(|| ok("hello"));
                    let cut = answer.strip_suffix("...");
                    let _ = stream.write_all(cut.unwrap_or(&answer).as_bytes()).await;
                    if cut.is_some() {
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        Server { address, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn redirect(status: u16, to: &str) -> String {
    format!("HTTP/1.1 {status} R\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

fn settings(allow: &[&str]) -> Settings {
    Settings { allow: allow.iter().map(|entry| (*entry).to_owned()).collect(), ..Settings::default() }
}

async fn get(client: &Outbound, url: &str) -> Result<Response<Bytes>, Error> {
    client.send(Request::get(url).body(Bytes::new()).unwrap()).await
}

/// Answers with the first list, then the second, and so on; the last one stays.
struct Turns {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Turns {
    fn new(answers: &[&[&str]]) -> Arc<Turns> {
        let parsed = |list: &&[&str]| list.iter().map(|address| address.parse().unwrap()).collect();
        Arc::new(Turns { answers: answers.iter().map(parsed).collect(), asked: AtomicUsize::new(0) })
    }
}

impl Resolve for Turns {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolved<'a> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst).min(self.answers.len() - 1);
        let answer = self.answers[turn].clone();
        Box::pin(async move { io::Result::Ok(answer) })
    }
}

#[tokio::test]
async fn private_addresses_are_closed_however_they_are_written() {
    let server = Server::start("127.0.0.1", |_| Answers::new()).await;
    let port = server.address.port();
    let client = Outbound::new(&settings(&[])).unwrap();
    for host in [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "127.0.0.1.",
        "localhost.",
        "\u{ff11}27.0.0.1",
        "127\u{3002}0.0.1",
    ] {
        let url = url::Url::parse(&format!("http://{host}:{port}/")).unwrap();
        let error = get(&client, url.as_str()).await.unwrap_err();
        assert!(matches!(error, Error::Closed { .. } | Error::Unresolved { .. }), "{host}: {error:?}");
    }
    assert_eq!(server.asked(), [""; 0]);
}

#[tokio::test]
async fn what_the_operator_opened_is_reached() {
    let server = Server::start("127.0.0.1", |_| Answers::new()).await;
    let only = format!("127.0.0.1:{}", server.address.port());
    let client = Outbound::new(&settings(&[&only])).unwrap();
    assert_eq!(get(&client, &server.url("/")).await.unwrap().body(), "hello");
    let other = Server::start("127.0.0.1", |_| Answers::new()).await;
    assert_eq!(get(&client, &other.url("/")).await.unwrap_err().code(), "outbound_address_closed");
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_judged_at_every_connection() {
    let server = Server::start("127.0.0.1", |_| Answers::new()).await;
    let url = format!("http://rebinding.test:{}/", server.address.port());
    let resolver = Turns::new(&[&["127.0.0.1"], &["127.0.0.2"], &["127.0.0.2", "127.0.0.1"], &[]]);
    let client = Outbound::with_resolver(&settings(&["127.0.0.1"]), resolver.clone()).unwrap();
    assert_eq!(get(&client, &url).await.unwrap().body(), "hello");
    assert_eq!(resolver.asked.load(Ordering::SeqCst), 1);
    assert_eq!(get(&client, &url).await.unwrap_err(), Error::Closed { host: "rebinding.test".into() });
    // Of several addresses only the open ones are tried.
    assert_eq!(get(&client, &url).await.unwrap().body(), "hello");
    assert_eq!(get(&client, &url).await.unwrap_err(), Error::Unresolved { host: "rebinding.test".into() });
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn every_redirect_is_judged_again() {
    let inner = Server::start("127.0.0.2", |_| Answers::new()).await;
    let to = inner.url("/secret");
    let server = Server::start("127.0.0.1", |_| {
        Answers::from([
            ("/away", redirect(302, &to)),
            ("/file", redirect(302, "file:///etc/passwd")),
            ("/with", redirect(302, "http://user:pass@example.com/")),
            ("/loop", redirect(302, "/loop")),
            ("/near", redirect(307, "there")),
        ])
    })
    .await;
    let client = Outbound::new(&settings(&["127.0.0.1"])).unwrap();
    assert_eq!(get(&client, &server.url("/away")).await.unwrap_err().code(), "outbound_address_closed");
    assert_eq!(inner.asked(), [""; 0]);
    assert_eq!(get(&client, &server.url("/file")).await.unwrap_err().code(), "outbound_url_invalid");
    assert_eq!(get(&client, &server.url("/with")).await.unwrap_err().code(), "outbound_url_invalid");
    assert_eq!(get(&client, &server.url("/loop")).await.unwrap_err(), Error::TooManyRedirects(5));
    assert_eq!(server.asked().iter().filter(|request| request.starts_with("GET /loop ")).count(), 6);
    assert_eq!(get(&client, &server.url("/near")).await.unwrap().body(), "hello");
    assert!(server.asked().last().unwrap().starts_with("GET /there "));
    let kept = client.limited(Limits { redirects: 0, ..client.limits() });
    assert_eq!(get(&kept, &server.url("/near")).await.unwrap().status(), 307);
}

#[tokio::test]
async fn credentials_stay_with_their_origin() {
    let other = Server::start("127.0.0.1", |_| Answers::new()).await;
    let to = other.url("/there");
    let server = Server::start("127.0.0.1", |_| {
        Answers::from([
            ("/near", redirect(307, "/there")),
            ("/away", redirect(307, &to)),
            ("/see", redirect(302, "/seen")),
        ])
    })
    .await;
    let client = Outbound::new(&settings(&["127.0.0.1"])).unwrap();
    let request = |path: &str| {
        let mut key = HeaderValue::from_static("the-key");
        key.set_sensitive(true);
        Request::post(server.url(path))
            .header("authorization", "Bearer the-token")
            .header("cookie", "the-cookie")
            .header("x-key", key)
            .header("x-plain", "plain")
            .header("host", "elsewhere.test")
            .body(Bytes::from_static(b"body"))
            .unwrap()
    };
    client.send(request("/near")).await.unwrap();
    let near = server.asked().pop().unwrap();
    assert!(near.starts_with("POST /there "), "{near}");
    for kept in ["Bearer the-token", "the-cookie", "the-key", "plain", "content-length: 4"] {
        assert!(near.contains(kept), "{kept}: {near}");
    }
    assert!(!near.contains("elsewhere"), "{near}");
    client.send(request("/away")).await.unwrap();
    let away = other.asked().pop().unwrap();
    assert!(away.starts_with("POST /there ") && away.contains("plain"), "{away}");
    for dropped in ["the-token", "the-cookie", "the-key"] {
        assert!(!away.contains(dropped), "{dropped}: {away}");
    }
    client.send(request("/see")).await.unwrap();
    let seen = server.asked().pop().unwrap();
    assert!(seen.starts_with("GET /seen ") && !seen.contains("content-length"), "{seen}");
}

#[tokio::test]
async fn answers_are_limited_in_size() {
    let headers = (0..40).map(|n| format!("x-{n}: {}\r\n", "v".repeat(1000))).collect::<String>();
    let many = (0..200).map(|n| format!("x-{n}: v\r\n")).collect::<String>();
    let server = Server::start("127.0.0.1", |_| {
        Answers::from([
            ("/exact", ok(&"x".repeat(1000))),
            ("/declared", ok(&"x".repeat(1001))),
            ("/undeclared", format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", "x".repeat(1001))),
            ("/headers", format!("HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n")),
            ("/many", format!("HTTP/1.1 200 OK\r\n{many}content-length: 0\r\nconnection: close\r\n\r\n")),
        ])
    })
    .await;
    let settings = Settings { response: ByteSize::b(1000), headers: ByteSize::kib(16), ..settings(&["127.0.0.1"]) };
    let client = Outbound::new(&settings).unwrap();
    assert_eq!(get(&client, &server.url("/exact")).await.unwrap().body().len(), 1000);
    assert_eq!(get(&client, &server.url("/declared")).await.unwrap_err(), Error::BodyTooLarge(1000));
    assert_eq!(get(&client, &server.url("/undeclared")).await.unwrap_err(), Error::BodyTooLarge(1000));
    assert_eq!(get(&client, &server.url("/headers")).await.unwrap_err(), Error::HeadersTooLarge(16384));
    assert_eq!(get(&client, &server.url("/many")).await.unwrap_err(), Error::HeadersTooLarge(16384));
    let tighter = client.limited(Limits { response: 10, ..client.limits() });
    assert_eq!(get(&tighter, &server.url("/exact")).await.unwrap_err(), Error::BodyTooLarge(10));
    let looser = tighter.limited(Limits { response: 1_000_000, ..client.limits() });
    assert_eq!(get(&looser, &server.url("/exact")).await.unwrap_err(), Error::BodyTooLarge(10));
}

#[tokio::test]
async fn slow_servers_are_given_up_and_busy_ones_refused() {
    let server = Server::start("127.0.0.1", |_| {
        Answers::from([
            ("/silent", "...".into()),
            ("/headers", "HTTP/1.1 200 OK\r\nx: ...".into()),
            ("/body", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nx...".into()),
        ])
    })
    .await;
    let timeout = Duration::from_millis(300);
    let settings = Settings { timeout, requests_per_host: 2, ..settings(&["127.0.0.1", "127.0.0.2"]) };
    let client = Outbound::new(&settings).unwrap();
    for path in ["/headers", "/body"] {
        assert_eq!(get(&client, &server.url(path)).await.unwrap_err(), Error::Timeout(timeout), "{path}");
    }
    let url = server.url("/silent");
    let (a, b, c) = tokio::join!(get(&client, &url), get(&client, &url), get(&client, &url));
    let mut codes = [a, b, c].map(|answer| answer.unwrap_err().code());
    codes.sort_unstable();
    assert_eq!(codes, ["outbound_busy", "outbound_timeout", "outbound_timeout"]);
    // Places are free again, and an open body holds one.
    let open = |path| client.open(Request::get(server.url(path)).body(Bytes::new()).unwrap());
    let (first, second) = (open("/body").await.unwrap(), open("/body").await.unwrap());
    assert_eq!(open("/").await.unwrap_err(), Error::Busy);
    drop((first, second));
    assert_eq!(get(&client, &server.url("/")).await.unwrap().body(), "hello");
}

#[tokio::test]
async fn one_request_more_than_may_be_under_way_is_refused_whatever_its_host() {
    let answers = |_| Answers::from([("/silent", "...".into())]);
    let (one, other) = (Server::start("127.0.0.1", answers).await, Server::start("127.0.0.2", answers).await);
    let timeout = Duration::from_millis(300);
    let settings = Settings { timeout, requests: 2, ..settings(&["127.0.0.1", "127.0.0.2"]) };
    let client = Outbound::new(&settings).unwrap();
    let urls = [one.url("/silent"), other.url("/silent"), one.url("/silent")];
    let (a, b, c) = tokio::join!(get(&client, &urls[0]), get(&client, &urls[1]), get(&client, &urls[2]));
    let mut codes = [a, b, c].map(|answer| answer.unwrap_err().code());
    codes.sort_unstable();
    assert_eq!(codes, ["outbound_busy", "outbound_timeout", "outbound_timeout"]);
    assert_eq!(get(&client, &other.url("/")).await.unwrap().body(), "hello");
}

#[tokio::test]
async fn what_cannot_be_reached_says_so() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = Outbound::new(&settings(&["127.0.0.1"])).unwrap();
    let error = get(&client, &format!("http://{closed}/")).await.unwrap_err();
    assert_eq!(error.code(), "outbound_unreachable");
    assert!(error.is_transient());
    // Plain HTTP where TLS was asked for.
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", plain.local_addr().unwrap());
    let answering = async {
        let (mut stream, _) = plain.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream
    };
    let (error, _stream) = tokio::join!(get(&client, &url), answering);
    let error = error.unwrap_err();
    assert_eq!(error.code(), "outbound_unreachable");
    for url in ["ftp://127.0.0.1/", "http://user@127.0.0.1/", "/relative"] {
        assert_eq!(get(&client, url).await.unwrap_err().code(), "outbound_url_invalid", "{url}");
    }
    assert!(Outbound::new(&settings(&["10.0.0.0/99"])).is_err());
}
