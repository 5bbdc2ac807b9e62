//! A transaction of several requests: the writer's thread serves it alone until it ends.

use std::time::Instant;

use basalt_core::{Error, Result};
use flume::{Receiver, RecvTimeoutError, Sender, TrySendError};
use tokio::sync::oneshot;

use super::job::{self, Job};
use super::schema::Schema;
use super::writer::{Work, Writer};
use super::{For, Queues, Shared, changes, diagnose};
use crate::{Answer, Request};

/// The caller's side. Dropping it undoes the transaction.
pub(crate) struct Exclusive {
    orders: Sender<Order>,
}

/// What the caller wants next.
enum Order {
    Run(Box<Job>),
    End { keep: bool, done: oneshot::Sender<Result<()>> },
}

impl Exclusive {
    /// Waits for the writer's turn.
    ///
    /// Errors: 53300 when too many wait for it; PGRST003 after the longest wait.
    pub(super) async fn begin(queues: &Queues, shared: &Shared) -> Result<Exclusive> {
        let (orders, received) = flume::bounded(1);
        let (begun, ready) = oneshot::channel();
        let serve = move |writer: &mut Writer| {
            if begun.is_closed() {
                return;
            }
            let schema = writer.schema();
            let begin = writer.connection.follow(&schema).and_then(|()| writer.connection.command("BEGIN IMMEDIATE"));
            changes::begin();
            let is_open = begin.is_ok();
            // A caller that has gone leaves the orders without a sender.
            let _ = begun.send(begin);
            if is_open {
                serve(writer, &schema, &received);
            }
        };
        queues.writes.try_send(Work::Exclusive(Box::new(serve))).map_err(|refused| match refused {
            TrySendError::Full(_) => shared.too_busy(),
            TrySendError::Disconnected(_) => job::closing(),
        })?;
        let ready = tokio::time::timeout(shared.options.wait, ready).await;
        ready.map_err(|_| shared.late(For::Writer))?.map_err(|_| job::fault())??;
        Ok(Exclusive { orders })
    }

    pub async fn run(&self, request: Request) -> Result<Answer> {
        let (job, waiting) = Job::new(request, None);
        self.orders.send_async(Order::Run(job)).await.map_err(|_| too_long())?;
        waiting.answer().await
    }

    pub async fn commit(self) -> Result<()> {
        self.end(true).await
    }

    pub async fn rollback(self) -> Result<()> {
        self.end(false).await
    }

    async fn end(self, keep: bool) -> Result<()> {
        let (done, ended) = oneshot::channel();
        self.orders.send_async(Order::End { keep, done }).await.map_err(|_| too_long())?;
        ended.await.map_err(|_| job::fault())?
    }
}

/// Serves orders until the transaction ends, at the latest after the statement timeout (zero: none): everybody's writes wait.
fn serve(writer: &mut Writer, schema: &Schema, orders: &Receiver<Order>) {
    let timeout = writer.shared.options.statement_timeout;
    let deadline = (!timeout.is_zero()).then(|| Instant::now() + timeout);
    loop {
        let order = match deadline {
            Some(deadline) => orders.recv_deadline(deadline),
            None => orders.recv().map_err(RecvTimeoutError::from),
        };
        match order {
            Ok(Order::Run(job)) => {
                let result = writer.prepare(&job, schema).and_then(|prepared| writer.attempt(&job, &prepared, schema));
                let lost = writer.connection.sqlite.is_autocommit();
                job.answer(result);
                if lost {
                    return;
                }
            }
            Ok(Order::End { keep: true, done }) => {
                let committed = writer.commit(schema, true);
                let _ = done.send(committed);
                return;
            }
            Ok(Order::End { keep: false, done }) => {
                let violation = diagnose::deferred(&writer.connection.sqlite, schema, &writer.shared.file);
                writer.abandon(schema);
                let _ = done.send(violation.map_or(Ok(()), Err));
                return;
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return writer.abandon(schema),
        }
    }
}

fn too_long() -> Error {
    Error::new("57014", "canceling statement due to statement timeout").with_hint(
        "The transaction took too long as a whole; ask for less at once, or raise `database.statement_timeout`.",
    )
}
