//! The state of one compilation: who runs it, what was inferred, and the step being built.

use std::collections::HashSet;
use std::sync::Arc;

use basalt_core::{Error, Identity, Result};
use basalt_types::{Type, Typmod};
use sqlparser::tokenizer::Span;

use super::body::Who;
use super::meanings::Meanings;
use super::parse::contains_ignoring_case;
use super::scope::{Source, SourceColumn};
use crate::catalog::{Input, Relation, Routine};
use crate::program::{Bind, Fires, Output, OutputColumn, Probe, Step};
use crate::{Catalog, Name, Program, quote};

/// Nested expressions, subqueries, views and functions together; deeper ones would exhaust the stack.
const MAX_DEPTH: usize = 200;

/// Stack that a level of nesting may need, in bytes: with less left, it gets another piece.
const STACK_LEFT: usize = 512 << 10;
const STACK_ADDED: usize = 4 << 20;

/// One compilation.
pub(crate) struct Compiler<'a> {
    /// What exists.
    pub catalog: &'a Catalog,
    /// The role whose rights hold here for tables: the caller's, or the owner's inside a definer function or view.
    pub role: String,
    /// `current_user`: the caller, or the owner inside a definer function. A view does not change it: functions in it run
    /// as whoever reads it.
    pub user: String,
    /// The role that runs the statement.
    pub caller: String,
    /// Where unqualified names are looked up.
    pub search_path: Vec<String>,
    /// Inferred types of `$1`, `$2`, ...
    pub params: Vec<Option<(Type, Option<Typmod>)>>,
    /// Finished steps.
    pub steps: Vec<Step>,
    /// Whether a step writes.
    pub writes: bool,
    /// The first step of a query that locks rows.
    pub locks: Option<usize>,
    /// Whether functions in PL/pgSQL are called while SQLite runs a step.
    pub calls: bool,
    /// Tables whose policies are being compiled, to find recursion.
    pub policies: Vec<Name>,
    /// Whether a table's policies ask a query, or may tell: what takes longer for one value than for another would show beside them.
    pub asks_at_length: bool,
    /// Functions and views being inlined, to find recursion.
    pub inlining: Vec<Inlined>,
    /// Whether constants are computed: not in what never runs.
    pub folds: bool,
    /// Whether no statement binds parameters here, so that what is asked of the session is a call: in a check, which SQLite keeps.
    pub detached: bool,
    /// Whether what is compiled is kept in a table's definition, where SQLite lets no query stand.
    pub kept: bool,
    /// Whether a setting may change while the statement runs, so that it is asked for where it is read.
    pub sets: bool,
    /// A column of the rows for which a default or a function's body is evaluated one by one, in SQLite's source.
    pub each_row: Option<String>,
    /// Whether an argument of the function that is called next is an aggregate over no column, or a window function.
    pub gathers: bool,
    /// Whether what is compiled names objects when it runs, so that USAGE of their schemas is asked. What the catalog keeps
    /// parsed (policies, views, defaults, checks) named them when it was made; a function without a schema is a built-in one there.
    pub names_anew: bool,
    /// Whether what is compiled is a definition that is checked: rights are asked, and bodies that are texts looked into, where it is used.
    pub(super) defines: bool,
    /// What names mean, where that is asked.
    pub meanings: Option<Box<Meanings>>,
    /// Whether the statement writes what may fire triggers, and the columns that its UPDATEs assign to.
    fires: bool,
    assigned: Vec<(Name, Vec<String>)>,
    binds: Vec<Bind>,
    /// What every step begins to bind: the arguments of the function whose body is compiled.
    standing: Vec<Bind>,
    aliases: HashSet<String>,
    next_source: usize,
    next_slot: usize,
    depth: usize,
    /// The statement's text while positions refer to it; none inside inlined text.
    text: Option<&'a str>,
    /// The body of the function that is checked, until it is entered.
    checked_body: Option<&'a str>,
}

/// What is compiled in the place of its name. A view and functions may have the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Inlined {
    /// A view.
    View(Name),
    /// A function.
    Function(Name, Vec<Input>),
}

impl Inlined {
    /// This function.
    pub fn function(routine: &Routine) -> Inlined {
        Inlined::Function(routine.name.clone(), routine.input_types())
    }
}

impl<'a> Compiler<'a> {
    /// Starts compiling `sql` as `role`.
    pub fn new(catalog: &'a Catalog, role: &str, search_path: &[String], sql: &'a str) -> Self {
        Compiler {
            catalog,
            role: role.to_owned(),
            user: role.to_owned(),
            caller: role.to_owned(),
            search_path: search_path.to_vec(),
            params: Vec::new(),
            steps: Vec::new(),
            writes: false,
            locks: None,
            calls: false,
            policies: Vec::new(),
            asks_at_length: false,
            inlining: Vec::new(),
            folds: true,
            detached: false,
            kept: false,
            sets: sets(sql),
            each_row: None,
            gathers: false,
            names_anew: true,
            defines: false,
            meanings: None,
            fires: false,
            assigned: Vec::new(),
            binds: Vec::new(),
            standing: Vec::new(),
            aliases: HashSet::new(),
            next_source: 0,
            next_slot: 0,
            depth: 0,
            text: Some(sql),
            checked_body: None,
        }
    }

    /// Starts to check a definition whose text is `sql`. As in PostgreSQL nobody has to have rights yet, be it the owner of a view that it
    /// reads.
    pub fn defining(catalog: &'a Catalog, search_path: &[String], sql: &'a str) -> Self {
        Compiler { defines: true, ..Compiler::new(catalog, Identity::OWNER, search_path, sql) }
    }

    /// The program of the finished steps.
    pub fn finish(self, columns: Vec<OutputColumn>) -> Program {
        let params = self.params.into_iter().map(|p| p.unwrap_or((Type::TEXT, None))).collect();
        let Compiler { steps, writes, calls, locks, .. } = self;
        Program { steps, params, columns, writes, calls, locks }
    }

    /// The SQLite parameter (`?1`) of the current step that is bound to this.
    pub fn bind(&mut self, bind: Bind) -> String {
        let index = self.binds.iter().position(|b| *b == bind).unwrap_or_else(|| {
            self.binds.push(bind);
            self.binds.len() - 1
        });
        format!("?{}", index + 1)
    }

    /// Whether the current step binds anything.
    pub fn has_binds(&self) -> bool {
        !self.binds.is_empty()
    }

    /// The current step's parameters so far.
    pub fn binds(&self) -> &[Bind] {
        &self.binds
    }

    /// Makes the current step's statement, and starts the next step.
    pub fn end_step(&mut self, sql: String, output: Output, probe: Option<Probe>) {
        let mut binds = std::mem::replace(&mut self.binds, self.standing.clone());
        binds.truncate(parameters(&sql));
        let probe = probe.map(|mut probe| {
            probe.binds.truncate(parameters(&probe.sql));
            probe
        });
        self.aliases.clear();
        self.steps.push(Step { sql, binds, output, probe, fires: None, counts: None });
    }

    /// Has the last step have changed the rows of a slot.
    pub fn count_rows_of(&mut self, slot: usize) {
        if let Some(step) = self.steps.last_mut() {
            step.counts = Some(slot);
        }
    }

    /// Whose rights the statement has, for the triggers that it fires.
    pub fn who(&self) -> Who {
        Who { caller: self.caller.clone(), user: self.user.clone(), search_path: self.search_path.clone() }
    }

    /// Notes that the statement writes to a table; `assigned` are the columns that an UPDATE assigns to.
    pub fn writes_to(&mut self, table: &Relation, assigned: Vec<String>) {
        if self.catalog.fires(table) {
            self.fires = true;
            self.assigned.push((table.name.clone(), assigned));
        }
    }

    /// Ends a statement: what its rows fire, fires after its last step.
    pub fn end_statement(&mut self) {
        if !std::mem::take(&mut self.fires) {
            return;
        }
        let fires = Fires { who: self.who(), assigned: std::mem::take(&mut self.assigned) };
        if let Some(step) = self.steps.last_mut() {
            step.fires = Some(Box::new(fires));
        }
    }

    /// Builds steps that come before the one in the middle of which this is called.
    pub fn before_this_step<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let binds = std::mem::replace(&mut self.binds, self.standing.clone());
        let aliases = std::mem::take(&mut self.aliases);
        let result = f(self);
        self.binds = binds;
        self.aliases = aliases;
        result
    }

    /// Compiles a function's body, from the start of a step: in each of its steps `?1`, `?2`, ... are these.
    pub fn with_standing<T>(&mut self, standing: Vec<Bind>, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.binds.clone_from(&standing);
        let outer = std::mem::replace(&mut self.standing, standing);
        let result = f(self);
        self.standing = outer;
        result
    }

    /// A new slot for captured rows.
    pub fn slot(&mut self) -> usize {
        self.next_slot += 1;
        self.next_slot - 1
    }

    /// An alias for the SQLite statement, quoted: `wanted`, or with a number where this step has it already.
    pub fn alias(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 2;
        while !self.aliases.insert(name.clone()) {
            name = format!("{wanted}_{number}");
            number += 1;
        }
        quote::ident(&name)
    }

    /// An id for a source.
    pub fn source_id(&mut self) -> usize {
        self.next_source += 1;
        self.next_source
    }

    /// Compiles as another `current_user`, with its rights.
    pub fn as_user<T>(&mut self, user: &str, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.defines {
            return f(self);
        }
        let outer = std::mem::replace(&mut self.user, user.to_owned());
        let result = self.as_role(user, f);
        self.user = outer;
        result
    }

    /// Compiles with another role's rights to tables.
    pub fn as_role<T>(&mut self, role: &str, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.defines {
            return f(self);
        }
        let outer = std::mem::replace(&mut self.role, role.to_owned());
        let result = f(self);
        self.role = outer;
        result
    }

    /// Compiles what the catalog keeps parsed: names are looked up in `search_path`, and errors have no position.
    pub fn inside<T>(&mut self, search_path: Vec<String>, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let outer = std::mem::replace(&mut self.names_anew, false);
        let result = self.elsewhere(search_path, f);
        self.names_anew = outer;
        result
    }

    /// Compiles another text than the statement's.
    fn elsewhere<T>(&mut self, search_path: Vec<String>, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let path = std::mem::replace(&mut self.search_path, search_path);
        let text = self.text.take();
        let result = f(self);
        self.search_path = path;
        self.text = text;
        result
    }

    /// Compiles a function's body, which is parsed each time it runs unless it was when it was made.
    pub fn in_body<T>(
        &mut self,
        search_path: Vec<String>,
        parsed: bool,
        f: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let outer = std::mem::replace(&mut self.names_anew, !parsed);
        let checked = self.checked_body.take();
        let result = self.elsewhere(search_path, |compiler| {
            compiler.text = checked;
            f(compiler)
        });
        self.names_anew = outer;
        result
    }

    /// From here on errors have no position, but in the first body that is entered: this one.
    pub fn positions_in_body(&mut self, body: &'a str) {
        self.forget_positions();
        self.checked_body = Some(body);
    }

    /// From here on errors have no position.
    pub fn forget_positions(&mut self) {
        self.text = None;
    }

    /// Guards the stack: 54001 when too deep.
    pub fn deeper<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= MAX_DEPTH {
            return Err(Error::new("54001", "stack depth limit exceeded"));
        }
        self.depth += 1;
        let result = stacker::maybe_grow(STACK_LEFT, STACK_ADDED, || f(self));
        self.depth -= 1;
        result
    }

    /// Whether errors can be placed in the statement's text.
    pub fn has_positions(&self) -> bool {
        self.text.is_some()
    }

    /// Places an error at a span of the statement's text.
    pub fn place(&self, error: Error, span: Span) -> Error {
        match self.text.and_then(|text| super::parse::offset(text, span.start)) {
            Some(offset) => error.at(offset),
            None => error,
        }
    }

    /// A base table (or view) as an entry of FROM that the SQLite statement calls `sqlite` (quoted, from [`Self::alias`]).
    /// Adds neither policies nor privileges: [`Self::bind_from`] does.
    pub fn table_source(&mut self, relation: &Arc<Relation>, alias: &str, sqlite: &str) -> Source {
        self.relation_source(relation, alias, sqlite, |column| format!("{sqlite}.{}", quote::ident(column)))
    }

    /// A table whose columns stand bare in SQLite, as in DDL.
    pub fn bare_source(&mut self, relation: &Arc<Relation>) -> Source {
        let mut source = self.relation_source(relation, &relation.name.name, "", quote::ident);
        source.check_privileges = false;
        source
    }

    fn relation_source(
        &mut self,
        relation: &Arc<Relation>,
        alias: &str,
        sqlite: &str,
        sql: impl Fn(&str) -> String,
    ) -> Source {
        let columns = relation.columns.iter().map(|column| SourceColumn {
            name: column.name.clone(),
            ty: column.ty.clone(),
            typmod: column.typmod,
            sql: sql(&column.name),
            not_null: column.not_null,
            collated: true,
            leakproof: true,
            hidden: false,
        });
        let columns = columns.collect();
        let own_name = alias == relation.name.name;
        Source {
            schema: own_name.then(|| relation.name.schema.clone()),
            relation: Some(relation.clone()),
            rows_of: Some(Arc::new(relation.name.clone())),
            ..self.source(alias, sqlite, columns)
        }
    }

    /// An entry of FROM over these columns.
    pub fn source(&mut self, alias: &str, sqlite: &str, columns: Vec<SourceColumn>) -> Source {
        Source {
            id: self.source_id(),
            alias: alias.to_owned(),
            sqlite: sqlite.to_owned(),
            schema: None,
            relation: None,
            rows_of: None,
            columns,
            nullable: false,
            guard: None,
            protected: false,
            check_privileges: true,
            used: false.into(),
            scalar: false,
            qualified_only: false,
            at_most_one: false,
            row_number: None,
            origins: Vec::new(),
        }
    }
}

/// Whether a text may change a setting.
pub(super) fn sets(sql: &str) -> bool {
    contains_ignoring_case(sql, "set_config")
}

/// The number of parameters that SQLite finds in a statement: its highest `?n`.
pub(super) fn parameters(sql: &str) -> usize {
    let mut highest = 0;
    let mut quote = None;
    for (at, byte) in sql.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), byte) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b'?') => {
                let digits = sql[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
                highest = highest.max(sql[at + 1..at + 1 + digits].parse().unwrap_or(0));
            }
            (None, _) => {}
        }
    }
    highest
}
