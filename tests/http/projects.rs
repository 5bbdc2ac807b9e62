//! Real schemas with their data: the shop of `examples`, and Chinook where it is at hand.

use std::path::{Path, PathBuf};

use basalt_tests::postgres::Cluster;

use super::cases;
use super::pair::{Pair, Tally};

/// Who asks the shop: a customer with a cart, one without, a clerk, and somebody unknown.
const SHOPPERS: [(&str, &str); 4] = [
    ("camille", "c0000000-0000-4000-8000-000000000003"),
    ("maja", "c0000000-0000-4000-8000-000000000001"),
    ("staff", "a0000000-0000-4000-8000-000000000001"),
    ("stranger", "e0000000-0000-4000-8000-000000000009"),
];

/// What the shop's functions write.
const SHOP_TABLES: [&str; 6] = ["carts", "cart_items", "orders", "order_items", "stock", "stock_movements"];

/// Who asks the tables with triggers.
const WRITERS: [(&str, &str); 2] =
    [("ann", "a0000000-0000-4000-8000-00000000000a"), ("bo", "b0000000-0000-4000-8000-00000000000b")];

/// What triggers write.
const TRIGGERED: [&str; 5] = ["notes", "activity", "totals", "secrets", "tags"];

/// What guarded tables' views and functions write.
const GUARDED: [&str; 3] = ["members", "pieces", "boards"];

/// What upserts write.
const UPSERTED: [&str; 10] =
    ["vault", "told", "quiet", "people", "days", "hours", "sides", "tops", "touched_tops", "codes"];

/// Chinook's tables are opened: everybody reads, whoever is signed in writes.
const CHINOOK_OPENED: &str = "
    alter table # enable row level security; create policy seen on # for select using (true);
    create policy written on # to authenticated using (true) with check (true);";

/// Chinook's tables.
const CHINOOK_TABLES: [&str; 11] = [
    "album",
    "artist",
    "customer",
    "employee",
    "genre",
    "invoice",
    "invoice_line",
    "media_type",
    "playlist",
    "playlist_track",
    "track",
];

/// The shop.
pub async fn shop(cluster: &Cluster) -> Tally {
    let folder = root().join("examples/shop");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder.join("migrations"))
        .expect("migrations")
        .map(|entry| entry.expect("an entry").path())
        .filter(|file| !file.to_string_lossy().ends_with(".postgres.sql"))
        .collect();
    files.sort();
    files.push(folder.join("seed.sql"));
    let script: Vec<String> = files.iter().map(|file| std::fs::read_to_string(file).expect("reads")).collect();
    let mut pair = Pair::new(cluster, &script.join("\n")).await;
    for source in [include_str!("cases/shop_reads.txt"), include_str!("cases/shop_writes.txt")] {
        for asked in cases::read(source, &SHOPPERS) {
            let watched: &[&str] = if asked.path.starts_with("/rpc/") { &SHOP_TABLES } else { &[] };
            pair.compare(&asked, watched).await;
        }
    }
    pair.tally
}

/// Tables whose triggers write to each other.
pub async fn triggers(cluster: &Cluster) -> Tally {
    let mut pair = Pair::new(cluster, include_str!("cases/triggers.sql")).await;
    for asked in cases::read(include_str!("cases/triggers.txt"), &WRITERS) {
        pair.compare(&asked, &TRIGGERED).await;
    }
    pair.tally
}

/// Rows as values of columns and arguments.
pub async fn rows(cluster: &Cluster) -> Tally {
    let mut pair = Pair::new(cluster, include_str!("cases/rows.sql")).await;
    for asked in cases::read(include_str!("cases/rows.txt"), &WRITERS) {
        pair.compare(&asked, &["parcels"]).await;
    }
    pair.tally
}

/// Tables whose policies compare, and hide rows from views.
pub async fn guarded(cluster: &Cluster) -> Tally {
    let mut pair = Pair::new(cluster, include_str!("cases/guarded.sql")).await;
    for asked in cases::read(include_str!("cases/guarded.txt"), &WRITERS) {
        pair.compare(&asked, &GUARDED).await;
    }
    pair.tally
}

/// Rows that are there already, and keys.
pub async fn upserts(cluster: &Cluster) -> Tally {
    let mut pair = Pair::new(cluster, include_str!("cases/upserts.sql")).await;
    for asked in cases::read(include_str!("cases/upserts.txt"), &WRITERS) {
        pair.compare(&asked, &UPSERTED).await;
    }
    pair.tally
}

/// Chinook.
pub async fn chinook(cluster: &Cluster) -> Tally {
    let file = root().join("../shared/data/chinook/chinook.sql");
    let Ok(source) = std::fs::read_to_string(&file) else {
        eprintln!("{} is not there: Chinook is skipped", file.display());
        return Tally::default();
    };
    let is_of_psql = |line: &&str| {
        !line.starts_with("DROP DATABASE") && !line.starts_with("CREATE DATABASE") && !line.starts_with("\\c")
    };
    let mut script = source.lines().filter(is_of_psql).collect::<Vec<_>>().join("\n");
    for table in CHINOOK_TABLES {
        script.push_str(&CHINOOK_OPENED.replace('#', table));
    }
    let mut pair = Pair::new(cluster, &script).await;
    let source = include_str!("cases/chinook.txt");
    for asked in cases::read(source, &[("ann", "a0000000-0000-4000-8000-00000000000a")]) {
        pair.compare(&asked, &[]).await;
    }
    pair.tally
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
