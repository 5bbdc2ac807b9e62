//! Servers that restart, connections that run short, clients that hang up, tables that change meanwhile.

use std::time::Duration;

use basalt_tests::Server;
use basalt_tests::postgres::{Cluster, Session};
use basalt_tests::waiting::{comes_to, until};
use reqwest::Method;
use serde_json::json;

pub const SCHEMA: &str = "
    create table notes (id integer primary key, body text);
    alter table notes enable row level security;
    create policy everyone on notes for select using (true);
    insert into notes values (1, 'one');
    create function nap(seconds float8) returns text language sql volatile as $$ select pg_sleep(seconds)::text $$;
    create function quick_nap(seconds float8) returns text language sql volatile set statement_timeout = '100ms'
        as $$ select pg_sleep(seconds)::text $$;";

/// Asks until the answer has this status.
pub async fn answered(server: &Server, path: &str, status: u16) {
    comes_to(path, status, async || server.get(path).send().await.status).await;
}

/// Waits until whoever sends requests here is told so.
pub async fn ready(server: &Server, status: u16) {
    let asked = async || server.raw(Method::GET, "/health/ready").send().await.status;
    comes_to("/health/ready", status, asked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_restarts_is_found_again() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |_| ()).await;
    server.get("/notes?select=body").expect(200, json!([{"body": "one"}])).await;
    ready(&server, 200).await;
    cluster.stop();
    // The first requests find broken connections, the next ones that no new one can be made.
    for _ in 0..20 {
        let answer = server.get("/notes").send().await;
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(
            ["PGRST000", "PGRST001", "57P01"].contains(&answer.json()["code"].as_str().unwrap()),
            "{}",
            answer.body
        );
        assert_eq!(answer.header("retry-after"), "1");
    }
    let answer = server.get("/notes").send().await;
    assert_eq!((answer.status, &answer.json()["code"]), (503, &json!("PGRST000")));
    ready(&server, 503).await;
    cluster.run_server();
    ready(&server, 200).await;
    answered(&server, "/notes", 200).await;
    server.get("/notes?select=body").expect(200, json!([{"body": "one"}])).await;
}

/// How many statements nap, as another session sees it.
pub async fn napping(session: &Session) -> u64 {
    let sql = "select count(*) from pg_stat_activity where state = 'active' and query like '%\"nap\"%' \
        and pid <> pg_backend_pid()";
    session.ask(sql).await.expect("counts").0.expect("a count").parse().expect("a number")
}

/// Hangs up while a statement naps, and waits until it has ended, as another session sees it.
pub async fn hang_up(server: &Server, session: &Session) {
    let nap = server.post("/rpc/nap", &json!({"seconds": 600})).service().send();
    tokio::select! {
        biased;
        answer = nap => panic!("{}", answer.body),
        () = comes_to("statements that nap", 1, async || napping(session).await) => {}
    }
    comes_to("statements that nap", 0, async || napping(session).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_waits_for_a_connection_only_so_long() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |config| {
        config.database.pool = 1;
        config.database.queue = 1;
        config.database.pool_timeout = Duration::from_secs(1);
    })
    .await;
    let session = cluster.connect_to(server.database_name()).await;
    let nap = server.post("/rpc/nap", &json!({"seconds": 4})).service().send();
    let late = async {
        comes_to("statements that nap", 1, async || napping(&session).await).await;
        let (one, two, three) =
            tokio::join!(server.get("/notes").send(), server.get("/notes").send(), server.get("/notes").send());
        let mut codes: Vec<(u16, String)> = [one, two, three]
            .iter()
            .map(|answer| {
                assert_eq!(answer.header("retry-after"), "1", "{}", answer.body);
                (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
            })
            .collect();
        codes.sort();
        codes
    };
    let look = async {
        let mut text = String::new();
        until("a request that waits for a connection", async || {
            text = server.raw(Method::GET, "/metrics").send().await.body;
            text.contains("pgrst_db_pool_waiting 1\n")
        })
        .await;
        text
    };
    let (nap, codes, meanwhile) = tokio::join!(nap, late, look);
    assert_eq!(nap.status, 200, "{}", nap.body);
    let refused = |status: u16, code: &str| codes.iter().filter(|found| **found == (status, code.to_owned())).count();
    assert_eq!((refused(503, "PGRST003"), refused(503, "53300")), (1, 2), "{codes:?}");
    let holds = |text: &str, lines: &[&str]| {
        for line in lines {
            assert!(text.lines().any(|found| found == *line), "{line} is not in\n{text}");
        }
    };
    let during = [
        "basalt_pool_connections{state=\"open\"} 1",
        "basalt_pool_connections{state=\"idle\"} 0",
        "basalt_waiting{for=\"connection\"} 1",
        "pgrst_db_pool_available 0",
        "pgrst_db_pool_max 1",
    ];
    holds(&meanwhile, &during);
    let after = server.raw(Method::GET, "/metrics").send().await.body;
    let after_all = [
        "basalt_pool_connections{state=\"idle\"} 1",
        "basalt_waiting{for=\"connection\"} 0",
        "basalt_pool_timeouts_total 1",
        "basalt_refused_total 2",
        "# TYPE pgrst_db_pool_timeouts_total counter",
        "pgrst_db_pool_timeouts_total 1",
        "pgrst_db_pool_available 1",
    ];
    holds(&after, &after_all);
    server.get("/notes?select=id").expect(200, json!([{"id": 1}])).await;
}

/// As PostgREST has it, where that is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_wait_in_vain_may_be_postgrests() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |config| {
        config.database.pool = 1;
        config.database.pool_timeout = Duration::from_millis(100);
        config.api.pool_timeout_status = basalt_server::config::PoolTimeoutStatus::GatewayTimeout;
    })
    .await;
    let session = cluster.connect_to(server.database_name()).await;
    let nap = server.post("/rpc/nap", &json!({"seconds": 4})).service().send();
    let late = async {
        comes_to("statements that nap", 1, async || napping(&session).await).await;
        server.get("/notes").send().await
    };
    let (nap, late) = tokio::join!(nap, late);
    assert_eq!((nap.status, late.status), (200, 504));
    let message = "Timed out acquiring connection from connection pool.";
    assert_eq!(late.json(), json!({"code": "PGRST003", "details": null, "hint": null, "message": message}));
    assert!(!late.headers.contains_key("retry-after"));
    assert_eq!(late.header("proxy-status"), "PostgREST; error=PGRST003");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_cancels_its_statement() {
    let cluster = Cluster::start();
    // Nothing else ends the statement before the wait for its end is over.
    let change = |config: &mut basalt_server::Config| {
        config.database.pool = 1;
        config.database.statement_timeout = Duration::ZERO;
    };
    let server = Server::start_on(&cluster, SCHEMA, change).await;
    let session = cluster.connect_to(server.database_name()).await;
    hang_up(&server, &session).await;
    // The one connection is free, and of nobody.
    server.get("/notes?select=id").expect(200, json!([{"id": 1}])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn time_limits_are_the_functions_the_roles_or_the_configured_one() {
    let cluster = Cluster::start();
    let script = format!("{SCHEMA} alter role authenticated set statement_timeout = '150ms';");
    let server =
        Server::start_on(&cluster, &script, |config| config.database.statement_timeout = Duration::from_millis(400))
            .await;
    let nap = |seconds: f64| server.post("/rpc/nap", &json!({"seconds": seconds}));
    nap(0.25).service().expect(200, json!("")).await;
    nap(0.8).service().expect_error(500, "57014").await;
    nap(0.25).user("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11").expect_error(500, "57014").await;
    server.post("/rpc/quick_nap", &json!({"seconds": 0.2})).service().expect_error(500, "57014").await;
    // Nothing of it stays on the connection.
    nap(0.25).service().expect(200, json!("")).await;
    cluster.connect().await.script("alter role authenticated reset statement_timeout").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_change_under_prepared_statements() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |config| config.database.pool = 1).await;
    let session = cluster.connect_to(server.database_name()).await;
    for _ in 0..7 {
        server.get("/notes?id=eq.1").expect(200, json!([{"id": 1, "body": "one"}])).await;
    }
    session.script("alter table notes add column stars integer default 3").await;
    let seen = json!([{"id": 1, "body": "one", "stars": 3}]);
    comes_to("the changed table", seen, async || {
        let answer = server.get("/notes?id=eq.1").send().await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    })
    .await;
    session.script("alter table notes alter id type text; alter table notes drop column stars").await;
    let seen = json!([{"id": "1", "body": "one"}]);
    comes_to("the changed table", seen, async || server.get("/notes?id=eq.1").send().await.json()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_session_is_relied_on_behind_a_transaction_pooler() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |config| {
        config.database.pooler = basalt_server::config::Pooler::Transaction;
        config.database.pool = 1;
    })
    .await;
    let script = "create function prepared() returns bigint language sql stable as $$ select count(*) from pg_prepared_statements $$;";
    server.script(script).await;
    server.get("/notes?id=eq.1&select=body").prefer("count=exact").expect(200, json!([{"body": "one"}])).await;
    server.get("/notes?id=eq.x").expect_error(400, "22P02").await;
    server
        .post("/notes", &json!([{"id": 2, "body": "two"}, {"id": 3, "body": null}]))
        .service()
        .expect(201, json!(null))
        .await;
    server.get("/notes?select=id&order=id.desc&limit=1").expect(200, json!([{"id": 3}])).await;
    server.get("/rpc/prepared").service().expect(200, json!(0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_a_script_copies_is_told_by_its_line() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, "create table t (a int, b text);", |_| ()).await;
    let script = "-- rows\ncopy t (a, b) from stdin;\n1\tx\nno\ty\n\\.\n";
    let failed = server.database.import("rows.sql", script, |_| {}).await.expect_err("a bad row");
    assert_eq!((failed.error.code(), Some(failed.offset)), ("22P02", script.find("no\ty")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_in_a_block_is_told_at_its_line() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, "create table t (id int primary key);", |_| ()).await;
    let script = "select 1;\ndo $$\nbegin\n  perform 1;\n  insert into t values (7), (7);\nend $$;";
    let failed = server.database.run_script(script, |_| {}).await.expect_err("fails");
    assert_eq!((failed.error.code(), Some(failed.offset)), ("23505", script.find("insert")));
}
