//! The one HTTP client for every request that leaves on a user's behalf: webhooks, identity providers,
//! auth's hooks, captchas, leaked passwords, users that are fetched from another project.
//!
//! Whoever can name a URL could otherwise have the server speak to what only the server can reach. So, in the order of a request:
//!
//! 1. the URL is `http` or `https`, without credentials in it;
//! 2. the host is resolved once, each address is judged ([`judge`]: public, or opened by the [`AllowList`]), and the connection goes to
//!    a judged address, never to the name again: an answer that changes between two lookups (DNS rebinding) finds no second lookup;
//! 3. a redirect is a new request that passes all of this again; credentials stay with their origin, and `https` never becomes `http`;
//! 4. time, sizes and concurrency are limited ([`Limits`], [`Settings`]). Proxies from the environment are not used.
//!
//! [`webhook`] signs and verifies what goes through it by the Standard Webhooks scheme.

mod address;
mod allow;
mod body;
mod client;
mod connect;
mod error;
mod places;
mod redirect;
mod settings;
pub mod webhook;

pub use address::judge;
pub use allow::{AllowList, BadEntry};
pub use body::Body;
pub use client::Outbound;
pub use connect::{Resolve, Resolved, SystemResolver};
pub use error::Error;
pub use settings::{Limits, Settings};
