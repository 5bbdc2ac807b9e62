//! What is stored of a code that was sent to an address, and what its link carries: a hash that nobody can compute who only guesses the code. It is
//! keyed with what signs access tokens, so it is the same on all nodes and after a restart.
//!
//! Hexadecimal of 20 bytes of HMAC-SHA-256 of address and code, and 8 bytes of HMAC-SHA-256 of these: a hash that comes in shows by itself that it was made
//! here. What another auth service left in the database (SHA-224 of address and code, without a key) is found by address and code alone.

use basalt_core::constant_time_eq;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha224, Sha256};

use crate::one_time::PKCE;
use crate::secret::hex;

/// What the keys are for, so that the same secret used elsewhere makes others.
const CODES: &[u8] = b"basalt one-time codes, version 1";
const SEALS: &[u8] = b"basalt seals of one-time codes, version 1";
/// Characters of each part.
const CODE: usize = 40;
const SEAL: usize = 16;

/// The keys of a project, the one that makes new hashes first.
pub(crate) struct CodeHashes(Vec<Key>);

struct Key {
    codes: Vec<u8>,
    seals: Vec<u8>,
}

impl CodeHashes {
    /// Keys derived of secrets, at least one. The first is that of new hashes, the others still hold.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> CodeHashes {
        let key = |secret| Key { codes: mac(secret, &[CODES]), seals: mac(secret, &[SEALS]) };
        CodeHashes(secrets.into_iter().map(key).collect())
    }

    /// The hash of a new code.
    pub fn of(&self, address: &str, code: &str) -> String {
        self.0.first().map(|key| key.hash(address, code)).unwrap_or_default()
    }

    /// Everything that may be stored of a code, whether its flow ends with PKCE or not.
    pub fn all(&self, address: &str, code: &str) -> Vec<String> {
        let plain = hex(&Sha224::new().chain_update(address).chain_update(code).finalize());
        let hashes = self.0.iter().map(|key| key.hash(address, code)).chain([plain]);
        hashes.flat_map(|hash| [format!("{PKCE}{hash}"), hash]).collect()
    }

    /// Whether a hash, marked for PKCE or not, was made here.
    pub fn is_own(&self, hash: &str) -> bool {
        let hash = hash.strip_prefix(PKCE).unwrap_or(hash);
        let Some((code, seal)) = hash.split_at_checked(CODE) else { return false };
        self.0.iter().any(|key| constant_time_eq(key.seal(code).as_bytes(), seal.as_bytes()))
    }
}

impl Key {
    fn hash(&self, address: &str, code: &str) -> String {
        let mut hash = hex(&mac(&self.codes, &[address.as_bytes(), &[0], code.as_bytes()]));
        hash.truncate(CODE);
        let seal = self.seal(&hash);
        hash + &seal
    }

    fn seal(&self, hash: &str) -> String {
        let mut seal = hex(&mac(&self.seals, &[hash.as_bytes()]));
        seal.truncate(SEAL);
        seal
    }
}

/// HMAC-SHA-256 of the parts in a row.
pub(crate) fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // HMAC takes keys of every length.
    let keyed = Hmac::<Sha256>::new_from_slice(key).ok();
    let mac = keyed.map(|mac| parts.iter().fold(mac, |mac, part| mac.chain_update(part)).finalize().into_bytes());
    mac.map(|bytes| bytes.to_vec()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(secrets: &[&str]) -> CodeHashes {
        CodeHashes::new(secrets.iter().map(|secret| secret.as_bytes()))
    }

    #[test]
    fn a_hash_is_its_project_s_own() {
        let (ours, others) = (hashes(&["one"]), hashes(&["two"]));
        let hash = ours.of("ada@example.com", "314159");
        assert!(hash.len() == 56 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{hash}");
        assert!(ours.is_own(&hash) && ours.is_own(&format!("{PKCE}{hash}")) && !others.is_own(&hash));
        assert!(!ours.is_own(&others.of("ada@example.com", "314159")));
        assert_ne!(hash, ours.of("ada@example.com3", "14159"));
        let plain = hex(&Sha224::digest("ada@example.com314159"));
        assert!(!ours.is_own(&plain) && ours.all("ada@example.com", "314159").contains(&plain));
        for other in ["", "abc", &hash[1..], &format!("{}é{}", &hash[..39], &hash[40..]), &"0".repeat(56)] {
            assert!(!ours.is_own(other), "{other}");
        }
    }

    #[test]
    fn a_hash_of_before_a_rotation_holds_as_long_as_its_key_is_there() {
        let before = hashes(&["old"]).of("ada@example.com", "314159");
        let rotated = hashes(&["new", "old"]);
        assert!(rotated.is_own(&before) && rotated.all("ada@example.com", "314159").contains(&before));
        assert!(!hashes(&["new"]).is_own(&before));
    }
}
