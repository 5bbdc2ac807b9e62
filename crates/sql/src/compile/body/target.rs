//! What is assigned to.

use basalt_core::{Error, Result};

use super::{Code, Gives, Holds, Layout, Shape, Slot};
use crate::plpgsql::ast::{Known, Target};

/// A place that something is assigned to.
#[derive(Debug, Clone)]
pub enum Place {
    /// One value.
    Value {
        /// Where it is.
        at: usize,
        /// What it holds.
        slot: Slot,
        /// Whether NULL is refused.
        not_null: bool,
        /// Of a row's column, the place that says that the row is there.
        mark: Option<usize>,
    },
    /// A whole row: the variable, and the columns that it has to have.
    Row(usize, Option<Shape>),
}

impl Code {
    /// The variable's place in the frame.
    pub(super) fn place_of_known(&self, known: &Known) -> Option<usize> {
        match known {
            Known::Declared(place) => Some(self.frame.declared(*place)),
            Known::Own(name) => match name.strip_prefix('$') {
                Some(number) => {
                    number.parse().ok().and_then(|number: usize| self.numbered.get(number.checked_sub(1)?).copied())
                }
                None => self.frame.own(name),
            },
        }
    }

    /// The variable that a name means, and the field of it.
    fn variable(&self, target: &Target) -> Option<(usize, Option<String>)> {
        let known = self.body.known(target.scope);
        let named = |name: &str, label: Option<&str>| {
            let fits =
                |(of, known, _): &(Option<&str>, &str, Known)| *known == name && (label.is_none() || *of == label);
            let declared = known.iter().find(|one| fits(one)).and_then(|(.., of)| self.place_of_known(of));
            let is_own = label.is_none_or(|label| label == self.function);
            declared.or_else(|| self.frame.own(name).filter(|_| is_own))
        };
        let Some(row) = &target.row else { return named(&target.name, None).map(|at| (at, None)) };
        match named(row, None) {
            Some(at) if !matches!(self.frame.variables[at].holds, Holds::Value(_)) => {
                Some((at, Some(target.name.clone())))
            }
            _ => named(&target.name, Some(row)).map(|at| (at, None)),
        }
    }

    /// The place of what is assigned to.
    ///
    /// Errors: 42601 for what is no variable, 42703 for a column that the row has not, 55000 for one of a record without columns, 22005
    /// for a constant.
    pub fn place(&self, layout: &Layout, target: &Target) -> Result<Place> {
        let shown = || target.row.iter().chain([&target.name]).cloned().collect::<Vec<_>>().join(".");
        let unknown = || Error::new("42601", format!("\"{}\" is not a known variable", shown()));
        let (at, field) = self.variable(target).ok_or_else(unknown)?;
        let variable = &self.frame.variables[at];
        if variable.constant {
            return Err(Error::new("22005", format!("variable \"{}\" is declared CONSTANT", variable.name)));
        }
        self.place_of(layout, at, field)
    }

    /// The place of a variable, or of a field of it.
    pub fn place_of(&self, layout: &Layout, at: usize, field: Option<String>) -> Result<Place> {
        let variable = &self.frame.variables[at];
        let start = layout.places[at].start;
        let Some(field) = field else {
            return Ok(match &variable.holds {
                Holds::Value(slot) => {
                    Place::Value { at: start, slot: slot.clone(), not_null: variable.not_null, mark: None }
                }
                Holds::Row(shape, _) => Place::Row(at, Some(shape.clone())),
                Holds::Record => Place::Row(at, None),
            });
        };
        let shape = layout.shapes[at].as_ref().ok_or_else(|| unassigned(&variable.name))?;
        let column = shape.iter().position(|slot| slot.name == field);
        let missing = || Error::new("42703", format!("record \"{}\" has no field \"{field}\"", variable.name));
        let column = column.ok_or_else(missing)?;
        let mark = (!variable.is_there).then(|| layout.places[at].end - 1);
        Ok(Place::Value { at: start + column, slot: shape[column].clone(), not_null: false, mark })
    }

    /// The places of targets that a statement's row goes to, and what is wanted of the statement.
    ///
    /// Errors: those of [`Code::place`]; 42601 for a row among several targets.
    pub fn places(&self, layout: &Layout, targets: &[Target]) -> Result<(Vec<Place>, Gives)> {
        let places = targets.iter().map(|target| self.place(layout, target)).collect::<Result<Vec<_>>>()?;
        let gives = match places.as_slice() {
            [Place::Row(_, Some(shape))] => Gives::Places(shape.to_vec()),
            [Place::Row(_, None)] => Gives::Rows,
            several => {
                let slot = |place: &Place| match place {
                    Place::Value { slot, .. } => Ok(slot.clone()),
                    Place::Row(at, _) => {
                        let name = &self.frame.variables[*at].name;
                        Err(Error::new("42601", format!("\"{name}\" is not a scalar variable")))
                    }
                };
                Gives::Places(several.iter().map(slot).collect::<Result<Vec<_>>>()?)
            }
        };
        Ok((places, gives))
    }

    /// What is wanted of an expression that is assigned to a place.
    pub fn assigned(place: &Place) -> Gives {
        match place {
            Place::Value { slot, .. } => Gives::Value(slot.clone()),
            Place::Row(_, Some(shape)) => Gives::Row(shape.clone()),
            Place::Row(_, None) => Gives::Fields,
        }
    }

    /// What is wanted of what RETURN or RETURN NEXT gives.
    pub fn returned(&self) -> Gives {
        match (&self.outcome.columns, self.outcome.is_row) {
            (Some(columns), true) if self.outcome.is_triggered => Gives::Triggered(columns.clone()),
            (Some(columns), true) => Gives::Returned(columns.clone()),
            (Some(columns), false) => columns.first().cloned().map_or(Gives::Plain, Gives::Value),
            (None, _) => Gives::Plain,
        }
    }

    /// What is wanted of a query whose rows are given back.
    pub fn returned_rows(&self) -> Gives {
        self.outcome.columns.clone().map_or(Gives::Rows, Gives::Exactly)
    }
}

/// 55000 for a record of which nothing is known yet.
pub(in crate::compile) fn unassigned(name: &str) -> Error {
    Error::new("55000", format!("record \"{name}\" is not assigned yet"))
        .with_detail("The tuple structure of a not-yet-assigned record is indeterminate.")
}
