//! What names mean at a place of a query: the tables of its FROM, their columns, CTEs and function arguments.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::{Type, Typmod};
use sqlparser::ast;

use super::typed::{Form, Typed};
use crate::Name;
use crate::catalog::Relation;

/// The names that one level of a query sees.
pub(crate) struct Scope<'s> {
    /// The query around it, whose columns a subquery may read too.
    pub parent: Option<&'s Scope<'s>>,
    /// Entries of FROM, in order.
    pub sources: Vec<Source>,
    /// Whether FROM is being bound, where not every entry before is seen by SQLite.
    pub in_from: bool,
    /// Columns merged by `using` or `natural`, which an unqualified name means first.
    pub merged: Vec<Merged>,
    /// The names of joins (`using (a) as j`), each with its merged columns.
    pub joins: Vec<(String, Vec<Merged>)>,
    /// `with` queries that this level adds.
    pub ctes: Vec<Cte>,
    /// Arguments of the SQL function whose body this is.
    pub args: Option<Rc<Arguments>>,
    /// Which clause is being bound.
    pub clause: Cell<Clause>,
    /// The keys of a grouped query, while what stands over its groups is bound.
    pub grouping: RefCell<Option<Rc<Grouping>>>,
    /// Set-returning calls of the select list, and the sources that they stand for, while that is bound.
    pub set_calls: RefCell<Vec<(ast::Function, usize)>>,
    /// Windows named by `window w as (...)`.
    pub windows: RefCell<Vec<ast::NamedWindowDefinition>>,
    /// Whether subqueries are refused here, and with what they are called (`check constraint`).
    subqueries: bool,
}

/// A clause of a query, which decides what may stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clause {
    /// Neither aggregates nor window functions: the clause's name for the message.
    Rows(&'static str),
    /// SELECT and ORDER BY: aggregates and window functions.
    Output,
    /// HAVING: aggregates.
    Having,
    /// Inside an aggregate's arguments.
    Aggregate,
    /// Inside a window function's arguments or its window.
    Window,
}

/// What a grouped query is grouped by.
pub(crate) struct Grouping {
    /// Keys that are plain columns: source id and column index.
    pub columns: Vec<(usize, usize)>,
    /// Keys that are expressions.
    pub exprs: Vec<KeyExpr>,
    /// Sources whose primary key is among the keys: all their columns are determined.
    pub determined: Vec<usize>,
    /// Keys of other grouping sets that are plain columns: NULL in this one.
    pub absent_columns: Vec<(usize, usize)>,
    /// Keys of other grouping sets that are expressions.
    pub absent_exprs: Vec<KeyExpr>,
}

/// A key of a group that is no plain column.
#[derive(Clone)]
pub(crate) struct KeyExpr {
    /// As it is written.
    pub expr: ast::Expr,
    /// What it is bound to, by which other spellings of it are known.
    pub sql: String,
    /// Its type.
    pub ty: Type,
}

impl KeyExpr {
    /// A key with what it is bound to.
    pub fn new(expr: &ast::Expr, bound: &Typed) -> KeyExpr {
        KeyExpr { expr: expr.clone(), sql: source_of(bound), ty: bound.ty.clone() }
    }

    /// Whether an expression means the same.
    pub fn is(&self, expr: &ast::Expr, bound: &Typed) -> bool {
        self.expr == *expr || (self.ty == bound.ty && self.sql == source_of(bound))
    }
}

/// The source of a value; of a row, which has none of its own before it is stored, that of its fields.
fn source_of(value: &Typed) -> String {
    match &value.form {
        Form::Row(fields, _) => fields.iter().map(|(_, field)| source_of(field)).collect::<Vec<_>>().join(", "),
        _ => value.sql.clone(),
    }
}

/// One entry of FROM.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Unique within the statement.
    pub id: usize,
    /// The name by which PostgreSQL source refers to it.
    pub alias: String,
    /// The unique name that it has in the SQLite statement, quoted. Empty where columns stand bare (DDL).
    pub sqlite: String,
    /// The schema, where the entry can also be named `schema.table`.
    pub schema: Option<String>,
    /// The base table or view read, if it is one.
    pub relation: Option<Arc<Relation>>,
    /// The relation whose rows it gives: the one read, or that of a function's rows.
    pub rows_of: Option<Arc<Name>>,
    /// Its columns.
    pub columns: Vec<SourceColumn>,
    /// Whether it stands on the nullable side of an outer join.
    pub nullable: bool,
    /// Row policies as an SQLite condition over its columns: what must hold before anything that leaks may see a row.
    pub guard: Option<String>,
    /// Whether it is a subquery over tables with row policies, so that nothing that leaks may be pushed into it.
    pub protected: bool,
    /// Whether reading a column must be allowed to the role (not inside policies' own table, for captured rows, ...).
    pub check_privileges: bool,
    /// Whether any column was read, so that the privilege on some column need not be asked for again.
    pub used: Cell<bool>,
    /// A function's result of one plain column: the alias means the value itself.
    pub scalar: bool,
    /// Known by a qualified name only, as a set-returning function of a select list.
    pub qualified_only: bool,
    /// Whether it is known to give one row at most.
    pub at_most_one: bool,
    /// SQLite source of what tells a table's rows apart, PostgreSQL's `ctid`.
    pub row_number: Option<String>,
    /// Of a query: the relations' columns that its columns are, by their places.
    pub origins: Vec<Option<(Name, String)>>,
}

/// A column of a [`Source`].
#[derive(Debug, Clone)]
pub(crate) struct SourceColumn {
    /// Name.
    pub name: String,
    /// Type.
    pub ty: Type,
    /// Modifier.
    pub typmod: Option<Typmod>,
    /// SQLite source: `"t"."a"`.
    pub sql: String,
    /// NOT NULL.
    pub not_null: bool,
    /// Whether SQLite knows the collation: a base table's column, or a subquery's that passes one on.
    pub collated: bool,
    /// Whether what computes it can neither fail nor tell of a row that policies hide.
    pub leakproof: bool,
    /// Whether only generated SQL refers to it.
    pub hidden: bool,
}

/// A column of a join with `using`.
#[derive(Debug, Clone)]
pub(crate) struct Merged {
    /// Name.
    pub name: String,
    /// Its value.
    pub value: Typed,
    /// The columns that it stands for: source id and column index.
    pub parts: Vec<(usize, usize)>,
}

/// A `with` query, or rows that an earlier step captured.
#[derive(Debug, Clone)]
pub(crate) struct Cte {
    /// Its name.
    pub name: String,
    /// What FROM reads in SQLite: `"_with1"`, `pg_rows(0)`.
    pub table: String,
    /// Columns: name, type, modifier, the name in SQLite.
    pub columns: Vec<CteColumn>,
    /// Whether it reads tables with row policies.
    pub protected: bool,
}

/// A column of a [`Cte`].
#[derive(Debug, Clone)]
pub(crate) struct CteColumn {
    /// Name in PostgreSQL.
    pub name: String,
    /// Name in SQLite.
    pub sqlite: String,
    /// Type.
    pub ty: Type,
    /// Modifier.
    pub typmod: Option<Typmod>,
    /// NOT NULL.
    pub not_null: bool,
    /// Whether SQLite carries the collation.
    pub collated: bool,
    /// Whether what computes it can neither fail nor tell of a row that policies hide.
    pub leakproof: bool,
    /// The relation's column that it is.
    pub source: Option<(Name, String)>,
}

/// The arguments of an SQL function, as values at the place of its call; or the variables of a body in PL/pgSQL.
pub(crate) struct Arguments {
    /// The function's name, by which they may be qualified.
    pub function: String,
    /// Names (empty if unnamed) and values: of several with one name the first is meant.
    pub values: Vec<(String, Typed)>,
    /// Which of them are `$1`, `$2`, ...
    pub numbered: Vec<usize>,
    /// Blocks with their labels, by which their variables may be qualified.
    pub labelled: Vec<(String, usize)>,
    /// Records of PL/pgSQL that have no columns yet.
    pub unassigned: Vec<String>,
    /// What a name means that is a column's too.
    pub sides: Sides,
}

/// What a name means that is both an argument's and a column's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sides {
    /// The column.
    Column,
    /// The argument.
    Argument,
    /// That is refused (42702).
    Refused,
}

impl Arguments {
    /// Arguments without numbers.
    pub fn of(function: String, values: Vec<(String, Typed)>) -> Arguments {
        let (numbered, labelled, unassigned) = (Vec::new(), Vec::new(), Vec::new());
        Arguments { function, values, numbered, labelled, unassigned, sides: Sides::Column }
    }

    /// Those of an SQL function: `$1` is the first.
    pub fn numbered(function: String, values: Vec<(String, Typed)>) -> Arguments {
        Arguments { numbered: (0..values.len()).collect(), ..Arguments::of(function, values) }
    }

    /// The value of that name.
    pub fn named(&self, name: &str) -> Option<&Typed> {
        self.values.iter().find(|(known, _)| known == name && !known.is_empty()).map(|(_, value)| value)
    }

    /// The value that is qualified by its function or block.
    pub fn qualified(&self, qualifier: &str, name: &str) -> Option<&Typed> {
        let fits = |(label, at): &&(String, usize)| label == qualifier && self.values[*at].0 == name;
        let labelled = self.labelled.iter().find(fits).map(|(_, at)| &self.values[*at].1);
        labelled.or_else(|| self.named(name).filter(|_| self.labelled.is_empty() && self.function == qualifier))
    }

    /// 55000 for a record of PL/pgSQL without columns.
    pub fn check_assigned(&self, name: &str) -> Result<()> {
        match self.unassigned.iter().any(|record| record == name) {
            true => Err(super::body::unassigned(name)),
            false => Ok(()),
        }
    }
}

impl<'s> Scope<'s> {
    /// A level with nothing in it yet.
    pub fn new(parent: Option<&'s Scope<'s>>) -> Self {
        Scope {
            parent,
            sources: Vec::new(),
            in_from: false,
            merged: Vec::new(),
            joins: Vec::new(),
            ctes: Vec::new(),
            args: None,
            clause: Cell::new(Clause::Rows("FROM")),
            grouping: RefCell::new(None),
            set_calls: RefCell::default(),
            windows: RefCell::new(Vec::new()),
            subqueries: true,
        }
    }

    /// Refuses subqueries here (0A000), as in CHECK, DEFAULT and index expressions.
    pub fn forbid_subqueries(&mut self) {
        self.subqueries = false;
    }

    /// Whether subqueries are allowed.
    pub fn allows_subqueries(&self) -> bool {
        self.subqueries && self.parent.is_none_or(Scope::allows_subqueries)
    }

    /// A column of this level's rows, in SQLite's source.
    pub fn a_column(&self) -> Option<&str> {
        self.sources.first()?.columns.first().map(|column| column.sql.as_str())
    }

    /// This level and those around it, innermost first.
    pub fn levels(&self) -> impl Iterator<Item = &Scope<'s>> {
        let mut next = Some(self);
        std::iter::from_fn(move || {
            let level = next?;
            next = level.parent;
            Some(level)
        })
    }

    /// The `with` query of that name.
    pub fn cte(&self, name: &str) -> Option<&Cte> {
        self.levels().find_map(|level| level.ctes.iter().rev().find(|cte| cte.name == name))
    }

    /// The source of that id, at this level.
    pub fn source(&self, id: usize) -> Option<&Source> {
        self.sources.iter().find(|s| s.id == id)
    }

    /// The source that a qualifier names, innermost first, and the level that it belongs to.
    pub fn named(&self, schema: Option<&str>, alias: &str) -> Option<(&Source, &Scope<'s>)> {
        self.levels().find_map(|level| {
            let fits = |s: &&Source| s.alias == alias && (schema.is_none() || s.schema.as_deref() == schema);
            level.sources.iter().find(fits).map(|source| (source, level))
        })
    }

    /// The merged columns of the join that a qualifier names, and the level that it belongs to.
    pub fn join(&self, name: &str) -> Option<(&[Merged], &Scope<'s>)> {
        self.levels().find_map(|level| {
            let (_, columns) = level.joins.iter().find(|(known, _)| known == name)?;
            Some((columns.as_slice(), level))
        })
    }

    /// Gives the join that has merged these columns last a name. 42712 if that is taken.
    pub fn name_join(&mut self, name: String, columns: &[String]) -> Result<()> {
        if self.sources.iter().any(|s| s.alias == name) || self.joins.iter().any(|(known, _)| *known == name) {
            return Err(Error::new("42712", format!("table name \"{name}\" specified more than once")));
        }
        let merged = columns.iter().filter_map(|column| self.merged.iter().find(|m| m.name == *column));
        let merged = merged.cloned().collect();
        self.joins.push((name, merged));
        Ok(())
    }

    /// Adds an entry of FROM. 42712 if its name is taken.
    pub fn add(&mut self, source: Source) -> Result<()> {
        // Tables of one name may stand side by side when their schemas tell them apart.
        let apart = |s: &Source| s.schema.is_some() && source.schema.is_some() && s.schema != source.schema;
        let is_join = self.joins.iter().any(|(name, _)| *name == source.alias);
        if is_join || self.sources.iter().any(|s| s.alias == source.alias && !apart(s)) {
            return Err(Error::new("42712", format!("table name \"{}\" specified more than once", source.alias)));
        }
        self.sources.push(source);
        Ok(())
    }
}

impl Source {
    /// Lets the statement ask for `ctid`, of a table whose rows SQLite reads under this source's name.
    pub fn with_row_number(mut self) -> Self {
        let table = self.relation.as_ref().filter(|relation| relation.view().is_none());
        self.row_number = table.and_then(|table| table.row_number()).map(|name| format!("{}.{name}", self.sqlite));
        self
    }

    /// The index of the column of that name; 42702 if several have it.
    pub fn find(&self, name: &str) -> Result<Option<usize>> {
        let mut found = self.columns.iter().enumerate().filter(|(_, c)| c.name == name && !c.hidden);
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Err(ambiguous(name)),
            (Some((index, _)), None) => Ok(Some(index)),
            (None, _) => Ok(None),
        }
    }

    /// A column as an expression.
    pub fn value(&self, index: usize) -> Typed {
        let column = &self.columns[index];
        let mut typed = Typed::new(column.sql.clone(), column.ty.clone());
        typed.typmod = column.typmod;
        typed.not_null = column.not_null && !self.nullable;
        typed.collated = column.collated;
        typed.sources.push(self.id);
        match column.leakproof {
            true => {}
            // Behind a barrier the query computes it for rows that its policies let through.
            false if self.protected => typed.leaks.push(self.id),
            false => typed.leakproof = false,
        }
        typed.form = Form::Column(self.id, index);
        typed
    }

    /// The hidden column that holds the whole row, where the source's columns are its fields.
    pub fn whole(&self) -> Option<&SourceColumn> {
        self.columns.iter().find(|column| column.hidden && matches!(column.ty, Type::Record(_)))
    }

    /// An SQLite expression that is NULL just when an outer join found no row for this source, if there is one.
    pub fn marker(&self) -> Option<String> {
        if let Some(column) = self.columns.iter().find(|c| c.not_null) {
            return Some(column.sql.clone());
        }
        let is_table = self.relation.as_ref().is_some_and(|r| r.view().is_none());
        is_table.then(|| format!("{}.rowid", self.sqlite))
    }
}

/// 42702 for a name that several columns have.
pub(crate) fn ambiguous(name: &str) -> Error {
    Error::new("42702", format!("column reference \"{name}\" is ambiguous"))
}
