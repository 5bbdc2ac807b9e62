//! A text taken apart into the fields that dates, times and intervals are written with, as PostgreSQL's `ParseDateTime` does it.

/// What a field looks like, which does not settle what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldKind {
    /// Digits, perhaps with a decimal point.
    Number,
    /// Digits or letters with `-`, `/` or `.` between.
    Date,
    /// Digits with colons between.
    Time,
    /// A sign, digits, and whatever of `:`, `.` and `-` follows.
    Signed,
    /// Letters.
    Word,
    /// A sign and letters.
    SignedWord,
}

/// A field in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    /// What it looks like.
    pub kind: FieldKind,
    /// Its text; white space after a sign is left out.
    pub text: String,
}

/// The most fields that a text may have.
const MAX_FIELDS: usize = 25;

/// Takes a text apart; punctuation between fields is left out. `None` for what has no such fields.
pub(crate) fn fields(text: &str) -> Option<Vec<Field>> {
    let bytes = text.as_bytes();
    let run = |from: usize, accept: &dyn Fn(u8) -> bool| {
        let rest = bytes.get(from..).unwrap_or_default();
        from + rest.iter().position(|&b| !accept(b)).unwrap_or(rest.len())
    };
    let digit = |b: u8| b.is_ascii_digit();
    let letter = |b: u8| b.is_ascii_alphabetic();
    let is_space = |b: u8| b.is_ascii_whitespace() || b == 0x0b;
    let mut found: Vec<Field> = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if is_space(byte) {
            at += 1;
            continue;
        }
        if found.len() >= MAX_FIELDS {
            return None;
        }
        let start = at;
        let mut sign = "";
        let (kind, from) = match byte {
            b'0'..=b'9' => {
                at = run(at, &digit);
                let kind = match bytes.get(at) {
                    Some(b':') => {
                        at = run(at, &|b| digit(b) || b == b':' || b == b'.');
                        FieldKind::Time
                    }
                    Some(&delimiter @ (b'-' | b'/' | b'.')) => {
                        let second = run(at + 1, &digit);
                        if second == at + 1 {
                            at = run(second, &|b| b.is_ascii_alphanumeric() || b == delimiter);
                            FieldKind::Date
                        } else if bytes.get(second) == Some(&delimiter) {
                            at = run(second, &|b| digit(b) || b == delimiter);
                            FieldKind::Date
                        } else {
                            at = second;
                            if delimiter == b'.' { FieldKind::Number } else { FieldKind::Date }
                        }
                    }
                    _ => FieldKind::Number,
                };
                (kind, start)
            }
            b'.' => {
                at = run(at + 1, &digit);
                (FieldKind::Number, start)
            }
            b if letter(b) => {
                at = run(at, &letter);
                let goes_on = match bytes.get(at) {
                    Some(b'-' | b'/' | b'.') => true,
                    Some(b'+' | b'0'..=b'9') => !is_keyword(&text[start..at].to_ascii_lowercase()),
                    _ => false,
                };
                if goes_on {
                    at = run(at, &|b| b.is_ascii_alphanumeric() || b"+-/_.:".contains(&b));
                }
                (if goes_on { FieldKind::Date } else { FieldKind::Word }, start)
            }
            b'+' | b'-' => {
                sign = &text[at..=at];
                let from = run(at + 1, &is_space);
                match bytes.get(from) {
                    Some(b) if digit(*b) => {
                        at = run(from, &|b| digit(b) || matches!(b, b':' | b'.' | b'-'));
                        (FieldKind::Signed, from)
                    }
                    Some(b) if letter(*b) => {
                        at = run(from, &letter);
                        (FieldKind::SignedWord, from)
                    }
                    _ => return None,
                }
            }
            b if b.is_ascii_punctuation() => {
                at += 1;
                continue;
            }
            _ => return None,
        };
        found.push(Field { kind, text: format!("{sign}{}", text[from..at].to_ascii_lowercase()) });
    }
    Some(found)
}

/// Whether digits or a plus sign after the word begin a field of their own: otherwise they belong to a zone's name.
fn is_keyword(word: &str) -> bool {
    const KEYWORDS: [&str; 28] = [
        "ad",
        "allballs",
        "am",
        "at",
        "bc",
        "d",
        "dow",
        "doy",
        "dst",
        "epoch",
        "h",
        "infinity",
        "isodow",
        "isoyear",
        "j",
        "jd",
        "julian",
        "m",
        "mm",
        "now",
        "on",
        "pm",
        "s",
        "t",
        "today",
        "tomorrow",
        "y",
        "yesterday",
    ];
    KEYWORDS.contains(&word) || super::names::month_by_name(word).is_some() || super::names::is_weekday(word)
}
