//! What no client can bring about from outside.

use std::sync::Arc;

use basalt_core::Identity;
use basalt_db::{Database, Options};
use futures_util::{sink, stream};
use http::HeaderMap;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{Frame, Incoming, Limits, Openness, Outgoing, Realtime, Session, Settings, TokenFault, Tokens};
use basalt_messaging::Bus;

/// Lets everybody in, and panics over one token.
struct Fragile;

impl Tokens for Fragile {
    fn verify(&self, token: &str) -> Result<Session, TokenFault> {
        assert_ne!(token, "broken");
        Ok(Session { identity: Identity::role("anon"), expires: None })
    }
}

#[tokio::test]
async fn a_panic_ends_its_channel_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { data_dir: folder.path().to_owned(), services: vec![crate::SERVICE], ..Options::default() };
    let database = Database::open(options).unwrap();
    let settings = Settings::new(Limits::default(), Arc::new(Fragile), Openness::default(), &[]).unwrap();
    let realtime = Realtime::new(database, Bus::alone(), settings);
    let connection = realtime.connect("apikey=any&vsn=2.0.0", &HeaderMap::new()).unwrap();
    let following = realtime.clone();
    let following = tokio::spawn(async move { following.follow().await });

    let (say, said) = mpsc::unbounded_channel();
    let (tell, mut told) = mpsc::unbounded_channel();
    let reader = stream::unfold(said, async |mut said| Some((said.recv().await?, said)));
    let writer = sink::unfold(tell, async |tell, outgoing| tell.send(outgoing).map(|()| tell));
    let running = tokio::spawn(connection.run(Box::pin(reader), Box::pin(writer)));

    let message = |topic: &str, event: &str, payload: Value| {
        let text = json!(["1", "2", topic, event, payload]).to_string();
        say.send(Incoming::Frame(Frame::Text(text.into()))).unwrap();
    };
    let mut next = async || match told.recv().await.unwrap() {
        Outgoing::Frame(Frame::Text(text)) => serde_json::from_slice::<Value>(&text).unwrap(),
        other => panic!("{other:?}"),
    };
    for topic in ["realtime:a", "realtime:b"] {
        message(topic, "phx_join", json!({}));
        assert_eq!(next().await[4]["status"], "ok");
    }
    message("realtime:a", "access_token", json!({"access_token": "broken"}));
    assert_eq!(next().await, json!(["1", "1", "realtime:a", "phx_error", {}]));
    // It may be joined anew; the other one never ended.
    message("realtime:a", "broadcast", json!({"event": "e"}));
    assert_eq!(next().await[4]["response"]["reason"], "unmatched topic");
    message("realtime:a", "phx_join", json!({}));
    assert_eq!(next().await[4]["status"], "ok");
    message("realtime:b", "phx_leave", json!({}));
    assert_eq!(next().await[4]["status"], "ok");
    drop(say);
    running.await.unwrap();
    following.abort();
}
