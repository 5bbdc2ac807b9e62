//! Tokens: what is refused, in which words and headers, and which role a good one gives (contract: section 15).

use basalt_core::unix_time;
use basalt_server::keys::{DEVELOPMENT_SECRET, sign};
use basalt_tests::{Answer, Server, token};
use serde_json::{Value, json};

use crate::world::server_with;

const PATH: &str = "/actors?select=id&id=eq.1";

fn now() -> i64 {
    unix_time().as_secs() as i64
}

/// Three parts: a header, claims and a signature that nobody made.
fn unsigned(header: &Value, claims: &str) -> String {
    let encode = |text: &str| {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let bits: Vec<u8> = text.bytes().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
        let digit = |six: &[u8]| six.iter().chain([0; 5].iter()).take(6).fold(0, |value, bit| value << 1 | bit);
        bits.chunks(6).map(|six| char::from(DIGITS[usize::from(digit(six))])).collect::<String>()
    };
    format!("{}.{}.c2ln", encode(&header.to_string()), encode(claims))
}

/// Asks with a token and expects its refusal, with the header that says why.
async fn refused(server: &Server, token: &str, code: &str, message: &str) -> Answer {
    let answer = server.get(PATH).token(token).expect_error(401, code).await;
    assert_eq!(answer.json()["message"], message);
    let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{message}\"");
    assert_eq!(answer.header("www-authenticate"), challenge);
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_tokens_are_told_apart() {
    let server = server_with(|_| ()).await;
    refused(&server, "", "PGRST301", "Empty JWT is sent in Authorization header").await;
    for (parts, token) in [(1, "x"), (2, "x.y"), (4, "w.x.y.z")] {
        refused(&server, token, "PGRST301", &format!("Expected 3 parts in JWT; got {parts}")).await;
    }
    let stranger = sign("a-secret-that-the-server-does-not-know-of", &json!({"role": "service_role"}));
    let answer = refused(&server, &stranger, "PGRST301", "No suitable key or wrong key type").await;
    assert!(answer.json()["details"].is_string(), "{}", answer.body);
    let none = unsigned(&json!({"alg": "none"}), r#"{"role":"service_role"}"#);
    refused(&server, &none, "PGRST301", "Wrong or unsupported encoding algorithm").await;
    // The algorithm of another kind of key, whose public part an attacker may know.
    let public = unsigned(&json!({"alg": "RS256", "kid": "unknown"}), r#"{"role":"service_role"}"#);
    server.get(PATH).token(&public).expect_error(401, "PGRST301").await;
    let array = sign(DEVELOPMENT_SECRET, &json!(["role", "service_role"]));
    refused(&server, &array, "PGRST303", "Parsing claims failed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_are_judged_in_order() {
    let server = server_with(|config| config.auth.jwt_audience = "shop".into()).await;
    let signed = |claims: Value| sign(DEVELOPMENT_SECRET, &claims);
    let (past, future) = (now() - 100, now() + 100);
    let all = json!({"exp": past, "nbf": future, "iat": future, "aud": "other"});
    let without = |names: &[&str]| {
        let mut claims = all.clone();
        names.iter().for_each(|name| _ = claims.as_object_mut().and_then(|claims| claims.remove(*name)));
        claims
    };
    for (claims, message) in [
        (without(&[]), "JWT expired"),
        (without(&["exp"]), "JWT not yet valid"),
        (without(&["exp", "nbf"]), "JWT issued at future"),
        (without(&["exp", "nbf", "iat"]), "JWT not in audience"),
        (json!({"exp": "soon"}), "The JWT 'exp' claim must be a number"),
        (json!({"nbf": true}), "The JWT 'nbf' claim must be a number"),
        (json!({"iat": {}}), "The JWT 'iat' claim must be a number"),
        (json!({"exp": now() as f64 + 1000.5}), "JWT expired"),
        (json!({"aud": 7}), "The JWT 'aud' claim must be a string or an array of strings"),
        (json!({"aud": ["shop", 7]}), "The JWT 'aud' claim must be a string or an array of strings"),
        (json!({"aud": ["other"]}), "JWT not in audience"),
    ] {
        refused(&server, &signed(claims), "PGRST303", message).await;
    }
    for good in [
        json!({}),
        json!({"exp": null, "nbf": null, "iat": null, "aud": null}),
        json!({"exp": now() - 10, "nbf": now() + 10, "iat": now() + 10, "aud": []}),
        json!({"aud": "shop"}),
        json!({"aud": ["other", "shop"]}),
    ] {
        let mut claims = good;
        claims["role"] = "service_role".into();
        server.get(PATH).token(&signed(claims)).expect(200, json!([{"id": 1}])).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_that_are_none() {
    let server = server_with(|_| ()).await;
    let unknown = server.get(PATH).token(&token(json!({"role": "nobody"}))).expect_error(401, "22023").await;
    assert_eq!(unknown.json()["message"], "role \"nobody\" does not exist");
    server.get("/").token(&token(json!({"role": "nobody"}))).expect_error(401, "22023").await;
    // What is no string counts as its text; what is not there is anonymous.
    let number = server.get(PATH).token(&token(json!({"role": 7}))).expect_error(401, "22023").await;
    assert_eq!(number.json()["message"], "role \"7\" does not exist");
    server.get(PATH).token(&token(json!({"role": null}))).expect_error(401, "42501").await;

    let closed = server_with(|config| config.api.anonymous_role = String::new()).await;
    let anonymous = closed.get(PATH).expect_error(401, "PGRST302").await;
    assert_eq!(anonymous.json()["message"], "Anonymous access is disabled");
    assert_eq!(anonymous.header("www-authenticate"), "Bearer");
    closed.get(PATH).token(&token(json!({"sub": "x"}))).expect_error(401, "PGRST302").await;
}

/// `auth.uid()` is a uuid or nothing; what a policy compares with it is not let through by another `sub`.
#[tokio::test(flavor = "multi_thread")]
async fn subjects_that_are_no_uuid() {
    let schema = "create function public.who() returns uuid language sql stable as 'select auth.uid()';";
    let server = Server::start_with(schema, |_| ()).await;
    let who = |sub: Value| server.get("/rpc/who").token(&token(json!({"role": "authenticated", "sub": sub})));
    for (sub, text) in [(json!(42), "42"), (json!("someone"), "someone"), (json!(true), "true")] {
        let answer = who(sub).expect_error(400, "22P02").await;
        assert_eq!(answer.json()["message"], format!("invalid input syntax for type uuid: \"{text}\""));
    }
    who(Value::Null).expect(200, Value::Null).await;
    who(json!("")).expect(200, Value::Null).await;
    let id = "c0000000-0000-4000-8000-000000000001";
    who(json!(id)).expect(200, json!(id)).await;
}

/// `set role none` makes a session that of whoever connected, who owns the tables.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_who_connects_by_a_token() {
    let server = server_with(|_| ()).await;
    let catalog = server.database.catalog();
    for role in ["none", "postgres", "pg_read_all_data"] {
        let answer = server.get(PATH).token(&sign(DEVELOPMENT_SECRET, &json!({"role": role}))).send().await;
        let is_known = role == "none" || catalog.roles.contains_key(role);
        assert_eq!(answer.status, if is_known { 403 } else { 401 }, "{role}: {}", answer.body);
    }
}

/// `auth.role()` and the claims are a request's; scripts have none.
#[tokio::test(flavor = "multi_thread")]
async fn what_migrations_write_is_nobodys_request() {
    let script = "
        create table written (id integer primary key, role text default auth.role(), jwt jsonb default auth.jwt(),
            claims text default nullif(current_setting('request.jwt.claims', true), ''));
        create function guard() returns trigger language plpgsql as $$ begin
            if auth.role() is not null and auth.role() <> 'service_role' then raise exception 'not for %', auth.role(); end if;
            return new; end $$;
        create trigger guarded before insert on written for each row execute function guard();
        insert into written (id) values (1);";
    let server = Server::start(script).await;
    server.get("/written").service().expect(200, json!([{"id": 1, "role": null, "jwt": {}, "claims": null}])).await;
    server.post("/written", &json!({"id": 2})).service().expect(201, Value::Null).await;
    server.get("/written?id=eq.2&select=role").service().expect(200, json!([{"role": "service_role"}])).await;
}
