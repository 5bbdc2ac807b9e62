//! Time zones: names and abbreviations, offsets at an instant and of a wall-clock time.

use basalt_core::{Error, Result};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use super::{SECOND, UNIX_EPOCH_SECONDS, check_timestamp, is_finite, timestamp_out_of_range};

/// A zone named in a text.
#[derive(Debug, Clone)]
pub(crate) enum Zone {
    /// Seconds east of UTC.
    Fixed(i64),
    /// A zone with rules.
    Rules(TimeZone),
}

/// Seconds in 400 years, after which calendar and weekdays repeat.
const CYCLE: i64 = 146_097 * 86_400;
/// The years that the time zone database's rules are asked for: others are mapped onto them by whole cycles.
const RULED_SECONDS: std::ops::Range<i64> = -377_000_000_000..253_000_000_000;

/// Zone abbreviations (PostgreSQL's `Default` set, those in use) and their seconds east of UTC.
const ABBREVIATIONS: &[(&str, i64)] = &[
    ("acdt", 37_800),
    ("acst", 34_200),
    ("adt", -10_800),
    ("aedt", 39_600),
    ("aest", 36_000),
    ("akdt", -28_800),
    ("akst", -32_400),
    ("art", -10_800),
    ("ast", -14_400),
    ("awst", 28_800),
    ("brt", -10_800),
    ("bst", 3600),
    ("cdt", -18_000),
    ("cest", 7200),
    ("cet", 3600),
    ("cst", -21_600),
    ("edt", -14_400),
    ("eest", 10_800),
    ("eet", 7200),
    ("est", -18_000),
    ("gmt", 0),
    ("hkt", 28_800),
    ("hst", -36_000),
    ("ict", 25_200),
    ("idt", 10_800),
    ("ist", 7200),
    ("jst", 32_400),
    ("kst", 32_400),
    ("mdt", -21_600),
    ("mest", 7200),
    ("met", 3600),
    ("msd", 14_400),
    ("msk", 10_800),
    ("mst", -25_200),
    ("ndt", -9000),
    ("nst", -12_600),
    ("nzdt", 46_800),
    ("nzst", 43_200),
    ("pdt", -25_200),
    ("pht", 28_800),
    ("pkt", 18_000),
    ("pst", -28_800),
    ("sast", 7200),
    ("sgt", 28_800),
    ("ut", 0),
    ("utc", 0),
    ("west", 3600),
    ("wet", 0),
    ("z", 0),
    ("zulu", 0),
];

/// Finds a zone by abbreviation, IANA name or POSIX rule, in any case.
pub(crate) fn find_zone(name: &str) -> Option<Zone> {
    let lower = name.to_ascii_lowercase();
    if let Ok(found) = ABBREVIATIONS.binary_search_by_key(&lower.as_str(), |(abbreviation, _)| abbreviation) {
        return Some(Zone::Fixed(ABBREVIATIONS[found].1));
    }
    if let Ok(zone) = TimeZone::get(name) {
        return Some(Zone::Rules(zone));
    }
    let is_rule = name.len() > 3 && name.starts_with(|c: char| c.is_ascii_alphabetic());
    let rule = || is_rule.then(|| TimeZone::posix(name).ok()).flatten().map(Zone::Rules);
    named_offset(name).map(Zone::Fixed).or_else(rule)
}

/// `UTC+3`, `X-05:30`: any name, and an offset counted west of UTC as POSIX does.
fn named_offset(name: &str) -> Option<i64> {
    let at = name.find(|c: char| matches!(c, '+' | '-' | ',') || c.is_ascii_digit()).filter(|&at| at > 0)?;
    let offset = &name[at..];
    let signed = if offset.starts_with(['+', '-']) { offset.to_owned() } else { format!("+{offset}") };
    read_offset(&signed).map(|east| -east)
}

/// The zone of `AT TIME ZONE`, where a text may also be an offset, counted west of UTC as POSIX does.
/// 22023 for an unknown one.
pub(crate) fn require_zone(name: &str) -> Result<Zone> {
    find_zone(name)
        .or_else(|| name.starts_with(['+', '-']).then(|| read_offset(name)).flatten().map(|east| Zone::Fixed(-east)))
        .ok_or_else(|| Error::new("22023", format!("time zone \"{name}\" not recognized")))
}

/// Reads `+02`, `-0230`, `+02:30`, `+02:30:15` as seconds.
pub(crate) fn read_offset(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let mut parts = [0_i64; 3];
    if digits.contains(':') {
        for (index, part) in digits.split(':').enumerate() {
            *parts.get_mut(index)? = read_digits(part)?;
        }
    } else if digits.len() > 2 {
        let (hours, minutes) = digits.split_at(digits.len() - 2);
        (parts[0], parts[1]) = (read_digits(hours)?, read_digits(minutes)?);
    } else {
        parts[0] = read_digits(digits)?;
    }
    let [hours, minutes, seconds] = parts;
    let is_offset = hours <= 15 && minutes < 60 && seconds < 60;
    is_offset.then(|| sign * (hours * 3600 + minutes * 60 + seconds))
}

fn read_digits(text: &str) -> Option<i64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Seconds east of UTC at an instant (microseconds since 2000-01-01 UTC).
pub(crate) fn offset_at(micros: i64, zone: &TimeZone) -> i64 {
    let seconds = into_ruled_years(micros.div_euclid(SECOND) + UNIX_EPOCH_SECONDS);
    Timestamp::from_second(seconds).map_or(0, |instant| zone.to_offset(instant).seconds().into())
}

/// The zone's abbreviation at an instant: `EST`.
pub(crate) fn abbreviation_at(micros: i64, zone: &TimeZone) -> String {
    let seconds = into_ruled_years(micros.div_euclid(SECOND) + UNIX_EPOCH_SECONDS);
    Timestamp::from_second(seconds)
        .map_or_else(|_| String::new(), |instant| zone.to_offset_info(instant).abbreviation().to_owned())
}

/// Seconds east of UTC of a wall-clock time. What the clocks skip is read by the offset before, what they show twice by the
/// offset after, as PostgreSQL does.
fn offset_of_local(micros: i64, zone: &TimeZone) -> i64 {
    let seconds = into_ruled_years(micros.div_euclid(SECOND) + UNIX_EPOCH_SECONDS);
    let Ok(instant) = Timestamp::from_second(seconds) else { return 0 };
    let local: DateTime = Offset::UTC.to_datetime(instant);
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.seconds().into(),
        AmbiguousOffset::Gap { before, .. } => before.seconds().into(),
        AmbiguousOffset::Fold { after, .. } => after.seconds().into(),
    }
}

fn into_ruled_years(seconds: i64) -> i64 {
    let (start, end) = (RULED_SECONDS.start, RULED_SECONDS.end);
    if seconds >= end {
        seconds - ((seconds - end) / CYCLE + 1) * CYCLE
    } else if seconds < start {
        seconds + ((start - seconds) / CYCLE + 1) * CYCLE
    } else {
        seconds
    }
}

/// The instant at which the zone's clocks show this. 22008 beyond the range.
pub(crate) fn local_to_utc(micros: i64, zone: &TimeZone) -> Result<i64> {
    if !is_finite(micros) {
        return Ok(micros);
    }
    shift(micros, -offset_of_local(micros, zone))
}

/// What the zone's clocks show at the instant. 22008 beyond the range.
pub(crate) fn utc_to_local(micros: i64, zone: &TimeZone) -> Result<i64> {
    if !is_finite(micros) {
        return Ok(micros);
    }
    shift(micros, offset_at(micros, zone))
}

impl Zone {
    /// See [`local_to_utc`].
    pub(crate) fn to_utc(&self, micros: i64) -> Result<i64> {
        match self {
            Zone::Fixed(_) if !is_finite(micros) => Ok(micros),
            Zone::Fixed(offset) => shift(micros, -offset),
            Zone::Rules(zone) => local_to_utc(micros, zone),
        }
    }

    /// See [`utc_to_local`].
    pub(crate) fn to_local(&self, micros: i64) -> Result<i64> {
        match self {
            Zone::Fixed(_) if !is_finite(micros) => Ok(micros),
            Zone::Fixed(offset) => shift(micros, *offset),
            Zone::Rules(zone) => utc_to_local(micros, zone),
        }
    }
}

fn shift(micros: i64, seconds: i64) -> Result<i64> {
    micros.checked_add(seconds * SECOND).and_then(check_timestamp).ok_or_else(timestamp_out_of_range)
}
