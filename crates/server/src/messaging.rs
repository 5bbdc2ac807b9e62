//! The way to the project's other nodes, as the configuration has it.

use std::path::Path;

use basalt_db::Database;
use basalt_messaging::{Bus, Carrier, Nats, Notify, Secret};

use crate::config::Config;
use crate::start::StartError;

/// The bus over NATS where one is named, else over PostgreSQL. On the embedded engine a node is alone.
///
/// Errors: what of the configuration can't be used.
pub(crate) fn bus(project: &Path, config: &Config, database: &Database) -> Result<Bus, StartError> {
    let settings = &config.messaging;
    settings.judge().map_err(StartError::Config)?;
    let names_nats = !settings.nats.is_empty();
    if names_nats && database.postgres().is_none() {
        return Err(StartError::Config(
            "`messaging.nats` joins nodes that share a PostgreSQL database, but this project runs on the embedded engine, whose \
             database is one process's own: name the shared one in `database.url`, or remove `messaging.nats`"
                .into(),
        ));
    }
    let notify = Notify::new(database).filter(|_| !names_nats && settings.notify);
    if notify.is_none() && !names_nats {
        return Ok(Bus::alone());
    }
    if settings.queue_bytes.as_u64() < 2 * config.realtime.payload.as_u64() {
        return Err(StartError::Config(
            "`messaging.queue_bytes` must be at least twice `realtime.payload`: a message that is larger could never leave".into(),
        ));
    }
    let Some(secret) = secret(project, config)? else {
        if names_nats {
            return Err(StartError::Config(
                "`messaging.nats` needs a secret that all nodes have: set `messaging.secret`, since no key of the project signs tokens"
                    .into(),
            ));
        }
        tracing::warn!(
            "no key of the project signs tokens, so nodes have no common secret: broadcasts and presence stay on this node. \
             Set `messaging.secret` on all nodes"
        );
        return Ok(Bus::alone());
    };
    let carrier: Box<dyn Carrier> = match notify {
        Some(notify) => Box::new(notify),
        None => Box::new(Nats::new(settings, project, &secret).map_err(StartError::Config)?),
    };
    Ok(Bus::new(carrier, &secret, settings))
}

/// What all nodes know, and nobody else: its own setting, else what signs tokens. Public keys are no secret.
fn secret(project: &Path, config: &Config) -> Result<Option<Secret>, StartError> {
    let own = &config.messaging.secret;
    if !own.is_empty() {
        let short = || StartError::Config("`messaging.secret` must have at least 16 bytes".into());
        return Secret::new(own.as_bytes()).ok_or_else(short).map(Some);
    }
    if !config.auth.jwt_secret.is_empty() {
        return Ok(Secret::new(config.auth.jwt_secret.as_bytes()));
    }
    let Some(path) = config.signing_keys(project) else { return Ok(None) };
    let text = std::fs::read(&path).map_err(|error| {
        StartError::Config(format!("`auth.signing_keys_path` {} can't be read: {error}", path.display()))
    })?;
    Ok(Secret::new(&text))
}
