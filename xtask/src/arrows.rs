//! Proves the arrows of the house: which crate may know which, and who alone names a driver.

use crate::run::{Failure, cargo_output};

/// Each crate and the crates of the workspace that it may depend on.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("basalt-core", &[]),
    ("basalt-types", &["basalt-core"]),
    ("basalt-sql", &["basalt-core", "basalt-types"]),
    ("basalt-supervise", &["basalt-core"]),
    ("basalt-db", &["basalt-core", "basalt-types", "basalt-sql", "basalt-supervise"]),
    ("basalt-query", &["basalt-core", "basalt-types", "basalt-sql"]),
    ("basalt-rest", &["basalt-core", "basalt-types", "basalt-sql", "basalt-db", "basalt-query"]),
    ("basalt-messaging", &["basalt-core", "basalt-db"]),
    (
        "basalt-realtime",
        &["basalt-core", "basalt-types", "basalt-sql", "basalt-db", "basalt-messaging", "basalt-supervise"],
    ),
    ("basalt-outbound", &[]),
    ("basalt-auth", &["basalt-core", "basalt-db", "basalt-outbound", "basalt-supervise"]),
    ("basalt-storage", &["basalt-db"]),
    ("basalt-webhooks", &["basalt-core", "basalt-db", "basalt-outbound", "basalt-sql", "basalt-supervise"]),
    (
        "basalt-server",
        &[
            "basalt-core",
            "basalt-types",
            "basalt-sql",
            "basalt-db",
            "basalt-query",
            "basalt-rest",
            "basalt-outbound",
            "basalt-auth",
            "basalt-messaging",
            "basalt-realtime",
            "basalt-storage",
            "basalt-webhooks",
            "basalt-supervise",
        ],
    ),
    (
        "basalt",
        &[
            "basalt-core",
            "basalt-types",
            "basalt-sql",
            "basalt-db",
            "basalt-query",
            "basalt-rest",
            "basalt-outbound",
            "basalt-server",
        ],
    ),
];

/// Packages that only these crates name.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("rusqlite", &["basalt-db"]),
    ("tokio-postgres", &["basalt-db"]),
    ("sqlparser", &["basalt-sql"]),
    ("async-nats", &["basalt-messaging"]),
    ("axum", &["basalt-server"]),
    ("tokio-tungstenite", &["basalt-server"]),
    ("hyper-rustls", &["basalt-outbound"]),
    ("jsonwebtoken", &["basalt-auth", "basalt-server"]),
];

/// A larger lock file says that a dependency brought a crowd.
const MOST_PACKAGES: usize = 600;

pub fn prove() -> Result<(), Failure> {
    let mut faults = Vec::new();
    for (name, allowed) in MAY_KNOW {
        let tree = cargo_output(&["tree", "-p", name, "--edges", "normal,build", "--depth", "1", "--prefix", "none"])?;
        let known: Vec<&str> = tree.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
        for other in &known {
            let ours = other.starts_with("basalt-") || *other == "basalt";
            if ours && !allowed.contains(other) {
                faults.push(format!("{name} may not know {other}"));
            }
        }
        for (package, homes) in ONLY_IN {
            if known.contains(package) && !homes.contains(name) {
                faults.push(format!("{name} names {package}, which belongs to {}", homes.join(", ")));
            }
        }
    }
    let lock = std::fs::read_to_string(crate::workspace_path("Cargo.lock"))?;
    let packages = lock.matches("[[package]]").count();
    if packages > MOST_PACKAGES {
        faults.push(format!("Cargo.lock has {packages} packages; the limit is {MOST_PACKAGES}"));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n").into()) }
}
