//! The headers of an answer (contract: section 11), and what a statement set through `response.*` settings (section 14).

use basalt_db::Answer;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value};

use crate::error::{RestError, RestResult};
use crate::parse::media::Media;

/// Headers that an answer may well have: room that need not be made bit by bit.
const HEADERS: usize = 12;

/// `Server`, of every answer.
pub(crate) const SERVER: HeaderValue = HeaderValue::from_static(concat!("basalt/", env!("CARGO_PKG_VERSION")));

/// An answer being put together.
pub(crate) struct Reply {
    response: Response<Bytes>,
    /// What is answered instead, with its headers.
    fault: Option<RestError>,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        let headers = response.headers_mut();
        headers.reserve(HEADERS);
        headers.insert(header::SERVER, SERVER);
        headers.insert(header::VARY, HeaderValue::from_static("Accept, Prefer, Range"));
        Reply { response, fault: None }
    }

    /// Refuses, once the answer is whole, if there is an error.
    pub(crate) fn unless(self, fault: Option<RestError>) -> Self {
        Reply { fault, ..self }
    }

    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Self {
        // Names in `Content-Location` may be beyond ASCII.
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            self.response.headers_mut().insert(name, value);
        }
        self
    }

    pub(crate) fn maybe(self, name: HeaderName, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    pub(crate) fn body(mut self, media: &Media, body: Bytes) -> Self {
        *self.response.body_mut() = body;
        self.typed(media)
    }

    /// `Content-Type` without a body, as HEAD has it.
    pub(crate) fn typed(self, media: &Media) -> Self {
        match media {
            Media::Any | Media::Json | Media::Array { stripped: false } => {
                self.fixed(header::CONTENT_TYPE, "application/json; charset=utf-8")
            }
            other => self.header(header::CONTENT_TYPE, &other.content_type()),
        }
    }

    fn fixed(mut self, name: HeaderName, value: &'static str) -> Self {
        self.response.headers_mut().insert(name, HeaderValue::from_static(value));
        self
    }

    /// Applies `response.headers` and `response.status`, which replace what the server would have said.
    pub(crate) fn settings(mut self, answer: &Answer) -> RestResult<Self> {
        for (name, value) in &answer.response_settings {
            match name.as_str() {
                "response.status" => {
                    let status = value.parse().ok().and_then(|code| StatusCode::from_u16(code).ok());
                    // What is only informational is no answer.
                    let status = status.filter(|status| !status.is_informational());
                    *self.response.status_mut() = status.ok_or_else(|| {
                        RestError::new(500, "PGRST112", "response.status guc must be a valid status code")
                    })?;
                }
                "response.headers" => self.set_headers(value).ok_or_else(|| {
                    let message = "response.headers guc must be a JSON array composed of objects with a single key and a string value";
                    RestError::new(500, "PGRST111", message)
                })?,
                _ => {}
            }
        }
        Ok(self)
    }

    fn set_headers(&mut self, json: &str) -> Option<()> {
        let list: Vec<Map<String, Value>> = serde_json::from_str(json).ok()?;
        let mut seen: Vec<HeaderName> = Vec::new();
        for object in list {
            let [(name, value)] = object.iter().collect::<Vec<_>>().try_into().ok()?;
            let name = HeaderName::try_from(name.as_str()).ok()?;
            let value = HeaderValue::try_from(value.as_str()?).ok()?;
            if is_framing(&name) {
                continue;
            }
            if !seen.contains(&name) {
                self.response.headers_mut().remove(&name);
                seen.push(name.clone());
            }
            self.response.headers_mut().append(name, value);
        }
        Some(())
    }

    pub(crate) fn finish(self) -> Response<Bytes> {
        self.response
    }

    /// The page, or the error that stands in its place with its status and headers.
    ///
    /// Errors: that of [`Reply::unless`].
    pub(crate) fn finish_page(self) -> RestResult<Response<Bytes>> {
        let Some(mut error) = self.fault else { return Ok(self.response) };
        error.status = self.response.status().as_u16();
        // The body is of its own type.
        let kept = self.response.headers().iter().filter(|(name, _)| **name != header::CONTENT_TYPE);
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        error.headers = kept.map(|(name, value)| (name.to_string(), text(value))).collect();
        Err(error)
    }
}

/// Whether a header says where a message ends or what becomes of its connection, which is the server's to say (RFC 9110, section 7.6.1):
/// a client would wait for bytes that never come.
pub(crate) fn is_framing(name: &HeaderName) -> bool {
    const FRAMING: [HeaderName; 6] = [
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
        header::UPGRADE,
        header::TE,
        header::TRAILER,
    ];
    FRAMING.contains(name)
}

/// `Content-Range` of a read: `first-last/total`, `*` for what is unknown or empty.
pub(crate) fn content_range(offset: i64, rows: u64, total: Option<u64>) -> String {
    let total = total.map_or_else(|| "*".to_owned(), |t| t.to_string());
    if rows == 0 {
        return format!("*/{total}");
    }
    format!("{offset}-{}/{total}", offset + rows as i64 - 1)
}

/// Status of a read: 206 when there is more than the page, 416 when it begins beyond the end.
pub(crate) fn range_status(offset: i64, rows: u64, total: Option<u64>) -> u16 {
    match total {
        None => 200,
        Some(total) if offset > total as i64 => 416,
        Some(total) if rows < total => 206,
        Some(_) => 200,
    }
}
