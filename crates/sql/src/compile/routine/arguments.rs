//! The arguments of a call as a function's parameters take them: which takes which, defaults, and what is evaluated once.

use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::{Type, Value};

use crate::catalog::{Catalog, Param, ParamMode, Routine};
use crate::compile::column;
use crate::compile::compiler::Compiler;
use crate::compile::domain::in_domain;
use crate::compile::function::Argument;
use crate::compile::overload::Parameter;
use crate::compile::parse::parse_expr;
use crate::compile::scope::Scope;
use crate::compile::typed::{CastContext, Form, Origin, Typed};
use crate::definition_path;

/// A call's arguments as a function's parameters take them.
#[derive(Clone)]
pub(in crate::compile) struct Placed {
    /// The type that each argument has to have, in the order of the call.
    pub parameters: Vec<Parameter>,
    /// What each parameter gets, in the order of the function.
    pub slots: Vec<Slot>,
}

/// What a parameter gets.
#[derive(Clone)]
pub(in crate::compile) enum Slot {
    /// That argument of the call.
    Argument(usize),
    /// An array of those.
    Variadic(Vec<usize>, Type),
    /// Its default.
    Default,
}

/// Places the arguments of a call, if the function takes so many of those names.
pub(in crate::compile) fn place(catalog: &Catalog, routine: &Routine, args: &[Argument]) -> Option<Placed> {
    let inputs: Vec<_> = routine.inputs().collect();
    let mut slots: Vec<Option<Slot>> = vec![None; inputs.len()];
    let mut parameters = Vec::with_capacity(args.len());
    for (index, (name, value)) in args.iter().enumerate() {
        let at = match name {
            Some(name) => inputs.iter().position(|p| p.name == *name)?,
            None => index.min(inputs.len().checked_sub(1)?),
        };
        let param = inputs[at];
        // Two relations may have rows of the same fields.
        if let (Some(given), Some(wanted)) = (&value.row_of, &param.relation)
            && **given != *wanted
        {
            return None;
        }
        let ty = match param.relation.as_ref().and_then(|name| catalog.relations.get(name)) {
            Some(relation) => relation.row_type(),
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
    // A call with names gives a variadic parameter its array, or is none of this function (PostgreSQL manual, section 4.3.2).
    let is_named = args.iter().any(|(name, _)| name.is_some());
    let has_default = |param: &Param| param.default.is_some() && !(is_named && param.mode == ParamMode::Variadic);
    let slots = slots.into_iter().zip(&inputs).map(|(slot, param)| match slot {
        Some(slot) => Some(slot),
        None => has_default(param).then_some(Slot::Default),
    });
    Some(Placed { parameters, slots: slots.collect::<Option<Vec<_>>>()? })
}

/// The condition under which a strict function is called at all, unless it always is: no argument is null.
pub(super) fn answering(routine: &Routine, args: &[Typed]) -> Option<Typed> {
    // A row without a marker is there, whatever its fields are.
    let is_nullable = |arg: &&Typed| routine.strict && !arg.not_null && !arg.sql.is_empty();
    let nullable: Vec<&Typed> = args.iter().filter(is_nullable).collect();
    let conditions: Vec<String> = nullable.iter().map(|arg| format!("{} IS NOT NULL", arg.sql)).collect();
    (!nullable.is_empty()).then(|| Typed::over(conditions.join(" AND "), Type::BOOL, nullable))
}

/// Arguments that a query evaluates once, though the function's body names them often.
pub(super) struct Evaluated {
    /// The query's name, quoted.
    alias: String,
    values: Vec<String>,
    /// Whether the body stands in FROM, where SQLite lets nothing beside it be named.
    in_from: bool,
}

impl Evaluated {
    /// None yet.
    pub(super) fn new(alias: String, in_from: bool) -> Self {
        Evaluated { alias, values: Vec::new(), in_from }
    }

    pub(super) fn is_any(&self) -> bool {
        !self.values.is_empty()
    }

    /// The value, and its row's fields too, as the query gives it where each evaluation may differ.
    pub(super) fn once(&mut self, value: Typed) -> Typed {
        if !value.volatile {
            return value;
        }
        match value.form {
            Form::Row(fields, origin) => {
                let fields = fields.into_iter().map(|(name, field)| (name, self.once(field))).collect();
                let sql = if value.sql.is_empty() { value.sql } else { self.add(value.sql) };
                Typed { sql, volatile: false, form: Form::Row(fields, origin), ..value }
            }
            _ => Typed { sql: self.add(value.sql), volatile: false, form: Form::Other, collated: false, ..value },
        }
    }

    fn add(&mut self, sql: String) -> String {
        let (at, alias) = (self.values.len(), &self.alias);
        self.values.push(sql);
        if self.in_from { format!("(SELECT a{at} FROM {alias})") } else { format!("{alias}.a{at}") }
    }

    /// Has them evaluated for each row, of which this is a column: SQLite runs a subquery that names none of its columns once for all.
    pub(super) fn for_each_row(&mut self, column: Option<String>) {
        self.values.extend(column);
    }

    /// The body over them: a query in FROM, otherwise a value's.
    pub(super) fn around(&self, body: &str) -> String {
        let Evaluated { alias, values, in_from } = self;
        let names: Vec<String> = (0..values.len()).map(|at| format!("a{at}")).collect();
        let with = format!("WITH {alias} ({}) AS MATERIALIZED (SELECT {})", names.join(", "), values.join(", "));
        if *in_from { format!("{with} SELECT * FROM ({body})") } else { format!("{with} SELECT {body} FROM {alias}") }
    }
}

impl Compiler<'_> {
    /// A parameter's value among the converted arguments; `None` for the default.
    pub(in crate::compile) fn placed(&mut self, slot: &Slot, args: &[Typed]) -> Result<Option<Typed>> {
        match slot {
            Slot::Argument(index) => Ok(args.get(*index).cloned()),
            Slot::Variadic(items, element) => {
                let items = items.iter().filter_map(|index| args.get(*index));
                let items = items.map(|item| self.storable(item.clone())).collect::<Result<Vec<_>>>()?;
                let values: Vec<String> = items.iter().map(column::array_item).collect();
                let sql = format!("json_array({})", values.join(", "));
                let mut typed = Typed::over(sql, element.clone().array_of(), &items);
                typed.not_null = true;
                Ok(Some(typed))
            }
            Slot::Default => Ok(None),
        }
    }

    /// The values of all parameters: defaults filled in.
    pub(super) fn arguments(&mut self, routine: &Routine, given: Vec<Option<Typed>>) -> Result<Vec<Typed>> {
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
                    self.inside(path, |c| {
                        let value = c.bind_expr(&Scope::new(None), &expr, Some(&param.ty))?;
                        c.coerce(value, &param.ty, None, CastContext::Assignment)
                    })?
                }
                (None, None) => Typed::constant(Value::Null, param.ty.clone()),
            };
            // What was written out is a value to the body.
            let mut value = value.with_origin(Origin::Value);
            value.row_of = param.relation.clone().map(Arc::new);
            args.push(match &param.domain {
                Some(domain) => in_domain(self, value, domain)?,
                None => value,
            });
        }
        Ok(args)
    }
}
