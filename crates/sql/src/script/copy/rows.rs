//! The data of a `copy` (PostgreSQL manual, `COPY`, "File Formats").

use std::cmp::Ordering;

use basalt_core::{Error, Result};

use super::Copy;
use super::options::{Header, Options};

/// A row: where it begins in the data, and its fields; `None` is NULL.
pub type Row = (usize, Vec<Option<String>>);

/// The rows of the data.
pub struct Rows<'a> {
    data: &'a str,
    copy: &'a Copy,
    position: usize,
    /// Of a first line that is still to be read.
    header: Header,
}

impl<'a> Rows<'a> {
    /// Starts at the first row.
    pub fn new(data: &'a str, copy: &'a Copy) -> Self {
        Rows { data, copy, position: 0, header: copy.options.header }
    }

    /// The fields of the next line, and where it begins.
    fn line(&mut self) -> Option<Result<Row, (usize, Error)>> {
        let start = self.position;
        let rest = self.data.get(start..).filter(|rest| !rest.is_empty())?;
        let options = &self.copy.options;
        let read = if options.is_csv { csv_row(rest, options) } else { Ok(text_row(rest, options)) };
        self.position = read.as_ref().map_or(self.data.len(), |(_, length)| start + length);
        Some(read.map(|(fields, _)| (start, fields)).map_err(|error| (start, error)))
    }

    /// Reads over the header.
    ///
    /// Errors: 22P04 for one that has to have the columns' names and has others.
    fn pass_header(&mut self) -> Result<(), (usize, Error)> {
        let header = std::mem::replace(&mut self.header, Header::None);
        let (start, fields) = match header {
            Header::None => return Ok(()),
            Header::Skipped | Header::Matched => match self.line() {
                Some(line) => line?,
                None => return Ok(()),
            },
        };
        if header == Header::Skipped {
            return Ok(());
        }
        let columns = &self.copy.columns;
        let mismatch = |message: String| Err((start, Error::new("22P04", message)));
        if fields.len() != columns.len() {
            let (found, wanted) = (fields.len(), columns.len());
            return mismatch(format!("wrong number of fields in header line: got {found}, expected {wanted}"));
        }
        for (index, (field, column)) in fields.iter().zip(columns).enumerate() {
            let place = format!("column name mismatch in header line field {}", index + 1);
            match field {
                Some(name) if name == column => {}
                Some(name) => return mismatch(format!("{place}: got \"{name}\", expected \"{column}\"")),
                None => {
                    let null = &self.copy.options.null;
                    return mismatch(format!("{place}: got null value (\"{null}\"), expected \"{column}\""));
                }
            }
        }
        Ok(())
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<Row, (usize, Error)>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(error) = self.pass_header() {
            return Some(Err(error));
        }
        let (start, mut fields) = match self.line()? {
            Ok(row) => row,
            failed => return Some(failed),
        };
        let (wanted, found) = (self.copy.columns.len(), fields.len());
        Some(match found.cmp(&wanted) {
            Ordering::Equal => {
                self.copy.options.force(&mut fields);
                Ok((start, fields))
            }
            Ordering::Greater => Err((start, Error::new("22P04", "extra data after last expected column"))),
            Ordering::Less => {
                let column = &self.copy.columns[found];
                Err((start, Error::new("22P04", format!("missing data for column \"{column}\""))))
            }
        })
    }
}

impl Options {
    /// What the columns' own options make of fields.
    fn force(&self, fields: &mut [Option<String>]) {
        for (index, field) in fields.iter_mut().enumerate() {
            match field {
                None if self.force_not_null[index] => *field = Some(self.null.clone()),
                Some(text) if self.force_null[index] && *text == self.null => *field = None,
                _ => {}
            }
        }
    }
}

/// The fields of a line of the text format, and its length with its newline.
fn text_row(rest: &str, options: &Options) -> (Vec<Option<String>>, usize) {
    let field = |text: &str| (text != options.null).then(|| unescape(text));
    let bytes = rest.as_bytes();
    let (mut fields, mut start, mut at) = (Vec::new(), 0, 0);
    loop {
        match bytes.get(at) {
            // What follows a backslash ends neither the field nor the line.
            Some(b'\\') => at += 2,
            Some(b'\n') | None => break,
            Some(byte) if char::from(*byte) == options.delimiter => {
                fields.push(field(&rest[start..at]));
                at += 1;
                start = at;
            }
            Some(_) => at += 1,
        }
    }
    let last = &rest[start..at.min(rest.len())];
    fields.push(field(last.strip_suffix('\r').unwrap_or(last)));
    (fields, (at + 1).min(rest.len()))
}

/// Undoes the text format's backslash sequences.
fn unescape(field: &str) -> String {
    if !field.contains('\\') {
        return field.to_owned();
    }
    let bytes = field.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        if bytes[i] != b'\\' || i + 1 == bytes.len() {
            out.push(bytes[i]);
            i += 1;
            continue;
        }
        i += 2;
        match bytes[i - 1] {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'v' => out.push(11),
            b'x' if bytes.get(i).is_some_and(u8::is_ascii_hexdigit) => {
                let (value, length) = digits(&bytes[i..], 16, 2);
                out.push(value);
                i += length;
            }
            b'0'..=b'7' => {
                let (value, length) = digits(&bytes[i - 1..], 8, 3);
                out.push(value);
                i += length - 1;
            }
            other => out.push(other),
        }
    }
    String::from_utf8(out).unwrap_or_else(|bytes| String::from_utf8_lossy(bytes.as_bytes()).into_owned())
}

/// A number of up to `most` digits, and how many there were.
fn digits(bytes: &[u8], radix: u32, most: usize) -> (u8, usize) {
    let values = bytes.iter().take(most).map_while(|b| char::from(*b).to_digit(radix));
    values.fold((0, 0), |(value, count), digit| (((u32::from(value) * radix + digit) & 0xff) as u8, count + 1))
}

/// The fields of a record of the CSV format, and its length with its newline. NULL is the unquoted null text.
///
/// Errors: 22P04 for quotes that do not end.
fn csv_row(rest: &str, options: &Options) -> Result<(Vec<Option<String>>, usize)> {
    let mut fields = Vec::new();
    let (mut field, mut was_quoted, mut is_quoted) = (String::new(), false, false);
    let mut chars = rest.char_indices().peekable();
    let mut length = rest.len();
    while let Some((at, c)) = chars.next() {
        if is_quoted {
            let next = chars.peek().map(|(_, next)| *next);
            if c == options.escape && next.is_some_and(|next| next == options.quote || next == options.escape) {
                field.extend(chars.next().map(|(_, escaped)| escaped));
            } else if c == options.quote {
                is_quoted = false;
            } else {
                field.push(c);
            }
        } else if c == options.quote {
            (is_quoted, was_quoted) = (true, true);
        } else if c == options.delimiter {
            fields.push(finish(&mut field, &mut was_quoted, options));
        } else if c == '\n' {
            length = at + 1;
            break;
        } else if c != '\r' || chars.peek().is_some_and(|(_, next)| *next != '\n') {
            field.push(c);
        }
    }
    if is_quoted {
        return Err(Error::new("22P04", "unterminated CSV quoted field"));
    }
    fields.push(finish(&mut field, &mut was_quoted, options));
    Ok((fields, length))
}

fn finish(field: &mut String, was_quoted: &mut bool, options: &Options) -> Option<String> {
    let text = std::mem::take(field);
    let is_null = !std::mem::take(was_quoted) && text == options.null;
    (!is_null).then_some(text)
}
