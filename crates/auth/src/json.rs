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
            ("{", "EOF while parsing an object at line 1 column 1"),
            ("[]", "an object is expected, not an array"),
            ("7", "invalid type: integer `7`, expected an object at line 1 column 1"),
            ("null", "invalid type: null, expected an object at line 1 column 4"),
            (r#"{"email": 7}"#, "invalid type: integer `7`, expected a string at line 1 column 11"),
            (r#"{"email": {}}"#, "invalid type: object, expected a string at line 1 column 11"),
            (r#"{"count": "x"}"#, "invalid type: string \"x\", expected a number at line 1 column 13"),
            (r#"{"count": -1}"#, "invalid value: integer `-1`, expected a number at line 1 column 12"),
            (r#"{"data": [1]}"#, "invalid type: array, expected an object at line 1 column 9"),
            (r#"{"inside": "x"}"#, "invalid type: string \"x\", expected an object at line 1 column 14"),
            (r#"{"list": "x"}"#, "invalid type: string \"x\", expected an array at line 1 column 12"),
        ] {
            let error = object::<Fields>(body.as_bytes()).unwrap_err();
            assert_eq!(error.message(), format!("Could not parse request body as JSON: {message}"), "{body}");
        }
        assert!(object::<Fields>(b"{\"email\": \"a\"}").is_ok());
    }
}
