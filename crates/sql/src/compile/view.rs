//! Views: inlined where they are read, and their columns at their creation.

use std::sync::Arc;

use basalt_core::{Error, Result};
use basalt_types::{Type, Typmod};
use sqlparser::ast;

use super::compiler::{Compiler, Inlined};
use super::parse::parse_statement;
use super::select::BoundQuery;
use crate::catalog::Relation;
use crate::{Catalog, Name, definition_path};

/// A view's columns as its query gives them.
#[derive(Debug, Clone)]
pub struct ViewColumn {
    /// Name.
    pub name: String,
    /// Type.
    pub ty: Type,
    /// Modifier, where the column is a plain one.
    pub typmod: Option<Typmod>,
    /// The base table and column it is, when it is a plain column of the top SELECT.
    pub source: Option<(Name, String)>,
}

/// Checks a view's query and tells its columns. Errors are placed in `text`, the statement that the query was parsed from, if there is one.
pub fn view_columns(
    catalog: &Catalog,
    search_path: &[String],
    query: &ast::Query,
    text: Option<&str>,
) -> Result<Vec<ViewColumn>> {
    let mut compiler = Compiler::defining(catalog, search_path, text.unwrap_or_default());
    if text.is_none() {
        compiler.forget_positions();
    }
    let bound = compiler.bind_query(None, query)?;
    if !compiler.params.is_empty() {
        return Err(Error::new("42P02", "there is no parameter $1"));
    }
    let columns = bound.columns.into_iter().map(|column| {
        let source = column.source.map(|(relation, name)| base_column(catalog, relation, name));
        ViewColumn { name: column.name, ty: column.ty, typmod: column.typmod, source }
    });
    Ok(columns.collect())
}

/// The base table's column behind a view's, which may lie behind more views.
fn base_column(catalog: &Catalog, relation: Name, column: String) -> (Name, String) {
    let view = catalog.relations.get(&relation).filter(|r| r.view().is_some());
    let deeper = view.and_then(|relation| {
        let at = relation.columns.iter().position(|c| c.name == column)?;
        relation.view()?.sources.get(at)?.clone()
    });
    deeper.unwrap_or((relation, column))
}

impl Compiler<'_> {
    /// A view's query, bound with the rights that it runs with.
    pub(super) fn inline_view(&mut self, relation: &Arc<Relation>) -> Result<BoundQuery> {
        let Some(view) = relation.view() else { return Err(Error::internal("a view that is none")) };
        let inlined = Inlined::View(relation.name.clone());
        if self.inlining.contains(&inlined) {
            let message = format!("infinite recursion detected in rules for relation \"{}\"", relation.name.name);
            return Err(Error::new("42P17", message));
        }
        let ast::Statement::Query(query) = parse_statement(&view.query)? else {
            return Err(Error::internal("a view's query is none"));
        };
        // Whoever asks, not the owner of a view around this one (PostgreSQL manual, CREATE VIEW).
        let role = if view.security_invoker { self.user.clone() } else { relation.owner.clone() };
        let path = definition_path(&relation.name.schema);
        self.inlining.push(inlined);
        let bound = self.as_role(&role, |c| c.inside(path, |c| c.bind_query(None, &query)));
        self.inlining.pop();
        bound
    }
}
