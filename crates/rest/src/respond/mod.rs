//! Answers in the dialect: statuses, headers and bodies.

pub(crate) mod headers;
pub(crate) mod named;
pub(crate) mod plan_error;
pub(crate) mod raised;
