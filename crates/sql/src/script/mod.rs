//! A file of SQL cut into statements.

pub mod copy;
mod lexer;
#[cfg(test)]
mod tests;

use basalt_core::{Error, Result};

pub(crate) use lexer::Lexer;
use lexer::Token;

/// One piece of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A statement, without its semicolon; `offset` is its first byte in the file.
    Statement {
        /// Source text.
        sql: &'a str,
        /// Byte offset in the file.
        offset: usize,
    },
    /// `copy t (a, b) from stdin;` with its data lines up to `\.`.
    Copy {
        /// The copy statement.
        sql: &'a str,
        /// Byte offset in the file.
        offset: usize,
        /// The data, without the closing `\.`.
        data: &'a str,
    },
    /// A line for psql (`\c`, `\connect`, `\set`, ...), which changes nothing here.
    Meta {
        /// The line.
        line: &'a str,
        /// Byte offset in the file.
        offset: usize,
    },
}

impl<'a> Piece<'a> {
    /// The statement and its first byte in the file, where it is none of psql's lines.
    pub fn statement(&self) -> Option<(&'a str, usize)> {
        match *self {
            Piece::Statement { sql, offset } | Piece::Copy { sql, offset, .. } => Some((sql, offset)),
            Piece::Meta { .. } => None,
        }
    }

    /// Its statement or line, and the first byte of that in the file.
    pub fn text(&self) -> (&'a str, usize) {
        match *self {
            Piece::Statement { sql, offset } | Piece::Copy { sql, offset, .. } => (sql, offset),
            Piece::Meta { line, offset } => (line, offset),
        }
    }
}

/// Cuts a script at its semicolons, minding quotes, dollar quotes, comments (nested), `begin atomic` bodies, copy data and psql lines.
///
/// `\q` ends the script; `\g` at the end of a statement stands for a semicolon.
///
/// Errors, with their position: 22021 for a NUL; 42601 for a quote or comment that never ends; 0A000 for psql lines that would read files, run
/// commands or decide what runs (`\i`, `\copy`, `\if`, ...), and for the use of a variable that `\set` gave a value.
pub fn split(text: &str) -> Result<Vec<Piece<'_>>> {
    if let Some(at) = text.find('\0') {
        return Err(Error::new("22021", "invalid byte sequence for encoding \"UTF8\": 0x00").at(at));
    }
    let mut pieces = Vec::new();
    let mut lexer = Lexer::new(text);
    let mut variables = Vec::new();
    while let Some((token, offset)) = lexer.next()? {
        match token {
            Token::Semicolon => {}
            Token::Backslash => {
                let line = lexer.rest_of_line(offset);
                check_meta(line, offset)?;
                if matches!(meta_command(line), "q" | "quit") {
                    break;
                }
                variables.extend(line.strip_prefix("\\set").and_then(|rest| rest.split_whitespace().next()));
                pieces.push(Piece::Meta { line, offset });
            }
            first => pieces.push(statement(&mut lexer, first, offset, &variables)?),
        }
    }
    Ok(pieces)
}

/// Whether the rows that a statement answers for are rows that it writes: of `insert`, `update`, `delete` and `merge`, after `with` too.
pub fn is_write(sql: &str) -> bool {
    let is_writing = |word: &str| ["insert", "update", "delete", "merge"].iter().any(|w| word.eq_ignore_ascii_case(w));
    match first_word(sql) {
        Some(word) if word.eq_ignore_ascii_case("with") => main_word(sql).is_some_and(is_writing),
        Some(word) => is_writing(word),
        None => false,
    }
}

/// What a statement does after its `with`: the first verb outside parentheses.
fn main_word(sql: &str) -> Option<&str> {
    const VERBS: [&str; 7] = ["select", "values", "table", "insert", "update", "delete", "merge"];
    let (mut lexer, mut depth) = (Lexer::new(sql), 0usize);
    while let Ok(Some((token, at))) = lexer.next() {
        match token {
            Token::Word(word) if depth == 0 && VERBS.iter().any(|verb| word.eq_ignore_ascii_case(verb)) => {
                return Some(word);
            }
            Token::Other if lexer.slice(at, lexer.position()) == "(" => depth += 1,
            Token::Other if lexer.slice(at, lexer.position()) == ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// The word with which a statement begins; nothing if it begins otherwise.
pub fn first_word(sql: &str) -> Option<&str> {
    match Lexer::new(sql).next() {
        Ok(Some((Token::Word(word), _))) => Some(word),
        _ => None,
    }
}

/// What a statement consists of, as it is written: words, strings, quoted names, and every other character by itself. Ends where a quote or comment never ends.
pub fn tokens(sql: &str) -> impl Iterator<Item = &str> {
    let mut lexer = Lexer::new(sql);
    std::iter::from_fn(move || {
        let (_, start) = lexer.next().ok()??;
        Some(lexer.slice(start, lexer.position()))
    })
}

/// What a statement is to the transaction that a whole script is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// `begin`, `commit` and their like: the script needs none of them.
    Idle,
    /// `rollback`, `abort` and `prepare transaction`: what came before would be undone, and what follows no part of it.
    Ends,
}

/// What a statement is to its transaction, if it is anything to it. `rollback to` a savepoint is not.
pub fn bound(sql: &str) -> Option<Bound> {
    let mut lexer = Lexer::new(sql);
    let mut word = || match lexer.next() {
        Ok(Some((Token::Word(word), _))) => word.to_ascii_lowercase(),
        _ => String::new(),
    };
    match word().as_str() {
        "begin" | "commit" | "end" => Some(Bound::Idle),
        "start" => (word() == "transaction").then_some(Bound::Idle),
        "prepare" => (word() == "transaction").then_some(Bound::Ends),
        "rollback" => {
            let next = word();
            let next = if matches!(next.as_str(), "work" | "transaction") { word() } else { next };
            (next != "to").then_some(Bound::Ends)
        }
        "abort" => Some(Bound::Ends),
        _ => None,
    }
}

/// Line and column, both from 1, of a byte offset; columns count characters.
pub fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Reads on from a statement's first token to its semicolon.
fn statement<'a>(lexer: &mut Lexer<'a>, first: Token<'a>, offset: usize, variables: &[&str]) -> Result<Piece<'a>> {
    let copy = is_word(first, "copy");
    let (mut previous, mut from_stdin) = (first, false);
    // Depth within `begin atomic ... end`, where `case ... end` nests.
    let mut atomic = 0usize;
    let mut end = lexer.position();
    while let Some((token, at)) = lexer.next()? {
        match token {
            Token::Colon => check_variable(lexer.slice(at, lexer.end()), at, variables)?,
            Token::Semicolon if atomic == 0 => {
                if copy && from_stdin {
                    let sql = lexer.slice(offset, end);
                    return Ok(Piece::Copy { sql, offset, data: lexer.copy_data() });
                }
                break;
            }
            Token::Backslash if ["\\g", "\\gx"].contains(&lexer.line(at)) => {
                lexer.rest_of_line(at);
                break;
            }
            Token::Backslash => check_meta(lexer.line(at), at)?,
            Token::Word(_) if is_word(previous, "begin") && is_word(token, "atomic") => atomic += 1,
            Token::Word(_) if atomic > 0 && is_word(token, "case") => atomic += 1,
            Token::Word(_) if atomic > 0 && is_word(token, "end") => atomic -= 1,
            Token::Word(_) if is_word(previous, "from") && is_word(token, "stdin") => from_stdin = true,
            _ => {}
        }
        previous = token;
        end = lexer.position();
    }
    Ok(Piece::Statement { sql: lexer.slice(offset, end), offset })
}

/// Refuses `:name`, `:'name'` and `:"name"` of psql variables that the script has set, which psql would replace.
fn check_variable(text: &str, at: usize, variables: &[&str]) -> Result<()> {
    let name = text[1..].trim_start_matches(['\'', '"']);
    let name = &name[..name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len())];
    if !variables.contains(&name) {
        return Ok(());
    }
    let message = format!("psql variable :{name} is not supported in a script");
    Err(Error::unsupported(message, "Write its value in its place.").at(at))
}

fn is_word(token: Token<'_>, word: &str) -> bool {
    matches!(token, Token::Word(w) if w.eq_ignore_ascii_case(word))
}

/// The name of the command in a line for psql.
fn meta_command(line: &str) -> &str {
    let end =
        line[1..].find(|c: char| !c.is_ascii_alphabetic() && c != '!' && c != '_').map_or(line.len(), |at| at + 1);
    &line[1..end]
}

/// Refuses the psql commands whose absence would change what the script does.
fn check_meta(line: &str, offset: usize) -> Result<()> {
    let command = meta_command(line);
    let instead = match command {
        "i" | "ir" | "include" | "include_relative" => "Put the other file's statements into this one.",
        "copy" => "Write it as `copy ... from stdin` with its data, or as inserts.",
        "if" | "elif" | "else" | "endif" => "Keep only the statements that are wanted.",
        "g" | "gx" | "gexec" | "gset" | "gdesc" | "crosstabview" | "!" | "o" | "w" => {
            "Remove the line, or write it as SQL."
        }
        _ => return Ok(()),
    };
    Err(Error::unsupported(format!("psql command \\{command} is not supported in a script"), instead).at(offset))
}
