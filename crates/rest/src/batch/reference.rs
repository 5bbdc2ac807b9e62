//! What a request takes from earlier answers: `{"$ref": "0.body[0].id"}` in a body, `${0.body[0].id}` in a path.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::error::{RestError, RestResult};

/// A body with every reference replaced by what it names.
///
/// Errors: BST012 for a reference to nothing.
pub(super) fn in_body(body: Value, answers: &[Value]) -> RestResult<Value> {
    Ok(match body {
        Value::Array(elements) => {
            elements.into_iter().map(|element| in_body(element, answers)).collect::<RestResult<_>>()?
        }
        Value::Object(members) => match (members.len(), members.get("$ref")) {
            (1, Some(Value::String(reference))) => named(reference, answers)?.clone(),
            _ => {
                let replaced = members.into_iter().map(|(key, value)| Ok((key, in_body(value, answers)?)));
                Value::Object(replaced.collect::<RestResult<_>>()?)
            }
        },
        scalar => scalar,
    })
}

/// A path with every reference replaced by the text of the scalar that it names, percent-encoded.
///
/// Errors: as [`in_body`]; BST012 for what is no scalar.
pub(super) fn in_path(path: &str, answers: &[Value]) -> RestResult<String> {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(start) = rest.find("${") {
        let after = &rest[start + 2..];
        let Some(end) = after.find('}') else { break };
        let text = match named(&after[..end], answers)? {
            Value::String(text) => text.clone(),
            scalar @ (Value::Number(_) | Value::Bool(_)) => scalar.to_string(),
            _ => return Err(nothing(&after[..end], "it is no text, number or boolean")),
        };
        out.push_str(&rest[..start]);
        out.extend(utf8_percent_encode(&text, NON_ALPHANUMERIC));
        rest = &after[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

/// What `0.body[0].id` names: an answer by its number, then members and elements.
fn named<'a>(reference: &str, answers: &'a [Value]) -> RestResult<&'a Value> {
    let (number, mut rest) = reference.split_at(reference.find(['.', '[']).unwrap_or(reference.len()));
    let answer = number.parse::<usize>().ok().and_then(|index| answers.get(index));
    let mut value = answer.ok_or_else(|| nothing(reference, "there is no earlier answer of that number"))?;
    while !rest.is_empty() {
        let (step, after) = step(rest).ok_or_else(|| nothing(reference, "it is written as 0.body[0].id"))?;
        let found = match step {
            Step::Member(name) => value.get(name),
            Step::Element(index) => value.get(index),
        };
        value = found.ok_or_else(|| nothing(reference, "the answer has nothing there"))?;
        rest = after;
    }
    Ok(value)
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
    use serde_json::json;

    use super::*;

    #[test]
    fn references_name_parts_of_earlier_answers() {
        let answers = [json!({"status": 201, "body": [{"id": 7, "name": "a b&c"}]})];
        let body = json!({"a": [{"$ref": "0.body[0].id"}], "b": {"$ref": "0.status"}, "$ref": 1});
        assert_eq!(in_body(body, &answers).unwrap(), json!({"a": [7], "b": 201, "$ref": 1}));
        assert_eq!(
            in_path("/t?id=eq.${0.body[0].id}&n=eq.${0.body[0].name}", &answers).unwrap(),
            "/t?id=eq.7&n=eq.a%20b%26c"
        );
        for reference in ["1.body", "x", "0.body[1]", "0..a", "0.body[0", "0.nope", ""] {
            assert_eq!(in_body(json!({"$ref": reference}), &answers).unwrap_err().body.code, "BST012", "{reference}");
        }
        assert_eq!(in_path("/${0.body}", &answers).unwrap_err().body.code, "BST012");
    }
}
