//! The commands, run as a user runs them.

mod checking;
mod dev;
mod serving;
#[path = "../support/mod.rs"]
mod support;

use support::{Project, chinook, service_key};

const TABLES: &str = "\
create table books (id bigint generated always as identity primary key, title text not null, price numeric(10, 2));
alter table books enable row level security;
create policy cheap on books for select using (price < 100);
create function cheaper(than numeric) returns setof books language sql stable as $$ select * from books where price < than $$;
";
const ROWS: &str = "insert into books (title, price) values ('One', 9.50), ('Dear', 500);\n";
const SECRET: &str = "a-secret-of-our-own-with-more-than-32-bytes";

fn books() -> Project {
    Project::new(&[("basalt.toml", ""), ("migrations/0001_books.sql", TABLES), ("seed.sql", ROWS)])
}

#[test]
fn what_init_makes_runs_and_answers() {
    let project = Project::new(&[]);
    let made = project.run(&["init", "guestbook"]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let again = project.run(&["init", "guestbook"]);
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("guestbook/basalt.toml exists already"), "{}", again.stderr);

    let server = project.start(&["dev", "guestbook"], &[]);
    let curl = server.banner.iter().find(|line| line.contains("try ")).unwrap();
    assert!(curl.contains("/rest/v1/messages?select=") && curl.contains("-H 'apikey: eyJ"), "{curl}");
    let (status, body) = server.get("/rest/v1/messages?select=author&order=id");
    assert_eq!((status, body.as_str()), (200, "[{\"author\":\"Ada\"}, \n {\"author\":\"Grace\"}]"));
    let (status, body) = server.get("/rest/v1/rpc/search_messages?word=FIRST&select=author");
    assert_eq!((status, body.as_str()), (200, "[{\"author\":\"Ada\"}]"));
    let json = ["content-type: application/json"];
    assert_eq!(server.request("POST", "/rest/v1/messages", &json, r#"{"author":"Me","body":"Hi"}"#).0, 201);
    assert_eq!(server.request("POST", "/rest/v1/messages", &json, r#"{"author":"","body":"Hi"}"#).0, 400);
}

#[test]
fn migrations_are_begun_applied_and_listed() {
    let project = books();
    let made = project.run(&["migrate", "new", "Add a shelf"]);
    assert_eq!(made.stdout, "migrations/0002_add_a_shelf.sql\n");
    project.write("migrations/0002_add_a_shelf.sql", "alter table books add column shelf text;");
    assert_eq!(project.run(&["migrate", "status"]).stdout, "pending   0001_books\npending   0002_add_a_shelf\n");
    let up = project.run(&["migrate", "up"]);
    assert!(
        up.stderr.contains("applied 0001_books") && up.stderr.contains("applied 0002_add_a_shelf"),
        "{}",
        up.stderr
    );
    assert!(project.run(&["migrate", "up"]).stderr.contains("Nothing to apply"));

    std::fs::remove_file(project.path().join("migrations/0002_add_a_shelf.sql")).unwrap();
    let status = project.run(&["migrate", "status"]);
    assert_eq!((status.code, status.stdout.as_str()), (Some(1), "applied   0001_books\nmissing   0002_add_a_shelf\n"));
    assert!(status.stderr.contains("its file is gone"), "{}", status.stderr);
}

#[test]
fn a_reset_asks_first_and_starts_over() {
    let project = books();
    drop(project.start(&["dev"], &[]));
    project
        .write("migrations/0001_books.sql", &format!("{TABLES}alter table books add column shelf text default 'A';\n"));
    let unasked = project.run(&["db", "reset"]);
    assert_eq!(unasked.code, Some(1));
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    let reset = project.run(&["db", "reset", "--yes"]);
    assert_eq!(reset.code, Some(0), "{}", reset.stderr);
    let server = project.start(&["dev"], &[]);
    assert_eq!(server.get("/rest/v1/books?select=title,shelf").1, r#"[{"title":"One","shelf":"A"}]"#);
}

/// What migrations build on may have come by an import, which a reset does not run again.
#[test]
fn a_reset_that_would_fail_costs_no_row() {
    let project = books();
    project.write("script.sql", "create table shelves (id int primary key);\ninsert into shelves values (7);\n");
    assert_eq!(project.run(&["migrate", "up"]).code, Some(0));
    assert_eq!(project.run(&["import", "script.sql"]).code, Some(0));
    project.write("migrations/0002_shelf.sql", "alter table books add column shelf int references shelves;\n");
    assert_eq!(project.run(&["migrate", "up"]).code, Some(0));
    let refused = project.run(&["db", "reset", "--yes"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("0002_shelf.sql"), "{}", refused.stderr);
    project.write("more.sql", "insert into shelves select id + 1 from shelves where id = 7;\n");
    let kept = project.run(&["import", "more.sql"]);
    assert!(kept.stdout.contains("1 row"), "{} {}", kept.stdout, kept.stderr);
    assert_eq!(project.run(&["migrate", "status"]).code, Some(0));
}

#[test]
fn types_come_from_migrations_and_from_a_database_in_use() {
    let project = books();
    let from_migrations = project.run(&["gen", "types", "typescript"]);
    assert_eq!(from_migrations.code, Some(0), "{}", from_migrations.stderr);
    assert!(from_migrations.stdout.contains("price: number | null;"), "{}", from_migrations.stdout);
    assert!(from_migrations.stdout.contains("than: number;"), "{}", from_migrations.stdout);
    let server = project.start(&["dev"], &[]);
    let while_serving = project.run(&["gen", "types", "typescript", "--schema", "public"]);
    drop(server);
    assert_eq!(while_serving.stdout, from_migrations.stdout);
    let unknown = project.run(&["gen", "types", "typescript", "--schema", "nope"]);
    assert!(unknown.code == Some(1) && unknown.stderr.contains("schema nope does not exist"), "{}", unknown.stderr);
}

#[test]
fn an_import_is_all_or_nothing() {
    let project = books();
    project.write(
        "dump.sql",
        "\\set x 1\ncreate table a (id int);\ncopy a (id) from stdin;\n1\n2\n\\.\ninsert into a values ('x');\n",
    );
    let failed = project.run(&["import", "dump.sql"]);
    assert_eq!(failed.code, Some(1));
    assert!(failed.stderr.contains("error[22P02]") && failed.stderr.contains("dump.sql:7:"), "{}", failed.stderr);
    project.write("dump.sql", "create table a (id int);\ncopy a (id) from stdin;\n1\n2\n\\.\n");
    let done = project.run(&["import", "dump.sql"]);
    assert!(done.stdout.contains("1 new table, 2 rows"), "{} {}", done.stdout, done.stderr);
}

#[test]
fn chinook_imports_as_it_is() {
    let Some(script) = chinook() else {
        eprintln!("skipped: shared/data/chinook/chinook.sql is not beside this repository");
        return;
    };
    let project = Project::new(&[("basalt.toml", "")]);
    let done = project.run(&["import", script.to_str().unwrap()]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stdout.contains("11 new tables, 15607 rows"), "{}", done.stdout);
    let server = project.start(&["dev"], &[]);
    let key = format!("apikey: {}", service_key(&project.run(&["keys"]).stdout));
    let path = "/rest/v1/track?select=name,album(title,artist(name))&track_id=eq.1";
    let (status, body) = server.request("GET", path, &[&key], "");
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("For Those About To Rock") && body.contains("AC/DC"), "{body}");
    // Row security is off on these tables: they are nobody's until a policy or the configuration opens them.
    assert!(matches!(server.get("/rest/v1/track?limit=1").0, 401 | 403));
}

#[test]
fn wrong_usage_is_exit_code_2_and_a_wrong_key_is_told() {
    let project = books();
    assert_eq!(project.run(&["frobnicate"]).code, Some(2));
    assert_eq!(project.run(&["migrate", "new", "!!"]).code, Some(2));
    project.write("basalt.toml", "[api]\nmax_row = 3\n");
    let wrong = project.run(&["dev"]);
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.stderr.contains("did you mean `api.max_rows`?"), "{}", wrong.stderr);
    assert!(project.run(&["check", "nowhere"]).stderr.contains("basalt init"));
}
