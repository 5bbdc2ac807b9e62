//! pgvector's `vector`: up to 16,000 finite numbers of single precision.
//!
//! It is stored as four bytes for each number, ordered as the numbers are, so that SQLite compares two vectors as
//! pgvector does: number by number, and then by length.

mod aggregate;
mod distance;
mod edit;
mod function;
#[cfg(test)]
mod tests;

use basalt_core::{Error, Result};

use crate::{Base, Typmod, math};

pub(crate) use aggregate::AGGREGATES;
pub(crate) use edit::{from_array, to_array};
pub(crate) use function::{FUNCTIONS, OPERATORS};

/// The most numbers that a vector has.
pub const MOST_DIMENSIONS: usize = 16_000;

/// Bytes of a stored number.
const WIDTH: usize = size_of::<f32>();

const SIGN: u32 = 1 << 31;

/// Reads `[1,2.5,-3]` into the stored form.
///
/// Errors: 22P02 for another form; 22003 for a number beyond single precision; 22000 for NaN and the infinities, for no
/// number, and for other than the dimensions wanted; 54000 for too many.
pub fn parse(text: &str, typmod: Option<Typmod>) -> Result<Vec<u8>> {
    let invalid = || Error::invalid_text("vector", text);
    let start = text.trim_start_matches(is_space).strip_prefix('[');
    let mut rest = start.ok_or_else(|| invalid().with_detail("Vector contents must start with \"[\"."))?;
    if rest.trim_start_matches(is_space).starts_with(']') {
        return Err(too_few());
    }
    let mut stored = Vec::with_capacity(WIDTH * (1 + rest.bytes().filter(|byte| *byte == b',').count()));
    loop {
        if stored.len() == MOST_DIMENSIONS * WIDTH {
            return Err(too_many());
        }
        rest = rest.trim_start_matches(is_space);
        let end = rest.find(|c| matches!(c, ',' | ']') || is_space(c)).ok_or_else(invalid)?;
        let (number, following) = rest.split_at(end);
        let value: f32 = number.parse().map_err(|_| invalid())?;
        if value.is_infinite() && number.contains(|c: char| c.is_ascii_digit()) {
            return Err(Error::new("22003", format!("\"{number}\" is out of range for type vector")));
        }
        push(&mut stored, finite(value)?);
        let following = following.trim_start_matches(is_space);
        match following.strip_prefix(',') {
            Some(more) => rest = more,
            None => {
                let after = following.strip_prefix(']').ok_or_else(invalid)?;
                if !after.trim_start_matches(is_space).is_empty() {
                    return Err(invalid().with_detail("Junk after closing right brace."));
                }
                break;
            }
        }
    }
    check_dimensions(&stored, typmod)?;
    Ok(stored)
}

/// Writes the stored form as `[1,2.5,-3]`.
pub fn write(stored: &[u8], out: &mut String) {
    out.push('[');
    for (index, number) in numbers(stored).enumerate() {
        if index > 0 {
            out.push(',');
        }
        math::float_to_text(Base::Float4, number.into(), out);
    }
    out.push(']');
}

/// 22000 unless a stored vector has the dimensions that a modifier wants.
pub fn check_dimensions(stored: &[u8], typmod: Option<Typmod>) -> Result<()> {
    match typmod {
        Some(Typmod::Dimensions(wanted)) if wanted as usize != dimensions(stored) => {
            Err(unexpected_dimensions(wanted as usize, dimensions(stored)))
        }
        _ => Ok(()),
    }
}

/// The modifier of `vector(n)`. 22023 for other than 1 to 16,000 dimensions, or for several modifiers.
pub fn modifier(numbers: &[i64]) -> Result<Option<Typmod>> {
    match numbers {
        [] => Ok(None),
        [n] if *n < 1 => Err(Error::new("22023", "dimensions for type vector must be at least 1")),
        [n] => match u32::try_from(*n) {
            Ok(n) if n as usize <= MOST_DIMENSIONS => Ok(Some(Typmod::Dimensions(n))),
            _ => Err(Error::new("22023", format!("dimensions for type vector cannot exceed {MOST_DIMENSIONS}"))),
        },
        _ => Err(Error::new("22023", "invalid type modifier")),
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r')
}

fn dimensions(stored: &[u8]) -> usize {
    stored.len() / WIDTH
}

/// The numbers of a stored vector.
fn numbers(stored: &[u8]) -> impl Iterator<Item = f32> {
    stored.as_chunks().0.iter().map(|bytes| {
        let ordered = u32::from_be_bytes(*bytes);
        f32::from_bits(if ordered & SIGN == 0 { !ordered } else { ordered ^ SIGN })
    })
}

/// Appends a number: bits that order as the numbers do. Negative zero, which equals zero, is zero.
fn push(stored: &mut Vec<u8>, number: f32) {
    let bits = (number + 0.0).to_bits();
    let ordered = if bits & SIGN == 0 { bits ^ SIGN } else { !bits };
    stored.extend(ordered.to_be_bytes());
}

/// The stored form of these numbers. 22000 or 54000 for a number of them that no vector has.
fn store(numbers: impl IntoIterator<Item = f32>) -> Result<Vec<u8>> {
    let mut stored = Vec::new();
    for number in numbers {
        push(&mut stored, number);
    }
    match dimensions(&stored) {
        0 => Err(too_few()),
        n if n > MOST_DIMENSIONS => Err(too_many()),
        _ => Ok(stored),
    }
}

fn finite(number: f32) -> Result<f32> {
    if number.is_nan() {
        Err(Error::new("22000", "NaN not allowed in vector"))
    } else if number.is_infinite() {
        Err(Error::new("22000", "infinite value not allowed in vector"))
    } else {
        Ok(number)
    }
}

fn too_few() -> Error {
    Error::new("22000", "vector must have at least 1 dimension")
}

fn too_many() -> Error {
    Error::new("54000", format!("vector cannot have more than {MOST_DIMENSIONS} dimensions"))
}

fn unexpected_dimensions(wanted: usize, found: usize) -> Error {
    Error::new("22000", format!("expected {wanted} dimensions, not {found}"))
}

fn different_dimensions(a: usize, b: usize) -> Error {
    Error::new("22000", format!("different vector dimensions {a} and {b}"))
}

fn overflow() -> Error {
    Error::new("22003", "value out of range: overflow")
}
