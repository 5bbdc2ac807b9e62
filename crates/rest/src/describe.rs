//! The API's description.

use bytes::Bytes;
use http::Response;

use crate::door::{Door, Exchange};
use crate::error::{RestError, RestResult};

pub(crate) fn root(_door: &Door, _exchange: &Exchange<'_>) -> RestResult<Response<Bytes>> {
    Err(RestError::new(404, "PGRST126", "Root endpoint metadata is disabled"))
}

pub(crate) fn openapi31(_door: &Door, _exchange: &Exchange<'_>, _base: &str) -> RestResult<Response<Bytes>> {
    Err(RestError::new(404, "PGRST126", "Root endpoint metadata is disabled"))
}
