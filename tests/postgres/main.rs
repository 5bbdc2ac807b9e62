//! What only PostgreSQL has, and how its faults are survived.

mod copying;
mod faults;
mod functions;
mod identity;
mod private;
mod schema;
mod types;
