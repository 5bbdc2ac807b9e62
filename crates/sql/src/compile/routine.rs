//! SQL functions: inlined where they are called, in expressions and in FROM.

use std::rc::Rc;
use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::codec::castable;
use basalt_types::{Type, Typmod, Value};
use sqlparser::ast::Statement;

use super::compiler::{Compiler, Inlined, sets};
use super::domain::in_domain;
use super::function::Argument;
use super::overload::Parameter;
use super::parse::{parse_expr, parse_statements};
use super::scope::{Arguments, Scope, Source};
use super::select::{BoundColumn, BoundQuery};
use super::typed::{CastContext, Form, Origin, Typed};
use super::types::row_type;
use super::{privilege, row, steps};
use crate::Catalog;
use crate::catalog::{ParamMode, Routine};
use crate::{definition_path, quote};

/// A call's arguments as a function's parameters take them.
#[derive(Clone)]
pub(super) struct Placed {
    /// The type that each argument has to have, in the order of the call.
    pub parameters: Vec<Parameter>,
    /// What each parameter gets, in the order of the function.
    pub slots: Vec<Slot>,
}

/// What a parameter gets.
#[derive(Clone)]
pub(super) enum Slot {
    /// That argument of the call.
    Argument(usize),
    /// An array of those.
    Variadic(Vec<usize>, Type),
    /// Its default.
    Default,
}

/// Places the arguments of a call, if the function takes so many of those names.
pub(super) fn place(catalog: &Catalog, routine: &Routine, args: &[Argument]) -> Option<Placed> {
    let inputs: Vec<_> = routine.inputs().collect();
    let mut slots: Vec<Option<Slot>> = vec![None; inputs.len()];
    let mut parameters = Vec::with_capacity(args.len());
    for (index, (name, value)) in args.iter().enumerate() {
        let at = match name {
            Some(name) => inputs.iter().position(|p| p.name == *name)?,
            None => index.min(inputs.len().checked_sub(1)?),
        };
        let param = inputs[at];
        let ty = match param.relation.as_ref().and_then(|name| catalog.relations.get(name)) {
            Some(relation) => row_type(relation),
            None => param.ty.clone(),
        };
        if param.mode == ParamMode::Variadic && name.is_none() {
            let element = ty.element()?.clone();
            // An array in its place is what `variadic array` gives.
            if args.len() == inputs.len() && value.ty == ty {
                parameters.push(Parameter::Type(ty));
                slots[at] = Some(Slot::Argument(index));
                continue;
            }
            parameters.push(Parameter::Type(element.clone()));
            match &mut slots[at] {
                Some(Slot::Variadic(items, _)) => items.push(index),
                slot => *slot = Some(Slot::Variadic(vec![index], element)),
            }
            continue;
        }
        if slots[at].replace(Slot::Argument(index)).is_some() {
            return None;
        }
        parameters.push(Parameter::Type(ty));
    }
    let slots = slots.into_iter().zip(&inputs).map(|(slot, param)| match slot {
        Some(slot) => Some(slot),
        None => param.default.is_some().then_some(Slot::Default),
    });
    Some(Placed { parameters, slots: slots.collect::<Option<Vec<_>>>()? })
}

/// A parameter's value among the converted arguments; `None` for the default.
pub(super) fn fill(slot: &Slot, args: &[Typed]) -> Option<Typed> {
    match slot {
        Slot::Argument(index) => args.get(*index).cloned(),
        Slot::Variadic(items, element) => {
            let items: Vec<&Typed> = items.iter().filter_map(|i| args.get(*i)).collect();
            let values: Vec<String> = items.iter().map(|item| super::column::array_item(item)).collect();
            let sql = format!("json_array({})", values.join(", "));
            let mut typed = Typed::over(sql, element.clone().array_of(), items);
            typed.not_null = true;
            Some(typed)
        }
        Slot::Default => None,
    }
}

/// Checks a function's body: every statement compiles, and the last one's columns fit the declared result.
pub(super) fn check(catalog: &Catalog, routine: &Routine) -> Result<()> {
    if routine.is_interpreted() {
        return super::body::check_function(catalog, routine);
    }
    let path = routine.search_path().unwrap_or_else(|| definition_path(&routine.name.schema));
    let mut compiler = Compiler::new(catalog, &routine.owner, &path, "");
    compiler.positions_in_body(&routine.body);
    let given = routine.inputs().map(|param| {
        let relation = param.relation.as_ref().and_then(|name| catalog.relations.get(name));
        Some(unknown_value(relation.map_or(param.ty.clone(), |r| row_type(r))))
    });
    let given = given.collect();
    let mut routine = routine.clone();
    if matches!(&routine.returns, Type::Record(fields) if fields.is_empty()) {
        // Its columns are said where it is called.
        let statements = parse_statements(&routine.body)?;
        routine.returns = Type::VOID;
        let args = compiler.arguments(&routine, given)?;
        return steps::run_routine(&mut compiler, &routine, &statements, args).map(|_| ());
    }
    compiler.routine_rows(&Arc::new(routine), given).map(|_| ())
}

/// Whether a body stands where the function is called, rather than run in steps before.
fn is_inlined(routine: &Routine, statements: &[Statement]) -> bool {
    steps::is_inlinable(statements) && routine.returns != Type::VOID
}

/// The conditions under which a strict function is called at all: no argument is null.
fn answering(routine: &Routine, args: &[Typed]) -> Vec<String> {
    args.iter()
        .filter(|arg| routine.strict && !arg.not_null && !matches!(arg.form, Form::Row(..)))
        .map(|arg| format!("{} IS NOT NULL", arg.sql))
        .collect()
}

/// A value of which only the type is known.
fn unknown_value(ty: Type) -> Typed {
    match &ty {
        Type::Record(fields) => {
            row::record(fields.iter().map(|(name, ty)| (name.clone(), unknown_value(ty.clone()))).collect())
        }
        _ => Typed::new("NULL", ty),
    }
}

impl Compiler<'_> {
    /// A function in an expression.
    pub(super) fn call_routine(
        &mut self,
        scope: &Scope<'_>,
        routine: &Arc<Routine>,
        given: Vec<Option<Typed>>,
    ) -> Result<Typed> {
        if routine.returns_set {
            return Err(self.misplaced_set(scope));
        }
        let args = self.arguments(routine, given)?;
        if routine.is_interpreted() {
            return self.interpreted_value(scope, routine, args);
        }
        // An argument whose value changes with each evaluation is evaluated once; a body that runs in steps takes it so.
        let is_inlined = is_inlined(routine, &parse_statements(&routine.body)?);
        let (args, volatile) = if is_inlined { self.steady(args) } else { (args, None) };
        let nullable = answering(routine, &args);
        let query = self.body_rows(routine, args)?;
        let composite = matches!(routine.returns, Type::Record(_));
        let mut value = match (&query.value, query.columns.as_slice()) {
            (Some(value), _) if !composite => value.clone(),
            (_, [column]) if !composite => {
                let mut value = Typed::over(format!("({})", query.sql), column.ty.clone(), [&query.effects]);
                value.typmod = column.typmod;
                value
            }
            (_, columns) => {
                let alias = self.alias("_f");
                let fields = columns.iter().map(|column| {
                    let sql = format!("(SELECT {} FROM ({}) AS {alias})", column.value(&alias).sql, query.sql);
                    (column.name.clone(), Typed::over(sql, column.ty.clone(), [&query.effects]))
                });
                let is_found = format!("(SELECT 1 FROM ({}) AS {alias})", query.sql);
                row::of_fields(fields.collect(), is_found, Origin::Value)
            }
        };
        if !nullable.is_empty() && !matches!(value.form, Form::Row(..)) {
            value.sql = format!("(CASE WHEN {} THEN {} END)", nullable.join(" AND "), value.sql);
            value.not_null = false;
            value.collated = false;
            value.form = Form::Other;
        }
        if let Some(volatile) = volatile {
            value.sql = format!("(WITH {volatile} SELECT {} FROM _args)", value.sql);
            (value.volatile, value.collated) = (true, false);
            value.form = Form::Other;
        }
        if let Form::Column(..) = value.form {
            value.form = Form::Other;
        }
        Ok(value)
    }

    /// A function in FROM: its rows as a query. One that returns no set has one row, of nulls where its body finds none.
    pub(super) fn routine_rows(&mut self, routine: &Arc<Routine>, given: Vec<Option<Typed>>) -> Result<BoundQuery> {
        let args = self.arguments(routine, given)?;
        if routine.is_interpreted() {
            return self.interpreted_rows(routine, args);
        }
        let nullable = answering(routine, &args);
        let mut query = self.body_rows(routine, args)?;
        let answers = if nullable.is_empty() { "true".to_owned() } else { nullable.join(" AND ") };
        if routine.returns_set {
            if !nullable.is_empty() {
                query.sql = format!("SELECT * FROM ({}) WHERE {answers}", query.sql);
            }
        } else if query.value.is_none() || !nullable.is_empty() {
            let row = self.alias("_row");
            query.sql = format!("SELECT {row}.* FROM (SELECT 1) LEFT JOIN ({}) AS {row} ON {answers}", query.sql);
            query.value = None;
            query.columns.iter_mut().for_each(|column| column.not_null = false);
        }
        Ok(query)
    }

    /// `t.f` for a function of t's rows.
    pub(super) fn computed_field(&mut self, level: &Scope<'_>, source: &Source, name: &str) -> Result<Option<Typed>> {
        let Some(relation) = &source.relation else { return Ok(None) };
        let own = self.routine_candidates(Some(&relation.name.schema), name);
        let fits = |r: &Arc<Routine>| {
            let mut inputs = r.inputs();
            let takes = inputs.next().is_some_and(|p| p.relation.as_ref() == Some(&relation.name));
            takes && inputs.all(|p| p.default.is_some())
        };
        let Some(routine) = self.routine_candidates(None, name).into_iter().chain(own).find(fits) else {
            return Ok(None);
        };
        privilege::use_schema(self, &routine.name.schema)?;
        privilege::execute(self, &routine)?;
        let mut given = vec![None; routine.inputs().count()];
        given[0] = Some(self.whole_row(level, source)?);
        self.call_routine(level, &routine, given).map(Some)
    }

    /// The values of all parameters: defaults filled in.
    fn arguments(&mut self, routine: &Routine, given: Vec<Option<Typed>>) -> Result<Vec<Typed>> {
        if !matches!(routine.language.as_str(), "sql" | "plpgsql") {
            return Err(Error::unsupported(
                format!(
                    "function {} is written in {}, which the embedded engine does not run",
                    routine.name.name, routine.language
                ),
                "Write it in SQL (language sql), or use the PostgreSQL engine.",
            ));
        }
        let mut args = Vec::with_capacity(given.len());
        for (param, value) in routine.inputs().zip(given) {
            let value = match (value, &param.default) {
                (Some(value), _) => value,
                (None, Some(default)) => {
                    let expr = parse_expr(default)?;
                    let path = definition_path(&routine.name.schema);
                    let value = self.inside(path, |c| c.bind_expr(&Scope::new(None), &expr, Some(&param.ty)))?;
                    self.coerce(value, &param.ty, None, CastContext::Assignment)?
                }
                (None, None) => Typed::constant(Value::Null, param.ty.clone()),
            };
            // What was written out is a value to the body.
            let value = value.with_origin(Origin::Value);
            args.push(match &param.domain {
                Some(domain) => in_domain(self, value, domain)?,
                None => value,
            });
        }
        Ok(args)
    }

    /// Arguments with the volatile ones as columns of a WITH query, and that query.
    fn steady(&mut self, args: Vec<Typed>) -> (Vec<Typed>, Option<String>) {
        let mut values = Vec::new();
        let args = args.into_iter().map(|arg| {
            if !arg.volatile || matches!(arg.form, Form::Row(..)) {
                return arg;
            }
            let sql = format!("_args.a{}", values.len());
            values.push(arg.sql.clone());
            Typed { sql, volatile: false, form: Form::Other, collated: false, ..arg }
        });
        let args = args.collect();
        if values.is_empty() {
            return (args, None);
        }
        let names: Vec<String> = (0..values.len()).map(|i| format!("a{i}")).collect();
        let query = format!("_args ({}) AS MATERIALIZED (SELECT {})", names.join(", "), values.join(", "));
        (args, Some(query))
    }

    /// The rows of a function's body over its arguments, with the rights and the path that it runs with.
    fn body_rows(&mut self, routine: &Arc<Routine>, args: Vec<Typed>) -> Result<BoundQuery> {
        let user = if routine.security_definer { routine.owner.clone() } else { self.user.clone() };
        let path = routine.search_path().unwrap_or_else(|| self.search_path.clone());
        if routine.returns == Type::TRIGGER {
            return Err(Error::new("0A000", "trigger functions can only be called as triggers"));
        }
        // Whatever follows in the statement may see what the body sets.
        self.sets |= sets(&routine.body);
        let statements = parse_statements(&routine.body)?;
        let inlinable = is_inlined(routine, &statements);
        let bound = self.as_user(&user, |c| {
            c.in_body(path, routine.parsed, |c| match (inlinable, statements.as_slice()) {
                (true, [Statement::Query(query)]) => c.inlined_body(routine, query, args),
                _ => c.stepped_body(routine, &statements, args),
            })
        });
        let bound = bound.map_err(|error| match error.code() {
            "42P02" => Error::new("42P02", error.message().to_owned()),
            _ => error,
        })?;
        self.outputs_in_domains(routine, bound)
    }

    /// The rows with each output in its parameter's domain.
    fn outputs_in_domains(&mut self, routine: &Routine, mut query: BoundQuery) -> Result<BoundQuery> {
        if routine.outputs().all(|param| param.domain.is_none()) {
            return Ok(query);
        }
        let alias = self.alias("_out");
        let mut list = Vec::with_capacity(query.columns.len());
        for (column, param) in query.columns.iter_mut().zip(routine.outputs()) {
            let value = column.value(&alias);
            let value = match &param.domain {
                Some(domain) => in_domain(self, value, domain)?,
                None => value,
            };
            column.leakproof &= value.leakproof;
            list.push(format!("{} AS {}", value.sql, quote::ident(&column.sqlite)));
        }
        query.sql = format!("SELECT {} FROM ({}) AS {alias}", list.join(", "), query.sql);
        query.value = None;
        Ok(query)
    }

    fn inlined_body(
        &mut self,
        routine: &Arc<Routine>,
        query: &sqlparser::ast::Query,
        args: Vec<Typed>,
    ) -> Result<BoundQuery> {
        let inlined = Inlined::Function(routine.name.clone());
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
    fn stepped_body(
        &mut self,
        routine: &Arc<Routine>,
        statements: &[Statement],
        args: Vec<Typed>,
    ) -> Result<BoundQuery> {
        if args.iter().any(|arg| !arg.sources.is_empty()) {
            return Err(Error::unsupported(
                format!("function {} is called for each row, but has several statements or writes", routine.name.name),
                "On the embedded engine, call it with constants and parameters only.",
            ));
        }
        steps::run_routine(self, routine, statements, args).map(|captured| captured.query(!routine.returns_set))
    }

    /// Name, type and modifier of each column that a function gives.
    pub(super) fn result_columns(&self, routine: &Routine) -> Vec<(String, Type, Option<Typmod>)> {
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

/// 42P13 for a body that gives another type.
pub(super) fn mismatch(routine: &Routine) -> Error {
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
