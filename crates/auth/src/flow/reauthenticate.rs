//! `GET /reauthenticate`: a nonce that shows that it is still the user who changes their password.

use bytes::Bytes;
use http::Response;

use crate::address::Channel;
use crate::call::Call;
use crate::error::{AuthError, Result, done};
use crate::mail::Kind;
use crate::one_time::Purpose;
use crate::store::Work;
use crate::user::{User, present};

impl Call<'_> {
    pub async fn reauthenticate(&self) -> Result<Response<Bytes>> {
        let mut work = self.begin().await?;
        let mut user = self.bearer(&mut work, true).await?.user;
        match (present(&user.email).map(str::to_owned), present(&user.phone).map(str::to_owned)) {
            (Some(_), _) => {
                if user.email_confirmed_at.is_none() {
                    let message = "Please verify your email first.";
                    return Err(AuthError::new(422, "email_not_confirmed", message));
                }
                self.judge_pause(user.reauthentication_sent_at, Channel::Email)?;
                self.limit_mails()?;
                user.reauthentication_sent_at = Some(self.now);
                work.update_user(&mut user, self.now).await?;
                let what = (Kind::Reauthentication, "reauthentication", Purpose::Reauthentication);
                let letter = self.letter(&mut work, &user, what, None, "reauthentication").await?;
                self.audit(&mut work, "user_reauthenticate_requested", Some(&user), "email").await?;
                self.send(work, &user, letter.into()).await?;
            }
            (None, Some(phone)) => {
                if user.phone_confirmed_at.is_none() {
                    let message = "Please verify your phone first.";
                    return Err(AuthError::new(422, "phone_not_confirmed", message));
                }
                self.judge_pause(user.reauthentication_sent_at, Channel::Phone)?;
                user.reauthentication_sent_at = Some(self.now);
                work.update_user(&mut user, self.now).await?;
                let outgoing = self.coded(&mut work, &user, Purpose::Reauthentication, &phone).await?;
                self.audit(&mut work, "user_reauthenticate_requested", Some(&user), "phone").await?;
                self.send(work, &user, outgoing).await?;
            }
            (None, None) => {
                let message = "Reauthentication requires the user to have an email or a phone number";
                return Err(AuthError::validation(message));
            }
        }
        Ok(done())
    }

    /// Judges the nonce that the user was sent, and uses it up.
    ///
    /// Errors: `reauthentication_not_valid`.
    pub async fn judge_nonce(&self, work: &mut Work, user: &User, nonce: &str) -> Result<()> {
        let wrong = || AuthError::new(422, "reauthentication_not_valid", "Nonce has expired or is invalid");
        let address = present(&user.email).or(present(&user.phone)).unwrap_or_default();
        let account = format!("nonce {}", user.id);
        let judging = async {
            let found = work.take_token(&self.auth.codes.all(address, nonce), &[Purpose::Reauthentication]).await?;
            let is_right = found.is_some_and(|found| found.user_id == user.id && self.is_fresh(&found));
            Ok(if is_right { Ok(()) } else { Err(wrong()) })
        };
        self.attempt(&account, judging).await
    }
}
