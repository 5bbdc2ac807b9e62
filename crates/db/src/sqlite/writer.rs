//! The writer thread: takes queued writes, runs each in a savepoint, commits the group once, then acknowledges all.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use basalt_core::{Error, Result};
use flume::Receiver;

use super::connection::Session;
use super::job::{Job, no_thread, panicked};
use super::places::Batch;
use super::programs::Prepared;
use super::readers::LONG;
use super::schema::Schema;
use super::sequences::Sequences;
use super::session::Long;
use super::{For, Shared, changes, checkpoint, diagnose, error, run, session};
use crate::{Answer, TransactionEnd};

/// Time after which a group commits, so that quick writes don't wait long for slow ones.
const GROUP_TIME: Duration = Duration::from_millis(20);

/// What the writer does.
pub(super) enum Work {
    /// A request.
    Statement(Box<Job>),
    /// A migration or import, alone.
    Exclusive(Box<dyn FnOnce(&mut Writer) + Send>),
}

/// The writer's state.
pub(crate) struct Writer {
    /// What all threads share.
    pub shared: Arc<Shared>,
    /// Its connection.
    pub connection: Session,
    /// What it has taken from the queue and not run yet.
    jobs: Rc<RefCell<Batch>>,
}

/// Starts the thread.
///
/// Errors: 58030 when the thread can't be made.
pub(super) fn start(
    shared: &Arc<Shared>,
    connection: Session,
    (sequences, log): (Sequences, changes::Log),
    queue: Receiver<Work>,
) -> Result<JoinHandle<()>> {
    let shared = shared.clone();
    std::thread::Builder::new()
        .stack_size(super::readers::STACK)
        .name("basalt-write".to_owned())
        .spawn(move || {
            let jobs = Rc::<RefCell<Batch>>::default();
            let (waiting, refusing) = (jobs.clone(), shared.clone());
            session::with(|session| {
                *session.sequences.borrow_mut() = Some(sequences);
                *session.log.borrow_mut() = log;
                *session.on_long.borrow_mut() = Some(Rc::new(move |_| {
                    refuse_late(&refusing, &waiting);
                    Long::Asks(LONG)
                }));
            });
            Writer { shared, connection, jobs }.serve(&queue);
            session::with(|session| session.on_long.take());
        })
        .map_err(|error| no_thread(&error))
}

impl Writer {
    fn serve(mut self, queue: &Receiver<Work>) {
        while let Ok(work) = queue.recv() {
            self.shared.writes_taken.store(true, Ordering::Relaxed);
            let mut next = Some(work);
            while let Some(work) = next.take() {
                match work {
                    Work::Exclusive(task) => self.run_exclusive(task),
                    Work::Statement(job) => {
                        self.jobs.borrow_mut().push_back(job);
                        // Those who queue more are let go first, where they share a core with this thread: a larger group costs less.
                        std::thread::yield_now();
                        next = self.gather(queue);
                        while !self.jobs.borrow().is_empty() {
                            self.run_group();
                        }
                    }
                }
            }
            checkpoint::bound(&self.connection.sqlite, &self.shared);
        }
    }

    /// Runs a script; a panic undoes it.
    fn run_exclusive(&mut self, task: Box<dyn FnOnce(&mut Writer) + Send>) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| task(self))) {
            self.shared.stats.panics.fetch_add(1, Ordering::Relaxed);
            panicked(&*payload);
            let schema = self.shared.schema.load();
            self.abandon(&schema);
            // Scripts change settings of the connection, which may not be as they were.
            self.reopen();
        }
    }

    /// Takes what is queued, up to a group, and gives back the exclusive work that it met.
    fn gather(&self, queue: &Receiver<Work>) -> Option<Work> {
        let mut jobs = self.jobs.borrow_mut();
        while jobs.len() < self.shared.options.group.max(1) {
            match queue.try_recv() {
                Ok(Work::Statement(job)) => jobs.push_back(job),
                Ok(exclusive) => return Some(exclusive),
                Err(_) => break,
            }
        }
        None
    }

    /// Runs jobs from the front in one transaction, commits it, and answers. Jobs that the transaction lost through no fault of
    /// their own are put back.
    fn run_group(&mut self) {
        let schema = self.shared.schema.load();
        if let Err(error) = self.connection.follow(&schema).and_then(|()| self.connection.command("BEGIN IMMEDIATE")) {
            self.jobs.take().into_iter().for_each(|job| job.answer(Err(error.clone())));
            return;
        }
        let started = Instant::now();
        let mut done: Vec<(Box<Job>, Result<Answer>)> = Vec::new();
        loop {
            let Some(job) = self.jobs.borrow_mut().pop_front() else { break };
            if job.is_abandoned() {
                continue;
            }
            if job.is_late(started, self.shared.options.wait) {
                job.answer(Err(self.shared.late(For::Writer)));
                continue;
            }
            let prepared = match self.prepare(&job, &schema) {
                Ok(prepared) => prepared,
                Err(error) => {
                    job.answer(Err(error));
                    continue;
                }
            };
            let alone = prepared.commits_alone();
            if alone && !done.is_empty() {
                self.jobs.borrow_mut().push_front(job);
                break;
            }
            changes::begin();
            let result = self.attempt(&job, &prepared, &schema);
            if self.connection.sqlite.is_autocommit() {
                lost(job, result, done, &mut self.jobs.borrow_mut());
                return;
            }
            done.push((job, result));
            if alone || started.elapsed() > GROUP_TIME {
                break;
            }
        }
        match self.commit(&schema, done.len() == 1) {
            Ok(()) => {
                self.shared.stats.group(done.len());
                done.into_iter().for_each(|(job, result)| job.answer(result));
            }
            Err(error) => done.into_iter().for_each(|(job, result)| job.answer(result.and(Err(error.clone())))),
        }
    }

    pub(super) fn prepare(&self, job: &Job, schema: &Schema) -> Result<Prepared> {
        match &job.prepared {
            Some(prepared) if prepared.version == schema.version() => Ok(prepared.clone()),
            _ => {
                let compile = || self.shared.programs.prepare(schema, &job.request);
                catch_unwind(AssertUnwindSafe(compile)).unwrap_or_else(|payload| {
                    self.shared.stats.panics.fetch_add(1, Ordering::Relaxed);
                    Err(panicked(&*payload))
                })
            }
        }
    }

    /// Runs one job in a savepoint, which a failure rolls back. What SQLite undoes by itself needs none.
    pub(super) fn attempt(&mut self, job: &Job, prepared: &Prepared, schema: &Schema) -> Result<Answer> {
        let is_guarded = !prepared.undoes_itself(&job.request);
        if is_guarded {
            self.connection.command("SAVEPOINT one")?;
        }
        let result = catch_unwind(AssertUnwindSafe(|| self.run(job, prepared, schema)));
        session::with(|session| session.unwatch());
        let result = result.unwrap_or_else(|payload| {
            self.shared.stats.panics.fetch_add(1, Ordering::Relaxed);
            let error = panicked(&*payload);
            if !is_guarded {
                self.abandon(schema);
            }
            Err(error)
        });
        if !is_guarded || self.connection.sqlite.is_autocommit() {
            return result;
        }
        let keeps = result.is_ok() && job.request.end == TransactionEnd::Commit;
        if !keeps {
            self.connection.command("ROLLBACK TO one")?;
        }
        self.connection.command("RELEASE one")?;
        result
    }

    fn run(&self, job: &Job, prepared: &Prepared, schema: &Schema) -> Result<Answer> {
        let options = &self.shared.options;
        let timeout = run::start(schema, &job.request, options)?;
        // A write whose caller has gone runs on: to interrupt it would undo its whole group.
        session::with(|session| session.watch(timeout, Some(LONG), None));
        let sqlite = &self.connection.sqlite;
        let answer = run::transaction(sqlite, schema, &job.request, prepared, options.max_body)?;
        if job.request.end == TransactionEnd::Rollback
            && prepared.commits_alone()
            && let Some(violation) = diagnose::deferred(sqlite, schema, &self.shared.file)
        {
            return Err(violation);
        }
        Ok(answer)
    }

    /// Commits. `alone`: whether a constraint that speaks up only now is one caller's.
    pub(super) fn commit(&mut self, schema: &Schema, alone: bool) -> Result<()> {
        let sqlite = &self.connection.sqlite;
        let flushed = session::with(|session| match session.sequences.borrow().as_ref() {
            Some(sequences) => sequences.flush(sqlite),
            None => Ok(()),
        });
        let committed = flushed.and_then(|()| sqlite.prepare_cached("COMMIT")?.raw_execute());
        let Err(failure) = committed else {
            session::with(|session| session.sequences.borrow_mut().as_mut().map(Sequences::flushed));
            self.tell();
            return Ok(());
        };
        let violated = alone && diagnose::Violation::of(&failure).is_some();
        let violation = if violated { diagnose::deferred(sqlite, schema, &self.shared.file) } else { None };
        if !sqlite.is_autocommit()
            && let Err(error) = self.connection.command("ROLLBACK")
        {
            tracing::error!(%error, "a transaction that could not be committed can't be rolled back");
            self.reopen();
        }
        Err(violation.unwrap_or_else(|| error::translate(failure)))
    }

    /// Tells the readers of the change log what a commit added to it.
    pub(super) fn tell(&self) {
        if changes::committed() {
            self.shared.hub.ring();
        }
    }

    /// Replaces the connection, whose state is unknown.
    pub fn reopen(&mut self) {
        match self.shared.file.writer().and_then(|mut connection| {
            checkpoint::watch(&mut connection.sqlite, &self.shared)?;
            Ok(connection)
        }) {
            Ok(connection) => self.connection = connection,
            Err(error) => tracing::error!(%error, "the writer's connection can't be made anew"),
        }
    }
}

/// Refuses what has waited too long behind a statement that runs long.
fn refuse_late(shared: &Shared, jobs: &RefCell<Batch>) {
    let now = Instant::now();
    let (late, waiting): (Batch, Batch) =
        jobs.take().into_iter().partition(|job| job.is_late(now, shared.options.wait));
    jobs.replace(waiting);
    late.into_iter().for_each(|job| job.answer(Err(shared.late(For::Writer))));
}

/// SQLite undid the whole transaction: because of a full disk everyone fails; because of one job's fault (interrupted while it
/// wrote) the others, of which nothing was acknowledged, run again.
fn lost(culprit: Box<Job>, result: Result<Answer>, done: Vec<(Box<Job>, Result<Answer>)>, jobs: &mut Batch) {
    let error = result.err().unwrap_or_else(|| Error::new("40000", "the transaction was rolled back"));
    let is_fatal = error::is_fatal(&error);
    culprit.answer(Err(error.clone()));
    for (job, result) in done.into_iter().rev() {
        match result {
            Err(own) => job.answer(Err(own)),
            Ok(_) if is_fatal => job.answer(Err(error.clone())),
            Ok(_) => jobs.push_front(job),
        }
    }
}
