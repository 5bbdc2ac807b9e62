//! Bracket expressions of regular expressions.

use basalt_core::Result;

use super::{Translator, WORD_END, WORD_START, invalid, push_literal};

impl Translator<'_> {
    /// A bracket expression; whether it is an atom (`[[:<:]]` is not).
    pub(super) fn bracket(&mut self) -> Result<bool> {
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
