//! The first look at a database: what is missing is made, the catalog is read, and it shows as whom requests run.

use std::sync::Weak;
use std::time::Duration;

use basalt_core::Result;

use super::connection::{Connection, Target};
use super::error::translate;
use super::{Current, Engine, bootstrap, changes, installing};
use crate::migrate::Service;

/// The pauses between attempts to read the catalog for the first time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(32);

/// Makes what is missing if there are services to make it for, and reads the catalog; tells whether requests would be a superuser's.
pub(super) async fn first_look(
    owner: &Target,
    is_own_cluster: bool,
    services: Option<&[Service]>,
) -> Result<(Current, bool)> {
    let first = owner.connect(1).await?;
    if let Some(services) = services {
        bootstrap::bootstrap(&first.client).await?;
        installing::install(&first.client, services).await?;
    }
    let (login, steps_down) = requests_login(&first, is_own_cluster, services.is_some()).await?;
    let current = Current::read(&first, &login).await?;
    if current.catalog.relation("basalt", "changes").is_some() {
        changes::watch(&first.client, &current.catalog).await?;
    }
    Ok((current, steps_down))
}

/// Reads the catalog for the first time, as soon as PostgreSQL can be reached.
pub(super) async fn load_at_last(engine: Weak<Engine>) {
    let mut pause = FIRST_PAUSE;
    loop {
        tokio::time::sleep(pause).await;
        let Some(engine) = engine.upgrade() else { return };
        if engine.is_loaded() {
            return;
        }
        match engine.reload().await {
            Ok(()) => return engine.asked.notify_one(),
            Err(error) => tracing::warn!(%error, "the catalog could not be read; trying again in {pause:?}"),
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The role as which requests run, and whether a connection has to be made that role's. Where Basalt makes the roles, a superuser steps
/// down: whatever happens in a request, `reset role` leads no higher than to `authenticator`.
pub(super) async fn requests_login(
    connection: &Connection,
    is_own_cluster: bool,
    bootstrap: bool,
) -> Result<(String, bool)> {
    if is_own_cluster {
        return Ok(("authenticator".into(), false));
    }
    let sql = "select current_user::text, rolsuper, exists (select from pg_catalog.pg_roles where rolname = 'authenticator') \
        from pg_catalog.pg_roles where rolname = current_user";
    let row = connection.client.query_typed_one(sql, &[]).await.map_err(translate)?;
    let (user, steps_down): (String, bool) = (row.get(0), bootstrap && row.get::<_, bool>(1) && row.get::<_, bool>(2));
    Ok((if steps_down { "authenticator".into() } else { user }, steps_down))
}
