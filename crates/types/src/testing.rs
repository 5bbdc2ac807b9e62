//! Evaluates the expressions of `cases.txt` files through the crate's own tables, and compares with what PostgreSQL answered.
//!
//! A line is `expression => answer`, as `oracle.sh` wrote it with a real server. An expression is a literal
//! `'text'::type(modifier)`, a call or an operator over literals, an aggregate
//! `(select sum(x::type) from unnest('{a,b,NULL}'::text[]) x)`, or the rows of a set
//! `(select string_agg(r::text, ' ; ') from f('text'::type) r)`. The session's time zone is America/New_York.

use basalt_core::{Error, Result};
use jiff::tz::TimeZone;

use crate::array::stored::Array;
use crate::function::AggregateImplementation;
use crate::{Base, Context, Implementation, Kind, Type, Typmod, Value, ValueRef, codec};

/// Panics with every line of the file whose answer differs.
pub(crate) fn check(cases: &str) {
    let mut wrong = Vec::new();
    for line in cases.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (expression, expected) = line.rsplit_once(" => ").unwrap_or_else(|| panic!("no answer: {line}"));
        let answer = evaluate(expression).unwrap_or_else(describe).replace('\n', "\\n");
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
    if let Some(call) = expression.strip_prefix("(select string_agg(r::text, ' ; ') from ") {
        return rows(call.strip_suffix(" r)").expect("an alias"), &context);
    }
    if let Some(rest) = expression.strip_prefix("(select ") {
        return aggregate(rest, &context);
    }
    let (ty, value) = match Literal::split(expression) {
        Some((literal, "")) => (literal.ty.clone(), literal.read(&context)?),
        Some((left, rest)) => {
            let (name, rest) = rest.trim().split_once(' ').expect("an operator");
            let (right, _) = Literal::split(rest).expect("a right operand");
            operator(name, &[left, right], &context)?
        }
        None if expression.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            let (name, literals) = split_call(expression);
            call(name, &literals, &context)?
        }
        None => {
            let (name, rest) = expression.split_once(' ').expect("a prefix operator");
            let (operand, _) = Literal::split(rest).expect("an operand");
            operator(name, &[operand], &context)?
        }
    };
    Ok(write(&ty, value.as_ref(), &context))
}

fn split_call(expression: &str) -> (&str, Vec<Literal>) {
    // PostgreSQL takes `extract` for a keyword unless it is qualified.
    let expression = expression.trim_start_matches("pg_catalog.");
    let (name, args) = expression.split_once('(').expect("a call");
    let mut rest = args.strip_suffix(')').expect("a closing parenthesis");
    let mut literals = Vec::new();
    while let Some((literal, following)) = Literal::split(rest) {
        literals.push(literal);
        rest = following.trim_start_matches(", ");
    }
    (name, literals)
}

struct Literal {
    text: Option<String>,
    ty: Type,
    typmod: Option<Typmod>,
}

impl Literal {
    /// Takes a literal from the start of a text, and gives what follows.
    fn split(source: &str) -> Option<(Literal, &str)> {
        let (text, rest) = match source.strip_prefix("null::") {
            Some(rest) => (None, rest),
            None => {
                let quoted = source.strip_prefix('\'')?;
                let end = quoted.find("'::")?;
                (Some(quoted[..end].replace("''", "'")), &quoted[end + 3..])
            }
        };
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let base = Base::by_name(&rest[..end]).unwrap_or_else(|| panic!("no type: {rest}"));
        let (ty, rest) = match rest[end..].strip_prefix("[]") {
            Some(rest) => (Type::Base(base).array_of(), rest),
            None => (Type::Base(base), &rest[end..]),
        };
        let Some((modifiers, rest)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) else {
            return Some((Literal { text, ty, typmod: None }, rest));
        };
        let numbers: Vec<i32> = modifiers.split(',').map(|number| number.parse().expect("a number")).collect();
        let typmod = match (base, numbers[0]) {
            (Base::Numeric, precision) => Typmod::Precision(precision as u32, numbers.get(1).copied().unwrap_or(0)),
            (Base::Varchar | Base::Bpchar, length) => Typmod::Length(length as u32),
            (Base::Vector, dimensions) => Typmod::Dimensions(dimensions as u32),
            (_, digits) => Typmod::Fraction(digits as u32),
        };
        Some((Literal { text, ty, typmod: Some(typmod) }, rest))
    }

    fn read(&self, context: &Context) -> Result<Value> {
        match &self.text {
            Some(text) => codec::from_text(&self.ty, self.typmod, text, context),
            None => Ok(Value::Null),
        }
    }
}

/// As a cast to text writes it.
fn write(ty: &Type, value: ValueRef<'_>, context: &Context) -> String {
    if value.is_null() {
        return "NULL".to_owned();
    }
    match codec::cast(ty, &Type::TEXT, None, value, context) {
        Ok(Value::Text(text)) => text,
        other => panic!("no text: {other:?}"),
    }
}

/// Whether the arguments are of these kinds, exactly; with it, what `AnyElement` stands for.
fn fits(kinds: &[Kind], types: &[Type]) -> Option<Option<Type>> {
    let mut element: Option<Type> = None;
    for (kind, ty) in kinds.iter().zip(types) {
        let stands_for = match (kind, ty) {
            (Kind::Is(base), ty) if *ty == Type::Base(*base) => continue,
            (Kind::ArrayOf(base), ty) if *ty == Type::Base(*base).array_of() => continue,
            (Kind::Any, _) => continue,
            (Kind::AnyElement, ty) => ty,
            (Kind::AnyArray, Type::Array(element)) => element,
            (Kind::AnyRange, Type::Base(range)) => &Type::Base(range.subtype()?),
            _ => return None,
        };
        if element.as_ref().is_some_and(|element| element != stands_for) {
            return None;
        }
        element = Some(stands_for.clone());
    }
    Some(element)
}

fn fits_call(kinds: &[Kind], optional: usize, variadic: bool, types: &[Type]) -> Option<Option<Type>> {
    match kinds {
        [fixed @ .., last] if variadic && types.len() >= fixed.len() => {
            let kinds: Vec<Kind> = fixed.iter().chain(std::iter::repeat(last)).take(types.len()).copied().collect();
            fits(&kinds, types)
        }
        _ if (kinds.len() - optional..=kinds.len()).contains(&types.len()) => fits(kinds, types),
        _ => None,
    }
}

fn result_type(returns: Kind, element: Option<Type>) -> Type {
    match returns {
        Kind::Is(base) => Type::Base(base),
        Kind::ArrayOf(base) => Type::Base(base).array_of(),
        Kind::AnyElement => element.expect("an element type"),
        Kind::AnyArray => element.expect("an element type").array_of(),
        Kind::AnyRange => {
            Type::Base(element.as_ref().and_then(Type::base).and_then(Base::range).expect("a range type"))
        }
        other => panic!("a result of kind {other}"),
    }
}

fn types_of(literals: &[Literal]) -> Vec<Type> {
    literals.iter().map(|literal| literal.ty.clone()).collect()
}

fn run(code: Implementation, strict: bool, literals: &[Literal], context: &Context) -> Result<Value> {
    let values: Vec<Value> = literals.iter().map(|literal| literal.read(context)).collect::<Result<_>>()?;
    if strict && values.iter().any(Value::is_null) {
        return Ok(Value::Null);
    }
    let values: Vec<ValueRef<'_>> = values.iter().map(Value::as_ref).collect();
    match code {
        Implementation::Rust(code) => code(context, &values),
        Implementation::Typed(code) => code(context, &types_of(literals), &values),
        Implementation::Sqlite(template) => panic!("needs SQLite: {template}"),
    }
}

fn call(name: &str, literals: &[Literal], context: &Context) -> Result<(Type, Value)> {
    let types = types_of(literals);
    let (function, element) = crate::functions()
        .filter(|f| f.name == name)
        .find_map(|f| Some((f, fits_call(f.args, f.optional, f.variadic, &types)?)))
        .unwrap_or_else(|| panic!("no function {name} {types:?}"));
    let value = run(function.implementation, function.strict, literals, context)?;
    Ok((result_type(function.returns, element), value))
}

fn operator(name: &str, literals: &[Literal], context: &Context) -> Result<(Type, Value)> {
    let types = types_of(literals);
    let (operator, element) = crate::operators()
        .filter(|o| o.name == name && usize::from(o.left.is_some()) + 1 == types.len())
        .find_map(|o| Some((o, fits(&o.left.into_iter().chain([o.right]).collect::<Vec<_>>(), &types)?)))
        .unwrap_or_else(|| panic!("no operator {name} {types:?}"));
    let value = run(operator.implementation, true, literals, context)?;
    Ok((result_type(operator.returns, element), value))
}

fn rows(expression: &str, context: &Context) -> Result<String> {
    let (name, literals) = split_call(expression);
    let types = types_of(&literals);
    let (function, element) = crate::set_functions()
        .filter(|f| f.name == name)
        .find_map(|f| Some((f, fits_call(f.args, f.optional, false, &types)?)))
        .unwrap_or_else(|| panic!("no set function {name} {types:?}"));
    let values: Vec<Value> = literals.iter().map(|literal| literal.read(context)).collect::<Result<_>>()?;
    let values: Vec<ValueRef<'_>> = values.iter().map(Value::as_ref).collect();
    let columns: Vec<Type> = function.columns.iter().map(|(_, kind)| result_type(*kind, element.clone())).collect();
    let mut written = Vec::new();
    for row in (function.rows)(context, &types, &values)? {
        match (columns.as_slice(), row.as_slice()) {
            ([_], [Value::Null]) => {}
            ([ty], [value]) => written.push(write(ty, value.as_ref(), context)),
            _ => {
                let cells = columns.iter().zip(&row).map(|(ty, value)| {
                    let mut cell = String::new();
                    codec::write_csv_cell(ty, value.as_ref(), context, &mut cell);
                    cell
                });
                written.push(format!("({})", cells.collect::<Vec<_>>().join(",")));
            }
        }
    }
    Ok(if written.is_empty() { "NULL".to_owned() } else { written.join(" ; ") })
}

fn aggregate(source: &str, context: &Context) -> Result<String> {
    let (name, rest) = source.split_once("(x::").expect("an aggregate");
    let (args, rest) = rest.split_once(") from unnest(").expect("a source");
    let (type_name, more) = args.split_once(", ").map_or((args, None), |(ty, more)| (ty, Some(more)));
    let ty = Type::Base(Base::by_name(type_name).expect("a type"));
    let more = more.map(|more| Literal::split(more).expect("a literal").0);
    let (elements, _) = Literal::split(rest).expect("elements");
    let types: Vec<Type> = std::iter::once(ty.clone()).chain(more.iter().map(|m| m.ty.clone())).collect();
    let (aggregate, element) = crate::aggregates()
        .filter(|a| a.name == name)
        .find_map(|a| Some((a, fits_call(a.args, 0, false, &types)?)))
        .unwrap_or_else(|| panic!("no aggregate {name}"));
    let AggregateImplementation::Rust(start) = aggregate.implementation else { panic!("needs SQLite: {name}") };
    let mut state = start(&types);
    for value in Array::read(&Type::TEXT, elements.read(context)?.as_ref().text()).values {
        let value = codec::cast(&Type::TEXT, &ty, None, value.as_ref(), context)?;
        let more = more.as_ref().map(|more| more.read(context)).transpose()?;
        let args: Vec<ValueRef<'_>> = std::iter::once(&value).chain(&more).map(Value::as_ref).collect();
        state.step(context, &args)?;
    }
    Ok(write(&result_type(aggregate.returns, element), state.finish(context)?.as_ref(), context))
}

#[test]
fn signatures_are_unique() {
    let mut names: Vec<String> = crate::functions().map(|f| f.sqlite_name()).collect();
    names.extend(crate::operators().map(|o| o.sqlite_name()));
    names.sort();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| &pair[0]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
