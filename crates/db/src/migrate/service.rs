//! The services' own schemas (`auth`, `realtime`, ...): ordinary migrations in PostgreSQL's SQL, recorded apart from the project's.

use basalt_core::{Error, Result};
use basalt_sql::ddl::Provided;
use basalt_sql::{Catalog, Name};

use super::{Script, ScriptError, checksum};
use crate::sqlite::Writer;
use crate::sqlite::translate;

/// The record of the services' migrations.
pub(crate) const SERVICES: &str = "create schema if not exists basalt;
create table if not exists basalt.service_migrations
  (service text not null, version text not null, checksum text not null, primary key (service, version));";

/// What the database keeps for itself.
pub(crate) const OWN: [Service; 2] = [crate::changes::SERVICE, super::imports::SERVICE];

/// What a service keeps in the database.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// Its name in the record.
    pub name: &'static str,
    /// Its migrations, in order. Each runs once, on either engine; none is changed after it was released.
    pub migrations: &'static [ServiceMigration],
    /// Tables whose rows it can do without: where something else made one in another form, it is set aside with them, and a statement takes over
    /// what can be used.
    pub dispensable: &'static [(&'static str, Option<&'static str>)],
    /// The schema that it has to itself: where something else has made anything there, that stays as it is, and the service makes nothing.
    /// Without one, it goes on with what it finds.
    pub alone_in: Option<&'static str>,
}

/// One migration of a service.
#[derive(Debug, Clone, Copy)]
pub struct ServiceMigration {
    /// Its place in the order: `0001`.
    pub version: &'static str,
    /// Its statements.
    pub source: &'static str,
}

/// What services make.
pub(crate) fn provided(services: &[Service]) -> Provided {
    let migrations = OWN.iter().chain(services).flat_map(|service| service.migrations);
    Provided::by(migrations.map(|migration| migration.source).collect())
}

impl Service {
    /// Whether it can do without the rows of a table that something else made, and what takes over those that can be used.
    pub(crate) fn does_without(&self, table: &str) -> Option<Option<&'static str>> {
        self.dispensable.iter().find(|(name, _)| *name == table).map(|(_, takes_over)| *takes_over)
    }

    /// Places a failure of one of its migrations.
    pub(crate) fn failed(&self, migration: &ServiceMigration, failure: &ScriptError) -> Error {
        let error = &failure.error;
        let message = format!("migration {} of service {}: {}", migration.version, self.name, error.message());
        let detail = error.detail().map_or_else(|| failure.statement.clone(), str::to_owned);
        let failed = Error::new(error.code().to_owned(), message).with_detail(detail);
        match error.hint() {
            Some(hint) => failed.with_hint(hint.to_owned()),
            None => failed,
        }
    }
}

/// Runs the services' migrations that the embedded database lacks, each service's in one transaction.
pub(crate) fn install(writer: &mut Writer, services: &[Service]) -> Result<()> {
    let record = Name::new("basalt", "service_migrations");
    if !writer.schema().catalog.relations.contains_key(&record) {
        writer.script(SERVICES, &mut |_| {}, |script| script.run(SERVICES).map(drop)).map_err(|failed| failed.error)?;
    }
    OWN.iter().chain(services).try_for_each(|service| install_one(writer, service))
}

fn install_one(writer: &mut Writer, service: &Service) -> Result<()> {
    let done = installed(writer, service)?;
    if done.is_empty() && service.alone_in.is_some_and(|schema| is_in_use(&writer.schema().catalog, schema)) {
        return Ok(());
    }
    let missing: Vec<_> = service.migrations.iter().filter(|one| !done.iter().any(|v| v == one.version)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut failed = None;
    let run = |script: &mut Script<'_>| {
        missing.iter().try_for_each(|migration| {
            script.run(migration.source).inspect_err(|_| failed = Some(**migration))?;
            Ok(script.record_service(service.name, migration.version, &checksum(migration.source))?)
        })
    };
    let result = writer.script("", &mut |_| {}, run);
    result.map_err(|failure| match &failed {
        Some(migration) => service.failed(migration, &failure),
        None => failure.error,
    })
}

/// Whether there is a relation, function or enumeration in the schema.
fn is_in_use(catalog: &Catalog, schema: &str) -> bool {
    let mut names = catalog.relations.keys().chain(catalog.functions.keys()).chain(catalog.enums.keys());
    names.any(|name| name.schema == schema)
}

/// The versions that are recorded.
fn installed(writer: &Writer, service: &Service) -> Result<Vec<String>> {
    let read = || {
        let sql = "SELECT version FROM \"basalt.service_migrations\" WHERE service = ?1";
        let mut statement = writer.connection.sqlite.prepare(sql)?;
        statement.query_map([service.name], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()
    };
    read().map_err(translate)
}
