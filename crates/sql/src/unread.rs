//! What PostgreSQL's SQL has and the parser does not know: what to write instead of it.

use basalt_core::Error;

/// A syntax error at a byte offset, with what to write instead if it is one of those.
pub(crate) fn with_advice(error: Error, sql: &str, at: usize, found: &str) -> Error {
    match advice(sql, at, found) {
        Some(advice) => error.with_hint(advice),
        None => error,
    }
}

fn advice(sql: &str, at: usize, found: &str) -> Option<&'static str> {
    let before = sql.get(..at)?.trim_end().to_ascii_lowercase();
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    match found.to_ascii_lowercase().as_str() {
        "exclude" if before.contains("over") => Some(
            "The embedded engine does not know `exclude` of a window's frame: take the row's own value away, or write a subquery.",
        ),
        "(" => {
            let head = before.rsplit_once('(').map_or("", |(head, _)| head);
            let of_conflict = [before.as_str(), head].iter().any(|text| {
                let text = words(text.trim_end_matches('('));
                text.ends_with("on conflict")
            });
            of_conflict.then_some(
                "On the embedded engine ON CONFLICT takes names of columns: add a generated column with the expression and a unique \
                 constraint, and name that.",
            )
        }
        "[" if words(&before).contains(" set ") => Some(
            "On the embedded engine SET takes whole columns: assign the whole array or document, such as `jsonb_set(column, path, value)`.",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::advice;

    #[test]
    fn what_the_parser_does_not_know_has_advice() {
        let told = |sql: &str, found: &str| advice(sql, sql.rfind(found).expect("is there"), found).is_some();
        assert!(told("select sum(a) over (order by b rows 1 preceding exclude current row) from t", "exclude"));
        assert!(told("insert into t values (1) on conflict (lower(a)) do nothing", "("));
        assert!(told("update t set a[1] = 2", "["));
        assert!(!told("select exclude", "exclude"));
        assert!(!told("select f(", "("));
    }
}
