//! `/verify`: what a link or a code proves. A token is used up by the statement that finds it.

use bytes::Bytes;
use http::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::address::{self, Channel};
use crate::call::Call;
use crate::error::{AuthError, Result, answer};
use crate::landing::{Landing, redirect};
use crate::limit::Kind;
use crate::one_time::{Found, PKCE, Purpose};
use crate::session::SignedIn;
use crate::store::Work;
use crate::user::{User, present};

/// What a confirmation that waits for another says.
const HALF: &str = "Confirmation link accepted. Please proceed to confirm link sent to the other email";

#[derive(Default, Deserialize)]
struct Asked {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    token: String,
    #[serde(default)]
    token_hash: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
    #[serde(default)]
    redirect_to: String,
}

/// How a token was shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// Its code was typed in, with the address.
    Code,
    /// An application sent its hash.
    Hash,
    /// Its link was opened.
    Link,
    /// The same, of a flow that began with PKCE: it goes on with a code.
    PkceLink,
}

/// What became of a token.
enum Verified {
    SignedIn(Box<SignedIn>),
    /// The user goes on with this code.
    Code(Uuid),
    /// The other address has to confirm too.
    Half,
}

impl Call<'_> {
    pub async fn verify_by_post(&self) -> Result<Response<Bytes>> {
        self.limit(Kind::Verify)?;
        let asked: Asked = self.body()?;
        if asked.r#type.is_empty() {
            return Err(AuthError::validation("Verify requires a verification type"));
        }
        let (email, phone) = (present(&asked.email), present(&asked.phone));
        let (hashes, account) = match (asked.token.is_empty(), asked.token_hash.is_empty()) {
            (true, true) | (false, false) => {
                return Err(AuthError::validation("Verify requires either a token or a token hash"));
            }
            (true, false) if email.is_some() || phone.is_some() || !asked.redirect_to.is_empty() => {
                return Err(AuthError::validation("Only the token_hash and type should be provided"));
            }
            (true, false) => (self.own_hash(asked.token_hash), None),
            (false, true) => {
                let account = match (email, phone) {
                    (Some(email), None) => address::email(email)?,
                    (None, Some(phone)) => address::phone(phone)?,
                    _ => {
                        let message = "Only an email address or phone number should be provided on verify";
                        return Err(AuthError::validation(message));
                    }
                };
                (self.auth.codes.all(&account, &asked.token), Some(account))
            }
        };
        let purposes = purposes(&asked.r#type, phone.is_some())?;
        let verified = match account {
            Some(account) => {
                let judging = async {
                    let verified = self.verify(&asked.r#type, &hashes, purposes, Shown::Code).await;
                    match verified {
                        Err(wrong) if wrong.code() == "otp_expired" => Ok(Err(wrong)),
                        judged => judged.map(Ok),
                    }
                };
                self.attempt(&account, judging).await?
            }
            None => self.verify(&asked.r#type, &hashes, purposes, Shown::Hash).await?,
        };
        match verified {
            Verified::SignedIn(signed_in) => Ok(signed_in.response()),
            Verified::Code(_) => Err(AuthError::unexpected("a code where nothing is redirected")),
            Verified::Half => Ok(answer(200, &json!({"code": "200", "msg": HALF}))),
        }
    }

    pub async fn verify_by_get(&self) -> Result<Response<Bytes>> {
        self.limit(Kind::Verify)?;
        let (token, kind) = (self.query("token").unwrap_or_default(), self.query("type").unwrap_or_default());
        if token.is_empty() {
            return Err(AuthError::validation("Verify requires a token or a token hash"));
        }
        if kind.is_empty() {
            return Err(AuthError::validation("Verify requires a verification type"));
        }
        let landing = Landing { url: self.redirect_to(), is_pkce: token.starts_with(PKCE) };
        let shown = if landing.is_pkce { Shown::PkceLink } else { Shown::Link };
        let verified = match purposes(&kind, false) {
            Ok(purposes) => self.verify(&kind, &self.own_hash(token), purposes, shown).await,
            Err(error) => Err(error),
        };
        Ok(match verified {
            Ok(Verified::SignedIn(signed_in)) => redirect(303, &landing.with_session(&signed_in, Some(&kind), &[])),
            Ok(Verified::Code(code)) => redirect(303, &landing.with_code(code)),
            Ok(Verified::Half) => redirect(303, &landing.with_fragment(&[("message", HALF), ("sb", "")])),
            Err(error) => redirect(303, &landing.with_error(&error)),
        })
    }

    /// A hash that somebody sent, if it was made here. One that can be computed of a guessed code is none.
    fn own_hash(&self, hash: String) -> Vec<String> {
        Some(hash).filter(|hash| self.auth.codes.is_own(hash)).into_iter().collect()
    }

    /// Whether a token is not too old, by the way it was sent.
    pub fn is_fresh(&self, found: &Found) -> bool {
        let settings = &self.auth.settings;
        let seconds = match found.channel() {
            Channel::Email => settings.email.otp_expiry,
            Channel::Phone => settings.sms.otp_expiry,
        };
        found.is_fresh(self.now, seconds)
    }

    async fn verify(&self, kind: &str, hashes: &[String], purposes: &[Purpose], shown: Shown) -> Result<Verified> {
        let expired = || {
            let message = match shown {
                Shown::Code => "Token has expired or is invalid",
                _ => "Email link is invalid or has expired",
            };
            AuthError::new(403, "otp_expired", message)
        };
        let mut work = self.begin().await?;
        let found = work.take_token(hashes, purposes).await?.ok_or_else(expired)?;
        let mut user = work.lock_user(found.user_id).await?.ok_or_else(expired)?;
        // What was sent to one address proves no other, and a message's code nothing about mail.
        let channel = if matches!(kind, "sms" | "phone_change") { Channel::Phone } else { Channel::Email };
        if found.channel() != channel || !found.is_for(&user) || !self.is_fresh(&found) {
            return Err(expired());
        }
        if user.is_banned(self.now) {
            return Err(AuthError::new(403, "user_banned", "User is banned"));
        }
        let was_confirmed = user.is_confirmed();
        let Some(method) = self.prove(&mut work, &mut user, kind, &found).await? else {
            work.commit().await?;
            return Ok(Verified::Half);
        };
        self.audit(&mut work, action(&user, found.token_type, was_confirmed), Some(&user), method).await?;
        // A link whose flow began with PKCE goes on with a code; what an application sends signs in there.
        if shown == Shown::PkceLink
            && let Some(code) = work.issue_code(user.id, method, self.now).await?
        {
            work.commit().await?;
            return Ok(Verified::Code(code));
        }
        let method = if matches!(kind, "email" | "sms") || (shown == Shown::Code && kind == "magiclink") {
            "otp"
        } else {
            method
        };
        let begun = self.sign_in(&mut work, &mut user, method).await?;
        Ok(Verified::SignedIn(Box::new(self.finish(work, begun).await?)))
    }

    /// What the token proves of its user; the method by which it was proved. `None` while another proof is awaited.
    async fn prove(&self, work: &mut Work, user: &mut User, kind: &str, found: &Found) -> Result<Option<&'static str>> {
        match found.token_type {
            Purpose::Confirmation if found.channel() == Channel::Phone => {
                self.prove_address(work, user, Channel::Phone, found.of_sign_up).await?;
                Ok(Some("otp"))
            }
            Purpose::Confirmation => {
                let method = if user.invited_at.is_some() && kind == "invite" { "invite" } else { "email/signup" };
                self.prove_address(work, user, Channel::Email, found.of_sign_up).await?;
                Ok(Some(method))
            }
            Purpose::Recovery => {
                // Whoever reads the mail has the address.
                self.prove_address(work, user, Channel::Email, false).await?;
                Ok(Some(if kind == "recovery" { "recovery" } else { "magiclink" }))
            }
            Purpose::PhoneChange => {
                let new = present(&user.phone_change).map(str::to_owned);
                user.phone = new.or(user.phone.take());
                user.phone_change = None;
                user.phone_confirmed_at = None;
                user.set_proven(Channel::Phone);
                self.confirm(work, user, Channel::Phone).await?;
                Ok(Some("otp"))
            }
            Purpose::EmailChangeNew | Purpose::EmailChangeCurrent => self.prove_change(work, user, found).await,
            Purpose::Reauthentication => Err(AuthError::validation("Invalid email verification type")),
        }
    }

    /// One of the addresses of a change confirms it.
    async fn prove_change(&self, work: &mut Work, user: &mut User, found: &Found) -> Result<Option<&'static str>> {
        let secure = self.auth.settings.email.double_confirm_changes && present(&user.email).is_some();
        if secure && user.email_change_confirm_status.unwrap_or(0) == 0 {
            user.email_change_confirm_status = Some(1);
            work.update_user(user, self.now).await?;
            return Ok(None);
        }
        let Some(new) = present(&user.email_change).map(str::to_owned) else {
            return Err(AuthError::new(403, "otp_expired", "Email link is invalid or has expired"));
        };
        user.email = Some(new);
        user.email_change = None;
        user.email_change_confirm_status = Some(0);
        user.email_confirmed_at = Some(self.now);
        if secure || found.token_type == Purpose::EmailChangeNew {
            user.set_proven(Channel::Email);
        }
        let own = Value::from(user.email.clone());
        user.patch_user_metadata(&[("email".to_owned(), own)].into_iter().collect());
        self.confirm(work, user, Channel::Email).await?;
        Ok(Some("email_change"))
    }
}

/// What a proof is in the audit log.
fn action(user: &User, proved: Purpose, was_confirmed: bool) -> &'static str {
    match proved {
        Purpose::EmailChangeNew | Purpose::EmailChangeCurrent | Purpose::PhoneChange => "user_modified",
        _ if was_confirmed => "login",
        _ if user.invited_at.is_some() => "invite_accepted",
        _ => "user_signedup",
    }
}

/// The tokens that a type of verification takes.
fn purposes(kind: &str, by_phone: bool) -> Result<&'static [Purpose]> {
    Ok(match (kind, by_phone) {
        ("signup" | "invite", false) => &[Purpose::Confirmation],
        ("magiclink", false) => &[Purpose::Recovery, Purpose::Confirmation],
        ("recovery", false) => &[Purpose::Recovery],
        ("email", false) => &[Purpose::Confirmation, Purpose::Recovery],
        ("email_change", false) => &[Purpose::EmailChangeNew, Purpose::EmailChangeCurrent],
        ("sms", true) => &[Purpose::Confirmation],
        ("phone_change", true) => &[Purpose::PhoneChange],
        ("signup" | "invite" | "magiclink" | "recovery" | "email" | "email_change", true) => {
            return Err(AuthError::validation("Invalid sms verification type"));
        }
        ("sms" | "phone_change", false) => return Err(AuthError::validation("Invalid email verification type")),
        _ => return Err(AuthError::validation("Unsupported verification type")),
    })
}
