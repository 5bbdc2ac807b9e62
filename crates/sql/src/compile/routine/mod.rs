//! SQL functions: inlined where they are called, in expressions and in FROM.

mod arguments;
mod inlined;

use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::{Type, Volatility};
use sqlparser::ast::Statement;

pub(super) use arguments::{Placed, place};
pub(super) use inlined::mismatch;

use super::compiler::{Compiler, sets};
use super::parse::parse_statements;
use super::scope::{Clause, Scope, Source};
use super::select::BoundQuery;
use super::typed::{Form, Origin, Typed};
use super::{privilege, row, steps};
use crate::catalog::Routine;
use crate::{Catalog, definition_path};
use arguments::{Evaluated, answering};

/// Checks a function's body: every statement compiles, and the last one's columns fit the declared result.
pub(super) fn check(catalog: &Catalog, routine: &Routine) -> Result<()> {
    if routine.is_interpreted() {
        return super::body::check_function(catalog, routine);
    }
    check_in(&mut checking(catalog, routine), routine)
}

/// What checks a function's body.
pub(super) fn checking<'c>(catalog: &'c Catalog, routine: &'c Routine) -> Compiler<'c> {
    let path = routine.search_path().unwrap_or_else(|| definition_path(&routine.name.schema));
    let mut compiler = Compiler::defining(catalog, &path, "");
    compiler.positions_in_body(&routine.body);
    compiler
}

/// Checks the body, with what [`checking`] gave.
pub(super) fn check_in(compiler: &mut Compiler<'_>, routine: &Routine) -> Result<()> {
    let given = routine.inputs().map(|param| {
        let relation = param.relation.as_ref().and_then(|name| compiler.catalog.relations.get(name));
        Some(unknown_value(relation.map_or(param.ty.clone(), |relation| relation.row_type())))
    });
    let given = given.collect();
    let mut routine = routine.clone();
    if matches!(&routine.returns, Type::Record(fields) if fields.is_empty()) {
        // Its columns are said where it is called.
        let statements = parse_statements(&routine.body)?;
        routine.returns = Type::VOID;
        let args = compiler.arguments(&routine, given)?;
        let path = compiler.search_path.clone();
        return compiler
            .in_body(path, routine.parsed, |c| steps::run_routine(c, &routine, &statements, args))
            .map(|_| ());
    }
    compiler.rows_of(&Arc::new(routine), given).map(|_| ())
}

/// Whether a body stands where the function is called, rather than run in steps before.
fn is_inlined(routine: &Routine, statements: &[Statement]) -> bool {
    steps::is_inlinable(statements) && routine.returns != Type::VOID
}

/// 0A000 for an aggregate over no column, or a window function, in a body that reads rows: SQLite would count those.
fn gathered(routine: &Routine) -> Error {
    Error::unsupported(
        format!(
            "function {} reads tables, and takes no aggregate or window function as its argument",
            routine.name.name
        ),
        "Compute it in a subquery of FROM, and pass that column.",
    )
}

/// What an argument takes of the rows around the call.
fn leaf_of_row(args: &[Typed]) -> Option<String> {
    fn leaf(arg: &Typed) -> Option<String> {
        match &arg.form {
            Form::Row(fields, _) => fields.iter().find_map(|(_, field)| leaf(field)),
            _ => Some(arg.sql.clone()).filter(|_| !arg.sources.is_empty()),
        }
    }
    args.iter().find_map(leaf)
}

/// A query that is run for each row, of which this is a column: SQLite runs a subquery that names none of its columns once for all.
fn for_each_row(column: &str, query: &str, columns: usize) -> String {
    let nulls = vec!["NULL"; columns].join(", ");
    format!("SELECT * FROM ({query}) UNION ALL SELECT {nulls} WHERE iif(false, {column}, NULL)")
}

/// The value where the condition holds, and NULL elsewhere; so are a row's fields.
fn only_where(condition: &Typed, value: Typed) -> Typed {
    let sql = format!("(CASE WHEN {} THEN {} END)", condition.sql, value.sql);
    let form = match value.form {
        Form::Row(fields, origin) => {
            let fields = fields.into_iter().map(|(name, field)| (name, only_where(condition, field)));
            Form::Row(fields.collect(), origin)
        }
        _ => Form::Other,
    };
    let mut value = Typed { sql, not_null: false, collated: false, form, ..value };
    value.absorb(condition);
    value
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
        let gathers = std::mem::take(&mut self.gathers);
        let args = self.arguments(routine, given)?;
        let routine = &self.seen(routine, &args)?;
        if routine.is_interpreted() {
            return self.interpreted_value(scope, routine, args);
        }
        let each = leaf_of_row(&args).or_else(|| self.row_of(scope));
        // An argument whose value changes with each evaluation is evaluated once; a body that runs in steps takes it so.
        let is_inlined = is_inlined(routine, &parse_statements(&routine.body)?);
        let mut evaluated = Evaluated::new(self.alias("_args"), false);
        let args = match is_inlined {
            true => args.into_iter().map(|arg| evaluated.once(arg)).collect(),
            false => args,
        };
        let condition = answering(routine, &args);
        let is_asked = routine.volatility != Volatility::Immutable || args.iter().any(|arg| arg.stable);
        let around = std::mem::replace(&mut self.each_row, each.clone());
        let query = self.body_rows(routine, args);
        self.each_row = around;
        let mut query = query?;
        if gathers && query.value.is_none() {
            return Err(gathered(routine));
        }
        let runs_anew = query.effects.volatile && query.value.is_none();
        if let (true, Some(column)) = (runs_anew, &each) {
            query.sql = for_each_row(column, &query.sql, query.columns.len());
        }
        let composite = matches!(routine.returns, Type::Record(_));
        let mut value = match (&query.value, query.columns.as_slice()) {
            (Some(value), _) if !composite => value.clone(),
            (_, [column]) if !composite => {
                let mut value = Typed::over(format!("({})", query.sql), column.ty.clone(), [&query.effects]);
                value.typmod = column.typmod;
                value
            }
            // One value, lest each of its fields come from a run of its own.
            (_, columns) if runs_anew => {
                let alias = self.alias("_f");
                let fields = columns.iter().map(|column| (column.name.clone(), column.value(&alias)));
                let row = self.storable(row::record(fields.collect()))?;
                Typed::over(format!("(SELECT {} FROM ({}) AS {alias})", row.sql, query.sql), row.ty, [&query.effects])
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
        if let Some(condition) = condition {
            value = only_where(&condition, value);
        }
        if evaluated.is_any() {
            // A row too is one value then, lest each of its fields have arguments of its own.
            value = self.storable(value)?;
            evaluated.for_each_row(each);
            value.sql = format!("({})", evaluated.around(&value.sql));
            (value.volatile, value.collated) = (true, false);
            value.form = Form::Other;
        }
        if let Form::Column(..) = value.form {
            value.form = Form::Other;
        }
        value.row_of = routine.returns_relation.clone().map(Arc::new);
        // Who wrote the function answers for what it says of itself, as in PostgreSQL.
        value.stable &= is_asked;
        Ok(value)
    }

    /// A column of the rows for which an expression of this level is evaluated one by one.
    fn row_of(&self, scope: &Scope<'_>) -> Option<String> {
        if scope.in_from || scope.grouping.borrow().is_some() && scope.clause.get() != Clause::Aggregate {
            return None;
        }
        let has_one_row = scope.levels().all(|level| level.sources.is_empty());
        scope.a_column().map(str::to_owned).or_else(|| self.each_row.clone().filter(|_| has_one_row))
    }

    /// A function in FROM: its rows as a query. One that returns no set has one row, of nulls where its body finds none.
    pub(super) fn routine_rows(&mut self, routine: &Arc<Routine>, given: Vec<Option<Typed>>) -> Result<BoundQuery> {
        let args = self.arguments(routine, given)?;
        let routine = self.seen(routine, &args)?;
        self.rows_over(&routine, args)
    }

    /// What a definition that calls a function sees of it: a body that is a text is looked into when it runs, and may be out of date until
    /// then, so that nulls of the declared types stand for it.
    ///
    /// Errors: 0A000 for a body that runs in steps, which could not take these arguments.
    fn seen(&self, routine: &Arc<Routine>, args: &[Typed]) -> Result<Arc<Routine>> {
        let columns = self.result_columns(routine).len();
        if !self.defines || routine.parsed || routine.is_interpreted() || columns == 0 {
            return Ok(routine.clone());
        }
        if parse_statements(&routine.body).is_ok_and(|statements| !is_inlined(routine, &statements)) {
            inlined::takes_steps(routine, args)?;
        }
        let body = format!("select {}", vec!["null"; columns].join(", "));
        Ok(Arc::new(Routine { body, ..(**routine).clone() }))
    }

    fn rows_of(&mut self, routine: &Arc<Routine>, given: Vec<Option<Typed>>) -> Result<BoundQuery> {
        let args = self.arguments(routine, given)?;
        self.rows_over(routine, args)
    }

    fn rows_over(&mut self, routine: &Arc<Routine>, args: Vec<Typed>) -> Result<BoundQuery> {
        if routine.is_interpreted() {
            return self.interpreted_rows(routine, args);
        }
        let each = leaf_of_row(&args);
        let mut evaluated = Evaluated::new(self.alias("_args"), true);
        let args = match is_inlined(routine, &parse_statements(&routine.body)?) {
            true => args.into_iter().map(|arg| evaluated.once(arg)).collect(),
            false => args,
        };
        let condition = answering(routine, &args);
        let around: Vec<usize> = args.iter().flat_map(|arg| arg.sources.iter().copied()).collect();
        let mut query = self.body_rows(routine, args)?;
        if let (true, Some(column)) = (query.effects.volatile, &each) {
            query.sql = for_each_row(column, &query.sql, query.columns.len());
            query.value = None;
            query.effects.sources.extend(around);
        }
        if let Some(condition) = &condition {
            query.effects.absorb(condition);
        }
        if routine.returns_set {
            if let Some(condition) = &condition {
                query.sql = format!("SELECT * FROM ({}) WHERE {}", query.sql, condition.sql);
                query.value = None;
            }
        } else if query.value.is_none() || condition.is_some() {
            let row = self.alias("_row");
            let on = condition.as_ref().map_or("true", |condition| condition.sql.as_str());
            query.sql = format!("SELECT {row}.* FROM (SELECT 1) LEFT JOIN ({}) AS {row} ON {on}", query.sql);
            query.value = None;
            query.columns.iter_mut().for_each(|column| column.not_null = false);
        }
        if evaluated.is_any() {
            query.sql = evaluated.around(&query.sql);
            query.value = None;
            query.effects.volatile = true;
        }
        Ok(query)
    }

    /// `t.f` for a function of t's rows.
    pub(super) fn computed_field(&mut self, level: &Scope<'_>, source: &Source, name: &str) -> Result<Option<Typed>> {
        let Some(relation) = &source.rows_of else { return Ok(None) };
        let own = self.routine_candidates(Some(&relation.schema), name);
        let fits = |r: &Arc<Routine>| {
            let mut inputs = r.inputs();
            let takes = inputs.next().is_some_and(|p| p.relation.as_ref() == Some(&**relation));
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

    /// The rows of a function's body over its arguments, with the rights and the path that it runs with.
    fn body_rows(&mut self, routine: &Arc<Routine>, args: Vec<Typed>) -> Result<BoundQuery> {
        let user = if routine.security_definer { routine.owner.clone() } else { self.user.clone() };
        let path = routine.search_path().unwrap_or_else(|| self.search_path.clone());
        if routine.is_fired() {
            return Err(Error::new("0A000", "trigger functions can only be called as triggers"));
        }
        // Whatever follows in the statement may see what the body sets.
        self.sets |= sets(&routine.body);
        let statements = parse_statements(&routine.body)?;
        let inlinable = is_inlined(routine, &statements);
        // Steps run before there are rows.
        let each = self.each_row.clone().filter(|_| inlinable);
        let around = std::mem::replace(&mut self.each_row, each);
        let bound = self.as_user(&user, |c| {
            c.in_body(path, routine.parsed, |c| match (inlinable, statements.as_slice()) {
                (true, [Statement::Query(query)]) => c.inlined_body(routine, query, args),
                _ => c.stepped_body(routine, &statements, args),
            })
        });
        self.each_row = around;
        let bound = bound.map_err(|error| match error.code() {
            // Its place is in the body, and the statement has parameters of such names as well.
            "42P02" => error.elsewhere(None),
            _ => error,
        })?;
        let mut bound = self.outputs_in_domains(routine, bound)?;
        // PostgreSQL runs such a body apart from its caller's statement: what that asks sees no row that the body leaves out.
        bound.protected |= routine.security_definer;
        Ok(bound)
    }
}
