//! What a configuration names and the database lacks. It may come later, by another's migration: it is told, not refused.

use basalt_db::Database;
use basalt_sql::catalog::Name;

use crate::config::Config;

/// What is missing, a sentence each; nothing while the database can't be reached.
pub fn unknown_names(config: &Config, database: &Database) -> Vec<String> {
    if !database.is_loaded() {
        return Vec::new();
    }
    let (api, catalog) = (&config.api, database.catalog());
    let mut told = Vec::new();
    for schema in missing_schemas(config, database) {
        told.push(format!("`api.schemas` names a schema that does not exist: {schema}"));
    }
    let role = &api.anonymous_role;
    if !role.is_empty() && !catalog.roles.contains_key(role) {
        told.push(format!("`api.anonymous_role` names a role that does not exist: {role}"));
    }
    for pattern in &api.unprotected {
        let exists = match pattern.split_once('.') {
            _ if pattern == "*" => true,
            Some((schema, "*")) => catalog.schemas.contains_key(schema),
            _ => catalog.relations.contains_key(&Name::named(pattern)),
        };
        if !exists {
            told.push(format!("`api.unprotected` names what does not exist: {pattern}"));
        }
    }
    told
}

/// Exposed schemas that are not there.
pub fn missing_schemas<'c>(config: &'c Config, database: &Database) -> Vec<&'c str> {
    let catalog = database.catalog();
    let exposed = config.api.schemas.iter().map(String::as_str);
    exposed.filter(|schema| database.is_loaded() && !catalog.schemas.contains_key(*schema)).collect()
}
