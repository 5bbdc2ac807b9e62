//! Casts: an expression becomes one of another type, at compile time where it is a constant.

use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::{Base, Context, Type, Typmod, Value, codec};
use sqlparser::ast::{self, Spanned};

use super::compiler::Compiler;
use super::domain::in_domain;
use super::fold::{at_any_time, both_ways};
use super::privilege;
use super::row::{self, alike};
use super::scope::Scope;
use super::typed::{CastContext, Form, Origin, Typed};
use super::types::{ResolvedType, resolve_type, split_name};
use crate::program::Bind;
use crate::quote;

impl Compiler<'_> {
    /// Converts an expression to a type in a context; decides an undecided literal or parameter.
    ///
    /// Errors: 42846 where a written cast does not exist, 42804 where the context asks for one that doesn't;
    /// 22P02 and its kin for a literal that is no value of the type.
    pub fn coerce(&mut self, value: Typed, to: &Type, typmod: Option<Typmod>, context: CastContext) -> Result<Typed> {
        if *to == Type::UNKNOWN {
            return Ok(value);
        }
        if let Form::Row(..) = value.form {
            return self.coerce_row(value, to, context);
        }
        if value.is_unknown() {
            return self.decide(value, to, typmod, context);
        }
        let from = value.ty.clone();
        if from == *to && (typmod.is_none() || typmod == value.typmod) {
            return Ok(value);
        }
        if let (Type::Record(_) | Type::Array(_), Type::Record(_) | Type::Array(_)) = (&from, to)
            && from != *to
            && (alike(&from, to) || matches!(to, Type::Record(fields) if fields.is_empty()))
        {
            let ty = if alike(&from, to) { to.clone() } else { from };
            return Ok(Typed { ty, ..value });
        }
        if from != *to && codec::castable(&from, to).is_none_or(|weakest| weakest > context) {
            return Err(self.no_cast(&from, to, context));
        }
        if let Form::Constant(constant) = &value.form {
            let folded = both_ways(|session| match context {
                CastContext::Explicit => codec::cast(&from, to, typmod, constant.as_ref(), session),
                _ => assign(&from, to, typmod, constant, session),
            })?;
            if let Some(folded) = folded {
                return Ok(Typed { typmod, ..Typed::constant(folded, to.clone()) });
            }
        }
        let stable = value.stable || asks_session(&from, to);
        if typmod.is_none()
            && let Some(sql) = free_cast(&value, to)
        {
            let collated = value.collated && from.collation() == to.collation();
            // SQLite looks for a collation through a cast.
            let sql = if value.collated && !collated && to.collation().is_none() && from.collation().is_some() {
                format!("({sql} COLLATE BINARY)")
            } else {
                sql
            };
            return Ok(Typed { sql, ty: to.clone(), typmod: None, collated, stable, form: Form::Other, ..value });
        }
        let function = if context == CastContext::Explicit { "pg_cast" } else { "pg_assign" };
        let sql = format!("{function}({}, {}, {})", type_literal(&from, None), type_literal(to, typmod), value.sql);
        let may_fail = typmod.is_some() || !infallible(&from, to);
        Ok(Typed {
            sql,
            ty: to.clone(),
            typmod,
            collated: false,
            leakproof: value.leakproof && !may_fail,
            stable,
            form: Form::Other,
            ..value
        })
    }

    /// An undecided literal or parameter becomes text; anything else stays.
    pub fn decided(&mut self, value: Typed) -> Result<Typed> {
        if value.is_unknown() { self.coerce(value, &Type::TEXT, None, CastContext::Implicit) } else { Ok(value) }
    }

    /// The type that an AST data type names here. 42501 without USAGE of the schema that it names.
    pub fn resolve_type(&self, data_type: &ast::DataType) -> Result<ResolvedType> {
        let mut named = data_type;
        while let ast::DataType::Array(ast::ArrayElemTypeDef::SquareBracket(element, _)) = named {
            named = element;
        }
        if let ast::DataType::Custom(name, _) = named
            && let (Some(schema), _) = split_name(name)?
        {
            privilege::use_schema(self, &schema).map_err(|e| self.place(e, name.span()))?;
        }
        resolve_type(self.catalog, &self.search_path, data_type)
    }

    /// `cast(x as t)`, `x::t`.
    pub fn bind_cast(&mut self, scope: &Scope<'_>, expr: &ast::Expr, data_type: &ast::DataType) -> Result<Typed> {
        let resolved = self.resolve_type(data_type)?;
        let of_elements = literals_as_elements(expr, data_type);
        let value = self.bind_expr(scope, of_elements.as_ref().unwrap_or(expr), Some(&resolved.ty))?;
        let mut cast = self.coerce(value, &resolved.ty, resolved.typmod, CastContext::Explicit)?;
        if let Some(shown) = self.object_shown(data_type, &cast) {
            cast = Typed::constant(shown.into(), Type::TEXT);
        }
        cast.row_of = resolved.relation.map(Arc::new);
        if let Form::Row(_, Origin::Written) = cast.form {
            cast = cast.with_origin(Origin::Cast);
        }
        // Of another type, it is the column no more.
        if resolved.domain.is_none() && self.is_in_domain(scope, &cast) {
            cast.form = Form::Other;
        }
        match &resolved.domain {
            Some(domain) => in_domain(self, cast, domain),
            None => Ok(cast),
        }
    }

    /// Whether a value is a table's column in a domain.
    fn is_in_domain(&self, scope: &Scope<'_>, value: &Typed) -> bool {
        let Form::Column(id, index) = value.form else { return false };
        let column = scope.source(id).and_then(|source| match &source.relation {
            Some(relation) => relation.columns.get(index),
            None => {
                let (relation, column) = source.origins.get(index)?.as_ref()?;
                self.catalog.relations.get(relation)?.column(column)
            }
        });
        column.is_some_and(|column| column.domain.is_some())
    }

    /// A literal read, or a parameter typed, as `to`.
    fn decide(&mut self, value: Typed, to: &Type, typmod: Option<Typmod>, context: CastContext) -> Result<Typed> {
        match value.form {
            Form::Constant(Value::Null) => Ok(Typed { typmod, ..Typed::constant(Value::Null, to.clone()) }),
            Form::Constant(Value::Text(ref text)) => {
                let read = |session: &Context| match context {
                    // An explicit cast cuts a text where an assignment refuses it.
                    CastContext::Explicit if typmod.is_some() => {
                        let plain = codec::from_text(to, None, text, session)?;
                        codec::cast(to, to, typmod, plain.as_ref(), session)
                    }
                    _ => codec::from_text(to, typmod, text, session),
                };
                // What the catalog keeps was read when it was made: no caller's time zone moves it.
                let read = match both_ways(read)? {
                    None if !self.names_anew => at_any_time(read)?,
                    read => read,
                };
                Ok(match read {
                    Some(constant) => Typed { typmod, ..Typed::constant(constant, to.clone()) },
                    None => {
                        let (from, to_type) = (type_literal(&Type::TEXT, None), type_literal(to, typmod));
                        let sql = format!("pg_cast({from}, {to_type}, {})", value.sql);
                        Typed { typmod, not_null: true, ..Typed::new(sql, to.clone()) }
                    }
                })
            }
            Form::Param(index) => {
                let decided = self.params[index].get_or_insert_with(|| (to.clone(), None)).0.clone();
                let typed = Typed::new(self.bind(Bind::Param(index)), decided);
                self.coerce(typed, to, typmod, context)
            }
            _ => Ok(Typed { ty: to.clone(), ..value }),
        }
    }

    fn coerce_row(&mut self, value: Typed, to: &Type, context: CastContext) -> Result<Typed> {
        let Form::Row(fields, origin) = &value.form else { return Ok(value) };
        match to {
            Type::Record(wanted) if wanted.is_empty() => Ok(value),
            text if text.is_textual() => {
                let stored = self.storable(value)?;
                self.coerce(stored, text, None, context)
            }
            Type::Record(wanted) if wanted.len() == fields.len() => {
                let pairs = fields.clone().into_iter().zip(wanted.iter());
                let fields = pairs
                    .map(|((_, field), (name, ty))| Ok((name.clone(), self.coerce(field, ty, None, context)?)))
                    .collect::<Result<Vec<_>>>()?;
                let row = row::of_fields(fields, value.sql.clone(), *origin);
                // What is assigned is kept.
                if context == CastContext::Assignment { self.storable(row) } else { Ok(row) }
            }
            _ => Err(self.no_cast(&value.ty, to, context)),
        }
    }

    fn no_cast(&self, from: &Type, to: &Type, context: CastContext) -> Error {
        match context {
            CastContext::Explicit => {
                Error::new("42846", format!("cannot cast type {} to {}", from.sql_name(), to.sql_name()))
            }
            _ => Error::new(
                "42804",
                format!("expression is of type {} where {} is expected", from.sql_name(), to.sql_name()),
            )
            .with_hint("You will need to rewrite or cast the expression."),
        }
    }
}

/// `array['a', 'b']::t[]` as `array['a'::t, 'b'::t]`: its literals are of the type at once. `None` where other elements say of what type they are.
fn literals_as_elements(expr: &ast::Expr, data_type: &ast::DataType) -> Option<ast::Expr> {
    match (expr, data_type) {
        (ast::Expr::Nested(inner), _) => literals_as_elements(inner, data_type),
        (ast::Expr::Array(_), ast::DataType::Array(ast::ArrayElemTypeDef::SquareBracket(element, _))) => {
            cast_literals(expr, element)
        }
        _ => None,
    }
}

fn cast_literals(expr: &ast::Expr, element: &ast::DataType) -> Option<ast::Expr> {
    match expr {
        ast::Expr::Array(array) => {
            let elem = array.elem.iter().map(|item| cast_literals(item, element)).collect::<Option<_>>()?;
            Some(ast::Expr::Array(ast::Array { elem, ..array.clone() }))
        }
        ast::Expr::Value(value) if matches!(value.value, ast::Value::SingleQuotedString(_)) => Some(ast::Expr::Cast {
            kind: ast::CastKind::DoubleColon,
            expr: Box::new(expr.clone()),
            data_type: element.clone(),
            format: None,
        }),
        _ => None,
    }
}

/// `pg_require(condition, sqlstate, message)`.
pub(crate) fn require(condition: &str, code: &str, message: &str) -> String {
    format!("pg_require({condition}, {}, {})", quote::literal(code), quote::literal(message))
}

/// A type as `pg_cast` and its kin take it.
pub(crate) fn type_literal(ty: &Type, typmod: Option<Typmod>) -> String {
    quote::literal(&json(&(ty, typmod)))
}

/// The JSON of a shape or type. Types have string keys only, so it can't fail.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn assign(from: &Type, to: &Type, typmod: Option<Typmod>, value: &Value, session: &Context) -> Result<Value> {
    let value = codec::cast(from, to, None, value.as_ref(), session)?;
    codec::apply_typmod(to, typmod, value, false)
}

/// A cast that the stored form doesn't notice, or that SQLite does by itself.
fn free_cast(value: &Typed, to: &Type) -> Option<String> {
    use Base::*;
    let as_text = || Some(format!("CAST({} AS TEXT)", value.sql));
    match (&value.ty, to) {
        (Type::Base(from), Type::Base(to)) => match (from, to) {
            (Int2, Int4 | Int8) | (Int4, Int8) | (Float4, Float8) | (Bool, Int4) => Some(value.sql.clone()),
            (Int2 | Int4 | Int8, Float8) => Some(format!("CAST({} AS REAL)", value.sql)),
            (Int2 | Int4 | Int8, Numeric | Text | Varchar) => as_text(),
            (Int4, Bool) => Some(format!("({} <> 0)", value.sql)),
            (Int4range | Int8range | Numrange, Text | Varchar) => Some(value.sql.clone()),
            (Text | Varchar, Text | Varchar) | (Name | Uuid | Numeric | Interval | Json | Jsonb, Text | Varchar) => {
                Some(value.sql.clone())
            }
            (Jsonb, Json) => Some(value.sql.clone()),
            _ => None,
        },
        (Type::Enum(_), Type::Base(Text | Varchar)) => Some(value.sql.clone()),
        _ => None,
    }
}

/// Whether the session's settings may decide what a cast gives: its time zone, and how it writes dates (PostgreSQL counts arrays,
/// ranges and labels among what it writes in its own way).
fn asks_session(from: &Type, to: &Type) -> bool {
    let is_written = |ty: &Type| {
        let dated = [Type::DATE, Type::TIMESTAMP, Type::TIMESTAMPTZ, Type::INTERVAL];
        let is_range = ty.base().and_then(Base::subtype).is_some();
        is_range || dated.contains(ty) || matches!(ty, Type::Array(_) | Type::Enum(_) | Type::Record(_))
    };
    let as_text = |text: &Type, other: &Type| text.is_textual() && is_written(other);
    (*from == Type::TIMESTAMPTZ) != (*to == Type::TIMESTAMPTZ) || as_text(from, to) || as_text(to, from)
}

/// Whether a cast between the types can't fail, nor takes long for long values (so that it may run before a row policy).
fn infallible(from: &Type, to: &Type) -> bool {
    use Base::*;
    match (from, to) {
        (Type::Base(Json | Jsonb | Bytea | Tsvector | Tsquery | Jsonpath | Vector), Type::Base(Text | Varchar)) => {
            false
        }
        (Type::Base(base), Type::Base(Text | Varchar)) => base.subtype().is_none(),
        (Type::Enum(_), Type::Base(Text | Varchar)) => true,
        _ => matches!((from, to), (Type::Base(Int2 | Int4 | Int8), Type::Base(Numeric | Float4 | Float8))),
    }
}
