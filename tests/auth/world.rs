//! A server with the auth API, and what tests do with it again and again.

use basalt_server::Config;
use basalt_tests::{Answer, Ask, Server};
use reqwest::Method;
use serde_json::{Value, json};

/// The version that current clients send.
pub const VERSION: (&str, &str) = ("x-supabase-api-version", "2024-01-01");
/// A password that every rule takes.
pub const PASSWORD: &str = "Correct-horse-7";

/// A table of which a user sees only their own rows.
const SCHEMA: &str = "create table notes (
    id bigint generated always as identity primary key,
    owner uuid not null default auth.uid() references auth.users (id) on delete cascade,
    body text
  );
  alter table notes enable row level security;
  create policy own on notes to authenticated using (owner = auth.uid()) with check (owner = auth.uid());";

/// A server whose mails land in the mailbox and that has no limits that a test meets by accident.
pub async fn start() -> Server {
    start_with(|_| ()).await
}

/// The same, with a changed configuration.
pub async fn start_with(change: impl FnOnce(&mut Config)) -> Server {
    let prepare = |config: &mut Config| {
        let auth = &mut config.auth;
        auth.email.mailbox = true;
        auth.email.max_frequency = std::time::Duration::ZERO;
        auth.sms.max_frequency = std::time::Duration::ZERO;
        let many = 1_000_000;
        auth.rate_limit.email_sent = many;
        auth.rate_limit.sms_sent = many;
        auth.rate_limit.anonymous_users = many;
        auth.rate_limit.token_refresh = many;
        auth.rate_limit.sign_in_sign_ups = many;
        auth.rate_limit.token_verifications = many;
        auth.rate_limit.mfa = many;
        change(config);
    };
    Server::start_with(SCHEMA, prepare).await
}

/// The same, and new addresses have to be confirmed.
pub async fn start_confirming() -> Server {
    start_with(|config| config.auth.email.enable_confirmations = true).await
}

/// A session as a client keeps it.
#[derive(Debug, Clone)]
pub struct Session {
    pub access: String,
    pub refresh: String,
    pub user: String,
}

/// A request of a current client below `/auth/v1`.
pub fn ask(server: &Server, method: Method, path: &str) -> Ask {
    server.raw(method, &format!("/auth/v1{path}")).header(VERSION.0, VERSION.1)
}

pub fn get(server: &Server, path: &str) -> Ask {
    ask(server, Method::GET, path)
}

pub fn post(server: &Server, path: &str, body: Value) -> Ask {
    ask(server, Method::POST, path).json(&body)
}

pub fn put(server: &Server, path: &str, body: Value) -> Ask {
    ask(server, Method::PUT, path).json(&body)
}

/// Reads a session out of an answer that must be one.
#[track_caller]
pub fn session(answer: &Answer) -> Session {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let text = |pointer: &str| answer.text(pointer);
    Session { access: text("/access_token"), refresh: text("/refresh_token"), user: text("/user/id") }
}

/// Signs a new user up where addresses need no confirmation.
pub async fn sign_up(server: &Server, email: &str) -> Session {
    session(&post(server, "/signup", json!({"email": email, "password": PASSWORD})).send().await)
}

pub async fn sign_in(server: &Server, email: &str, password: &str) -> Answer {
    post(server, "/token?grant_type=password", json!({"email": email, "password": password})).send().await
}

pub async fn refresh(server: &Server, token: &str) -> Answer {
    post(server, "/token?grant_type=refresh_token", json!({"refresh_token": token})).send().await
}

/// The last mail to an address.
pub async fn mail(server: &Server, to: &str) -> Value {
    let mails = mails(server, to).await;
    mails.into_iter().next().unwrap_or_else(|| panic!("no mail to {to}"))
}

/// All mails to an address, newest first.
pub async fn mails(server: &Server, to: &str) -> Vec<Value> {
    let answer = server.raw(Method::GET, &format!("/studio/mail/messages?to={to}")).send().await;
    answer.json().as_array().cloned().unwrap_or_default()
}

/// Opens the link of a mail; gives where it leads.
pub async fn follow(server: &Server, mail: &Value) -> String {
    let link = mail["link"].as_str().expect("a link");
    let path = link.strip_prefix(server.url()).unwrap_or_else(|| panic!("{link} leads elsewhere"));
    let answer = server.raw(Method::GET, path).send().await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.header("location").to_owned()
}

/// A parameter of a query or fragment.
pub fn parameter(url: &str, name: &str) -> Option<String> {
    let (_, parameters) = url.split_once(['#', '?'])?;
    let mut pairs = parameters.split(['&', '#', '?']).filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.replace('+', " ").replace("%20", " "))
}

/// The claims of a token, unverified.
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a payload");
    serde_json::from_slice(&base64_url(payload)).expect("claims")
}

pub fn base64_url(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64url")
}
