//! How often one may ask: token buckets by client address, and waits that grow with each failure of one account.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;

use crate::error::{AuthError, Result};

/// Addresses and accounts that are remembered. Whoever was longest unheard of is forgotten.
const REMEMBERED: usize = 16_384;
/// Requests that one may make at once, however few an hour.
const BURST: u32 = 30;
/// The longest wait after failures.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

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
    failures: Cache<String, Arc<Mutex<Failures>>>,
}

/// Tokens that come back with time.
struct Bucket {
    tokens: f64,
    at: Instant,
}

struct Failures {
    count: u32,
    until: Instant,
}

impl Limits {
    /// Nothing was counted yet.
    pub fn new() -> Limits {
        Limits { buckets: Cache::new(REMEMBERED), failures: Cache::new(REMEMBERED) }
    }

    /// Takes one of `most` in `window` for a client, or for all together where `client` is none.
    ///
    /// Errors: how long it takes until there is one.
    pub(crate) fn take(&self, kind: Kind, client: Option<IpAddr>, most: u32, window: Duration) -> Result<(), Duration> {
        // A provider is left for by whole offices at nine o'clock, and costs one row.
        let size = f64::from(if kind == Kind::Authorize { most } else { most.min(BURST) });
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
        lock(&self.of(account)).judge(Instant::now())
    }

    /// Takes an attempt at an account. It counts as a failure until it is known to be none, so that many at once are no more than one after another.
    ///
    /// Errors: as [`Limits::may_try`].
    pub(crate) fn attempt(&self, account: &str, free: u32) -> Result<()> {
        let (failures, now) = (self.of(account), Instant::now());
        let mut failures = lock(&failures);
        failures.judge(now)?;
        failures.add(now, free);
        Ok(())
    }

    /// A wrong password or code. After `free` in a row, each doubles the wait.
    pub(crate) fn failed(&self, account: &str, free: u32) {
        lock(&self.of(account)).add(Instant::now(), free);
    }

    /// A right password or code.
    pub(crate) fn succeeded(&self, account: &str) {
        *lock(&self.of(account)) = Failures::none();
    }

    /// Gives an attempt back that nobody could judge.
    pub(crate) fn undecided(&self, account: &str) {
        let failures = self.of(account);
        let mut failures = lock(&failures);
        *failures = Failures { count: failures.count.saturating_sub(1), until: Instant::now() };
    }

    fn of(&self, account: &str) -> Arc<Mutex<Failures>> {
        let none = || Ok::<_, Infallible>(Arc::new(Mutex::new(Failures::none())));
        let Ok(failures) = self.failures.get_or_insert_with(account, none);
        failures
    }
}

impl Failures {
    fn none() -> Failures {
        Failures { count: 0, until: Instant::now() }
    }

    fn judge(&self, now: Instant) -> Result<()> {
        match self.until.checked_duration_since(now).filter(|wait| !wait.is_zero()) {
            Some(wait) => Err(AuthError::rate_limit(wait)),
            None => Ok(()),
        }
    }

    fn add(&mut self, now: Instant, free: u32) {
        self.count = self.count.saturating_add(1);
        let wait = match self.count.checked_sub(free) {
            Some(beyond) => Duration::from_secs(1 << beyond.min(9)).min(LONGEST_WAIT),
            None => Duration::ZERO,
        };
        self.until = now + wait;
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

    #[test]
    fn attempts_count_before_they_are_judged() {
        let limits = Limits::new();
        assert!(limits.attempt("a", 2).is_ok() && limits.attempt("a", 2).is_ok());
        assert!(limits.attempt("a", 2).is_err() && limits.attempt("b", 2).is_ok());
        limits.undecided("a");
        assert!(limits.attempt("a", 2).is_ok() && limits.attempt("a", 2).is_err());
        limits.succeeded("a");
        assert!(limits.attempt("a", 2).is_ok());
    }
}
