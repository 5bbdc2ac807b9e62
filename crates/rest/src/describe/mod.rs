//! The API's description, following the caller's rights: Swagger 2.0 at the root, as PostgREST gives it (contract: section 17), and
//! OpenAPI 3.1 at `/openapi.json`. What is known of the database itself is for operators.

mod cache;
mod openapi;
mod swagger;
mod types;
mod visible;

use bytes::Bytes;
use http::Response;
use serde_json::Value;

use crate::door::{Description, Door, Exchange};
use crate::error::{RestError, RestResult};
use crate::parse::media::Media;
use crate::respond::headers::Reply;
pub(crate) use cache::document as schema_cache;
use visible::Visible;

/// `GET /`.
pub(crate) async fn root(door: &Door, exchange: &Exchange<'_>) -> RestResult<Response<Bytes>> {
    let visible = visible(door, exchange)?;
    let accepts = |media: &Media| matches!(media, Media::Any | Media::Json | Media::OpenApi);
    if !exchange.accepted.iter().any(accepts) {
        let names: Vec<String> = exchange.accepted.iter().map(Media::name).collect();
        let message = format!("None of these media types are available: {}", names.join(", "));
        return Err(RestError::new(406, "PGRST107", message));
    }
    door.admit(exchange).await?;
    Ok(answer(exchange, &swagger::document(&visible, &door.options.url, door.options.describe_security)))
}

/// `GET /openapi.json`.
pub(crate) async fn openapi31(door: &Door, exchange: &Exchange<'_>) -> RestResult<Response<Bytes>> {
    if !matches!(exchange.incoming.method.as_str(), "GET" | "HEAD") {
        let method = exchange.incoming.method;
        return Err(RestError::new(405, "PGRST117", format!("Unsupported HTTP method: {method}")));
    }
    let visible = visible(door, exchange)?;
    door.admit(exchange).await?;
    Ok(answer(exchange, &openapi::document(&visible, &door.options.url)))
}

fn visible<'a>(door: &Door, exchange: &'a Exchange<'_>) -> RestResult<Visible<'a>> {
    let all = match door.options.description {
        Description::Disabled => return Err(RestError::new(404, "PGRST126", "Root endpoint metadata is disabled")),
        Description::IgnorePrivileges => true,
        Description::FollowPrivileges => false,
    };
    let mut visible =
        Visible::collect(&exchange.current.planner, exchange.schema, &exchange.incoming.identity.role, all);
    if !all {
        let exposure = &exchange.current.exposure;
        visible.relations.retain(|relation| exposure.judge_relation(exchange, &relation.name).is_ok());
        visible.functions.retain(|routine| exposure.judge_routine(exchange, routine).is_ok());
    }
    Ok(visible)
}

fn answer(exchange: &Exchange<'_>, document: &Value) -> Response<Bytes> {
    let body = if exchange.is_head() { Bytes::new() } else { document.to_string().into() };
    Reply::new(200).body(&Media::OpenApi, body).maybe(crate::read::CONTENT_PROFILE, exchange.profile()).finish()
}
