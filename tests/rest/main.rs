//! The REST dialect over HTTP, a module a feature.

mod answering;
mod bad_input;
mod batch;
mod calling;
mod closed;
mod configured;
mod embedding;
mod faults;
mod limits;
mod reading;
mod speaking;
mod world;
mod writing;
