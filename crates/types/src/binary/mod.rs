//! `bytea`, hashes, encodings and random values.

mod hex;

pub(crate) use hex::{parse_bytea, read_hex, write_bytea, write_hex};

use crate::*;
pub(crate) const FUNCTIONS: &[Function] = &[];
pub(crate) const OPERATORS: &[Operator] = &[];
