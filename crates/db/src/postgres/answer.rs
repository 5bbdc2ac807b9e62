//! The one row of a wrapped statement as an [`Answer`].

use basalt_core::{Error, Result};
use bytes::Bytes;
use tokio_postgres::types::{FromSql, Type};

use super::connection::unexpected;
use super::error::translate;
use super::run::Outcome;
use super::wrap::{FIXED, Wrapped};
use crate::request::too_large;
use crate::{Answer, Count, CountKind, Format, Request};

/// What a request's statement gave; `plan`: what the planner expects, where that was asked.
pub(super) fn answer(
    request: &Request,
    wrapped: &Wrapped,
    outcome: &Outcome,
    plan: Option<&Outcome>,
    max_body: usize,
) -> Result<Answer> {
    let mut answer = Answer::default();
    if !wrapped.one_row {
        if let Format::Plan(_) = request.format {
            let lines = outcome.rows.iter().map(|row| row.try_get::<_, Raw<'_>>(0).map(|raw| raw.0));
            let lines = lines.collect::<Result<Vec<_>, _>>().map_err(translate)?;
            answer.body = Bytes::from(lines.iter().fold(String::new(), |body, line| body + line + "\n"));
        }
        answer.rows = outcome.affected;
        return Ok(answer);
    }
    let row = outcome.rows.first().ok_or_else(unexpected)?;
    let text = |index: usize| row.try_get::<_, Option<&str>>(index).map_err(translate);
    let number = |index: usize| row.try_get::<_, Option<i64>>(index).map_err(translate);
    let body = text(0)?.unwrap_or_default();
    if body.len() > max_body {
        return Err(too_large(max_body));
    }
    let is_bytes: bool = row.try_get(1).map_err(translate)?;
    answer.body = if is_bytes { bytes(body)? } else { Bytes::copy_from_slice(body.as_bytes()) };
    answer.rows = number(2)?.unwrap_or_default() as u64;
    answer.inserted = number(3)?.unwrap_or_default() as u64;
    answer.total = total(request.count.as_ref(), number(4)?, plan)?;
    for (index, name) in [(5, "response.status"), (6, "response.headers")] {
        answer.response_settings.extend(text(index)?.map(|value| (name.to_owned(), value.to_owned())));
    }
    for (index, name) in wrapped.hidden.iter().enumerate() {
        answer.first_row.push((name.clone(), text(FIXED + index)?.map(str::to_owned)));
    }
    Ok(answer)
}

/// The total from what was counted and what the planner expects.
fn total(count: Option<&Count>, counted: Option<i64>, plan: Option<&Outcome>) -> Result<Option<u64>> {
    let Some(count) = count else { return Ok(None) };
    let counted = counted.unwrap_or_default() as u64;
    let Some(row) = plan.and_then(|plan| plan.rows.first()) else { return Ok(Some(counted)) };
    let raw: Raw<'_> = row.try_get(0).map_err(translate)?;
    let plan: serde_json::Value =
        serde_json::from_str(raw.0).map_err(|error| Error::internal(format!("a plan can't be read: {error}")))?;
    let expected = plan[0]["Plan"]["Plan Rows"].as_f64().unwrap_or_default() as u64;
    Ok(Some(match count.kind {
        CountKind::Planned => expected,
        CountKind::Estimated(Some(most)) if counted <= most => counted,
        _ => counted.max(expected),
    }))
}

/// Hexadecimal digits as the bytes that they spell.
fn bytes(digits: &str) -> Result<Bytes> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(byte).collect();
    bytes.map(Bytes::from).ok_or_else(unexpected)
}

/// A value as the text that came, whatever its type: for `json`, whose binary form is its text.
struct Raw<'a>(&'a str);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Raw(std::str::from_utf8(raw)?))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::JSON | Type::TEXT)
    }
}
