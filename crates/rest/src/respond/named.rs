//! Hints name only what their reader may use. Planning, and PostgreSQL itself, look for similar names among all there are.

use basalt_sql::catalog::{Privilege, Relation};
use basalt_sql::{Catalog, Name};

use crate::error::RestError;

/// What a hint names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    Relation(Name),
    Function(Name),
    /// Columns of what the statement reads, as PostgreSQL words it: `... the column "films.title" or the column "films.titles".`
    Columns,
}

impl RestError {
    /// Remembers what its hint names.
    pub(crate) fn naming(mut self, named: Option<Named>) -> RestError {
        self.named = named;
        self
    }

    /// As it is told to a role: without its hint, if that names what the role may not use.
    pub(crate) fn told_to(mut self, catalog: &Catalog, role: &str) -> RestError {
        let may_know = match (self.named.take(), &self.body.hint) {
            (None, _) | (_, None) => true,
            (Some(Named::Relation(name)), _) => {
                catalog.relations.get(&name).is_none_or(|relation| uses(catalog, role, relation))
            }
            (Some(Named::Function(name)), _) => catalog
                .functions
                .get(&name)
                .into_iter()
                .flatten()
                .any(|routine| catalog.allows(role, &routine.owner, &routine.grants, Privilege::Execute)),
            (Some(Named::Columns), Some(hint)) => {
                columns(hint).all(|(alias, column)| selects(catalog, role, alias, column))
            }
        };
        if !may_know {
            self.body.hint = None;
        }
        self
    }
}

fn uses(catalog: &Catalog, role: &str, relation: &Relation) -> bool {
    let all = [Privilege::Select, Privilege::Insert, Privilege::Update, Privilege::Delete];
    all.into_iter().any(|privilege| catalog.allows_any(role, relation, privilege))
}

/// Table and column of each name in quotes.
fn columns(hint: &str) -> impl Iterator<Item = (&str, &str)> {
    let suggested = hint.strip_prefix("Perhaps you meant to reference the column ").unwrap_or_default();
    suggested.split('"').skip(1).step_by(2).filter_map(|name| name.split_once('.'))
}

/// Whether a role may select a column of every relation that a statement may have read under that name: `films`, `films_1`, or whatever
/// a resource was called.
fn selects(catalog: &Catalog, role: &str, alias: &str, column: &str) -> bool {
    let is_of = |name: &str| alias.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
    let having = || catalog.relations.values().filter_map(|relation| Some((relation, relation.column(column)?)));
    let is_known = having().any(|(relation, _)| is_of(&relation.name.name));
    having()
        .filter(|(relation, _)| !is_known || is_of(&relation.name.name))
        .all(|(relation, column)| catalog.allows_column(role, relation, column, Privilege::Select))
}

#[cfg(test)]
mod tests {
    use super::columns;

    #[test]
    fn the_columns_of_a_hint_are_found() {
        let hint = "Perhaps you meant to reference the column \"films.title\" or the column \"films.titles\".";
        assert_eq!(columns(hint).collect::<Vec<_>>(), [("films", "title"), ("films", "titles")]);
        assert_eq!(columns("Write \"it.otherwise\".").count(), 0);
    }
}
