//! The values of a run's variables.

use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_sql::compile::body::{Code, Layout, Place, Shape};
use basalt_types::Value;

use super::super::memory::Held;

/// Bytes from which on a value counts.
const LARGE: usize = 1024;

/// Values in the places of a layout.
pub(super) struct Values {
    pub layout: Arc<Layout>,
    pub flat: Vec<Value>,
    /// What the large ones hold.
    held: Held,
}

impl Values {
    /// Those of a run that begins: NULL, but for the first ones.
    pub fn new(code: &Code, mut first: Vec<Value>) -> Values {
        let layout = code.first_layout();
        first.resize(layout.size, Value::Null);
        let held = Held::of(weight(&first));
        Values { layout, flat: first, held }
    }

    /// The values of a variable.
    pub fn of(&self, variable: usize) -> &[Value] {
        &self.flat[self.layout.places[variable].clone()]
    }

    /// Gives a variable of one value that value.
    pub fn set(&mut self, variable: usize, value: Value) {
        let at = self.layout.places[variable].start;
        self.flat[at] = value;
    }

    /// Assigns a row to a place: a record takes its columns, anything else its cells. It is there unless it has no cells, or one behind
    /// them that says that it is not.
    ///
    /// Errors: 22004 for NULL where that is refused; 54000 when the statement would hold more than it may.
    pub fn put(&mut self, code: &Code, place: &Place, columns: Option<Shape>, mut row: Vec<Value>) -> Result<()> {
        match place {
            Place::Value { at, slot, not_null, mark } => {
                let value = if row.is_empty() { Value::Null } else { row.swap_remove(0) };
                if *not_null && value.is_null() {
                    let message =
                        format!("null value cannot be assigned to variable \"{}\" declared NOT NULL", slot.name);
                    return Err(Error::new("22004", message));
                }
                let place = &mut self.flat[*at..=*at];
                self.held.exchange(weight(place), weight(std::slice::from_ref(&value)))?;
                place[0] = value;
                if let Some(mark) = mark {
                    self.flat[*mark] = true.into();
                }
            }
            Place::Row(variable, fixed) => {
                if fixed.is_some() {
                    row.truncate(self.of(*variable).len());
                }
                self.held.exchange(weight(self.of(*variable)), weight(&row))?;
                if fixed.is_none() {
                    self.reshape(code, *variable, columns);
                }
                let places = self.layout.places[*variable].clone();
                let columns = self.layout.shapes[*variable].as_ref().map_or(0, |shape| shape.len());
                if (1..=columns).contains(&row.len()) {
                    row.resize(columns, Value::Null);
                    row.push(true.into());
                }
                row.resize(places.len(), Value::Null);
                self.flat.splice(places, row);
            }
        }
        Ok(())
    }

    /// Gives a record other columns; all others keep their values.
    fn reshape(&mut self, code: &Code, variable: usize, columns: Option<Shape>) {
        if self.layout.shapes[variable] == columns {
            return;
        }
        let mut shapes = self.layout.shapes.clone();
        shapes[variable] = columns;
        let layout = code.layout(shapes);
        let mut flat = vec![Value::Null; layout.size];
        for (at, places) in layout.places.iter().enumerate().filter(|(at, _)| *at != variable) {
            flat[places.clone()].swap_with_slice(&mut self.flat[self.layout.places[at].clone()]);
        }
        (self.layout, self.flat) = (layout, flat);
    }
}

/// Bytes of the large ones among values.
fn weight(values: &[Value]) -> usize {
    values.iter().map(|value| value.as_ref().size()).filter(|size| *size >= LARGE).sum()
}
