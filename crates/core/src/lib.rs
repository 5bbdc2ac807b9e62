//! The few words that every part of Basalt shares.
//!
//! - [`Error`]: what a database statement answers when it fails, in PostgreSQL's terms.
//! - [`Identity`]: who a statement runs as.
//! - [`Change`]: what a write did to a row.
//! - [`Backoff`]: pauses between attempts.
//! - [`constant_time_eq`]: how secrets are compared.
//! - [`nearest`]: the closest known name, for hints.
//! - [`unix_time`]: what the machine's clock says.
//!
//! Nothing here does I/O or knows a wire format; the front doors convert.

mod backoff;
mod change;
mod error;
mod identity;
mod nearest;
mod secret;
mod time;

pub use backoff::Backoff;
pub use change::{Change, ChangedColumn, ChangedTable, Operation, ReplicaIdentity};
pub use error::{Error, Object, Result};
pub use identity::{Claims, Identity};
pub use nearest::nearest;
pub use secret::constant_time_eq;
pub use time::unix_time;
