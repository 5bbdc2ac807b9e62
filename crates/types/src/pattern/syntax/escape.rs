//! Escapes of regular expressions: classes, constraints, back references and characters.

use std::fmt::Write;

use basalt_core::Result;

use super::{Translator, WORD_END, WORD_START, invalid, push_literal};

impl Translator<'_> {
    /// What follows a backslash outside brackets; whether it is an atom.
    pub(super) fn escape(&mut self) -> Result<bool> {
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
    pub(super) fn character_escape(&mut self, c: char) -> Result<char> {
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
}
