//! Tests of planning and rendering over a small catalog.

mod fixture;
mod read;
mod relationships;
