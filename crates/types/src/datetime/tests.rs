//! Against PostgreSQL's own answers; words for moments; JSON's form.

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

#[test]
fn answers_as_postgresql() {
    crate::testing::check(include_str!("cases.txt"));
}

/// 2024-03-10 12:30:45.5 in New York, UTC-4 since that morning.
fn context() -> Context {
    let mut context = Context { time_zone: TimeZone::get("America/New_York").unwrap(), ..Context::default() };
    context.now = parse_timestamptz("2024-03-10 12:30:45.5-04", None, &context).unwrap();
    context
}

#[test]
fn words_are_relative_to_the_session() {
    let context = context();
    let instant = |text: &str| {
        let mut out = String::new();
        write_timestamptz(parse_timestamptz(text, None, &context).unwrap(), &context, false, &mut out);
        out
    };
    assert_eq!(instant("now"), "2024-03-10 12:30:45.5-04");
    assert_eq!(instant("today"), "2024-03-10 00:00:00-05");
    assert_eq!(instant("tomorrow"), "2024-03-11 00:00:00-04");
    assert_eq!(instant(" Yesterday "), "2024-03-09 00:00:00-05");
    assert_eq!(instant("tomorrow 08:30"), "2024-03-11 08:30:00-04");
    assert_eq!(instant("08:30 today UTC"), "2024-03-10 04:30:00-04");
    let date = |text| parse_date(text, &context).unwrap();
    assert_eq!(date("now"), date("2024-03-10"));
    assert_eq!(date("tomorrow"), date("2024-03-11"));
    assert_eq!(parse_time("now", None, &context).unwrap(), parse_time("12:30:45.5", None, &context).unwrap());
    let local = |text| parse_timestamp(text, None, &context).unwrap();
    assert_eq!(local("now"), local("2024-03-10 12:30:45.5"));
    assert_eq!(local("today"), local("2024-03-10"));
}

#[test]
fn json_has_a_t_and_minutes() {
    let context = context();
    let json = |text: &str| {
        let (mut zoned, mut plain) = (String::new(), String::new());
        write_timestamptz(parse_timestamptz(text, None, &context).unwrap(), &context, true, &mut zoned);
        write_timestamp(parse_timestamp(text, None, &context).unwrap(), &context, true, &mut plain);
        (zoned, plain)
    };
    let pair = |zoned: &str, plain: &str| (zoned.to_owned(), plain.to_owned());
    assert_eq!(json("2024-01-31 10:00:00.5"), pair("2024-01-31T10:00:00.5-05:00", "2024-01-31T10:00:00.5"));
    assert_eq!(json("0044-03-15 BC"), pair("0044-03-15T00:00:00-04:56:02 BC", "0044-03-15T00:00:00 BC"));
    assert_eq!(json("infinity"), pair("infinity", "infinity"));
}

#[test]
fn conversions_follow_the_session() {
    let context = context();
    let midnight = date_to_timestamptz(parse_date("2024-03-10", &context).unwrap(), &context).unwrap();
    assert_eq!(midnight, parse_timestamptz("2024-03-10 05:00Z", None, &context).unwrap());
    assert_eq!(timestamptz_to_date(context.now, &context), parse_date("2024-03-10", &context));
    assert_eq!(timestamptz_to_time(context.now, &context).unwrap(), parse_time("12:30:45.5", None, &context).ok());
    assert_eq!(timestamp_to_time(INFINITY), None);
    assert_eq!(timestamp_to_date(NEGATIVE_INFINITY), NEGATIVE_INFINITY);
    let late = parse_date("300000-01-01", &context).unwrap();
    assert_eq!(date_to_timestamp(late).unwrap_err().message(), "date out of range for timestamp");
}

proptest! {
    #[test]
    fn any_text_is_survived(text in "([0-9]{1,9}|[-:./ +,TZ]|Jan|pm|BC|now|UTC|America/|J|infinity|\\PC){0,10}") {
        let context = context();
        let _ = parse_date(&text, &context);
        let _ = parse_time(&text, None, &context);
        let _ = parse_timestamp(&text, Some(Typmod::Fraction(3)), &context);
        let _ = parse_timestamptz(&text, None, &context);
        let _ = crate::interval::parse(&text);
    }

    #[test]
    fn what_is_written_reads_back(micros in MIN_TIMESTAMP + DAY..END_TIMESTAMP - DAY) {
        let context = context();
        for iso_t in [false, true] {
            let (mut zoned, mut plain, mut date) = (String::new(), String::new(), String::new());
            write_timestamptz(micros, &context, iso_t, &mut zoned);
            write_timestamp(micros, &context, iso_t, &mut plain);
            write_date(date_of(micros), &context, iso_t, &mut date);
            prop_assert_eq!(parse_timestamptz(&zoned, None, &context), Ok(micros));
            prop_assert_eq!(parse_timestamp(&plain, None, &context), Ok(micros));
            prop_assert_eq!(parse_date(&date, &context), Ok(date_of(micros)));
        }
    }
}
