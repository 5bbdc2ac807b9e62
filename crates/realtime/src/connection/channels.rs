//! What a client does in a channel that it has joined: sends, is present, renews its token, leaves.

use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::Connection;
use crate::channel::{Channel, Member};
use crate::limits::{Bucket, Rate};
use crate::protocol::{Broadcast, Message, Payload, push};
use crate::rights::Rights;
use crate::service::Settings;
use crate::session::Session;

/// A channel, from its member's side.
pub(crate) struct Joined {
    pub member: Arc<Member>,
    pub channel: Arc<Channel>,
    pub session: Session,
    /// The token as it came, to know it again.
    pub token: Option<String>,
    pub ack: bool,
    /// What the session may send, once it was asked for.
    pub write: Option<Rights>,
    pub presence_events: Bucket,
    pub presence_calls: Bucket,
    pub look_again: Option<Instant>,
}

impl Connection {
    pub(super) async fn broadcast(&mut self, settings: &Settings, message: Message) {
        let Some(joined) = self.joined.get(&*message.topic) else { return };
        let ack = joined.ack;
        let size = match &message.payload {
            Payload::Json(body) | Payload::Binary(body) | Payload::User { body, .. } => body.len(),
        };
        let head = Message { payload: Payload::Json(Default::default()), ..message.clone() };
        let broadcast = Broadcast::read(message.payload).filter(|_| !settings.limits.is_too_large(size));
        let Some(broadcast) = broadcast else {
            if ack {
                let too_large = settings.limits.is_too_large(size);
                self.refuse(&head, if too_large { "Payload size exceeds tenant limit" } else { "Invalid payload" });
            }
            return;
        };
        if !self.may_write(&message.topic).await.broadcast {
            return;
        }
        let Some(joined) = self.joined.get(&*message.topic) else { return };
        let except = (!joined.member.own).then_some(joined.member.id);
        joined.channel.broadcast(&broadcast, except);
        self.shared.hub.nodes().broadcast(joined.channel.key(), &broadcast);
        if ack {
            self.answer(&head, true, "{}");
        }
    }

    pub(super) async fn presence(&mut self, settings: &Settings, message: Message) {
        let limits = &settings.limits;
        let Some(joined) = self.joined.get_mut(&*message.topic) else { return };
        if !joined.presence_events.take(Rate::per_second(limits.presence_events.into()), 1) {
            return self.end(&message.topic, "Too many presence messages per second");
        }
        if !joined.presence_calls.take(Rate::within(limits.presence_calls, limits.presence_window), 1) {
            return self.end(&message.topic, "Client presence rate limit exceeded");
        }
        let said: Value = message.payload.read().unwrap_or_default();
        let size = said["payload"].as_object().map_or(0, |_| said["payload"].to_string().len());
        if limits.is_too_large(size) {
            return self.end(&message.topic, "Track message size exceeded");
        }
        if !self.may_write(&message.topic).await.presence {
            return self.refuse(&message, "You do not have permissions to track presence in this Channel");
        }
        let Some(joined) = self.joined.get(&*message.topic) else { return };
        match said["event"].as_str() {
            Some(event) if event.eq_ignore_ascii_case("track") => {
                let fields = match &said["payload"] {
                    Value::Object(fields) => fields.clone(),
                    Value::Null => Map::new(),
                    _ => return self.refuse(&message, "Presence track payload must be a map"),
                };
                if let Err(full) = joined.channel.track(&joined.member, fields) {
                    return self.refuse(&message, full.reason());
                }
            }
            Some(event) if event.eq_ignore_ascii_case("untrack") => joined.channel.untrack(&joined.member),
            _ => return self.refuse(&message, "Unknown presence event: use track or untrack"),
        }
        self.answer(&message, true, "{}");
    }

    /// What the channel's session may send; asked for once.
    async fn may_write(&mut self, topic: &str) -> Rights {
        let Some(joined) = self.joined.get(topic) else { return Rights::NONE };
        if let Some(rights) = joined.write {
            return rights;
        }
        let name = joined.channel.key().name();
        match Rights::to_write(&self.shared.database, &joined.session.identity, name).await {
            Ok(rights) => {
                if let Some(joined) = self.joined.get_mut(topic) {
                    joined.write = Some(rights);
                }
                rights
            }
            Err(error) => {
                tracing::warn!(%error, "the right to send to a private channel could not be asked for");
                Rights::NONE
            }
        }
    }

    /// `access_token`: the channel speaks for the new token from now on, if that may still be here.
    pub(super) async fn renew(&mut self, settings: &Settings, topic: &str, token: String) {
        let Some(joined) = self.joined.get(topic) else { return };
        if joined.token.as_deref() == Some(&*token) {
            return;
        }
        let session = match self.shared.session(settings, &token) {
            Ok(session) => session,
            Err(fault) => return self.end(topic, &fault.message()),
        };
        if joined.member.key.private {
            let name = joined.channel.key().name();
            match Rights::to_read(&self.shared.database, &session.identity, name).await {
                Ok(rights) if rights != Rights::NONE => joined.channel.allow(&joined.member, rights),
                Ok(_) => {
                    let name = name.to_owned();
                    let gone = format!("You no longer have permission to read from this Channel topic: {name}");
                    return self.end(topic, &gone);
                }
                Err(error) => {
                    tracing::warn!(%error, "the right to read a private channel could not be asked for");
                    return self.end(topic, "Unable to check the permissions of this Channel");
                }
            }
        }
        let Some(joined) = self.joined.get_mut(topic) else { return };
        joined.write = (!joined.member.key.private).then_some(Rights::ALL);
        joined.look_again = session.look_again();
        self.shared.subscriptions.renew(joined.member.id, &session.identity);
        joined.session = session;
        joined.token = Some(token);
    }

    /// Ends the channels whose tokens have expired.
    pub(super) fn close_expired(&mut self) {
        let now = Instant::now();
        let mut expired = Vec::new();
        for (topic, joined) in &mut self.joined {
            if joined.look_again.is_none_or(|look| look > now) {
                continue;
            }
            match joined.session.overdue() {
                Some(seconds) => expired.push((topic.clone(), seconds)),
                None => joined.look_again = joined.session.look_again(),
            }
        }
        for (topic, seconds) in expired {
            self.end(&topic, &format!("Token has expired {seconds} seconds ago"));
        }
    }

    pub(super) fn leave(&mut self, message: &Message) {
        self.answer(message, true, "{}");
        let joined = self.joined.get(&*message.topic);
        // A leave that was under way while the channel was joined anew is of the old join.
        let current =
            joined.is_some_and(|joined| message.join_ref.is_none() || message.join_ref == joined.member.join_ref);
        if current {
            self.close(&message.topic);
        }
    }

    /// Ends a channel because of a fault, which it is told.
    pub(super) fn end(&mut self, topic: &str, text: &str) {
        if let Some(joined) = self.joined.get(topic) {
            joined.member.tell_system("system", false, text);
        }
        self.close(topic);
    }

    /// Ends a channel.
    pub(super) fn close(&mut self, topic: &str) {
        if let Some(joined) = self.joined.remove(topic) {
            self.shared.forget(&joined);
            let join_ref = joined.member.join_ref.as_deref();
            self.outbox.push(push(self.version, join_ref, join_ref, topic, "phx_close", "{}"));
        }
    }
}
