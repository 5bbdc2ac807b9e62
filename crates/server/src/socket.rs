//! What the server listens on: a TCP port or a Unix socket.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream, lookup_host};
use tokio_util::either::Either;

use crate::start::StartError;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// An open socket.
pub(crate) enum Socket {
    Tcp(TcpListener),
    /// Its file goes when it is dropped.
    Unix(UnixListener, PathBuf),
}

impl Socket {
    /// Listens on a port, 0 being a free one. `shared`: other processes may listen there too, and the system deals out connections.
    pub async fn tcp(
        host: &str,
        port: u16,
        by: &'static str,
        shared: bool,
    ) -> Result<(Socket, SocketAddr), StartError> {
        let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let listen = |error| StartError::Listen { address: address.clone(), by, error };
        let listener = match shared {
            true => shared_listener(&address).await,
            false => TcpListener::bind(&address).await,
        };
        let listener = listener.map_err(listen)?;
        let bound = listener.local_addr().map_err(listen)?;
        Ok((Socket::Tcp(listener), bound))
    }

    /// Listens on a Unix socket that whoever `mode` lets may write to. One that a killed server left there is replaced.
    pub fn unix(path: &Path, mode: u32) -> Result<Socket, StartError> {
        let listen = |error| StartError::Socket { path: path.to_owned(), error };
        let is_left = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
            && std::os::unix::net::UnixStream::connect(path).is_err();
        if is_left {
            std::fs::remove_file(path).map_err(listen)?;
        }
        let listener = UnixListener::bind(path).map_err(listen)?;
        let socket = Socket::Unix(listener, path.to_owned());
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(listen)?;
        Ok(socket)
    }

    /// The next connection, and where it comes from; what comes through a Unix socket is of this machine.
    pub async fn accept(&self) -> std::io::Result<(Either<TcpStream, UnixStream>, IpAddr)> {
        match self {
            Socket::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "nodelay could not be set");
                }
                Ok((Either::Left(stream), peer.ip()))
            }
            Socket::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Either::Right(stream), IpAddr::V4(Ipv4Addr::LOCALHOST)))
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Socket::Unix(_, path) = self
            && let Err(error) = std::fs::remove_file(&*path)
        {
            tracing::debug!(%error, "the socket's file could not be removed");
        }
    }
}

async fn shared_listener(address: &str) -> std::io::Result<TcpListener> {
    let mut last = std::io::ErrorKind::AddrNotAvailable.into();
    for address in lookup_host(address).await? {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(true)?;
        match socket.bind(address) {
            Ok(()) => return socket.listen(BACKLOG),
            Err(error) => last = error,
        }
    }
    Err(last)
}
