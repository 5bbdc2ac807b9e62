//! The body of a function in PL/pgSQL.

/// A whole body.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// Its outermost block.
    pub block: Block,
    /// How many pieces of SQL it has: [`Sql::id`] is below.
    pub pieces: usize,
}

/// `declare ... begin ... exception ... end`.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Its variables. No two of a body have the same name.
    pub declared: Vec<Declared>,
    /// What it does.
    pub statements: Vec<Statement>,
    /// What it does about errors.
    pub handlers: Vec<Handler>,
}

/// A variable.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// Its type as written, `t.a%type` included.
    pub ty: String,
    /// Whether it must not be NULL.
    pub not_null: bool,
    /// Whether it is never assigned to again.
    pub constant: bool,
    /// Its first value; NULL without one.
    pub value: Option<Sql>,
    /// Byte offset in the body.
    pub at: usize,
}

/// A piece of SQL: an expression, or a statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Sql {
    /// Its number within the body.
    pub id: usize,
    /// Its text.
    pub text: String,
    /// Byte offset in the body.
    pub at: usize,
}

/// What a body does.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// `a := b`, `new.a = b`.
    Assign(Target, Sql),
    /// `if ... then ... elsif ... else ... end if`, and CASE: each condition with what it leads to, and what to do when none holds.
    If(Vec<(Sql, Vec<Statement>)>, Vec<Statement>),
    /// A query or write whose rows nobody wants.
    Run(Sql),
    /// A query or write with `into`.
    Into(Sql, Vec<Target>, Strict),
    /// `perform ...`, as the query that it is.
    Perform(Sql),
    /// `raise ...`.
    Raise(Raise),
    /// `return`: the first of these rows that there is; none for `return null`.
    Return(Vec<RowName>),
    /// A block within.
    Block(Block),
    /// `null`.
    Nothing,
}

/// What is assigned to: a variable, or a column of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// `new`, where it is one of its columns.
    pub row: Option<String>,
    /// The variable or column.
    pub name: String,
    /// Byte offset in the body.
    pub at: usize,
}

/// Whether `into` wants exactly one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // SQL's own words
pub enum Strict {
    Yes,
    No,
}

/// A row that a trigger function knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // SQL's own words
pub enum RowName {
    New,
    Old,
}

/// `raise`.
#[derive(Debug, Clone, PartialEq)]
pub struct Raise {
    /// How bad it is: only an exception ends anything.
    pub is_exception: bool,
    /// The SQLSTATE that is named, if any.
    pub code: Option<String>,
    /// The message with a `%` for each argument, `%%` for a percent sign.
    pub format: Option<String>,
    /// What stands in the places of the `%`.
    pub args: Vec<Sql>,
    /// `using ...`.
    pub options: Vec<(RaiseOption, Sql)>,
    /// Whether it raises the error that is being handled again: `raise` alone.
    pub again: bool,
}

/// What `using` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // SQL's own words
pub enum RaiseOption {
    Message,
    Detail,
    Hint,
    Errcode,
    Constraint,
    /// `column`, `table`, `schema`, `datatype`: what no door shows.
    Other,
}

/// `when ... then ...` of EXCEPTION.
#[derive(Debug, Clone, PartialEq)]
pub struct Handler {
    /// SQLSTATEs; one that ends with three zeros is a whole class, and none at all is `others`.
    pub codes: Vec<String>,
    /// What it does.
    pub statements: Vec<Statement>,
}

impl Block {
    /// Calls `f` with every statement, those within others too.
    pub fn each_statement<'b>(&'b self, f: &mut dyn FnMut(&'b Statement)) {
        let handled = self.handlers.iter().flat_map(|handler| &handler.statements);
        self.statements.iter().chain(handled).for_each(|statement| statement.each(f));
    }
}

impl Statement {
    /// Whether it may return from the function.
    pub fn returns(&self) -> bool {
        let mut found = false;
        self.each(&mut |statement| found |= matches!(statement, Statement::Return(_)));
        found
    }

    fn each<'b>(&'b self, f: &mut dyn FnMut(&'b Statement)) {
        f(self);
        match self {
            Statement::If(branches, otherwise) => {
                let within = branches.iter().flat_map(|(_, statements)| statements).chain(otherwise);
                within.for_each(|statement| statement.each(f));
            }
            Statement::Block(block) => block.each_statement(f),
            _ => {}
        }
    }
}
