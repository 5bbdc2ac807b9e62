//! placeholder

use crate::*;
pub(crate) const FUNCTIONS: &[Function] = &[];
