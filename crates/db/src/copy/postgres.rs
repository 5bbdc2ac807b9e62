//! PostgreSQL's side of a copy.

use std::collections::BTreeMap;

use basalt_core::{Error, Result};
use basalt_sql::Name;
use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use super::{CHUNK, LOG, Order, Standing, Table, Told, miscounted};
use crate::postgres::{Postgres, translate};

/// Text as PostgreSQL reads it under any settings, and no limit but that of waiting: what roles and databases set is for others.
const PLAIN: &str = "set local statement_timeout = 0; set local lock_timeout = '60s'; set local idle_in_transaction_session_timeout = 0; \
    set local datestyle = 'ISO, MDY'; set local intervalstyle = 'postgres'; set local timezone = 'UTC'; \
    set local extra_float_digits = 1; set local bytea_output = 'hex'";
/// Only PostgreSQL 17 and later have it.
const UNLIMITED: &str = "select pg_catalog.set_config('transaction_timeout', '0', true) \
    where pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 170000";

impl Postgres {
    /// Tells everything, as of one moment.
    pub(super) async fn tell(&self, tables: &[Table], told: mpsc::Sender<Told>) -> Result<()> {
        // With its end the transaction ends.
        let connection = self.single().await?;
        let client = &connection.client;
        // Rows that policies hide from the connecting role would be missing unseen.
        let begin = format!("begin isolation level repeatable read, read only; {PLAIN}; set local row_security = off");
        client.batch_execute(&begin).await.map_err(translate)?;
        client.batch_execute(UNLIMITED).await.map_err(translate)?;
        tell(client, tables, &told).await.map_err(with_holder)
    }

    /// What tells this database from all others, by whatever address it is reached: when its server started, to the microsecond, and its number
    /// there. The system identifier would not do: clones have their origin's.
    pub(super) async fn place(&self) -> Result<(i64, u32)> {
        let sql = "select (extract(epoch from pg_catalog.pg_postmaster_start_time()) * 1000000)::pg_catalog.int8, oid \
            from pg_catalog.pg_database where datname = pg_catalog.current_database()";
        let row = self.single().await?.client.query_typed_one(sql, &[]).await.map_err(translate)?;
        Ok((row.get(0), row.get(1)))
    }

    /// Takes what is sent, in one transaction.
    pub(super) async fn load(&self, tables: &[Table], mut orders: mpsc::Receiver<Order>) -> Result<()> {
        let connection = self.single().await?;
        let client = &connection.client;
        client.batch_execute(&format!("begin; {PLAIN}")).await.map_err(translate)?;
        client.batch_execute(UNLIMITED).await.map_err(translate)?;
        let loaded = load(client, tables, &mut orders).await.map_err(with_holder);
        let end = if loaded.is_ok() { "commit" } else { "rollback" };
        let ended = client.batch_execute(end).await.map_err(translate);
        loaded?;
        ended
    }
}

async fn tell(client: &Client, tables: &[Table], told: &mpsc::Sender<Told>) -> Result<()> {
    if !tables.is_empty() {
        // Before the first look: TRUNCATE empties a table for older looks too.
        let names: Vec<String> = tables.iter().map(|table| table.name.quoted()).collect();
        let lock = format!("lock table {} in access share mode", names.join(", "));
        client.batch_execute(&lock).await.map_err(translate)?;
    }
    let mut total = 0;
    for table in tables {
        total += count(client, &table.name).await?;
    }
    if told.send(Told::Total(total)).await.is_err() {
        return Ok(());
    }
    for (number, table) in tables.iter().enumerate() {
        let stream = client.copy_out(&format!("copy ({}) to stdout", table.select())).await.map_err(translate)?;
        let mut stream = std::pin::pin!(stream);
        let (mut chunk, mut rows) = (BytesMut::new(), 0);
        // Each message is a line.
        while let Some(line) = stream.next().await {
            chunk.extend_from_slice(&line.map_err(translate)?);
            rows += 1;
            if chunk.len() >= CHUNK {
                let full = Told::Rows(number, chunk.split().freeze(), std::mem::take(&mut rows));
                if told.send(full).await.is_err() {
                    return Ok(());
                }
            }
        }
        if rows > 0 && told.send(Told::Rows(number, chunk.freeze(), rows)).await.is_err() {
            return Ok(());
        }
    }
    let _ = told.send(Told::Standings(standings(client).await?)).await;
    Ok(())
}

/// Where the sequences stand that the connecting role may read. `pg_sequences` does not show where one stands that was not called since it was set.
async fn standings(client: &Client) -> Result<Vec<Standing>> {
    let reading = "select pg_catalog.string_agg(pg_catalog.format('select %L, %L, last_value, is_called from %I.%I', \
            n.nspname, c.relname, n.nspname, c.relname), ' union all ') \
        from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
        where c.relkind = 'S' and c.relpersistence <> 't' \
            and pg_catalog.has_schema_privilege(n.oid, 'usage') and pg_catalog.has_table_privilege(c.oid, 'select')";
    let reading: Option<String> = client.query_typed_one(reading, &[]).await.map_err(translate)?.get(0);
    let Some(reading) = reading else { return Ok(Vec::new()) };
    let rows = client.query_typed(&reading, &[]).await.map_err(translate)?;
    Ok(rows
        .iter()
        .map(|row| Standing {
            name: Name::new(row.get::<_, String>(0), row.get::<_, String>(1)),
            last_value: row.get(2),
            is_called: row.get(3),
        })
        .collect())
}

async fn count(client: &Client, table: &Name) -> Result<u64> {
    let sql = format!("select count(*) from {}", table.quoted());
    let rows: i64 = client.query_typed_one(&sql, &[]).await.map_err(translate)?.get(0);
    Ok(rows.unsigned_abs())
}

async fn load(client: &Client, tables: &[Table], orders: &mut mpsc::Receiver<Order>) -> Result<()> {
    let restore = put_off(client, tables).await?;
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
                // Rows are counted before the policies are the owner's again.
                finish(client, sent, standings).await?;
                return client.batch_execute(&restore).await.map_err(translate);
            }
        }
    }
    Err(Error::new("57014", "the source ended before everything was sent"))
}

/// Passes over foreign keys and triggers in the open transaction: the source kept the keys, and its triggers have had their say. Only
/// a superuser may; for others, keys that can be deferred are.
pub(crate) async fn pass_over_keys(client: &Client) -> Result<()> {
    let set = match is_superuser(client).await? {
        true => "set local session_replication_role = replica",
        false => "set constraints all deferred",
    };
    client.batch_execute(set).await.map_err(translate)
}

async fn is_superuser(client: &Client) -> Result<bool> {
    let sql = "select rolsuper from pg_catalog.pg_roles where rolname = current_user";
    Ok(client.query_typed_one(sql, &[]).await.map_err(translate)?.get(0))
}

/// Has triggers and foreign keys leave the rows alone as [`pass_over_keys`] does, and gives what puts them back. Who may not pass over them
/// has its own tables' triggers and forced policies off meanwhile, and their keys to rows that come later judged at the end. Constraints that are not valid, which
/// rows of the source need not hold to, are made again at the end.
async fn put_off(client: &Client, tables: &[Table]) -> Result<String> {
    let sql = "select \
            pg_catalog.format('alter table %s disable trigger %I', t.tgrelid::pg_catalog.regclass, t.tgname), \
            pg_catalog.format('alter table %s enable %s trigger %I', t.tgrelid::pg_catalog.regclass, \
                case t.tgenabled when 'A' then 'always' else '' end, t.tgname) \
        from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid \
        where not $4 and not t.tgisinternal and t.tgenabled in ('O', 'A') and t.tgrelid = any ($1::text[]::pg_catalog.regclass[]) \
            and pg_catalog.pg_has_role(c.relowner, 'usage') \
        union all select \
            pg_catalog.format('alter table %s alter constraint %I deferrable initially deferred', k.conrelid::pg_catalog.regclass, k.conname), \
            pg_catalog.format('alter table %s alter constraint %I not deferrable', k.conrelid::pg_catalog.regclass, k.conname) \
        from pg_catalog.pg_constraint k join pg_catalog.pg_class c on c.oid = k.conrelid \
            join unnest($2::text[], $3::text[]) as early (relation, name) \
                on early.relation::pg_catalog.regclass = k.conrelid and early.name = k.conname \
        where not $4 and k.convalidated and pg_catalog.pg_has_role(c.relowner, 'usage') \
        union all select \
            pg_catalog.format('alter table %s no force row level security', c.oid::pg_catalog.regclass), \
            pg_catalog.format('alter table %s force row level security', c.oid::pg_catalog.regclass) \
        from pg_catalog.pg_class c \
        where not $4 and c.relforcerowsecurity and c.oid = any ($1::text[]::pg_catalog.regclass[]) \
            and pg_catalog.pg_has_role(c.relowner, 'usage') \
        union all select \
            pg_catalog.format('alter table %s drop constraint %I', k.conrelid::pg_catalog.regclass, k.conname), \
            pg_catalog.format('alter table %s add constraint %I %s; comment on constraint %I on %s is %L', \
                k.conrelid::pg_catalog.regclass, k.conname, pg_catalog.pg_get_constraintdef(k.oid), \
                k.conname, k.conrelid::pg_catalog.regclass, pg_catalog.obj_description(k.oid, 'pg_constraint')) \
        from pg_catalog.pg_constraint k join pg_catalog.pg_class c on c.oid = k.conrelid \
        where not k.convalidated and k.coninhcount = 0 and k.conparentid = 0 \
            and k.conrelid = any ($1::text[]::pg_catalog.regclass[]) and pg_catalog.pg_has_role(c.relowner, 'usage')";
    pass_over_keys(client).await?;
    let passes_over = is_superuser(client).await?;
    let names: Vec<String> = tables.iter().map(|table| table.name.quoted()).collect();
    let early = tables.iter().flat_map(|table| table.early.iter().map(|key| (table.name.quoted(), key.as_str())));
    let (relations, keys): (Vec<String>, Vec<&str>) = early.unzip();
    let params: [(&(dyn ToSql + Sync), Type); 4] = [
        (&names, Type::TEXT_ARRAY),
        (&relations, Type::TEXT_ARRAY),
        (&keys, Type::TEXT_ARRAY),
        (&passes_over, Type::BOOL),
    ];
    let found = client.query_typed(sql, &params).await.map_err(translate)?;
    let statements = |column: usize| found.iter().map(|row| row.get::<_, String>(column) + ";").collect::<String>();
    client.batch_execute(&statements(0)).await.map_err(translate)?;
    Ok(format!("set constraints all immediate;{}", statements(1)))
}

async fn finish(client: &Client, sent: BTreeMap<Name, u64>, standings: Vec<Standing>) -> Result<()> {
    for Standing { name, last_value, is_called } in standings {
        let sql = "select pg_catalog.setval(c.oid::regclass, $3, $4) from pg_catalog.pg_class c \
            join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind = 'S' and n.nspname = $1 and c.relname = $2 \
            and (not $5 or $3 > coalesce(pg_catalog.pg_sequence_last_value(c.oid), 0))";
        let goes_forward = (name.schema.as_str(), name.name.as_str()) == LOG;
        client
            .query_typed(
                sql,
                &[
                    (&name.schema, Type::TEXT),
                    (&name.name, Type::TEXT),
                    (&last_value, Type::INT8),
                    (&is_called, Type::BOOL),
                    (&goes_forward, Type::BOOL),
                ],
            )
            .await
            .map_err(translate)?;
    }
    for (name, sent) in sent {
        let there = count(client, &name).await?;
        if there != sent {
            return Err(miscounted(&name, sent, there));
        }
    }
    Ok(())
}

/// A wait for a lock that was given up, told with what to do about it.
fn with_holder(error: Error) -> Error {
    match error.code() {
        "55P03" => error.with_detail("Another session has held a lock on one of the tables for a minute.").with_hint(
            "See pg_stat_activity and pg_locks for it, and begin again when it has ended; nothing was kept.",
        ),
        _ => error,
    }
}

fn with_table(error: Error, name: &Name) -> Error {
    let detail =
        error.detail().map_or_else(|| format!("In table {name}."), |detail| format!("{detail} (in table {name})"));
    error.with_detail(detail)
}
