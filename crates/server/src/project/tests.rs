//! Projects of both layouts, and what is wrong with others.

use basalt_db::migrate::{Applied, checksum};
use tempfile::TempDir;

use super::*;

/// A folder with these files, each holding its own name as SQL comment.
fn folder(files: &[&str]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for file in files {
        let path = root.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = if file.ends_with(".sql") { format!("-- {file}\n") } else { String::new() };
        std::fs::write(path, text).unwrap();
    }
    root
}

fn versions(project: &Project) -> Vec<&str> {
    project.migrations.iter().map(|m| m.version.as_str()).collect()
}

fn applied(project: &Project) -> Vec<Applied> {
    let record = |m: &Migration| Applied {
        version: m.version.clone(),
        name: m.name.clone(),
        checksum: checksum(&m.script.source),
    };
    project.migrations.iter().map(record).collect()
}

#[test]
fn migrations_come_in_the_order_of_their_numbers() {
    let files = ["basalt.toml", "seed.sql", "migrations/10_c.sql", "migrations/2_b.sql", "migrations/0001_a_b.sql"];
    let project = Project::load(folder(&files).path(), Engine::Sqlite).unwrap();
    assert_eq!(versions(&project), ["0001", "2", "10"]);
    assert_eq!(project.migrations[0].name, "a_b");
    assert_eq!(project.seeds[0].source, "-- seed.sql\n");
}

#[test]
fn a_migration_for_one_engine_stands_beside_the_other_engines() {
    let files = ["migrations/0001_a.sqlite.sql", "migrations/0001_a.postgres.sql", "migrations/0002_b.postgres.sql"];
    let project = Project::load(folder(&files).path(), Engine::Sqlite).unwrap();
    assert_eq!(versions(&project), ["0001"]);
    assert!(project.migrations[0].script.path.ends_with("0001_a.sqlite.sql"));
}

#[test]
fn a_supabase_folder_is_a_project_from_outside_and_from_inside() {
    let dir = folder(&["supabase/config.toml", "supabase/migrations/20250101000000_a.sql", "supabase/seeds/b.sql"]);
    let root = dir.path();
    std::fs::write(root.join("supabase/config.toml"), "[db.seed]\nsql_paths = [\"./seeds/*.sql\", \"none.sql\"]\n")
        .unwrap();
    for root in [root.to_owned(), root.join("supabase")] {
        let project = Project::load(&root, Engine::Sqlite).unwrap();
        assert_eq!(versions(&project), ["20250101000000"]);
        assert_eq!((project.seeds.len(), &*project.unmatched_seeds), (1, ["none.sql".to_owned()].as_slice()));
        assert_eq!(project.next_version("20260101000000"), "20260101000000");
    }
}

#[test]
fn what_is_no_project_or_no_migration_is_refused() {
    let load = |files: &[&str]| Project::load(folder(files).path(), Engine::Sqlite).unwrap_err();
    assert!(matches!(load(&["notes.txt"]), ProjectError::NoProject(_)));
    let two = load(&["migrations/1_a.sql", "supabase/migrations/2_b.sql"]);
    let told = two.to_string();
    assert!(told.contains("/migrations and ") && told.contains("/supabase/migrations both"), "{told}");
    assert!(matches!(load(&["migrations/tables.sql"]), ProjectError::BadName(_)));
    assert!(matches!(load(&["migrations/0001_.sql"]), ProjectError::BadName(_)));
    let duplicate = load(&["migrations/1_a.sql", "migrations/01_b.sql"]);
    assert!(matches!(duplicate, ProjectError::Duplicate { .. }), "{duplicate}");
}

#[test]
fn edited_missing_and_late_migrations_are_told() {
    let dir = folder(&["migrations/0001_a.sql", "migrations/0002_b.sql", "migrations/0004_d.sql"]);
    let root = dir.path();
    let before = Project::load(root, Engine::Sqlite).unwrap();
    let known = applied(&before);
    assert_eq!(before.standing(&known), Standing::default());
    assert_eq!(before.standing(&[]).pending.len(), 3);

    std::fs::write(root.join("migrations/0001_a.sql"), "-- edited\n").unwrap();
    std::fs::remove_file(root.join("migrations/0002_b.sql")).unwrap();
    std::fs::write(root.join("migrations/0003_c.sql"), "-- late\n").unwrap();
    std::fs::write(root.join("migrations/0005_e.sql"), "-- new\n").unwrap();
    let after = Project::load(root, Engine::Sqlite).unwrap();
    let standing = after.standing(&known);
    let told: Vec<String> = standing.conflicts.iter().map(Conflict::to_string).collect();
    assert_eq!(
        told,
        [
            "migration 0001_a.sql was edited after it was applied",
            "migration 0003_c.sql is new, but 0004 was applied already",
            "migration 0002_b was applied, but its file is gone",
        ]
    );
    assert_eq!(standing.pending.iter().map(|m| m.version.as_str()).collect::<Vec<_>>(), ["0005"]);
}

#[test]
fn the_supabase_folder_s_project_is_the_folder_around_it() {
    let dir = folder(&["supabase/config.toml", "supabase/migrations/1_a.sql"]);
    let supabase = dir.path();
    assert_eq!(root_of(&supabase.join("supabase")), supabase);
    assert_eq!(root_of(&supabase.join("supabase/")), supabase);
    assert_eq!(root_of(supabase), supabase);
    // A folder that is only called so, or lies in a project of its own layout, is what it is.
    for files in
        [["supabase/basalt.toml", "supabase/migrations/1_a.sql"], ["migrations/1_a.sql", "supabase/config.toml"]]
    {
        let dir = folder(&files);
        let other = dir.path().join("supabase");
        assert_eq!(root_of(&other), other);
    }
}

#[test]
fn line_ends_do_not_change_a_migration() {
    let dir = folder(&["migrations/0001_a.sql"]);
    let root = dir.path();
    let known = applied(&Project::load(root, Engine::Sqlite).unwrap());
    std::fs::write(root.join("migrations/0001_a.sql"), "-- migrations/0001_a.sql\r\n").unwrap();
    assert_eq!(Project::load(root, Engine::Sqlite).unwrap().standing(&known), Standing::default());
}

#[test]
fn a_new_migration_goes_on_as_the_folder_counts() {
    let project = |file| Project::load(folder(&["basalt.toml", file]).path(), Engine::Sqlite).unwrap();
    assert_eq!(project("readme.md").next_version("20260101000000"), "0001");
    assert_eq!(project("migrations/0041_a.sql").next_version("20260101000000"), "0042");
}
