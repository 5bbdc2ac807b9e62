//! Full-text search: `tsvector`, `tsquery`, and the functions over them.

use crate::*;
pub(crate) const FUNCTIONS: &[Function] = &[];
pub(crate) const OPERATORS: &[Operator] = &[];
