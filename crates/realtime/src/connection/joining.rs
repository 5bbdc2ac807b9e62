//! `phx_join`: who may come into a channel, and what it is told first.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::Connection;
use super::channels::Joined;
use crate::channel::{Key, Member, PREFIX};
use crate::join::{Join, Replay};
use crate::limits::{Bucket, Rate};
use crate::messages;
use crate::protocol::{Encoded, Message};
use crate::rights::{Held, Rights};
use crate::service::Settings;
use crate::session::{Session, TokenFault};

impl Connection {
    pub(super) async fn join(&mut self, settings: &Settings, message: Message) {
        let join = Join::read(&message.payload.read::<Value>().unwrap_or_default());
        match self.admit(settings, &message, &join).await {
            Ok((member, session)) => {
                self.close(&message.topic);
                self.enter(settings, Arc::new(member), session, &message, join).await;
            }
            Err(reason) => self.refuse(&message, &reason),
        }
    }

    /// Judges a join. The error is the reason of its refusal.
    async fn admit(
        &mut self,
        settings: &Settings,
        message: &Message,
        join: &Join,
    ) -> Result<(Member, Session), String> {
        let limits = &settings.limits;
        let topic = &*message.topic;
        let name = topic.strip_prefix(PREFIX).ok_or("unmatched topic")?;
        if name.is_empty() {
            return Err("TopicNameRequired: You must provide a topic name".into());
        }
        if self.joined.len() >= limits.channels && !self.joined.contains_key(topic) {
            return Err("ChannelRateLimitReached: Too many channels".into());
        }
        if limits.private_only && !join.private {
            return Err("PrivateOnly: This project only allows private channels".into());
        }
        if join.replay.is_some() && !join.private {
            return Err("UnableToReplayMessages: Replay is not allowed for public channels".into());
        }
        let session = self.session(settings, join).map_err(TokenFault::reason)?;
        let mut reads = Rights::ALL;
        if join.private {
            reads = Rights::to_read(&self.shared.database, &session.identity, name).await.map_err(|error| {
                tracing::warn!(%error, "the right to join a private channel could not be asked for");
                "Unknown Error on Channel".to_owned()
            })?;
            if reads == Rights::NONE {
                let text = "You do not have permissions to read from this Channel topic";
                return Err(format!("Unauthorized: {text}: {name}"));
            }
        }
        let named = !join.presence_key.is_empty();
        let member = Member {
            id: self.shared.hub.next_id(),
            key: Key { topic: topic.into(), private: join.private },
            join_ref: message.join_ref.clone().or_else(|| message.reference.clone()),
            version: self.version,
            outbox: self.outbox.clone(),
            own: join.own,
            presence: join.presence,
            reads: Held::new(reads),
            presence_key: if named { join.presence_key.clone() } else { Uuid::new_v4().to_string() },
        };
        Ok((member, session))
    }

    /// Who the channel speaks for: its own token, else the connection's key.
    fn session(&self, settings: &Settings, join: &Join) -> Result<Session, TokenFault> {
        let session = match &join.access_token {
            Some(token) => self.shared.session(settings, token)?,
            None => self.session.clone(),
        };
        session.overdue().map_or(Ok(session), |seconds| Err(TokenFault::Expired(seconds)))
    }

    /// Takes the member in and tells it what it has joined.
    async fn enter(
        &mut self,
        settings: &Settings,
        member: Arc<Member>,
        session: Session,
        message: &Message,
        join: Join,
    ) {
        let limits = &settings.limits;
        let follows = self.shared.follows().await;
        let (catalog, role) = (self.shared.database.catalog(), &*session.identity.role);
        let mut asked = self.shared.subscriptions.ask(&catalog, &settings.openness, role, join.changes);
        let shown = std::mem::take(&mut asked.shown);
        let mut faults = std::mem::take(&mut asked.faults);
        self.answer(message, true, &json!({ "postgres_changes": shown }).to_string());
        self.shared.subscriptions.subscribe(&member, &session.identity, asked);
        let joined = Joined {
            channel: self.shared.hub.join(member.clone()),
            member: member.clone(),
            look_again: session.look_again(),
            session,
            token: join.access_token,
            ack: join.ack,
            write: (!join.private).then_some(Rights::ALL),
            presence_events: Bucket::new(Rate::per_second(limits.presence_events.into())),
            presence_calls: Bucket::new(Rate::within(limits.presence_calls, limits.presence_window)),
        };
        self.joined.insert(member.key.topic.clone(), joined);
        if !follows && !shown.is_empty() {
            faults.push("Unable to subscribe to changes now: the database can't be followed".to_owned());
        }
        if let Some(replay) = join.replay.filter(|_| member.reads.get().broadcast) {
            self.replay(&member, replay).await;
        }
        if !shown.is_empty() && faults.is_empty() {
            member.tell_system("postgres_changes", true, "Subscribed to PostgreSQL");
        }
        faults.iter().for_each(|fault| member.tell_system("postgres_changes", false, fault));
        if join.replication_ready {
            member.tell_system("system", true, "Replication connection established");
        }
    }

    /// Tells what was broadcast before.
    async fn replay(&self, member: &Member, replay: Replay) {
        match messages::replay(&self.shared.database, member.key.name(), replay).await {
            Ok(broadcasts) => {
                let frames = broadcasts.iter().map(|broadcast| Encoded::new(&member.key.topic, broadcast));
                frames
                    .filter_map(|encoded| encoded.frame(self.version).cloned())
                    .for_each(|frame| self.outbox.push(frame));
            }
            Err(error) => tracing::warn!(%error, "broadcasts of the past could not be read"),
        }
    }
}
