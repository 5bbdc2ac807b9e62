//! What is wrong with a configuration, in words that say what to write.

use basalt_core::nearest;
use figment::Metadata;
use figment::error::{Actual, Kind};

/// One line an error: the key, where it stands, what is wrong with it, and the nearest known key.
pub(super) fn explain(error: figment::Error) -> String {
    let lines: Vec<String> = error
        .into_iter()
        .map(|error| {
            let place = place(error.metadata.as_ref());
            let key = error.path.join(".");
            match &error.kind {
                Kind::UnknownField(field, known) => {
                    let path: Vec<&str> = error.path.iter().map(String::as_str).collect();
                    let parent = match path.split_last() {
                        Some((last, parent)) if last == field => parent.join("."),
                        _ => path.join("."),
                    };
                    let dotted = |name: &str| if parent.is_empty() { name.into() } else { format!("{parent}.{name}") };
                    let hint = match nearest(field, known.iter().copied(), 0.3) {
                        Some(near) => format!("; did you mean `{}`?", dotted(near)),
                        None => format!("; known keys here: {}", known.join(", ")),
                    };
                    format!("unknown configuration key `{}`{place}{hint}", dotted(field))
                }
                kind => format!("configuration key `{key}`{place}: {}", wrong(kind)),
            }
        })
        .collect();
    lines.join("\n")
}

/// Where a value comes from: a file, or a variable.
pub(super) fn place(metadata: Option<&Metadata>) -> String {
    let place = metadata.map(|m| m.source.as_ref().map_or_else(|| m.name.to_string(), |source| source.to_string()));
    place.map_or_else(String::new, |place| format!(" ({place})"))
}

/// A value, in TOML's words.
pub(super) fn kind(found: &Actual) -> String {
    match found {
        Actual::Bool(value) => format!("boolean {value}"),
        Actual::Unsigned(value) => format!("integer {value}"),
        Actual::Signed(value) => format!("integer {value}"),
        Actual::Float(value) => format!("float {value}"),
        Actual::Seq => "an array".to_owned(),
        Actual::Map => "a table".to_owned(),
        other => other.to_string(),
    }
}

/// What is wrong with a value, in words that say what to write.
fn wrong(kind: &Kind) -> String {
    let wanted = |expected: &str| match expected {
        "u16" => "a number from 0 to 65535".to_owned(),
        "u32" | "u64" | "usize" => "a whole number, 0 or more".to_owned(),
        "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "integer overflow" | "parsable string" | "an integer or string" => {
            "a size, 0 or more, such as \"10 MiB\"".to_owned()
        }
        "a duration" => "a duration, such as \"8s\" or \"500ms\"".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "IPv4 or IPv6 network address" => "a network, such as \"10.0.0.0/8\"".to_owned(),
        other if other == "a map" || other.starts_with("struct ") => "a table".to_owned(),
        other => other.to_owned(),
    };
    let found = self::kind;
    match kind {
        Kind::InvalidType(value, expected) => format!("found {}, expected {}", found(value), wanted(expected)),
        Kind::InvalidValue(value, expected) => format!("found {}, expected {}", found(value), wanted(expected)),
        Kind::UnknownVariant(value, known) => format!("found \"{value}\", expected one of {}", known.join(", ")),
        other => other.to_string(),
    }
}
