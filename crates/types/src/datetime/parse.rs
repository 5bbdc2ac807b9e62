//! Text to dates and times, with `datestyle` ISO, MDY.

use basalt_core::{Error, Result};

use crate::{Context, Typmod};

use super::decode::{decode, decode_time};
use super::iso;
use super::{
    DAY, INFINITY, NEGATIVE_INFINITY, SECOND, UNIX_EPOCH_SECONDS, Zone, apply_typmod, check_date, check_timestamp,
    is_finite, timestamp_to_date, timestamp_to_timestamptz, timestamptz_to_timestamp,
};

/// Reads a date; the stored form is days since 2000-01-01. 22007 for what is no date, 22008 beyond the calendar or the range.
pub fn parse_date(text: &str, context: &Context) -> Result<i64> {
    if let Some(days) = iso::date(text.as_bytes()) {
        return Ok(days);
    }
    let fault = |fault: Fault| fault.into_error("date", text);
    match decode(text, context).map_err(fault)? {
        Moment::Special(special) => Ok(timestamp_to_date(special.local(context)?)),
        Moment::At(at) => {
            check_date(at.days).ok_or_else(|| Error::new("22008", format!("date out of range: \"{text}\"")))
        }
    }
}

/// Reads a time of day in microseconds; a zone is ignored. 22007 for what is no time, 22008 beyond 24:00:00.
pub fn parse_time(text: &str, typmod: Option<Typmod>, context: &Context) -> Result<i64> {
    let fault = |fault: Fault| fault.into_error("time", text);
    let micros = match decode_time(text).map_err(fault)? {
        Some(micros) => micros,
        None => timestamptz_to_timestamp(context.now, context)?.rem_euclid(DAY),
    };
    Ok(apply_typmod(micros, typmod))
}

/// Reads a timestamp; a zone is ignored. 22007 for what is no timestamp, 22008 beyond the calendar or the range.
pub fn parse_timestamp(text: &str, typmod: Option<Typmod>, context: &Context) -> Result<i64> {
    if let Some((local, _)) = iso::timestamp(text.as_bytes()) {
        return Ok(apply_typmod(local, typmod));
    }
    let fault = |fault: Fault| fault.into_error("timestamp", text);
    let micros = match decode(text, context).map_err(fault)? {
        Moment::Special(special) => special.local(context)?,
        Moment::At(at) => in_range(at.local(), text)?,
    };
    Ok(apply_typmod(micros, typmod))
}

/// Reads a timestamp with time zone, the session's if it names none. Codes as for [`parse_timestamp`], and 22023 for an
/// unknown zone, 22009 for an offset beyond 16 hours.
pub fn parse_timestamptz(text: &str, typmod: Option<Typmod>, context: &Context) -> Result<i64> {
    if let Some((local, Some(offset))) = iso::timestamp(text.as_bytes()) {
        return Ok(apply_typmod(local - offset * SECOND, typmod));
    }
    let fault = |fault: Fault| fault.into_error("timestamp with time zone", text);
    let micros = match decode(text, context).map_err(fault)? {
        Moment::Special(special) => special.instant(context)?,
        Moment::At(at) => {
            let local = at.local().ok_or_else(|| out_of_range(text))?;
            let instant = match at.zone {
                Some(zone) => zone.to_utc(local),
                None => timestamp_to_timestamptz(local, context),
            };
            in_range(instant.ok(), text)?
        }
    };
    Ok(apply_typmod(micros, typmod))
}

fn in_range(micros: Option<i64>, text: &str) -> Result<i64> {
    micros.and_then(check_timestamp).ok_or_else(|| out_of_range(text))
}

fn out_of_range(text: &str) -> Error {
    Error::new("22008", format!("timestamp out of range: \"{text}\""))
}

/// Why a text can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// No date or time.
    Syntax,
    /// A field beyond its range.
    Range,
    /// A field beyond its range that may be one of another order of year, month and day.
    Order,
    /// An offset beyond its range.
    Offset,
    /// A zone of no known name.
    Zone(String),
}

impl Fault {
    fn into_error(self, type_name: &str, text: &str) -> Error {
        match self {
            Fault::Syntax => Error::new("22007", format!("invalid input syntax for type {type_name}: \"{text}\"")),
            Fault::Range => Error::new("22008", format!("date/time field value out of range: \"{text}\"")),
            Fault::Order => Fault::Range
                .into_error(type_name, text)
                .with_hint("Perhaps you need a different \"datestyle\" setting."),
            Fault::Offset => Error::new("22009", format!("time zone displacement out of range: \"{text}\"")),
            Fault::Zone(name) => Error::new("22023", format!("time zone \"{name}\" not recognized")),
        }
    }
}

/// A word that stands for a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Special {
    Now,
    Epoch,
    Infinity,
    NegativeInfinity,
}

impl Special {
    /// As a timestamptz.
    fn instant(self, context: &Context) -> Result<i64> {
        match self {
            Special::Now => Ok(context.now),
            Special::Epoch => Ok(-UNIX_EPOCH_SECONDS * SECOND),
            _ => timestamp_to_timestamptz(self.local(context)?, context),
        }
    }

    /// As a timestamp.
    fn local(self, context: &Context) -> Result<i64> {
        match self {
            Special::Now => timestamptz_to_timestamp(context.now, context),
            Special::Epoch => Ok(-UNIX_EPOCH_SECONDS * SECOND),
            Special::Infinity => Ok(INFINITY),
            Special::NegativeInfinity => Ok(NEGATIVE_INFINITY),
        }
    }
}

/// What a text says.
pub(super) enum Moment {
    Special(Special),
    At(At),
}

/// A day, a time of day, and the zone if one is named.
pub(super) struct At {
    /// Days since 2000-01-01.
    pub days: i64,
    /// Microseconds since midnight.
    pub clock: i64,
    pub zone: Option<Zone>,
}

impl At {
    /// The wall-clock time; `None` beyond 64 bits.
    fn local(&self) -> Option<i64> {
        self.days.checked_mul(DAY)?.checked_add(self.clock).filter(|&micros| is_finite(micros))
    }
}
