//! `copy t (a, b) from stdin` with its data (PostgreSQL manual, `COPY`, "File Formats").

use basalt_core::{Error, Result};
use sqlparser::ast::{CopyLegacyCsvOption, CopyLegacyOption, CopyOption, CopySource, Ident, Statement};

use crate::catalog::Relation;
use crate::compile::parse_statement;
use crate::{Catalog, Name, quote};

/// A `copy` statement.
pub struct Copy {
    table: Name,
    /// The columns that the data has.
    pub columns: Vec<String>,
    is_csv: bool,
    has_header: bool,
    delimiter: char,
    null: String,
    quote: char,
    escape: char,
}

impl Copy {
    /// Reads the statement.
    ///
    /// Errors: 42601; 42P01 for an unknown table; 0A000 for the binary format.
    pub fn parse(sql: &str, catalog: &Catalog, search_path: &[String]) -> Result<Copy> {
        // The parser wants the semicolon before the data.
        let Statement::Copy { source: CopySource::Table { table_name, columns }, options, legacy_options, .. } =
            parse_statement(&format!("{sql};"))?
        else {
            return Err(Error::new("42601", "syntax error in COPY"));
        };
        let parts: Vec<String> = table_name.0.iter().filter_map(|part| part.as_ident()).map(folded).collect();
        let relation = find(catalog, search_path, &parts)?;
        let mut copy = Copy {
            columns: match columns.as_slice() {
                [] => relation.columns.iter().filter(|c| c.generated.is_none()).map(|c| c.name.clone()).collect(),
                named => named.iter().map(folded).collect(),
            },
            table: relation.name.clone(),
            is_csv: false,
            has_header: false,
            delimiter: '\t',
            null: String::from("\\N"),
            quote: '"',
            escape: '"',
        };
        copy.options(&options, &legacy_options)?;
        Ok(copy)
    }

    fn options(&mut self, options: &[CopyOption], legacy: &[CopyLegacyOption]) -> Result<()> {
        let csv = options.iter().any(|o| matches!(o, CopyOption::Format(f) if f.value.eq_ignore_ascii_case("csv")))
            || legacy.iter().any(|o| matches!(o, CopyLegacyOption::Csv(_)));
        if csv {
            (self.is_csv, self.delimiter, self.null) = (true, ',', String::new());
        }
        let mut escape = None;
        for option in options {
            match option {
                CopyOption::Format(format) if format.value.eq_ignore_ascii_case("binary") => return Err(binary()),
                CopyOption::Delimiter(c) => self.delimiter = *c,
                CopyOption::Null(text) => self.null = text.clone(),
                CopyOption::Header(on) => self.has_header = *on,
                CopyOption::Quote(c) => self.quote = *c,
                CopyOption::Escape(c) => escape = Some(*c),
                _ => {}
            }
        }
        for option in legacy {
            match option {
                CopyLegacyOption::Binary => return Err(binary()),
                CopyLegacyOption::Delimiter(c) => self.delimiter = *c,
                CopyLegacyOption::Null(text) => self.null = text.clone(),
                CopyLegacyOption::Csv(options) => {
                    for option in options {
                        match option {
                            CopyLegacyCsvOption::Header => self.has_header = true,
                            CopyLegacyCsvOption::Quote(c) => self.quote = *c,
                            CopyLegacyCsvOption::Escape(c) => escape = Some(*c),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        self.escape = escape.unwrap_or(self.quote);
        Ok(())
    }

    /// The table.
    pub fn table(&self) -> &Name {
        &self.table
    }

    /// The INSERT of so many rows.
    pub fn insert(&self, rows: usize) -> String {
        let columns: Vec<String> = self.columns.iter().map(|column| quote::ident(column)).collect();
        let width = self.columns.len();
        let row = |i: usize| {
            let params: Vec<String> = (1..=width).map(|column| format!("${}", i * width + column)).collect();
            format!("({})", params.join(", "))
        };
        let values: Vec<String> = (0..rows).map(row).collect();
        format!(
            "insert into {} ({}) overriding system value values {}",
            self.table.quoted(),
            columns.join(", "),
            values.join(", ")
        )
    }
}

fn binary() -> Error {
    Error::unsupported("COPY in binary format is not supported", "Export the data as text or CSV.")
}

fn folded(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

fn find<'a>(catalog: &'a Catalog, search_path: &[String], parts: &[String]) -> Result<&'a Relation> {
    let found = match parts {
        [schema, name] => catalog.relation(schema, name),
        [name] => search_path.iter().find_map(|schema| catalog.relation(schema, name)),
        _ => None,
    };
    found
        .map(|relation| &**relation)
        .ok_or_else(|| Error::new("42P01", format!("relation \"{}\" does not exist", parts.join("."))))
}

/// A row: where it begins in the data, and its fields; `None` is NULL.
pub type Row = (usize, Vec<Option<String>>);

/// The rows of the data.
pub struct Rows<'a> {
    data: &'a str,
    copy: &'a Copy,
    position: usize,
}

impl<'a> Rows<'a> {
    /// Starts at the first row.
    pub fn new(data: &'a str, copy: &'a Copy) -> Self {
        let position = if copy.has_header { data.find('\n').map_or(data.len(), |newline| newline + 1) } else { 0 };
        Rows { data, copy, position }
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<Row, (usize, Error)>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.position;
        let rest = self.data.get(start..).filter(|rest| !rest.is_empty())?;
        let (fields, length) = if self.copy.is_csv { csv_row(rest, self.copy) } else { text_row(rest, self.copy) };
        self.position = start + length;
        let (wanted, found) = (self.copy.columns.len(), fields.len());
        Some(match found.cmp(&wanted) {
            std::cmp::Ordering::Equal => Ok((start, fields)),
            std::cmp::Ordering::Greater => Err((start, Error::new("22P04", "extra data after last expected column"))),
            std::cmp::Ordering::Less => {
                let column = &self.copy.columns[found];
                Err((start, Error::new("22P04", format!("missing data for column \"{column}\""))))
            }
        })
    }
}

/// The fields of a line of the text format, and its length with its newline.
fn text_row(rest: &str, copy: &Copy) -> (Vec<Option<String>>, usize) {
    let end = rest.find('\n').unwrap_or(rest.len());
    let line = rest[..end].strip_suffix('\r').unwrap_or(&rest[..end]);
    let fields = line.split(copy.delimiter).map(|field| (field != copy.null).then(|| unescape(field))).collect();
    (fields, (end + 1).min(rest.len()))
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
fn csv_row(rest: &str, copy: &Copy) -> (Vec<Option<String>>, usize) {
    let mut fields = Vec::new();
    let (mut field, mut was_quoted, mut is_quoted) = (String::new(), false, false);
    let mut chars = rest.char_indices().peekable();
    let mut length = rest.len();
    while let Some((at, c)) = chars.next() {
        if is_quoted {
            let next = chars.peek().map(|(_, next)| *next);
            if c == copy.escape && next.is_some_and(|next| next == copy.quote || next == copy.escape) {
                field.extend(chars.next().map(|(_, escaped)| escaped));
            } else if c == copy.quote {
                is_quoted = false;
            } else {
                field.push(c);
            }
        } else if c == copy.quote {
            (is_quoted, was_quoted) = (true, true);
        } else if c == copy.delimiter {
            fields.push(finish(&mut field, &mut was_quoted, copy));
        } else if c == '\n' {
            length = at + 1;
            break;
        } else if c != '\r' || chars.peek().is_some_and(|(_, next)| *next != '\n') {
            field.push(c);
        }
    }
    fields.push(finish(&mut field, &mut was_quoted, copy));
    (fields, length)
}

fn finish(field: &mut String, was_quoted: &mut bool, copy: &Copy) -> Option<String> {
    let text = std::mem::take(field);
    let is_null = !std::mem::take(was_quoted) && text == copy.null;
    (!is_null).then_some(text)
}
