//! SQL functions.
use super::*;
pub(super) fn check(_catalog: &Catalog, _routine: &crate::catalog::Routine) -> Result<()> { unimplemented!() }
