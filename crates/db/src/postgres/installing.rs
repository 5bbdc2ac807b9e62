//! The services' own schemas, made where they are missing.

use basalt_core::Result;
use basalt_sql::script::{Piece, split};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::adopting;
use super::error::translate;
use super::migrating::{Script, failed};
use crate::migrate::{OWN, SERVICES, ScriptError, Service, ServiceMigration, checksum};

/// Runs the migrations that the record lacks, all of all services in one transaction.
///
/// Errors: a statement's, with the service and the migration in its message.
pub(super) async fn install(client: &Client, services: &[Service]) -> Result<()> {
    // Several servers may start at once on one database.
    let lock = "begin; set local client_min_messages = warning; set local search_path = public, extensions; \
        set local statement_timeout = 0; select pg_advisory_xact_lock(7021114200143)";
    client.batch_execute(lock).await.map_err(translate)?;
    let mut done = Ok(());
    for service in OWN.iter().chain(services) {
        done = install_one(client, service).await;
        if done.is_err() {
            break;
        }
    }
    if done.is_ok() {
        done = super::changes::install(client).await;
    }
    let end = if done.is_ok() { "commit" } else { "rollback" };
    client.batch_execute(end).await.map_err(translate)?;
    done
}

async fn install_one(client: &Client, service: &Service) -> Result<()> {
    client.batch_execute(SERVICES).await.map_err(translate)?;
    let sql = "select version from basalt.service_migrations where service = $1";
    let rows = client.query_typed(sql, &[(&service.name, Type::TEXT)]).await.map_err(translate)?;
    let done: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let adopts = done.is_empty() && adopting::is_needed(client, service).await?;
    for migration in service.migrations.iter().filter(|one| !done.iter().any(|version| version == one.version)) {
        run(client, service, migration, adopts).await.map_err(|failure| service.failed(migration, &failure))?;
    }
    Ok(())
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
