//! Who speaks: one life of one process.

use std::fmt;

use uuid::Uuid;

/// A node's name, new at every start.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId([u8; NodeId::LENGTH]);

impl NodeId {
    /// Bytes of a name.
    pub const LENGTH: usize = 16;

    pub(crate) fn random() -> NodeId {
        NodeId(Uuid::new_v4().into_bytes())
    }

    /// A name that came in a message.
    pub const fn from_bytes(bytes: [u8; NodeId::LENGTH]) -> NodeId {
        NodeId(bytes)
    }

    /// The name as messages carry it.
    pub fn as_bytes(&self) -> &[u8; NodeId::LENGTH] {
        &self.0
    }
}

/// 32 hexadecimal digits.
impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
