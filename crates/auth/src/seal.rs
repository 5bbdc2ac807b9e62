//! The seal on what the database keeps for a while and nobody may read in it: ChaCha20-Poly1305 (RFC 8439) under a key that is derived of what signs
//! access tokens, so that it is the same on all nodes and after a restart.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD as BASE64;
use rand::RngExt as _;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use uuid::Uuid;

use crate::code_hash::mac;

/// What the keys are for, so that the same secret used elsewhere makes others.
const PURPOSE: &[u8] = b"basalt outbox, version 1";

/// The keys of a project, the one that seals first; the others still open.
pub(crate) struct Seals(Vec<LessSafeKey>);

impl Seals {
    /// Keys derived of secrets.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Seals {
        let key = |secret| UnboundKey::new(&CHACHA20_POLY1305, &mac(secret, &[PURPOSE])).map(LessSafeKey::new).ok();
        Seals(secrets.into_iter().filter_map(key).collect())
    }

    /// Seals a text for the row with this id. `None` where there is no key.
    pub fn close(&self, id: Uuid, text: &str) -> Option<String> {
        let mut nonce = [0; NONCE_LEN];
        rand::rng().fill(&mut nonce);
        let mut sealed = text.as_bytes().to_vec();
        let place = Aad::from(id.into_bytes());
        self.0.first()?.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), place, &mut sealed).ok()?;
        Some(BASE64.encode([&nonce[..], &sealed].concat()))
    }

    /// What was sealed for the row with this id. `None`: under none of these keys.
    pub fn open(&self, id: Uuid, sealed: &str) -> Option<String> {
        let bytes = BASE64.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<{ NONCE_LEN }>()?;
        self.0.iter().find_map(|key| {
            let (nonce, mut sealed) = (Nonce::assume_unique_for_key(*nonce), sealed.to_vec());
            let text = key.open_in_place(nonce, Aad::from(id.into_bytes()), &mut sealed).ok()?;
            String::from_utf8(text.to_vec()).ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seals(secrets: &[&str]) -> Seals {
        Seals::new(secrets.iter().map(|secret| secret.as_bytes()))
    }

    #[test]
    fn what_is_sealed_opens_under_its_key_and_id_alone() {
        let (id, text) = (Uuid::new_v4(), "the code is 314159");
        let sealed = seals(&["old"]).close(id, text).expect("a key");
        assert!(!sealed.contains("314159"));
        assert_eq!(seals(&["new", "old"]).open(id, &sealed).as_deref(), Some(text));
        assert_eq!(seals(&["new"]).open(id, &sealed), None);
        assert_eq!(seals(&["old"]).open(Uuid::new_v4(), &sealed), None);
        for other in ["", "abc", "?", &sealed[4..]] {
            assert_eq!(seals(&["old"]).open(id, other), None, "{other}");
        }
        assert_eq!(seals(&[]).close(id, text), None);
    }
}
