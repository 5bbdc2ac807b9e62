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

    project.write("basalt.toml", "[api]\nmax_row = 0\n");
    server.says("did you mean `api.max_rows`?");
    assert_eq!(server.get("/rest/v1/books?select=title").0, 200);
    project.write("migrations/0001_books.sql", TABLES);
    project.write("basalt.toml", "[api]\nanonymous_role = \"\"\n");
    server.says("restarted");
    assert_eq!(server.get("/rest/v1/books?select=title").0, 401);
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
    server.says("started over");
    assert_eq!(server.get("/rest/v1/books?select=title,shelf").1, r#"[{"title":"One","shelf":"A"}]"#);
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
