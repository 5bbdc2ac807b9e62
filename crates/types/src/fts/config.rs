//! Text search configurations: what becomes of a word, by language.

use std::collections::HashSet;
use std::sync::LazyLock;

use basalt_core::{Error, Result};
use rust_stemmers::{Algorithm, Stemmer};

use super::token::TokenKind;

/// The name of the configuration that is meant when none is given.
pub(super) const DEFAULT: &str = "english";
/// A longer word is kept as it is (bytes).
const MAX_STEMMED: usize = 1000;

/// How words of one language become lexemes.
pub(super) struct Config {
    /// For words of ASCII letters.
    ascii: Dictionary,
    /// For words with other letters.
    word: Dictionary,
}

enum Dictionary {
    /// Lower case.
    Simple,
    /// Lower case, without stop words, stemmed.
    Snowball { stemmer: Stemmer, stop_words: HashSet<&'static str> },
}

impl Config {
    /// Finds a configuration by the name that `regconfig` reads (42704; 0A000 for a language without a stemmer here).
    pub fn named(name: &str) -> Result<&'static Config> {
        let plain = fold(name);
        let plain = plain.strip_prefix("pg_catalog.").unwrap_or(&plain);
        if let Some((_, config)) = CONFIGS.iter().find(|(known, _)| *known == plain) {
            return Ok(config);
        }
        if WITHOUT_STEMMER.contains(&plain) {
            return Err(Error::unsupported(
                format!("text search configuration \"{name}\" is not supported"),
                "Use 'simple', or run on PostgreSQL.",
            ));
        }
        Err(Error::new("42704", format!("text search configuration \"{name}\" does not exist")))
    }

    /// The lexeme of a token that is searched; `None` for a stop word.
    pub fn lexeme(&self, kind: TokenKind, token: &str) -> Option<String> {
        use TokenKind::{AsciiHword, AsciiWord, Hword, HwordAsciiPart, HwordPart, Word};
        match kind {
            AsciiWord | AsciiHword | HwordAsciiPart => self.ascii.lexeme(token),
            Word | Hword | HwordPart => self.word.lexeme(token),
            _ => Dictionary::Simple.lexeme(token),
        }
    }
}

impl Dictionary {
    fn snowball(algorithm: Algorithm, stop_words: &'static str) -> Dictionary {
        Dictionary::Snowball { stemmer: Stemmer::create(algorithm), stop_words: stop_words.lines().collect() }
    }

    fn lexeme(&self, token: &str) -> Option<String> {
        let lower: String = token.chars().map(lower).collect();
        match self {
            Dictionary::Simple => Some(lower),
            Dictionary::Snowball { .. } if lower.len() > MAX_STEMMED => Some(lower),
            Dictionary::Snowball { stop_words, .. } if stop_words.contains(lower.as_str()) => None,
            Dictionary::Snowball { stemmer, .. } => {
                // Russian is often written without ё; the other languages don't have it.
                let stem = stemmer.stem(&lower.replace('ё', "е")).into_owned();
                Some(if stem.is_empty() { lower } else { stem })
            }
        }
    }
}

/// One character for one, as the C library does it.
fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

/// An identifier as SQL reads it: lower case unless quoted.
fn fold(name: &str) -> String {
    let name = name.trim();
    match name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => name.to_ascii_lowercase(),
    }
}

/// PostgreSQL's configurations that this engine has no stemmer for.
const WITHOUT_STEMMER: [&str; 10] =
    ["armenian", "basque", "catalan", "hindi", "indonesian", "irish", "lithuanian", "nepali", "serbian", "yiddish"];

/// The stop words are those of the Snowball project, as PostgreSQL installs them.
static CONFIGS: LazyLock<Vec<(&'static str, Config)>> = LazyLock::new(|| {
    let same = |algorithm, stop_words| Config {
        ascii: Dictionary::snowball(algorithm, stop_words),
        word: Dictionary::snowball(algorithm, stop_words),
    };
    let english = include_str!("stop/english.txt");
    let russian = Config {
        ascii: Dictionary::snowball(Algorithm::English, english),
        word: Dictionary::snowball(Algorithm::Russian, include_str!("stop/russian.txt")),
    };
    vec![
        ("english", same(Algorithm::English, english)),
        ("simple", Config { ascii: Dictionary::Simple, word: Dictionary::Simple }),
        ("arabic", same(Algorithm::Arabic, "")),
        ("danish", same(Algorithm::Danish, include_str!("stop/danish.txt"))),
        ("dutch", same(Algorithm::Dutch, include_str!("stop/dutch.txt"))),
        ("finnish", same(Algorithm::Finnish, include_str!("stop/finnish.txt"))),
        ("french", same(Algorithm::French, include_str!("stop/french.txt"))),
        ("german", same(Algorithm::German, include_str!("stop/german.txt"))),
        ("greek", same(Algorithm::Greek, "")),
        ("hungarian", same(Algorithm::Hungarian, include_str!("stop/hungarian.txt"))),
        ("italian", same(Algorithm::Italian, include_str!("stop/italian.txt"))),
        ("norwegian", same(Algorithm::Norwegian, include_str!("stop/norwegian.txt"))),
        ("portuguese", same(Algorithm::Portuguese, include_str!("stop/portuguese.txt"))),
        ("romanian", same(Algorithm::Romanian, "")),
        ("russian", russian),
        ("spanish", same(Algorithm::Spanish, include_str!("stop/spanish.txt"))),
        ("swedish", same(Algorithm::Swedish, include_str!("stop/swedish.txt"))),
        ("tamil", same(Algorithm::Tamil, "")),
        ("turkish", same(Algorithm::Turkish, include_str!("stop/turkish.txt"))),
    ]
});
