//! What decides where a body goes on: IF, CASE, loops, EXIT and CONTINUE, ASSERT.

use basalt_core::{Error, Result};
use sqlparser::tokenizer::Token;

use super::ast::{Block, Dynamic, Leave, Loop, Named, Over, Query, Raise, RaiseOption, Sql, Statement, Target};
use super::parse::{Parser, at_semicolon};
use super::raise::exception;
use super::tokens::Tokens;

/// The variable of a CASE's operand.
const OPERAND: &str = "__Case__Variable__";

impl Parser<'_> {
    pub(super) fn if_statement(&mut self) -> Result<Statement> {
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

    /// `case when a then ...`, and `case x when a, b then ...`: a block whose variable is the operand, which is evaluated once.
    pub(super) fn case_statement(&mut self) -> Result<Statement> {
        self.tokens.skip();
        self.case_over(Self::branches_of_case)
    }

    /// What follows the word `case`: the branches, which are told whether there is an operand.
    pub(super) fn case_over(&mut self, branches: impl Fn(&mut Self, bool) -> Result<Statement>) -> Result<Statement> {
        if self.tokens.sees("when") {
            return branches(self, false);
        }
        let (start, end) = self.tokens.until(|tokens| tokens.sees("when"))?;
        // A record takes a value of any type.
        let operand = self.piece(format!("row({})", &self.tokens.text[start..end]), start)?;
        self.within(None, |parser| {
            parser.name_operand();
            let target = Target { row: None, name: OPERAND.to_owned(), at: start, scope: parser.scope() };
            let statements = vec![Statement::Assign(target, operand), branches(parser, true)?];
            Ok(Statement::Block(Block { label: None, declared: Vec::new(), statements, handlers: Vec::new() }))
        })
    }

    /// The operand's variable is known from here on. All CASEs share it: once one of the branches runs, no other is asked for.
    fn name_operand(&mut self) {
        match self.operand {
            Some(place) => self.name(Named::Variable(place)),
            None => self.operand = Some(self.implied(OPERAND, "record")),
        }
    }

    /// `when a then ...` up to `end case`.
    fn branches_of_case(&mut self, has_operand: bool) -> Result<Statement> {
        let mut branches = Vec::new();
        while self.tokens.accept("when") {
            branches.push((self.condition_of_case(has_operand)?, self.statements(&["when", "else", "end case"])?));
        }
        let otherwise = match self.tokens.accept("else") {
            true => self.statements(&["end case"])?,
            false => {
                let hint = self.piece("'CASE statement is missing ELSE part.'".to_owned(), self.tokens.at())?;
                vec![Statement::Raise(Raise {
                    code: Some("20000".to_owned()),
                    format: Some("case not found".to_owned()),
                    options: vec![(RaiseOption::Hint, hint)],
                    ..exception()
                })]
            }
        };
        self.tokens.expect("end case")?;
        Ok(Statement::If(branches, otherwise))
    }

    /// What stands between `when` and `then`, both read.
    pub(super) fn condition_of_case(&mut self, has_operand: bool) -> Result<Sql> {
        let (start, end) = self.tokens.until(|tokens| tokens.sees("then"))?;
        let value = &self.tokens.text[start..end];
        let condition = if has_operand { format!("\"{OPERAND}\".f1 in ({value})") } else { value.to_owned() };
        self.tokens.expect("then")?;
        self.piece(condition, start)
    }

    /// `assert condition [, message]`.
    pub(super) fn assertion(&mut self) -> Result<Statement> {
        self.tokens.skip();
        let ends = |tokens: &Tokens<'_>| at_semicolon(tokens) || tokens.sees_comma();
        let condition = self.expression_until(ends)?;
        let mut failed = Raise { code: Some("P0004".to_owned()), ..exception() };
        match self.tokens.sees_comma() {
            true => {
                self.tokens.skip();
                let (start, end) = self.tokens.until(at_semicolon)?;
                let message = format!("coalesce(({})::text, 'assertion failed')", &self.tokens.text[start..end]);
                failed.options.push((RaiseOption::Message, self.piece(message, start)?));
            }
            false => failed.format = Some("assertion failed".to_owned()),
        }
        Ok(Statement::If(vec![(condition, Vec::new())], vec![Statement::Raise(failed)]))
    }

    /// `loop`, `while`, `for` and `foreach`, each up to its `end loop`.
    pub(super) fn looped(&mut self, label: Option<String>) -> Result<Statement> {
        self.open.push((label.clone(), true));
        let looped = self.within(label.as_ref(), |parser| {
            let over = parser.over()?;
            parser.tokens.expect("loop")?;
            let statements = parser.statements(&["end loop"])?;
            parser.tokens.expect("end loop")?;
            parser.end_label(label.as_ref())?;
            Ok(Loop { label: label.clone(), over, statements })
        })?;
        self.open.pop();
        Ok(Statement::Loop(looped))
    }

    fn over(&mut self) -> Result<Over> {
        let at_loop = |tokens: &Tokens<'_>| tokens.sees("loop");
        if self.tokens.accept("while") {
            return Ok(Over::While(self.expression_until(at_loop)?));
        }
        if self.tokens.accept("foreach") {
            let target = self.target()?;
            let slice = self.slice()?;
            self.tokens.expect("in array")?;
            let (start, end) = self.tokens.until(at_loop)?;
            let array = self.tokens.text[start..end].to_owned();
            let elements = match slice {
                0 => self.piece(format!("select * from unnest({array})"), start)?,
                kept => self.piece(format!("select basalt_slices({array}, {kept})"), start)?,
            };
            return Ok(Over::Elements(target, elements, self.piece(format!("({array}) is null"), start)?));
        }
        if !self.tokens.accept("for") {
            return Ok(Over::Ever);
        }
        let targets = self.targets()?;
        self.tokens.expect("in")?;
        if self.tokens.sees("execute") {
            return Ok(Over::Rows(targets, Query::Dynamic(self.dynamic(&["loop"])?)));
        }
        let reverse = self.tokens.accept("reverse");
        let start = self.tokens.at();
        self.tokens.until(|tokens| tokens.sees_range() || tokens.sees("loop"))?;
        if !self.tokens.sees_range() {
            let text = self.tokens.text[start..self.tokens.end().max(start)].to_owned();
            let is_query = ["select", "insert", "update", "delete", "with", "values", "("];
            if !is_query.iter().any(|word| text.to_ascii_lowercase().starts_with(word)) {
                return Err(self.lacking("a loop over a cursor"));
            }
            return Ok(Over::Rows(targets, Query::Static(self.piece(text, start)?)));
        }
        let [variable] = targets.as_slice() else {
            return Err(Error::new("42601", "integer FOR loop must have only one target variable").at(start));
        };
        let name = variable.name.clone();
        let from = self.piece(self.tokens.text[start..self.tokens.end().max(start)].to_owned(), start)?;
        self.tokens.skip();
        self.tokens.skip();
        let to = self.expression_until(|tokens| tokens.sees("by") || tokens.sees("loop"))?;
        let by = if self.tokens.accept("by") { Some(self.expression_until(at_loop)?) } else { None };
        let variable = self.implied(&name, "integer");
        Ok(Over::Range { variable, reverse, from, to, by })
    }

    /// `slice n` of FOREACH: how many dimensions what it gives has.
    fn slice(&mut self) -> Result<u8> {
        if !self.tokens.accept("slice") {
            return Ok(0);
        }
        let Some(Token::Number(number, _)) = self.tokens.peek() else { return Err(self.tokens.unexpected()) };
        let slice = number.parse().map_err(|_| self.tokens.unexpected())?;
        self.tokens.skip();
        Ok(slice)
    }

    /// `exit [label] [when ...]`, `continue [label] [when ...]`.
    pub(super) fn leave(&mut self) -> Result<Statement> {
        let at = self.tokens.at();
        let continues = self.tokens.accept("continue");
        if !continues {
            self.tokens.expect("exit")?;
        }
        let named = !self.tokens.sees("when") && !at_semicolon(&self.tokens);
        let label = if named { Some(self.tokens.name()?) } else { None };
        let when = if self.tokens.accept("when") { Some(self.expression()?) } else { None };
        let refused = |message: String| Err(Error::new("42601", message).at(at));
        match &label {
            Some(label) => match self.open.iter().rev().find(|(open, _)| open.as_ref() == Some(label)) {
                None => {
                    let message =
                        format!("there is no label \"{label}\" attached to any block or loop enclosing this statement");
                    return refused(message);
                }
                Some((_, false)) if continues => {
                    return refused(format!("block label \"{label}\" cannot be used in CONTINUE"));
                }
                Some(_) => {}
            },
            None if self.open.iter().any(|(_, is_loop)| *is_loop) => {}
            None if continues => return refused("CONTINUE cannot be used outside a loop".to_owned()),
            None => return refused("EXIT cannot be used outside a loop, unless it has a label".to_owned()),
        }
        Ok(Statement::Leave(Leave { continues, label, when }))
    }

    /// `execute text [using a, b]` up to one of these words or a semicolon, which stays.
    pub(super) fn dynamic(&mut self, ends: &[&str]) -> Result<Dynamic> {
        self.tokens.expect("execute")?;
        let ended = |tokens: &Tokens<'_>| at_semicolon(tokens) || ends.iter().any(|end| tokens.sees(end));
        let text = self.expression_until(|tokens| ended(tokens) || tokens.sees("using") || tokens.sees("into"))?;
        let mut using = Vec::new();
        if self.tokens.accept("using") {
            loop {
                using
                    .push(self.expression_until(|tokens| ended(tokens) || tokens.sees_comma() || tokens.sees("into"))?);
                if !self.tokens.sees_comma() {
                    break;
                }
                self.tokens.skip();
            }
        }
        Ok(Dynamic { text, using })
    }
}
