//! What is known of the database, for operators: the tables, relationships and functions of the exposed schemas.

use basalt_query::relationship::{Cardinality, Kind, Relationship};
use basalt_sql::Name;
use basalt_sql::catalog::{Column, Relation, Routine};
use serde_json::{Value, json};

use crate::door::Current;

/// The whole of it, under the words that PostgREST's `/schema_cache` has.
pub(crate) fn document(current: &Current, schemas: &[String]) -> Value {
    let (catalog, relationships) = (current.planner.catalog(), current.planner.relationships());
    let is_exposed = |name: &Name| schemas.contains(&name.schema);
    let relations: Vec<&Relation> =
        catalog.relations.values().filter(|relation| is_exposed(&relation.name)).map(AsRef::as_ref).collect();
    let ways = relations
        .iter()
        .flat_map(|relation| relationships.of(&relation.name).iter().map(|way| relationship(&relation.name, way)));
    let routines = catalog.functions.values().flatten().filter(|routine| is_exposed(&routine.name));
    let representations = catalog.representations.iter().map(|(domain, by)| {
        json!({"domain": domain.to_string(), "toJson": text(&by.to_json), "fromText": text(&by.from_text),
               "fromJson": text(&by.from_json)})
    });
    let handlers = catalog.media_handlers.iter().map(|handler| json!({"mediaType": handler.media}));
    json!({
        "dbTables": relations.iter().map(|relation| table(relation)).collect::<Vec<_>>(),
        "dbRelationships": ways.collect::<Vec<_>>(),
        "dbRoutines": routines.map(|routine| function(routine)).collect::<Vec<_>>(),
        "dbRepresentations": representations.collect::<Vec<_>>(),
        "dbMediaHandlers": handlers.collect::<Vec<_>>(),
    })
}

fn text(name: &Option<Name>) -> Option<String> {
    name.as_ref().map(Name::to_string)
}

fn table(relation: &Relation) -> Value {
    let takes = relation.takes();
    json!({
        "schema": relation.name.schema, "name": relation.name.name, "description": relation.comment,
        "isView": relation.view().is_some(), "primaryKey": relation.primary_key().unwrap_or_default(),
        "insertable": takes.insert, "updatable": takes.update, "deletable": takes.delete,
        "columns": relation.columns.iter().map(column).collect::<Vec<_>>(),
    })
}

fn column(column: &Column) -> Value {
    json!({
        "name": column.name, "type": column.ty.sql_name(), "nullable": !column.not_null,
        "default": column.default, "description": column.comment,
    })
}

fn relationship(origin: &Name, relationship: &Relationship) -> Value {
    let (cardinality, by) = match &relationship.kind {
        Kind::Key { cardinality, constraint, .. } => {
            let word = match cardinality {
                Cardinality::OneToMany => "one-to-many",
                Cardinality::ManyToOne => "many-to-one",
                Cardinality::OneToOne => "one-to-one",
            };
            (word, constraint)
        }
        Kind::Junction { junction, .. } => ("many-to-many", &junction.name),
        Kind::Computed { function, to_many: true } => ("one-to-many", &function.name),
        Kind::Computed { function, to_many: false } => ("many-to-one", &function.name),
    };
    json!({"origin": origin.to_string(), "target": relationship.target.to_string(), "cardinality": cardinality, "by": by})
}

fn function(routine: &Routine) -> Value {
    let parameter = |param: &basalt_sql::catalog::Param| json!({"name": param.name, "type": param.ty.sql_name(), "required": param.default.is_none()});
    json!({
        "schema": routine.name.schema, "name": routine.name.name, "description": routine.comment,
        "parameters": routine.inputs().map(parameter).collect::<Vec<_>>(),
        "returns": routine.returns.sql_name(), "returnsSet": routine.returns_set,
        "volatility": format!("{:?}", routine.volatility).to_lowercase(),
    })
}
