//! The queries that this thread met last, taken apart: a statement asks the same one of every row.

use std::cell::RefCell;
use std::rc::Rc;

use basalt_core::Result;

use super::query::Query;

const CAPACITY: usize = 16;

/// A query, and its stored form.
pub(super) struct Parsed {
    pub query: Option<Query>,
    pub text: String,
}

struct Entry {
    reader: &'static str,
    config: Box<str>,
    source: Box<str>,
    parsed: Rc<Parsed>,
}

thread_local! {
    /// The latest last.
    static RECENT: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

/// What `reader` makes of a source under a configuration: from memory, or by `read`. Errors aren't kept.
pub(super) fn parsed(
    reader: &'static str,
    config: &str,
    source: &str,
    read: impl FnOnce() -> Result<Option<Query>>,
) -> Result<Rc<Parsed>> {
    let known = RECENT.with_borrow(|recent| {
        let same = |entry: &&Entry| *entry.source == *source && entry.reader == reader && *entry.config == *config;
        recent.iter().rev().find(same).map(|entry| entry.parsed.clone())
    });
    if let Some(parsed) = known {
        return Ok(parsed);
    }
    let query = read()?;
    let parsed = Rc::new(Parsed { text: query.as_ref().map(Query::write).unwrap_or_default(), query });
    RECENT.with_borrow_mut(|recent| {
        if recent.len() == CAPACITY {
            recent.remove(0);
        }
        recent.push(Entry { reader, config: config.into(), source: source.into(), parsed: parsed.clone() });
    });
    Ok(parsed)
}
