//! Stars among the expressions of VALUES: `values (new.*, now())` says each column of the row.

use std::borrow::Cow;

use basalt_core::Result;
use sqlparser::ast::{
    AccessExpr, Expr, Ident, ObjectName, SelectItem, SelectItemQualifiedWildcardKind, WildcardAdditionalOptions,
};

use super::carried::{STAR, starred};
use super::compiler::Compiler;
use super::scope::{Clause, Scope};
use super::select::Wanted;

impl Compiler<'_> {
    /// A row of VALUES in which each star stands for the columns of its row.
    ///
    /// Errors: 42P01 for a row that is not there, 42809 for what is no row.
    pub(super) fn without_stars<'e>(&mut self, outer: Option<&Scope<'_>>, row: &'e [Expr]) -> Result<Cow<'e, [Expr]>> {
        if !row.iter().any(|expr| columns_of(expr).is_some()) {
            return Ok(Cow::Borrowed(row));
        }
        let scope = Scope::new(outer);
        scope.clause.set(Clause::Rows("VALUES"));
        let mut all = Vec::with_capacity(row.len());
        for expr in row {
            let Some((item, column)) = columns_of(expr) else {
                all.push(expr.clone());
                continue;
            };
            let items = self.bind_items(&scope, &[item], Wanted::default())?;
            all.extend(items.into_iter().map(|item| column(Ident::with_quote('"', item.name))));
        }
        Ok(Cow::Owned(all))
    }
}

/// What says a column of a row by its name.
type Column<'e> = Box<dyn Fn(Ident) -> Expr + 'e>;

/// The star as an item of a select list, and what says one of its columns.
fn columns_of(expr: &Expr) -> Option<(SelectItem, Column<'_>)> {
    match expr {
        Expr::CompoundIdentifier(names) => {
            let [row @ .., star] = names.as_slice() else { return None };
            if star.value != STAR {
                return None;
            }
            let of = SelectItemQualifiedWildcardKind::ObjectName(ObjectName::from(row.to_vec()));
            let options = WildcardAdditionalOptions::default();
            let column = |name| Expr::CompoundIdentifier(row.iter().cloned().chain([name]).collect());
            Some((SelectItem::QualifiedWildcard(of, options), Box::new(column)))
        }
        Expr::CompoundFieldAccess { root, access_chain } => {
            starred(expr)?;
            let [chain @ .., _] = access_chain.as_slice() else { return None };
            let column = |name| {
                let field = AccessExpr::Dot(Expr::Identifier(name));
                let access_chain = chain.iter().cloned().chain([field]).collect();
                Expr::CompoundFieldAccess { root: root.clone(), access_chain }
            };
            Some((SelectItem::UnnamedExpr(expr.clone()), Box::new(column)))
        }
        _ => None,
    }
}
