//! What is wanted of a piece of SQL, and what a function gives back.

use basalt_types::Type;

use super::frame::{Shape, Slot, shape_of, shape_of_fields};
use crate::Catalog;
use crate::catalog::{Param, Routine};

/// What is wanted of a piece of SQL.
#[derive(Debug, Clone)]
pub enum Gives {
    /// A statement's effects, which has no rows.
    Nothing,
    /// A statement's effects, and how many rows it has.
    Found,
    /// The condition of a trigger's WHEN.
    When,
    /// An expression's value, for a place.
    Value(Slot),
    /// An expression's value as it is.
    Plain,
    /// An expression's row as it is, and behind its columns whether it is there.
    Fields,
    /// An expression's row, its fields for these places, and behind them whether it is there.
    Row(Shape),
    /// An expression's row, whose fields must have these types already.
    Returned(Shape),
    /// The same for a trigger's row, and behind its fields whether it is there.
    Triggered(Shape),
    /// A statement's rows for these places: NULL where one has no column for it.
    Places(Vec<Slot>),
    /// A statement's rows as they are.
    Rows,
    /// A query's rows, whose columns must have these types already.
    Exactly(Shape),
}

impl Gives {
    /// One text.
    pub fn text() -> Gives {
        Gives::Value(Slot::new("text", Type::TEXT))
    }

    /// One boolean: what IF asks is assigned to one.
    pub fn condition() -> Gives {
        Gives::Value(Slot::new("condition", Type::BOOL))
    }

    /// One integer.
    pub fn integer() -> Gives {
        Gives::Value(Slot::new("integer", Type::INT4))
    }
}

/// What a function gives back.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Whether it gives any number of rows.
    pub is_set: bool,
    /// Its columns; none for `void`.
    pub columns: Option<Shape>,
    /// Whether they are a row, rather than one value.
    pub is_row: bool,
    /// Whether they are the row of a trigger, which may not be there.
    pub is_triggered: bool,
    /// The variables of its OUT parameters, if it has any.
    pub out: Vec<usize>,
}

impl Outcome {
    /// A trigger's: a row of its table.
    pub(in crate::compile) fn of_trigger(row: Shape) -> Outcome {
        Outcome { is_set: false, columns: Some(row), is_row: true, is_triggered: true, out: Vec::new() }
    }

    pub(super) fn of(catalog: &Catalog, routine: &Routine) -> Outcome {
        let out: Vec<usize> =
            routine.params.iter().enumerate().filter(|(_, param)| param.mode.is_output()).map(|(at, _)| at).collect();
        let relation = routine.returns_relation.as_ref().and_then(|name| catalog.relations.get(name));
        let columns = match (relation, &routine.returns) {
            (Some(relation), _) => Some(shape_of(relation)),
            (None, Type::Record(fields)) if out.len() < 2 => Some(shape_of_fields(fields)),
            (None, Type::Record(fields)) => {
                let slot = |((name, ty), param): (&(String, Type), &Param)| Slot {
                    domain: param.domain.clone(),
                    ..Slot::new(name, ty.clone())
                };
                Some(Shape::new(fields.iter().zip(routine.outputs()).map(slot).collect()))
            }
            (None, ty) if *ty == Type::VOID || *ty == Type::TRIGGER => None,
            (None, ty) => {
                let name = routine.outputs().next().map_or(&routine.name.name, |param| &param.name);
                let slot = Slot { domain: routine.returns_domain.clone(), ..Slot::new(name, ty.clone()) };
                Some(Shape::new(vec![slot]))
            }
        };
        Outcome {
            is_set: routine.returns_set,
            columns,
            is_row: matches!(routine.returns, Type::Record(_)) || relation.is_some(),
            is_triggered: false,
            out,
        }
    }
}
