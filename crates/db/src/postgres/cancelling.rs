//! Cancelling what a connection does, as libpq does it: whoever asks closes nothing before the server has.
//!
//! A pooler that stands between takes a request back whose own connection is closed: PgBouncer cancels nothing then, and version 1.18 ends.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::TryFutureExt;
use futures_util::future::{MapOk, join_all};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio_postgres::config::Host;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::{CancelToken, Config, NoTls};

use super::connection::Target;
use super::tls::Tls;

/// PostgreSQL's port.
const PORT: u16 = 5432;

/// A place where the connection may lead.
struct Place {
    /// The name that a certificate has to bear there.
    host: String,
    port: u16,
    /// Where the name leads, if that is known.
    address: Option<Address>,
}

enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

type Asked = Result<(), Box<dyn Error + Send + Sync>>;

/// Ends the statement that is under way. Which of several places the connection leads to is not known: all are asked, and the others know nothing of it.
pub(super) async fn cancel(target: Target, token: CancelToken) {
    let places = places(&target.config);
    join_all(places.into_iter().map(|place| place.ask(target.tls.clone(), token.clone()))).await;
}

fn places(config: &Config) -> Vec<Place> {
    let (hosts, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let place = |index: usize| {
        let port = ports.get(index).or(ports.first()).copied().unwrap_or(PORT);
        let address = addresses.get(index).map(|address| Address::Tcp((*address, port).into()));
        match (hosts.get(index), addresses.get(index)) {
            (Some(Host::Unix(folder)), _) => {
                let socket = folder.join(format!(".s.PGSQL.{port}"));
                Place { host: String::new(), port, address: Some(Address::Unix(socket)) }
            }
            (Some(Host::Tcp(name)), _) => Place { host: name.clone(), port, address },
            (None, given) => Place { host: given.map(ToString::to_string).unwrap_or_default(), port, address },
        }
    };
    (0..hosts.len().max(addresses.len())).map(place).collect()
}

impl Place {
    async fn ask(self, tls: Tls, token: CancelToken) {
        let addresses = match self.address {
            Some(address) => vec![address],
            None => {
                let found = lookup_host((self.host.as_str(), self.port)).await;
                found.into_iter().flatten().map(Address::Tcp).collect()
            }
        };
        let asked = addresses.into_iter().map(|address| ask(address, self.host.clone(), tls.clone(), token.clone()));
        for error in join_all(asked).await.into_iter().filter_map(Result::err) {
            tracing::debug!(%error, host = self.host, "a statement could not be cancelled");
        }
    }
}

async fn ask(address: Address, host: String, tls: Tls, token: CancelToken) -> Asked {
    match address {
        Address::Tcp(address) => ask_over(TcpStream::connect(address).await?, host, tls, token).await,
        Address::Unix(path) => ask_over(UnixStream::connect(path).await?, host, tls, token).await,
    }
}

async fn ask_over<S>(stream: S, host: String, tls: Tls, token: CancelToken) -> Asked
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = Patient(stream);
    match tls {
        Tls::Off => token.cancel_query_raw(stream, NoTls).await?,
        Tls::On(connector) => {
            let mut connector = (*connector).clone();
            let tls = MakeTlsConnect::<Patient<S>>::make_tls_connect(&mut connector, &host)?;
            token.cancel_query_raw(stream, PatientTls(tls)).await?;
        }
    }
    Ok(())
}

/// A stream that is not closed when everything was said: it is read until the other end closes it.
struct Patient<S>(S);

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut bytes = [0; 16];
            let mut read = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut self.0).poll_read(context, &mut read)) {
                Ok(()) if !read.filled().is_empty() => {}
                // However it was closed, it is.
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<S: TlsStream + Unpin> TlsStream for Patient<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.0.channel_binding()
    }
}

/// Encrypts, and leaves what it encrypted open likewise.
struct PatientTls<T>(T);

impl<S, T: TlsConnect<S>> TlsConnect<S> for PatientTls<T> {
    type Stream = Patient<T::Stream>;
    type Error = T::Error;
    type Future = MapOk<T::Future, fn(T::Stream) -> Patient<T::Stream>>;

    fn connect(self, stream: S) -> Self::Future {
        self.0.connect(stream).map_ok(Patient as fn(T::Stream) -> Patient<T::Stream>)
    }
}
