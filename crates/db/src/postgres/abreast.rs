//! Whether the catalog is as new as a change that was just read from the log.
//!
//! Somebody else takes a right away and writes a row, all within a moment: told over the catalog of before, the row would reach those who may no
//! longer see it. So each batch of changes asks for the marks of its tables first, and the catalog is read again where one is another. A
//! mark is read before the catalog that it stands for, and after the change: whatever was committed before the row was written counts.

use std::collections::{BTreeSet, HashMap};

use basalt_core::Result;
use basalt_sql::Name;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::Postgres;
use super::error::translate;
use super::pool::Unfinished;

/// Tables, and for each a number that changes with who may see what of its rows: the table, its columns, policies and schema with their grants,
/// publications with what belongs to them, and roles. See [`super::doubt`] for why sums of `xmin` tell.
const MARKS: &str = "with others as (select concat_ws(' ',
    (select concat(count(*), ' ', sum(xmin::text::bigint)) from pg_catalog.pg_publication),
    (select concat(count(*), ' ', sum(objid::bigint)) from pg_catalog.pg_depend
      where refclassid = 'pg_catalog.pg_publication'::pg_catalog.regclass),
    (select concat(count(*), ' ', sum(xmin::text::bigint)) from pg_catalog.pg_auth_members),
    (select sum(pg_catalog.hashtext(concat_ws(' ', oid, rolname, rolsuper, rolinherit, rolbypassrls)))
      from pg_catalog.pg_roles)) as mark)
  select n.nspname::text, c.relname::text, pg_catalog.hashtextextended(concat_ws(' ', o.mark, c.oid, c.xmin, n.xmin,
    (select concat(count(*), ' ', sum(a.xmin::text::bigint)) from pg_catalog.pg_attribute a where a.attrelid = c.oid),
    (select concat(count(*), ' ', sum(p.xmin::text::bigint)) from pg_catalog.pg_policy p where p.polrelid = c.oid)), 0)
  from others o cross join pg_catalog.pg_namespace n join pg_catalog.pg_class c on c.relnamespace = n.oid";

const ASKED: &str = "join unnest($1::text[], $2::text[]) as asked(schema, name) \
    on n.nspname = asked.schema::name and c.relname = asked.name::name";

/// The marks of tables.
pub(super) type Marks = HashMap<Name, i64>;

/// The marks of all tables that may be watched.
pub(super) async fn all(client: &Client) -> Result<Marks> {
    let sql = format!(
        "{MARKS} where c.relkind in ('r', 'p') and c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"
    );
    Ok(marks(&client.query_typed(&sql, &[]).await.map_err(translate)?))
}

fn marks(rows: &[Row]) -> Marks {
    rows.iter().map(|row| (Name::new(row.get::<_, String>(0), row.get::<_, String>(1)), row.get(2))).collect()
}

impl Postgres {
    /// Has the catalog be as new as these tables: reads it again if it was read before one of them, or who may see it, was changed.
    ///
    /// Errors: where the database can't be asked (classes 08, 53, 57, 58).
    pub(crate) async fn keep_abreast(&self, tables: &BTreeSet<Name>) -> Result<()> {
        let engine = &self.engine;
        let found = self.marks_of(tables).await?;
        let is_abreast = || {
            let known = &engine.current.load().marks;
            tables.iter().all(|table| known.get(table) == found.get(table))
        };
        if is_abreast() {
            return Ok(());
        }
        let _turn = engine.reloading.lock().await;
        // Whoever had the turn may have read it.
        if is_abreast() { Ok(()) } else { engine.renew().await }
    }

    async fn marks_of(&self, tables: &BTreeSet<Name>) -> Result<Marks> {
        let mut unfinished = Unfinished::new(self.engine.owner.get().await?);
        let schemas: Vec<&str> = tables.iter().map(|table| &*table.schema).collect();
        let names: Vec<&str> = tables.iter().map(|table| &*table.name).collect();
        let keeps = !self.engine.options.transaction_pooler;
        let asked: [(&(dyn ToSql + Sync), Type); 2] = [(&schemas, Type::TEXT_ARRAY), (&names, Type::TEXT_ARRAY)];
        let rows = unfinished.get_mut()?.ask(&format!("{MARKS} {ASKED}"), &asked, keeps).await?;
        unfinished.finish();
        Ok(marks(&rows))
    }
}
