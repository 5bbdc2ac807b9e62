//! Calls of functions.

use std::sync::Arc;

use basalt_sql::Catalog;
use basalt_sql::catalog::{Param, ParamMode, Routine};
use basalt_types::{Type, Volatility};

use super::select::{self, Frame};
use super::writer::Writer;
use crate::ask::{Arguments, Call, Field, Item, Level};
use crate::body::{self, Object};
use crate::literal::{array_literal, has_name, push_type};
use crate::plan::{Aliases, Builder, Source};
use crate::planner::Planner;
use crate::routine::{choose, shape, unnamed};
use crate::{CallStatement, Hidden, PlanError, ResultShape, Statement};

/// The name of the column of a single value.
const VALUE: &str = "value";

/// A function call.
pub(crate) fn call(planner: &Planner, call: &Call, count: bool) -> Result<CallStatement, PlanError> {
    let routine = choose(planner.catalog(), call)?;
    let shape = shape(routine);
    let level = &call.level;
    let restricted = !level.conditions.is_empty() || level.limit.is_some() || level.offset.is_some();
    let statement = match shape {
        ResultShape::Composite | ResultShape::SetOfComposite => rows(planner, routine, call, level, shape, count)?,
        ResultShape::SetOfScalar => values(planner, routine, call, shape, count)?,
        ResultShape::Scalar if restricted => values(planner, routine, call, shape, false)?,
        _ => value(planner, routine, call)?,
    };
    let read_only = routine.volatility != Volatility::Volatile;
    Ok(CallStatement { statement, routine: routine.clone(), shape, read_only })
}

/// A call that gives one value, or none.
fn value(planner: &Planner, routine: &Routine, call: &Call) -> Result<Statement, PlanError> {
    let mut w = Writer::new(planner, Aliases::new(VALUE));
    w.push("SELECT ");
    invocation(&mut w, planner.catalog(), routine, &call.arguments)?;
    w.push(" AS ");
    w.ident(VALUE);
    let hidden = Hidden::default();
    Ok(Statement {
        sql: w.sql.into(),
        with: 0,
        columns: Arc::default(),
        params: w.params,
        count_sql: None,
        count_params: 0,
        relation: None,
        embedded: Vec::new(),
        computed: Vec::new(),
        hidden,
        places: Vec::new(),
    })
}

/// A call whose values are the rows of a FROM, so that they can be limited.
fn values(
    planner: &Planner,
    routine: &Routine,
    call: &Call,
    shape: ResultShape,
    count: bool,
) -> Result<Statement, PlanError> {
    let field = Field { name: VALUE.to_owned(), path: Vec::new() };
    let item = Item::Field { field, cast: None, aggregate: None, aggregate_cast: None, alias: None };
    let level = Level { items: vec![item], ..call.level.clone() };
    rows(planner, routine, call, &level, shape, count)
}

/// A call whose rows stand in a FROM.
fn rows(
    planner: &Planner,
    routine: &Routine,
    call: &Call,
    level: &Level,
    shape: ResultShape,
    count: bool,
) -> Result<Statement, PlanError> {
    let alias = routine.name.name.as_str();
    let source = match &routine.returns_relation {
        Some(relation) => Source::Relation(planner.relation(relation)?),
        None => Source::Columns(columns(routine, shape)),
    };
    let mut builder =
        Builder { planner, schema: &routine.name.schema, aliases: Aliases::new(alias), capped: shape.is_set() };
    let root = builder.root(source, alias, level)?;

    let mut w = Writer::new(planner, builder.aliases);
    // Of a row that is a single value every function of its type is a field, which clients could name; the row of a subquery is a record.
    let is_value = !shape.has_columns();
    w.push(if is_value { " FROM (SELECT * FROM " } else { " FROM " });
    invocation(&mut w, planner.catalog(), routine, &call.arguments)?;
    w.push(" AS ");
    w.alias(root.alias);
    if is_value {
        w.push("(");
        w.ident(VALUE);
        w.push(")) AS ");
        w.alias(root.alias);
    }
    // A volatile function must not be called a second time to count its rows.
    let total = count && routine.volatility == Volatility::Volatile;
    let hidden = if total { ", count(*) OVER () AS \"basalt:total\"" } else { "" }.to_owned();
    let of_rows = Hidden { total, ..Hidden::default() };
    let hidden_names = of_rows.names();
    let frame = Frame { filtered: true, count: count && !total, hidden, hidden_names, ..Frame::default() };
    let statement = select::finish(w, &root, frame);
    Ok(Statement { hidden: of_rows, ..statement })
}

/// The result columns of a function that returns no relation's rows.
fn columns(routine: &Routine, shape: ResultShape) -> Vec<(&str, &Type)> {
    let outputs: Vec<_> = routine.outputs().map(|param| (param.name.as_str(), &param.ty)).collect();
    match &routine.returns {
        // A single one of a composite type is the row itself.
        Type::Record(fields) if shape.has_columns() && outputs.len() < 2 => {
            fields.iter().map(|(name, ty)| (name.as_str(), ty)).collect()
        }
        _ if !outputs.is_empty() => outputs,
        ty => vec![(VALUE, ty)],
    }
}

/// `"s"."f"("a" => $1::integer)`.
fn invocation(
    w: &mut Writer<'_>,
    catalog: &Catalog,
    routine: &Routine,
    arguments: &Arguments,
) -> Result<(), PlanError> {
    w.name(&routine.name);
    w.push("(");
    let object = match arguments {
        Arguments::Json { json, keys } if unnamed(routine).is_none() => {
            let mut object = first_object(json)?;
            // With `columns` other members are ignored.
            object.retain(|name, _| keys.contains(name));
            object
        }
        _ => Object::new(),
    };
    let mut count = 0;
    for param in routine.inputs() {
        let value = match arguments {
            Arguments::Named(named) => named_value(param, named),
            Arguments::Json { json, .. } if param.name.is_empty() => Some(Some(json.clone())),
            Arguments::Json { .. } if param.relation.is_some() => {
                object.get(&param.name).map(|value| body::text(value, &Type::TEXT)).transpose()?
            }
            Arguments::Json { .. } => object.get(&param.name).map(|value| body::text(value, &param.ty)).transpose()?,
            Arguments::Raw { body, .. } => param.name.is_empty().then(|| Some(body.clone())),
        };
        // A parameter without an argument has a default.
        let Some(value) = value else { continue };
        w.comma(count);
        count += 1;
        w.push(if param.mode == ParamMode::Variadic { "VARIADIC " } else { "" });
        if !param.name.is_empty() {
            w.ident(&param.name);
            w.push(" => ");
        }
        match &param.relation {
            // A row of a table is told by its columns.
            Some(relation) if value.as_ref().is_some_and(|value| value.starts_with('{')) => {
                w.push("json_populate_record(NULL::");
                w.name(relation);
                w.push(", ");
                w.bind_value(value);
                w.push(")");
            }
            Some(relation) => {
                w.bind_value(value);
                w.push("::");
                w.name(relation);
            }
            None => {
                w.bind_value(value);
                // Without a name that is only its own, the type is that of the parameter.
                if has_name(catalog, &param.ty) {
                    w.push("::");
                    push_type(&mut w.sql, catalog, &param.ty);
                }
            }
        }
    }
    w.push(")");
    Ok(())
}

/// The literal of a parameter: of repeated ones the last, or all of a variadic parameter's.
fn named_value(param: &Param, named: &[(String, Vec<String>)]) -> Option<Option<String>> {
    let mut given = named.iter().filter(|(name, _)| *name == param.name).flat_map(|(_, values)| values);
    if param.mode == ParamMode::Variadic {
        let values: Vec<_> = given.collect();
        return (!values.is_empty()).then(|| Some(array_literal(&values)));
    }
    given.next_back().map(|value| Some(value.clone()))
}

/// The object of the arguments; the first of an array.
fn first_object(json: &str) -> Result<Object<'_>, PlanError> {
    Ok(body::rows(json)?.into_iter().next().unwrap_or_default())
}
