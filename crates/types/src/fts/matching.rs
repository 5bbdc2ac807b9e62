//! `@@`: whether a stored vector has what a query asks for.
//!
//! Lexemes are found by substring search in the stored text: within a lexeme a quote is always doubled, so a space, one
//! quote and a lexeme can only be where that lexeme begins.

use super::query::{Operand, Query};
use super::vector::{self, Position};

/// Whether the vector matches.
pub(super) fn matches(vector: &str, query: &Query) -> bool {
    holds(query, &Stored(vector))
}

/// Whether the query holds in a document. A phrase of words whose places are unknown doesn't.
pub(super) fn holds(query: &Query, document: &impl Document) -> bool {
    match query {
        Query::Operand(operand) => document.has(operand),
        Query::Not(inner) => !holds(inner, document),
        Query::And(all) => all.iter().all(|query| holds(query, document)),
        Query::Or(any) => any.iter().any(|query| holds(query, document)),
        Query::Phrase(..) => places(query, document).is_some_and(|places| !places.is_empty()),
    }
}

/// What words are looked for in.
pub(super) trait Document {
    /// Whether an operand is in it.
    fn has(&self, operand: &Operand) -> bool;
    /// Where an operand is in it.
    fn find(&self, operand: &Operand) -> Found;
}

/// A stored vector.
struct Stored<'a>(&'a str);

/// Where an operand is in a document.
pub(super) enum Found {
    Absent,
    /// There, but who knows where.
    Somewhere,
    /// At these places, in order.
    At(Vec<u16>),
}

impl Document for Stored<'_> {
    fn has(&self, operand: &Operand) -> bool {
        occurrences(self.0, operand).any(|list| {
            operand.weights == 0 || list.is_empty() || vector::positions(list).any(|position| operand.counts(position))
        })
    }

    fn find(&self, operand: &Operand) -> Found {
        let mut places = Vec::new();
        for list in occurrences(self.0, operand) {
            if list.is_empty() {
                return Found::Somewhere;
            }
            let counted = vector::positions(list).filter(|position| operand.counts(*position));
            places.extend(counted.map(|position| position.at));
        }
        if places.is_empty() {
            return Found::Absent;
        }
        if operand.prefix {
            places.sort_unstable();
            places.dedup();
        }
        Found::At(places)
    }
}

impl Operand {
    /// Whether a place has a weight that is looked for.
    pub fn counts(&self, position: Position) -> bool {
        self.weights == 0 || self.weights & (1 << position.weight) != 0
    }
}

/// The lists of places of each lexeme that an operand stands for; a list is empty when its places are unknown.
pub(super) fn occurrences<'a>(vector: &'a str, operand: &'a Operand) -> impl Iterator<Item = &'a str> {
    let needle = operand.finder.needle();
    let at_start = vector.as_bytes().starts_with(&needle[1..]).then(|| needle.len() - 1);
    let behind = operand.finder.find_iter(vector.as_bytes()).map(|at| at + needle.len());
    at_start.into_iter().chain(behind).filter_map(|end| {
        let rest = &vector[end..];
        let rest = if operand.prefix { &rest[vector::closing_quote(rest)? + 1..] } else { rest };
        (!rest.starts_with('\'')).then(|| vector::positions_after(rest).trim_start_matches(':'))
    })
}

/// Where a part of a phrase ends.
#[derive(Debug, Clone, Default)]
struct Places {
    /// In order; or, if `all_but`, everywhere else.
    at: Vec<i32>,
    all_but: bool,
    /// Places from its first word to its last.
    width: i32,
}

impl Places {
    fn is_empty(&self) -> bool {
        self.at.is_empty() && !self.all_but
    }

    /// The places moved on.
    fn moved(&self, by: i32) -> Vec<i32> {
        self.at.iter().map(|at| at + by).collect()
    }

    /// Where both hold, `left` moved on first.
    fn both(left: Places, left_by: i32, right: Places, right_by: i32, width: i32) -> Places {
        let (l, r) = (left.moved(left_by), right.moved(right_by));
        let (at, all_but) = match (left.all_but, right.all_but) {
            (false, false) => (l.into_iter().filter(|at| r.binary_search(at).is_ok()).collect(), false),
            (false, true) => (l.into_iter().filter(|at| r.binary_search(at).is_err()).collect(), false),
            (true, false) => (r.into_iter().filter(|at| l.binary_search(at).is_err()).collect(), false),
            (true, true) => (union(l, r), true),
        };
        Places { at, all_but, width }
    }

    fn not(self) -> Places {
        Places { all_but: !self.all_but, ..self }
    }
}

fn union(mut left: Vec<i32>, right: Vec<i32>) -> Vec<i32> {
    left.extend(right);
    left.sort_unstable();
    left.dedup();
    left
}

/// Where a query holds within a phrase; `None` when that is unknown.
fn places(query: &Query, document: &impl Document) -> Option<Places> {
    match query {
        Query::Operand(operand) => match document.find(operand) {
            Found::Absent => Some(Places::default()),
            Found::Somewhere => None,
            Found::At(at) => Some(Places { at: at.into_iter().map(i32::from).collect(), ..Places::default() }),
        },
        Query::Not(inner) => Some(places(inner, document)?.not()),
        Query::And(all) => {
            let mut joined = places(&all[0], document);
            for next in &all[1..] {
                let next = places(next, document);
                joined = when_known(joined, next, |left, right| {
                    let width = left.width.max(right.width);
                    let (l, r) = (width - left.width, width - right.width);
                    Places::both(left, l, right, r, width)
                });
            }
            joined
        }
        Query::Or(any) => {
            let mut joined = places(&any[0], document)?;
            for next in &any[1..] {
                let next = places(next, document)?;
                let width = joined.width.max(next.width);
                let (l, r) = (width - joined.width, width - next.width);
                joined = Places::both(joined.not(), l, next.not(), r, width).not();
            }
            Some(joined)
        }
        Query::Phrase(first, rest) => {
            let mut joined = places(first, document);
            for (distance, next) in rest {
                let next = places(next, document);
                joined = when_known(joined, next, |left, right| {
                    let by = *distance as i32 + right.width;
                    let width = by + left.width;
                    Places::both(left, by, right, 0, width)
                });
            }
            joined
        }
    }
}

/// Both together, unless one is nowhere (then so are both) or unknown.
fn when_known(
    left: Option<Places>,
    right: Option<Places>,
    join: impl FnOnce(Places, Places) -> Places,
) -> Option<Places> {
    match (left, right) {
        (Some(nowhere), _) | (_, Some(nowhere)) if nowhere.is_empty() => Some(Places::default()),
        (Some(left), Some(right)) => Some(join(left, right)),
        _ => None,
    }
}
