//! A client of realtime, as plain as the protocol: frames out, frames in.

use std::collections::VecDeque;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::Server;
use crate::waiting::PATIENCE;

/// A connected client that speaks `vsn=2.0.0`.
pub struct Socket {
    /// The connection itself.
    pub stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// What came while something else was waited for.
    waiting: VecDeque<Value>,
    last_ref: u32,
}

/// The URL of a server's WebSockets.
pub fn url(server: &Server, key: &str, version: &str) -> String {
    url_at(server.url(), key, version)
}

/// The same for a server in another process.
pub fn url_at(server: &str, key: &str, version: &str) -> String {
    format!("{}/realtime/v1/websocket?apikey={key}&vsn={version}", server.replace("http", "ws"))
}

impl Socket {
    /// Connects with a key.
    pub async fn connect(server: &Server, key: &str) -> Socket {
        Socket::open(&url(server, key, "2.0.0")).await.expect("a WebSocket")
    }

    /// Connects to a URL.
    pub async fn open(url: &str) -> Result<Socket, Error> {
        let (stream, _) = tokio_tungstenite::connect_async(url).await?;
        Ok(Socket { stream, waiting: VecDeque::new(), last_ref: 0 })
    }

    /// Sends a message of the channel and gives its reference.
    pub async fn send(&mut self, topic: &str, event: &str, payload: Value) -> String {
        self.last_ref += 1;
        let reference = self.last_ref.to_string();
        // A join's reference is its join's.
        let join_ref = if event == "phx_join" { json!(reference) } else { Value::Null };
        self.raw(json!([join_ref, reference, topic, event, payload]).to_string()).await;
        reference
    }

    /// Sends a text.
    pub async fn raw(&mut self, text: String) {
        self.stream.send(Message::Text(text.into())).await.expect("sent");
    }

    /// Sends and gives the reply's payload.
    pub async fn ask(&mut self, topic: &str, event: &str, payload: Value) -> Value {
        let reference = self.send(topic, event, payload).await;
        self.until(|frame| frame[1] == reference && frame[3] == "phx_reply").await[4].clone()
    }

    /// Joins a channel that lets it.
    pub async fn join(&mut self, name: &str, config: Value) -> Value {
        let reply = self.ask(&format!("realtime:{name}"), "phx_join", json!({ "config": config })).await;
        assert_eq!(reply["status"], "ok", "{reply}");
        reply["response"].clone()
    }

    /// The next frame that `wanted` says yes to. Others wait for their turn.
    pub async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(place) = self.waiting.iter().position(&wanted) {
            return self.waiting.remove(place).unwrap();
        }
        loop {
            let frame = self.next().await;
            if wanted(&frame) {
                return frame;
            }
            self.waiting.push_back(frame);
        }
    }

    /// The payload of the next push of an event.
    pub async fn event(&mut self, event: &str) -> Value {
        self.until(|frame| frame[3] == event).await[4].clone()
    }

    /// The payload of a push that came already, if there is one.
    pub fn waiting(&mut self, event: &str) -> Option<Value> {
        let place = self.waiting.iter().position(|frame| frame[3] == event)?;
        self.waiting.remove(place).map(|frame| frame[4].clone())
    }

    /// The text of the next system message.
    pub async fn system(&mut self) -> String {
        self.event("system").await["message"].as_str().unwrap().to_owned()
    }

    /// Asserts that no push of an event came before what the server answers now.
    pub async fn expect_none(&mut self, event: &str) {
        self.ask("phoenix", "heartbeat", json!({})).await;
        let found = self.waiting.iter().find(|frame| frame[3] == event);
        assert_eq!(found, None);
    }

    /// The close frame, whatever comes before it.
    pub async fn closed(&mut self) -> CloseFrame {
        loop {
            match tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("an end") {
                Some(Ok(Message::Close(Some(frame)))) => return frame,
                Some(Ok(_)) => {}
                other => panic!("no close frame: {other:?}"),
            }
        }
    }

    /// The next frame that was not waiting already.
    pub async fn next(&mut self) -> Value {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.stream.next()).await;
            match message.expect("a frame in time").expect("an open connection").expect("a frame") {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Binary(bytes) => return binary(&bytes),
                Message::Close(frame) => panic!("closed: {frame:?}"),
                _ => {}
            }
        }
    }
}

/// A frame of kind 4, as clients understand it.
fn binary(bytes: &[u8]) -> Value {
    assert_eq!((bytes[0], bytes[4]), (4, 0));
    let mut rest = &bytes[5..];
    let mut part = |length: u8| {
        let (part, after) = rest.split_at(length.into());
        rest = after;
        String::from_utf8(part.to_vec()).unwrap()
    };
    let (topic, event, meta) = (part(bytes[1]), part(bytes[2]), part(bytes[3]));
    let meta: Value = serde_json::from_str(&meta).unwrap_or_default();
    json!([null, null, topic, "broadcast", {"type": "broadcast", "event": event, "bytes": rest, "meta": meta}])
}
