//! Whether tables are tables: a number or a list in the place of one would be read as one without keys.

use figment::Figment;
use figment::value::Value;

use super::ConfigError;
use super::explaining::{kind, place};

/// Looks at what stands where `shape` has a table.
///
/// Errors: something else, with its key and its place.
pub(super) fn check(figment: &Figment, shape: &serde_json::Value) -> Result<(), ConfigError> {
    look_at(figment, shape, &mut Vec::new())
}

fn look_at<'s>(figment: &Figment, shape: &'s serde_json::Value, path: &mut Vec<&'s str>) -> Result<(), ConfigError> {
    let Some(table) = shape.as_object() else { return Ok(()) };
    let key = path.join(".");
    match figment.find_value(&key) {
        Ok(Value::Dict(..)) => {}
        Ok(other) if !path.is_empty() => {
            let place = place(figment.get_metadata(other.tag()));
            let found = kind(&other.to_actual());
            return Err(ConfigError(format!(
                "configuration key `{key}`{place}: found {found}, expected a table: [{key}]"
            )));
        }
        _ => {}
    }
    for (name, inner) in table {
        path.push(name);
        look_at(figment, inner, path)?;
        path.pop();
    }
    Ok(())
}
