//! The first look at a database: what is missing is made, it shows as whom requests log in, and the catalog is read.

use std::sync::Weak;
use std::time::Duration;

use basalt_core::{Backoff, Error, Result};
use basalt_sql::catalog::AUTHENTICATOR;

use super::connection::{Connection, Target};
use super::error::translate;
use super::{Current, Engine, PostgresOptions, bootstrap, changes, installing};

/// The pauses between attempts to read the catalog for the first time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(32);

/// How requests log in.
pub(super) struct Login {
    pub target: Target,
    /// The role of their sessions, where that is not the owner's.
    pub role: Option<String>,
    /// What makes a transaction no superuser's, where a connection can't be made so.
    pub step_down: &'static str,
}

impl Login {
    /// As the owner does.
    fn own(owner: &Target) -> Login {
        Login { target: owner.clone(), role: None, step_down: "" }
    }

    /// While nobody could be asked, where Basalt makes no roles.
    pub fn unasked(owner: &Target, options: &PostgresOptions) -> Login {
        match &options.authenticator_password {
            Some(password) => Login::authenticator(with_password(owner, password)),
            None => Login::own(owner),
        }
    }

    /// As `authenticator`, by the way that `target` says: no SQL leads up from there.
    fn authenticator(target: Target) -> Login {
        Login { target, role: Some(AUTHENTICATOR.into()), step_down: "" }
    }
}

/// Makes what is missing if that is asked for, finds out how requests log in, and reads the catalog.
///
/// `trusted`: how `authenticator` logs in, where that is known (a cluster of our own).
pub(super) async fn first_look(
    owner: &Target,
    trusted: Option<Target>,
    options: &PostgresOptions,
) -> Result<(Current, Login)> {
    let first = owner.connect(1).await?;
    if options.bootstrap {
        bootstrap::bootstrap(&first.client).await?;
        installing::install(&first.client, &options.services).await?;
    }
    let login = match trusted {
        Some(target) => Login::authenticator(target),
        None => login(&first, owner, options).await?,
    };
    let current = Current::read(&first, login.role.as_deref()).await?;
    if current.catalog.relation("basalt", "changes").is_some() {
        changes::watch(&first.client, &current.catalog, None).await?;
    }
    Ok((current, login))
}

/// Reads the catalog for the first time, as soon as PostgreSQL can be reached.
pub(super) async fn load_at_last(engine: Weak<Engine>) {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    let mut pause = backoff.pause();
    loop {
        tokio::time::sleep(pause).await;
        pause = backoff.pause();
        let Some(engine) = engine.upgrade() else { return };
        if engine.is_loaded() {
            return;
        }
        match engine.reload().await {
            Ok(()) => return,
            Err(error) => tracing::warn!(%error, "the catalog could not be read; trying again in {pause:?}"),
        }
    }
}

/// Where Basalt makes the roles, requests of a superuser's connection are those of `authenticator`: by a login of their own, if
/// PostgreSQL lets `authenticator` in, else by a step down in each transaction, which SQL can undo.
async fn login(first: &Connection, owner: &Target, options: &PostgresOptions) -> Result<Login> {
    if let Some(password) = &options.authenticator_password {
        return as_authenticator(with_password(owner, password)).await.map(Login::authenticator).map_err(|error| {
            Error::new("08001", "`database.authenticator_password` does not let requests log in as `authenticator`")
                .with_detail(error.detail().unwrap_or(error.message()).to_owned())
                .with_hint("Have a superuser run: alter role authenticator login password '...'.")
        });
    }
    let superuser = "select rolsuper and exists (select from pg_catalog.pg_roles where rolname = 'authenticator') \
        from pg_catalog.pg_roles where rolname = current_user";
    if !options.bootstrap || !first.client.query_typed_one(superuser, &[]).await.map_err(translate)?.get::<_, bool>(0) {
        return Ok(Login::own(owner));
    }
    let mut target = owner.clone();
    target.config.user(AUTHENTICATOR);
    match as_authenticator(target).await {
        Ok(target) => Ok(Login::authenticator(target)),
        Err(error) => {
            let reason = error.detail().unwrap_or(error.message());
            tracing::warn!(
                reason,
                "`database.url` connects as a superuser, and requests can't log in as `authenticator`: SQL that runs text of its callers \
                 can step up again; set `database.authenticator_password`, or connect as a role that is no superuser"
            );
            Ok(Login {
                target: owner.clone(),
                role: Some(AUTHENTICATOR.into()),
                step_down: "; set local session authorization authenticator",
            })
        }
    }
}

fn with_password(owner: &Target, password: &str) -> Target {
    let mut target = owner.clone();
    target.config.user(AUTHENTICATOR).password(password);
    target
}

/// Tries a login of `authenticator`.
///
/// Errors: 08001 when PostgreSQL refuses, or something in between logs in as somebody else.
async fn as_authenticator(target: Target) -> Result<Target> {
    let connection = target.connect(1).await?;
    let who = connection.client.query_typed_one("select session_user::text", &[]).await.map_err(translate)?;
    match who.get(0) {
        AUTHENTICATOR => Ok(target),
        other => {
            Err(Error::new("08001", format!("what stands before PostgreSQL logs `authenticator` in as `{other}`")))
        }
    }
}
