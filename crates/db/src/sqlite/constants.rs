//! Has SQLite leave columns as they are where a condition says that one equals a constant.
//!
//! It would put the constant in the place of the column in all other conditions, policies among them, which then hold for every row until
//! the equality itself is looked at: beside `status = 'published'` a policy that asks just that would let a function see hidden rows first.
//! rusqlite has no word for it.
#![allow(unsafe_code)]

use rusqlite::{Connection, ffi};

/// `SQLITE_PropagateConst`, in the mask of optimizations that are switched off.
const PROPAGATION: u32 = 0x8000;

/// Switches it off.
pub(super) fn keep_apart(connection: &Connection) {
    // SAFETY: the handle is open, and this control takes a handle and a mask of 32 bits.
    unsafe { ffi::sqlite3_test_control(ffi::SQLITE_TESTCTRL_OPTIMIZATIONS, connection.handle(), PROPAGATION) };
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use rusqlite::functions::FunctionFlags;

    use super::*;

    /// For how many rows a function is asked that stands behind a condition, beside an equality with the same column.
    fn asked(prepare: impl FnOnce(&Connection)) -> i64 {
        let connection = Connection::open_in_memory().expect("a connection");
        prepare(&connection);
        let count = Arc::new(AtomicI64::new(0));
        let counted = count.clone();
        let function = move |_: &rusqlite::functions::Context<'_>| Ok(counted.fetch_add(1, Ordering::Relaxed));
        connection.create_scalar_function("f", 1, FunctionFlags::SQLITE_UTF8, function).expect("a function");
        connection
            .execute_batch("CREATE TABLE t (s TEXT, p TEXT); INSERT INTO t VALUES ('b', 1), ('a', 2)")
            .expect("rows");
        let sql = "SELECT * FROM t WHERE CASE WHEN s = 'a' THEN f(p) >= 0 ELSE 0 END AND s = 'a'";
        connection.prepare(sql).expect("a statement").query([]).expect("rows").next().expect("a row");
        count.load(Ordering::Relaxed)
    }

    #[test]
    fn a_guard_holds_beside_an_equality() {
        assert_eq!(asked(keep_apart), 1);
        assert_eq!(asked(|_| ()), 2, "SQLite has no need of this any more");
    }
}
