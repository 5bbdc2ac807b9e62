//! `websearch_to_tsquery`: queries as people type them. No text is an error.

use super::lexeme::{self, Place};
use super::query::{Part, Query};

/// Negations one of another; beyond it, pairs of them are left out.
const MAX_NEGATIONS: usize = 10;

/// Reads quoted phrases, `or`, and `-` before what must be absent; `build` makes the operands.
pub(super) fn parse(text: &str, build: &dyn Fn(&str) -> Part) -> Option<Query> {
    let mut any: Option<Part> = None;
    let mut rest = text;
    loop {
        let mut all = Part::stop();
        let mut first = true;
        let more = loop {
            let (operand, following) = operand(rest, build);
            all = if first { operand } else { all.and(operand) };
            first = false;
            rest = following.trim_start_matches(|c| lexeme::is_space(c) || lexeme::is_operator(c));
            if let Some(behind) = or_operator(rest) {
                rest = behind;
                break true;
            }
            if rest.is_empty() {
                break false;
            }
        };
        any = Some(match any {
            Some(any) => any.or(all),
            None => all,
        });
        if !more {
            return any?.query;
        }
    }
}

/// One word or quoted phrase with the hyphens before it, and what follows. A stop word at the end of the text.
fn operand<'a>(text: &'a str, build: &dyn Fn(&str) -> Part) -> (Part, &'a str) {
    let mut rest = text;
    let mut hyphens = 0;
    loop {
        rest = rest.trim_start_matches(|c| lexeme::is_space(c) || lexeme::is_operator(c));
        let Some(behind) = rest.strip_prefix('-') else { break };
        hyphens += 1;
        rest = behind;
    }
    let (part, rest) = match rest.strip_prefix('"') {
        Some(quoted) => {
            let end = quoted.find('"').unwrap_or(quoted.len());
            (build(&quoted[..end]), quoted.get(end + 1..).unwrap_or(""))
        }
        None => match lexeme::read(rest, Place::Web) {
            Ok(Some((word, rest))) => (build(&word), rest),
            _ => (Part::stop(), ""),
        },
    };
    let negations = if hyphens > MAX_NEGATIONS { MAX_NEGATIONS + hyphens % 2 } else { hyphens };
    ((0..negations).fold(part, |part, _| part.not()), rest)
}

/// What follows the word `or`, if it joins two operands here.
fn or_operator(text: &str) -> Option<&str> {
    let word = text.get(..2).filter(|word| word.eq_ignore_ascii_case("or"))?;
    let rest = &text[word.len()..];
    let goes_on = |c: char| matches!(c, '-' | '_') || c.is_alphanumeric();
    (!rest.starts_with(goes_on) && !rest.trim_start().is_empty()).then_some(rest)
}
