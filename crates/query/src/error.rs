//! Why a request can't be planned. A door gives each its own code and text.

/// Why a request can't be planned.
#[derive(Debug, Clone, PartialEq)]
pub enum PlanError {}
