//! One process owns a data folder, and nobody else reads what is in it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use basalt_core::{Error, Result};

/// The lock; dropping it (or the end of the process, however it ends) gives the folder free.
pub(super) struct Lock {
    _file: File,
}

/// Makes the folder if it is missing, and locks it.
///
/// Errors: 58030 when it can't be used; 55006 when another process has it.
pub(super) fn acquire(folder: &Path) -> Result<Lock> {
    let refused = |error: std::io::Error| {
        Error::new("58030", format!("could not use the data folder {}: {error}", folder.display()))
    };
    make_private(folder).map_err(refused)?;
    let path = folder.join("basalt.lock");
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(refused)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            let owner = file.read_to_string(&mut owner).ok().map(|_| owner.trim().to_owned()).filter(|o| !o.is_empty());
            let owner = owner.map_or(String::new(), |id| format!(" (process {id})"));
            let message = format!("the data folder {} is in use by another Basalt{owner}", folder.display());
            return Err(Error::new("55006", message).with_hint("Stop it, or use another data folder."));
        }
        Err(TryLockError::Error(error)) => return Err(refused(error)),
    }
    file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).map_err(refused)?;
    Ok(Lock { _file: file })
}

/// Makes a folder, where it is missing, that only its owner may look into.
fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder)
}

/// Makes a file, where it is missing, that only its owner may read, be the folder open to all. SQLite gives the files that it puts beside
/// its database the same mode.
///
/// Errors: 58030 when it can't be made.
pub(super) fn make_private_file(path: &Path) -> Result<()> {
    let made = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    made.map(drop).map_err(|error| Error::new("58030", format!("could not make {}: {error}", path.display())))
}
