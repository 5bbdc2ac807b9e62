//! A project's rows carried over from one database to another.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use basalt_core::Identity;
use basalt_db::{Copied, Database, Request};
use basalt_server::Config;
use basalt_server::project::Project;

use crate::migrating;
use crate::output::{self, FAINT, GOOD, count, styled};
use crate::report::{Failure, Report};
use crate::stopping::open_database;
use crate::workspace::load;

/// Says, in the target, that a copy is under way: one that was stopped may begin again without being asked for.
const UNDER_WAY: &str = "a copy is under way";
const UNMARK: &str = "comment on schema supabase_migrations is null;";

/// Seconds before the copy begins again. One that was killed may still be ending in the target, and the two may wait for each other.
const PAUSES: [u64; 4] = [1, 2, 4, 8];

/// Without a terminal, how far the copy has come is said this often.
const TOLD: Duration = Duration::from_secs(5);

/// Carries the rows of the project in `root` over: to the PostgreSQL of `to`, or from that of `from` to the project's own database.
pub async fn run(root: &Path, to: Option<String>, from: Option<String>, replace: bool) -> Result<(), Failure> {
    let (_, own) = load(root, &[])?;
    let mut other = own.clone();
    let there = to.as_deref().or(from.as_deref()).unwrap_or_default();
    there.clone_into(&mut other.database.url);
    let (source, target) = if to.is_some() { (own, other) } else { (other, own) };
    // The source is served as it is; what projects rely on is the target's to have.
    let source =
        Config { database: basalt_server::config::Database { bootstrap: false, ..source.database.clone() }, ..source };
    let started = Instant::now();
    let mut pauses = PAUSES.into_iter();
    let copied = loop {
        match (attempt(root, &source, &target, replace).await, pauses.next()) {
            (Err(failure), Some(pause)) if failure.has_code("40P01") => {
                output::note(format_args!("  the target waits for another transaction: again in {pause} s"));
                tokio::time::sleep(Duration::from_secs(pause)).await;
            }
            (ended, _) => break ended?,
        }
    };
    output::result(format_args!(
        "{} {}, {} {}",
        styled(GOOD, "copied"),
        count(copied.tables, "table"),
        count(copied.rows as usize, "row"),
        styled(FAINT, output::elapsed(started.elapsed()))
    ));
    Ok(())
}

/// Opens both databases and copies once.
async fn attempt(root: &Path, source: &Config, target: &Config, replace: bool) -> Result<Copied, Failure> {
    let project = Project::load(root, target.database.engine())?;
    let from = open_database(root, source).await?;
    let copied = match open_database(root, target).await {
        Ok(into) => {
            let copied = copy(&project, &from, &into, replace).await;
            into.close().await;
            copied
        }
        Err(error) => Err(error.into()),
    };
    from.close().await;
    copied
}

async fn copy(project: &Project, from: &Database, into: &Database, replace: bool) -> Result<Copied, Failure> {
    if from.is_same(into).await? {
        return Err(Report::error("source and target are the same database").into());
    }
    let fresh = into.applied().await?.is_empty() && into.imports().await?.is_empty() && !has_users(into).await?;
    let catalog = into.catalog();
    let mark = catalog.schemas.get("supabase_migrations").and_then(|schema| schema.comment.as_deref());
    let is_marked = mark == Some(UNDER_WAY);
    if !fresh && !is_marked && !replace {
        return Err(Report::error("the target has the project's tables, or users, already")
            .help("Copy into a new database, or say with --replace that its rows may be lost.")
            .into());
    }
    script(into, &format!("comment on schema supabase_migrations is '{UNDER_WAY}'")).await?;
    define(project, from, into).await?;

    let bar = output::progress("copying", 0, output::ROWS);
    let mut told = Instant::now();
    let copied = from.copy_rows(into, |copied| {
        bar.set_length(copied.all_rows);
        bar.set_position(copied.rows);
        if bar.is_hidden() && told.elapsed() >= TOLD {
            told = Instant::now();
            output::note(format_args!("  copying {} of {}", copied.rows, count(copied.all_rows as usize, "row")));
        }
    });
    let copied = copied.await;
    bar.finish_and_clear();
    let copied = copied?;
    script(into, UNMARK).await?;
    Ok(copied)
}

/// Gives the target the project's tables: its migrations, and in between, in the order of the source, what was imported there.
async fn define(project: &Project, from: &Database, into: &Database) -> Result<(), Failure> {
    let there = into.imports().await?.len();
    for import in from.imports().await?.into_iter().skip(there) {
        migrating::migrate_for_copy(project, into, Some(&import.after), output::applied).await?;
        let imported = into.import(&import.name, &import.definitions, |_| {}).await;
        imported.map_err(|failed| {
            let path = PathBuf::from(format!("import {}", import.name));
            Failure::from(Report::sql(&failed.error, &path, &import.definitions, failed.offset))
        })?;
    }
    migrating::migrate_for_copy(project, into, None, output::applied).await.map(drop)
}

/// Whether somebody has signed up already: users are there without any migration of the project's.
async fn has_users(database: &Database) -> Result<bool, Failure> {
    if database.catalog().relation("auth", "users").is_none() {
        return Ok(false);
    }
    let request = Request::new(Identity::owner(), "select 1 from auth.users limit 1", Vec::new());
    Ok(database.run(request).await?.rows > 0)
}

async fn script(database: &Database, sql: &str) -> Result<(), Failure> {
    database.run_script(sql, |_| {}).await.map(drop).map_err(|failed| failed.error.into())
}
