//! Tokens to a path.

use basalt_core::{Error, Result};

use super::check::{MOST_NESTED, check};
use super::lexer::{Kind, Token, syntax, tokens};
use super::{Accessor, Arithmetic, Chain, Comparison, Head, Method, Path, Regex};
use crate::numeric;
use crate::pattern::Expression;

/// Parentheses, filters and subscripts within one another.
const MOST_OPEN: usize = 100;

/// Reads a path. Errors as for [`super::normalize`].
pub(super) fn parse(text: &str) -> Result<Path> {
    let tokens = tokens(text)?;
    if let [_] = tokens.as_slice() {
        return Err(Error::invalid_text("jsonpath", text));
    }
    let mut parser = Parser { tokens: &tokens, at: 0, open: 0 };
    let strict = parser.accept_word("strict");
    if !strict {
        parser.accept_word("lax");
    }
    let chain = parser.either()?;
    if parser.peek().kind != Kind::End {
        return Err(parser.unexpected());
    }
    check(&chain)?;
    Ok(Path { lax: !strict, chain })
}

struct Parser<'t, 'a> {
    tokens: &'t [Token<'a>],
    at: usize,
    open: usize,
}

impl<'t, 'a> Parser<'t, 'a> {
    fn peek(&self) -> &'t Token<'a> {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn advance(&mut self) -> &'t Token<'a> {
        let token = self.peek();
        self.at += 1;
        token
    }

    fn is_sign(&self, sign: &str) -> bool {
        let token = self.peek();
        token.kind == Kind::Sign && token.text == sign
    }

    fn accept(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<()> {
        if self.accept(sign) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn accept_word(&mut self, word: &str) -> bool {
        let found = matches!(&self.peek().kind, Kind::Word(found) if found.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn unexpected(&self) -> Error {
        syntax("syntax error", self.peek().text)
    }

    /// Reads what stands in parentheses or the like, the opening sign read already.
    fn within<T>(&mut self, close: &str, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.open += 1;
        if self.open > MOST_OPEN {
            return Err(Error::new("54001", "stack depth limit exceeded"));
        }
        let inner = read(self)?;
        self.open -= 1;
        self.expect(close)?;
        Ok(inner)
    }

    /// An expression or a predicate.
    fn either(&mut self) -> Result<Chain> {
        let mut left = self.conjunction()?;
        while self.is_sign("||") {
            left = self.joined(left, Self::conjunction, Head::Or)?;
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> Result<Chain> {
        let mut left = self.comparison()?;
        while self.is_sign("&&") {
            left = self.joined(left, Self::comparison, Head::And)?;
        }
        Ok(left)
    }

    /// Two predicates with an operator between, which is next.
    fn joined(
        &mut self,
        left: Chain,
        operand: impl FnOnce(&mut Self) -> Result<Chain>,
        head: impl FnOnce(Box<Chain>, Box<Chain>) -> Head,
    ) -> Result<Chain> {
        if !left.is_predicate() {
            return Err(self.unexpected());
        }
        self.advance();
        let right = operand(self)?;
        if !right.is_predicate() {
            return Err(self.unexpected());
        }
        Ok(Chain::new(head(Box::new(left), Box::new(right))))
    }

    fn predicate(&mut self) -> Result<Chain> {
        let chain = self.either()?;
        if chain.is_predicate() { Ok(chain) } else { Err(self.unexpected()) }
    }

    fn expression(&mut self) -> Result<Chain> {
        let chain = self.sum()?;
        if chain.is_predicate() { Err(self.unexpected()) } else { Ok(chain) }
    }

    fn comparison(&mut self) -> Result<Chain> {
        if self.accept("!") {
            let operand = match self.accept("(") {
                true => self.within(")", Self::predicate)?,
                false if self.accept_word("exists") => self.exists()?,
                false => return Err(self.unexpected()),
            };
            return Ok(Chain::new(Head::Not(Box::new(operand))));
        }
        let parenthesized = self.is_sign("(");
        let left = self.sum()?;
        if left.is_predicate() {
            if parenthesized && self.accept_word("is") {
                return match self.accept_word("unknown") {
                    true => Ok(Chain::new(Head::IsUnknown(Box::new(left)))),
                    false => Err(self.unexpected()),
                };
            }
            return Ok(left);
        }
        let comparisons = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<>", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        if let Some((_, comparison)) = comparisons.into_iter().find(|(sign, _)| self.is_sign(sign)) {
            self.advance();
            let right = self.expression()?;
            return Ok(Chain::new(Head::Compare(comparison, Box::new(left), Box::new(right))));
        }
        if self.accept_word("starts") {
            if !self.accept_word("with") {
                return Err(self.unexpected());
            }
            let initial = match &self.peek().kind {
                Kind::String(text) => Head::String(text.clone()),
                Kind::Variable(name) => Head::Variable(name.clone()),
                _ => return Err(self.unexpected()),
            };
            self.advance();
            return Ok(Chain::new(Head::StartsWith(Box::new(left), Box::new(Chain::new(initial)))));
        }
        if self.accept_word("like_regex") {
            let regex = self.regex()?;
            return Ok(Chain::new(Head::LikeRegex(Box::new(left), Box::new(regex))));
        }
        Ok(left)
    }

    fn string(&mut self) -> Result<String> {
        let Kind::String(text) = &self.peek().kind else { return Err(self.unexpected()) };
        self.advance();
        Ok(text.clone())
    }

    fn regex(&mut self) -> Result<Regex> {
        let pattern = self.string()?;
        let given = if self.accept_word("flag") { self.string()? } else { String::new() };
        if let Some(unknown) = given.chars().find(|c| !"ismxq".contains(*c)) {
            let detail = format!("Unrecognized flag character \"{unknown}\" in LIKE_REGEX predicate.");
            return Err(Error::new("42601", "invalid input syntax for type jsonpath").with_detail(detail));
        }
        let flags: String = "ismxq".chars().filter(|flag| given.contains(*flag)).collect();
        if flags.contains('x') && !flags.contains('q') {
            let message = "XQuery \"x\" flag (expanded regular expressions) is not implemented";
            return Err(Error::new("0A000", message));
        }
        let expression = Expression::like_regex(&pattern, &flags)?;
        Ok(Regex { pattern, flags, expression })
    }

    fn exists(&mut self) -> Result<Chain> {
        self.expect("(")?;
        let operand = self.within(")", Self::expression)?;
        Ok(Chain::new(Head::Exists(Box::new(operand))))
    }

    fn sum(&mut self) -> Result<Chain> {
        let mut left = self.product()?;
        loop {
            let operator = match () {
                () if self.is_sign("+") => Arithmetic::Add,
                () if self.is_sign("-") => Arithmetic::Sub,
                () => return Ok(left),
            };
            left = self.arithmetic(operator, left, Self::product)?;
        }
    }

    fn product(&mut self) -> Result<Chain> {
        let mut left = self.signed()?;
        loop {
            let operator = match () {
                () if self.is_sign("*") => Arithmetic::Mul,
                () if self.is_sign("/") => Arithmetic::Div,
                () if self.is_sign("%") => Arithmetic::Mod,
                () => return Ok(left),
            };
            left = self.arithmetic(operator, left, Self::signed)?;
        }
    }

    /// An operator, which is next, between two expressions.
    fn arithmetic(
        &mut self,
        operator: Arithmetic,
        left: Chain,
        operand: impl FnOnce(&mut Self) -> Result<Chain>,
    ) -> Result<Chain> {
        if left.is_predicate() {
            return Err(self.unexpected());
        }
        self.advance();
        let right = operand(self)?;
        if right.is_predicate() {
            return Err(self.unexpected());
        }
        Ok(Chain::new(Head::Arithmetic(operator, Box::new(left), Box::new(right))))
    }

    fn signed(&mut self) -> Result<Chain> {
        let mut signs = Vec::new();
        while self.is_sign("+") || self.is_sign("-") {
            signs.push(self.advance().text == "-");
            if signs.len() > MOST_NESTED {
                return Err(Error::new("54001", "stack depth limit exceeded"));
            }
        }
        let mut operand = self.primary()?;
        if !signs.is_empty() && operand.is_predicate() {
            return Err(self.unexpected());
        }
        for negated in signs.into_iter().rev() {
            operand = match &operand {
                // A number takes its sign.
                Chain { head: Head::Number(number), accessors } if accessors.is_empty() => match negated {
                    true => Chain::new(Head::Number(numeric::neg(number)?)),
                    false => operand,
                },
                _ => Chain::new(Head::Sign { negated, operand: Box::new(operand) }),
            };
        }
        Ok(operand)
    }

    fn primary(&mut self) -> Result<Chain> {
        let token = self.peek();
        let mut chain = match &token.kind {
            Kind::Sign if token.text == "(" => {
                self.advance();
                self.within(")", Self::either)?
            }
            Kind::Word(word) if word.eq_ignore_ascii_case("exists") => {
                self.advance();
                return self.exists();
            }
            kind => {
                let head = match kind {
                    Kind::Sign if token.text == "$" => Head::Root,
                    Kind::Sign if token.text == "@" => Head::Current,
                    Kind::String(text) => Head::String(text.clone()),
                    Kind::Variable(name) => Head::Variable(name.clone()),
                    Kind::Integer | Kind::Number => Head::Number(numeric::parse(token.text, None)?),
                    Kind::Word(word) => match word.as_str() {
                        "null" => Head::Null,
                        "true" => Head::Bool(true),
                        "false" => Head::Bool(false),
                        word if word.eq_ignore_ascii_case("last") => Head::Last,
                        _ => return Err(self.unexpected()),
                    },
                    Kind::Sign | Kind::End => return Err(self.unexpected()),
                };
                self.advance();
                Chain::new(head)
            }
        };
        while let Some(accessor) = self.accessor()? {
            chain.accessors.push(accessor);
        }
        Ok(chain)
    }

    fn accessor(&mut self) -> Result<Option<Accessor>> {
        if self.accept("[") {
            return self.within("]", Self::subscripts).map(Some);
        }
        if self.accept("?") {
            self.expect("(")?;
            let condition = self.within(")", Self::predicate)?;
            return Ok(Some(Accessor::Filter(Box::new(condition))));
        }
        if !self.accept(".") {
            return Ok(None);
        }
        if self.accept("*") {
            return Ok(Some(Accessor::AnyKey));
        }
        if self.accept("**") {
            return self.levels().map(Some);
        }
        let (key, is_word) = match &self.peek().kind {
            Kind::Word(word) => (word.clone(), true),
            Kind::String(text) => (text.clone(), false),
            _ => return Err(self.unexpected()),
        };
        self.advance();
        if !is_word || !self.is_sign("(") {
            return Ok(Some(Accessor::Key(key)));
        }
        let lower = key.to_ascii_lowercase();
        if lower == "datetime" {
            return Err(Error::unsupported(
                "the jsonpath method .datetime() is not supported on the embedded engine",
                "Take the text out with #>> and cast it.",
            ));
        }
        let Some((method, _)) = Method::ALL.into_iter().find(|(_, name)| *name == lower) else {
            return Err(self.unexpected());
        };
        self.advance();
        self.expect(")")?;
        Ok(Some(Accessor::Method(method)))
    }

    fn subscripts(&mut self) -> Result<Accessor> {
        if self.is_sign("*") && self.tokens.get(self.at + 1).is_some_and(|token| token.text == "]") {
            self.advance();
            return Ok(Accessor::AnyElement);
        }
        let mut subscripts = Vec::new();
        loop {
            let from = self.expression()?;
            let to = if self.accept_word("to") { Some(self.expression()?) } else { None };
            subscripts.push((from, to));
            if !self.accept(",") {
                return Ok(Accessor::Elements(subscripts));
            }
        }
    }

    fn levels(&mut self) -> Result<Accessor> {
        if !self.accept("{") {
            return Ok(Accessor::Any(Some(0), None));
        }
        let first = self.level()?;
        let last = if self.accept_word("to") { self.level()? } else { first };
        self.expect("}")?;
        Ok(Accessor::Any(first, last))
    }

    fn level(&mut self) -> Result<Option<u32>> {
        if self.accept_word("last") {
            return Ok(None);
        }
        let token = self.peek();
        if token.kind != Kind::Integer {
            return Err(self.unexpected());
        }
        self.advance();
        let out_of_range = || Error::new("22003", format!("value \"{}\" is out of range for type integer", token.text));
        token.text.parse::<i32>().ok().and_then(|level| u32::try_from(level).ok()).map(Some).ok_or_else(out_of_range)
    }
}
