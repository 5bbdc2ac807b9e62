//! Webhooks: changes of tables, sent to URLs.
//!
//! Each hook ([`settings::Hook`]) is a durable reader of the change log ([`reader`]): what it watches is sent at once, at least once,
//! with an id that is the same for every attempt. What nobody takes is kept in the database ([`store`]) and tried again ([`retry`]), later
//! and later; what was tried often enough is dead, and waits for somebody who looks at it or replays it ([`admin`]). A hook that is slow or
//! down delays no other. With several servers on one database, one of them reads for a hook at a time.
//!
//! Hooks stand in basalt.toml, or in the database, where the admin API puts them ([`defining`], [`defined`]): a server takes up what another one's
//! was told within seconds.
//!
//! A message is what Supabase's database webhooks send ([`message`]), signed by Standard Webhooks where the hook has a secret, and leaves
//! through the guarded client alone ([`send`]).

mod admin;
mod defined;
mod defining;
mod message;
mod reader;
mod retry;
mod send;
mod settings;
mod store;

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use basalt_core::Operation;
use basalt_db::Database;
use basalt_outbound::Outbound;
use basalt_sql::Name;
use basalt_supervise::{Pauses, caught};
use futures_util::future::join_all;
use tokio::sync::{Mutex, watch};

pub use admin::{MOUNT, Request, broken, unreadable};
pub use settings::{BadHook, Settings};
pub use store::SERVICE;

use defined::Defined;
use settings::{Hook, Origin};

/// The name by which tables are watched.
const SERVICE_NAME: &str = "webhooks";
/// The pause before what failed is begun again.
const PAUSE: Duration = Duration::from_secs(5);
/// How long a reader may go unused by whoever has its hook.
const DESERTED: Duration = Duration::from_secs(60);
/// How often a server looks for what others on its database were told.
const LOOK: Duration = Duration::from_secs(5);

/// All hooks of a server.
pub struct Webhooks {
    database: Database,
    outbound: RwLock<Outbound>,
    hooks: watch::Sender<Arc<Hooks>>,
    /// This server's name among those that share the database.
    node: String,
    /// Whether it has left its hooks to others. Held while a right to read is asked for: none is taken after it was given back.
    left: Mutex<bool>,
    /// Held while the database's hooks are read and taken up, so that what was read first is not taken up last; and while tables are watched.
    turn: Mutex<()>,
}

/// The hooks of one moment.
struct Hooks {
    /// Those of basalt.toml, and those of the database.
    settings: Vec<Settings>,
    defined: Vec<Defined>,
    all: Vec<Arc<Hook>>,
}

impl Hooks {
    /// Judges what was written. What can't be used of the database's (another version may have put it there) waits, and keeps nothing else from
    /// being sent.
    ///
    /// Errors: what of basalt.toml's can't be used.
    fn new(settings: &[Settings], defined: &[Defined]) -> Result<Arc<Hooks>, BadHook> {
        let hooks = settings.iter().map(|one| Hook::new(one, Origin::File).map(Arc::new));
        let mut all = hooks.collect::<Result<Vec<_>, _>>()?;
        let mut names: BTreeSet<String> = all.iter().map(|hook| hook.name.clone()).collect();
        if names.len() < all.len() {
            return Err(BadHook("two webhooks have the same name".into()));
        }
        for one in defined {
            let read = serde_json::from_str(&one.definition).map_err(|error| BadHook(error.to_string()));
            match read.and_then(|settings| Hook::new(&settings, Origin::Api)) {
                Ok(hook) if names.insert(hook.name.clone()) => all.push(Arc::new(hook)),
                Ok(hook) => {
                    tracing::error!(hook = hook.name, "basalt.toml has a webhook of this name: the admin API's waits")
                }
                Err(error) => tracing::error!(hook = one.name, %error, "a webhook of the admin API can't be used"),
            }
        }
        Ok(Arc::new(Hooks { settings: settings.to_vec(), defined: defined.to_vec(), all }))
    }

    fn named(&self, name: &str) -> Option<&Arc<Hook>> {
        self.all.iter().find(|hook| hook.name == name)
    }
}

impl Webhooks {
    /// Takes the configured hooks.
    ///
    /// Errors: what of them can't be used.
    pub fn new(database: Database, outbound: Outbound, settings: &[Settings]) -> Result<Arc<Webhooks>, BadHook> {
        let hooks = Hooks::new(settings, &[])?;
        // An embedded database is one process's: what a killed one held is this one's at once.
        let node = match database.embedded() {
            Some(_) => "embedded".to_owned(),
            None => format!("{:016x}", fastrand::u64(..)),
        };
        Ok(Arc::new(Webhooks {
            database,
            outbound: RwLock::new(outbound),
            hooks: watch::Sender::new(hooks),
            node,
            left: Mutex::new(false),
            turn: Mutex::new(()),
        }))
    }

    /// Takes other hooks and another client from now on. Hooks that differ begin anew where they stood: what was under way is sent again.
    ///
    /// Errors: what of the hooks can't be used; then everything stays.
    pub fn reconfigure(&self, outbound: Outbound, settings: &[Settings]) -> Result<(), BadHook> {
        self.take_up(|now| Hooks::new(settings, &now.defined))?;
        *self.outbound.write().unwrap_or_else(PoisonError::into_inner) = outbound;
        Ok(())
    }

    /// Takes up the hooks that the database has by now.
    async fn refresh(&self) -> basalt_core::Result<()> {
        let _turn = self.turn.lock().await;
        let defined = defined::all(&self.database).await?;
        if self.hooks.borrow().defined == defined {
            return Ok(());
        }
        let taken = self.take_up(|now| Hooks::new(&now.settings, &defined));
        taken.map_err(|error| basalt_core::Error::internal(error.to_string()))
    }

    fn take_up(&self, hooks: impl FnOnce(&Hooks) -> Result<Arc<Hooks>, BadHook>) -> Result<(), BadHook> {
        let mut outcome = Ok(());
        self.hooks.send_if_modified(|current| match hooks(current) {
            Ok(hooks) if hooks.settings != current.settings || hooks.defined != current.defined => {
                *current = hooks;
                true
            }
            other => {
                outcome = other.map(drop);
                false
            }
        });
        outcome
    }

    /// Has what is written from now on kept for every hook. For before the first request is served.
    ///
    /// Errors: where the database can't be asked (classes 08, 53, 57, 58); 55P03 where somebody holds a table; 42501 for one of somebody else's.
    pub async fn prepare(&self) -> basalt_core::Result<()> {
        self.refresh().await?;
        let hooks = self.hooks.borrow().clone();
        self.watch_once(&hooks, Others::Forgotten).await?;
        for hook in &hooks.all {
            self.database.changes().cursor(&reader::cursor(hook)).await?;
        }
        Ok(())
    }

    /// Reads, sends and tries again, for ever. To be dropped when the server stops: what was not taken is sent again by the next one.
    pub async fn run(self: Arc<Self>) {
        while let Err(error) = self.refresh().await {
            tracing::error!(%error, "the database's webhooks can't be read; trying again in {PAUSE:?}");
            tokio::time::sleep(PAUSE).await;
        }
        tokio::join!(self.serve_all(), self.look());
    }

    /// Takes up what other servers on the database were told, for ever.
    async fn look(&self) {
        while self.database.embedded().is_none() {
            tokio::time::sleep(LOOK).await;
            if let Err(error) = self.refresh().await {
                tracing::warn!(%error, "the database's webhooks can't be read; those that are known go on");
            }
        }
    }

    async fn serve_all(self: &Arc<Self>) {
        let mut configured = self.hooks.subscribe();
        loop {
            let hooks = configured.borrow_and_update().clone();
            tokio::select! {
                () = self.serve(hooks) => return,
                _ = configured.changed() => {}
            }
        }
    }

    async fn serve(self: &Arc<Self>, hooks: Arc<Hooks>) {
        let missing = self.watch(&hooks, Others::Forgotten).await;
        let readers =
            hooks.all.iter().map(|hook| supervised(&hook.name, || reader::follow(self.clone(), hook.clone())));
        let retries = hooks.all.iter().map(|hook| supervised(&hook.name, || retry::run(self.clone(), hook.clone())));
        tokio::join!(join_all(readers), join_all(retries), self.await_tables(&hooks, missing));
    }

    /// Lets another server read for the hooks at once. For when this one stops.
    pub async fn leave(&self) {
        *self.left.lock().await = true;
        let changes = self.database.changes();
        let hooks = self.hooks.borrow().clone();
        for hook in &hooks.all {
            let left = async { changes.cursor(&reader::cursor(hook)).await?.release(&self.node).await };
            if let Err(error) = left.await {
                tracing::debug!(hook = hook.name, %error, "a webhook's reader is not released; it is when its time is over");
            }
        }
    }

    /// Has the tables of the hooks watched that are there, and what is not theirs treated so. Gives the tables that are not
    /// there: their hooks wait, and keep no other from being sent.
    async fn watch(&self, hooks: &Hooks, others: Others) -> BTreeSet<Name> {
        loop {
            match self.watch_once(hooks, others).await {
                Ok(missing) => return missing,
                Err(error) => {
                    tracing::error!(%error, "the tables of webhooks can't be watched; trying again in {PAUSE:?}")
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn watch_once(&self, hooks: &Hooks, others: Others) -> basalt_core::Result<BTreeSet<Name>> {
        let _turn = self.turn.lock().await;
        let catalog = self.database.catalog();
        let is_there = |hook: &&Arc<Hook>| catalog.relations.contains_key(&hook.table);
        let (there, missing): (Vec<_>, Vec<_>) = hooks.all.iter().partition(is_there);
        let mut tables: BTreeSet<Name> = there.iter().map(|hook| hook.table.clone()).collect();
        let mut operations: BTreeSet<Operation> = there.iter().flat_map(|hook| hook.operations.clone()).collect();
        let changes = self.database.changes();
        if others == Others::Left {
            let (watched, as_they_are) = changes.watched_for(SERVICE_NAME);
            tables.extend(watched);
            operations.extend(as_they_are);
        }
        let tables: Vec<Name> = tables.into_iter().collect();
        if catalog.relation("basalt", "changes").is_some() || !tables.is_empty() {
            changes.watch(SERVICE_NAME, &tables, &operations).await?;
            self.forget_others(hooks, others).await?;
        }
        Ok(missing.iter().map(|hook| hook.table.clone()).collect())
    }

    /// Takes up the hooks that the database has by now, this one among them, and has what is written from now on kept for it.
    async fn begin(&self, name: &str) -> basalt_core::Result<()> {
        self.refresh().await?;
        let hooks = self.hooks.borrow().clone();
        if let Some(hook) = hooks.named(name) {
            self.watch_once(&hooks, Others::Left).await?;
            self.database.changes().cursor(&reader::cursor(hook)).await?;
        }
        Ok(())
    }

    /// Has tables watched as they come, for as long as it is polled.
    async fn await_tables(&self, hooks: &Hooks, mut missing: BTreeSet<Name>) {
        let mut told = BTreeSet::new();
        loop {
            for table in missing.difference(&told) {
                tracing::error!(%table, "a webhook's table is not there; the hook waits for it");
            }
            told = missing;
            tokio::time::sleep(PAUSE).await;
            missing = self.watch(hooks, Others::Left).await;
        }
    }

    async fn forget_others(&self, hooks: &Hooks, others: Others) -> basalt_core::Result<()> {
        let changes = self.database.changes();
        let cursors = changes.cursors().await?;
        // Asked for after them: a hook that another server was told of is in the database before its reader is.
        let defined = defined::all(&self.database).await?;
        let is_there = |name: &str| hooks.named(name).is_some() || defined.iter().any(|one| one.name == name);
        for (cursor, _) in cursors {
            let of = cursor.strip_prefix(reader::CURSOR);
            if of.is_none_or(is_there) {
                continue;
            }
            match others {
                Others::Forgotten => changes.drop_cursor(&cursor).await?,
                Others::Left => changes.drop_idle_cursor(&cursor, DESERTED).await?,
            }
        }
        Ok(())
    }

    fn hook(&self, name: &str) -> Option<Arc<Hook>> {
        self.hooks.borrow().named(name).cloned()
    }

    fn outbound(&self) -> Outbound {
        self.outbound.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What becomes of tables that are watched for other hooks than this server's, and of their readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Others {
    /// They go: such hooks are gone. For when hooks are taken up.
    Forgotten,
    /// They stay, but for readers that nobody has used for [`DESERTED`]: another server on the database may have been given other hooks since.
    Left,
}

/// Begins the work again whenever it ends, fails or panics.
async fn supervised<F: Future<Output = basalt_core::Result<()>>>(what: &str, work: impl Fn() -> F) {
    let mut pauses = Pauses::default();
    loop {
        match caught("a webhook", work()).await {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::warn!(what, %error, "a webhook's task failed; it begins again in {PAUSE:?}"),
            None => {
                pauses.wait().await;
                continue;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
