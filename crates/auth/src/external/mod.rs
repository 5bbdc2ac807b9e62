//! Sign-in through identity providers.
//!
//! ```text
//! authorize   the browser comes; a flow is stored; the browser leaves for the provider with the flow's id as state
//! callback    the browser is back; the flow is used up; `provider` says who it is; `account` finds or makes the user; the browser goes home
//! id_token    an app brings the provider's word itself
//! linking     a signed-in user adds an identity, or drops one
//! ```
//!
//! Where the browser goes in the end was judged when the flow began, and is judged again when it ends.

mod account;
mod authorize;
mod callback;
mod id_token;
mod linking;
mod state;
