//! The types of columns: their values, and the filters that suit them.

use serde_json::{Value, json};

use super::dice::{Dice, pick, word};

/// A type.
pub struct Kind {
    /// Its name in SQL.
    pub sql: &'static str,
    /// Values in text form.
    pub values: &'static [&'static str],
    /// Operators besides those of [`COMMON`].
    operators: &'static [&'static str],
    /// Whether its values have an order.
    pub ordered: bool,
    /// Whether it can be added up.
    pub number: bool,
}

const COMMON: [&str; 3] = ["eq", "neq", "isdistinct"];
const ORDER: [&str; 4] = ["gt", "gte", "lt", "lte"];
const PATTERNS: [&str; 4] = ["like", "ilike", "match", "imatch"];
const TEXTS: [&str; 8] = ["like", "ilike", "match", "imatch", "fts", "plfts", "phfts", "wfts"];
const SETS: [&str; 3] = ["cs", "cd", "ov"];
const RANGES: [&str; 8] = ["cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj"];

const fn kind(
    sql: &'static str,
    values: &'static [&'static str],
    operators: &'static [&'static str],
    ordered: bool,
    number: bool,
) -> Kind {
    Kind { sql, values, operators, ordered, number }
}

/// All types that generated columns have.
pub const KINDS: [Kind; 36] = [
    kind("smallint", &["0", "1", "-7", "32767", "12"], &[], true, true),
    kind("integer", &["0", "1", "2", "-5", "2147483647", "40"], &[], true, true),
    kind("bigint", &["0", "9007199254740993", "-3", "5", "1000000"], &[], true, true),
    kind("numeric(8,2)", &["0", "1.5", "-2.25", "999999.99", "10.005", "0.10"], &[], true, true),
    kind("numeric", &["0", "1.50", "-0.000001", "123456789012345678901234567890.5", "NaN", "1e3"], &[], true, true),
    kind("real", &["0", "1.5", "-2.25", "0.1", "1e10"], &[], true, false),
    kind("double precision", &["0", "0.5", "-1.25", "0.1", "1e300", "Infinity"], &[], true, false),
    kind("boolean", &["true", "false"], &[], true, false),
    kind("text", &["", "a", "B", "it's", "été", "100%", "a,b", "null", "x\ny", "{q}"], &TEXTS, true, false),
    kind("varchar(5)", &["", "abc", "Abc", "zzzzz", "ü"], &TEXTS, true, false),
    kind("char(3)", &["a", "abc", "Z", "ab"], &PATTERNS, true, false),
    kind(
        "uuid",
        &[
            "a0000000-0000-4000-8000-00000000000a",
            "b0000000-0000-4000-8000-00000000000b",
            "ffffffff-0000-4000-8000-000000000000",
        ],
        &[],
        true,
        false,
    ),
    kind("date", &["2024-02-29", "1999-12-31", "2020-01-01", "0044-03-15 BC"], &[], true, false),
    kind("time", &["00:00:00", "12:30:15.5", "23:59:59.999999"], &[], true, false),
    kind("timestamp", &["2024-02-29 10:00:00", "1999-12-31 23:59:59.123", "infinity"], &[], true, false),
    kind(
        "timestamptz",
        &["2024-02-29 10:00:00+00", "2024-02-29 12:00:00+02", "1970-01-01 00:00:00.5+00"],
        &[],
        true,
        false,
    ),
    kind("interval", &["1 day", "-02:30:00", "1 mon 3 days", "24:00:00", "00:00:01.5"], &[], true, false),
    kind("json", &["{\"a\": 1,  \"b\": [1, 2]}", "[]", "null", "\"text\"", "{\"a\":{\"b\":null}}"], &[], false, false),
    kind(
        "jsonb",
        &["{\"a\": 1, \"bb\": [1, 2.50]}", "[1, \"x\"]", "null", "\"text\"", "{\"a\":{\"b\":null}}", "7"],
        &["cs", "cd"],
        false,
        false,
    ),
    kind("bytea", &["\\x", "\\x00ff", "\\xdeadbeef"], &[], true, false),
    kind("integer[]", &["{}", "{1,2}", "{2,NULL,3}", "{{1,2},{3,4}}", "{7}"], &SETS, true, false),
    kind("text[]", &["{}", "{a}", "{a,\"b c\",NULL}", "{\"\",\"{x}\"}", "{b,a}"], &SETS, true, false),
    kind("numeric[]", &["{}", "{1.50,-2}", "{NULL,0.0}", "{1e3}"], &SETS, true, false),
    kind("uuid[]", &["{}", "{a0000000-0000-4000-8000-00000000000a}", "{NULL}"], &SETS, true, false),
    kind("date[]", &["{}", "{2024-02-29,1999-12-31}", "{NULL}"], &SETS, true, false),
    kind("boolean[]", &["{}", "{t,f,NULL}", "{f}"], &SETS, true, false),
    kind("mood[]", &["{}", "{happy,sad}", "{ok}"], &SETS, true, false),
    kind("jsonb[]", &["{}", "{1,NULL}", "{\"{\\\"a\\\": 1}\"}"], &[], false, false),
    kind("tsvector", &["", "'cat':3 'fat':2", "'a' 'b'"], &["fts", "plfts", "phfts", "wfts"], false, false),
    kind("mood", &["sad", "ok", "happy"], &[], true, false),
    kind("int4range", &["[1,5)", "[5,9]", "empty", "(,3)", "(2,)", "(,)"], &RANGES, true, false),
    kind("numrange", &["[1.50,2)", "(0.5,1.5]", "empty", "[1.5,2.0)"], &RANGES, true, false),
    kind("daterange", &["[2024-01-01,2024-02-29]", "(,2020-01-01)", "[2024-03-01,)", "empty"], &RANGES, true, false),
    kind(
        "tstzrange",
        &["[2024-02-29 10:00:00+00,2024-02-29 12:00:00+00)", "[2024-02-29 13:00:00+02,)", "empty"],
        &RANGES,
        true,
        false,
    ),
    kind("int4range[]", &["{}", "{\"[1,5)\",NULL}", "{empty}"], &SETS, true, false),
    kind("positive", &["1", "2", "77"], &[], true, true),
];

/// Texts that most types refuse.
const BAD: [&str; 6] = ["x", "", "99999999999999999999999", "{1", "2024-13-45", "\\xg"];

impl Kind {
    fn is_json(&self) -> bool {
        self.sql.starts_with("json")
    }

    /// A value's text.
    pub fn value(&self, random: &mut Dice) -> &'static str {
        word(random, self.values)
    }

    /// A value as a body holds it; sometimes a wrong one.
    pub fn body(&self, random: &mut Dice) -> Value {
        if random.fault(4) {
            return match random.u8(0..4) {
                0 => json!(pick(random, &BAD)),
                1 => json!(12345678901_i64),
                2 => json!({"a": [1, "x"]}),
                _ => json!(true),
            };
        }
        let text = self.value(random);
        match serde_json::from_str::<Value>(text) {
            Ok(value) if self.is_json() || (value.is_number() || value.is_boolean()) && random.bool() => value,
            _ => json!(text),
        }
    }

    /// What follows a column's name in a filter, such as `eq.1`; not yet encoded.
    pub fn filter(&self, random: &mut Dice) -> String {
        let value = if random.fault(4) { *pick(random, &BAD) } else { self.value(random) };
        let filter = match random.u8(0..16) {
            0 => "is.null".to_owned(),
            1 if self.sql == "boolean" => format!("is.{}", pick(random, &["true", "false", "unknown"])),
            2 | 3 if self.ordered && !self.sql.ends_with(']') => {
                let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
                let other = self.value(random);
                format!("in.({},{})", quoted(value), quoted(other))
            }
            4 if self.number => {
                let (operator, how) =
                    (*pick(random, &["eq", "gt", "gte", "lt", "lte"]), *pick(random, &["any", "all"]));
                format!("{operator}({how}).{{{},{}}}", value, self.value(random))
            }
            4 if self.operators == TEXTS => {
                let (operator, how) = (*pick(random, &PATTERNS), *pick(random, &["any", "all"]));
                format!("{operator}({how}).{{a,b,\"{}\"}}", pick(random, &["^a", "A", "."]))
            }
            5 if self.sql != "positive" && random.fault(2) => format!("{}.{value}", pick(random, &PATTERNS)),
            6..9 if !self.operators.is_empty() => {
                let operator = *pick(random, self.operators);
                match TEXTS.contains(&operator) {
                    true if operator.ends_with("fts") => {
                        let language = *pick(random, &["", "(simple)", "(english)"]);
                        // `fts` alone takes a query's own syntax.
                        let words: &[&str] = match operator {
                            "fts" => &["cat", "a & b", "!cat | fat", "fat:*"],
                            _ => &["cat", "fat cat", "a", "\"fat cat\" -dog"],
                        };
                        format!("{operator}{language}.{}", pick(random, words))
                    }
                    true if operator.ends_with("like") => {
                        format!("{operator}.{}", pick(random, &["*a*", "a*", "_", "*", "%b", "A_*"]))
                    }
                    true => format!("{operator}.{}", pick(random, &["^a", "[a-z]+", "b$", "A|b", "^.$", "(a|b)c?"])),
                    false => format!("{operator}.{value}"),
                }
            }
            _ if self.sql == "tsvector" => "not.is.null".to_owned(),
            9..12 if self.ordered => format!("{}.{value}", pick(random, &ORDER)),
            _ if self.sql == "json" && !random.fault(2) => "not.is.null".to_owned(),
            _ => format!("{}.{value}", pick(random, &COMMON)),
        };
        if random.u8(0..5) == 0 && !filter.starts_with("not.") { format!("not.{filter}") } else { filter }
    }
}
