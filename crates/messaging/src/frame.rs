//! Frames: messages as a line carries them. Pure.
//!
//! ```text
//! version 1 byte | node 16 | number 8 | sealed: time 8 (ms of the Unix epoch) | kind 1 | content | tag 16
//!
//! kind 0   messages: length 4 | topic's length 1 | topic | body, any number of times; none: the node only says that it lives
//! kind 1   a part of one message: index 4 | parts 4 | bytes of the message
//! kind 2   the node leaves
//! ```
//!
//! Numbers are big-endian. A node numbers its frames one by one; a number left out says that messages are missing.

use bytes::{Buf, BufMut, Bytes};

use crate::node::NodeId;
use crate::seal::{Seal, TAG};

const VERSION: u8 = 1;
const HEAD: usize = 1 + NodeId::LENGTH + 8;
const INNER: usize = 8 + 1;
const PART: usize = 4 + 4;

const MESSAGES: u8 = 0;
const PIECE: u8 = 1;
const LEAVING: u8 = 2;

/// Largest message that is put together from parts, in bytes.
pub const LARGEST_MESSAGE: usize = 32 << 20;

/// A message for a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub topic: Bytes,
    pub body: Bytes,
}

/// What a frame holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Messages(Vec<Message>),
    Part { index: u32, count: u32, piece: Bytes },
    Leaving,
}

/// A frame that is still sealed.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub node: NodeId,
    pub sequence: u64,
    frame: Bytes,
}

/// Makes a node's frames.
pub(crate) struct Writer {
    node: NodeId,
    seal: Seal,
    sequence: u64,
}

impl Writer {
    pub fn new(node: NodeId, seal: Seal) -> Writer {
        Writer { node, seal, sequence: 0 }
    }

    /// Leaves a number out.
    pub fn skip(&mut self) {
        self.sequence += 1;
    }

    /// Messages in frames of at most `largest` bytes, in their order; without any, one frame that only says that the node lives.
    pub fn messages<'a>(
        &mut self,
        messages: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        time: u64,
        largest: usize,
    ) -> Vec<Vec<u8>> {
        let room = largest.saturating_sub(HEAD + INNER + TAG).max(64);
        let mut frames = Vec::new();
        let mut content: Vec<u8> = Vec::new();
        for (topic, body) in messages {
            let message = message(topic, body);
            if message.len() + 4 <= room {
                if content.len() + message.len() + 4 > room {
                    frames.extend(self.frame(time, MESSAGES, &std::mem::take(&mut content)));
                }
                content.put_u32(message.len() as u32);
                content.extend_from_slice(&message);
                continue;
            }
            if !content.is_empty() {
                frames.extend(self.frame(time, MESSAGES, &std::mem::take(&mut content)));
            }
            let pieces = message.chunks(room - PART);
            let count = pieces.len() as u32;
            for (index, piece) in (0..).zip(pieces) {
                let mut part = Vec::with_capacity(PART + piece.len());
                part.put_u32(index);
                part.put_u32(count);
                part.extend_from_slice(piece);
                frames.extend(self.frame(time, PIECE, &part));
            }
        }
        if !content.is_empty() || frames.is_empty() {
            frames.extend(self.frame(time, MESSAGES, &content));
        }
        frames
    }

    /// The node's last frame.
    pub fn leaving(&mut self, time: u64) -> Option<Vec<u8>> {
        self.frame(time, LEAVING, &[])
    }

    fn frame(&mut self, time: u64, kind: u8, content: &[u8]) -> Option<Vec<u8>> {
        self.sequence += 1;
        let mut frame = Vec::with_capacity(HEAD + INNER + content.len() + TAG);
        frame.put_u8(VERSION);
        frame.extend_from_slice(self.node.as_bytes());
        frame.put_u64(self.sequence);
        frame.put_u64(time);
        frame.put_u8(kind);
        frame.extend_from_slice(content);
        self.seal.close(self.sequence, HEAD, &mut frame)?;
        Some(frame)
    }
}

fn message(topic: &str, body: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(1 + topic.len() + body.len());
    message.put_u8(topic.len() as u8);
    message.extend_from_slice(topic.as_bytes());
    message.extend_from_slice(body);
    message
}

impl Message {
    /// Reads a message that came whole.
    pub fn read(mut bytes: Bytes) -> Option<Message> {
        let length = usize::from(bytes.try_get_u8().ok()?);
        if bytes.len() < length {
            return None;
        }
        let topic = bytes.split_to(length);
        Some(Message { topic, body: bytes })
    }
}

impl Sealed {
    /// Reads who sent a frame. `None`: it is none.
    pub fn read(frame: Bytes) -> Option<Sealed> {
        if frame.len() < HEAD + INNER + TAG || frame[0] != VERSION {
            return None;
        }
        let mut head = &frame[1..HEAD];
        let mut node = [0; NodeId::LENGTH];
        head.copy_to_slice(&mut node);
        let sequence = head.get_u64();
        Some(Sealed { node: NodeId::from_bytes(node), sequence, frame })
    }

    /// When it was sent, and its content. `None`: not by this node.
    pub fn open(&self, seal: &Seal) -> Option<(u64, Content)> {
        let mut opened = Bytes::from(seal.open(self.sequence, &self.frame[..HEAD], &self.frame[HEAD..])?);
        let time = opened.try_get_u64().ok()?;
        let content = match opened.try_get_u8().ok()? {
            MESSAGES => {
                let mut messages = Vec::new();
                while !opened.is_empty() {
                    let length = opened.try_get_u32().ok()? as usize;
                    if opened.len() < length {
                        return None;
                    }
                    messages.push(Message::read(opened.split_to(length))?);
                }
                Content::Messages(messages)
            }
            PIECE => {
                let (index, count) = (opened.try_get_u32().ok()?, opened.try_get_u32().ok()?);
                Content::Part { index, count, piece: opened }
            }
            LEAVING => Content::Leaving,
            _ => return None,
        };
        Some((time, content))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::seal::Secret;

    fn writer(node: NodeId) -> Writer {
        Writer::new(node, seal(node))
    }

    fn seal(node: NodeId) -> Seal {
        Seal::of(&Secret::new(b"0123456789abcdef").unwrap(), node).unwrap()
    }

    #[test]
    fn frames_are_packed_and_numbered() {
        let node = NodeId::random();
        let mut writer = writer(node);
        let body = [7; 60];
        let frames = writer.messages([("t", &body[..]); 5], 42, 200);
        assert!(frames.iter().all(|frame| frame.len() <= 200));
        let opened: Vec<_> = frames.into_iter().map(|frame| Sealed::read(frame.into()).unwrap()).collect();
        assert_eq!(opened.iter().map(|frame| frame.sequence).collect::<Vec<_>>(), [1, 2, 3]);
        let sizes: Vec<usize> = opened
            .iter()
            .map(|frame| match frame.open(&seal(node)).unwrap() {
                (42, Content::Messages(messages)) => messages.len(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(sizes, [2, 2, 1]);
        let [alive] = &writer.messages([], 42, 200)[..] else { panic!("one frame") };
        let alive = Sealed::read(alive.clone().into()).unwrap();
        assert_eq!(alive.open(&seal(node)), Some((42, Content::Messages(Vec::new()))));
    }

    #[test]
    fn what_was_changed_or_made_by_others_does_not_open() {
        let node = NodeId::random();
        let frame = writer(node).messages([("t", &b"body"[..])], 42, 200).remove(0);
        assert!(Sealed::read(frame.clone().into()).unwrap().open(&seal(node)).is_some());
        for at in 0..frame.len() {
            let mut changed = frame.clone();
            changed[at] ^= 1;
            let opens = |sealed: Sealed| sealed.open(&seal(sealed.node)).is_some();
            assert!(!Sealed::read(changed.into()).is_some_and(opens), "byte {at}");
        }
        let other = Seal::of(&Secret::new(b"fedcba9876543210").unwrap(), node).unwrap();
        assert!(Sealed::read(frame.into()).unwrap().open(&other).is_none());
    }

    proptest! {
        #[test]
        fn anything_may_come(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(sealed) = Sealed::read(bytes.into()) {
                prop_assert!(sealed.open(&seal(sealed.node)).is_none());
            }
        }
    }
}
