//! Which relationship an embedded resource means, and what to answer when none or several match.

use basalt_core::nearest;
use basalt_sql::Name;

use crate::relationship::{Cardinality, Kind, Relationship, Relationships};
use crate::{PlanError, RelationshipCandidate, Suggestion};

/// The least similarity of a suggested name.
const SIMILAR: f64 = 0.33;

/// The one relationship from `origin` that `target` and `hint` name.
///
/// Errors: [`PlanError::NoRelationship`], [`PlanError::AmbiguousRelationship`].
pub(crate) fn resolve<'a>(
    relationships: &'a Relationships,
    origin: &Name,
    target: &str,
    hint: Option<&str>,
) -> Result<&'a Relationship, PlanError> {
    let mut matching = relationships.of(origin).iter().filter(|known| matches(known, origin, target, hint));
    match (matching.next(), matching.next()) {
        (Some(one), None) => Ok(one),
        (Some(one), Some(other)) => {
            let all: Vec<_> = [one, other].into_iter().chain(matching).collect();
            Err(ambiguous(origin, target, all))
        }
        (None, _) => Err(missing(relationships, origin, target, hint)),
    }
}

fn matches(relationship: &Relationship, origin: &Name, target: &str, hint: Option<&str>) -> bool {
    let named = relationship.target.name == target;
    match &relationship.kind {
        Kind::Computed { function, .. } => function.name == target,
        Kind::Key { cardinality, columns, .. } if relationship.target == *origin => {
            let column = single(columns);
            match (cardinality, hint) {
                (Cardinality::OneToMany, None) => named,
                (Cardinality::OneToMany, Some(hint)) => named && column.is_some_and(|(_, theirs)| theirs == hint),
                (Cardinality::ManyToOne, None) => column.is_some_and(|(ours, _)| ours == target),
                _ => false,
            }
        }
        Kind::Key { constraint, columns, .. } => match hint {
            None => {
                let is_key = constraint == target || single(columns).is_some_and(|(ours, _)| ours == target);
                named || is_key && !relationship.target_is_view
            }
            Some(hint) => {
                let is_column = single(columns).is_some_and(|(ours, theirs)| ours == hint || theirs == hint);
                named && (constraint == hint || is_column)
            }
        },
        Kind::Junction { junction, .. } => named && hint.is_none_or(|hint| junction.name == hint),
    }
}

fn single(columns: &[(String, String)]) -> Option<(&str, &str)> {
    match columns {
        [(ours, theirs)] => Some((ours, theirs)),
        _ => None,
    }
}

fn ambiguous(origin: &Name, target: &str, mut all: Vec<&Relationship>) -> PlanError {
    all.sort_by(|a, b| order(a).cmp(&order(b)));
    let candidates = all.into_iter().map(|relationship| candidate(origin, relationship)).collect();
    PlanError::AmbiguousRelationship { origin: origin.name.clone(), target: target.to_owned(), candidates }
}

/// PostgREST's order of relationships: by kind, then by name. What a view shows more than once is told apart by where it leads.
fn order(relationship: &Relationship) -> (usize, &str, &str, &Name, &[(String, String)]) {
    let target = &relationship.target;
    match &relationship.kind {
        Kind::Key { cardinality, constraint, columns } => (*cardinality as usize, constraint, "", target, columns),
        Kind::Junction { junction, origin_constraint, origin_columns, .. } => {
            (3, &junction.name, origin_constraint, target, origin_columns)
        }
        Kind::Computed { function, .. } => (4, &function.name, "", target, &[]),
    }
}

fn candidate(origin: &Name, relationship: &Relationship) -> RelationshipCandidate {
    let (origin, target) = (&origin.name, &relationship.target.name);
    let join = |columns: Vec<&str>| columns.join(", ");
    let (cardinality, text, hint) = match &relationship.kind {
        Kind::Key { cardinality, constraint, columns } => {
            let word = match cardinality {
                Cardinality::OneToMany => "one-to-many",
                Cardinality::ManyToOne => "many-to-one",
                Cardinality::OneToOne => "one-to-one",
            };
            let ours = join(columns.iter().map(|(ours, _)| ours.as_str()).collect());
            let theirs = join(columns.iter().map(|(_, theirs)| theirs.as_str()).collect());
            (word, format!("{constraint} using {origin}({ours}) and {target}({theirs})"), constraint)
        }
        Kind::Junction { junction, origin_constraint, origin_columns, target_constraint, target_columns } => {
            let ours = join(origin_columns.iter().map(|(_, junction)| junction.as_str()).collect());
            let theirs = join(target_columns.iter().map(|(junction, _)| junction.as_str()).collect());
            let text = format!("{} using {origin_constraint}({ours}) and {target_constraint}({theirs})", junction.name);
            ("many-to-many", text, &junction.name)
        }
        Kind::Computed { function, to_many } => {
            let word = if *to_many { "one-to-many" } else { "many-to-one" };
            (word, format!("{} using {origin}", function.name), &function.name)
        }
    };
    RelationshipCandidate {
        cardinality,
        embedding: format!("{origin} with {target}"),
        relationship: text,
        hint: format!("{target}!{hint}"),
    }
}

fn missing(relationships: &Relationships, origin: &Name, target: &str, hint: Option<&str>) -> PlanError {
    // Where the name itself is known, something else was wrong.
    let near = |given: &str, known: Vec<&str>| {
        let near = nearest(given, known, SIMILAR).filter(|near| !near.eq_ignore_ascii_case(given))?;
        Some(Box::new(Suggestion { near: near.to_owned(), given: given.to_owned() }))
    };
    let children = relationships.of(origin);
    let suggestion = if children.is_empty() {
        let mut parents: Vec<_> = relationships.origins(&origin.schema).map(|name| name.name.as_str()).collect();
        parents.sort_unstable();
        near(&origin.name, parents)
    } else {
        near(target, children.iter().map(|child| child.target.name.as_str()).collect())
    };
    PlanError::NoRelationship {
        origin: origin.name.clone(),
        target: target.to_owned(),
        hint: hint.map(str::to_owned),
        schema: origin.schema.clone(),
        suggestion,
    }
}
