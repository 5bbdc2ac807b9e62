//! Ends connections on which nothing goes on: no request under way, none that arrives whole, nothing taken off.
//!
//! One timer a connection looks a few times within the limit whether anything has happened since, so that no request pays for a timer
//! of its own. A head that trickles in is nothing that happens.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use http::Response;
use http_body_util::BodyExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Looks within one limit: a connection is ended at most this part of the limit late.
const LOOKS: u32 = 4;

/// What goes on on a connection.
#[derive(Default)]
pub(crate) struct Activity {
    /// Requests that are not answered yet.
    under_way: AtomicUsize,
    /// Grows whenever something has happened.
    count: AtomicUsize,
    /// Whether something waits to be taken off. How long that may last is the stream's to judge.
    is_blocked: AtomicBool,
}

/// A request under way, until it is dropped.
pub(crate) struct UnderWay(Arc<Activity>);

impl Activity {
    /// A request begins.
    pub(crate) fn begin(self: &Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(self.clone())
    }

    /// Completes when nothing has gone on for `limit`.
    pub(crate) async fn cease(&self, limit: Duration) {
        let mut looks = tokio::time::interval(limit / LOOKS);
        let (mut seen, mut quiet) = (self.count.load(Ordering::Relaxed), 0);
        looks.tick().await;
        while quiet < LOOKS {
            looks.tick().await;
            let count = self.count.load(Ordering::Relaxed);
            let goes_on = self.under_way.load(Ordering::Relaxed) > 0 || self.is_blocked.load(Ordering::Relaxed);
            quiet = if goes_on || count != seen { 0 } else { quiet + 1 };
            seen = count;
        }
    }
}

impl UnderWay {
    /// The request goes on until its answer's body has been taken whole.
    pub(crate) fn answered(self, response: Response<Body>) -> Response<Body> {
        if response.body().size_hint().exact().is_some() {
            return response;
        }
        response.map(|body| {
            Body::new(body.map_frame(move |frame| {
                let _goes_on = &self;
                frame
            }))
        })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.count.fetch_add(1, Ordering::Relaxed);
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream whose writes are noted.
pub(crate) struct Noted<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S> Noted<S> {
    pub(crate) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Noted { stream, activity }
    }

    fn note(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.activity.count.fetch_add(1, Ordering::Relaxed);
        }
        if self.activity.is_blocked.load(Ordering::Relaxed) != written.is_pending() {
            self.activity.is_blocked.store(written.is_pending(), Ordering::Relaxed);
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Noted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Noted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(8);

    /// Whether a connection ends within `time`.
    async fn ends(activity: &Activity, time: Duration) -> bool {
        tokio::time::timeout(time, activity.cease(LIMIT)).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_connection_ends_after_the_limit() {
        let activity = Activity::default();
        assert!(!ends(&activity, LIMIT - Duration::from_millis(1)).await);
        assert!(ends(&activity, LIMIT + Duration::from_millis(1)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_and_what_waits_to_be_taken_off_keep_it() {
        let activity = Arc::new(Activity::default());
        let request = activity.begin();
        assert!(!ends(&activity, 5 * LIMIT).await);
        drop(request);
        activity.is_blocked.store(true, Ordering::Relaxed);
        assert!(!ends(&activity, 5 * LIMIT).await);
        activity.is_blocked.store(false, Ordering::Relaxed);
        assert!(ends(&activity, 2 * LIMIT).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_begins_the_limit_anew() {
        let activity = Arc::new(Activity::default());
        let mut stream = Noted::new(tokio::io::sink(), activity.clone());
        let write = async {
            tokio::time::sleep(LIMIT / 2).await;
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"x").await.unwrap();
            tokio::time::sleep(LIMIT - Duration::from_millis(1)).await;
        };
        tokio::select! {
            () = activity.cease(LIMIT) => panic!("ended {LIMIT:?} after its beginning"),
            () = write => {}
        }
    }
}
