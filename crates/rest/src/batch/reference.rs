//! What a request takes from earlier answers: `{"$ref": "0.body[0].id"}` in a body, `${0.body[0].id}` in a path or header.

use std::cell::OnceCell;

use indexmap::IndexMap;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::value::RawValue;

use super::Answer;
use super::json::{self, Json};
use crate::error::{RestError, RestResult};

/// The earlier answers, and how much may still be taken from them.
pub(super) struct Answers {
    answers: Vec<(Answer, Seen)>,
    /// Bytes: a reference is short, and what it names may be long and be named often.
    left: usize,
    most: usize,
}

/// An answer as references see it: its body is taken apart when the first one asks.
struct Seen {
    status: Json,
    headers: Json,
    /// None if it is nested too deeply.
    body: OnceCell<Option<Json>>,
}

impl Answers {
    /// No answers yet, from which at most `most` bytes may be taken.
    pub(super) fn new(most: usize) -> Answers {
        Answers { answers: Vec::new(), left: most, most }
    }

    /// Adds the next answer.
    pub(super) fn push(&mut self, answer: Answer) {
        let headers = answer.headers.iter().map(|(name, value)| (name.clone(), Json::plain(value)));
        let (status, headers) = (Json::plain(&answer.status), Json::Object(headers.collect()));
        self.answers.push((answer, Seen { status, headers, body: OnceCell::new() }));
    }

    /// All of them, in order.
    pub(super) fn into_all(self) -> Vec<Answer> {
        self.answers.into_iter().map(|(answer, _)| answer).collect()
    }

    /// A body with every reference replaced by what it names, and `{"$literal": ...}` by what stands in it.
    ///
    /// Errors: BST010 for one nested too deeply to look for references; BST012 for a reference to nothing; BST001 for too much taken.
    pub(super) fn in_body(&mut self, body: &RawValue) -> RestResult<String> {
        // What has no reference goes as it came. A name may also be written with escapes.
        if !["$ref", "$literal", "\\u00"].iter().any(|sign| body.get().contains(sign)) {
            return Ok(body.get().to_owned());
        }
        let json = Json::read(body).ok_or_else(|| {
            RestError::new(400, "BST010", "A body with references is nested too deeply")
                .details(format!("References are looked for {} levels deep.", json::DEEPEST))
        })?;
        Ok(self.replaced(json)?.written())
    }

    fn replaced(&mut self, json: Json) -> RestResult<Json> {
        Ok(match json {
            Json::Array(elements) => {
                Json::Array(elements.into_iter().map(|element| self.replaced(element)).collect::<RestResult<_>>()?)
            }
            Json::Object(mut members) if members.len() == 1 => {
                if let Some(literal) = members.swap_remove("$literal") {
                    return Ok(literal);
                }
                match members.get("$ref").and_then(string) {
                    Some(reference) => self.take(&reference)?,
                    None => self.members(members)?,
                }
            }
            Json::Object(members) => self.members(members)?,
            scalar => scalar,
        })
    }

    fn members(&mut self, members: IndexMap<String, Json>) -> RestResult<Json> {
        let replaced = members.into_iter().map(|(name, value)| Ok((name, self.replaced(value)?)));
        Ok(Json::Object(replaced.collect::<RestResult<_>>()?))
    }

    /// A path with every reference replaced by the text of the scalar that it names, percent-encoded. In a list it is one element, whatever it
    /// holds: what somebody stored can't make another filter of it.
    ///
    /// Errors: as [`Answers::in_body`]; BST012 also for what is no scalar.
    pub(super) fn in_path(&mut self, path: &str) -> RestResult<String> {
        self.in_text(path, |before, text| {
            utf8_percent_encode(&Place::after(before).element(text), NON_ALPHANUMERIC).to_string()
        })
    }

    /// A header's value with every reference replaced by the text of the scalar that it names.
    ///
    /// Errors: as [`Answers::in_path`].
    pub(super) fn in_header(&mut self, value: &str) -> RestResult<String> {
        self.in_text(value, |_, text| text)
    }

    /// `encode` is given what stands before a reference and the text in its place.
    fn in_text(&mut self, text: &str, encode: impl Fn(&str, String) -> String) -> RestResult<String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let after = &rest[start + 2..];
            let Some(end) = after.find('}') else { break };
            let reference = &after[..end];
            let value = self.take(reference)?.text();
            let value = value.ok_or_else(|| nothing(reference, "it is no text, number or boolean"))?;
            out.push_str(&rest[..start]);
            let encoded = encode(&out, value);
            out.push_str(&encoded);
            rest = &after[end + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    /// What a reference names.
    fn take(&mut self, reference: &str) -> RestResult<Json> {
        let named = self.named(reference)?.clone();
        let left = self.left.checked_sub(named.written().len());
        self.left = left.ok_or_else(|| {
            RestError::new(413, "BST001", "The requests of the batch take too much from earlier answers")
                .details(format!("The limit is {} bytes.", self.most))
                .hint("Take less of them, or raise `limits.body` in basalt.toml.")
        })?;
        Ok(named)
    }

    /// What `0.body[0].id` names: an answer by its number, then members and elements.
    fn named(&self, reference: &str) -> RestResult<&Json> {
        let (number, rest) = reference.split_at(reference.find(['.', '[']).unwrap_or(reference.len()));
        let answer = number.parse::<usize>().ok().and_then(|index| self.answers.get(index));
        let (answer, seen) = answer.ok_or_else(|| nothing(reference, "there is no earlier answer of that number"))?;
        let misspelt = || nothing(reference, "it is written as 0.body[0].id");
        let absent = || nothing(reference, "the answer has nothing there");
        let (Step::Member(part), mut rest) = step(rest).ok_or_else(misspelt)? else { return Err(misspelt()) };
        let mut value = match part {
            "status" => &seen.status,
            "headers" => &seen.headers,
            "body" => {
                let body = seen.body.get_or_init(|| Json::read(&answer.body)).as_ref();
                body.ok_or_else(|| nothing(reference, "the answer is nested too deeply"))?
            }
            _ => return Err(absent()),
        };
        while !rest.is_empty() {
            let (step, after) = step(rest).ok_or_else(misspelt)?;
            let found = match (step, value) {
                (Step::Member(name), Json::Object(members)) => members.get(name),
                (Step::Element(index), Json::Array(elements)) => elements.get(index),
                _ => None,
            };
            value = found.ok_or_else(absent)?;
            rest = after;
        }
        Ok(value)
    }
}

/// Where in a query string a reference stands.
#[derive(Debug, PartialEq)]
enum Place {
    /// It is a value, or part of one, in which nothing has to be quoted.
    Value,
    /// An element of a list or of conditions: `in.(${...})`, `or=(a.eq.${...})`.
    List,
    /// An element of an array: `cs.{${...}}`.
    Array,
    /// Between the double quotes of an element.
    Quoted,
}

impl Place {
    /// That behind this part of a path.
    fn after(path: &str) -> Place {
        let Some((_, query)) = path.split_once('?') else { return Place::Value };
        let parameter = query.rsplit('&').next().unwrap_or_default();
        let decoded = percent_decode_str(parameter).decode_utf8_lossy();
        let (mut open, mut is_quoted) = (Vec::new(), false);
        let mut rest = decoded.chars();
        while let Some(c) = rest.next() {
            match c {
                '\\' if is_quoted => _ = rest.next(),
                '"' => is_quoted = !is_quoted,
                '(' | '{' if !is_quoted => open.push(c),
                ')' | '}' if !is_quoted => _ = open.pop(),
                _ => (),
            }
        }
        match open.last() {
            None => Place::Value,
            Some(_) if is_quoted => Place::Quoted,
            Some('{') => Place::Array,
            Some(_) => Place::List,
        }
    }

    /// A text as one element there.
    fn element(&self, text: String) -> String {
        let escaped = || text.replace('\\', "\\\\").replace('"', "\\\"");
        let is_odd = || text.is_empty() || text.contains([',', '(', ')', '{', '}', '"', '\\', ' ']);
        // Arrays lose blanks around an element, and take the word for no value.
        let is_odd_in_array =
            || text.eq_ignore_ascii_case("null") || text.contains(['\t', '\n', '\r', '\u{b}', '\u{c}']);
        let has_quotes = match self {
            Place::Quoted => return escaped(),
            Place::Value => false,
            Place::List => is_odd(),
            Place::Array => is_odd() || is_odd_in_array(),
        };
        if has_quotes { format!("\"{}\"", escaped()) } else { text }
    }
}

fn string(json: &Json) -> Option<String> {
    match json {
        Json::Scalar(raw) if raw.get().starts_with('"') => json.text(),
        _ => None,
    }
}

enum Step<'a> {
    Member(&'a str),
    Element(usize),
}

/// The first step of a path, and what follows it.
fn step(path: &str) -> Option<(Step<'_>, &str)> {
    if let Some(rest) = path.strip_prefix('[') {
        let (index, after) = rest.split_once(']')?;
        return Some((Step::Element(index.parse().ok()?), after));
    }
    let rest = path.strip_prefix('.')?;
    let (name, after) = rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len()));
    (!name.is_empty()).then_some((Step::Member(name), after))
}

fn nothing(reference: &str, why: &str) -> RestError {
    RestError::new(400, "BST012", format!("The reference \"{reference}\" names nothing: {why}"))
        .hint("Ask for `Prefer: return=representation` in the earlier request to have its rows in its answer.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    fn answers(most: usize) -> Answers {
        let mut answers = Answers::new(most);
        let body =
            r#"[{"id":7,"name":"a b&c","exact":1.50,"far":{"big":123456789012345678901234567890,"a":[true,null]}}]"#;
        let headers = IndexMap::from([("content-range".to_owned(), "0-0/*".to_owned())]);
        answers.push(Answer { status: 201, headers, body: raw(body) });
        answers
    }

    #[test]
    fn references_name_parts_of_earlier_answers() {
        for (body, expected) in [
            (r#"{"z":[{"$ref":"0.body[0].id"}],"b":{"$ref":"0.status"},"$ref":1}"#, r#"{"z":[7],"b":201,"$ref":1}"#),
            (r#"{"a":{"$ref":"0.headers.content-range"}}"#, r#"{"a":"0-0/*"}"#),
            (
                r#"{"a":{"$ref":"0.body[0].far"},"c":1.0}"#,
                r#"{"a":{"big":123456789012345678901234567890,"a":[true,null]},"c":1.0}"#,
            ),
            (r#"{"\u0024ref":"0.body[0].exact"}"#, "1.50"),
            (r#"{"a":{"$literal":{"$ref":"x"}},"b":{"$literal":1.0}}"#, r#"{"a":{"$ref":"x"},"b":1.0}"#),
            (r#"{"a":"$ref"}"#, r#"{"a":"$ref"}"#),
        ] {
            assert_eq!(answers(1000).in_body(&raw(body)).unwrap(), expected);
        }
        assert_eq!(
            answers(1000).in_path("/t?id=eq.${0.body[0].id}&n=eq.${0.body[0].name}&x=${").unwrap(),
            "/t?id=eq.7&n=eq.a%20b%26c&x=${"
        );
        assert_eq!(answers(1000).in_header("max-affected=${0.body[0].id}").unwrap(), "max-affected=7");
    }

    #[test]
    fn references_to_nothing_are_refused() {
        for reference in
            ["1.body", "x", "0", "0[0]", "0.body[1]", "0..a", "0.body[0", "0.nope", "", "0.body.id", "0.body[-1]"]
        {
            let body = raw(&serde_json::json!({"$ref": reference}).to_string());
            assert_eq!(answers(1000).in_body(&body).unwrap_err().body.code, "BST012", "{reference}");
        }
        for path in ["/${0.body}", "/${0.body[0].far.a[1]}", "/${}"] {
            assert_eq!(answers(1000).in_path(path).unwrap_err().body.code, "BST012", "{path}");
        }
    }

    #[test]
    fn what_is_taken_is_one_element_of_a_list() {
        let mut answers = answers(1000);
        let body = raw(r#"{"plain":"ann","list":"1,2","odd":"a\"b\\c)","none":"","n":7,"null":"Null","blank":"\tx"}"#);
        answers.push(Answer { status: 200, headers: IndexMap::new(), body });
        for (path, expected) in [
            ("/t?a=eq.${1.body.list}", "/t?a=eq.1,2"),
            ("/t?a=in.(${1.body.n},${1.body.plain})", "/t?a=in.(7,ann)"),
            ("/t?a=in.(${1.body.list})", "/t?a=in.(\"1,2\")"),
            ("/t?a=in.%28${1.body.list}%29&b=eq.${1.body.list}", "/t?a=in.(\"1,2\")&b=eq.1,2"),
            ("/t?or=(a.eq.${1.body.odd},b.eq.${1.body.none})", r#"/t?or=(a.eq."a\"b\\c)",b.eq."")"#),
            ("/t?a=in.(\"${1.body.odd}\",\"x)\")&b=eq.${1.body.odd}", r#"/t?a=in.("a\"b\\c)","x)")&b=eq.a"b\c)"#),
            ("/t?tags=cs.{${1.body.list}}", "/t?tags=cs.{\"1,2\"}"),
            ("/t?a=eq(any).{${1.body.list}}", "/t?a=eq(any).{\"1,2\"}"),
            ("/t?tags=cs.{${1.body.null},${1.body.n}}", "/t?tags=cs.{\"Null\",7}"),
            ("/t?or=(tags.cs.{${1.body.blank}},a.eq.${1.body.null})", "/t?or=(tags.cs.{\"\tx\"},a.eq.Null)"),
        ] {
            let path = answers.in_path(path).unwrap();
            assert_eq!(percent_decode_str(&path).decode_utf8().unwrap(), expected);
        }
    }

    #[test]
    fn what_is_taken_is_limited() {
        let body = raw(r#"[{"$ref":"0.body"},{"$ref":"0.body"}]"#);
        assert_eq!(answers(150).in_body(&body).unwrap_err().body.code, "BST001");
        assert!(answers(1000).in_body(&body).is_ok());
        let deep = |depth: usize| raw(&format!("{}{{\"$ref\":\"0.status\"}}{}", "[".repeat(depth), "]".repeat(depth)));
        assert!(answers(1000).in_body(&deep(20)).is_ok());
        assert_eq!(answers(1000).in_body(&deep(100_000)).unwrap_err().body.code, "BST010");
    }
}
