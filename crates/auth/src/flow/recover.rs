//! `POST /recover`: a link to choose a new password. The answer never tells whether there is such a user.

use bytes::Bytes;
use http::Response;
use serde::Deserialize;

use super::{Challenge, Security};
use crate::address::Channel;
use crate::call::Call;
use crate::error::{AuthError, Result, done};
use crate::limit;
use crate::mail::Kind;
use crate::one_time::Purpose;
use crate::user::present;

#[derive(Deserialize)]
struct Recover {
    #[serde(default)]
    email: Option<String>,
    #[serde(flatten)]
    challenge: Challenge,
    #[serde(default)]
    gotrue_meta_security: Security,
}

impl Call<'_> {
    pub async fn recover(&self) -> Result<Response<Bytes>> {
        self.limit(limit::Kind::Recover)?;
        let asked: Recover = self.body()?;
        self.judge_captcha(&asked.gotrue_meta_security).await?;
        let Some(email) = present(&asked.email) else {
            return Err(AuthError::validation("Password recovery requires an email"));
        };
        let (address, pkce) = (Channel::Email.read(email)?, asked.challenge.read()?);
        let mut work = self.begin().await?;
        let Some(mut user) = work.lock_user_at(&address).await? else {
            self.pretend(work, Purpose::Recovery, &address).await?;
            return Ok(done());
        };
        self.judge_pause(user.recovery_sent_at, Channel::Email)?;
        self.limit_mails()?;
        user.recovery_sent_at = Some(self.now);
        work.update_user(&mut user, self.now).await?;
        let what = (Kind::Recovery, "recovery", Purpose::Recovery);
        let letter = self.letter(&mut work, &user, what, pkce.as_ref(), "recovery").await?;
        self.audit(&mut work, "user_recovery_requested", Some(&user), "email").await?;
        self.send(work, &user, letter.into()).await?;
        Ok(done())
    }
}
