//! Where realtime is mounted: WebSockets (RFC 6455), with frames to and from the service, and its HTTP endpoints.

use std::future::ready;
use std::time::Duration;

use axum::body::Body;
use basalt_realtime::{Close, Connection, Frame, Incoming, Outgoing, Realtime};
use futures_util::{SinkExt, StreamExt};
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWriteExt, copy, sink};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_util::task::TaskTracker;

use crate::answer::{JSON, answer};
use crate::app::App;
use crate::surface::Surface;

/// Where realtime is mounted.
pub(crate) const MOUNT: &str = "/realtime/v1";

/// Largest message of a client.
const LARGEST: usize = 5 << 20;
/// An idle connection keeps a buffer of this size for what it reads; larger messages are given more while they come in.
const READ_BUFFER: usize = 2 << 10;
/// What is to be written is handed to the system in pieces of about this size.
const WRITE_BUFFER: usize = 16 << 10;
/// How long the rest of what could not be read is waited for.
const LINGER: Duration = Duration::from_secs(5);

impl App {
    /// Answers a request below [`MOUNT`].
    pub(crate) async fn realtime(&self, surface: &Surface, request: Request<Body>) -> Response<Body> {
        if request.uri().path().strip_prefix(MOUNT) == Some("/websocket") {
            return upgrade(&self.realtime, &self.sockets, request);
        }
        let (parts, body) = request.into_parts();
        let body = match surface.read(body).await {
            Ok(body) => body,
            Err(error) => {
                let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
                return refuse(status, &error.body.message);
            }
        };
        let token = surface.verifier.token_of(&parts.headers);
        let incoming = basalt_realtime::api::Incoming {
            method: &parts.method,
            path: parts.uri.path().strip_prefix(MOUNT).unwrap_or_default(),
            query: parts.uri.query().unwrap_or_default(),
            token: token.as_deref(),
            headers: &parts.headers,
            body,
        };
        self.realtime.handle(incoming).await.map(Body::from)
    }
}

/// Answers a request for a WebSocket, and serves it as one of `tasks` once the client has taken the answer.
fn upgrade(realtime: &Realtime, tasks: &TaskTracker, mut request: Request<Body>) -> Response<Body> {
    let Ok(response) = create_response_with_body(&request, Body::empty) else {
        let mut response = refuse(StatusCode::UPGRADE_REQUIRED, "This is a WebSocket: ask for an upgrade");
        response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        return response;
    };
    let connection = match realtime.connect(request.uri().query().unwrap_or_default(), request.headers()) {
        Ok(connection) => connection,
        Err(refused) => return refuse(refused.status, refused.error),
    };
    let upgrading = hyper::upgrade::on(&mut request);
    tasks.spawn(async move {
        match upgrading.await {
            Ok(upgraded) => serve(connection, upgraded).await,
            Err(error) => tracing::debug!(%error, "a WebSocket could not be made"),
        }
    });
    response
}

async fn serve(connection: Connection, upgraded: Upgraded) {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(LARGEST))
        .max_frame_size(Some(LARGEST));
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let (mut writer, mut reader) = socket.split();
    let close = connection
        .run(
            (&mut reader).filter_map(|message| ready(incoming(message))),
            (&mut writer).with(|said| ready(Ok::<_, Error>(outgoing(said)))),
        )
        .await;
    if let Some(Close::LARGE | Close::TEXT | Close::PROTOCOL) = close
        && let Ok(socket) = reader.reunite(writer)
    {
        let _ = timeout(LINGER, linger(socket)).await;
    }
}

/// Reads what a client goes on sending after it was told why it is disconnected: a connection that is given up before would be reset,
/// and the reason be lost on the way.
async fn linger(mut socket: WebSocketStream<TokioIo<Upgraded>>) {
    let stream = socket.get_mut();
    let _ = stream.shutdown().await;
    let _ = copy(stream, &mut sink()).await;
}

fn incoming(message: Result<Message, Error>) -> Option<Incoming> {
    match message {
        Ok(Message::Text(text)) => Some(Incoming::Frame(Frame::Text(text.into()))),
        Ok(Message::Binary(bytes)) => Some(Incoming::Frame(Frame::Binary(bytes))),
        Ok(Message::Ping(_) | Message::Pong(_)) => Some(Incoming::Alive),
        Err(Error::Capacity(_)) => Some(Incoming::Unreadable(Close::LARGE)),
        Err(Error::Utf8(_)) => Some(Incoming::Unreadable(Close::TEXT)),
        // The stream ends by itself after a close, and when the client is gone.
        Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => None,
        Err(Error::Protocol(_)) => Some(Incoming::Unreadable(Close::PROTOCOL)),
        Ok(Message::Close(_) | Message::Frame(_)) | Err(_) => None,
    }
}

fn outgoing(said: Outgoing) -> Message {
    match said {
        // Texts are made of strings.
        Outgoing::Frame(Frame::Text(text)) => Message::Text(Utf8Bytes::try_from(text).unwrap_or_default()),
        Outgoing::Frame(Frame::Binary(bytes)) => Message::Binary(bytes),
        Outgoing::Close(Close { code, reason }) => {
            Message::Close(Some(CloseFrame { code: CloseCode::from(code), reason: Utf8Bytes::from_static(reason) }))
        }
    }
}

/// A refusal as clients of WebSockets read it.
pub(crate) fn refuse(status: StatusCode, error: &str) -> Response<Body> {
    answer(status, JSON, serde_json::json!({ "error": error }).to_string())
}
