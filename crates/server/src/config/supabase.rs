//! The Supabase CLI's `config.toml`, as far as Basalt understands it.

use std::path::Path;

use figment::Figment;
use figment::providers::{Format, Toml};
use serde::Deserialize;

use super::{Api, ConfigError, Server, explain, supabase_keys, syntax};

/// Reads it; the rest of that file configures other programs.
pub(super) fn read(path: &Path) -> Result<serde_json::Value, ConfigError> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct File {
        project_id: String,
        api: SupabaseApi,
        auth: serde_json::Value,
    }
    #[derive(Deserialize)]
    #[serde(default)]
    struct SupabaseApi {
        port: u16,
        schemas: Vec<String>,
        extra_search_path: Vec<String>,
        max_rows: u64,
    }
    impl Default for SupabaseApi {
        fn default() -> Self {
            let api = Api::default();
            SupabaseApi {
                port: Server::default().port,
                schemas: api.schemas,
                extra_search_path: api.extra_search_path,
                max_rows: api.max_rows,
            }
        }
    }
    supabase_keys::check(path, &syntax::table(path)?)?;
    let file: File = Figment::from(Toml::file_exact(path)).extract().map_err(|e| ConfigError(explain(e)))?;
    let defaults = serde_json::to_value(basalt_auth::Settings::default()).unwrap_or_default();
    Ok(serde_json::json!({
        "project": {"name": file.project_id},
        "server": {"port": file.api.port},
        "api": {
            "schemas": file.api.schemas.into_iter().filter(|s| s != "graphql_public").collect::<Vec<_>>(),
            "extra_search_path": file.api.extra_search_path,
            "max_rows": file.api.max_rows,
        },
        "auth": known(file.auth, &defaults),
    }))
}

/// What of a table Basalt knows too; providers and templates are maps, whose tables are looked at one by one.
fn known(given: serde_json::Value, defaults: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match (given, defaults) {
        (Value::Object(given), Value::Object(defaults)) if !defaults.is_empty() => {
            let kept = given.into_iter().filter_map(|(key, value)| {
                let default = defaults.get(&key)?;
                // The CLI's file writes `env(NAME)` for what the environment holds.
                let value = known(from_environment(value), default);
                (value.is_object() == default.is_object()).then_some((key, value))
            });
            kept.collect::<serde_json::Map<_, _>>().into()
        }
        (Value::Object(given), _) => {
            let tables = given.into_iter().map(|(key, value)| (key, from_environment(value)));
            tables.collect::<serde_json::Map<_, _>>().into()
        }
        (Value::Null, Value::Object(_)) => serde_json::Map::new().into(),
        (given, _) => given,
    }
}

/// The environment's value for `env(NAME)`, in tables too.
fn from_environment(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::String(text) => {
            let name = text.strip_prefix("env(").and_then(|rest| rest.strip_suffix(')'));
            Value::String(name.map_or(text.clone(), |name| std::env::var(name).unwrap_or_default()))
        }
        Value::Object(table) => table.into_iter().map(|(key, value)| (key, from_environment(value))).collect(),
        other => other,
    }
}
