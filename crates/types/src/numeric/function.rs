//! Signatures.

use crate::{Function, Operator, SetFunction};

pub(crate) const FUNCTIONS: &[Function] = &[];
pub(crate) const OPERATORS: &[Operator] = &[];
