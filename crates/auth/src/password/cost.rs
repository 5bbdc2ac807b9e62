//! What it costs to compare a password with a hash, and spending as much where there is none to compare with.
//!
//! A sign-in compares with a hash of each cost that any user's hash has: with the user's own, and with stand-ins for the others. So it takes as
//! long whoever is asked about, known or not.

use std::collections::BTreeSet;

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordVerifier, Version};

use crate::scrypt;

/// A dearer argon2 hash would let one imported hash take the server's memory and time: KiB, passes, lanes.
const MOST_ARGON2: (u32, u32, u32) = (128 * 1024, 10, 8);
/// The same for bcrypt: each step doubles, and 14 takes a second.
const MOST_BCRYPT: u32 = 14;
/// The salt of stand-ins.
const SALT: &[u8; 16] = b"nobodynobodynobo";
/// What follows the cost in a stand-in of bcrypt's.
const BCRYPT: &str = "nobodynobodynobodynobe9VbYgAzFGwMoEhxyZzbpDP3WcJQhmqe";

/// The algorithm of a hash and what decides how long it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cost {
    Argon2 { algorithm: &'static str, version: u32, memory: u32, passes: u32, lanes: u32, length: usize },
    Bcrypt { cost: u32 },
    Scrypt { log_n: u8, r: u32, p: u32 },
}

/// One of the comparisons that a sign-in makes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// With the user's hash.
    Compare(&'a str),
    /// With nobody's.
    StandIn(Cost),
}

impl Cost {
    /// The cost of new hashes.
    pub fn current() -> Cost {
        let ours = Argon2::default();
        Cost::of_argon2(Algorithm::default(), Version::default(), ours.params())
    }

    /// The cost of a hash; none for a text that is no hash of a kind that is understood, or a dearer one than is compared with.
    pub fn of(hash: &str) -> Option<Cost> {
        if is_bcrypt(hash) {
            let cost = hash.parse::<bcrypt::HashParts>().ok()?.get_cost();
            let whole = hash.len() == 60 && hash[7..].bytes().all(|c| c.is_ascii_alphanumeric() || b"./".contains(&c));
            return (whole && (4..=MOST_BCRYPT).contains(&cost)).then_some(Cost::Bcrypt { cost });
        }
        if let Some((log_n, r, p)) = scrypt::cost(hash) {
            return Some(Cost::Scrypt { log_n, r, p });
        }
        let hash = PasswordHash::new(hash).ok()?;
        let algorithm = Algorithm::new(hash.algorithm).ok()?;
        let version = hash.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let salt = hash.salt?.decode_b64(&mut [0; 64]).map(<[u8]>::len).ok()?;
        hash.hash.filter(|_| salt >= argon2::MIN_SALT_LEN)?;
        let cheap = params.m_cost() <= MOST_ARGON2.0 && params.t_cost() <= MOST_ARGON2.1;
        (cheap && params.p_cost() <= MOST_ARGON2.2).then(|| Cost::of_argon2(algorithm, version, &params))
    }

    fn of_argon2(algorithm: Algorithm, version: Version, params: &Params) -> Cost {
        Cost::Argon2 {
            algorithm: algorithm.as_str(),
            version: version.into(),
            memory: params.m_cost(),
            passes: params.t_cost(),
            lanes: params.p_cost(),
            length: params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN),
        }
    }

    /// Takes as long as comparing a password with a hash of this cost.
    fn spend(self, password: &str) {
        match self {
            Cost::Bcrypt { cost } => {
                std::hint::black_box(bcrypt::verify(password, &format!("$2b${cost:02}${BCRYPT}")).ok());
            }
            Cost::Scrypt { log_n, r, p } => {
                std::hint::black_box(scrypt::derive(password, SALT, (log_n, r, p)));
            }
            Cost::Argon2 { algorithm, version, memory, passes, lanes, length } => {
                let mut output = vec![0; length];
                let made = Algorithm::new(algorithm).ok().zip(Version::try_from(version).ok());
                if let (Some((algorithm, version)), Ok(params)) =
                    (made, Params::new(memory, passes, lanes, Some(length)))
                {
                    let hasher = Argon2::new(algorithm, version, params);
                    std::hint::black_box(hasher.hash_password_into(password.as_bytes(), SALT, &mut output).ok());
                }
                std::hint::black_box(output);
            }
        }
    }
}

/// What a sign-in compares with, in an order that does not depend on the user: one step for each cost, the user's own among them.
pub(super) fn steps<'a>(own: Option<&'a str>, present: &BTreeSet<Cost>) -> Vec<Step<'a>> {
    let known = own.and_then(|hash| Some((hash, Cost::of(hash)?)));
    let mut costs = present.clone();
    costs.insert(Cost::current());
    costs.extend(known.map(|(_, cost)| cost));
    let step = |cost| match known {
        Some((hash, own)) if own == cost => Step::Compare(hash),
        _ => Step::StandIn(cost),
    };
    costs.into_iter().map(step).collect()
}

impl Step<'_> {
    /// Whether the password is the one that was hashed.
    pub fn run(&self, password: &str) -> bool {
        match self {
            Step::StandIn(cost) => {
                cost.spend(password);
                false
            }
            Step::Compare(hash) if is_bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Step::Compare(hash) if scrypt::is_hash(hash) => scrypt::verify(password, hash),
            Step::Compare(hash) => PasswordHash::new(hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()),
        }
    }
}

/// The beginning of a stored hash that all hashes share which the same settings made: what stands before salt and hash.
pub(crate) fn settings(hash: &str) -> &str {
    if is_bcrypt(hash) {
        // Salt and hash are one field.
        return hash.get(..7).unwrap_or(hash);
    }
    match hash.rmatch_indices('$').nth(1) {
        Some((at, _)) if at > 0 => &hash[..=at],
        _ => hash,
    }
}

fn is_bcrypt(hash: &str) -> bool {
    ["$2a$", "$2b$", "$2x$", "$2y$"].iter().any(|prefix| hash.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARGON2: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm9ib2R5$Rk0gkbyFGuTDI5YBoiu5w5xVsoFvCA2Kt0R5W0FVm3E";
    const OTHER_ARGON2: &str =
        "$argon2i$v=16$m=4096,t=3,p=1$bm9ib2R5bm9ib2R5bm9ib2R5$Rk0gkbyFGuTDI5YBoiu5w5xVsoFvCA2Kt0R5W0FVm3E";
    const SCRYPT: &str = "$scrypt$ln=4,r=8,p=1$c2FsdA$c2FsdHNhbHRzYWx0c2FsdA";

    fn bcrypt_of(cost: u32) -> String {
        format!("$2a${cost:02}${BCRYPT}")
    }

    #[test]
    fn the_same_work_is_done_for_everybody_and_nobody() {
        let (four, five) = (bcrypt_of(4), bcrypt_of(5));
        let users = [ARGON2, OTHER_ARGON2, SCRYPT, &four, &five, "$1$of$before", "no hash", ""];
        let present: BTreeSet<Cost> = users.iter().filter_map(|hash| Cost::of(hash)).collect();
        assert_eq!(present.len(), 5);
        let work = |own: Option<&str>| -> Vec<Cost> {
            let cost = |step: Step| match step {
                Step::Compare(hash) => Cost::of(hash).expect("a cost"),
                Step::StandIn(cost) => cost,
            };
            steps(own, &present).into_iter().map(cost).collect()
        };
        let nobody = work(None);
        assert_eq!(nobody.len(), 5);
        for hash in users {
            assert_eq!(work(Some(hash)), nobody, "{hash}");
        }
        let compared = steps(Some(&four), &present).iter().filter(|step| matches!(step, Step::Compare(_))).count();
        assert_eq!(compared, 1);
        assert_eq!(steps(None, &BTreeSet::new()), [Step::StandIn(Cost::current())], "and no more where all are new");
        assert_eq!(steps(Some(ARGON2), &BTreeSet::new()), [Step::Compare(ARGON2)]);
    }

    /// A stand-in that fails early would cost nothing.
    #[test]
    fn stand_ins_are_computed() {
        let bcrypt = bcrypt_of(4).parse::<bcrypt::HashParts>().expect("a hash");
        assert_eq!(bcrypt.get_cost(), 4);
        assert_eq!(bcrypt::verify("anything", &bcrypt_of(4)).ok(), Some(false));
        assert!(scrypt::derive("anything", SALT, (4, 8, 1)).is_some());
        let Cost::Argon2 { algorithm, version, memory, passes, lanes, length } = Cost::current() else {
            panic!("new hashes are argon2")
        };
        assert!(Algorithm::new(algorithm).is_ok() && Version::try_from(version).is_ok());
        assert!(Params::new(memory, passes, lanes, Some(length)).is_ok());
        assert_eq!(Cost::of(ARGON2), Some(Cost::current()));
    }

    #[test]
    fn hashes_of_one_kind_begin_alike() {
        assert_eq!(settings(ARGON2), "$argon2id$v=19$m=19456,t=2,p=1$");
        assert_eq!(settings(SCRYPT), "$scrypt$ln=4,r=8,p=1$");
        assert_eq!(settings(&bcrypt_of(10)), "$2a$10$");
        assert_eq!(settings("$1$salt$hash"), "$1$");
        assert_eq!(settings("$half"), "$half");
    }

    #[test]
    fn what_would_take_too_long_is_no_hash() {
        assert_eq!(Cost::of(&bcrypt_of(15)), None);
        assert_eq!(Cost::of(&ARGON2.replace("m=19456", "m=4194304")), None);
        assert_eq!(Cost::of(&ARGON2.replace("t=2", "t=1000")), None);
        assert_eq!(Cost::of("$scrypt$ln=30,r=8,p=1$c2FsdA$c2FsdA"), None);
    }
}
