//! Whatever is sent is answered in the dialect, by a 4xx or rightly, and leaves nothing half done.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use basalt_tests::Server;
use reqwest::Method;
use serde_json::json;

use crate::world::{is_error, server, server_with};

const SQL: [&str; 6] = [
    "1; drop table actors; --",
    "x' or '1'='1",
    "\"; drop table actors; --",
    "1) union select name from actors--",
    "$$; drop table actors; $$",
    "\\'; drop table actors; --",
];

/// The actors are as they were, and the server answers.
async fn unharmed(server: &Server) {
    let rows = json!([{"id": 1, "name": "Helm"}, {"id": 2, "name": "Lorre"}]);
    server.get("/actors?order=id").service().expect(200, rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_is_only_text_wherever_it_stands() {
    let server = server().await;
    let mut wrong = Vec::new();
    for sql in SQL {
        let paths = [
            format!("/actors?id=eq.{sql}"),
            format!("/actors?name=eq.{sql}&select=id"),
            format!("/actors?name=in.({sql})"),
            format!("/actors?{sql}=eq.1"),
            format!("/actors?select={sql}"),
            format!("/actors?select=id::{sql}"),
            format!("/actors?select=\"{sql}\""),
            format!("/actors?select=name->>{sql}"),
            format!("/actors?name=fts({sql}).x"),
            format!("/actors?name=fts.{sql}"),
            format!("/actors?order={sql}"),
            format!("/actors?limit={sql}&offset={sql}&select=id"),
            format!("/actors?select=id,roles!{sql}(part)"),
            format!("/actors?or=(id.eq.{sql})"),
            format!("/{sql}"),
            format!("/rpc/{sql}"),
            format!("/rpc/greet?name={sql}"),
            format!("/rpc/add?a={sql}"),
        ];
        for path in paths {
            let path = path.replace('%', "%25").replace('#', "%23");
            let answer = server.get(&path).service().send().await;
            if answer.status >= 500 || (answer.status >= 400 && answer.json()["code"].as_str().is_none()) {
                wrong.push(format!("GET {path}: {} {}", answer.status, answer.body));
            }
        }
        for (name, value) in [
            ("prefer", format!("timezone={sql}")),
            ("accept-profile", sql.into()),
            ("accept", sql.into()),
            ("range", sql.into()),
        ] {
            let answer = server.get("/actors").service().header(name, &value).send().await;
            if answer.status >= 500 {
                wrong.push(format!("{name}: {value}: {} {}", answer.status, answer.body));
            }
        }
        let kept = server.post("/actors?select=name", &json!({"id": 77, "name": sql})).service();
        kept.prefer("return=representation").expect(201, json!([{"name": sql}])).await;
        server.delete(&format!("/actors?name=eq.{}&id=eq.77", sql.replace(';', "%3B"))).service().send().await;
        server.post("/actors", &json!({sql: 1})).service().expect_error(400, "PGRST204").await;
        server.post(&format!("/actors?columns=\"{sql}\""), &json!({"id": 1})).service().send().await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    unharmed(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn absurd_input_is_refused() {
    let server = server().await;
    let deep =
        |open: &str, middle: &str, close: &str, n: usize| format!("{}{middle}{}", open.repeat(n), close.repeat(n));
    let (get, post) = (Method::GET, Method::POST);
    let cases = [
        ("json", post.clone(), "/actors".to_owned(), deep("[", "", "]", 100_000)),
        (
            "json value",
            post.clone(),
            "/films".to_owned(),
            format!("{{\"id\":9,\"title\":\"x\",\"data\":{}}}", deep("[", "", "]", 100_000)),
        ),
        (
            "json object",
            post.clone(),
            "/films?columns=id,title,data".to_owned(),
            format!("{{\"id\":9,\"title\":\"x\",\"data\":{}}}", deep("{\"a\":", "1", "}", 100_000)),
        ),
        (
            "select",
            get.clone(),
            format!("/directors?select={}", deep("films(directors(", "id", "))", 1_500)),
            String::new(),
        ),
        ("logic", get.clone(), format!("/actors?or=({})", deep("and(", "id.eq.1", ")", 5_000)), String::new()),
        ("path", get.clone(), format!("/films?select=data{}", "->a".repeat(5_000)), String::new()),
        ("array", get.clone(), format!("/films?tags=cs.{}", deep("{", "", "}", 5_000)), String::new()),
        (
            "json array",
            post.clone(),
            "/films".to_owned(),
            format!("{{\"id\":9,\"title\":\"x\",\"tags\":{}}}", deep("[", "", "]", 100_000)),
        ),
        ("not utf-8 in the path", get.clone(), "/%ff%fe".to_owned(), String::new()),
        ("not utf-8 in a filter", get.clone(), "/actors?name=eq.%ff%fe&id=eq.x".to_owned(), String::new()),
        ("NUL in the path", get.clone(), "/act%00ors".to_owned(), String::new()),
        ("NUL in a filter", get.clone(), "/actors?id=eq.%00".to_owned(), String::new()),
        ("NUL in a text filter", get.clone(), "/actors?name=eq.a%00b".to_owned(), String::new()),
        ("NUL in select", get.clone(), "/actors?select=a%00b".to_owned(), String::new()),
        ("NUL in a value", post.clone(), "/actors".to_owned(), r#"{"id":9,"name":"a\u0000b"}"#.to_owned()),
        ("NUL in jsonb", post.clone(), "/films".to_owned(), r#"{"id":9,"title":"x","data":{"a":"\u0000"}}"#.to_owned()),
        ("lone surrogate", post.clone(), "/actors".to_owned(), r#"{"id":9,"name":"\ud800"}"#.to_owned()),
        ("huge number", post.clone(), "/actors".to_owned(), r#"{"id":1e400,"name":"x"}"#.to_owned()),
        ("huge exponent", post.clone(), "/kinds".to_owned(), r#"{"exact":1e200000}"#.to_owned()),
        ("fraction", post.clone(), "/kinds".to_owned(), r#"{"small":"1.5"}"#.to_owned()),
        ("trailing text", post.clone(), "/actors".to_owned(), r#"{"id":9,"name":"x"} x"#.to_owned()),
        ("long name", get.clone(), format!("/{}", "x".repeat(5_000)), String::new()),
        ("huge limit", get.clone(), "/actors?limit=99999999999999999999&id=eq.x".to_owned(), String::new()),
        ("catastrophic regex", get.clone(), "/actors?name=match.(((((((((((((((((((".to_owned(), String::new()),
    ];
    let mut wrong = Vec::new();
    for (what, method, path, body) in cases {
        let answer =
            server.ask(method, &path).service().header("content-type", "application/json").body(body).send().await;
        let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
        if !(400..500).contains(&answer.status) || !is_error(&answer, &code) {
            wrong.push(format!("{what}: {} {:.300}", answer.status, answer.body));
        }
    }
    let invalid = server.ask(Method::POST, "/actors").service().header("content-type", "application/json");
    let answer = invalid.body(b"{\"id\":9,\"name\":\"\xff\"}".to_vec()).send().await;
    if answer.status != 400 {
        wrong.push(format!("not utf-8 in a body: {} {}", answer.status, answer.body));
    }
    for csv in [b"id,name\n9,\"x".as_slice(), b"id,name\n9,\xff", b"id,name\n9,x\n10", b"\"id,name\n9,x"] {
        let ask = server.ask(Method::POST, "/actors").service().header("content-type", "text/csv").body(csv.to_vec());
        let answer = ask.send().await;
        if answer.status != 400 || !is_error(&answer, "PGRST102") {
            wrong.push(format!("{}: {} {}", String::from_utf8_lossy(csv), answer.status, answer.body));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    server.get("/films?id=eq.9").service().expect(200, json!([])).await;
    unharmed(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_paths_may_have_a_hundred_steps() {
    let server = server().await;
    for steps in [1, 79, 80, 81, 99, 100] {
        let path = format!("data{}->>a", "->a".repeat(steps - 1));
        for request in [
            format!("/films?select=x:{path}&id=eq.9"),
            format!("/films?select=id&{path}=eq.b&id=eq.9"),
            format!("/films?select=id&order={path}.desc&id=eq.9"),
            format!("/films?select=id&or=({path}.eq.b,{path}.is.null)&not.and=({path}.eq.b,{path}.is.null)&id=eq.9"),
            format!("/directors?select=films(x:{path})&films.{path}=eq.b&id=eq.-1"),
        ] {
            server.get(&request).service().expect(200, json!([])).await;
        }
    }
    let path = format!("data{}", "->a".repeat(101));
    server.get(&format!("/films?select={path}")).service().expect_error(400, "PGRST100").await;
    unharmed(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_over_the_limit_are_refused_however_they_are_sent() {
    let server = server_with(|config| config.limits.body = "1 KiB".parse().expect("a size")).await;
    let big = json!({"id": 9, "name": "x".repeat(2_000)});
    let answer = server.post("/actors", &big).service().expect_error(413, "BST001").await;
    assert_eq!(answer.json()["details"], "The limit is 1.0 KiB.");

    // 100 MB in chunks, without saying how much: the server answers early, and may close while we still write.
    let address = server.url().strip_prefix("http://").expect("a url").to_owned();
    let key = basalt_server::keys::Keys::development().service;
    let read = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        let head = format!(
            "POST /rest/v1/actors HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("sent");
        let chunk = format!("100000\r\n{}\r\n", " ".repeat(0x10_0000));
        let sent = (0..100).take_while(|_| stream.write_all(chunk.as_bytes()).is_ok()).count();
        let mut answer = [0; 4096];
        let length = stream.read(&mut answer).unwrap_or(0);
        (sent, String::from_utf8_lossy(&answer[..length]).into_owned())
    });
    let (sent, answer) = read.await.expect("no panic");
    assert!(answer.starts_with("HTTP/1.1 413") || sent < 100, "{sent} MB were sent: {answer}");
    unharmed(&server).await;
}

/// Sends bytes and reads what comes.
async fn raw(server: &Server, bytes: Vec<u8>) -> String {
    let address = server.url().strip_prefix("http://").expect("a url").to_owned();
    let talk = move || {
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        let mut answer = String::new();
        if stream.write_all(&bytes).is_ok() {
            let mut part = [0; 65536];
            let length = stream.read(&mut part).unwrap_or(0);
            answer.push_str(&String::from_utf8_lossy(&part[..length]));
        }
        answer
    };
    tokio::task::spawn_blocking(talk).await.expect("no panic")
}

#[tokio::test(flavor = "multi_thread")]
async fn urls_may_be_as_people_type_them() {
    let server = server().await;
    let key = basalt_server::keys::Keys::development().service;
    for (typed, encoded) in [
        ("films?select=data->>a,data->b->>c", "films?select=data-%3E%3Ea,data-%3Eb-%3E%3Ec"),
        ("films?title=eq.<\"x\">", "films?title=eq.%3C%22x%22%3E"),
        ("<films>", "%3Cfilms%3E"),
    ] {
        let answer = async |path: &str| {
            let head = format!("GET /rest/v1/{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n");
            let answer = raw(&server, head.into_bytes()).await;
            let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
            (head.split(' ').nth(1).unwrap_or_default().to_owned(), body.to_owned())
        };
        let (status, body) = answer(typed).await;
        assert_ne!(status, "400", "{typed}: {body}");
        assert_eq!((status, body), answer(encoded).await, "{typed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_http_is_refused() {
    let server = server().await;
    let key = basalt_server::keys::Keys::development().service;
    let request = |line: &str, headers: &[u8]| {
        let head = format!("{line} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n");
        [head.as_bytes(), headers, b"\r\n"].concat()
    };
    let status = |answer: &str| answer.split(' ').nth(1).unwrap_or_default().to_owned();
    let explained = |answer: &str, code: &str| {
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse::<usize>().ok());
        assert_eq!((&body["code"], body.as_object().map(|keys| keys.len())), (&json!(code), Some(4)), "{answer}");
        assert_eq!(length, Some(answer.len() - head.len() - 4), "{answer}");
        assert!(
            body["hint"].is_string() && head.contains(&format!("proxy-status: PostgREST; error={code}")),
            "{answer}"
        );
    };
    for line in ["GET /rest/v1/films?select=a\u{1}", "GET /rest/v1/films?title=eq.x y", "GET rest/v1/films"] {
        let answer = raw(&server, request(line, b"")).await;
        assert_eq!(status(&answer), "400", "{line}: {answer}");
        explained(&answer, "BST005");
    }
    let long = format!("GET /rest/v1/actors?name=eq.{}", "x".repeat(1 << 20));
    assert!(["414", "431", ""].contains(&status(&raw(&server, request(&long, b"")).await).as_str()));
    let fat = format!("x-fat: {}\r\n", "x".repeat(1 << 20));
    assert!(
        ["431", ""].contains(&status(&raw(&server, request("GET /rest/v1/actors", fat.as_bytes())).await).as_str())
    );
    let many: String = (0..500).map(|n| format!("x-{n}: 1\r\n")).collect();
    let answer = raw(&server, request("GET /rest/v1/actors", many.as_bytes())).await;
    assert_eq!(status(&answer), "431");
    explained(&answer, "BST006");
    for header in [
        b"prefer: timezone=\xff\xfe\r\n".as_slice(),
        b"accept-profile: \xff\r\n",
        b"accept: \xff/\xfe\r\n",
        b"content-type: \xff\r\n",
    ] {
        let answer = raw(&server, request("GET /rest/v1/actors", header)).await;
        assert!(
            ["200", "400", "406"].contains(&status(&answer).as_str()),
            "{}: {answer}",
            String::from_utf8_lossy(header)
        );
    }
    assert_eq!(status(&raw(&server, request("GET /rest/v1/actors", b"x: a\0b\r\n")).await), "400");
    assert_eq!(status(&raw(&server, b"hello\r\n\r\n".to_vec()).await), "400");
    unharmed(&server).await;
}
