//! Bodies in JSON, and what is said of those that can't be read.

use serde::de::DeserializeOwned;

use crate::error::{AuthError, Result};

/// Reads an object.
///
/// Errors: `bad_json`, in JSON's own words: what a caller sent is wrong about JSON, not about this program's types.
pub(crate) fn object<T: DeserializeOwned>(text: &[u8]) -> Result<T> {
    let bad = |what: String| AuthError::new(400, "bad_json", format!("Could not parse request body as JSON: {what}"));
    let read = serde_json::from_slice(text);
    match (read, text.first()) {
        // A list of an object's values would be read as one.
        (Ok(_), Some(b'[')) => Err(bad("an object is expected, not an array".to_owned())),
        (Ok(value), _) => Ok(value),
        (Err(error), _) => Err(bad(worded(&error.to_string()))),
    }
}

/// An error of the parser's without names of types.
fn worded(error: &str) -> String {
    let Some((given, rest)) = error.split_once(", expected ") else { return error.to_owned() };
    let (expected, place) = rest.rsplit_once(" at line ").unwrap_or((rest, ""));
    let given = match given.strip_prefix("invalid type: ") {
        Some("map") => "invalid type: object",
        Some("sequence") => "invalid type: array",
        Some("unit value") => "invalid type: null",
        _ => given,
    };
    let is_number = |word: &str| {
        let digits = word.trim_start_matches(['u', 'i', 'f']);
        digits.len() < word.len() && matches!(digits, "8" | "16" | "32" | "64" | "128" | "size")
    };
    let expected = match expected {
        "a map" => "an object",
        "a sequence" => "an array",
        word if word.starts_with("struct ") || word.contains("tagged enum") => "an object",
        word if is_number(word) => "a number",
        word => word,
    };
    match place {
        "" => format!("{given}, expected {expected}"),
        place => format!("{given}, expected {expected} at line {place}"),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Map, Value};

    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    #[allow(dead_code)] // read for its errors
    struct Fields {
        email: String,
        count: u32,
        data: Map<String, Value>,
        inside: Option<Inside>,
        list: Vec<String>,
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)] // read for its errors
    struct Inside {
        id: uuid::Uuid,
    }

    #[test]
    fn what_is_wrong_is_said_without_names_of_types() {
        for (body, message) in [
            ("{", "EOF while parsing an object"),
            ("[]", "an object is expected, not an array"),
            ("7", "invalid type: integer `7`, expected an object"),
            ("null", "invalid type: null, expected an object"),
            (r#"{"email": 7}"#, "invalid type: integer `7`, expected a string"),
            (r#"{"email": {}}"#, "invalid type: object, expected a string"),
            (r#"{"count": "x"}"#, "invalid type: string \"x\", expected a number"),
            (r#"{"count": -1}"#, "invalid value: integer `-1`, expected a number"),
            (r#"{"data": [1]}"#, "invalid type: array, expected an object"),
            (r#"{"inside": "x"}"#, "invalid type: string \"x\", expected an object"),
            (r#"{"list": "x"}"#, "invalid type: string \"x\", expected an array"),
        ] {
            let error = object::<Fields>(body.as_bytes()).unwrap_err();
            // Which column it is said to be differs with how the parser was built.
            let said = error.message().split(" at line 1 column ").next();
            assert_eq!(said.unwrap_or_default(), format!("Could not parse request body as JSON: {message}"), "{body}");
        }
        assert!(object::<Fields>(b"{\"email\": \"a\"}").is_ok());
    }
}
