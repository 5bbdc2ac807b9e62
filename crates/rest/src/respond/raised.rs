//! Answers that a schema's author wrote: `raise sqlstate 'PGRST'` with the body in the message and the rest in the detail
//! (contract: section 16.2).

use std::borrow::Cow;

use basalt_core::Error;
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{ErrorBody, Reason, RestError};

/// The message.
#[derive(Deserialize)]
struct Message {
    code: String,
    message: String,
    details: Option<String>,
    hint: Option<String>,
}

/// The detail.
#[derive(Deserialize)]
struct Detail {
    status: u16,
    headers: IndexMap<String, String>,
    status_text: Option<String>,
}

/// The answer that an error of that SQLSTATE asks for, or PGRST121 for one that can't be read.
pub(crate) fn answer(error: &Error) -> RestError {
    let Ok(message) = serde_json::from_str::<Message>(error.message()) else {
        return unreadable(
            format!("Invalid JSON value for MESSAGE: '{}'", error.message()),
            "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'.",
        );
    };
    let wanted =
        "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'.";
    let Some(detail) = error.detail() else {
        return unreadable("DETAIL is missing in the RAISE statement".into(), wanted);
    };
    let parsed = serde_json::from_str::<Detail>(detail).ok().filter(|detail| (100..1000).contains(&detail.status));
    let Some(parsed) = parsed else {
        return unreadable(format!("Invalid JSON value for DETAIL: '{detail}'"), wanted);
    };
    RestError {
        status: parsed.status,
        body: Box::new(ErrorBody {
            code: Cow::Owned(message.code),
            details: message.details.map_or(Value::Null, Value::from),
            hint: message.hint,
            message: message.message,
        }),
        headers: parsed.headers.into_iter().collect(),
        reason: parsed.status_text.map(Reason),
        named: None,
    }
}

fn unreadable(details: String, hint: &str) -> RestError {
    RestError::new(500, "PGRST121", "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error")
        .details(details)
        .hint(hint)
}
