//! What a request means for a connection: the statement, what is set before it, and how its part of a transaction begins and ends.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use basalt_sql::quote;

use super::Engine;
use super::settings::{CLEAN, Settings};
use super::wrap::{self, Wrapped};
use crate::{Request, TransactionEnd};

/// A request, made ready.
pub(super) struct Work<'r> {
    pub settings: Settings<'r>,
    pub wrapped: Wrapped,
    pub terms: Terms,
    pub bounds: Bounds,
}

/// What holds for every request of an engine.
pub(super) struct Terms {
    /// The catalog's version: statements are prepared for one.
    pub version: u64,
    /// Whether statements are prepared. A pooler that hands out connections by transaction forbids it.
    pub prepares: bool,
    /// Largest body in bytes.
    pub max_body: usize,
}

/// How the part of a transaction that a request is begins and ends.
pub(super) struct Bounds {
    pub begin: String,
    pub end: &'static str,
    pub undo: &'static str,
}

impl<'r> Work<'r> {
    /// A request that is a transaction. `cleans`: whether what others left on the connection goes first.
    pub fn transaction(engine: &Engine, request: &'r Request, cleans: bool) -> Work<'r> {
        let mut work = Work::new(engine, request, Bounds::transaction(request));
        let (clean, step_down) =
            (if cleans { CLEAN } else { "" }, if request.as_owner { "" } else { engine.step_down });
        work.bounds.begin = format!("{}{clean}{step_down}", work.settings.begin);
        work.settings.unlocks = cleans;
        work
    }

    /// A request that is one of several in a transaction. `set` has the names of what was set for those before it, and takes its own.
    pub fn step(engine: &Engine, request: &'r Request, set: &mut BTreeSet<String>) -> Work<'r> {
        let mut work = Work::new(engine, request, Bounds::savepoint(request));
        // One answer's settings are no other's.
        let answers = ["response.status", "response.headers"].map(|name| (name.into(), "".into()));
        work.settings.values.extend(answers);
        // Nor are one request's time zone and what its function sets.
        let own: BTreeSet<&str> = work.settings.values.iter().map(|(name, _)| &**name).collect();
        for name in set.iter().filter(|name| !own.contains(name.as_str())) {
            let parts: Vec<String> = name.split('.').map(quote::ident).collect();
            let _ = write!(work.bounds.begin, "; set local {} to default", parts.join("."));
        }
        set.extend(own.into_iter().map(str::to_owned));
        work
    }

    fn new(engine: &Engine, request: &'r Request, bounds: Bounds) -> Work<'r> {
        let (current, options) = (engine.current.load(), &engine.options);
        let limit = options.statement_timeout.as_millis() as u64;
        let timeout = (limit > 0 && !current.own_timeout).then_some(limit);
        Work {
            settings: Settings::of(request, &current.catalog, timeout, !request.as_owner),
            wrapped: wrap::wrap(request),
            terms: Terms {
                version: current.catalog.version,
                prepares: !options.transaction_pooler && options.statements > 0,
                max_body: options.max_body,
            },
            bounds,
        }
    }
}

impl Bounds {
    /// Its beginning is the settings'.
    fn transaction(request: &Request) -> Bounds {
        let end = match request.end {
            TransactionEnd::Commit => "commit",
            TransactionEnd::Rollback => "set constraints all immediate; rollback",
        };
        Bounds { begin: String::new(), end, undo: "rollback" }
    }

    /// What a savepoint sets, its end unsets only where it is undone; a read has nothing to keep.
    fn savepoint(request: &Request) -> Bounds {
        let undo = "rollback to savepoint one; release savepoint one";
        let (begin, end) = match request.read_only {
            true => ("savepoint one; set local transaction_read_only = on", undo),
            false => ("savepoint one", "release savepoint one"),
        };
        Bounds { begin: begin.into(), end, undo }
    }

    /// Whether the end ends what failed, too: a commit does, and a savepoint's end that undoes it anyway. Another's first command
    /// fails after a failure, and the others never run.
    pub fn ends_failures(&self) -> bool {
        self.end == "commit" || self.end == self.undo
    }
}
