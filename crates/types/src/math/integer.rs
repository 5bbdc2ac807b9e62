//! Int.
