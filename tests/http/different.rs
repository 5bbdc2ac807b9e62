//! Differences that stay. `docs/engines.md` says why; here they are told from faults.

use super::answer::Seen;
use super::pair::Asked;

/// Single requests, as they are shown, below comments with the reason.
const REQUESTS: &str = include_str!("different.txt");

/// Whether an answer may differ from PostgreSQL's so.
pub fn is_known(asked: &Asked, expected: &Seen, found: &Seen) -> bool {
    let label = asked.to_string();
    REQUESTS.lines().any(|line| line == label)
        || refused_first(expected, found)
        || never_called(asked, expected, found)
        || found_idle(expected, found)
        || another_row(asked, expected, found)
        || hidden_row(asked, expected, found)
        || in_newer_words(expected, found)
}

/// PostgreSQL 17 and 18 say some things otherwise than 15, whose words the embedded engine speaks; a RESTRICT has a code of its own.
fn in_newer_words(expected: &Seen, found: &Seen) -> bool {
    let words = |seen: &Seen| {
        let text = seen.error().to_string();
        text.replace("DateStyle", "datestyle").replace("Incorrectly quoted array element.", "Unexpected array element.")
    };
    let reworded = expected.error() != found.error() && expected.status() == found.status();
    expected.code() == "23001" && found.code() == "23503" || reworded && words(expected) == words(found)
}

/// Of two faults the one that concerns what the caller may do is told first, then that a write meets a row twice: the caller's
/// rights are judged before values are, and keys before rows are written.
fn refused_first(expected: &Seen, found: &Seen) -> bool {
    (400..500).contains(&expected.status()) && ["42501", "21000"].contains(&found.code().as_str())
}

/// The rights to what a function reads are judged although nothing comes to call it.
fn never_called(asked: &Asked, expected: &Seen, found: &Seen) -> bool {
    asked.path.starts_with("/rpc/") && expected.is_empty() && found.code() == "42501"
}

/// A value that its column refuses is found when there is a row to write, not before.
fn found_idle(expected: &Seen, found: &Seen) -> bool {
    let is_empty = found.error()["details"] == "The result contains 0 rows" || found.status() < 300 && found.is_empty();
    expected.code().starts_with("22") && is_empty
}

/// A function that runs as its owner does not show its caller the row that failed.
fn hidden_row(asked: &Asked, expected: &Seen, found: &Seen) -> bool {
    let shown = expected.error()["details"].as_str().is_some_and(|details| details.starts_with("Failing row contains"));
    let mut hidden = expected.error();
    hidden["details"] = serde_json::Value::Null;
    asked.path.starts_with("/rpc/") && shown && hidden == found.error()
}

/// Of several rows that fail, the one that is found first is shown: PostgreSQL's updated rows have moved to the end.
fn another_row(asked: &Asked, expected: &Seen, found: &Seen) -> bool {
    let without_row = |seen: &Seen| {
        let mut error = seen.error();
        error["details"] = serde_json::Value::Null;
        error
    };
    let is_integrity = expected.code().starts_with("23") && expected.status() == found.status();
    asked.method == reqwest::Method::PATCH && is_integrity && without_row(expected) == without_row(found)
}
