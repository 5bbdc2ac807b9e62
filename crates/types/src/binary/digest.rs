//! Hashes (PostgreSQL manual, section 9.5) and pgcrypto's `digest` and `hmac` (appendix F.28; RFC 2104).

use basalt_core::{Error, Result};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};

use super::hex::write_hex;
use crate::{Context, Value, ValueRef};

/// The bytes of a bytea or text argument.
pub(super) fn bytes<'a>(value: ValueRef<'a>) -> &'a [u8] {
    match value {
        ValueRef::Blob(bytes) => bytes,
        ValueRef::Text(text) => text.as_bytes(),
        _ => &[],
    }
}

pub(super) fn md5_text(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let mut text = String::new();
    write_hex(&Md5::digest(bytes(args[0])), &mut text);
    Ok(text.into())
}

pub(super) fn sha224(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(Sha224::digest(bytes(args[0])).to_vec().into())
}

pub(super) fn sha256(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(Sha256::digest(bytes(args[0])).to_vec().into())
}

pub(super) fn sha384(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(Sha384::digest(bytes(args[0])).to_vec().into())
}

pub(super) fn sha512(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(Sha512::digest(bytes(args[0])).to_vec().into())
}

pub(super) fn digest(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(hash(args[1].text(), &[bytes(args[0])])?.0.into())
}

/// `hmac(data, key, type)`.
pub(super) fn hmac(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let (data, key, name) = (bytes(args[0]), bytes(args[1]), args[2].text());
    let (_, block) = hash(name, &[])?;
    let mut padded = if key.len() > block { hash(name, &[key])?.0 } else { key.to_vec() };
    padded.resize(block, 0);
    let keyed = |pad: u8| padded.iter().map(|byte| byte ^ pad).collect::<Vec<u8>>();
    let inner = hash(name, &[&keyed(0x36), data])?.0;
    Ok(hash(name, &[&keyed(0x5c), &inner])?.0.into())
}

/// The hash of the parts one after the other, and the block size of its algorithm in bytes. 22023 for an unknown name.
fn hash(name: &str, parts: &[&[u8]]) -> Result<(Vec<u8>, usize)> {
    fn run<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
        let mut state = D::new();
        for part in parts {
            state.update(part);
        }
        state.finalize().to_vec()
    }
    Ok(match name.to_ascii_lowercase().as_str() {
        "md5" => (run::<Md5>(parts), 64),
        "sha1" => (run::<Sha1>(parts), 64),
        "sha224" => (run::<Sha224>(parts), 64),
        "sha256" => (run::<Sha256>(parts), 64),
        "sha384" => (run::<Sha384>(parts), 128),
        "sha512" => (run::<Sha512>(parts), 128),
        _ => return Err(Error::new("22023", format!("Cannot use \"{name}\": No such hash algorithm"))),
    })
}
