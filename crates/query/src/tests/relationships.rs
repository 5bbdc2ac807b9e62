//! Relationships
