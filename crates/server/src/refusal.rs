//! Answers to what never becomes a request.
//!
//! Hyper refuses what it can't parse (a control character in a URL, headers beyond the limit) before any service is asked, with a bare status
//! line. [`Explained`] stands between hyper and the socket and writes an answer in the API's shape in its place. URLs that were not encoded
//! are, on their way in.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use basalt_rest::RestError;
use http::Method;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::target::Targets;

/// A stream on which hyper's own refusals are explained.
pub(crate) struct Explained<S> {
    stream: S,
    targets: Targets,
    /// Whether errors carry details and hints.
    details: bool,
    /// An answer on its way, how much of it is written, and how much of hyper's it stands for.
    answer: Option<(Vec<u8>, usize, usize)>,
}

impl<S> Explained<S> {
    pub(crate) fn new(stream: S, details: bool) -> Self {
        Explained { stream, targets: Targets::default(), details, answer: None }
    }
}

/// The answer in place of hyper's, if these bytes are one. Every answer of ours carries a request id.
fn explain(written: &[u8], details: bool) -> Option<Vec<u8>> {
    if !written.starts_with(b"HTTP/1.1 4") {
        return None;
    }
    let head = std::str::from_utf8(written).ok()?.to_ascii_lowercase();
    if !head.contains("\r\ncontent-length: 0\r\n") || head.contains("\r\nx-request-id:") {
        return None;
    }
    let status: u16 = head.get(9..12)?.parse().ok()?;
    let error = match status {
        400 => RestError::new(400, "BST005", "The request is not valid HTTP")
            .hint("In a URL, percent-encode what is special: a space is %20, a line break %0A."),
        414 => RestError::new(414, "BST006", "The URL is too long")
            .hint("Ask for less at once, put a long argument into a POST of a function, or raise `limits.headers`."),
        431 => RestError::new(431, "BST006", "The request's headers are too large or too many")
            .hint("Send fewer, or raise `limits.headers` in basalt.toml."),
        _ => return None,
    };
    let response = error.into_response(details, &Method::GET);
    let (parts, body) = response.into_parts();
    let mut answer = format!("HTTP/1.1 {}\r\nconnection: close\r\ncontent-length: {}\r\n", parts.status, body.len());
    for (name, value) in &parts.headers {
        answer.push_str(&format!("{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes())));
    }
    answer.push_str("\r\n");
    Some([answer.as_bytes(), &body].concat())
}

impl<S: AsyncRead + Unpin> AsyncRead for Explained<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.targets.poll_read(Pin::new(&mut this.stream), cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Explained<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.answer.is_none() {
            this.answer = explain(bytes, this.details).map(|answer| (answer, 0, bytes.len()));
        }
        let Some((answer, written, replaced)) = &mut this.answer else {
            return Pin::new(&mut this.stream).poll_write(cx, bytes);
        };
        while *written < answer.len() {
            match ready!(Pin::new(&mut this.stream).poll_write(cx, &answer[*written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => *written += count,
            }
        }
        let replaced = *replaced;
        this.answer = None;
        Poll::Ready(Ok(replaced))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match parts {
            // A refusal has no body, so it comes in one part.
            [head] => self.poll_write(cx, head),
            _ => Pin::new(&mut self.stream).poll_write_vectored(cx, parts),
        }
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
