//! Sequences: their state lives in the writer's memory, is not undone with a failed write, and reaches the disk with the commit of
//! the group that drew from it. What was acknowledged was committed, so no acknowledged value is handed out twice.

use std::collections::{BTreeMap, HashMap};

use basalt_core::{Error, Result};
use basalt_sql::Catalog;
use basalt_sql::catalog::Sequence as Definition;
use rusqlite::{Connection, params};

/// Every sequence, by `schema.name`.
#[derive(Default)]
pub(crate) struct Sequences {
    known: HashMap<String, Sequence>,
    /// Those whose state the disk does not have yet.
    changed: BTreeMap<String, State>,
    /// What this transaction drew: `currval`.
    drawn: HashMap<String, i64>,
    last: Option<i64>,
    /// States before the current step first touched them.
    before: Vec<(String, State)>,
}

struct Sequence {
    definition: Definition,
    state: State,
}

/// Where a sequence stands, as PostgreSQL keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    last_value: i64,
    is_called: bool,
}

/// States taken by [`Sequences::rewind`].
pub(crate) struct Advanced(Vec<(String, State)>);

/// `currval` before `nextval`.
pub(super) fn not_yet_defined(name: &str) -> Error {
    Error::new("55000", format!("currval of sequence \"{}\" is not yet defined in this session", bare(name)))
}

fn bare(name: &str) -> &str {
    name.split_once('.').map_or(name, |(_, name)| name)
}

impl Sequences {
    /// The table that keeps states.
    pub const TABLE: &str = "CREATE TABLE IF NOT EXISTS basalt_sequences \
        (name TEXT PRIMARY KEY, last_value INTEGER NOT NULL, is_called INTEGER NOT NULL) WITHOUT ROWID";

    /// Reads every state.
    pub fn load(connection: &Connection, catalog: &Catalog) -> rusqlite::Result<Sequences> {
        let mut sequences = Sequences::default();
        sequences.define(catalog);
        let mut statement = connection.prepare("SELECT name, last_value, is_called FROM basalt_sequences")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if let Some(sequence) = sequences.known.get_mut(&row.get::<_, String>(0)?) {
                sequence.state = State { last_value: row.get(1)?, is_called: row.get(2)? };
            }
        }
        Ok(sequences)
    }

    /// Takes a catalog's definitions; what exists already keeps its state.
    pub fn define(&mut self, catalog: &Catalog) {
        let mut old = std::mem::take(&mut self.known);
        for (name, definition) in &catalog.sequences {
            let name = name.to_string();
            let state = old.remove(&name).map_or(State::new(definition), |sequence| sequence.state);
            self.known.insert(name, Sequence { definition: definition.clone(), state });
        }
    }

    /// Starts a transaction: nothing is drawn yet.
    pub fn start_transaction(&mut self) {
        self.drawn.clear();
        self.last = None;
        self.before.clear();
    }

    /// Starts a step: [`Sequences::rewind`] goes back to here.
    pub fn start_step(&mut self) {
        self.before.clear();
    }

    /// `nextval`. 2200H at the end of a sequence that does not cycle.
    pub fn next(&mut self, name: &str) -> Result<i64> {
        let sequence = self.known.get_mut(name).ok_or_else(|| unknown(name))?;
        let old = sequence.state;
        let value = old.following(&sequence.definition, name)?;
        let new = State { last_value: value, is_called: true };
        sequence.state = new;
        self.note(name, old, new);
        self.drawn.insert(name.to_owned(), value);
        self.last = Some(value);
        Ok(value)
    }

    /// `setval`. 22003 outside of the sequence's bounds.
    pub fn set(&mut self, name: &str, value: i64, is_called: bool) -> Result<i64> {
        let sequence = self.known.get_mut(name).ok_or_else(|| unknown(name))?;
        let Definition { min, max, .. } = sequence.definition;
        if value < min || value > max {
            let message =
                format!("setval: value {value} is out of bounds for sequence \"{}\" ({min}..{max})", bare(name));
            return Err(Error::new("22003", message));
        }
        let (old, new) = (sequence.state, State { last_value: value, is_called });
        sequence.state = new;
        self.note(name, old, new);
        if is_called {
            self.drawn.insert(name.to_owned(), value);
        }
        Ok(value)
    }

    fn note(&mut self, name: &str, old: State, new: State) {
        if !self.before.iter().any(|(known, _)| known == name) {
            self.before.push((name.to_owned(), old));
        }
        match self.changed.get_mut(name) {
            Some(state) => *state = new,
            None => {
                self.changed.insert(name.to_owned(), new);
            }
        }
    }

    /// `currval`. 55000 before `nextval` in the same transaction.
    pub fn current(&self, name: &str) -> Result<i64> {
        if !self.known.contains_key(name) {
            return Err(unknown(name));
        }
        self.drawn.get(name).copied().ok_or_else(|| not_yet_defined(name))
    }

    /// `last_value` and `is_called`.
    pub fn state(&self, name: &str) -> Option<(i64, bool)> {
        self.known.get(name).map(|sequence| (sequence.state.last_value, sequence.state.is_called))
    }

    /// `lastval`.
    pub fn last(&self) -> Option<i64> {
        self.last
    }

    /// Puts every sequence back to where the current step found it, so that running it again draws the same values.
    pub fn rewind(&mut self) -> Advanced {
        let before = std::mem::take(&mut self.before);
        let swap = |(name, state): (String, State)| {
            let sequence = self.known.get_mut(&name)?;
            let advanced = std::mem::replace(&mut sequence.state, state);
            Some((name, advanced))
        };
        Advanced(before.into_iter().filter_map(swap).collect())
    }

    /// Goes on from where the sequences were before [`Sequences::rewind`].
    pub fn restore(&mut self, advanced: Advanced) {
        for (name, state) in advanced.0 {
            if let Some(sequence) = self.known.get_mut(&name) {
                sequence.state = state;
                self.changed.insert(name, state);
            }
        }
    }

    /// Writes what changed into the open transaction.
    pub fn flush(&self, connection: &Connection) -> rusqlite::Result<()> {
        for (name, state) in &self.changed {
            let sql = "INSERT INTO basalt_sequences (name, last_value, is_called) VALUES (?1, ?2, ?3) \
                ON CONFLICT (name) DO UPDATE SET last_value = excluded.last_value, is_called = excluded.is_called";
            connection.prepare_cached(sql)?.execute(params![name, state.last_value, state.is_called])?;
        }
        Ok(())
    }

    /// The disk has what was flushed.
    pub fn flushed(&mut self) {
        self.changed.clear();
    }

    /// Restarts a sequence so that `value` comes next.
    pub fn restart(&mut self, name: &str, value: i64) -> Result<()> {
        let sequence = self.known.get_mut(name).ok_or_else(|| unknown(name))?;
        let (old, new) = (sequence.state, State { last_value: value, is_called: false });
        sequence.state = new;
        self.note(name, old, new);
        Ok(())
    }

    /// 22023 for a sequence that stands outside of its bounds.
    pub fn check(&self, name: &str) -> Result<()> {
        let Sequence { definition, state } = self.known.get(name).ok_or_else(|| unknown(name))?;
        definition.check("RESTART", state.last_value)
    }

    /// Whether there is a sequence of that name.
    pub fn knows(&self, name: &str) -> bool {
        self.known.contains_key(name)
    }

    /// Gives the state of a sequence another name. The definition under that name comes with [`Sequences::define`].
    pub fn rename(&mut self, connection: &Connection, from: &str, to: &str) -> rusqlite::Result<()> {
        connection.execute("UPDATE OR REPLACE basalt_sequences SET name = ?2 WHERE name = ?1", [from, to])?;
        if let Some(sequence) = self.known.remove(from) {
            self.changed.remove(from);
            self.changed.insert(to.to_owned(), sequence.state);
            self.known.insert(to.to_owned(), sequence);
        }
        Ok(())
    }

    /// Forgets the state of a sequence.
    pub fn drop(&mut self, connection: &Connection, name: &str) -> rusqlite::Result<()> {
        self.known.remove(name);
        self.changed.remove(name);
        connection.execute("DELETE FROM basalt_sequences WHERE name = ?1", [name]).map(drop)
    }

    /// Starts a new sequence at its first value.
    pub fn create(&mut self, name: &str, catalog: &Catalog) {
        self.define(catalog);
        if let Some(sequence) = self.known.get_mut(name) {
            sequence.state = State::new(&sequence.definition);
            let state = sequence.state;
            self.changed.insert(name.to_owned(), state);
        }
    }
}

impl State {
    fn new(definition: &Definition) -> State {
        State { last_value: definition.start, is_called: false }
    }

    fn following(self, definition: &Definition, name: &str) -> Result<i64> {
        let Definition { increment, min, max, cycle, .. } = *definition;
        if !self.is_called {
            return Ok(self.last_value);
        }
        let next = self.last_value.checked_add(increment).filter(|next| (min..=max).contains(next));
        let (limit, first, word) = if increment > 0 { (max, min, "maximum") } else { (min, max, "minimum") };
        match next {
            Some(next) => Ok(next),
            None if cycle => Ok(first),
            None => {
                let message = format!("nextval: reached {word} value of sequence \"{}\" ({limit})", bare(name));
                Err(Error::new("2200H", message))
            }
        }
    }
}

fn unknown(name: &str) -> Error {
    Error::new("42P01", format!("relation \"{}\" does not exist", bare(name)))
}
