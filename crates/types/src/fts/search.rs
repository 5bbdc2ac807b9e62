//! `to_tsvector` and the functions that make a `tsquery` of text.

use basalt_core::Result;

use super::config::Config;
use super::query::{Operand, Part, Query};
use super::token::Tokens;
use super::vector::Vector;
use super::{query_text, websearch};
use crate::json::raw;

/// A longer token is no lexeme (bytes).
const MAX_TOKEN: usize = 2046;

/// Lexemes of a document, each with its place from 1; stop words have places too.
fn lexemes<'a>(config: &'a Config, document: &'a str) -> impl Iterator<Item = (usize, Option<String>)> + 'a {
    let mut at = 0;
    Tokens::of(document).filter(|token| token.kind.is_searched() && token.text.len() <= MAX_TOKEN).map(move |token| {
        at += 1;
        (at, config.lexeme(token.kind, token.text))
    })
}

/// `to_tsvector(config, text)`.
pub(super) fn vector_of_text(config: &Config, document: &str) -> Vector {
    let mut vector = Vector::default();
    add_text(config, document, 0, &mut vector);
    vector
}

/// Adds a text behind place `last`; gives its own last place, and whether it had any lexeme.
fn add_text(config: &Config, document: &str, last: usize, vector: &mut Vector) -> (usize, bool) {
    let (mut end, mut added) = (last, false);
    for (at, lexeme) in lexemes(config, document) {
        end = last + at;
        if let Some(lexeme) = lexeme {
            vector.add(lexeme, end);
            added = true;
        }
    }
    (end, added)
}

/// `to_tsvector(config, json)`: its strings, in order, a place apart.
pub(super) fn vector_of_json(config: &Config, document: &str) -> Vector {
    let mut vector = Vector::default();
    add_json(config, document, 0, &mut vector);
    vector
}

/// Adds a value behind place `last`, and gives the last place then.
fn add_json(config: &Config, document: &str, last: usize, vector: &mut Vector) -> usize {
    if let Some(text) = raw::string(document) {
        let (end, added) = add_text(config, &text, last, vector);
        return end + usize::from(added);
    }
    let last = raw::elements(document).fold(last, |last, item| add_json(config, item, last, vector));
    raw::members(document).fold(last, |last, (_, value)| add_json(config, value, last, vector))
}

/// One operand of a query: its lexemes joined, with the stop words between them kept as distance.
fn operand(config: &Config, text: &str, weights: u8, prefix: bool, join: fn(Part, Part) -> Part) -> Part {
    lexemes(config, text)
        .skip_while(|(_, lexeme)| lexeme.is_none())
        .map(|(_, lexeme)| match lexeme {
            Some(lexeme) => Query::Operand(Operand::new(lexeme, weights, prefix)).into(),
            None => Part::stop(),
        })
        .reduce(join)
        .and_then(|part| part.query)
        .map_or_else(Part::stop, Part::from)
}

fn adjacent(left: Part, right: Part) -> Part {
    left.followed_by(1, right)
}

/// `to_tsquery`.
pub(super) fn query_of(config: &Config, text: &str) -> Result<Option<Query>> {
    query_text::parse_with(text, &|text, weights, prefix| operand(config, &text, weights, prefix, adjacent))
}

/// `plainto_tsquery`.
pub(super) fn plain_query_of(config: &Config, text: &str) -> Result<Option<Query>> {
    Ok(operand(config, text, 0, false, Part::and).query)
}

/// `phraseto_tsquery`.
pub(super) fn phrase_query_of(config: &Config, text: &str) -> Result<Option<Query>> {
    Ok(operand(config, text, 0, false, adjacent).query)
}

/// `websearch_to_tsquery`.
pub(super) fn web_query_of(config: &Config, text: &str) -> Result<Option<Query>> {
    Ok(websearch::parse(text, &|text| operand(config, text, 0, false, adjacent)))
}
