//! What only PostgreSQL has, and how its faults are survived.

mod abreast;
mod adopting;
#[path = "../auth/authenticator.rs"]
mod authenticator;
mod calling;
mod changes;
mod closed;
mod connecting;
mod copied_data;
mod copying;
mod documented;
mod extensions;
mod faults;
mod functions;
mod handlers;
mod identity;
mod leftovers;
mod locking;
mod logging_in;
mod nodes;
mod outages;
mod outdated;
mod pooler;
mod postgis;
mod private;
mod readiness;
mod representations;
mod round_trips;
mod schema;
mod transactions;
mod types;
mod vectors;
