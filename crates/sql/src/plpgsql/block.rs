//! `do $$ ... $$`: a block of a script.

use basalt_core::{Error, Result};

use super::tokens::Tokens;
use crate::script::first_word;

/// A block of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anonymous {
    /// Its body.
    pub body: String,
    /// Byte offset of the body in the statement, where it stands there as it is.
    pub at: usize,
}

/// Reads `do [language plpgsql] 'body'`, its language before or after; none for any other statement.
///
/// Errors: 42601; 0A000 for another language.
pub fn anonymous(sql: &str) -> Result<Option<Anonymous>> {
    if !first_word(sql).is_some_and(|word| word.eq_ignore_ascii_case("do")) {
        return Ok(None);
    }
    let mut tokens = Tokens::new(sql)?;
    tokens.expect("do")?;
    let mut body = None;
    while tokens.peek().is_some() {
        let at = tokens.at();
        if tokens.accept("language") {
            let language = match tokens.accept_string() {
                Some(language) => language,
                None => tokens.name()?,
            };
            if !language.eq_ignore_ascii_case("plpgsql") {
                let what = format!("a block in language {language}");
                return Err(Error::unsupported(what, "Write it in PL/pgSQL, or its statements themselves.").at(at));
            }
        } else if let Some(text) = tokens.accept_string().filter(|_| body.is_none()) {
            let start = sql[at..].find(&text).map_or(at, |start| at + start);
            body = Some(Anonymous { body: text, at: start });
        } else {
            return Err(tokens.unexpected());
        }
    }
    body.map(Some).ok_or_else(|| Error::new("42601", "no inline code specified"))
}
