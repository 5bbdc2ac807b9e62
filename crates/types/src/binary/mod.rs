//! `bytea`, hashes, encodings and random values.

mod crypt;
mod digest;
mod encoding;
mod function;
mod hex;
mod random;
#[cfg(test)]
mod tests;

pub(crate) use function::{FUNCTIONS, OPERATORS};
pub(crate) use hex::{parse_bytea, read_hex, write_bytea, write_hex};
