//! Configuration that the database keeps: settings `pgrst.*` of the connecting role (`alter role ... set`), and those that a
//! function of the database sets.

use std::collections::BTreeMap;

use basalt_core::Result;
use tokio_postgres::types::Type;

use super::Postgres;
use super::error::translate;
use crate::request::call;

/// Takes over a role's settings, those for this database after those for all.
const OF_ROLE: &str =
    "select pg_catalog.set_config(split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1), true)
  from (select setting from pg_catalog.pg_db_role_setting, unnest(setconfig) setting
    where setrole = (select oid from pg_catalog.pg_roles where rolname = $1) and setting like 'pgrst.%'
      and setdatabase in (0, (select oid from pg_catalog.pg_database where datname = current_database()))
    order by setdatabase) of_role";

impl Postgres {
    /// The values of the settings `pgrst.<name>` that requests' sessions have, after `pre_config` (`schema.function`) has run. Those of
    /// `role`, if one is named, come before the connecting role's.
    ///
    /// Errors: 08001 when PostgreSQL can't be reached; the function's.
    pub async fn stored_settings(
        &self,
        names: &[&str],
        pre_config: Option<&str>,
        role: Option<&str>,
    ) -> Result<BTreeMap<String, String>> {
        // A role's settings are those of its new sessions. The function runs with no more rights than requests do.
        let connection = self.engine.requests_target.connect(1).await?;
        let client = &connection.client;
        client.batch_execute(&format!("begin read only{}", self.engine.step_down)).await.map_err(translate)?;
        client.query_typed(OF_ROLE, &[(&role, Type::TEXT)]).await.map_err(translate)?;
        if let Some(function) = pre_config {
            client.batch_execute(&call(function)).await.map_err(translate)?;
        }
        let sql = "select name, pg_catalog.current_setting('pgrst.' || name, true) from unnest($1::text[]) name";
        let rows = client.query_typed(sql, &[(&names, Type::TEXT_ARRAY)]).await.map_err(translate)?;
        let set = rows.iter().filter_map(|row| Some((row.get(0), row.get::<_, Option<String>>(1)?)));
        Ok(set.filter(|(_, value)| !value.is_empty()).collect())
    }

    /// Completes when somebody asks for the configuration to be read again: `notify pgrst, 'reload config'`, and whenever
    /// PostgreSQL could not be reached for a while.
    pub async fn configuration_asked(&self) {
        self.engine.asked.notified().await;
    }
}
