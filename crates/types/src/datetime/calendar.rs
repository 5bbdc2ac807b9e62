//! The proleptic Gregorian calendar over the whole range of PostgreSQL's dates.

use super::{DAY, HOUR, MINUTE, SECOND};

/// A timestamp taken apart. Years count astronomically: 0 is 1 BC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub year: i64,
    pub month: i64,
    pub day: i64,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
    pub micro: i64,
}

/// Days since 2000-01-01 of a date. The month may lie outside of 1 to 12, the day outside of the month.
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Months counted from March put the leap day last, so that the days before a month are a linear function of it.
    let months = year * 12 + month - 1 - 2;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12));
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 730_425
}

/// Year, month and day of days since 2000-01-01.
pub(crate) fn split_days(days: i64) -> (i64, i64, i64) {
    let days = days + 730_425;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// Days since 2000-01-01 of a finite timestamp.
pub(crate) fn date_of(micros: i64) -> i64 {
    micros.div_euclid(DAY)
}

pub(crate) fn is_leap_year(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap_year(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Civil {
    /// Takes a finite timestamp apart.
    pub(crate) fn from_micros(micros: i64) -> Civil {
        let (year, month, day) = split_days(micros.div_euclid(DAY));
        let time = micros.rem_euclid(DAY);
        Civil {
            year,
            month,
            day,
            hour: time / HOUR,
            minute: time % HOUR / MINUTE,
            second: time % MINUTE / SECOND,
            micro: time % SECOND,
        }
    }

    /// The timestamp; `None` when it can't be counted in 64 bits.
    pub(crate) fn to_micros(self) -> Option<i64> {
        let time = self.hour * HOUR + self.minute * MINUTE + self.second * SECOND + self.micro;
        days_from_civil(self.year, self.month, self.day).checked_mul(DAY)?.checked_add(time)
    }

    /// Days since 2000-01-01.
    pub(crate) fn days(self) -> i64 {
        days_from_civil(self.year, self.month, self.day)
    }
}
