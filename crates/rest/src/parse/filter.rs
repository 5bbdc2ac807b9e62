//! Filters (`column=op.value`) and logic trees (`or=(...)`).

use basalt_query::ask::{Condition, Filter, Is, Operator, Quantifier, SearchParser, Test};

use super::cursor::{Cursor, Parsed};
use super::field::{field, quoted};

const EXPECTING: &str = "\"not\" or operator (eq, gt, ...)";
/// Deeper logic trees are refused.
const MAX_DEPTH: usize = 100;

/// Where a value ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A filter parameter: the value is the rest, as it stands.
    Parameter,
    /// An element of a logic tree: quoted, braced, or up to `,` or `)`.
    Tree,
}

/// The right side of a filter parameter: negation and test.
pub(super) fn filter(text: &str) -> Parsed<(bool, Test)> {
    test(&mut Cursor::new(text), Place::Parameter)
}

/// The right side of `and=`/`or=` (with or without `not.`), operator word prepended by the caller for the columns of errors.
pub(super) fn logic(text: &str) -> Parsed<Condition> {
    let mut cursor = Cursor::new(text);
    let tree = tree(&mut cursor, 0)?;
    if cursor.at_end() { Ok(tree) } else { Err(cursor.unexpected("end of input")) }
}

fn tree(cursor: &mut Cursor<'_>, depth: usize) -> Parsed<Condition> {
    if depth > MAX_DEPTH {
        return Err(cursor.unexpected("less nesting"));
    }
    cursor.skip_spaces();
    if let Ok((negated, all)) = cursor.attempt(connective) {
        cursor.skip_spaces();
        let of = cursor.list(",", |c| tree(c, depth + 1))?;
        cursor.skip_spaces();
        cursor.expect(")")?;
        cursor.skip_spaces();
        return Ok(if all { Condition::And { negated, of } } else { Condition::Or { negated, of } });
    }
    let field = field(cursor)?;
    cursor.expect(".")?;
    let (negated, test) = test(cursor, Place::Tree)?;
    cursor.skip_spaces();
    Ok(Condition::Filter(Filter { field, negated, test }))
}

/// `("not.")? ("and"|"or") "("`; true for `and`.
fn connective(cursor: &mut Cursor<'_>) -> Parsed<(bool, bool)> {
    let negated = cursor.take("not.");
    let all = cursor.take("and");
    if !all && !cursor.take("or") {
        return Err(cursor.unexpected("logic operator (and, or)"));
    }
    cursor.skip_spaces();
    cursor.expect("(")?;
    Ok((negated, all))
}

fn test(cursor: &mut Cursor<'_>, place: Place) -> Parsed<(bool, Test)> {
    let negated = cursor.take("not.");
    let start = cursor.clone();
    let word = cursor.take_while(|c| c.is_ascii_lowercase());
    let test = match word {
        "in" => {
            cursor.expect(".")?;
            Test::In(elements(cursor)?)
        }
        "is" => {
            cursor.expect(".")?;
            Test::Is(is(cursor)?)
        }
        "isdistinct" => {
            cursor.expect(".")?;
            Test::IsDistinct(value(cursor, place)?)
        }
        "fts" | "plfts" | "phfts" | "wfts" => search(cursor, word, place)?,
        _ => match operator(word) {
            Some(operator) => comparison(cursor, operator, place)?,
            None if negated => return Err(start.unexpected("operator (eq, gt, ...)")),
            None => return Err(start.unexpected_beyond("not", EXPECTING)),
        },
    };
    Ok((negated, test))
}

fn operator(word: &str) -> Option<Operator> {
    Some(match word {
        "eq" => Operator::Equal,
        "neq" => Operator::NotEqual,
        "gt" => Operator::Greater,
        "gte" => Operator::GreaterEqual,
        "lt" => Operator::Less,
        "lte" => Operator::LessEqual,
        "like" => Operator::Like,
        "ilike" => Operator::ILike,
        "match" => Operator::Match,
        "imatch" => Operator::IMatch,
        "cs" => Operator::Contains,
        "cd" => Operator::ContainedIn,
        "ov" => Operator::Overlap,
        "sl" => Operator::StrictlyLeft,
        "sr" => Operator::StrictlyRight,
        "nxr" => Operator::NotExtendRight,
        "nxl" => Operator::NotExtendLeft,
        "adj" => Operator::Adjacent,
        _ => return None,
    })
}

fn takes_quantifier(operator: Operator) -> bool {
    use Operator::*;
    matches!(operator, Equal | Greater | GreaterEqual | Less | LessEqual | Like | ILike | Match | IMatch)
}

fn comparison(cursor: &mut Cursor<'_>, operator: Operator, place: Place) -> Parsed<Test> {
    let quantifier = if !takes_quantifier(operator) {
        None
    } else if cursor.take("(any)") {
        Some(Quantifier::Any)
    } else if cursor.take("(all)") {
        Some(Quantifier::All)
    } else {
        None
    };
    cursor.expect(".")?;
    let mut value = value(cursor, place)?;
    if matches!(operator, Operator::Like | Operator::ILike) {
        value = value.replace('*', "%");
    }
    Ok(Test::Compare { operator, quantifier, value })
}

fn search(cursor: &mut Cursor<'_>, word: &str, place: Place) -> Parsed<Test> {
    let parser = match word {
        "fts" => SearchParser::Query,
        "plfts" => SearchParser::Plain,
        "phfts" => SearchParser::Phrase,
        _ => SearchParser::Web,
    };
    let language = if cursor.take("(") {
        let language = cursor.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ' ' | '$')).trim();
        if language.is_empty() {
            return Err(cursor.unexpected("full text search configuration"));
        }
        cursor.expect(")")?;
        Some(language.to_owned())
    } else {
        None
    };
    cursor.expect(".")?;
    Ok(Test::Search { parser, language, value: value(cursor, place)? })
}

/// The words of `is`, in letters of any case. What follows one in a parameter is nobody's.
fn is(cursor: &mut Cursor<'_>) -> Parsed<Is> {
    let known = [
        ("not_null", Is::NotNull),
        ("null", Is::Null),
        ("true", Is::True),
        ("false", Is::False),
        ("unknown", Is::Unknown),
    ];
    let found = known.into_iter().find(|(word, _)| cursor.take_any_case(word));
    found.map(|(_, is)| is).ok_or_else(|| cursor.unexpected("isVal: (null, not_null, true, false, unknown)"))
}

/// `"(" elem ("," elem)* ")"`. Quotes count only around a whole element.
fn elements(cursor: &mut Cursor<'_>) -> Parsed<Vec<String>> {
    cursor.expect("(")?;
    let mut elements = Vec::new();
    loop {
        elements.push(match cursor.attempt(whole_quoted) {
            Ok(text) => text,
            Err(_) => cursor.take_while(|c| c != ',' && c != ')').to_owned(),
        });
        if cursor.take(",") {
            continue;
        }
        cursor.expect(")")?;
        let nothing = elements.len() == 1 && elements[0].is_empty();
        return Ok(if nothing { Vec::new() } else { elements });
    }
}

fn whole_quoted(cursor: &mut Cursor<'_>) -> Parsed<String> {
    let text = quoted(cursor)?;
    if matches!(cursor.peek(), None | Some(',' | ')')) { Ok(text) } else { Err(cursor.unexpected("\",\" or \")\"")) }
}

fn value(cursor: &mut Cursor<'_>, place: Place) -> Parsed<String> {
    if place == Place::Parameter {
        return Ok(cursor.take_rest().to_owned());
    }
    if let Ok(text) = cursor.attempt(whole_quoted) {
        return Ok(text);
    }
    if let Ok(text) = cursor.attempt(braced) {
        return Ok(text);
    }
    Ok(cursor.take_while(|c| c != ',' && c != ')').to_owned())
}

fn braced(cursor: &mut Cursor<'_>) -> Parsed<String> {
    let start = cursor.offset();
    cursor.expect("{")?;
    cursor.take_while(|c| c != '{' && c != '}');
    cursor.expect("}")?;
    Ok(cursor.since(start).to_owned())
}

/// Whether a function argument's value looks like a filter but is broken: these words commit to being one.
pub(super) fn commits_to_filter(text: &str) -> bool {
    ["not.", "in.", "is."].iter().any(|word| text.starts_with(word))
}
