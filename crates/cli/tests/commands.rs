//! The commands, run as a user runs them.

mod support;

use support::{Project, chinook, service_key, until};

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
fn dev_takes_up_what_changes() {
    let project = books();
    let server = project.start(&["dev"], &[]);
    assert_eq!(server.get("/rest/v1/books?select=title").1, r#"[{"title":"One"}]"#);

    project.write("migrations/0002_stock.sql", "alter table books add column stock integer not null default 3;\n");
    server.says("applied 0002_stock");
    server.comes_to("/rest/v1/books?select=title,stock", r#"[{"title":"One","stock":3}]"#);

    project.write("migrations/0003_bad.sql", "create tabel x (id int);\n");
    server.says("error[42601]");
    server.says("migrations/0003_bad.sql:1:8");
    assert_eq!(server.get("/rest/v1/books?select=title").0, 200);
    project.write("migrations/0003_bad.sql", "create table x (id int);\n");
    server.says("applied 0003_bad");

    project.write("migrations/0001_books.sql", &format!("{TABLES}-- edited\n"));
    server.says("0001_books.sql was edited after it was applied");
    server.says("basalt db reset");

    project.write("migrations/0001_books.sql", TABLES);
    server.says("mended");

    project.write("basalt.toml", "[api]\nmax_row = 0\n");
    server.says("did you mean `api.max_rows`?");
    assert_eq!(server.get("/rest/v1/books?select=title").0, 200);
    project.write("basalt.toml", "[api]\nanonymous_role = \"\"\n");
    server.says("restarted");
    assert_eq!(server.get("/rest/v1/books?select=title").0, 401);
}

#[test]
fn a_migration_that_is_being_written_waits_for_its_statements() {
    let stock = "alter table books add column stock integer not null default 3;\n";
    for engine in ["sqlite", "postgres"] {
        let project = books();
        // What a command recorded while it was empty was not written either.
        project.write("basalt.toml", &format!("[database]\nengine = \"{engine}\"\n"));
        project.write("migrations/0002_stock.sql", "-- stock\n");
        let up = project.run(&["migrate", "up"]);
        assert!(up.stderr.contains("applied 0002_stock"), "{}", up.stderr);
        let server = project.start(&["dev"], &[]);
        project.write("migrations/0002_stock.sql", stock);
        server.says("applied 0002_stock");

        let begun = project.run(&["migrate", "new", "shelf"]);
        assert_eq!(begun.stdout, "migrations/0003_shelf.sql\n");
        let waiting = server.says("waiting");
        assert!(waiting.contains("migrations/0003_shelf.sql holds no statement yet"), "{waiting}");
        project.write("migrations/0003_shelf.sql", "-- shelf\nalter table books add column shelf text default 'A';\n");
        server.says("applied 0003_shelf");
        project.write("migrations/0004_empty.sql", "");
        server.says("waiting");
        // What was written stays: emptied, it is an edit.
        project.write("migrations/0003_shelf.sql", "");
        server.says("0003_shelf.sql was edited after it was applied");
    }
}

#[test]
fn dev_on_a_socket_says_how_to_ask_it() {
    let project = books();
    project.write("basalt.toml", "[server]\nunix_socket = \"it's.sock\"\n");
    let server = project.start(&["dev"], &[]);
    let curl = server.banner.iter().find_map(|line| line.trim().strip_prefix("try ")).unwrap().trim();
    assert!(!server.banner.iter().any(|line| line.contains("127.0.0.1")), "{:?}", server.banner);
    let answer = std::process::Command::new("sh").args(["-c", curl]).current_dir(project.path()).output().unwrap();
    assert!(String::from_utf8_lossy(&answer.stdout).contains("One"), "{curl}: {answer:?}");
}

#[test]
fn init_takes_a_folder_as_it_is() {
    let project = Project::new(&[("my notes/.gitignore", "target\n.env"), ("new/.gitignore", "/.basalt\n.env\n")]);
    let made = project.run(&["init", "my notes"]);
    assert!(made.stdout.contains("basalt dev 'my notes'"), "{}", made.stdout);
    let ignored = std::fs::read_to_string(project.path().join("my notes/.gitignore")).unwrap();
    assert_eq!(ignored, "target\n.env\n.basalt/\n");
    project.run(&["init", "new"]);
    assert_eq!(std::fs::read_to_string(project.path().join("new/.gitignore")).unwrap(), "/.basalt\n.env\n");
}

#[test]
fn dev_takes_up_another_database() {
    let project = books();
    let server = project.start(&["dev"], &[]);
    let rows = r#"[{"title":"One"}]"#;
    // The same folder under another setting, another folder, and one that can't be.
    project.write("basalt.toml", "[database]\nstatement_timeout = \"3s\"\n");
    server.says("restarted");
    assert_eq!(server.get("/rest/v1/books?select=title").1, rows);
    project.write("basalt.toml", "[database]\ndata_dir = \"elsewhere\"\n");
    // A file that is read while it is written may have it restart once more before.
    until("another database", || project.path().join("elsewhere/basalt.db").exists());
    server.says("seeded");
    server.comes_to("/rest/v1/books?select=title", rows);
    project.write("basalt.toml", "[database]\ndata_dir = \"seed.sql\"\n");
    server.says("error[58030]");
    assert_eq!(server.get("/rest/v1/books?select=title").1, rows);
}

#[test]
fn dev_keeps_its_rows_and_seeds_once() {
    let project = books();
    let data = ["dev", "--data-dir", "elsewhere"];
    drop(project.start(&data, &[]));
    let server = project.start(&data, &[]);
    assert_eq!(server.get("/rest/v1/books?select=title").1, r#"[{"title":"One"}]"#);
    assert!(project.path().join("elsewhere/basalt.db").exists() && !project.path().join(".basalt").exists());
}

#[test]
fn serve_wants_a_secret_of_its_own_and_every_migration() {
    let project = books();
    let without = project.run(&["serve"]);
    assert_eq!(without.code, Some(1));
    assert!(
        without.stderr.contains("no JWT secret") && without.stderr.contains("BASALT_AUTH__JWT_SECRET"),
        "{}",
        without.stderr
    );

    let published = "super-secret-jwt-token-with-at-least-32-characters-long";
    project.write("basalt.toml", &format!("[auth]\njwt_secret = \"{published}\"\n"));
    let refused = project.run(&["serve"]);
    assert!(refused.stderr.contains("published development secret"), "{}", refused.stderr);
    let as_jwk = r#"{"keys":[{"kty":"oct","alg":"HS256","k":"c3VwZXItc2VjcmV0LWp3dC10b2tlbi13aXRoLWF0LWxlYXN0LTMyLWNoYXJhY3RlcnMtbG9uZw"}]}"#;
    let jwks = ("BASALT_AUTH__JWKS", as_jwk);
    let as_file = ("BASALT_AUTH__JWKS_FILE", "published.json");
    let self_hosted = ("BASALT_AUTH__JWT_SECRET", "your-super-secret-jwt-token-with-at-least-32-characters-long");
    let service_key = ("BASALT_AUTH__SECRET_KEY", "sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz");
    project.write("published.json", as_jwk);
    project.write("basalt.toml", &format!("[auth]\njwt_secret = \"{SECRET}\"\n"));
    for published in [jwks, as_file, self_hosted, service_key] {
        let refused = project.run_with(&["serve"], &[(published.0, published.1.to_owned())]);
        assert!(refused.stderr.contains("published development secret"), "{published:?}: {}", refused.stderr);
    }
    project.write("basalt.toml", &format!("[auth]\njwt_secret = \"{SECRET}\"\n[auth.email]\nmailbox = true\n"));
    let refused = project.run(&["serve", "--migrate"]);
    assert!(refused.stderr.contains("`auth.email.mailbox` is for development"), "{}", refused.stderr);

    project.write("basalt.toml", &format!("[auth]\njwt_secret = \"{SECRET}\"\n"));
    let pending = project.run(&["serve"]);
    assert_eq!(pending.code, Some(1));
    assert!(pending.stderr.contains("1 migration not applied: 0001_books"), "{}", pending.stderr);
    assert!(pending.stderr.contains("basalt serve --migrate"), "{}", pending.stderr);
}

#[test]
fn serve_migrates_when_told_and_ends_in_order() {
    let project = books();
    let server =
        project.start(&["serve", "--migrate"], &[("BASALT_AUTH__JWT_SECRET", SECRET), ("BASALT_LOG__FORMAT", "json")]);
    let log: serde_json::Value = serde_json::from_str(server.banner.last().unwrap()).unwrap();
    assert_eq!(log["message"], "serving");
    // No seed in production, and no key needed for what a policy opens.
    assert_eq!(server.get("/rest/v1/books").1, "[]");
    assert_eq!(server.get("/health/live").0, 200);
    assert_eq!(server.terminate(), Some(0));
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

#[test]
fn a_running_dev_starts_over_when_asked() {
    let project = books();
    let server = project.start(&["dev"], &[]);
    let edited = TABLES.replace("title text", "shelf text default 'A', title text");
    project.write("migrations/0001_books.sql", &edited);
    server.says("was edited after it was applied");
    let reset = project.run(&["db", "reset", "--yes"]);
    assert_eq!(reset.code, Some(0), "{}", reset.stderr);
    server.says("started over");
    assert_eq!(server.get("/rest/v1/books?select=title,shelf").1, r#"[{"title":"One","shelf":"A"}]"#);
}

#[test]
fn a_server_in_production_is_not_reset() {
    let project = books();
    let server = project.start(&["serve", "--migrate"], &[("BASALT_AUTH__JWT_SECRET", SECRET)]);
    let refused = project.run(&["db", "reset", "--yes"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("in use by another Basalt"), "{}", refused.stderr);
    assert_eq!(server.get("/rest/v1/books").0, 200);
}

#[test]
fn check_underlines_what_cannot_run() {
    let project = books();
    assert_eq!(project.run(&["check"]).code, Some(0));
    project.write("migrations/0002_body.sql", "create function f() returns int\n  language plv8 as $$ return 1 $$;\n");
    let refused = project.run(&["check"]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("error[0A000]") && refused.stderr.contains("migrations/0002_body.sql:2:3"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("help: "), "{}", refused.stderr);
    assert!(!project.path().join(".basalt").exists(), "a check leaves nothing behind");
}

#[test]
fn check_refuses_the_configuration_that_no_server_starts_with() {
    let project = books();
    for (toml, told) in [
        ("[auth]\njwt_secret = \"short\"\n", "secret"),
        ("[auth]\njwks = \"{}\"\n", "JWK"),
        ("[auth]\nrole_claim = \"[\"\n", "JSON path"),
        ("[api]\nschemas = [\"pg_catalog\"]\n", "pg_catalog"),
        ("[api]\nschemas = []\n", "`api.schemas` is empty"),
    ] {
        project.write("basalt.toml", toml);
        let refused = project.run(&["check"]);
        assert!(refused.code == Some(1) && refused.stderr.contains(told), "{toml}: {}", refused.stderr);
    }
    project.write("basalt.toml", "[api]\nschemas = [\"public\", \"later\"]\n");
    let warned = project.run(&["check"]);
    assert_eq!(warned.code, Some(0), "{}", warned.stderr);
    assert!(warned.stderr.contains("warning") && warned.stderr.contains("\"later\""), "{}", warned.stderr);
}

#[test]
fn check_takes_what_the_configuration_opens() {
    let open = "create table readings (id int primary key, value text);\n";
    let project = Project::new(&[("basalt.toml", ""), ("migrations/0001_readings.sql", open)]);
    let closed = project.run(&["check"]);
    assert!(closed.code == Some(1) && closed.stderr.contains("error[row-security-off]"), "{}", closed.stderr);
    for pattern in ["*", "public.*", "readings", "public.readings"] {
        project.write("basalt.toml", &format!("[api]\nunprotected = [\"{pattern}\"]\n"));
        let checked = project.run(&["check"]);
        assert_eq!(checked.code, Some(0), "{pattern}: {}", checked.stderr);
    }
}

#[test]
fn check_lists_what_runs_with_its_owner_s_rights_on_postgresql() {
    let project = Project::new(&[
        ("basalt.toml", "[database]\nengine = \"postgres\"\n"),
        (
            "migrations/0001_owners.sql",
            "create table t (id int primary key); alter table t enable row level security; create policy p on t using (true);
             create table log (id int); alter table log enable row level security; create policy p on log using (true);
             create rule noted as on insert to t do also insert into log values (new.id);
             create rule kept as on delete to t do instead nothing;
             create procedure wipe(n int) language sql security definer as 'delete from t';
             create procedure sure() language sql security definer set search_path = '' as 'delete from public.t';
             revoke execute on procedure sure() from public, anon, authenticated;
             create procedure plain() language sql as 'delete from public.t';",
        ),
    ]);
    let checked = project.run(&["check"]);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    let found: Vec<&str> = checked.stderr.lines().filter(|line| line.contains('[')).collect();
    let expected = [
        "hint[definer-exposed]: procedure public.wipe may be called by anon and authenticated and runs with its owner's rights",
        "warning[definer-search-path]: procedure public.wipe runs with its owner's rights, but finds its tables along its caller's search path",
        "warning[rule-bypasses-policies]: rule noted of public.t acts with the rights of the owner of public.t when anon and authenticated write: no policy holds for what it reads and writes",
    ];
    assert_eq!(found, expected, "{}", checked.stderr);
    assert!(checked.stderr.contains("revoke execute on procedure wipe(integer) from public, anon, authenticated;"));
}

#[test]
fn check_knows_the_services_and_what_to_do_without_triggers_of_one_s_own() {
    let project = books();
    let policies = "create table members (room text primary key, person uuid references auth.users (id));
alter table members enable row level security;
create policy \"members listen\" on realtime.messages for select to authenticated
  using (exists (select from members where person = auth.uid() and room = realtime.topic()));\n";
    project.write("migrations/0002_room.sql", policies);
    let checked = project.run(&["check"]);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    let function = "create function told() returns trigger language plpgsql as $$ begin
  perform realtime.broadcast_changes('a', tg_op, tg_op, tg_table_name, tg_table_schema, new, old); return null; end $$;\n";
    project.write("migrations/0003_told.sql", function);
    let refused = project.run(&["check"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("[[broadcasts]] in basalt.toml"), "{}", refused.stderr);
}

#[test]
fn what_the_engine_lacks_is_refused_with_its_place_and_advice() {
    let project = Project::new(&[("basalt.toml", "")]);
    let table = "create table t (a int, b int);\n";
    for (statement, column, what) in [
        ("create view v as select a from t where a > 0 with check option;", 46, "WITH CHECK OPTION"),
        ("create view v as select a, row_number() over () from t group by rollup (a);", 18, "grouping sets"),
        ("create materialized view v as select a from t;", 8, "materialized views"),
        ("refresh materialized view v;", 1, "materialized views"),
        ("create table p (a int) partition by range (a);", 24, "inheritance and partitions"),
        ("create aggregate f (int) (sfunc = g, stype = int);", 8, "aggregates of your own"),
        ("do language plv8 $$ 1 $$;", 4, "a block in language plv8"),
        ("\\i other.sql", 1, "psql command \\i"),
        ("\\set n 1\ninsert into t values (:n, 1);", 23, "psql variable :n"),
    ] {
        project.write("script.sql", &format!("{table}{statement}\n"));
        let refused = project.run(&["import", "script.sql"]);
        let line = 1 + statement.lines().count();
        let place = format!("script.sql:{line}:{column}");
        assert_eq!(refused.code, Some(1), "{statement}");
        for part in ["error[0A000]", &place, what, "help: "] {
            assert!(refused.stderr.contains(part), "{statement}: no {part} in {}", refused.stderr);
        }
    }
    project.write("script.sql", "create table t (id uuid references storage.objects (id));");
    let refused = project.run(&["import", "script.sql"]);
    assert!(refused.stderr.contains("error[42P01]") && refused.stderr.contains("plain uuid"), "{}", refused.stderr);
}

#[test]
fn a_table_may_refer_to_the_users() {
    let project = Project::new(&[("migrations/0001_tables.sql", TABLES)]);
    let sql = "create table profiles (id uuid primary key references auth.users (id) on delete cascade, name text);\n\
        insert into profiles values ('7d0c6f4e-4a53-4a5b-8f3f-0b8e4f3f7a01', 'nobody');\n";
    project.write("script.sql", sql);
    let refused = project.run(&["import", "script.sql"]);
    assert!(refused.stderr.contains("error[23503]") && refused.stderr.contains("users"), "{}", refused.stderr);
    let user = "insert into auth.users (id, email) values ('7d0c6f4e-4a53-4a5b-8f3f-0b8e4f3f7a01', 'a@example.com');\n";
    project.write("script.sql", &format!("{user}{sql}"));
    let imported = project.run(&["import", "script.sql"]);
    assert_eq!(imported.code, Some(0), "{}", imported.stderr);
}

#[test]
fn a_supabase_folder_runs_as_it_stands() {
    let project = Project::new(&[
        ("supabase/config.toml", "project_id = \"x\"\n[api]\nport = 54321\n[studio]\nport = 54323\n"),
        ("supabase/migrations/20250101000000_books.sql", TABLES),
        ("supabase/seed.sql", ROWS),
    ]);
    let server = project.start(&["dev"], &[]);
    assert_eq!(server.get("/rest/v1/books?select=title").1, r#"[{"title":"One"}]"#);
    let made = project.run(&["migrate", "new", "shelf"]).stdout;
    assert!(made.starts_with("supabase/migrations/20") && made.ends_with("_shelf.sql\n"), "{made}");
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
fn secrets_and_values_are_not_logged() {
    let project = books();
    let server =
        project.start(&["serve", "--migrate"], &[("BASALT_AUTH__JWT_SECRET", SECRET), ("BASALT_LOG__LEVEL", "info")]);
    let keys = project.run(&["keys", "--secret", SECRET]).stdout;
    let key =
        keys.lines().find(|line| line.starts_with("anon key")).and_then(|line| line.split(' ').next_back()).unwrap();
    server.request("GET", "/rest/v1/books?title=eq.hush", &[&format!("apikey: {key}"), "x-request-id: seen"], "");
    let line = server.says("seen");
    for secret in [key, "hush", SECRET] {
        assert!(!line.contains(secret) && !server.banner.iter().any(|line| line.contains(secret)), "{line}");
    }
}

#[test]
fn a_private_key_signs_the_keys_that_are_shown() {
    let project = books();
    project.write("keys.json", &project.run(&["keys", "--signing"]).stdout);
    project.write("basalt.toml", "[auth]\nsigning_keys_path = \"./keys.json\"\n");
    let shown = project.run(&["keys"]).stderr;
    assert!(shown.contains("the first key of ./keys.json,"), "{shown}");
    let server = project.start(&["dev"], &[]);
    for key in [service_key(&server.banner.join("\n")), service_key(&project.run(&["keys"]).stdout)] {
        let answer =
            server.request("GET", "/rest/v1/books?select=title", &[&format!("authorization: Bearer {key}")], "");
        assert!(answer.0 == 200 && answer.1.contains("Dear"), "{answer:?}");
        let users = server.request("GET", "/auth/v1/admin/users", &[&format!("authorization: Bearer {key}")], "");
        assert_eq!(users.0, 200, "{}", users.1);
    }
    // Another key in the file is taken up.
    let old = service_key(&server.banner.join("\n"));
    project.write("keys.json", &project.run(&["keys", "--signing"]).stdout);
    server.says("restarted");
    assert_eq!(server.request("GET", "/rest/v1/books", &[&format!("authorization: Bearer {old}")], "").0, 401);
    let new = service_key(&project.run(&["keys"]).stdout);
    assert_eq!(server.request("GET", "/rest/v1/books", &[&format!("authorization: Bearer {new}")], "").0, 200);
}

#[test]
fn keys_are_the_secret_s() {
    let project = books();
    assert_eq!(project.run(&["keys", "--secret", "short"]).code, Some(1));
    let keys = project.run(&["keys", "--secret", SECRET]);
    assert!(keys.stdout.contains(SECRET) && keys.stderr.contains("BASALT_AUTH__JWT_SECRET"), "{}", keys.stdout);
    assert_ne!(project.run(&["keys", "--new"]).stdout, project.run(&["keys", "--new"]).stdout);
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
