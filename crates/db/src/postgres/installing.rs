//! The services' own schemas, made where they are missing.

use basalt_core::{Error, Result};
use basalt_sql::DEFAULT_PATH;
use basalt_sql::script::{Piece, split};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::adopting;
use super::error::translate;
use super::grants::Connected;
use super::migrating::{Script, failed};
use crate::migrate::{OWN, SERVICES, ScriptError, Service, ServiceMigration, checksum};

/// Runs the migrations that the record lacks, all of all services in one transaction.
///
/// Errors: a statement's, with the service and the migration in its message.
pub(super) async fn install(client: &Client, services: &[Service]) -> Result<()> {
    // Several servers may start at once on one database. PostgreSQL's warning of a `wal_level` that publications need is for its own
    // replication: changes are told without.
    let lock = format!(
        "begin isolation level read committed; set local client_min_messages = error; set local search_path = {}; \
        set local statement_timeout = 0; select pg_advisory_xact_lock(7021114200143)",
        DEFAULT_PATH.join(", ")
    );
    client.batch_execute(&lock).await.map_err(translate)?;
    let done = install_all(client, services).await;
    let end = if done.is_ok() { "commit" } else { "rollback" };
    client.batch_execute(end).await.map_err(translate)?;
    match done {
        Err(error) if error.code() == "42501" => Err(refused(client, error).await?),
        done => done,
    }
}

async fn install_all(client: &Client, services: &[Service]) -> Result<()> {
    let there = "select to_regclass('basalt.service_migrations') is not null";
    if !client.query_typed_one(there, &[]).await.map_err(translate)?.get::<_, bool>(0) {
        client.batch_execute(SERVICES).await.map_err(translate)?;
    }
    for service in OWN.iter().chain(services) {
        install_one(client, service).await?;
    }
    super::changes::install(client).await
}

/// Says whose the schema is that the connecting role may not look after.
async fn refused(client: &Client, error: Error) -> Result<Error> {
    let owner = "select quote_ident(pg_catalog.pg_get_userbyid(nspowner)) from pg_catalog.pg_namespace \
        where nspname = 'basalt' and not pg_catalog.pg_has_role(nspowner, 'usage')";
    let owner = client.query_typed(owner, &[]).await.map_err(translate)?;
    match owner.first().map(|row| row.get::<_, String>(0)) {
        Some(owner) => Ok(error.with_hint(format!("Basalt's own schemas are those of {owner}: connect as that role."))),
        None => Ok(Connected::ask(client).await?.explain(error)),
    }
}

async fn install_one(client: &Client, service: &Service) -> Result<()> {
    let sql = "select version from basalt.service_migrations where service = $1";
    let rows = client.query_typed(sql, &[(&service.name, Type::TEXT)]).await.map_err(translate)?;
    let done: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    if let (true, Some(schema)) = (done.is_empty(), service.alone_in)
        && is_in_use(client, schema).await?
    {
        return Ok(());
    }
    let adopts = done.is_empty() && adopting::is_needed(client, service).await?;
    for migration in service.migrations.iter().filter(|one| !done.iter().any(|version| version == one.version)) {
        run(client, service, migration, adopts).await.map_err(|failure| service.failed(migration, &failure))?;
    }
    Ok(())
}

/// Whether there is a relation, function or enumeration in the schema.
async fn is_in_use(client: &Client, schema: &str) -> Result<bool> {
    let sql = "select exists (select from pg_class where relnamespace = n.oid) or exists (select from pg_proc where pronamespace = n.oid) \
        or exists (select from pg_type where typnamespace = n.oid) from pg_namespace n where nspname = $1";
    let found = client.query_typed(sql, &[(&schema, Type::TEXT)]).await.map_err(translate)?;
    Ok(found.first().is_some_and(|row| row.get(0)))
}

async fn run(
    client: &Client,
    service: &Service,
    migration: &ServiceMigration,
    adopts: bool,
) -> Result<(), ScriptError> {
    let pieces = split(migration.source)?;
    if adopts {
        for piece in &pieces {
            if let Piece::Statement { sql, offset } = *piece {
                adopting::statement(client, service, sql).await.map_err(|error| failed(error, sql, offset))?;
            }
        }
    } else {
        Script::new(client, migration.source, |_| {}).run(&pieces).await?;
    }
    let record = "insert into basalt.service_migrations (service, version, checksum) values ($1, $2, $3)";
    let values = client
        .execute_typed(
            record,
            &[(&service.name, Type::TEXT), (&migration.version, Type::TEXT), (&checksum(migration.source), Type::TEXT)],
        )
        .await;
    values.map(drop).map_err(|error| translate(error).into())
}
