//! The listener: accepts connections, bounds what a client may hold open, and drains on shutdown.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;

use crate::app::{App, Port};
use crate::config::{LEAST_HEADERS, Server};
use crate::idle::{Activity, Noted};
use crate::refusal::Explained;
use crate::socket::Socket;

/// Serves until `stop` completes, then refuses new connections, finishes the requests under way and returns. What is
/// not finished after the configured time is cut.
pub async fn serve(socket: Socket, app: Arc<App>, port: Port, config: Server, mut stop: watch::Receiver<()>) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let header_bytes = app.surface.load().limits.headers.max(LEAST_HEADERS).as_u64();
    // How long a head may take is ours to judge.
    builder.http1().header_read_timeout(None).max_buf_size(usize::try_from(header_bytes).unwrap_or(usize::MAX));
    let header_list = u32::try_from(header_bytes).unwrap_or(u32::MAX);
    builder.http2().timer(TokioTimer::new()).max_header_list_size(header_list).max_concurrent_streams(256);

    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    if port == Port::Api {
        app.ready.store(true, Ordering::Release);
    }
    loop {
        let (stream, peer) = tokio::select! {
            accepted = socket.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, usually: wait for connections to close rather than spin.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            // A sender that is gone means the same.
            _ = stop.changed() => break,
        };
        while connections.try_join_next().is_some() {}
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(config.send_timeout));
        let activity = Arc::new(Activity::default());
        let stream = Noted::new(Box::pin(stream), activity.clone());
        let stream = Explained::new(stream, app.surface.load().door.shows_details());
        let (app, requests) = (app.clone(), activity.clone());
        let service = service_fn(move |request: http::Request<Incoming>| {
            let (app, under_way) = (app.clone(), requests.begin());
            async move {
                let response = app.handle(port, peer, request.map(Body::new)).await;
                Ok::<_, std::convert::Infallible>(under_way.answered(response))
            }
        });
        let connection =
            graceful.watch(builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned());
        connections.spawn(async move {
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                },
                () = activity.cease(config.header_timeout) => tracing::debug!("a connection on which nothing went on was ended"),
            }
        });
    }
    if port == Port::Api {
        app.ready.store(false, Ordering::Release);
    }
    drop(socket);
    if tokio::time::timeout(config.shutdown_timeout, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests still under way at the end of `server.shutdown_timeout` were cut");
    }
    connections.shutdown().await;
}
