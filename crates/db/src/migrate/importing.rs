//! An import while it runs: definitions that miss what comes further down wait for it.
//!
//! PostgreSQL looks into the bodies of functions that views, checks and triggers call only when it runs them, so that a dump may have what
//! those name behind them. Here they are looked into when the view or table is made, which waits therefore; a trigger is made at once and
//! looked into at the script's end. Rows never wait, and none are written past what waits.

use basalt_core::Error;
use basalt_sql::Name;
use basalt_sql::ddl::{self, Named, Verb, dump};
use basalt_sql::script::{Piece, split};

use super::script::{Script, failed};
use super::{Imported, ScriptError};

/// What waits.
#[derive(Default)]
struct Queue<'s> {
    waiting: Vec<Waiting<'s>>,
    /// The version of the catalog over which all of it was tried.
    tried: u64,
    /// Triggers whose functions call what is not there yet, and what made them.
    unchecked: Vec<((Name, String), Piece<'s>)>,
}

/// A definition that misses something.
struct Waiting<'s> {
    piece: Piece<'s>,
    named: Named,
    /// Where it looks for names.
    path: Vec<String>,
    failed: ScriptError,
}

impl Script<'_> {
    /// Runs what an import takes of a script.
    pub fn import(&mut self, source: &str) -> Result<Imported, ScriptError> {
        let dump = dump::read(split(source)?, &self.catalog);
        self.session.unchecked = Some(Default::default());
        let mut queue = Queue::default();
        for taken in &dump.pieces {
            let piece = taken.piece();
            let named = piece.statement().and_then(|(sql, _)| ddl::named(sql));
            match named.filter(|named| named.verb != Verb::Drops && !named.reads_rows) {
                Some(named) => self.define_in_turn(piece, named, source, &mut queue)?,
                None => self.run_in_turn(piece, source, &mut queue)?,
            }
        }
        self.try_again(source, &mut queue)?;
        if let Some(first) = queue.waiting.into_iter().next() {
            return Err(first.failed);
        }
        for ((table, trigger), piece) in queue.unchecked {
            let (sql, offset) = piece.text();
            ddl::check_trigger(&self.catalog, &table, &trigger).map_err(|error| failed(error, sql, offset))?;
        }
        dump.last.iter().try_for_each(|taken| self.piece(&taken.piece(), source))?;
        Ok(Imported { rows: self.done.rows, passed_over: dump.passed_over, roles: dump.roles })
    }

    /// Runs a definition, or has it wait.
    fn define_in_turn<'s>(
        &mut self,
        piece: Piece<'s>,
        named: Named,
        source: &str,
        queue: &mut Queue<'s>,
    ) -> Result<(), ScriptError> {
        // A view that is made anew waits no more as it was.
        if named.creates_view() {
            queue.forget(&named, &self.session.search_path);
        }
        let Some(failed) = self.define_or_miss(&piece, source, queue)? else { return Ok(()) };
        let (sql, _) = piece.text();
        let missing = missing(&failed.error);
        let is_in_a_body = missing.is_some_and(|name| !sql.contains(name));
        if named.creates_view() || is_in_a_body || missing.is_some_and(|name| queue.maker_of(name).is_some()) {
            queue.waiting.push(Waiting { piece, named, path: self.session.search_path.clone(), failed });
            return Ok(());
        }
        Err(failed)
    }

    /// Runs what reads or writes rows, drops something, or is about the session.
    ///
    /// Errors: that of the definition that waits, where a table that it is about is written, or what it makes is missed.
    fn run_in_turn<'s>(&mut self, piece: Piece<'s>, source: &str, queue: &mut Queue<'s>) -> Result<(), ScriptError> {
        self.try_again(source, queue)?;
        let mut is_dropped = false;
        if let Some((sql, _)) = piece.statement().filter(|_| !queue.waiting.is_empty()) {
            match ddl::named(sql).filter(|named| named.verb == Verb::Drops) {
                Some(dropped) => is_dropped = queue.forget(&dropped, &self.session.search_path),
                None => {
                    let written = self.session.target(sql, &self.catalog);
                    if let Some(first) = written.and_then(|table| queue.about(&table)) {
                        return Err(first.failed.clone());
                    }
                }
            }
        }
        let done = self.piece(&piece, source);
        self.note_unchecked(&piece, queue);
        match done {
            Err(failed) if is_dropped && is_missing(&failed.error) => Ok(()),
            Err(failed) if is_missing(&failed.error) => {
                let maker = missing(&failed.error).and_then(|name| queue.maker_of(name));
                Err(maker.map_or(failed, |maker| maker.failed.clone()))
            }
            done => done,
        }
    }

    /// Tries what waits again, in its order, as long as that makes any of it.
    fn try_again<'s>(&mut self, source: &str, queue: &mut Queue<'s>) -> Result<(), ScriptError> {
        let path = self.session.search_path.clone();
        while !queue.waiting.is_empty() && queue.tried != self.catalog.version {
            queue.tried = self.catalog.version;
            for mut one in std::mem::take(&mut queue.waiting) {
                self.session.search_path.clone_from(&one.path);
                if let Some(failed) = self.define_or_miss(&one.piece, source, queue)? {
                    one.failed = failed;
                    queue.waiting.push(one);
                }
            }
        }
        self.session.search_path = path;
        Ok(())
    }

    /// Runs a definition. Gives the error if it is that something is not there, and nothing was done yet.
    fn define_or_miss<'s>(
        &mut self,
        piece: &Piece<'s>,
        source: &str,
        queue: &mut Queue<'s>,
    ) -> Result<Option<ScriptError>, ScriptError> {
        let before = self.catalog.version;
        let done = self.piece(piece, source);
        self.note_unchecked(piece, queue);
        match done {
            Err(failed) if is_missing(&failed.error) && self.catalog.version == before => Ok(Some(failed)),
            done => done.map(|()| None),
        }
    }

    /// Notes which triggers a piece has left to be checked.
    fn note_unchecked<'s>(&mut self, piece: &Piece<'s>, queue: &mut Queue<'s>) {
        let unchecked = self.session.unchecked.as_mut().map(std::mem::take).unwrap_or_default();
        queue.unchecked.extend(unchecked.into_iter().map(|trigger| (trigger, piece.clone())));
    }
}

impl Queue<'_> {
    /// Forgets what makes or changes these, which are looked for along `path`. Whether there was any.
    fn forget(&mut self, named: &Named, path: &[String]) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|one| !one.is_about(named, path));
        self.waiting.len() < before
    }

    /// What makes something of this name.
    fn maker_of(&self, name: &str) -> Option<&Waiting<'_>> {
        let makes = |one: &&Waiting<'_>| {
            one.named.verb == Verb::Creates
                && one.named.names.iter().any(|own| own.last().is_some_and(|own| own == name))
        };
        self.waiting.iter().find(makes)
    }

    /// What is about a table.
    fn about(&self, table: &Name) -> Option<&Waiting<'_>> {
        let is_about = |one: &&Waiting<'_>| match one.named.table.as_deref() {
            Some([name]) => *name == table.name && one.path.contains(&table.schema),
            Some([schema, name]) => (schema, name) == (&table.schema, &table.name),
            _ => false,
        };
        self.waiting.iter().find(is_about)
    }
}

impl Waiting<'_> {
    /// Whether another statement, which looks for names along `path`, names what it makes or changes.
    fn is_about(&self, other: &Named, path: &[String]) -> bool {
        let is_same = |own: &[String], other: &[String]| match (own, other) {
            ([own], [other]) => own == other && self.path.first() == path.first(),
            ([own], [schema, other]) => own == other && self.path.first() == Some(schema),
            ([schema, own], [other]) => own == other && path.contains(schema),
            _ => own == other,
        };
        let names = |own: &[String]| other.names.iter().any(|other| is_same(own, other));
        let of_kind = self.named.kind == other.kind && self.named.names.iter().any(|own| names(own));
        of_kind || other.kind == "table" && self.named.table.as_deref().is_some_and(names)
    }
}

/// Whether an error is that something is not there.
fn is_missing(error: &Error) -> bool {
    matches!(error.code(), "42P01" | "42883" | "42704")
}

/// The name, without its schema, of what an error says is not there.
fn missing(error: &Error) -> Option<&str> {
    let message = error.message();
    let name = match message.split_once('"') {
        Some((_, rest)) => rest.split_once('"')?.0,
        None => message.strip_prefix("function ")?.split_once('(')?.0,
    };
    name.rsplit('.').next()
}
