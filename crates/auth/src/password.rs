//! Passwords: what they must be, and their hashes. New ones are argon2id; bcrypt, scrypt and other argon2 hashes are accepted
//! where they were imported, and made anew at the next sign-in.

mod cost;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use argon2::password_hash::SaltString;
use argon2::{Argon2, PasswordHasher};
use tokio::sync::Semaphore;

use crate::error::{AuthError, Result};
use crate::settings::{PasswordRequirements, Settings};
pub(crate) use cost::{Cost, settings};
use cost::{Step, steps};

/// A longer password is refused: other servers' hashes don't tell what lies beyond.
const MAX_BYTES: usize = 72;
/// Hashes that may wait for their turn.
const WAITING: usize = 256;
/// Columns of other servers hold no longer hash, and an index of them holds none that is much longer.
const MAX_HASH: usize = 1024;
/// The commonest passwords of published leaks, a line each.
const COMMON: &str = include_str!("common_passwords.txt");

/// Hashes passwords, a few at a time and never on an async worker: each takes some 20 MB and some tens of milliseconds.
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    computed: Arc<AtomicU64>,
}

/// How a password and a hash compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Wrong,
    Right,
    /// Right, by a hash of an older kind.
    Outdated,
}

impl Passwords {
    /// `computed` counts the hashes.
    pub fn new(computed: Arc<AtomicU64>) -> Passwords {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Passwords { turns: Arc::new(Semaphore::new(cores)), waiting: AtomicUsize::new(0), computed }
    }

    /// The hash to store.
    pub async fn hash(&self, password: &str) -> Result<String> {
        let (password, computed) = (password.to_owned(), self.computed.clone());
        let hashed = self
            .work(move || {
                computed.fetch_add(1, Ordering::Relaxed);
                hash(&password)
            })
            .await?;
        hashed.map_err(AuthError::unexpected)
    }

    /// Compares a password with a user's hash. Without a user, or without a hash, it takes as long and is wrong; `present` are the costs of all
    /// users' hashes, each of which is spent.
    pub async fn verify(&self, password: &str, hash: Option<&str>, present: BTreeSet<Cost>) -> Result<Verdict> {
        let (password, hash, computed) = (password.to_owned(), hash.map(str::to_owned), self.computed.clone());
        self.work(move || {
            let steps = steps(hash.as_deref(), &present);
            computed.fetch_add(steps.len() as u64, Ordering::Relaxed);
            verdict(&password, &steps)
        })
        .await
    }

    async fn work<T: Send + 'static>(&self, task: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(AuthError::rate_limit(Duration::from_secs(1)));
        }
        let turn = self.turns.clone().acquire_owned().await;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        let turn = turn.map_err(AuthError::unexpected)?;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            task()
        });
        done.await.map_err(AuthError::unexpected)
    }
}

/// Judges a new password by the project's rules. Gives the sentence and the reasons of the refusal.
pub(crate) fn weaknesses(settings: &Settings, password: &str) -> Option<(String, Vec<&'static str>)> {
    let (mut reasons, mut sentences) = (Vec::new(), Vec::new());
    let shortest = settings.minimum_password_length;
    if password.chars().count() < shortest {
        reasons.push("length");
        sentences.push(format!("Password should be at least {shortest} characters."));
    }
    let classes = classes(settings.password_requirements);
    if !classes.iter().all(|class| password.contains(|c| class.contains(c))) {
        reasons.push("characters");
        sentences.push(format!("Password should contain at least one character of each: {}.", classes.join(", ")));
    }
    if settings.refuse_common_passwords && COMMON.lines().any(|common| common.eq_ignore_ascii_case(password)) {
        reasons.push("pwned");
        sentences.push("Password is known to be weak and easy to guess, please choose a different one.".into());
    }
    (!reasons.is_empty()).then(|| (sentences.join(" "), reasons))
}

/// Errors: `validation_failed` for one that is too long, `weak_password` for one against the rules.
pub(crate) fn judge(settings: &Settings, password: &str) -> Result<()> {
    if password.len() > MAX_BYTES {
        return Err(AuthError::validation(format!("Password cannot be longer than {MAX_BYTES} characters")));
    }
    match weaknesses(settings, password) {
        Some((message, reasons)) => Err(AuthError::weak_password(message, reasons)),
        None => Ok(()),
    }
}

/// Whether a hash that somebody imports is of a kind that can be verified.
pub(crate) fn is_known_hash(hash: &str) -> bool {
    hash.len() <= MAX_HASH && Cost::of(hash).is_some()
}

fn hash(password: &str) -> Result<String, String> {
    let salt = SaltString::encode_b64(uuid::Uuid::new_v4().as_bytes()).map_err(|error| error.to_string())?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

/// Takes all steps, whichever of them is right.
fn verdict(password: &str, steps: &[Step<'_>]) -> Verdict {
    let mut verdict = Verdict::Wrong;
    for step in steps {
        if let (true, Step::Compare(hash)) = (step.run(password), step) {
            verdict = if is_current(hash) { Verdict::Right } else { Verdict::Outdated };
        }
    }
    verdict
}

/// Whether a hash is of the kind that new ones are, and no cheaper.
fn is_current(hash: &str) -> bool {
    let (Some(Cost::Argon2 { algorithm, memory, .. }), Cost::Argon2 { algorithm: ours, memory: least, .. }) =
        (Cost::of(hash), Cost::current())
    else {
        return false;
    };
    algorithm == ours && memory >= least
}

/// The classes of characters of which a password must have one each.
fn classes(requirements: PasswordRequirements) -> &'static [&'static str] {
    const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
    const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const DIGITS: &str = "0123456789";
    const SYMBOLS: &str = "!@#$%^&*()_+-=[]{};'\\:\"|<>?,./`~";
    match requirements {
        PasswordRequirements::None => &[],
        PasswordRequirements::LettersDigits => &[LETTERS, DIGITS],
        PasswordRequirements::LowerUpperLettersDigits => &[LOWER, UPPER, DIGITS],
        PasswordRequirements::LowerUpperLettersDigitsSymbols => &[LOWER, UPPER, DIGITS, SYMBOLS],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verify(password: &str, hash: &str) -> Verdict {
        verdict(password, &steps(Some(hash), &BTreeSet::new()))
    }

    #[test]
    fn imported_hashes_are_right_and_outdated() {
        let bcrypt = bcrypt::hash("secret", 4).unwrap();
        assert_eq!(verify("secret", &bcrypt), Verdict::Outdated);
        assert_eq!(verify("Secret", &bcrypt), Verdict::Wrong);
        assert_eq!(verify("secret", &hash("secret").unwrap()), Verdict::Right);
        assert_eq!(verify("secret", "secret"), Verdict::Wrong);
        assert!(is_known_hash(&bcrypt) && !is_known_hash("secret") && !is_known_hash("$1$abc$def"));
    }

    #[test]
    fn a_password_lacks_classes() {
        let settings = Settings {
            password_requirements: PasswordRequirements::LowerUpperLettersDigitsSymbols,
            refuse_common_passwords: true,
            ..Settings::default()
        };
        let reasons = |password| weaknesses(&settings, password).map(|(_, reasons)| reasons);
        assert_eq!(reasons("Ab1!xyz"), None);
        assert_eq!(reasons("Ab1xyz"), Some(vec!["characters"]));
        assert_eq!(reasons("a"), Some(vec!["length", "characters"]));
        assert_eq!(reasons("password"), Some(vec!["characters", "pwned"]));
    }
}
