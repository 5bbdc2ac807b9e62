//! Float.
