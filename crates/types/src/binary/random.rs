//! Random values, from the operating system's generator.

use basalt_core::{Error, Result};

use crate::{Context, Value, ValueRef};

/// A version 4 uuid (RFC 9562).
pub(super) fn uuid(_: &Context, _: &[ValueRef<'_>]) -> Result<Value> {
    Ok(Value::Text(uuid::Uuid::new_v4().to_string()))
}

/// `count` random bytes, 1 to 1024 (pgcrypto). 39000 beyond.
pub(super) fn bytes(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let count = args[0].int();
    if !(1..=1024).contains(&count) {
        return Err(Error::new("39000", "Length not in range"));
    }
    Ok(Value::Blob(random(count as usize)))
}

/// So many random bytes.
pub(super) fn random(count: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(count + 16);
    while out.len() < count {
        // A version 4 uuid has fixed bits in two bytes, which are left out.
        let random = uuid::Uuid::new_v4().into_bytes();
        out.extend(random.iter().enumerate().filter(|(place, _)| !matches!(place, 6 | 8)).map(|(_, byte)| byte));
    }
    out.truncate(count);
    out
}
