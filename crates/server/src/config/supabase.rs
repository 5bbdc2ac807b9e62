//! The Supabase CLI's `config.toml`, as far as Basalt understands it.

use std::path::{Path, PathBuf};

use figment::providers::Serialized;
use figment::value::{Dict, Map};
use figment::{Figment, Metadata, Profile, Provider};
use serde::Deserialize;

use super::environment::Variable;
use super::variables::Variables;
use super::{Api, ConfigError, Server, environment, references, supabase_keys, syntax, tables};

/// Reads it; the rest of that file configures other programs. What it refers to in the environment comes as variables beside it.
///
/// Errors: what can't be used, under the names that the file has for it.
pub(super) fn read(path: &Path, variables: &Variables) -> Result<(Read, Vec<Variable>), ConfigError> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct File {
        project_id: String,
        api: SupabaseApi,
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
    let table = syntax::table(path)?;
    supabase_keys::check(path, &table)?;
    let of_file = |value| Read { path: path.to_owned(), value };
    let mut given = serde_json::to_value(table).unwrap_or_default();
    let auth = given.as_object_mut().and_then(|given| given.remove("auth")).unwrap_or_default();
    let kept = ["project_id", "api"].map(|key| (key.to_owned(), given[key].take()));
    let mut own: serde_json::Value = kept.into_iter().filter(|(_, value)| !value.is_null()).collect();
    let of_own = references::taken(&mut own, variables)?;
    let own = Figment::from(of_file(own));
    tables::check(&own, &serde_json::json!({"api": {}}))?;
    let file: File = environment::extract(&own, of_own, &Figment::new())?;

    let defaults = serde_json::to_value(basalt_auth::Settings::default()).unwrap_or_default();
    let mut auth = serde_json::json!({"auth": known(auth, &defaults)});
    let of_auth = references::taken(&mut auth, variables)?;
    let value = serde_json::json!({
        "project": {"name": file.project_id},
        "server": {"port": file.api.port},
        "api": {
            "schemas": file.api.schemas.into_iter().filter(|s| s != "graphql_public").collect::<Vec<_>>(),
            "extra_search_path": file.api.extra_search_path,
            "max_rows": file.api.max_rows,
        },
        "auth": auth["auth"],
    });
    Ok((of_file(value), of_auth))
}

/// What a file gives, in the form of Basalt's own.
pub(super) struct Read {
    path: PathBuf,
    value: serde_json::Value,
}

impl Provider for Read {
    fn metadata(&self) -> Metadata {
        Metadata::from("file", self.path.as_path())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        // As weak as a file is: variables stand over it.
        Serialized::defaults(&self.value).data()
    }
}

/// What of a table Basalt knows too; providers and templates are maps, whose tables are looked at one by one.
fn known(given: serde_json::Value, defaults: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match (given, defaults) {
        (Value::Object(given), Value::Object(defaults)) if !defaults.is_empty() => {
            let kept = given.into_iter().filter_map(|(key, value)| {
                let default = defaults.get(&key)?;
                let value = known(value, default);
                (value.is_object() == default.is_object()).then_some((key, value))
            });
            kept.collect::<serde_json::Map<_, _>>().into()
        }
        (Value::Null, Value::Object(_)) => serde_json::Map::new().into(),
        (given, _) => given,
    }
}

/// What `[db.seed]` names: nothing where the section says nothing of files, no files where it is off.
///
/// Errors: what can't be used.
pub(crate) fn seed(root: &Path, path: &Path) -> Result<Option<Vec<String>>, ConfigError> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct File {
        db: Db,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Db {
        seed: Seed,
    }
    #[derive(Deserialize)]
    #[serde(default)]
    struct Seed {
        enabled: bool,
        sql_paths: Option<Vec<String>>,
    }
    impl Default for Seed {
        fn default() -> Self {
            Seed { enabled: true, sql_paths: None }
        }
    }
    let mut given = serde_json::to_value(syntax::table(path)?).unwrap_or_default();
    let Some(seed) = given.pointer_mut("/db/seed").map(serde_json::Value::take) else { return Ok(None) };
    let mut value = serde_json::json!({"db": {"seed": seed}});
    let referred = references::taken(&mut value, &Variables::of_project(root)?)?;
    let figment = Figment::from(Read { path: path.to_owned(), value });
    tables::check(&figment, &serde_json::json!({"db": {"seed": {}}}))?;
    let Seed { enabled, sql_paths } = environment::extract::<File>(&figment, referred, &Figment::new())?.db.seed;
    Ok(if enabled { sql_paths } else { Some(Vec::new()) })
}
