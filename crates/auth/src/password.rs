//! Passwords: what they must be, and their hashes. New ones are argon2id; bcrypt, scrypt and other argon2 hashes are accepted
//! where they were imported, and made anew at the next sign-in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use argon2::password_hash::SaltString;
use argon2::{Algorithm, Argon2, PasswordHash, PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use crate::error::{AuthError, Result};
use crate::scrypt;
use crate::settings::{PasswordRequirements, Settings};

/// A longer password is refused: other servers' hashes don't tell what lies beyond (wire.md section 1.5).
const MAX_BYTES: usize = 72;
/// Hashes that may wait for their turn.
const WAITING: usize = 256;
/// The password of nobody: what a guess at an unknown user is compared with, so that it takes as long.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm9ib2R5$Rk0gkbyFGuTDI5YBoiu5w5xVsoFvCA2Kt0R5W0FVm3E";
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
        let password = password.to_owned();
        let hashed = self.work(move || hash(&password)).await?;
        hashed.map_err(AuthError::unexpected)
    }

    /// Compares a password with a user's hash. Without a user, or without a hash, it takes as long and is wrong.
    pub async fn verify(&self, password: &str, hash: Option<&str>) -> Result<Verdict> {
        let (password, hash) = (password.to_owned(), hash.map(str::to_owned));
        self.work(move || match hash {
            Some(hash) => verify(&password, &hash),
            None => {
                verify(&password, NOBODY);
                Verdict::Wrong
            }
        })
        .await
    }

    async fn work<T: Send + 'static>(&self, task: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(AuthError::rate_limit());
        }
        let turn = self.turns.clone().acquire_owned().await;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        let turn = turn.map_err(AuthError::unexpected)?;
        self.computed.fetch_add(1, Ordering::Relaxed);
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
    let bcrypt = is_bcrypt(hash) && hash.len() == 60;
    bcrypt || PasswordHash::new(hash).is_ok_and(|hash| Algorithm::new(hash.algorithm).is_ok()) || scrypt::is_hash(hash)
}

fn hash(password: &str) -> Result<String, String> {
    let salt = SaltString::encode_b64(uuid::Uuid::new_v4().as_bytes()).map_err(|error| error.to_string())?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

fn verify(password: &str, hash: &str) -> Verdict {
    let (is_right, is_current) = if is_bcrypt(hash) {
        (bcrypt::verify(password, hash).unwrap_or(false), false)
    } else if scrypt::is_hash(hash) {
        (scrypt::verify(password, hash), false)
    } else {
        let parsed = PasswordHash::new(hash);
        let is_right =
            parsed.as_ref().is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), hash).is_ok());
        let ours = Argon2::default().params().m_cost();
        let is_current = parsed.is_ok_and(|hash| {
            hash.algorithm == Algorithm::Argon2id.ident() && hash.params.get_decimal("m").is_some_and(|m| m >= ours)
        });
        (is_right, is_current)
    };
    match (is_right, is_current) {
        (false, _) => Verdict::Wrong,
        (true, true) => Verdict::Right,
        (true, false) => Verdict::Outdated,
    }
}

fn is_bcrypt(hash: &str) -> bool {
    ["$2a$", "$2b$", "$2x$", "$2y$"].iter().any(|prefix| hash.starts_with(prefix))
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

    #[test]
    fn the_hash_of_nobody_is_one_that_costs_what_a_new_one_costs() {
        assert_eq!(verify("anything", NOBODY), Verdict::Wrong);
        let (nobody, fresh) = (PasswordHash::new(NOBODY).unwrap(), hash("secret").unwrap());
        assert_eq!(nobody.params, PasswordHash::new(&fresh).unwrap().params);
    }

    #[test]
    fn imported_hashes_are_right_and_outdated() {
        let bcrypt = bcrypt::hash("secret", 4).unwrap();
        assert_eq!(verify("secret", &bcrypt), Verdict::Outdated);
        assert_eq!(verify("Secret", &bcrypt), Verdict::Wrong);
        assert_eq!(verify("secret", &hash("secret").unwrap()), Verdict::Right);
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
