//! An authenticator app, in software (RFC 6238).

use basalt_core::unix_time;
use hmac::{Hmac, KeyInit, Mac};

/// The code that an app shows `steps` time steps from now.
pub fn code(secret: &str, steps: i64) -> String {
    let key = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).expect("Base32");
    let now = unix_time().as_secs();
    let step = i64::try_from(now / 30).expect("a step") + steps;
    let mac = Hmac::<sha1::Sha1>::new_from_slice(&key).expect("a key").chain_update(step.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let offset = usize::from(digest[19] & 0xf);
    let number = u32::from_be_bytes(digest[offset..offset + 4].try_into().expect("four bytes")) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}
