//! Why a view takes no writes, in PostgreSQL's words (`view_query_is_auto_updatable` in `src/backend/rewrite/rewriteHandler.c`).

use basalt_core::Error;
use sqlparser::ast;

use crate::catalog::Relation;
use crate::compile::parse::parse_statement;
use crate::compile::types::fold;
use crate::program::Command;
use crate::visit::any_outside_queries;

/// 55000 with the reason, and what would let the write through.
pub(super) fn refused(relation: &Relation, command: Command) -> Error {
    let (cannot, doing, word) = match command {
        Command::Insert => ("insert into", "inserting into", "INSERT"),
        Command::Update => ("update", "updating", "UPDATE"),
        Command::Delete => ("delete from", "deleting from", "DELETE"),
    };
    let query = relation.view().and_then(|view| parse_statement(&view.query).ok());
    let reason = match &query {
        Some(ast::Statement::Query(query)) => reason(query),
        _ => "Views that do not select from a single table or view are not automatically updatable.",
    };
    Error::new("55000", format!("cannot {cannot} view \"{}\"", relation.name.name)).with_detail(reason.to_owned()).with_hint(
        format!(
            "To enable {doing} the view, provide an INSTEAD OF {word} trigger or an unconditional ON {word} DO INSTEAD rule."
        ),
    )
}

fn reason(query: &ast::Query) -> &'static str {
    let ast::SetExpr::Select(select) = &*query.body else {
        return "Views containing UNION, INTERSECT, or EXCEPT are not automatically updatable.";
    };
    let grouped = match &select.group_by {
        ast::GroupByExpr::All(_) => true,
        ast::GroupByExpr::Expressions(exprs, _) => !exprs.is_empty(),
    };
    let holds = |test: fn(&ast::Function) -> bool| {
        any_outside_queries(&select.projection, |expr| matches!(expr, ast::Expr::Function(function) if test(function)))
    };
    if select.distinct.is_some() {
        "Views containing DISTINCT are not automatically updatable."
    } else if grouped {
        "Views containing GROUP BY are not automatically updatable."
    } else if select.having.is_some() {
        "Views containing HAVING are not automatically updatable."
    } else if query.with.is_some() {
        "Views containing WITH are not automatically updatable."
    } else if query.limit_clause.is_some() || query.fetch.is_some() {
        "Views containing LIMIT or OFFSET are not automatically updatable."
    } else if holds(|function| function.over.is_none() && is_aggregate(&name(function))) {
        "Views that return aggregate functions are not automatically updatable."
    } else if holds(|function| function.over.is_some()) {
        "Views that return window functions are not automatically updatable."
    } else if holds(|function| basalt_types::set_functions().any(|set| set.name == name(function))) {
        "Views that return set-returning functions are not automatically updatable."
    } else {
        "Views that do not select from a single table or view are not automatically updatable."
    }
}

fn name(function: &ast::Function) -> String {
    function.name.0.last().and_then(|part| part.as_ident()).map(fold).unwrap_or_default()
}

fn is_aggregate(name: &str) -> bool {
    name == "count" || basalt_types::aggregates().any(|aggregate| aggregate.name == name)
}
