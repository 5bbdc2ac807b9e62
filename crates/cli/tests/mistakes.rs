//! What people get wrong, or spell in another way: the commands mend it or say it in full.

mod support;

use basalt_tests::postgres::Cluster;
use support::{Project, runtime};

#[test]
fn a_database_of_somebody_else_needs_no_data_folder() {
    let cluster = Cluster::start();
    let runtime = runtime();
    runtime.block_on(cluster.create("fresh"));
    let url = cluster.uri("postgres", "fresh");
    let project = Project::new(&[]);
    project.run(&["init", "f"]);
    let data = project.path().join("f/.basalt");
    let toml = std::fs::read_to_string(project.path().join("f/basalt.toml")).unwrap();
    let hook = "[[webhooks]]\nname = \"messages\"\ntable = \"messages\"\nurl = \"http://127.0.0.1:9/\"\n";
    project.write("f/basalt.toml", &format!("{toml}\n{hook}"));
    let server = project.start(&["dev", "f"], &[("BASALT_DATABASE__URL", &url)]);
    // PostgreSQL's warning of what its replication needs is not about changes as Basalt tells them.
    assert!(!server.banner.iter().any(|line| line.contains("wal_level")), "{:#?}", server.banner);
    assert!(server.banner.iter().any(|line| line.contains("1 applied")), "{:#?}", server.banner);
    assert!(server.get("/rest/v1/messages?select=author&order=id").1.contains("Ada"));
    drop(server);

    let url = [("BASALT_DATABASE__URL", url)];
    std::fs::remove_dir_all(&data).unwrap();
    let reset = project.run_with(&["db", "--project", "f", "reset", "--yes"], &url);
    assert_eq!(reset.code, Some(0), "{}", reset.stderr);
    // Where the mark can't be set, no row is lost.
    std::fs::remove_dir_all(&data).unwrap();
    project.write("f/.basalt", "in the way");
    let refused = project.run_with(&["db", "--project", "f", "reset", "--yes"], &url);
    assert!(refused.code == Some(1) && refused.stderr.contains("f/.basalt"), "{}", refused.stderr);
    std::fs::remove_file(&data).unwrap();
    let status = project.run_with(&["migrate", "status", "--project", "f"], &url);
    assert!(status.stdout.starts_with("applied"), "{} {}", status.stdout, status.stderr);
}

#[test]
fn an_import_reads_as_psql_does_and_counts_what_it_writes() {
    let script = "show server_version;\ncreate table t (id serial primary key, x text) \\g\n
insert into t (x) values ('a'), ('b') \\g\ncopy t (id, x) from stdin;\n3\tc\n\\.\n
select setval('t_id_seq', 3);\nselect * from t;\nexplain select * from t;\n
with new as (select 'd' as x) insert into t (x) select x from new;\n\\q\nnothing of 'this is read\n";
    let project = Project::new(&[("basalt.toml", ""), ("dump.sql", script)]);
    let imported = project.run(&["import", "dump.sql"]);
    assert!(imported.stdout.contains("1 new table, 4 rows"), "{} {}", imported.stdout, imported.stderr);
    project.write("refused.sql", "select 1 \\gset\n");
    let refused = project.run(&["import", "refused.sql"]);
    assert!(refused.stderr.contains("psql command \\gset"), "{}", refused.stderr);
}

#[test]
fn a_file_that_was_cut_off_is_not_imported() {
    let header = "--\n-- PostgreSQL database dump\n--\ncreate table t (id int, x text);\n";
    let copy = format!("{header}copy t (id, x) from stdin;\n1\ta\n");
    let inserts = format!("{header}insert into t values (1, 'a'),\n  (2, 'b')");
    let project = Project::new(&[("basalt.toml", "")]);
    for (cut, place) in [
        (copy.as_str(), "dump.sql:5:1"),
        (&copy[..copy.len() - 7], "dump.sql:5:1"),
        (&inserts, "dump.sql:5:1"),
        ("insert into t values (1, 'not ended", "dump.sql:1:26"),
    ] {
        project.write("dump.sql", cut);
        let refused = project.run(&["import", "dump.sql"]);
        assert!(refused.code == Some(1) && refused.stderr.contains("seems to be cut off"), "{cut}: {}", refused.stderr);
        assert!(refused.stderr.contains(place), "{cut}: {}", refused.stderr);
    }
    // Nothing of them is there; and what only lacks its last semicolon is whole.
    project.write("dump.sql", &format!("{copy}\\.\ninsert into t values (2, 'b')"));
    let refused = project.run(&["import", "dump.sql"]);
    assert!(refused.stderr.contains("seems to be cut off"), "{}", refused.stderr);
    // One that was cut between its statements lacks its last line, be it one of several.
    let end = "--\n-- PostgreSQL database dump complete\n--\n";
    let whole = format!("{header}insert into t values (1, 'a');\n{end}");
    let cluster = "--\n-- PostgreSQL database cluster dump\n--\n";
    let cluster_end = "--\n-- PostgreSQL database cluster dump complete\n--\n";
    for (cut, place) in [
        (format!("{header}insert into t values (1, 'a');\n\n"), "dump.sql:5:1"),
        (format!("{header}-- Name: t; Type: TABLE"), "dump.sql:4:1"),
        ("--\r\n-- PostgreSQL database dump\r\n--\r\n".into(), "dump.sql:1:1"),
        (format!("{header}{whole}"), "dump.sql:4:1"),
        (format!("{whole}{header}"), "dump.sql:12:1"),
        (format!("{cluster}create role r;\n{whole}"), "dump.sql:9:1"),
        // The words of a row end nothing.
        (format!("{header}insert into t values (1, '\n{end}');\n"), "dump.sql:5:1"),
        (format!("{header}copy t (x) from stdin;\n-- PostgreSQL database dump complete\n\\.\n"), "dump.sql:5:1"),
    ] {
        project.write("dump.sql", &cut);
        let refused = project.run(&["import", "dump.sql"]);
        assert!(
            refused.code == Some(1) && refused.stderr.contains("dump complete` is missing"),
            "{cut}: {}",
            refused.stderr
        );
        assert!(refused.stderr.contains(place), "{cut}: {}", refused.stderr);
    }
    // Nor do they begin anything; and what comes behind the last line is no loss.
    let other = whole
        .replace("table t", "table u")
        .replace("into t", "into u")
        .replace("'a'", "'\n-- PostgreSQL database dump\n'");
    project.write("dump.sql", &format!("{cluster}{whole}{other}{cluster_end}\n\\unrestr"));
    let imported = project.run(&["import", "dump.sql"]);
    assert!(imported.stdout.contains("2 new tables, 2 rows"), "{}", imported.stderr);
    // Without such lines nobody can tell.
    project.write("dump.sql", "create table v (id int);\ninsert into v values (1)");
    assert_eq!(project.run(&["import", "dump.sql"]).code, Some(0));
}

#[test]
fn what_is_no_sql_is_told_for_what_it_is() {
    let project = Project::new(&[("basalt.toml", "")]);
    for (bytes, what, instead) in [
        (b"PGDMP\x01\x0e\xff".as_slice(), "custom format", "pg_restore --file dump.sql 'a dump'"),
        (b"\x1f\x8b\x08\xff", "compressed by gzip", "gunzip --stdout 'a dump' > dump.sql"),
    ] {
        std::fs::write(project.path().join("a dump"), bytes).unwrap();
        let refused = project.run(&["import", "a dump"]);
        assert!(refused.code == Some(1) && refused.stderr.contains(what), "{}", refused.stderr);
        assert!(refused.stderr.contains(instead), "{}", refused.stderr);
    }
}

#[test]
fn a_seed_that_is_not_there_is_told() {
    let config = "[db.seed]\nsql_paths = [\"./seeds/*.sql\", \"env(ROWS)\"]\n";
    let rows = "insert into t values (1);";
    let project = Project::new(&[
        ("supabase/config.toml", config),
        ("supabase/.env", "ROWS=rows.sql\n"),
        ("supabase/migrations/1_t.sql", "create table t (a int);"),
        ("supabase/rows.sql", rows),
    ]);
    let reset = project.run(&["db", "reset", "--yes"]);
    assert!(reset.stderr.contains("warning") && reset.stderr.contains("\"./seeds/*.sql\""), "{}", reset.stderr);
    assert!(reset.stderr.contains("seeded supabase/rows.sql"), "{}", reset.stderr);
    let set = [("ROWS", "others.sql".to_owned())];
    let reset = project.run_with(&["db", "reset", "--yes"], &set);
    assert!(reset.stderr.contains("\"others.sql\""), "the process's variables win: {}", reset.stderr);
}

#[test]
fn a_configuration_is_judged_before_anything_is_applied() {
    let project = Project::new(&[
        ("basalt.toml", "[auth.external.nobody]\nenabled = true\nclient_id = \"x\"\nsecret = \"y\"\n"),
        ("migrations/0001_t.sql", "create table t (a int);"),
    ]);
    let secret = [("BASALT_AUTH__JWT_SECRET", "a-secret-of-our-own-with-more-than-32-bytes".to_owned())];
    for args in [["dev", "--port", "0"].as_slice(), &["serve", "--migrate", "--port", "0"]] {
        let refused = project.run_with(args, &secret);
        assert!(refused.code == Some(1) && refused.stderr.contains("nobody"), "{args:?}: {}", refused.stderr);
        assert!(!refused.stderr.contains("applied"), "{args:?}: {}", refused.stderr);
        assert_eq!(project.run(&["migrate", "status"]).stdout, "pending   0001_t\n");
    }
}

#[test]
fn names_of_nothing_in_the_configuration_are_told() {
    let toml = "[api]\nanonymous_role = \"nobody\"\nunprotected = [\"other.*\", \"u\", \"t\"]\n";
    let project = Project::new(&[("basalt.toml", toml), ("migrations/0001_t.sql", "create table t (a int);")]);
    let server = project.start(&["dev"], &[]);
    let said = server.banner.join("\n");
    for named in ["exist: nobody", "exist: other.*", "exist: u"] {
        assert!(said.contains(named), "{said}");
    }
    assert!(!said.contains("exist: t"), "{said}");
}

#[test]
fn both_names_of_a_supabase_project_are_one_database() {
    let project = Project::new(&[
        ("sb/supabase/config.toml", "project_id = \"sb\"\n"),
        ("sb/supabase/migrations/1_a.sql", "create table a (id int);\n"),
    ]);
    assert_eq!(project.run(&["migrate", "up", "--project", "sb/supabase"]).code, Some(0));
    assert_eq!(project.run(&["migrate", "status", "--project", "sb"]).stdout, "applied   1_a\n");
    assert!(project.path().join("sb/.basalt").exists() && !project.path().join("sb/supabase/.basalt").exists());

    project.write("sb/migrations/0001_b.sql", "create table b (id int);\n");
    let both = project.run(&["migrate", "status", "--project", "sb"]);
    assert_eq!(both.code, Some(1));
    assert!(both.stderr.contains("sb/migrations and sb/supabase/migrations both"), "{}", both.stderr);
}

#[test]
fn a_syntax_error_of_a_configuration_is_one_report() {
    let project = Project::new(&[("basalt.toml", "[api]\nmax_rows = = 3\n"), ("migrations/1_a.sql", "")]);
    let said = project.run(&["check"]);
    assert!(said.stderr.matches("error").count() == 1 && said.stderr.contains("basalt.toml:2:12"), "{}", said.stderr);
    project.write("basalt.toml", "[auth]\njwks = \"nope\"\n");
    let said = project.run(&["dev", "--port", "0"]);
    assert!(said.code == Some(1) && said.stderr.contains("`auth.jwks`"), "{}", said.stderr);
}

#[test]
fn check_reports_all_that_cannot_run() {
    let project = Project::new(&[
        ("basalt.toml", ""),
        ("migrations/0001_a.sql", "create tabel a (id int primary key);\ncreate table open (id int);\n"),
        (
            "migrations/0002_b.sql",
            "create index on a (id);\ninsert into nosuch values (1);\ncreate view v as select * from a;\n",
        ),
        ("migrations/0003_c.sql", "select id from v;\nalter table open add column x citexd;\n"),
        ("seed.sql", "insert into open (id) values (1);\ninsert into open (id) values ('no');\n"),
    ]);
    let said = project.run(&["check"]);
    assert_eq!(said.code, Some(1));
    let places: Vec<&str> = said.stderr.lines().filter_map(|line| line.trim().strip_prefix("--> ")).collect();
    let expected =
        ["migrations/0001_a.sql:1:8", "migrations/0002_b.sql:2:13", "migrations/0003_c.sql:2:31", "seed.sql:2:31"];
    assert_eq!(places, expected, "{}", said.stderr);
    assert!(said.stdout.contains("3 migrations: 4 errors"), "{}", said.stdout);
    // What stands is linted still.
    project.write("migrations/0004_d.sql", "create table bare (id int);\n");
    assert!(project.run(&["check"]).stderr.contains("row-security-off"));
}
