//! A throwaway NATS server on a port of the loopback address, with a user and a password; killed when dropped.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server.
pub struct Nats {
    port: u16,
    child: Option<Child>,
    /// Files of a certificate and its key, if it speaks TLS.
    tls: Option<[PathBuf; 2]>,
}

/// Who may connect.
pub const USER: &str = "node";
/// The user's password.
pub const PASSWORD: &str = "a-password-that-no-log-shows";

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

impl Nats {
    /// Starts one. Fails with what to install if the program is missing.
    pub fn start() -> Nats {
        Nats::start_with(None)
    }

    /// One that speaks TLS alone, with a certificate and its key (files of PEM).
    pub fn start_with_tls(certificate: PathBuf, key: PathBuf) -> Nats {
        Nats::start_with(Some([certificate, key]))
    }

    fn start_with(tls: Option<[PathBuf; 2]>) -> Nats {
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let mut nats = Nats { port, child: None, tls };
        nats.restart();
        nats
    }

    /// Ends it at once, as a crash does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again on its port after [`Nats::kill`].
    pub fn restart(&mut self) {
        let mut command = Command::new("nats-server");
        command.args(["--addr", "127.0.0.1", "--port", &self.port.to_string(), "--user", USER, "--pass", PASSWORD]);
        if let Some([certificate, key]) = &self.tls {
            command.arg("--tls").arg("--tlscert").arg(certificate).arg("--tlskey").arg(key);
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.child =
            Some(child.expect(
                "the program nats-server is missing: install the package `nats-server` (`cargo xtask test` does)",
            ));
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(started.elapsed() < PATIENCE, "nats-server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its URL with user and password.
    pub fn url(&self) -> String {
        format!("nats://{USER}:{PASSWORD}@127.0.0.1:{}", self.port)
    }

    /// Its URL without them.
    pub fn address(&self) -> String {
        let (scheme, host) = if self.tls.is_some() { ("tls", "localhost") } else { ("nats", "127.0.0.1") };
        format!("{scheme}://{host}:{}", self.port)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
    }
}
