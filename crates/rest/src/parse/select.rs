//! `select=`: columns, casts, aggregates and embedded resources.

use basalt_query::ask::{Aggregate, Embed, Item, Level};

use super::cursor::{Cursor, Parsed};
use super::field::{field, name};

/// Nesting beyond this is refused by the parser itself; the planner's limit on embedding depth is far lower.
const MAX_DEPTH: usize = 100;

/// Parses the whole parameter. Empty text selects everything.
pub(super) fn select(text: &str) -> Parsed<Vec<Item>> {
    let mut cursor = Cursor::new(text);
    cursor.skip_spaces();
    if cursor.at_end() {
        return Ok(vec![Item::All]);
    }
    let items = items(&mut cursor, 0)?;
    if cursor.at_end() {
        Ok(items)
    } else {
        Err(cursor.unexpected("\"...\", field name (* or [a..z0..9_$]), \"*\" or \"count()\""))
    }
}

/// The items of a level: what is embedded or spread comes after the columns, wherever it stands.
fn items(cursor: &mut Cursor<'_>, depth: usize) -> Parsed<Vec<Item>> {
    let mut items = cursor.list(",", |c| item(c, depth))?;
    items.sort_by_key(|item| matches!(item, Item::Embed(_)));
    Ok(items)
}

fn item(cursor: &mut Cursor<'_>, depth: usize) -> Parsed<Item> {
    if depth > MAX_DEPTH {
        return Err(cursor.unexpected("less nesting"));
    }
    if cursor.take("...") {
        return embed(cursor, None, true, depth);
    }
    if cursor.take("*") {
        return Ok(Item::All);
    }
    let alias = cursor.attempt(alias).ok();
    if let Ok(count) = cursor.attempt(|c| count(c, alias.clone())) {
        return Ok(count);
    }
    if let Some(embedded) = starts_embed(cursor) {
        return if embedded { embed(cursor, alias, false, depth) } else { column(cursor, alias) };
    }
    column(cursor, alias)
}

fn alias(cursor: &mut Cursor<'_>) -> Parsed<String> {
    cursor.skip_spaces();
    let alias = name(cursor)?;
    cursor.skip_spaces();
    cursor.expect(":")?;
    if cursor.peek() == Some(':') {
        return Err(cursor.unexpected("field name"));
    }
    cursor.skip_spaces();
    Ok(alias)
}

fn count(cursor: &mut Cursor<'_>, alias: Option<String>) -> Parsed<Item> {
    cursor.skip_spaces();
    cursor.expect("count()")?;
    let cast = cast(cursor)?;
    Ok(Item::Count { cast, alias })
}

/// Whether a `(` follows the name and its `!` parameters, as it does for an embedded resource. `count` is none.
fn starts_embed(cursor: &Cursor<'_>) -> Option<bool> {
    let mut ahead = cursor.clone();
    ahead.skip_spaces();
    if name(&mut ahead).ok()? == "count" {
        return Some(false);
    }
    while ahead.take("!") {
        name(&mut ahead).ok()?;
    }
    Some(ahead.peek() == Some('('))
}

fn embed(cursor: &mut Cursor<'_>, alias: Option<String>, spread: bool, depth: usize) -> Parsed<Item> {
    cursor.skip_spaces();
    let target = name(cursor)?;
    let (mut hint, mut inner) = (None, false);
    for _ in 0..2 {
        if !cursor.take("!") {
            break;
        }
        let quoted = cursor.peek() == Some('"');
        match name(cursor)? {
            word if word == "inner" && !quoted => inner = true,
            word if word == "left" && !quoted => inner = false,
            word => hint = Some(word),
        }
    }
    cursor.expect("(")?;
    cursor.skip_spaces();
    let items = if cursor.peek() == Some(')') { Vec::new() } else { items(cursor, depth + 1)? };
    cursor.skip_spaces();
    cursor.expect(")")?;
    Ok(Item::Embed(Embed { target, hint, inner, alias, spread, level: Level { items, ..Level::default() } }))
}

fn column(cursor: &mut Cursor<'_>, alias: Option<String>) -> Parsed<Item> {
    let field = field(cursor)?;
    let cast_of_value = cast(cursor)?;
    let aggregate = aggregate(cursor)?;
    let aggregate_cast = if aggregate.is_some() { cast(cursor)? } else { None };
    Ok(Item::Field { field, cast: cast_of_value, aggregate, aggregate_cast, alias })
}

fn cast(cursor: &mut Cursor<'_>) -> Parsed<Option<String>> {
    if !cursor.take("::") {
        return Ok(None);
    }
    let ty = cursor.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ' ' | '$')).trim();
    if ty.is_empty() { Err(cursor.unexpected("type name")) } else { Ok(Some(ty.to_owned())) }
}

fn aggregate(cursor: &mut Cursor<'_>) -> Parsed<Option<Aggregate>> {
    if !cursor.take(".") {
        return Ok(None);
    }
    let words = [
        ("sum()", Aggregate::Sum),
        ("avg()", Aggregate::Avg),
        ("count()", Aggregate::Count),
        ("max()", Aggregate::Max),
        ("min()", Aggregate::Min),
    ];
    for (word, aggregate) in words {
        if cursor.take(word) {
            return Ok(Some(aggregate));
        }
    }
    Err(cursor.unexpected("\"sum()\", \"avg()\", \"count()\", \"max()\" or \"min()\""))
}
