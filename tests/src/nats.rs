//! A throwaway NATS server on a port of the loopback address; killed when dropped.

use std::ffi::OsString;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::waiting::PATIENCE;

/// A running server.
pub struct Nats {
    port: u16,
    child: Option<Child>,
    scheme: &'static str,
    args: Vec<OsString>,
}

/// Who may connect.
pub const USER: &str = "node";
/// The user's password.
pub const PASSWORD: &str = "a-password-that-no-log-shows";

impl Nats {
    /// Starts one with a user and a password. Fails with what to install if the program is missing.
    pub fn start() -> Nats {
        Nats::start_with("nats", ["--user", USER, "--pass", PASSWORD].map(OsString::from).into())
    }

    /// One that speaks TLS alone, with a certificate and its key (files of PEM).
    pub fn start_with_tls(certificate: &Path, key: &Path) -> Nats {
        let words = ["--user", USER, "--pass", PASSWORD, "--tls", "--tlscert"].map(OsString::from);
        let files = [certificate.into(), "--tlskey".into(), key.into()];
        Nats::start_with("tls", words.into_iter().chain(files).collect())
    }

    /// One with a configuration file of its own.
    pub fn start_configured(file: &Path) -> Nats {
        Nats::start_with("nats", vec!["--config".into(), file.into()])
    }

    fn start_with(scheme: &'static str, args: Vec<OsString>) -> Nats {
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let mut nats = Nats { port, child: None, scheme, args };
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
        command.args(["--addr", "127.0.0.1", "--port", &self.port.to_string()]).args(&self.args);
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
        format!("{}://localhost:{}", self.scheme, self.port)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
    }
}
