//! SQL/JSON path expressions (`jsonpath`; PostgreSQL manual, section 9.16.2): read, written, evaluated over `jsonb`.
//!
//! The stored form is PostgreSQL's own output. `.datetime()` is refused: its values are of types that no JSON has.

mod check;
mod evaluate;
mod function;
mod item;
mod lexer;
mod method;
mod parse;
mod predicate;
#[cfg(test)]
mod tests;
mod write;

use std::cell::RefCell;
use std::rc::Rc;

use basalt_core::Result;

pub(crate) use function::{FUNCTIONS, OPERATORS, SET_FUNCTIONS};

use crate::pattern::Expression;

/// Paths that a thread keeps taken apart: a statement asks the same one of every row.
const MOST_KEPT: usize = 16;

/// A whole path.
#[derive(Debug, Clone, PartialEq)]
struct Path {
    /// Without structural errors, with arrays unwrapped and made as needed.
    lax: bool,
    chain: Chain,
}

/// Something with accessors behind it, each applied to what the one before gives.
#[derive(Debug, Clone, PartialEq)]
struct Chain {
    head: Head,
    accessors: Vec<Accessor>,
}

/// What a chain begins with.
#[derive(Debug, Clone, PartialEq)]
enum Head {
    Null,
    Bool(bool),
    /// The text of a `numeric`.
    Number(String),
    String(String),
    Variable(String),
    /// `$`
    Root,
    /// `@`
    Current,
    /// The index of the innermost array's last element.
    Last,
    Arithmetic(Arithmetic, Box<Chain>, Box<Chain>),
    /// `-x`, or `+x` if not negated.
    Sign {
        negated: bool,
        operand: Box<Chain>,
    },
    And(Box<Chain>, Box<Chain>),
    Or(Box<Chain>, Box<Chain>),
    Not(Box<Chain>),
    IsUnknown(Box<Chain>),
    Exists(Box<Chain>),
    Compare(Comparison, Box<Chain>, Box<Chain>),
    StartsWith(Box<Chain>, Box<Chain>),
    LikeRegex(Box<Chain>, Box<Regex>),
}

/// What follows `like_regex`.
#[derive(Debug, Clone, PartialEq)]
struct Regex {
    pattern: String,
    /// Some of `ismq`, in the order in which PostgreSQL writes them.
    flags: String,
    expression: Expression,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A step from one item to others.
#[derive(Debug, Clone, PartialEq)]
enum Accessor {
    /// `.key`
    Key(String),
    /// `.*`
    AnyKey,
    /// `[*]`
    AnyElement,
    /// `[1, 3 to 5]`
    Elements(Vec<(Chain, Option<Chain>)>),
    /// `.**{2 to 4}`: whatever stands so many levels below. `None` is the last level.
    Any(Option<u32>, Option<u32>),
    /// `?(...)`
    Filter(Box<Chain>),
    Method(Method),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Type,
    Size,
    Abs,
    Floor,
    Ceiling,
    Double,
    KeyValue,
}

impl Method {
    const ALL: [(Method, &'static str); 7] = [
        (Method::Type, "type"),
        (Method::Size, "size"),
        (Method::Abs, "abs"),
        (Method::Floor, "floor"),
        (Method::Ceiling, "ceiling"),
        (Method::Double, "double"),
        (Method::KeyValue, "keyvalue"),
    ];

    fn name(self) -> &'static str {
        Method::ALL.iter().find(|(method, _)| *method == self).map_or("", |(_, name)| name)
    }
}

impl Arithmetic {
    fn symbol(self) -> &'static str {
        match self {
            Arithmetic::Add => "+",
            Arithmetic::Sub => "-",
            Arithmetic::Mul => "*",
            Arithmetic::Div => "/",
            Arithmetic::Mod => "%",
        }
    }
}

impl Comparison {
    fn symbol(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        }
    }
}

impl Chain {
    fn new(head: Head) -> Chain {
        Chain { head, accessors: Vec::new() }
    }

    /// Whether it is true, false or unknown by itself.
    fn is_predicate(&self) -> bool {
        self.accessors.is_empty() && self.head.is_predicate()
    }
}

impl Head {
    fn is_predicate(&self) -> bool {
        matches!(
            self,
            Head::And(..)
                | Head::Or(..)
                | Head::Not(_)
                | Head::IsUnknown(_)
                | Head::Exists(_)
                | Head::Compare(..)
                | Head::StartsWith(..)
                | Head::LikeRegex(..)
        )
    }
}

/// Reads a path and gives the text that PostgreSQL writes for it.
///
/// 42601 for what is no path, 2201B for a wrong regular expression, 54001 for one that nests too deep, 0A000 for `.datetime()`.
pub(crate) fn normalize(text: &str) -> Result<String> {
    parse::parse(text).map(|path| path.to_string())
}

thread_local! {
    /// The latest last.
    static KEPT: RefCell<Vec<(String, Rc<Path>)>> = const { RefCell::new(Vec::new()) };
}

/// A stored path, from the thread's last ones if it is among them.
fn stored(text: &str) -> Result<Rc<Path>> {
    let known = KEPT.with_borrow(|kept| kept.iter().rev().find(|(known, _)| known == text).map(|(_, p)| p.clone()));
    if let Some(path) = known {
        return Ok(path);
    }
    let path = Rc::new(parse::parse(text)?);
    KEPT.with_borrow_mut(|kept| {
        if kept.len() == MOST_KEPT {
            kept.remove(0);
        }
        kept.push((text.to_owned(), path.clone()));
    });
    Ok(path)
}
