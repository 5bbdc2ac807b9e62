//! Views that migrations make, and that say nothing about it, are no way around row policies by accident.
//!
//! From PostgreSQL 15 on they run with their caller's rights. Older versions have only views that run with their owner's: what
//! default privileges gave away of a new one is taken back, so that it is somebody's only when a migration grants it.

use std::collections::HashMap;

use basalt_core::{Error, Result};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::error::translate;

/// The first version with `security_invoker`.
const INVOKER: i32 = 150_000;

/// The views there are, by OID: whether each says whose rights it runs with, and its query.
type Views = HashMap<u32, (bool, String)>;

/// Looks after the views of one migration.
pub(super) enum Keeper {
    /// They run with their caller's rights; these were there before.
    Invoker(Views),
    /// They are taken from whom default privileges gave them to, if their OID is above this.
    Owner(i64),
}

impl Keeper {
    /// Before the migration, in its transaction.
    pub async fn new(client: &Client) -> Result<Keeper> {
        let version = "select current_setting('server_version_num')::int";
        let version: i32 = client.query_typed_one(version, &[]).await.map_err(translate)?.get(0);
        if version >= INVOKER {
            return Ok(Keeper::Invoker(views(client).await?));
        }
        let newest = "select coalesce(max(oid::bigint), 0) from pg_catalog.pg_class";
        Ok(Keeper::Owner(client.query_typed_one(newest, &[]).await.map_err(translate)?.get(0)))
    }

    /// After each statement: what a later one grants stays.
    pub async fn after_one(&mut self, client: &Client) -> Result<()> {
        if let Keeper::Owner(newest) = self {
            *newest = take_back(client, *newest).await?;
        }
        Ok(())
    }

    /// After the last one. `create or replace view` forgets what the view said before.
    pub async fn after_all(self, client: &Client) -> Result<()> {
        let Keeper::Invoker(before) = self else { return Ok(()) };
        for (oid, (says, query)) in views(client).await? {
            let is_untouched = before.get(&oid).is_some_and(|(said, old)| !said && *old == query);
            if !says && !is_untouched {
                let name = "select $1::oid::regclass::text";
                let name: String = client.query_typed_one(name, &[(&oid, Type::OID)]).await.map_err(translate)?.get(0);
                let close = format!("alter view {name} set (security_invoker = true)");
                client.batch_execute(&close).await.map_err(translate)?;
            }
        }
        Ok(())
    }
}

/// Every view of the project's; those of extensions are theirs.
async fn views(client: &Client) -> Result<Views> {
    let sql = "select c.oid, exists (select from unnest(c.reloptions) o where o like 'security_invoker=%'), md5(r.ev_action::text) \
        from pg_catalog.pg_class c join pg_catalog.pg_rewrite r on r.ev_class = c.oid and r.rulename = '_RETURN' \
        where c.relkind = 'v' and c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) \
        and not exists (select from pg_catalog.pg_depend d where d.objid = c.oid and d.deptype = 'e')";
    let rows = client.query_typed(sql, &[]).await.map_err(translate)?;
    Ok(rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect())
}

/// Takes views newer than the OID `newest` from everybody but their owner and roles that row policies do not bind; gives the OID
/// of the newest.
async fn take_back(client: &Client, newest: i64) -> Result<i64> {
    let sql = "select c.oid::bigint, c.oid::regclass::text, \
        (select string_agg(r.rolname::regrole::text, ', ') from aclexplode(c.relacl) x \
           join pg_catalog.pg_roles r on r.oid = x.grantee where x.grantee <> c.relowner and not r.rolbypassrls) \
        from pg_catalog.pg_class c where c.relkind = 'v' and c.oid::bigint > $1 order by c.oid::bigint";
    let mut newest = newest;
    for row in client.query_typed(sql, &[(&newest, Type::INT8)]).await.map_err(translate)? {
        newest = row.get(0);
        if let (view, Some(roles)) = (row.get::<_, String>(1), row.get::<_, Option<String>>(2)) {
            let revoke = format!("revoke all on {view} from {roles}");
            client.batch_execute(&revoke).await.map_err(translate)?;
            tracing::warn!(%view, "before PostgreSQL 15 a view runs with its owner's rights: it is closed until it is granted");
        }
    }
    Ok(newest)
}

/// An error of a migration with what to do about it, where it is one of views.
pub(super) fn explained(error: Error) -> Error {
    if error.code() == "22023" && error.message().contains("security_invoker") {
        return error.with_hint("Views that run with their caller's rights need PostgreSQL 15 or later.");
    }
    error
}
