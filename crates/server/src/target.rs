//! Request targets as people type them.
//!
//! PostgREST's own examples have a raw `->>` in the URL, and several HTTP libraries send it as it was given; RFC 3986 has `>`, `<`, `"` and a backquote
//! percent-encoded, and hyper takes no others. [`Targets`] encodes them on their way in. It follows where requests begin: what has a body whose
//! length isn't plain, or becomes another protocol, ends that, and the rest of the connection goes by untouched.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use memchr::{memchr, memchr2, memchr3};
use tokio::io::{AsyncRead, ReadBuf};

/// Longest header line that is put together of several reads. Those that matter are short.
const LONGEST_LINE: usize = 1024;

/// What a connection brings, followed from request to request.
#[derive(Default)]
pub(crate) struct Targets {
    at: At,
    /// The length of the body behind the head that is being read.
    body: u64,
    /// The part of a header line that earlier reads brought.
    line: Vec<u8>,
    /// What is encoded and found no room yet, and how much of it is out.
    left: (Vec<u8>, usize),
}

/// Where in a request the next byte is.
#[derive(Clone, Copy, Default, PartialEq)]
enum At {
    /// Before or within the method.
    #[default]
    Method,
    Target,
    Version,
    Header,
    Body,
    /// Nobody knows, so nothing is changed any more.
    Unknown,
}

impl Targets {
    /// Reads as `stream` does, with targets encoded.
    pub(crate) fn poll_read(
        &mut self,
        stream: Pin<&mut impl AsyncRead>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left.1 == self.left.0.len() {
            let before = buffer.filled().len();
            ready!(stream.poll_read(cx, buffer))?;
            let Some(encoded) = self.encode(&buffer.filled()[before..]) else { return Poll::Ready(Ok(())) };
            buffer.set_filled(before);
            self.left = (encoded, 0);
        }
        let (left, done) = &mut self.left;
        let part = &left[*done..];
        let part = &part[..part.len().min(buffer.remaining())];
        buffer.put_slice(part);
        *done += part.len();
        if *done == left.len() {
            self.left = Default::default();
        }
        Poll::Ready(Ok(()))
    }

    /// What stands in place of these bytes, if something of them has to be encoded.
    fn encode(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut encoded: Option<Vec<u8>> = None;
        // Bytes before it are looked at, and those before the other are in `encoded`.
        let (mut place, mut copied) = (0, 0);
        while let rest @ [first, ..] = &bytes[place..] {
            place += match self.at {
                At::Unknown => break,
                At::Body => self.skip_body(rest.len()),
                At::Method => self.method(rest),
                At::Target => match first {
                    b' ' | b'\n' => {
                        self.at = if *first == b' ' { At::Version } else { At::Header };
                        1
                    }
                    b'<' | b'>' | b'"' | b'`' => {
                        let encoded = encoded.get_or_insert_default();
                        encoded.extend_from_slice(&bytes[copied..place]);
                        encoded.extend_from_slice(format!("%{first:02X}").as_bytes());
                        copied = place + 1;
                        1
                    }
                    _ => plain(rest),
                },
                At::Version => match memchr(b'\n', rest) {
                    Some(end) => {
                        self.at = At::Header;
                        end + 1
                    }
                    None => rest.len(),
                },
                At::Header => self.header(rest),
            };
        }
        if let Some(encoded) = &mut encoded {
            encoded.extend_from_slice(&bytes[copied..]);
        }
        encoded
    }

    /// Passes over a method, or the empty lines that may stand before it.
    fn method(&mut self, rest: &[u8]) -> usize {
        let end = rest.iter().position(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'_'));
        match end.map(|end| (end, rest[end])) {
            None => rest.len(),
            Some((end, b' ')) => {
                self.at = At::Target;
                end + 1
            }
            Some((0, b'\r' | b'\n')) => 1,
            // Frames of HTTP/2, or nothing that hyper takes.
            Some(_) => {
                self.at = At::Unknown;
                rest.len()
            }
        }
    }

    /// Looks at a header line, or at the part of it that is there. Gives its length.
    fn header(&mut self, rest: &[u8]) -> usize {
        let end = memchr(b'\n', rest);
        let part = &rest[..end.unwrap_or(rest.len())];
        if end.is_some() && self.line.is_empty() {
            self.judge(part);
        } else {
            let room = LONGEST_LINE - self.line.len();
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            if end.is_some() {
                let line = std::mem::take(&mut self.line);
                self.judge(&line);
            }
        }
        end.map_or(rest.len(), |end| end + 1)
    }

    /// What a header line says of what follows its head.
    fn judge(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            self.at = if self.body == 0 { At::Method } else { At::Body };
            return;
        }
        let is = |name: &str| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()));
        if is("content-length:") {
            let value = std::str::from_utf8(&line["content-length:".len()..]).ok().map(str::trim);
            match value.and_then(|value| value.parse().ok()) {
                Some(length) if self.body == 0 && line.len() < LONGEST_LINE => self.body = length,
                _ => self.at = At::Unknown,
            }
        } else if is("transfer-encoding:") || is("upgrade:") {
            self.at = At::Unknown;
        }
    }

    /// Passes over what there is of a body.
    fn skip_body(&mut self, there: usize) -> usize {
        let part = usize::try_from(self.body).unwrap_or(usize::MAX).min(there);
        self.body -= part as u64;
        if self.body == 0 {
            self.at = At::Method;
        }
        part
    }
}

/// How much of a target goes by as it is.
fn plain(rest: &[u8]) -> usize {
    let end = memchr2(b' ', b'\n', rest).unwrap_or(rest.len());
    let end = memchr3(b'<', b'>', b'"', &rest[..end]).unwrap_or(end);
    memchr(b'`', &rest[..end]).unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::Targets;

    /// What hyper reads of what comes, cut into reads of each size.
    fn read(sent: &str) -> String {
        let all: Vec<String> = (1..=sent.len()).map(|size| in_reads(sent, size)).collect();
        assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
        all[0].clone()
    }

    fn in_reads(sent: &str, size: usize) -> String {
        let mut targets = Targets::default();
        let reads = sent.as_bytes().chunks(size).flat_map(|read| targets.encode(read).unwrap_or(read.to_vec()));
        String::from_utf8(reads.collect()).unwrap()
    }

    #[test]
    fn targets_alone_are_encoded() {
        let head = " HTTP/1.1\r\nHost: a\r\nX: <\">`\r\n\r\n";
        let asked = format!("GET /t?select=a->>b,\"c\"&d=`<{head}");
        let encoded = format!("GET /t?select=a-%3E%3Eb,%22c%22&d=%60%3C{head}");
        assert_eq!(read(&asked), encoded);
        assert_eq!(read(&asked.repeat(3)), encoded.repeat(3));
        assert_eq!(read(&format!("\r\n\r\n{asked}")), format!("\r\n\r\n{encoded}"));
        assert_eq!(read("GET /a>b\n\nGET /a>b\n\n"), "GET /a%3Eb\n\nGET /a%3Eb\n\n");
    }

    #[test]
    fn bodies_are_not_requests() {
        let body = "GET /a>b HTTP/1.1\r\n\r\n";
        let asked = format!("POST /a>b HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let encoded = asked.replacen("a>b", "a%3Eb", 1);
        assert_eq!(read(&asked.repeat(2)), encoded.repeat(2));
        assert_eq!(read(&format!("{asked}{body}")), format!("{encoded}GET /a%3Eb HTTP/1.1\r\n\r\n"));
    }

    #[test]
    fn what_is_not_plain_ends_it() {
        let rest = "5\r\nGET /a>b HTTP/1.1\r\n\r\nGET /a>b HTTP/1.1\r\n\r\n";
        let lengths = format!("Content-Length: {}1", " ".repeat(2000));
        for header in [
            "Transfer-Encoding: chunked",
            "Upgrade: websocket",
            "Content-Length: 0x5",
            "Content-Length: 1\r\nContent-Length: 2",
            "Content-Length: 1\r\nTransfer-Encoding: chunked",
            &lengths,
        ] {
            let sent = format!("POST / HTTP/1.1\r\n{header}\r\n\r\n{rest}");
            assert_eq!(read(&sent), sent);
        }
        let frames = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\u{12}\u{4}\0\0\0GET /a>b HTTP/1.1\r\n\r\n";
        assert_eq!(read(frames), frames);
    }
}
