//! Asking for an address that nobody has is answered as if somebody had: as often, as late, and after as much of the database's work. What was asked of
//! users stands with them; what was asked of nobody stands here as long as it is needed.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tokio::time::Instant;

use crate::address::{Address, Channel};
use crate::call::Call;
use crate::error::Result;
use crate::mail::Kind;
use crate::one_time::Purpose;
use crate::secret::sha256;
use crate::store::{Work, params};

/// What lies between two moments of an answer: many times as long as what differs.
const STEP: Duration = Duration::from_millis(20);
/// Rows that one request clears away at most.
const CLEARED: u32 = 100;

#[derive(Deserialize)]
struct Asked {
    asked_at: Timestamp,
}

impl Call<'_> {
    /// Answers at one of evenly spaced moments after the request came, so that the little by which the database's work differs is not seen.
    pub async fn evenly(&self, answering: impl Future<Output = Result<Response<Bytes>>>) -> Result<Response<Bytes>> {
        let begun = Instant::now();
        let answer = answering.await;
        let steps = begun.elapsed().as_micros() / STEP.as_micros() + 1;
        tokio::time::sleep_until(begun + STEP * u32::try_from(steps).unwrap_or(0)).await;
        answer
    }

    /// Does for an address that nobody has, or whose user is not to be told of, what would be done before something was sent to a user.
    ///
    /// Errors: as if it were sent: `over_email_send_rate_limit`, `over_sms_send_rate_limit`, and where nothing can be sent.
    pub async fn pretend(&self, mut work: Work, purpose: Purpose, address: &Address) -> Result<()> {
        let key = sha256(&format!("{} {}", purpose.name(), address.text));
        let sql = "select asked_at from auth.unanswered_requests where key = $1";
        let last: Option<Asked> = work.one(sql, params![key]).await?;
        self.judge_pause(last.map(|last| last.asked_at), address.channel)?;
        let pause = match address.channel {
            Channel::Email => {
                self.limit_mails()?;
                self.auth.mailer.judge_way(kind(purpose))?;
                self.auth.mailer.store_nothing(&mut work).await?;
                self.auth.settings.email.max_frequency
            }
            Channel::Phone => {
                self.limit_messages()?;
                self.judge_messages(&address.text)?;
                self.auth.settings.sms.max_frequency
            }
        };
        let old = SignedDuration::try_from(pause).ok().and_then(|pause| self.now.checked_sub(pause).ok());
        let sql = format!(
            "delete from auth.unanswered_requests where key in \
            (select key from auth.unanswered_requests where asked_at < $1 limit {CLEARED})"
        );
        work.execute(&sql, params![old.unwrap_or(self.now)]).await?;
        let sql = "insert into auth.unanswered_requests (key, asked_at) values ($1, $2) \
            on conflict (key) do update set asked_at = $2";
        work.execute(sql, params![key, self.now]).await?;
        work.commit().await?;
        self.auth.mailer.stored(Vec::new());
        Ok(())
    }
}

/// What a mail for a purpose would be.
fn kind(purpose: Purpose) -> Kind {
    match purpose {
        Purpose::Confirmation => Kind::Confirmation,
        Purpose::Recovery => Kind::Recovery,
        Purpose::Reauthentication => Kind::Reauthentication,
        Purpose::EmailChangeNew | Purpose::EmailChangeCurrent | Purpose::PhoneChange => Kind::EmailChange,
    }
}
