//! Text made of other values: concatenation, `format`, quoting.

use std::iter::Peekable;
use std::str::Chars;

use basalt_core::{Error, Result};

use super::letters::{MOST_BYTES, too_large};
use crate::codec::{cast, to_text};
use crate::{Accumulator, Context, Type, Value, ValueRef};

/// `text || any`: the other operand as a cast to text gives it.
pub(super) fn append(context: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    let mut out = String::new();
    for (ty, value) in types.iter().zip(args) {
        match (ty, value) {
            (Type::Base(crate::Base::Text | crate::Base::Unknown), value) => out.push_str(value.text()),
            (ty, value) => out.push_str(cast(ty, &Type::TEXT, None, *value, context)?.as_ref().text()),
        }
    }
    Ok(out.into())
}

pub(super) fn concat(context: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    let mut out = String::new();
    for (ty, value) in types.iter().zip(args) {
        to_text(ty, *value, context, &mut out);
    }
    Ok(out.into())
}

/// NULLs are left out; without a separator, NULL.
pub(super) fn concat_ws(context: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    if args[0].is_null() {
        return Ok(Value::Null);
    }
    let mut out = String::new();
    let values = types.iter().zip(args).skip(1).filter(|(_, value)| !value.is_null());
    for (index, (ty, value)) in values.enumerate() {
        if index > 0 {
            out.push_str(args[0].text());
        }
        to_text(ty, *value, context, &mut out);
    }
    Ok(out.into())
}

/// `string_agg(text, text)`: each value after the first is preceded by its row's delimiter. NULL of no values.
#[derive(Default)]
pub(super) struct Join {
    out: Option<String>,
}

impl Accumulator for Join {
    fn step(&mut self, _: &Context, args: &[ValueRef<'_>]) -> Result<()> {
        match (&mut self.out, args[0]) {
            (_, ValueRef::Null) => {}
            (Some(out), value) => {
                out.push_str(args[1].text());
                out.push_str(value.text());
            }
            (None, value) => self.out = Some(value.text().to_owned()),
        }
        Ok(())
    }

    fn held(&self) -> usize {
        self.out.as_ref().map_or(0, String::len)
    }

    fn finish(self: Box<Self>, _: &Context) -> Result<Value> {
        Ok(self.out.into())
    }
}

pub(super) fn quote_ident(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(quoted_ident(args[0].text()).into())
}

/// An identifier in double quotes, unless it reads the same without.
pub fn quoted_ident(name: &str) -> String {
    let is_plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if is_plain && RESERVED.binary_search(&name).is_err() {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(super) fn quote_literal(context: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    let text = cast(&types[0], &Type::TEXT, None, args[0], context)?;
    Ok(quoted_literal(text.as_ref().text()).into())
}

pub(super) fn quote_nullable(context: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    if args[0].is_null() { Ok("NULL".into()) } else { quote_literal(context, types, args) }
}

/// In single quotes; as an escape string if it holds a backslash.
fn quoted_literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if text.contains('\\') { format!("E'{}'", doubled.replace('\\', "\\\\")) } else { format!("'{doubled}'") }
}

/// `format('%s %I %L', ...)` (PostgreSQL manual, section 9.4.1). 22023, 22004.
pub(super) fn format(context: &Context, types: &[Type], args: &[ValueRef<'_>]) -> Result<Value> {
    if args[0].is_null() {
        return Ok(Value::Null);
    }
    let mut formatter = Formatter { chars: args[0].text().chars().peekable(), context, types, args, next: 1 };
    let mut out = String::new();
    while let Some(c) = formatter.chars.next() {
        if c != '%' {
            out.push(c);
        } else if formatter.chars.next_if_eq(&'%').is_some() {
            out.push('%');
        } else {
            formatter.specifier(&mut out)?;
        }
    }
    Ok(out.into())
}

struct Formatter<'a> {
    chars: Peekable<Chars<'a>>,
    context: &'a Context,
    types: &'a [Type],
    args: &'a [ValueRef<'a>],
    /// The argument that is next in turn; 0 is the format itself.
    next: usize,
}

impl<'a> Formatter<'a> {
    /// `[position$][flags][width]type`
    fn specifier(&mut self, out: &mut String) -> Result<()> {
        let mut number = self.number()?;
        let mut position = None;
        if number.is_some() && self.chars.next_if_eq(&'$').is_some() {
            position = number.take();
        }
        let mut align_left = false;
        let mut width = number.unwrap_or(0) as i64;
        if number.is_none() {
            while self.chars.next_if_eq(&'-').is_some() {
                align_left = true;
            }
            if self.chars.next_if_eq(&'*').is_some() {
                let from = self.number()?;
                if from.is_some() && self.chars.next_if_eq(&'$').is_none() {
                    return Err(Error::new("22023", "width argument position must be ended by \"$\""));
                }
                let (ty, value) = self.argument(from)?;
                width = cast(ty, &Type::INT4, None, value, self.context)?.as_ref().int();
            } else {
                width = self.number()?.unwrap_or(0) as i64;
            }
        }
        let Some(kind) = self.chars.next() else { return Err(unterminated()) };
        if !matches!(kind, 's' | 'I' | 'L') {
            return Err(Error::new("22023", format!("unrecognized format() type specifier \"{kind}\""))
                .with_hint("For a single \"%\" use \"%%\"."));
        }
        let (ty, value) = self.argument(position)?;
        let text = self.converted(kind, ty, value)?;
        let missing = (width.unsigned_abs() as usize).saturating_sub(text.chars().count());
        if out.len() + text.len() + missing > MOST_BYTES {
            return Err(too_large());
        }
        let padding = std::iter::repeat_n(' ', missing);
        if align_left || width < 0 {
            out.push_str(&text);
            out.extend(padding);
        } else {
            out.extend(padding);
            out.push_str(&text);
        }
        Ok(())
    }

    /// Digits, if any come. 22003 when they exceed an integer.
    fn number(&mut self) -> Result<Option<usize>> {
        let mut digits = String::new();
        while let Some(digit) = self.chars.next_if(char::is_ascii_digit) {
            digits.push(digit);
        }
        if digits.is_empty() {
            return Ok(None);
        }
        if self.chars.peek().is_none() {
            return Err(unterminated());
        }
        let number = digits.parse::<i32>().map_err(|_| Error::new("22003", "number is out of range"))?;
        Ok(Some(number as usize))
    }

    /// The argument at a position, or the next in turn. 22023 where there is none.
    fn argument(&mut self, position: Option<usize>) -> Result<(&'a Type, ValueRef<'a>)> {
        let index = position.unwrap_or(self.next);
        if index == 0 {
            return Err(Error::new("22023", "format specifies argument 0, but arguments are numbered from 1"));
        }
        self.next = index + 1;
        match (self.types.get(index), self.args.get(index)) {
            (Some(ty), Some(value)) => Ok((ty, *value)),
            _ => Err(Error::new("22023", "too few arguments for format()")),
        }
    }

    fn converted(&self, kind: char, ty: &Type, value: ValueRef<'_>) -> Result<String> {
        if value.is_null() {
            return match kind {
                's' => Ok(String::new()),
                'L' => Ok("NULL".to_owned()),
                _ => Err(Error::new("22004", "null values cannot be formatted as an SQL identifier")),
            };
        }
        let mut text = String::new();
        to_text(ty, value, self.context, &mut text);
        Ok(match kind {
            'I' => quoted_ident(&text),
            'L' => quoted_literal(&text),
            _ => text,
        })
    }
}

fn unterminated() -> Error {
    Error::new("22023", "unterminated format() type specifier").with_hint("For a single \"%\" use \"%%\".")
}

/// PostgreSQL's key words that are not free to be names, sorted.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];
