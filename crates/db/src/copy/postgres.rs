//! PostgreSQL's side of a copy.

use std::collections::BTreeMap;

use basalt_core::{Error, Result};
use basalt_sql::{Name, quote};
use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::{CHUNK, Order, Standing, Table, miscounted};
use crate::postgres::{Postgres, translate};

impl Postgres {
    /// Sends a table's rows.
    pub(super) async fn export(&self, table: &Table, chunks: mpsc::Sender<(Bytes, u64)>) -> Result<()> {
        let connection = self.owner().await?;
        let sql = format!("copy ({}) to stdout", table.select());
        let stream = connection.client.copy_out(&sql).await.map_err(translate)?;
        let mut stream = std::pin::pin!(stream);
        let (mut chunk, mut rows) = (BytesMut::new(), 0);
        // Each message is a line.
        while let Some(line) = stream.next().await {
            chunk.extend_from_slice(&line.map_err(translate)?);
            rows += 1;
            if chunk.len() >= CHUNK && chunks.send((chunk.split().freeze(), std::mem::take(&mut rows))).await.is_err() {
                return Ok(());
            }
        }
        if rows > 0 {
            let _ = chunks.send((chunk.freeze(), rows)).await;
        }
        Ok(())
    }

    pub(super) async fn standings(&self) -> Result<Vec<Standing>> {
        let connection = self.owner().await?;
        let sql = "select schemaname::text, sequencename::text, coalesce(last_value, start_value), last_value is not null \
            from pg_catalog.pg_sequences";
        let rows = connection.client.query_typed(sql, &[]).await.map_err(translate)?;
        Ok(rows
            .iter()
            .map(|row| Standing {
                name: Name::new(row.get::<_, String>(0), row.get::<_, String>(1)),
                last_value: row.get(2),
                is_called: row.get(3),
            })
            .collect())
    }

    /// Takes what is sent, in one transaction.
    pub(super) async fn load(&self, tables: &[Table], mut orders: mpsc::Receiver<Order>) -> Result<()> {
        let connection = self.single().await?;
        let client = &connection.client;
        let begin = "begin; set local statement_timeout = 0";
        client.batch_execute(begin).await.map_err(translate)?;
        let loaded = load(client, tables, &mut orders).await;
        let end = if loaded.is_ok() { "commit" } else { "rollback" };
        let ended = client.batch_execute(end).await.map_err(translate);
        loaded?;
        ended
    }
}

async fn load(client: &Client, tables: &[Table], orders: &mut mpsc::Receiver<Order>) -> Result<()> {
    pass_over_keys(client).await?;
    let silenced = silence(client, tables).await?;
    if !tables.is_empty() {
        let names: Vec<String> = tables.iter().map(|table| table.name.quoted()).collect();
        client.batch_execute(&format!("truncate {} cascade", names.join(", "))).await.map_err(translate)?;
    }
    while let Some(order) = orders.recv().await {
        match order {
            Order::Rows(table, lines) => {
                let sink = client.copy_in::<_, Bytes>(&table.copy_in()).await.map_err(translate)?;
                let mut sink = std::pin::pin!(sink);
                sink.send(lines).await.map_err(translate)?;
                sink.finish().await.map_err(|error| with_table(translate(error), &table.name))?;
            }
            Order::Finish(sent, standings) => {
                finish(client, sent, standings).await?;
                return client.batch_execute(&switched(&silenced, "enable")).await.map_err(translate);
            }
        }
    }
    Err(Error::new("57014", "the source ended before everything was sent"))
}

/// Passes over foreign keys and triggers in the open transaction: the source kept the keys, and its triggers have had their say. Only
/// a superuser may; for others, keys that can be deferred are, and triggers of their own tables are [silenced](silence).
pub(crate) async fn pass_over_keys(client: &Client) -> Result<()> {
    let sql = "select rolsuper from pg_catalog.pg_roles where rolname = current_user";
    let set = match client.query_typed_one(sql, &[]).await.map_err(translate)?.get(0) {
        true => "set local session_replication_role = replica",
        false => "set constraints all deferred",
    };
    client.batch_execute(set).await.map_err(translate)
}

/// Takes their say from the triggers of the tables that one owns, where `session_replication_role` does not: tables and triggers, quoted.
async fn silence(client: &Client, tables: &[Table]) -> Result<Vec<(String, String)>> {
    let sql = "select n.nspname::text, c.relname::text, t.tgname::text from pg_catalog.pg_trigger t \
        join pg_catalog.pg_class c on c.oid = t.tgrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
        where not t.tgisinternal and t.tgenabled = 'O' and pg_catalog.pg_has_role(c.relowner, 'usage') \
        and pg_catalog.current_setting('session_replication_role') <> 'replica'";
    let rows = client.query_typed(sql, &[]).await.map_err(translate)?;
    let triggers = rows.iter().filter_map(|row| {
        let name = Name::new(row.get::<_, String>(0), row.get::<_, String>(1));
        let is_copied = tables.iter().any(|table| table.name == name);
        is_copied.then(|| (name.quoted(), quote::ident(row.get::<_, &str>(2))))
    });
    let triggers: Vec<_> = triggers.collect();
    client.batch_execute(&switched(&triggers, "disable")).await.map_err(translate)?;
    Ok(triggers)
}

/// The statements that switch triggers on or off.
fn switched(triggers: &[(String, String)], switch: &str) -> String {
    triggers.iter().map(|(table, trigger)| format!("alter table {table} {switch} trigger {trigger};")).collect()
}

async fn finish(client: &Client, sent: BTreeMap<Name, u64>, standings: Vec<Standing>) -> Result<()> {
    for Standing { name, last_value, is_called } in standings {
        let sql = "select pg_catalog.setval(c.oid::regclass, $3, $4) from pg_catalog.pg_class c \
            join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind = 'S' and n.nspname = $1 and c.relname = $2";
        client
            .query_typed(
                sql,
                &[
                    (&name.schema, Type::TEXT),
                    (&name.name, Type::TEXT),
                    (&last_value, Type::INT8),
                    (&is_called, Type::BOOL),
                ],
            )
            .await
            .map_err(translate)?;
    }
    for (name, sent) in sent {
        let sql = format!("select count(*) from {}", name.quoted());
        let there: i64 = client.query_typed_one(&sql, &[]).await.map_err(translate)?.get(0);
        if there.unsigned_abs() != sent {
            return Err(miscounted(&name, sent, there.unsigned_abs()));
        }
    }
    Ok(())
}

fn with_table(error: Error, name: &Name) -> Error {
    let detail =
        error.detail().map_or_else(|| format!("In table {name}."), |detail| format!("{detail} (in table {name})"));
    error.with_detail(detail)
}
