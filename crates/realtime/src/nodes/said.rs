//! What nodes say to each other. Nodes of different versions may run side by side for a while: variants are only added, at the end; one
//! that is not known is not understood, and nothing else is.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::channel::Key;
use crate::presence::Present;

/// A message, borrowing its parts.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Said<'a> {
    /// Somebody sends to a channel.
    Broadcast {
        #[serde(borrow)]
        channel: Topic<'a>,
        event: &'a str,
        json: bool,
        meta: Option<&'a str>,
        body: &'a [u8],
    },
    /// Members of the speaker's are present.
    Present {
        #[serde(borrow)]
        channel: Topic<'a>,
        #[serde(borrow)]
        presences: Vec<Present<'a>>,
    },
    /// A member of the speaker's is present no more.
    Absent {
        #[serde(borrow)]
        channel: Topic<'a>,
        key: &'a str,
        member: u64,
    },
    /// The node of this name is asked for all of its presences.
    Ask([u8; 16]),
    /// From here on the speaker mentions all of its presences.
    Begin,
    /// That was all.
    End,
}

/// A channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Topic<'a> {
    topic: &'a str,
    private: bool,
}

impl Said<'_> {
    pub fn write(&self) -> Bytes {
        // Serializing to memory has no way to fail; a message of no bytes would be understood by nobody.
        postcard::to_allocvec(self).unwrap_or_default().into()
    }

    pub fn read(bytes: &[u8]) -> Option<Said<'_>> {
        postcard::from_bytes(bytes).ok()
    }
}

impl<'a> From<&'a Key> for Topic<'a> {
    fn from(key: &'a Key) -> Self {
        Topic { topic: &key.topic, private: key.private }
    }
}

impl From<Topic<'_>> for Key {
    fn from(Topic { topic, private }: Topic<'_>) -> Self {
        Key { topic: topic.into(), private }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        let channel = Topic { topic: "realtime:a", private: true };
        let present = Present { key: "k", member: 7, reference: "F1", meta: "{}" };
        for said in [
            Said::Broadcast { channel, event: "e", json: false, meta: Some("{}"), body: &[0, 255] },
            Said::Present { channel, presences: vec![present, present] },
            Said::Absent { channel, key: "k", member: u64::MAX },
            Said::Ask([9; 16]),
            Said::Begin,
            Said::End,
        ] {
            assert_eq!(Said::read(&said.write()).as_ref(), Some(&said));
        }
        assert_eq!(Said::read(&[200, 1, 2, 3]), None);
        assert_eq!(Said::read(&[]), None);
    }
}
