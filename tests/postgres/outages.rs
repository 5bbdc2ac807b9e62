//! PostgreSQL that is killed, ends its connections, takes no more of them, stands still, or is another by now.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use basalt_tests::Server;
use basalt_tests::postgres::Cluster;
use serde_json::json;

use crate::faults::{SCHEMA, answered, ready};

/// Reads until something ends it; gives the answers that were no rows, by status and code.
async fn read_on(server: &Server, until: &AtomicBool) -> Vec<(u16, String)> {
    let mut failed = Vec::new();
    while !until.load(Ordering::Relaxed) {
        let answer = server.get("/notes?select=id").send().await;
        if answer.status == 200 {
            assert_eq!(answer.json(), json!([{"id": 1}]));
            continue;
        }
        assert_eq!(answer.header("retry-after"), "1", "{answer:?}");
        failed.push((answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned()));
    }
    failed
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_ended_under_way_are_made_anew() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |config| config.database.pool = 4).await;
    let session = cluster.connect().await;
    let is_over = AtomicBool::new(false);
    let end = async {
        for _ in 0..10 {
            let sql = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                where backend_type = 'client backend' and pid <> pg_backend_pid()";
            session.ask(sql).await.expect("ends them");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        is_over.store(true, Ordering::Relaxed);
    };
    let readers = async {
        let mut failed = Vec::new();
        let all = tokio::join!(
            read_on(&server, &is_over),
            read_on(&server, &is_over),
            read_on(&server, &is_over),
            read_on(&server, &is_over)
        );
        [all.0, all.1, all.2, all.3].into_iter().for_each(|more| failed.extend(more));
        failed
    };
    let (failed, ()) = tokio::join!(readers, end);
    // Whoever was under way is told, and nobody else; nothing is left of it.
    let told = |code: &str| ["57P01", "PGRST000", "PGRST001"].contains(&code);
    assert!(failed.iter().all(|(status, code)| *status == 503 && told(code)), "{failed:?}");
    for _ in 0..20 {
        server.get("/notes?select=id").expect(200, json!([{"id": 1}])).await;
    }
    // It listens again as well.
    cluster.connect_to(server.database_name()).await.script("create table later (id integer)").await;
    until_served(&server, "/later").await;
}

async fn until_served(server: &Server, path: &str) {
    for _ in 0..200 {
        if server.get(path).service().send().await.status == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{path} is never served");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_is_found_again() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |_| ()).await;
    let nap = server.post("/rpc/nap", &json!({"seconds": 7})).service().send();
    let kill = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        cluster.kill();
    };
    let (nap, ()) = tokio::join!(nap, kill);
    assert_eq!(nap.status, 503, "{}", nap.body);
    let answer = server.get("/notes").send().await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    cluster.run_server();
    answered(&server, "/notes", 200).await;
    ready(&server, 200).await;
}

/// PostgreSQL takes fewer connections than the pool may have: those that there are serve all.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_room_for_more_connections_serves_with_those_that_there_are() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |config| {
        config.database.pool = 10;
        config.database.pool_timeout = Duration::from_millis(500);
    })
    .await;
    let session = cluster.connect().await;
    session.script("alter role authenticator connection limit 2").await;
    // Of several first connections that come at once PostgreSQL refuses all, each for the others' sake: they are tried one by one.
    session
        .ask("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'authenticator'")
        .await
        .expect("ends them");
    let nap = || server.post("/rpc/nap", &json!({"seconds": 0.05})).service().send();
    let answers = tokio::join!(nap(), nap(), nap(), nap(), nap(), nap());
    let answers = [answers.0, answers.1, answers.2, answers.3, answers.4, answers.5];
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    // Who waits does so no longer than for a connection of the pool's.
    let long = || server.post("/rpc/nap", &json!({"seconds": 1.5})).service().send();
    let late = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.get("/notes").send().await
    };
    let (one, two, late) = tokio::join!(long(), long(), late);
    assert_eq!((one.status, two.status), (200, 200));
    assert_eq!((late.status, &late.json()["code"]), (503, &json!("PGRST003")), "{}", late.body);
    // With none of them at all there is nothing to wait for.
    session.script("alter role authenticator connection limit 0").await;
    session
        .ask("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'authenticator'")
        .await
        .expect("ends them");
    answered(&server, "/notes", 503).await;
    let refused = server.get("/notes").send().await;
    assert_eq!((refused.status, &refused.json()["code"]), (503, &json!("PGRST000")), "{}", refused.body);
    assert_eq!(
        refused.json()["details"],
        "PostgreSQL refuses the connection: too many connections for role \"authenticator\""
    );
    ready(&server, 503).await;
    session.script("alter role authenticator connection limit -1").await;
    ready(&server, 200).await;
    // Whoever is told that the server is ready is served.
    assert_eq!(server.get("/notes").send().await.status, 200);
}

/// A server that takes connections in and answers nothing, as one does whose machine hangs.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_is_given_up() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |config| {
        config.database.url.push_str(" connect_timeout=1");
        config.database.pool = 1;
    })
    .await;
    // No connection is left, and none can be made.
    let session = cluster.connect().await;
    cluster.freeze(true);
    session
        .ask("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'")
        .await
        .expect("ends them");
    answered(&server, "/notes", 503).await;
    let answer = server.get("/notes").send().await;
    assert_eq!((answer.status, &answer.json()["code"]), (503, &json!("PGRST000")), "{}", answer.body);
    ready(&server, 503).await;
    cluster.freeze(false);
    answered(&server, "/notes", 200).await;
    ready(&server, 200).await;
}

/// One process of PostgreSQL's hangs: its request waits until its client hangs up, or its time limits are long over, and its place in the pool is
/// free then.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_hangs_holds_up_its_request_alone() {
    let cluster = Cluster::start();
    let server = Server::start_on(&cluster, SCHEMA, |config| {
        config.database.pool = 1;
        config.database.statement_timeout = Duration::from_millis(200);
    })
    .await;
    server.get("/notes?select=id").expect(200, json!([{"id": 1}])).await;
    let session = cluster.connect().await;
    let signal = |name: &str, process: &str| {
        assert!(Command::new("kill").args([name, process]).status().expect("kill runs").success());
    };
    for hangs_up in [true, false] {
        let sql =
            "select pid from pg_stat_activity where usename = 'authenticator' order by backend_start desc limit 1";
        let process = session.ask(sql).await.expect("asks").0.expect("it is there");
        signal("-STOP", &process);
        match hangs_up {
            true => {
                let asked = tokio::time::timeout(Duration::from_millis(500), server.get("/notes").send()).await;
                assert!(asked.is_err(), "nobody answers");
            }
            false => {
                let answer = server.get("/notes").send().await;
                assert_eq!((answer.status, &answer.json()["code"]), (503, &json!("PGRST001")), "{}", answer.body);
            }
        }
        server.get("/notes?select=id").expect(200, json!([{"id": 1}])).await;
        // What was asked ends without a word to anybody.
        signal("-CONT", &process);
        server.get("/notes?select=id").expect(200, json!([{"id": 1}])).await;
    }
}

/// The name of the server leads to another one by now: what took over after the first one failed.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_elsewhere_is_followed() {
    let (first, second) = (Cluster::start(), Cluster::start());
    let folder = tempfile::tempdir().expect("a folder");
    let name = folder.path().join("server");
    let lead_to = |cluster: &Cluster| {
        let _ = std::fs::remove_file(&name);
        std::os::unix::fs::symlink(cluster.folder(), &name).expect("a link");
    };
    let url = format!("host={} user=postgres dbname=app", name.display());
    for cluster in [&first, &second] {
        cluster.create("app").await;
        lead_to(cluster);
        let mut server = Server::start_at(&url, |_| ()).await;
        server.database.run_script(SCHEMA, |_| ()).await.expect("the schema");
        server.stop().await;
    }
    second.connect_to("app").await.script("insert into notes values (2, 'two'); create table more (id integer)").await;
    lead_to(&first);
    let server = Server::start_at(&url, |_| ()).await;
    server.get("/notes?select=id").expect(200, json!([{"id": 1}])).await;
    server.get("/more").service().expect_error(404, "PGRST205").await;
    lead_to(&second);
    first.stop();
    answered(&server, "/notes", 200).await;
    server.get("/notes?select=id").expect(200, json!([{"id": 1}, {"id": 2}])).await;
    // What it has besides is known as well.
    until_served(&server, "/more").await;
}
