//! Scripts that were imported. Their definitions are kept in the database: a copy of it has the imported tables from them, as it has
//! others from migrations.

use std::collections::BTreeSet;

use basalt_core::{Error, Identity, Result};
use basalt_sql::Catalog;
use basalt_sql::ddl::dump;
use basalt_sql::script::{Piece, first_word, split};
use serde::Deserialize;

use super::{Progress, ScriptError, Service, ServiceMigration};
use crate::database::Engine;
use crate::{Database, Format, Request};

/// The record.
pub(crate) const SERVICE: Service = Service {
    name: "imports",
    migrations: &[ServiceMigration {
        version: "0001",
        source: "create table basalt.imports
            (id integer primary key, name text not null, after text not null, definitions text not null);",
    }],
    dispensable: &[],
    alone_in: None,
};

/// An import, in the order in which they happened.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Import {
    /// What it was called.
    pub name: String,
    /// The version of the last migration before it; empty: none.
    pub after: String,
    /// Its statements without those that only carry rows.
    pub definitions: String,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Rows written.
    pub rows: u64,
    /// What was left out and may be missed, as [`dump::Dump::passed_over`] tells.
    pub passed_over: BTreeSet<String>,
    /// Roles that it named and that were made, as [`dump::Dump::roles`] tells.
    pub roles: BTreeSet<String>,
}

impl Database {
    /// Runs a script as [`Database::run_script`] does, but for what Basalt has made already ([`dump`]), and keeps its definitions.
    ///
    /// Errors: as there; 42601 for a file that was cut off.
    pub async fn import(
        &self,
        name: &str,
        source: &str,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Imported, ScriptError> {
        refuse_cut_off(source)?;
        let before = self.catalog();
        let done = match &self.engine {
            Engine::Sqlite(engine) => engine.import(source, progress).await,
            Engine::Postgres(engine) => engine.import(source, &before, progress).await,
        }?;
        if self.keeps_imports() {
            self.keep(name, &definitions(source, &before)?).await?;
        }
        Ok(done)
    }

    /// The imports that the database knows of.
    pub async fn imports(&self) -> Result<Vec<Import>> {
        if !self.keeps_imports() {
            return Ok(Vec::new());
        }
        let sql = "select name, after, definitions from basalt.imports order by id";
        let request = Request { read_only: true, ..Request::new(Identity::owner(), sql, Vec::new()) };
        let body = self.run(request).await?.body;
        serde_json::from_slice(&body).map_err(|error| Error::internal(format!("the record of imports: {error}")))
    }

    /// A database that others look after has no record.
    fn keeps_imports(&self) -> bool {
        self.catalog().relation("basalt", "imports").is_some()
    }

    async fn keep(&self, name: &str, definitions: &str) -> Result<()> {
        let sql = "insert into basalt.imports (id, name, after, definitions) \
            select coalesce(max(id), 0) + 1, $1, \
            coalesce((select version from supabase_migrations.schema_migrations \
            order by length(ltrim(version, '0')) desc, ltrim(version, '0') desc limit 1), ''), $2 from basalt.imports";
        let params = vec![Some(name.to_owned()), Some(definitions.to_owned())];
        let request = Request { format: Format::None, ..Request::new(Identity::owner(), sql, params) };
        self.run(request).await.map(drop)
    }
}

/// Refuses a file whose end is missing: data without the line that ends it, a quote that never ends, a dump without its last words. psql takes the
/// first and the last without a word, and rows would be missing.
fn refuse_cut_off(source: &str) -> Result<(), ScriptError> {
    const ADVICE: &str = "The file seems to be cut off: make the dump anew, or copy the whole of it.";
    let pieces = split(source).map_err(|error| match error.message().starts_with("unterminated") {
        true => error.with_hint(ADVICE),
        false => error,
    })?;
    let refused = |what: String, last: Option<&Piece<'_>>| {
        let (statement, offset) = last.map_or(("", 0), Piece::text);
        let error = Error::new("42601", what).with_hint(ADVICE);
        Err(ScriptError { error, offset, statement: statement.to_owned() })
    };
    let is_ended = |copy: &str| copy.lines().any(|line| line.trim_end() == "\\.");
    if let Some(last @ &Piece::Copy { offset, .. }) = pieces.last()
        && !is_ended(&source[offset..])
    {
        return refused("the data of the last table do not end: the line `\\.` is missing".into(), Some(last));
    }
    for kind in ["database dump", "database cluster dump"] {
        let (beginning, end) = (format!("-- PostgreSQL {kind}"), format!("-- PostgreSQL {kind} complete"));
        if let Some(at) = unended(&between(source, &pieces), &beginning, &end) {
            return refused(format!("the dump does not end: the line `{end}` is missing"), pieces[..at].last());
        }
    }
    Ok(())
}

/// The first of these texts by which something has begun that did not end before the next beginning, or at all.
fn unended(texts: &[&str], beginning: &str, end: &str) -> Option<usize> {
    let mut is_open = false;
    for (at, text) in texts.iter().enumerate() {
        for line in text.lines().map(str::trim_end) {
            if line == beginning && std::mem::replace(&mut is_open, true) {
                return Some(at);
            }
            is_open &= line != end;
        }
    }
    is_open.then(|| texts.len() - 1)
}

/// What stands before, between and behind the pieces of a script: its comments. Rows and bodies may hold the same words.
fn between<'a>(source: &'a str, pieces: &[Piece<'a>]) -> Vec<&'a str> {
    let ends = pieces.iter().map(|piece| match piece {
        Piece::Copy { data, .. } => data.as_ptr() as usize - source.as_ptr() as usize + data.len(),
        Piece::Statement { .. } | Piece::Meta { .. } => piece.text().1 + piece.text().0.len(),
    });
    let begins = pieces.iter().map(|piece| piece.text().1).chain([source.len()]);
    std::iter::once(0).chain(ends).zip(begins).map(|(end, begin)| &source[end..begin]).collect()
}

/// What an import runs of a script without what only carries rows. `select pg_catalog.set_config(...)`, with which dumps begin, decides
/// what names mean.
fn definitions(source: &str, catalog: &Catalog) -> Result<String> {
    let mut kept = String::new();
    for taken in dump::read(split(source)?, catalog).pieces {
        let Piece::Statement { sql, .. } = taken.piece() else { continue };
        let word = first_word(sql).unwrap_or_default().to_ascii_lowercase();
        let carries_rows = match word.as_str() {
            "insert" | "update" | "delete" | "merge" | "with" | "values" | "truncate" => true,
            "select" => !sql.contains("set_config"),
            "set" => sql.to_ascii_lowercase().contains("session_replication_role"),
            "alter" => switches_triggers(sql),
            _ => false,
        };
        if !carries_rows {
            kept.push_str(sql);
            kept.push_str(";\n");
        }
    }
    Ok(kept)
}

/// `alter table t disable trigger all` and its counterpart, between which a dump's rows come.
fn switches_triggers(sql: &str) -> bool {
    let sql = sql.trim_end().to_ascii_lowercase();
    sql.ends_with("able trigger all")
}

#[cfg(test)]
mod tests {
    use basalt_sql::ddl::bootstrap;

    use super::definitions;

    #[test]
    fn rows_are_left_out_of_definitions() {
        let dump = "select pg_catalog.set_config('search_path', '', false);\n\\connect x\ncreate table public.t (a int);\n\
            copy public.t (a) from stdin;\n1\n\\.\ninsert into public.t values (2);\nselect setval('s', 3);\n\
            alter table public.t add primary key (a);";
        let expected = "select pg_catalog.set_config('search_path', '', false);\ncreate table public.t (a int);\n\
            alter table public.t add primary key (a);\n";
        assert_eq!(definitions(dump, &bootstrap()).unwrap(), expected);
    }
}
