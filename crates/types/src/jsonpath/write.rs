//! A path to text, as PostgreSQL writes it.

use std::fmt::{self, Display, Formatter};

use super::{Accessor, Arithmetic, Chain, Head, Path};
use crate::json::write_string;

impl Display for Path {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(if self.lax { "" } else { "strict " })?;
        self.chain.write(f, true)
    }
}

/// A string in quotes.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        write_string(self.0, &mut out);
        f.write_str(&out)
    }
}

impl Head {
    /// How tightly its operator binds.
    fn priority(&self) -> u8 {
        match self {
            Head::Or(..) => 0,
            Head::And(..) => 1,
            Head::Compare(..) | Head::StartsWith(..) => 2,
            Head::Arithmetic(Arithmetic::Add | Arithmetic::Sub, ..) => 3,
            Head::Arithmetic(..) => 4,
            Head::Sign { .. } => 5,
            _ => 6,
        }
    }
}

impl Chain {
    fn write(&self, f: &mut Formatter<'_>, bracketed: bool) -> fmt::Result {
        // Without its brackets what follows would be the last operand's. PostgreSQL leaves them out within filters and subscripts, where its
        // text reads as another path, or as none; this text is what is stored.
        self.write_head(f, bracketed || !self.accessors.is_empty())?;
        self.accessors.iter().try_for_each(|accessor| accessor.write(f))
    }

    fn write_head(&self, f: &mut Formatter<'_>, bracketed: bool) -> fmt::Result {
        let (open, close) = if bracketed { ("(", ")") } else { ("", "") };
        let operand =
            |f: &mut Formatter<'_>, operand: &Chain| operand.write(f, operand.head.priority() <= self.head.priority());
        let binary = |f: &mut Formatter<'_>, left: &Chain, operator: &str, right: &Chain| {
            f.write_str(open)?;
            operand(f, left)?;
            write!(f, " {operator} ")?;
            operand(f, right)?;
            f.write_str(close)
        };
        match &self.head {
            Head::Null => f.write_str("null"),
            Head::Bool(value) => write!(f, "{value}"),
            Head::Number(number) if self.accessors.is_empty() => f.write_str(number),
            Head::Number(number) => write!(f, "({number})"),
            Head::String(text) => write!(f, "{}", Quoted(text)),
            Head::Variable(name) => write!(f, "${}", Quoted(name)),
            Head::Root => f.write_str("$"),
            Head::Current => f.write_str("@"),
            Head::Last => f.write_str("last"),
            Head::Arithmetic(operator, left, right) => binary(f, left, operator.symbol(), right),
            Head::And(left, right) => binary(f, left, "&&", right),
            Head::Or(left, right) => binary(f, left, "||", right),
            Head::Compare(comparison, left, right) => binary(f, left, comparison.symbol(), right),
            Head::StartsWith(left, right) => binary(f, left, "starts with", right),
            Head::Sign { negated, operand: inner } => {
                write!(f, "{open}{}", if *negated { "-" } else { "+" })?;
                operand(f, inner)?;
                f.write_str(close)
            }
            Head::Not(inner) => {
                f.write_str("!(")?;
                inner.write(f, false)?;
                f.write_str(")")
            }
            Head::IsUnknown(inner) => {
                f.write_str("(")?;
                inner.write(f, false)?;
                f.write_str(") is unknown")
            }
            Head::Exists(inner) => {
                f.write_str("exists (")?;
                inner.write(f, false)?;
                f.write_str(")")
            }
            Head::LikeRegex(left, regex) => {
                f.write_str(open)?;
                operand(f, left)?;
                write!(f, " like_regex {}", Quoted(&regex.pattern))?;
                if !regex.flags.is_empty() {
                    write!(f, " flag \"{}\"", regex.flags)?;
                }
                f.write_str(close)
            }
        }
    }
}

impl Accessor {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Accessor::Key(key) => write!(f, ".{}", Quoted(key)),
            Accessor::AnyKey => f.write_str(".*"),
            Accessor::AnyElement => f.write_str("[*]"),
            Accessor::Elements(subscripts) => {
                f.write_str("[")?;
                for (index, (from, to)) in subscripts.iter().enumerate() {
                    f.write_str(if index > 0 { "," } else { "" })?;
                    from.write(f, false)?;
                    if let Some(to) = to {
                        f.write_str(" to ")?;
                        to.write(f, false)?;
                    }
                }
                f.write_str("]")
            }
            Accessor::Any(Some(0), None) => f.write_str(".**"),
            Accessor::Any(None, None) => f.write_str(".**{last}"),
            Accessor::Any(Some(first), Some(last)) if first == last => write!(f, ".**{{{first}}}"),
            Accessor::Any(None, Some(last)) => write!(f, ".**{{last to {last}}}"),
            Accessor::Any(Some(first), None) => write!(f, ".**{{{first} to last}}"),
            Accessor::Any(Some(first), Some(last)) => write!(f, ".**{{{first} to {last}}}"),
            Accessor::Filter(condition) => {
                f.write_str("?(")?;
                condition.write(f, false)?;
                f.write_str(")")
            }
            Accessor::Method(method) => write!(f, ".{}()", method.name()),
        }
    }
}
