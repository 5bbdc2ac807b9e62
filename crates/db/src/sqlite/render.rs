//! Rows to the form that the caller asked for, in one buffer.

use std::cell::Cell;

use basalt_core::{Error, Result};
use basalt_sql::program::{HIDDEN, OutputColumn};
use basalt_types::codec::{self, JsonStyle, RowShape};
use basalt_types::{Base, Context, Type, ValueRef, json};
use bytes::Bytes;
use rusqlite::Row;

use super::value::stored;
use crate::request::too_large;
use crate::{Answer, Format};

/// How the columns of one statement become a body: made once for each compiled statement.
pub(crate) struct Layout {
    columns: Vec<OutputColumn>,
    /// Positions of the columns that bodies show.
    visible: Vec<usize>,
    /// Positions of the columns whose name begins with [`HIDDEN`].
    hidden: Vec<usize>,
    /// Position of `basalt:inserted`.
    inserted: Option<usize>,
    object: RowShape,
}

impl Layout {
    /// Takes a statement's columns.
    pub fn new(columns: &[OutputColumn]) -> Layout {
        let (hidden, visible): (Vec<usize>, Vec<usize>) =
            (0..columns.len()).partition(|&i| columns[i].name.starts_with(HIDDEN));
        let shown = visible.iter().map(|&i| (columns[i].name.clone(), columns[i].ty.clone())).collect();
        Layout {
            inserted: columns.iter().position(|column| column.name == "basalt:inserted"),
            object: RowShape::new(shown, JsonStyle::Json),
            columns: columns.to_vec(),
            visible,
            hidden,
        }
    }

    fn first_visible(&self) -> Option<(usize, &Type)> {
        self.visible.first().map(|&i| (i, &self.columns[i].ty))
    }
}

/// Bytes beyond which a value's room is looked for before it is written.
const LARGE: usize = 1 << 20;

/// Bytes of a text within a JSON string, where escapes make it many times longer.
fn json_length(text: &str) -> usize {
    let is_escaped = |byte: &u8| matches!(byte, 0..8 | 11 | 14..32);
    text.len() + 5 * text.bytes().filter(is_escaped).count()
}

/// A body in the making.
pub(super) struct Renderer<'a> {
    layout: &'a Layout,
    format: Format,
    limit: usize,
    body: String,
    bytes: Option<Vec<u8>>,
    answer: Answer,
}

impl<'a> Renderer<'a> {
    /// Starts a body that may have `limit` bytes and probably has `capacity`.
    pub fn new(layout: &'a Layout, format: Format, limit: usize, capacity: usize) -> Self {
        let mut body = String::with_capacity(if format == Format::None { 0 } else { capacity });
        if matches!(format, Format::Json | Format::JsonStripped | Format::Scalars | Format::ScalarsStripped) {
            body.push('[');
        }
        Renderer { layout, format, limit, body, bytes: None, answer: Answer::default() }
    }

    /// Takes a row.
    ///
    /// Errors: 54000 when the body grows too large; 22021 for text that is no UTF-8.
    pub fn row(&mut self, row: &Row<'_>, context: &Context) -> Result<()> {
        let (broken, full) = (Cell::new(false), Cell::new(false));
        let room = Cell::new(self.limit.saturating_sub(self.body.len()));
        let format = self.format;
        let value = |index: usize| {
            let value = row.get_ref(index).and_then(stored).unwrap_or_else(|_| {
                broken.set(true);
                ValueRef::Null
            });
            let written = match value {
                ValueRef::Text(text) if text.len() > LARGE => match format {
                    Format::Csv | Format::Raw => text.len(),
                    _ => json_length(text),
                },
                ValueRef::Blob(bytes) if bytes.len() > LARGE => match format {
                    Format::Raw => bytes.len(),
                    _ => 2 * bytes.len(),
                },
                _ => return value,
            };
            // What has no room is not written first.
            match room.get().checked_sub(written) {
                Some(left) => {
                    room.set(left);
                    value
                }
                None => {
                    full.set(true);
                    ValueRef::Null
                }
            }
        };
        let is_first = self.answer.rows == 0;
        self.answer.rows += 1;
        if is_first {
            self.first(&value, context);
        }
        if self.layout.inserted.is_some_and(|index| value(index) == ValueRef::Int(1)) {
            self.answer.inserted += 1;
        }
        self.body_row(is_first, &value, context);
        if broken.get() {
            return Err(Error::new("22021", "invalid byte sequence for encoding \"UTF8\""));
        }
        if full.get() || self.body.len() > self.limit {
            return Err(too_large(self.limit));
        }
        Ok(())
    }

    /// Keeps what [`Answer::first_row`] shows.
    fn first<'v>(&mut self, value: &impl Fn(usize) -> ValueRef<'v>, context: &Context) {
        let layout = self.layout;
        let mut keep = |index: usize| {
            let OutputColumn { name, ty } = &layout.columns[index];
            let value = value(index);
            let text = (!value.is_null()).then(|| match name.starts_with(HIDDEN) {
                true => codec::cast_to_text(ty, value, context),
                false => {
                    let mut text = String::new();
                    codec::to_text(ty, value, context, &mut text);
                    text
                }
            });
            self.answer.first_row.push((name.clone(), text));
        };
        if self.format == Format::None {
            (0..layout.columns.len()).for_each(&mut keep);
        } else {
            layout.hidden.iter().copied().for_each(&mut keep);
        }
    }

    fn body_row<'v>(&mut self, is_first: bool, value: &impl Fn(usize) -> ValueRef<'v>, context: &Context) {
        let layout = self.layout;
        let body = &mut self.body;
        let object = |body: &mut String, strip_nulls| {
            layout.object.write_object(|i| value(layout.visible[i]), context, strip_nulls, body);
        };
        match self.format {
            Format::None | Format::Plan(_) => {}
            Format::Json | Format::JsonStripped => {
                // What strips nulls writes the array anew, without the space that `json_agg` leaves.
                let strips = self.format == Format::JsonStripped;
                if !is_first {
                    body.push_str(if strips { "," } else { ", \n " });
                }
                object(body, strips);
            }
            Format::Object | Format::ObjectStripped => {
                if is_first {
                    object(body, self.format == Format::ObjectStripped);
                }
            }
            Format::Scalar => {
                if let Some((index, ty)) = layout.first_visible().filter(|_| is_first) {
                    codec::to_json(ty, value(index), context, JsonStyle::Json, body);
                }
            }
            Format::ScalarStripped | Format::ScalarsStripped => {
                let is_set = self.format == Format::ScalarsStripped;
                let Some((index, ty)) = layout.first_visible().filter(|_| is_first || is_set) else { return };
                body.push_str(if is_first { "" } else { "," });
                let mut text = String::new();
                codec::to_json(ty, value(index), context, JsonStyle::Json, &mut text);
                json::strip_nulls(&text, JsonStyle::Json, body);
            }
            Format::Scalars => {
                let Some((index, ty)) = layout.first_visible() else { return };
                if !is_first {
                    // `json_agg` breaks the line before arrays and rows only.
                    body.push_str(if matches!(ty, Type::Array(_) | Type::Record(_)) { ", \n " } else { ", " });
                }
                codec::to_json(ty, value(index), context, JsonStyle::Json, body);
            }
            Format::Csv => {
                if is_first {
                    let names: Vec<&str> = layout.visible.iter().map(|&i| layout.columns[i].name.as_str()).collect();
                    body.push_str(&names.join(","));
                }
                body.push('\n');
                for (position, &index) in layout.visible.iter().enumerate() {
                    if position > 0 {
                        body.push(',');
                    }
                    codec::write_csv_cell(&layout.columns[index].ty, value(index), context, body);
                }
            }
            Format::Raw => {
                let Some((index, ty)) = layout.first_visible().filter(|_| is_first) else { return };
                match (ty, value(index)) {
                    (Type::Base(Base::Bytea), ValueRef::Blob(bytes)) => self.bytes = Some(bytes.to_owned()),
                    (ty, value) => codec::to_text(ty, value, context, body),
                }
            }
        }
    }

    /// Ends the body. `changes` is what a write without RETURNING changed.
    pub fn finish(mut self, changes: u64) -> Answer {
        match self.format {
            Format::Json | Format::JsonStripped | Format::Scalars | Format::ScalarsStripped => self.body.push(']'),
            Format::Scalar | Format::ScalarStripped | Format::Object | Format::ObjectStripped
                if self.body.is_empty() =>
            {
                self.body.push_str("null")
            }
            Format::Csv if self.answer.rows == 0 => self.body.push('\n'),
            _ => {}
        }
        if self.layout.columns.is_empty() {
            self.answer.rows = changes;
        }
        self.answer.body = match self.bytes {
            Some(bytes) => Bytes::from(bytes),
            None => Bytes::from(self.body),
        };
        self.answer
    }
}
