//! Where settings come from: the file, the environment, the database.

use basalt_server::keys::sign;
use basalt_tests::postgres::Cluster;
use serde_json::json;

use super::support::{self, Project, runtime, until};
use super::{SCHEMA, SECRET};

#[test]
fn the_environment_and_the_database_configure_it_too() {
    let cluster = Cluster::start();
    let runtime = runtime();
    let session = runtime.block_on(cluster.create("app"));
    runtime.block_on(session.script(SCHEMA));
    let folder = Project::new(&[]);
    let uri = cluster.uri("login", "app");
    let environment = [
        ("PGRST_DB_URI", uri.as_str()),
        ("PGRST_DB_SCHEMAS", "api"),
        ("PGRST_DB_ANON_ROLE", "web_anon"),
        ("PGRST_DB_PRE_CONFIG", "config.pre"),
        ("PGRST_LOG_LEVEL", "info"),
    ];
    let server = folder.start(&["serve"], &environment);
    assert_eq!(server.get("/todos?select=id"), (200, "[{\"id\":1}]".to_owned()));
    assert_eq!(server.get("/").0, 404);
    drop(server);
    // A name that is no setting is passed over: deployments that run have some.
    let without: Vec<_> =
        environment.iter().copied().chain([("PGRST_DB_CONFIG", "false"), ("PGRST_DB_POOLS", "x")]).collect();
    let server = folder.start(&["serve"], &without);
    assert_eq!(server.get("/todos?select=id").1.matches("id").count(), 2);
    assert_eq!(server.get("/").0, 200);
}

const GATED: &str = "
create table notes (id integer primary key);
alter table notes enable row level security;
create policy everyone on notes for select using (true);
insert into notes select generate_series(1, 4);
create function gate() returns void language plpgsql as $$ begin raise sqlstate 'PT402' using message = 'pay first'; end $$;
alter role authenticator set pgrst.db_pre_request = 'public.gate';
";

#[test]
fn a_project_heeds_what_its_database_keeps() {
    let cluster = Cluster::start();
    let runtime = runtime();
    let session = runtime.block_on(cluster.create("app"));
    let script = |sql: &str| runtime.block_on(session.script(sql));
    let toml = format!("[database]\nurl = \"{} dbname=app\"\n[api]\nmax_rows = 3\n", cluster.url());
    let project = Project::new(&[("basalt.toml", &toml), ("migrations/0001_notes.sql", GATED)]);
    let secret = ("BASALT_AUTH__JWT_SECRET", SECRET);
    let server = project.start(&["serve", "--migrate"], &[secret]);
    let notes = "/rest/v1/notes?select=id&order=id";
    assert_eq!(server.get(notes).0, 402);
    script("alter role authenticator reset pgrst.db_pre_request; notify pgrst, 'reload config'");
    server.comes_to(notes, "[{\"id\":1}, \n {\"id\":2}, \n {\"id\":3}]");
    // What is said for this database comes before what is said for all; both come before the project's file.
    script("alter role authenticator set pgrst.db_max_rows = '2'; notify pgrst, 'reload config'");
    server.comes_to(notes, "[{\"id\":1}, \n {\"id\":2}]");
    script("alter role authenticator in database app set pgrst.db_max_rows = '1'; notify pgrst, 'reload config'");
    server.comes_to(notes, "[{\"id\":1}]");
    // What can't be used leaves everything as it was.
    script("alter role authenticator in database app set pgrst.db_max_rows = 'many'; notify pgrst, 'reload config'");
    server.says("`db-max-rows`");
    assert_eq!(server.get(notes).1, "[{\"id\":1}]");
    drop(server);

    let refused = project.run_with(&["serve", "--port", "0"], &[(secret.0, secret.1.into())]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("`db-max-rows`"), "{}", refused.stderr);
    // Whoever starts the process has the last word.
    let server = project.start(&["serve"], &[secret, ("BASALT_API__DATABASE_CONFIG", "false")]);
    assert_eq!(server.get(notes).1.matches("id").count(), 3);
    drop(server);
    script("alter role authenticator in database app set pgrst.db_max_rows = '1'");
    let server = project.start(&["serve"], &[secret, ("BASALT_API__MAX_ROWS", "4")]);
    assert_eq!(server.get(notes).1.matches("id").count(), 4);
    drop(server);
    // A function may say it, too, with no more rights than requests have.
    script(
        "create function pre() returns void language plpgsql as $$ begin
           perform set_config('pgrst.db_max_rows', case session_user when 'authenticator' then '2' else '4' end, true);
         end $$;
         alter role authenticator in database app reset pgrst.db_max_rows;
         alter role authenticator set pgrst.db_pre_config = 'public.pre'",
    );
    let server = project.start(&["dev"], &[]);
    assert_eq!(server.get(notes).1.matches("id").count(), 2);
    script("alter role authenticator reset pgrst.db_pre_config; alter role authenticator reset pgrst.db_max_rows");
    script("notify pgrst, 'reload config'");
    server.says("restarted");
    server.comes_to(notes, "[{\"id\":1}, \n {\"id\":2}, \n {\"id\":3}]");
}

#[test]
fn a_project_heeds_it_on_the_embedded_engine_too() {
    let tables = "create table notes (id integer primary key); alter table notes enable row level security;
        create policy everyone on notes for select using (true); insert into notes values (1), (2), (3);
        alter role authenticator set pgrst.db_max_rows = '1';";
    let project = Project::new(&[("basalt.toml", ""), ("migrations/0001_notes.sql", tables)]);
    let server = project.start(&["dev"], &[]);
    let notes = "/rest/v1/notes?select=id&order=id";
    assert_eq!(server.get(notes).1, "[{\"id\":1}]");
    project.write("migrations/0002_more.sql", "alter role authenticator set pgrst.db_max_rows to '2';");
    server.comes_to(notes, "[{\"id\":1}, \n {\"id\":2}]");
}

#[test]
fn what_it_cannot_use_is_said() {
    for (text, expected) in [
        (
            "db-anon-rol = \"x\"\njwt-secret = \"super-secret-jwt-token-with-at-least-32-characters-long\"\ndb-uri = \"postgresql://nobody@127.0.0.1:1/x\"\n",
            "warning: unknown PostgREST setting `db-anon-rol` (x.conf:1); did you mean `db-anon-role`?",
        ),
        (
            "jwt-secret = \"super-secret-jwt-token-with-at-least-32-characters-long\"\ndb-uri = \"postgresql://nobody@127.0.0.1:1/x\"\n",
            "published development secret",
        ),
        (
            "jwt-secret = \"c3VwZXItc2VjcmV0LWp3dC10b2tlbi13aXRoLWF0LWxlYXN0LTMyLWNoYXJhY3RlcnMtbG9uZw==\"\njwt-secret-is-base64 = true\ndb-uri = \"postgresql://nobody@127.0.0.1:1/x\"\n",
            "published development secret",
        ),
        ("db-schemas = \"pg_catalog\"\ndb-uri = \"postgresql://nobody@127.0.0.1:1/x\"\n", "must not name pg_catalog"),
    ] {
        let folder = Project::new(&[("x.conf", text)]);
        let said = folder.run(&["serve", "x.conf", "--port", "0"]);
        assert!(said.code == Some(1) && said.stderr.contains(expected), "{expected}: {}", said.stderr);
    }
}

#[test]
fn secrets_are_read_in_every_form_and_missed_where_there_is_none() {
    let cluster = Cluster::start();
    let runtime = runtime();
    runtime.block_on(runtime.block_on(cluster.create("app")).script(SCHEMA));
    let folder = Project::new(&[]);
    let uri = cluster.uri("login", "app");
    let base = [
        ("PGRST_DB_URI", uri.as_str()),
        ("PGRST_DB_SCHEMAS", "api"),
        ("PGRST_DB_ANON_ROLE", "web_anon"),
        ("PGRST_LOG_LEVEL", "info"),
    ];
    let without = folder.start(&["serve"], &base);
    let bearer = format!("authorization: Bearer {}", sign(SECRET, &json!({"role": "todo_user"})));
    let refused = r#"{"code":"PGRST300","details":null,"hint":null,"message":"Server lacks JWT secret"}"#;
    assert_eq!(without.request("GET", "/todos", &[&bearer], ""), (500, refused.to_owned()));
    assert_eq!(without.get("/todos?limit=0").0, 200);
    drop(without);
    let jwk = r#"{"kty":"oct","alg":"HS256","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}"#;
    let set = format!(r#"{{"keys":[{jwk}]}}"#);
    for (secret, is_base64) in [
        (SECRET, "false"),
        // Of the secret, with and without the alphabet of URLs; of a JWK.
        ("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "true"),
        (
            "eyJrdHkiOiJvY3QiLCJhbGciOiJIUzI1NiIsImsiOiJNREV5TXpRMU5qYzRPV0ZpWTJSbFpqQXhNak0wTlRZM09EbGhZbU5rWldZIn0=",
            "true",
        ),
        (jwk, "false"),
        (&set, "false"),
    ] {
        let forms = [("PGRST_JWT_SECRET", secret), ("PGRST_JWT_SECRET_IS_BASE64", is_base64)];
        let environment: Vec<_> = base.iter().chain(&forms).copied().collect();
        let server = folder.start(&["serve"], &environment);
        let new = server.request("POST", "/todos", &[&bearer, "content-type: application/json"], r#"{"task":"x"}"#);
        assert_eq!(new.0, 201, "{secret}: {}", new.1);
        let forged = format!(
            "authorization: Bearer {}",
            sign("another-secret-of-at-least-32-bytes", &json!({"role": "todo_user"}))
        );
        assert_eq!(server.request("GET", "/todos", &[&forged], "").0, 401, "{secret}");
    }
}

/// A file with every setting that PostgREST documents, each read and heeded.
#[test]
fn a_file_with_every_setting_is_served() {
    let cluster = Cluster::start();
    let runtime = runtime();
    let session = runtime.block_on(cluster.create("app"));
    runtime.block_on(session.script(SCHEMA));
    runtime.block_on(session.script(
        "create function api.root() returns json language sql stable as $$ select '{\"hello\":\"you\"}'::json $$;
         create function api.check() returns void language plpgsql as $$ begin
           if current_setting('request.headers', true)::json ->> 'x-bad' is not null then raise 'bad'; end if; end $$;
         grant execute on function api.root(), api.check() to web_anon",
    ));
    let admin = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = Project::new(&[]);
    let socket = folder.path().join("rest.sock");
    let text = format!(
        r#"
admin-server-host = "127.0.0.1"
admin-server-port = {admin}
app.settings.region = "$(HOME_REGION)"
client-error-verbosity = "minimal"
db-aggregates-enabled = true
db-anon-role = "web_anon"
db-channel = "elsewhere"
db-channel-enabled = true
db-config = false
db-extra-search-path = "public"
db-hoisted-tx-settings = "statement_timeout, default_transaction_isolation"
db-max-rows = 2
db-plan-enabled = true
db-pool = 3
db-pool-acquisition-timeout = 5
db-pool-automatic-recovery = true
db-pool-max-idletime = 30
db-pool-max-lifetime = 1800
db-pre-config = "config.pre"
db-pre-request = "api.check"
db-prepared-statements = false
db-root-spec = "root"
db-schemas = "api"
db-timezone-enabled = true
db-tx-end = "commit-allow-override"
db-uri = "{uri}"
jwt-aud = "todos"
jwt-cache-max-entries = 100
jwt-cache-max-lifetime = 0
jwt-role-claim-key = "$$.app.role"
jwt-secret = "{secret}"
jwt-secret-is-base64 = true
log-level = "info"
log-query = true
openapi-mode = "ignore-privileges"
openapi-security-active = true
openapi-server-proxy-uri = "https://example.org/"
server-cors-allowed-origins = "https://a.example"
server-host = "127.0.0.1"
server-port = 0
server-reuseport = true
server-timing-enabled = true
server-trace-header = "X-Trace"
server-unix-socket = "{socket}"
server-unix-socket-mode = "600"
url-use-legacy-target-names = false
"#,
        uri = cluster.uri("login", "app"),
        secret = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        socket = socket.display()
    );
    folder.write("all.conf", &text);
    let server = folder.start(&["serve", "all.conf"], &[("HOME_REGION", "eu")]);
    let ask = |method: &str, path: &str, headers: &[&str], body: &str| {
        let mut stream = std::os::unix::net::UnixStream::connect(&socket).expect("a socket");
        support::ask_over(&mut stream, "localhost", method, path, headers, body).expect("an answer")
    };
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&socket).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(ask("GET", "/", &[], ""), (200, r#"{"hello":"you"}"#.to_owned()));
    assert_eq!(ask("GET", "/rpc/region", &[], ""), (200, "\"eu\"".to_owned()));
    assert_eq!(ask("GET", "/todos?select=id.max()", &[], ""), (200, "[{\"max\":2}]".to_owned()));
    assert_eq!(ask("GET", "/todos", &["x-bad: 1"], ""), (400, r#"{"code":"P0001","message":"bad"}"#.to_owned()));
    assert_eq!(ask("GET", "/todos", &["accept: application/vnd.pgrst.plan+json"], "").0, 200);
    let claims = |aud: &str| sign(SECRET, &json!({"app": {"role": "todo_user"}, "aud": aud}));
    let bearer = |aud: &str| format!("authorization: Bearer {}", claims(aud));
    let insert = |headers: &[&str]| {
        ask("POST", "/todos", &[headers, &["content-type: application/json"]].concat(), r#"{"task":"x"}"#).0
    };
    assert_eq!(insert(&[&bearer("others")]), 401);
    assert_eq!(insert(&[&bearer("todos"), "prefer: tx=rollback"]), 201);
    assert_eq!(insert(&[&bearer("todos")]), 201);
    assert_eq!(ask("GET", "/todos?select=id", &[], "").1.matches("id").count(), 2, "db-max-rows");
    assert_eq!(ask("GET", "/todos?select=count", &[], ""), (200, "[{\"count\":3}]".to_owned()));
    assert_eq!(server.get_beside(admin, "/ready").0, 200);
    let (status, known) = server.get_beside(admin, "/schema_cache");
    let known: serde_json::Value = serde_json::from_str(&known).expect("JSON");
    let of =
        |what: &str| known[what].as_array().into_iter().flatten().map(|one| one["name"].clone()).collect::<Vec<_>>();
    assert!(status == 200 && of("dbTables").contains(&"todos".into()), "{known}");
    assert!(of("dbRoutines").contains(&"region".into()) && known["dbRelationships"].is_array(), "{known}");
    server.says("basalt_db::queries");
    runtime.block_on(session.script("drop function api.region(); notify elsewhere, 'reload schema'"));
    until("a catalog that was read again", || ask("GET", "/rpc/region", &[], "").0 == 404);
    assert_eq!(server.terminate(), Some(0));
    assert!(!socket.exists());
}
