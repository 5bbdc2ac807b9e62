//! Statements that no function runs on the embedded engine: what to write instead of them.

use basalt_core::Error;

use crate::strings;

/// PostgreSQL's commands that neither read nor write rows, by their first word.
const COMMANDS: [&str; 41] = [
    "abort",
    "alter",
    "analyze",
    "begin",
    "call",
    "checkpoint",
    "close",
    "cluster",
    "comment",
    "commit",
    "copy",
    "create",
    "deallocate",
    "declare",
    "discard",
    "do",
    "drop",
    "execute",
    "fetch",
    "grant",
    "import",
    "listen",
    "load",
    "lock",
    "move",
    "notify",
    "prepare",
    "reassign",
    "refresh",
    "reindex",
    "release",
    "reset",
    "revoke",
    "rollback",
    "savepoint",
    "security",
    "set",
    "start",
    "truncate",
    "unlisten",
    "vacuum",
];

/// Why a statement does not run in a function that reads and writes rows.
///
/// The error is 0A000 with what to write instead; 42601 where it is no statement of PostgreSQL's either.
pub fn refused_in_function(sql: &str) -> Error {
    let words: Vec<String> = strings::tokens(sql)
        .unwrap_or_default()
        .iter()
        .filter(|token| !matches!(token.token, sqlparser::tokenizer::Token::Whitespace(_)))
        .take(3)
        .map(|token| token.token.to_string())
        .collect();
    let lower: Vec<String> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
    let Some(first) = lower.first() else { return Error::new("42601", "syntax error at end of input") };
    if !COMMANDS.contains(&first.as_str()) {
        return Error::new("42601", format!("syntax error at or near \"{}\"", words[0]));
    }
    let is_temporary = lower.iter().any(|word| matches!(word.as_str(), "temp" | "temporary"));
    let instead = match first.as_str() {
        "truncate" => "Write `delete from` and the table's name.",
        "lock" => "Leave it out: writes run one after the other on the embedded engine.",
        "create" if is_temporary => {
            "Write the query where its rows are read, in WITH or in a loop, or keep them in a table that a migration makes."
        }
        "call" => {
            "Make the procedure a function that returns void, and write `perform` and the call (`select` in SQL)."
        }
        "commit" | "rollback" | "savepoint" | "release" | "begin" | "start" | "abort" => {
            "Leave it out: a function is part of its caller's transaction. A block with EXCEPTION undoes what it wrote."
        }
        "declare" | "fetch" | "move" | "close" => "Write `for row in query loop ... end loop`.",
        "set" | "reset" => "Write `perform set_config(name, value, true)` (`select` in SQL).",
        "notify" => "Write `perform pg_notify(channel, payload)` (`select` in SQL).",
        "copy" => "Write `insert into ... select`.",
        "listen" | "unlisten" | "vacuum" | "analyze" | "checkpoint" | "cluster" | "reindex" | "discard" => {
            "Leave it out: on the embedded engine there is nothing for it to do."
        }
        _ => "Define tables and other objects in migrations.",
    };
    let what = format!("{}, which is neither a query nor a write, in a function", first.to_uppercase());
    Error::unsupported(what, instead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_functions_do_not_run_names_what_to_write() {
        for (sql, instead) in [
            ("truncate t", "delete from"),
            ("lock table t in share mode", "Leave it out"),
            ("create temp table t (a int)", "WITH"),
            ("create table t (a int)", "migrations"),
            ("call p()", "perform"),
        ] {
            let error = refused_in_function(sql);
            assert_eq!(error.code(), "0A000", "{sql}");
            assert!(error.hint().is_some_and(|hint| hint.contains(instead)), "{sql}: {error:?}");
        }
        assert_eq!(refused_in_function("selct 1").code(), "42601");
        assert_eq!(refused_in_function("  ").code(), "42601");
    }
}
