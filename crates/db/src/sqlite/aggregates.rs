//! The aggregates of every connection: those of `basalt_types` with Rust code, and `pg_rows_agg`.
//!
//! Each of the former has a second name, `over_` before the first, under which it is a window function.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::aggregates;
use basalt_types::codec::RowShape;
use basalt_types::function::AggregateImplementation;
use basalt_types::{Accumulator, Type, Value, ValueRef};
use rusqlite::Connection;
use rusqlite::functions::{Aggregate, Context as Call, FunctionFlags, WindowAggregate};

use super::functions::{arg, arguments, gathered, row_shape, with_context};
use super::memory::Held;
use super::session::{check_time_over, raise};
use super::value::{Stored, stored};

/// Makes the state of a group.
type Start = fn(&[Type]) -> Box<dyn Accumulator>;

/// Bytes that an array of rows begins with.
const ARRAY: usize = 256;

/// Descriptions that a thread keeps read.
const KEPT: usize = 512;

/// Registers all of them.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    for aggregate in aggregates() {
        if let AggregateImplementation::Rust(start) = aggregate.implementation {
            let name = aggregate.sqlite_name();
            connection.create_window_function(format!("over_{name}").as_str(), -1, flags, Window(start))?;
            connection.create_aggregate_function(name.as_str(), -1, flags, Builtin(start))?;
        }
    }
    connection.create_aggregate_function("pg_rows_agg", -1, flags, RowsAggregate)
}

/// An aggregate of `basalt_types`.
struct Builtin(Start);

/// A group.
struct Group {
    state: Box<dyn Accumulator>,
    held: Held,
}

type State = AssertUnwindSafe<Group>;

impl Aggregate<State, Stored> for Builtin {
    fn init(&self, call: &mut Call<'_>) -> rusqlite::Result<State> {
        Ok(AssertUnwindSafe(Group { state: (self.0)(&types(call)?), held: Held::default() }))
    }

    fn step(&self, call: &mut Call<'_>, group: &mut State) -> rusqlite::Result<()> {
        let stepped = gathered(call, 1, |args| {
            check_time_over(size(args))?;
            with_context(|context| group.state.step(context, args))?;
            let bytes = group.state.held();
            group.held.set(bytes)
        });
        stepped?.map_err(raise)
    }

    fn finalize(&self, _: &mut Call<'_>, group: Option<State>) -> rusqlite::Result<Stored> {
        match group {
            Some(AssertUnwindSafe(group)) => {
                with_context(|context| group.state.finish(context)).map(Stored).map_err(raise)
            }
            None => Ok(Stored(Value::Null)),
        }
    }
}

/// Bytes of a row.
fn size(args: &[ValueRef<'_>]) -> usize {
    args.iter().map(|arg| arg.size()).sum()
}

/// An aggregate of `basalt_types` over a window: it keeps the frame's rows, and adds them up anew for each value.
struct Window(Start);

/// A frame.
struct Frame {
    types: Arc<Vec<Type>>,
    rows: VecDeque<Vec<Value>>,
    held: Held,
}

impl Window {
    fn sum(&self, frame: &Frame) -> Result<Value> {
        let mut state = (self.0)(&frame.types);
        with_context(|context| {
            for row in &frame.rows {
                let args: Vec<ValueRef<'_>> = row.iter().map(Value::as_ref).collect();
                check_time_over(size(&args))?;
                state.step(context, &args)?;
            }
            state.finish(context)
        })
    }
}

impl Aggregate<Frame, Stored> for Window {
    fn init(&self, call: &mut Call<'_>) -> rusqlite::Result<Frame> {
        Ok(Frame { types: types(call)?, rows: VecDeque::new(), held: Held::default() })
    }

    fn step(&self, call: &mut Call<'_>, frame: &mut Frame) -> rusqlite::Result<()> {
        let row = arguments(call, 1)?;
        frame.held.add(size(&row)).map_err(raise)?;
        frame.rows.push_back(row.into_iter().map(ValueRef::to_owned).collect());
        Ok(())
    }

    fn finalize(&self, _: &mut Call<'_>, frame: Option<Frame>) -> rusqlite::Result<Stored> {
        frame.map_or(Ok(Value::Null), |frame| self.sum(&frame)).map(Stored).map_err(raise)
    }
}

impl WindowAggregate<Frame, Stored> for Window {
    fn value(&self, frame: Option<&mut Frame>) -> rusqlite::Result<Stored> {
        frame.map_or(Ok(Value::Null), |frame| self.sum(frame)).map(Stored).map_err(raise)
    }

    fn inverse(&self, _: &mut Call<'_>, frame: &mut Frame) -> rusqlite::Result<()> {
        if let Some(row) = frame.rows.pop_front() {
            frame.held.take(row.iter().map(|value| value.as_ref().size()).sum());
        }
        Ok(())
    }
}

/// Rows as one JSON array.
struct RowsAggregate;

/// The array so far.
struct Array {
    shape: Arc<RowShape>,
    separator: &'static str,
    text: String,
    held: Held,
}

impl Aggregate<Array, Stored> for RowsAggregate {
    fn init(&self, call: &mut Call<'_>) -> rusqlite::Result<Array> {
        let descriptor = descriptor(call)?;
        let shape = SHAPES.with(|kept| remember(kept, descriptor, row_shape))?;
        // The space after a comma is the style's; `json_agg` also breaks the line between rows.
        let separator = if descriptor.starts_with("[true") { ", " } else { ", \n " };
        let mut text = String::with_capacity(ARRAY);
        text.push('[');
        Ok(Array { shape, separator, text, held: Held::default() })
    }

    fn step(&self, call: &mut Call<'_>, array: &mut Array) -> rusqlite::Result<()> {
        if array.text.len() > 1 {
            array.text.push_str(array.separator);
        }
        gathered(call, 1, |args| {
            with_context(|context| array.shape.write_object(|i| arg(args, i), context, false, &mut array.text));
        })?;
        let bytes = array.text.len();
        array.held.set(bytes).map_err(raise)
    }

    fn finalize(&self, _: &mut Call<'_>, array: Option<Array>) -> rusqlite::Result<Stored> {
        let Some(mut array) = array else { return Ok(Stored(Value::Null)) };
        array.text.push(']');
        array.shape.finish(array.text).map(|text| Stored(Value::Text(text))).map_err(raise)
    }
}

thread_local! {
    static TYPES: RefCell<HashMap<Box<str>, Arc<Vec<Type>>>> = RefCell::default();
    static SHAPES: RefCell<HashMap<Box<str>, Arc<RowShape>>> = RefCell::default();
}

fn types(call: &Call<'_>) -> rusqlite::Result<Arc<Vec<Type>>> {
    TYPES.with(|kept| remember(kept, descriptor(call)?, |text| serde_json::from_str(text)))
}

fn descriptor<'a>(call: &'a Call<'_>) -> rusqlite::Result<&'a str> {
    Ok(stored(call.get_raw(0))?.text())
}

/// Aggregates have no auxiliary data, and a statement may have many groups: each description is read once a thread.
fn remember<T>(
    kept: &RefCell<HashMap<Box<str>, Arc<T>>>,
    text: &str,
    read: impl FnOnce(&str) -> Result<T, serde_json::Error>,
) -> rusqlite::Result<Arc<T>> {
    let mut kept = kept.borrow_mut();
    if let Some(known) = kept.get(text) {
        return Ok(known.clone());
    }
    let new = Arc::new(read(text).map_err(|e| raise(Error::internal(format!("{e} in the description {text}"))))?);
    if kept.len() == KEPT {
        kept.clear();
    }
    kept.insert(text.into(), new.clone());
    Ok(new)
}
