//! What the modules share: a log to read, told as short lines.

use basalt_core::Change;
use basalt_db::changes::Batch;
use basalt_tests::Server;
use serde_json::Value;

/// Everything that is logged after an id.
pub async fn logged(server: &Server, after: u64) -> Vec<std::sync::Arc<Change>> {
    let mut all = Vec::new();
    let mut after = after;
    loop {
        let Batch { changes, lost, .. } = server.database.changes().read(after, 100).await.expect("the log");
        assert_eq!(lost, 0);
        let Some(last) = changes.last() else { return all };
        assert!(changes.is_sorted_by(|a, b| a.id < b.id));
        after = last.id;
        all.extend(changes);
    }
}

/// `INSERT public.t null {"id":1}`.
pub fn line(change: &Change) -> String {
    let row = |row: &Option<Box<serde_json::value::RawValue>>| match row {
        Some(row) => serde_json::from_str::<Value>(row.get()).expect("JSON").to_string(),
        None => "-".to_owned(),
    };
    format!(
        "{} {}.{} {} {}",
        change.operation,
        change.table.schema,
        change.table.name,
        row(&change.old),
        row(&change.new)
    )
}

/// The end of the log.
pub async fn end(server: &Server) -> u64 {
    server.database.changes().end().await.expect("the log's end")
}

/// Runs `script` and gives the lines of what it logged.
pub async fn script(server: &Server, script: &str) -> Vec<String> {
    let before = end(server).await;
    server.script(script).await;
    lines(&logged(server, before).await)
}

/// One line for each.
pub fn lines(changes: &[std::sync::Arc<Change>]) -> Vec<String> {
    changes.iter().map(|change| line(change)).collect()
}
