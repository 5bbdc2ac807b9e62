//! A throwaway PostgreSQL: a cluster of its own in a temporary folder, reached over a Unix socket, stopped when dropped.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use futures_util::future::poll_fn;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_postgres::error::DbError;
use tokio_postgres::{AsyncMessage, Client, NoTls, SimpleQueryMessage};

/// The version that the embedded engine is compared with word for word.
const REFERENCE: u32 = 15;

/// A running cluster.
pub struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    /// What it was copied from, kept for the next.
    _template: Arc<TempDir>,
}

/// A cluster as `initdb` makes it, which takes ten times as long as copying one. It is there as long as one of its copies is.
static TEMPLATE: Mutex<Weak<TempDir>> = Mutex::new(Weak::new());

/// SQLSTATE and message.
pub type Refusal = (String, String);

/// A connection of the superuser `postgres`.
pub struct Session(Client);

impl Cluster {
    /// Makes and starts one. Fails with what to install if PostgreSQL's programs are missing.
    pub fn start() -> Cluster {
        let programs = programs();
        let template = template(&programs);
        let folder = new_folder();
        let mut copy = as_postgres(Path::new("cp"), folder.path());
        checked(copy.arg("-a").arg(template.path().join("data")).arg(folder.path()));
        let cluster = Cluster { folder, programs, _template: template };
        cluster.run_server();
        cluster
    }

    /// Has the server speak TLS on a free port of the loopback address, with this certificate and key (PEM). Gives the port.
    pub fn listen_with_tls(&self, certificate: &str, key: &str) -> u16 {
        self.listen_with_tls_for(certificate, key, None)
    }

    /// The same for clients that show a certificate of this authority's (PEM).
    pub fn listen_with_tls_for(&self, certificate: &str, key: &str, authority: Option<&str>) -> u16 {
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let data = self.folder.path().join("data");
        let authority = authority.map(|text| ("clients.crt", text));
        for (name, text) in [("server.crt", certificate), ("server.key", key)].into_iter().chain(authority) {
            let path = data.join(name);
            std::fs::write(&path, text).expect("a file");
            checked(Command::new("chmod").arg("600").arg(&path));
            if is_root(Path::new("/proc/self")) {
                checked(Command::new("chown").arg("postgres").arg(&path));
            }
        }
        let (of_clients, method) = match authority {
            Some(_) => ("ssl_ca_file = 'clients.crt'\n", "cert"),
            None => ("", "trust"),
        };
        let settings = format!("listen_addresses = '127.0.0.1'\nport = {port}\nssl = on\n{of_clients}");
        std::fs::write(data.join("postgresql.auto.conf"), settings).expect("a file");
        std::fs::write(
            data.join("pg_hba.conf"),
            format!("local all all trust\nhostssl all all 127.0.0.1/32 {method}\n"),
        )
        .expect("a file");
        self.stop();
        self.start_with("");
        port
    }

    /// Lets in whom these lines of `pg_hba.conf` let in.
    pub fn let_in(&self, lines: &str) {
        let data = self.folder.path().join("data");
        std::fs::write(data.join("pg_hba.conf"), lines).expect("a file");
        checked(self.command("pg_ctl").args(["reload", "-s", "-D"]).arg(data));
    }

    /// Starts the server again after [`Cluster::stop`].
    pub fn run_server(&self) {
        self.start_with("-c listen_addresses=");
    }

    fn start_with(&self, listening: &str) {
        let path = self.folder.path();
        let options = format!(
            "-k {} {listening} -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=400 -c timezone=UTC \
             -c default_text_search_config=pg_catalog.english",
            path.display()
        );
        // Its log goes to a file: a pipe held open by the server would keep this from ending.
        let log = path.join("log");
        checked(
            self.command("pg_ctl")
                .args(["start", "-w", "-s", "-o", &options, "-D"])
                .arg(path.join("data"))
                .arg("-l")
                .arg(log),
        );
    }

    /// Stops the server; connections are cut.
    pub fn stop(&self) {
        let data = self.folder.path().join("data");
        checked(self.command("pg_ctl").args(["stop", "-w", "-s", "-m", "fast", "-D"]).arg(data));
    }

    /// Kills its first process, as a machine that runs out of memory does. The others end by themselves.
    pub fn kill(&self) {
        self.signal("KILL");
        let data = self.folder.path().join("data");
        let works_there =
            |entry: std::fs::DirEntry| std::fs::read_link(entry.path().join("cwd")).is_ok_and(|at| at == data);
        while std::fs::read_dir("/proc").expect("processes").flatten().any(works_there) {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        // Nobody may be there to take note of the first one's end, and PostgreSQL would wait for that.
        for note in [data.join("postmaster.pid"), self.folder.path().join(".s.PGSQL.5432.lock")] {
            std::fs::remove_file(note).expect("its note");
        }
    }

    /// Has its first process stand still, which takes in whoever connects, or go on.
    pub fn freeze(&self, still: bool) {
        self.signal(if still { "STOP" } else { "CONT" });
    }

    fn signal(&self, name: &str) {
        let note = std::fs::read_to_string(self.folder.path().join("data/postmaster.pid")).expect("it runs");
        let process = note.lines().next().expect("a number").trim();
        checked(Command::new("kill").args([&format!("-{name}"), process]));
    }

    /// Where its socket is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its major version.
    pub fn version(&self) -> u32 {
        let told = std::fs::read_to_string(self.folder.path().join("data/PG_VERSION")).expect("a version");
        told.trim().parse().expect("a number")
    }

    /// Whether it is of this version or later. If not, says that a test is skipped, and why.
    pub fn has(&self, version: u32, what: &str) -> bool {
        let has = self.version() >= version;
        if !has {
            eprintln!("skipped: {what} needs PostgreSQL {version}, this is {}", self.version());
        }
        has
    }

    /// Whether it is the version whose words the embedded engine speaks. If not, says that a test is skipped.
    pub fn is_reference(&self) -> bool {
        let is = self.version() == REFERENCE;
        if !is {
            eprintln!(
                "skipped: the embedded engine is compared with PostgreSQL {REFERENCE}, this is {}",
                self.version()
            );
        }
        is
    }

    /// How the superuser reaches it, without a database.
    pub fn url(&self) -> String {
        format!("host={} user=postgres", self.folder.path().display())
    }

    /// A URL of one of its databases, as a role.
    pub fn uri(&self, role: &str, database: &str) -> String {
        let folder = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgresql://{role}@/{database}?host={folder}")
    }

    /// Connects as the superuser to the database `postgres`.
    pub async fn connect(&self) -> Session {
        self.connect_to("postgres").await
    }

    /// Makes a database and connects to it as the superuser.
    pub async fn create(&self, database: &str) -> Session {
        self.connect().await.script(&format!("create database {database}")).await;
        self.connect_to(database).await
    }

    /// Connects as the superuser to a database.
    pub async fn connect_to(&self, database: &str) -> Session {
        let mut config = tokio_postgres::Config::new();
        config.host_path(self.folder.path()).user("postgres").dbname(database);
        let (client, connection) = config.connect(NoTls).await.expect("a connection to PostgreSQL");
        tokio::spawn(connection);
        Session(client)
    }

    /// What anybody with a connection to a database hears on a channel, from now on.
    pub async fn eavesdrop(&self, database: &str, channel: &str) -> mpsc::UnboundedReceiver<String> {
        let mut config = tokio_postgres::Config::new();
        config.host_path(self.folder.path()).user("postgres").dbname(database);
        let (client, mut connection) = config.connect(NoTls).await.expect("a connection to PostgreSQL");
        let (sender, heard) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notification(notification) = message {
                    let _ = sender.send(notification.payload().to_owned());
                }
            }
        });
        client.batch_execute(&format!("listen {channel}")).await.expect("a listener");
        tokio::spawn(async move {
            // The connection lives as long as its client.
            let _client = client;
            std::future::pending::<()>().await
        });
        heard
    }

    /// A program run by the cluster's user: not by root, which PostgreSQL's and their like refuse.
    pub fn as_its_user(&self, program: &Path) -> Command {
        as_postgres(program, self.folder.path())
    }

    /// A program of PostgreSQL's, of the cluster's version.
    pub fn command(&self, program: &str) -> Command {
        self.as_its_user(&self.programs.join(program))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.folder.path().join("data");
        let _ = self.command("pg_ctl").args(["stop", "-s", "-m", "immediate", "-D"]).arg(data).output();
    }
}

impl Session {
    /// Runs a script as the superuser.
    pub async fn script(&self, sql: &str) {
        if let Err(error) = self.0.batch_execute(sql).await {
            panic!("PostgreSQL refuses the script: {error:?}\n{sql}");
        }
    }

    /// Runs statements as the superuser; gives the first column of the first row and the number of rows.
    pub async fn ask(&self, sql: &str) -> Result<(Option<String>, u64), DbError> {
        let answer = self.0.simple_query(sql).await;
        let messages = answer.map_err(|error| match error.as_db_error() {
            Some(error) => error.clone(),
            None => panic!("{sql}: {error}"),
        })?;
        let (mut first, mut count) = (None, 0);
        for message in &messages {
            match message {
                SimpleQueryMessage::Row(row) if first.is_none() => first = row.get(0).map(str::to_owned),
                SimpleQueryMessage::CommandComplete(rows) => count = *rows,
                _ => {}
            }
        }
        Ok((first, count))
    }

    /// Runs one statement in a transaction of its own as `role` with these claims; gives the first column of the first row.
    pub async fn run(&self, role: &str, claims: &str, sql: &str) -> Result<Option<String>, Refusal> {
        let messages = self.messages(role, claims, sql).await?;
        Ok(messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        }))
    }

    /// The same for a statement without rows; gives the number of rows that it changed.
    pub async fn count(&self, role: &str, claims: &str, sql: &str) -> Result<u64, Refusal> {
        let messages = self.messages(role, claims, sql).await?;
        let count = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::CommandComplete(count) => Some(*count),
            _ => None,
        };
        Ok(messages.iter().find_map(count).unwrap_or_default())
    }

    async fn messages(&self, role: &str, claims: &str, sql: &str) -> Result<Vec<SimpleQueryMessage>, Refusal> {
        let claims = claims.replace('\'', "''");
        let begin = format!("begin; set local role {role}; set local request.jwt.claims = '{claims}';");
        self.0.batch_execute(&begin).await.expect("a transaction");
        let answer = self.0.simple_query(sql).await;
        let end = if answer.is_ok() { "commit" } else { "rollback" };
        self.0.batch_execute(end).await.expect("the end of a transaction");
        answer.map_err(|error| {
            let error = error.as_db_error().unwrap_or_else(|| panic!("{sql}: {error}"));
            (error.code().code().to_owned(), error.message().to_owned())
        })
    }
}

/// The programs on the PATH, where they are (`cargo xtask postgres --version` puts some there), else the newest installed ones. Some may be linked
/// to from elsewhere: all of them lie where `initdb` itself does.
fn programs() -> PathBuf {
    let number = |bin: &Path| bin.parent().and_then(|of| of.file_name()?.to_str()?.parse::<u32>().ok());
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut installed: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    installed.sort_by_key(|bin| std::cmp::Reverse(number(bin)));
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(installed)
        .filter(|bin| bin.join("pg_ctl").exists())
        .find_map(|bin| Some(bin.join("initdb").canonicalize().ok()?.parent()?.to_path_buf()))
        .expect("PostgreSQL's programs are missing: install the package `postgresql` (`cargo xtask test` does)")
}

/// The cluster to copy: the one that is there, or a new one.
fn template(programs: &Path) -> Arc<TempDir> {
    let mut kept = TEMPLATE.lock().unwrap_or_else(PoisonError::into_inner);
    kept.upgrade().unwrap_or_else(|| {
        let folder = new_folder();
        let options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "-D"];
        let mut initdb = as_postgres(&programs.join("initdb"), folder.path());
        checked(initdb.args(options).arg(folder.path().join("data")));
        let made = Arc::new(folder);
        *kept = Arc::downgrade(&made);
        made
    })
}

/// A temporary folder that a cluster's user may write to.
fn new_folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("basalt-pg").tempdir().expect("a temporary folder");
    if is_root(folder.path()) {
        checked(Command::new("chown").arg("postgres").arg(folder.path()));
    }
    folder
}

/// A program run in a folder, by `postgres` where we are root, which PostgreSQL's programs refuse.
fn as_postgres(program: &Path, folder: &Path) -> Command {
    let mut command = match is_root(Path::new("/proc/self")) {
        true => {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        }
        false => Command::new(program),
    };
    command.current_dir(folder);
    command
}

fn is_root(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.uid() == 0)
}

fn checked(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
