//! `POST /factors`: a new factor, which counts once it was verified.

use bytes::Bytes;
use http::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::{Kind, totp};
use crate::address;
use crate::bearer::Bearer;
use crate::call::Call;
use crate::error::{AuthError, Result, answer};
use crate::store::{Work, params};
use crate::user::{User, present};

/// Longest name of a factor and of an issuer, in characters.
const MAX_NAME: usize = 120;
/// Hours after which a factor that was never verified is forgotten.
const ABANDONED: i64 = 24;

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    factor_type: String,
    #[serde(default)]
    friendly_name: Option<String>,
    #[serde(default)]
    issuer: Option<String>,
    #[serde(default)]
    phone: Option<String>,
}

/// Judges how long names are.
pub(crate) fn judge_names<const N: usize>(names: [Option<&str>; N]) -> Result<()> {
    match names.into_iter().flatten().all(|text| text.chars().count() <= MAX_NAME) {
        true => Ok(()),
        false => {
            let message = format!("friendly_name and issuer cannot be longer than {MAX_NAME} characters");
            Err(AuthError::validation(message))
        }
    }
}

/// Another factor of the user's has the name.
pub(crate) fn name_conflict(name: &str) -> AuthError {
    let message = format!("A factor with the friendly name {name:?} for this user already exists");
    AuthError::new(422, "mfa_factor_name_conflict", message)
}

impl Call<'_> {
    pub async fn enroll(&self) -> Result<Response<Bytes>> {
        let asked: Asked = self.body()?;
        let kind = Kind::of(&asked.factor_type)
            .ok_or_else(|| AuthError::validation("factor_type needs to be totp, phone, or webauthn"))?;
        self.judge_enroll(kind)?;
        let name = present(&asked.friendly_name);
        judge_names([name, present(&asked.issuer)])?;
        let phone = match kind {
            Kind::Phone => Some(address::phone(asked.phone.as_deref().unwrap_or_default())?),
            _ => None,
        };

        let mut work = self.begin().await?;
        let bearer = self.bearer(&mut work, true).await?;
        if bearer.user.is_anonymous {
            return Err(AuthError::new(403, "no_authorization", "Anonymous users cannot enroll factors"));
        }
        self.judge_others(&mut work, &bearer, name, phone.as_deref()).await?;
        let id = Uuid::new_v4();
        let secret = (kind == Kind::Totp).then(totp::secret);
        let mut body = json!({"id": id, "type": kind.name(), "friendly_name": name.unwrap_or_default()});
        if let Some(secret) = &secret {
            body["totp"] = self.shown_secret(secret, &bearer.user, present(&asked.issuer))?;
        }
        if let Some(phone) = &phone {
            body["phone"] = json!(phone);
        }
        let sql = "insert into auth.mfa_factors (id, user_id, friendly_name, factor_type, status, created_at, updated_at, \
            secret, phone) values ($1, $2, $3, $4, 'unverified', $5, $5, $6, $7)";
        work.execute(sql, params![id, bearer.user.id, name, kind.name(), self.now, secret, phone]).await?;
        self.audit(&mut work, "factor_in_progress", Some(&bearer.user), kind.name()).await?;
        work.commit().await?;
        Ok(answer(200, &body))
    }

    fn judge_enroll(&self, kind: Kind) -> Result<()> {
        if kind == Kind::WebAuthn && self.auth.relying_party.is_none() {
            return Err(super::no_relying_party());
        }
        if kind.settings(&self.auth.settings.mfa).enroll_enabled {
            return Ok(());
        }
        Err(match kind {
            Kind::Totp => AuthError::new(422, "mfa_totp_enroll_not_enabled", "MFA enroll is disabled for TOTP"),
            Kind::Phone => AuthError::new(422, "mfa_phone_enroll_not_enabled", "MFA enroll is disabled for Phone"),
            Kind::WebAuthn => {
                AuthError::new(422, "mfa_webauthn_enroll_not_enabled", "MFA enroll is disabled for WebAuthn")
            }
        })
    }

    /// Whether a user may have one more factor. The user is locked: nobody adds one meanwhile.
    async fn judge_others(
        &self,
        work: &mut Work,
        bearer: &Bearer,
        name: Option<&str>,
        phone: Option<&str>,
    ) -> Result<()> {
        let user = bearer.user.id;
        let abandoned =
            self.now.saturating_sub(jiff::SignedDuration::from_hours(ABANDONED)).map_err(AuthError::unexpected)?;
        let sql = "delete from auth.mfa_factors where user_id = $1 and status = 'unverified' and \
            (created_at < $2 or (factor_type = 'phone' and phone = $3::text))";
        work.execute(sql, params![user, abandoned, phone]).await?;
        let others = work.factors(user).await?;
        if others.iter().any(|other| other.is_verified()) && !self.is_aal2(work, bearer).await? {
            return Err(AuthError::new(403, "insufficient_aal", "AAL2 required to enroll a new factor"));
        }
        if phone.is_some() && others.iter().any(|other| other.phone.as_deref() == phone) {
            let message = "A verified phone factor already exists, unenroll the existing factor to continue";
            return Err(AuthError::new(422, "mfa_verified_factor_exists", message));
        }
        if let Some(name) = name
            && others.iter().any(|other| present(&other.friendly_name) == Some(name))
        {
            return Err(name_conflict(name));
        }
        if others.len() >= self.auth.settings.mfa.max_enrolled_factors {
            let message = "Maximum number of enrolled factors reached, unenroll to continue";
            return Err(AuthError::new(422, "too_many_enrolled_mfa_factors", message));
        }
        Ok(())
    }

    /// The secret as an app takes it in. This answer is the one time that it is shown.
    fn shown_secret(&self, secret: &str, user: &User, issuer: Option<&str>) -> Result<Value> {
        let site = Url::parse(&self.auth.settings.site_url).ok();
        let host = site.as_ref().and_then(Url::host_str).unwrap_or("localhost");
        let account = present(&user.email).or(present(&user.phone)).unwrap_or_default();
        let uri = totp::uri(secret, issuer.unwrap_or(host), account);
        let picture = totp::picture(&uri).map_err(|error| AuthError::validation(format!("issuer: {error}")))?;
        Ok(json!({"qr_code": picture, "secret": secret, "uri": uri}))
    }
}
