//! Second factors: what is below `/factors`, and what a proved factor makes of a session.

mod challenge;
pub(crate) mod enroll;
mod recovery;
mod totp;
mod unenroll;
mod verify;

use bytes::Bytes;
use http::{Method, Response};
use serde::Deserialize;
use uuid::Uuid;

use crate::bearer::Bearer;
use crate::call::Call;
use crate::error::{AuthError, Result};
use crate::session::SignedIn;
use crate::settings;
use crate::store::{Work, params};
use crate::user::Factor;
use crate::webauthn::Credential;

/// What a factor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Totp,
    Phone,
    WebAuthn,
}

impl Kind {
    fn of(name: &str) -> Option<Kind> {
        match name {
            "totp" => Some(Kind::Totp),
            "phone" => Some(Kind::Phone),
            "webauthn" => Some(Kind::WebAuthn),
            _ => None,
        }
    }

    /// Its name in `auth.factor_type`.
    fn name(self) -> &'static str {
        match self {
            Kind::Totp => "totp",
            Kind::Phone => "phone",
            Kind::WebAuthn => "webauthn",
        }
    }

    /// Its name among the methods of a session.
    fn method(self) -> &'static str {
        match self {
            Kind::Totp => "totp",
            Kind::Phone => "mfa/phone",
            Kind::WebAuthn => "mfa/webauthn",
        }
    }

    fn settings(self, mfa: &settings::Mfa) -> settings::Factor {
        match self {
            Kind::Totp => mfa.totp,
            Kind::Phone => mfa.phone,
            Kind::WebAuthn => mfa.web_authn,
        }
    }

    /// Errors: `mfa_..._verify_not_enabled`.
    fn judge_verify(self, mfa: &settings::Mfa) -> Result<()> {
        if self.settings(mfa).verify_enabled {
            return Ok(());
        }
        Err(match self {
            Kind::Totp => AuthError::new(422, "mfa_totp_verify_not_enabled", "MFA verification is disabled for TOTP"),
            Kind::Phone => {
                AuthError::new(422, "mfa_phone_verify_not_enabled", "MFA verification is disabled for Phone")
            }
            Kind::WebAuthn => {
                AuthError::new(422, "mfa_webauthn_verify_not_enabled", "MFA verification is disabled for WebAuthn")
            }
        })
    }
}

/// A factor with what proves it.
#[derive(Deserialize)]
struct Held {
    #[serde(flatten)]
    factor: Factor,
    secret: Option<String>,
    last_totp_step: Option<i64>,
    web_authn_credential: Option<Credential>,
}

impl Held {
    fn kind(&self) -> Result<Kind> {
        Kind::of(&self.factor.factor_type).ok_or_else(|| AuthError::unexpected("a factor of an unknown type"))
    }
}

impl Call<'_> {
    /// Answers what is below `/factors`.
    pub async fn factors(&self, path: &[&str]) -> Result<Response<Bytes>> {
        let method = self.request.method;
        match (path, method == Method::POST) {
            ([], true) => self.enroll().await,
            (["recovery-codes"], true) => self.make_recovery_codes().await,
            (["recovery-codes"], false) if method == Method::GET => self.count_recovery_codes().await,
            (["recovery"], true) => self.use_recovery_code().await,
            ([id], false) if method == Method::DELETE => self.unenroll(factor_id(id)?).await,
            ([id, "challenge"], true) => self.challenge(factor_id(id)?).await,
            ([id, "verify"], true) => self.verify_factor(factor_id(id)?).await,
            _ => Err(self.not_found()),
        }
    }

    /// Whether the bearer proved a second factor: the token says so, and the session still does.
    pub async fn is_aal2(&self, work: &mut Work, bearer: &Bearer) -> Result<bool> {
        let Some(id) = bearer.session else { return Ok(false) };
        let session = work.session(id).await?;
        Ok(bearer.aal() == "aal2" && session.is_some_and(|session| session.aal.as_deref() == Some("aal2")))
    }

    /// The bearer proved a second factor: their session is aal2 from here on, under a new refresh token, and whoever holds
    /// another session without one has to sign in again. What was proved is committed before the project's hook is asked for the token; if it
    /// refuses, the session stays aal1 under its refresh token.
    async fn elevate(
        &self,
        mut work: Work,
        bearer: Bearer,
        factor: Option<Uuid>,
        method: &'static str,
    ) -> Result<SignedIn> {
        let gone = || AuthError::new(403, "session_not_found", "Session from session_id claim in JWT does not exist");
        let mut session = work.session(bearer.session()?).await?.ok_or_else(gone)?;
        session.aal = Some("aal2".into());
        work.add_method(session.id, method, self.now).await?;
        let mut begun = self.go_on(&mut work, &bearer.user, &session, method, String::new()).await?;
        work.commit().await?;
        let access_token = self.access_token(&begun).await?;

        // Who they are, and that the factor is theirs, is judged again: neither may hold any more.
        let mut work = self.begin().await?;
        let bearer = self.bearer(&mut work, true).await?;
        if let Some(factor) = factor {
            work.held(bearer.user.id, factor).await?;
        }
        let session = work.lock_session(session.id).await?.ok_or_else(gone)?;
        let sql = "update auth.sessions set aal = 'aal2', factor_id = $2, updated_at = $3 where id = $1";
        work.execute(sql, params![session.id, factor, self.now]).await?;
        work.execute("delete from auth.refresh_tokens where session_id = $1", params![session.id]).await?;
        let sql = "delete from auth.sessions where user_id = $1 and id <> $2 and (aal is null or aal = 'aal1')";
        work.execute(sql, params![bearer.user.id, session.id]).await?;
        begun.refresh_token = work.add_token(&session, None, self.now).await?;
        self.audit(&mut work, "login", Some(&bearer.user), method).await?;
        work.commit().await?;
        self.signed_in(begun, &access_token)
    }
}

impl Work {
    /// Removes everything besides a password by which a user proves themselves: factors, recovery codes, passkeys, and what of
    /// them is under way.
    pub async fn drop_credentials(&mut self, user: Uuid) -> Result<()> {
        for table in ["mfa_factors", "mfa_recovery_codes", "webauthn_credentials", "webauthn_challenges"] {
            self.execute(&format!("delete from auth.{table} where user_id = $1"), params![user]).await?;
        }
        Ok(())
    }

    /// A user's factor.
    ///
    /// Errors: `mfa_factor_not_found`.
    async fn held(&mut self, user: Uuid, factor: Uuid) -> Result<Held> {
        let sql = "select id, friendly_name, factor_type, status, phone, created_at, updated_at, last_challenged_at, secret, \
            last_totp_step, web_authn_credential from auth.mfa_factors where user_id = $1 and id = $2";
        let found: Option<Held> = self.one(sql, params![user, factor]).await?;
        let mut held = found.ok_or_else(|| AuthError::new(404, "mfa_factor_not_found", "Factor not found"))?;
        // One that GoTrue kept does not say whose it is.
        if let Some(credential) = &mut held.web_authn_credential {
            credential.user_id = user;
        }
        Ok(held)
    }
}

fn factor_id(text: &str) -> Result<Uuid> {
    Uuid::parse_str(text).map_err(|_| AuthError::new(404, "validation_failed", "factor_id must be an UUID"))
}

/// Where browsers can't be asked: the settings don't say who asks.
pub(crate) fn no_relying_party() -> AuthError {
    let message = "WebAuthn needs `auth.webauthn.rp_id`: the host of `auth.site_url` is no domain";
    AuthError::new(422, "validation_failed", message)
}
