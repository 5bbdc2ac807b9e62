//! Passkeys: signing in without a password. Browsers find the credential themselves and verify
//! their user. A challenge is gone with the statement that finds it, whatever its answer is worth.

mod manage;
mod register;
mod sign_in;

use bytes::Bytes;
use http::{Method, Response};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::call::Call;
use crate::error::{AuthError, Result};
use crate::store::{Work, params};
use crate::user::present;
use crate::webauthn::{CHALLENGE_SECONDS, Credential, Question, RelyingParty};

/// A row of `auth.webauthn_credentials`.
#[derive(Deserialize)]
struct Passkey {
    id: Uuid,
    credential: Credential,
    friendly_name: Option<String>,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
}

impl Passkey {
    /// The object that clients see.
    fn json(&self) -> Value {
        let mut object = Map::new();
        object.insert("id".into(), json!(self.id));
        if let Some(name) = present(&self.friendly_name) {
            object.insert("friendly_name".into(), name.into());
        }
        object.insert("created_at".into(), json!(self.created_at));
        if let Some(used) = self.last_used_at {
            object.insert("last_used_at".into(), json!(used));
        }
        Value::Object(object)
    }
}

/// What a browser answers.
#[derive(Deserialize)]
struct Answered {
    #[serde(default)]
    challenge_id: String,
    #[serde(default)]
    credential: Value,
}

/// What a challenge is for.
#[derive(Clone, Copy)]
enum Ceremony {
    Registration,
    Authentication,
}

impl Ceremony {
    fn name(self) -> &'static str {
        match self {
            Ceremony::Registration => "registration",
            Ceremony::Authentication => "authentication",
        }
    }
}

/// A challenge that was found, and is used up.
#[derive(Deserialize)]
struct Challenge {
    session_data: String,
    expires_at: Timestamp,
}

impl Call<'_> {
    /// Answers what is below `/passkeys`.
    pub async fn passkeys(&self, path: &[&str]) -> Result<Response<Bytes>> {
        self.passkeys_enabled()?;
        match (path, self.request.method) {
            ([], &Method::GET) => self.list_passkeys().await,
            (["registration", "options"], &Method::POST) => self.passkey_registration().await,
            (["registration", "verify"], &Method::POST) => self.register_passkey().await,
            (["authentication", "options"], &Method::POST) => self.passkey_authentication().await,
            (["authentication", "verify"], &Method::POST) => self.sign_in_with_passkey().await,
            ([id], &Method::PATCH) => self.name_passkey(passkey_id(id)?).await,
            ([id], &Method::DELETE) => self.delete_passkey(passkey_id(id)?).await,
            _ => Err(self.not_found()),
        }
    }

    /// Errors: `passkey_disabled`.
    fn passkeys_enabled(&self) -> Result<()> {
        match self.auth.settings.passkey.enabled {
            true => Ok(()),
            false => Err(AuthError::new(404, "passkey_disabled", "Passkeys are disabled for this project")),
        }
    }

    fn relying_party(&self) -> Result<&RelyingParty> {
        self.auth.relying_party.as_ref().ok_or_else(crate::mfa::no_relying_party)
    }

    /// Keeps what the answer to a question is judged by. Gives the body that asks.
    async fn ask(&self, work: &mut Work, user: Option<Uuid>, ceremony: Ceremony, question: Question) -> Result<Value> {
        work.execute("delete from auth.webauthn_challenges where expires_at < $1", params![self.now]).await?;
        let id = Uuid::new_v4();
        let expires_at =
            self.now.saturating_add(SignedDuration::from_secs(CHALLENGE_SECONDS)).map_err(AuthError::unexpected)?;
        let sql = "insert into auth.webauthn_challenges (id, user_id, challenge_type, session_data, created_at, expires_at) \
            values ($1, $2, $3, $4, $5, $6)";
        work.execute(sql, params![id, user, ceremony.name(), question.state, self.now, expires_at]).await?;
        Ok(json!({"challenge_id": id, "options": question.options, "expires_at": expires_at.as_second()}))
    }

    /// Finds a challenge and uses it up, in a transaction of its own: it is gone whatever becomes of the answer.
    ///
    /// Errors: `webauthn_challenge_not_found`, `webauthn_challenge_expired`.
    async fn take_challenge(&self, id: &str, user: Option<Uuid>, ceremony: Ceremony) -> Result<Challenge> {
        let id = Uuid::parse_str(id).map_err(|_| AuthError::validation("challenge_id must be an UUID"))?;
        let mut work = self.begin().await?;
        let sql = "delete from auth.webauthn_challenges where id = $1 and challenge_type = $2 \
            and user_id is not distinct from $3::uuid returning session_data, expires_at";
        let found: Option<Challenge> = work.one(sql, params![id, ceremony.name(), user]).await?;
        work.commit().await?;
        let challenge = found.ok_or_else(|| {
            AuthError::new(400, "webauthn_challenge_not_found", "Challenge not found or already used")
        })?;
        if challenge.expires_at < self.now {
            let message = "Challenge has expired, ask for a new one";
            return Err(AuthError::new(400, "webauthn_challenge_expired", message));
        }
        Ok(challenge)
    }
}

impl Work {
    /// A user's passkeys, the oldest first.
    async fn passkeys(&mut self, user: Uuid) -> Result<Vec<Passkey>> {
        let sql = "select id, credential, friendly_name, created_at, last_used_at from auth.webauthn_credentials \
            where user_id = $1 order by created_at, id";
        self.all(sql, params![user]).await
    }
}

fn passkey_id(text: &str) -> Result<Uuid> {
    Uuid::parse_str(text).map_err(|_| AuthError::new(404, "validation_failed", "passkey_id must be an UUID"))
}

fn not_verified(why: &str) -> AuthError {
    AuthError::new(400, "webauthn_verification_failed", format!("Credential verification failed: {why}"))
}
