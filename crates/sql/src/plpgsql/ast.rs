//! The body of a function in PL/pgSQL.

/// A whole body.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// Its outermost block.
    pub block: Block,
    /// All variables that it declares, those of loops and handlers included.
    pub variables: Vec<Declared>,
    /// What is declared where: [`Sql::scope`] and [`Target::scope`] are places in it.
    pub names: Vec<Name>,
    /// What a name means that is a variable's and a column's.
    pub conflict: Conflict,
}

/// A name that stands in a body, and the place among [`Body::names`] of the one before that is known with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Name {
    /// The name before; none where the function's own begin.
    pub before: Option<usize>,
    /// What it names.
    pub what: Named,
}

/// What a name is.
#[derive(Debug, Clone, PartialEq)]
pub enum Named {
    /// A block or loop begins, with its label; what was declared since belongs to it.
    Block(Option<String>),
    /// A variable: its place among [`Body::variables`].
    Variable(usize),
    /// Another name of a variable.
    Alias(String, Known),
}

/// A variable that a body can name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// One that it declares: its place among [`Body::variables`].
    Declared(usize),
    /// One that its function has by itself: its name, or `$` and its number.
    Own(String),
}

/// `#variable_conflict`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// It is refused (42702).
    Error,
    /// The variable is meant.
    Variable,
    /// The column is meant.
    Column,
}

/// `declare ... begin ... exception ... end`.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Its label.
    pub label: Option<String>,
    /// Its variables: places among [`Body::variables`].
    pub declared: Vec<usize>,
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
    /// The last name that is known here; none where only the function's own are.
    pub scope: Option<usize>,
}

/// What a body does.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// `a := b`, `new.a = b`.
    Assign(Target, Sql),
    /// `if ... then ... elsif ... else ... end if`, and CASE: each condition with what it leads to, and what to do when none holds.
    If(Vec<(Sql, Vec<Statement>)>, Vec<Statement>),
    /// A write whose rows nobody wants.
    Run(Sql),
    /// A query or write with `into`.
    Into(Sql, Into),
    /// `perform ...`, as the query that it is.
    Perform(Sql),
    /// `execute ... [into ...] [using ...]`.
    Execute(Dynamic, Option<Into>),
    /// `raise ...`.
    Raise(Raise),
    /// `return` of a row that a trigger function has: the first of these that there is; none for `return null`.
    ReturnRow(Vec<RowName>),
    /// `return [...]` of anything else.
    Return(Option<Sql>),
    /// `return next [...]`.
    ReturnNext(Option<Sql>),
    /// `return query ...`.
    ReturnQuery(Query),
    /// A loop.
    Loop(Loop),
    /// `exit` and `continue`.
    Leave(Leave),
    /// `get [stacked] diagnostics ...`.
    Diagnostics(Vec<(Target, Diagnostic)>),
    /// `set` of a setting, as the query that it is.
    Set(Sql),
    /// A definition, in a block of a script.
    Define(Sql),
    /// A block within.
    Block(Block),
    /// `null`.
    Nothing,
}

/// SQL that is put together while the body runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Dynamic {
    /// Its text.
    pub text: Sql,
    /// The values of its parameters.
    pub using: Vec<Sql>,
}

/// A query that gives rows.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // the manual's own words
pub enum Query {
    Static(Sql),
    Dynamic(Dynamic),
}

/// Where a row goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Into {
    /// What is assigned to.
    pub targets: Vec<Target>,
    /// Whether there must be exactly one row.
    pub strict: bool,
}

/// A loop.
#[derive(Debug, Clone, PartialEq)]
pub struct Loop {
    /// Its label.
    pub label: Option<String>,
    /// How often.
    pub over: Over,
    /// What it does.
    pub statements: Vec<Statement>,
}

/// How often a loop runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Over {
    /// Until something leaves it.
    Ever,
    /// `while ...`.
    While(Sql),
    /// `for i in [reverse] a..b [by c]`: the variable's place among [`Body::variables`].
    Range {
        /// The variable.
        variable: usize,
        /// Whether it counts down.
        reverse: bool,
        /// Its first value.
        from: Sql,
        /// Its last one.
        to: Sql,
        /// How far it goes each time; by 1 without.
        by: Option<Sql>,
    },
    /// `for r in select ...`.
    Rows(Vec<Target>, Query),
    /// `foreach x in array ...`: the array's elements as rows, and whether there is no array.
    Elements(Target, Sql, Sql),
}

/// `exit` or `continue`.
#[derive(Debug, Clone, PartialEq)]
pub struct Leave {
    /// Whether the loop goes on with its next turn.
    pub continues: bool,
    /// The loop or block that is meant; the innermost loop without.
    pub label: Option<String>,
    /// On which condition.
    pub when: Option<Sql>,
}

/// What `get diagnostics` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the manual's own words
pub enum Diagnostic {
    RowCount,
    ReturnedSqlstate,
    MessageText,
    Detail,
    Hint,
    ConstraintName,
    ColumnName,
    DatatypeName,
    SchemaName,
    TableName,
    /// Where the body was: what is not kept, an empty text.
    Context,
}

/// What is assigned to: a variable, or a column of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The row whose column it is, or the block whose variable.
    pub row: Option<String>,
    /// The variable or column.
    pub name: String,
    /// Byte offset in the body.
    pub at: usize,
    /// The last name that is known here.
    pub scope: Option<usize>,
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
    /// The SQLSTATE, or the condition that is named, if any.
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
    Column,
    Datatype,
    Schema,
    Table,
}

/// `when ... then ...` of EXCEPTION.
#[derive(Debug, Clone, PartialEq)]
pub struct Handler {
    /// SQLSTATEs; one that ends with three zeros is a whole class, and none at all is `others`.
    pub codes: Vec<String>,
    /// What it does.
    pub statements: Vec<Statement>,
    /// The places of `sqlstate` and `sqlerrm` among [`Body::variables`].
    pub knows: [usize; 2],
}
