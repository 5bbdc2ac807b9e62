//! The type `tsquery`: what a search asks for, how it is combined and written.

use std::fmt::Write;

use basalt_core::{Error, Result};
use memchr::memmem::Finder;

use super::lexeme;
use super::vector::weight_letter;

/// The farthest distance that `<N>` may ask for.
pub(super) const MAX_DISTANCE: u32 = 16384;

/// A search that isn't empty.
#[derive(Debug, Clone)]
pub(super) enum Query {
    /// One lexeme.
    Operand(Operand),
    /// What isn't there.
    Not(Box<Query>),
    /// All of them.
    And(Vec<Query>),
    /// One of them.
    Or(Vec<Query>),
    /// The first, and each next one so many places behind what came before it.
    Phrase(Box<Query>, Vec<(u32, Query)>),
}

/// A lexeme that is looked for.
#[derive(Debug, Clone)]
pub(super) struct Operand {
    /// The lexeme, or its beginning.
    pub lexeme: String,
    /// Bit by bit the weights that count; 0 when all do.
    pub weights: u8,
    /// Whether every lexeme counts that begins so.
    pub prefix: bool,
    /// Finds it in a stored vector, with the space and the quote before it.
    pub finder: Box<Finder<'static>>,
}

impl Operand {
    pub fn new(lexeme: String, weights: u8, prefix: bool) -> Operand {
        let mut needle = String::with_capacity(lexeme.len() + 3);
        needle.push(' ');
        lexeme::write(&lexeme, &mut needle);
        if prefix {
            needle.pop();
        }
        Operand { finder: Box::new(Finder::new(&needle).into_owned()), lexeme, weights, prefix }
    }
}

/// A part of a query under construction: stop words in it are gone, and remembered as the room they took in phrases.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    /// `None` where all was stop words.
    pub query: Option<Query>,
    /// Places lost before it.
    before: u32,
    /// Places lost behind it.
    after: u32,
}

impl Part {
    /// A stop word.
    pub fn stop() -> Part {
        Part::default()
    }

    pub fn not(self) -> Part {
        Part { query: self.query.map(Query::not), ..self }
    }

    pub fn and(self, right: Part) -> Part {
        self.either_or(right, Query::and)
    }

    pub fn or(self, right: Part) -> Part {
        self.either_or(right, Query::or)
    }

    fn either_or(self, right: Part, join: fn(Query, Query) -> Query) -> Part {
        match (self, right) {
            (Part { query: Some(left), .. }, Part { query: Some(right), .. }) => join(left, right).into(),
            (left @ Part { query: Some(_), .. }, _) => left,
            (_, right @ Part { query: Some(_), .. }) => right,
            (left, right) => {
                let lost = left.before.max(right.before);
                Part { query: None, before: lost, after: lost }
            }
        }
    }

    /// `right` stands `distance` places behind this.
    pub fn followed_by(self, distance: u32, right: Part) -> Part {
        let (before, after) = (self.before, right.after);
        match (self.query, right.query) {
            (Some(left), Some(next)) => {
                let distance = (distance + self.after + right.before).min(MAX_DISTANCE);
                Part { query: Some(left.followed_by(distance, next)), before, after }
            }
            (Some(left), None) => Part { query: Some(left), before, after: self.after + distance + after },
            (None, Some(next)) => Part { query: Some(next), before: before + distance + right.before, after },
            (None, None) => {
                let lost = before + distance + right.before;
                Part { query: None, before: lost, after: lost }
            }
        }
    }
}

impl From<Query> for Part {
    fn from(query: Query) -> Part {
        Part { query: Some(query), before: 0, after: 0 }
    }
}

impl Query {
    pub fn not(self) -> Query {
        Query::Not(Box::new(self))
    }

    pub fn and(self, right: Query) -> Query {
        let mut all = match self {
            Query::And(all) => all,
            other => vec![other],
        };
        match right {
            Query::And(more) => all.extend(more),
            other => all.push(other),
        }
        Query::And(all)
    }

    pub fn or(self, right: Query) -> Query {
        let mut any = match self {
            Query::Or(any) => any,
            other => vec![other],
        };
        match right {
            Query::Or(more) => any.extend(more),
            other => any.push(other),
        }
        Query::Or(any)
    }

    pub fn followed_by(self, distance: u32, next: Query) -> Query {
        match self {
            Query::Phrase(first, mut rest) => {
                rest.push((distance, next));
                Query::Phrase(first, rest)
            }
            first => Query::Phrase(Box::new(first), vec![(distance, next)]),
        }
    }

    /// How many lexemes and operators it has, each operator with two operands.
    pub fn node_count(&self) -> usize {
        match self {
            Query::Operand(_) => 1,
            Query::Not(inner) => 1 + inner.node_count(),
            Query::And(all) | Query::Or(all) => all.iter().map(Query::node_count).sum::<usize>() + all.len() - 1,
            Query::Phrase(first, rest) => {
                first.node_count() + rest.iter().map(|(_, next)| next.node_count() + 1).sum::<usize>()
            }
        }
    }

    /// Every lexeme that is looked for, in order.
    pub fn operands<'a>(&'a self, out: &mut Vec<&'a Operand>) {
        match self {
            Query::Operand(operand) => out.push(operand),
            Query::Not(inner) => inner.operands(out),
            Query::And(all) | Query::Or(all) => all.iter().for_each(|query| query.operands(out)),
            Query::Phrase(first, rest) => {
                first.operands(out);
                rest.iter().for_each(|(_, next)| next.operands(out));
            }
        }
    }

    /// What of it an index can look for: without what must be absent. `None` when that is nothing.
    pub fn indexable(&self) -> Option<Query> {
        match self {
            Query::Operand(_) => Some(self.clone()),
            Query::Not(_) => None,
            Query::And(all) => all.iter().filter_map(Query::indexable).reduce(Query::and),
            Query::Or(any) => {
                any.iter().map(Query::indexable).collect::<Option<Vec<_>>>()?.into_iter().reduce(Query::or)
            }
            Query::Phrase(first, rest) => std::iter::once((0, &**first))
                .chain(rest.iter().map(|(distance, next)| (*distance, next)))
                .filter_map(|(distance, query)| Some((distance, query.indexable()?)))
                .reduce(|(before, left), (distance, right)| (before, left.followed_by(distance, right)))
                .map(|(_, query)| query),
        }
    }

    /// PostgreSQL's text, which is also the stored form.
    pub fn write(&self) -> String {
        let mut out = String::new();
        self.write_into(&mut out, 0, false);
        out
    }

    fn precedence(&self) -> u8 {
        match self {
            Query::Or(_) => 1,
            Query::And(_) => 2,
            Query::Phrase(..) => 3,
            Query::Not(_) => 4,
            Query::Operand(_) => 5,
        }
    }

    /// `around` is the precedence of the operator that it is an operand of; `behind` says that it ends a phrase.
    fn write_into(&self, out: &mut String, around: u8, behind: bool) {
        let precedence = self.precedence();
        let parentheses = precedence < around || behind && precedence == 3;
        if parentheses {
            out.push_str("( ");
        }
        match self {
            Query::Operand(operand) => operand.write(out),
            Query::Not(inner) => {
                out.push('!');
                inner.write_into(out, precedence, false);
            }
            Query::And(all) => write_list(all, " & ", precedence, out),
            Query::Or(any) => write_list(any, " | ", precedence, out),
            Query::Phrase(first, rest) => {
                first.write_into(out, precedence, false);
                for (distance, next) in rest {
                    match distance {
                        1 => out.push_str(" <-> "),
                        _ => _ = write!(out, " <{distance}> "),
                    }
                    next.write_into(out, precedence, true);
                }
            }
        }
        if parentheses {
            out.push_str(" )");
        }
    }
}

fn write_list(queries: &[Query], operator: &str, precedence: u8, out: &mut String) {
    for (i, query) in queries.iter().enumerate() {
        if i > 0 {
            out.push_str(operator);
        }
        query.write_into(out, precedence, false);
    }
}

impl Operand {
    fn write(&self, out: &mut String) {
        lexeme::write(&self.lexeme, out);
        if !self.prefix && self.weights == 0 {
            return;
        }
        out.push(':');
        if self.prefix {
            out.push('*');
        }
        for weight in (0..4).rev().filter(|weight| self.weights & (1 << weight) != 0) {
            out.push(weight_letter(weight));
        }
    }
}

/// Whether a distance may stand in `<N>` (22023).
pub(super) fn check_distance(distance: i64) -> Result<u32> {
    u32::try_from(distance).ok().filter(|distance| *distance <= MAX_DISTANCE).ok_or_else(|| {
        Error::new(
            "22023",
            format!("distance in phrase operator must be an integer value between zero and {MAX_DISTANCE} inclusive"),
        )
    })
}
