//! `cargo xtask bench`, users: what it takes to know a caller by their token, and to check a password.
//!
//! A token's signature is verified when it first comes; then it is remembered. Both are timed alone, on one thread and by its CPU time, so
//! that a busy machine changes little, and set against the CPU time of the cheapest read, which bears them. Loads of the read with few tokens and
//! with more than are remembered say the same from outside. Passwords are checked by signing users in, beside readers and without.

#![allow(clippy::print_stdout)] // the tables are this program's output

use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use basalt_auth::{Keys, keys};
use basalt_bench::arguments::Arguments;
use basalt_bench::load::{Outcome, get, post, run};
use basalt_bench::server::{Failure, SECRET, Server, median, run as run_program};
use basalt_bench::{MIGRATION, OWNERS, own_note, owner, seed};
use basalt_server::token::{Verifier, VerifierOptions};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use serde_json::{Value, json};

/// Connections of readers.
const READERS: usize = 64;
/// Tokens of which most were forgotten when they come again: four times what is remembered.
const MANY: i64 = 16_384;
/// Verifications of a token that is remembered, in one timing.
const REPEATED: usize = 200_000;
/// Users who sign in.
const USERS: i64 = 50;
const PASSWORD: &str = "Correct-horse-7";
const USAGE: &str = "usage: identity [--rounds N] [--seconds N] [--only tokens|passwords]";

const CONFIG: &str = "[project]\nname = \"bench\"\n[log]\nlevel = \"warn\"\n[auth.rate_limit]
token_refresh = 100000000\nsign_in_sign_ups = 100000000\n[auth.email]\nenable_confirmations = false\n";

/// What signs tokens.
struct Signer {
    algorithm: &'static str,
    keys: Keys,
    /// What the server is told of the keys.
    variables: Vec<(&'static str, String)>,
    /// What verifies them.
    public: String,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    match measure().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("identity: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> Result<bool, Failure> {
    let Arguments { rounds, seconds, only } = Arguments::read(USAGE)?;
    let program = std::env::current_exe()?.parent().ok_or("no folder")?.join("basalt");
    let folder = std::env::temp_dir().join(format!("basalt-identity-{}", std::process::id()));
    let duration = Duration::from_secs(seconds);
    let result = async {
        prepare(&program, &folder)?;
        let tokens = !"tokens".contains(&only) || tokens(&program, &folder, rounds, duration).await?;
        let passwords = !"passwords".contains(&only) || passwords(&program, &folder, duration).await?;
        Ok(tokens && passwords)
    };
    let result = result.await;
    std::fs::remove_dir_all(&folder)?;
    result
}

fn prepare(basalt: &Path, project: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(project.join("migrations"))?;
    std::fs::write(project.join("basalt.toml"), CONFIG)?;
    std::fs::write(project.join("migrations/0001_tables.sql"), MIGRATION)?;
    let rows = project.join("rows.sql");
    std::fs::write(&rows, seed())?;
    run_program(Command::new(basalt).args(["migrate", "up", "--project"]).arg(project))?;
    run_program(Command::new(basalt).arg("import").arg(&rows).arg("--project").arg(project))
}

/// One table, a row for each algorithm.
async fn tokens(program: &Path, folder: &Path, rounds: usize, duration: Duration) -> Result<bool, Failure> {
    println!("\n{rounds} rounds of {} s, {READERS} connections, one row by key; medians\n", duration.as_secs());
    println!(
        "| tokens | first time, CPU us | remembered, CPU us | a read, CPU us | remembered, share of it | a read of {MANY} tokens, CPU us |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    let mut clean = true;
    for signer in signers(folder)? {
        let few = (0..OWNERS).map(|i| signer.token(i)).collect::<Result<Vec<_>, _>>()?;
        let many = (0..MANY).map(|i| signer.token(i)).collect::<Result<Vec<_>, _>>()?;
        let (mut first, mut again) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let verifier = signer.verifier()?;
            first.push(per_call(many.iter().take(2000), |token| verifier.verify(token).is_ok())?);
            let verifier = signer.verifier()?;
            let repeated = few.iter().cycle().take(REPEATED);
            again.push(per_call(repeated, |token| verifier.verify(token).is_ok())?);
        }
        let (server, _) = Server::basalt(program, folder, &signer.variables).await?;
        let (few, many) = (Arc::new(reads(&few)), Arc::new(reads(&many)));
        let (mut remembered, mut forgotten) = (Vec::new(), Vec::new());
        for round in 0..=rounds {
            for (requests, figures) in [(&few, &mut remembered), (&many, &mut forgotten)] {
                let (outcome, cpu) = server.load(READERS, duration, 200, requests).await?;
                clean &= is_clean(&outcome);
                // The first round warms up.
                if round > 0 {
                    figures.push(cpu.as_secs_f64() * 1e6 / outcome.answered.max(1) as f64);
                }
            }
        }
        println!(
            "| {} | {:.1} | {:.2} | {:.1} | {:.1} % | {:.1} |",
            signer.algorithm,
            median(&first),
            median(&again),
            median(&remembered),
            100.0 * median(&again) / median(&remembered),
            median(&forgotten),
        );
    }
    Ok(clean)
}

/// One table, a row for each number of users who sign in at once.
async fn passwords(program: &Path, folder: &Path, duration: Duration) -> Result<bool, Failure> {
    let (server, _) = Server::basalt(program, folder, &[]).await?;
    let account = |i: i64| json!({"email": format!("user{i}@example.com"), "password": PASSWORD}).to_string();
    let sign_ups = Arc::new((0..USERS).map(|i| post("/auth/v1/signup", &account(i), "")).collect::<Vec<_>>());
    for i in 0..USERS as usize {
        let outcome = run(server.port, 1, Duration::from_millis(1), 200, Arc::new(vec![sign_ups[i].clone()])).await;
        if let Some(answer) = outcome.first_failure.filter(|answer| !answer.contains("user_already_exists")) {
            return Err(format!("a user could not be made:\n{answer}").into());
        }
    }
    let sign_ins = (0..USERS).map(|i| post("/auth/v1/token?grant_type=password", &account(i), ""));
    let sign_ins = Arc::new(sign_ins.collect::<Vec<_>>());
    let keys = Keys::secret(SECRET);
    let tokens = (0..OWNERS).map(|i| token(&keys, i)).collect::<Result<Vec<_>, _>>()?;
    let readers = Arc::new(reads(&tokens));
    let rest = server.memory_mb()?;
    let alone = server.load(READERS, duration, 200, &readers).await?.0;
    println!(
        "\nargon2id, 19,456 KiB, 2 passes, 1 lane; at rest {rest:.1} MB; readers alone: p50 {:.1} ms, p99 {:.1} ms\n",
        ms(&alone, 0.5),
        ms(&alone, 0.99)
    );
    println!(
        "| sign-ins at once | a second | CPU ms each | p50 ms | p99 ms | readers beside: p50 ms | p99 ms | most memory, MB |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut clean = is_clean(&alone);
    for users in [1, 4, 64] {
        let (outcome, cpu) = server.load(users, duration, 200, &sign_ins).await?;
        let (beside, reading) = tokio::join!(
            server.load(users, duration, 200, &sign_ins),
            run(server.port, READERS, duration, 200, readers.clone())
        );
        clean &= is_clean(&outcome) && is_clean(&beside?.0) && is_clean(&reading);
        println!(
            "| {users} | {:.1} | {:.1} | {:.0} | {:.0} | {:.1} | {:.1} | {:.0} |",
            outcome.rate(),
            cpu.as_secs_f64() * 1000.0 / outcome.answered.max(1) as f64,
            ms(&outcome, 0.5),
            ms(&outcome, 0.99),
            ms(&reading, 0.5),
            ms(&reading, 0.99),
            server.peak_mb()?,
        );
    }
    Ok(clean)
}

/// The project's secret, a key on P-256 and an RSA key of 2048 bits.
fn signers(folder: &Path) -> Result<Vec<Signer>, Failure> {
    let mut signers = vec![Signer {
        algorithm: "HS256",
        keys: Keys::secret(SECRET),
        variables: Vec::new(),
        public: SECRET.to_owned(),
    }];
    for (algorithm, key) in [("ES256", keys::generate()), ("RS256", rsa_key()?)] {
        let path = folder.join(format!("{algorithm}.json"));
        std::fs::write(&path, json!([key]).to_string())?;
        let keys = Keys::from_file(&path)?;
        let public = keys.jwks().to_string();
        let variables = vec![("BASALT_AUTH__SIGNING_KEYS_PATH", path.display().to_string())];
        signers.push(Signer { algorithm, keys, variables, public });
    }
    Ok(signers)
}

/// A new private JWK.
fn rsa_key() -> Result<Value, Failure> {
    let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048)?;
    let number = |number: &rsa::BigUint| BASE64_URL_SAFE_NO_PAD.encode(number.to_bytes_be());
    let [p, q] = key.primes() else { return Err("a key of two primes has two primes".into()) };
    Ok(json!({
        "kty": "RSA", "alg": "RS256", "kid": "measured", "n": number(key.n()), "e": number(key.e()), "d": number(key.d()),
        "p": number(p), "q": number(q),
    }))
}

impl Signer {
    fn token(&self, i: i64) -> Result<String, Failure> {
        token(&self.keys, i)
    }

    /// A verifier that remembers nothing yet.
    fn verifier(&self) -> Result<Verifier, Failure> {
        Ok(Verifier::new(VerifierOptions {
            secrets: vec![self.public.clone()],
            audience: None,
            role_path: ".role".into(),
            anonymous_role: Some("anon".into()),
            apikey_header: true,
            opaque_keys: Vec::new(),
        })?)
    }
}

/// A token with the claims that a user's has.
fn token(keys: &Keys, i: i64) -> Result<String, Failure> {
    let claims = json!({
        "iss": "http://127.0.0.1/auth/v1", "sub": owner(i % OWNERS), "aud": "authenticated", "exp": 4_102_444_800_u64, "iat": 1_795_000_000,
        "email": format!("user{i}@example.com"), "phone": "", "app_metadata": {"provider": "email", "providers": ["email"]},
        "user_metadata": {"email_verified": true}, "role": "authenticated", "aal": "aal1",
        "amr": [{"method": "password", "timestamp": 1_795_000_000}], "session_id": owner(i), "is_anonymous": false,
    });
    Ok(keys.sign(claims.as_object().ok_or("claims are an object")?)?)
}

/// A read for each token, by its owner.
fn reads(tokens: &[String]) -> Vec<Vec<u8>> {
    let read = |(i, token): (usize, &String)| get(&format!("/rest/v1/notes?id=eq.{}", own_note(i as i64)), token);
    tokens.iter().enumerate().map(read).collect()
}

/// CPU time of a call, in microseconds.
fn per_call<'a>(tokens: impl Iterator<Item = &'a String>, verify: impl Fn(&str) -> bool) -> Result<f64, Failure> {
    let before = thread_time()?;
    let mut calls = 0_u32;
    for token in tokens {
        if !verify(token) {
            return Err("a good token was refused".into());
        }
        calls += 1;
    }
    Ok((thread_time()? - before).as_secs_f64() * 1e6 / f64::from(calls))
}

/// This thread's CPU time so far (`/proc/thread-self/schedstat`, in nanoseconds).
fn thread_time() -> Result<Duration, Failure> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(stat.split_whitespace().next().ok_or("schedstat")?.parse()?))
}

fn ms(outcome: &Outcome, share: f64) -> f64 {
    outcome.percentile(share).as_secs_f64() * 1000.0
}

fn is_clean(outcome: &Outcome) -> bool {
    if let Some(answer) = &outcome.first_failure {
        println!("\n{} failed answers, the first:\n{answer}\n", outcome.failed);
    }
    outcome.failed == 0
}
