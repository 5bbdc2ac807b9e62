//! Why a request can't be planned, in PostgREST's codes and words (contract: sections 8, 13, 16).

use basalt_query::{FunctionSuggestion, PlanError, UnnamedParameter};
use basalt_sql::Name;
use serde_json::json;

use super::named::Named;
use crate::error::RestError;

/// The answer to a request that can't be planned.
pub(crate) fn explain(error: PlanError) -> RestError {
    match error {
        PlanError::UnknownRelation { schema, name, suggestion } => {
            let message = format!("Could not find the table '{schema}.{name}' in the schema cache");
            hinted(
                RestError::new(404, "PGRST205", message),
                suggestion.as_ref().map(|near| format!("Perhaps you meant the table '{schema}.{near}'")),
            )
            .naming(suggestion.map(|near| Named::Relation(Name::new(schema, near))))
        }
        PlanError::NotEmbedded { name, alias } => {
            let error =
                RestError::new(400, "PGRST108", format!("'{name}' is not an embedded resource in this request"));
            match alias {
                Some(alias) => error
                    .details("Target names are not allowed in filters if they have an alias")
                    .hint(format!("Change '{name}' to '{alias}' in filters, orders or limits.")),
                None => error.hint(format!("Verify that '{name}' is included in the 'select' query parameter.")),
            }
        }
        PlanError::NoRelationship { origin, target, hint, schema, suggestion } => {
            let using = hint.map_or_else(String::new, |hint| format!("using the hint '{hint}' "));
            let message =
                format!("Could not find a relationship between '{origin}' and '{target}' in the schema cache");
            let details = format!(
                "Searched for a foreign key relationship between '{origin}' and '{target}' {using}in the schema '{schema}', but no matches were found."
            );
            hinted(
                RestError::new(400, "PGRST200", message).details(details),
                suggestion.as_ref().map(|s| format!("Perhaps you meant '{}' instead of '{}'.", s.near, s.given)),
            )
            .naming(suggestion.map(|s| Named::Relation(Name::new(schema, s.near))))
        }
        PlanError::AmbiguousRelationship { origin, target, candidates } => {
            let message = format!(
                "Could not embed because more than one relationship was found for '{origin}' and '{target}'"
            );
            let hints: Vec<String> = candidates.iter().map(|c| format!("'{}'", c.hint)).collect();
            let details: Vec<_> = candidates
                .iter()
                .map(|c| json!({"cardinality": c.cardinality, "embedding": c.embedding, "relationship": c.relationship}))
                .collect();
            RestError::new(300, "PGRST201", message).details(details).hint(format!(
                "Try changing '{target}' to one of the following: {}. Find the desired relationship in the 'details' key.",
                hints.join(", ")
            ))
        }
        PlanError::RelatedOrderNotPossible { origin, target } => {
            RestError::new(400, "PGRST118", format!("A related order on '{target}' is not possible")).details(format!(
                "'{origin}' and '{target}' do not form a many-to-one or one-to-one relationship"
            ))
        }
        PlanError::AggregatesDisabled => RestError::new(400, "PGRST123", "Use of aggregate functions is not allowed"),
        PlanError::AggregateInToManySpread => RestError::new(400, "PGRST127", "Feature not implemented")
            .details("Aggregates are not implemented for one-to-many or many-to-many spreads."),
        PlanError::TooDeep { limit } => {
            RestError::new(400, "BST004", format!("Resources are embedded more than {limit} levels deep"))
                .hint("Ask for less at once, or raise `api.max_embed_depth` in basalt.toml.")
        }
        PlanError::UnknownColumn { column, relation } => RestError::new(
            400,
            "PGRST204",
            format!("Could not find the '{column}' column of '{relation}' in the schema cache"),
        ),
        PlanError::PutFilters => RestError::new(
            405,
            "PGRST105",
            "Filters must include all and only primary key columns with 'eq' operators",
        ),
        PlanError::NoRowKey { relation } => {
            RestError::new(400, "BST013", format!("\"{}\" has no primary key that tells its rows apart", relation.name))
                .details("Writes that are limited to some rows need one, but for plain tables.")
                .hint("Filter the rows to write instead, or write to the table behind it.")
        }
        PlanError::UnknownFunction { schema, name, arguments, unnamed, suggestion } => {
            unknown_function(&schema, &name, &arguments, unnamed, suggestion)
        }
        PlanError::AmbiguousFunction(candidates) => RestError::new(
            300,
            "PGRST203",
            format!("Could not choose the best candidate function between: {}", candidates.join(", ")),
        )
        .hint(
            "Try renaming the parameters or the function itself in the database so function overloading can be resolved",
        ),
        PlanError::Database(error) => RestError::database(&error, false),
    }
}

fn unknown_function(
    schema: &str,
    name: &str,
    arguments: &[String],
    unnamed: UnnamedParameter,
    suggestion: Option<FunctionSuggestion>,
) -> RestError {
    let list = arguments.join(", ");
    let (called, searched) = match (unnamed, arguments) {
        (UnnamedParameter::Raw(ty), _) => (String::new(), format!(" with a single unnamed {ty} parameter")),
        (_, []) => (" without parameters".into(), " without parameters".into()),
        (_, [one]) => (format!("({one})"), format!(" with parameter {one}")),
        _ => (format!("({list})"), format!(" with parameters {list}")),
    };
    let or_json = if unnamed == UnnamedParameter::Json { " or with a single unnamed json/jsonb parameter" } else { "" };
    let error = RestError::new(
        404,
        "PGRST202",
        format!("Could not find the function {schema}.{name}{called} in the schema cache"),
    )
    .details(format!(
        "Searched for the function {schema}.{name}{searched}{or_json}, but no matches were found in the schema cache."
    ));
    let function = match &suggestion {
        Some(FunctionSuggestion::Name(near)) => near,
        _ => name,
    };
    let named = Named::Function(Name::new(schema, function));
    hinted(
        error,
        suggestion.map(|suggestion| match suggestion {
            FunctionSuggestion::Name(near) => format!("Perhaps you meant to call the function {schema}.{near}"),
            FunctionSuggestion::Parameters(parameters) => {
                format!("Perhaps you meant to call the function {schema}.{name}({})", parameters.join(", "))
            }
        }),
    )
    .naming(Some(named))
}

fn hinted(error: RestError, hint: Option<String>) -> RestError {
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
