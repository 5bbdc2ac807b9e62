//! `@@`: whether a stored vector has what a query asks for.
//!
//! Lexemes are found by substring search in the stored text: within a lexeme a quote is always doubled, so a space, one
//! quote and a lexeme can only be where that lexeme begins.

use super::query::{Operand, Query};
use super::vector::{self, Position};

/// Truth where places may be unknown: a stripped vector can't tell whether words stand together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Truth {
    No,
    Unknown,
    Yes,
}

/// Whether the vector matches. What can't be known doesn't.
pub(super) fn matches(vector: &str, query: &Query) -> bool {
    holds(query, &|operand| Found::of(vector, operand))
}

/// Whether the query holds, given where its operands are.
pub(super) fn holds(query: &Query, find: &dyn Fn(&Operand) -> Found) -> bool {
    evaluate(query, find) == Truth::Yes
}

/// Where an operand is in a document.
pub(super) enum Found {
    Absent,
    /// There, but who knows where.
    Somewhere,
    /// At these places, in order.
    At(Vec<u16>),
}

impl Found {
    fn of(vector: &str, operand: &Operand) -> Found {
        let mut found = Found::Absent;
        for list in occurrences(vector, operand) {
            if list.is_empty() {
                return Found::Somewhere;
            }
            let counted =
                vector::positions(list).filter(|position| operand.counts(*position)).map(|position| position.at);
            match &mut found {
                Found::At(places) => places.extend(counted),
                _ => {
                    let places: Vec<u16> = counted.collect();
                    if !places.is_empty() {
                        found = Found::At(places);
                    }
                }
            }
        }
        if let (Found::At(places), true) = (&mut found, operand.prefix) {
            places.sort_unstable();
            places.dedup();
        }
        found
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

fn evaluate(query: &Query, find: &dyn Fn(&Operand) -> Found) -> Truth {
    match query {
        Query::Operand(operand) => match find(operand) {
            Found::Absent => Truth::No,
            Found::Somewhere | Found::At(_) => Truth::Yes,
        },
        Query::Not(inner) => evaluate(inner, find).not(),
        Query::And(all) => least(all.iter().map(|query| evaluate(query, find))),
        Query::Or(any) => any.iter().map(|query| evaluate(query, find).not()).fold(Truth::Yes, Ord::min).not(),
        Query::Phrase(..) => match places(query, find) {
            None => Truth::Unknown,
            Some(places) if places.is_empty() => Truth::No,
            Some(_) => Truth::Yes,
        },
    }
}

/// The least of them, without looking further than the first `No`.
fn least(truths: impl Iterator<Item = Truth>) -> Truth {
    let mut least = Truth::Yes;
    for truth in truths {
        least = least.min(truth);
        if least == Truth::No {
            break;
        }
    }
    least
}

impl Truth {
    fn not(self) -> Truth {
        match self {
            Truth::No => Truth::Yes,
            Truth::Unknown => Truth::Unknown,
            Truth::Yes => Truth::No,
        }
    }
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
fn places(query: &Query, find: &dyn Fn(&Operand) -> Found) -> Option<Places> {
    match query {
        Query::Operand(operand) => match find(operand) {
            Found::Absent => Some(Places::default()),
            Found::Somewhere => None,
            Found::At(at) => Some(Places { at: at.into_iter().map(i32::from).collect(), ..Places::default() }),
        },
        Query::Not(inner) => Some(places(inner, find)?.not()),
        Query::And(all) => {
            let mut joined = places(&all[0], find);
            for next in &all[1..] {
                let next = places(next, find);
                joined = when_known(joined, next, |left, right| {
                    let width = left.width.max(right.width);
                    let (l, r) = (width - left.width, width - right.width);
                    Places::both(left, l, right, r, width)
                });
            }
            joined
        }
        Query::Or(any) => {
            let mut joined = places(&any[0], find)?;
            for next in &any[1..] {
                let next = places(next, find)?;
                let width = joined.width.max(next.width);
                let (l, r) = (width - joined.width, width - next.width);
                joined = Places::both(joined.not(), l, next.not(), r, width).not();
            }
            Some(joined)
        }
        Query::Phrase(first, rest) => {
            let mut joined = places(first, find);
            for (distance, next) in rest {
                let next = places(next, find);
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
        (Some(left), Some(right)) => Some(join(left, right)),
        (Some(nowhere), None) | (None, Some(nowhere)) if nowhere.is_empty() => Some(nowhere),
        _ => None,
    }
}
