//! The rights to what a dump makes are those that the dump says: default privileges of the database that takes it would add to them.

use super::Taken;
use crate::Catalog;
use crate::catalog::{DefaultObject, PUBLIC};
use crate::quote;
use crate::script::{Piece, first_word};

/// Has the default privileges taken away before the dump's pieces, and given back after them, if the script is a dump that says who may do
/// what.
pub(super) fn alone(pieces: &mut Vec<Taken<'_>>, catalog: &Catalog) {
    if !is_of_a_dump(pieces) || !says(pieces, is_right) {
        return;
    }
    let end = pieces.last().map_or(0, |taken| offset(&taken.piece()));
    let mut before = Vec::new();
    for entry in &catalog.default_privileges {
        let place =
            entry.schema.as_ref().map(|schema| format!("in schema {} ", quote::ident(schema))).unwrap_or_default();
        let objects = objects(entry.object);
        for (role, privileges) in entry.grants.iter().filter(|(_, privileges)| !privileges.is_empty()) {
            let role = if role == PUBLIC { PUBLIC.to_owned() } else { quote::ident(role) };
            let words: Vec<&str> = privileges.iter().map(|privilege| privilege.word()).collect();
            let words = words.join(", ");
            before.push(made(format!("alter default privileges {place}revoke {words} on {objects} from {role}"), 0));
            pieces.push(made(format!("alter default privileges {place}grant {words} on {objects} to {role}"), end));
        }
    }
    pieces.splice(0..0, before);
}

/// Whether pg_dump has made the script.
pub(super) fn is_of_a_dump(pieces: &[Taken<'_>]) -> bool {
    says(pieces, is_first_of_a_dump)
}

fn says(pieces: &[Taken<'_>], is: fn(&str) -> bool) -> bool {
    pieces.iter().any(|taken| taken.piece().statement().is_some_and(|(sql, _)| is(sql)))
}

/// A statement that the dump does not have.
pub(super) fn made<'a>(sql: String, offset: usize) -> Taken<'a> {
    Taken::Reduced { sql, data: None, offset }
}

fn offset(piece: &Piece<'_>) -> usize {
    piece.statement().map_or(0, |(_, offset)| offset)
}

/// `select pg_catalog.set_config('search_path', '', false)`, which every dump begins with.
fn is_first_of_a_dump(sql: &str) -> bool {
    first_word(sql).is_some_and(|word| word.eq_ignore_ascii_case("select"))
        && sql.contains("pg_catalog.set_config('search_path', ''")
}

fn is_right(sql: &str) -> bool {
    first_word(sql).is_some_and(|word| word.eq_ignore_ascii_case("grant") || word.eq_ignore_ascii_case("revoke"))
}

fn objects(object: DefaultObject) -> &'static str {
    match object {
        DefaultObject::Tables => "tables",
        DefaultObject::Sequences => "sequences",
        DefaultObject::Functions => "functions",
    }
}
