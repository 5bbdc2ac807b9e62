//! A function's body in the place of its call: inlined, or run in steps before; and the columns that it has to give.

use std::rc::Rc;
use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::codec::castable;
use basalt_types::{Type, Typmod};
use sqlparser::ast::{Query, Statement};

use crate::catalog::Routine;
use crate::compile::compiler::{Compiler, Inlined};
use crate::compile::domain::in_domain;
use crate::compile::scope::{Arguments, Scope};
use crate::compile::select::{BoundColumn, BoundQuery};
use crate::compile::steps;
use crate::compile::typed::{CastContext, Typed};
use crate::{Name, quote};

impl Compiler<'_> {
    /// The rows with each output in its parameter's domain, or the result in its own.
    pub(super) fn outputs_in_domains(&mut self, routine: &Routine, mut query: BoundQuery) -> Result<BoundQuery> {
        let declared: Vec<Option<&Name>> = match routine.outputs().next() {
            Some(_) => routine.outputs().map(|param| param.domain.as_ref()).collect(),
            None => vec![routine.returns_domain.as_ref()],
        };
        let is_demanding = |domain: &Option<&Name>| domain.is_some_and(|domain| self.catalog.is_demanding(domain));
        if !declared.iter().any(is_demanding) {
            return Ok(query);
        }
        let alias = self.alias("_out");
        let mut list = Vec::with_capacity(query.columns.len());
        for (column, domain) in query.columns.iter_mut().zip(declared) {
            let value = column.value(&alias);
            let value = match domain {
                Some(domain) => in_domain(self, value, domain)?,
                None => value,
            };
            column.leakproof &= value.leakproof;
            query.effects.leakproof &= value.leakproof;
            list.push(format!("{} AS {}", value.sql, quote::ident(&column.sqlite)));
        }
        query.sql = format!("SELECT {} FROM ({}) AS {alias}", list.join(", "), query.sql);
        query.value = None;
        Ok(query)
    }

    pub(super) fn inlined_body(
        &mut self,
        routine: &Arc<Routine>,
        query: &Query,
        args: Vec<Typed>,
    ) -> Result<BoundQuery> {
        let inlined = Inlined::function(routine);
        if self.inlining.contains(&inlined) {
            return Err(Error::new("54001", "stack depth limit exceeded")
                .with_hint(format!("Function {} calls itself: write a recursive query instead.", routine.name.name)));
        }
        let mut scope = Scope::new(None);
        let values = routine.inputs().map(|p| p.name.clone()).zip(args).collect();
        scope.args = Some(Rc::new(Arguments::numbered(routine.name.name.clone(), values)));
        let wanted = self.result_columns(routine);
        let types: Vec<_> = wanted.iter().map(|(_, ty, typmod)| (ty.clone(), *typmod)).collect();
        self.inlining.push(inlined);
        let mut bound = self.bind_query_as(Some(&scope), query, &types);
        let is_declared = match &bound {
            Err(error) => !matches!(error.code(), "42804" | "42846"),
            Ok(bound) => {
                bound.columns.len() == wanted.len() && (wanted.len() != 1 || routine.outputs().next().is_some())
            }
        };
        if !is_declared
            && matches!(routine.returns, Type::Record(_))
            && let Ok(whole) = self.bind_query(Some(&scope), query)
            && let [BoundColumn { ty: Type::Record(_), .. }] = whole.columns.as_slice()
        {
            bound = self.taken_apart(whole, &types, routine.returns_set);
        }
        self.inlining.pop();
        let is_record = routine.outputs().next().is_none() && routine.returns_relation.is_none();
        let is_record = is_record && matches!(routine.returns, Type::Record(_));
        if is_record && matches!(&bound, Err(error) if error.code() == "42804") {
            let given = self.bind_query(Some(&scope), query)?;
            return Err(mismatch(routine).with_detail(wrong_column(&given, &types)));
        }
        let mut bound = bound.map_err(|error| match error.code() {
            "42804" => mismatch(routine).with_detail(actual(&error)),
            _ => error,
        })?;
        if bound.columns.len() != wanted.len() {
            let many = if bound.columns.len() > wanted.len() { "many" } else { "few" };
            return Err(mismatch(routine).with_detail(format!("Final statement returns too {many} columns.")));
        }
        for (column, (name, ..)) in bound.columns.iter_mut().zip(wanted) {
            column.name = name;
            column.source = None;
        }
        if !routine.returns_set && !bound.at_most_one {
            bound.sql = format!("SELECT * FROM ({}) LIMIT 1", bound.sql);
            bound.at_most_one = true;
        }
        Ok(bound)
    }

    /// A query of whole rows, as one of their fields converted to these types. Where one row is wanted, one that is NULL is none.
    fn taken_apart(&mut self, query: BoundQuery, types: &[(Type, Option<Typmod>)], is_set: bool) -> Result<BoundQuery> {
        let alias = self.alias("_whole");
        let whole = query.columns[0].value(&alias);
        let fields = self.fields(&whole).unwrap_or_default();
        let (mut columns, mut list) = (Vec::new(), Vec::new());
        for ((index, (name, field)), (ty, typmod)) in fields.into_iter().enumerate().zip(types) {
            let value = self.coerce(field, ty, *typmod, CastContext::Assignment)?;
            let sqlite = format!("f{index}");
            list.push(format!("{} AS {sqlite}", value.sql));
            let leakproof = value.leakproof && query.columns[0].leakproof;
            let (ty, typmod) = (value.ty, value.typmod);
            let (not_null, collated) = (false, false);
            columns.push(BoundColumn { name, sqlite, ty, typmod, not_null, collated, leakproof, source: None });
        }
        let list = list.join(", ");
        let sql = match is_set {
            true => format!("SELECT {list} FROM ({}) AS {alias}", query.sql),
            false => {
                let first = format!("SELECT * FROM ({}) LIMIT 1", query.sql);
                format!("SELECT {list} FROM ({first}) AS {alias} WHERE {} IS NOT NULL", whole.sql)
            }
        };
        Ok(BoundQuery { sql, columns, value: None, at_most_one: query.at_most_one || !is_set, ..query })
    }

    /// A body that SQLite can't have inlined: its steps run before the current one.
    pub(super) fn stepped_body(
        &mut self,
        routine: &Arc<Routine>,
        statements: &[Statement],
        args: Vec<Typed>,
    ) -> Result<BoundQuery> {
        takes_steps(routine, &args)?;
        steps::run_routine(self, routine, statements, args).map(|captured| captured.query(!routine.returns_set))
    }

    /// Name, type and modifier of each column that a function gives.
    pub(in crate::compile) fn result_columns(&self, routine: &Routine) -> Vec<(String, Type, Option<Typmod>)> {
        let relation = routine.returns_relation.as_ref().and_then(|name| self.catalog.relations.get(name));
        match (relation, &routine.returns) {
            (Some(relation), _) => relation.columns.iter().map(|c| (c.name.clone(), c.ty.clone(), c.typmod)).collect(),
            (None, Type::Record(fields)) => fields.iter().map(|(name, ty)| (name.clone(), ty.clone(), None)).collect(),
            (None, ty) => {
                let name = routine.outputs().next().map_or(&routine.name.name, |param| &param.name);
                vec![(name.clone(), ty.clone(), None)]
            }
        }
    }
}

/// 0A000 for a body that runs in steps, but is called for each row.
pub(super) fn takes_steps(routine: &Routine, args: &[Typed]) -> Result<()> {
    if args.iter().all(|arg| arg.sources.is_empty()) {
        return Ok(());
    }
    Err(Error::unsupported(
        format!("function {} is called for each row, but has several statements or writes", routine.name.name),
        "On the embedded engine, call it with constants and parameters only.",
    ))
}

/// 42P13 for a body that gives another type.
pub(in crate::compile) fn mismatch(routine: &Routine) -> Error {
    Error::new("42P13", format!("return type mismatch in function declared to return {}", routine.returns.sql_name()))
}

/// Which column of a record a body gives as a type that does not become the declared one.
fn wrong_column(given: &BoundQuery, wanted: &[(Type, Option<Typmod>)]) -> String {
    let pairs = given.columns.iter().map(|column| &column.ty).zip(wanted.iter().map(|(ty, _)| ty));
    let wrong = pairs.enumerate().find(|(_, (from, to))| {
        from != to && !matches!(castable(from, to), Some(CastContext::Assignment | CastContext::Implicit))
    });
    wrong.map_or_else(String::new, |(at, (from, to))| {
        format!("Final statement returns {} instead of {} at column {}.", from.sql_name(), to.sql_name(), at + 1)
    })
}

/// What a body gives instead, by the error of its conversion.
fn actual(error: &Error) -> String {
    let given = error.message().strip_prefix("expression is of type ").and_then(|rest| rest.split_once(" where "));
    given.map_or_else(|| error.message().to_owned(), |(given, _)| format!("Actual return type is {given}."))
}
