//! `basalt keys`: the API keys of a secret.

use std::time::{SystemTime, UNIX_EPOCH};

use basalt_server::Config;
use basalt_server::keys::{self, DEVELOPMENT_SECRET};
use clap::Args;

use super::ProjectFlag;
use crate::output::{self, STRONG, styled};
use crate::report::{Failure, Report};

/// Print the API keys: of the project's secret, of another, or of a fresh one
#[derive(Args)]
pub struct Keys {
    /// Make a fresh secret for production
    #[arg(long, conflicts_with = "secret")]
    new: bool,
    /// The keys of this secret, of at least 32 bytes
    #[arg(long, value_name = "SECRET")]
    secret: Option<String>,
    /// Years until the keys expire
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=100))]
    years: u64,
    #[command(flatten)]
    project: ProjectFlag,
}

impl Keys {
    pub fn run(self) -> Result<(), Failure> {
        let secret = match (&self.secret, self.new) {
            (Some(secret), _) => secret.clone(),
            (None, true) => keys::random_secret(),
            (None, false) => configured_secret(&self.project)?,
        };
        if secret.len() < 32 {
            return Err(Report::error(format!("the secret has {} bytes; at least 32 are needed", secret.len()))
                .help("`basalt keys --new` makes one.")
                .into());
        }
        let issued = issue(&secret, self.years);
        output::result(format_args!("{}   {secret}", styled(STRONG, "JWT secret")));
        output::result(format_args!("{}     {}", styled(STRONG, "anon key"), issued.anon));
        output::result(format_args!("{}  {}", styled(STRONG, "service key"), issued.service));
        if secret == DEVELOPMENT_SECRET {
            output::note(
                "\nThese are the published development keys, which `basalt serve` refuses. For production: basalt keys --new",
            );
        } else {
            output::note(format_args!(
                "\nGive the secret to the server by its environment, not in a file under version control:\n  \
                 BASALT_AUTH__JWT_SECRET={secret}\n\
                 Clients get the anon key. The service key bypasses row policies: keep it on servers."
            ));
        }
        Ok(())
    }
}

/// The keys of `secret`, issued now.
pub fn issue(secret: &str, years: u64) -> keys::Keys {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
    keys::Keys::issue(secret, now, years)
}

fn configured_secret(project: &ProjectFlag) -> Result<String, Failure> {
    let secret = Config::load(&project.project, &[])?.auth.jwt_secret;
    Ok(if secret.is_empty() { DEVELOPMENT_SECRET.to_owned() } else { secret })
}
