//! Passwords that libpq keeps in a file: lines of `host:port:database:user:password` (PostgreSQL manual, section 34.16).

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// Fills in the password of a connection that has none. `named` is the connection string's own file; otherwise it is that of `PGPASSFILE`, or
/// `~/.pgpass`.
pub(super) fn fill_in(config: &mut Config, named: Option<PathBuf>) {
    if config.get_password().is_some() {
        return;
    }
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let of_user = || variable("HOME").map(|home| home.join(".pgpass"));
    let Some(path) = named.or_else(|| variable("PGPASSFILE")).or_else(of_user) else { return };
    if let Some(password) = read(&path).and_then(|text| password(&text, config)) {
        config.password(password);
    }
}

/// The file's text, if there is one that nobody else may read.
fn read(path: &Path) -> Option<String> {
    let found = std::fs::metadata(path).ok()?;
    if !found.is_file() || found.mode() & 0o077 != 0 {
        tracing::warn!(
            file = %path.display(),
            "the file of passwords is not read: it has to be a plain file that its owner alone may read (chmod 0600)"
        );
        return None;
    }
    let read = std::fs::read_to_string(path);
    read.inspect_err(|error| {
        if error.kind() != ErrorKind::NotFound {
            tracing::warn!(file = %path.display(), %error, "the file of passwords can't be read");
        }
    })
    .ok()
}

/// The password of the first line that means this connection.
fn password(text: &str, config: &Config) -> Option<String> {
    let port = config.get_ports().first().copied().unwrap_or(5432).to_string();
    let host = match (config.get_hosts().first(), config.get_hostaddrs().first()) {
        (Some(Host::Tcp(name)), _) => name.clone(),
        (None, Some(address)) => address.to_string(),
        // A socket in a folder is this machine's.
        (Some(Host::Unix(_)) | None, _) => "localhost".into(),
    };
    let user = config.get_user().unwrap_or("postgres");
    let wanted = [host.as_str(), port.as_str(), config.get_dbname().unwrap_or(user), user];
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut fields = fields(line);
        let means = |(field, wanted): (&String, &str)| field == "*" || field == wanted;
        let is_meant = fields.len() == 5 && fields.iter().zip(wanted).all(means);
        is_meant.then(|| fields.swap_remove(4))
    })
}

/// A line's fields; a backslash takes the next character's meaning.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut field, mut characters) = (Vec::new(), String::new(), line.chars());
    while let Some(c) = characters.next() {
        match c {
            ':' if fields.len() < 4 => fields.push(std::mem::take(&mut field)),
            '\\' => field.extend(characters.next()),
            c => field.push(c),
        }
    }
    fields.push(field);
    fields
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn password_of(url: &str, file: &Path) -> Option<String> {
        let mut config: Config = url.parse().expect("a connection string");
        fill_in(&mut config, Some(file.to_owned()));
        config.get_password().map(|password| String::from_utf8_lossy(password).into_owned())
    }

    #[test]
    fn the_first_line_that_means_the_connection_has_its_password() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("passwords");
        let lines =
            "# comment\ndb.example:5432:shop:ann:a\\:b\\\\c\ndb.example:*:*:*:every\nlocalhost:5432:*:bob:socket\n";
        std::fs::write(&file, lines).expect("a file");
        let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("a mode");
        mode(0o600);
        let of = |url: &str| password_of(url, &file);
        assert_eq!(of("postgres://ann@db.example/shop").as_deref(), Some("a:b\\c"));
        assert_eq!(of("postgres://ann@db.example:6000/shop").as_deref(), Some("every"));
        assert_eq!(of("postgres://ann:own@db.example/shop").as_deref(), Some("own"));
        assert_eq!(of("host=/run/postgresql user=bob dbname=shop").as_deref(), Some("socket"));
        assert_eq!(of("postgres://ann@elsewhere/shop"), None);
        // What others may read is no secret.
        mode(0o640);
        assert_eq!(of("postgres://ann@db.example/shop"), None);
    }
}
