//! Who calls: the bearer of an access token, or of the service key.

use std::net::SocketAddr;

use basalt_core::Identity;
use http::Method;
use http::header::AUTHORIZATION;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::call::Call;
use crate::error::{AuthError, Result};
use crate::store::Work;
use crate::user::{AUTHENTICATED, User};

/// Roles that may do what administrators do.
const ADMINISTRATORS: [&str; 2] = ["service_role", "supabase_admin"];

/// Longest audience that a request names for its user, in bytes.
const MAX_AUDIENCE: usize = 255;

/// The verified claims of an access token, with the user and the session they name.
pub(crate) struct Bearer {
    pub user: User,
    pub session: Option<Uuid>,
    pub claims: Map<String, Value>,
}

impl Bearer {
    /// `aal1` or `aal2`, as the token says.
    pub fn aal(&self) -> &str {
        self.claims.get("aal").and_then(Value::as_str).unwrap_or("aal1")
    }

    /// The session; a token without one can't do what concerns sessions.
    pub fn session(&self) -> Result<Uuid> {
        self.session.ok_or_else(|| {
            AuthError::new(403, "session_not_found", "Session from session_id claim in JWT does not exist")
        })
    }
}

impl Call<'_> {
    /// The bearer's identity. Without an `Authorization` header the API key is the bearer's token.
    ///
    /// Errors: `no_authorization`, `bad_jwt`.
    fn identity(&self) -> Result<Identity> {
        let bearer = match self.request.headers.get(AUTHORIZATION) {
            Some(_) => self.header("authorization").and_then(|value| {
                let (scheme, token) = value.split_once(' ')?;
                scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
            }),
            None => self.header("apikey").filter(|_| self.auth.settings.apikey_header),
        };
        self.auth.verify.verify(bearer.ok_or_else(no_authorization)?).map_err(|why| {
            let message = format!("invalid JWT: unable to parse or verify signature, {why}");
            AuthError::new(403, "bad_jwt", message)
        })
    }

    /// Whether the caller is an administrator.
    pub fn is_administrator(&self) -> bool {
        self.identity().is_ok_and(|identity| ADMINISTRATORS.contains(&&*identity.role))
    }

    /// Errors: as [`Call::identity`]; `not_admin`.
    pub fn require_administrator(&self) -> Result<()> {
        match ADMINISTRATORS.contains(&&*self.identity()?.role) {
            true => Ok(()),
            false => Err(AuthError::new(403, "not_admin", "User not allowed")),
        }
    }

    /// The user who calls, locked until the transaction ends if `lock` is set.
    ///
    /// Errors: as [`Call::identity`]; `bad_jwt` without a subject, or of another issuer; `user_not_found`, `session_not_found`, `user_banned`.
    pub async fn bearer(&self, work: &mut Work, lock: bool) -> Result<Bearer> {
        let identity = self.identity()?;
        let claims: Map<String, Value> = serde_json::from_str(identity.claims.json()).unwrap_or_default();
        let subject = identity.claims.sub().filter(|subject| !subject.is_empty());
        // An API key is no user's: where it only stood in, what is missing is the user's token.
        let without = || match self.request.headers.contains_key(AUTHORIZATION) {
            true => AuthError::new(403, "bad_jwt", "invalid claim: missing sub claim"),
            false => no_authorization(),
        };
        let subject = subject.ok_or_else(without)?;
        let id = Uuid::parse_str(subject)
            .map_err(|_| AuthError::new(403, "bad_jwt", "invalid claim: sub claim must be a UUID"))?;
        self.judge_issuer(&claims)?;
        let user = if lock { work.lock_user(id).await? } else { work.user(id).await? };
        let user =
            user.ok_or_else(|| AuthError::new(403, "user_not_found", "User from sub claim in JWT does not exist"))?;
        let session = claims.get("session_id").and_then(Value::as_str).and_then(|id| Uuid::parse_str(id).ok());
        if let Some(id) = session {
            let session = work.session(id).await?.filter(|session| session.user_id == user.id);
            let message = "Session from session_id claim in JWT does not exist";
            let session = session.ok_or_else(|| AuthError::new(403, "session_not_found", message))?;
            // Who lets a service in does not give it the account.
            if session.oauth_client_id.is_some() && !self.is_reading() {
                let message = "A service's token can't be used to manage its user's account";
                return Err(AuthError::new(403, "no_authorization", message));
            }
        }
        if user.is_banned(self.now) {
            return Err(AuthError::new(403, "user_banned", "User is banned"));
        }
        Ok(Bearer { user, session, claims })
    }

    /// The issuer's name, as access tokens carry it.
    pub fn issuer(&self) -> &str {
        let issuer = &self.auth.settings.jwt_issuer;
        if issuer.is_empty() { &self.auth.url } else { issuer }
    }

    /// Judges that a user's token is of this issuer, if it names one.
    fn judge_issuer(&self, claims: &Map<String, Value>) -> Result<()> {
        let further = &self.auth.settings.additional_issuers;
        let is_known = match claims.get("iss") {
            None | Some(Value::Null) => true,
            Some(Value::String(issuer)) => {
                // Without a public address each node is called by the one that it listens at.
                let is_node = is_listening_address(issuer) && is_listening_address(self.issuer());
                issuer == self.issuer() || is_node || further.contains(issuer)
            }
            Some(_) => false,
        };
        match is_known {
            true => Ok(()),
            false => Err(AuthError::new(
                403,
                "bad_jwt",
                "invalid JWT: unable to parse or verify signature, token has invalid issuer",
            )),
        }
    }

    /// Whether the request only asks who the user is.
    fn is_reading(&self) -> bool {
        let path = self.request.path.trim_matches('/');
        path == "oauth/userinfo" || (path == "user" && self.request.method == Method::GET)
    }

    /// The audience of a new user.
    ///
    /// Errors: `validation_failed` for one that is too long.
    pub fn new_audience(&self) -> Result<String> {
        match self.audience() {
            audience if audience.len() > MAX_AUDIENCE => {
                Err(AuthError::validation(format!("X-JWT-AUD is longer than {MAX_AUDIENCE} bytes")))
            }
            audience => Ok(audience.to_owned()),
        }
    }

    /// The audience of the request: the header's, else the usual one.
    pub fn audience(&self) -> &str {
        self.header("x-jwt-aud").unwrap_or(AUTHENTICATED)
    }
}

/// Whether an issuer is called as a server that has no public address calls itself: `http://127.0.0.1:54321/auth/v1`.
fn is_listening_address(issuer: &str) -> bool {
    let address = issuer.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/auth/v1"));
    address.is_some_and(|address| address.parse::<SocketAddr>().is_ok())
}

fn no_authorization() -> AuthError {
    AuthError::new(401, "no_authorization", "This endpoint requires a valid Bearer token")
}
