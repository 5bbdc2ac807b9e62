//! Finds set-returning calls in a select list, and takes apart what stands around them.

use std::ops::ControlFlow;

use basalt_core::Error;
use sqlparser::ast::{AccessExpr, Expr, Function, Ident, Query, SelectItem, Visit, Visitor, VisitorMut};

use super::aggregate::is_aggregate_call;
use super::compiler::Compiler;
use super::set_item::WRAPPED;
use crate::visit::{visit, visit_mut};

/// Whether a window function stands in the tree, subqueries left out.
pub(super) fn has_window(node: &impl Visit) -> bool {
    struct Windows {
        queries: usize,
    }
    impl Visitor for Windows {
        type Break = ();
        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.queries += 1;
            ControlFlow::Continue(())
        }
        fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.queries -= 1;
            ControlFlow::Continue(())
        }
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Function(function) if self.queries == 0 && function.over.is_some() => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    visit(node, &mut Windows { queries: 0 }).is_break()
}

/// Finds set-returning calls, those in subqueries left out.
pub(super) struct Finder<'c, 'a> {
    compiler: &'c Compiler<'a>,
    queries: usize,
    /// For each expression around: the depth of the calls within it so far, and where none may stand.
    open: Vec<(usize, Option<&'static str>)>,
    /// The calls by their depth, each once.
    pub levels: Vec<Vec<Function>>,
    /// The error of one where none may stand.
    pub refused: Option<Error>,
}

impl<'c, 'a> Finder<'c, 'a> {
    pub(super) fn new(compiler: &'c Compiler<'a>) -> Self {
        Finder { compiler, queries: 0, open: Vec::new(), levels: Vec::new(), refused: None }
    }
}

impl Visitor for Finder<'_, '_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if self.queries > 0 {
            return ControlFlow::Continue(());
        }
        let barred = match expr {
            Expr::Case { .. } => Some("set-returning functions are not allowed in CASE"),
            Expr::Function(function) if function.over.is_some() => {
                Some("window function calls cannot contain set-returning function calls")
            }
            Expr::Function(function) if is_aggregate_call(function) => {
                Some("aggregate function calls cannot contain set-returning function calls")
            }
            Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("coalesce") => {
                Some("set-returning functions are not allowed in COALESCE")
            }
            _ => None,
        };
        let around = self.open.last().and_then(|(_, barred)| *barred);
        self.open.push((0, barred.or(around)));
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if self.queries > 0 {
            return ControlFlow::Continue(());
        }
        let (mut depth, barred) = self.open.pop().unwrap_or_default();
        if let Expr::Function(function) = expr
            && self.compiler.returns_set(function)
        {
            if let Some(barred) = barred {
                self.refused.get_or_insert(
                    Error::new("0A000", barred)
                        .with_hint("You might be able to move the set-returning function into a LATERAL FROM item."),
                );
            }
            if self.levels.len() <= depth {
                self.levels.push(Vec::new());
            }
            if !self.levels.iter().flatten().any(|known| known == function) {
                self.levels[depth].push(function.clone());
            }
            depth += 1;
        }
        if let Some((outer, _)) = self.open.last_mut() {
            *outer = depth.max(*outer);
        }
        ControlFlow::Continue(())
    }
}

/// Takes out of expressions what is free of set-returning calls: columns of a query below.
pub(super) struct Atoms<'c, 'a> {
    compiler: &'c Compiler<'a>,
    /// What was taken out.
    pub found: Vec<SelectItem>,
    /// Names of fields, which the walk takes for expressions.
    fields: Vec<*const Expr>,
}

impl<'c, 'a> Atoms<'c, 'a> {
    pub(super) fn new(compiler: &'c Compiler<'a>) -> Self {
        Atoms { compiler, found: Vec::new(), fields: Vec::new() }
    }

    pub(super) fn lift(&mut self, mut expr: Expr) -> Expr {
        let _ = visit_mut(&mut expr, self);
        self.fields.clear();
        expr
    }
}

impl VisitorMut for Atoms<'_, '_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.fields.contains(&std::ptr::from_ref(expr)) || self.compiler.has_set_calls(expr) {
            if let Expr::CompoundFieldAccess { access_chain, .. } = expr {
                let names = access_chain.iter().filter_map(|access| match access {
                    AccessExpr::Dot(name) => Some(std::ptr::from_ref(name)),
                    AccessExpr::Subscript(_) => None,
                });
                self.fields.extend(names);
            }
            return ControlFlow::Continue(());
        }
        let is_own =
            matches!(expr, Expr::CompoundIdentifier(parts) if parts.first().is_some_and(|part| part.value == WRAPPED));
        if !is_own && !matches!(expr, Expr::Value(_)) {
            let alias = Ident::with_quote('"', format!("?{}", self.found.len()));
            let column = Expr::CompoundIdentifier(vec![Ident::with_quote('"', WRAPPED), alias.clone()]);
            let expr = std::mem::replace(expr, column);
            self.found.push(SelectItem::ExprWithAlias { expr, alias });
        }
        ControlFlow::Continue(())
    }
}
