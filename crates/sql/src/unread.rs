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
        "collate" => Some("On the embedded engine text is ordered by its bytes, as under COLLATE \"C\"."),
        "[" if words(&before).contains(" set ") => Some(
            "On the embedded engine SET takes whole columns: assign the whole array or document, such as `jsonb_set(column, path, value)`.",
        ),
        _ => None,
    }
}

/// The word at a byte offset, for which the parser has no use after an expression: its own message shows its insides.
pub(crate) fn useless_word<'a>(message: &str, sql: &'a str, at: usize) -> Option<&'a str> {
    let rest = sql.get(at..).filter(|_| message.contains("No infix parser for token"))?;
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    Some(&rest[..length.max(rest.chars().next()?.len_utf8())])
}

#[cfg(test)]
mod tests {
    use super::{advice, useless_word};

    #[test]
    fn a_word_without_use_is_named_as_it_stands() {
        let message = "sql parser error: No infix parser for token Word(Word { value: \"collate\" })";
        assert_eq!(useless_word(message, "a::text collate \"C\"", 8), Some("collate"));
        assert_eq!(useless_word(message, "a::text é", 8), Some("é"));
        assert_eq!(useless_word(message, "a", 1), None);
        assert_eq!(useless_word("Expected: end", "a b", 2), None);
    }

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
