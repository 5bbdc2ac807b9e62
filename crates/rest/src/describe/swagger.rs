//! Swagger 2.0, as PostgREST writes it.

use basalt_sql::catalog::{ParamMode, Relation, Routine};
use basalt_types::{Base, Type, Volatility};
use serde_json::{Map, Value, json};

use super::types;
use super::visible::{Visible, split_comment};

const TYPES: [&str; 4] = [
    "application/json",
    "application/vnd.pgrst.object+json;nulls=stripped",
    "application/vnd.pgrst.object+json",
    "text/csv",
];

/// The description of the API at `url`. `secured`: whether it says that requests carry a token.
pub(super) fn document(visible: &Visible<'_>, url: &str, secured: bool) -> Value {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (title, description) = visible.about();
    let mut paths = Map::new();
    paths.insert(
        "/".into(),
        json!({"get": {
            "tags": ["Introspection"],
            "summary": "OpenAPI description (this document)",
            "produces": ["application/openapi+json", "application/json"],
            "responses": {"200": {"description": "OK"}},
        }}),
    );
    let mut parameters = shared_parameters();
    let mut definitions = Map::new();
    for relation in &visible.relations {
        let name = &relation.name.name;
        paths.insert(format!("/{name}"), relation_path(relation));
        definitions.insert(name.clone(), definition(visible, relation));
        parameters.insert(
            format!("body.{name}"),
            json!({"name": name, "description": name, "required": false, "in": "body", "schema": {"$ref": format!("#/definitions/{name}")}}),
        );
        for column in &relation.columns {
            let mut parameter = json!({"name": column.name, "required": false, "in": "query", "type": "string"});
            if let Some(comment) = &column.comment {
                parameter["description"] = comment.as_str().into();
            }
            parameters.insert(format!("rowFilter.{name}.{}", column.name), parameter);
        }
    }
    for routine in &visible.functions {
        paths.insert(format!("/rpc/{}", routine.name.name), function_path(routine));
    }
    let mut document = json!({
        "swagger": "2.0",
        "info": {"title": title, "description": description, "version": env!("CARGO_PKG_VERSION")},
        "host": host,
        "basePath": format!("/{path}"),
        "schemes": [scheme],
        "consumes": TYPES,
        "produces": TYPES,
        "paths": paths,
        "parameters": parameters,
        "definitions": definitions,
        "externalDocs": {"description": "PostgREST Documentation", "url": "https://postgrest.org/en/stable/references/api.html"},
    });
    if secured {
        document["securityDefinitions"] = json!({"JWT": {
            "description": "Add the token prepending \"Bearer \" (without quotes) to it",
            "type": "apiKey", "in": "header", "name": "Authorization",
        }});
        document["security"] = json!([{"JWT": []}]);
    }
    document
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/parameters/{name}")})
}

fn relation_path(relation: &Relation) -> Value {
    let name = &relation.name.name;
    let filters: Vec<Value> =
        relation.columns.iter().map(|c| reference(&format!("rowFilter.{name}.{}", c.name))).collect();
    let with = |own: &[&str]| -> Vec<Value> {
        filters.iter().cloned().chain(own.iter().map(|name| reference(name))).collect()
    };
    let body = format!("body.{name}");
    let operation = |parameters: Vec<Value>, responses: Value| {
        let mut operation = Map::new();
        operation.insert("tags".into(), json!([name]));
        comment(relation.comment.as_deref(), &mut operation);
        operation.insert("parameters".into(), parameters.into());
        operation.insert("responses".into(), responses);
        Value::Object(operation)
    };
    let rows = json!({
        "200": {"description": "OK", "schema": {"type": "array", "items": {"$ref": format!("#/definitions/{name}")}}},
        "206": {"description": "Partial Content"},
    });
    let reading = ["select", "order", "range", "rangeUnit", "offset", "limit", "preferCount"];
    let mut path = json!({"get": operation(with(&reading), rows)});
    if relation.takes().any() {
        let insert = [&body, "select", "preferPost"].map(reference).to_vec();
        let none = json!({"204": {"description": "No Content"}});
        path["post"] = operation(insert, json!({"201": {"description": "Created"}}));
        path["delete"] = operation(with(&["preferReturn"]), none.clone());
        path["patch"] = operation(with(&[&body, "preferReturn"]), none);
    }
    path
}

fn comment(text: Option<&str>, operation: &mut Map<String, Value>) {
    let Some((summary, description)) = text.map(split_comment) else { return };
    operation.insert("summary".into(), summary.into());
    if !description.is_empty() {
        operation.insert("description".into(), description.into());
    }
}

fn definition(visible: &Visible<'_>, relation: &Relation) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for column in &relation.columns {
        let mut schema = types::column(column);
        if let Some(text) = visible.column_description(relation, column) {
            schema.insert("description".into(), text.into());
        }
        if column.not_null {
            required.push(column.name.as_str());
        }
        properties.insert(column.name.clone(), schema.into());
    }
    let mut definition = Map::new();
    if let Some(comment) = &relation.comment {
        definition.insert("description".into(), comment.as_str().into());
    }
    if !required.is_empty() {
        definition.insert("required".into(), required.into());
    }
    definition.insert("properties".into(), properties.into());
    definition.insert("type".into(), "object".into());
    definition.into()
}

fn function_path(routine: &Routine) -> Value {
    let name = &routine.name.name;
    let mut properties = Map::new();
    let mut required = Vec::new();
    let mut query = Vec::new();
    for param in routine.inputs() {
        let optional = param.default.is_some();
        if !optional {
            required.push(param.name.as_str());
        }
        let mut parameter = types::schema(&param.ty);
        properties.insert(param.name.clone(), parameter.clone().into());
        let as_text = matches!(param.ty, Type::Array(_) | Type::Base(Base::Json | Base::Jsonb));
        if param.mode == ParamMode::Variadic {
            parameter.insert("collectionFormat".into(), "multi".into());
        } else if as_text {
            parameter.remove("items");
            parameter.insert("type".into(), "string".into());
        }
        parameter.insert("name".into(), param.name.as_str().into());
        parameter.insert("required".into(), (!optional).into());
        parameter.insert("in".into(), "query".into());
        query.push(Value::Object(parameter));
    }
    let mut schema = Map::new();
    if !required.is_empty() {
        schema.insert("required".into(), required.into());
    }
    schema.insert("type".into(), "object".into());
    if let Some(text) = &routine.comment {
        schema.insert("description".into(), text.as_str().into());
    }
    schema.insert("properties".into(), properties.into());

    let operation = |parameters: Vec<Value>| {
        let mut operation = Map::new();
        operation.insert("tags".into(), json!([format!("(rpc) {name}")]));
        comment(routine.comment.as_deref(), &mut operation);
        let produces = [
            "application/json",
            "application/vnd.pgrst.object+json;nulls=stripped",
            "application/vnd.pgrst.object+json",
        ];
        operation.insert("produces".into(), json!(produces));
        operation.insert("parameters".into(), parameters.into());
        operation.insert("responses".into(), json!({"200": {"description": "OK"}}));
        Value::Object(operation)
    };
    let body = json!({"required": true, "name": "args", "in": "body", "schema": schema});
    let mut path = Map::new();
    if routine.volatility != Volatility::Volatile {
        path.insert("get".into(), operation(query));
    }
    path.insert("post".into(), operation(vec![body, reference("preferParams")]));
    path.into()
}

fn shared_parameters() -> Map<String, Value> {
    let header = |name: &str, description: &str, values: &[&str]| {
        let mut parameter =
            json!({"name": name, "description": description, "required": false, "in": "header", "type": "string"});
        if !values.is_empty() {
            parameter["enum"] = json!(values);
        }
        parameter
    };
    let query = |name: &str, description: &str| json!({"name": name, "description": description, "required": false, "in": "query", "type": "string"});
    let returns = ["return=representation", "return=minimal", "return=none"];
    let resolutions = [&returns[..], &["resolution=ignore-duplicates", "resolution=merge-duplicates"]].concat();
    let mut unit = header("Range-Unit", "Limiting and Pagination", &[]);
    unit["default"] = "items".into();
    [
        ("preferParams", header("Prefer", "Preference", &["params=single-object"])),
        ("preferReturn", header("Prefer", "Preference", &returns)),
        ("preferCount", header("Prefer", "Preference", &["count=none"])),
        ("preferPost", header("Prefer", "Preference", &resolutions)),
        ("select", query("select", "Filtering Columns")),
        ("on_conflict", query("on_conflict", "On Conflict")),
        ("order", query("order", "Ordering")),
        ("range", header("Range", "Limiting and Pagination", &[])),
        ("rangeUnit", unit),
        ("offset", query("offset", "Limiting and Pagination")),
        ("limit", query("limit", "Limiting and Pagination")),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}
