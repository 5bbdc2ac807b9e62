//! The options of `ts_headline` (manual, section 12.3.4).

use basalt_core::{Error, Result};

/// How an excerpt is cut and marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    pub start: String,
    pub stop: String,
    pub delimiter: String,
    pub max_words: usize,
    pub min_words: usize,
    /// Words of so many characters end no excerpt.
    pub short_word: usize,
    /// 0 for one excerpt around the best cover.
    pub max_fragments: usize,
    pub whole: bool,
}

impl Options {
    /// Reads `name=value, ...` (42601, 22023, 22P02).
    pub fn parse(text: &str) -> Result<Options> {
        let mut options = Options {
            start: "<b>".to_owned(),
            stop: "</b>".to_owned(),
            delimiter: " ... ".to_owned(),
            max_words: 35,
            min_words: 15,
            short_word: 3,
            max_fragments: 0,
            whole: false,
        };
        let (mut max, mut min, mut short, mut fragments) = (35, 15, 3, 0);
        for (name, value) in pairs(text)? {
            match name.to_ascii_lowercase().as_str() {
                "maxwords" => max = integer(&value)?,
                "minwords" => min = integer(&value)?,
                "shortword" => short = integer(&value)?,
                "maxfragments" => fragments = integer(&value)?,
                "startsel" => options.start = value,
                "stopsel" => options.stop = value,
                "fragmentdelimiter" => options.delimiter = value,
                "highlightall" => {
                    options.whole = ["1", "on", "true", "t", "y", "yes"].contains(&value.to_ascii_lowercase().as_str());
                }
                _ => return Err(invalid(format!("unrecognized headline parameter: \"{name}\""))),
            }
        }
        if !options.whole {
            check(min < max, "MinWords should be less than MaxWords")?;
            check(min > 0, "MinWords should be positive")?;
            check(short >= 0, "ShortWord should be >= 0")?;
            check(fragments >= 0, "MaxFragments should be >= 0")?;
        }
        let count = |number: i32| usize::try_from(number).unwrap_or(0);
        (options.max_words, options.min_words) = (count(max), count(min));
        (options.short_word, options.max_fragments) = (count(short), count(fragments));
        Ok(options)
    }
}

fn check(holds: bool, otherwise: &'static str) -> Result<()> {
    if holds { Ok(()) } else { Err(invalid(otherwise.to_owned())) }
}

fn invalid(message: String) -> Error {
    Error::new("22023", message)
}

fn integer(value: &str) -> Result<i32> {
    value.trim().parse().map_err(|_| Error::invalid_text("integer", value))
}

/// Names and values; a value may stand in double quotes.
fn pairs(text: &str) -> Result<Vec<(String, String)>> {
    let malformed = || Error::new("42601", format!("invalid parameter list format: \"{text}\""));
    let mut pairs = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, behind) = rest.split_once('=').ok_or_else(malformed)?;
        let behind = behind.trim_start();
        let (value, behind) = match behind.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or_else(malformed)?,
            None => behind.split_at(behind.find([',', ' ']).unwrap_or(behind.len())),
        };
        pairs.push((name.trim().to_owned(), value.to_owned()));
        rest = behind.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if rest.is_empty() => rest,
            None => return Err(malformed()),
        };
    }
    Ok(pairs)
}
