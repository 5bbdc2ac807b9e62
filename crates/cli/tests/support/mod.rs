//! Runs the `basalt` binary as a user does: in a folder of its own, over its command line and its port.
// Each test program uses its own part.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use basalt_tests::waiting::PATIENCE;

/// Looks until it is so. `what` is said where that never comes.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came to {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A temporary folder with a project in it.
pub struct Project {
    folder: tempfile::TempDir,
}

/// What a finished command said.
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A running `basalt dev` or `basalt serve`; killed when dropped.
pub struct Server {
    child: Child,
    lines: Receiver<String>,
    pub url: String,
    /// All lines until the server listened.
    pub banner: Vec<String>,
}

impl Project {
    /// A folder with these files.
    pub fn new(files: &[(&str, &str)]) -> Project {
        let project = Project { folder: tempfile::tempdir().unwrap() };
        for (file, text) in files {
            project.write(file, text);
        }
        project
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_basalt"));
        command.current_dir(self.path()).args(args).stdin(Stdio::null()).env_remove("BASALT_AUTH__JWT_SECRET");
        command
    }

    /// Runs a command to its end, in the folder.
    pub fn run(&self, args: &[&str]) -> Said {
        self.run_with(args, &[])
    }

    /// The same with these variables.
    pub fn run_with(&self, args: &[&str], environment: &[(&str, String)]) -> Said {
        let command = &mut self.command(args);
        let Output { status, stdout, stderr } = command.envs(environment.iter().cloned()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }

    /// Starts a command, and waits for nothing.
    pub fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Starts a server on a free port and waits until it listens.
    pub fn start(&self, args: &[&str], environment: &[(&str, &str)]) -> Server {
        self.launch(self.command(args), args, environment)
    }

    /// The same from a shell that lets a process open so many files, unless it asks for more.
    pub fn start_with_files(&self, files: u32, args: &[&str], environment: &[(&str, &str)]) -> Server {
        let mut shell = Command::new("sh");
        shell.current_dir(self.path()).stdin(Stdio::null());
        shell
            .args(["-c", &format!("ulimit -S -n {files}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_basalt")])
            .args(args);
        self.launch(shell, args, environment)
    }

    fn launch(&self, mut command: Command, args: &[&str], environment: &[(&str, &str)]) -> Server {
        command.args(["--port", "0"]).envs(environment.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let pipes: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for pipe in pipes {
            let sender = sender.clone();
            std::thread::spawn(move || {
                BufReader::new(pipe).lines().map_while(Result::ok).for_each(|line| _ = sender.send(line))
            });
        }
        let mut server = Server { child, lines, url: String::new(), banner: Vec::new() };
        let last = if args[0] == "dev" { "try" } else { "serving" };
        loop {
            let line =
                server.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no server: {:#?}", server.banner));
            if let Some(at) = line.find("http://127.0.0.1:").filter(|_| server.url.is_empty()) {
                server.url =
                    line[at..].chars().take_while(|c| !c.is_whitespace() && !matches!(c, '"' | '\'')).collect();
            }
            server.banner.push(line);
            if server.banner.iter().any(|line| line.contains(last)) {
                return server;
            }
        }
    }
}

impl Server {
    /// Waits for a line with `text`.
    pub fn says(&self, text: &str) -> String {
        let mut heard = Vec::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("never said {text:?}: {heard:#?}"));
            if line.contains(text) {
                return line;
            }
            heard.push(line);
        }
    }

    /// What it has said since it was last asked.
    pub fn said(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }

    /// Sends one request; gives its status and body.
    pub fn request(&self, method: &str, path: &str, headers: &[&str], body: &str) -> (u16, String) {
        ask(&self.url, method, path, headers, body).expect("an answer")
    }

    /// Ends the process at once, as a crash does.
    pub fn kill(&self) {
        Command::new("kill").args(["-9", &self.child.id().to_string()]).status().unwrap();
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        self.request("GET", path, &[], "")
    }

    /// Repeats a read until it answers so. A server that starts over meanwhile gives no answer for a moment.
    pub fn comes_to(&self, path: &str, expected: &str) {
        let answered = || ask(&self.url, "GET", path, &[], "").is_some_and(|(_, body)| body == expected);
        until(&format!("{path} as {expected}"), answered);
    }

    /// Sends the process a signal.
    pub fn signal(&self, name: &str) {
        Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
    }

    /// GET from another of its ports.
    pub fn get_beside(&self, port: u16, path: &str) -> (u16, String) {
        ask(&format!("http://127.0.0.1:{port}"), "GET", path, &[], "").expect("an answer")
    }

    /// Asks the process to end, as `kill` does, and waits for its exit code.
    pub fn terminate(mut self) -> Option<i32> {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        let mut status = None;
        until("the server's end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.and_then(|status| status.code())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends one request to a server; nothing if it went away before it answered.
pub fn ask(url: &str, method: &str, path: &str, headers: &[&str], body: &str) -> Option<(u16, String)> {
    let host = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    ask_over(&mut stream, host, method, path, headers, body)
}

/// The same over any connection.
pub fn ask_over(
    stream: &mut (impl Read + Write),
    host: &str,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &str,
) -> Option<(u16, String)> {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned()))
}

/// The Chinook script, where the machine has it.
pub fn chinook() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/chinook/chinook.sql");
    path.exists().then_some(path)
}

/// What drives the connections that a test has to databases.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// The service key in what `basalt keys` or `basalt dev` said.
pub fn service_key(said: &str) -> String {
    let line = said.lines().find(|line| line.trim_start().starts_with("service key")).expect("a service key");
    line.split_whitespace().nth(2).expect("a key").to_owned()
}
