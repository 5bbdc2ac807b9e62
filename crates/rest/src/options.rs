//! OPTIONS: what a resource allows (contract: section 17).

use basalt_sql::Name;
use basalt_types::Volatility;
use bytes::Bytes;
use http::{Response, header};

use crate::door::Exchange;
use crate::error::{RestError, RestResult};
use crate::respond::headers::Reply;

pub(crate) fn root() -> Response<Bytes> {
    allow("OPTIONS,GET,HEAD")
}

pub(crate) fn relation(exchange: &Exchange<'_>, name: &str) -> RestResult<Response<Bytes>> {
    let relation = exchange.current.planner.relation(&Name::new(exchange.schema, name))?;
    let mut methods = String::from("OPTIONS,GET,HEAD");
    let takes = relation.takes();
    let has_key = relation.primary_key().is_some();
    for (method, allowed) in [
        (",POST", takes.insert),
        (",PUT", takes.insert && takes.update && has_key),
        (",PATCH", takes.update),
        (",DELETE", takes.delete),
    ] {
        methods.push_str(if allowed { method } else { "" });
    }
    Ok(allow(&methods))
}

/// A function is looked up without arguments: one with required parameters is not found.
pub(crate) fn function(exchange: &Exchange<'_>, name: &str) -> RestResult<Response<Bytes>> {
    let catalog = exchange.current.planner.catalog();
    let callable = catalog.routines(exchange.schema, name).iter().find(|f| f.inputs().all(|p| p.default.is_some()));
    match callable {
        Some(routine) if routine.volatility == Volatility::Volatile => Ok(allow("OPTIONS,POST")),
        Some(_) => Ok(allow("OPTIONS,GET,HEAD,POST")),
        None => {
            let schema = exchange.schema;
            Err(RestError::new(
                404,
                "PGRST202",
                format!("Could not find the function {schema}.{name} without parameters in the schema cache"),
            )
            .details(format!(
                "Searched for the function {schema}.{name} without parameters, but no matches were found in the schema cache."
            )))
        }
    }
}

fn allow(methods: &str) -> Response<Bytes> {
    Reply::new(200).header(header::ALLOW, methods).header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*").finish()
}
