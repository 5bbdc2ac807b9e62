//! PostgreSQL's advanced regular expressions (manual, section 9.7.3) in the syntax of the `fancy-regex` crate.

mod bracket;
mod escape;
mod options;

use std::fmt::Write;
use std::iter::Peekable;
use std::str::Chars;

use basalt_core::{Error, Result};

pub(super) use options::Options;

/// 2201B `invalid regular expression: ...`
pub(super) fn invalid(what: &str) -> Error {
    Error::new("2201B", format!("invalid regular expression: {what}"))
}

/// Translates a pattern. 2201B.
pub(super) fn translate(pattern: &str, mut options: Options) -> Result<String> {
    let mut rest = pattern;
    if let Some(literal) = rest.strip_prefix("***=") {
        (rest, options.literal) = (literal, true);
    } else if let Some(advanced) = rest.strip_prefix("***:") {
        rest = advanced;
    } else if rest.starts_with("***") {
        return Err(invalid("quantifier operand invalid"));
    }
    if !options.literal
        && let Some(letters) = rest.strip_prefix("(?")
        && letters.starts_with(|c: char| c.is_ascii_alphabetic())
    {
        let Some((letters, after)) = letters.split_once(')') else {
            return Err(invalid("parentheses () not balanced"));
        };
        if !letters.chars().all(|letter| options.set(letter)) {
            return Err(invalid("invalid embedded option"));
        }
        rest = after;
    }
    let mut out = String::with_capacity(rest.len() + 8);
    for (on, flag) in
        [(options.ignore_case, "(?i)"), (!options.newline_stops, "(?s)"), (options.newline_anchors, "(?m)")]
    {
        if on {
            out.push_str(flag);
        }
    }
    if options.literal {
        rest.chars().for_each(|c| push_literal(c, &mut out));
        return Ok(out);
    }
    let mut translator =
        Translator { rest: rest.chars().peekable(), options, out, depth: 0, groups: count_groups(rest) };
    translator.alternatives()?;
    Ok(translator.out)
}

/// How many groups capture: what tells a back reference from an octal escape.
fn count_groups(pattern: &str) -> u32 {
    let mut count = 0;
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '(' if chars.peek() != Some(&'?') => count += 1,
            _ => {}
        }
    }
    count
}

fn push_literal(c: char, out: &mut String) {
    if c.is_ascii_punctuation() {
        out.push('\\');
    }
    out.push(c);
}

const WORD_START: &str = r"\b{start}";
const WORD_END: &str = r"\b{end}";

struct Translator<'a> {
    rest: Peekable<Chars<'a>>,
    options: Options,
    out: String,
    depth: usize,
    groups: u32,
}

impl Translator<'_> {
    fn take(&mut self, wanted: char) -> bool {
        self.rest.next_if_eq(&wanted).is_some()
    }

    /// Reads to the end of the pattern.
    fn alternatives(&mut self) -> Result<()> {
        // Whether a quantifier may follow.
        let mut is_atom = false;
        while let Some(c) = self.rest.next() {
            is_atom = match c {
                '(' => self.open()?,
                ')' if self.depth == 0 => return Err(invalid("parentheses () not balanced")),
                ')' => {
                    self.depth -= 1;
                    self.out.push(')');
                    true
                }
                '|' | '^' => {
                    self.out.push(c);
                    false
                }
                '$' => {
                    self.out.push('$');
                    false
                }
                '.' => {
                    self.out.push('.');
                    true
                }
                '[' => self.bracket()?,
                '\\' => self.escape()?,
                '*' | '+' | '?' => {
                    self.quantifier(is_atom, |out| out.push(c))?;
                    false
                }
                '{' if self.rest.peek().is_some_and(char::is_ascii_digit) => {
                    let bound = self.bound()?;
                    self.quantifier(is_atom, |out| out.push_str(&bound))?;
                    false
                }
                c if self.options.expanded && c.is_whitespace() => is_atom,
                '#' if self.options.expanded => {
                    while self.rest.next_if(|c| *c != '\n').is_some() {}
                    is_atom
                }
                c => {
                    push_literal(c, &mut self.out);
                    true
                }
            };
        }
        if self.depth > 0 { Err(invalid("parentheses () not balanced")) } else { Ok(()) }
    }

    fn quantifier(&mut self, is_atom: bool, write: impl FnOnce(&mut String)) -> Result<()> {
        if !is_atom {
            return Err(invalid("quantifier operand invalid"));
        }
        let start = self.out.len();
        write(&mut self.out);
        // `{1,1}`, which SIMILAR TO puts around its parts, repeats nothing.
        if self.out[start..] == *"{1,1}" {
            self.out.truncate(start);
        }
        if self.take('?') && self.out.len() > start {
            self.out.push('?');
        }
        Ok(())
    }

    /// `m}`, `m,}` or `m,n}`, each at most 255.
    fn bound(&mut self) -> Result<String> {
        let invalid_count = || invalid("invalid repetition count(s)");
        let least = self.count().ok_or_else(invalid_count)?;
        let mut bound = format!("{{{least}");
        if self.take(',') {
            bound.push(',');
            if self.rest.peek() != Some(&'}') {
                let most = self.count().filter(|most| *most >= least).ok_or_else(invalid_count)?;
                let _ = write!(bound, "{most}");
            }
        }
        if !self.take('}') {
            return Err(invalid_count());
        }
        bound.push('}');
        Ok(bound)
    }

    fn count(&mut self) -> Option<u32> {
        let mut digits = String::new();
        while let Some(digit) = self.rest.next_if(char::is_ascii_digit) {
            digits.push(digit);
        }
        digits.parse().ok().filter(|count| *count <= 255)
    }

    /// What follows an opening parenthesis; whether an atom ended with it.
    fn open(&mut self) -> Result<bool> {
        if !self.take('?') {
            self.depth += 1;
            self.out.push('(');
            return Ok(false);
        }
        let kind = match self.rest.next() {
            Some('#') => {
                while self.rest.next_if(|c| *c != ')').is_some() {}
                self.rest.next();
                return Ok(false);
            }
            Some(':') => "(?:",
            Some('=') => "(?=",
            Some('!') => "(?!",
            Some('<') if self.take('=') => "(?<=",
            Some('<') if self.take('!') => "(?<!",
            _ => return Err(invalid("quantifier operand invalid")),
        };
        self.depth += 1;
        self.out.push_str(kind);
        Ok(false)
    }
}
