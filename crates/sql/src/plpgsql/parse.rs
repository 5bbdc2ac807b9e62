//! A body's text becomes its [`ast`](super::ast).

use basalt_core::{Error, Result};
use sqlparser::tokenizer::Token;

use super::ast::{Block, Body, Declared, Handler, Raise, RowName, Sql, Statement, Target};
use super::conditions::is_code;
use super::into;
use super::raise::{condition, exception};
use super::tokens::Tokens;
use crate::compile::parse::tokens;
use crate::ddl::cursor::syntax_error;

/// Blocks and IFs within each other.
const MAX_DEPTH: usize = 50;

/// What nearly every refused statement can be written as.
const INSTEAD: &str = "On the embedded engine, a trigger function knows variables, assignments, if, case, queries and writes, perform, \
    select ... into, raise, return, and blocks with exception. Write it with these, as one statement over several rows \
    where it loops; or run the project on PostgreSQL.";

/// Reads the body of a trigger function.
///
/// Errors, with their byte offset in the body: 42601 for what is no PL/pgSQL; 0A000, with what to write instead, for what is
/// and is not understood; 54001 for blocks that lie too deep in each other.
pub fn parse(body: &str) -> Result<Body> {
    let mut parser = Parser { tokens: Tokens::new(body)?, pieces: 0, depth: 0, declared: Vec::new() };
    let block = parser.block()?;
    parser.tokens.accept_token(&Token::SemiColon);
    match parser.tokens.peek() {
        None => Ok(Body { block, pieces: parser.pieces }),
        Some(_) => Err(parser.tokens.unexpected()),
    }
}

pub(super) struct Parser<'b> {
    pub tokens: Tokens<'b>,
    pieces: usize,
    depth: usize,
    /// The names of all variables so far.
    declared: Vec<String>,
}

impl Parser<'_> {
    /// `[declare ...] begin ... [exception ...] end`.
    fn block(&mut self) -> Result<Block> {
        if self.tokens.peek() == Some(&Token::ShiftLeft) {
            return Err(self.lacking("a label"));
        }
        let declared = if self.tokens.accept("declare") { self.declarations()? } else { Vec::new() };
        self.tokens.expect("begin")?;
        let statements = self.statements(&["exception", "end"])?;
        let handlers = if self.tokens.accept("exception") { self.handlers()? } else { Vec::new() };
        self.tokens.expect("end")?;
        Ok(Block { declared, statements, handlers })
    }

    fn declarations(&mut self) -> Result<Vec<Declared>> {
        let mut declared = Vec::new();
        while !self.tokens.sees("begin") {
            let at = self.tokens.at();
            let name = self.tokens.name()?;
            if self.declared.contains(&name) {
                let what = format!("a second variable named \"{name}\"");
                return Err(Error::unsupported(what, "Give each variable of a function a name of its own.").at(at));
            }
            if matches!(name.as_str(), "new" | "old" | "found" | "sqlstate" | "sqlerrm") || name.starts_with("tg_") {
                let what = format!("a variable named \"{name}\", which PL/pgSQL has already");
                return Err(Error::unsupported(what, "Give the variable another name.").at(at));
            }
            if self.tokens.sees("alias for") || self.tokens.sees("cursor") || self.tokens.sees("no scroll") {
                return Err(self.lacking("an alias or cursor"));
            }
            let constant = self.tokens.accept("constant");
            let ends = |tokens: &Tokens<'_>| {
                matches!(tokens.peek(), Some(Token::SemiColon | Token::Assignment | Token::Eq))
                    || tokens.sees("default")
                    || tokens.sees("not null")
                    || tokens.sees("collate")
            };
            let (start, end) = self.tokens.until(ends)?;
            if start == end {
                return Err(self.tokens.unexpected());
            }
            if self.tokens.sees("collate") {
                return Err(self.lacking("a variable's collation"));
            }
            let ty = self.tokens.text[start..end].to_owned();
            let not_null = self.tokens.accept("not null");
            let gives = self.tokens.accept("default")
                || self.tokens.accept_token(&Token::Assignment)
                || self.tokens.accept_token(&Token::Eq);
            let value = if gives { Some(self.expression()?) } else { None };
            self.tokens.expect_token(&Token::SemiColon)?;
            self.declared.push(name.clone());
            declared.push(Declared { name, ty, not_null, constant, value, at });
        }
        Ok(declared)
    }

    /// Statements up to one of these words, which stays.
    fn statements(&mut self, ends: &[&str]) -> Result<Vec<Statement>> {
        if self.depth >= MAX_DEPTH {
            return Err(Error::new("54001", "stack depth limit exceeded").at(self.tokens.at()));
        }
        self.depth += 1;
        let mut statements = Vec::new();
        while !ends.iter().any(|end| self.tokens.sees(end)) {
            statements.push(self.statement()?);
        }
        self.depth -= 1;
        Ok(statements)
    }

    fn statement(&mut self) -> Result<Statement> {
        if let Some(target) = self.assigned()? {
            let value = self.expression()?;
            self.tokens.expect_token(&Token::SemiColon)?;
            return Ok(Statement::Assign(target, value));
        }
        let statement = match self.tokens.word(0).as_deref() {
            Some("declare" | "begin") => Statement::Block(self.block()?),
            Some("if") => self.if_statement()?,
            Some("case") => self.case_statement()?,
            Some("perform") => {
                self.tokens.skip();
                let (start, end) = self.tokens.until(at_semicolon)?;
                let text = format!("select {}", &self.tokens.text[start..end]);
                Statement::Perform(self.piece(text, start)?)
            }
            Some("raise") => self.raise()?,
            Some("return") => self.returned()?,
            Some("null") => {
                self.tokens.skip();
                Statement::Nothing
            }
            Some("select" | "insert" | "update" | "delete" | "with" | "values" | "merge") => self.sql_statement()?,
            Some("execute") => return Err(self.lacking("a statement that is put together while it runs (execute)")),
            Some("for" | "foreach" | "while" | "loop" | "exit" | "continue") => return Err(self.lacking("a loop")),
            Some(word @ ("get" | "open" | "fetch" | "move" | "close" | "call" | "assert" | "commit" | "rollback")) => {
                let what = word.to_owned();
                return Err(self.lacking(&what));
            }
            _ if self.tokens.peek() == Some(&Token::ShiftLeft) => return Err(self.lacking("a label")),
            Some("create" | "alter" | "drop" | "grant" | "revoke" | "truncate" | "copy" | "notify" | "set") => {
                return Err(self.lacking("a statement that is neither a query nor a write"));
            }
            _ => return Err(self.tokens.unexpected()),
        };
        self.tokens.expect_token(&Token::SemiColon)?;
        Ok(statement)
    }

    /// What an assignment begins with, up to its sign, if the next statement is one.
    fn assigned(&mut self) -> Result<Option<Target>> {
        let is_sign = |token: Option<&Token>| matches!(token, Some(Token::Assignment | Token::Eq));
        let is_word = |token: Option<&Token>| matches!(token, Some(Token::Word(_)));
        if !is_word(self.tokens.peek()) {
            return Ok(None);
        }
        let is_field = self.tokens.ahead(1) == Some(&Token::Period) && is_word(self.tokens.ahead(2));
        let sign = if is_field { 3 } else { 1 };
        if !is_sign(self.tokens.ahead(sign)) {
            let is_part = matches!(self.tokens.ahead(sign), Some(Token::LBracket | Token::Period));
            return if is_part { Err(self.lacking("an assignment to a part of a value")) } else { Ok(None) };
        }
        let target = into::target(&mut self.tokens)?;
        self.tokens.skip();
        Ok(Some(target))
    }

    /// A piece of SQL up to the semicolon, which stays.
    fn expression(&mut self) -> Result<Sql> {
        self.expression_until(at_semicolon)
    }

    /// A piece of SQL up to where `ends` says.
    pub fn expression_until(&mut self, ends: impl Fn(&Tokens<'_>) -> bool) -> Result<Sql> {
        let (start, end) = self.tokens.until(ends)?;
        if start == end {
            return Err(self.tokens.unexpected());
        }
        let text = self.tokens.text[start..end].to_owned();
        self.piece(text, start)
    }

    /// Takes a piece of SQL. In it `tg_argv[0]` becomes `tg_argv0`: the arguments are an array that begins at 0.
    fn piece(&mut self, text: String, at: usize) -> Result<Sql> {
        let text = match text.to_ascii_lowercase().contains("tg_argv") {
            true => with_arguments(&text).map_err(|error| error.at(at))?,
            false => text,
        };
        self.pieces += 1;
        Ok(Sql { id: self.pieces - 1, text, at })
    }

    fn if_statement(&mut self) -> Result<Statement> {
        self.tokens.skip();
        let mut branches = Vec::new();
        loop {
            let condition = self.expression_until(|tokens| tokens.sees("then"))?;
            self.tokens.expect("then")?;
            branches.push((condition, self.statements(&["elsif", "elseif", "else", "end if"])?));
            if !self.tokens.accept("elsif") && !self.tokens.accept("elseif") {
                break;
            }
        }
        let otherwise = if self.tokens.accept("else") { self.statements(&["end if"])? } else { Vec::new() };
        self.tokens.expect("end if")?;
        Ok(Statement::If(branches, otherwise))
    }

    /// `case when a then ...`, and `case x when a, b then ...`.
    fn case_statement(&mut self) -> Result<Statement> {
        self.tokens.skip();
        let operand = match self.tokens.sees("when") {
            true => None,
            false => Some(self.tokens.until(|tokens| tokens.sees("when"))?),
        };
        let mut branches = Vec::new();
        while self.tokens.accept("when") {
            let (start, end) = self.tokens.until(|tokens| tokens.sees("then"))?;
            let value = &self.tokens.text[start..end];
            let condition = match operand {
                Some((from, to)) => format!("({}) in ({value})", &self.tokens.text[from..to]),
                None => value.to_owned(),
            };
            let condition = self.piece(condition, start)?;
            self.tokens.expect("then")?;
            branches.push((condition, self.statements(&["when", "else", "end case"])?));
        }
        let otherwise = match self.tokens.accept("else") {
            true => self.statements(&["end case"])?,
            false => vec![Statement::Raise(Raise {
                code: Some("20000".to_owned()),
                format: Some("case not found".to_owned()),
                ..exception()
            })],
        };
        self.tokens.expect("end case")?;
        Ok(Statement::If(branches, otherwise))
    }

    fn sql_statement(&mut self) -> Result<Statement> {
        let at = self.tokens.at();
        let is_query = matches!(self.tokens.word(0).as_deref(), Some("select" | "values"));
        let ((start, end), into) = into::statement(&mut self.tokens)?;
        let text = &self.tokens.text[start..end];
        let Some(into) = into else {
            if is_query {
                let message = "query has no destination for result data";
                let hint = "If you want to discard the results of a SELECT, use PERFORM instead.";
                return Err(Error::new("42601", message).with_hint(hint).at(at));
            }
            let text = text.to_owned();
            return Ok(Statement::Run(self.piece(text, start)?));
        };
        let (from, to) = into.clause;
        let text = format!("{}{}{}", &text[..from - start], " ".repeat(to - from), &text[to - start..]);
        let sql = self.piece(text, start)?;
        Ok(Statement::Into(sql, into.targets, into.strict))
    }

    /// `return new`, `old`, `null`, or `coalesce(new, old)`.
    fn returned(&mut self) -> Result<Statement> {
        self.tokens.skip();
        let at = self.tokens.at();
        let (start, end) = self.tokens.until(at_semicolon)?;
        if start == end {
            return Err(self.tokens.unexpected());
        }
        let text: String = self.tokens.text[start..end].to_ascii_lowercase().split_whitespace().collect();
        let rows = match text.strip_prefix("coalesce(").and_then(|list| list.strip_suffix(')')) {
            Some(list) => list.split(',').map(row_name).collect(),
            None if text == "null" => Some(Vec::new()),
            None => row_name(&text).map(|row| vec![row]),
        };
        let what = "a trigger function that returns another row than new, old, null or coalesce(new, old)";
        let refused = || Error::unsupported(what, "Assign to the columns of new, and return new.").at(at);
        rows.map(Statement::Return).ok_or_else(refused)
    }

    fn handlers(&mut self) -> Result<Vec<Handler>> {
        let mut handlers = Vec::new();
        while self.tokens.accept("when") {
            let (mut codes, mut is_any) = (Vec::new(), false);
            loop {
                let at = self.tokens.at();
                if self.tokens.accept("sqlstate") {
                    let code = self.tokens.accept_string().filter(|code| is_code(code));
                    codes.push(code.ok_or_else(|| Error::new("42601", "invalid SQLSTATE code").at(at))?);
                } else if self.tokens.accept("others") {
                    is_any = true;
                } else {
                    let name = self.tokens.name()?;
                    codes.push(condition(&name, at)?);
                }
                if !self.tokens.accept("or") {
                    break;
                }
            }
            self.tokens.expect("then")?;
            if is_any {
                codes.clear();
            }
            handlers.push(Handler { codes, statements: self.statements(&["when", "end"])? });
        }
        if handlers.is_empty() { Err(self.tokens.unexpected()) } else { Ok(handlers) }
    }

    fn lacking(&self, what: &str) -> Error {
        Error::unsupported(format!("{what} in a trigger function"), INSTEAD).at(self.tokens.at())
    }
}

pub(super) fn at_semicolon(tokens: &Tokens<'_>) -> bool {
    tokens.peek() == Some(&Token::SemiColon)
}

/// A text with the names of a trigger's arguments in the places of their indices.
///
/// Errors: 0A000 for an index that is no number.
fn with_arguments(text: &str) -> Result<String> {
    let found: Vec<Token> =
        tokens(text).map_err(|error| syntax_error(text, error))?.into_iter().map(|token| token.token).collect();
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    while at < found.len() {
        let is_argv = matches!(&found[at], Token::Word(word) if word.value.eq_ignore_ascii_case("tg_argv"));
        match &found[at..] {
            [_, Token::LBracket, Token::Number(index, _), Token::RBracket, ..] if is_argv => {
                out.push_str(&format!("tg_argv{index}"));
                at += 4;
            }
            _ if is_argv => {
                let what = "tg_argv without a number in brackets";
                return Err(Error::unsupported(what, "Write tg_argv[0], tg_argv[1] and so on."));
            }
            rest => {
                out.push_str(&rest[0].to_string());
                at += 1;
            }
        }
    }
    Ok(out)
}

fn row_name(text: &str) -> Option<RowName> {
    match text {
        "new" => Some(RowName::New),
        "old" => Some(RowName::Old),
        _ => None,
    }
}
