//! An answer's body, as large and as slow as it may be.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use crate::Error;
use crate::client::broken;
use crate::places::Place;

/// A stream of an answer's bytes. It ends with an error when it grows or lasts beyond its limits.
#[derive(Debug)]
pub struct Body {
    incoming: Incoming,
    limit: u64,
    read: u64,
    timeout: Duration,
    deadline: Pin<Box<Sleep>>,
    headers: u64,
    _place: Place,
}

impl Body {
    pub(crate) fn new(
        incoming: Incoming,
        limit: u64,
        timeout: Duration,
        deadline: Instant,
        headers: u64,
        place: Place,
    ) -> Body {
        let deadline = Box::pin(tokio::time::sleep_until(deadline));
        Body { incoming, limit, read: 0, timeout, deadline, headers, _place: place }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        if this.deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(Error::Timeout(this.timeout))));
        }
        match Pin::new(&mut this.incoming).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                this.read += frame.data_ref().map_or(0, |data| data.len() as u64);
                Poll::Ready(Some(if this.read > this.limit { Err(Error::BodyTooLarge(this.limit)) } else { Ok(frame) }))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(broken(&error, this.headers)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
