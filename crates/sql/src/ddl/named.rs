//! What a definition is about, told from its first words.

use basalt_core::Result;
use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use crate::script::first_word;

/// What a definition does with what it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// It makes it.
    Creates,
    /// It changes it, or is about rights and comments.
    Changes,
    /// It takes it away.
    Drops,
}

/// What a definition names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// What becomes of it.
    pub verb: Verb,
    /// Which kind of object it is: `view`.
    pub kind: &'static str,
    /// The names, as parts.
    pub names: Vec<Vec<String>>,
    /// The table that is changed, or that an index or policy is made for.
    pub table: Option<Vec<String>>,
    /// Whether it fills a table with rows that it reads.
    pub reads_rows: bool,
}

impl Named {
    /// Whether it makes a view.
    pub fn creates_view(&self) -> bool {
        self.verb == Verb::Creates && self.kind == "view"
    }
}

/// What a statement names that makes, changes or drops something; `None` for other statements.
pub fn named(sql: &str) -> Option<Named> {
    let first = first_word(sql)?;
    if !["create", "alter", "drop", "comment", "grant", "revoke"].iter().any(|verb| first.eq_ignore_ascii_case(verb)) {
        return None;
    }
    let mut cursor = Cursor::new(sql).ok()?;
    let kinds = ["view", "table", "domain", "type", "function", "sequence", "index", "policy"];
    let verb = match cursor.accept_any(&["create or replace", "create", "alter", "drop"]) {
        Some("alter") => Verb::Changes,
        Some("drop") => Verb::Drops,
        Some(_) => Verb::Creates,
        None => Verb::Changes,
    };
    cursor.accept_any(&["unlogged", "unique"]);
    let kind = cursor.accept_any(&kinds).unwrap_or_default();
    let mut named = Named { verb, kind, names: Vec::new(), table: None, reads_rows: false };
    if kind.is_empty() {
        return Some(named);
    }
    cursor.accept("concurrently");
    cursor.accept_any(&["if not exists", "if exists"]);
    cursor.accept("only");
    // An index may have no name.
    if !cursor.peek("on") {
        named.names = match verb {
            Verb::Drops => cursor.list(dropped).ok()?,
            _ => vec![cursor.dotted().ok()?],
        };
    }
    if cursor.accept("on") {
        cursor.accept("only");
        named.table = cursor.dotted().ok();
    } else if (verb, kind) == (Verb::Changes, "table") {
        named.table = named.names.first().cloned();
    } else if (verb, kind) == (Verb::Creates, "table") {
        if cursor.peek_token(&Token::LParen) {
            cursor.in_parentheses().ok()?;
        }
        named.reads_rows = cursor.peek("as");
    }
    Some(named)
}

/// One of several names that are dropped; of a function with its arguments.
fn dropped(cursor: &mut Cursor<'_>) -> Result<Vec<String>> {
    let name = cursor.dotted()?;
    if cursor.peek_token(&Token::LParen) {
        cursor.in_parentheses()?;
    }
    Ok(name)
}
