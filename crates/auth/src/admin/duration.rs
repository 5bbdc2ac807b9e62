//! Durations as Go writes them: `24h`, `2h45m`, `300ms`, `1.5h`.

use jiff::SignedDuration;

/// A ban that does not end, in effect.
const CENTURY: SignedDuration = SignedDuration::from_hours(24 * 36_525);

/// A duration as Go writes it: `24h`, `2h45m`, `300ms`, `1.5h`.
pub(super) fn duration(text: &str) -> Option<SignedDuration> {
    let mut seconds = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|end| *end > 0)?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let scale = match &rest[..unit] {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number * scale;
        rest = &rest[unit..];
    }
    let duration = SignedDuration::try_from_secs_f64(seconds).ok()?;
    (!duration.is_zero()).then(|| duration.min(CENTURY))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn go_s_durations_are_read() {
        let seconds = |text| duration(text).map(|d| d.as_secs_f64());
        assert_eq!(seconds("24h"), Some(86_400.0));
        assert_eq!(seconds("2h45m"), Some(9_900.0));
        assert_eq!(seconds("300ms"), Some(0.3));
        for bad in ["", "h", "10", "10 h", "-1h", "1x", "forever"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
        let until = Timestamp::now().checked_add(duration("999999999h").unwrap());
        assert!(until.is_ok(), "a ban for ever has a date");
    }
}
