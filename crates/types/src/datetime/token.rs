//! The words, numbers and dates that a date or time is written with.

use super::find_zone;
use super::parse::Fault;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Digits, perhaps with a decimal point.
    Number(&'a str),
    /// Digits and names between `-`, `/` or `.`.
    Date(&'a str),
    /// Digits between colons.
    Time(&'a str),
    /// A sign and digits.
    Offset(&'a str),
    /// Letters.
    Word(&'a str),
    /// `-infinity`.
    Signed(&'a str),
}

/// Takes a text apart; punctuation between tokens is left out.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, Fault> {
    let bytes = text.as_bytes();
    let run = |from: usize, accept: fn(u8) -> bool| {
        from + bytes[from..].iter().position(|&b| !accept(b)).unwrap_or(bytes.len() - from)
    };
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        match byte {
            b if b.is_ascii_digit() => {
                at = run(at, |b| b.is_ascii_digit());
                match bytes.get(at) {
                    Some(b':') => {
                        at = run(at, |b| b.is_ascii_digit() || b == b':' || b == b'.');
                        tokens.push(Token::Time(&text[start..at]));
                    }
                    Some(&delimiter @ (b'-' | b'/' | b'.')) => {
                        let second = run(at + 1, |b| b.is_ascii_alphanumeric());
                        let dated = bytes.get(second) == Some(&delimiter)
                            || (delimiter != b'.' && bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric));
                        if dated && bytes.get(second) == Some(&delimiter) {
                            at = run(second + 1, |b| b.is_ascii_digit());
                            tokens.push(Token::Date(&text[start..at]));
                        } else if delimiter == b'.' {
                            at = run(at + 1, |b| b.is_ascii_digit());
                            tokens.push(Token::Number(&text[start..at]));
                        } else if dated {
                            at = run(at + 1, |b| b.is_ascii_digit());
                            tokens.push(Token::Date(&text[start..at]));
                        } else {
                            return Err(Fault::Syntax);
                        }
                    }
                    _ => tokens.push(Token::Number(&text[start..at])),
                }
            }
            b if b.is_ascii_alphabetic() => {
                at = run(at, |b| b.is_ascii_alphabetic());
                let word = &text[start..at];
                match bytes.get(at) {
                    Some(b'-' | b'/' | b'.') if month_by_name(word).is_some() => {
                        at = run(at, |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'/' | b'.'));
                        tokens.push(Token::Date(&text[start..at]));
                    }
                    // `Jan08`, `T10` and the like fall apart; `America/New_York`, `Etc/GMT+5`, `UTC+3` don't.
                    Some(b'/' | b'_' | b'-' | b'+') if !word.eq_ignore_ascii_case("t") => {
                        at = run(at, |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'/' | b'_' | b'+' | b':'));
                        tokens.push(Token::Word(&text[start..at]));
                    }
                    Some(b) if b.is_ascii_digit() && word.len() > 2 => {
                        // `EST5EDT` is a zone, `Jan08` is not.
                        let end = run(at, |b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'+' | b'-'));
                        let zone = find_zone(&text[start..end]);
                        at = if zone.is_some() { end } else { at };
                        tokens.push(Token::Word(&text[start..at]));
                    }
                    _ => tokens.push(Token::Word(word)),
                }
            }
            b'+' | b'-' => {
                at = run(at + 1, |b| b.is_ascii_whitespace());
                match bytes.get(at) {
                    Some(b) if b.is_ascii_digit() => {
                        at = run(at, |b| b.is_ascii_digit() || matches!(b, b':' | b'.' | b'-'));
                        tokens.push(Token::Offset(&text[start..at]));
                    }
                    Some(b) if b.is_ascii_alphabetic() => {
                        at = run(at, |b| b.is_ascii_alphabetic());
                        tokens.push(Token::Signed(&text[start..at]));
                    }
                    _ => return Err(Fault::Syntax),
                }
            }
            b if b.is_ascii_whitespace() || b.is_ascii_punctuation() => at += 1,
            _ => return Err(Fault::Syntax),
        }
    }
    if tokens.is_empty() { Err(Fault::Syntax) } else { Ok(tokens) }
}

/// The number of a month by its name or abbreviation, in any case.
pub(super) fn month_by_name(word: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let word = word.to_ascii_lowercase();
    let matches = |month: &&str| **month == word || month[..3] == word || (word == "sept" && month.starts_with("sept"));
    MONTHS.iter().position(matches).map(|index| index as i64 + 1)
}

/// Whether it is a day's name or abbreviation, in lower case.
pub(super) fn is_weekday(word: &str) -> bool {
    const DAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
    let short = ["tues", "weds", "thur", "thurs"];
    DAYS.iter().any(|day| *day == word || day[..3] == *word) || short.contains(&word)
}
