//! The REST dialect over HTTP, a module a feature.

mod closed;
