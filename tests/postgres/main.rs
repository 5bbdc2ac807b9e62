//! What only PostgreSQL has, and how its faults are survived.

mod adopting;
mod calling;
mod changes;
mod closed;
mod connecting;
mod copying;
mod extensions;
mod faults;
mod functions;
mod handlers;
mod identity;
mod leftovers;
mod locking;
mod logging_in;
mod nodes;
mod outdated;
mod pooler;
mod postgis;
mod private;
mod representations;
mod round_trips;
mod schema;
mod transactions;
mod types;
mod vectors;
