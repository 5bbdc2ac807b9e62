//! Messages between the nodes of a project: the processes that share its database.
//!
//! ```text
//! Bus::publish -> outgoing   a bounded queue
//!              -> frame      messages packed, or one cut into parts, and numbered
//!              -> seal       encrypted and signed with the node's key
//!              -> line       PostgreSQL's notify or NATS
//!              -> peers      the other nodes: opened, put in order, gaps seen, deaths noticed
//!              -> Subscription
//! ```
//!
//! A message reaches each other node at most once, in its sender's order. What was lost, by whatever fault, is noticed by its number, and
//! subscribers are told of whom they missed something ([`Event::Missed`]); they decide what to do about it. Nothing here waits for another
//! node. A node that says nothing for too long is dead ([`Event::Left`]) until it is heard again.
//!
//! Whoever may connect to the database may notify and listen on any channel. So frames are sealed with a key that only nodes have
//! ([`Secret`]): what others say is not believed, what nodes say others can't read.

mod bus;
mod counters;
mod frame;
mod line;
mod nats;
mod node;
mod outgoing;
mod peers;
mod postgres;
mod seal;
mod settings;

pub use bus::{Bus, Event, Subscription};
pub use counters::Standing;
pub use frame::LARGEST_MESSAGE;
pub use line::{Carrier, Line, LineError};
pub use nats::Nats;
pub use node::NodeId;
pub use postgres::Notify;
pub use seal::Secret;
pub use settings::Settings;
