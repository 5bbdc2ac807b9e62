//! The catalog is read: at the start, and again whenever somebody says that it changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use basalt_core::Result;
use basalt_sql::Catalog;
use tokio_postgres::types::Type;

use super::abreast::{self, Marks};
use super::connection::Connection;
use super::error::translate;
use super::pool::Unfinished;
use super::{Engine, catalog, doubt};

/// The catalog, and what was found with it. By default nothing was read yet.
#[derive(Default)]
pub(super) struct Current {
    pub catalog: Arc<Catalog>,
    /// The `statement_timeout` of requests' own sessions decides, if they have one.
    pub own_timeout: bool,
    /// Whether a function of the database may leave something on its connection.
    pub litters: bool,
    /// What the database's mark was before it was read ([`doubt::mark`]).
    pub mark: String,
    /// What the tables' own marks were then.
    pub marks: Marks,
    /// How long it took to read.
    took: Duration,
}

/// How often the catalog was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loads {
    /// As often it succeeded.
    pub succeeded: u64,
    /// As often it failed.
    pub failed: u64,
    /// How long the last one that succeeded took.
    pub took: Duration,
}

/// The same, while it is counted.
#[derive(Default)]
pub(super) struct Counted {
    succeeded: AtomicU64,
    failed: AtomicU64,
}

impl Counted {
    /// The count after the first look, which may have found nothing.
    pub fn after(current: &Current) -> Counted {
        Counted { succeeded: u64::from(current.catalog.version > 0).into(), ..Counted::default() }
    }
}

impl Engine {
    pub(super) fn loads(&self) -> Loads {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (succeeded, failed) = (of(&self.loads.succeeded), of(&self.loads.failed));
        Loads { succeeded, failed, took: self.current.load().took }
    }

    /// Reads the catalog again. What can't be read leaves everything as it was.
    pub(super) async fn reload(&self) -> Result<()> {
        let _turn = self.reloading.lock().await;
        self.renew().await
    }

    /// The same for whoever has the turn.
    pub(super) async fn renew(&self) -> Result<()> {
        let read = self.read().await;
        let counted = if read.is_ok() { &self.loads.succeeded } else { &self.loads.failed };
        counted.fetch_add(1, Ordering::Relaxed);
        let current = Arc::new(read?);
        let is_first = !self.is_loaded();
        let before = self.current.swap(current.clone());
        if !is_first && before.mark != current.mark {
            // PL/pgSQL keeps types of columns with its plans for as long as its connection lasts.
            self.requests.renew();
        }
        if is_first {
            // Whoever read it: what the database keeps can be read now, too.
            self.asked.notify_one();
        }
        self.hub.ring();
        self.watch(&current.catalog, None).await.map(drop)
    }

    async fn read(&self) -> Result<Current> {
        let unfinished = Unfinished::cancelled_by(self.owner.get().await?, self.given_back.to_cancel());
        let connection = unfinished.get()?;
        let current = Current::read(connection, self.login.as_deref()).await?;
        unfinished.finish();
        Ok(current)
    }
}

/// Whether new sessions of the role `$1` have a `statement_timeout`.
const OWN_TIMEOUT: &str = "select exists (select from pg_catalog.pg_db_role_setting, unnest(setconfig) setting
      where setrole in (0, (select oid from pg_catalog.pg_roles where rolname = $1))
        and setdatabase in (0, (select oid from pg_catalog.pg_database where datname = current_database()))
        and setting ~ '^statement_timeout=' and setting !~ '=0[a-z]*$')
  or exists (select from pg_catalog.pg_settings where name = 'statement_timeout' and setting <> '0'
      and source in ('configuration file', 'command line', 'environment variable', 'client'))";

/// Whether there is a function whose text may change its session for longer than its transaction. Extensions are trusted.
const LITTERS: &str = "select exists (select from pg_catalog.pg_proc f
    join pg_catalog.pg_language l on l.oid = f.prolang
    join pg_catalog.pg_namespace n on n.oid = f.pronamespace
    where l.lanname not in ('c', 'internal') and n.nspname not in ('pg_catalog', 'information_schema', 'basalt')
      and not exists (select from pg_catalog.pg_depend d
        where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = f.oid and d.deptype = 'e')
      and coalesce(nullif(f.prosrc, ''), pg_catalog.pg_get_functiondef(f.oid))
        ~* '\\mset_config\\M|advisory_lock|\\mexecute\\M|\\mtemp(orary)?\\M|(^|;|\\mbegin|\\mthen|\\melse|\\mloop)\\s*(re)?set\\M')";

impl Current {
    /// Reads everything. Requests' sessions are those of `login`, or of whoever has this connection.
    pub(super) async fn read(connection: &Connection, login: Option<&str>) -> Result<Current> {
        let (started, client) = (Instant::now(), &connection.client);
        let login = match login {
            Some(login) => login.to_owned(),
            None => client.query_typed_one("select current_user::text", &[]).await.map_err(translate)?.get(0),
        };
        let (mark, marks) = (doubt::mark(client).await?, abreast::all(client).await?);
        let own_timeout = client.query_typed_one(OWN_TIMEOUT, &[(&login, Type::TEXT)]).await.map_err(translate)?.get(0);
        let litters = client.query_typed_one(LITTERS, &[]).await.map_err(translate)?.get(0);
        let mut catalog = catalog::load(client, &login).await?;
        catalog.login = login;
        Ok(Current { catalog: Arc::new(catalog), own_timeout, litters, mark, marks, took: started.elapsed() })
    }
}
