//! Front door: the PostgREST dialect.

mod error;
pub mod parse;

pub use error::{ErrorBody, RestError, RestResult};
