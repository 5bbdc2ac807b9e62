//! The auth API over HTTP, a module a capability. `world` is the server that they start and what they ask of it.

mod administrators;
mod authenticator;
mod captchas;
mod codes;
mod factors;
mod guessing;
mod issuer;
mod keys;
mod leaving;
mod limits;
mod mailing;
mod passkeys;
mod passwords;
mod profiles;
mod recovering;
mod redirects;
mod refreshing;
mod signing_up;
mod stand_in;
mod tokens;
mod unenrolling;
mod unknown;
mod users;
mod webauthn;
mod world;
