//! Several processes of `basalt serve` on one PostgreSQL: what one hears all tell, once; one that is killed takes only its own sockets
//! along.

mod credentials;
mod faults;
mod forging;
mod reloading;
mod sharing;
#[path = "../support/mod.rs"]
mod support;
mod world;
