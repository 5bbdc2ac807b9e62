//! scrypt hashes of other servers (RFC 7914): the PHC form `$scrypt$ln=14,r=8,p=1$salt$hash`, and Firebase's, as
//! `$fbscrypt$v=1,n=14,r=8,p=1,ss=<salt separator>,sk=<signer key>$salt$hash`.

use aes::cipher::{KeyIvInit, StreamCipher};
use basalt_core::constant_time_eq;
use base64::Engine as _;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use scrypt::Params;

/// Base64 with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// Costs beyond these would let one imported hash take the server's memory: 2^17 blocks of 8 * 128 bytes are 128 MiB.
const MOST: (u8, u32, u32) = (17, 8, 4);

/// A hash, read.
struct Hash<'a> {
    firebase: bool,
    settings: Vec<(&'a str, &'a str)>,
    salt: Vec<u8>,
    hash: Vec<u8>,
    params: Params,
}

/// Whether this is a hash of one of the two forms, at a cost that will do.
pub(crate) fn is_hash(text: &str) -> bool {
    read(text).is_some()
}

/// What decides how long a hash takes: the logarithm of N, r and p. None for a text that [`is_hash`] denies.
pub(crate) fn cost(text: &str) -> Option<(u8, u32, u32)> {
    read(text).map(|hash| (hash.params.log_n(), hash.params.r(), hash.params.p()))
}

/// What a password and a salt give at a cost.
pub(crate) fn derive(password: &str, salt: &[u8], (log_n, r, p): (u8, u32, u32)) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    let params = Params::new(log_n, r, p).ok()?;
    scrypt::scrypt(password.as_bytes(), salt, &params, &mut key).ok()?;
    Some(key)
}

/// Whether the password is the one that was hashed.
pub(crate) fn verify(password: &str, text: &str) -> bool {
    let Some(hash) = read(text) else { return false };
    let setting =
        |name: &str| hash.settings.iter().find(|(key, _)| *key == name).and_then(|(_, v)| BASE64.decode(v).ok());
    if !hash.firebase {
        let mut derived = vec![0; hash.hash.len()];
        return scrypt::scrypt(password.as_bytes(), &hash.salt, &hash.params, &mut derived).is_ok()
            && constant_time_eq(&derived, &hash.hash);
    }
    let (Some(separator), Some(mut signer)) = (setting("ss"), setting("sk")) else { return false };
    let salt = [hash.salt, separator].concat();
    let cost = (hash.params.log_n(), hash.params.r(), hash.params.p());
    let Some(key) = derive(password, &salt, cost) else { return false };
    // Firebase's hash is its signer key, enciphered with the derived key.
    ctr::Ctr128BE::<aes::Aes256>::new(&key.into(), &[0; 16].into()).apply_keystream(&mut signer);
    constant_time_eq(&signer, &hash.hash)
}

fn read(text: &str) -> Option<Hash<'_>> {
    let mut parts = text.strip_prefix('$')?.split('$');
    let firebase = match parts.next()? {
        "scrypt" => false,
        "fbscrypt" => true,
        _ => return None,
    };
    let settings: Vec<_> = parts.next()?.split(',').filter_map(|setting| setting.split_once('=')).collect();
    let (salt, hash) = (BASE64.decode(parts.next()?).ok()?, BASE64.decode(parts.next()?).ok()?);
    let number = |name: &str| settings.iter().find(|(key, _)| *key == name)?.1.parse::<u32>().ok();
    let log_n = u8::try_from(number(if firebase { "n" } else { "ln" })?).ok()?;
    let (r, p) = (number("r")?, number("p")?);
    if parts.next().is_some() || hash.is_empty() || log_n > MOST.0 || r > MOST.1 || p > MOST.2 {
        return None;
    }
    Some(Hash { firebase, params: Params::new(log_n, r, p).ok()?, settings, salt, hash })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phc_hash_is_verified() {
        let mut derived = [0; 32];
        scrypt::scrypt(b"secret", b"salt", &Params::new(4, 8, 1).unwrap(), &mut derived).unwrap();
        let text = format!("$scrypt$ln=4,r=8,p=1${}${}", BASE64.encode("salt"), BASE64.encode(derived));
        assert!(verify("secret", &text) && !verify("Secret", &text));
        assert!(!is_hash("$scrypt$ln=30,r=8,p=1$c2FsdA$c2FsdA"), "too dear");
    }

    /// The example that Firebase's own documentation of its scrypt gives.
    #[test]
    fn firebase_s_example_is_verified() {
        let text = "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==";
        assert!(verify("user1password", text));
        assert!(!verify("user1Password", text));
    }
}
