//! The `basalt` command.
//!
//! Each command has its file in `commands`; all of them print through `output` and fail with a `report::Failure`.
//! Exit codes: 0 done, 1 failed, 2 wrong usage.

mod administering;
mod checking;
mod commands;
mod copying;
mod in_place;
mod migrating;
mod output;
mod owners_rights;
mod report;
mod running;
mod serving;
mod settling;
mod stopping;
mod typescript;
mod watching;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

/// What one thread allocates another frees, request by request: the system's allocator has them wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match commands::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::reports(&failure.0);
            ExitCode::FAILURE
        }
    }
}
