//! The whole server, started in the test's own process over a fresh database, and asked over HTTP as a client asks.
//!
//! ```ignore
//! let server = Server::start("create table t (id int primary key); ...").await;
//! server.get("/t?select=id").user("<uuid>").expect(200, json!([{"id": 1}])).await;
//! ```

pub mod nats;
pub mod postgres;
pub mod receiver;
pub mod smtp;
pub mod socket;
pub mod totp;
pub mod waiting;

use std::path::Path;

use basalt_core::Identity;
use basalt_db::{Database, Format, Request};
use basalt_server::keys::{DEVELOPMENT_SECRET, Keys, sign};
use basalt_server::{Basalt, Config, open_database};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A running server over its own database.
pub struct Server {
    basalt: Option<Basalt>,
    /// The project's folder; removed at the end.
    pub folder: TempDir,
    /// Its database, for what no request can do: scripts, and statements as any identity.
    pub database: Database,
    client: reqwest::Client,
    url: String,
    own: Option<OwnDatabase>,
}

/// Whether the tests run on PostgreSQL: then this names a server's superuser, and every test has a database of its own there.
pub const POSTGRES: &str = "TEST_POSTGRES";

/// The major version of that server.
pub const POSTGRES_VERSION: &str = "TEST_POSTGRES_VERSION";

/// Whether the tests run on PostgreSQL of an older version than this.
pub fn on_postgres_before(version: u32) -> bool {
    std::env::var(POSTGRES_VERSION).is_ok_and(|found| found.parse::<u32>().is_ok_and(|found| found < version))
}

/// A database whose tables every test's database begins with; without it, they begin empty.
pub const TEMPLATE: &str = "TEST_TEMPLATE";

/// Whether the tests run on PostgreSQL.
pub fn on_postgres() -> bool {
    std::env::var_os(POSTGRES).is_some()
}

/// A database of PostgreSQL's that is gone when this is dropped.
struct OwnDatabase {
    server: String,
    name: String,
}

/// Runs a statement as the superuser.
async fn admin(server: String, sql: String) {
    let (client, connection) =
        tokio_postgres::connect(&format!("{server} dbname=postgres"), tokio_postgres::NoTls).await.expect("PostgreSQL");
    let driver = tokio::spawn(connection);
    client.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    driver.abort();
}

impl OwnDatabase {
    async fn make(server: String) -> OwnDatabase {
        let name = format!("t{}", uuid::Uuid::new_v4().simple());
        let template = std::env::var(TEMPLATE).unwrap_or_else(|_| "template0".into());
        admin(server.clone(), format!("create database {name} template {template}")).await;
        OwnDatabase { server, name }
    }

    fn url(&self) -> String {
        format!("{} dbname={}", self.server, self.name)
    }
}

impl Drop for OwnDatabase {
    fn drop(&mut self) {
        // A runtime of its own: the test's may be ending.
        let drop = admin(self.server.clone(), format!("drop database if exists {} with (force)", self.name));
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(drop);
        });
        dropping.join().expect("the database is dropped");
    }
}

/// A request being put together.
pub struct Ask {
    request: reqwest::RequestBuilder,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: String,
}

impl Server {
    /// Starts a server over `schema`, a PostgreSQL script, with the development keys and everything else at its default.
    pub async fn start(schema: &str) -> Server {
        Server::start_with(schema, |_| ()).await
    }

    /// The same, with a changed configuration.
    pub async fn start_with(schema: &str, change: impl FnOnce(&mut Config)) -> Server {
        let own = match std::env::var(POSTGRES) {
            Ok(server) => Some(OwnDatabase::make(server).await),
            Err(_) => None,
        };
        Server::open(own, schema, change).await
    }

    /// A server on the embedded engine, whatever the tests run on.
    pub async fn start_embedded(schema: &str, change: impl FnOnce(&mut Config)) -> Server {
        Server::open(None, schema, change).await
    }

    /// A server over a new database of a cluster.
    pub async fn start_on(cluster: &postgres::Cluster, schema: &str, change: impl FnOnce(&mut Config)) -> Server {
        Server::open(Some(OwnDatabase::make(cluster.url()).await), schema, change).await
    }

    /// A server over the database at `url`, whatever the tests run on.
    pub async fn start_at(url: &str, change: impl FnOnce(&mut Config)) -> Server {
        let prepare = |config: &mut Config| {
            config.database.url = url.to_owned();
            change(config);
        };
        Server::open(None, "", prepare).await
    }

    async fn open(own: Option<OwnDatabase>, schema: &str, change: impl FnOnce(&mut Config)) -> Server {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Server::open_in(folder, own, schema, change).await
    }

    async fn open_in(
        folder: TempDir,
        own: Option<OwnDatabase>,
        schema: &str,
        change: impl FnOnce(&mut Config),
    ) -> Server {
        let config = configured(own.as_ref(), change);
        let path: &Path = folder.path();
        let database = open_database(path, &config).await.expect("a database");
        database.run_script(schema, |_| ()).await.unwrap_or_else(|error| panic!("the schema: {error}"));
        let handle = database.clone();
        let basalt = Basalt::start(path, &config, database).await.expect("a server");
        let url = format!("http://{}", basalt.address());
        // Where an answer leads is the tests' affair.
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Server { basalt: Some(basalt), folder, client, url, database: handle, own }
    }

    /// The name of its database in a cluster.
    pub fn database_name(&self) -> &str {
        self.own.as_ref().map_or("", |own| &own.name)
    }

    /// The running server itself.
    pub fn basalt(&self) -> &Basalt {
        self.basalt.as_ref().expect("it was not stopped")
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Drains and ends it; the folder stays until the value is dropped.
    pub async fn stop(&mut self) {
        if let Some(basalt) = self.basalt.take() {
            basalt.stop().await;
        }
    }

    /// Starts again on the same database, after [`Server::stop`], with a configuration like a new server's.
    pub async fn restart(&mut self, change: impl FnOnce(&mut Config)) {
        let config = configured(self.own.as_ref(), change);
        let basalt = Basalt::start(self.folder.path(), &config, self.database.clone()).await.expect("a server");
        self.url = format!("http://{}", basalt.address());
        self.basalt = Some(basalt);
    }

    /// Stops, closes the database, and opens it anew, as the next process does.
    pub async fn begin_anew(mut self, change: impl FnOnce(&mut Config)) -> Server {
        self.stop().await;
        let Server { database, folder, own, .. } = self;
        database.close().await;
        Server::open_in(folder, own, "", change).await
    }

    /// A configuration like a new server's over this database, for [`Basalt::reconfigure`].
    pub fn configuration(&self, change: impl FnOnce(&mut Config)) -> Config {
        configured(self.own.as_ref(), change)
    }

    /// Runs a script as the database's owner.
    pub async fn script(&self, sql: &str) {
        self.database.run_script(sql, |_| ()).await.unwrap_or_else(|failed| panic!("{sql}: {failed}"));
    }

    /// The one value that a query gives the database's owner, as JSON.
    pub async fn value(&self, query: &str) -> Value {
        let request = Request { format: Format::Scalar, ..Request::new(Identity::owner(), query, Vec::new()) };
        let answer = self.database.run(request).await.unwrap_or_else(|error| panic!("{query}: {error}"));
        serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    /// A request to a path of the REST API, without a key: anonymous.
    pub fn ask(&self, method: Method, path: &str) -> Ask {
        Ask { request: self.client.request(method, format!("{}/rest/v1{path}", self.url)) }
    }

    /// GET below the REST API.
    pub fn get(&self, path: &str) -> Ask {
        self.ask(Method::GET, path)
    }

    /// POST of JSON.
    pub fn post(&self, path: &str, body: &Value) -> Ask {
        self.ask(Method::POST, path).json(body)
    }

    /// PATCH with JSON.
    pub fn patch(&self, path: &str, body: &Value) -> Ask {
        self.ask(Method::PATCH, path).json(body)
    }

    /// PUT of JSON.
    pub fn put(&self, path: &str, body: &Value) -> Ask {
        self.ask(Method::PUT, path).json(body)
    }

    /// DELETE.
    pub fn delete(&self, path: &str) -> Ask {
        self.ask(Method::DELETE, path)
    }

    /// POST of JSON below the auth API as current clients send it; without a token where that is empty.
    pub async fn auth(&self, path: &str, token: &str, body: Value) -> Answer {
        let ask = self.raw(Method::POST, &format!("/auth/v1{path}")).header("x-supabase-api-version", "2024-01-01");
        let ask = if token.is_empty() { ask } else { ask.token(token) };
        ask.json(&body).send().await
    }

    /// A request to any path of the server.
    pub fn raw(&self, method: Method, path: &str) -> Ask {
        Ask { request: self.client.request(method, format!("{}{path}", self.url)) }
    }
}

impl Ask {
    /// As a signed-in user.
    pub fn user(self, id: &str) -> Ask {
        self.token(&token(json!({"role": "authenticated", "sub": id})))
    }

    /// As a server that row policies do not bind.
    pub fn service(self) -> Ask {
        self.token(&Keys::development().service)
    }

    /// With a bearer token.
    pub fn token(self, token: &str) -> Ask {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With a header.
    pub fn header(mut self, name: &str, value: &str) -> Ask {
        self.request = self.request.header(name, value);
        self
    }

    /// With `Prefer`.
    pub fn prefer(self, preferences: &str) -> Ask {
        self.header("prefer", preferences)
    }

    /// With a JSON body.
    pub fn json(self, body: &Value) -> Ask {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// With a body.
    pub fn body(mut self, body: impl Into<reqwest::Body>) -> Ask {
        self.request = self.request.body(body);
        self
    }

    /// Sends it.
    pub async fn send(self) -> Answer {
        let response = self.request.send().await.expect("an answer");
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.expect("a body"),
        }
    }

    /// Sends it and gives the body's bytes.
    pub async fn bytes(self) -> Vec<u8> {
        let response = self.request.send().await.expect("an answer");
        response.bytes().await.expect("a body").to_vec()
    }

    /// Sends it and expects a status and a JSON body.
    #[track_caller]
    pub fn expect(self, status: u16, body: Value) -> impl Future<Output = Answer> {
        let place = std::panic::Location::caller();
        async move {
            let answer = self.send().await;
            let found = (answer.status, answer.json());
            assert!(
                found == (status, body.clone()),
                "at {place}\nexpected {status} {body}\nfound    {} {}",
                found.0,
                found.1
            );
            answer
        }
    }

    /// Sends it and expects an error by status and code.
    #[track_caller]
    pub fn expect_error(self, status: u16, code: &str) -> impl Future<Output = Answer> {
        let place = std::panic::Location::caller();
        let code = code.to_owned();
        async move {
            let answer = self.send().await;
            let found = answer.json()["code"].as_str().unwrap_or_default().to_owned();
            assert!(
                (answer.status, &found) == (status, &code),
                "at {place}\nexpected {status} {code}\nfound    {} {}",
                answer.status,
                answer.body
            );
            answer
        }
    }
}

impl Answer {
    /// The body as JSON; null if there is none.
    pub fn json(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&self.body).unwrap_or_else(|_| Value::String(self.body.clone()))
    }

    /// The text at a place of the body, which has to be there.
    #[track_caller]
    pub fn text(&self, pointer: &str) -> String {
        let found = self.json().pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        found.unwrap_or_else(|| panic!("no {pointer} in {} {}", self.status, self.body))
    }

    /// A header's text; empty if it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// The configuration of a server over its own database.
fn configured(own: Option<&OwnDatabase>, change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    config.server.port = 0;
    config.auth.jwt_secret = DEVELOPMENT_SECRET.into();
    config.database.url = own.map(OwnDatabase::url).unwrap_or_default();
    change(&mut config);
    config
}

/// A token signed with the development secret, good until 2100 unless its claims say otherwise.
pub fn token(mut claims: Value) -> String {
    if claims.get("exp").is_none() {
        claims["exp"] = 4_102_444_800_u64.into();
    }
    sign(DEVELOPMENT_SECRET, &claims)
}
