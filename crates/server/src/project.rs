//! What a project folder holds.
