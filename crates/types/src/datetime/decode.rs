//! The fields of a text to a moment, as PostgreSQL's `DecodeDateTime` and `DecodeTimeOnly` read them.

use crate::Context;

use super::fields::{Field, FieldKind, fields};
use super::names::{is_weekday, month_by_name};
use super::numbers::{JULIAN_OF_2000, Numbers, fraction, leading, once, said};
use super::parse::{At, Fault, Moment, Special};
use super::{DAY, HOUR, MINUTE, SECOND, Zone, date_of, find_zone, timestamptz_to_timestamp};

/// A word that says what the number behind it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Label {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Julian,
    /// `T`, before a time.
    Time,
    /// One that no number can be.
    Other,
}

/// Fields while they are read.
#[derive(Default)]
struct Reading {
    numbers: Numbers,
    mask: u32,
    label: Option<Label>,
    named_month: bool,
    special: Option<Special>,
    zone: Option<Zone>,
    /// Whether a time of day alone is read.
    only_time: bool,
}

/// Reads a date, with or without a time and a zone.
pub(super) fn decode(text: &str, context: &Context) -> Result<Moment, Fault> {
    let mut reading = Reading::default();
    for field in fields(text).ok_or(Fault::Syntax)? {
        let found = match field.kind {
            FieldKind::Date => reading.date(&field.text)?,
            FieldKind::Time => {
                reading.after_time_label()?;
                let found = reading.numbers.time(&field.text)?;
                if reading.numbers.overflows() {
                    return Err(Fault::Range);
                }
                found
            }
            FieldKind::Signed => reading.offset(&field.text)?,
            FieldKind::Number if reading.label.is_some() => reading.labelled(&field.text)?,
            FieldKind::Number => reading.number(&field.text)?,
            FieldKind::Word | FieldKind::SignedWord => match reading.word(&field.text, Some(context))? {
                Some(found) => found,
                None => continue,
            },
        };
        reading.mask = once(reading.mask, found)?;
    }
    if reading.label.is_some() {
        return Err(Fault::Syntax);
    }
    if reading.special != Some(Special::Now) {
        // What stands beside `epoch` and `infinity` is passed over, but judged.
        reading.numbers.check_date(reading.mask)?;
        reading.numbers.apply_half()?;
    }
    if let Some(special) = reading.special {
        return Ok(Moment::Special(special));
    }
    if reading.mask & said::DATE != said::DATE {
        return Err(Fault::Syntax);
    }
    let numbers = reading.numbers;
    Ok(Moment::At(At { days: numbers.days(), clock: numbers.clock(), zone: reading.zone }))
}

/// Reads a time of day in microseconds, with or without a date and a zone; `None` for `now`.
pub(super) fn decode_time(text: &str) -> Result<Option<i64>, Fault> {
    let mut reading = Reading { only_time: true, ..Reading::default() };
    let fields = fields(text).ok_or(Fault::Syntax)?;
    // What a field turned out to be decides of those behind it.
    let kind = |at: usize| fields.get(at).map(|field: &Field| field.kind);
    let ends_in_date = kind(fields.len().saturating_sub(1)) == Some(FieldKind::Date);
    for (index, field) in fields.iter().enumerate() {
        let text = field.text.as_str();
        let first_of_several = index == 0 && fields.len() >= 2;
        let found = match field.kind {
            FieldKind::Date if first_of_several && (ends_in_date || kind(1) == Some(FieldKind::Time)) => {
                reading.numbers.date(text, reading.mask)?
            }
            FieldKind::Date => reading.time_or_zone(text, said::DATE)?,
            FieldKind::Time => {
                reading.after_time_label()?;
                reading.numbers.time(text)?
            }
            FieldKind::Signed => reading.offset(text)?,
            FieldKind::Number if reading.label.is_some() => reading.labelled(text)?,
            FieldKind::Number => match text.find('.') {
                Some(_) if first_of_several && ends_in_date => reading.numbers.date(text, reading.mask)?,
                Some(at) if at > 2 => reading.numbers.run_together(text, reading.mask | said::DATE)?,
                Some(_) => return Err(Fault::Syntax),
                None if text.len() > 4 => reading.numbers.run_together(text, reading.mask | said::DATE)?,
                None => reading.numbers.number(text, false, reading.mask | said::DATE)?,
            },
            FieldKind::Word | FieldKind::SignedWord => match reading.word(text, None)? {
                Some(found) => found,
                None => continue,
            },
        };
        reading.mask = once(reading.mask, found)?;
    }
    if reading.label.is_some() {
        return Err(Fault::Syntax);
    }
    if reading.special.is_some() {
        return Ok(None);
    }
    reading.numbers.check_date(reading.mask)?;
    reading.numbers.apply_half()?;
    if reading.numbers.overflows() {
        return Err(Fault::Range);
    }
    // Where clocks change, the day is needed.
    let has_date = reading.mask & said::DATE == said::DATE;
    if reading.mask & said::TIME != said::TIME || (matches!(reading.zone, Some(Zone::Rules(_))) && !has_date) {
        return Err(Fault::Syntax);
    }
    Ok(Some(reading.numbers.clock()))
}

impl Reading {
    /// Before a time only `T` may stand.
    fn after_time_label(&mut self) -> Result<(), Fault> {
        match self.label.take() {
            None | Some(Label::Time) => Ok(()),
            Some(_) => Err(Fault::Syntax),
        }
    }

    fn date(&mut self, text: &str) -> Result<u32, Fault> {
        if self.label == Some(Label::Julian) {
            let (day, zone) = leading(text)?;
            self.numbers.set_julian(day);
            self.label = None;
            self.offset(zone)?;
            return Ok(said::DATE | said::TIME | said::ZONE);
        }
        let has_day = self.mask & (said::MONTH | said::DAY) == said::MONTH | said::DAY;
        if self.label.is_some() || has_day { self.time_or_zone(text, 0) } else { self.numbers.date(text, self.mask) }
    }

    /// `103000-05`, or a zone's name.
    fn time_or_zone(&mut self, text: &str, also: u32) -> Result<u32, Fault> {
        if !text.starts_with(|c: char| c.is_ascii_digit()) && (self.only_time || self.label.is_none()) {
            self.zone = Some(find_zone(text).ok_or_else(|| Fault::Zone(text.to_owned()))?);
            return Ok(said::ZONE);
        }
        self.after_time_label()?;
        if self.mask & said::TIME == said::TIME {
            return Err(Fault::Syntax);
        }
        let (time, _) = text.split_at(text.find('-').ok_or(Fault::Syntax)?);
        let zone = self.offset(&text[time.len()..])?;
        Ok(self.numbers.run_together(time, self.mask | also)? | zone)
    }

    /// `+02`, `-0530`, `+02:30:15`
    fn offset(&mut self, text: &str) -> Result<u32, Fault> {
        let digits = text.strip_prefix(['+', '-']).ok_or(Fault::Syntax)?;
        let number = |text| leading(text).map_err(|_| Fault::Offset);
        let (mut hours, mut rest) = number(digits)?;
        let (mut minutes, mut seconds) = (0, 0);
        if let Some(after) = rest.strip_prefix(':') {
            (minutes, rest) = number(after)?;
            if let Some(after) = rest.strip_prefix(':') {
                (seconds, rest) = number(after)?;
            }
        } else if rest.is_empty() && digits.len() > 2 {
            (hours, minutes) = (hours / 100, hours % 100);
        }
        if hours > 15 || minutes > 59 || seconds > 59 {
            return Err(Fault::Offset);
        }
        if !rest.is_empty() {
            return Err(Fault::Syntax);
        }
        let east = hours * 3600 + minutes * 60 + seconds;
        self.zone = Some(Zone::Fixed(if text.starts_with('-') { -east } else { east }));
        Ok(said::ZONE)
    }

    /// A number behind the word that says what it is.
    fn labelled(&mut self, text: &str) -> Result<u32, Fault> {
        let Some(label) = self.label.take() else { return Err(Fault::Syntax) };
        let (value, rest) = leading(text)?;
        let may_have_fraction = matches!(label, Label::Julian | Label::Time | Label::Second);
        let fits = rest.is_empty() || rest.starts_with('.') && may_have_fraction;
        if !fits {
            return Err(Fault::Syntax);
        }
        let numbers = &mut self.numbers;
        let (field, found) = match label {
            Label::Year => (&mut numbers.year, said::YEAR),
            // Behind hours, `m` is minutes.
            Label::Month if self.mask & said::MONTH != 0 && self.mask & said::HOUR != 0 => {
                (&mut numbers.minute, said::MINUTE)
            }
            Label::Month => (&mut numbers.month, said::MONTH),
            Label::Day => (&mut numbers.day, said::DAY),
            Label::Hour => (&mut numbers.hour, said::HOUR),
            Label::Minute => (&mut numbers.minute, said::MINUTE),
            Label::Second => {
                numbers.second = value;
                if rest.is_empty() {
                    return Ok(said::SECOND);
                }
                numbers.set_fraction(rest)?;
                return Ok(said::SECONDS);
            }
            Label::Julian => {
                numbers.set_julian(value);
                if rest.is_empty() {
                    return Ok(said::DATE);
                }
                let micros = (fraction(rest).ok_or(Fault::Syntax)? * DAY as f64) as i64;
                (numbers.hour, numbers.minute) = (micros / HOUR, micros / MINUTE % 60);
                (numbers.second, numbers.micros) = (micros / SECOND % 60, micros % SECOND);
                return Ok(said::DATE | said::TIME);
            }
            Label::Time => {
                let found = numbers.run_together(text, self.mask | said::DATE)?;
                return if found == said::TIME { Ok(found) } else { Err(Fault::Syntax) };
            }
            Label::Other => return Err(Fault::Syntax),
        };
        *field = value;
        Ok(found)
    }

    /// A number that stands alone.
    fn number(&mut self, text: &str) -> Result<u32, Fault> {
        let point = text.find('.');
        let (has_date, has_time) = (self.mask & said::DATE != 0, self.mask & said::TIME != 0);
        match point {
            Some(_) if !has_date => self.numbers.date(text, self.mask),
            Some(at) if at > 2 => self.numbers.run_together(text, self.mask),
            _ if text.len() >= 6 && (!has_date || !has_time) => self.numbers.run_together(text, self.mask),
            _ => self.numbers.number(text, self.named_month, self.mask),
        }
    }

    /// What a word says; `None` for one that says nothing by itself. Without a context a time of day alone is read.
    fn word(&mut self, word: &str, context: Option<&Context>) -> Result<Option<u32>, Fault> {
        let label = match word {
            "y" => Label::Year,
            "m" => Label::Month,
            "d" => Label::Day,
            "h" => Label::Hour,
            "mm" => Label::Minute,
            "s" => Label::Second,
            "j" | "jd" | "julian" => Label::Julian,
            "dow" | "doy" | "isodow" | "isoyear" => Label::Other,
            "t" if context.is_some() && self.mask & said::DATE != said::DATE => return Err(Fault::Syntax),
            "t" => Label::Time,
            _ => {
                let special = match word {
                    "now" => Some(Special::Now),
                    "epoch" => Some(Special::Epoch),
                    "infinity" => Some(Special::Infinity),
                    "-infinity" => Some(Special::NegativeInfinity),
                    _ => None,
                };
                return match (special, context) {
                    (Some(Special::Now), None) => {
                        self.special = special;
                        Ok(Some(said::TIME))
                    }
                    (Some(_), None) => Err(Fault::Syntax),
                    (Some(_), Some(_)) => {
                        self.special = special;
                        // Beside words that name no present moment a time is passed over.
                        let is_now = special == Some(Special::Now);
                        Ok(Some(if is_now { said::DATE | said::TIME | said::ZONE } else { said::SPECIAL }))
                    }
                    (None, _) => self.plain_word(word, context),
                };
            }
        };
        if self.label.is_some() {
            return Err(Fault::Syntax);
        }
        self.label = Some(label);
        Ok(None)
    }

    fn plain_word(&mut self, word: &str, context: Option<&Context>) -> Result<Option<u32>, Fault> {
        let from_today = match word {
            "today" => Some(0),
            "tomorrow" => Some(1),
            "yesterday" => Some(-1),
            _ => None,
        };
        let found = match word {
            _ if from_today.is_some() => {
                let context = context.ok_or(Fault::Syntax)?;
                let now = timestamptz_to_timestamp(context.now, context).map_err(|_| Fault::Range)?;
                self.numbers.set_julian(date_of(now) + from_today.unwrap_or_default() + JULIAN_OF_2000);
                said::DATE
            }
            "allballs" => {
                let numbers = &mut self.numbers;
                (numbers.hour, numbers.minute, numbers.second, numbers.micros) = (0, 0, 0, 0);
                self.zone = Some(Zone::Fixed(0));
                // A moment from here on, whatever came before.
                self.special = None;
                said::TIME | said::ZONE
            }
            "am" | "pm" => {
                self.numbers.afternoon = Some(word == "pm");
                said::HALF
            }
            "ad" | "bc" => {
                self.numbers.before_christ = word == "bc";
                said::ERA
            }
            "at" | "on" => return Ok(None),
            _ if self.only_time && (is_weekday(word) || month_by_name(word).is_some()) => return Err(Fault::Syntax),
            _ if is_weekday(word) => said::WEEKDAY,
            _ => match month_by_name(word) {
                Some(month) => return self.month(month).map(Some),
                None => {
                    self.zone = Some(find_zone(word).ok_or(Fault::Syntax)?);
                    said::ZONE
                }
            },
        };
        Ok(Some(found))
    }

    fn month(&mut self, month: i64) -> Result<u32, Fault> {
        // A number before it was taken for the month, but was the day.
        let was_day = self.mask & said::MONTH != 0
            && !self.named_month
            && self.mask & said::DAY == 0
            && (1..=31).contains(&self.numbers.month);
        let before = std::mem::replace(&mut self.numbers.month, month);
        self.named_month = true;
        if was_day {
            self.numbers.day = before;
        }
        Ok(if was_day { said::DAY } else { said::MONTH })
    }
}
