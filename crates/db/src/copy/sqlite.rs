//! The embedded engine's side of a copy.

use basalt_core::{Error, Result};
use basalt_sql::catalog::ConstraintKind;
use basalt_sql::{Name, quote};
use rusqlite::Connection;
use tokio::sync::mpsc;

use super::{CHUNK, LOG, Order, Standing, Table, Told, miscounted};
use crate::migrate::{Script, ScriptError};
use crate::sqlite::{Sqlite, Writer, changes, migrating, translate};

impl Sqlite {
    /// Tells everything, in one transaction.
    pub(super) async fn tell(&self, tables: Vec<Table>, told: mpsc::Sender<Told>) -> Result<()> {
        self.exclusive(move |writer| {
            writer.connection.command("BEGIN")?;
            let done = tell(writer, &tables, &told);
            done.and(writer.connection.command("COMMIT"))
        })
        .await?
    }

    /// Takes what is sent, in one transaction.
    pub(super) async fn load(&self, tables: Vec<Table>, mut orders: mpsc::Receiver<Order>) -> Result<()> {
        let task =
            move |writer: &mut Writer| writer.script("", &mut |_| {}, |script| load(script, &tables, &mut orders));
        self.exclusive(task).await?.map_err(|failed| failed.error)
    }
}

fn tell(writer: &Writer, tables: &[Table], told: &mpsc::Sender<Told>) -> Result<()> {
    let connection = &writer.connection.sqlite;
    migrating::start(&writer.schema().catalog);
    // Rows are counted in any index.
    migrating::register_enums(connection, &writer.schema().catalog)?;
    let mut total = 0;
    for table in tables {
        total += count(connection, &table.name)?;
    }
    if told.blocking_send(Told::Total(total)).is_err() {
        return Ok(());
    }
    for (number, table) in tables.iter().enumerate() {
        let (mut chunk, mut rows) = (String::new(), 0);
        let mut is_heard = true;
        migrating::copy_lines(connection, &writer.schema(), &table.select(), |line| {
            chunk.push_str(line);
            rows += 1;
            if chunk.len() >= CHUNK && is_heard {
                let full = Told::Rows(number, std::mem::take(&mut chunk).into(), std::mem::take(&mut rows));
                is_heard = told.blocking_send(full).is_ok();
            }
        })?;
        if !is_heard || rows > 0 && told.blocking_send(Told::Rows(number, chunk.into(), rows)).is_err() {
            return Ok(());
        }
    }
    let _ = told.blocking_send(Told::Standings(standings(connection).map_err(translate)?));
    Ok(())
}

fn standings(connection: &Connection) -> rusqlite::Result<Vec<Standing>> {
    let mut statement = connection.prepare("SELECT name, last_value, is_called FROM basalt_sequences")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?)))?;
    let rows = rows.collect::<rusqlite::Result<Vec<(String, i64, bool)>>>()?;
    let standing = |(name, last_value, is_called): (String, i64, bool)| {
        let (schema, name) = name.split_once('.')?;
        Some(Standing { name: Name::new(schema, name), last_value, is_called })
    };
    let log = Name::new(LOG.0, LOG.1);
    let mut standings: Vec<Standing> = rows.into_iter().filter_map(standing).filter(|s| s.name != log).collect();
    let last_value = changes::last();
    if last_value > 0 {
        standings.push(Standing { name: log, last_value, is_called: true });
    }
    Ok(standings)
}

fn count(connection: &Connection, table: &Name) -> Result<u64> {
    let sql = format!("SELECT count(*) FROM {}", quote::ident(&table.physical()));
    connection.query_row(&sql, [], |row| row.get(0)).map(i64::unsigned_abs).map_err(translate)
}

fn load(script: &mut Script<'_>, tables: &[Table], orders: &mut mpsc::Receiver<Order>) -> Result<(), ScriptError> {
    script.be_replica()?;
    for table in tables.iter().rev() {
        script.sqlite(&format!("DELETE FROM {}", quote::ident(&table.name.physical())))?;
    }
    let loose = loose_checks(script, tables);
    for (table, name, _) in &loose {
        script.define(&format!("alter table {table} drop constraint {name}"))?;
    }
    // After a definition keys look again.
    script.be_replica()?;
    while let Some(order) = orders.blocking_recv() {
        match order {
            Order::Rows(table, lines) => {
                let foreign = |_| Error::new("22021", format!("a row of {} is not UTF-8", table.name));
                let text = std::str::from_utf8(&lines).map_err(foreign)?;
                script.copy(&table.copy_in(), text, 0, 0)?;
            }
            Order::Finish(sent, standings) => {
                for Standing { name, last_value, is_called } in standings {
                    if (name.schema.as_str(), name.name.as_str()) == LOG {
                        go_on_after(script, last_value)?;
                        continue;
                    }
                    migrating::sequences(|sequences| match sequences.knows(&name.to_string()) {
                        true => sequences.set(&name.to_string(), last_value, is_called).map(drop),
                        false => Ok(()),
                    })?;
                }
                for (name, sent) in sent {
                    let there = count(script.connection, &name)?;
                    if there != sent {
                        return Err(miscounted(&name, sent, there).into());
                    }
                }
                keys_hold(script, tables)?;
                let mut loose = loose.iter();
                return Ok(loose.try_for_each(|(table, name, check)| {
                    script.define(&format!("alter table {table} add constraint {name} check ({check}) not valid"))
                })?);
            }
        }
    }
    Err(Error::new("57014", "the source ended before everything was sent").into())
}

/// The checks to which rows of the source need not hold (`not valid`): table, name and expression.
fn loose_checks(script: &Script<'_>, tables: &[Table]) -> Vec<(String, String, String)> {
    let relations = tables.iter().filter_map(|table| script.catalog.relations.get(&table.name));
    let loose = relations.flat_map(|relation| {
        let loose = relation.constraints.iter().filter(|constraint| constraint.not_valid);
        loose.filter_map(|constraint| match &constraint.kind {
            ConstraintKind::Check(source) => {
                Some((relation.name.quoted(), quote::ident(&constraint.name), source.clone()))
            }
            _ => None,
        })
    });
    loose.collect()
}

/// Judges the keys, when all rows are there.
fn keys_hold(script: &Script<'_>, tables: &[Table]) -> Result<(), ScriptError> {
    for relation in tables.iter().filter_map(|table| script.catalog.relations.get(&table.name)) {
        let is_valid = |name: &str| relation.constraints.iter().any(|one| one.name == name && !one.not_valid);
        if let Some(broken) = script.broken(relation, is_valid)? {
            let hint = "The source holds a row that its own key would refuse, as one written under `session_replication_role = replica`: \
                mend or delete it there.";
            return Err(broken.with_hint(hint).into());
        }
    }
    Ok(())
}

/// Has the entries of the change log come after `id`. Nobody missed what is before it.
fn go_on_after(script: &Script<'_>, id: i64) -> Result<(), ScriptError> {
    script.sqlite(&format!("UPDATE \"basalt.log\" SET trimmed = max(trimmed, {id})"))?;
    script.sqlite(&format!("UPDATE \"basalt.cursors\" SET position = max(position, {id})"))?;
    changes::go_on_after(id);
    Ok(())
}
