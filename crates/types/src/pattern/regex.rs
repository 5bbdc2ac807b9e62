//! Compiled regular expressions, and all matches of one in a text.

use std::cell::RefCell;
use std::rc::Rc;

use basalt_core::{Error, Result};
use fancy_regex::{Regex, RegexBuilder};

use super::syntax::{Options, invalid, translate};

/// Patterns that a thread keeps compiled.
const MOST_COMPILED: usize = 64;
/// Steps back that a match may take, for patterns that need backtracking at all.
const MOST_BACKTRACKING: usize = 1_000_000;
/// Bytes that a compiled pattern may take.
const MOST_BYTES: usize = 10 << 20;
/// Matches in one text that are kept at once: each takes a hundred bytes.
const MOST_MATCHES: usize = 1 << 21;

/// The ends of a match and of its groups, as byte offsets; `None` for a group that took no part.
pub(super) type Groups = Vec<Option<(usize, usize)>>;

struct Compiled {
    pattern: String,
    options: Options,
    regex: Rc<Regex>,
}

thread_local! {
    static COMPILED: RefCell<Vec<Compiled>> = const { RefCell::new(Vec::new()) };
}

/// The compiled pattern, from the thread's last ones if it is among them. 2201B.
pub(super) fn compile(pattern: &str, options: Options) -> Result<Rc<Regex>> {
    let options = Options { global: false, ..options };
    COMPILED.with_borrow_mut(|compiled| {
        if let Some(at) = compiled.iter().rposition(|c| c.options == options && c.pattern == pattern) {
            // The last is found first; one that is used stays.
            if at + 1 < compiled.len() {
                let used = compiled.remove(at);
                compiled.push(used);
            }
            return Ok(compiled[compiled.len() - 1].regex.clone());
        }
        let regex = RegexBuilder::new(&translate(pattern, options)?)
            .backtrack_limit(MOST_BACKTRACKING)
            .delegate_size_limit(MOST_BYTES)
            .build()
            .map_err(|error| invalid(&error.to_string()))?;
        if compiled.len() == MOST_COMPILED {
            compiled.remove(0);
        }
        compiled.push(Compiled { pattern: pattern.to_owned(), options, regex: Rc::new(regex) });
        Ok(compiled[compiled.len() - 1].regex.clone())
    })
}

/// A pattern of `like_regex` in a jsonpath.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expression {
    pattern: String,
    options: Options,
}

impl Expression {
    /// The pattern under XQuery's flags `i`, `s`, `m` and `q`. 2201B.
    pub(crate) fn like_regex(pattern: &str, flags: &str) -> Result<Expression> {
        let literal = flags.contains('q');
        let options = Options {
            ignore_case: flags.contains('i'),
            newline_stops: !literal && !flags.contains('s'),
            newline_anchors: !literal && flags.contains('m'),
            literal,
            ..Options::default()
        };
        compile(pattern, options)?;
        Ok(Expression { pattern: pattern.to_owned(), options })
    }

    /// Whether the pattern occurs in the text. 54001 when it takes too long to tell.
    pub(crate) fn is_match(&self, text: &str) -> Result<bool> {
        is_match(text, &self.pattern, self.options)
    }
}

fn too_complex(_: fancy_regex::Error) -> Error {
    Error::new("54001", "regular expression is too complex for the text it was matched with")
        .with_hint("Avoid back references, lookaround and nested repetition.")
}

/// Whether the pattern occurs in the text. 2201B, 54001 when it takes too long to tell.
pub(super) fn is_match(text: &str, pattern: &str, options: Options) -> Result<bool> {
    compile(pattern, options)?.is_match(text).map_err(too_complex)
}

/// The match at or after a byte offset.
pub(super) fn find(regex: &Regex, text: &str, from: usize) -> Result<Option<Groups>> {
    let captures = regex.captures_from_pos(text, from).map_err(too_complex)?;
    Ok(captures.map(|found| found.iter().map(|group| group.map(|group| (group.start(), group.end()))).collect()))
}

/// All matches from a byte offset on, the next starting where one ends, or a character further if it was empty.
pub(super) fn find_all(regex: &Regex, text: &str, from: usize) -> Result<Vec<Groups>> {
    let mut all = Vec::new();
    let mut at = from;
    while at <= text.len() {
        let Some(groups) = find(regex, text, at)? else { break };
        let (start, end) = span(&groups);
        at = if start == end { end + text[end..].chars().next().map_or(1, char::len_utf8) } else { end };
        if all.len() == MOST_MATCHES {
            return Err(Error::new("54000", "too many regular expression matches"));
        }
        all.push(groups);
    }
    Ok(all)
}

/// The ends of the whole match.
pub(super) fn span(groups: &Groups) -> (usize, usize) {
    groups.first().copied().flatten().unwrap_or_default()
}
