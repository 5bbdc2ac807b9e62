//! Connecting: a host is resolved once, its addresses are judged, and the connection goes to one of those that passed.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tower_service::Service;

use crate::address::judge;
use crate::{AllowList, Error};

/// A lookup under way.
pub type Resolved<'a> = BoxFuture<'a, io::Result<Vec<IpAddr>>>;

/// Finds a host's addresses.
pub trait Resolve: Send + Sync + 'static {
    /// The addresses of a host name; never asked for what already is an address.
    fn resolve<'a>(&'a self, host: &'a str) -> Resolved<'a>;
}

/// The system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolved<'a> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|found| found.ip()).collect()) })
    }
}

/// Connects to judged addresses only.
#[derive(Clone)]
pub(crate) struct Guard {
    allow: Arc<AllowList>,
    resolver: Arc<dyn Resolve>,
    timeout: Duration,
}

impl Guard {
    pub(crate) fn new(allow: AllowList, resolver: Arc<dyn Resolve>, timeout: Duration) -> Guard {
        Guard { allow: Arc::new(allow), resolver, timeout }
    }

    async fn connect(self, uri: Uri) -> Result<TcpStream, Error> {
        let host = uri.host().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let addresses = self.judged(host, port).await?;
        let mut reason = String::new();
        // Each address has its share of the time, so that one that swallows packets leaves some for the next.
        let share = self.timeout / addresses.len().min(4) as u32;
        for address in addresses {
            match tokio::time::timeout(share, TcpStream::connect(SocketAddr::new(address, port))).await {
                Ok(Ok(stream)) => {
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => reason = error.kind().to_string(),
                Err(_) => reason = "timed out".into(),
            }
        }
        Err(Error::Unreachable { host: host.into(), reason })
    }

    /// The addresses of a host that may be connected to: one at least.
    async fn judged(&self, host: &str, port: u16) -> Result<Vec<IpAddr>, Error> {
        let found = match host.parse() {
            Ok(address) => vec![address],
            Err(_) => self.resolver.resolve(host).await.map_err(|error| {
                tracing::debug!(host, %error, "a host can't be resolved");
                Error::Unresolved { host: host.into() }
            })?,
        };
        if found.is_empty() {
            return Err(Error::Unresolved { host: host.into() });
        }
        let open = |address: &IpAddr| match judge(*address) {
            Ok(()) => true,
            Err(_) if self.allow.opens(host, *address, port) => true,
            Err(kind) => {
                tracing::debug!(host, %address, kind, "an address is closed to requests of users");
                false
            }
        };
        let open: Vec<IpAddr> = found.into_iter().filter(open).collect();
        if open.is_empty() { Err(Error::Closed { host: host.into() }) } else { Ok(open) }
    }
}

impl Service<Uri> for Guard {
    type Response = TokioIo<TcpStream>;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Self::Response, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let guard = self.clone();
        Box::pin(async move { guard.connect(uri).await.map(TokioIo::new) })
    }
}

/// [`Guard`] under TLS, all of it within the time to connect.
#[derive(Clone)]
pub(crate) struct Connector {
    guard: Guard,
    /// Made by the first request: reading the system's authorities takes memory and time that a server without requests need not spend.
    https: Arc<OnceCell<HttpsConnector<Guard>>>,
}

impl Connector {
    pub(crate) fn new(guard: Guard) -> Connector {
        Connector { guard, https: Arc::default() }
    }

    async fn connect(self, uri: Uri) -> Result<Connection, Error> {
        let host = uri.host().unwrap_or_default().to_owned();
        let unusable = |error: &dyn std::fmt::Display| Error::Broken(format!("TLS can't be set up: {error}"));
        let make = || async {
            let tls = tokio::task::spawn_blocking(tls).await.map_err(|error| unusable(&error))?;
            let builder = HttpsConnectorBuilder::new().with_tls_config(tls.map_err(|error| unusable(&error))?);
            Ok(builder.https_or_http().enable_http1().enable_http2().wrap_connector(self.guard.clone()))
        };
        let mut https = self.https.get_or_try_init(make).await?.clone();
        https.call(uri).await.map_err(|error| match error.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(other) => Error::Unreachable { host, reason: other.to_string() },
        })
    }
}

type Connection = <HttpsConnector<Guard> as Service<Uri>>::Response;

impl Service<Uri> for Connector {
    type Response = Connection;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Connection, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connector, timeout) = (self.clone(), self.guard.timeout);
        Box::pin(async move {
            let connecting = tokio::time::timeout(timeout, connector.connect(uri));
            connecting.await.unwrap_or(Err(Error::Timeout(timeout)))
        })
    }
}

/// The authorities that the system trusts; on a system that has none, those that browsers trust.
fn tls() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
