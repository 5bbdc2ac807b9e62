//! Walks over syntax trees.
//!
//! sqlparser's walk is generic over its visitor: every type that visits costs the binary another copy of the whole walk,
//! some 200 KB. Here all visitors go behind one pointer, so that there is one walk that reads and one that writes.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, GroupByExpr, Ident, ObjectName, OrderBy, OrderByExpr, Query, Select, Statement, TableFactor, ValueWithSpan,
    Visit, VisitMut, Visitor, VisitorMut,
};

/// Shows a tree to the visitor, depth first, until it breaks off.
pub(crate) fn visit(node: &impl Visit, visitor: &mut dyn Visitor<Break = ()>) -> ControlFlow<()> {
    node.visit(&mut Reading(visitor))
}

/// Shows a tree to a visitor that may change it.
pub(crate) fn visit_mut(node: &mut impl VisitMut, visitor: &mut dyn VisitorMut<Break = ()>) -> ControlFlow<()> {
    VisitMut::visit(node, &mut Writing(visitor))
}

/// Whether an expression in the tree passes the test.
pub(crate) fn any_expression(node: &impl Visit, test: impl FnMut(&Expr) -> bool) -> bool {
    struct Any<F>(F);
    impl<F: FnMut(&Expr) -> bool> Visitor for Any<F> {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            break_if(self.0(expr))
        }
    }
    visit(node, &mut Any(test)).is_break()
}

/// Whether an expression of the tree itself passes the test: subqueries have expressions of their own.
pub(crate) fn any_outside_queries(node: &impl Visit, test: impl FnMut(&Expr) -> bool) -> bool {
    struct Any<F> {
        test: F,
        depth: usize,
    }
    impl<F: FnMut(&Expr) -> bool> Visitor for Any<F> {
        type Break = ();
        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.depth += 1;
            ControlFlow::Continue(())
        }
        fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.depth -= 1;
            ControlFlow::Continue(())
        }
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            break_if(self.depth == 0 && (self.test)(expr))
        }
    }
    visit(node, &mut Any { test, depth: 0 }).is_break()
}

/// Whether a relation's name in the tree passes the test.
pub(crate) fn any_relation(node: &impl Visit, test: impl FnMut(&ObjectName) -> bool) -> bool {
    struct Any<F>(F);
    impl<F: FnMut(&ObjectName) -> bool> Visitor for Any<F> {
        type Break = ();
        fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
            break_if(self.0(name))
        }
    }
    visit(node, &mut Any(test)).is_break()
}

fn break_if(found: bool) -> ControlFlow<()> {
    if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

struct Reading<'a>(&'a mut dyn Visitor<Break = ()>);

struct Writing<'a>(&'a mut dyn VisitorMut<Break = ()>);

/// Every method of the traits, or a visitor would miss what is left out here.
macro_rules! forward {
    ($($method:ident($node:ty);)*) => {
        $(fn $method(&mut self, node: $node) -> ControlFlow<()> {
            self.0.$method(node)
        })*
    };
}

impl Visitor for Reading<'_> {
    type Break = ();

    forward! {
        pre_visit_query(&Query);
        post_visit_query(&Query);
        pre_visit_select(&Select);
        post_visit_select(&Select);
        pre_visit_relation(&ObjectName);
        post_visit_relation(&ObjectName);
        pre_visit_table_factor(&TableFactor);
        post_visit_table_factor(&TableFactor);
        pre_visit_expr(&Expr);
        post_visit_expr(&Expr);
        pre_visit_statement(&Statement);
        post_visit_statement(&Statement);
        pre_visit_value(&ValueWithSpan);
        post_visit_value(&ValueWithSpan);
        pre_visit_ident(&Ident);
        post_visit_ident(&Ident);
        pre_visit_order_by(&OrderBy);
        post_visit_order_by(&OrderBy);
        pre_visit_order_by_expr(&OrderByExpr);
        post_visit_order_by_expr(&OrderByExpr);
        pre_visit_group_by(&GroupByExpr);
        post_visit_group_by(&GroupByExpr);
    }
}

impl VisitorMut for Writing<'_> {
    type Break = ();

    forward! {
        pre_visit_query(&mut Query);
        post_visit_query(&mut Query);
        pre_visit_select(&mut Select);
        post_visit_select(&mut Select);
        pre_visit_relation(&mut ObjectName);
        post_visit_relation(&mut ObjectName);
        pre_visit_table_factor(&mut TableFactor);
        post_visit_table_factor(&mut TableFactor);
        pre_visit_expr(&mut Expr);
        post_visit_expr(&mut Expr);
        pre_visit_statement(&mut Statement);
        post_visit_statement(&mut Statement);
        pre_visit_value(&mut ValueWithSpan);
        post_visit_value(&mut ValueWithSpan);
        pre_visit_ident(&mut Ident);
        post_visit_ident(&mut Ident);
        pre_visit_order_by(&mut OrderBy);
        post_visit_order_by(&mut OrderBy);
        pre_visit_order_by_expr(&mut OrderByExpr);
        post_visit_order_by_expr(&mut OrderByExpr);
        pre_visit_group_by(&mut GroupByExpr);
        post_visit_group_by(&mut GroupByExpr);
    }
}
