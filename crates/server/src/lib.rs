//! Puts the rooms together: configuration -> state -> router -> listener.
//!
//! [`Basalt::start`] opens the database and listens; [`Basalt::stop`] drains. What every request passes through is in `app`.

mod answer;
mod app;
mod auth;
pub mod config;
mod cors;
mod gauges;
mod hosts;
mod idle;
pub mod keys;
mod layout;
mod listener;
mod mailbox;
mod messaging;
mod meter;
mod naming;
mod place;
pub mod postgrest;
pub mod project;
mod readers;
mod realtime;
mod refusal;
mod socket;
mod start;
mod surface;
mod target;
pub mod token;

pub use config::{Config, ConfigError};
pub use naming::{missing_schemas, unknown_names};
pub use start::{Basalt, SERVICES, StartError, check, open_database};
pub use surface::takes_published_secret;
