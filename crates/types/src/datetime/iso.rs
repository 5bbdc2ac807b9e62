//! The forms that programs write, `2024-01-31` and `2024-01-31T10:00:00.5+00:00`, read without a detour.

use super::{DAY, HOUR, MINUTE, SECOND, days_from_civil, days_in_month};

/// Days since 2000-01-01; `None` for any other form, valid or not.
pub(super) fn date(text: &[u8]) -> Option<i64> {
    let &[a, b, c, d, b'-', e, f, b'-', g, h] = text else { return None };
    let year = two(a, b)? * 100 + two(c, d)?;
    let (month, day) = (two(e, f)?, two(g, h)?);
    let valid = year > 0 && (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    valid.then(|| days_from_civil(year, month, day))
}

/// Microseconds since 2000-01-01 as clocks show them, and the offset in seconds; `None` for any other form, valid or not.
pub(super) fn timestamp(text: &[u8]) -> Option<(i64, Option<i64>)> {
    let (day, rest) = text.split_at_checked(10)?;
    let days = date(day)?;
    let &[b'T' | b' ', a, b, b':', c, d, b':', e, f, ref rest @ ..] = rest else { return None };
    let (hour, minute, second) = (two(a, b)?, two(c, d)?, two(e, f)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (micro, rest) = match rest {
        [b'.', rest @ ..] => fraction(rest)?,
        rest => (0, rest),
    };
    let micros = days * DAY + hour * HOUR + minute * MINUTE + second * SECOND + micro;
    Some((micros, offset(rest)?))
}

fn two(a: u8, b: u8) -> Option<i64> {
    (a.is_ascii_digit() && b.is_ascii_digit()).then(|| i64::from(a - b'0') * 10 + i64::from(b - b'0'))
}

/// One to six digits, as microseconds, and what follows.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = (1..=6).contains(&length).then(|| &text[..length])?;
    let value = digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    Some((value * 10_i64.pow(6 - length as u32), &text[length..]))
}

fn offset(text: &[u8]) -> Option<Option<i64>> {
    let (sign, hours, minutes) = match *text {
        [] => return Some(None),
        [b'Z'] => return Some(Some(0)),
        [sign @ (b'+' | b'-'), a, b] => (sign, two(a, b)?, 0),
        [sign @ (b'+' | b'-'), a, b, b':', c, d] => (sign, two(a, b)?, two(c, d)?),
        _ => return None,
    };
    let seconds = hours * 3600 + minutes * 60;
    (hours <= 15 && minutes <= 59).then_some(Some(if sign == b'-' { -seconds } else { seconds }))
}
