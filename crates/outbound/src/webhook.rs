//! Standard Webhooks (<https://www.standardwebhooks.com>): a message carries its id, its time and signatures of both with the body.
//!
//! ```
//! use basalt_outbound::webhook::Secrets;
//!
//! let secrets = Secrets::parse("v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
//! let headers = secrets.headers("msg_1", 1_700_000_000, b"{}");
//! let received = headers.iter().map(|(name, value)| (*name, value.parse().unwrap())).collect::<Vec<_>>();
//! let received = received.into_iter().map(|(name, value)| (name.parse().unwrap(), value)).collect();
//! assert!(secrets.verify(&received, b"{}", 1_700_000_100).is_ok());
//! ```

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hmac::{Hmac, Mac};
use http::HeaderMap;
use sha2::Sha256;

/// How far a message's time may be from now, in seconds.
pub const TOLERANCE: u64 = 300;

/// Fewest and most bytes of a secret.
const SIZES: std::ops::RangeInclusive<usize> = 16..=512;

/// One or more secrets: messages are signed with each, and verified by any, so that a secret can be rotated.
#[derive(Clone)]
pub struct Secrets(Vec<Vec<u8>>);

/// A text that holds no secrets. The text itself is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a webhook's secret is `whsec_` or `v1,whsec_` and the base64 of 16 to 512 bytes; several are separated by `|`"
)]
pub struct BadSecret;

/// Why a message is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// A header is missing or no text.
    #[error("the headers webhook-id, webhook-timestamp and webhook-signature are needed")]
    Headers,
    /// The message is too old, or from the future.
    #[error("the message's time is more than {TOLERANCE} seconds from now")]
    Time,
    /// No signature is that of a secret.
    #[error("no signature matches")]
    Signature,
}

impl Secrets {
    /// Reads `whsec_...` or `v1,whsec_...`, several separated by `|`.
    ///
    /// # Errors
    /// If a part is none.
    pub fn parse(text: &str) -> Result<Secrets, BadSecret> {
        let secret = |part: &str| {
            let part = part.trim();
            let encoded = part.strip_prefix("v1,").unwrap_or(part).strip_prefix("whsec_")?.trim_end_matches('=');
            STANDARD_NO_PAD.decode(encoded).ok().filter(|secret| SIZES.contains(&secret.len()))
        };
        text.split('|').map(secret).collect::<Option<Vec<_>>>().map(Secrets).ok_or(BadSecret)
    }

    /// The headers of a message. `timestamp` is in seconds of the Unix epoch; `id` is the same for every attempt to deliver it.
    pub fn headers(&self, id: &str, timestamp: u64, body: &[u8]) -> [(&'static str, String); 3] {
        let timestamp = timestamp.to_string();
        let sign = |secret: &Vec<u8>| {
            mac(secret, id, &timestamp, body).map(|mac| format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
        };
        let signatures = self.0.iter().filter_map(sign).collect::<Vec<_>>().join(" ");
        [("webhook-id", id.to_owned()), ("webhook-timestamp", timestamp), ("webhook-signature", signatures)]
    }

    /// Verifies a message at `now` (seconds of the Unix epoch). Signatures are compared in constant time. Whoever must not act twice on one
    /// message remembers its id for [`TOLERANCE`] on both sides of now.
    ///
    /// # Errors
    /// Says what is missing or wrong.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8], now: u64) -> Result<(), Rejected> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).ok_or(Rejected::Headers);
        let (id, timestamp) = (header("webhook-id")?, header("webhook-timestamp")?);
        let time: u64 = timestamp.parse().map_err(|_| Rejected::Headers)?;
        let signatures: Vec<Vec<u8>> = header("webhook-signature")?
            .split(' ')
            .filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok())
            .take(16)
            .collect();
        if time.abs_diff(now) > TOLERANCE {
            return Err(Rejected::Time);
        }
        let matches = |secret: &Vec<u8>| {
            let mac = mac(secret, id, timestamp, body);
            mac.is_some_and(|mac| signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok()))
        };
        if self.0.iter().any(matches) { Ok(()) } else { Err(Rejected::Signature) }
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Secrets({})", self.0.len())
    }
}

fn mac(secret: &[u8], id: &str, timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OTHER: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn received(secrets: &str, time: u64, body: &[u8]) -> HeaderMap {
        let headers = Secrets::parse(secrets).unwrap().headers("msg_p5jXN8AQM9LWM0D4loKWxJek", time, body);
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_specification_s_example_is_signed_alike() {
        let headers = received(SECRET, 1614265330, br#"{"test": 2432232314}"#);
        assert_eq!(headers["webhook-signature"], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_was_signed_is_verified_and_nothing_else() {
        let headers = received(SECRET, 1000, b"a");
        let secrets = Secrets::parse(&format!("v1,{SECRET}")).unwrap();
        assert_eq!(secrets.verify(&headers, b"a", 1300), Ok(()));
        assert_eq!(secrets.verify(&headers, b"a", 700), Ok(()));
        assert_eq!(secrets.verify(&headers, b"b", 1000), Err(Rejected::Signature));
        assert_eq!(secrets.verify(&headers, b"a", 1301), Err(Rejected::Time));
        assert_eq!(secrets.verify(&headers, b"a", 699), Err(Rejected::Time));
        assert_eq!(Secrets::parse(OTHER).unwrap().verify(&headers, b"a", 1000), Err(Rejected::Signature));
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            let mut fewer = headers.clone();
            fewer.remove(name);
            assert_eq!(secrets.verify(&fewer, b"a", 1000), Err(Rejected::Headers), "{name}");
        }
        let mut moved = headers.clone();
        moved.insert("webhook-id", "msg_2".parse().unwrap());
        assert_eq!(secrets.verify(&moved, b"a", 1000), Err(Rejected::Signature));
    }

    #[test]
    fn a_secret_is_rotated_by_having_two() {
        let both = format!("v1,{OTHER}|v1,{SECRET}");
        let secrets = Secrets::parse(&both).unwrap();
        assert_eq!(secrets.verify(&received(SECRET, 1, b"x"), b"x", 1), Ok(()));
        assert_eq!(Secrets::parse(SECRET).unwrap().verify(&received(&both, 1, b"x"), b"x", 1), Ok(()));
    }

    #[test]
    fn what_is_no_secret_is_refused_and_not_told() {
        for text in ["", "whsec_", "secret", "whsec_!!!!", "whsec_AAAA", "v2,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert_eq!(Secrets::parse(text).unwrap_err(), BadSecret, "{text}");
        }
        assert_eq!(format!("{:?}", Secrets::parse(SECRET).unwrap()), "Secrets(1)");
    }
}
