//! Random expressions over columns of every type, NULLs among them.
//!
//! `BASALT_DIFFERENTIAL_SEEDS=1..20` runs those seeds instead of the fixed one; a fault is printed as its statement.

use std::collections::HashSet;

use basalt_tests::postgres::Cluster;
use basalt_types::{Base, Function, Kind, Operator, Type, Volatility, functions, operators};
use fastrand::Rng;

use super::pair::{Outcome, Pair, Refusal, fault};

/// Expressions of a seed, and of one statement.
const EXPRESSIONS: usize = 2000;
const BATCH: usize = 8;

pub const TABLE: &str = "
    create table v (
      id int primary key, b bool, i2 int2, i4 int4, i8 int8, f8 float8, n numeric, t text, u uuid, d date, tm time,
      ts timestamp, tz timestamptz, iv interval, j jsonb, by bytea, ai int4[], at text[],
      ir int4range, nr numrange, dr daterange, sr tsrange, zr tstzrange
    );
    insert into v values
      (1, true, 1, 7, 42, 1.5, 12.50, 'Hello World', '00000000-0000-0000-0000-00000000000a', '2024-02-29', '10:20:30',
       '2024-01-31 23:59:59.5', '2024-03-10 08:00:00+00', '1 mon 2 days 03:04:05', '{\"a\":1,\"b\":[1,2,{\"c\":null}]}',
       '\\x0001ff', '{1,2,3}', '{a,b,NULL}',
       '[1,5)', '[1.0,2.5]', '[2024-01-01,2024-02-01)', '[2024-01-01 10:00,2024-01-02)', '[2024-01-01 10:00+00,)'),
      (2, false, -3, 0, -1, -0.25, 0, '', '00000000-0000-0000-0000-00000000000b', '1999-12-31', '00:00:00',
       '2000-01-01 00:00:00', '1999-12-31 23:59:59+00', '-1 day', '[1,\"x\",true]', '\\x', '{}', '{}',
       'empty', '(,0]', 'empty', '(,2000-01-01)', '[1999-12-31 23:59:59+00,2010-10-10 00:00+00]'),
      (3, true, 12, 42, 9000000000, 1e10, -3.14159, 'ÄÖü ß', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '2024-12-30',
       '23:59:59.999999', '1970-01-01 00:00:01', '2100-06-15 12:00:00+02', '90 days 25:00:00', '\"text\"', '\\xdeadbeef',
       '{3,NULL,1}', '{\"x y\",\"q\\\"r\"}',
       '(,)', '(-3.14159,100)', '[2024-12-30,infinity]', '[2024-05-06 07:08:09,infinity)', '(,)'),
      (4, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
       null, null, null, null, null),
      (5, false, 2, 3, 5, 0.1, 100.005, 'a.b%c_d', '12345678-1234-5678-1234-567812345678', '2023-01-01', '12:30:00',
       '2023-06-15 06:07:08.123456', '2023-11-05 01:30:00-05', '2 years -3 mons 00:00:00.5', 'null', '\\x4d5a', '{10}',
       '{zeta,Alpha}', '[3,)', '[1,1.00]', '(,2023-01-01]', 'empty', '(2023-11-05 01:30:00-05,2024-05-06 07:08:09+00]');";

/// Functions whose answers depend on the session or that don't end soon with large arguments.
const SKIPPED: &[&str] = &[
    // They read the session, the clock or the server.
    "current_setting",
    "set_config",
    "age",
    "to_json",
    "now",
    "version",
    "current_schema",
    "current_schemas",
    "pg_typeof",
    "has_table_privilege",
    "has_column_privilege",
    "has_schema_privilege",
    "has_function_privilege",
    "pg_sleep",
    "format_type",
    "pg_relation_size",
    "pg_total_relation_size",
    "pg_column_size",
    "pg_get_expr",
    "to_regclass",
    "pg_size_pretty",
    "notify",
    "pg_notify",
    "pg_advisory_xact_lock",
    "nextval",
    "currval",
    "setval",
    "lastval",
    "pg_get_serial_sequence",
    "transaction_timestamp",
    "statement_timestamp",
    "clock_timestamp",
    "timeofday",
    // PostgreSQL has syntax of their own for them, tested in the cases.
    "extract",
    "position",
    "normalize",
    "is_normalized",
    // PostgreSQL 15 overflows without notice.
    "make_interval",
    // The last digit is the C library's.
    "cbrt",
    // Long texts and numbers.
    "repeat",
    "factorial",
    "power",
    "pow",
    "exp",
];

/// `^` takes as long as `power`, `||/` is `cbrt`, the others are of the extension pg_trgm.
const SKIPPED_OPERATORS: &[&str] = &["^", "||/", "%", "<%", "%>", "<<%", "%>>", "<->", "<<->", "<->>"];

/// What stands for `AnyElement` in one call.
const ELEMENTS: &[Base] = &[Base::Int4, Base::Text, Base::Numeric, Base::Date, Base::Timestamp, Base::Timestamptz];

const TYPES: &[Base] = &[
    Base::Bool,
    Base::Int2,
    Base::Int4,
    Base::Int8,
    Base::Float8,
    Base::Numeric,
    Base::Text,
    Base::Uuid,
    Base::Date,
    Base::Time,
    Base::Timestamp,
    Base::Timestamptz,
    Base::Interval,
    Base::Jsonb,
    Base::Bytea,
    Base::Int4range,
    Base::Numrange,
    Base::Daterange,
    Base::Tsrange,
    Base::Tstzrange,
];

/// Explicit casts that don't fail for most values.
const CASTS: &[(Base, Base)] = &[
    (Base::Int4, Base::Bool),
    (Base::Int2, Base::Int4),
    (Base::Bool, Base::Int4),
    (Base::Int4, Base::Int8),
    (Base::Float8, Base::Int8),
    (Base::Numeric, Base::Int4),
    (Base::Int4, Base::Numeric),
    (Base::Float8, Base::Numeric),
    (Base::Numeric, Base::Float8),
    (Base::Int8, Base::Float8),
    (Base::Timestamp, Base::Date),
    (Base::Timestamptz, Base::Date),
    (Base::Date, Base::Timestamp),
    (Base::Timestamp, Base::Timestamptz),
    (Base::Timestamptz, Base::Timestamp),
    (Base::Timestamp, Base::Time),
    (Base::Time, Base::Interval),
    (Base::Interval, Base::Time),
    (Base::Int4, Base::Int2),
    (Base::Text, Base::Bytea),
];

/// Makes expressions of a given type.
pub struct Generator {
    pub random: Rng,
    functions: Vec<&'static Function>,
    operators: Vec<&'static Operator>,
    /// Prefix of the columns, as `v.`.
    row: String,
}

#[tokio::test]
async fn expressions_answer_as_in_postgresql() {
    let cluster = Cluster::start();
    if !cluster.is_reference() {
        return;
    }
    let pair = Pair::new(&cluster, "expressions").await;
    pair.script(TABLE).await;
    let known = known(&pair).await;
    let mut faults = Vec::new();
    for seed in super::queries::seeds() {
        let mut generator = Generator::new(seed, "", |function| known.contains(&signature(function)));
        for _ in 0..EXPRESSIONS / BATCH {
            let batch: Vec<String> = (0..BATCH).map(|_| generator.any()).collect();
            let (expected, found) = pair.ask(&statement(&batch)).await;
            if expected == found && !matches!(found, Outcome::Refused(_)) {
                continue;
            }
            for expression in batch {
                let sql = statement(&[expression]);
                let (expected, found) = pair.ask(&sql).await;
                if !same(&expected, &found) {
                    faults.push(fault(&sql, &expected, &found));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} faults\n\n{}", faults.len(), faults.join("\n\n"));
}

/// Equal, or refused with the same code: which of several errors of one expression comes first is the engine's choice.
pub fn same(expected: &Outcome, found: &Outcome) -> bool {
    match (expected, found) {
        (Outcome::Refused(expected), Outcome::Refused(found)) => {
            expected.code == found.code || is_of_values(expected) && is_of_values(found)
        }
        _ => expected == found,
    }
}

/// An error that the values make, while the statement runs. PostgreSQL gives some of them codes of other classes.
fn is_of_values(refusal: &Refusal) -> bool {
    const OTHERS: [(&str, &str); 5] = [
        ("0A000", "timestamps cannot be binned into intervals containing months or years"),
        ("0A000", "unit \""),
        ("42601", "invalid range bound flags"),
        ("42601", "multiple decimal points"),
        ("54000", "null character not permitted"),
    ];
    let other = |(code, message): &(&str, &str)| refusal.code == *code && refusal.message.starts_with(message);
    refusal.code.starts_with("22") || OTHERS.iter().any(other)
}

fn statement(expressions: &[String]) -> String {
    let list: Vec<String> = expressions.iter().enumerate().map(|(n, e)| format!("{e} as c{n}")).collect();
    format!("select {} from v order by id", list.join(", "))
}

/// Signatures of functions that PostgreSQL has.
async fn known(pair: &Pair) -> HashSet<String> {
    let all: Vec<String> = functions().filter(|function| !of_vectors(function.args)).map(signature).collect();
    let list: Vec<String> = all.iter().map(|name| format!("'{name}'")).collect();
    let sql =
        format!("select json_agg(s) from unnest(array[{}]) s where to_regprocedure(s) is not null", list.join(","));
    let (body, _) = pair.postgres.ask(&sql).await.expect("signatures");
    serde_json::from_str(&body.unwrap_or_default()).expect("a list")
}

/// Whether it is pgvector's, which the machine's PostgreSQL may lack.
fn of_vectors(args: &[Kind]) -> bool {
    args.contains(&Kind::Is(Base::Vector))
}

fn signature(function: &Function) -> String {
    let args: Vec<String> = function.args.iter().map(|kind| kind_name(*kind)).collect();
    format!("{}({})", function.name, args.join(","))
}

fn kind_name(kind: Kind) -> String {
    match kind {
        Kind::Is(base) => base.sql_name().to_owned(),
        Kind::ArrayOf(base) => format!("{}[]", base.sql_name()),
        Kind::AnyElement => "anyelement".into(),
        Kind::AnyArray => "anyarray".into(),
        Kind::AnyRange => "anyrange".into(),
        Kind::Any => "\"any\"".into(),
        Kind::AnyEnum => "anyenum".into(),
        Kind::Record => "record".into(),
    }
}

impl Generator {
    pub fn new(seed: u64, row: &str, is_known: impl Fn(&Function) -> bool) -> Generator {
        let usable = |function: &&Function| {
            function.volatility != Volatility::Volatile && !SKIPPED.contains(&function.name) && is_known(function)
        };
        let functions = functions().filter(usable).collect();
        let usable =
            |operator: &&Operator| !SKIPPED_OPERATORS.contains(&operator.name) && !of_vectors(&[operator.right]);
        let operators = operators().filter(usable).collect();
        Generator { random: Rng::with_seed(seed), functions, operators, row: row.to_owned() }
    }

    /// An expression of any type.
    pub fn any(&mut self) -> String {
        let of = self.some_type();
        self.expression(&of, 4)
    }

    fn some_type(&mut self) -> Type {
        match self.random.usize(0..TYPES.len() + 2) {
            0 => Type::INT4.array_of(),
            1 => Type::TEXT.array_of(),
            n => Type::Base(TYPES[n - 2]),
        }
    }

    pub fn expression(&mut self, of: &Type, depth: usize) -> String {
        if depth == 0 || self.random.u8(0..6) == 0 {
            return self.leaf(of);
        }
        let below = depth - 1;
        match self.random.u8(0..12) {
            0 => {
                let (when, then, other) =
                    (self.condition(below), self.expression(of, below), self.expression(of, below));
                format!("(case when {when} then {then} else {other} end)")
            }
            1 => format!("coalesce({}, {})", self.expression(of, below), self.expression(of, below)),
            2 if is_ordered(of) => format!("nullif({}, {})", self.expression(of, below), self.leaf(of)),
            3 if is_ordered(of) => {
                let name = if self.random.bool() { "greatest" } else { "least" };
                format!("{name}({}, {})", self.expression(of, below), self.expression(of, below))
            }
            4 => self.cast(of, below),
            5 | 6 if *of == Type::BOOL => self.condition(below),
            5..=8 => self.operator(of, below),
            _ => self.function(of, below),
        }
    }

    /// A comparison or a combination of conditions.
    pub fn condition(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.leaf(&Type::BOOL);
        }
        let below = depth - 1;
        let of = self.some_type();
        match self.random.u8(0..9) {
            0 => format!("({} and {})", self.condition(below), self.condition(below)),
            1 => format!("({} or {})", self.condition(below), self.condition(below)),
            2 => format!("(not {})", self.condition(below)),
            3 => format!("({} is null)", self.expression(&of, below)),
            4 => format!("({} is distinct from {})", self.expression(&of, below), self.expression(&of, below)),
            5 => format!("({} in ({}, {}))", self.expression(&of, below), self.leaf(&of), self.leaf(&of)),
            6 => format!("({} between {} and {})", self.expression(&of, below), self.leaf(&of), self.leaf(&of)),
            _ => {
                let operator = ["=", "<>", "<", "<=", ">", ">="][self.random.usize(0..6)];
                format!("({} {operator} {})", self.expression(&of, below), self.expression(&of, below))
            }
        }
    }

    fn cast(&mut self, of: &Type, depth: usize) -> String {
        let from: Vec<Base> = CASTS.iter().filter(|(_, to)| Type::Base(*to) == *of).map(|(from, _)| *from).collect();
        let from = match from.is_empty() {
            _ if *of == Type::TEXT => self.some_type(),
            true => return self.leaf(of),
            false => Type::Base(from[self.random.usize(0..from.len())]),
        };
        format!("({}::{})", self.expression(&from, depth), of.sql_name())
    }

    fn operator(&mut self, of: &Type, depth: usize) -> String {
        let element = ELEMENTS[self.random.usize(0..ELEMENTS.len())];
        let fits = |operator: &&&Operator| {
            let kinds = operator.left.iter().chain([&operator.right]);
            resolve(operator.returns, element).as_ref() == Some(of)
                && kinds.clone().all(|kind| resolve(*kind, element).is_some_and(|of| is_made(&of)))
        };
        let choices: Vec<&Operator> = self.operators.iter().filter(fits).copied().collect();
        if choices.is_empty() {
            return self.leaf(of);
        }
        let operator = choices[self.random.usize(0..choices.len())];
        let mut operand = |kind: Kind| match resolve(kind, element) {
            Some(of) => self.expression(&of, depth),
            None => "null".into(),
        };
        let left = operator.left.map(&mut operand).unwrap_or_default();
        format!("({left} {} {})", operator.name, operand(operator.right))
    }

    fn function(&mut self, of: &Type, depth: usize) -> String {
        let element = ELEMENTS[self.random.usize(0..ELEMENTS.len())];
        let fits = |function: &&&Function| {
            resolve(function.returns, element).as_ref() == Some(of)
                && function.args.iter().all(|kind| resolve(*kind, element).is_some_and(|of| is_made(&of)))
        };
        let choices: Vec<&Function> = self.functions.iter().filter(fits).copied().collect();
        if choices.is_empty() {
            return self.leaf(of);
        }
        let function = choices[self.random.usize(0..choices.len())];
        let args: Vec<String> = function
            .args
            .iter()
            .map(|kind| resolve(*kind, element).map_or("null".into(), |of| self.argument(function, &of, depth)))
            .collect();
        format!("{}({})", function.name, args.join(", "))
    }

    /// An argument; a small text where the function reads a name or a pattern from it.
    fn argument(&mut self, function: &Function, of: &Type, depth: usize) -> String {
        let words: &[&str] = match function.name {
            "date_trunc" => &["'year'", "'quarter'", "'month'", "'week'", "'day'", "'hour'", "'minute'", "'second'"],
            "date_part" => {
                &["'year'", "'doy'", "'dow'", "'isodow'", "'week'", "'epoch'", "'hour'", "'milliseconds'", "'isoyear'"]
            }
            "to_char" => &[
                "'YYYY-MM-DD HH24:MI:SS'",
                "'FMDay, DD FMMonth'",
                "'999,990.99'",
                "'FM0000'",
                "'Q IYYY-IW'",
                "'HH12:MI AM'",
            ],
            "encode" | "decode" => &["'hex'", "'base64'", "'escape'"],
            "timezone" => &["'UTC'", "'Europe/Berlin'", "'America/New_York'", "'+03'"],
            _ => &[],
        };
        match *of == Type::TEXT && !words.is_empty() && (function.name != "decode" || self.random.bool()) {
            true => words[self.random.usize(0..words.len())].to_owned(),
            false => self.expression(of, depth),
        }
    }

    /// A column or a literal.
    fn leaf(&mut self, of: &Type) -> String {
        let (column, literals): (&str, &[&str]) = match of {
            Type::Array(element) if **element == Type::INT4 => ("ai", &["{1,2}", "{}", "{NULL,3}"]),
            Type::Array(_) => ("at", &["{a}", "{}", "{b,c}"]),
            Type::Base(base) => match base {
                Base::Bool => ("b", &["t", "f"]),
                Base::Int2 => ("i2", &["0", "2", "-5"]),
                Base::Int4 => ("i4", &["0", "1", "2", "-4"]),
                Base::Int8 => ("i8", &["0", "3", "-6"]),
                Base::Float8 => ("f8", &["0", "0.5", "-2", "1e-3"]),
                Base::Numeric => ("n", &["0", "1.10", "-7.5", "3"]),
                Base::Text => ("t", &["a", "l", "Hello", "", "o W", "42", "%l%"]),
                Base::Uuid => ("u", &["00000000-0000-0000-0000-00000000000a"]),
                Base::Date => ("d", &["2024-01-01", "2000-02-29"]),
                Base::Time => ("tm", &["12:00", "00:00:01.5"]),
                Base::Timestamp => ("ts", &["2024-05-06 07:08:09", "1999-01-01"]),
                Base::Timestamptz => ("tz", &["2024-05-06 07:08:09+00", "2010-10-10 10:10:10+02"]),
                Base::Interval => ("iv", &["1 day", "-2 hours", "1 year 1 mon"]),
                Base::Jsonb => ("j", &["{\"a\":1}", "[1,2]", "\"s\"", "3.0", "true"]),
                Base::Int4range => ("ir", &["[1,3)", "empty", "(,2]", "[3,)"]),
                Base::Numrange => ("nr", &["[0,1.10)", "(-7.5,3.0]", "empty"]),
                Base::Daterange => ("dr", &["[2024-01-01,2024-01-31]", "(,2000-02-29)", "(,)"]),
                Base::Tsrange => ("sr", &["[2024-01-01,2024-05-06 07:08:09)", "(1999-01-01,)"]),
                Base::Tstzrange => ("zr", &["[2010-10-10 10:10:10+02,2024-05-06 07:08:09+00)", "empty"]),
                _ => ("by", &["\\x00", "\\xabcd"]),
            },
            _ => ("t", &["a"]),
        };
        match self.random.u8(0..3) {
            0 => format!("'{}'::{}", literals[self.random.usize(0..literals.len())], of.sql_name()),
            _ => format!("{}{column}", self.row),
        }
    }
}

/// The type that a signature's kind stands for; none for what isn't generated.
fn resolve(kind: Kind, element: Base) -> Option<Type> {
    match kind {
        Kind::Is(base) => Some(Type::Base(base)),
        Kind::ArrayOf(base) => Some(Type::Base(base).array_of()),
        Kind::AnyElement => Some(Type::Base(element)),
        Kind::AnyArray => Some(Type::Base(element).array_of()),
        Kind::AnyRange => element.range().map(Type::Base),
        Kind::Any => Some(Type::INT4),
        Kind::AnyEnum | Kind::Record => None,
    }
}

fn is_made(of: &Type) -> bool {
    match of {
        Type::Base(base) => TYPES.contains(base),
        Type::Array(element) => **element == Type::INT4 || **element == Type::TEXT,
        _ => false,
    }
}

fn is_ordered(of: &Type) -> bool {
    *of != Type::Base(Base::Json)
}
