//! pgcrypto's hashes of passwords, `crypt` and `gen_salt` (appendix F.28.2): bcrypt alone, in the form `$2a$06$` + salt + hash.

use basalt_core::{Error, Result};
use base64::Engine;
use base64::alphabet::BCRYPT;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bcrypt::Version;

use super::random::random;
use crate::{Context, Value, ValueRef};

/// What `gen_salt('bf')` takes, as pgcrypto does.
const DEFAULT_COST: u32 = 6;

/// The costs that bcrypt defines.
const COSTS: std::ops::RangeInclusive<u32> = 4..=31;

/// Each step doubles the time that the connection of all writes is held; this one takes about a second.
const HIGHEST_COST: u32 = 14;

/// Bytes of a salt.
const SALT: usize = 16;

/// Characters of a salt.
const SALT_TEXT: usize = 22;

/// bcrypt's alphabet. The last character of a salt has bits that stand for nothing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &BCRYPT,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// `gen_salt(type [, cost])`: the beginning of a hash. 22023 for an unknown type or an impossible cost, 0A000 for those that are not built.
pub(super) fn gen_salt(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    match args[0].text().to_ascii_lowercase().as_str() {
        "bf" => {}
        "md5" | "des" | "xdes" => return Err(not_built(args[0].text())),
        _ => return Err(Error::new("22023", "gen_salt: Unknown salt algorithm")),
    }
    let cost = match args.get(1).map_or(0, |cost| cost.int()) {
        0 => DEFAULT_COST,
        cost => u32::try_from(cost).ok().filter(|cost| COSTS.contains(cost)).ok_or_else(wrong_rounds)?,
    };
    judge(cost)?;
    Ok(Value::Text(format!("$2a${cost:02}${}", BASE64.encode(random(SALT)))))
}

/// `crypt(password, salt)`: the hash. A stored hash is its own salt, so that `crypt(password, hash) = hash` for the right password.
pub(super) fn crypt(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let setting = args[1].text();
    if setting.starts_with("$1$") {
        return Err(not_built("md5"));
    }
    let Some((version, rest)) = version(setting) else {
        return Err(if setting.len() < 2 { invalid_salt() } else { not_built("des") });
    };
    let (cost, rest) = rest.split_once('$').ok_or_else(invalid_salt)?;
    let cost = cost.parse().ok().filter(|number| cost.len() == 2 && COSTS.contains(number)).ok_or_else(invalid_salt)?;
    judge(cost)?;
    let salt = salt(rest).ok_or_else(invalid_salt)?;
    let hash = bcrypt::hash_with_salt(args[0].text(), cost, salt).map_err(|_| invalid_salt())?;
    Ok(Value::Text(hash.format_for_version(version)))
}

/// bcrypt's version and what follows it.
fn version(setting: &str) -> Option<(Version, &str)> {
    let known = [("$2a$", Version::TwoA), ("$2b$", Version::TwoB), ("$2y$", Version::TwoY)];
    known.into_iter().find_map(|(prefix, version)| Some((version, setting.strip_prefix(prefix)?)))
}

fn salt(text: &str) -> Option<[u8; SALT]> {
    BASE64.decode(text.get(..SALT_TEXT)?).ok()?.try_into().ok()
}

fn judge(cost: u32) -> Result<()> {
    if cost <= HIGHEST_COST {
        return Ok(());
    }
    let message = format!("a cost of {cost} is not supported");
    Err(Error::unsupported(message, format!("Use a cost of {HIGHEST_COST} or less.")))
}

fn wrong_rounds() -> Error {
    Error::new("22023", "gen_salt: Incorrect number of rounds")
}

fn invalid_salt() -> Error {
    Error::new("22023", "invalid salt")
}

fn not_built(algorithm: &str) -> Error {
    let message = format!("hashes of passwords by {algorithm} are not supported");
    Error::unsupported(message, "Use crypt(password, gen_salt('bf')), which is bcrypt.")
}
