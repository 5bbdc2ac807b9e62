//! Covers: the shortest stretches of a document that answer a query by themselves.

use super::matching::{Found, holds, occurrences};
use super::query::{Operand, Query};
use super::vector;

/// A stretch of a document.
#[derive(Debug)]
pub(super) struct Cover {
    /// Its first place.
    pub first: u16,
    /// Its last place.
    pub last: u16,
    /// The weights of the query's words in it.
    pub weights: Vec<u8>,
}

/// A place of a document where some of the query's words stand.
struct Word<'a> {
    at: u16,
    weight: u8,
    operands: Vec<&'a str>,
}

/// The covers of a document, in order. A lexeme without places is in none.
pub(super) fn covers(vector: &str, query: &Query) -> Vec<Cover> {
    let words = words(vector, query);
    let mut covers = Vec::new();
    let mut start = 0;
    while let Some(end) = (start..words.len()).find(|end| answers(&words[start..=*end], query)) {
        let Some(begin) = (start..=end).rev().find(|begin| answers(&words[*begin..=end], query)) else { break };
        covers.push(Cover {
            first: words[begin].at,
            last: words[end].at,
            weights: words[begin..=end].iter().map(|word| word.weight).collect(),
        });
        start = begin + 1;
    }
    covers
}

fn words<'a>(vector: &str, query: &'a Query) -> Vec<Word<'a>> {
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
    holds(query, &|operand: &Operand| {
        let at = words.iter().filter(|word| word.operands.contains(&operand.lexeme.as_str())).map(|word| word.at);
        match at.collect::<Vec<_>>() {
            at if at.is_empty() => Found::Absent,
            at => Found::At(at),
        }
    })
}
