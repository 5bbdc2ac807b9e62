//! A project's folder, watched: completes when SQL or configuration in it changed, or a file that the configuration names.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use notify::{Config, Event, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::report::{Failure, Report};

/// Editors write a file in several steps; changes this close together are one.
const SETTLED: Duration = Duration::from_millis(120);
/// How often the folder is looked at where the system doesn't tell of changes.
const POLLING: Duration = Duration::from_secs(1);

/// A watched project.
pub struct Watch {
    watcher: Box<dyn Watcher + Send>,
    /// Rings at a change.
    changes: Arc<Notify>,
    folders: Vec<PathBuf>,
    /// The names of files that count besides. Another file of such a name is looked at for nothing.
    named: Arc<RwLock<BTreeSet<OsString>>>,
    /// Whether something changed and nobody was told yet.
    is_settling: bool,
}

impl Watch {
    /// Watches the project in `root`, whichever layout it has. Where the system can't tell of changes, the folder is polled.
    pub fn new(root: &Path) -> Result<Watch, Failure> {
        let told = Watch::with(root, |handler| {
            RecommendedWatcher::new(handler, Config::default()).map(|w| Box::new(w) as Box<dyn Watcher + Send>)
        });
        told.or_else(|_| {
            Watch::with(root, |handler| {
                let config = Config::default().with_poll_interval(POLLING).with_compare_contents(true);
                PollWatcher::new(handler, config).map(|w| Box::new(w) as Box<dyn Watcher + Send>)
            })
        })
        .map_err(|error| Report::error(format!("can't watch {}: {error}", root.display())).into())
    }

    fn with(
        root: &Path,
        make: impl FnOnce(Box<dyn FnMut(notify::Result<Event>) + Send>) -> notify::Result<Box<dyn Watcher + Send>>,
    ) -> notify::Result<Watch> {
        let changes = Arc::new(Notify::new());
        let told = changes.clone();
        let named = Arc::new(RwLock::new(BTreeSet::new()));
        let counting = named.clone();
        let handler = move |event: notify::Result<Event>| {
            let named = counting.read().unwrap_or_else(PoisonError::into_inner);
            if event.is_ok_and(|event| matters(&event, &named)) {
                told.notify_one();
            }
        };
        let mut watch =
            Watch { watcher: make(Box::new(handler))?, changes, folders: Vec::new(), named, is_settling: false };
        watch.watcher.watch(root, RecursiveMode::NonRecursive)?;
        watch.folders.push(root.to_owned());
        watch.follow(root);
        Ok(watch)
    }

    /// Watches the folders that have come since; the data folder and others' are none of ours.
    fn follow(&mut self, root: &Path) {
        for folder in ["migrations", "supabase", "supabase/migrations", "supabase/seeds"] {
            self.add(root.join(folder));
        }
    }

    fn add(&mut self, folder: PathBuf) {
        self.folders.retain(|known| known.exists());
        if folder.is_dir() && !self.folders.contains(&folder) {
            let watched = self.watcher.watch(&folder, RecursiveMode::NonRecursive);
            if watched.is_ok() {
                self.folders.push(folder);
            }
        }
    }

    /// Watches these files, too.
    pub fn also(&mut self, files: &[PathBuf]) {
        let names = files.iter().filter_map(|file| file.file_name()).map(OsString::from).collect();
        *self.named.write().unwrap_or_else(PoisonError::into_inner) = names;
        files.iter().filter_map(|file| file.parent()).for_each(|folder| self.add(folder.to_owned()));
    }

    /// Waits until something changed and the changes have settled. Whoever waits no longer, for something else came first, is told of the
    /// change by the next call.
    pub async fn changed(&mut self) {
        if !self.is_settling {
            self.changes.notified().await;
            self.is_settling = true;
        }
        while timeout(SETTLED, self.changes.notified()).await.is_ok() {}
        self.is_settling = false;
        if let Some(root) = self.folders.first().cloned() {
            self.follow(&root);
        }
    }
}

/// Whether an event may change the project: a file of SQL or configuration, one that is named, or a folder (names without an extension).
fn matters(event: &Event, named: &BTreeSet<OsString>) -> bool {
    let ours = |path: &PathBuf| match path.extension().and_then(|extension| extension.to_str()) {
        _ if path.file_name().is_some_and(|name| named.contains(name)) => true,
        Some(extension) => matches!(extension, "sql" | "toml"),
        None => path.file_name().is_some_and(|name| name == "migrations" || name == "supabase" || name == "seeds"),
    };
    !event.kind.is_access() && event.paths.iter().any(ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_new_migration_is_told_even_in_a_new_folder() {
        let root = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(root.path()).unwrap();
        std::fs::create_dir(root.path().join("migrations")).unwrap();
        watch.changed().await;
        std::fs::write(root.path().join("migrations/0001_a.sql"), "select 1;").unwrap();
        timeout(Duration::from_secs(5), watch.changed()).await.unwrap();
    }

    #[tokio::test]
    async fn a_change_outlives_whoever_waited_for_it() {
        let root = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(root.path()).unwrap();
        std::fs::write(root.path().join("basalt.toml"), "").unwrap();
        // Given up while the change settles.
        while !watch.is_settling {
            timeout(SETTLED / 4, watch.changed()).await.unwrap_err();
        }
        timeout(Duration::from_secs(5), watch.changed()).await.unwrap();
    }

    #[tokio::test]
    async fn other_files_are_not_told() {
        let root = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(root.path()).unwrap();
        watch.also(&[root.path().join("keys/signing.json")]);
        std::fs::write(root.path().join("notes.txt"), "x").unwrap();
        std::fs::write(root.path().join("basalt.db-wal"), "x").unwrap();
        assert!(timeout(Duration::from_millis(400), watch.changed()).await.is_err());
        std::fs::create_dir(root.path().join("keys")).unwrap();
        watch.also(&[root.path().join("keys/signing.json")]);
        std::fs::write(root.path().join("keys/signing.json"), "{}").unwrap();
        timeout(Duration::from_secs(5), watch.changed()).await.unwrap();
    }
}
