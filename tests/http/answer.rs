//! An answer, as far as it has to be the same: without what belongs to the moment or to the server, and with rows that nobody
//! put in an order as a set.

use basalt_tests::Answer;
use serde_json::Value;
use serde_json::value::RawValue;

/// Headers that belong to the moment or to the connection.
const PASSING: [&str; 4] = ["date", "x-request-id", "server-timing", "connection"];

/// What is compared.
#[derive(PartialEq, Eq)]
pub struct Seen {
    status: u16,
    headers: Vec<(String, String)>,
    /// The rows, sorted unless the request ordered them; or the whole body.
    body: Vec<String>,
    /// What stands between the rows.
    frame: String,
}

impl Seen {
    /// Reads an answer. Timestamps at or after `start` (ISO 8601) are the moment's.
    pub fn new(answer: &Answer, ordered: bool, start: &str) -> Seen {
        let text = without_moments(&answer.body, start);
        let moved = text != answer.body;
        let headers = answer.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()));
        let mut headers: Vec<(String, String)> = headers
            .filter(|(name, _)| !PASSING.contains(name) && (*name != "content-length" || !moved))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        headers.sort();
        let (body, frame) = match ordered {
            true => (vec![text], String::new()),
            false => rows(&text, answer.header("content-type")),
        };
        Seen { status: answer.status, headers, body, frame }
    }

    /// Status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The body of an error; null of anything else.
    pub fn error(&self) -> Value {
        let body = self.body.first().filter(|_| self.status >= 300);
        body.and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default()
    }

    /// The code of an error; of a HEAD request's, from its header. Empty if there is none.
    pub fn code(&self) -> String {
        let proxy = self.headers.iter().find(|(name, _)| name == "proxy-status");
        proxy.and_then(|(_, value)| value.split_once("error=")).map(|(_, code)| code.to_owned()).unwrap_or_default()
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.body.iter().all(|row| row.is_empty() || row == "[]")
    }

    /// What differs between two, PostgreSQL's first.
    pub fn difference(&self, found: &Seen) -> String {
        let mut lines = Vec::new();
        let mut line = |what: &str, expected: &str, found: &str| {
            if expected != found {
                lines.push(format!("  {what} PostgreSQL {expected}\n  {what} embedded   {found}"));
            }
        };
        line("status", &self.status.to_string(), &found.status.to_string());
        let only = |these: &Seen, those: &Seen| {
            let lone = these.headers.iter().filter(|header| !those.headers.contains(header));
            lone.map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join(", ")
        };
        line("headers", &only(self, found), &only(found, self));
        // Of many rows, those that only one of them has.
        let split = |these: &Seen| these.body.iter().flat_map(|part| part.split(", \n ")).map(str::to_owned).collect();
        let (these, those): (Vec<String>, Vec<String>) = (split(self), split(found));
        let lone = |these: &[String], those: &[String]| {
            these.iter().filter(|row| !those.contains(row)).take(3).cloned().collect::<Vec<_>>().join("\n    ")
        };
        line("body", &lone(&these, &those), &lone(&those, &these));
        line("frame", &self.frame, &found.frame);
        if lines.is_empty() { "  the order of rows".into() } else { lines.join("\n") }
    }
}

/// The rows of a body, sorted, and what stands between them.
fn rows(body: &str, media_type: &str) -> (Vec<String>, String) {
    let (mut rows, frame): (Vec<String>, String) = if media_type.starts_with("text/csv") {
        (body.lines().map(str::to_owned).collect(), body.chars().filter(|c| *c == '\n').collect())
    } else if let Ok(elements) = serde_json::from_str::<Vec<Box<RawValue>>>(body) {
        let texts: Vec<String> = elements.iter().map(|element| element.get().to_owned()).collect();
        let frame = texts.iter().fold(body.to_owned(), |rest, text| rest.replacen(text.as_str(), "", 1));
        (texts, frame)
    } else {
        (vec![body.to_owned()], String::new())
    };
    rows.sort();
    (rows, frame)
}

/// The text with `<now>` for each timestamp that is not before `start`.
fn without_moments(text: &str, start: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let stamp =
            rest.get(..start.len()).filter(|stamp| is_stamp(stamp) && stamp.replace(' ', "T").as_str() >= start);
        let length = match stamp {
            Some(stamp) => {
                clean.push_str("<now>");
                let fraction = rest[stamp.len()..].strip_prefix('.').unwrap_or_default();
                match fraction.bytes().take_while(u8::is_ascii_digit).count() {
                    0 => stamp.len(),
                    digits => stamp.len() + 1 + digits,
                }
            }
            None => {
                clean.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    clean
}

/// Whether a text reads `2026-01-31T10:00:00`, of this century.
fn is_stamp(text: &str) -> bool {
    let pattern = "20dd-dd-ddTdd:dd:dd";
    text.len() == pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(c, p)| match p {
            b'd' => c.is_ascii_digit(),
            b'T' => c == b'T' || c == b' ',
            _ => c == p,
        })
}
