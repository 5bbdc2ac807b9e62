//! How often one may ask: token buckets by client address, and waits that grow with each failure of one account.

use std::net::IpAddr;
use std::sync::Mutex;
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
    buckets: Cache<(Kind, Option<IpAddr>), std::sync::Arc<Mutex<Bucket>>>,
    failures: Cache<String, Failures>,
}

/// Tokens that come back with time.
struct Bucket {
    tokens: f64,
    at: Instant,
}

#[derive(Clone, Copy)]
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
    pub(crate) fn allows(&self, kind: Kind, client: Option<IpAddr>, most: u32, window: Duration) -> bool {
        // A provider is left for by whole offices at nine o'clock, and costs one row.
        let size = f64::from(if kind == Kind::Authorize { most } else { most.min(BURST) });
        let fresh = || Ok::<_, std::convert::Infallible>(Bucket { tokens: size, at: Instant::now() });
        let made = self.buckets.get_or_insert_with(&(kind, client.map(network)), || {
            fresh().map(|bucket| std::sync::Arc::new(Mutex::new(bucket)))
        });
        let Ok(bucket) = made;
        let mut bucket = bucket.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = Instant::now();
        let back = now.duration_since(bucket.at).as_secs_f64() * f64::from(most) / window.as_secs_f64().max(1.0);
        bucket.tokens = (bucket.tokens + back).min(size);
        bucket.at = now;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }

    /// Whether an account may try again.
    ///
    /// Errors: `over_request_rate_limit` while it has to wait.
    pub(crate) fn may_try(&self, account: &str) -> Result<()> {
        match self.failures.get(account) {
            Some(failures) if failures.until > Instant::now() => Err(AuthError::rate_limit()),
            _ => Ok(()),
        }
    }

    /// A wrong password or code. After `free` in a row, each doubles the wait.
    pub(crate) fn failed(&self, account: &str, free: u32) {
        let count = self.failures.get(account).map_or(0, |failures| failures.count).saturating_add(1);
        let wait = match count.checked_sub(free) {
            Some(beyond) => Duration::from_secs(1 << beyond.min(9)).min(LONGEST_WAIT),
            None => Duration::ZERO,
        };
        self.failures.insert(account.to_owned(), Failures { count, until: Instant::now() + wait });
    }

    /// A right password or code.
    pub(crate) fn succeeded(&self, account: &str) {
        self.failures.remove(account);
    }
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
        let ask = |client| limits.allows(Kind::Verify, Some(client), 3, Duration::from_secs(300));
        assert_eq!([ask(one), ask(one), ask(one), ask(one)], [true, true, true, false]);
        assert!(ask(other));
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
}
