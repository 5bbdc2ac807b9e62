//! Binary strings: encodings as text, and the functions over bytes (PostgreSQL manual, section 9.5).

use basalt_core::{Error, Result};
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::digest::bytes;
use super::hex::{read_escape, read_hex, write_hex};
use crate::{Context, Value, ValueRef};

/// Padding must be there, as PostgreSQL demands.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

pub(super) fn concat(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok([bytes(args[0]), bytes(args[1])].concat().into())
}

/// `encode(bytes, format)`: hex, base64 (lines of 76 characters, RFC 2045) or escape. 22023.
pub(super) fn encode(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let data = bytes(args[0]);
    let mut text = String::new();
    match args[1].text().to_ascii_lowercase().as_str() {
        "hex" => write_hex(data, &mut text),
        "base64" => {
            let whole = BASE64.encode(data);
            for (index, c) in whole.chars().enumerate() {
                if index > 0 && index % 76 == 0 {
                    text.push('\n');
                }
                text.push(c);
            }
        }
        "escape" => {
            for &byte in data {
                match byte {
                    b'\\' => text.push_str("\\\\"),
                    0 | 128.. => text.push_str(&format!("\\{byte:03o}")),
                    other => text.push(char::from(other)),
                }
            }
        }
        _ => return Err(unknown_encoding(args[1].text())),
    }
    Ok(text.into())
}

/// The reverse of [`encode`]. 22023.
pub(super) fn decode(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let text = args[0].text();
    Ok(match args[1].text().to_ascii_lowercase().as_str() {
        "hex" => read_hex(text)?.into(),
        "base64" => {
            let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
            let invalid = |error: base64::DecodeError| match error {
                base64::DecodeError::InvalidByte(_, byte) => Error::new(
                    "22023",
                    format!("invalid symbol \"{}\" found while decoding base64 sequence", char::from(byte)),
                ),
                _ => Error::new("22023", "invalid base64 end sequence")
                    .with_hint("Input data is missing padding, is truncated, or is otherwise corrupted."),
            };
            BASE64.decode(packed).map_err(invalid)?.into()
        }
        "escape" => read_escape(text).ok_or_else(|| Error::new("22P02", "invalid input syntax for type bytea"))?.into(),
        _ => return Err(unknown_encoding(args[1].text())),
    })
}

fn unknown_encoding(name: &str) -> Error {
    Error::new("22023", format!("unrecognized encoding: \"{name}\""))
}

/// `convert_to(text, encoding)`: UTF8 only.
pub(super) fn convert_to(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    require_utf8(args[1].text(), "destination")?;
    Ok(args[0].text().as_bytes().to_vec().into())
}

/// `convert_from(bytes, encoding)`: UTF8 only. 22021 for bytes that are no UTF-8.
pub(super) fn convert_from(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    require_utf8(args[1].text(), "source")?;
    let data = bytes(args[0]);
    let invalid = |at: usize| {
        let byte = data.get(at).copied().unwrap_or(0);
        Error::new("22021", format!("invalid byte sequence for encoding \"UTF8\": 0x{byte:02x}"))
    };
    let text = std::str::from_utf8(data).map_err(|e| invalid(e.valid_up_to()))?;
    match text.find('\0') {
        Some(at) => Err(invalid(at)),
        None => Ok(text.into()),
    }
}

fn require_utf8(name: &str, which: &str) -> Result<()> {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    if plain.eq_ignore_ascii_case("utf8") || plain.eq_ignore_ascii_case("unicode") {
        return Ok(());
    }
    Err(Error::new("22023", format!("invalid {which} encoding name \"{name}\"")).with_hint("Only UTF8 is known here."))
}

pub(super) fn length(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(Value::Int(bytes(args[0]).len() as i64))
}

pub(super) fn bit_count(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(Value::Int(bytes(args[0]).iter().map(|byte| i64::from(byte.count_ones())).sum()))
}

pub(super) fn get_byte(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let data = bytes(args[0]);
    Ok(Value::Int(data[place(data.len(), args[1].int())?].into()))
}

pub(super) fn set_byte(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let mut data = bytes(args[0]).to_vec();
    let place = place(data.len(), args[1].int())?;
    data[place] = args[2].int() as u8;
    Ok(data.into())
}

/// `get_bit(bytes, n)`: bits are counted from each byte's lowest.
pub(super) fn get_bit(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let data = bytes(args[0]);
    let place = place(data.len() * 8, args[1].int())?;
    Ok(Value::Int((data[place / 8] >> (place % 8) & 1).into()))
}

/// `set_bit(bytes, n, bit)`. 22023 for what is no bit.
pub(super) fn set_bit(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let mut data = bytes(args[0]).to_vec();
    let place = place(data.len() * 8, args[1].int())?;
    let mask = 1 << (place % 8);
    match args[2].int() {
        0 => data[place / 8] &= !mask,
        1 => data[place / 8] |= mask,
        _ => return Err(Error::new("22023", "new bit must be 0 or 1")),
    }
    Ok(data.into())
}

/// An index within `count`, from 0. 2202E beyond.
fn place(count: usize, index: i64) -> Result<usize> {
    let place = usize::try_from(index).ok().filter(|i| *i < count);
    place.ok_or_else(|| Error::new("2202E", format!("index {index} out of valid range, 0..{}", count as i64 - 1)))
}

pub(super) fn int2send(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok((args[0].int() as i16).to_be_bytes().to_vec().into())
}

pub(super) fn int4send(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok((args[0].int() as i32).to_be_bytes().to_vec().into())
}

pub(super) fn int8send(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(args[0].int().to_be_bytes().to_vec().into())
}

/// The sixteen bytes of a uuid.
pub(super) fn uuid_send(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let uuid = uuid::Uuid::parse_str(args[0].text()).map_err(|_| Error::invalid_text("uuid", args[0].text()))?;
    Ok(uuid.into_bytes().to_vec().into())
}

/// `substring(bytes, from, length)`, counting from 1. 22011 for a negative length.
pub(super) fn substring(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let data = bytes(args[0]);
    let start = args[1].int();
    let end = match args.get(2) {
        Some(length) if length.int() < 0 => return Err(Error::new("22011", "negative substring length not allowed")),
        Some(length) => start.saturating_add(length.int()),
        None => i64::MAX,
    };
    let clamp = |position: i64| (position - 1).clamp(0, data.len() as i64) as usize;
    let (from, to) = (clamp(start), clamp(end));
    Ok(data[from.min(to)..to].to_vec().into())
}

/// Where bytes first stand in others, from 1; 0 for nowhere.
pub(super) fn position(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let (data, wanted) = (bytes(args[0]), bytes(args[1]));
    let found = match wanted.len() {
        0 => Some(0),
        length => data.windows(length).position(|window| window == wanted),
    };
    Ok(Value::Int(found.map_or(0, |at| at as i64 + 1)))
}

/// `overlay(bytes placing new from start for length)`. 22011 for a start before the first byte.
pub(super) fn overlay(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let (data, new, start) = (bytes(args[0]), bytes(args[1]), args[2].int());
    let length = args.get(3).map_or(new.len() as i64, |length| length.int());
    if start <= 0 {
        return Err(Error::new("22011", "negative substring length not allowed"));
    }
    let clamp = |position: i64| (position - 1).clamp(0, data.len() as i64) as usize;
    let (before, after) = (&data[..clamp(start)], &data[clamp(start.saturating_add(length))..]);
    Ok([before, new, after].concat().into())
}

pub(super) fn btrim(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(trimmed(args, true, true).to_vec().into())
}

pub(super) fn ltrim(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(trimmed(args, true, false).to_vec().into())
}

pub(super) fn rtrim(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(trimmed(args, false, true).to_vec().into())
}

/// The first argument without bytes of the second at its start, its end, or both.
fn trimmed<'a>(args: &[ValueRef<'a>], start: bool, end: bool) -> &'a [u8] {
    let (mut data, set) = (bytes(args[0]), bytes(args[1]));
    while let [first, rest @ ..] = data
        && start
        && set.contains(first)
    {
        data = rest;
    }
    while let [rest @ .., last] = data
        && end
        && set.contains(last)
    {
        data = rest;
    }
    data
}
