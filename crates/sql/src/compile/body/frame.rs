//! A body's variables, and the places where a run keeps their values.

use std::ops::Range;
use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::{Type, Typmod};
use sqlparser::ast;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use crate::catalog::{Column, Param, Relation};
use crate::compile::parse::parse_expr;
use crate::compile::types::{fold, resolve_type};
use crate::plpgsql::ast::{Body, Declared};
use crate::{Catalog, Name};

/// A place for one value.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// The name of the variable, or of the row's column.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Its modifier.
    pub typmod: Option<Typmod>,
    /// Its domain.
    pub(super) domain: Option<Name>,
}

/// The columns of a row.
pub type Shape = Arc<Vec<Slot>>;

/// A variable.
#[derive(Debug, Clone)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub holds: Holds,
    /// Whether NULL is refused.
    pub not_null: bool,
    /// Whether it is assigned to only where it is declared.
    pub constant: bool,
    /// Whether it is a row that a trigger has, which is there whatever its columns hold. Of any other a run knows whether it is NULL as a whole.
    pub is_there: bool,
}

/// What a variable holds.
#[derive(Debug, Clone)]
pub enum Holds {
    /// One value.
    Value(Slot),
    /// A row of these columns, and the relation whose row it is.
    Row(Shape, Option<Arc<Name>>),
    /// A row of whatever columns it is given: `record`.
    Record,
}

/// The variables of a body: those that its function has by itself (a function's parameters, a trigger's rows), then those that it
/// declares.
#[derive(Debug)]
pub struct Frame {
    /// All of them.
    pub variables: Vec<Variable>,
    /// How many the function has by itself.
    pub own: usize,
}

/// Where the values of a run are, for as long as its records have these columns.
#[derive(Debug)]
pub struct Layout {
    /// What tells it from the body's other ones.
    pub(super) number: usize,
    /// The columns of each variable that holds a row; none for a record before it is assigned to.
    pub shapes: Vec<Option<Shape>>,
    /// The places of each variable. Behind the columns of a row that may be NULL is one more: true unless it is.
    pub places: Vec<Range<usize>>,
    /// How many places there are.
    pub size: usize,
}

impl Slot {
    /// A place for a value of this type.
    pub(crate) fn new(name: &str, ty: Type) -> Slot {
        Slot { name: name.to_owned(), ty, typmod: None, domain: None }
    }

    fn like(name: &str, column: &Column) -> Slot {
        Slot { typmod: column.typmod, domain: column.domain.clone(), ..Slot::new(name, column.ty.clone()) }
    }
}

/// The row of a relation.
pub(crate) fn shape_of(relation: &Relation) -> Shape {
    Arc::new(relation.columns.iter().map(|column| Slot::like(&column.name, column)).collect())
}

/// A row of these fields.
pub(super) fn shape_of_fields(fields: &[(String, Type)]) -> Shape {
    Arc::new(fields.iter().map(|(name, ty)| Slot::new(name, ty.clone())).collect())
}

impl Holds {
    /// A relation's row.
    pub(crate) fn row_of(relation: &Relation) -> Holds {
        Holds::Row(shape_of(relation), Some(Arc::new(relation.name.clone())))
    }
}

impl Variable {
    pub(crate) fn new(name: &str, holds: Holds) -> Variable {
        Variable { name: name.to_owned(), holds, not_null: false, constant: false, is_there: false }
    }

    /// A function's parameter.
    pub(super) fn of_param(catalog: &Catalog, param: &Param) -> Variable {
        let relation = param.relation.as_ref().and_then(|name| catalog.relations.get(name));
        Variable::new(
            &param.name,
            match (relation, &param.ty) {
                (Some(relation), _) => Holds::row_of(relation),
                (None, Type::Record(fields)) => Holds::Row(shape_of_fields(fields), None),
                (None, ty) => Holds::Value(Slot { domain: param.domain.clone(), ..Slot::new(&param.name, ty.clone()) }),
            },
        )
    }
}

impl Frame {
    /// The variables of a body, after those that its function has by itself.
    ///
    /// Errors: 42704 for an unknown type, 42P01 for that of an unknown column.
    pub(super) fn new(catalog: &Catalog, path: &[String], own: Vec<Variable>, body: &Body) -> Result<Frame> {
        let mut frame = Frame { own: own.len(), variables: own };
        for declared in &body.variables {
            let holds = holds(catalog, path, declared, &frame.variables).map_err(|error| match error.position() {
                Some(_) => error,
                None => error.at(declared.at),
            })?;
            let (not_null, constant) = (declared.not_null, declared.constant);
            frame.variables.push(Variable { not_null, constant, ..Variable::new(&declared.name, holds) });
        }
        Ok(frame)
    }

    /// The variable that a body declares at this place.
    pub fn declared(&self, place: usize) -> usize {
        self.own + place
    }

    /// The variable of that name that the function has by itself.
    pub fn own(&self, name: &str) -> Option<usize> {
        self.variables[..self.own].iter().position(|variable| !name.is_empty() && variable.name == name)
    }

    /// The columns that its rows have before anything is assigned.
    pub(super) fn shapes(&self) -> Vec<Option<Shape>> {
        let shape = |variable: &Variable| match &variable.holds {
            Holds::Row(shape, _) => Some(shape.clone()),
            _ => None,
        };
        self.variables.iter().map(shape).collect()
    }

    /// The places for rows of these columns.
    pub(super) fn layout(&self, number: usize, shapes: Vec<Option<Shape>>) -> Layout {
        let mut size = 0;
        let places = self.variables.iter().zip(&shapes).map(|(variable, shape)| {
            let width = match (&variable.holds, shape) {
                (Holds::Value(_), _) => 1,
                (_, Some(shape)) => shape.len() + usize::from(!variable.is_there),
                (_, None) => 0,
            };
            size += width;
            size - width..size
        });
        let places = places.collect();
        Layout { number, shapes, places, size }
    }
}

/// What a declared variable holds.
fn holds(catalog: &Catalog, path: &[String], declared: &Declared, known: &[Variable]) -> Result<Holds> {
    let (name, written) = (&declared.name, declared.ty.trim());
    if let Some((named, word)) = written.rsplit_once('%') {
        return match word.trim().to_ascii_lowercase().as_str() {
            "rowtype" => {
                let missing = || Error::new("42P01", format!("relation \"{}\" does not exist", named.trim()));
                relation_named(catalog, path, named).map(|relation| Holds::row_of(relation)).ok_or_else(missing)
            }
            "type" => {
                if let Some(variable) = known.iter().rev().find(|variable| variable.name == named.trim()) {
                    return Ok(match &variable.holds {
                        Holds::Value(slot) => Holds::Value(Slot { name: name.clone(), ..slot.clone() }),
                        other => other.clone(),
                    });
                }
                // PostgreSQL then reads it as a type's name, which has no such sign.
                let unread = || Error::new("42601", "syntax error at or near \"%\"");
                column_named(catalog, path, named)
                    .map(|column| Holds::Value(Slot::like(name, column)))
                    .ok_or_else(unread)
            }
            _ => Err(Error::new("42601", "syntax error at or near \"%\"")),
        };
    }
    if written.eq_ignore_ascii_case("record") {
        return Ok(Holds::Record);
    }
    let parse = || Parser::new(&PostgreSqlDialect {}).try_with_sql(written)?.parse_data_type();
    let unknown = |_| Error::new("42704", format!("type \"{written}\" does not exist"));
    let found = resolve_type(catalog, path, &parse().map_err(unknown)?)?;
    if let Some(relation) = found.relation.as_ref().and_then(|name| catalog.relations.get(name)) {
        return Ok(Holds::row_of(relation));
    }
    Ok(match &found.ty {
        Type::Record(fields) => Holds::Row(shape_of_fields(fields), None),
        ty => Holds::Value(Slot { typmod: found.typmod, domain: found.domain, ..Slot::new(name, ty.clone()) }),
    })
}

fn relation_named<'c>(catalog: &'c Catalog, path: &[String], written: &str) -> Option<&'c Arc<Relation>> {
    let names: Vec<String> = match parse_expr(written) {
        Ok(ast::Expr::Identifier(name)) => vec![fold(&name)],
        Ok(ast::Expr::CompoundIdentifier(parts)) => parts.iter().map(fold).collect(),
        _ => return None,
    };
    match names.as_slice() {
        [table] => path.iter().find_map(|schema| catalog.relation(schema, table)),
        [schema, table] => catalog.relation(schema, table),
        _ => None,
    }
}

/// The column of `t.a%type`.
fn column_named<'c>(catalog: &'c Catalog, path: &[String], written: &str) -> Option<&'c Column> {
    let (table, name) = written.trim().rsplit_once('.')?;
    match parse_expr(name) {
        Ok(ast::Expr::Identifier(name)) => relation_named(catalog, path, table)?.column(&fold(&name)),
        _ => None,
    }
}
