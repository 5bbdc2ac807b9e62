//! `limit`, `offset` and the `Range` header, intersected (contract: section 6).

use http::{HeaderMap, Method};

use basalt_query::ask::Level;

use crate::error::{RestError, RestResult};

/// Refuses a negative limit (PGRST103); a limit of no rows has no offset.
pub(crate) fn judge(level: &mut Level) -> RestResult<()> {
    if level.limit.is_some_and(|limit| limit < 0) {
        return Err(RestError::range("Limit should be greater than or equal to zero."));
    }
    if level.limit == Some(0) {
        level.offset = None;
    }
    Ok(())
}

/// Narrows the root's limit and offset by the `Range` header and refuses what can't be.
pub(crate) fn apply(level: &mut Level, method: &Method, headers: &HeaderMap) -> RestResult<()> {
    judge(level)?;
    if method != Method::GET {
        return Ok(());
    }
    let Some((first, last)) = headers.get("range").and_then(|v| v.to_str().ok()).and_then(parse) else {
        return Ok(());
    };
    if last.is_some_and(|last| last < first) {
        return Err(RestError::range(
            "The lower boundary must be lower than or equal to the upper boundary in the Range header.",
        ));
    }
    let start = level.offset.unwrap_or(0).max(first);
    let ends = [level.limit.map(|n| level.offset.unwrap_or(0).saturating_add(n)), last.map(|l| l.saturating_add(1))];
    let end = ends.into_iter().flatten().min();
    level.offset = (start > 0).then_some(start);
    level.limit = end.map(|end| (end - start).max(0));
    Ok(())
}

/// A limit or offset. One beyond all numbers of rows is the largest that can be said.
pub(crate) fn number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let beyond = if text == digits { i64::MAX } else { i64::MIN };
    is_number.then(|| text.parse().unwrap_or(beyond))
}

/// `a-b` or `a-`; anything else is no range.
fn parse(text: &str) -> Option<(i64, Option<i64>)> {
    let (first, last) = text.split_once('-')?;
    let last = if last.is_empty() { None } else { Some(number(last).filter(|_| !last.starts_with('-'))?) };
    Some((number(first)?, last))
}
