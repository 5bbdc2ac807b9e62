//! The REST dialect over HTTP, a module a feature.

mod answering;
mod bad_input;
mod batch;
mod bodies;
mod calling;
mod checks;
mod closed;
mod configured;
mod contract;
mod counting;
mod described;
mod embedding;
mod faults;
mod headers;
mod limited;
mod limits;
mod reading;
mod relating;
mod speaking;
mod syntax;
mod tokens;
mod usage;
mod vectors;
mod wide;
mod world;
mod writing;
