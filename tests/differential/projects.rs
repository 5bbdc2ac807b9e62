//! Real schemas with their data: the shop of `examples`, and Chinook where it is at hand.

use std::path::{Path, PathBuf};

use basalt_tests::postgres::Cluster;

use super::corpus::statements;
use super::pair::Pair;

/// What Basalt has from the start, for PostgreSQL.
pub const BOOTSTRAP: &str = "
  do $$ begin create role anon; create role authenticated; create role service_role bypassrls;
  exception when duplicate_object then null; end $$;
  create publication supabase_realtime;
  create schema auth;
  grant usage on schema auth to public;
  create function auth.jwt() returns jsonb language sql stable as
    $$ select nullif(current_setting('request.jwt.claims', true), '')::jsonb $$;
  create function auth.uid() returns uuid language sql stable as $$ select (auth.jwt() ->> 'sub')::uuid $$;
  create function auth.role() returns text language sql stable as $$ select auth.jwt() ->> 'role' $$;";

#[tokio::test]
async fn the_shop_answers_as_in_postgresql() {
    let folder = root().join("examples/shop");
    let cluster = Cluster::start();
    if !cluster.is_reference() {
        return;
    }
    let pair = Pair::new(&cluster, "shop").await;
    pair.postgres.script(BOOTSTRAP).await;
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder.join("migrations"))
        .expect("migrations")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.retain(|file| !file.to_string_lossy().ends_with(".postgres.sql"));
    files.sort();
    files.push(folder.join("seed.sql"));
    for file in files {
        pair.script(&std::fs::read_to_string(&file).expect("reads")).await;
    }
    compare(&pair, include_str!("projects/shop.sql")).await;
}

#[tokio::test]
async fn chinook_answers_as_in_postgresql() {
    let file = root().join("../shared/data/chinook/chinook.sql");
    let Ok(source) = std::fs::read_to_string(&file) else {
        eprintln!("{} is not there: skipped", file.display());
        return;
    };
    let is_of_psql = |line: &&str| {
        !line.starts_with("DROP DATABASE") && !line.starts_with("CREATE DATABASE") && !line.starts_with("\\c")
    };
    let script: Vec<&str> = source.lines().filter(is_of_psql).collect();
    let cluster = Cluster::start();
    if !cluster.is_reference() {
        return;
    }
    let pair = Pair::new(&cluster, "chinook").await;
    pair.script(&script.join("\n")).await;
    compare(&pair, include_str!("projects/chinook.sql")).await;
}

/// Asks both for each statement of a source.
pub async fn compare(pair: &Pair, source: &str) {
    let mut faults = Vec::new();
    let queries = statements(source);
    for sql in &queries {
        faults.extend(pair.compare(sql).await);
    }
    assert!(faults.is_empty(), "{} faults in {} queries\n\n{}", faults.len(), queries.len(), faults.join("\n\n"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
