//! The server's process killed in the middle of writes: what was acknowledged is there, and nothing of what was not is there by half.

mod support;

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use support::{Project, ask, service_key, until};

const SECRET: &str = "a-secret-of-its-own-for-the-tests-0123456789";

const TABLES: &str = "
create table orders (id integer primary key);
create table items (order_id integer references orders (id), n integer, primary key (order_id, n));
alter table orders enable row level security;
alter table items enable row level security;
create function place(id integer) returns void language sql as $$
    insert into orders values (id);
    insert into items select id, g from generate_series(1, 20) g;
$$;
";

/// Killed while `initdb` makes a private PostgreSQL, it is made by the next start.
#[test]
fn a_private_postgresql_that_was_half_made_is_made_anew() {
    let project = Project::new(&[("basalt.toml", "[database]\nengine = \"postgres\"\n")]);
    // PostgreSQL's own user has to pass.
    std::fs::set_permissions(project.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    let home = project.path().join(".basalt/postgres");
    let mut first = project.spawn(&["dev", "--port", "0"]);
    let is_begun = || {
        let made = std::fs::read_dir(&home).into_iter().flatten().flatten();
        made.map(|entry| entry.path()).any(|folder| folder.join("PG_VERSION").exists())
    };
    until("a database that is begun", is_begun);
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(!home.join("data").exists(), "it was finished before it could be killed");
    // What the environment says of another PostgreSQL is nothing to it.
    let another =
        [("PGPORT", "5433"), ("PGDATA", "/nonexistent"), ("PGHOST", "db.example"), ("PGOPTIONS", "-c nonsense=1")];
    let server = project.start(&["dev"], &another);
    assert_eq!(server.get("/health/ready").0, 200);
    assert_eq!(server.terminate(), Some(0));
}

/// Asked to end while it starts, a command takes its PostgreSQL with it.
#[test]
fn a_signal_stops_a_private_postgresql_at_any_time() {
    let project = Project::new(&[
        ("basalt.toml", "[database]\nengine = \"postgres\"\n"),
        ("migrations/0001_slow.sql", "select pg_sleep(600);"),
    ]);
    std::fs::set_permissions(project.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    let home = project.path().join(".basalt/postgres");
    let runs = || home.join("data/postmaster.pid").exists();
    let making = || {
        let made = std::fs::read_dir(&home).into_iter().flatten().flatten();
        made.map(|entry| entry.path()).any(|folder| folder.join("PG_VERSION").exists())
    };
    let migrating = || runs() && home.join("run/.s.PGSQL.5432").exists();
    type Case<'a> = (&'a [&'a str], &'a str, &'a dyn Fn() -> bool, i32);
    let cases: [Case<'_>; 4] = [
        (&["dev", "--port", "0"], "INT", &making, 0),
        (&["dev", "--port", "0"], "TERM", &migrating, 0),
        (&["migrate", "up"], "INT", &migrating, 130),
        (&["db", "reset", "--yes"], "TERM", &migrating, 130),
    ];
    for (args, name, is_so, code) in cases {
        let mut command = project.spawn(args);
        until("a start under way", is_so);
        std::process::Command::new("kill").args(["-s", name, &command.id().to_string()]).status().unwrap();
        let ended = command.wait().unwrap();
        assert_eq!(ended.code(), Some(code), "{args:?}");
        assert!(!runs(), "{args:?}: PostgreSQL was left running");
    }
}

#[test]
fn more_connections_are_held_than_a_shell_s_limit_of_open_files() {
    let project = Project::new(&[("basalt.toml", "")]);
    let server = project.start_with_files(200, &["dev"], &[]);
    let address = server.url.trim_start_matches("http://");
    let held: Vec<TcpStream> = (0..500).map(|_| TcpStream::connect(address).unwrap()).collect();
    assert_eq!(server.request("GET", "/health/live", &[], "").0, 200);
    drop(held);
}

#[test]
fn a_killed_server_loses_nothing_that_it_acknowledged() {
    let project = Project::new(&[("basalt.toml", ""), ("migrations/0001_orders.sql", TABLES)]);
    let environment = [("BASALT_AUTH__JWT_SECRET", SECRET)];
    let keys = project.run(&["keys", "--secret", SECRET]).stdout;
    let authorization = format!("authorization: Bearer {}", service_key(&keys));
    let headers: &[&str] = &["content-type: application/json", &authorization];
    let (next, acknowledged) = (AtomicU32::new(1), Mutex::new(Vec::new()));

    for round in 0..3 {
        let server = project.start(&["serve", "--migrate"], &environment);
        let (url, next, acknowledged) = (server.url.as_str(), &next, &acknowledged);
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(move || {
                        loop {
                            let id = next.fetch_add(1, Ordering::Relaxed);
                            let body = format!("{{\"id\":{id}}}");
                            match ask(url, "POST", "/rest/v1/rpc/place", headers, &body) {
                                Some((204, _)) => acknowledged.lock().unwrap().push(id),
                                Some(other) => panic!("{other:?}"),
                                None => return,
                            }
                        }
                    })
                })
                .collect();
            std::thread::sleep(Duration::from_millis(500 + 200 * round));
            server.kill();
            writers.into_iter().for_each(|writer| writer.join().unwrap());
        });
    }

    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() > 20, "only {} writes were acknowledged", acknowledged.len());
    let server = project.start(&["serve", "--migrate"], &environment);
    for id in acknowledged {
        let path = format!("/rest/v1/orders?select=id&id=eq.{id}");
        assert_eq!(server.request("GET", &path, headers, ""), (200, format!("[{{\"id\":{id}}}]")));
    }
    // Each order came with all its items or not at all.
    let path = "/rest/v1/orders?select=id,items(n)";
    let (status, body) = server.request("GET", path, headers, "");
    assert_eq!(status, 200, "{body}");
    for order in body.split("{\"id\":").skip(1) {
        assert_eq!(order.matches("{\"n\": ").count(), 20, "{order}");
    }
}

/// A session that a client was given goes on after the crash, and so does the user who was given it.
#[test]
fn a_killed_server_loses_no_user_and_no_session() {
    let project =
        Project::new(&[("basalt.toml", "[auth.rate_limit]\nsign_in_sign_ups = 100000\ntoken_refresh = 100000\n")]);
    let environment = [("BASALT_AUTH__JWT_SECRET", SECRET)];
    let headers: &[&str] = &["content-type: application/json"];
    let (next, given) = (AtomicU32::new(1), Mutex::new(Vec::new()));
    for _ in 0..2 {
        let server = project.start(&["serve", "--migrate"], &environment);
        let (url, next, given) = (server.url.as_str(), &next, &given);
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(move || {
                        loop {
                            let n = next.fetch_add(1, Ordering::Relaxed);
                            let body = format!("{{\"email\":\"u{n}@example.com\",\"password\":\"secret-{n}\"}}");
                            match ask(url, "POST", "/auth/v1/signup", headers, &body) {
                                Some((200, answer)) => given.lock().unwrap().push(member(&answer, "refresh_token")),
                                // A client's address may begin so many sign-ups at once.
                                Some((429, _)) => std::thread::sleep(Duration::from_millis(20)),
                                Some(other) => panic!("{other:?}"),
                                None => return,
                            }
                        }
                    })
                })
                .collect();
            std::thread::sleep(Duration::from_millis(1500));
            server.kill();
            clients.into_iter().for_each(|client| client.join().unwrap());
        });
    }
    let given = given.into_inner().unwrap();
    assert!(given.len() > 4, "only {} sign-ups were acknowledged", given.len());
    let server = project.start(&["serve", "--migrate"], &environment);
    for token in given.iter().take(30) {
        let body = format!("{{\"refresh_token\":\"{token}\"}}");
        let (status, answer) = server.request("POST", "/auth/v1/token?grant_type=refresh_token", headers, &body);
        assert_eq!(status, 200, "{answer}");
    }
}

/// A text member of a JSON object.
fn member(json: &str, name: &str) -> String {
    let after = json.split(&format!("\"{name}\":\"")).nth(1).unwrap_or_else(|| panic!("no {name} in {json}"));
    after.split('"').next().unwrap_or_default().to_owned()
}
