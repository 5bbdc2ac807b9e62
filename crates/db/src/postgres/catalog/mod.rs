//! The catalog, read from `pg_catalog` in a handful of queries, in one snapshot.

mod conversions;
mod functions;
mod indexes;
mod relations;
mod rows;
mod types;
mod view_origin;

use std::sync::atomic::{AtomicU64, Ordering};

use basalt_core::{Error, Operation, Result};
use basalt_sql::catalog::{Grants, Part, Privilege, Publication, Role, Schema};
use basalt_sql::quote::literal;
use basalt_sql::{Catalog, Name};
use serde::de::DeserializeOwned;
use tokio_postgres::Client;

use super::error::translate;
use rows::{Grant, PublicationRow, PublishedRow, RoleRow, SchemaRow};
use types::Types;

/// Names are qualified in all texts, and every query sees the same moment.
const BEGIN: &str =
    "begin isolation level repeatable read read only; set local search_path = ''; set local statement_timeout = 0";

/// Versions are unique in the process, whichever connection loads.
static VERSION: AtomicU64 = AtomicU64::new(1);

/// Reads the catalog. `login`: the role of requests' sessions.
///
/// Errors: the connection's, or 42501 for a database that hides its catalog.
pub(crate) async fn load(client: &Client, login: &str) -> Result<Catalog> {
    client.batch_execute(BEGIN).await.map_err(translate)?;
    let loaded = read(client, login).await;
    let ended = client.batch_execute("commit").await.map_err(translate);
    let loaded = loaded?;
    ended?;
    Ok(loaded)
}

async fn read(client: &Client, login: &str) -> Result<Catalog> {
    let server_version = server_version(client).await?;
    let types = Types::new(query(client, include_str!("types.sql")).await?);
    let relations = query(client, include_str!("relations.sql")).await?;
    let constraints = query(client, include_str!("constraints.sql")).await?;
    let indexes = query(client, include_str!("indexes.sql")).await?;
    let views = query(client, include_str!("views.sql")).await?;
    let functions = query(client, include_str!("functions.sql")).await?;
    let casts = query(client, include_str!("casts.sql")).await?;
    let handlers = query(client, include_str!("handlers.sql")).await?;
    let schemas: Vec<SchemaRow> = query(client, include_str!("schemas.sql")).await?;
    let roles: Vec<RoleRow> = query(client, &roles_query(server_version, login)).await?;

    let publications: Vec<PublicationRow> = query(client, &publications_query(server_version)).await?;

    let mut catalog = Catalog { version: VERSION.fetch_add(1, Ordering::Relaxed), ..Catalog::default() };
    catalog.schemas = schemas.into_iter().map(|row| (row.name.clone(), schema(row))).collect();
    catalog.roles = roles.into_iter().map(|row| (row.name.clone(), role(row))).collect();
    catalog.publications = publications.into_iter().map(publication).collect();
    types.describe(&mut catalog);
    let names = relations::build(&mut catalog, &types, relations, constraints, views);
    indexes::build(&mut catalog, &names, indexes);
    functions::build(&mut catalog, &types, &names, functions);
    conversions::build(&mut catalog, &types, &names, casts, handlers);
    Ok(catalog)
}

/// PostgreSQL's version as a number: 150018 for 15.18.
async fn server_version(client: &Client) -> Result<u32> {
    let row = client.query_typed_one("select current_setting('server_version_num')", &[]).await.map_err(translate)?;
    Ok(row.get::<_, String>(0).parse().unwrap_or_default())
}

/// The rows of a query, through JSON.
async fn query<T: DeserializeOwned>(client: &Client, sql: &str) -> Result<Vec<T>> {
    let sql = format!("select coalesce(pg_catalog.json_agg(_r), '[]')::text from (\n{sql}\n) _r");
    let row = client.query_typed_one(&sql, &[]).await.map_err(translate)?;
    let text: &str = row.get(0);
    serde_json::from_str(text).map_err(|error| Error::internal(format!("the catalog can't be read: {error}")))
}

/// From version 15 on, settings beyond a user's own may be granted (`grant set on parameter`) to the role of requests' sessions; from 16 on, each membership says
/// whether its privileges are inherited.
fn roles_query(server_version: u32, login: &str) -> String {
    let mut sql = include_str!("roles.sql").to_owned();
    if server_version >= 150_000 {
        let settable = format!(
            "k.context = 'user' or pg_catalog.has_parameter_privilege({}, k.name, 'SET') and k.context <> 'postmaster'",
            literal(login)
        );
        sql = instead(&sql, "/*settable*/", &settable);
    }
    if server_version >= 160_000 {
        sql = instead(&sql, "/*inherit option*/", "m.inherit_option");
    }
    sql
}

/// Schemas, and parts of tables, are published from version 15 on.
fn publications_query(server_version: u32) -> String {
    let sql = include_str!("publications.sql");
    if server_version >= 150_000 {
        return sql.to_owned();
    }
    instead(&instead(sql, "/*schemas*/", "null::json"), "/*parts*/", "null, null")
}

/// A query with another text between a mark, which it has, and the `/*end*/` after it.
fn instead(sql: &str, mark: &str, text: &str) -> String {
    let parts = sql.split_once(mark).and_then(|(before, rest)| Some((before, rest.split_once("/*end*/")?.1)));
    debug_assert!(parts.is_some(), "a query lacks the mark {mark}");
    parts.map_or_else(|| sql.to_owned(), |(before, after)| format!("{before}{text}{after}"))
}

fn publication(row: PublicationRow) -> (String, Publication) {
    let operations = [row.insert, row.update, row.delete, row.truncate].into_iter().zip(Operation::ALL);
    let mut publication = Publication {
        all_tables: row.all_tables,
        schemas: row.schemas.unwrap_or_default(),
        operations: operations.filter(|(is_published, _)| *is_published).map(|(_, operation)| operation).collect(),
        ..Publication::default()
    };
    for PublishedRow(schema, name, columns, rows) in row.tables.into_iter().flatten() {
        let table = Name::new(schema, name);
        if columns.is_some() || rows.is_some() {
            publication.parts.insert(table.clone(), Part { columns, rows });
        }
        publication.tables.insert(table);
    }
    (row.name, publication)
}

fn schema(row: SchemaRow) -> Schema {
    Schema { comment: row.comment, grants: grants(row.grants) }
}

fn role(row: RoleRow) -> Role {
    Role {
        superuser: row.superuser,
        bypass_row_security: row.bypass_row_security,
        inherits: row.inherits,
        member_of: row.member_of.into_iter().collect(),
        inherit_options: row.inherit_options,
        settings: row.settings.into_iter().collect(),
    }
}

/// `aclexplode`'s pairs of role and privilege.
fn grants(rows: Option<Vec<Grant>>) -> Grants {
    let mut grants = Grants::new();
    for Grant(role, privilege) in rows.unwrap_or_default() {
        let privilege = match privilege.as_str() {
            "SELECT" => Privilege::Select,
            "INSERT" => Privilege::Insert,
            "UPDATE" => Privilege::Update,
            "DELETE" => Privilege::Delete,
            "TRUNCATE" => Privilege::Truncate,
            "REFERENCES" => Privilege::References,
            "TRIGGER" => Privilege::Trigger,
            "USAGE" => Privilege::Usage,
            "EXECUTE" => Privilege::Execute,
            // CREATE and MAINTAIN are no matter of requests.
            _ => continue,
        };
        grants.entry(role).or_default().insert(privilege);
    }
    grants
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_is_asked_for_what_it_has() {
        let has = |sql: String, parts: [&str; 2]| parts.map(|part| sql.contains(part));
        let roles =
            |version| has(roles_query(version, "o'neil"), ["has_parameter_privilege('o''neil', ", "m.inherit_option"]);
        assert_eq!([140_000, 150_000, 160_000].map(roles), [[false, false], [true, false], [true, true]]);
        let publications = |version| has(publications_query(version), ["pg_publication_namespace", "prqual"]);
        assert_eq!([140_000, 150_000].map(publications), [[false, false], [true, true]]);
    }
}
