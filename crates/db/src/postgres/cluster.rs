//! A private PostgreSQL in the data folder: made and run from the programs that the machine has, on a Unix socket, stopped with the
//! server.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use basalt_core::{Error, Result};
use rustix::process::{Pid, WaitOptions, waitpid};
use tokio_postgres::Config;

use super::connection::Target;
use super::programs;
use super::tls::Tls;
use crate::lock::{self, Lock};

/// A socket's path may have no more bytes (`sockaddr_un`); PostgreSQL appends `/.s.PGSQL.5432`.
const LONGEST_SOCKET_FOLDER: usize = 90;

/// The number in the socket's name.
const PORT: u16 = 5432;

/// What PostgreSQL's folder is called while it is made.
const UNFINISHED: &str = "making-";

/// A running cluster.
pub(super) struct Cluster {
    /// PostgreSQL's own folder.
    data: PathBuf,
    /// Where its socket is.
    sockets: PathBuf,
    programs: PathBuf,
    durable: bool,
    /// PostgreSQL does not run as root: the system's user for it, where we are root.
    user: Option<(u32, u32)>,
    /// The right to the data folder, until it has been stopped for good.
    lock: Mutex<Option<Lock>>,
}

impl Cluster {
    /// Starts the cluster in `folder/postgres`, made first if it is not there. Blocks for a second or two.
    ///
    /// After a crash PostgreSQL recovers by itself; one that was left running by a server that was killed is stopped first.
    /// Errors: 58030 when programs are missing, or fail, with what they said.
    pub fn start(folder: &Path, durable: bool) -> Result<Cluster> {
        let folder = std::path::absolute(folder).map_err(|error| failed("the data folder", &error.to_string()))?;
        let lock = lock::acquire(&folder)?;
        let home = folder.join("postgres");
        let data = home.join("data");
        let cluster = Cluster {
            sockets: socket_folder(&home),
            programs: programs::find(&data)?,
            data,
            durable,
            user: user()?,
            lock: Mutex::new(Some(lock)),
        };
        cluster.let_through(&folder)?;
        cluster.own(&home)?;
        cluster.own(&cluster.sockets)?;
        if !cluster.data.exists() {
            cluster.make(&home)?;
        }
        cluster.forget_another()?;
        if cluster.is_running() {
            cluster.stop()?;
        }
        cluster.launch()?;
        Ok(cluster)
    }

    /// Removes the note of a process that is another's: what PostgreSQL left when it was killed, and whose number was given away since (in a
    /// container, whose numbers begin anew, that is often). PostgreSQL would not start beside it, and stopping it would hit somebody else.
    fn forget_another(&self) -> Result<()> {
        let note = self.data.join("postmaster.pid");
        let text = std::fs::read_to_string(&note).unwrap_or_default();
        let number = text.lines().next().and_then(|line| line.trim().parse::<u32>().ok());
        // PostgreSQL works in its own folder.
        let works_in = number.and_then(|number| std::fs::read_link(format!("/proc/{number}/cwd")).ok());
        let is_another =
            works_in.is_some_and(|folder| std::fs::canonicalize(&self.data).is_ok_and(|own| own != folder));
        match is_another {
            true => {
                std::fs::remove_file(&note).map_err(|error| failed(&note.display().to_string(), &error.to_string()))
            }
            false => Ok(()),
        }
    }

    /// Starts it again after its processes ended by themselves, unless it was ended meanwhile. Blocks.
    ///
    /// Errors: 58030, as at the start.
    pub fn revive(&self) -> Result<()> {
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.reap();
        match lock.is_some() {
            true => self.launch(),
            false => Ok(()),
        }
    }

    /// Stops it for good, and gives the data folder free. Blocks.
    pub fn end(&self) {
        let Some(lock) = self.lock.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        if self.is_running()
            && let Err(error) = self.stop()
        {
            tracing::error!(%error, "PostgreSQL could not be stopped");
        }
        drop(lock);
    }

    fn launch(&self) -> Result<()> {
        // The setting is a list of folders, and pg_ctl gives its options to a shell.
        let sockets = format!("\"{}\"", self.sockets.display().to_string().replace('"', "\"\""));
        let mut options =
            format!("-p {PORT} -k {} -c listen_addresses= -c unix_socket_permissions=0700", shell_quoted(&sockets));
        if !self.durable {
            options.push_str(" -c fsync=off -c synchronous_commit=off -c full_page_writes=off");
        }
        // A pipe would be held open by the server that it starts, which says everything where pg_ctl would: for `-l`, and for `-D`, pg_ctl
        // quotes no path.
        let log = self.data.with_file_name("log");
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&log);
        let file = file.map_err(|error| failed(&log.display().to_string(), &error.to_string()))?;
        let mut start = self.program("pg_ctl");
        start.args(["start", "-w", "-s", "-t", "120", "-o", &options]).env("PGDATA", &self.data).stdout(file);
        self.run(start).map(drop).map_err(|error| {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let last: Vec<&str> = text.lines().rev().take(5).collect();
            error.with_detail(last.into_iter().rev().collect::<Vec<_>>().join("\n"))
        })
    }

    /// Takes note of the end of PostgreSQL's first process where that became our child (as the first of a container we are everybody's
    /// parent): PostgreSQL would take the rest of it for one that runs.
    fn reap(&self) {
        let file = std::fs::read_to_string(self.data.join("postmaster.pid")).unwrap_or_default();
        let process = file.lines().next().and_then(|line| Pid::from_raw(line.trim().parse().ok()?));
        if let Some(process) = process {
            // Whoever is nobody's child of ours is none of our business.
            let _ = waitpid(Some(process), WaitOptions::NOHANG);
        }
    }

    /// How to reach it as `user`.
    pub fn target(&self, user: &str) -> Target {
        let mut config = Config::new();
        config.host_path(&self.sockets).port(PORT).user(user).dbname("postgres").application_name("basalt");
        Target { config, tls: Tls::Off }
    }

    /// Stops it; running transactions are rolled back.
    fn stop(&self) -> Result<()> {
        let mut stop = self.program("pg_ctl");
        stop.args(["stop", "-w", "-s", "-m", "fast", "-t", "120", "-D"]).arg(&self.data);
        self.run(stop).map(drop)
    }

    /// Makes PostgreSQL's folder under another name, and gives it its own when all of it is on the disk: what is there by half was never there.
    fn make(&self, home: &Path) -> Result<()> {
        let unfinished = home.join(format!("{UNFINISHED}{}", std::process::id()));
        clear_unfinished(home).map_err(|error| failed(&home.display().to_string(), &error.to_string()))?;
        let mut make = self.program("initdb");
        // Text in the order of its bytes, as the embedded engine has it. Whoever reaches the socket, which the folder's mode guards,
        // is trusted.
        make.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "-D"])
            .arg(&unfinished);
        self.run(make)?;
        let settings = "\ntimezone = 'UTC'\ndefault_text_search_config = 'pg_catalog.english'\nmax_connections = 200\n";
        let path = unfinished.join("postgresql.auto.conf");
        let finish = || {
            let mut file = OpenOptions::new().append(true).open(&path)?;
            file.write_all(settings.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&unfinished, &self.data)?;
            File::open(home)?.sync_all()
        };
        finish().map_err(|error| failed(&unfinished.display().to_string(), &error.to_string()))
    }

    fn is_running(&self) -> bool {
        self.program("pg_ctl").args(["status", "-D"]).arg(&self.data).output().is_ok_and(|out| out.status.success())
    }

    /// Makes a folder that only PostgreSQL's user may enter.
    fn own(&self, folder: &Path) -> Result<()> {
        let make = || {
            std::fs::create_dir_all(folder)?;
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
            match self.user {
                Some((user, group)) => std::os::unix::fs::chown(folder, Some(user), Some(group)),
                None => Ok(()),
            }
        };
        make().map_err(|error| failed(&folder.display().to_string(), &error.to_string()))
    }

    /// Lets PostgreSQL's user reach what is its own in the data folder; the other files there stay unreadable.
    fn let_through(&self, folder: &Path) -> Result<()> {
        if self.user.is_none() {
            return Ok(());
        }
        let passable = std::fs::Permissions::from_mode(0o711);
        let set = std::fs::set_permissions(folder, passable);
        set.map_err(|error| failed(&folder.display().to_string(), &error.to_string()))?;
        let closed = folder.ancestors().find(|above| std::fs::metadata(above).is_ok_and(|m| m.mode() & 0o001 == 0));
        match closed {
            None => Ok(()),
            Some(above) => Err(failed(&above.display().to_string(), "the user `postgres` may not pass it")
                .with_hint("Use a data folder outside of it, or run Basalt as another user than root.")),
        }
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir("/").env("LC_ALL", "C.UTF-8");
        // What the environment says of PostgreSQL is of another.
        let of_another =
            std::env::vars_os().map(|(name, _)| name).filter(|name| name.as_encoded_bytes().starts_with(b"PG"));
        of_another.for_each(|name| _ = command.env_remove(name));
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    fn run(&self, mut command: Command) -> Result<Output> {
        let name = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let output = command.output().map_err(|error| failed(&name, &error.to_string()))?;
        if output.status.success() {
            return Ok(output);
        }
        let said = [output.stderr.as_slice(), output.stdout.as_slice()].concat();
        Err(failed(&name, String::from_utf8_lossy(&said).trim()))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.end();
    }
}

/// 58030: what could not be done, and why.
pub(super) fn failed(what: &str, why: &str) -> Error {
    Error::new("58030", format!("PostgreSQL can't be run: {what}: {why}"))
}

/// Does away with what killed processes left half made. Their `initdb` may live a moment longer, and write while its folder is emptied.
fn clear_unfinished(home: &Path) -> std::io::Result<()> {
    const TRIES: usize = 50;
    for entry in std::fs::read_dir(home)?.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            continue;
        }
        let mut left = TRIES;
        while let Err(error) = std::fs::remove_dir_all(entry.path()) {
            left -= 1;
            if left == 0 {
                return Err(error);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    Ok(())
}

/// A text as one word for `/bin/sh`.
fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Beside the data, or, where that path is too long for a socket, in the system's folder for temporary files.
fn socket_folder(home: &Path) -> PathBuf {
    let beside = home.join("run");
    if beside.as_os_str().len() <= LONGEST_SOCKET_FOLDER {
        return beside;
    }
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    home.hash(&mut hasher);
    std::env::temp_dir().join(format!("basalt-{:016x}", hasher.finish()))
}

/// The user to run PostgreSQL as where we are root: the system's `postgres`.
fn user() -> Result<Option<(u32, u32)>> {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0);
    if !is_root {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let found = users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == "postgres");
    let ids = found.and_then(|fields| Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?)));
    ids.map(Some).ok_or_else(|| {
        Error::new("58030", "PostgreSQL does not run as root, and the system has no user `postgres`")
            .with_hint("Run Basalt as another user.")
    })
}
