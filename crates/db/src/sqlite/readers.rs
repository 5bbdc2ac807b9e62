//! The reader threads: each with its connection, behind one queue at which they take [places](super::places).
//!
//! A reader takes its share of what is queued and serves it within one read transaction, begun after those requests arrived, so that
//! each sees everything that was acknowledged before it.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use basalt_core::{Error, Result};
use flume::{Receiver, Sender};

use super::connection::Session;
use super::job::{Job, no_thread, panicked};
use super::places::{Batch, Turn};
use super::schema::Schema;
use super::session::{Long, Stop};
use super::writer::Work;
use super::{For, Shared, run, session};
use crate::Answer;

/// Most requests that one read transaction serves.
const BATCH: usize = 32;

/// How long an answer may wait for those after it: answers that go out together wake the callers' threads once rather than each. One
/// that waits while a longer statement runs goes out as soon as that is seen to be long ([`session::Session::must_stop`]).
const LINGER: Duration = Duration::from_micros(200);

/// After so long a statement runs long: it gives its place away.
pub(super) const LONG: Duration = Duration::from_millis(250);

/// After so long a statement is known to run long: its next runs wait for their turn. One that could not give its place away is begun again so.
const KNOWN: Duration = Duration::from_secs(1);

/// Bytes of a thread's stack: long statements nest deeply while they are compiled. Only what is used takes memory.
pub(super) const STACK: usize = 32 << 20;

/// What every reader is made of.
#[derive(Clone)]
pub(super) struct Crew {
    /// What all threads share.
    pub shared: Arc<Shared>,
    /// What is to be read.
    pub queue: Receiver<Box<Job>>,
    /// Where to hand on what writes.
    pub writer: Sender<Work>,
}

impl Crew {
    /// Starts threads where they are wanted.
    ///
    /// Errors: 58030 when a connection or thread can't be made.
    pub fn staff(&self) -> Result<()> {
        self.shared.places.staff(|number| {
            let connection = self.shared.file.reader()?;
            let crew = self.clone();
            std::thread::Builder::new()
                .name(format!("basalt-read-{number}"))
                .stack_size(STACK)
                .spawn(move || Reader::new(crew, connection).serve())
                .map_err(|error| no_thread(&error))
        })
    }

    /// The same while requests are served: what there is to do waits for the threads that there are.
    fn staff_or_wait(&self) {
        if let Err(error) = self.staff() {
            tracing::warn!(%error, "a further reader can't be started");
        }
    }

    fn forward(&self, job: Box<Job>) {
        if let Err(refused) = self.writer.try_send(Work::Statement(job)) {
            let Work::Statement(job) = refused.into_inner() else { return };
            job.answer(Err(self.shared.too_busy()));
        }
    }

    /// Has a statement wait for its turn to run long.
    fn defer(&self, job: Box<Job>) {
        match self.shared.places.defer(job, self.shared.options.queue) {
            Ok(()) => self.staff_or_wait(),
            Err(job) => job.answer(Err(self.shared.too_busy())),
        }
    }
}

/// A reader's place, and what it has taken from the queue.
struct Seat {
    crew: Crew,
    /// Whether the place is the thread's.
    is_taken: Cell<bool>,
    /// What is to be run.
    batch: RefCell<Batch>,
    /// What runs.
    current: RefCell<Option<Box<Job>>>,
}

impl Seat {
    /// What becomes of the statement that runs, after `ran`.
    fn judge(&self, ran: Duration) -> Long {
        let is_known = ran >= KNOWN;
        if is_known && let Some(prepared) = self.current.borrow().as_ref().and_then(|job| job.prepared.as_ref()) {
            prepared.main.runs_long.store(true, Ordering::Relaxed);
        }
        if self.is_taken.get() {
            match self.crew.shared.places.give(self.batch.take()) {
                Ok(()) => {
                    self.is_taken.set(false);
                    self.crew.staff_or_wait();
                }
                Err(batch) => {
                    self.batch.replace(batch);
                }
            }
        }
        match (is_known, self.is_taken.get()) {
            (false, true) => Long::Asks(LONG),
            (false, false) => Long::Asks(KNOWN.saturating_sub(ran)),
            (true, true) => Long::Displaced,
            (true, false) => Long::Runs,
        }
    }
}

struct Reader {
    seat: Rc<Seat>,
    connection: Session,
}

/// What becomes of a job.
enum Outcome {
    Answered(Result<Answer>),
    /// It writes.
    Writer,
    /// It runs long, and there is no room for it.
    Long,
    /// The catalog changed between looking at it and taking the snapshot.
    Stale,
}

impl Reader {
    fn new(crew: Crew, connection: Session) -> Reader {
        let seat = Seat { crew, is_taken: Cell::default(), batch: RefCell::default(), current: RefCell::default() };
        Reader { seat: Rc::new(seat), connection }
    }

    fn serve(mut self) {
        let seat = self.seat.clone();
        session::with(|session| *session.on_long.borrow_mut() = Some(Rc::new(move |ran| seat.judge(ran))));
        let shared = self.seat.crew.shared.clone();
        loop {
            let was_long = match shared.places.turn() {
                Turn::Place(batch) => {
                    self.seat.batch.replace(batch);
                    self.seat.is_taken.set(true);
                    self.keep_place(&shared);
                    !self.seat.is_taken.get()
                }
                Turn::Long(job) => {
                    self.seat.batch.borrow_mut().push_back(job);
                    self.seat.is_taken.set(false);
                    self.run_batch(&shared);
                    true
                }
                Turn::End => break,
            };
            shared.places.done(was_long);
        }
        session::with(|session| session.on_long.take());
    }

    /// Serves the queue until it ends or the place is given away.
    fn keep_place(&mut self, shared: &Shared) {
        loop {
            self.run_batch(shared);
            if !self.seat.is_taken.get() {
                return;
            }
            let queue = &self.seat.crew.queue;
            let Ok(job) = queue.recv() else { return shared.places.close() };
            shared.reads_taken.store(true, Ordering::Relaxed);
            let mut batch = self.seat.batch.borrow_mut();
            batch.push_back(job);
            // Those who queue more are let go first, where they share a core with this thread: a larger batch costs less.
            std::thread::yield_now();
            let share = (queue.len() / shared.places.count()).min(BATCH - 1);
            batch.extend(queue.try_iter().take(share));
        }
    }

    fn run_batch(&mut self, shared: &Shared) {
        while !self.seat.batch.borrow().is_empty() {
            let (schema, generation) = shared.schema.steady();
            let begun = self.seat.batch.borrow().len() > 1;
            let opened = self
                .connection
                .follow(&schema)
                .and_then(|()| if begun { self.connection.command("BEGIN") } else { Ok(()) });
            if let Err(error) = opened {
                self.seat.batch.take().into_iter().for_each(|job| job.answer(Err(error.clone())));
                return;
            }
            let mut is_steady = false;
            let mut due = Instant::now() + LINGER;
            loop {
                let Some(job) = self.seat.batch.borrow_mut().pop_front() else { break };
                if job.is_abandoned() {
                    continue;
                }
                // Those before it may have run long.
                if job.is_late(Instant::now(), shared.options.wait) {
                    job.answer(Err(shared.late(For::Reader)));
                    continue;
                }
                let (Some(job), outcome) = self.attempt(job, &schema, begun) else { continue };
                match outcome {
                    Outcome::Writer => self.seat.crew.forward(job),
                    Outcome::Long => self.seat.crew.defer(job),
                    _ if !is_steady && !shared.schema.is_still(generation) => {
                        self.seat.batch.borrow_mut().push_front(job);
                        break;
                    }
                    Outcome::Answered(answer) => {
                        is_steady = true;
                        session::with(|session| session.hold(job, answer));
                        let is_more = !self.seat.batch.borrow().is_empty();
                        if is_more && Instant::now() >= due {
                            session::with(|session| session.release());
                            due = Instant::now() + LINGER;
                        }
                    }
                    Outcome::Stale => {
                        self.seat.batch.borrow_mut().push_front(job);
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

    /// Runs a job; it can be seen in [`Seat::current`] meanwhile.
    fn attempt(&mut self, job: Box<Job>, schema: &Arc<Schema>, begun: bool) -> (Option<Box<Job>>, Outcome) {
        self.seat.current.replace(Some(job));
        let result = catch_unwind(AssertUnwindSafe(|| self.run(schema, begun)));
        let outcome = result.unwrap_or_else(|payload| {
            self.seat.crew.shared.stats.panics.fetch_add(1, Ordering::Relaxed);
            self.reopen();
            Outcome::Answered(Err(panicked(&*payload)))
        });
        (self.seat.current.take(), outcome)
    }

    /// Compiles what runs, if it is not at hand.
    fn prepare(&self, schema: &Arc<Schema>) -> Result<()> {
        let mut current = self.seat.current.borrow_mut();
        let Some(job) = current.as_mut() else { return Ok(()) };
        if job.prepared.as_ref().is_none_or(|prepared| prepared.version != schema.version()) {
            // To compile takes long.
            session::with(|session| session.release());
            job.prepared = Some(self.seat.crew.shared.programs.prepare(schema, &job.request)?);
        }
        Ok(())
    }

    fn run(&self, schema: &Arc<Schema>, begun: bool) -> Outcome {
        if let Err(error) = self.prepare(schema) {
            return Outcome::Answered(Err(error));
        }
        let current = self.seat.current.borrow();
        let Some((job, prepared)) = current.as_ref().and_then(|job| Some((job, job.prepared.as_ref()?))) else {
            return Outcome::Answered(Err(Error::internal("nothing to run")));
        };
        let (request, options) = (&job.request, &self.seat.crew.shared.options);
        if prepared.needs_writer() && !request.read_only {
            return Outcome::Writer;
        }
        let runs_long = &prepared.main.runs_long;
        if self.seat.is_taken.get() && runs_long.load(Ordering::Relaxed) {
            return Outcome::Long;
        }
        if begun && self.connection.sqlite.is_autocommit() {
            // The connection was made anew under the batch.
            return Outcome::Stale;
        }
        let own = !begun && !prepared.is_single_step();
        let began = runs_long.load(Ordering::Relaxed).then(Instant::now);
        let answer = (|| {
            let timeout = run::start(schema, request, options)?;
            session::with(|session| session.watch(timeout, Some(LONG), Some(job.abandoned())));
            if own {
                self.connection.command("BEGIN")?;
            }
            run::transaction(&self.connection.sqlite, schema, request, prepared, options.max_body)
        })();
        let stopped = session::with(|session| session.unwatch());
        if own && !self.connection.sqlite.is_autocommit() {
            // Nothing was written: either end will do.
            let _ = self.connection.command("ROLLBACK");
        }
        if stopped == Some(Stop::Displaced) && answer.is_err() {
            return Outcome::Long;
        }
        if began.is_some_and(|began| began.elapsed() < KNOWN) {
            runs_long.store(false, Ordering::Relaxed);
        }
        Outcome::Answered(answer)
    }

    /// Replaces the connection, whose state a panic or a failed commit left unknown.
    fn reopen(&mut self) {
        match self.seat.crew.shared.file.reader() {
            Ok(connection) => self.connection = connection,
            Err(error) => tracing::error!(%error, "a reader's connection can't be made anew"),
        }
    }
}
