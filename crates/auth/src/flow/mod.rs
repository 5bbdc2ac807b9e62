//! What users do: each file is one flow.

mod logout;
mod nobody;
mod notify;
pub(crate) mod once_more;
mod otp;
pub(crate) mod pkce;
mod reauthenticate;
mod recover;
mod refresh;
mod resend;
mod settings;
pub(crate) mod signup;
mod token;
mod update;
mod verify;

use serde::Deserialize;
use serde_json::{Map, Value};

/// Free data of a user's own.
pub(crate) type Metadata = Map<String, Value>;

/// The PKCE pair that a client may send (RFC 7636 section 4.3).
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Challenge {
    #[serde(default)]
    pub code_challenge: Option<String>,
    #[serde(default)]
    pub code_challenge_method: Option<String>,
}

/// The captcha that a client may have solved.
#[derive(Default, Deserialize)]
pub(crate) struct Security {
    #[serde(default)]
    pub captcha_token: Option<String>,
}
