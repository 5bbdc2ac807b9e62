//! Arithmetic on intervals: each part for itself, fractions handed down from months to days to microseconds.

use basalt_core::{Error, Result};

use crate::datetime::{DAY, SECOND};

use super::{Interval, out_of_range};

const DAYS_PER_MONTH: i32 = 30;
const SECONDS_PER_DAY: f64 = 86_400.0;

impl Interval {
    /// `self + other`; 22008 beyond the range.
    pub fn plus(self, other: Interval) -> Result<Interval> {
        let sum = || {
            Some(Interval {
                months: self.months.checked_add(other.months)?,
                days: self.days.checked_add(other.days)?,
                micros: self.micros.checked_add(other.micros)?,
            })
        };
        sum().ok_or_else(out_of_range)
    }

    /// `self - other`; 22008 beyond the range.
    pub fn minus(self, other: Interval) -> Result<Interval> {
        let difference = || {
            Some(Interval {
                months: self.months.checked_sub(other.months)?,
                days: self.days.checked_sub(other.days)?,
                micros: self.micros.checked_sub(other.micros)?,
            })
        };
        difference().ok_or_else(out_of_range)
    }

    /// `-self`; 22008 beyond the range.
    pub fn negative(self) -> Result<Interval> {
        Interval::default().minus(self)
    }

    /// `self * factor`; 22008 beyond the range.
    pub fn times(self, factor: f64) -> Result<Interval> {
        self.scaled(|part| part * factor)
    }

    /// `self / divisor`; 22012 by zero, 22008 beyond the range.
    pub fn over(self, divisor: f64) -> Result<Interval> {
        if divisor == 0.0 {
            return Err(Error::new("22012", "division by zero"));
        }
        self.scaled(|part| part / divisor)
    }

    fn scaled(self, scale: impl Fn(f64) -> f64) -> Result<Interval> {
        let whole = |value: f64| {
            let fits = value > f64::from(i32::MIN) - 1.0 && value < f64::from(i32::MAX) + 1.0;
            if fits { Ok(value as i32) } else { Err(out_of_range()) }
        };
        let (months, days) = (scale(self.months.into()), scale(self.days.into()));
        let mut result = Interval { months: whole(months)?, days: whole(days)?, micros: 0 };
        let spare_days = to_micros((months - f64::from(result.months)) * f64::from(DAYS_PER_MONTH));
        let mut spare_seconds = to_micros((days - f64::from(result.days) + spare_days.fract()) * SECONDS_PER_DAY);
        if spare_seconds.abs() >= SECONDS_PER_DAY {
            let carried = (spare_seconds / SECONDS_PER_DAY).trunc();
            result.days = result.days.checked_add(carried as i32).ok_or_else(out_of_range)?;
            spare_seconds -= carried * SECONDS_PER_DAY;
        }
        result.days = result.days.checked_add(spare_days as i32).ok_or_else(out_of_range)?;
        let micros = (scale(self.micros as f64) + spare_seconds * SECOND as f64).round_ties_even();
        if !(-9.223_372_036_854_776e18..9.223_372_036_854_776e18).contains(&micros) {
            return Err(out_of_range());
        }
        result.micros = micros as i64;
        Ok(result)
    }

    /// Makes days of every 24 hours.
    pub fn justify_hours(self) -> Result<Interval> {
        let days = self.days.checked_add((self.micros / DAY) as i32).ok_or_else(out_of_range)?;
        Ok(Interval { days, micros: self.micros % DAY, ..self }.with_days_as_time())
    }

    /// Makes months of every 30 days.
    pub fn justify_days(self) -> Result<Interval> {
        let months = self.months.checked_add(self.days / DAYS_PER_MONTH).ok_or_else(out_of_range)?;
        let mut result = Interval { months, days: self.days % DAYS_PER_MONTH, ..self };
        if result.months > 0 && result.days < 0 {
            result.days += DAYS_PER_MONTH;
            result.months -= 1;
        } else if result.months < 0 && result.days > 0 {
            result.days -= DAYS_PER_MONTH;
            result.months += 1;
        }
        Ok(result)
    }

    /// Makes days of every 24 hours and months of every 30 days, all of one sign.
    pub fn justify(self) -> Result<Interval> {
        let days = i64::from(self.days) + self.micros / DAY;
        let months = i64::from(self.months) + days / i64::from(DAYS_PER_MONTH);
        let mut result = Interval {
            months: i32::try_from(months).map_err(|_| out_of_range())?,
            days: (days % i64::from(DAYS_PER_MONTH)) as i32,
            micros: self.micros % DAY,
        };
        let rest = (result.days, result.micros);
        if result.months > 0 && rest < (0, 0) {
            result.days += DAYS_PER_MONTH;
            result.months -= 1;
        } else if result.months < 0 && rest > (0, 0) {
            result.days -= DAYS_PER_MONTH;
            result.months += 1;
        }
        Ok(result.with_days_as_time())
    }

    /// Gives the time the sign of the days.
    fn with_days_as_time(mut self) -> Interval {
        if self.days > 0 && self.micros < 0 {
            self.micros += DAY;
            self.days -= 1;
        } else if self.days < 0 && self.micros > 0 {
            self.micros -= DAY;
            self.days += 1;
        }
        self
    }
}

/// Rounds to six places, which is as exact as an interval gets.
fn to_micros(value: f64) -> f64 {
    (value * 1e6).round_ties_even() / 1e6
}
