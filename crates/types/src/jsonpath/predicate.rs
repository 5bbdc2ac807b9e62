//! Conditions of a path: true, false or unknown. Errors within them are unknown.

use std::cmp::Ordering;

use basalt_core::Result;

use super::evaluate::{Evaluation, Fault};
use super::item::Item;
use super::{Chain, Comparison, Head, Regex};
use crate::json::Json;
use crate::numeric;

/// `None` is unknown.
type Truth = Option<bool>;

impl<'j> Evaluation<'j> {
    /// The truth of a predicate. Errors: those that nothing suppresses.
    pub(super) fn truth(&mut self, predicate: &'j Head) -> Result<Truth> {
        Ok(match predicate {
            Head::And(left, right) => match self.truth(&left.head)? {
                Some(false) => Some(false),
                left => match self.truth(&right.head)? {
                    Some(true) => left,
                    right => right,
                },
            },
            Head::Or(left, right) => match self.truth(&left.head)? {
                Some(true) => Some(true),
                left => match self.truth(&right.head)? {
                    Some(false) => left,
                    right => right,
                },
            },
            Head::Not(operand) => self.truth(&operand.head)?.map(|truth| !truth),
            Head::IsUnknown(operand) => Some(self.truth(&operand.head)?.is_none()),
            Head::Exists(operand) if self.lax => known(self.chain(operand, None))?,
            Head::Exists(operand) => known(self.items(operand, false).map(|found| !found.is_empty()))?,
            Head::Compare(comparison, left, right) => {
                let test = |left: &Json<'_>, right: Option<&Json<'_>>| Ok(compare(*comparison, left, right));
                self.holds_for_some(left, Some((right, true)), test)?
            }
            Head::StartsWith(left, right) => {
                let test = |left: &Json<'_>, right: Option<&Json<'_>>| match (left, right) {
                    (Json::String(text), Some(Json::String(start))) => Ok(Some(text.starts_with(&**start))),
                    _ => Ok(None),
                };
                self.holds_for_some(left, Some((right, false)), test)?
            }
            Head::LikeRegex(left, regex) => self.holds_for_some(left, None, |left, _| matches(left, regex))?,
            _ => None,
        })
    }

    /// Whether a test holds for some pair of the items of two chains; in strict mode only if it is known of all before.
    fn holds_for_some(
        &mut self,
        left: &'j Chain,
        right: Option<(&'j Chain, bool)>,
        mut test: impl FnMut(&Json<'_>, Option<&Json<'_>>) -> Result<Truth>,
    ) -> Result<Truth> {
        let Some(lefts) = known(self.items(left, true))? else { return Ok(None) };
        let rights: Vec<Option<Item<'j>>> = match right {
            None => vec![None],
            Some((right, unwrap)) => {
                let Some(rights) = known(self.items(right, unwrap))? else { return Ok(None) };
                rights.into_iter().map(Some).collect()
            }
        };
        let (mut found, mut unknown) = (false, false);
        for left in &lefts {
            self.spend(rights.len().max(1))?;
            for right in &rights {
                match test(left.json(), right.as_ref().map(Item::json))? {
                    Some(true) if self.lax => return Ok(Some(true)),
                    Some(true) => found = true,
                    Some(false) => {}
                    None if self.lax => unknown = true,
                    None => return Ok(None),
                }
            }
        }
        Ok(if found || !unknown { Some(found) } else { None })
    }
}

/// What was found, or `None` for an error that is passed over.
fn known<T>(found: Result<T, Fault>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Fault::Suppressible(_)) => Ok(None),
        Err(Fault::Fatal(error)) => Err(error),
    }
}

fn compare(comparison: Comparison, left: &Json<'_>, right: Option<&Json<'_>>) -> Truth {
    let order = match (left, right?) {
        (Json::Null, Json::Null) => Ordering::Equal,
        (Json::Bool(left), Json::Bool(right)) => left.cmp(right),
        (Json::Number(left), Json::Number(right)) => numeric::compare(left, right),
        (Json::String(left), Json::String(right)) => left.cmp(right),
        (Json::Array(_) | Json::Object(_), Json::Array(_) | Json::Object(_)) => return None,
        // Null differs from all else.
        (Json::Null, _) | (_, Json::Null) => return Some(comparison == Comparison::NotEqual),
        _ => return None,
    };
    Some(match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    })
}

fn matches(text: &Json<'_>, regex: &Regex) -> Result<Truth> {
    match text {
        Json::String(text) => regex.expression.is_match(text).map(Some),
        _ => Ok(None),
    }
}
