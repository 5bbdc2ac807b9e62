//! Credentials as Supabase's auth service (GoTrue) keeps them, in the JSON of Go's library: read as they are, and stored in our form with
//! their next use.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use uuid::Uuid;
use webauthn_rp::bin::Encode;
use webauthn_rp::response::register::{
    AuthenticatorExtensionOutputStaticState, CredentialProtectionPolicy, DynamicState, Ed25519PubKey, RsaPubKey,
    StaticState, UncompressedP256PubKey, UncompressedP384PubKey, UncompressedPubKey,
};
use webauthn_rp::response::{AuthenticatorAttachment, Backup};

use super::{Credential, Handle, counted};

/// What may stand where a credential is kept.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Stored {
    Own {
        id: String,
        user_id: Uuid,
        public_key: String,
        state: String,
        transports: u8,
        #[serde(default)]
        handle: Handle,
    },
    Theirs(Theirs),
}

/// A credential of GoTrue's. Binary members are in base64.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Theirs {
    id: String,
    public_key: String,
    #[serde(default)]
    flags: Flags,
    #[serde(default)]
    authenticator: Authenticator,
    /// Ours, where the row does not say whose it is.
    #[serde(default)]
    user_id: Uuid,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Flags {
    user_verified: bool,
    backup_eligible: bool,
    backup_state: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Authenticator {
    sign_count: u32,
}

impl From<Stored> for Credential {
    fn from(stored: Stored) -> Credential {
        match stored {
            Stored::Own { id, user_id, public_key, state, transports, handle } => {
                Credential { id, user_id, public_key, state, transports, handle }
            }
            Stored::Theirs(theirs) => theirs.into(),
        }
    }
}

impl From<Theirs> for Credential {
    /// A key that can't be read is none: what it signs does not hold.
    fn from(theirs: Theirs) -> Credential {
        let bytes = |text: &str| BASE64_STANDARD.decode(text).unwrap_or_default();
        let backup = match (theirs.flags.backup_eligible, theirs.flags.backup_state) {
            (false, _) => Backup::NotEligible,
            (true, false) => Backup::Eligible,
            (true, true) => Backup::Exists,
        };
        let state = DynamicState {
            user_verified: theirs.flags.user_verified,
            backup,
            sign_count: theirs.authenticator.sign_count,
            authenticator_attachment: AuthenticatorAttachment::None,
        };
        Credential {
            id: BASE64_URL_SAFE_NO_PAD.encode(bytes(&theirs.id)),
            user_id: theirs.user_id,
            public_key: BASE64_URL_SAFE_NO_PAD.encode(public_key(&bytes(&theirs.public_key)).unwrap_or_default()),
            state: counted(state),
            // Hints for browsers, which ask every kind of authenticator without them.
            transports: 0,
            handle: Handle::Text,
        }
    }
}

/// A COSE key in CTAP2's canonical form (RFC 9053, Web Authentication section 6.5.1.1), as our credentials have it.
fn public_key(cose: &[u8]) -> Option<Vec<u8>> {
    const ED25519: &[u8] = &[0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 32];
    const P256: &[u8] = &[0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 32];
    const P384: &[u8] = &[0xa5, 0x01, 0x02, 0x03, 0x38, 0x22, 0x20, 0x02, 0x21, 0x58, 48];
    const RS256: &[u8] = &[0xa4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20, 0x59];
    /// The exponent 65537, as nearly every key has it.
    const EXPONENT: &[u8] = &[0x21, 0x43, 0x01, 0x00, 0x01];
    let point = |rest: &'_ [u8], size: u8| -> Option<(Vec<u8>, Vec<u8>)> {
        let (x, rest) = rest.split_at_checked(size.into())?;
        let y = rest.strip_prefix(&[0x22, 0x58, size])?;
        Some((x.to_vec(), y.to_vec()))
    };
    if let Some(y) = cose.strip_prefix(ED25519) {
        return encoded(UncompressedPubKey::Ed25519(Ed25519PubKey::try_from(y).ok()?));
    }
    if let Some(rest) = cose.strip_prefix(P256) {
        let (x, y) = point(rest, 32)?;
        return encoded(UncompressedPubKey::P256(UncompressedP256PubKey::try_from((&x[..], &y[..])).ok()?));
    }
    if let Some(rest) = cose.strip_prefix(P384) {
        let (x, y) = point(rest, 48)?;
        return encoded(UncompressedPubKey::P384(UncompressedP384PubKey::try_from((&x[..], &y[..])).ok()?));
    }
    let (length, rest) = cose.strip_prefix(RS256)?.split_first_chunk::<2>()?;
    let (modulus, exponent) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    let key = (exponent == EXPONENT).then(|| RsaPubKey::try_from((modulus, 65_537)).ok())?;
    encoded(UncompressedPubKey::Rsa(key?))
}

fn encoded(key: UncompressedPubKey<'_>) -> Option<Vec<u8>> {
    let extensions =
        AuthenticatorExtensionOutputStaticState { cred_protect: CredentialProtectionPolicy::None, hmac_secret: None };
    let Ok(bytes) = StaticState { credential_public_key: key, extensions }.encode();
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use webauthn_rp::bin::Decode;
    use webauthn_rp::response::register::CompressedPubKey;

    use super::*;

    type Known = StaticState<CompressedPubKey<[u8; 32], [u8; 32], [u8; 48], Vec<u8>>>;

    #[test]
    fn keys_of_every_kind_that_browsers_make_are_read() {
        let y = |size: u8| [&[0x22, 0x58, size][..], &vec![3; size.into()]].concat();
        let ed25519 = [&[0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32][..], &[7; 32]].concat();
        let p256 = [&[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32][..], &[7; 32], &y(32)].concat();
        let p384 = [&[0xa5, 1, 2, 3, 0x38, 0x22, 0x20, 2, 0x21, 0x58, 48][..], &[7; 48], &y(48)].concat();
        let head = [0xa4, 1, 3, 3, 0x39, 1, 0, 0x20, 0x59, 1, 0];
        let rs256 = [&head[..], &[0xff; 256], &[0x21, 0x43, 1, 0, 1]].concat();
        for cose in [&ed25519, &p256, &p384, &rs256] {
            let read = public_key(cose).and_then(|key| Known::decode(&key).ok());
            assert!(read.is_some(), "{cose:02x?}");
        }
        let Some(Known { credential_public_key: CompressedPubKey::P256(key), .. }) =
            public_key(&p256).and_then(|key| Known::decode(&key).ok())
        else {
            panic!("a key on P-256");
        };
        assert_eq!((*key.x(), key.y_is_odd()), ([7; 32], true));
        for bad in [&p256[..40], &rs256[..rs256.len() - 1], &[][..], &[0xa5; 77][..]] {
            assert!(public_key(bad).is_none(), "{bad:02x?}");
        }
    }

    #[test]
    fn what_is_no_key_makes_a_credential_that_proves_nothing() {
        let text = r#"{"id": "+/8=", "publicKey": "AAE=", "authenticator": {"signCount": 9}}"#;
        let credential: Credential = serde_json::from_str(text).unwrap();
        assert_eq!((credential.id.as_str(), credential.handle), ("-_8", Handle::Text));
        let (id, handle) = (vec![1; 16], webauthn_rp::request::register::UserHandle::<16>::new());
        assert!(credential.known(&id, &handle).is_err());
    }
}
