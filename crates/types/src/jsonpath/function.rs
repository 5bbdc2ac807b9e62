//! `jsonb_path_query` and its kin, `@?` and `@@`.

use basalt_core::{Error, Result};

use super::evaluate::{Evaluation, Fault};
use super::item::Item;
use super::stored;
use crate::Base::{Bool, Jsonb, Jsonpath};
use crate::Implementation::Rust;
use crate::Kind::{self, Is};
use crate::json::{Json, parse_jsonb};
use crate::{Context, Function, Operator, SetFunction, Type, Value, ValueRef};

const ARGS: &[Kind] = &[Is(Jsonb), Is(Jsonpath), Is(Jsonb), Is(Bool)];
const NAMES: &[&str] = &["target", "path", "vars", "silent"];

const fn function(name: &'static str, returns: Kind, code: fn(&Context, &[ValueRef<'_>]) -> Result<Value>) -> Function {
    Function::new(name, ARGS, returns, Rust(code)).optional(2).named(NAMES)
}

const fn set(name: &'static str, columns: &'static [(&'static str, Kind)]) -> SetFunction {
    SetFunction { name, args: ARGS, names: NAMES, optional: 2, columns, rows: query }
}

/// Those that end with `_tz` may compare times with time zones, which the others refuse: there are no times at all here.
pub(crate) const FUNCTIONS: &[Function] = &[
    function("jsonb_path_exists", Is(Bool), exists),
    function("jsonb_path_exists_tz", Is(Bool), exists),
    function("jsonb_path_match", Is(Bool), matches),
    function("jsonb_path_match_tz", Is(Bool), matches),
    function("jsonb_path_query_array", Is(Jsonb), query_array),
    function("jsonb_path_query_array_tz", Is(Jsonb), query_array),
    function("jsonb_path_query_first", Is(Jsonb), query_first),
    function("jsonb_path_query_first_tz", Is(Jsonb), query_first),
];

pub(crate) const OPERATORS: &[Operator] = &[
    Operator::binary("@?", Is(Jsonb), Is(Jsonpath), Is(Bool), Rust(exists_silently)),
    Operator::binary("@@", Is(Jsonb), Is(Jsonpath), Is(Bool), Rust(matches_silently)),
];

pub(crate) const SET_FUNCTIONS: &[SetFunction] = &[
    set("jsonb_path_query", &[("jsonb_path_query", Is(Jsonb))]),
    set("jsonb_path_query_tz", &[("jsonb_path_query_tz", Is(Jsonb))]),
];

/// A call: the document, the path, the variables, and whether errors are passed over.
struct Call<'a> {
    document: Json<'a>,
    path: &'a str,
    variables: Option<Json<'a>>,
    silent: bool,
}

impl<'a> Call<'a> {
    fn of(args: &[ValueRef<'a>]) -> Result<Call<'a>> {
        let &[document, path, ..] = args else { return Err(Error::internal("a path without a document")) };
        let variables = match args.get(2) {
            Some(variables) => parse_jsonb(variables.text())?,
            None => Json::Object(Vec::new()),
        };
        if !matches!(variables, Json::Object(_)) {
            return Err(Error::new("22023", "\"vars\" argument is not an object")
                .with_detail("Jsonpath parameters should be encoded as key-value pairs of \"vars\" object."));
        }
        let silent = args.get(3).is_some_and(|silent| silent.int() != 0);
        Ok(Call { document: parse_jsonb(document.text())?, path: path.text(), variables: Some(variables), silent })
    }

    /// What the path finds, as far as it comes if errors are passed over.
    fn found<T>(&self, give: impl FnOnce(&[Item<'_>]) -> T) -> Result<T> {
        let path = stored(self.path)?;
        let mut evaluation = Evaluation::new(&path, &self.document, self.variables.as_ref());
        let mut found = Vec::new();
        match evaluation.chain(&path.chain, Some(&mut found)) {
            Err(Fault::Fatal(error)) => Err(error),
            Err(Fault::Suppressible(error)) if !self.silent => Err(error),
            _ => Ok(give(&found)),
        }
    }

    fn exists(&self) -> Result<Value> {
        let path = stored(self.path)?;
        let mut evaluation = Evaluation::new(&path, &self.document, self.variables.as_ref());
        // In strict mode everything is looked at, lest an error be missed.
        let exists = match path.lax {
            true => evaluation.chain(&path.chain, None),
            false => evaluation.items(&path.chain, false).map(|found| !found.is_empty()),
        };
        match exists {
            Ok(exists) => Ok(exists.into()),
            Err(Fault::Fatal(error)) => Err(error),
            Err(Fault::Suppressible(error)) if !self.silent => Err(error),
            Err(Fault::Suppressible(_)) => Ok(Value::Null),
        }
    }

    fn matches(&self) -> Result<Value> {
        let single = self.found(|found| match found {
            [item] => match item.json() {
                Json::Bool(truth) => Some(Value::from(*truth)),
                Json::Null => Some(Value::Null),
                _ => None,
            },
            _ => None,
        })?;
        match single {
            Some(value) => Ok(value),
            None if self.silent => Ok(Value::Null),
            None => Err(Error::new("22038", "single boolean result is expected")),
        }
    }
}

fn exists(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Call::of(args)?.exists()
}

fn exists_silently(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Call { silent: true, variables: None, ..Call::of(args)? }.exists()
}

fn matches(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Call::of(args)?.matches()
}

fn matches_silently(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Call { silent: true, variables: None, ..Call::of(args)? }.matches()
}

fn query_array(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let call = Call::of(args)?;
    call.found(|found| {
        let elements = found.iter().map(|item| item.json().clone()).collect();
        Value::from(Json::Array(elements).to_jsonb())
    })
}

fn query_first(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Call::of(args)?.found(|found| Value::from(found.first().map(|item| item.json().to_jsonb())))
}

fn query(_: &Context, _: &[Type], args: &[ValueRef<'_>]) -> Result<Vec<Vec<Value>>> {
    if args.iter().any(|arg| arg.is_null()) {
        return Ok(Vec::new());
    }
    Call::of(args)?.found(|found| found.iter().map(|item| vec![Value::from(item.json().to_jsonb())]).collect())
}
