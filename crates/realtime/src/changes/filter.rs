//! Filters of database changes: `column=operator.value`, several joined by commas.
//!
//! They are judged over the logged row with PostgreSQL's own types, orders and patterns. As in SQL, what is unknown does not match.

use std::cmp::Ordering;
use std::collections::HashMap;

use basalt_core::{Error, Result};
use basalt_sql::catalog::{Column, Part, Relation};
use basalt_types::codec::{from_json, from_text, to_text};
use basalt_types::collation::compare_values;
use basalt_types::{Context, Type, Value, pattern};
use serde_json::value::RawValue;

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Condition {
    column: String,
    negated: bool,
    operator: Operator,
    /// The operand; of `in` several.
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Like,
    ILike,
    Is,
    Match,
    IMatch,
    IsDistinct,
}

/// A row by column.
pub(crate) type Row<'a> = HashMap<&'a str, &'a RawValue>;

/// Reads a filter. The error is what the client is told.
pub(crate) fn parse(text: &str) -> Result<Vec<Condition>, String> {
    split(text).into_iter().map(condition).collect()
}

fn condition(text: &str) -> Result<Condition, String> {
    let parts: Vec<&str> = text.splitn(2, '=').collect();
    let unreadable = || format!("Error parsing `filter` params: {parts:?}");
    let [column, rest] = parts[..] else { return Err(unreadable()) };
    let (negated, rest) = rest.strip_prefix("not.").map_or((false, rest), |rest| (true, rest));
    let (operator, value) = rest.split_once('.').ok_or_else(unreadable)?;
    let operator = Operator::by_name(operator).ok_or_else(unreadable)?;
    let values = match operator {
        Operator::In => {
            let list = value.strip_prefix('(').and_then(|list| list.strip_suffix(')')).ok_or_else(unreadable)?;
            split(list).into_iter().map(unquote).collect()
        }
        _ => vec![unquote(value)],
    };
    let column = column.trim();
    if column.is_empty() {
        return Err(unreadable());
    }
    Ok(Condition { column: column.to_owned(), negated, operator, values })
}

/// Cuts at the commas that stand neither in quotes nor in parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut begin, mut depth, mut quoted, mut escaped) = (Vec::new(), 0, 0_usize, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    parts
}

fn unquote(text: &str) -> String {
    let Some(inside) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else { return text.to_owned() };
    let (mut plain, mut escaped) = (String::with_capacity(inside.len()), false);
    for c in inside.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            plain.push(c);
            escaped = false;
        }
    }
    plain
}

impl Operator {
    fn by_name(name: &str) -> Option<Operator> {
        Some(match name {
            "eq" => Operator::Equal,
            "neq" => Operator::NotEqual,
            "lt" => Operator::Less,
            "lte" => Operator::LessOrEqual,
            "gt" => Operator::Greater,
            "gte" => Operator::GreaterOrEqual,
            "in" => Operator::In,
            "like" => Operator::Like,
            "ilike" => Operator::ILike,
            "is" => Operator::Is,
            "match" => Operator::Match,
            "imatch" => Operator::IMatch,
            "isdistinct" => Operator::IsDistinct,
            _ => return None,
        })
    }
}

impl Condition {
    /// Whether the condition fits a table, of which a part may be published, at all.
    ///
    /// Errors: what PostgreSQL would say of an unknown column or a value of another type.
    pub fn check(&self, table: &Relation, part: Option<&Part>) -> Result<()> {
        let column = self.column(table)?;
        if !part.is_none_or(|part| part.has(&self.column)) {
            return Err(self.unknown());
        }
        match self.operator {
            Operator::Like | Operator::ILike => Ok(()),
            Operator::Match | Operator::IMatch => pattern::regex_matches("", &self.values[0], false).map(drop),
            Operator::Is => match self.values[0].to_ascii_lowercase().as_str() {
                "null" | "true" | "false" | "unknown" => Ok(()),
                other => Err(Error::new("P0001", format!("invalid value for is filter: {other}"))),
            },
            Operator::IsDistinct if self.values[0] == "null" => Ok(()),
            _ => self.values.iter().try_for_each(|value| read(&column.ty, value).map(drop)),
        }
    }

    /// Whether a row of the table satisfies it. What can't be judged does not match.
    pub fn matches(&self, table: &Relation, row: &Row<'_>) -> bool {
        self.judge(table, row).ok().flatten().is_some_and(|truth| truth != self.negated)
    }

    /// The column that it is about.
    pub fn about(&self) -> &str {
        &self.column
    }

    fn column<'t>(&self, table: &'t Relation) -> Result<&'t Column> {
        table.column(&self.column).ok_or_else(|| self.unknown())
    }

    fn unknown(&self) -> Error {
        unknown("filter", &self.column)
    }

    /// SQL's three truths.
    fn judge(&self, table: &Relation, row: &Row<'_>) -> Result<Option<bool>> {
        let ty = &self.column(table)?.ty;
        let context = Context::default();
        let Some(raw) = row.get(self.column.as_str()) else { return Ok(None) };
        let value = from_json(ty, None, raw, &context)?;
        if self.operator == Operator::Is {
            let is = match self.values[0].to_ascii_lowercase().as_str() {
                "null" | "unknown" => value.is_null(),
                wanted => !value.is_null() && raw.get() == wanted,
            };
            return Ok(Some(is));
        }
        if self.operator == Operator::IsDistinct {
            let null = self.values[0] == "null";
            return Ok(Some(match (value.is_null(), null) {
                (true, _) => !null,
                (false, true) => true,
                (false, false) => compare(ty, &value, &self.values[0])? != Ordering::Equal,
            }));
        }
        if value.is_null() {
            return Ok(None);
        }
        let operand = &self.values[0];
        let text = || {
            let mut text = String::new();
            to_text(ty, value.as_ref(), &context, &mut text);
            text
        };
        Ok(Some(match self.operator {
            Operator::Equal => compare(ty, &value, operand)?.is_eq(),
            Operator::NotEqual => compare(ty, &value, operand)?.is_ne(),
            Operator::Less => compare(ty, &value, operand)?.is_lt(),
            Operator::LessOrEqual => compare(ty, &value, operand)?.is_le(),
            Operator::Greater => compare(ty, &value, operand)?.is_gt(),
            Operator::GreaterOrEqual => compare(ty, &value, operand)?.is_ge(),
            Operator::In => self.values.iter().any(|one| compare(ty, &value, one).is_ok_and(Ordering::is_eq)),
            Operator::Like => pattern::like(&text(), operand)?,
            Operator::ILike => pattern::ilike(&text(), operand)?,
            Operator::Match => pattern::regex_matches(&text(), operand, false)?,
            Operator::IMatch => pattern::regex_matches(&text(), operand, true)?,
            Operator::Is | Operator::IsDistinct => return Ok(None),
        }))
    }
}

/// What is said of a column that is not there, or not for who asks.
pub(crate) fn unknown(what: &str, column: &str) -> Error {
    Error::new("P0001", format!("invalid column for {what} {column}"))
}

fn read(ty: &Type, text: &str) -> Result<Value> {
    from_text(ty, None, text, &Context::default())
}

fn compare(ty: &Type, value: &Value, operand: &str) -> Result<Ordering> {
    Ok(compare_values(ty, value.as_ref(), read(ty, operand)?.as_ref()))
}
