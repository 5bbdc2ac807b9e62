//! What carries frames from each node to all: the one trait that PostgreSQL's notify and NATS implement. A single node has none.

use bytes::Bytes;
use futures_util::future::BoxFuture;

/// Makes lines; asked again whenever one was lost.
pub trait Carrier: Send + Sync {
    /// Its name for people.
    fn name(&self) -> &'static str;

    /// A new line. What nodes say from then on is heard on it.
    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Line>, LineError>>;
}

/// A connection over which all nodes hear each frame, the sender too.
pub trait Line: Send + Sync {
    /// Bytes of a frame at most.
    fn largest(&self) -> usize;

    /// Sends frames, in this order. It completes when the other end has them.
    fn send(&self, frames: Vec<Vec<u8>>) -> BoxFuture<'_, Result<(), LineError>>;

    /// The next frame. A line that is asked too seldom loses some. Dropped, it loses none.
    fn next(&self) -> BoxFuture<'_, Result<Bytes, LineError>>;
}

/// Why there is no line, or no more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LineError(pub String);
