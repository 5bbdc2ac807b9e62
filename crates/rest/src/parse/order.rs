//! `order=`.

use basalt_query::ask::{Field, Order};

use super::cursor::{Cursor, Parsed};
use super::field::{field, name};

/// Parses the whole parameter.
pub(super) fn order(text: &str) -> Parsed<Vec<Order>> {
    let mut cursor = Cursor::new(text);
    let terms = cursor.list(",", term)?;
    if cursor.at_end() { Ok(terms) } else { Err(cursor.unexpected("\",\" or end of input")) }
}

fn term(cursor: &mut Cursor<'_>) -> Parsed<Order> {
    let (embed, field) = match cursor.attempt(related) {
        Ok((embed, field)) => (Some(embed), field),
        Err(_) => (None, field(cursor)?),
    };
    let mut order = Order { embed, field, descending: None, nulls_first: None };
    if cursor.take(".asc") {
        order.descending = Some(false);
    } else if cursor.take(".desc") {
        order.descending = Some(true);
    }
    if cursor.take(".nullsfirst") {
        order.nulls_first = Some(true);
    } else if cursor.take(".nullslast") {
        order.nulls_first = Some(false);
    }
    cursor.skip_spaces();
    if cursor.at_end() || cursor.peek() == Some(',') {
        return Ok(order);
    }
    // After a dot it is the word that is wrong.
    cursor.take(".");
    Err(cursor.unexpected(match (order.descending, order.nulls_first) {
        (_, Some(_)) => "\",\" or end of input",
        (Some(_), None) => "\",\", nulls (nullsfirst, nullslast) or end of input",
        (None, None) => "\".\", \",\", asc, desc, nullsfirst, nullslast or end of input",
    }))
}

fn related(cursor: &mut Cursor<'_>) -> Parsed<(String, Field)> {
    cursor.skip_spaces();
    let embed = name(cursor)?;
    cursor.expect("(")?;
    let field = field(cursor)?;
    cursor.expect(")")?;
    Ok((embed, field))
}
