//! Texts with places: `{/pointer}` stands for what an RFC 6901 pointer finds in a JSON value.

use serde_json::Value;

/// The first of the alternatives whose every place is filled.
pub(super) fn first(alternatives: &[String], from: &Value) -> Option<String> {
    alternatives.iter().find_map(|template| fill(template, from))
}

/// The text with its places filled; `None` if one finds nothing, or an empty text.
pub(super) fn fill(template: &str, from: &Value) -> Option<String> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{/") {
        let (pointer, after) = after.split_once('}')?;
        filled.push_str(before);
        filled.push_str(&text(from.pointer(&format!("/{pointer}"))?)?);
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

/// A scalar as text; `None` for null, empty text and what is not scalar.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Whether a flag says yes: providers write `true`, `"true"`, `1` and `"1"`.
pub(super) fn is_true(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => text == "true" || text == "1",
        Some(Value::Number(number)) => number.as_u64() == Some(1),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn places_are_filled_or_the_next_alternative_is() {
        let from = json!({"id": 7, "name": "Ada", "empty": "", "none": null, "list": [{"x": true}], "a/b": "s"});
        let first = |alternatives: &[&str]| {
            super::first(&alternatives.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>(), &from)
        };
        assert_eq!(first(&["{/id}"]).as_deref(), Some("7"));
        assert_eq!(first(&["https://x/{/id}/{/name}.png"]).as_deref(), Some("https://x/7/Ada.png"));
        assert_eq!(first(&["{/none} {/name}", "{/empty}", "{/list/0/x}"]).as_deref(), Some("true"));
        assert_eq!(first(&["{/a~1b}"]).as_deref(), Some("s"));
        assert_eq!(first(&["{/list}", "{/missing}"]), None);
    }
}
