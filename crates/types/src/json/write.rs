//! A tree to JSON text, and its normal form.

use basalt_core::Result;

use super::escape::write_string;
use super::parse::{Json, parse_json, parse_jsonb};
use crate::codec::JsonStyle;

/// The normal form of `jsonb`: numbers as `numeric`, the last of equal keys, keys by length then bytes, `": "` and `", "`.
///
/// 22P02 `invalid input syntax for type json`, with what was found in DETAIL; 22P05 for `\u0000`.
pub fn normalize(text: &str) -> Result<String> {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    parse_jsonb(text)?.write(JsonStyle::Jsonb, &mut out);
    Ok(out)
}

/// JSON made of values as `jsonb`: what stood in a `json` may have escapes that `jsonb` has no character for.
///
/// 22P05 for `\u0000`, 22P02 for half of a surrogate pair.
pub fn made_jsonb(text: String) -> Result<String> {
    let may_be_unknown = text.contains("\\u0000") || text.contains("\\ud") || text.contains("\\uD");
    if may_be_unknown {
        parse_jsonb(&text)?;
    }
    Ok(text)
}

/// Writes JSON without the null members of its objects, at every depth: compact as `json_strip_nulls`, or as
/// `jsonb_strip_nulls`. What is no JSON is written as it stands.
pub fn strip_nulls(text: &str, style: JsonStyle, out: &mut String) {
    let parsed = match style {
        JsonStyle::Json => parse_json(text),
        JsonStyle::Jsonb => parse_jsonb(text),
    };
    match parsed {
        Ok(mut json) => {
            json.strip_nulls();
            json.write(style, out);
        }
        Err(_) => out.push_str(text),
    }
}

impl Json<'_> {
    /// Appends the text: compact, or as `jsonb` is spaced.
    pub(crate) fn write(&self, style: JsonStyle, out: &mut String) {
        let (comma, colon) = match style {
            JsonStyle::Json => (",", ":"),
            JsonStyle::Jsonb => (", ", ": "),
        };
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(true) => out.push_str("true"),
            Json::Bool(false) => out.push_str("false"),
            Json::Number(number) => out.push_str(number),
            Json::String(text) => write_string(text, out),
            Json::Array(elements) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        out.push_str(comma);
                    }
                    element.write(style, out);
                }
                out.push(']');
            }
            Json::Object(members) => {
                out.push('{');
                for (index, (key, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push_str(comma);
                    }
                    write_string(key, out);
                    out.push_str(colon);
                    value.write(style, out);
                }
                out.push('}');
            }
        }
    }

    /// The type as `jsonb_typeof` names it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "boolean",
            Json::Number(_) => "number",
            Json::String(_) => "string",
            Json::Array(_) => "array",
            Json::Object(_) => "object",
        }
    }

    /// The text in `jsonb` form.
    pub(crate) fn to_jsonb(&self) -> String {
        let mut out = String::new();
        self.write(JsonStyle::Jsonb, &mut out);
        out
    }

    /// Drops the null members of objects at every depth.
    pub(crate) fn strip_nulls(&mut self) {
        match self {
            Json::Array(elements) => elements.iter_mut().for_each(Json::strip_nulls),
            Json::Object(members) => {
                members.retain(|(_, value)| *value != Json::Null);
                members.iter_mut().for_each(|(_, value)| value.strip_nulls());
            }
            _ => {}
        }
    }

    /// The text indented by four spaces a level, as `jsonb_pretty` gives it.
    pub(super) fn write_pretty(&self, level: usize, out: &mut String) {
        let indent = |level: usize, out: &mut String| {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', level * 4));
        };
        match self {
            Json::Array(elements) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    indent(level + 1, out);
                    element.write_pretty(level + 1, out);
                }
                indent(level, out);
                out.push(']');
            }
            Json::Object(members) => {
                out.push('{');
                for (index, (key, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    indent(level + 1, out);
                    write_string(key, out);
                    out.push_str(": ");
                    value.write_pretty(level + 1, out);
                }
                indent(level, out);
                out.push('}');
            }
            scalar => scalar.write(JsonStyle::Jsonb, out),
        }
    }
}
