//! Loops.

use basalt_core::{Error, Result};
use basalt_sql::compile::body::Gives;
use basalt_sql::plpgsql::ast::{Loop, Over, Query, Sql};
use basalt_types::Value;

use super::super::memory::Gathered;
use super::super::session;
use super::body::{Body, Flow};
use super::dynamic::Asked;
use super::pieces::Given;

/// Turns that the loops of one call take at most: where no timeout ends them.
const MAX_TURNS: u64 = 10_000_000;

/// How a turn ended.
enum Turn<'b> {
    Next,
    /// The loop is over.
    Over,
    /// So is more than the loop.
    Ended(Flow<'b>),
}

impl<'b> Body<'b> {
    pub(super) fn looped(&mut self, looped: &'b Loop) -> Result<Flow<'b>> {
        match &looped.over {
            Over::Ever => loop {
                match self.turn(looped)? {
                    Turn::Next => {}
                    Turn::Over => return Ok(Flow::Next),
                    Turn::Ended(flow) => return Ok(flow),
                }
            },
            Over::While(condition) => {
                while self.holds(condition)? {
                    match self.turn(looped)? {
                        Turn::Next => {}
                        Turn::Over => break,
                        Turn::Ended(flow) => return Ok(flow),
                    }
                }
                Ok(Flow::Next)
            }
            Over::Range { variable, reverse, from, to, by } => {
                let from = self.bound(from, "lower bound of FOR loop cannot be null")?;
                let to = self.bound(to, "upper bound of FOR loop cannot be null")?;
                let by = by.as_ref().map_or(Ok(1), |by| self.bound(by, "BY value of FOR loop cannot be null"))?;
                if by <= 0 {
                    return Err(Error::new("22023", "BY value of FOR loop must be greater than zero"));
                }
                self.count_through(looped, (*variable, *reverse), (from, to, by))
            }
            Over::Rows(targets, query) => {
                let (places, gives) = self.code.places(&self.values.layout, targets)?;
                let given = match query {
                    Query::Static(sql) => self.given(sql, &gives, usize::MAX)?,
                    Query::Dynamic(dynamic) => self.dynamic(dynamic, &gives, usize::MAX, Asked::One)?,
                };
                if given.rows.is_empty() {
                    self.spread(&places, given.columns.clone(), Vec::new())?;
                }
                self.each_row(looped, targets, given)
            }
            Over::Elements(target, rows, is_null) => {
                if self.holds(is_null)? {
                    return Err(Error::new("22004", "FOREACH expression must not be null"));
                }
                let targets = std::slice::from_ref(target);
                let (_, gives) = self.code.places(&self.values.layout, targets)?;
                let mut given = self.given(rows, &gives, usize::MAX)?;
                // An element that is NULL comes as a row of nulls: what is behind them says that it is not there.
                for row in given.rows.iter_mut().filter(|row| row.iter().all(Value::is_null)) {
                    row.push(Value::Null);
                }
                self.each_row(looped, targets, given)
            }
        }
    }

    fn count_through(
        &mut self,
        looped: &'b Loop,
        (variable, reverse): (usize, bool),
        (from, to, by): (i64, i64, i64),
    ) -> Result<Flow<'b>> {
        let variable = self.code.frame.declared(variable);
        let mut at = from;
        let mut has_turned = false;
        let mut flow = Flow::Next;
        while if reverse { at >= to } else { at <= to } {
            has_turned = true;
            self.values.set(variable, at.into());
            match self.turn(looped)? {
                Turn::Next => {}
                Turn::Over => break,
                Turn::Ended(ended) => {
                    flow = ended;
                    break;
                }
            }
            let next = if reverse { at - by } else { at + by };
            if i32::try_from(next).is_err() {
                break;
            }
            at = next;
        }
        self.found(has_turned);
        Ok(flow)
    }

    fn each_row(
        &mut self,
        looped: &'b Loop,
        targets: &[basalt_sql::plpgsql::ast::Target],
        given: Given,
    ) -> Result<Flow<'b>> {
        let (has_rows, mut flow) = (!given.rows.is_empty(), Flow::Next);
        let Gathered { rows, mut held } = given.rows;
        for row in rows {
            held.take(Gathered::size(&row));
            // What the body did may have moved the places.
            let (places, _) = self.code.places(&self.values.layout, targets)?;
            self.spread(&places, given.columns.clone(), row)?;
            match self.turn(looped)? {
                Turn::Next => {}
                Turn::Over => break,
                Turn::Ended(ended) => {
                    flow = ended;
                    break;
                }
            }
        }
        self.found(has_rows);
        Ok(flow)
    }

    fn bound(&mut self, sql: &Sql, missing: &'static str) -> Result<i64> {
        match self.value(sql, &Gives::integer())? {
            Value::Null => Err(Error::new("22004", missing)),
            value => Ok(value.as_ref().int()),
        }
    }

    /// Runs a loop's statements once.
    fn turn(&mut self, looped: &'b Loop) -> Result<Turn<'b>> {
        session::check_time()?;
        self.turns += 1;
        if self.turns > MAX_TURNS {
            return Err(Error::new("54000", format!("the loops of function {} do not end", self.code.function))
                .with_hint(format!("On the embedded engine they take {MAX_TURNS} turns at most.")));
        }
        Ok(match self.statements(&looped.statements)? {
            Flow::Next => Turn::Next,
            Flow::Leave(leave) if leave.label.is_none() || leave.label == looped.label => {
                if leave.continues {
                    Turn::Next
                } else {
                    Turn::Over
                }
            }
            ended => Turn::Ended(ended),
        })
    }
}
