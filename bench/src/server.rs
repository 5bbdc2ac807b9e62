//! A server that is measured: a process of its own, loaded from here, and what it has cost.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::load::{self, Outcome};

/// Anything that ends a measurement.
pub type Failure = Box<dyn std::error::Error>;

/// The secret that signs the callers' tokens.
pub const SECRET: &str = "a-secret-for-measuring-that-is-long-enough-for-hs256";

/// A running server. It ends when this is dropped.
pub struct Server {
    child: Child,
    /// Where it listens, on this machine.
    pub port: u16,
}

impl Server {
    /// A process that listens on a port.
    pub fn of(child: Child, port: u16) -> Server {
        Server { child, port }
    }

    /// Basalt over a project's folder, with further environment variables; the time until it answered.
    ///
    /// Errors: it does not start within 20 s.
    pub async fn basalt(
        program: &Path,
        project: &Path,
        variables: &[(&str, String)],
    ) -> Result<(Server, Duration), Failure> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let started = Instant::now();
        let child = Command::new(program)
            .args(["serve", "--port", &port.to_string()])
            .arg(project)
            .env("BASALT_AUTH__JWT_SECRET", SECRET)
            .envs(variables.iter().map(|(name, value)| (*name, value)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let server = Server { child, port };
        while started.elapsed() < Duration::from_secs(20) {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                let once = Arc::new(vec![load::get("/health/ready", "")]);
                let outcome = load::run(port, 1, Duration::ZERO, 200, once).await;
                if outcome.first_failure.is_none() {
                    return Ok((server, started.elapsed()));
                }
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Err("basalt did not start within 20 s".into())
    }

    /// Loads it; gives what the clients saw and the CPU time that it took.
    pub async fn load(
        &self,
        connections: usize,
        duration: Duration,
        status: u16,
        requests: &Arc<Vec<Vec<u8>>>,
    ) -> Result<(Outcome, Duration), Failure> {
        let before = self.cpu()?;
        let outcome = load::run(self.port, connections, duration, status, requests.clone()).await;
        Ok((outcome, self.cpu()? - before))
    }

    /// User and system time so far (`/proc/<pid>/stat`, in hundredths of a second).
    fn cpu(&self) -> Result<Duration, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = stat.rsplit_once(')').ok_or("stat")?.1.split_whitespace().collect();
        let ticks = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        Ok(Duration::from_millis(ticks * 10))
    }

    /// Memory in use, in MB.
    pub fn memory_mb(&self) -> Result<f64, Failure> {
        self.status_mb("VmRSS:")
    }

    /// The most memory that was in use so far, in MB.
    pub fn peak_mb(&self) -> Result<f64, Failure> {
        self.status_mb("VmHWM:")
    }

    fn status_mb(&self, name: &str) -> Result<f64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with(name)).ok_or("no such line in status")?;
        let kilobytes: f64 = line.split_whitespace().nth(1).ok_or("no number in status")?.parse()?;
        Ok(kilobytes / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program to its end.
///
/// Errors: what it says when it fails.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr)).into())
}

/// The middle of some figures.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
