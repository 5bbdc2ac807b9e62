//! A dump of a whole database, read for what is there already: services' schemas come with Basalt, so that of these only the rows
//! are taken, parents before their children.

mod buckets;
mod judge;
mod reduced;
mod rights;
mod roles;

use std::collections::BTreeSet;

use super::cursor::{Cursor, RawName};
use crate::script::{Piece, first_word};
use crate::{Catalog, Name};
use buckets::over_those_there;
pub(super) use judge::SERVICE_ROLES;
use judge::{Judgement, judge};
use reduced::reduced;

/// Schemas of services: Basalt's, and those that only Supabase has.
const SERVICES: [&str; 16] = [
    "auth",
    "basalt",
    "extensions",
    "graphql",
    "graphql_public",
    "pgbouncer",
    "pgsodium",
    "pgsodium_masks",
    "realtime",
    "storage",
    "supabase_functions",
    "supabase_migrations",
    "vault",
    "_analytics",
    "_realtime",
    "_supavisor",
];
/// Schemas whose rows are each database's own: what was applied and imported, what is on its way to clients.
const NOT_CARRIED: [&str; 3] = ["basalt", "realtime", "supabase_migrations"];

/// The rows of files, which a dump does not hold.
const FILES: (&str, &str) = ("storage", "objects");

/// What an import runs of a script.
#[derive(Debug, Default)]
pub struct Dump<'a> {
    /// The pieces, in the order in which they run.
    pub pieces: Vec<Taken<'a>>,
    /// What runs when all of them have.
    pub last: Vec<Taken<'a>>,
    /// What was left out and may be missed: rows of tables, triggers and policies over tables that are not there; files.
    pub passed_over: BTreeSet<String>,
    /// Roles that it names and that are made for it.
    pub roles: BTreeSet<String>,
}

/// A piece that is run.
#[derive(Debug)]
pub enum Taken<'a> {
    /// As it is written.
    AsIs(Piece<'a>),
    /// In other words, such as without the columns that the table lacks: the statement, the data of a `copy`, and where the piece began.
    Reduced {
        /// The statement.
        sql: String,
        /// The rows of a `copy`.
        data: Option<String>,
        /// Byte offset in the file.
        offset: usize,
    },
}

impl Taken<'_> {
    /// The piece, to be run.
    pub fn piece(&self) -> Piece<'_> {
        match self {
            Taken::AsIs(piece) => piece.clone(),
            Taken::Reduced { sql, data: Some(data), offset } => Piece::Copy { sql, data, offset: *offset },
            Taken::Reduced { sql, data: None, offset } => Piece::Statement { sql, offset: *offset },
        }
    }
}

/// Tells what of a script's pieces an import runs in a database with this catalog.
pub fn read<'a>(pieces: Vec<Piece<'a>>, catalog: &Catalog) -> Dump<'a> {
    let mut dump = Dump::default();
    let (mut rows, mut rows_at) = (Vec::new(), None);
    for piece in pieces {
        let Some((sql, _)) = piece.statement() else { continue };
        let Some(target) = target_of_rows(sql).filter(|name| is_service(name.schema.as_deref())) else {
            match judge(sql, catalog) {
                Judgement::Runs => dump.pieces.push(Taken::AsIs(piece)),
                Judgement::IsThere => {}
                Judgement::RunsAs(sql) => {
                    let offset = piece.text().1;
                    dump.pieces.push(Taken::Reduced { sql: sql.to_owned(), data: None, offset });
                }
                Judgement::IsMissed(what) => drop(dump.passed_over.insert(what)),
            }
            continue;
        };
        let is_empty = matches!(piece, Piece::Copy { data: "", .. });
        let schema = target.schema.unwrap_or_default();
        if is_empty || NOT_CARRIED.contains(&schema.as_str()) {
            continue;
        }
        let name = Name::new(schema, target.name);
        if catalog.relations.contains_key(&name) {
            rows_at.get_or_insert(dump.pieces.len());
            let is_of_files = (name.schema.as_str(), name.name.as_str()) == FILES;
            if is_of_files {
                dump.passed_over.insert(format!("the files that the rows of {name} stand for"));
            }
            rows.push((name.clone(), over_those_there(reduced(piece, &name, catalog), &name, catalog)));
        } else {
            dump.passed_over.insert(format!("rows of {name}"));
        }
    }
    rows.sort_by_cached_key(|(name, _)| depth(name, catalog, &mut Vec::new()));
    let at = rows_at.unwrap_or_default();
    dump.pieces.splice(at..at, rows.into_iter().map(|(_, taken)| taken));
    dump.roles = roles::make(&mut dump.pieces, catalog);
    dump.last = rights::alone(&mut dump.pieces, catalog);
    dump
}

/// How many foreign keys lie between the table and one that has none.
fn depth(name: &Name, catalog: &Catalog, above: &mut Vec<Name>) -> usize {
    let Some(relation) = catalog.relations.get(name).filter(|_| !above.contains(name)) else { return 0 };
    above.push(name.clone());
    let others = relation.foreign_keys().map(|(_, key)| &key.target).filter(|target| *target != name);
    let depth = others.map(|target| depth(target, catalog, above) + 1).max().unwrap_or(0);
    above.pop();
    depth
}

/// Whether the schema is a service's.
pub(super) fn is_service(schema: Option<&str>) -> bool {
    schema.is_some_and(|schema| SERVICES.contains(&schema))
}

/// The table of `copy` or `insert`, as it is written.
pub(in crate::ddl) fn target_of_rows(sql: &str) -> Option<RawName> {
    let word = first_word(sql)?;
    let words = if word.eq_ignore_ascii_case("copy") {
        "copy"
    } else if word.eq_ignore_ascii_case("insert") {
        "insert into"
    } else {
        return None;
    };
    // Rows may be long, and come behind the name.
    let head = &sql[..sql.find('(').unwrap_or(sql.len())];
    let mut cursor = Cursor::new(head).ok()?;
    cursor.accept(words).then(|| cursor.name().ok())?
}
