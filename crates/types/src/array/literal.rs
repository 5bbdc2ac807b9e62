//! PostgreSQL's array literal: `{a,"b c",NULL,{..}}` (manual, section 8.15.2).

use basalt_core::{Error, Result};

use super::stored::{Array, Brackets, check_dimensions, check_elements, rewrite, with_leaf};
use crate::{Context, Type, Value, codec};

/// Reads a literal; `element` converts each element's text, `None` being NULL.
///
/// 22P02 `malformed array literal`; 2202E for bounds the wrong way round, 0A000 for lower ones other than 1.
pub(crate) fn parse(text: &str, element: &mut dyn FnMut(Option<&str>) -> Result<Value>) -> Result<Array> {
    let mut reader = Reader { text, at: 0, dims: Vec::new(), leaf_depth: None, leaves: Vec::new() };
    let bounds = reader.bounds()?;
    if reader.peek() != Some(b'{') {
        return Err(reader.malformed(match bounds {
            None => "Array value must start with \"{\" or dimension information.",
            Some(_) => "Array contents must start with \"{\".",
        }));
    }
    reader.level(0)?;
    if bounds.is_some_and(|lengths| lengths != reader.dims) {
        return Err(reader.malformed("Specified array dimensions do not match array contents."));
    }
    if reader.peek().is_some() {
        return Err(reader.malformed("Junk after closing right brace."));
    }
    // The braces are judged before what is in them.
    let values = reader.leaves.iter().map(|leaf| element(leaf.as_deref())).collect::<Result<Vec<_>>>()?;
    Ok(Array { dims: if values.is_empty() { Vec::new() } else { reader.dims }, values })
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Length of each dimension, once its first row is complete; 0 until then.
    dims: Vec<usize>,
    /// The depth at which elements stand, once one was seen.
    leaf_depth: Option<usize>,
    /// The elements' texts.
    leaves: Vec<Option<String>>,
}

impl Reader<'_> {
    fn malformed(&self, detail: &str) -> Error {
        Error::new("22P02", format!("malformed array literal: \"{}\"", self.text)).with_detail(detail.to_owned())
    }

    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|&&b| is_space(b)).count();
        self.text.as_bytes().get(self.at).copied()
    }

    /// Reads `[1:3][1:2]=`: the lengths of the dimensions.
    fn bounds(&mut self) -> Result<Option<Vec<usize>>> {
        let mut lengths = Vec::new();
        while self.peek() == Some(b'[') {
            self.at += 1;
            check_dimensions(lengths.len() + 1)?;
            let first = self
                .bound()
                .ok_or_else(|| self.malformed("\"[\" must introduce explicitly-specified array dimensions."))?;
            let (lower, upper) = match self.text[self.at..].starts_with(':') {
                true => {
                    self.at += 1;
                    (first, self.bound().ok_or_else(|| self.malformed("Missing array dimension value."))?)
                }
                false => (1, first),
            };
            if !self.text[self.at..].starts_with(']') {
                return Err(self.malformed("Missing \"]\" after array dimensions."));
            }
            self.at += 1;
            if upper < lower {
                return Err(Error::new("2202E", "upper bound cannot be less than lower bound"));
            }
            if lower != 1 {
                return Err(Error::unsupported(
                    "array lower bounds other than 1 are not supported",
                    "Write the array without bounds.",
                ));
            }
            lengths.push(upper as usize);
        }
        if lengths.is_empty() {
            return Ok(None);
        }
        if self.peek() != Some(b'=') {
            return Err(self.malformed("Missing \"=\" after array dimensions."));
        }
        self.at += 1;
        Ok(Some(lengths))
    }

    /// A whole number, if one comes next.
    fn bound(&mut self) -> Option<i32> {
        let rest = &self.text[self.at..];
        let sign = usize::from(rest.starts_with(['+', '-']));
        let length = sign + rest[sign..].bytes().take_while(u8::is_ascii_digit).count();
        let number = rest[..length].parse().ok()?;
        self.at += length;
        Some(number)
    }

    /// Reads from an opening brace to its closing one.
    fn level(&mut self, depth: usize) -> Result<()> {
        self.at += 1;
        check_dimensions(depth + 1)?;
        if self.dims.len() == depth {
            self.dims.push(0);
        }
        let mut length = 0;
        if self.peek() == Some(b'}') && depth == 0 {
            self.at += 1;
            return Ok(());
        }
        loop {
            match self.peek() {
                None => return Err(self.malformed("Unexpected end of input.")),
                Some(b'{') if self.leaf_depth == Some(depth) => {
                    return Err(self.malformed("Unexpected \"{\" character."));
                }
                Some(b'{') => self.level(depth + 1)?,
                Some(other @ (b'}' | b',')) => {
                    return Err(self.malformed(&format!("Unexpected \"{}\" character.", char::from(other))));
                }
                Some(_) => {
                    self.leaf(depth)?;
                    check_elements(self.leaves.len())?;
                }
            }
            length += 1;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                None => return Err(self.malformed("Unexpected end of input.")),
                Some(_) => return Err(self.malformed("Unexpected array element.")),
            }
        }
        self.at += 1;
        if self.dims[depth] == 0 {
            self.dims[depth] = length;
        }
        if self.dims[depth] != length {
            let detail = "Multidimensional arrays must have sub-arrays with matching dimensions.";
            return Err(self.malformed(detail));
        }
        Ok(())
    }

    fn leaf(&mut self, depth: usize) -> Result<()> {
        if *self.leaf_depth.get_or_insert(depth) != depth {
            return Err(self.malformed("Unexpected array element."));
        }
        let quoted = self.text.as_bytes()[self.at] == b'"';
        let text = if quoted { self.quoted()? } else { self.bare()? };
        self.leaves.push(match text {
            (text, false) if !quoted && text.eq_ignore_ascii_case("null") => None,
            (text, _) => Some(text),
        });
        Ok(())
    }

    /// A quoted element, and that it may hold escapes.
    fn quoted(&mut self) -> Result<(String, bool)> {
        let mut out = String::new();
        let mut chars = self.text[self.at + 1..].char_indices();
        while let Some((offset, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += offset + 2;
                    return Ok((out, true));
                }
                '\\' => out.extend(chars.next().map(|(_, c)| c)),
                c => out.push(c),
            }
        }
        Err(self.malformed("Unexpected end of input."))
    }

    /// An element without quotes, up to a delimiter, and whether it holds escapes.
    fn bare(&mut self) -> Result<(String, bool)> {
        let mut out = String::new();
        let (mut kept, mut escaped) = (0, false);
        let mut chars = self.text[self.at..].char_indices();
        while let Some((offset, c)) = chars.next() {
            match c {
                ',' | '}' => {
                    self.at += offset;
                    out.truncate(kept);
                    return Ok((out, escaped));
                }
                '"' | '{' => return Err(self.malformed(&format!("Unexpected \"{c}\" character."))),
                '\\' => {
                    out.extend(chars.next().map(|(_, c)| c));
                    (kept, escaped) = (out.len(), true);
                }
                c => {
                    out.push(c);
                    if !c.is_ascii() || !is_space(c as u8) {
                        kept = out.len();
                    }
                }
            }
        }
        Err(self.malformed("Unexpected end of input."))
    }
}

/// Writes a stored array as a literal.
pub(crate) fn write(element: &Type, text: &str, context: &Context, out: &mut String) {
    let mut leaf = |raw: &str, out: &mut String| {
        if raw == "null" {
            return out.push_str("NULL");
        }
        let start = out.len();
        with_leaf(element, raw, |value| codec::to_text(element, value, context, out));
        quote(start, out);
    };
    rewrite(text, &Brackets { open: '{', comma: ",", close: '}' }, &mut leaf, out);
}

/// Puts quotes around what was written from `start` on, if it would be read otherwise without.
fn quote(start: usize, out: &mut String) {
    let text = &out[start..];
    let special = |b: u8| matches!(b, b'"' | b'\\' | b'{' | b'}' | b',') || is_space(b);
    if !text.is_empty() && !text.eq_ignore_ascii_case("null") && !text.bytes().any(special) {
        return;
    }
    let text = text.to_owned();
    out.truncate(start);
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

/// The white space of C's `isspace`.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}
