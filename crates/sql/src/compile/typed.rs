//! What binding an expression yields: SQLite source with its PostgreSQL type and what else lowering must know of it.

use std::sync::Arc;

use basalt_types::{Type, Typmod, Value};

pub(crate) use basalt_types::codec::CastContext;

use crate::Name;

/// A bound expression.
#[derive(Debug, Clone)]
pub(crate) struct Typed {
    /// SQLite source, ready to stand as an operand of anything (in parentheses where it needs them).
    pub sql: String,
    /// PostgreSQL type. `unknown` for undecided literals and parameters: see [`Form`].
    pub ty: Type,
    /// The type's modifier, where it is known.
    pub typmod: Option<Typmod>,
    /// Whether it can neither fail nor tell its operands, so that it may run before a row policy.
    pub leakproof: bool,
    /// Whether each evaluation may differ.
    pub volatile: bool,
    /// Whether it depends on the session, by a function or a cast that PostgreSQL calls stable.
    pub stable: bool,
    /// Whether it is known never to be NULL.
    pub not_null: bool,
    /// Whether SQLite compares it under [`Type::collation`] without being told: a base table's bare column.
    pub collated: bool,
    /// Ids of the [`super::scope::Source`]s whose columns it reads, subqueries included.
    pub sources: Vec<usize>,
    /// Those of them whose computed columns it reads that may fail or tell: SQLite would compute these for hidden rows too, where a
    /// condition is moved into the query.
    pub leaks: Vec<usize>,
    /// Of a row: the relation whose row it is, where that is known.
    pub row_of: Option<Arc<Name>>,
    /// What kind of expression it is.
    pub form: Form,
}

/// What lowering must know of an expression's shape.
#[derive(Debug, Clone)]
pub(crate) enum Form {
    /// Nothing special.
    Other,
    /// A column: the source's id and the column's index.
    Column(usize, usize),
    /// A constant in stored form. With type `unknown` it is a literal that the context will read.
    Constant(Value),
    /// The statement's parameter `$n` (0 for `$1`) while its type is undecided.
    Param(usize),
    /// A row of known fields. `sql` is empty, or what is NULL just when the row is: [`super::row`] writes the row where it is wanted.
    Row(Vec<(String, Typed)>, Origin),
}

/// Where a row of known fields comes from: two that are written out compare as SQL has it, field by field; all others as values do,
/// whose NULLs are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `row(a, b)`, `(a, b)`.
    Written,
    /// `row(a, b)::t`: a value, which IN alone takes for what is written out.
    Cast,
    /// A table's row, a variable's, a function's.
    Value,
}

impl Typed {
    /// A leakproof, non-volatile expression over no source.
    pub fn new(sql: impl Into<String>, ty: Type) -> Self {
        Typed {
            sql: sql.into(),
            ty,
            typmod: None,
            leakproof: true,
            volatile: false,
            stable: false,
            not_null: false,
            collated: false,
            sources: Vec::new(),
            leaks: Vec::new(),
            row_of: None,
            form: Form::Other,
        }
    }

    /// An expression made of others: as leakproof and steady as all of them, over all their sources.
    pub fn over<'t>(sql: impl Into<String>, ty: Type, operands: impl IntoIterator<Item = &'t Typed>) -> Self {
        let mut typed = Typed::new(sql, ty);
        for operand in operands {
            typed.absorb(operand);
        }
        typed
    }

    /// A constant in stored form.
    pub fn constant(value: Value, ty: Type) -> Self {
        let mut typed = Typed::new(constant_sql(&value), ty);
        typed.not_null = !value.is_null();
        typed.form = Form::Constant(value);
        typed
    }

    /// Takes over the properties of an operand.
    pub fn absorb(&mut self, operand: &Typed) {
        self.leakproof &= operand.leakproof;
        self.volatile |= operand.volatile;
        self.stable |= operand.stable;
        for id in &operand.sources {
            if !self.sources.contains(id) {
                self.sources.push(*id);
            }
        }
        for id in &operand.leaks {
            if !self.leaks.contains(id) {
                self.leaks.push(*id);
            }
        }
    }

    /// Whether the context still has to decide its type.
    pub fn is_unknown(&self) -> bool {
        self.ty == Type::UNKNOWN
    }

    /// Whether it is the literal NULL.
    pub fn is_null_literal(&self) -> bool {
        matches!(self.form, Form::Constant(Value::Null))
    }

    /// Whether naming it twice costs next to nothing: a constant, a parameter, a column.
    pub fn is_cheap(&self) -> bool {
        let parameter = self.sql.strip_prefix('?').is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
        parameter || matches!(self.form, Form::Constant(_) | Form::Column(..))
    }

    /// A row of known fields, as it came from elsewhere.
    pub fn with_origin(mut self, origin: Origin) -> Self {
        if let Form::Row(_, given) = &mut self.form {
            *given = origin;
        }
        self
    }

    /// The fields of a row expression.
    pub fn row(&self) -> Option<&[(String, Typed)]> {
        match &self.form {
            Form::Row(fields, _) => Some(fields),
            _ => None,
        }
    }

    /// The source as an operand of a comparison, or a key of an order or a group: under its type's collation.
    pub fn collated_sql(&self) -> String {
        let is_known = self.ty.collation().is_none() || self.collated;
        // SQLite looks for a collation within calls too, where another type's may stand.
        let is_plain = self.sql.matches(" COLLATE ").count() == 1 && self.sql.ends_with(" COLLATE BINARY)");
        if is_known && (is_plain || !self.mentions_collation()) { self.sql.clone() } else { self.under_collation() }
    }

    /// The source as the left operand beside a right one, whose collation SQLite prefers to a column's own.
    pub fn collated_beside(&self, right: &Typed) -> String {
        if right.mentions_collation() { self.under_collation() } else { self.collated_sql() }
    }

    fn under_collation(&self) -> String {
        let collation = self.ty.collation().unwrap_or_else(|| "BINARY".to_owned());
        format!("{} COLLATE {}", self.sql, crate::quote::ident(&collation))
    }

    fn mentions_collation(&self) -> bool {
        self.sql.contains(" COLLATE ")
    }
}

/// A stored value as an SQLite literal.
pub(crate) fn constant_sql(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Int(i64::MIN) => "(-9223372036854775807-1)".to_owned(),
        Value::Int(i) if *i < 0 => format!("({i})"),
        Value::Int(i) => i.to_string(),
        Value::Real(r) if r.is_infinite() => if *r > 0.0 { "9e999" } else { "(-9e999)" }.to_owned(),
        Value::Real(r) if r.is_sign_negative() => format!("({r:?})"),
        Value::Real(r) => format!("{r:?}"),
        Value::Text(text) => crate::quote::literal(text),
        Value::Blob(bytes) => {
            let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
            format!("x'{hex}'")
        }
    }
}
