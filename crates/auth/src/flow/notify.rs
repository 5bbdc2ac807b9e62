//! What a user is sent: mails with a link and a code, and text messages with a code.

use jiff::Timestamp;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::pkce::Pkce;
use crate::address::{Address, Channel};
use crate::call::Call;
use crate::error::{AuthError, Result};
use crate::hook::Posted;
use crate::mail::{Content, Kind, Written};
use crate::one_time::{Purpose, Sent};
use crate::store::Work;
use crate::user::User;

/// A mail that is written, to be sent once everything is stored.
pub(crate) struct Letter {
    pub kind: Kind,
    /// `type` of the link.
    pub verification: &'static str,
    pub to: String,
    pub new_email: String,
    pub sent: Sent,
    pub redirect_to: String,
}

/// What leaves once everything is stored.
#[derive(Default)]
pub(crate) struct Outgoing {
    pub letters: Vec<Letter>,
    /// A number, and its code.
    pub text: Option<(String, String)>,
}

impl From<Letter> for Outgoing {
    fn from(letter: Letter) -> Self {
        Outgoing { letters: vec![letter], text: None }
    }
}

impl Call<'_> {
    /// A link that proves what the mail proves.
    pub fn link(&self, verification: &str, hash: &str, redirect_to: &str) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("token", hash)
            .append_pair("type", verification)
            .append_pair("redirect_to", redirect_to)
            .finish();
        format!("{}/verify?{query}", self.auth.url)
    }

    /// Writes what belongs together for a user: a mail, or the two of a change that both addresses confirm.
    fn written(&self, user: &User, letters: &[Letter]) -> Result<Vec<Written>> {
        if self.auth.mailer.is_hook() {
            return Ok(match letters {
                [] => Vec::new(),
                [letter, more @ ..] => {
                    vec![Written::Posted(Posted::new(&self.hook_payload(user, letter, more.first())))]
                }
            });
        }
        let written = letters.iter().map(|letter| {
            self.auth.mailer.write(&Content {
                kind: letter.kind,
                to: &letter.to,
                token: &letter.sent.code,
                token_hash: &letter.sent.hash,
                link: &self.link(letter.verification, &letter.sent.hash, &letter.redirect_to),
                redirect_to: &letter.redirect_to,
                email: user.email.as_deref().unwrap_or_default(),
                new_email: &letter.new_email,
                data: user.user_metadata().into(),
            })
        });
        written.collect()
    }

    /// What the hook that sends mails is told. Of a change that both addresses confirm, `letter` is the new one's; by long custom its code
    /// is `token_new` with `token_hash`, and the old one's is `token` with `token_hash_new`.
    fn hook_payload(&self, user: &User, letter: &Letter, old: Option<&Letter>) -> Value {
        let (token, token_new) = match old {
            Some(old) => (old.sent.code.as_str(), letter.sent.code.as_str()),
            None => (letter.sent.code.as_str(), ""),
        };
        json!({
            "user": user.json(&[], &[]),
            "email_data": {
                "token": token,
                "token_hash": letter.sent.hash,
                "redirect_to": letter.redirect_to,
                "email_action_type": letter.verification,
                "site_url": self.auth.url,
                "token_new": token_new,
                "token_hash_new": old.map_or("", |old| old.sent.hash.as_str()),
            },
        })
    }

    /// Makes the token of a mail to the user's own address, and begins its PKCE flow if there is one.
    pub async fn letter(
        &self,
        work: &mut Work,
        user: &User,
        (kind, verification, purpose): (Kind, &'static str, Purpose),
        pkce: Option<&Pkce>,
        method: &str,
    ) -> Result<Letter> {
        let to = user.email.clone().unwrap_or_default();
        let length = self.auth.settings.email.otp_length;
        let sent = self.make_token(work, user.id, purpose, &to, length, pkce.is_some()).await?;
        if let Some(pkce) = pkce {
            work.begin_flow(user.id, method, pkce, self.now).await?;
        }
        Ok(Letter { kind, verification, to, new_email: String::new(), sent, redirect_to: self.redirect_to() })
    }

    /// Writes what asks a new user to confirm an address: a mail, or a message with a code.
    ///
    /// Errors: `over_email_send_rate_limit`, `over_sms_send_rate_limit`.
    pub async fn confirmation(
        &self,
        work: &mut Work,
        user: &mut User,
        address: &Address,
        pkce: Option<&Pkce>,
    ) -> Result<Outgoing> {
        self.judge_pause(user.confirmation_sent_at, address.channel)?;
        user.confirmation_sent_at = Some(self.now);
        match address.channel {
            Channel::Email => {
                self.limit_mails()?;
                work.update_user(user, self.now).await?;
                let what = (Kind::Confirmation, "signup", Purpose::Confirmation);
                Ok(self.letter(work, user, what, pkce, "email/signup").await?.into())
            }
            Channel::Phone => {
                work.update_user(user, self.now).await?;
                self.coded(work, user, Purpose::Confirmation, &address.text).await
            }
        }
    }

    /// A message with a new code.
    ///
    /// Errors: `over_sms_send_rate_limit`.
    pub async fn coded(&self, work: &mut Work, user: &User, purpose: Purpose, phone: &str) -> Result<Outgoing> {
        let code = self.phone_code(work, user, purpose, phone).await?;
        Ok(Outgoing { letters: Vec::new(), text: Some((phone.to_owned(), code)) })
    }

    /// Judges that a user was not sent something of a kind a moment ago.
    ///
    /// Errors: `over_email_send_rate_limit`, `over_sms_send_rate_limit`.
    pub fn judge_pause(&self, last: Option<Timestamp>, channel: Channel) -> Result<()> {
        let settings = &self.auth.settings;
        match channel {
            Channel::Email => self.judge_frequency(last, settings.email.max_frequency, "over_email_send_rate_limit"),
            Channel::Phone => self.judge_frequency(last, settings.sms.max_frequency, "over_sms_send_rate_limit"),
        }
    }

    /// Commits, mails with all else, and sends. A mail that is stored leaves sooner or later; a text message leaves now.
    ///
    /// Errors: `unexpected_failure` where no mail can be written; those of [`Call::text`].
    pub async fn send(&self, mut work: Work, user: &User, outgoing: Outgoing) -> Result<()> {
        let written = self.written(user, &outgoing.letters)?;
        for written in &written {
            self.auth.mailer.store(&mut work, user.id, written).await?;
        }
        work.commit().await?;
        if !written.is_empty() {
            self.auth.mailer.stored(written);
        }
        match outgoing.text {
            Some((phone, code)) => self.text(user, &phone, &code).await,
            None => Ok(()),
        }
    }

    /// Sends a code to a phone number. To be called after the commit.
    ///
    /// Errors: `sms_send_failed`; `phone_provider_disabled` where nobody sends messages.
    pub async fn text(&self, user: &User, phone: &str, code: &str) -> Result<()> {
        let settings = &self.auth.settings;
        self.judge_messages(phone)?;
        if settings.sms.test_otp.contains_key(phone) {
            return Ok(());
        }
        let payload = json!({
            "user": user.json(&[], &[]),
            "sms": {"otp": code, "phone": phone, "message": settings.sms.template.replace("{{ .Code }}", code)},
        });
        match self.auth.hooks.send_sms(&payload).await {
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::error!(%error, "the hook send_sms failed");
                Err(AuthError::new(422, "sms_send_failed", "Error sending sms: the hook failed"))
            }
        }
    }

    /// Judges that messages to a number can be sent, or need not be.
    ///
    /// Errors: `phone_provider_disabled` where nobody sends messages.
    pub fn judge_messages(&self, phone: &str) -> Result<()> {
        let settings = &self.auth.settings;
        if settings.hook.send_sms.enabled || settings.sms.test_otp.contains_key(phone) {
            return Ok(());
        }
        Err(AuthError::new(400, "phone_provider_disabled", "Unsupported phone provider"))
    }

    /// Makes the code of a message to a number: the configured one, for a number of reviewers and tests.
    pub async fn phone_code(&self, work: &mut Work, user: &User, purpose: Purpose, phone: &str) -> Result<String> {
        let sms = &self.auth.settings.sms;
        if let Some(code) = sms.test_otp.get(phone) {
            let hash = self.auth.codes.of(phone, code);
            work.store_token(user.id, purpose, phone, &hash, self.now).await?;
            return Ok(code.clone());
        }
        self.limit_messages()?;
        let sent = self.make_token(work, user.id, purpose, phone, sms.otp_length, false).await?;
        Ok(sent.code)
    }
}
