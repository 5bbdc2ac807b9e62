//! OpenAPI 3.1 with JSON Schema 2020-12, for today's generators.

use basalt_sql::catalog::{Relation, Routine};
use basalt_types::{Type, Volatility};
use serde_json::{Map, Value, json};

use super::types;
use super::visible::{Visible, split_comment};

pub(super) fn document(visible: &Visible<'_>, url: &str) -> Value {
    let (title, description) = visible.about();
    let mut paths = Map::new();
    let mut schemas = Map::new();
    schemas.insert("Error".into(), error_schema());
    for relation in &visible.relations {
        let name = &relation.name.name;
        schemas.insert(name.clone(), row_schema(visible, relation, false));
        if relation.takes().any() {
            schemas.insert(format!("{name}.write"), row_schema(visible, relation, true));
        }
        paths.insert(format!("/{name}"), relation_path(relation));
    }
    for routine in &visible.functions {
        paths.insert(format!("/rpc/{}", routine.name.name), function_path(visible, routine));
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": title, "description": description, "version": env!("CARGO_PKG_VERSION")},
        "servers": [{"url": url}],
        "security": [{"apikey": []}, {"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": shared_parameters(),
            "responses": {"Error": {
                "description": "What was wrong, and what to do",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            }},
            "securitySchemes": {
                "apikey": {"type": "apiKey", "in": "header", "name": "apikey"},
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    })
}

fn error_schema() -> Value {
    json!({
        "type": "object",
        "required": ["code", "message"],
        "properties": {
            "code": {"type": "string", "description": "A SQLSTATE or a PGRST code"},
            "message": {"type": "string"},
            "details": {"type": ["string", "array", "null"]},
            "hint": {"type": ["string", "null"]},
        },
    })
}

/// A relation's row as it is read, or as it may be written: then generated columns are left out and defaults are optional.
fn row_schema(visible: &Visible<'_>, relation: &Relation, writing: bool) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for column in &relation.columns {
        if writing && column.generated.is_some() {
            continue;
        }
        let mut schema = types::column(column);
        if let Some(text) = visible.column_description(relation, column) {
            schema.insert("description".into(), text.into());
        }
        let optional = column.default.is_some() || column.identity.is_some();
        if column.not_null && !(writing && optional) {
            required.push(column.name.as_str());
        }
        if !column.not_null {
            nullable(&mut schema);
        }
        properties.insert(column.name.clone(), schema.into());
    }
    let mut schema = json!({"type": "object", "required": required, "properties": properties});
    if let Some(comment) = &relation.comment {
        schema["description"] = comment.as_str().into();
    }
    schema
}

fn nullable(schema: &mut Map<String, Value>) {
    if let Some(kind) = schema.get("type").cloned() {
        schema.insert("type".into(), json!([kind, "null"]));
    }
    if let Some(Value::Array(labels)) = schema.get_mut("enum") {
        labels.push(Value::Null);
    }
}

fn relation_path(relation: &Relation) -> Value {
    let name = &relation.name.name;
    let filters: Vec<Value> = relation
        .columns
        .iter()
        .map(|c| {
            json!({"name": c.name, "in": "query", "schema": {"type": "string"},
                   "description": format!("Filter on {}: `eq.value`, `gt.value`, `in.(a,b)`, ...", c.name)})
        })
        .collect();
    let shared = |names: &[&str]| -> Vec<Value> {
        names.iter().map(|name| json!({"$ref": format!("#/components/parameters/{name}")})).collect()
    };
    let rows = json!({"type": "array", "items": {"$ref": format!("#/components/schemas/{name}")}});
    let content = |schema: &Value| json!({"application/json": {"schema": schema}});
    let row = json!({"$ref": format!("#/components/schemas/{name}.write")});
    let body = json!({"required": true, "content": content(&json!({"oneOf": [row, {"type": "array", "items": row}]}))});
    let operation = |verb: &str, parameters: Vec<Value>, responses: Value| {
        let mut operation = json!({"operationId": format!("{verb}_{name}"), "tags": [name], "parameters": parameters, "responses": responses});
        operation["responses"]["default"] = json!({"$ref": "#/components/responses/Error"});
        if let Some((summary, description)) = relation.comment.as_deref().map(split_comment) {
            operation["summary"] = summary.into();
            if !description.is_empty() {
                operation["description"] = description.into();
            }
        }
        operation
    };
    let reading = [filters.clone(), shared(&["select", "order", "limit", "offset", "prefer"])].concat();
    let writing = [filters, shared(&["select", "prefer"])].concat();
    let written = |status: &str| json!({status: {"description": "The rows, with `Prefer: return=representation`", "content": content(&rows)}});
    let mut path = json!({"get": operation("read", reading, json!({
        "200": {"description": "The rows", "content": content(&rows)},
        "206": {"description": "A part of the rows, when they were counted", "content": content(&rows)},
    }))});
    if relation.takes().any() {
        path["post"] = operation("insert", shared(&["select", "columns", "on_conflict", "prefer"]), written("201"));
        path["post"]["requestBody"] = body.clone();
        path["patch"] = operation("update", writing.clone(), written("200"));
        path["patch"]["requestBody"] = body;
        path["delete"] = operation("delete", writing, written("200"));
    }
    path
}

fn function_path(visible: &Visible<'_>, routine: &Routine) -> Value {
    let name = &routine.name.name;
    let mut properties = Map::new();
    let mut required = Vec::new();
    let mut query = Vec::new();
    for param in routine.inputs() {
        let optional = param.default.is_some();
        let schema = types::schema(&param.ty);
        query.push(json!({"name": param.name, "in": "query", "required": !optional, "schema": schema}));
        if !optional {
            required.push(param.name.as_str());
        }
        properties.insert(param.name.clone(), schema.into());
    }
    let result = result_schema(visible, routine);
    let response = if routine.returns == Type::VOID {
        json!({"204": {"description": "Done"}})
    } else {
        json!({"200": {"description": "The result", "content": {"application/json": {"schema": result}}}})
    };
    let operation = |verb: &str| {
        let mut operation =
            json!({"operationId": format!("{verb}_{name}"), "tags": ["functions"], "responses": response});
        operation["responses"]["default"] = json!({"$ref": "#/components/responses/Error"});
        if let Some((summary, description)) = routine.comment.as_deref().map(split_comment) {
            operation["summary"] = summary.into();
            if !description.is_empty() {
                operation["description"] = description.into();
            }
        }
        operation
    };
    let mut post = operation("call");
    let arguments = json!({"type": "object", "required": required, "properties": properties});
    post["requestBody"] =
        json!({"required": !required.is_empty(), "content": {"application/json": {"schema": arguments}}});
    let mut path = json!({"post": post});
    if routine.volatility != Volatility::Volatile {
        let mut get = operation("get");
        get["parameters"] = query.into();
        path["get"] = get;
    }
    path
}

fn result_schema(visible: &Visible<'_>, routine: &Routine) -> Value {
    let known = |name: &str| visible.relations.iter().any(|r| r.name.name == name);
    let one = match (&routine.returns_relation, &routine.returns) {
        (Some(relation), _) if relation.schema == visible.schema && known(&relation.name) => {
            json!({"$ref": format!("#/components/schemas/{}", relation.name)})
        }
        (_, Type::Record(fields)) => {
            let properties: Map<String, Value> =
                fields.iter().map(|(name, ty)| (name.clone(), types::schema(ty).into())).collect();
            json!({"type": "object", "properties": properties})
        }
        (_, ty) => types::schema(ty).into(),
    };
    if routine.returns_set { json!({"type": "array", "items": one}) } else { one }
}

fn shared_parameters() -> Value {
    let query = |name: &str, kind: &str, description: &str| json!({"name": name, "in": "query", "schema": {"type": kind}, "description": description});
    json!({
        "select": query("select", "string", "Columns, renames, casts and embedded resources: `id,name,orders(total)`"),
        "order": query("order", "string", "`column.asc`, `column.desc.nullslast`, ..."),
        "limit": query("limit", "integer", "Most rows to give"),
        "offset": query("offset", "integer", "Rows to skip"),
        "columns": query("columns", "string", "Columns of the body that take part"),
        "on_conflict": query("on_conflict", "string", "Columns of the unique key for an upsert"),
        "prefer": {"name": "Prefer", "in": "header", "schema": {"type": "string"},
                   "description": "`return=representation`, `count=exact`, `resolution=merge-duplicates`, ... (RFC 7240)"},
    })
}
