//! `basalt dev`: serve a project while it is written.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use basalt_db::Database;
use basalt_db::migrate::Applied;
use basalt_server::config::Config;
use basalt_server::postgrest::load_project;
use basalt_server::project::Project;
use basalt_server::{Basalt, check};
use clap::Args;

use super::{Override, override_of, project_root};
use crate::migrating::{self, FAILED, Mark, TAKEN_UP};
use crate::output::{self, FAINT, GOOD, LINK, STRONG, styled};
use crate::report::{Failure, Report};
use crate::running::{self, configuration_asked};
use crate::serving::{api_keys, curl_line, place, prepare};
use crate::stopping::{Stop, asked_to_stop, open_database, serve_on};
use crate::watching::Watch;
use crate::workspace::{for_development, load, named_files};

/// How often the running server looks for a request of `basalt db reset`.
const LOOK: Duration = Duration::from_millis(300);

/// Serve a project while it is written: apply migrations and the seed, watch the folder, reload
#[derive(Args)]
pub struct Dev {
    /// The project's folder
    #[arg(default_value = ".", value_parser = project_root())]
    dir: PathBuf,
    /// The database engine
    #[arg(long, value_parser = ["sqlite", "postgres"])]
    engine: Option<String>,
    /// Port to listen on; 0 takes a free one
    #[arg(long)]
    port: Option<u16>,
    /// Folder of the database
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Dev {
    pub fn run(self) -> Result<(), Failure> {
        // Relative to the shell's folder, unlike the configuration's, which is relative to the project.
        let data_dir = self.data_dir.map(|dir| std::path::absolute(&dir).unwrap_or(dir));
        let overrides: Vec<Override> = [
            override_of("database.engine", self.engine),
            override_of("server.port", self.port),
            override_of("database.data_dir", data_dir.map(|dir| dir.to_string_lossy().into_owned())),
        ]
        .into_iter()
        .flatten()
        .collect();
        let start = async {
            let mut session = Session::begin(self.dir, overrides).await?;
            let watch = session.start().await?;
            Ok((session, watch))
        };
        serve_on(start, async |(mut session, watch), stop| {
            session.run(watch, stop).await;
            Ok(())
        })
    }
}

/// A project while it is served.
struct Session {
    root: PathBuf,
    overrides: Vec<Override>,
    project: Project,
    config: Config,
    /// The files that the configuration names, as they were read.
    files: Vec<(PathBuf, Option<Vec<u8>>)>,
    /// None when the last one could not be opened; the next change tries again.
    database: Option<Database>,
    /// The configuration that it was opened with: the file may have changed again since.
    opened: Config,
    /// None when the last start failed; the next change tries again.
    server: Option<Basalt>,
    /// The port that the last server had, which the next one has where any would do.
    port: u16,
    /// Migrations without a statement, of which was said that they wait for some.
    waiting: BTreeSet<PathBuf>,
    /// Whether the last attempt to take up the folder failed.
    failed: bool,
}

impl Session {
    async fn begin(root: PathBuf, overrides: Vec<Override>) -> Result<Session, Failure> {
        let (project, config) = load(&root, &overrides)?;
        let config = for_development(config);
        prepare(&config)?;
        let database = Some(open_database(&root, &config).await?);
        let files = named_files(&root, &config);
        let opened = config.clone();
        let (waiting, failed) = (BTreeSet::new(), false);
        Ok(Session {
            root,
            overrides,
            project,
            config,
            files,
            database,
            opened,
            server: None,
            port: 0,
            waiting,
            failed,
        })
    }

    /// Judges the configuration, applies what can be applied, and listens.
    async fn start(&mut self) -> Result<Watch, Failure> {
        check(&self.root, &self.config, self.database()?.clone())?;
        let watch = Watch::new(&self.root)?;
        let migrated = self.migrate().await;
        self.config = self.configuration().await?;
        self.listen().await?;
        self.banner().await;
        self.failed = migrated.is_err();
        if let Err(failure) = migrated {
            output::reports(&failure.0);
            output::note("Serving what could be applied; save the mended file to go on.");
        }
        // A request that nobody took up is not one for today's rows.
        Mark::reset_requested(&self.root, &self.config).clear()?;
        Ok(watch)
    }

    /// Takes up what changes, until asked to stop.
    async fn run(&mut self, mut watch: Watch, mut stop: Stop) {
        loop {
            let files: Vec<PathBuf> = self.files.iter().map(|(path, _)| path.clone()).collect();
            watch.also(&files);
            let done = tokio::select! {
                () = watch.changed() => self.changed().await,
                () = self.asked_to_reset() => self.reset().await,
                () = self.asked_to_reconfigure() => self.told().await,
                () = &mut stop => break,
            };
            if let Err(failure) = done {
                output::reports(&failure.0);
            }
        }
        if let Some(server) = self.server.take() {
            // A second signal does not wait for the requests under way.
            tokio::select! {
                () = server.stop() => {}
                () = asked_to_stop() => {}
            }
        }
    }

    /// Applies what is pending, and the seed when the database was new. Tells whether it was.
    async fn migrate(&mut self) -> Result<bool, Failure> {
        migrating::forget_empty(&self.project, self.database()?).await?;
        let applied = self.database()?.applied().await?;
        let project = self.written(&applied);
        let database = self.database()?;
        let mark = Mark::seed_pending(&self.root, &self.config);
        if applied.is_empty() && !project.migrations.is_empty() {
            mark.set()?;
        }
        migrating::migrate(&project, database, output::applied).await?;
        let is_new = mark.is_set();
        if is_new {
            migrating::seed(&self.project, database).await?;
            mark.clear()?;
            self.project.seeds.iter().for_each(output::seeded);
        }
        Ok(is_new)
    }

    /// The project without the new migrations that hold no statement yet, as an editor or `basalt migrate new` begins them: once applied, they
    /// could not be written any more. Says of each once that it waits.
    fn written(&mut self, applied: &[Applied]) -> Project {
        let (project, empty) = self.project.without_empty(applied);
        let empty: BTreeSet<PathBuf> = empty.into_iter().map(|migration| migration.script.path).collect();
        for path in empty.difference(&self.waiting) {
            output::note(format_args!("  {} {} holds no statement yet", styled(FAINT, "waiting"), output::path(path)));
        }
        self.waiting = empty;
        project
    }

    async fn listen(&mut self) -> Result<(), Failure> {
        self.stop().await;
        let mut config = self.config.clone();
        // Whoever was given a free port keeps it.
        if config.server.port == 0 {
            config.server.port = self.port;
        }
        let server = Basalt::start(&self.root, &config, self.database()?.clone()).await?;
        self.port = server.address().port();
        self.server = Some(server);
        Ok(())
    }

    async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    /// Errors: none could be opened.
    fn database(&self) -> Result<&Database, Failure> {
        self.database
            .as_ref()
            .ok_or_else(|| Report::error("there is no database until the configuration is mended").into())
    }

    /// Opens the database of a configuration in the place of the one that is open: two can't be of one data folder.
    ///
    /// Errors: it can't be opened; then the one from before is served on.
    async fn reopen(&mut self, config: &Config) -> Result<(), Failure> {
        self.stop().await;
        if let Some(old) = self.database.take() {
            old.close().await;
        }
        match open_database(&self.root, config).await {
            Ok(database) => {
                self.database = Some(database);
                self.opened = config.clone();
                Ok(())
            }
            Err(error) => {
                self.database = open_database(&self.root, &self.opened).await.ok();
                if self.database.is_some() {
                    self.listen().await?;
                }
                Err(error.into())
            }
        }
    }

    /// Takes up what changed in the folder; says so where that failed before.
    async fn changed(&mut self) -> Result<(), Failure> {
        let done = self.reload().await;
        if done.is_ok() && self.failed {
            output::note(format_args!("  {} nothing stands in the way any more", styled(GOOD, "mended")));
        }
        self.failed = done.is_err();
        done
    }

    /// The same, in silence.
    async fn reload(&mut self) -> Result<(), Failure> {
        let (project, config) = load(&self.root, &self.overrides)?;
        let reopens = self.database.is_none() || shown(&config)["database"] != shown(&self.opened)["database"];
        if reopens {
            self.reopen(&config).await?;
        }
        let seed_changed = project.seeds != self.project.seeds;
        let changed = project != self.project;
        self.project = project;
        let restarted = self.reconfigure().await?;
        // What failed before is tried again whatever was saved.
        if !(changed || reopens || restarted || self.failed) {
            return Ok(());
        }
        let is_seeded = self.migrate().await?;
        self.reconfigure().await?;
        if seed_changed && !is_seeded {
            output::note("  The seed changed; it runs on new databases only: `basalt db reset` makes one.");
        }
        Ok(())
    }

    /// Completes when `basalt db reset` finds the database in use by this process.
    async fn asked_to_reset(&self) {
        let request = Mark::reset_requested(&self.root, &self.config);
        while request.says().as_deref() != Some("") {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Completes when the database asks for the configuration to be read again.
    async fn asked_to_reconfigure(&self) {
        match &self.database {
            Some(database) => configuration_asked(database).await,
            None => std::future::pending().await,
        }
    }

    /// Starts over, and tells `basalt db reset` when that is done.
    async fn reset(&mut self) -> Result<(), Failure> {
        let request = Mark::reset_requested(&self.root, &self.config);
        request.say(TAKEN_UP)?;
        let done = self.start_over().await;
        match &done {
            Ok(()) => request.clear()?,
            Err(_) => request.say(FAILED)?,
        }
        done
    }

    async fn start_over(&mut self) -> Result<(), Failure> {
        self.project = load(&self.root, &self.overrides)?.0;
        let project = self.written(&[]);
        migrating::reset(&project, &self.config, self.database()?, output::applied).await?;
        self.project.seeds.iter().for_each(output::seeded);
        self.reconfigure().await?;
        self.failed = false;
        output::note(format_args!("  {} with an empty database", styled(GOOD, "started over")));
        Ok(())
    }

    /// Starts over where the configuration, or what the database keeps of it, is another than before. Tells whether it did.
    async fn reconfigure(&mut self) -> Result<bool, Failure> {
        let config = self.configuration().await?;
        let files = named_files(&self.root, &config);
        if self.server.is_some() && shown(&config) == shown(&self.config) && files == self.files {
            return Ok(false);
        }
        (self.config, self.files) = (config, files);
        self.listen().await?;
        if let Some(server) = &self.server {
            output::note(format_args!("  {} at {}", styled(GOOD, "restarted"), place(server)));
        }
        Ok(true)
    }

    /// Heeds the database's word that it keeps another configuration, or one that can be read at last.
    async fn told(&mut self) -> Result<(), Failure> {
        if !self.reconfigure().await?
            && let Some(server) = &self.server
        {
            server.reconfigure(&self.root, &self.config).await?;
        }
        // What roles are set to is read with the catalog.
        running::reload(self.database()?).await
    }

    /// The configuration as it is now.
    async fn configuration(&self) -> Result<Config, Failure> {
        Ok(for_development(load_project(&self.root, self.database()?, &self.overrides).await?))
    }

    /// What a person needs to call the server.
    async fn banner(&self) {
        let (Some(server), Some(database)) = (&self.server, &self.database) else { return };
        let place = place(server);
        let line = |name: &str, text: &str| output::result(format_args!("  {name:12} {text}"));
        output::result(format_args!(
            "  {} {} · {} · {}",
            styled(STRONG, "basalt"),
            env!("CARGO_PKG_VERSION"),
            output::engine(&self.config),
            self.root.display()
        ));
        let applied = database.applied().await.map_or(0, |applied| applied.len());
        line("migrations", &format!("{applied} applied"));
        let rest = match self.config.server.rest_path.trim_matches('/') {
            "" => "REST at the root",
            path => path,
        };
        line("API", &format!("{}       ({rest})", styled(LINK, &place)));
        match api_keys(&self.root, &self.config) {
            Ok(Some(keys)) => {
                line("anon key", &keys.anon);
                line("service key", &format!("{}   (bypasses row policies: keep it on servers)", keys.service));
                line("try", &styled(LINK, curl_line(database, &self.config, server, &keys).await));
            }
            Ok(None) => line("keys", "tokens come from whoever holds the private keys of `auth.jwks`"),
            Err(why) => line("keys", &why),
        }
    }
}

/// A configuration in comparable form.
fn shown(config: &Config) -> serde_json::Value {
    serde_json::to_value(config).unwrap_or_default()
}
