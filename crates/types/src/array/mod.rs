//! Arrays: literals, the stored form, operators and functions.

pub(crate) mod literal;
pub(crate) mod stored;

use crate::*;
pub(crate) const FUNCTIONS: &[Function] = &[];
pub(crate) const OPERATORS: &[Operator] = &[];
pub(crate) const AGGREGATES: &[Aggregate] = &[];
pub(crate) const SET_FUNCTIONS: &[SetFunction] = &[];
