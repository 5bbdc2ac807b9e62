//! The column that somebody may have meant, as PostgreSQL finds it (`src/backend/parser/parse_relation.c`).

use basalt_core::Error;

use super::scope::{Scope, Source};

/// Edits further away than this are no slips of the pen.
const FURTHEST: usize = 3;

/// 42703, with up to two columns of a similar name in the hint.
pub(super) fn missing_column(scope: &Scope<'_>, table: Option<&str>, name: &str) -> Error {
    let error = match table {
        Some(table) => Error::new("42703", format!("column {table}.{name} does not exist")),
        None => Error::new("42703", format!("column \"{name}\" does not exist")),
    };
    let (mut closest, mut found): (usize, Vec<String>) = (FURTHEST + 1, Vec::new());
    for source in scope.levels().flat_map(|level| &level.sources) {
        let penalty = table.map_or(0, |table| distance(table, &source.alias));
        for column in source.columns.iter().filter(|column| !column.hidden) {
            let edits = distance(&column.name, name);
            // With more than half of it different, it is another name.
            if edits > name.len() / 2 || edits + penalty > closest {
                continue;
            }
            if edits + penalty < closest {
                closest = edits + penalty;
                found.clear();
            }
            found.push(shown(source, &column.name));
        }
    }
    match (closest <= FURTHEST, found.as_slice()) {
        (true, [one]) => error.with_hint(format!("Perhaps you meant to reference the column {one}.")),
        (true, [one, other]) => {
            error.with_hint(format!("Perhaps you meant to reference the column {one} or the column {other}."))
        }
        _ => error,
    }
}

fn shown(source: &Source, column: &str) -> String {
    format!("\"{}.{column}\"", source.alias)
}

/// Characters to insert, delete or replace (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn edits_are_counted() {
        assert_eq!([distance("", "ab"), distance("label", "level"), distance("kitten", "sitting")], [2, 2, 3]);
    }
}
