//! Names in expressions: columns, whole rows, function arguments, fields.

use basalt_core::{Error, Result};
use basalt_types::{Base, Type, Value};
use sqlparser::ast::{AccessExpr, Expr, Ident, ObjectName, Subscript};

use super::carried::WHOLE;
use super::compiler::Compiler;
use super::grouping_sets::null_of;
use super::scope::{Clause, Merged, Scope, Sides, Source, ambiguous};
use super::typed::{CastContext, Form, Typed};
use super::types::{fold, split_name};
use super::unrolled::item_value;
use super::unrolled::json_of;
use super::{privilege, row, session, suggest};
use crate::catalog::Privilege;

/// What tells a table's rows apart: where one is on PostgreSQL, its number on SQLite.
const ROW: &str = "ctid";

/// The table that a row is of: its name, as `regclass` shows it.
const TABLE: &str = "tableoid";

/// The system columns of a table that are there.
pub(super) const SYSTEM: [&str; 2] = [ROW, TABLE];

impl Compiler<'_> {
    /// A name by itself: a column, else a whole row, else an argument, else a word such as `current_user`.
    pub(super) fn bind_name(&mut self, scope: &Scope<'_>, ident: &Ident) -> Result<Typed> {
        let name = fold(ident);
        let found = self.noting(Some(ident), false, |compiler| compiler.find_name(scope, ident, &name));
        found.map_err(|error| self.place(error, ident.span))
    }

    fn find_name(&mut self, scope: &Scope<'_>, ident: &Ident, name: &str) -> Result<Typed> {
        if let Some(value) = preferred(scope, name)? {
            return Ok(value);
        }
        for (depth, level) in scope.levels().enumerate() {
            if let Some(merged) = level.merged.iter().find(|m| m.name == name) {
                return self.use_merged(level, merged, depth > 0);
            }
            let mut found: Option<(&Source, usize)> = None;
            for source in level.sources.iter().filter(|s| !s.qualified_only) {
                if let Some(column) = source.find(name)?
                    && found.replace((source, column)).is_some()
                {
                    return Err(ambiguous(name));
                }
            }
            if let Some((source, column)) = found {
                return self.use_column(level, source, column, depth > 0);
            }
            if SYSTEM.contains(&name) {
                let mut tables = level.sources.iter().filter(|s| !s.qualified_only && s.row_number.is_some());
                match (tables.next(), tables.next()) {
                    (Some(_), Some(_)) => return Err(ambiguous(name)),
                    (Some(source), None) => return self.use_system_column(level, source, name, depth > 0),
                    (None, _) => {}
                }
            }
        }
        if let Some((source, level)) = scope.named(None, name) {
            return self.whole_row(level, source);
        }
        if let Some(row) = self.row_of_join(scope, name)? {
            return Ok(row);
        }
        if let Some(value) = argument(scope, name) {
            return Ok(value);
        }
        if ident.quote_style.is_none()
            && let Some(value) = session::function(self, None, name, &[])?
        {
            return Ok(value);
        }
        Err(suggest::missing_column(scope, None, name))
    }

    /// `t.a`, `s.t.a`, `argument.field`, `function.argument`; `t.f` for a function over t's rows.
    pub(super) fn bind_qualified(&mut self, scope: &Scope<'_>, idents: &[Ident]) -> Result<Typed> {
        if let [row @ .., star] = idents
            && star.value == WHOLE
        {
            return self.bind_star(scope, &ObjectName::from(row.to_vec()));
        }
        let span = idents.first().map(|i| i.span);
        let names: Vec<String> = idents.iter().map(fold).collect();
        let bound = self.noting(idents.last(), true, |compiler| match names.as_slice() {
            [table, column] => compiler.find_qualified(scope, None, table, column),
            [schema, table, column] => compiler.find_qualified(scope, Some(schema), table, column),
            _ => Err(Error::new(
                "42601",
                format!("improper qualified name (too many dotted names): {}", names.join(".")),
            )),
        });
        match span {
            Some(span) => bound.map_err(|error| self.place(error, span)),
            None => bound,
        }
    }

    fn find_qualified(&mut self, scope: &Scope<'_>, schema: Option<&str>, table: &str, name: &str) -> Result<Typed> {
        if let Some((source, level)) = scope.named(schema, table) {
            if let Some(column) = source.find(name)? {
                return self.use_column(level, source, column, !std::ptr::eq(level, scope));
            }
            if SYSTEM.contains(&name) && source.row_number.is_some() {
                return self.use_system_column(level, source, name, !std::ptr::eq(level, scope));
            }
            if source.scalar && source.columns.len() == 1 && matches!(source.columns[0].ty, Type::Record(_)) {
                return self.field(&source.value(0), name);
            }
            if let Some(value) = self.computed_field(level, source, name)? {
                return Ok(value);
            }
            return Err(suggest::missing_column(scope, Some(table), name));
        }
        if schema.is_none() {
            if let Some((columns, level)) = scope.join(table) {
                return match columns.iter().find(|column| column.name == name) {
                    Some(column) => self.use_merged(level, column, !std::ptr::eq(level, scope)),
                    None => Err(Error::new("42703", format!("column {table}.{name} does not exist"))),
                };
            }
            let args = scope.levels().find_map(|level| level.args.clone());
            if let Some(args) = &args {
                args.check_assigned(table)?;
            }
            if let Some(value) = args.as_ref().and_then(|args| args.qualified(table, name)) {
                return Ok(value.clone());
            }
            if let Some(value) = argument(scope, table) {
                let is_variable = args.is_some_and(|args| args.sides != Sides::Column || !args.labelled.is_empty());
                return self.field(&value, name).map_err(|error| match error.code() {
                    "42703" if is_variable => {
                        Error::new("42703", format!("record \"{table}\" has no field \"{name}\""))
                    }
                    _ => error,
                });
            }
        }
        let hidden = schema.is_none()
            && scope
                .levels()
                .any(|l| l.sources.iter().any(|s| s.relation.as_ref().is_some_and(|r| r.name.name == table)));
        Err(match hidden {
            true => Error::new("42P01", format!("invalid reference to FROM-clause entry for table \"{table}\""))
                .with_hint("Perhaps you meant to reference the table by its alias."),
            false => Error::new("42P01", format!("missing FROM-clause entry for table \"{table}\"")),
        })
    }

    /// A column's value, once the role may read it and the grouping allows it.
    pub(super) fn use_column(
        &mut self,
        level: &Scope<'_>,
        source: &Source,
        index: usize,
        outer: bool,
    ) -> Result<Typed> {
        let column = &source.columns[index];
        if let Some(relation) = source.relation.as_ref().filter(|_| source.check_privileges) {
            privilege::read_column(self, relation, &column.name)?;
        }
        source.used.set(true);
        self.note_meaning(source, index);
        self.check_grouping(level, source, Ok(index), outer)?;
        let value = source.value(index);
        Ok(if outer && is_left_out(level, &value) { null_of(value) } else { value })
    }

    /// A column of a join, once the role may read those that it stands for and the grouping allows it.
    pub(super) fn use_merged(&mut self, level: &Scope<'_>, merged: &Merged, outer: bool) -> Result<Typed> {
        for &(id, column) in &merged.parts {
            let Some(source) = level.source(id) else { continue };
            // Groups have the merged column as their key, not the other side's.
            let is_other = match merged.value.form {
                Form::Column(own, index) => (own, index) != (id, column),
                _ => false,
            };
            let grouping = if is_other { level.grouping.take() } else { None };
            // It is the join's, of no one entry.
            let used = self.noting(None, false, |c| c.use_column(level, source, column, outer));
            if is_other {
                *level.grouping.borrow_mut() = grouping;
            }
            used?;
        }
        let value = merged.value.clone();
        Ok(if outer && is_left_out(level, &value) { null_of(value) } else { value })
    }

    /// The row of the join of that name.
    fn row_of_join(&mut self, scope: &Scope<'_>, name: &str) -> Result<Option<Typed>> {
        let Some((columns, level)) = scope.join(name) else { return Ok(None) };
        let outer = !std::ptr::eq(level, scope);
        let fields = columns.iter().map(|column| Ok((column.name.clone(), self.use_merged(level, column, outer)?)));
        Ok(Some(row::record(fields.collect::<Result<_>>()?)))
    }

    /// `ctid` or `tableoid`, once the role may read the whole table (no column's privilege is for them) and the grouping allows it.
    fn use_system_column(&mut self, level: &Scope<'_>, source: &Source, name: &str, outer: bool) -> Result<Typed> {
        if let Some(relation) = source.relation.as_ref().filter(|_| source.check_privileges) {
            privilege::require(self.catalog, &self.role, relation, Privilege::Select)?;
        }
        source.used.set(true);
        self.check_grouping(level, source, Err(name), outer)?;
        if let (TABLE, Some(relation)) = (name, &source.relation) {
            let table = Typed::constant(self.class_shown(&relation.name).into(), Type::TEXT);
            return Ok(match source.marker().filter(|_| source.nullable) {
                Some(marker) => {
                    let mut typed =
                        Typed::new(format!("(CASE WHEN {marker} IS NOT NULL THEN {} END)", table.sql), Type::TEXT);
                    typed.sources.push(source.id);
                    typed
                }
                None => table,
            });
        }
        let mut typed = Typed::new(source.row_number.clone().unwrap_or_default(), Type::INT8);
        typed.not_null = !source.nullable;
        typed.sources.push(source.id);
        Ok(typed)
    }

    /// `column` is its place, or the name of a system column.
    fn check_grouping(
        &self,
        level: &Scope<'_>,
        source: &Source,
        column: Result<usize, &str>,
        outer: bool,
    ) -> Result<()> {
        let grouping = level.grouping.borrow();
        let Some(grouping) = grouping.as_ref().filter(|_| level.clause.get() != Clause::Aggregate) else {
            return Ok(());
        };
        let is_key = |index| {
            grouping.columns.contains(&(source.id, index)) || grouping.absent_columns.contains(&(source.id, index))
        };
        let grouped = column.is_ok_and(is_key);
        if grouped || grouping.determined.contains(&source.id) {
            return Ok(());
        }
        let column = column.map_or_else(|name| name, |index| source.columns[index].name.as_str());
        let name = format!("\"{}.{column}\"", source.alias);
        Err(Error::new(
            "42803",
            match outer {
                true => format!("subquery uses ungrouped column {name} from outer query"),
                false => {
                    format!("column {name} must appear in the GROUP BY clause or be used in an aggregate function")
                }
            },
        ))
    }

    /// `t.*` as a value: the row of that name.
    ///
    /// Errors: 42P01 if there is none.
    pub(super) fn bind_star(&mut self, scope: &Scope<'_>, name: &ObjectName) -> Result<Typed> {
        let last = name.0.last().and_then(|part| part.as_ident());
        self.noting(last, true, |compiler| compiler.find_star(scope, name))
    }

    fn find_star(&mut self, scope: &Scope<'_>, name: &ObjectName) -> Result<Typed> {
        let (schema, alias) = split_name(name)?;
        let missing = || Error::new("42P01", format!("missing FROM-clause entry for table \"{alias}\""));
        match scope.named(schema.as_deref(), &alias) {
            Some((source, level)) => self.whole_row(level, source),
            None => match self.row_of_join(scope, &alias)? {
                Some(row) => Ok(row),
                None => argument(scope, &alias).filter(|row| row.row().is_some()).ok_or_else(missing),
            },
        }
    }

    /// `t` as a value: the row, or what a function of one plain column gave.
    pub(super) fn whole_row(&mut self, level: &Scope<'_>, source: &Source) -> Result<Typed> {
        self.note_row(source);
        self.noting(None, false, |compiler| {
            let columns = (0..source.columns.len()).filter(|index| !source.columns[*index].hidden);
            columns.into_iter().try_for_each(|index| compiler.use_column(level, source, index, false).map(drop))
        })?;
        if source.scalar && source.columns.len() == 1 {
            return Ok(source.value(0));
        }
        Ok(row::of_source(source))
    }

    /// `x.f`, `x[i]`, `x[i:j]` after an expression.
    pub(super) fn bind_access(&mut self, scope: &Scope<'_>, root: &Expr, chain: &[AccessExpr]) -> Result<Typed> {
        // `t.a[1]` comes as the root `t` with the accesses `.a` and `[1]`.
        let mut path = match root {
            Expr::Identifier(ident) => vec![ident.clone()],
            Expr::CompoundIdentifier(idents) => idents.clone(),
            _ => Vec::new(),
        };
        let mut rest = chain;
        while !path.is_empty()
            && let [AccessExpr::Dot(Expr::Identifier(ident)), tail @ ..] = rest
        {
            path.push(ident.clone());
            rest = tail;
        }
        let mut value = match path.as_slice() {
            [] => self.bind_expr(scope, root, None)?,
            [one] => self.bind_name(scope, one)?,
            several => self.bind_qualified(scope, several)?,
        };
        while let [access, tail @ ..] = rest {
            let subscripts = rest.iter().take_while(|access| matches!(access, AccessExpr::Subscript(_))).count();
            let is_slice = |access: &AccessExpr| matches!(access, AccessExpr::Subscript(Subscript::Slice { .. }));
            if rest[..subscripts].iter().any(is_slice) {
                value = self.bind_slice(scope, value, &rest[..subscripts])?;
                rest = &rest[subscripts..];
                continue;
            }
            rest = tail;
            value = match access {
                AccessExpr::Dot(Expr::Identifier(ident)) => self.field(&value, &fold(ident))?,
                AccessExpr::Dot(other) => {
                    return Err(Error::new("42601", format!("syntax error at or near \"{other}\"")));
                }
                AccessExpr::Subscript(Subscript::Index { index }) => {
                    // All but the last dimension give arrays.
                    let last = !matches!(rest, [AccessExpr::Subscript(Subscript::Index { .. }), ..]);
                    self.bind_index(scope, value, index, last)?
                }
                AccessExpr::Subscript(Subscript::Slice { .. }) => return Err(Error::internal("a slice by itself")),
            };
        }
        Ok(value)
    }

    /// `array[i]`, `json[key]`.
    fn bind_index(&mut self, scope: &Scope<'_>, value: Typed, index: &Expr, last: bool) -> Result<Typed> {
        if value.ty == Type::JSONB {
            let key = self.bind_expr(scope, index, None)?;
            check_key(&key)?;
            // A number is a place in an array, as a text or not; of a scalar, which `-> 0` takes for an array, it is none.
            if matches!(&key.form, Form::Constant(Value::Text(name)) if name.parse::<i64>().is_err()) {
                return self.apply("->", Some(value), key);
            }
            let key = self.coerce(key, &Type::TEXT, None, CastContext::Explicit)?;
            return self.call("jsonb_extract_path", vec![value, key]);
        }
        let element = self.element_of(&value)?;
        let index = self.subscript(scope, index)?;
        let (array, i) = (&value.sql, &index.sql);
        // One index of an array with more dimensions gives no element.
        let is_inner = match last {
            true => format!(" AND json_type({array}, '$[' || ({i} - 1) || ']') <> 'array'"),
            false => String::new(),
        };
        let item = format!("{array} ->> ({i} - 1)");
        let item = if last { item_value(&element, &item) } else { item };
        let sql = format!("(CASE WHEN {i} > 0{is_inner} THEN {item} END)");
        let ty = if last { element } else { value.ty.clone() };
        Ok(Typed::over(sql, ty, [&value, &index]))
    }

    /// `array[i:j]`, `array[i:j][k:l]`. Beside a slice, an index `k` means `1:k`.
    fn bind_slice(&mut self, scope: &Scope<'_>, value: Typed, subscripts: &[AccessExpr]) -> Result<Typed> {
        self.element_of(&value)?;
        let mut operands = vec![value];
        for subscript in subscripts {
            let (lower, upper) = match subscript {
                AccessExpr::Subscript(Subscript::Index { index }) => (None, Some(index)),
                AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, .. }) => {
                    (lower_bound.as_ref(), upper_bound.as_ref())
                }
                AccessExpr::Dot(_) => continue,
            };
            for (bound, open) in [(lower, 1), (upper, i32::MAX.into())] {
                operands.push(match bound {
                    Some(bound) => self.subscript(scope, bound)?,
                    None => Typed::constant(Value::Int(open), Type::INT4),
                });
            }
        }
        let args: Vec<&str> = operands.iter().map(|operand| operand.sql.as_str()).collect();
        Ok(Typed::over(format!("pg_slice({})", args.join(", ")), operands[0].ty.clone(), &operands))
    }

    /// The subscript of an array: an integer, as if it were assigned to one.
    ///
    /// Errors: 42804 for another type.
    fn subscript(&mut self, scope: &Scope<'_>, index: &Expr) -> Result<Typed> {
        let index = self.bind_expr(scope, index, Some(&Type::INT4))?;
        self.coerce(index, &Type::INT4, None, CastContext::Assignment).map_err(|error| match error.code() {
            "42804" => Error::new("42804", "array subscript must have type integer"),
            _ => error,
        })
    }

    fn element_of(&self, value: &Typed) -> Result<Type> {
        match &value.ty {
            Type::Array(element) => Ok((**element).clone()),
            other => Err(Error::new(
                "42804",
                format!("cannot subscript type {} because it does not support subscripting", other.sql_name()),
            )),
        }
    }

    /// `array[a, b]`; nested ones make more dimensions.
    pub(super) fn bind_array(&mut self, scope: &Scope<'_>, items: &[Expr], expected: Option<&Type>) -> Result<Typed> {
        let wanted = expected.and_then(Type::element);
        let mut elements = Vec::with_capacity(items.len());
        for item in items {
            let nested = matches!(item, Expr::Array(_));
            elements.push(self.bind_expr(scope, item, if nested { expected } else { wanted })?);
        }
        if elements.is_empty() {
            return match expected {
                Some(ty @ Type::Array(_)) => Ok(Typed { not_null: true, ..Typed::new("'[]'", ty.clone()) }),
                _ => Err(Error::new("42P18", "cannot determine type of empty array")
                    .with_hint("Explicitly cast to the desired type, for example ARRAY[]::integer[].")),
            };
        }
        let width = |item: &Expr| if let Expr::Array(array) = item { Some(array.elem.len()) } else { None };
        if items.iter().any(|item| width(item) != width(&items[0])) && items.iter().all(|item| width(item).is_some()) {
            let message = "multidimensional arrays must have array expressions with matching dimensions";
            return Err(Error::new("2202E", message));
        }
        let (elements, ty) = self.unify(elements, "ARRAY")?;
        let ty = match wanted {
            Some(wanted) if ty != *wanted && super::overload::implicit(&ty, wanted) => wanted.clone(),
            _ => ty,
        };
        let elements = elements
            .into_iter()
            .map(|e| self.coerce(e, &ty, None, CastContext::Implicit))
            .collect::<Result<Vec<_>>>()?;
        let values: Vec<String> = elements.iter().map(array_item).collect();
        let array = if ty.element().is_some() { ty } else { ty.array_of() };
        let mut typed = Typed::over(format!("json_array({})", values.join(", ")), array, &elements);
        typed.not_null = true;
        Ok(typed)
    }
}

/// Whether a column of the query around is a key of another grouping set than the one whose groups it has: it is NULL in these.
fn is_left_out(level: &Scope<'_>, value: &Typed) -> bool {
    let grouping = level.grouping.borrow();
    let grouping = grouping.as_ref().filter(|_| level.clause.get() != Clause::Aggregate);
    grouping.is_some_and(|grouping| match value.form {
        Form::Column(source, column) => grouping.absent_columns.contains(&(source, column)),
        _ => false,
    })
}

/// 42804 for a subscript that is neither an index nor a key of a JSON document.
pub(super) fn check_key(key: &Typed) -> Result<()> {
    if matches!(key.ty, Type::Base(Base::Int2 | Base::Int4)) || key.is_unknown() || key.ty.is_textual() {
        return Ok(());
    }
    let message = format!("subscript type {} is not supported", key.ty.sql_name());
    Err(Error::new("42804", message).with_hint("jsonb subscript must be coercible to either integer or text."))
}

/// A value as an item of a stored array.
pub(super) fn array_item(element: &Typed) -> String {
    match element.ty {
        Type::Array(_) => format!("json({})", element.sql),
        _ => json_of(&element.ty, element.sql.clone()),
    }
}

/// The argument of that name of the function whose body this is.
pub(super) fn argument(scope: &Scope<'_>, name: &str) -> Option<Typed> {
    scope.levels().find_map(|level| level.args.clone())?.named(name).cloned()
}

/// The variable of PL/pgSQL of that name, where it comes before a column. 42702 for one that is a column too, unless the body says which is
/// meant; 55000 for a record without columns.
pub(super) fn preferred(scope: &Scope<'_>, name: &str) -> Result<Option<Typed>> {
    let Some(args) = scope.levels().find_map(|level| level.args.clone()) else { return Ok(None) };
    let Some(value) = args.named(name).filter(|_| args.sides != Sides::Column) else { return Ok(None) };
    if args.sides == Sides::Refused {
        let columns = |level: &Scope<'_>| {
            if level.merged.iter().any(|column| column.name == name) {
                return 1;
            }
            let sources = level.sources.iter().filter(|source| !source.qualified_only);
            sources.flat_map(|source| &source.columns).filter(|column| column.name == name && !column.hidden).count()
        };
        let detail = "It could refer to either a PL/pgSQL variable or a table column.";
        match scope.levels().map(columns).find(|&count| count > 0) {
            None => {}
            Some(1) => return Err(ambiguous(name).with_detail(detail)),
            // Which column is meant is asked first.
            Some(_) => return Err(ambiguous(name)),
        }
    }
    args.check_assigned(name)?;
    Ok(Some(value.clone()))
}
