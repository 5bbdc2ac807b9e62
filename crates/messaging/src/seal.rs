//! The seal on frames: ChaCha20-Poly1305 (RFC 8439) under a key of the sending node alone, which HKDF (RFC 5869) makes of the nodes'
//! common secret and the node's name. A name is never used twice, and a node never numbers two frames alike, so no nonce comes again.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};

use crate::node::NodeId;

/// Bytes that a seal adds.
pub(crate) const TAG: usize = 16;

/// What the key is for, so that the same secret used elsewhere makes other keys.
const PURPOSE: &[u8] = b"basalt messages between nodes, version 1";
const SUBJECT: &[u8] = b"basalt subject of messages between nodes";

/// What all nodes of a project know, and nobody else.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// One node's seal.
pub(crate) struct Seal(LessSafeKey);

impl Secret {
    /// A secret of at least 16 bytes. `None`: it is shorter.
    pub fn new(secret: &[u8]) -> Option<Secret> {
        (secret.len() >= 16).then(|| Secret(secret.to_vec()))
    }

    /// A name for the project, the same on all its nodes, that tells nothing of the secret: 16 hexadecimal digits.
    pub(crate) fn project(&self) -> String {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &self.0);
        ring::hmac::sign(&key, SUBJECT).as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Seal {
    /// The seal of a node. `None` never happens with lengths as they are; nothing then can be sealed or opened.
    pub fn of(secret: &Secret, node: NodeId) -> Option<Seal> {
        let extracted = Salt::new(HKDF_SHA256, node.as_bytes()).extract(&secret.0);
        let key: UnboundKey = extracted.expand(&[PURPOSE], &CHACHA20_POLY1305).ok()?.into();
        Some(Seal(LessSafeKey::new(key)))
    }

    /// Seals what stands in `frame` after its first `head` bytes, which anyone may read and nobody change.
    pub fn close(&self, sequence: u64, head: usize, frame: &mut Vec<u8>) -> Option<()> {
        let mut body = frame.split_off(head);
        self.0.seal_in_place_append_tag(nonce(sequence), Aad::from(&*frame), &mut body).ok()?;
        frame.append(&mut body);
        Some(())
    }

    /// What was sealed, if this node did, and so.
    pub fn open(&self, sequence: u64, head: &[u8], body: &[u8]) -> Option<Vec<u8>> {
        let mut body = body.to_vec();
        let length = self.0.open_in_place(nonce(sequence), Aad::from(head), &mut body).ok()?.len();
        body.truncate(length);
        Some(body)
    }
}

fn nonce(sequence: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[NONCE_LEN - 8..].copy_from_slice(&sequence.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}
