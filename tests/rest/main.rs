//! The REST dialect over HTTP, a module a feature.

mod bad_input;
mod calling;
mod closed;
mod embedding;
mod limits;
mod reading;
mod speaking;
mod world;
mod writing;
