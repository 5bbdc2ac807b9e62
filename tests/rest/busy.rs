//! The embedded engine when it is asked too much: what waits is refused in time and never runs, what is short is answered meanwhile, and no
//! statement takes the server's memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use basalt_tests::{Answer, Ask, Server};
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinHandle;

const TABLES: &str = "
create table t (n integer primary key);
insert into t values (0);
create function endless() returns bigint language sql stable as $$
    with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n $$;
create function endless_write() returns void language sql as $$
    with recursive n(i) as (select 100 union all select i + 1 from n) insert into t select i from n $$;
";

/// A metric's value by its name and labels.
async fn metric(server: &Server, name: &str) -> f64 {
    let text = server.raw(Method::GET, "/metrics").send().await.body;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().expect("a number")
}

fn is_told_to_come_again(answer: &Answer) {
    assert_eq!((answer.status, answer.json()["code"].as_str()), (503, Some("PGRST003")), "{}", answer.body);
    assert_eq!(answer.header("retry-after"), "1");
}

/// Sends so many at once, and counts those that have been answered.
fn at_once(count: usize, ask: impl Fn(usize) -> Ask) -> (Vec<JoinHandle<Answer>>, Arc<AtomicUsize>) {
    let answered = Arc::new(AtomicUsize::new(0));
    let asked = (0..count).map(|i| {
        let (ask, answered) = (ask(i), answered.clone());
        tokio::spawn(async move {
            let answer = ask.send().await;
            answered.fetch_add(1, Ordering::Relaxed);
            answer
        })
    });
    (asked.collect(), answered)
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_reads_leave_short_ones_their_readers() {
    let server = Server::start_embedded(TABLES, |config| {
        config.database.readers = 2;
        config.database.long_readers = 2;
        config.database.pool_timeout = Duration::from_secs(5);
        config.database.statement_timeout = Duration::from_secs(12);
    })
    .await;
    let (endless, answered) = at_once(30, |_| server.get("/rpc/endless").service());
    let mut short = 0;
    while answered.load(Ordering::Relaxed) < endless.len() {
        server.get("/t?select=n").service().expect(200, json!([{"n": 0}])).await;
        short += usize::from(answered.load(Ordering::Relaxed) == 0);
    }
    assert!(short > 0, "none was answered while all of the others waited or ran");
    let (mut ended, mut refused) = (0, 0);
    for answer in endless {
        let answer = answer.await.expect("no panic");
        match answer.status {
            503 => {
                is_told_to_come_again(&answer);
                refused += 1;
            }
            _ => {
                assert_eq!(answer.json()["code"], "57014", "{}", answer.body);
                ended += 1;
            }
        }
    }
    assert!(ended >= 2 && refused >= 10, "{ended} ran, {refused} were refused");
    assert_eq!(metric(&server, "basalt_pool_timeouts_total").await as usize, refused);
    assert_eq!(metric(&server, "basalt_waiting{for=\"reader\"}").await, 0.0);
    assert_eq!(metric(&server, "basalt_long_reads").await, 0.0);
    server.get("/t?select=n").service().expect(200, json!([{"n": 0}])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_waited_in_vain_never_runs() {
    let server = Server::start_embedded(TABLES, |config| {
        config.database.pool_timeout = Duration::from_millis(500);
        config.database.statement_timeout = Duration::from_secs(5);
    })
    .await;
    // What comes before it begins is written; what is in one group with it as well, once it has failed: then another one begins.
    let mut early = 0;
    let endless = loop {
        let endless = tokio::spawn(server.post("/rpc/endless_write", &json!({})).service().send());
        let mut written = true;
        while written && !endless.is_finished() {
            early += 1;
            written = server.post("/t", &json!({"n": -early})).service().send().await.status == 201;
        }
        if !written {
            break endless;
        }
        assert_eq!(endless.await.expect("no panic").json()["code"], "57014");
    };
    let (writes, _) = at_once(5, |i| server.post("/t", &json!({"n": i + 1})).service());
    let batch = json!([{"method": "POST", "path": "/t", "body": {"n": 50}}]);
    let (batches, _) = at_once(1, |_| server.raw(Method::POST, "/batch/v1").json(&batch).service());
    for answer in writes.into_iter().chain(batches) {
        is_told_to_come_again(&answer.await.expect("no panic"));
    }
    // Reads don't wait for the writer.
    server.get("/t?n=gt.0&select=n").service().expect(200, json!([])).await;
    let answer = endless.await.expect("no panic");
    assert_eq!(answer.json()["code"], "57014", "{}", answer.body);
    assert_eq!(server.post("/t", &json!({"n": 9})).service().send().await.status, 201);
    server.get("/t?n=gt.0&select=n").service().expect(200, json!([{"n": 9}])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_takes_the_server_s_memory_or_time() {
    let script = "
        alter role authenticated set statement_timeout = '1s';
        create table docs (id integer primary key);
        insert into docs select generate_series(1, 200);
        alter table docs enable row level security;
        create policy slow on docs for select to authenticated using (length(repeat('x', 50000000 + id)) > 0);
        create function joined() returns integer language sql stable as $$
            select length(string_agg(repeat('x', 1000000 + i), ',')) from generate_series(1, 400) i $$;
        create function arrayed() returns integer language sql stable as $$
            select cardinality(array_agg(repeat('x', 1000000 + i))) from generate_series(1, 400) i $$;
        create function jsoned() returns integer language sql stable as $$
            select jsonb_array_length(jsonb_agg(repeat('x', 1000000 + i))) from generate_series(1, 400) i $$;
        create function keyed() returns json language sql stable as $$
            select json_object_agg(i, repeat('x', 1000000 + i)) from generate_series(1, 400) i $$;
        create function windowed() returns setof text language sql stable as $$
            select left(string_agg(repeat('x', 1000000 + i), ',') over (), 1) from generate_series(1, 400) i $$;
        create function many() returns setof text language sql stable as $$
            select repeat('x', 20000000 + i) from generate_series(1, 100) i $$;
        create function cut() returns setof text language sql stable as $$
            select string_to_table(repeat('x,', 50000000), ',') $$;
        create function loud() returns bigint language sql stable as $$
            select sum(length(upper(repeat('x', 50000000 + i)))) from generate_series(1, 400) i $$;
        create function counted() returns bigint language sql stable as $$
            select count(*) from generate_series(1, 1000000000000) $$;
    ";
    let server = Server::start_embedded(script, |config| {
        config.limits.response = "64 MiB".parse().expect("a size");
        config.database.statement_timeout = Duration::from_secs(300);
    })
    .await;
    for name in ["joined", "arrayed", "jsoned", "keyed", "windowed", "many", "cut"] {
        let answer = server.get(&format!("/rpc/{name}")).service().send().await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (400, Some("54000")),
            "{name}: {:.200}",
            answer.body
        );
    }
    // Each of their values takes long, and none of them is reached by SQLite's own looks at the clock.
    let started = Instant::now();
    for path in ["/rpc/loud", "/rpc/counted", "/docs"] {
        server.get(path).user("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11").expect_error(500, "57014").await;
    }
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    server.get("/docs?limit=1").service().expect(200, json!([{"id": 1}])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_hold_no_more_than_a_statement_may() {
    let script = "
        create function nexts() returns setof text language plpgsql stable as $$
            begin loop return next repeat('x', 10000); end loop; end $$;
        create function queried() returns setof text language plpgsql stable as $$
            begin return query select repeat('x', 10000) from generate_series(1, 1000000000); end $$;
        create function executed() returns setof text language plpgsql stable as $$
            begin return query execute 'select repeat(''x'', 10000) from generate_series(1, 1000000000)'; end $$;
        create function looped() returns bigint language plpgsql stable as $$
            declare r record; n bigint := 0;
            begin
                for r in select g, repeat('x', 10000) s from generate_series(1, 1000000000) g loop
                    n := n + 1;
                    exit when n > 10;
                end loop;
                return n;
            end $$;
        create function assigned() returns bigint language plpgsql stable as $$
            declare a text; b text; c text;
            begin
                a := repeat('x', 3000000);
                b := a || '';
                c := a || '';
                return length(a) + length(b) + length(c);
            end $$;
        create function gives_back() returns bigint language plpgsql stable as $$
            declare r record; a text; n bigint := 0;
            begin
                for i in 1..10 loop
                    for r in select repeat('x', 10000) s from generate_series(1, 500) loop n := n + length(r.s); end loop;
                    a := repeat('x', 3000000);
                    a := a || 'x';
                end loop;
                begin
                    for r in select repeat('x', 10000) s from generate_series(1, 1000000000) loop n := 0; end loop;
                exception when program_limit_exceeded then
                    a := repeat('y', 5000000);
                end;
                return n + length(a);
            end $$;
    ";
    let server = Server::start_embedded(script, |config| {
        config.limits.response = "8 MiB".parse().expect("a size");
        config.database.statement_timeout = Duration::from_secs(300);
    })
    .await;
    for name in ["nexts", "queried", "executed", "looped", "assigned"] {
        server.get(&format!("/rpc/{name}")).service().expect_error(400, "54000").await;
        server.get("/rpc/gives_back").service().expect(200, json!(55_000_000)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_behind_long_reads_is_refused_before_they_end() {
    let endless = |i: usize| {
        format!(
            "create function endless_{i}() returns bigint language sql stable as $$
                with recursive n(i) as (select {i} union all select i + 1 from n) select count(*) from n $$;"
        )
    };
    let server = Server::start_embedded(&(0..20).map(endless).collect::<String>(), |config| {
        config.database.readers = 1;
        config.database.long_readers = 1;
        config.database.pool_timeout = Duration::from_millis(500);
        config.database.statement_timeout = Duration::from_secs(10);
    })
    .await;
    let (asked, answered) = at_once(20, |i| server.get(&format!("/rpc/endless_{i}")).service());
    let (mut ended, mut refused) = (0, 0);
    for answer in asked {
        let answer = answer.await.expect("no panic");
        match answer.status {
            503 => {
                is_told_to_come_again(&answer);
                refused += 1;
            }
            _ => {
                assert_eq!(answer.json()["code"], "57014", "{}", answer.body);
                // The one that ran beside the others' only place is the last.
                assert_eq!(answered.load(Ordering::Relaxed), 20);
                ended += 1;
            }
        }
    }
    assert_eq!((ended, refused), (1, 19));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_over_once_there_is_room() {
    let server = Server::start_embedded("create table docs (id integer primary key, x text);", |config| {
        config.database.max_size = "4 MiB".parse().expect("a size");
    })
    .await;
    let large = "x".repeat(50_000);
    let (writes, _) = at_once(120, |i| server.post("/docs", &json!({"id": i, "x": large})).service());
    let mut kept = Vec::new();
    for (i, write) in writes.into_iter().enumerate() {
        let answer = write.await.expect("no panic");
        match answer.status {
            201 => kept.push(json!({"id": i})),
            status => assert_eq!((status, answer.json()["code"].as_str()), (503, Some("53100")), "{}", answer.body),
        }
    }
    assert!(!kept.is_empty() && kept.len() < 120, "{} were kept", kept.len());
    server.get("/docs?select=id&order=id").service().expect(200, json!(kept)).await;
    let refused = server.post("/docs", &json!({"id": 300, "x": large})).service().expect_error(503, "53100").await;
    assert!(
        refused.json()["hint"].as_str().is_some_and(|hint| hint.contains("`database.max_size`")),
        "{}",
        refused.body
    );
    // Once nothing more fits beside the rows, a user with a profile does not either.
    let small = "x".repeat(3_000);
    let fits =
        async |id: i32| server.post("/docs", &json!({"id": id, "x": small})).service().send().await.status == 201;
    for id in 400.. {
        if !fits(id).await {
            break;
        }
    }
    let mut users = 0;
    let refused = loop {
        users += 1;
        let email = format!("user{users}@example.com");
        let user = json!({"email": email, "password": "a long password", "data": {"x": small}});
        let answer = server.auth("/signup", "", user).await;
        if answer.status != 200 {
            break answer;
        }
    };
    assert_eq!((refused.status, refused.json()["code"].as_str()), (503, Some("database_full")), "{}", refused.body);
    assert_eq!(server.delete("/docs?id=gte.0").service().send().await.status, 204);
    assert_eq!(server.post("/docs", &json!({"id": 200, "x": large})).service().send().await.status, 201);
}
