//! The client: one request, its redirects, its answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::Instant;
use url::Url;

use crate::connect::{Connector, Guard, Resolve, SystemResolver};
use crate::places::{Place, Places};
use crate::{AllowList, Body, Error, Limits, Settings, redirect};

/// Headers that the connection sets, not the caller.
const OF_THE_CONNECTION: [HeaderName; 8] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::PROXY_AUTHORIZATION,
];

const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("basalt/", env!("CARGO_PKG_VERSION")));

/// Most headers of an answer.
const MOST_HEADERS: usize = 128;

/// The client. Clones share their connections and places.
#[derive(Clone)]
pub struct Outbound {
    client: Client<Connector, Full<Bytes>>,
    places: Arc<Places>,
    limits: Limits,
    headers: u64,
}

impl Outbound {
    /// A client that asks the system's resolver.
    ///
    /// # Errors
    /// [`Error::Url`] if an entry of `allow` can't be read.
    pub fn new(settings: &Settings) -> Result<Outbound, Error> {
        Outbound::with_resolver(settings, Arc::new(SystemResolver))
    }

    /// A client that asks another resolver.
    ///
    /// # Errors
    /// As [`Outbound::new`].
    pub fn with_resolver(settings: &Settings, resolver: Arc<dyn Resolve>) -> Result<Outbound, Error> {
        let allow = AllowList::parse(&settings.allow).map_err(|error| Error::Url(error.to_string()))?;
        let headers = settings.headers.as_u64().max(8192);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(8)
            .http1_max_buf_size(headers as usize)
            .http1_max_headers(MOST_HEADERS)
            .http2_max_header_list_size(headers.min(u64::from(u32::MAX)) as u32)
            .build(Connector::new(Guard::new(allow, resolver, settings.connect_timeout)));
        Ok(Outbound {
            client,
            places: Arc::new(Places::new(settings.requests, settings.requests_per_host)),
            limits: Limits {
                timeout: settings.timeout,
                response: settings.response.as_u64(),
                redirects: settings.redirects,
            },
            headers,
        })
    }

    /// This client's limits.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The same client for requests with tighter limits; looser ones change nothing.
    pub fn limited(&self, limits: Limits) -> Outbound {
        Outbound { limits: limits.within(self.limits), ..self.clone() }
    }

    /// Sends a request to its absolute URL and reads the whole answer. Redirects are followed; headers marked as sensitive, and the usual
    /// credentials, stay with the origin of the request.
    ///
    /// # Errors
    /// Any [`Error`]. An answer of 4xx or 5xx is none.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
        let (head, body) = self.open(request).await?.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }

    /// As [`Outbound::send`], with the answer's body still to come.
    ///
    /// # Errors
    /// Any [`Error`] but those of the body, which the body gives.
    pub async fn open(&self, request: Request<Bytes>) -> Result<Response<Body>, Error> {
        let deadline = Instant::now() + self.limits.timeout;
        match tokio::time::timeout_at(deadline, self.follow(request)).await {
            Ok(answered) => {
                let (response, place) = answered?;
                let (limit, timeout) = (self.limits.response, self.limits.timeout);
                if http_body::Body::size_hint(response.body()).lower() > limit {
                    return Err(Error::BodyTooLarge(limit));
                }
                Ok(response.map(|body| Body::new(body, limit, timeout, deadline, self.headers, place)))
            }
            Err(_) => Err(Error::Timeout(self.limits.timeout)),
        }
    }

    async fn follow(&self, mut request: Request<Bytes>) -> Result<(Response<hyper::body::Incoming>, Place), Error> {
        let mut url = Url::parse(&request.uri().to_string()).map_err(|error| Error::Url(error.to_string()))?;
        for name in OF_THE_CONNECTION {
            request.headers_mut().remove(name);
        }
        request.headers_mut().entry(header::USER_AGENT).or_insert(USER_AGENT);
        let mut redirects = 0;
        loop {
            let (response, place) = self.once(&request, &url).await?;
            let Some(to) = redirect::target(&response, &url)?.filter(|_| self.limits.redirects > 0) else {
                return Ok((response, place));
            };
            if redirects == self.limits.redirects {
                return Err(Error::TooManyRedirects(redirects));
            }
            redirects += 1;
            let (method, headers, body) = redirect::follow(&request, response.status(), &url, &to);
            request = Request::new(body);
            *request.method_mut() = method;
            *request.headers_mut() = headers;
            url = to;
        }
    }

    async fn once(
        &self,
        request: &Request<Bytes>,
        url: &Url,
    ) -> Result<(Response<hyper::body::Incoming>, Place), Error> {
        let place = self.places.take(&judged(url)?)?;
        let mut sent = Request::new(Full::new(request.body().clone()));
        *sent.uri_mut() =
            url[..url::Position::AfterQuery].parse::<Uri>().map_err(|error| Error::Url(error.to_string()))?;
        *sent.method_mut() = request.method().clone();
        *sent.headers_mut() = request.headers().clone();
        let response = self.client.request(sent).await.map_err(|error| broken(&error, self.headers))?;
        Ok((response, place))
    }
}

/// The host and port of a URL that may be asked for.
fn judged(url: &Url) -> Result<String, Error> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Error::Url(format!("its scheme is {}, not http or https", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::Url("it has credentials in it; send them as a header".into()));
    }
    match (url.host_str(), url.port_or_known_default()) {
        (Some(host), Some(port)) => Ok(format!("{host}:{port}")),
        _ => Err(Error::Url("it has no host".into())),
    }
}

/// What a client's or a body's error means.
pub(crate) fn broken(error: &(dyn std::error::Error + 'static), headers: u64) -> Error {
    let mut cause = Some(error);
    let mut last = error.to_string();
    while let Some(error) = cause {
        if let Some(ours) = error.downcast_ref::<Error>() {
            return ours.clone();
        }
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse_too_large) {
            return Error::HeadersTooLarge(headers);
        }
        last = error.to_string();
        cause = error.source();
    }
    Error::Broken(last)
}
