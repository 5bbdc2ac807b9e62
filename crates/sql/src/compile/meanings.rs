//! Which columns the names mean in a source that the catalog keeps: as they are bound when it is compiled.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use basalt_core::{Error, Result};
use sqlparser::ast::{Ident, Statement};
use sqlparser::tokenizer::Location;

use super::compiler::Compiler;
use super::scope::Source;
use super::{over_row, parse_expr, parse_statement, routine};
use crate::DEFAULT_PATH;
use crate::catalog::{Catalog, Name, Routine};

/// A source that the catalog keeps.
pub(crate) enum Kept {
    /// An expression over the table's row that is kept with the table, such as a policy's.
    Row(Name),
    /// A view's query.
    View,
    /// The body of a function.
    Body(Arc<Routine>),
}

/// What the names in a source mean.
#[derive(Debug, Default)]
pub(crate) struct Meanings {
    /// Those that mean columns, by where the last part of each begins.
    names: HashMap<Location, Meaning>,
    /// The columns by which joins put rows together, those of USING and NATURAL.
    joined: HashSet<(Name, String)>,
    /// The table's own row, where the source is kept with it.
    row: Option<usize>,
    /// The name that is being bound, and whether its entry of FROM stands before it.
    current: Option<(Location, bool)>,
}

/// The column that a name means.
#[derive(Debug)]
pub(crate) struct Meaning {
    /// The entry of FROM whose column it is.
    pub(crate) entry: String,
    /// Whether that is written.
    pub(crate) is_qualified: bool,
    /// Whether it is of the table's own row, with which the source is kept.
    pub(crate) is_own: bool,
    /// The table or view, and the column's own name.
    column: Option<(Name, String)>,
}

impl Meanings {
    /// What the names in a source mean in this catalog.
    ///
    /// Errors: those of compiling it.
    pub(crate) fn of(catalog: &Catalog, kept: &Kept, source: &str) -> Result<Meanings> {
        let noting = |compiler: &mut Compiler<'_>| compiler.meanings = Some(Box::default());
        let compiler = match kept {
            Kept::Row(table) => {
                let missing = || Error::internal(format!("table {table} went missing"));
                let relation = catalog.relations.get(table).ok_or_else(missing)?;
                let mut compiler = Compiler::defining(catalog, &DEFAULT_PATH.map(str::to_owned), source);
                let expr = parse_expr(source)?;
                over_row(&mut compiler, relation, |compiler, scope| {
                    let row = scope.sources.first().map(|source| source.id);
                    compiler.meanings = Some(Box::new(Meanings { row, ..Meanings::default() }));
                    compiler.bind_expr(scope, &expr, None)
                })?;
                compiler
            }
            Kept::View => {
                let mut compiler = Compiler::defining(catalog, &[], source);
                noting(&mut compiler);
                let Statement::Query(query) = parse_statement(source)? else {
                    return Err(Error::internal("a view's query is none"));
                };
                compiler.bind_query(None, &query)?;
                compiler
            }
            Kept::Body(routine) => {
                let routine = Routine { body: source.to_owned(), ..Routine::clone(routine) };
                let mut compiler = routine::checking(catalog, &routine);
                noting(&mut compiler);
                routine::check_in(&mut compiler, &routine)?;
                return Ok(compiler.meanings.map(|found| *found).unwrap_or_default());
            }
        };
        Ok(compiler.meanings.map(|found| *found).unwrap_or_default())
    }

    /// What a name means, by its last part, if it is a column.
    pub(crate) fn of_name(&self, last: &Ident) -> Option<&Meaning> {
        self.names.get(&last.span.start)
    }

    /// Whether a name means the column, or a join puts rows together by it.
    pub(crate) fn read(&self, table: &Name, column: &str) -> bool {
        self.names.values().any(|meaning| meaning.is(table, column)) || self.is_joined(table, column)
    }

    /// Whether joins put rows together by the same columns.
    pub(crate) fn joins_as(&self, other: &Meanings) -> bool {
        self.joined == other.joined
    }

    /// Whether a join puts rows together by the column.
    pub(crate) fn is_joined(&self, table: &Name, column: &str) -> bool {
        self.joined.contains(&(table.clone(), column.to_owned()))
    }
}

impl Meaning {
    /// Whether it is the column of that name.
    pub(crate) fn is(&self, table: &Name, column: &str) -> bool {
        self.column.as_ref().is_some_and(|(found, name)| found == table && name == column)
    }
}

impl Compiler<'_> {
    /// Binds a name whose meaning is to be noted; `last` is its last part.
    pub(super) fn noting<T>(
        &mut self,
        last: Option<&Ident>,
        is_qualified: bool,
        bind: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let is_here = self.has_positions();
        let Some(meanings) = self.meanings.as_mut() else { return bind(self) };
        let outer = std::mem::replace(
            &mut meanings.current,
            last.filter(|_| is_here).map(|last| (last.span.start, is_qualified)),
        );
        let bound = bind(self);
        if let Some(meanings) = self.meanings.as_mut() {
            meanings.current = outer;
        }
        bound
    }

    /// Notes the column that the name means which is being bound.
    pub(super) fn note_meaning(&mut self, source: &Source, index: usize) {
        let Some(meanings) = self.meanings.as_mut() else { return };
        let Some((place, is_qualified)) = meanings.current else { return };
        let column = column_of(source, index);
        let is_own = meanings.row == Some(source.id);
        meanings.names.insert(place, Meaning { entry: source.alias.clone(), is_qualified, is_own, column });
    }

    /// Notes a column by which a join puts rows together.
    pub(super) fn note_joined(&mut self, source: &Source, index: usize) {
        if self.has_positions()
            && let Some(meanings) = self.meanings.as_mut()
        {
            meanings.joined.extend(column_of(source, index));
        }
    }
}

fn column_of(source: &Source, index: usize) -> Option<(Name, String)> {
    let relation = source.relation.as_ref()?;
    Some((relation.name.clone(), relation.columns.get(index)?.name.clone()))
}
