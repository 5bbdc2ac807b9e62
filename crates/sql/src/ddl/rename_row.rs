//! A table's new name, written where its own policies, checks, indexes and generated columns name its row: `t.a`, `f(t)`, `f(t.*)`.
//!
//! Which names do is what they mean when the source is compiled: a query within a policy may have an entry of that name. Other sources have
//! the table as an entry of their FROM, which goes on under the old name ([`super::rename`]).

use std::ops::ControlFlow;

use basalt_core::Result;
use sqlparser::ast::{
    AccessExpr, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, TableFactor, Visitor,
    VisitorMut,
};

use super::depend::bare_key;
use super::source::{fold, ident_node, parse_expr};
use crate::catalog::{Catalog, Name, Relation};
use crate::compile::{Kept, Meanings, WHOLE};
use crate::visit::{visit, visit_mut};

/// Writes the new name into the sources of a table, which the catalog has under its old one.
pub(super) fn rename_row(catalog: &Catalog, relation: &mut Relation, to: &Name) -> Result<()> {
    let old = relation.clone();
    each_source(relation, &mut |source| renamed(catalog, &old, source, to))
}

/// Rewrites the expressions over a table's row.
pub(super) fn each_source(relation: &mut Relation, rewrite: &mut dyn FnMut(&mut String) -> Result<()>) -> Result<()> {
    for policy in &mut relation.policies {
        policy.using.iter_mut().chain(&mut policy.check).try_for_each(&mut *rewrite)?;
    }
    relation.columns.iter_mut().filter_map(|column| column.generated.as_mut()).try_for_each(&mut *rewrite)?;
    for constraint in &mut relation.constraints {
        constraint.kind.sources_mut().try_for_each(&mut *rewrite)?;
    }
    for index in &mut relation.indexes {
        if index.columns.is_none() {
            for key in &mut index.keys {
                let mut bare = bare_key(key);
                let direction = key[bare.len()..].to_owned();
                rewrite(&mut bare)?;
                *key = bare + &direction;
            }
        }
        index.predicate.iter_mut().try_for_each(&mut *rewrite)?;
    }
    Ok(())
}

fn renamed(catalog: &Catalog, relation: &Relation, source: &mut String, to: &Name) -> Result<()> {
    // In what does not compile nothing has a meaning that could be kept.
    let Ok(meanings) = Meanings::of(catalog, &Kept::Row(relation.name.clone()), source) else { return Ok(()) };
    let mut expr = parse_expr(source)?;
    let before = expr.to_string();
    let is_taken = is_in_from(&expr, &to.name);
    let _ = visit_mut(&mut expr, &mut RowRenamer { relation, to, meanings: &meanings, is_taken });
    let after = expr.to_string();
    if before != after {
        *source = after;
    }
    Ok(())
}

/// Whether a query within an expression has an entry of FROM that the name means.
fn is_in_from(expr: &Expr, name: &str) -> bool {
    struct Finder<'a>(&'a str);
    impl Visitor for Finder<'_> {
        type Break = ();

        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            let (name, alias) = match factor {
                TableFactor::Table { name, alias, .. } => (name.0.last().and_then(|part| part.as_ident()), alias),
                TableFactor::Derived { alias, .. } | TableFactor::Function { alias, .. } => (None, alias),
                _ => (None, &None),
            };
            let called = alias.as_ref().map(|alias| &alias.name).or(name).map(fold);
            match called.is_some_and(|called| called == self.0) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        }
    }
    visit(expr, &mut Finder(name)).is_break()
}

/// Puts a name together that subscripts follow: `t.a[1]` comes as the root `t` with the accesses `.a` and `[1]`.
pub(super) fn gather_name(expr: &mut Expr) {
    let Expr::CompoundFieldAccess { root, access_chain } = expr else { return };
    let mut name = match root.as_ref() {
        Expr::Identifier(first) => vec![first.clone()],
        Expr::CompoundIdentifier(parts) => parts.clone(),
        _ => return,
    };
    while let Some(AccessExpr::Dot(Expr::Identifier(part))) = access_chain.first() {
        name.push(part.clone());
        access_chain.remove(0);
    }
    if name.len() > 1 {
        **root = Expr::CompoundIdentifier(name);
    }
}

struct RowRenamer<'a> {
    /// The table, under its old name.
    relation: &'a Relation,
    to: &'a Name,
    meanings: &'a Meanings,
    /// Whether a query within calls something else by the new name, so that the row is named with its schema.
    is_taken: bool,
}

impl RowRenamer<'_> {
    /// Whether the parts name the table, and what ends with `last` is of its own row.
    fn is_row(&self, parts: &[Ident], last: &Ident) -> bool {
        parts.last().is_some_and(|table| fold(table) == self.relation.name.name)
            && self.meanings.of_name(last).is_some_and(|meaning| meaning.is_own)
    }

    /// The row's new name.
    fn row(&self) -> Vec<Ident> {
        let table = ident_node(&self.to.name);
        if self.is_taken { vec![ident_node(&self.to.schema), table] } else { vec![table] }
    }

    /// The whole row, as an operand or argument.
    fn whole_row(&self) -> Expr {
        let mut parts = self.row();
        if !self.is_taken && self.relation.column(&self.to.name).is_none() {
            return Expr::Identifier(parts.remove(0));
        }
        parts.push(Ident::with_quote('"', WHOLE));
        Expr::CompoundIdentifier(parts)
    }

    /// `t.*` as a value.
    fn starred(&self, name: &mut ObjectName) {
        let parts: Vec<Ident> = name.0.iter().filter_map(|part| part.as_ident()).cloned().collect();
        if parts.last().is_some_and(|last| self.is_row(&parts, last)) {
            *name = ObjectName::from(self.row());
        }
    }
}

impl VisitorMut for RowRenamer<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        gather_name(expr);
        match expr {
            Expr::Identifier(name)
                if self.is_row(std::slice::from_ref(name), name)
                    && self.relation.column(&self.relation.name.name).is_none() =>
            {
                *expr = self.whole_row();
            }
            Expr::CompoundIdentifier(parts) => {
                let Some((last, row)) = parts.split_last() else { return ControlFlow::Continue(()) };
                let noted = if last.value == WHOLE { row.last().unwrap_or(last) } else { last };
                if self.is_row(row, noted) {
                    *parts = [self.row(), vec![last.clone()]].concat();
                }
            }
            Expr::QualifiedWildcard(name, _) => self.starred(name),
            Expr::Function(function) => {
                let FunctionArguments::List(list) = &mut function.args else { return ControlFlow::Continue(()) };
                for arg in &mut list.args {
                    let (FunctionArg::Named { arg, .. }
                    | FunctionArg::ExprNamed { arg, .. }
                    | FunctionArg::Unnamed(arg)) = arg;
                    if let FunctionArgExpr::QualifiedWildcard(name) = arg {
                        self.starred(name);
                    }
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
