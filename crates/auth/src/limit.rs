//! How often one may ask: token buckets by client address, and waits that grow with each failure of one account.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::error::{AuthError, Result};

/// Addresses that are remembered, and accounts.
const REMEMBERED: usize = 16_384;
/// Requests that one client may make at once, however few an hour.
const BURST: u32 = 30;
/// The longest wait after failures.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// Failures of before weigh nothing where accounts have to be forgotten.
const LONG_AGO: Duration = Duration::from_secs(86_400);
/// How long an attempt waits for those before it to be judged.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is counted by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Token,
    /// Leaving for a provider.
    Authorize,
    Verify,
    SignUp,
    Otp,
    MagicLink,
    Recover,
    Resend,
    UserUpdate,
    Anonymous,
    Mfa,
    Passkey,
    Sso,
    /// Mails of all users together.
    Email,
    /// Text messages of all users together.
    Sms,
}

/// Counts since the server's start. A reload of the configuration keeps them.
pub struct Limits {
    buckets: Cache<(Kind, Option<IpAddr>), Arc<Mutex<Bucket>>>,
    /// No cache: which is forgotten decides how often an account can be tried.
    accounts: Mutex<HashMap<String, Arc<Account>>>,
}

/// Tokens that come back with time.
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// What is known of an account.
struct Account {
    attempts: Mutex<Attempts>,
    /// Told when an attempt was judged.
    judged: Notify,
}

struct Attempts {
    /// Failures in a row.
    failed: u32,
    /// Attempts that are being judged: each may be one more.
    under_way: u32,
    until: Instant,
}

/// An attempt that is being judged. Dropped without a word, as when the client left, it has failed.
#[must_use]
pub(crate) struct Attempt {
    account: Arc<Account>,
    free: u32,
    is_open: bool,
}

impl Limits {
    /// Nothing was counted yet.
    pub fn new() -> Limits {
        Limits { buckets: Cache::new(REMEMBERED), accounts: Mutex::default() }
    }

    /// Takes one of `most` in `window` for a client, or for all together where `client` is none.
    ///
    /// Errors: how long it takes until there is one.
    pub(crate) fn take(&self, kind: Kind, client: Option<IpAddr>, most: u32, window: Duration) -> Result<(), Duration> {
        // A provider is left for by whole offices at nine o'clock, and costs one row; what is counted for all together has no one to hold back.
        let is_whole = client.is_none() || kind == Kind::Authorize;
        let size = f64::from(if is_whole { most } else { most.min(BURST) });
        let fresh = || Ok::<_, Infallible>(Arc::new(Mutex::new(Bucket { tokens: size, at: Instant::now() })));
        let Ok(bucket) = self.buckets.get_or_insert_with(&(kind, client.map(network)), fresh);
        let mut bucket = lock(&bucket);
        let now = Instant::now();
        let a_second = f64::from(most) / window.as_secs_f64().max(1.0);
        let back = now.duration_since(bucket.at).as_secs_f64() * a_second;
        bucket.tokens = (bucket.tokens + back).min(size);
        bucket.at = now;
        if bucket.tokens < 1.0 {
            let wait = (1.0 - bucket.tokens) / a_second;
            return Err(Duration::try_from_secs_f64(wait).unwrap_or(window).min(window));
        }
        bucket.tokens -= 1.0;
        Ok(())
    }

    /// Judges that an account doesn't have to wait.
    ///
    /// Errors: `over_request_rate_limit` while it has to.
    pub(crate) fn may_try(&self, account: &str) -> Result<()> {
        self.known(account).map_or(Ok(()), |account| lock(&account.attempts).judge(Instant::now()))
    }

    /// Takes an attempt at an account. What is being judged may turn out wrong, so that no more are judged at once than may be wrong in a row: the
    /// others wait for those, and go on when they were right.
    ///
    /// Errors: `over_request_rate_limit` while the account has to wait, and when those before it take too long.
    pub(crate) async fn attempt(&self, account: &str, free: u32) -> Result<Attempt> {
        let account = self.of(account);
        let taken = timeout(PATIENCE, account.taken(free)).await;
        taken.unwrap_or_else(|_| Err(AuthError::rate_limit(PATIENCE)))?;
        Ok(Attempt { account, free, is_open: true })
    }

    /// A wrong password or code. After `free` in a row, each doubles the wait.
    pub(crate) fn failed(&self, account: &str, free: u32) {
        lock(&self.of(account).attempts).fail(Instant::now(), free);
    }

    /// A right password or code.
    pub(crate) fn succeeded(&self, account: &str) {
        if let Some(account) = self.known(account) {
            lock(&account.attempts).succeed();
        }
    }

    fn known(&self, account: &str) -> Option<Arc<Account>> {
        lock(&self.accounts).get(account).cloned()
    }

    fn of(&self, account: &str) -> Arc<Account> {
        let mut accounts = lock(&self.accounts);
        if let Some(known) = accounts.get(account) {
            return known.clone();
        }
        if accounts.len() >= REMEMBERED {
            forget(&mut accounts);
        }
        accounts.entry(account.to_owned()).or_insert_with(|| Arc::new(Account::unknown())).clone()
    }
}

/// Forgets an eighth of the accounts: those with the fewest failures, and of these who was longest unheard of. So whoever wants one forgotten has to fail
/// as often at thousands of others. An account at which an attempt is under way stays.
fn forget(accounts: &mut HashMap<String, Arc<Account>>) {
    let now = Instant::now();
    let weight =
        |account: &Arc<Account>| (Arc::strong_count(account) == 1).then(|| lock(&account.attempts).weight(now));
    let mut weights: Vec<_> = accounts.values().filter_map(weight).collect();
    if !weights.is_empty() {
        let eighth = weights.len() / 8;
        let (_, heaviest, _) = weights.select_nth_unstable(eighth);
        accounts.retain(|_, account| weight(account).is_none_or(|weight| weight > *heaviest));
    }
}

impl Attempt {
    /// It was right.
    pub(crate) fn succeeded(mut self) {
        self.end(Attempts::succeed);
    }

    /// Nobody could judge it.
    pub(crate) fn undecided(mut self) {
        self.end(|_| ());
    }

    fn end(&mut self, verdict: impl FnOnce(&mut Attempts)) {
        if std::mem::take(&mut self.is_open) {
            let mut attempts = lock(&self.account.attempts);
            attempts.under_way -= 1;
            verdict(&mut attempts);
            self.account.judged.notify_waiters();
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let free = self.free;
        self.end(|attempts| attempts.fail(Instant::now(), free));
    }
}

impl Account {
    fn unknown() -> Account {
        let attempts = Attempts { failed: 0, under_way: 0, until: Instant::now() };
        Account { attempts: Mutex::new(attempts), judged: Notify::new() }
    }

    /// Waits until one more may be judged, and counts it.
    async fn taken(&self, free: u32) -> Result<()> {
        loop {
            // Before the look, so that no verdict is missed.
            let judged = self.judged.notified();
            {
                let mut attempts = lock(&self.attempts);
                attempts.judge(Instant::now())?;
                if attempts.under_way == 0 || attempts.failed.saturating_add(attempts.under_way) < free {
                    attempts.under_way += 1;
                    return Ok(());
                }
            }
            judged.await;
        }
    }
}

impl Attempts {
    fn judge(&self, now: Instant) -> Result<()> {
        match self.until.checked_duration_since(now).filter(|wait| !wait.is_zero()) {
            Some(wait) => Err(AuthError::rate_limit(wait)),
            None => Ok(()),
        }
    }

    fn fail(&mut self, now: Instant, free: u32) {
        self.failed = self.failed.saturating_add(1);
        let wait = match self.failed.checked_sub(free) {
            Some(beyond) => Duration::from_secs(1 << beyond.min(9)).min(LONGEST_WAIT),
            None => Duration::ZERO,
        };
        self.until = now + wait;
    }

    /// What speaks for remembering it: failures, then how late the last word of it came.
    fn weight(&self, now: Instant) -> (u32, Instant) {
        let is_old = now.saturating_duration_since(self.until) > LONG_AGO;
        (if is_old { 0 } else { self.failed }, self.until)
    }

    fn succeed(&mut self) {
        (self.failed, self.until) = (0, Instant::now());
    }
}

fn lock<T>(counted: &Mutex<T>) -> MutexGuard<'_, T> {
    counted.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for Limits {
    fn default() -> Self {
        Limits::new()
    }
}

/// Who has one IPv6 address has a network of them.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_none() => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        other => other.to_canonical(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_for_one_client_alone() {
        let limits = Limits::new();
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let ask = |client| limits.take(Kind::Verify, Some(client), 3, Duration::from_secs(300));
        assert!(ask(one).is_ok() && ask(one).is_ok() && ask(one).is_ok());
        assert_eq!(ask(one).map_err(|wait| wait.as_secs_f64().round()), Err(100.0));
        assert!(ask(other).is_ok());
    }

    #[test]
    fn all_together_may_have_at_once_what_they_may_have_in_an_hour() {
        let limits = Limits::new();
        let hour = Duration::from_secs(3600);
        let taken = (0..200).filter(|_| limits.take(Kind::Email, None, 100, hour).is_ok()).count();
        assert_eq!(taken, 100);
        let client = Some(IpAddr::from([10, 0, 0, 1]));
        let taken = (0..200).filter(|_| limits.take(Kind::Anonymous, client, 100, hour).is_ok()).count();
        assert_eq!(taken, BURST as usize);
    }

    #[test]
    fn addresses_of_one_network_count_together() {
        let (a, b): (IpAddr, IpAddr) = ("2001:db8::1".parse().unwrap(), "2001:db8::ffff:1".parse().unwrap());
        assert_eq!(network(a), network(b));
        assert_eq!(network("::ffff:10.0.0.1".parse().unwrap()), IpAddr::from([10, 0, 0, 1]));
    }

    #[test]
    fn failures_beyond_the_free_ones_make_an_account_wait() {
        let limits = Limits::new();
        limits.failed("a", 2);
        assert!(limits.may_try("a").is_ok());
        limits.failed("a", 2);
        assert!(limits.may_try("a").is_err() && limits.may_try("b").is_ok());
        limits.succeeded("a");
        assert!(limits.may_try("a").is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn trying_others_makes_no_account_forgotten() {
        let limits = Limits::new();
        (0..20).for_each(|_| limits.failed("a", 3));
        let under_way = limits.attempt("b", 1).await.expect("the first");
        for name in 0..3 * REMEMBERED {
            (0..2).for_each(|_| limits.failed(&name.to_string(), 10));
        }
        assert!(limits.may_try("a").is_err());
        assert_eq!(limits.attempt("b", 1).await.err().map(|error| error.status()), Some(429), "one is under way");
        under_way.undecided();
        assert!(lock(&limits.accounts).len() <= REMEMBERED);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_are_judged_at_once_than_may_be_wrong() {
        let limits = Limits::new();
        let attempt = || limits.attempt("a", 2);
        let (one, other) = (attempt().await.expect("the first"), attempt().await.expect("the second"));
        assert_eq!(attempt().await.err().map(|error| error.status()), Some(429), "nobody judges the first two");
        assert!(limits.attempt("b", 2).await.is_ok());
        let third = async { attempt().await.map(Attempt::succeeded) };
        let (third, ()) = tokio::join!(third, async { one.undecided() });
        assert!(third.is_ok(), "one was given back");
        drop(other);
        drop(attempt().await.expect("one was wrong since the last right one"));
        assert!(attempt().await.is_err(), "two were wrong");
    }

    #[tokio::test]
    async fn all_who_are_right_pass_and_the_wrong_at_once_are_no_more_than_one_after_another() {
        let limits = Arc::new(Limits::new());
        let at_once = |is_right: bool| {
            let tries: Vec<_> = (0..100)
                .map(|_| {
                    let limits = limits.clone();
                    tokio::spawn(async move {
                        let attempt = limits.attempt("a", 10).await?;
                        tokio::task::yield_now().await;
                        if is_right {
                            attempt.succeeded();
                        }
                        Ok::<_, AuthError>(())
                    })
                })
                .collect();
            async move {
                let mut judged = 0;
                for one in tries {
                    judged += usize::from(one.await.expect("it ends").is_ok());
                }
                judged
            }
        };
        assert_eq!(at_once(true).await, 100);
        assert_eq!(at_once(false).await, 10);
    }
}
