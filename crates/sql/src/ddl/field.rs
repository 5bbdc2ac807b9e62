//! A column that is read as a field of a row: `(t).a`, `(f(x)).a`, `r.a` of a parameter. Which fields of its name mean it is told by giving
//! its relation one column more, which nothing else has.

use std::fmt::Arguments;
use std::ops::ControlFlow;
use std::sync::Arc;

use basalt_core::Result;
use sqlparser::ast::{AccessExpr, Expr, Ident, VisitMut, VisitorMut};

use super::alter::{refresh_row_type, refresh_shown_rows};
use super::bound::{self, Probe};
use super::source::{Uses, fold, ident_node};
use crate::Catalog;
use crate::catalog::{Column, Name};
use crate::visit::visit_mut;

/// A column's name while it is asked who reads it. No name that a migration gives has a blank at its end.
const ASKED: &str = "basalt asked ";

/// Writes a column's new name into every field that means it. `trial` is the catalog in which all sources are understood.
pub(super) fn rename_fields(
    catalog: &mut Catalog,
    mut trial: Catalog,
    table: &Name,
    from: &str,
    to: &str,
) -> Result<()> {
    if let Some(relation) = trial.relations.get_mut(table) {
        let relation = Arc::make_mut(relation);
        let asked = relation.column(from).map(|column| Column { name: ASKED.to_owned(), ..column.clone() });
        relation.columns.extend(asked);
    }
    refresh_row_type(&mut trial, table);
    refresh_shown_rows(&mut trial);
    bound::rewrite(catalog, &trial, &Fields { from, to }).map(drop)
}

/// A catalog in which the fields that mean the column have a name that [`is_marked`] knows.
pub(super) fn with_fields_marked(catalog: &Catalog, table: &Name, column: &str) -> Result<Catalog> {
    let mut marked = catalog.clone();
    rename_fields(&mut marked, catalog.clone(), table, column, ASKED)?;
    Ok(marked)
}

/// Whether a source reads the column of [`with_fields_marked`] in a row.
pub(super) fn is_marked(uses: &Uses) -> bool {
    uses.fields.contains(ASKED) || uses.columns.contains(ASKED)
}

/// The fields that are sought.
struct Fields<'a> {
    from: &'a str,
    to: &'a str,
}

impl<'a> Probe for Fields<'a> {
    type Spelling = &'a str;

    fn write<T: VisitMut>(&self, node: &mut T, place: Option<(usize, &'a str)>) -> usize {
        let mut names = Names { from: self.from, place, met: 0 };
        let _ = visit_mut(node, &mut names);
        names.met
    }

    fn spelling(&self, _: Arguments<'_>, compiled: impl Fn(&'a str) -> Result<()>) -> Result<Option<&'a str>> {
        Ok(compiled(ASKED).is_ok().then_some(self.to))
    }
}

/// Replaces one of the fields of a name.
struct Names<'a> {
    from: &'a str,
    place: Option<(usize, &'a str)>,
    met: usize,
}

impl Names<'_> {
    fn name(&mut self, name: &mut Ident) {
        if fold(name) != self.from {
            return;
        }
        if let Some((_, to)) = self.place.filter(|(place, _)| *place == self.met) {
            *name = ident_node(to);
        }
        self.met += 1;
    }
}

impl VisitorMut for Names<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::CompoundIdentifier(parts) => {
                if let [_, .., field] = parts.as_mut_slice() {
                    self.name(field);
                }
            }
            Expr::CompoundFieldAccess { root, access_chain } if matches!(&**root, Expr::Nested(_)) => {
                for access in access_chain {
                    if let AccessExpr::Dot(Expr::Identifier(field)) = access {
                        self.name(field);
                    }
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
