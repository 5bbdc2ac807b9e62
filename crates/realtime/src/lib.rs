//! Front door: Phoenix channels over WebSocket, as Supabase's clients speak them: frames, events, statuses and texts are the same.
//!
//! ```text
//! socket -> protocol    frames to messages, in the client's serializer
//!        -> connection  one client: rates, joins, rights, expiry; answers in order
//!        -> hub         the channels and who is in them: broadcast, presence
//!       <-> nodes       the same on the other nodes: broadcasts go there, presences both ways
//!        <- changes     what was written to watched tables, to whoever may see it; broadcasts from SQL (`messages`) and of rows (`rows`)
//!        -> outbox      what waits for each client, bounded
//! ```
//!
//! [`Realtime::connect`] judges a client before the upgrade; [`Connection::run`] then serves any stream and sink of frames. Who may use a
//! private channel is asked of the row policies of `realtime.messages` (`rights`).

pub mod api;
mod changes;
mod channel;
mod connection;
mod follow;
mod hub;
mod join;
mod limits;
mod messages;
mod nodes;
mod outbox;
mod presence;
mod protocol;
mod query;
mod rights;
mod room;
mod rows;
mod service;
mod session;

use basalt_db::migrate::{Service, ServiceMigration};

pub use changes::Openness;
pub use connection::{Connection, Incoming, Outgoing};
pub use limits::Limits;
pub use outbox::Close;
pub use protocol::{Frame, Version};
pub use rows::Broadcasts;
pub use service::{Realtime, Refused, Settings};
pub use session::{Session, TokenFault, Tokens};

/// What realtime keeps in the database.
pub const SERVICE: Service = Service {
    name: "realtime",
    migrations: &[ServiceMigration { version: "0001", source: include_str!("schema/0001_messages.sql") }],
    dispensable: &[],
    alone_in: None,
};
