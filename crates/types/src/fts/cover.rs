//! Covers: the shortest stretches of a document that answer a query by themselves.

use super::matching::{Document, Found, holds, occurrences};
use super::query::{Operand, Query};
use super::vector;

/// A place of a document where some of the query's words stand.
pub(super) struct Word<'a> {
    pub at: u16,
    pub weight: u8,
    /// The lexemes of the query that it answers to.
    pub operands: Vec<&'a str>,
}

/// The covers of a document as stretches of the query's words in it, in order.
pub(super) fn covers<'w, 'q>(words: &'w [Word<'q>], query: &Query) -> Vec<&'w [Word<'q>]> {
    let mut covers = Vec::new();
    let mut start = 0;
    while let Some(end) = (start..words.len()).find(|end| answers(&words[start..=*end], query)) {
        let Some(begin) = (start..=end).rev().find(|begin| answers(&words[*begin..=end], query)) else { break };
        covers.push(&words[begin..=end]);
        start = begin + 1;
    }
    covers
}

/// The query's words in a stored vector, in order. Lexemes without places aren't among them.
pub(super) fn words<'a>(vector: &str, query: &'a Query) -> Vec<Word<'a>> {
    let mut operands = Vec::new();
    query.operands(&mut operands);
    let mut words: Vec<Word<'a>> = Vec::new();
    for operand in operands {
        for position in occurrences(vector, operand).flat_map(vector::positions).filter(|p| operand.counts(*p)) {
            words.push(Word { at: position.at, weight: position.weight, operands: vec![&operand.lexeme] });
        }
    }
    words.sort_by_key(|word| (word.at, word.weight));
    words.dedup_by(|next, word| {
        let same = next.at == word.at && next.weight == word.weight;
        if same {
            word.operands.append(&mut next.operands);
        }
        same
    });
    words
}

fn answers(words: &[Word<'_>], query: &Query) -> bool {
    holds(query, &Stretch(words))
}

/// Words of a query, as a document of their own.
struct Stretch<'w, 'q>(&'w [Word<'q>]);

impl Stretch<'_, '_> {
    fn places(&self, operand: &Operand) -> impl Iterator<Item = u16> {
        self.0.iter().filter(|word| word.operands.contains(&operand.lexeme.as_str())).map(|word| word.at)
    }
}

impl Document for Stretch<'_, '_> {
    fn has(&self, operand: &Operand) -> bool {
        self.places(operand).next().is_some()
    }

    fn find(&self, operand: &Operand) -> Found {
        match self.places(operand).collect::<Vec<_>>() {
            places if places.is_empty() => Found::Absent,
            places => Found::At(places),
        }
    }
}
