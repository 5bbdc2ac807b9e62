//! Development commands: `cargo xtask <command>`.

use std::process::ExitCode;

mod shop_seed;

const USAGE: &str = "usage: cargo xtask <command>

commands:
  shop-seed    writes examples/shop/seed.sql";

fn main() -> ExitCode {
    let command = std::env::args().nth(1);
    let result = match command.as_deref() {
        Some("shop-seed") => std::fs::write(workspace_path("examples/shop/seed.sql"), shop_seed::generate()),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A path given from the workspace's root.
fn workspace_path(relative: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(relative)
}
