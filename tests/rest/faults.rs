//! Clients that are slow, stop, or go away: they hurt nobody else, and leave nothing half done.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use basalt_server::keys::Keys;
use basalt_tests::Server;
use serde_json::json;

use crate::world::server_with;

/// More than the sockets of both ends hold.
const LARGE: usize = 32 << 20;

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.url().strip_prefix("http://").expect("a url")).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    stream
}

fn head(line: &str, headers: &str) -> String {
    format!("{line} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n{headers}\r\n", Keys::development().service)
}

/// Reads until the other side ends, one way or the other.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let (mut all, mut part) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        match stream.read(&mut part) {
            Ok(0) => return all,
            Ok(length) => all.extend_from_slice(&part[..length]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return all,
            Err(error) => panic!("{error}"),
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("no panic")
}

async fn large(send_timeout: Duration) -> Server {
    let script = format!(
        "create function large() returns text language sql stable as $$ select repeat('x', {LARGE}) $$;
         create table t (id integer primary key); insert into t values (1);"
    );
    Server::start_with(&script, |config| {
        config.server.send_timeout = send_timeout;
        // A busy machine takes its time over such an answer.
        config.database.pool_timeout = Duration::from_secs(60);
        config.database.statement_timeout = Duration::from_secs(60);
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_delays_nobody_and_is_cut() {
    let server = large(Duration::from_secs(3)).await;
    let request = head("GET /rest/v1/rpc/large", "connection: close\r\n");
    let mut readers: Vec<TcpStream> = (0..4).map(|_| connect(&server)).collect();
    for reader in &mut readers {
        reader.write_all(request.as_bytes()).expect("sent");
    }
    // Their answers are under way, and wait for them; everybody else is served.
    let begun = blocking(move || {
        for reader in &mut readers {
            let mut first = [0; 1024];
            let length = reader.read(&mut first).expect("the answer begins");
            assert!(first.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&first[..length]));
        }
        readers
    });
    let readers = begun.await;
    for _ in 0..50 {
        server.get("/t").service().expect(200, json!([{"id": 1}])).await;
    }
    let got = blocking(move || {
        std::thread::sleep(Duration::from_secs(6));
        readers.into_iter().map(|mut reader| rest(&mut reader).len()).collect::<Vec<_>>()
    });
    for length in got.await {
        assert!(length < LARGE, "{length} bytes came to a reader that had stopped for longer than it may");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_on_gets_all_of_it() {
    let server = large(Duration::from_secs(30)).await;
    let mut stream = connect(&server);
    let got = blocking(move || {
        stream.write_all(head("GET /rest/v1/rpc/large", "connection: close\r\n").as_bytes()).expect("sent");
        std::thread::sleep(Duration::from_millis(300));
        rest(&mut stream).len()
    });
    assert!(got.await > LARGE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let server = server_with(|config| {
        config.server.body_timeout = Duration::from_millis(300);
        config.limits.requests = 8;
    })
    .await;
    let mut senders: Vec<TcpStream> = (0..8).map(|_| connect(&server)).collect();
    let answers = blocking(move || {
        for sender in &mut senders {
            let request = head("POST /rest/v1/actors", "content-type: application/json\r\ncontent-length: 30\r\n");
            sender.write_all(format!("{request}{{\"id\":90,").as_bytes()).expect("sent");
        }
        senders.iter_mut().map(|sender| String::from_utf8_lossy(&rest(sender)).into_owned()).collect::<Vec<_>>()
    });
    for answer in answers.await {
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("\"BST007\""), "{answer}");
    }
    server.get("/actors?id=eq.90").service().expect(200, json!([])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_on_which_nothing_goes_on_is_ended() {
    let server = server_with(|config| config.server.header_timeout = Duration::from_millis(400)).await;
    let (mut trickling, mut idle) = (connect(&server), connect(&server));
    let row = json!({"id": 94, "name": "slow"}).to_string();
    let ended = blocking(move || {
        // One that is kept alive, and never used again.
        idle.write_all(head("GET /rest/v1/actors?id=eq.1", "").as_bytes()).expect("sent");
        // A head that goes on for ever, a byte at a time, until the server has had enough.
        let mut sent = 0;
        while sent < 1000 && trickling.write_all(b"G").is_ok() {
            sent += 1;
            std::thread::sleep(Duration::from_millis(10));
        }
        (sent, String::from_utf8_lossy(&rest(&mut idle)).into_owned())
    });
    let (sent, idle) = ended.await;
    assert!(sent < 1000, "the head was waited for");
    assert!(idle.starts_with("HTTP/1.1 200"), "{idle}");
    let mut slow = connect(&server);
    let slow = blocking(move || {
        // A request whose body takes longer than that is under way.
        let request = head("POST /rest/v1/actors", &format!("connection: close\r\ncontent-length: {}\r\n", row.len()));
        slow.write_all(request.as_bytes()).expect("sent");
        for byte in row.bytes() {
            std::thread::sleep(Duration::from_millis(50));
            slow.write_all(&[byte]).expect("sent");
        }
        String::from_utf8_lossy(&rest(&mut slow)).into_owned()
    });
    let slow = slow.await;
    assert!(slow.starts_with("HTTP/1.1 201"), "{slow}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_breaks_off_does_nothing() {
    let server = server_with(|_| ()).await;
    let row = json!([{"id": 91, "name": "x"}, {"id": 92, "name": "y"}]).to_string();
    for cut in [0, 1, row.len() / 2, row.len() - 1] {
        for framing in ["length", "chunked"] {
            let mut stream = connect(&server);
            let request = match framing {
                "length" => format!(
                    "{}{}",
                    head("POST /rest/v1/actors", &format!("content-length: {}\r\n", row.len())),
                    &row[..cut]
                ),
                _ => {
                    let chunk = if cut == 0 { String::new() } else { format!("{cut:x}\r\n{}\r\n", &row[..cut]) };
                    format!("{}{chunk}", head("POST /rest/v1/actors", "transfer-encoding: chunked\r\n"))
                }
            };
            stream.write_all(request.as_bytes()).expect("sent");
            drop(stream);
        }
    }
    // A write of the same connection order comes after whatever those might have done.
    server.post("/actors", &json!({"id": 93, "name": "z"})).service().expect(201, serde_json::Value::Null).await;
    server.get("/actors?id=in.(91,92)").service().expect(200, json!([])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lengths_that_contradict_each_other_are_refused() {
    let server = server_with(|_| ()).await;
    let smuggled = "GET /rest/v1/actors HTTP/1.1\r\nhost: x\r\n\r\n";
    for headers in [
        "content-length: 4\r\ncontent-length: 5\r\n",
        "content-length: 4, 5\r\n",
        "content-length: -1\r\n",
        "content-length: 0x10\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: xchunked\r\n",
    ] {
        let mut stream = connect(&server);
        let request = format!("{}{{}}{smuggled}", head("POST /rest/v1/actors", headers));
        let answer = blocking(move || {
            stream.write_all(request.as_bytes()).expect("sent");
            String::from_utf8_lossy(&rest(&mut stream)).into_owned()
        });
        let answer = answer.await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{headers}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{headers}: {answer}");
    }
    // With both, chunks count and the connection ends: what follows is never taken for a second request.
    for headers in
        ["content-length: 5\r\ntransfer-encoding: chunked\r\n", "transfer-encoding: chunked\r\ncontent-length: 5\r\n"]
    {
        let mut stream = connect(&server);
        let request = format!("{}0\r\n\r\n{smuggled}", head("POST /rest/v1/actors", headers));
        let answer = blocking(move || {
            stream.write_all(request.as_bytes()).expect("sent");
            String::from_utf8_lossy(&rest(&mut stream)).into_owned()
        });
        let answer = answer.await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{headers}: {answer}");
    }
}

/// Whoever stands before the server might have taken the other one.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_names_two_hosts_is_refused() {
    let server = server_with(|_| ()).await;
    for (hosts, refused) in [("", false), ("host: x\r\n", true), ("host: other\r\n", true)] {
        let mut stream = connect(&server);
        let request = head("GET /rest/v1/actors", &format!("{hosts}connection: close\r\n"));
        let answer = blocking(move || {
            stream.write_all(request.as_bytes()).expect("sent");
            String::from_utf8_lossy(&rest(&mut stream)).into_owned()
        });
        let answer = answer.await;
        assert_eq!(answer.starts_with("HTTP/1.1 400") && answer.contains("BST005"), refused, "{hosts}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_when_a_shutdown_s_time_is_over_is_cut() {
    let mut server = server_with(|config| {
        config.server.body_timeout = Duration::from_secs(3600);
        config.server.shutdown_timeout = Duration::from_millis(100);
    })
    .await;
    let mut sender = connect(&server);
    let (mut sender, begun) = blocking(move || {
        let request = head("POST /rest/v1/actors", "expect: 100-continue\r\ncontent-length: 30\r\n");
        sender.write_all(request.as_bytes()).expect("sent");
        let mut begun = [0; 12];
        sender.read_exact(&mut begun).expect("a first answer");
        (sender, begun)
    })
    .await;
    assert_eq!(&begun, b"HTTP/1.1 100");
    server.stop().await;
    blocking(move || rest(&mut sender)).await;
}
