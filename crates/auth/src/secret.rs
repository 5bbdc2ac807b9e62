//! Secrets: random codes and tokens, and their hashes.

use rand::RngExt as _;
use sha2::{Digest, Sha256};

/// Letters and digits of a refresh token.
const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
/// Characters of a refresh token: 124 bits.
const REFRESH_TOKEN: usize = 24;

/// A new refresh token.
pub(crate) fn refresh_token() -> String {
    let mut random = rand::rng();
    (0..REFRESH_TOKEN).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect()
}

/// A code of so many digits.
pub(crate) fn digits(length: usize) -> String {
    let mut random = rand::rng();
    (0..length.clamp(6, 10)).map(|_| char::from(b'0' + random.random_range(0..10_u8))).collect()
}

/// SHA-256 in hex.
pub(crate) fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text))
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_length_and_kind() {
        for _ in 0..100 {
            let code = digits(6);
            assert!(code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()), "{code}");
        }
        assert_eq!(digits(3).len(), 6);
        assert_ne!(refresh_token(), refresh_token());
    }
}
