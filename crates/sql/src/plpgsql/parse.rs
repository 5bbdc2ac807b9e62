//! A body's text becomes its [`ast`](super::ast).

use basalt_core::{Error, Result};
use sqlparser::tokenizer::Token;

use super::ast::{Block, Body, Conflict, Declared, Handler, Name, Named, Sql, Statement};
use super::conditions::is_code;
use super::raise::condition;
use super::tokens::Tokens;
use crate::refused_in_function;

/// Blocks, loops and IFs within each other.
const MAX_DEPTH: usize = 50;

/// What nearly every refused statement can be written as.
const INSTEAD: &str = "On the embedded engine PL/pgSQL knows variables, assignments, if, case, loops, queries and writes, perform, execute, \
    select ... into, raise, return, and blocks with exception. Write it with these; or run the project on PostgreSQL.";

/// What a body is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A trigger function.
    Trigger,
    /// Any other function.
    Function,
    /// A block of a script, `do $$ ... $$`: the only one that has definitions.
    Block,
}

/// Reads a body.
///
/// Errors, with their byte offset in the body: 42601 for what is no PL/pgSQL; 0A000, with what to write instead, for what is
/// and is not understood; 54001 for blocks that lie too deep in each other.
pub fn parse(body: &str, kind: Kind) -> Result<Body> {
    let (text, conflict) = without_options(body)?;
    let tokens = Tokens::new(&text)?;
    let mut parser = Parser {
        tokens,
        kind,
        pieces: 0,
        depth: 0,
        variables: Vec::new(),
        names: Vec::new(),
        known: None,
        open: Vec::new(),
        operand: None,
    };
    let label = parser.label()?;
    let block = parser.block(label)?;
    parser.tokens.accept_token(&Token::SemiColon);
    match parser.tokens.peek() {
        None => {
            let Parser { variables, names, .. } = parser;
            Ok(Body { block, variables, names, conflict })
        }
        Some(_) => Err(parser.tokens.unexpected()),
    }
}

/// A body with blanks in the place of its options, and what `#variable_conflict` says.
fn without_options(body: &str) -> Result<(String, Conflict)> {
    let (mut text, mut conflict) = (body.to_owned(), Conflict::Error);
    let mut at = 0;
    for line in body.split_inclusive('\n') {
        let said = line.trim();
        if said.starts_with('#') {
            let words: Vec<&str> = said.split_whitespace().collect();
            match words.as_slice() {
                ["#variable_conflict", "error"] => conflict = Conflict::Error,
                ["#variable_conflict", "use_variable"] => conflict = Conflict::Variable,
                ["#variable_conflict", "use_column"] => conflict = Conflict::Column,
                ["#option", "dump"] | ["#print_strict_params", "on" | "off"] => {}
                _ => return Err(Error::new("42601", format!("syntax error at or near \"{said}\"")).at(at)),
            }
            let blank: String = line.chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
            text.replace_range(at..at + line.len(), &format!("{blank:<width$}", width = line.len()));
        } else if !said.is_empty() {
            break;
        }
        at += line.len();
    }
    Ok((text, conflict))
}

pub(super) struct Parser<'b> {
    pub tokens: Tokens<'b>,
    pub kind: Kind,
    pieces: usize,
    depth: usize,
    pub variables: Vec<Declared>,
    pub names: Vec<Name>,
    /// The last name that is known.
    pub known: Option<usize>,
    /// The labels of the blocks and loops around, and which of them are loops.
    pub open: Vec<(Option<String>, bool)>,
    /// The variable of the operands of CASE, once there is one: its place among the variables.
    pub operand: Option<usize>,
}

impl Parser<'_> {
    /// The last name that is known here.
    pub fn scope(&self) -> Option<usize> {
        self.known
    }

    /// Reads what has names of its own: a block, a loop, a handler.
    pub fn within<T>(&mut self, label: Option<&String>, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let outer = self.known;
        self.name(Named::Block(label.cloned()));
        let result = read(self);
        self.known = outer;
        result
    }

    pub fn name(&mut self, what: Named) {
        self.names.push(Name { before: self.known, what });
        self.known = Some(self.names.len() - 1);
    }

    /// A variable that PL/pgSQL declares by itself.
    pub fn implied(&mut self, name: &str, ty: &str) -> usize {
        let (name, ty, at) = (name.to_owned(), ty.to_owned(), self.tokens.at());
        self.variable(Declared { name, ty, not_null: false, constant: false, value: None, at })
    }

    pub fn variable(&mut self, declared: Declared) -> usize {
        self.variables.push(declared);
        let place = self.variables.len() - 1;
        self.name(Named::Variable(place));
        place
    }

    /// `<<label>>`, if one comes next.
    pub fn label(&mut self) -> Result<Option<String>> {
        if !self.tokens.accept_token(&Token::ShiftLeft) {
            return Ok(None);
        }
        let label = self.tokens.name()?;
        self.tokens.expect_token(&Token::ShiftRight)?;
        Ok(Some(label))
    }

    /// The label after `end` or `end loop`, which has to be the one at the beginning.
    pub fn end_label(&mut self, label: Option<&String>) -> Result<()> {
        let at = self.tokens.at();
        if self.tokens.peek() == Some(&Token::SemiColon) || self.tokens.peek().is_none() {
            return Ok(());
        }
        let name = self.tokens.name()?;
        match label {
            Some(label) if *label == name => Ok(()),
            Some(label) => {
                Err(Error::new("42601", format!("end label \"{name}\" differs from block's label \"{label}\"")).at(at))
            }
            None => Err(Error::new("42601", format!("end label \"{name}\" specified for unlabeled block")).at(at)),
        }
    }

    /// `[declare ...] begin ... [exception ...] end`.
    pub fn block(&mut self, label: Option<String>) -> Result<Block> {
        self.open.push((label.clone(), false));
        let block = self.within(label.as_ref(), |parser| {
            let mut declared = Vec::new();
            while parser.tokens.accept("declare") {
                parser.declarations(&mut declared)?;
            }
            parser.tokens.expect("begin")?;
            let statements = parser.statements(&["exception", "end"])?;
            let handlers = if parser.tokens.accept("exception") { parser.handlers()? } else { Vec::new() };
            parser.tokens.expect("end")?;
            parser.end_label(label.as_ref())?;
            Ok(Block { label: label.clone(), declared, statements, handlers })
        })?;
        self.open.pop();
        Ok(block)
    }

    /// Statements up to one of these words, which stays.
    pub fn statements(&mut self, ends: &[&str]) -> Result<Vec<Statement>> {
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
        if let Some((target, subscript)) = self.assigned()? {
            let value = match subscript {
                Some(subscript) => self.with_element(&target, &subscript)?,
                None => self.expression()?,
            };
            self.tokens.expect_token(&Token::SemiColon)?;
            return Ok(Statement::Assign(target, value));
        }
        let label = self.label()?;
        let word = self.tokens.word(0);
        if label.is_some()
            && !matches!(word.as_deref(), Some("declare" | "begin" | "for" | "foreach" | "while" | "loop"))
        {
            return Err(self.tokens.unexpected());
        }
        let statement = match word.as_deref() {
            Some("declare" | "begin") => Statement::Block(self.block(label)?),
            Some("for" | "foreach" | "while" | "loop") => self.looped(label)?,
            Some("exit" | "continue") => self.leave()?,
            Some("if") => self.if_statement()?,
            Some("case") => self.case_statement()?,
            Some("perform") => {
                self.tokens.skip();
                let (start, end) = self.tokens.until(at_semicolon)?;
                let text = format!("select {}", &self.tokens.text[start..end]);
                Statement::Perform(self.piece(text, start)?)
            }
            Some("raise") => self.raise()?,
            Some("assert") => self.assertion()?,
            Some("return") => self.returned()?,
            Some("null") => {
                self.tokens.skip();
                Statement::Nothing
            }
            Some("select" | "insert" | "update" | "delete" | "with" | "values" | "merge") => self.sql_statement()?,
            Some("execute") => self.execute()?,
            Some("get") => self.diagnostics()?,
            Some("open") => return Err(self.lacking("a cursor")),
            Some("fetch" | "move" | "close" | "call" | "commit" | "rollback") => return Err(self.refused()),
            Some("set" | "reset") if self.sets_value() => self.setting()?,
            Some("notify") => self.notification()?,
            Some(
                "create" | "alter" | "drop" | "grant" | "revoke" | "truncate" | "comment" | "copy" | "set" | "reset"
                | "lock",
            ) => match self.kind {
                Kind::Block => Statement::Define(self.expression()?),
                _ => return Err(self.refused()),
            },
            _ => return Err(self.tokens.unexpected()),
        };
        self.tokens.expect_token(&Token::SemiColon)?;
        Ok(statement)
    }

    /// A piece of SQL up to the semicolon, which stays.
    pub fn expression(&mut self) -> Result<Sql> {
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
    pub fn piece(&mut self, text: String, at: usize) -> Result<Sql> {
        let has_arguments = self.kind == Kind::Trigger && text.to_ascii_lowercase().contains("tg_argv");
        let text = if has_arguments { with_arguments(&text).map_err(|error| error.at(at))? } else { text };
        self.pieces += 1;
        Ok(Sql { id: self.pieces - 1, text, at, scope: self.known })
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
            let handler = self.within(None, |parser| {
                let knows = ["sqlstate", "sqlerrm"].map(|name| parser.implied(name, "text"));
                Ok(Handler { codes, statements: parser.statements(&["when", "end"])?, knows })
            })?;
            handlers.push(handler);
        }
        if handlers.is_empty() { Err(self.tokens.unexpected()) } else { Ok(handlers) }
    }

    /// Why the statement that comes next does not run.
    fn refused(&self) -> Error {
        let at = self.tokens.at();
        refused_in_function(&self.tokens.text[at..]).at(at)
    }

    pub fn lacking(&self, what: &str) -> Error {
        let place = match self.kind {
            Kind::Trigger => "a trigger function",
            Kind::Function => "a function",
            Kind::Block => "a block",
        };
        Error::unsupported(format!("{what} in {place}"), INSTEAD).at(self.tokens.at())
    }
}

pub(super) fn at_semicolon(tokens: &Tokens<'_>) -> bool {
    tokens.peek() == Some(&Token::SemiColon)
}

/// A text with the names of a trigger's arguments in the places of their indices.
///
/// Errors: 0A000 for an index that is no number.
fn with_arguments(text: &str) -> Result<String> {
    Tokens::new(text)?.replaced(|tokens| {
        if !tokens.sees("tg_argv") {
            return Ok(None);
        }
        match [1, 2, 3].map(|count| tokens.ahead(count)) {
            [Some(Token::LBracket), Some(Token::Number(index, _)), Some(Token::RBracket)] => {
                Ok(Some((4, format!("tg_argv{index}"))))
            }
            _ => {
                let what = "tg_argv without a number in brackets";
                Err(Error::unsupported(what, "Write tg_argv[0], tg_argv[1] and so on."))
            }
        }
    })
}
