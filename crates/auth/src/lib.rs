//! Users, sessions, one-time codes, OAuth2 and keys: Supabase's auth API.
//!
//! [`Auth::handle`] answers a [`Request`]. `route` says which file answers what: `flow` has what users do, `admin` what the service
//! key may do, `mfa` second factors, `passkey` sign-in without a password. They read and write the model (`user`, `session`, `one_time`) in a transaction
//! ([`store`]) of the schema's owner; row policies of the project judge nobody here.
//!
//! The contract is Supabase's auth API as its documentation and its published clients have it: paths, members, statuses and codes are the same.

// Flows are futures within futures, down to the database driver's; the compiler walks them when it lays them out.
#![recursion_limit = "256"]

mod address;
mod admin;
mod audit;
mod bearer;
mod call;
mod code_hash;
mod counted;
pub mod error;
mod external;
mod flow;
mod hook;
mod issuer;
mod json;
mod judge;
pub mod keys;
mod landing;
mod limit;
mod mail;
mod metadata;
mod mfa;
mod one_time;
mod passkey;
mod password;
mod proof;
pub mod provider;
mod redirect;
mod route;
mod scrypt;
mod seal;
mod secret;
mod session;
pub mod settings;
mod store;
mod user;
mod webauthn;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use basalt_core::Identity;
use basalt_db::Database;
use basalt_db::migrate::{Service, ServiceMigration};
use basalt_outbound::Outbound;
use bytes::Bytes;
use http::{HeaderMap, Method, Response};

pub use error::AuthError;
pub use keys::Keys;
pub use limit::Limits;
pub use mail::{Mail, Mailbox};
pub use settings::Settings;

/// What auth keeps in the database.
pub const SERVICE: Service = Service {
    name: "auth",
    migrations: &[
        ServiceMigration { version: "0001", source: include_str!("schema/0001_identity.sql") },
        ServiceMigration { version: "0002", source: include_str!("schema/0002_factors.sql") },
        ServiceMigration { version: "0003", source: include_str!("schema/0003_issuer.sql") },
        ServiceMigration { version: "0004", source: include_str!("schema/0004_unanswered.sql") },
        ServiceMigration { version: "0005", source: include_str!("schema/0005_passwords.sql") },
        ServiceMigration { version: "0006", source: include_str!("schema/0006_counted.sql") },
        ServiceMigration { version: "0007", source: include_str!("schema/0007_proven.sql") },
        ServiceMigration { version: "0008", source: include_str!("schema/0008_replays.sql") },
        ServiceMigration { version: "0009", source: include_str!("schema/0009_outbox.sql") },
    ],
    dispensable: &[
        ("auth.webauthn_credentials", Some(include_str!("schema/gotrue_passkeys.sql"))),
        ("auth.webauthn_challenges", None),
    ],
    alone_in: None,
};

/// Verifies access tokens with the project's keys.
pub trait Verify: Send + Sync {
    /// Who the bearer of a token is.
    ///
    /// Errors: why the token doesn't count.
    fn verify(&self, token: &str) -> Result<Identity, String>;
}

/// What outlives a change of the configuration.
#[derive(Clone, Default)]
pub struct State {
    /// Mails of development.
    pub mailbox: Arc<Mailbox>,
    /// What was counted of each client.
    pub limits: Arc<Limits>,
    /// Hashes of passwords that were computed, to store one or to compare with one.
    pub hashes: Arc<AtomicU64>,
}

/// The auth API.
pub struct Auth {
    database: Database,
    settings: Settings,
    keys: Arc<Keys>,
    codes: code_hash::CodeHashes,
    verify: Arc<dyn Verify>,
    /// Where the API is: `<origin>/auth/v1`.
    url: String,
    redirects: redirect::Redirects,
    mailer: mail::Mailer,
    passwords: password::Passwords,
    hooks: hook::Hooks,
    providers: provider::Providers,
    outbound: Outbound,
    relying_party: Option<webauthn::RelyingParty>,
    state: State,
}

/// What the API is made of.
pub struct Setup<'a> {
    /// The database of the users.
    pub database: Database,
    /// `[auth]`.
    pub settings: Settings,
    /// Where files of the configuration are found.
    pub project: &'a Path,
    /// Where the API is: `<origin>/auth/v1`.
    pub url: String,
    /// What signs access tokens.
    pub keys: Arc<Keys>,
    /// What verifies them.
    pub verify: Arc<dyn Verify>,
    /// What asks providers, hooks and captcha services.
    pub outbound: Outbound,
    /// What outlives a change of the configuration.
    pub state: State,
}

/// A request below `/auth/v1`.
pub struct Request<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its path below the mount point, with the slash: `/token`.
    pub path: &'a str,
    /// Its query without the question mark.
    pub query: &'a str,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its whole body.
    pub body: Bytes,
    /// The client's address.
    pub client: IpAddr,
}

impl Auth {
    /// The API as it is set up.
    ///
    /// Errors: what of the configuration can't be used.
    pub fn new(setup: Setup<'_>) -> Result<Auth, String> {
        let Setup { database, settings, project, url, keys, verify, outbound, state } = setup;
        settings.judge()?;
        let hooks = hook::Hooks::new(&settings.hook, &database, &outbound)?;
        let outbox = (database.clone(), seal::Seals::new(keys.secrets()));
        Ok(Auth {
            redirects: redirect::Redirects::new(&settings),
            mailer: mail::Mailer::new(&settings, project, state.mailbox.clone(), hooks.mail(), outbox)?,
            passwords: password::Passwords::new(state.hashes.clone()),
            providers: provider::Providers::new(&settings.external, &format!("{url}/callback"), &outbound)?,
            hooks,
            relying_party: webauthn::RelyingParty::new(&settings)?,
            database,
            settings,
            codes: code_hash::CodeHashes::new(keys.secrets()),
            keys,
            verify,
            url,
            outbound,
            state,
        })
    }

    /// Answers a request. Every refusal is an answer.
    pub async fn handle(&self, request: Request<'_>) -> Response<Bytes> {
        let headers = request.headers;
        let call = call::Call::new(self, request);
        let answer = call.answer().await;
        match answer {
            Ok(response) => response,
            Err(error) => error.response(headers),
        }
    }

    /// Sends what waits in the outbox. Ends some time after [`Auth::close`], or after this is dropped: what is under way then is waited for.
    pub fn sending(&self) -> impl Future<Output = ()> + Send + use<> {
        self.mailer.sending()
    }

    /// The server stops: nothing more is sent.
    pub fn close(&self) {
        self.mailer.close();
    }

    /// Throws away what the development mailbox has.
    ///
    /// Errors: the database does not answer.
    pub async fn empty_mailbox(&self) -> Result<(), AuthError> {
        self.mailer.empty().await
    }
}
