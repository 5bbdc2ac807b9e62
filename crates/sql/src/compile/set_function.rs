//! Functions in FROM.

use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::{Type, Typmod};
use sqlparser::ast::{Expr, FunctionArg, ObjectName, TableAlias, TableAliasColumnDef};

use super::carried::ROWS_FROM;
use super::cast::json;
use super::compiler::Compiler;
use super::from::{FromClause, rename};
use super::function::{Argument, Callee};
use super::overload::{self, Fit};
use super::scope::{Clause, Scope, Source, SourceColumn};
use super::select::{BoundColumn, BoundQuery};
use super::session;
use super::typed::{CastContext, Typed};
use super::types::{fold, split_name};
use super::unrolled::{flat, item_value};
use crate::catalog::Routine;
use crate::quote;

/// A call in FROM and what stands around it.
pub(super) struct Call<'c> {
    /// The function's name.
    pub name: String,
    /// `with ordinality`.
    pub ordinality: bool,
    /// `as t (a, b)`.
    pub alias: Option<&'c TableAlias>,
}

impl Call<'_> {
    /// The name of the entry.
    fn shown(&self) -> String {
        self.alias.map_or(self.name.clone(), |alias| fold(&alias.name))
    }
}

impl Compiler<'_> {
    pub(super) fn bind_table_function(
        &mut self,
        scope: &mut Scope<'_>,
        name: &ObjectName,
        args: &[FunctionArg],
        ordinality: bool,
        alias: Option<&TableAlias>,
        clause: &mut FromClause,
    ) -> Result<()> {
        let (schema, name) = split_name(name)?;
        if name == ROWS_FROM {
            return self.bind_rows_from(scope, args, ordinality, alias, clause);
        }
        let outer = scope.clause.replace(Clause::Rows("functions in FROM"));
        let bound = self.bind_argument_list(scope, args, None);
        scope.clause.set(outer);
        let call = Call { name, ordinality, alias };
        self.table_call(scope, schema.as_deref(), call, bound?, clause)
    }

    pub(super) fn bind_unnest(
        &mut self,
        scope: &mut Scope<'_>,
        arrays: &[Expr],
        ordinality: bool,
        alias: Option<&TableAlias>,
        clause: &mut FromClause,
    ) -> Result<()> {
        let mut args = Vec::with_capacity(arrays.len());
        for array in arrays {
            args.push((None, self.bind_expr(scope, array, None)?));
        }
        let call = Call { name: "unnest".to_owned(), ordinality, alias };
        self.table_call(scope, None, call, args, clause)
    }

    pub(super) fn table_call(
        &mut self,
        scope: &mut Scope<'_>,
        schema: Option<&str>,
        call: Call<'_>,
        args: Vec<Argument>,
        clause: &mut FromClause,
    ) -> Result<()> {
        let builtin = schema.is_none_or(|s| s == "pg_catalog");
        if builtin && call.name == "unnest" {
            return self.unnest(scope, call, args, clause);
        }
        if builtin && is_recordset(&call.name) {
            return self.recordset(scope, call, args, clause);
        }
        if args.iter().all(|(name, _)| name.is_none()) {
            let values: Vec<Typed> = args.iter().map(|(_, value)| value.clone()).collect();
            if let Some(value) = session::function(self, schema, &call.name, &values)? {
                return self.scalar_in_from(scope, call, value, clause);
            }
        }
        match self.callee(schema, &call.name, args)? {
            (Callee::Set(function, fit), values) => self.set_call(scope, call, function, &fit, values, clause),
            (Callee::Builtin(_, _), values) => {
                let value = self.call(&call.name, values)?;
                self.scalar_in_from(scope, call, value, clause)
            }
            (Callee::Routine(routine, values), _) => {
                let routine = self.defined_routine(&call, routine)?;
                let mut query = self.routine_rows(&routine, values)?;
                let scalar = query.columns.len() == 1 && !matches!(routine.returns, Type::Record(_));
                if scalar && routine.outputs().next().is_none() {
                    query.columns[0].name = call.shown();
                }
                let is_numbered = call.ordinality;
                if is_numbered {
                    let names: Vec<String> = query.columns.iter().map(|c| quote::ident(&c.sqlite)).collect();
                    query.sql =
                        format!("SELECT {}, row_number() OVER () AS ordinality FROM ({})", names.join(", "), query.sql);
                    query.columns.push(ordinality_column());
                }
                self.add_query(scope, query, &call.shown(), call.alias, clause)?;
                if let Some(source) = scope.sources.last_mut() {
                    source.scalar = scalar;
                    source.rows_of = routine.returns_relation.clone().filter(|_| !is_numbered).map(Arc::new);
                }
                Ok(())
            }
        }
    }

    /// `f(x)` in FROM for a function of one value.
    fn scalar_in_from(
        &mut self,
        scope: &mut Scope<'_>,
        call: Call<'_>,
        value: Typed,
        clause: &mut FromClause,
    ) -> Result<()> {
        let value = self.storable(value)?;
        let name = call.shown();
        let column = BoundColumn {
            name: name.clone(),
            sqlite: name.clone(),
            ty: value.ty.clone(),
            typmod: value.typmod,
            not_null: value.not_null,
            collated: false,
            leakproof: value.leakproof,
            source: None,
        };
        let sql = format!("SELECT {} AS {}", value.sql, quote::ident(&name));
        let query =
            BoundQuery { sql, columns: vec![column], at_most_one: true, protected: false, effects: value, value: None };
        self.add_query(scope, query, &name, call.alias, clause)?;
        if let Some(source) = scope.sources.last_mut() {
            source.scalar = true;
        }
        Ok(())
    }

    /// A function of the tables: `pg_call`.
    fn set_call(
        &mut self,
        scope: &mut Scope<'_>,
        call: Call<'_>,
        function: &'static basalt_types::SetFunction,
        fit: &Fit,
        values: Vec<Typed>,
        clause: &mut FromClause,
    ) -> Result<()> {
        let values = self.fitted(values, fit)?;
        let types: Vec<Type> = values.iter().map(|v| v.ty.clone()).collect();
        let scalar = function.columns.len() == 1;
        let columns: Vec<(String, Type)> = function
            .columns
            .iter()
            .map(|(name, kind)| {
                let name = if scalar && *name == function.name { call.shown() } else { (*name).to_owned() };
                (name, overload::result_type(*kind, fit, &types))
            })
            .collect();
        let mut sql = format!("pg_call({}, {}", quote::literal(function.name), quote::literal(&json(&types)));
        for value in &values {
            sql.push_str(", ");
            sql.push_str(&value.sql);
        }
        sql.push(')');
        self.add_rows(scope, call, sql, columns, scalar, &values, clause)
    }

    /// `unnest(array)`.
    fn unnest(
        &mut self,
        scope: &mut Scope<'_>,
        call: Call<'_>,
        args: Vec<Argument>,
        clause: &mut FromClause,
    ) -> Result<()> {
        let shown = call.shown();
        let sqlite = self.alias(&shown);
        let single = args.len() == 1;
        let mut arrays = Vec::with_capacity(args.len());
        let mut columns = Vec::with_capacity(args.len() + 1);
        let mut in_columns = false;
        for (_, array) in args {
            let array = self.decided(array)?;
            let Some(element) = array.ty.element().cloned() else {
                return Err(super::function::no_function(None, "unnest", &[(None, array)]));
            };
            // Several arrays are unrolled side by side: the items of each by the number of the row.
            let array = Typed { sql: flat(&array), ..array };
            let item = if single { format!("{sqlite}.value") } else { format!("({} ->> {sqlite}.key)", array.sql) };
            let row = Typed::new(item_value(&element, &item), element.clone());
            match self.fields(&row) {
                Some(fields) => {
                    in_columns = true;
                    columns.extend(fields.into_iter().map(|(name, field)| column(&name, field.ty, field.sql)));
                    // A row that is NULL, where the rows are asked for as values.
                    columns.push(SourceColumn { hidden: true, ..column("", element, item) });
                }
                None => columns.push(column(if single { &shown } else { "unnest" }, element, row.sql)),
            }
            arrays.push(array);
        }
        if call.ordinality {
            columns.push(ordinality(format!("({sqlite}.key + 1)")));
        }
        let length = |array: &str| format!("coalesce(json_array_length({array}), 0)");
        let longest = arrays.iter().map(|a| a.sql.clone()).reduce(|longest, next| {
            format!("(CASE WHEN {} >= {} THEN {longest} ELSE {next} END)", length(&longest), length(&next))
        });
        let mut source = self.source(&shown, &sqlite, columns);
        source.scalar = single && !call.ordinality && !in_columns;
        rename(&mut source, call.alias)?;
        self.add_function(scope, format!("json_each({})", longest.unwrap_or_default()), source, &arrays, clause)
    }

    /// `json_to_recordset(x) as t(a int, ...)`, `json_populate_recordset(null::t, x)` and their kin.
    fn recordset(
        &mut self,
        scope: &mut Scope<'_>,
        call: Call<'_>,
        args: Vec<Argument>,
        clause: &mut FromClause,
    ) -> Result<()> {
        let mut values: Vec<Typed> = args.into_iter().map(|(_, value)| value).collect();
        let populates = call.name.contains("populate");
        let Some(document) = values.pop().filter(|_| values.len() == usize::from(populates)) else {
            return Err(Error::new("42883", format!("function {} does not exist", call.name)));
        };
        let wanted = if call.name.starts_with("jsonb") { Type::JSONB } else { Type::JSON };
        let document = self.coerce(document, &wanted, None, CastContext::Implicit)?;
        let base = values.pop().map(|base| self.filled_row(base)).transpose()?;
        let columns: Vec<(String, Type, Option<Typmod>)> = match &base {
            Some(base) => {
                row_fields(&call.name, base)?.iter().map(|(name, ty)| (name.clone(), ty.clone(), None)).collect()
            }
            None => self.column_definitions(&call)?,
        };
        let mut sql = match (call.name.ends_with("recordset"), populates) {
            (true, _) => document.sql.clone(),
            (false, true) => format!("('[' || coalesce({}, '{{}}') || ']')", document.sql),
            (false, false) => format!("('[' || {} || ']')", document.sql),
        };
        sql = format!("{sql}, {}", quote::literal(&json(&columns)));
        let given = base.as_ref().filter(|base| !base.is_null_literal()).map(|base| base.sql.as_str());
        // Statements of requests read their bodies so.
        if call.name != "json_to_recordset" {
            sql = format!("{sql}, {}, {}", given.unwrap_or("NULL"), quote::literal(&call.name));
        }
        let rows_of = base.as_ref().and_then(|base| base.row_of.clone()).filter(|_| !call.ordinality);
        let args: Vec<Typed> = std::iter::once(document).chain(base).collect();
        let columns = columns.into_iter().map(|(name, ty, _)| (name, ty)).collect();
        // The alias's column list has been read: it defines the columns.
        self.add_rows(scope, call, format!("pg_recordset({sql})"), columns, false, &args, clause)?;
        if let Some(source) = scope.sources.last_mut() {
            source.rows_of = rows_of;
        }
        Ok(())
    }

    /// `json_populate_record(row, document)` as a value.
    pub(super) fn populated(&mut self, name: &str, args: Vec<Typed>) -> Result<Typed> {
        let Ok([base, document]) = <[Typed; 2]>::try_from(args) else {
            return Err(Error::new("42883", format!("function {name} does not exist")));
        };
        let wanted = if name.starts_with("jsonb") { Type::JSONB } else { Type::JSON };
        let document = self.coerce(document, &wanted, None, CastContext::Implicit)?;
        let base = self.filled_row(base)?;
        let fields = quote::literal(&json(&row_fields(name, &base)?));
        let sql = format!("pg_populate({fields}, {}, {})", base.sql, document.sql);
        let mut value = Typed::over(sql, base.ty.clone(), [&base, &document]);
        (value.leakproof, value.stable, value.row_of) = (false, true, base.row_of);
        Ok(value)
    }

    /// The row that objects are put into.
    fn filled_row(&mut self, base: Typed) -> Result<Typed> {
        if base.is_unknown() {
            let message = "could not determine polymorphic type because input has type unknown";
            return Err(Error::new("42804", message));
        }
        let row_of = base.row_of.clone();
        Ok(Typed { row_of, ..self.storable(base)? })
    }

    /// A function that returns `record` with the columns that its call says.
    fn defined_routine(&self, call: &Call<'_>, routine: Arc<Routine>) -> Result<Arc<Routine>> {
        let is_defined = call.alias.is_some_and(|alias| alias.columns.iter().any(|c| c.data_type.is_some()));
        let is_record = matches!(&routine.returns, Type::Record(fields) if fields.is_empty());
        if !is_record && is_defined {
            let message = match routine.outputs().next() {
                Some(_) => "a column definition list is redundant for a function with OUT parameters",
                None => "a column definition list is only allowed for functions returning \"record\"",
            };
            return Err(Error::new("42601", message));
        }
        if !is_record {
            return Ok(routine);
        }
        if is_defined && call.ordinality {
            let message = "WITH ORDINALITY cannot be used with a column definition list";
            return Err(Error::new("42601", message).with_hint("Put the column definition list inside ROWS FROM()."));
        }
        let columns = self.column_definitions(call)?.into_iter().map(|(name, ty, _)| (name, ty)).collect();
        Ok(Arc::new(Routine { returns: Type::Record(Arc::new(columns)), ..(*routine).clone() }))
    }

    /// `as t(a int, b text)`.
    fn column_definitions(&self, call: &Call<'_>) -> Result<Vec<(String, Type, Option<Typmod>)>> {
        let definitions = call.alias.map(|a| a.columns.as_slice()).unwrap_or_default();
        if definitions.is_empty() {
            return Err(Error::new("42601", "a column definition list is required for functions returning \"record\""));
        }
        let typed = definitions.iter().map(|definition| {
            let Some(data_type) = &definition.data_type else {
                return Err(Error::new(
                    "42601",
                    "a column definition list is required for functions returning \"record\"",
                ));
            };
            let is_same = |other: &&TableAliasColumnDef| fold(&other.name) == fold(&definition.name);
            if definitions.iter().filter(is_same).nth(1).is_some() {
                let message = format!("column name \"{}\" specified more than once", fold(&definition.name));
                return Err(Error::new("42701", message));
            }
            let resolved = self.resolve_type(data_type)?;
            Ok((fold(&definition.name), resolved.ty, resolved.typmod))
        });
        typed.collect()
    }

    /// A table-valued function of SQLite with the columns `c0`, `c1`, ...
    #[allow(clippy::too_many_arguments)] // the parts of one FROM entry
    fn add_rows(
        &mut self,
        scope: &mut Scope<'_>,
        call: Call<'_>,
        sql: String,
        columns: Vec<(String, Type)>,
        scalar: bool,
        args: &[Typed],
        clause: &mut FromClause,
    ) -> Result<()> {
        let shown = call.shown();
        let sqlite = self.alias(&shown);
        let columns = columns.into_iter().enumerate();
        let mut columns: Vec<SourceColumn> =
            columns.map(|(index, (name, ty))| column(&name, ty, format!("{sqlite}.c{index}"))).collect();
        if call.ordinality {
            columns.push(ordinality(format!("({sqlite}.rowid + 1)")));
        }
        let mut source: Source = self.source(&shown, &sqlite, columns);
        source.scalar = scalar && !call.ordinality;
        rename(&mut source, call.alias)?;
        self.add_function(scope, sql, source, args, clause)
    }
}

/// Whether a name is one of the functions that make rows of JSON objects: `json_to_recordset` and its kin.
pub(super) fn is_recordset(name: &str) -> bool {
    let rest = name.strip_prefix("jsonb").or_else(|| name.strip_prefix("json"));
    matches!(rest, Some("_to_record" | "_to_recordset" | "_populate_record" | "_populate_recordset"))
}

/// The fields of the row type that a function fills.
fn row_fields<'t>(function: &str, base: &'t Typed) -> Result<&'t [(String, Type)]> {
    match &base.ty {
        Type::Record(fields) => Ok(fields),
        _ => Err(Error::new("42804", format!("first argument of {function} must be a row type"))),
    }
}

fn column(name: &str, ty: Type, sql: String) -> SourceColumn {
    let (not_null, collated, leakproof, hidden) = (false, false, true, false);
    SourceColumn { name: name.to_owned(), ty, typmod: None, sql, not_null, collated, leakproof, hidden }
}

pub(super) fn ordinality(sql: String) -> SourceColumn {
    SourceColumn { not_null: true, ..column("ordinality", Type::INT8, sql) }
}

fn ordinality_column() -> BoundColumn {
    BoundColumn {
        name: "ordinality".to_owned(),
        sqlite: "ordinality".to_owned(),
        ty: Type::INT8,
        typmod: None,
        not_null: true,
        collated: false,
        leakproof: true,
        source: None,
    }
}
