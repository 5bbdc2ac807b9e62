//! Aggregates.

use crate::Aggregate;

pub(crate) const AGGREGATES: &[Aggregate] = &[];
