//! Realtime over WebSockets, as clients see it.

mod broadcasting;
mod changes;
mod columns;
mod connecting;
mod faults;
mod filters;
mod from_sql;
mod joining;
mod presence;
mod private;
mod rows;
mod tokens;

use basalt_core::unix_time;
use basalt_server::keys::{DEVELOPMENT_SECRET, sign};
use basalt_tests::{socket, token};
use serde_json::{Value, json};

/// The key of anonymous callers.
pub fn anon() -> String {
    token(json!({"role": "anon"}))
}

/// A user's token.
pub fn user(id: &str) -> String {
    token(json!({"role": "authenticated", "sub": id}))
}

/// A token with these claims and no other.
pub fn unending(claims: Value) -> String {
    sign(DEVELOPMENT_SECRET, &claims)
}

/// A time this many seconds from now.
pub fn from_now(seconds: i64) -> i64 {
    unix_time().as_secs() as i64 + seconds
}
