//! The reader threads: a fixed number behind one queue, each with its connection.
//!
//! A reader takes its share of what is queued and serves it within one read transaction, begun after those requests arrived, so that
//! each sees everything that was acknowledged before it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use basalt_core::Result;
use flume::{Receiver, Sender};

use super::connection::Session;
use super::job::{Job, no_thread, panicked};
use super::schema::Schema;
use super::writer::Work;
use super::{Shared, run, session};
use crate::Answer;

/// Most requests that one read transaction serves.
const BATCH: usize = 32;

/// How long an answer may wait for those after it: answers that go out together wake the callers' threads once rather than each. One
/// that waits while a longer statement runs goes out as soon as that is seen to be long ([`session::Session::must_stop`]).
const LINGER: Duration = Duration::from_micros(200);

/// Bytes of a thread's stack: long statements nest deeply while they are compiled. Only what is used takes memory.
pub(super) const STACK: usize = 32 << 20;

/// Starts the threads.
///
/// Errors: 58030 when a connection or thread can't be made.
pub(super) fn start(
    shared: &Arc<Shared>,
    queue: &Receiver<Box<Job>>,
    writer: &Sender<Work>,
) -> Result<Vec<JoinHandle<()>>> {
    let count = shared.options.readers.max(1);
    let mut threads = Vec::with_capacity(count);
    for i in 0..count {
        let connection = shared.file.reader()?;
        let reader = Reader { shared: shared.clone(), queue: queue.clone(), writer: writer.clone(), count, connection };
        let thread = std::thread::Builder::new()
            .name(format!("basalt-read-{i}"))
            .stack_size(STACK)
            .spawn(move || reader.serve());
        threads.push(thread.map_err(|error| no_thread(&error))?);
    }
    Ok(threads)
}

struct Reader {
    shared: Arc<Shared>,
    queue: Receiver<Box<Job>>,
    writer: Sender<Work>,
    /// Readers there are.
    count: usize,
    connection: Session,
}

/// What becomes of a job.
enum Outcome {
    Answered(Result<Answer>),
    /// It writes.
    Writer,
    /// The catalog changed between looking at it and taking the snapshot.
    Stale,
}

impl Reader {
    fn serve(mut self) {
        let mut batch = VecDeque::with_capacity(BATCH);
        while let Ok(job) = self.queue.recv() {
            batch.push_back(job);
            // Those who queue more are let go first, where they share a core with this thread: a larger batch costs less.
            std::thread::yield_now();
            let share = (self.queue.len() / self.count).min(BATCH - 1);
            batch.extend(self.queue.try_iter().take(share));
            self.run_batch(&mut batch);
        }
    }

    fn run_batch(&mut self, batch: &mut VecDeque<Box<Job>>) {
        while !batch.is_empty() {
            let (schema, generation) = self.shared.schema.steady();
            let begun = batch.len() > 1;
            let opened = self
                .connection
                .follow(&schema)
                .and_then(|()| if begun { self.connection.command("BEGIN") } else { Ok(()) });
            if let Err(error) = opened {
                batch.drain(..).for_each(|job| job.answer(Err(error.clone())));
                return;
            }
            let mut is_steady = false;
            let mut due = Instant::now() + LINGER;
            while let Some(job) = batch.pop_front() {
                if job.is_abandoned() {
                    continue;
                }
                match self.attempt(&job, &schema, begun) {
                    Outcome::Writer => self.forward(job),
                    _ if !is_steady && !self.shared.schema.is_still(generation) => {
                        batch.push_front(job);
                        break;
                    }
                    Outcome::Answered(answer) => {
                        is_steady = true;
                        session::with(|session| session.hold(job, answer));
                        if !batch.is_empty() && Instant::now() >= due {
                            session::with(|session| session.release());
                            due = Instant::now() + LINGER;
                        }
                    }
                    Outcome::Stale => {
                        batch.push_front(job);
                        break;
                    }
                }
            }
            session::with(|session| session.release());
            if begun && !self.connection.sqlite.is_autocommit() && self.connection.command("COMMIT").is_err() {
                self.reopen();
            }
        }
    }

    fn attempt(&mut self, job: &Job, schema: &Arc<Schema>, begun: bool) -> Outcome {
        let result = catch_unwind(AssertUnwindSafe(|| self.run(job, schema, begun)));
        result.unwrap_or_else(|payload| {
            self.shared.stats.panics.fetch_add(1, Ordering::Relaxed);
            self.reopen();
            Outcome::Answered(Err(panicked(&*payload)))
        })
    }

    fn run(&self, job: &Job, schema: &Arc<Schema>, begun: bool) -> Outcome {
        let request = &job.request;
        let fresh;
        let prepared = match &job.prepared {
            Some(prepared) if prepared.version == schema.version() => prepared,
            _ => {
                // To compile takes long.
                session::with(|session| session.release());
                match self.shared.programs.prepare(schema, request) {
                    Ok(prepared) => {
                        fresh = prepared;
                        &fresh
                    }
                    Err(error) => return Outcome::Answered(Err(error)),
                }
            }
        };
        if prepared.needs_writer() && !request.read_only {
            return Outcome::Writer;
        }
        if begun && self.connection.sqlite.is_autocommit() {
            // The connection was made anew under the batch.
            return Outcome::Stale;
        }
        let own = !begun && !prepared.is_single_step();
        let answer = (|| {
            let timeout = run::start(schema, request, self.shared.options.statement_timeout)?;
            session::with(|session| session.watch(timeout, Some(job.abandoned())));
            if own {
                self.connection.command("BEGIN")?;
            }
            run::transaction(&self.connection.sqlite, schema, request, prepared, self.shared.options.max_body)
        })();
        session::with(|session| session.unwatch());
        if own && !self.connection.sqlite.is_autocommit() {
            // Nothing was written: either end will do.
            let _ = self.connection.command("ROLLBACK");
        }
        Outcome::Answered(answer)
    }

    fn forward(&self, job: Box<Job>) {
        if let Err(refused) = self.writer.try_send(Work::Statement(job)) {
            let Work::Statement(job) = refused.into_inner() else { return };
            job.answer(Err(self.shared.too_busy()));
        }
    }

    /// Replaces the connection, whose state a panic or a failed commit left unknown.
    fn reopen(&mut self) {
        match self.shared.file.reader() {
            Ok(connection) => self.connection = connection,
            Err(error) => tracing::error!(%error, "a reader's connection can't be made anew"),
        }
    }
}
