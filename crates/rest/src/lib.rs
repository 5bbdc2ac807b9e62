//! Front door: the PostgREST dialect.
//!
//! - [`parse`]: the request in the dialect's own terms, and its translation into what the planner takes.
//! - `read`, `write`, `call`, `options`: the kinds of request, each from its parts to its answer.
//! - `batch`: several of them in one transaction.
//! - `shape`, `inserts`: plans of reads and of inserts, kept by what they have in common.
//! - `respond`: statuses, headers, errors.
//! - `describe`: the API's description, following the caller's rights.
//!
//! The contract is PostgREST's documented behaviour: statuses, headers, bodies and error codes are the same.

mod batch;
mod call;
mod describe;
mod door;
mod error;
mod exposure;
mod handler;
mod inserts;
mod options;
pub mod parse;
mod read;
mod respond;
mod settings;
mod shape;
mod timing;
mod transaction;
mod write;

pub use basalt_sql::unprotected::Unprotected;
pub use door::{Description, Door, Incoming, Options};
pub use error::{ErrorBody, Reason, RestError, RestResult};
pub use timing::{Stage, Timing};
