//! Evaluates the expressions of `cases.txt` files through the crate's own tables, and compares with what PostgreSQL answered.
//!
//! A line is `expression => answer`, as `oracle.sh` wrote it with a real server. An expression is a literal
//! `'text'::type(modifier)`, a call or an operator over literals, or an aggregate
//! `(select sum(x::type) from unnest('{a,b,NULL}'::text[]) x)`. The session's time zone is America/New_York.

use basalt_core::{Error, Result};
use jiff::tz::TimeZone;

use crate::function::AggregateImplementation;
use crate::{Base, Context, Implementation, Kind, Type, Typmod, Value, ValueRef};
use crate::{datetime, interval, math, numeric};

/// Panics with every line of the file whose answer differs.
pub(crate) fn check(cases: &str) {
    let mut wrong = Vec::new();
    for line in cases.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (expression, expected) = line.split_once(" => ").unwrap_or_else(|| panic!("no answer: {line}"));
        let answer = evaluate(expression).unwrap_or_else(describe);
        if answer != expected {
            wrong.push(format!("{expression}\n   is {answer}\n  not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}

fn describe(error: Error) -> String {
    let detail = error.detail().map(|detail| format!(" | {detail}")).unwrap_or_default();
    let hint = error.hint().map(|hint| format!(" | {hint}")).unwrap_or_default();
    format!("ERROR {} {}{detail}{hint}", error.code(), error.message())
}

fn context() -> Context {
    let time_zone = TimeZone::get("America/New_York").expect("a zone of the database");
    Context { time_zone, ..Context::default() }
}

fn evaluate(expression: &str) -> Result<String> {
    let context = context();
    if let Some(rest) = expression.strip_prefix("(select ") {
        return aggregate(rest, &context);
    }
    let (base, value) = match Literal::split(expression) {
        Some((literal, "")) => (literal.base, literal.read(&context)?),
        Some((left, rest)) => {
            let (name, rest) = rest.trim().split_once(' ').expect("an operator");
            let (right, _) = Literal::split(rest).expect("a right operand");
            operator(name, &[left, right], &context)?
        }
        None if expression.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            // PostgreSQL takes `extract` for a keyword unless it is qualified.
            let expression = expression.trim_start_matches("pg_catalog.");
            let (name, args) = expression.split_once('(').expect("a call");
            let mut rest = args.strip_suffix(')').expect("a closing parenthesis");
            let mut literals = Vec::new();
            while let Some((literal, following)) = Literal::split(rest) {
                literals.push(literal);
                rest = following.trim_start_matches(", ");
            }
            call(name, &literals, &context)?
        }
        None => {
            let (name, rest) = expression.split_once(' ').expect("a prefix operator");
            let (operand, _) = Literal::split(rest).expect("an operand");
            operator(name, &[operand], &context)?
        }
    };
    Ok(write(base, value.as_ref(), &context))
}

struct Literal<'a> {
    text: &'a str,
    base: Base,
    typmod: Option<Typmod>,
}

impl<'a> Literal<'a> {
    /// Takes a literal from the start of a text, and gives what follows.
    fn split(source: &'a str) -> Option<(Literal<'a>, &'a str)> {
        let quoted = source.strip_prefix('\'')?;
        let (text, rest) = quoted.split_once("'::")?;
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let base = Base::by_name(&rest[..end]).unwrap_or_else(|| panic!("no type: {rest}"));
        let rest = &rest[end..];
        let Some((modifiers, rest)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) else {
            return Some((Literal { text, base, typmod: None }, rest));
        };
        let numbers: Vec<i32> = modifiers.split(',').map(|number| number.parse().expect("a number")).collect();
        let typmod = match (base, numbers[0]) {
            (Base::Numeric, precision) => Typmod::Precision(precision as u32, numbers.get(1).copied().unwrap_or(0)),
            (_, digits) => Typmod::Fraction(digits as u32),
        };
        Some((Literal { text, base, typmod: Some(typmod) }, rest))
    }

    fn read(&self, context: &Context) -> Result<Value> {
        read(self.base, self.text, self.typmod, context)
    }
}

fn read(base: Base, text: &str, typmod: Option<Typmod>, context: &Context) -> Result<Value> {
    Ok(match base {
        Base::Int2 | Base::Int4 | Base::Int8 => math::parse_int(base, text)?.into(),
        Base::Float4 | Base::Float8 => math::parse_float(base, text)?.into(),
        Base::Numeric => numeric::parse(text, typmod)?.into(),
        Base::Date => datetime::parse_date(text, context)?.into(),
        Base::Time => datetime::parse_time(text, typmod, context)?.into(),
        Base::Timestamp => datetime::parse_timestamp(text, typmod, context)?.into(),
        Base::Timestamptz => datetime::parse_timestamptz(text, typmod, context)?.into(),
        Base::Interval => interval::apply_typmod(&interval::parse(text)?, typmod)?.into(),
        Base::Bool => (text == "true").into(),
        _ => text.into(),
    })
}

fn write(base: Base, value: ValueRef<'_>, context: &Context) -> String {
    let mut out = String::new();
    match (base, value) {
        (_, ValueRef::Null) => out.push_str("NULL"),
        (Base::Date, value) => datetime::write_date(value.int(), context, false, &mut out),
        (Base::Time, value) => datetime::write_time(value.int(), context, false, &mut out),
        (Base::Timestamp, value) => datetime::write_timestamp(value.int(), context, false, &mut out),
        (Base::Timestamptz, value) => datetime::write_timestamptz(value.int(), context, false, &mut out),
        (Base::Bool, value) => out.push_str(if value.int() != 0 { "true" } else { "false" }),
        (Base::Float4 | Base::Float8, value) => math::float_to_text(base, value.float(), &mut out),
        (_, ValueRef::Int(value)) => out = value.to_string(),
        (_, value) => out.push_str(value.text()),
    }
    out
}

fn matches(kinds: &[Kind], optional: usize, literals: &[Literal<'_>]) -> bool {
    (kinds.len() - optional..=kinds.len()).contains(&literals.len())
        && kinds.iter().zip(literals).all(|(kind, literal)| *kind == Kind::Is(literal.base))
}

fn run(
    implementation: Implementation,
    returns: Kind,
    literals: &[Literal<'_>],
    context: &Context,
) -> Result<(Base, Value)> {
    let values: Vec<Value> = literals.iter().map(|literal| literal.read(context)).collect::<Result<_>>()?;
    let values: Vec<ValueRef<'_>> = values.iter().map(Value::as_ref).collect();
    let Kind::Is(base) = returns else { panic!("a generic result") };
    let value = match implementation {
        Implementation::Rust(code) => code(context, &values)?,
        Implementation::Typed(code) => {
            let types: Vec<Type> = literals.iter().map(|literal| Type::Base(literal.base)).collect();
            code(context, &types, &values)?
        }
        Implementation::Sqlite(template) => panic!("needs SQLite: {template}"),
    };
    Ok((base, value))
}

fn call(name: &str, literals: &[Literal<'_>], context: &Context) -> Result<(Base, Value)> {
    let function = crate::functions()
        .find(|function| function.name == name && matches(function.args, function.optional, literals))
        .unwrap_or_else(|| panic!("no function {name}"));
    run(function.implementation, function.returns, literals, context)
}

fn operator(name: &str, literals: &[Literal<'_>], context: &Context) -> Result<(Base, Value)> {
    let operator = crate::operators()
        .find(|operator| {
            let kinds: Vec<Kind> = operator.left.into_iter().chain([operator.right]).collect();
            operator.name == name && kinds.len() == literals.len() && matches(&kinds, 0, literals)
        })
        .unwrap_or_else(|| panic!("no operator {name}"));
    run(operator.implementation, operator.returns, literals, context)
}

fn aggregate(source: &str, context: &Context) -> Result<String> {
    let (name, rest) = source.split_once("(x::").expect("an aggregate");
    let (type_name, rest) = rest.split_once(") from unnest('{").expect("a type");
    let (elements, _) = rest.split_once('}').expect("elements");
    let base = Base::by_name(type_name).expect("a type");
    let aggregate = crate::aggregates()
        .find(|aggregate| aggregate.name == name && *aggregate.args == [Kind::Is(base)])
        .unwrap_or_else(|| panic!("no aggregate {name}"));
    let AggregateImplementation::Rust(start) = aggregate.implementation else { panic!("needs SQLite: {name}") };
    let mut state = start(&[Type::Base(base)]);
    for element in elements.split(',').filter(|element| !element.is_empty()) {
        let value = if element == "NULL" { Value::Null } else { read(base, element, None, context)? };
        state.step(context, &[value.as_ref()])?;
    }
    let Kind::Is(returns) = aggregate.returns else { panic!("a generic result") };
    Ok(write(returns, state.finish(context)?.as_ref(), context))
}
