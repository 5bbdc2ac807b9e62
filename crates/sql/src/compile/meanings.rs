//! Which columns the names mean in a source that the catalog keeps: as they are bound when it is compiled.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use basalt_core::{Error, Result};
use sqlparser::ast::{Ident, SelectItem, Statement, WildcardAdditionalOptions};
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
    /// The columns that stars stand for, by where each star is.
    stars: HashMap<Location, Vec<Starred>>,
    /// The star that is being bound.
    star: Option<Location>,
    /// The columns of each NATURAL JOIN, in the order of their binding.
    naturals: Vec<Vec<String>>,
    /// The columns by which joins put rows together, those of USING and NATURAL.
    joined: HashSet<(Name, String)>,
    /// The table's own row, where the source is kept with it.
    row: Option<usize>,
    /// The name that is being bound, and whether its entry of FROM stands before it.
    current: Option<(Location, bool)>,
}

/// A column that a star stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Starred {
    /// The entry of FROM whose column it is; `None` for one that a join has merged.
    pub(crate) entry: Option<String>,
    /// What it is called there.
    pub(crate) name: String,
    /// The table or view, and the column's own name.
    pub(crate) column: Option<(Name, String)>,
}

/// The column, or the whole row, that a name means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// The entry of FROM whose column it is.
    pub(crate) entry: String,
    /// Whether that is written.
    pub(crate) is_qualified: bool,
    /// Whether it is of the table's own row, with which the source is kept.
    pub(crate) is_own: bool,
    /// Whether it is the whole row.
    pub(crate) is_row: bool,
    /// The table or view, and the column's own name; without a name for the whole row.
    pub(crate) column: Option<(Name, String)>,
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

    /// What a star stands for.
    pub(crate) fn of_star(&self, star: &SelectItem) -> Option<&[Starred]> {
        self.stars.get(&place_of(star)?).map(Vec::as_slice)
    }

    /// The columns of each NATURAL JOIN, in the order of their binding.
    pub(crate) fn naturals(&self) -> &[Vec<String>] {
        &self.naturals
    }

    /// Whether a name or a star means the column, or a join puts rows together by it.
    pub(crate) fn read(&self, table: &Name, column: &str) -> bool {
        let is_starred = |one: &Starred| one.column.as_ref().is_some_and(|(of, name)| of == table && name == column);
        self.names.values().any(|meaning| meaning.is(table, column))
            || self.stars.values().flatten().any(is_starred)
            || self.is_joined(table, column)
    }

    /// Whether all names of the same source mean the same, and joins put rows together by the same columns.
    pub(crate) fn names_as(&self, other: &Meanings) -> bool {
        self.names == other.names && self.joins_as(other)
    }

    /// Whether all stars of the same source stand for the same.
    pub(crate) fn stars_as(&self, other: &Meanings) -> bool {
        self.stars == other.stars
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
        let entry = source.alias.clone();
        meanings.names.insert(place, Meaning { entry, is_qualified, is_own, is_row: false, column });
    }

    /// Notes that the name which is being bound means the whole row.
    pub(super) fn note_row(&mut self, source: &Source) {
        let Some(meanings) = self.meanings.as_mut() else { return };
        let Some((place, is_qualified)) = meanings.current else { return };
        let column = source.relation.as_ref().map(|relation| (relation.name.clone(), String::new()));
        let is_own = meanings.row == Some(source.id);
        let entry = source.alias.clone();
        meanings.names.insert(place, Meaning { entry, is_qualified, is_own, is_row: true, column });
    }

    /// Binds a star, and notes what it stands for.
    pub(super) fn noting_star<T>(&mut self, star: &SelectItem, bind: impl FnOnce(&mut Self) -> T) -> T {
        let place = if self.has_positions() { place_of(star) } else { None };
        let Some(meanings) = self.meanings.as_mut() else { return bind(self) };
        let outer = std::mem::replace(&mut meanings.star, place);
        // What is bound once more is noted once.
        place.and_then(|place| meanings.stars.remove(&place));
        let bound = bind(self);
        if let Some(meanings) = self.meanings.as_mut() {
            meanings.star = outer;
        }
        bound
    }

    /// Notes a column that the star stands for which is being bound: a source's, or one that a join has merged.
    pub(super) fn note_starred(&mut self, name: &str, of: Option<(&Source, usize)>) {
        let Some(meanings) = self.meanings.as_mut() else { return };
        let Some(place) = meanings.star else { return };
        let starred = Starred {
            entry: of.map(|(source, _)| source.alias.clone()),
            name: name.to_owned(),
            column: of.and_then(|(source, index)| column_of(source, index)),
        };
        meanings.stars.entry(place).or_default().push(starred);
    }

    /// Notes the columns of a NATURAL JOIN.
    pub(super) fn note_natural(&mut self, columns: &[String]) {
        if self.has_positions()
            && let Some(meanings) = self.meanings.as_mut()
        {
            meanings.naturals.push(columns.to_vec());
        }
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

/// Where a star is.
fn place_of(star: &SelectItem) -> Option<Location> {
    let (SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options)) = star else { return None };
    let WildcardAdditionalOptions { wildcard_token, .. } = options;
    Some(wildcard_token.0.span.start).filter(|place| place.line > 0)
}

fn column_of(source: &Source, index: usize) -> Option<(Name, String)> {
    let relation = source.relation.as_ref()?;
    Some((relation.name.clone(), relation.columns.get(index)?.name.clone()))
}
