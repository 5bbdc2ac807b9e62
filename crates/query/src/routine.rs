//! Which overload a call means.

use std::collections::BTreeSet;
use std::sync::Arc;

use basalt_core::nearest;
use basalt_sql::catalog::{Param, Routine};
use basalt_sql::{Catalog, Name};
use basalt_types::{Base, Type};

use crate::ask::{Arguments, Call};
use crate::{FunctionSuggestion, PlanError, ResultShape, UnnamedParameter};

/// The least similarity of a suggested function, and of a suggested parameter list.
const SIMILAR_NAME: f64 = 0.75;
const SIMILAR_PARAMETERS: f64 = 0.33;

/// The function of a call.
///
/// Errors: [`PlanError::UnknownFunction`], [`PlanError::AmbiguousFunction`].
pub(crate) fn choose<'a>(catalog: &'a Catalog, call: &Call) -> Result<&'a Arc<Routine>, PlanError> {
    let overloads = catalog.functions.get(&call.function).map_or(&[][..], Vec::as_slice);
    let names = names(&call.arguments);
    let raw = matches!(call.arguments, Arguments::Raw { .. });
    let by_name = |routine: &&Arc<Routine>| is_exposed(routine) && takes(routine, &names, raw);
    if let Some(chosen) = one(overloads.iter().filter(by_name))? {
        return Ok(chosen);
    }
    let is_suited = |taken: &str| match call.arguments {
        Arguments::Named(_) => false,
        Arguments::Json { .. } => matches!(taken, "json" | "jsonb"),
        Arguments::Raw { takes, .. } => taken == takes,
    };
    let by_body = |routine: &&Arc<Routine>| takes_whole(routine).is_some_and(&is_suited);
    one(overloads.iter().filter(by_body))?.ok_or_else(|| unknown(catalog, call, &names, overloads))
}

/// The single unnamed parameter of a function that takes a whole body.
pub(crate) fn unnamed(routine: &Routine) -> Option<&Param> {
    let mut inputs = routine.inputs();
    match (inputs.next(), inputs.next()) {
        (Some(param), None) if param.name.is_empty() => Some(param),
        _ => None,
    }
}

/// What a function gives.
pub(crate) fn shape(routine: &Routine) -> ResultShape {
    let of_fields = matches!(&routine.returns, Type::Record(fields) if !fields.is_empty());
    let composite = routine.returns_relation.is_some() || routine.outputs().next().is_some() || of_fields;
    let record = matches!(routine.returns, Type::Record(_));
    match (composite, record, routine.returns_set) {
        (true, _, false) => ResultShape::Composite,
        (true, _, true) => ResultShape::SetOfComposite,
        (false, true, false) => ResultShape::Record,
        (false, true, true) => ResultShape::SetOfRecord,
        (false, false, true) => ResultShape::SetOfScalar,
        (false, false, false) if routine.returns == Type::VOID => ResultShape::Void,
        (false, false, false) => ResultShape::Scalar,
    }
}

fn names(arguments: &Arguments) -> BTreeSet<&str> {
    match arguments {
        Arguments::Named(named) => named.iter().map(|(name, _)| name.as_str()).collect(),
        Arguments::Json { keys, .. } => keys.iter().map(String::as_str).collect(),
        Arguments::Raw { .. } => BTreeSet::new(),
    }
}

fn is_exposed(routine: &Routine) -> bool {
    let is_named = |param: &Param| !param.name.is_empty();
    !routine.is_fired() && (routine.inputs().all(is_named) || takes_whole(routine).is_some())
}

/// The type of a single unnamed parameter that a whole body can be.
fn takes_whole(routine: &Routine) -> Option<&'static str> {
    match &unnamed(routine)?.ty {
        Type::Base(base @ (Base::Bytea | Base::Json | Base::Jsonb | Base::Text)) => Some(base.sql_name()),
        Type::Other(of) if of.schema == "pg_catalog" && of.name == "xml" => Some("xml"),
        _ => None,
    }
}

/// Whether a function takes exactly these arguments: all that it requires, and nothing that it doesn't know.
fn takes(routine: &Routine, names: &BTreeSet<&str>, raw: bool) -> bool {
    let mut inputs = routine.inputs().peekable();
    if inputs.peek().is_none() {
        return names.is_empty() && !raw;
    }
    let given = inputs.all(|param| param.default.is_some() || names.contains(param.name.as_str()));
    given && names.iter().all(|name| routine.inputs().any(|param| param.name == *name))
}

fn one<'a>(mut matching: impl Iterator<Item = &'a Arc<Routine>>) -> Result<Option<&'a Arc<Routine>>, PlanError> {
    let (first, second) = (matching.next(), matching.next());
    match second {
        None => Ok(first),
        Some(_) => {
            let all = first.into_iter().chain(second).chain(matching);
            Err(PlanError::AmbiguousFunction(all.map(|routine| signature(routine)).collect()))
        }
    }
}

/// `s.f(a => integer, b => text)`.
fn signature(routine: &Routine) -> String {
    let params = routine.inputs().map(|param| format!("{} => {}", param.name, param.ty.sql_name()));
    format!("{}({})", routine.name, params.collect::<Vec<_>>().join(", "))
}

fn unknown(catalog: &Catalog, call: &Call, names: &BTreeSet<&str>, overloads: &[Arc<Routine>]) -> PlanError {
    let Name { schema, name } = &call.function;
    let unnamed = match &call.arguments {
        Arguments::Named(_) => UnnamedParameter::None,
        Arguments::Json { .. } => UnnamedParameter::Json,
        Arguments::Raw { takes, .. } => UnnamedParameter::Raw(takes),
    };
    let exposed: Vec<_> = overloads.iter().filter(|routine| is_exposed(routine)).collect();
    let suggestion = if exposed.is_empty() {
        let known = catalog.functions.iter().filter(|(known, _)| known.schema == *schema);
        let known = known.filter(|(_, overloads)| overloads.iter().any(|routine| is_exposed(routine)));
        let near = nearest(name, known.map(|(known, _)| known.name.as_str()), SIMILAR_NAME);
        near.map(|near| FunctionSuggestion::Name(near.to_owned()))
    } else {
        nearest_parameters(names, &exposed).map(FunctionSuggestion::Parameters)
    };
    PlanError::UnknownFunction {
        schema: schema.clone(),
        name: name.clone(),
        arguments: names.iter().map(|name| (*name).to_owned()).collect(),
        unnamed,
        suggestion,
    }
}

fn nearest_parameters(names: &BTreeSet<&str>, overloads: &[&Arc<Routine>]) -> Option<Vec<String>> {
    let sorted = |routine: &Routine| routine.inputs().map(|param| param.name.clone()).collect::<BTreeSet<_>>();
    let named = overloads.iter().filter(|routine| unnamed(routine).is_none());
    let lists: Vec<Vec<String>> = named.map(|routine| sorted(routine).into_iter().collect()).collect();
    let texts: Vec<String> = lists.iter().map(|list| list.join(", ")).collect();
    let given = names.iter().copied().collect::<Vec<_>>().join(", ");
    let near = nearest(&given, texts.iter().map(String::as_str), SIMILAR_PARAMETERS)?;
    let index = texts.iter().position(|text| text == near)?;
    lists.into_iter().nth(index)
}
