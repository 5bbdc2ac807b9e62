//! Refresh tokens of the kind that names its session and a counter, and is signed with the session's own key: sessions that Supabase's auth
//! service made may have such. Here every token is a row, so that one that can be used next becomes one when a token of its session is first shown.
//!
//! Base64url of: version 0, the session's id (16 bytes), the counter (LEB128), the first 16 bytes of HMAC-SHA-256 of all that, and the first 4 bytes of
//! SHA-256 of all before them.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::error::Result;
use crate::store::{Work, params};

const SIGNATURE: usize = 16;
const CHECKSUM: usize = 4;

/// A token, read and not yet believed.
struct Counted {
    session: Uuid,
    counter: u64,
    signed: Vec<u8>,
    signature: Vec<u8>,
}

/// What a session keeps of its tokens.
#[derive(Deserialize)]
struct Kept {
    user_id: Uuid,
    refresh_token_hmac_key: String,
    refresh_token_counter: i64,
}

impl Counted {
    fn read(token: &str) -> Option<Counted> {
        let bytes = BASE64.decode(token).ok()?;
        let (rest, checksum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM)?)?;
        if Sha256::digest(rest)[..CHECKSUM] != *checksum {
            return None;
        }
        let (signed, signature) = rest.split_at_checked(rest.len().checked_sub(SIGNATURE)?)?;
        let (version, named) = signed.split_first()?;
        let (session, counter) = named.split_at_checked(16)?;
        let counter = (*version == 0).then(|| leb128(counter))??;
        let session = Uuid::from_slice(session).ok()?;
        Some(Counted { session, counter, signed: signed.to_vec(), signature: signature.to_vec() })
    }

    fn is_signed_with(&self, key: &[u8]) -> bool {
        basalt_core::constant_time_eq(&signature(key, &self.signed), &self.signature)
    }
}

/// The token of a session with this counter.
fn write(session: Uuid, mut counter: u64, key: &[u8]) -> String {
    let mut bytes = vec![0];
    bytes.extend_from_slice(session.as_bytes());
    while counter >= 0x80 {
        bytes.push((counter & 0x7f) as u8 | 0x80);
        counter >>= 7;
    }
    bytes.push(counter as u8);
    bytes.extend_from_slice(&signature(key, &bytes));
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum[..CHECKSUM]);
    BASE64.encode(bytes)
}

fn signature(key: &[u8], signed: &[u8]) -> [u8; SIGNATURE] {
    // HMAC takes keys of every length.
    let mac = Hmac::<Sha256>::new_from_slice(key).map(|mac| mac.chain_update(signed).finalize().into_bytes());
    let mut first = [0; SIGNATURE];
    if let Ok(mac) = mac {
        first.copy_from_slice(&mac[..SIGNATURE]);
    }
    first
}

/// A number in base 128, least digit first, that fills the bytes.
fn leb128(bytes: &[u8]) -> Option<u64> {
    let (last, digits) = bytes.split_last()?;
    if bytes.len() > 9 || *last >= 0x80 || digits.iter().any(|digit| *digit < 0x80) {
        return None;
    }
    Some(bytes.iter().rev().fold(0, |number, digit| number << 7 | u64::from(digit & 0x7f)))
}

impl Work {
    /// Makes a row of a counted token that its session's key signed, and rows of the two that count: the one that can be used next, and the one before it,
    /// whose answer may have been lost. An older one is revoked. Says whether there is something to be found now.
    pub async fn take_over_token(&mut self, token: &str) -> Result<bool> {
        let Some(shown) = Counted::read(token) else { return Ok(false) };
        let sql = "select user_id, refresh_token_hmac_key, refresh_token_counter from auth.sessions \
            where id = $1 and refresh_token_hmac_key is not null and refresh_token_counter is not null";
        let Some(kept) = self.one::<Kept>(sql, params![shown.session]).await? else { return Ok(false) };
        let (Ok(key), Ok(last)) =
            (BASE64.decode(&kept.refresh_token_hmac_key), u64::try_from(kept.refresh_token_counter))
        else {
            tracing::warn!(session = %shown.session, "the key of a session's refresh tokens can't be read: is it encrypted?");
            return Ok(false);
        };
        if key.len() < 32 || !shown.is_signed_with(&key) || shown.counter > last {
            return Ok(false);
        }
        let of = |counter| write(shown.session, counter, &key);
        let before = last.checked_sub(1);
        let revoked = (before != Some(shown.counter) && shown.counter != last).then_some(shown.counter);
        let insert = "insert into auth.refresh_tokens (instance_id, token, user_id, revoked, created_at, updated_at, parent, session_id) \
            select '00000000-0000-0000-0000-000000000000', $1, $2, $3, created_at, created_at, $4, id from auth.sessions where id = $5 \
            on conflict (token) do nothing";
        for counter in revoked.into_iter().chain(before) {
            self.execute(insert, params![of(counter), kept.user_id, true, None::<String>, shown.session]).await?;
        }
        self.execute(insert, params![of(last), kept.user_id, false, before.map(of), shown.session]).await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: Uuid = Uuid::from_bytes([7; 16]);

    #[test]
    fn tokens_are_read_as_they_are_written() {
        let key = [1; 32];
        for counter in [0, 1, 127, 128, 300, 1 << 40] {
            let token = write(SESSION, counter, &key);
            let read = Counted::read(&token).expect("a token");
            assert_eq!((read.session, read.counter), (SESSION, counter));
            assert!(read.is_signed_with(&key) && !read.is_signed_with(&[2; 32]));
        }
    }

    #[test]
    fn what_is_no_token_is_none() {
        let token = write(SESSION, 5, &[1; 32]);
        let mut changed = BASE64.decode(&token).unwrap();
        changed[17] = 6;
        for text in ["", "abc", "firsttoken12", &token[1..], &BASE64.encode(changed), &BASE64.encode([0; 10])] {
            assert!(Counted::read(text).is_none(), "{text}");
        }
        assert_eq!(leb128(&[0x80]), None);
        assert_eq!(leb128(&[0x01, 0x01]), None);
        assert_eq!(leb128(&[0xff; 12]), None);
    }
}
