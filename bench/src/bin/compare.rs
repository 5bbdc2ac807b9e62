//! `cargo xtask bench`: Basalt and the bare programs on the same machine, in alternation, and the ratios between them.
//!
//! Beside requests a second it gives the server process's CPU time a request, which is steadier on a busy machine, and the spread of the
//! rounds. Exits with 1 if any answer was not the expected one.

#![allow(clippy::print_stdout)] // the table is this program's output

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use basalt_bench::arguments::Arguments;
use basalt_bench::load::{Outcome, get, post};
use basalt_bench::server::{Failure, SECRET, Server, median, run};
use basalt_bench::{MIGRATION, OWNERS, own_note, owner, seed};
use basalt_server::keys::sign;
use serde_json::json;

const CONNECTIONS: usize = 64;
/// After this without a request a server is at rest.
const REST: Duration = Duration::from_secs(12);
const USAGE: &str = "usage: bench [--rounds N] [--seconds N] [--only NAME]";

/// One kind of request, to both programs.
struct Scenario {
    name: &'static str,
    status: u16,
    basalt: fn(i64, &str) -> Vec<u8>,
    bare: fn(i64, &str) -> Vec<u8>,
    /// Compared with the writer that commits each insert by itself, too.
    single: bool,
    /// Basalt is compared with itself: the second request goes to it, too.
    itself: bool,
}

const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "one row by key",
        status: 200,
        basalt: |i, token| get(&format!("/rest/v1/notes?id=eq.{}", own_note(i)), token),
        bare: |i, token| get(&format!("/one?id={}", own_note(i)), token),
        single: false,
        itself: false,
    },
    Scenario {
        name: "100 rows",
        status: 200,
        basalt: |_, token| get("/rest/v1/notes?order=id&limit=100", token),
        bare: |_, token| get("/list?limit=100", token),
        single: false,
        itself: false,
    },
    Scenario {
        name: "20 rows, 100 embedded",
        status: 200,
        basalt: |_, token| get("/rest/v1/notes?select=id,title,comments(id,body)&order=id&limit=20", token),
        bare: |_, token| get("/embed?limit=20", token),
        single: false,
        itself: false,
    },
    Scenario {
        name: "durable insert",
        status: 201,
        basalt: |i, token| post("/rest/v1/events", &format!("{{\"kind\":\"click\",\"amount\":{i}}}"), token),
        bare: |i, token| post("/events", &format!("{{\"kind\":\"click\",\"amount\":{i}}}"), token),
        single: true,
        itself: false,
    },
    Scenario {
        name: "durable insert, watched",
        status: 201,
        basalt: |i, token| post("/rest/v1/watched_events", &format!("{{\"kind\":\"click\",\"amount\":{i}}}"), token),
        bare: |i, token| post("/rest/v1/events", &format!("{{\"kind\":\"click\",\"amount\":{i}}}"), token),
        single: false,
        itself: true,
    },
];

/// The same on PostgreSQL, where its own work is part of both programs' answers.
const ON_POSTGRES: &[Scenario] = &[
    Scenario {
        name: "PostgreSQL: one row by key",
        status: 200,
        basalt: |i, token| get(&format!("/rest/v1/notes?id=eq.{}", own_note(i)), token),
        bare: |i, token| get(&format!("/one?number={}", own_note(i)), token),
        single: false,
        itself: false,
    },
    Scenario {
        name: "PostgreSQL: 100 rows, 500 embedded",
        status: 200,
        basalt: |_, token| get("/rest/v1/notes?select=id,title,comments(id,body)&order=id&limit=100", token),
        bare: |_, token| get("/embed?number=100", token),
        single: false,
        itself: false,
    },
    Scenario {
        name: "PostgreSQL: durable insert, watched",
        status: 201,
        basalt: |i, token| post("/rest/v1/watched_events", &format!("{{\"kind\":\"click\",\"amount\":{i}}}"), token),
        bare: |i, token| post("/rest/v1/events", &format!("{{\"kind\":\"click\",\"amount\":{i}}}"), token),
        single: false,
        itself: true,
    },
];

#[derive(Default)]
struct Series {
    rates: Vec<f64>,
    cpu: Vec<f64>,
    p99: Vec<f64>,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    match compare().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn compare() -> Result<bool, Failure> {
    let Arguments { rounds, seconds, only } = Arguments::read(USAGE)?;
    let programs = std::env::current_exe()?.parent().ok_or("no folder")?.to_owned();
    let folder = std::env::temp_dir().join(format!("basalt-bench-{}", std::process::id()));
    let postgres = std::env::var("TEST_POSTGRES").ok().map(|server| format!("{server} dbname=postgres"));
    let all = if postgres.is_some() { ON_POSTGRES } else { SCENARIOS };
    let scenarios = all.iter().filter(|scenario| scenario.name.contains(&only)).collect();
    let result = measure(&programs, &folder, postgres, scenarios, rounds, Duration::from_secs(seconds)).await;
    std::fs::remove_dir_all(&folder)?;
    result
}

async fn measure(
    programs: &Path,
    folder: &Path,
    postgres: Option<String>,
    scenarios: Vec<&Scenario>,
    rounds: usize,
    duration: Duration,
) -> Result<bool, Failure> {
    let basalt = programs.join("basalt");
    let project = folder.join("project");
    prepare(&basalt, &project, postgres.as_deref())?;
    println!("{}\n", machine());

    let (server, started) = Server::basalt(&basalt, &project, &[]).await?;
    tokio::time::sleep(REST).await;
    println!(
        "basalt: binary {:.1} MB, start to first answer {} ms, at rest {:.1} MB",
        size_mb(&basalt)?,
        started.as_millis(),
        server.memory_mb()?
    );
    let bare = match &postgres {
        Some(target) => start_bare(Command::new(programs.join("bare_postgres")).arg(target))?,
        None => start_bare(Command::new(programs.join("bare")).arg(folder.join("bare.db")))?,
    };
    let single = start_bare(Command::new(programs.join("bare")).arg(folder.join("single.db")).arg("--single"))?;
    println!("bare:   at rest {:.1} MB\n", bare.memory_mb()?);
    println!(
        "{CONNECTIONS} connections, {rounds} rounds of {} s each, in alternation; medians [least .. greatest]\n",
        duration.as_secs()
    );
    println!("| request | program | requests/s | CPU us/request | p99 ms | requests/s ratio | CPU ratio |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");

    let mut clean = true;
    for scenario in scenarios {
        let signed = |i| sign(SECRET, &json!({"role": "authenticated", "sub": owner(i), "exp": 4_102_444_800_u64}));
        let ours = Arc::new(requests(scenario.basalt, signed));
        let (other, theirs) = match scenario.itself {
            true => (&server, Arc::new(requests(scenario.bare, signed))),
            false => (&bare, Arc::new(requests(scenario.bare, |i| format!("token-{i}")))),
        };
        let (mut a, mut b, mut c) = (Series::default(), Series::default(), Series::default());
        for round in 0..=rounds {
            let mut runs = vec![(&server, &ours, &mut a), (other, &theirs, &mut b)];
            if scenario.single {
                runs.push((&single, &theirs, &mut c));
            }
            for (server, requests, series) in runs {
                let (outcome, cpu) = server.load(CONNECTIONS, duration, scenario.status, requests).await?;
                if let Some(answer) = &outcome.first_failure {
                    clean = false;
                    println!("\n{} failed answers to «{}», the first:\n{answer}\n", outcome.failed, scenario.name);
                }
                // The first round warms both up.
                if round > 0 {
                    series.add(&outcome, cpu);
                }
            }
        }
        a.print(scenario.name, "basalt", Some(&b));
        b.print(scenario.name, if scenario.itself { "basalt, not watched" } else { "bare" }, None);
        if scenario.single {
            c.print(scenario.name, "bare, one commit a request", None);
            println!("| | basalt to one commit a request | | | | {:.2} | |", median(&a.rates) / median(&c.rates));
        }
    }
    println!("\nafter the load: basalt {:.1} MB, bare {:.1} MB", server.memory_mb()?, bare.memory_mb()?);
    Ok(clean)
}

fn prepare(basalt: &Path, project: &Path, postgres: Option<&str>) -> Result<(), Failure> {
    std::fs::create_dir_all(project.join("migrations"))?;
    let database = postgres.map(|target| format!("[database]\nurl = \"{target}\"\n")).unwrap_or_default();
    let config = format!("[project]\nname = \"bench\"\n[log]\nlevel = \"warn\"\n{database}");
    std::fs::write(project.join("basalt.toml"), config)?;
    std::fs::write(project.join("migrations/0001_tables.sql"), MIGRATION)?;
    let rows = project.join("rows.sql");
    std::fs::write(&rows, seed())?;
    run(Command::new(basalt).args(["migrate", "up", "--project"]).arg(project))?;
    run(Command::new(basalt).arg("import").arg(&rows).arg("--project").arg(project))
}

fn start_bare(command: &mut Command) -> Result<Server, Failure> {
    command.stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    Ok(Server::of(child, line.trim().parse()?))
}

/// A request a row of a turn through the owners, so that both programs answer the same questions.
fn requests(make: fn(i64, &str) -> Vec<u8>, token: impl Fn(i64) -> String) -> Vec<Vec<u8>> {
    let tokens: Vec<String> = (0..OWNERS).map(token).collect();
    (0..1000_i64).map(|i| make(i, &tokens[(i % OWNERS) as usize])).collect()
}

impl Series {
    fn add(&mut self, outcome: &Outcome, cpu: Duration) {
        self.rates.push(outcome.rate());
        self.cpu.push(cpu.as_micros() as f64 / outcome.answered.max(1) as f64);
        self.p99.push(outcome.percentile(0.99).as_secs_f64() * 1000.0);
    }

    fn print(&self, request: &str, program: &str, against: Option<&Series>) {
        let spread = |values: &[f64]| {
            let (least, greatest) = values.iter().fold((f64::MAX, 0.0_f64), |(l, g), v| (l.min(*v), g.max(*v)));
            format!("{:.1} [{least:.1} .. {greatest:.1}]", median(values))
        };
        let ratios = against.map_or_else(
            || "| |".to_owned(),
            |b| format!("{:.2} | {:.2} |", median(&self.rates) / median(&b.rates), median(&self.cpu) / median(&b.cpu)),
        );
        println!(
            "| {request} | {program} | {} | {} | {:.1} | {ratios}",
            spread(&self.rates),
            spread(&self.cpu),
            median(&self.p99)
        );
    }
}

fn size_mb(path: &Path) -> Result<f64, Failure> {
    Ok(std::fs::metadata(path)?.len() as f64 / 1_048_576.0)
}

fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(PathBuf::from(path)).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model =
        cpu.lines().find_map(|l| l.strip_prefix("model name")).map_or("", |l| l.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("machine: {cores} cores, {model}, Linux {}", read("/proc/sys/kernel/osrelease").trim())
}
