//! `basalt dev`: what it takes up while it runs, and what it keeps.

use super::support::{Project, until};
use super::{ROWS, TABLES, books};

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
fn a_running_dev_starts_over_when_asked() {
    let project = books();
    let server = project.start(&["dev"], &[]);
    let edited = TABLES.replace("title text", "shelf text default 'A', title text");
    project.write("migrations/0001_books.sql", &edited);
    server.says("was edited after it was applied");
    let reset = project.run(&["db", "reset", "--yes"]);
    assert_eq!(reset.code, Some(0), "{}", reset.stderr);
    assert!(reset.stdout.contains("has started over"), "{}", reset.stdout);
    assert_eq!(server.get("/rest/v1/books?select=title,shelf").1, r#"[{"title":"One","shelf":"A"}]"#);
    server.says("started over");
    project.write("migrations/0001_books.sql", &edited.replace("shelf text", "shelf nosuch"));
    server.says("was edited after it was applied");
    let failed = project.run(&["db", "reset", "--yes"]);
    assert_eq!(failed.code, Some(1), "{}", failed.stdout);
    assert!(failed.stderr.contains("could not start over"), "{}", failed.stderr);
    server.says("error[42704]");
}

#[test]
fn a_supabase_folder_runs_as_it_stands() {
    let storage = "[storage]\nenabled = true\nfile_size_limit = \"50MiB\"\n[storage.buckets.images]\npublic = false\n";
    let config = format!("project_id = \"x\"\n[api]\nport = 54321\n[studio]\nport = 54323\n{storage}");
    let files = "insert into storage.buckets (id, name, public) values ('covers', 'covers', true);
        create policy \"own folder\" on storage.objects for all to authenticated
          using (bucket_id = 'covers' and (storage.foldername(name))[1] = auth.uid()::text);";
    let bucket =
        "insert into storage.buckets (id, name, public) values ('covers', 'covers', true) on conflict (id) do nothing;";
    let project = Project::new(&[
        ("supabase/config.toml", &config),
        ("supabase/migrations/20250101000000_books.sql", TABLES),
        ("supabase/migrations/20250102000000_covers.sql", files),
        ("supabase/seed.sql", &format!("{ROWS}{bucket}")),
    ]);
    let server = project.start(&["dev"], &[]);
    assert_eq!(server.get("/rest/v1/books?select=title").1, r#"[{"title":"One"}]"#);
    let made = project.run(&["migrate", "new", "shelf"]).stdout;
    assert!(made.starts_with("supabase/migrations/20") && made.ends_with("_shelf.sql\n"), "{made}");
}
