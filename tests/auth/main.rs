//! The auth API over HTTP, a module a capability. `world` is the server that they start and what they ask of it.

mod administrators;
mod codes;
mod guessing;
mod keys;
mod limits;
mod mailing;
mod passwords;
mod redirects;
mod refreshing;
mod signing_up;
mod tokens;
mod users;
mod world;
