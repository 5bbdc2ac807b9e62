//! Development commands: `cargo xtask <command>`.

use std::process::ExitCode;

mod arrows;
mod codes;
mod needs;
mod postgres;
mod python;
mod run;
mod shop_seed;

use run::{Failure, cargo, node, workspace_path};

const USAGE: &str = "usage: cargo xtask <command>

commands:
  test         everything that must pass: format, lints, arrows, codes, tests, client libraries
  rust         the Rust tests alone
  postgres     the whole-server tests on PostgreSQL  [--version N: every test with PostgreSQL in it on that one, fetched]
  clients      the published client libraries against a running server
  arrows       proves that crates depend downwards only
  codes        proves that docs/errors.md lists the codes that are answered
  bench        measures against the bare programs  [--rounds N] [--seconds N] [--only NAME]
  shop-seed    writes examples/shop/seed.sql";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next();
    let rest: Vec<String> = args.collect();
    let result = match command.as_deref() {
        Some("test") => test(),
        Some("rust") => rust(),
        Some("postgres") => postgres(&rest),
        Some("clients") => clients(),
        Some("arrows") => arrows::prove(),
        Some("codes") => codes::prove(),
        Some("bench") => bench(&rest),
        Some("shop-seed") => seed(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn test() -> Result<(), Failure> {
    cargo(&["fmt", "--all", "--check"])?;
    arrows::prove()?;
    codes::prove()?;
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    rust()?;
    clients()
}

fn rust() -> Result<(), Failure> {
    needs::all()?;
    cargo(&["test", "--workspace", "--no-fail-fast"])?;
    postgres::tests()
}

fn postgres(args: &[String]) -> Result<(), Failure> {
    match args {
        [] => postgres::tests(),
        [flag, version] if flag == "--version" => postgres::on_version(version),
        _ => Err("usage: cargo xtask postgres [--version N]".into()),
    }
}

/// Builds the server, installs the pinned packages and runs the suite against servers that it starts itself.
fn clients() -> Result<(), Failure> {
    needs::all()?;
    run::build_for_tests(&["commands"])?;
    let folder = workspace_path("tests/clients");
    node("npm", &["ci", "--no-audit", "--no-fund"], &folder, &[])?;
    let engines = ["sqlite", "postgres"];
    for engine in engines {
        eprintln!("the client libraries on {engine}");
        node("npm", &["test"], &folder, &[("ENGINE", engine)])?;
    }
    eprintln!("the client libraries at two nodes");
    let server = run::target_folder()?.join("debug/basalt");
    let at_nodes = ["npm", "run", "nodes", "--prefix", "tests/clients"];
    postgres::with_postgres(&at_nodes, &[("SERVER", server.as_os_str())])?;
    python::clients(&engines)
}

fn bench(args: &[String]) -> Result<(), Failure> {
    cargo(&["build", "--release", "-p", "basalt", "-p", "basalt-bench"])?;
    let programs = run::target_folder()?.join("release");
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    for program in ["compare", "fanout", "identity"] {
        run::program(&programs.join(program), &args)?;
    }
    let compare = programs.join("compare");
    postgres::with_postgres(&[&[&*compare.to_string_lossy()], &args[..]].concat(), &[])
}

fn seed() -> Result<(), Failure> {
    std::fs::write(workspace_path("examples/shop/seed.sql"), shop_seed::generate())?;
    Ok(())
}
