//! Tests of planning and rendering over a small catalog.

mod call;
mod fixture;
mod read;
mod relationships;
mod write;
