//! Random literals of every type, put together of pieces that are right in some places: what they are, or why they are refused.

use basalt_tests::postgres::Cluster;
use fastrand::Rng;

use super::pair::{Outcome, Pair, fault};
use super::queries::seeds;

/// Literals of a seed.
const LITERALS: usize = 2500;

const DATES: &[&str] = &[
    "2024-02-29",
    "2024-2-9",
    "20240229",
    "240229",
    "2/29/2024",
    "29-Feb-2024",
    "Feb 29 2024",
    "2024.060",
    "2024-060",
    "99999-01-01",
    "2023-02-29",
    "2024-13-01",
    "13/01/2024",
    "J2460000",
    "2024 Feb 29",
    "29 Feb",
    "0001-01-01 BC",
    "Thu Feb 29 2024",
    "2024",
    "infinity",
    "epoch",
    "01-02-03",
    "1.2.2024",
    "4714-01-01 BC",
    "5874898-01-01",
    "294277-01-01",
    "y2024m02d29",
    "24-02-29",
    "0000-01-01",
];

const TIMES: &[&str] = &[
    "10:00",
    "10:00:00.123456",
    "10:00:00.1234567",
    "24:00:00",
    "24:00:01",
    "25:00",
    "10:60",
    "10:00:60",
    "10:00 PM",
    "13:00 PM",
    "12:00 AM",
    "T10:00",
    "10:00Z",
    "10:00+02",
    "10:00:00-05:30",
    "10:00 UTC",
    "10:00 Europe/Berlin",
    "1:",
    "10:00:00.",
    "allballs",
    "10:00:00+17",
    "04:05:06.789 EST",
    "10:00+1530",
    "0:0",
    "10:5.5",
];

const UNITS: &[&str] = &[
    "year",
    "years",
    "mon",
    "day",
    "days",
    "hour",
    "h",
    "min",
    "sec",
    "s",
    "ms",
    "us",
    "week",
    "decade",
    "century",
    "millennium",
    "quarter",
    "ago",
    "y",
    "d",
    "m",
    "microseconds",
    "fortnight",
];

const COUNTS: &[&str] =
    &["1", "-1", "1.5", "-1.5", "+2", "0", "100", ".5", "-.5", "1e3", "99999999999", "2147483647", "1."];

const INTERVALS: &[&str] = &[
    "1-2",
    "-1-2",
    "1-2-3",
    "1-13",
    "1-2 3",
    "1 1-2",
    "P1-2-3",
    "P0001-02-03T04:05:06",
    "P20240101T101010",
    "PT101010",
    "P1",
    "PT",
    "P",
    "PT1:2",
    "[\"2024-01-01 10:00\",]",
    "@ 1 day",
    "1:2:3:4",
    "1:2.5",
    "1:-2",
    " P1D",
    "p1d",
];

const NUMBERS: &[&str] = &[
    "1",
    "1.5",
    "0",
    "1e400",
    "1e-400",
    "NaN",
    "Infinity",
    "inf",
    "-inf",
    "0x1F",
    "0x1.8p3",
    "1_000",
    ".5",
    "5.",
    "1e",
    " 1 ",
    "",
    "1 2",
    "--1",
    "+1",
    "1f",
    "1E5",
    "0b1",
    "9223372036854775808",
    "2147483648",
    "32768",
    "-32769",
];

const BOOLS: &[&str] =
    &["t", "f", "tr", "TRUE ", "yes", "y", "no", "on", "off", "o", "of", "1", "0", "10", "", "truee"];

const UUIDS: &[&str] = &[
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",
    "a0eebc999c0b4ef8bb6d6bb9bd380a11",
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1",
    "a0e-ebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
];

const BYTES: &[&str] =
    &["\\x00ff", "\\x0", "\\xgg", "\\x 00 ff", "\\x0 0", "abc", "\\\\", "\\001", "\\400", "a\\", "\\xAb"];

const JSON: &[&str] = &[
    "1",
    "-01",
    "01",
    "1.",
    "1e5",
    "1.5E-3",
    ".5",
    "-",
    "nul",
    "tru",
    "\"a\"",
    "\"a",
    "{\"a\":1}",
    "{\"a\":1,}",
    "{a:1}",
    "[1,]",
    "[1 2]",
    "{\"a\" 1}",
    "{\"a\":}",
    "",
    "1 2",
    "\"\\u12",
    "\"\\x\"",
    "\"\\ud800\"",
    "[",
    "{",
    "1a",
    "[1,2}",
    "1e+",
    "-a",
    "{1:2}",
    "[,1]",
    "{,}",
];

const ARRAYS: &[&str] = &[
    "{1,2}",
    "[1,2]",
    "{1,2",
    "{1,,2}",
    "{ }",
    " {1} ",
    "{1}x",
    "{{1,2},{3,4}}",
    "{{1,2},{3}}",
    "{{1},2}",
    "{NULL,1}",
    "{\"1\"}",
    "{1 2}",
    "[1:2]={1}",
    "[1:2] = {1,2}",
    "[2]={1,2}",
    "[1:2][1:1]={{1},{2}}",
    "{a}",
    "{1,}",
    "",
    "{{}}",
    "1",
    "[2:1]={}",
    "[a:b]={1}",
    "[1:a]={1}",
    "[1:1]x",
    "{1.5}",
];

#[tokio::test]
async fn literals_are_read_as_in_postgresql() {
    let cluster = Cluster::start();
    if !cluster.is_reference() {
        return;
    }
    let pair = Pair::new(&cluster, "literals").await;
    let (mut faults, mut taken) = (Vec::new(), 0);
    for seed in seeds() {
        let mut random = Rng::with_seed(seed);
        for _ in 0..LITERALS {
            let (of, text) = literal(&mut random);
            let sql = format!("select '{text}'::{of}::text as v");
            let (expected, found) = pair.ask(&sql).await;
            taken += usize::from(matches!(expected, Outcome::Rows(_)));
            if expected != found {
                faults.push(fault(&sql, &expected, &found));
            }
        }
    }
    assert!(taken > LITERALS / 5, "{taken} were right");
    assert!(faults.is_empty(), "{} faults\n\n{}", faults.len(), faults.join("\n\n"));
}

/// A type and a text.
fn literal(random: &mut Rng) -> (&'static str, String) {
    let of = |random: &mut Rng, list: &[&'static str]| list[random.usize(0..list.len())];
    match random.u8(0..20) {
        0..=4 => ("interval", interval(random)),
        5..=11 => {
            let text = moment(random);
            (of(random, &["date", "time", "timestamp", "timestamptz"]), text)
        }
        12 => ("time", of(random, TIMES).to_owned()),
        13 => (of(random, &["real", "double precision", "numeric"]), of(random, NUMBERS).to_owned()),
        14 => (of(random, &["smallint", "int", "bigint"]), of(random, NUMBERS).to_owned()),
        15 => ("bool", of(random, BOOLS).to_owned()),
        16 => ("uuid", of(random, UUIDS).to_owned()),
        17 => ("bytea", of(random, BYTES).to_owned()),
        18 => (of(random, &["json", "jsonb"]), of(random, JSON).to_owned()),
        _ => (of(random, &["int[]", "text[]"]), of(random, ARRAYS).to_owned()),
    }
}

fn moment(random: &mut Rng) -> String {
    let (date, time) = (DATES[random.usize(0..DATES.len())], TIMES[random.usize(0..TIMES.len())]);
    match random.u8(0..4) {
        0 => date.to_owned(),
        1 => format!("{time} {date}"),
        // Behind a word `T...` belongs to a zone's name, of which some are read otherwise.
        _ if date.ends_with("BC") => format!("{date} {time}"),
        _ => format!("{date}{}{time}", [" ", "T", " ", ", "][random.usize(0..4)]),
    }
}

fn interval(random: &mut Rng) -> String {
    let count = |random: &mut Rng| COUNTS[random.usize(0..COUNTS.len())];
    match random.u8(0..5) {
        0 => INTERVALS[random.usize(0..INTERVALS.len())].to_owned(),
        1 => moment(random),
        2 => format!("{} {}", count(random), TIMES[random.usize(0..TIMES.len())]),
        3 => {
            let mut text = "P".to_owned();
            for _ in 0..random.usize(0..5) {
                text += ["T", ""][random.usize(0..2)];
                text += count(random);
                text += ["Y", "M", "W", "D", "H", "S"][random.usize(0..6)];
            }
            text
        }
        _ => {
            let parts = 1 + random.usize(0..3);
            let part = |random: &mut Rng| {
                format!("{}{}{}", count(random), ["", " "][random.usize(0..2)], UNITS[random.usize(0..UNITS.len())])
            };
            let parts: Vec<String> = (0..parts).map(|_| part(random)).collect();
            parts.join(" ") + ["", " ago", " 10:00", " -1:00:00"][random.usize(0..4)]
        }
    }
}
