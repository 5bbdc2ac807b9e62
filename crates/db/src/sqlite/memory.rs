//! What the running statement holds in memory, counted: all of it together is `limits.response` at most.

use std::ops::{Deref, DerefMut};

use basalt_core::Result;
use basalt_types::Value;

use super::session;
use crate::request::too_large;

/// Bytes that something of the running statement holds, counted with all else that it holds.
#[derive(Default)]
pub(super) struct Held(usize);

impl Held {
    /// Of something that is there already, however much that is.
    pub fn of(bytes: usize) -> Held {
        session::with(|session| session.memory.set(session.memory.get() + bytes));
        Held(bytes)
    }

    /// It is to hold so many.
    ///
    /// Errors: 54000 when that is more than it holds, and the statement would hold more than it may.
    pub fn set(&mut self, bytes: usize) -> Result<()> {
        session::with(|session| {
            let held = (session.memory.get() + bytes).saturating_sub(self.0);
            if bytes > self.0 && held > session.most_memory.get() {
                return Err(too_large(session.most_memory.get()));
            }
            session.memory.set(held);
            self.0 = bytes;
            Ok(())
        })
    }

    /// It is to hold so many more.
    ///
    /// Errors: as [`Held::set`].
    pub fn add(&mut self, bytes: usize) -> Result<()> {
        self.set(self.0 + bytes)
    }

    /// It is to hold so many for so many that it held.
    ///
    /// Errors: as [`Held::set`].
    pub fn exchange(&mut self, held: usize, bytes: usize) -> Result<()> {
        self.set((self.0 + bytes).saturating_sub(held))
    }

    /// It holds so many less.
    pub fn take(&mut self, bytes: usize) {
        // Less is never too much.
        let _ = self.set(self.0.saturating_sub(bytes));
    }

    /// It holds what another held besides.
    fn join(&mut self, mut other: Held) {
        self.0 += std::mem::take(&mut other.0);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        session::give_back(self.0);
    }
}

/// Rows, and what those that were gathered hold.
#[derive(Default)]
pub(super) struct Gathered {
    pub rows: Vec<Vec<Value>>,
    pub held: Held,
}

impl Gathered {
    /// Bytes of a row.
    pub fn size(row: &[Value]) -> usize {
        size_of::<Vec<Value>>() + row.iter().map(|value| value.as_ref().size()).sum::<usize>()
    }

    /// Counts rows.
    ///
    /// Errors: 54000 when they are more than the statement may hold.
    pub fn counted(rows: Vec<Vec<Value>>) -> Result<Gathered> {
        let mut held = Held::default();
        held.set(rows.iter().map(|row| Gathered::size(row)).sum())?;
        Ok(Gathered { rows, held })
    }

    /// Counts a row, and adds it.
    ///
    /// Errors: as [`Gathered::counted`].
    pub fn gather(&mut self, row: Vec<Value>) -> Result<()> {
        self.held.add(Gathered::size(&row))?;
        self.rows.push(row);
        Ok(())
    }

    /// Adds others.
    pub fn join(&mut self, others: Gathered) {
        self.rows.extend(others.rows);
        self.held.join(others.held);
    }
}

/// Rows that are not counted: there are few of them, or they were counted before.
impl From<Vec<Vec<Value>>> for Gathered {
    fn from(rows: Vec<Vec<Value>>) -> Self {
        Gathered { rows, held: Held::default() }
    }
}

impl Deref for Gathered {
    type Target = Vec<Vec<Value>>;

    fn deref(&self) -> &Self::Target {
        &self.rows
    }
}

impl DerefMut for Gathered {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.rows
    }
}
