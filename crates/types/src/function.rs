//! Signature and code of a function, operator or aggregate, side by side.

use basalt_core::Result;

use crate::{Base, Context, Type, Value, ValueRef};

/// The type of an argument or result in a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A built-in type.
    Is(Base),
    /// An array of a built-in type.
    ArrayOf(Base),
    /// Any type; every `AnyElement` of one call is the same, and `AnyArray` is its array.
    AnyElement,
    /// An array of what `AnyElement` stands for.
    AnyArray,
    /// A range; `AnyElement` is the type of its bounds.
    AnyRange,
    /// Any type at all, each argument for itself.
    Any,
    /// Any enumeration.
    AnyEnum,
    /// A row: `to_jsonb(t)`, `row_to_json(t)`. It comes in its stored form.
    Record,
}

/// How steady a result is (PostgreSQL manual, section 38.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Volatility {
    /// The same for the same arguments, for ever.
    Immutable,
    /// The same within one statement.
    Stable,
    /// Different at each call.
    Volatile,
}

/// Code behind a signature.
#[derive(Clone, Copy)]
pub enum Implementation {
    /// An SQLite expression with `{0}`, `{1}`, ... for the arguments.
    Sqlite(&'static str),
    /// Rust code over stored values.
    Rust(fn(&Context, &[ValueRef<'_>]) -> Result<Value>),
    /// Rust code that also needs the arguments' types.
    Typed(fn(&Context, &[Type], &[ValueRef<'_>]) -> Result<Value>),
}

/// A scalar function.
pub struct Function {
    /// PostgreSQL's name, lower case.
    pub name: &'static str,
    /// Parameter types, in order.
    pub args: &'static [Kind],
    /// Their names, where a call may give them by name; none otherwise. Those left out are then zero.
    pub names: &'static [&'static str],
    /// How many of the last parameters may be left out.
    pub optional: usize,
    /// Whether the last parameter repeats, zero times or more.
    pub variadic: bool,
    /// Result type.
    pub returns: Kind,
    /// Whether a NULL argument makes the result NULL without a call.
    pub strict: bool,
    /// How steady the result is.
    pub volatility: Volatility,
    /// Whether it can neither fail nor tell its arguments otherwise, by the time that it takes for one, so that it may run before a row
    /// policy.
    pub leakproof: bool,
    /// The code.
    pub implementation: Implementation,
}

/// A binary operator, or a prefix one without `left`.
pub struct Operator {
    /// Its spelling: `+`, `->>`, `@>`.
    pub name: &'static str,
    /// Left operand's type.
    pub left: Option<Kind>,
    /// Right operand's type.
    pub right: Kind,
    /// Result type.
    pub returns: Kind,
    /// As in [`Function`].
    pub strict: bool,
    /// As in [`Function`].
    pub volatility: Volatility,
    /// As in [`Function`].
    pub leakproof: bool,
    /// The code.
    pub implementation: Implementation,
}

/// The state of one aggregate over one group.
pub trait Accumulator: Send {
    /// Takes one row's arguments, NULLs included.
    fn step(&mut self, context: &Context, args: &[ValueRef<'_>]) -> Result<()>;
    /// Bytes that it keeps of the rows, where that grows with them.
    fn held(&self) -> usize {
        0
    }
    /// Gives the result.
    fn finish(self: Box<Self>, context: &Context) -> Result<Value>;
}

/// An aggregate function.
pub struct Aggregate {
    /// PostgreSQL's name, lower case.
    pub name: &'static str,
    /// Parameter types.
    pub args: &'static [Kind],
    /// Result type.
    pub returns: Kind,
    /// Starts a group, given the arguments' types; or SQLite's own aggregate as a template.
    pub implementation: AggregateImplementation,
}

/// Code behind an aggregate.
#[derive(Clone, Copy)]
pub enum AggregateImplementation {
    /// An SQLite aggregate call with `{0}`, ... for the arguments.
    Sqlite(&'static str),
    /// Rust code: makes the state of a group.
    Rust(fn(&[Type]) -> Box<dyn Accumulator>),
}

/// A function in FROM that gives rows.
pub struct SetFunction {
    /// PostgreSQL's name, lower case.
    pub name: &'static str,
    /// Parameter types.
    pub args: &'static [Kind],
    /// As in [`Function`].
    pub names: &'static [&'static str],
    /// How many of the last parameters may be left out.
    pub optional: usize,
    /// Result columns: name and type. With one column, an alias of the call renames it.
    pub columns: &'static [(&'static str, Kind)],
    /// The code: all rows at once.
    pub rows: MakeRows,
}

/// Code that makes the rows of a [`SetFunction`] from its arguments' types and values.
pub type MakeRows = fn(&Context, &[Type], &[ValueRef<'_>]) -> Result<Vec<Vec<Value>>>;

/// Default values for the tables' literals: a strict, immutable function that may fail.
impl Function {
    /// A strict, immutable function over stored values.
    pub const fn new(
        name: &'static str,
        args: &'static [Kind],
        returns: Kind,
        implementation: Implementation,
    ) -> Function {
        Function {
            name,
            args,
            names: &[],
            optional: 0,
            variadic: false,
            returns,
            strict: true,
            volatility: Volatility::Immutable,
            leakproof: false,
            implementation,
        }
    }

    /// The last `count` parameters may be left out.
    pub const fn optional(mut self, count: usize) -> Self {
        self.optional = count;
        self
    }

    /// The parameters have these names.
    pub const fn named(mut self, names: &'static [&'static str]) -> Self {
        self.names = names;
        self
    }

    /// The last parameter repeats.
    pub const fn variadic(mut self) -> Self {
        self.variadic = true;
        self
    }

    /// Called with NULL arguments too.
    pub const fn called_on_null(mut self) -> Self {
        self.strict = false;
        self
    }

    /// The same within a statement only.
    pub const fn stable(mut self) -> Self {
        self.volatility = Volatility::Stable;
        self
    }

    /// Different at each call.
    pub const fn volatile(mut self) -> Self {
        self.volatility = Volatility::Volatile;
        self
    }

    /// Can't fail, and takes no longer for one argument than for another.
    pub const fn leakproof(mut self) -> Self {
        self.leakproof = true;
        self
    }

    /// The name under which SQLite knows it: `pg_round(numeric,int4)`.
    pub fn sqlite_name(&self) -> String {
        mangle(self.name, self.args)
    }
}

impl Operator {
    /// A binary operator that may fail.
    pub const fn binary(
        name: &'static str,
        left: Kind,
        right: Kind,
        returns: Kind,
        implementation: Implementation,
    ) -> Operator {
        Operator {
            name,
            left: Some(left),
            right,
            returns,
            strict: true,
            volatility: Volatility::Immutable,
            leakproof: false,
            implementation,
        }
    }

    /// A prefix operator that may fail.
    pub const fn prefix(name: &'static str, right: Kind, returns: Kind, implementation: Implementation) -> Operator {
        Operator {
            name,
            left: None,
            right,
            returns,
            strict: true,
            volatility: Volatility::Immutable,
            leakproof: false,
            implementation,
        }
    }

    /// The same within a statement only.
    pub const fn stable(mut self) -> Self {
        self.volatility = Volatility::Stable;
        self
    }

    /// Sees NULLs.
    pub const fn called_on_null(mut self) -> Self {
        self.strict = false;
        self
    }

    /// Can't fail, whatever its operands.
    pub const fn leakproof(mut self) -> Self {
        self.leakproof = true;
        self
    }

    /// The name under which SQLite knows it: `pg_->>(jsonb,text)`.
    pub fn sqlite_name(&self) -> String {
        match self.left {
            Some(left) => mangle(self.name, &[left, self.right]),
            None => mangle(self.name, &[self.right]),
        }
    }
}

impl Aggregate {
    /// The name under which SQLite knows it.
    pub fn sqlite_name(&self) -> String {
        mangle(self.name, self.args)
    }
}

fn mangle(name: &str, args: &[Kind]) -> String {
    let args: Vec<String> = args.iter().map(|kind| kind.to_string()).collect();
    format!("pg_{name}({})", args.join(","))
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Kind::Is(base) => f.write_str(base.internal_name()),
            Kind::ArrayOf(base) => write!(f, "{}[]", base.internal_name()),
            Kind::AnyElement => f.write_str("anyelement"),
            Kind::AnyArray => f.write_str("anyarray"),
            Kind::AnyRange => f.write_str("anyrange"),
            Kind::Any => f.write_str("any"),
            Kind::AnyEnum => f.write_str("anyenum"),
            Kind::Record => f.write_str("record"),
        }
    }
}
