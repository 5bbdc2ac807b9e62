//! The embedded engine: one SQLite file, reader threads, one writer thread that commits in groups.

mod aggregates;
pub(crate) mod changes;
mod checkpoint;
mod collations;
mod connection;
mod constants;
mod diagnose;
mod error;
mod exclusions;
mod exclusive;
mod functions;
mod job;
mod memory;
pub(crate) mod migrating;
mod patience;
mod places;
mod plan;
mod plpgsql;
mod programs;
mod readers;
mod render;
mod run;
mod schema;
mod sequences;
mod session;
mod stats;
mod tables;
mod triggers;
mod value;
mod writer;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use basalt_core::{Error, Result};
use basalt_sql::ddl::Provided;
use basalt_sql::{Catalog, ddl};
use flume::{Sender, TrySendError};
use tokio::sync::oneshot;

pub(crate) use error::translate;
pub(crate) use exclusive::Exclusive;
pub use stats::Stats;
pub(crate) use writer::Writer;

use connection::File;
use job::Job;
use patience::Line;
use places::Places;
use programs::Programs;
use schema::{Current, Schema};
use sequences::Sequences;
use writer::Work;

use crate::changes::Hub;
use crate::request::{too_busy, waited};
use crate::{Answer, Options, Request, lock};

/// An open SQLite database with its reader threads and its writer.
pub struct Sqlite {
    shared: Arc<Shared>,
    /// Both are there until the engine closes.
    queues: Option<Queues>,
    writer: Option<JoinHandle<()>>,
    checkpoints: Option<JoinHandle<()>>,
    /// What refuses requests that have waited too long, and what ends it.
    patience: Option<(Sender<()>, JoinHandle<()>)>,
    _lock: lock::Lock,
}

struct Queues {
    reads: Sender<Box<Job>>,
    writes: Sender<Work>,
}

/// What all threads share.
pub(crate) struct Shared {
    options: Options,
    file: File,
    schema: Current,
    programs: Programs,
    places: Places,
    /// Whether anything was taken from the readers' queue since that was last asked.
    reads_taken: AtomicBool,
    /// The same of the writer's.
    writes_taken: AtomicBool,
    stats: Arc<Stats>,
    wal: checkpoint::Wal,
    hub: Arc<Hub>,
}

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    Reader,
    Writer,
}

impl Sqlite {
    /// What services make.
    pub(crate) fn provided(&self) -> Provided {
        crate::migrate::provided(&self.shared.options.services)
    }

    /// Opens the file, or makes it, and starts the threads. Blocks for some milliseconds.
    ///
    /// Errors: 58030 when the folder or file can't be used; 55006 when another process uses it; XX001 when it is damaged.
    pub fn open(mut options: Options) -> Result<Sqlite> {
        options.wait = options.wait.max(patience::SHORTEST);
        let lock = lock::acquire(&options.data_dir)?;
        let file =
            File { path: options.data_dir.join("basalt.db"), durable: options.durable, max_size: options.max_size };
        lock::make_private_file(&file.path)?;
        let mut connection = file.writer()?;
        let is_new = prepare(&connection.sqlite)?;
        let catalog = match schema::load(&connection.sqlite)? {
            Some(catalog) => catalog,
            None => ddl::bootstrap(),
        };
        let sequences = Sequences::load(&connection.sqlite, &catalog).map_err(translate)?;
        let entries = changes::Log::load(&connection.sqlite)?;
        let (wal, woken) = checkpoint::Wal::new();
        let (reads, read_queue) = flume::bounded(options.queue.max(1));
        let (writes, write_queue) = flume::bounded(options.queue.max(1));
        let shared = Arc::new(Shared {
            schema: Current::new(Schema::new(catalog)),
            programs: Programs::new(),
            places: Places::new(options.readers, options.long_readers),
            reads_taken: AtomicBool::default(),
            writes_taken: AtomicBool::default(),
            stats: Arc::default(),
            options,
            wal,
            hub: Arc::default(),
            file: file.clone(),
        });
        checkpoint::watch(&mut connection.sqlite, &shared)?;
        let mut engine = Sqlite {
            checkpoints: Some(checkpoint::start(file, woken, shared.stats.clone())?),
            writer: Some(writer::start(&shared, connection, (sequences, entries), write_queue.clone())?),
            patience: None,
            queues: Some(Queues { reads, writes }),
            _lock: lock,
            shared,
        };
        let queues = engine.queues()?;
        queues.bootstrap(is_new)?;
        let (reads, writes) = (queues.reads.clone(), queues.writes.clone());
        readers::Crew { shared: engine.shared.clone(), queue: read_queue.clone(), writer: writes.clone() }.staff()?;
        let reads = Line { sender: reads, receiver: read_queue, kept: VecDeque::new() };
        let writes = Line { sender: writes, receiver: write_queue, kept: VecDeque::new() };
        let (stop, stopped) = flume::bounded(1);
        engine.patience = Some((stop, patience::start(&engine.shared, reads, writes, stopped)?));
        Ok(engine)
    }

    fn queues(&self) -> Result<&Queues> {
        self.queues.as_ref().ok_or_else(job::closing)
    }

    /// The catalog as it is now.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.shared.schema.load().catalog.clone()
    }

    /// The version of the catalog as it is now.
    pub fn catalog_version(&self) -> u64 {
        self.shared.schema.peek().version()
    }

    /// What the engine has counted since it was opened.
    pub fn stats(&self) -> &Stats {
        &self.shared.stats
    }

    /// Requests that wait: for the readers, and for the writer.
    pub fn queued(&self) -> (usize, usize) {
        let (_, deferred) = self.shared.places.long();
        self.queues.as_ref().map_or((0, 0), |queues| (queues.reads.len() + deferred, queues.writes.len()))
    }

    /// Reads that run long, beside the readers' places.
    pub fn long_reads(&self) -> usize {
        self.shared.places.long().0
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.shared.hub
    }

    /// Runs a statement.
    ///
    /// Errors: those of the statement, in PostgreSQL's terms; 53300 when too many requests wait; PGRST003 after the longest wait; 57014 after the
    /// statement timeout.
    pub async fn run(&self, request: Request) -> Result<Answer> {
        let queues = self.queues()?;
        let prepared = self.shared.programs.cached(&self.shared.schema.peek(), &request);
        let is_write = !request.read_only && prepared.as_ref().is_some_and(|prepared| prepared.needs_writer());
        let (job, waiting) = Job::new(request, prepared);
        // What is not compiled yet goes to a reader, which hands it on if it writes.
        let is_full = if is_write {
            matches!(queues.writes.try_send(Work::Statement(job)), Err(TrySendError::Full(_)))
        } else {
            matches!(queues.reads.try_send(job), Err(TrySendError::Full(_)))
        };
        if is_full {
            return Err(self.shared.too_busy());
        }
        waiting.answer().await
    }

    /// Opens a transaction of several requests.
    pub(crate) async fn begin(&self) -> Result<Exclusive> {
        Exclusive::begin(self.queues()?, &self.shared).await
    }

    /// Runs a task on the writer's thread, alone, and waits for it.
    pub(crate) async fn exclusive<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Writer) -> T + Send + 'static,
    ) -> Result<T> {
        let queues = self.queues()?;
        let (done, result) = oneshot::channel();
        let work = Work::Exclusive(Box::new(move |writer| _ = done.send(task(writer))));
        queues.writes.send_async(work).await.map_err(|_| job::closing())?;
        result.await.map_err(|_| job::fault())
    }
}

impl Shared {
    /// A queue is full: counts it, and says so.
    fn too_busy(&self) -> Error {
        self.stats.refused.fetch_add(1, Ordering::Relaxed);
        too_busy()
    }

    /// A request waited in vain: counts it, and says so.
    fn late(&self, what: For) -> Error {
        self.stats.timeouts.fetch_add(1, Ordering::Relaxed);
        match what {
            For::Reader => waited(self.options.wait, "reader", "Try again shortly, or raise `database.long_readers`."),
            For::Writer => waited(self.options.wait, "turn at writing", "Try again shortly."),
        }
    }
}

impl Queues {
    /// Makes what the database lacks, and waits for it.
    fn bootstrap(&self, is_new: bool) -> Result<()> {
        let (done, made) = flume::bounded(1);
        let make = Box::new(move |writer: &mut Writer| _ = done.send(crate::migrate::bootstrap(writer, is_new)));
        self.writes.send(Work::Exclusive(make)).map_err(|_| job::closing())?;
        made.recv().map_err(|_| job::fault())?
    }
}

impl Drop for Sqlite {
    /// Ends the threads, then closes the file. Whoever waits for an answer borrows the engine, so nobody does.
    fn drop(&mut self) {
        // It holds both ends of the queues.
        if let Some((stop, thread)) = self.patience.take() {
            drop(stop);
            let _ = thread.join();
        }
        self.queues = None;
        self.shared.wal.close();
        self.shared.places.join();
        for thread in self.writer.take().into_iter().chain(self.checkpoints.take()) {
            let _ = thread.join();
        }
    }
}

/// Makes Basalt's own tables. Whether there were none before.
fn prepare(connection: &rusqlite::Connection) -> Result<bool> {
    let exists = "SELECT EXISTS (SELECT 1 FROM basalt_catalog)";
    connection
        .execute_batch(&format!("BEGIN IMMEDIATE; {}; {}; COMMIT", schema::TABLE, Sequences::TABLE))
        .map_err(translate)?;
    connection.query_row(exists, [], |row| row.get(0)).map(|exists: bool| !exists).map_err(translate)
}
