//! `basalt keys`: the API keys of a secret, or of a private key.

use std::path::{Path, PathBuf};

use basalt_server::keys::{self, DEVELOPMENT_SECRET};
use clap::Args;

use super::ProjectFlag;
use crate::output::{self, STRONG, styled};
use crate::report::{Failure, Report};
use crate::workspace::load;

/// Print the API keys: of the project's secret or private key, of another secret, or of a fresh one
#[derive(Args)]
pub struct Keys {
    /// Make a fresh secret for production
    #[arg(long, conflicts_with = "secret")]
    new: bool,
    /// Make a fresh private key (ES256) for the file of `auth.signing_keys_path`, and print it
    #[arg(long, conflicts_with_all = ["secret", "new"])]
    signing: bool,
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
        if self.signing {
            output::result(keys::random_private_keys());
            output::note("\nKeep it as you keep a secret. To rotate, put the new key before the old one in the file.");
            return Ok(());
        }
        let secret = match (&self.secret, self.new) {
            (Some(secret), _) => secret.clone(),
            (None, true) => keys::random_secret(),
            (None, false) => match configured(&self.project)? {
                Signer::Secret(secret) => secret,
                Signer::PrivateKeys(path) => return show_signed(&path, self.years),
            },
        };
        if secret.len() < 32 {
            return Err(Report::error(format!("the secret has {} bytes; at least 32 are needed", secret.len()))
                .help("`basalt keys --new` makes one.")
                .into());
        }
        let issued = keys::Keys::issue(&secret, self.years);
        output::result(format_args!("{}   {secret}", styled(STRONG, "JWT secret")));
        show(&issued);
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

/// What signs a project's tokens.
enum Signer {
    Secret(String),
    PrivateKeys(PathBuf),
}

fn configured(project: &ProjectFlag) -> Result<Signer, Failure> {
    let (_, config) = load(&project.project, &[])?;
    if !config.auth.jwt_secret.is_empty() {
        return Ok(Signer::Secret(config.auth.jwt_secret));
    }
    let keys = config.signing_keys(&project.project);
    Ok(keys.map_or_else(|| Signer::Secret(DEVELOPMENT_SECRET.to_owned()), Signer::PrivateKeys))
}

fn show_signed(path: &Path, years: u64) -> Result<(), Failure> {
    let issued = keys::Keys::signed(path, years).map_err(Report::error)?;
    show(&issued);
    output::note(format_args!(
        "\nThey are signed with the first key of {}, and hold until that key is taken out of it.",
        path.display()
    ));
    Ok(())
}

fn show(keys: &keys::Keys) {
    output::result(format_args!("{}     {}", styled(STRONG, "anon key"), keys.anon));
    output::result(format_args!("{}  {}", styled(STRONG, "service key"), keys.service));
}
