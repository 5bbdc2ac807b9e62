//! A security key, in software.
// Each test program uses its own part.
#![allow(dead_code)]

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A security key with one credential, on a page of `origin`.
#[derive(Clone)]
pub struct SecurityKey {
    key: SigningKey,
    id: [u8; 16],
    user: Vec<u8>,
    /// Counts signatures; zero for one that doesn't count.
    pub counter: u32,
    /// Whether it asks for a PIN or a fingerprint.
    pub verifies: bool,
    pub origin: String,
}

impl SecurityKey {
    /// Makes a credential as the creation options ask; gives the key and what its browser answers.
    pub fn make(options: &Value, origin: &str) -> (SecurityKey, Value) {
        let key = SigningKey::from_slice(uuid_bytes(2).as_slice()).expect("a key");
        let user = BASE64.decode(options["user"]["id"].as_str().expect("a user")).expect("base64url");
        let id = uuid_bytes(1).try_into().expect("16 bytes");
        let mut made = SecurityKey { key, id, user, counter: 1, verifies: true, origin: origin.into() };
        let answer = made.register(options);
        (made, answer)
    }

    /// The credential's id.
    pub fn id(&self) -> &[u8] {
        &self.id
    }

    /// The public key in COSE (RFC 9053 section 7.1): an EC2 key on P-256 for ES256.
    pub fn public_key(&self) -> Vec<u8> {
        let point = self.key.verifying_key().to_encoded_point(false);
        [
            &[0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20][..],
            point.x().expect("x"),
            &[0x22, 0x58, 0x20],
            point.y().expect("y"),
        ]
        .concat()
    }

    /// What the browser answers to creation options.
    pub fn register(&mut self, options: &Value) -> Value {
        let cose = self.public_key();
        let relying_party = options["rp"]["id"].as_str().expect("a relying party");
        let data = [&self.data(relying_party, 0x40)[..], &[0; 16], &[0, 16], &self.id, &cose].concat();
        let length = u8::try_from(data.len()).expect("a short length");
        let attestation = [&b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58"[..], &[length], &data].concat();
        json!({
            "id": BASE64.encode(self.id), "rawId": BASE64.encode(self.id), "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": BASE64.encode(self.client_data("webauthn.create", options)),
                "attestationObject": BASE64.encode(attestation),
                "transports": ["internal"],
            },
        })
    }

    /// What the browser answers to request options.
    pub fn sign(&mut self, options: &Value) -> Value {
        if self.counter > 0 {
            self.counter += 1;
        }
        let data = self.data(options["rpId"].as_str().expect("a relying party"), 0);
        let client_data = self.client_data("webauthn.get", options);
        let signed = [&data[..], &Sha256::digest(&client_data)].concat();
        let signature: Signature = self.key.sign(&signed);
        json!({
            "id": BASE64.encode(self.id), "rawId": BASE64.encode(self.id), "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": BASE64.encode(client_data),
                "authenticatorData": BASE64.encode(data),
                "signature": BASE64.encode(signature.to_der()),
                "userHandle": BASE64.encode(&self.user),
            },
        })
    }

    /// Authenticator data (Web Authentication section 6.1) up to the counter.
    fn data(&self, relying_party: &str, flags: u8) -> Vec<u8> {
        let flags = flags | 0x01 | if self.verifies { 0x04 } else { 0 };
        [&Sha256::digest(relying_party)[..], &[flags], &self.counter.to_be_bytes()].concat()
    }

    fn client_data(&self, of: &str, options: &Value) -> Vec<u8> {
        let challenge = options["challenge"].as_str().expect("a challenge");
        let origin = &self.origin;
        format!(r#"{{"type":"{of}","challenge":"{challenge}","origin":"{origin}","crossOrigin":false}}"#).into_bytes()
    }
}

fn uuid_bytes(count: usize) -> Vec<u8> {
    (0..count).flat_map(|_| uuid::Uuid::new_v4().into_bytes()).collect()
}
