//! The rights to what a dump makes are those that the dump says: default privileges of the database that takes it would add to them.

use super::Taken;
use crate::Catalog;
use crate::catalog::{DefaultObject, PUBLIC};
use crate::ddl::cursor::Cursor;
use crate::quote;
use crate::script::first_word;

/// Has the default privileges taken away before the dump's pieces, if the script is a dump that says who may do what. Gives what says them
/// anew once everything is there: the dump's own words, and those that were taken away.
pub(super) fn alone<'a>(pieces: &mut Vec<Taken<'a>>, catalog: &Catalog) -> Vec<Taken<'a>> {
    if !is_of_a_dump(pieces) || !says(pieces, is_right) {
        return Vec::new();
    }
    let mut before = Vec::new();
    let is_default = |taken: &mut Taken<'a>| taken.piece().statement().is_some_and(|(sql, _)| says_default(sql));
    let mut after: Vec<Taken<'a>> = pieces.extract_if(.., is_default).collect();
    for entry in &catalog.default_privileges {
        let place =
            entry.schema.as_ref().map(|schema| format!("in schema {} ", quote::ident(schema))).unwrap_or_default();
        let objects = objects(entry.object);
        for (role, privileges) in entry.grants.iter().filter(|(_, privileges)| !privileges.is_empty()) {
            let role = if role == PUBLIC { PUBLIC.to_owned() } else { quote::ident(role) };
            let words: Vec<&str> = privileges.iter().map(|privilege| privilege.word()).collect();
            let words = words.join(", ");
            before.push(made(format!("alter default privileges {place}revoke {words} on {objects} from {role}")));
            after.push(made(format!("alter default privileges {place}grant {words} on {objects} to {role}")));
        }
    }
    pieces.splice(0..0, before);
    after
}

fn says_default(sql: &str) -> bool {
    Cursor::new(sql).is_ok_and(|mut cursor| cursor.accept("alter default privileges"))
}

/// Whether pg_dump has made the script.
pub(super) fn is_of_a_dump(pieces: &[Taken<'_>]) -> bool {
    says(pieces, is_first_of_a_dump)
}

fn says(pieces: &[Taken<'_>], is: fn(&str) -> bool) -> bool {
    pieces.iter().any(|taken| taken.piece().statement().is_some_and(|(sql, _)| is(sql)))
}

/// A statement that the dump does not have.
pub(super) fn made<'a>(sql: String) -> Taken<'a> {
    Taken::Reduced { sql, data: None, offset: 0 }
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
