//! Compiled statements, kept by what they were compiled from.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use basalt_core::{Error, Result};
use basalt_sql::Program;
use basalt_sql::compile::compile;
use basalt_sql::program::Output;
use quick_cache::Equivalent;
use quick_cache::sync::Cache;

use super::error;
use super::render::Layout;
use super::schema::Schema;
use super::session::time_zone;
use crate::request::call;
use crate::{Format, Request, TransactionEnd};

/// Statements kept.
const CAPACITY: usize = 4096;

/// Functions that write though their statement reads.
const WRITING_FUNCTIONS: [&str; 2] = ["pg_nextval", "pg_setval"];

/// The cache.
pub(super) struct Programs {
    cache: Cache<Key, Arc<Compiled>>,
}

/// A compiled statement with what its runs share.
pub(crate) struct Compiled {
    /// What to run.
    pub program: Program,
    /// How its rows become bodies.
    pub layout: Layout,
    /// Whether only the writer can run it.
    pub needs_writer: bool,
    /// Whether it touches tables with deferred keys, so that only a commit of its own tells whether it stands.
    pub commits_alone: bool,
    /// Size of the last body: the next one's first allocation.
    pub body_size: AtomicUsize,
    /// Whether it is known to run long.
    pub runs_long: AtomicBool,
}

/// Everything that a request runs.
#[derive(Clone)]
pub(super) struct Prepared {
    /// The catalog's version that it was compiled for.
    pub version: u64,
    /// The statement.
    pub main: Arc<Compiled>,
    /// [`Request::count`].
    pub count: Option<Arc<Compiled>>,
    /// [`Request::pre_request`].
    pub pre_request: Option<Arc<Compiled>>,
    /// What is wrong with the request's own statements. It is for those whom the function that is called before lets pass.
    pub fault: Option<Error>,
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    sql: Arc<str>,
    role: Arc<str>,
    search_path: Arc<[String]>,
    version: u64,
}

#[derive(Hash)]
struct KeyRef<'a> {
    sql: &'a str,
    role: &'a str,
    search_path: &'a [String],
    version: u64,
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.version == key.version
            && self.sql == &*key.sql
            && self.role == &*key.role
            && self.search_path == &*key.search_path
    }
}

impl Programs {
    /// An empty cache.
    pub fn new() -> Programs {
        Programs { cache: Cache::new(CAPACITY) }
    }

    /// The request's programs, if all of them are at hand.
    pub fn cached(&self, schema: &Schema, request: &Request) -> Option<Prepared> {
        let find = |sql: &str| {
            let (role, search_path) = (&*request.identity.role, &*request.search_path);
            self.cache.get(&KeyRef { sql, role, search_path, version: schema.version() })
        };
        Some(Prepared {
            version: schema.version(),
            main: find(&request.sql)?,
            count: match &request.count {
                Some(count) => Some(find(&count.sql)?),
                None => None,
            },
            pre_request: match &request.pre_request {
                Some(function) => Some(find(&call(function))?),
                None => None,
            },
            fault: None,
        })
    }

    /// The request's programs, compiled where they are not at hand.
    ///
    /// Errors: 22023 for an unknown role; the compiler's.
    pub fn prepare(&self, schema: &Schema, request: &Request) -> Result<Prepared> {
        let role = &*request.identity.role;
        if !schema.catalog.roles.contains_key(role) {
            return Err(Error::new("22023", format!("role \"{role}\" does not exist")));
        }
        let get = |sql: &Arc<str>| self.get(schema, &request.identity.role, &request.search_path, sql);
        let pre_request = request.pre_request.as_ref().map(|function| get(&call(function).into())).transpose()?;
        let count = || request.count.as_ref().map(|count| get(&count.sql)).transpose();
        let asked = get(&request.sql).and_then(|main| Ok((main, count()?)));
        let (main, count, fault) = match (asked, &pre_request) {
            (Ok((main, count)), _) => (main, count, None),
            (Err(error), Some(function)) => (function.clone(), None, Some(error)),
            (Err(error), None) => return Err(unknown_zone(request).unwrap_or(error)),
        };
        Ok(Prepared { version: schema.version(), main, count, pre_request, fault })
    }

    fn get(
        &self,
        schema: &Schema,
        role: &Arc<str>,
        search_path: &Arc<[String]>,
        sql: &Arc<str>,
    ) -> Result<Arc<Compiled>> {
        let version = schema.version();
        if let Some(known) = self.cache.get(&KeyRef { sql, role, search_path, version }) {
            return Ok(known);
        }
        let program = compile(&schema.catalog, role, search_path, sql)?;
        let compiled = Arc::new(Compiled::new(program, schema));
        let key = Key { sql: sql.clone(), role: role.clone(), search_path: search_path.clone(), version };
        self.cache.insert(key, compiled.clone());
        Ok(compiled)
    }
}

impl Compiled {
    /// Takes a program.
    pub fn new(program: Program, schema: &Schema) -> Compiled {
        let calls_writing = || {
            let mut sql = program.steps.iter().map(|step| step.sql.as_str());
            sql.any(|sql| WRITING_FUNCTIONS.iter().any(|function| sql.contains(function)))
        };
        Compiled {
            layout: Layout::new(&program.columns),
            needs_writer: program.writes || calls_writing(),
            commits_alone: program.writes
                && program.steps.iter().any(|step| {
                    let runs = step.fires.is_some() || matches!(step.output, Output::Called(_));
                    let may_reach_any = runs && schema.deferred().next().is_some();
                    may_reach_any || step.probe.as_ref().is_some_and(|p| schema.has_deferred_keys(&p.relation))
                }),
            body_size: AtomicUsize::new(256),
            runs_long: AtomicBool::new(false),
            program,
        }
    }

    /// 25006 if it writes or locks rows, for what does so first. A function that writes refuses by itself.
    pub fn refuse_writing(&self) -> Result<()> {
        let steps = self.program.steps.iter().enumerate();
        let mut writes = steps.filter_map(|(at, step)| Some((at, step.probe.as_ref()?.command)));
        let locks = self.program.locks;
        let word = match writes.find(|(at, _)| locks.is_none_or(|locks| *at < locks)) {
            Some((_, command)) => command.word(),
            None if locks.is_some() => error::LOCKING,
            None => return Ok(()),
        };
        Err(error::read_only(word))
    }
}

impl Prepared {
    /// Whether the request belongs to the writer.
    pub fn needs_writer(&self) -> bool {
        self.parts().any(|part| part.needs_writer)
    }

    /// Whether the request's transaction holds deferred constraints.
    pub fn commits_alone(&self) -> bool {
        self.parts().any(|part| part.commits_alone)
    }

    /// Whether one SQLite statement is all there is to run, so that a read is a transaction by itself.
    pub fn is_single_step(&self) -> bool {
        self.count.is_none() && self.pre_request.is_none() && self.main.program.steps.len() == 1
    }

    /// Whether one SQLite statement is all there is to run, and nothing is judged or made of its rows after it: a failure is the
    /// statement's, and leaves nothing of it behind.
    pub fn undoes_itself(&self, request: &Request) -> bool {
        let ends_with_it =
            request.check.is_none() && request.end == TransactionEnd::Commit && request.format == Format::None;
        let fires = self.main.program.steps.iter().any(|step| step.fires.is_some());
        ends_with_it && self.is_single_step() && self.main.program.columns.is_empty() && !fires
    }

    /// 25006 if any part writes.
    pub fn refuse_writing(&self) -> Result<()> {
        self.parts().try_for_each(|part| part.refuse_writing())
    }

    fn parts(&self) -> impl Iterator<Item = &Compiled> {
        [self.pre_request.as_deref(), Some(&*self.main), self.count.as_deref()].into_iter().flatten()
    }
}

/// What is wrong with a request's time zone: it is set before anything is told of the statement.
fn unknown_zone(request: &Request) -> Option<Error> {
    let mut zones = request.settings.iter().filter(|(name, _)| name.eq_ignore_ascii_case("timezone"));
    zones.find_map(|(_, zone)| time_zone(zone).err())
}
