//! Whether a configuration file is TOML, and where it is not.

use std::path::Path;

use basalt_sql::script::position;

use super::ConfigError;

/// The file's contents.
///
/// Errors: a file that can't be read or is no TOML, with line and column.
pub(super) fn table(path: &Path) -> Result<toml::Table, ConfigError> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError(format!("{shown} can't be read: {error}")))?;
    toml::from_str(&text).map_err(|error: toml::de::Error| {
        let (line, column) = position(&text, error.span().map_or(0, |span| span.start));
        ConfigError(format!(
            "{shown}:{line}:{column}: this is not TOML: {}",
            error.message().trim().replace('\n', ", ")
        ))
    })
}
