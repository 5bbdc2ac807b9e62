//! PostgreSQL's advanced regular expressions (manual, section 9.7.3) in the syntax of the `fancy-regex` crate.

use std::fmt::Write;
use std::iter::Peekable;
use std::str::Chars;

use basalt_core::{Error, Result};

/// What the option letters and embedded options choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Options {
    pub ignore_case: bool,
    /// `.` and negated brackets leave out the newline.
    pub newline_stops: bool,
    /// `^` and `$` match at every line.
    pub newline_anchors: bool,
    /// White space and comments are left out.
    pub expanded: bool,
    /// No character is special.
    pub literal: bool,
    pub global: bool,
}

impl Options {
    /// Reads option letters. 22023 for an unknown one.
    pub(super) fn read(letters: &str) -> Result<Options> {
        let mut options = Options::default();
        for letter in letters.chars() {
            if letter == 'g' {
                options.global = true;
            } else if !options.set(letter) {
                return Err(Error::new("22023", format!("invalid regular expression option: \"{letter}\"")));
            }
        }
        Ok(options)
    }

    fn set(&mut self, letter: char) -> bool {
        match letter {
            'i' => self.ignore_case = true,
            'c' => self.ignore_case = false,
            'n' | 'm' => (self.newline_stops, self.newline_anchors) = (true, true),
            's' => (self.newline_stops, self.newline_anchors) = (false, false),
            'p' => (self.newline_stops, self.newline_anchors) = (true, false),
            'w' => (self.newline_stops, self.newline_anchors) = (false, true),
            'x' => self.expanded = true,
            't' => self.expanded = false,
            'q' => self.literal = true,
            'e' | 'b' => {}
            _ => return false,
        }
        true
    }
}

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

    /// What follows a backslash outside brackets; whether it is an atom.
    fn escape(&mut self) -> Result<bool> {
        let Some(c) = self.rest.next() else { return Err(invalid("invalid escape \\ sequence")) };
        let written = match c {
            'd' => "[0-9]",
            'D' => "[^0-9]",
            's' => "\\s",
            'S' => "\\S",
            'w' => "\\w",
            'W' => "\\W",
            'A' | 'Z' | 'm' | 'M' | 'y' | 'Y' => {
                self.out.push_str(match c {
                    'A' => "\\A",
                    'Z' => "\\z",
                    'm' => WORD_START,
                    'M' => WORD_END,
                    'y' => "\\b",
                    _ => "\\B",
                });
                return Ok(false);
            }
            '1'..='9' => {
                self.back_reference(c)?;
                return Ok(true);
            }
            c => {
                let c = self.character_escape(c)?;
                push_literal(c, &mut self.out);
                return Ok(true);
            }
        };
        self.out.push_str(written);
        Ok(true)
    }

    /// `\n`, or octal digits where there are not so many groups.
    fn back_reference(&mut self, first: char) -> Result<()> {
        let mut digits = String::from(first);
        let mut ahead = self.rest.clone();
        while let Some(digit) = ahead.next_if(char::is_ascii_digit) {
            digits.push(digit);
        }
        let number: u32 = digits.parse().unwrap_or(u32::MAX);
        if digits.len() > 1 && number > self.groups {
            let c = self.octal(first)?;
            push_literal(c, &mut self.out);
            return Ok(());
        }
        if number > self.groups {
            return Err(invalid("invalid backreference number"));
        }
        self.rest = ahead;
        // In a group of its own, so that a digit after it is no part of it.
        let _ = write!(self.out, "(?:\\{number})");
        Ok(())
    }

    /// Up to three octal digits.
    fn octal(&mut self, first: char) -> Result<char> {
        let mut code = first.to_digit(8).ok_or_else(|| invalid("invalid backreference number"))?;
        for _ in 0..2 {
            match self.rest.next_if(|c| c.is_digit(8)).and_then(|c| c.to_digit(8)) {
                Some(digit) => code = code * 8 + digit,
                None => break,
            }
        }
        char::from_u32(code).ok_or_else(|| invalid("invalid escape \\ sequence"))
    }

    /// An escape that stands for one character.
    fn character_escape(&mut self, c: char) -> Result<char> {
        Ok(match c {
            'a' => '\x07',
            'b' => '\x08',
            'B' => '\\',
            'e' => '\x1b',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            '0' => self.octal('0')?,
            'c' => match self.rest.next() {
                Some(control) => char::from((control as u32 & 0x1f) as u8),
                None => return Err(invalid("invalid escape \\ sequence")),
            },
            'u' => self.hexadecimal(4, 4)?,
            'U' => self.hexadecimal(8, 8)?,
            'x' => self.hexadecimal(1, 255)?,
            c if c.is_ascii_alphanumeric() => return Err(invalid("invalid escape \\ sequence")),
            c => c,
        })
    }

    fn hexadecimal(&mut self, least: usize, most: usize) -> Result<char> {
        let mut digits = String::new();
        while digits.len() < most
            && let Some(digit) = self.rest.next_if(char::is_ascii_hexdigit)
        {
            digits.push(digit);
        }
        let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() >= least);
        code.and_then(char::from_u32).ok_or_else(|| invalid("invalid escape \\ sequence"))
    }

    /// A bracket expression; whether it is an atom (`[[:<:]]` is not).
    fn bracket(&mut self) -> Result<bool> {
        let ahead: String = self.rest.clone().take(6).collect();
        for (word, written) in [("[:<:]]", WORD_START), ("[:>:]]", WORD_END)] {
            if ahead == word {
                self.rest.nth(5);
                self.out.push_str(written);
                return Ok(false);
            }
        }
        self.out.push('[');
        if self.take('^') {
            self.out.push('^');
            if self.options.newline_stops {
                self.out.push_str("\\n");
            }
        }
        let mut is_first = true;
        loop {
            let item = match self.rest.next() {
                None => return Err(invalid("brackets [] not balanced")),
                Some(']') if !is_first => break,
                Some(c) => self.bracket_item(c)?,
            };
            is_first = false;
            let Some(low) = item else { continue };
            let mut ahead = self.rest.clone();
            let is_range = ahead.next() == Some('-') && ahead.next().is_some_and(|c| c != ']');
            push_literal(low, &mut self.out);
            if is_range {
                self.rest.next();
                let high = match self.rest.next() {
                    Some(c) => self.bracket_item(c)?,
                    None => None,
                };
                match high {
                    Some(high) if high >= low => {
                        self.out.push('-');
                        push_literal(high, &mut self.out);
                    }
                    _ => return Err(invalid("invalid character range")),
                }
            }
        }
        self.out.push(']');
        Ok(true)
    }

    /// One character of a bracket expression, or `None` for a class, which is written at once.
    fn bracket_item(&mut self, c: char) -> Result<Option<char>> {
        match c {
            '[' if matches!(self.rest.peek(), Some(':' | '.' | '=')) => {
                let delimiter = self.rest.next().unwrap_or(':');
                let mut name = String::new();
                loop {
                    match self.rest.next() {
                        Some(c) if c == delimiter && self.rest.peek() == Some(&']') => break,
                        Some(c) => name.push(c),
                        None => return Err(invalid("brackets [] not balanced")),
                    }
                }
                self.rest.next();
                if delimiter == ':' {
                    self.out.push_str(class(&name).ok_or_else(|| invalid("invalid character class"))?);
                    return Ok(None);
                }
                let mut chars = name.chars();
                match (chars.next(), chars.next()) {
                    (Some(c), None) => Ok(Some(c)),
                    _ => Err(invalid("invalid collating element")),
                }
            }
            '\\' => match self.rest.next() {
                Some('d') => self.write_class("0-9"),
                Some('D') => self.write_class("[^0-9]"),
                Some('s') => self.write_class("\\s"),
                Some('S') => self.write_class("\\S"),
                Some('w') => self.write_class("\\w"),
                Some('W') => self.write_class("\\W"),
                Some(c) => self.character_escape(c).map(Some),
                None => Err(invalid("invalid escape \\ sequence")),
            },
            c => Ok(Some(c)),
        }
    }

    fn write_class(&mut self, class: &str) -> Result<Option<char>> {
        self.out.push_str(class);
        Ok(None)
    }
}

const WORD_START: &str = r"\b{start}";
const WORD_END: &str = r"\b{end}";

/// A named class as part of a bracket expression.
fn class(name: &str) -> Option<&'static str> {
    Some(match name {
        "alnum" => r"\p{Alphabetic}\p{Nd}",
        "alpha" => r"\p{Alphabetic}",
        "ascii" => r"\x00-\x7f",
        "blank" => r"\x20\t",
        "cntrl" => r"\p{Cc}",
        "digit" => "0-9",
        "graph" => r"[^\s\p{Cc}]",
        "lower" => r"\p{Lowercase}",
        "print" => r"\P{Cc}",
        "punct" => r"\p{P}\p{S}",
        "space" => r"\s",
        "upper" => r"\p{Uppercase}",
        "word" => r"\w",
        "xdigit" => "0-9A-Fa-f",
        _ => return None,
    })
}
