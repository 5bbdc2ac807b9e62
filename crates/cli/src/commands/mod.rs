//! The commands, and what they have in common.

mod check;
mod db;
mod dev;
mod generate;
mod import;
mod init;
mod keys;
mod migrate;
mod serve;
mod users;

use std::path::PathBuf;

use basalt_server::project::root_of;
use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use figment::value::Value;

use crate::report::Failure;

/// A whole application backend in one binary: PostgreSQL migrations in, a secured REST API out.
#[derive(Parser)]
#[command(name = "basalt", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Init(init::Init),
    Dev(dev::Dev),
    Serve(serve::Serve),
    Migrate(migrate::Migrate),
    Db(db::Db),
    Import(import::Import),
    Keys(keys::Keys),
    Users(Box<users::Users>),
    Gen(generate::Gen),
    Check(check::Check),
}

/// A project that isn't the current folder.
#[derive(Args)]
pub struct ProjectFlag {
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".", value_parser = project_root(), global = true)]
    project: PathBuf,
}

/// Reads a project's folder: however it is named, it is the project's root.
fn project_root() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().map(|named| root_of(&named))
}

/// A flag's value for the configuration key that it overrides.
type Override = (String, Value);

impl Cli {
    /// Runs the command to its end.
    pub fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Init(command) => command.run(),
            Command::Dev(command) => command.run(),
            Command::Serve(command) => command.run(),
            Command::Migrate(command) => command.run(),
            Command::Db(command) => command.run(),
            Command::Import(command) => command.run(),
            Command::Keys(command) => command.run(),
            Command::Users(command) => command.run(),
            Command::Gen(command) => command.run(),
            Command::Check(command) => command.run(),
        }
    }
}

/// The override for a flag, if it was given.
fn override_of(key: &str, value: Option<impl Into<Value>>) -> Option<Override> {
    value.map(|value| (key.to_owned(), value.into()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
