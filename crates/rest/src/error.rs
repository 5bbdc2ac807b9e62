//! Errors in PostgREST's shape: `{"code","details","hint","message"}` with its codes and HTTP statuses (contract: section 16).

use std::borrow::Cow;

use basalt_core::Error;
use basalt_query::PlanError;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use serde::Serialize;
use serde_json::Value;

use crate::respond::headers::{SERVER, is_framing};
use crate::respond::named::Named;

/// An error answer.
#[derive(Debug, Clone, PartialEq)]
pub struct RestError {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Box<ErrorBody>,
    /// Further headers, such as those an author's `raise` asks for.
    pub headers: Vec<(String, String)>,
    /// What HTTP/1 says beside the status, where an author's `raise` has words for it.
    pub reason: Option<Reason>,
    /// What the hint names that not everybody may know of.
    pub(crate) named: Option<Named>,
}

/// The words beside a status: an extension of the response, for whoever writes it to HTTP/1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(pub String);

/// The body of an error. Fields stand in the order in which PostgREST writes them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ErrorBody {
    /// `PGRSTnnn` or a SQLSTATE.
    pub code: Cow<'static, str>,
    /// Text, or the list of candidates of PGRST201.
    pub details: Value,
    /// What to do.
    pub hint: Option<String>,
    /// What was wrong.
    pub message: String,
}

/// An error without what only developers should see.
#[derive(Serialize)]
struct Bare<'a> {
    code: &'a str,
    message: &'a str,
}

/// A `Result` of the REST door.
pub type RestResult<T> = Result<T, RestError>;

impl RestError {
    /// An error with a code of PostgREST's.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        RestError {
            status,
            body: Box::new(ErrorBody {
                code: Cow::Borrowed(code),
                details: Value::Null,
                hint: None,
                message: message.into(),
            }),
            headers: Vec::new(),
            reason: None,
            named: None,
        }
    }

    /// Adds what was found.
    pub fn details(mut self, details: impl Into<Value>) -> Self {
        self.body.details = details.into();
        self
    }

    /// Adds what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.body.hint = Some(hint.into());
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// PGRST100: a query parameter that doesn't parse. `what` is the parser's name for it.
    pub(crate) fn syntax(what: &str, text: &str, error: crate::parse::SyntaxError) -> Self {
        RestError::new(
            400,
            "PGRST100",
            format!("\"failed to parse {what} ({text})\" (line 1, column {})", error.column),
        )
        .details(error.details)
    }

    /// PGRST102: a body that can't be read.
    pub(crate) fn body(message: impl Into<String>) -> Self {
        RestError::new(400, "PGRST102", message)
    }

    /// PGRST103: a range that can't be.
    pub(crate) fn range(details: impl Into<String>) -> Self {
        RestError::new(416, "PGRST103", "Requested range not satisfiable").details(details.into())
    }

    /// A database error, with the status that its SQLSTATE has. Whether the caller is anonymous decides between 401 and 403.
    pub fn database(error: &Error, anonymous: bool) -> Self {
        if error.code() == "PGRST" {
            return crate::respond::raised::answer(error);
        }
        if let Some(away) = database_away(error) {
            return away;
        }
        let status = status(error, anonymous);
        let mut answer = RestError {
            status,
            body: Box::new(ErrorBody {
                code: Cow::Owned(error.code().to_owned()),
                details: error.detail().map_or(Value::Null, Value::from),
                hint: error.hint().map(str::to_owned),
                message: error.message().to_owned(),
            }),
            headers: Vec::new(),
            reason: pt_status(error.code()).map(|_| Reason(error.message().to_owned())),
            named: (error.code() == "42703").then_some(Named::Columns),
        };
        match status {
            401 => answer = answer.header("WWW-Authenticate", "Bearer"),
            503 | 504 => answer = answer.header("Retry-After", "1"),
            _ => {}
        }
        answer
    }

    /// PGRST002: the database could not be reached yet.
    pub(crate) fn not_loaded() -> Self {
        RestError::new(503, "PGRST002", "Could not query the database for the schema cache. Retrying.")
            .header("Retry-After", "1")
    }

    /// PGRST301 or PGRST303: a token that is not accepted.
    pub fn token(code: &'static str, message: &str, details: Option<String>) -> Self {
        let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{message}\"");
        let error = RestError::new(401, code, message).header("WWW-Authenticate", challenge);
        match details {
            Some(details) => error.details(details),
            None => error,
        }
    }

    /// The answer. `details`: whether it has DETAIL and HINT. The body is withheld from HEAD.
    pub fn into_response(self, details: bool, method: &Method) -> Response<Bytes> {
        let body = match details {
            true => serde_json::to_vec(&self.body),
            false => serde_json::to_vec(&Bare { code: &self.body.code, message: &self.body.message }),
        };
        let body = body.unwrap_or_default();
        let mut response = Response::new(if method == Method::HEAD { Bytes::new() } else { body.into() });
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Some(reason) = self.reason {
            response.extensions_mut().insert(reason);
        }
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        let proxy_status = HeaderValue::from_str(&format!("PostgREST; error={}", self.body.code));
        headers.extend(proxy_status.ok().map(|v| (HeaderName::from_static("proxy-status"), v)));
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value))
                && !is_framing(&name)
            {
                headers.append(name, value);
            }
        }
        headers.entry(header::SERVER).or_insert(SERVER);
        response
    }
}

impl From<PlanError> for RestError {
    fn from(error: PlanError) -> Self {
        crate::respond::plan_error::explain(error)
    }
}

/// PGRST000 and PGRST001: the database can't be reached, or was lost on the way.
fn database_away(error: &Error) -> Option<RestError> {
    let (code, message) = match error.code() {
        "08001" => ("PGRST000", "Database connection error."),
        "08006" => ("PGRST001", "Database client error. Retrying the connection."),
        _ => return None,
    };
    // SQL may raise these codes too.
    if !error.is_of_connection() {
        return None;
    }
    let reason = [Some(error.message()), error.detail()].into_iter().flatten().collect::<Vec<_>>().join(": ");
    Some(RestError::new(503, code, message).details(reason).header("Retry-After", "1"))
}

/// The status that a SQLSTATE like `PT402` asks for.
fn pt_status(code: &str) -> Option<u16> {
    code.strip_prefix("PT")?.parse().ok().filter(|status| (200..1000).contains(status))
}

/// Section 16.1: the status of a SQLSTATE, first match.
fn status(error: &Error, anonymous: bool) -> u16 {
    let code = error.code();
    let class = code.get(..2).unwrap_or_default();
    match (class, code) {
        ("08", _) => 503,
        ("09", _) => 500,
        ("0L" | "0P", _) => 403,
        (_, "PGRST116") => 406,
        (_, "PGRST003") => 503,
        (_, "23503" | "23505") => 409,
        (_, "25006") => 405,
        (_, "21000") if error.message().ends_with("requires a WHERE clause") => 400,
        (_, "21000") => 500,
        (_, "22023") if error.message().starts_with("role ") && error.message().ends_with("does not exist") => 401,
        ("25", _) => 500,
        ("28", _) => 403,
        ("2D" | "38" | "39" | "3B" | "40", _) => 500,
        (_, "53400") => 500,
        ("53", _) => 503,
        // Too much nesting, too many dimensions: it was the caller who asked for them.
        ("54", _) => 400,
        ("55", _) => 500,
        (_, "57P01") => 503,
        ("57" | "58" | "F0" | "HV", _) => 500,
        (_, "P0001") => 400,
        ("P0" | "XX", _) => 500,
        (_, "42883") if error.message().starts_with("function xmlagg(") => 406,
        (_, "42883" | "42P01") => 404,
        (_, "42P17") => 500,
        (_, "42501") => {
            if anonymous {
                401
            } else {
                403
            }
        }
        ("PT", _) => pt_status(code).unwrap_or(500),
        _ => 400,
    }
}
