//! Names that could be taken for the server's own: whatever a column is called, it is shown under that name.

use basalt_tests::Server;
use reqwest::Method;
use serde_json::json;

use crate::world::reads;

/// Columns named as parts of the statements that the server writes are, or were.
const SCHEMA: &str = r#"
create table odd (
    id integer primary key,
    "$x" text default 'x', _s text default 's', _v text default 'v', _e text default 'e', "$inserted" text default 'i', "$key:id" text,
    "$one" text, "$total" text, value text, written text, c0 text, "a.b" text, "select" text, "*" text, r text, k text
);
create table "$t" (id integer primary key, odd_id integer references odd (id), _e text, _s text);
create table documents (id integer primary key, body jsonb);
create function odd_rows() returns setof odd language sql volatile as $$ select * from odd $$;
create function odd_row(n integer) returns odd language sql stable as $$ select * from odd where id = n $$;
create function pair(n integer, out a integer, out b text) language sql stable as $$ select id, _s from odd where id = n $$;
create function word(n integer) returns text language sql stable as $$ select _s from odd where id = n $$;
create function strict_row(n integer) returns "$t" language sql stable strict as $$ select * from "$t" $$;
create function strict_rows(n integer) returns setof "$t" language sql stable strict as $$ select * from "$t" $$;
insert into odd (id) values (1);
insert into "$t" values (1, 1, 'in', 'side');
insert into documents values (1, '{"$ref": "here", "_s": 1, "basalt": {"$id": 2}}');
"#;

/// The one row of `odd` with what was written into some of its columns.
fn odd(id: i32, key: &str) -> String {
    format!(
        r#"{{"id":{id},"$x":"x","_s":"s","_v":"v","_e":"e","$inserted":"i","$key:id":{key},"$one":null,"$total":null,"value":null,"written":null,"c0":null,"a.b":null,"select":null,"*":null,"r":null,"k":null}}"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_read_under_their_own() {
    let server = Server::start(SCHEMA).await;
    let whole = format!("[{}]", odd(1, "null"));
    reads(
        &server,
        &[
            ("/odd", &whole),
            ("/odd?select=_s", r#"[{"_s":"s"}]"#),
            ("/odd?select=_v,$x", r#"[{"_v":"v","$x":"x"}]"#),
            ("/odd?select=$x", r#"[{"$x":"x"}]"#),
            ("/odd?select=$a:id", r#"[{"$a":1}]"#),
            ("/odd?select=$inserted,$one,$total", r#"[{"$inserted":"i","$one":null,"$total":null}]"#),
            ("/odd?select=_s:id,_e:_v", r#"[{"_s":1,"_e":"v"}]"#),
            ("/odd?select=id,$t(_e,_s)", r#"[{"id":1,"$t":[{"_e": "in", "_s": "side"}]}]"#),
            ("/odd?select=id,$t(_e)", r#"[{"id":1,"$t":[{"_e": "in"}]}]"#),
            ("/$t?select=id,odd(_e:_s)", r#"[{"id":1,"odd":{"_e": "s"}}]"#),
            ("/$t?select=id,odd(_e)", r#"[{"id":1,"odd":{"_e": "e"}}]"#),
            ("/$t?select=...odd(_s,_e)", r#"[{"_s":"s","_e":"e"}]"#),
            ("/odd?select=...$t(_e)", r#"[{"_e":["in"]}]"#),
            ("/documents?select=body->$ref", r#"[{"$ref":"here"}]"#),
            ("/documents?select=body->_s,body->basalt->$id", r#"[{"_s":1,"$id":2}]"#),
            ("/rpc/odd_rows?select=$x,_s", r#"[{"$x":"x","_s":"s"}]"#),
        ],
    )
    .await;
    for (path, body) in
        [("/odd?select=_s", "_s\ns"), ("/odd?select=$x,_v", "$x,_v\nx,v"), ("/odd?select=r:id,k:_s", "r,k\n1,s")]
    {
        let answer = server.get(path).service().header("accept", "text/csv").send().await;
        assert_eq!((answer.status, answer.body.as_str()), (200, body), "{path}");
    }
    let object =
        server.get("/odd?select=_s").service().header("accept", "application/vnd.pgrst.object+json").send().await;
    assert_eq!((object.status, object.body.as_str()), (200, r#"{"_s":"s"}"#));
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_written_under_their_own() {
    let server = Server::start(SCHEMA).await;
    let send = async |method: Method, path: &str, prefer: &str, body: &str| {
        let request = server.ask(method, path).service().header("prefer", prefer);
        let answer = request.header("content-type", "application/json").body(body.to_owned()).send().await;
        (answer.status, answer.header("location").to_owned(), answer.body)
    };
    let whole = "return=representation";
    let merge = "return=representation,resolution=merge-duplicates";

    let made = send(Method::POST, "/odd", whole, r#"{"id": 2, "$key:id": "mine"}"#).await;
    assert_eq!(made, (201, String::new(), format!("[{}]", odd(2, r#""mine""#))));
    let merged = send(Method::POST, "/odd", merge, r#"{"id": 2, "$key:id": "yours"}"#).await;
    assert_eq!(merged, (200, String::new(), format!("[{}]", odd(2, r#""yours""#))));
    let put = send(Method::PUT, "/odd?id=eq.2", whole, r#"{"id": 2, "$key:id": "ours"}"#).await;
    assert_eq!(put, (200, String::new(), format!("[{}]", odd(2, r#""ours""#))));
    let new = send(Method::PUT, "/odd?id=eq.3&select=$inserted:id,_s", whole, r#"{"id": 3}"#).await;
    assert_eq!(new, (201, String::new(), r#"[{"$inserted":3,"_s":"s"}]"#.to_owned()));
    let named = send(Method::POST, "/odd?select=%22$key:id%22:_s", whole, r#"{"id": 5}"#).await;
    assert_eq!(named, (201, String::new(), r#"[{"$key:id":"s"}]"#.to_owned()));
    let located = send(Method::POST, "/odd", "return=headers-only", r#"{"id": 6, "$key:id": "7"}"#).await;
    assert_eq!(located, (201, "/odd?id=eq.6".to_owned(), String::new()));
    let embedded = send(Method::POST, "/$t?select=_e,odd(_e)", merge, r#"{"id": 1, "odd_id": 1, "_e": "new"}"#).await;
    assert_eq!(embedded, (200, String::new(), r#"[{"_e":"new","odd":{"_e": "e"}}]"#.to_owned()));
    let defaults = r#"[{"id": 8, "_s": "given"}, {"id": 9}]"#;
    let missing =
        send(Method::POST, "/odd?columns=id,_s&select=id,_s", "return=representation,missing=default", defaults).await;
    assert_eq!(missing.2.replace(", \n ", ","), r#"[{"id":8,"_s":"given"},{"id":9,"_s":"s"}]"#);
    let gone = send(Method::DELETE, "/odd?id=eq.9&select=_s,$x", whole, "").await;
    assert_eq!(gone, (200, String::new(), r#"[{"_s":"s","$x":"x"}]"#.to_owned()));
}

/// PostgreSQL manual, 7.2.1.4: a function in FROM that returns no set has one row.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_of_one_row_has_one_row() {
    let server = Server::start(SCHEMA).await;
    let nothing = odd(0, "null").replace(r#""id":0"#, r#""id":null"#);
    let nothing =
        ["x", "s", "v", "e", "i"].iter().fold(nothing, |row, word| row.replace(&format!(":\"{word}\""), ":null"));
    reads(
        &server,
        &[
            ("/rpc/odd_row?n=1", &odd(1, "null")),
            ("/rpc/odd_row?n=9", &nothing),
            ("/rpc/odd_row?n=9&select=id", r#"{"id":null}"#),
            ("/rpc/odd_row?n=1&id=eq.5", "null"),
            ("/rpc/pair?n=1", r#"{"a":1,"b":"s"}"#),
            ("/rpc/pair?n=9", r#"{"a":null,"b":null}"#),
            ("/rpc/word?n=1", r#""s""#),
            ("/rpc/word?n=9", "null"),
            ("/rpc/strict_row?n=1", r#"{"id":1,"odd_id":1,"_e":"in","_s":"side"}"#),
            ("/rpc/strict_rows?n=1", r#"[{"id":1,"odd_id":1,"_e":"in","_s":"side"}]"#),
        ],
    )
    .await;
    for (path, body) in
        [("/rpc/strict_row", r#"{"id":null,"odd_id":null,"_e":null,"_s":null}"#), ("/rpc/strict_rows", "[]")]
    {
        let request = server.ask(Method::POST, path).service().header("content-type", "application/json");
        let answer = request.body(r#"{"n": null}"#).send().await;
        assert_eq!((answer.status, answer.body.as_str()), (200, body), "{path}");
    }
}

/// A policy means what is built in, whatever functions of that name the project has, before or after it.
#[tokio::test(flavor = "multi_thread")]
async fn policies_call_what_is_built_in() {
    let server = Server::start(
        "create function public.lower(t text) returns text language sql immutable as $$ select 'mine:' || t $$;
         create table said (id int primary key, a text, b text default lower('Q'), check (lower(a) <> 'bad'));
         alter table said enable row level security;
         create policy quiet on said for select using (lower(a) = 'q' and upper(a) = 'Q');
         create policy loud on said for insert with check (lower(a) = 'q');
         create function public.upper(t text) returns text language sql immutable as $$ select 'mine:' || t $$;
         insert into said values (1, 'Q'), (2, 'R');",
    )
    .await;
    server.get("/said").expect(200, json!([{"id": 1, "a": "Q", "b": "q"}])).await;
    server.post("/said", &json!({"id": 3, "a": "q"})).expect(201, json!(null)).await;
    server.post("/said", &json!({"id": 4, "a": "r"})).expect_error(401, "42501").await;
    server.post("/said", &json!({"id": 5, "a": "BAD"})).service().expect_error(400, "23514").await;
}

/// PostgreSQL manual, 8.16.5: of a row `r`, `r.f` may mean `f(r)`, and the row of a function that gives single values is such a value.
#[tokio::test(flavor = "multi_thread")]
async fn a_single_value_has_no_field_but_itself() {
    let script = "
        create function word(n text) returns text language sql immutable as $$ select n $$;
        create function numbers(n integer) returns setof integer language sql immutable as $$ select generate_series(1, n) $$;
        create function sure(n integer) returns setof integer language sql volatile as $$ select generate_series(1, n) $$;";
    let server = Server::start(script).await;
    for path in [
        "/rpc/word?n=server_version&current_setting=like.1*",
        "/rpc/word?n=a&or=(upper.eq.A)",
        "/rpc/numbers?n=2&pg_sleep=is.null",
        "/rpc/numbers?n=2&abs=eq.1",
        "/rpc/numbers?n=2&order=numbers",
    ] {
        server.get(path).service().expect_error(400, "42703").await;
    }
    reads(
        &server,
        &[
            ("/rpc/word?n=a&value=eq.a", r#""a""#),
            ("/rpc/word?n=a&value=eq.b", "null"),
            ("/rpc/numbers?n=4&value=gt.2&order=value.desc", "[4, 3]"),
        ],
    )
    .await;
    let counted = server.post("/rpc/sure?value=gt.2&limit=1", &json!({"n": 4})).service().prefer("count=exact");
    assert_eq!(counted.send().await.header("content-range"), "0-0/2");
}
