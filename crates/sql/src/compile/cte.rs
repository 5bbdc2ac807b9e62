//! WITH queries, recursive ones included.

use basalt_core::{Error, Result};
use basalt_types::Type;
use sqlparser::ast::{Cte as CteAst, CteAsMaterialized, Query, SetExpr, SetOperator, SetQuantifier, With};

use super::compiler::Compiler;
use super::scope::{Cte, CteColumn, Scope};
use super::search_cycle;
use super::select::{BoundColumn, BoundQuery};
use super::typed::Typed;
use super::types::fold;
use crate::quote;
use crate::visit::any_relation;

impl Compiler<'_> {
    /// Adds the WITH queries to a scope: the clause for SQLite, and what the queries read.
    pub(super) fn bind_with(&mut self, scope: &mut Scope<'_>, with: &With) -> Result<(String, Vec<Typed>)> {
        let mut texts = Vec::new();
        let mut effects = Vec::new();
        let mut recursive = false;
        for cte in &with.cte_tables {
            let name = fold(&cte.alias.name);
            if scope.ctes.iter().any(|c| c.name == name) {
                return Err(Error::new("42712", format!("WITH query name \"{name}\" specified more than once")));
            }
            let table = self.alias(&format!("with {name}"));
            let written = self.written_out(scope, cte, &name, with.recursive)?;
            let cte = written.as_ref().unwrap_or(cte);
            let parts = recursive_parts(&cte.query).filter(|_| with.recursive && refers_to(&cte.query, &name));
            let recurses = parts.is_some();
            let bound = match parts {
                Some((base, all, step)) => {
                    recursive = true;
                    self.bind_recursive(scope, cte, &name, &table, base, all, step)?
                }
                None => self.bind_query(Some(&*scope), &cte.query)?,
            };
            let mut columns = renamed(&bound, cte)?;
            // As in PostgreSQL, what a recursion gives is of no table.
            if recurses {
                columns.iter_mut().for_each(|column| column.source = None);
            }
            let names: Vec<String> = columns.iter().map(|c| quote::ident(&c.sqlite)).collect();
            let materialized = match cte.materialized {
                Some(CteAsMaterialized::Materialized) => "MATERIALIZED ",
                // Whoever reads it reads the same rows.
                _ if bound.effects.volatile => "MATERIALIZED ",
                Some(CteAsMaterialized::NotMaterialized) => "NOT MATERIALIZED ",
                None => "",
            };
            texts.push(format!("{table} ({}) AS {materialized}({})", names.join(", "), bound.sql));
            effects.push(bound.effects);
            scope.ctes.push(Cte { name, table, columns, protected: bound.protected });
        }
        if texts.is_empty() {
            return Ok((String::new(), effects));
        }
        let word = if recursive { "WITH RECURSIVE" } else { "WITH" };
        Ok((format!("{word} {}", texts.join(", ")), effects))
    }

    /// A WITH query with SEARCH or CYCLE, with the columns that these stand for.
    fn written_out(&mut self, scope: &Scope<'_>, cte: &CteAst, name: &str, recursive: bool) -> Result<Option<CteAst>> {
        if search_cycle::carried(&cte.query).is_none() {
            return Ok(None);
        }
        let parts = recursive_parts(&cte.query).filter(|_| recursive && refers_to(&cte.query, name));
        let Some((base, _, step)) = parts else { return Err(Error::new("42601", "WITH query is not recursive")) };
        let first = self.bind_query(Some(scope), &part(cte, base))?;
        let names: Vec<String> = renamed(&first, cte)?.into_iter().map(|column| column.name).collect();
        search_cycle::written_out(cte, &names, base, step).map(Some)
    }

    /// `base union [all] step`, where the step reads the query itself.
    #[allow(clippy::too_many_arguments)] // the parts of one construct
    fn bind_recursive(
        &mut self,
        scope: &mut Scope<'_>,
        cte: &CteAst,
        name: &str,
        table: &str,
        base: &SetExpr,
        all: bool,
        step: &SetExpr,
    ) -> Result<BoundQuery> {
        let first = self.bind_query(Some(&*scope), &part(cte, base))?;
        let mut columns = renamed(&first, cte)?;
        // A later row may hold what the first ones don't.
        columns.iter_mut().for_each(|c| c.not_null = false);
        // The step reads rows that were made, which can't stand behind a barrier and need none.
        scope.ctes.push(Cte { name: name.to_owned(), table: table.to_owned(), columns, protected: false });
        let types: Vec<_> = first.columns.iter().map(|c| (c.ty.clone(), c.typmod)).collect();
        let second = self.bind_query_as(Some(&*scope), &part(cte, step), &types);
        scope.ctes.pop();
        let second = second?;
        if first.columns.len() != second.columns.len() {
            return Err(Error::new("42601", "each UNION query must have the same number of columns"));
        }
        let mut effects = first.effects;
        effects.absorb(&second.effects);
        let columns = first.columns.into_iter().zip(&second.columns);
        let columns = columns.map(|(a, b)| BoundColumn { not_null: false, leakproof: a.leakproof && b.leakproof, ..a });
        Ok(BoundQuery {
            sql: format!(
                "{} {} {}",
                plain(first.sql, base),
                if all { "UNION ALL" } else { "UNION" },
                plain(second.sql, step)
            ),
            columns: columns.collect(),
            at_most_one: false,
            protected: first.protected || second.protected,
            effects,
            value: None,
        })
    }
}

/// A side of the union that a recursive query is.
fn part(cte: &CteAst, side: &SetExpr) -> Query {
    Query { body: Box::new(side.clone()), with: None, order_by: None, ..(*cte.query).clone() }
}

/// SQLite's compound takes no nested compound on its right, and no WITH.
fn plain(sql: String, body: &SetExpr) -> String {
    match body {
        SetExpr::Select(_) | SetExpr::Values(_) => sql,
        _ => format!("SELECT * FROM ({sql})"),
    }
}

/// The non-recursive and the recursive term of a query of that form.
fn recursive_parts(query: &Query) -> Option<(&SetExpr, bool, &SetExpr)> {
    match &*query.body {
        SetExpr::SetOperation { op: SetOperator::Union, set_quantifier, left, right } => {
            Some((left, matches!(set_quantifier, SetQuantifier::All), right))
        }
        _ => None,
    }
}

/// Whether a query reads a table of that name.
fn refers_to(query: &Query, name: &str) -> bool {
    any_relation(query, |relation| matches!(super::types::split_name(relation), Ok((None, read)) if read == name))
}

/// A query's columns under the names of `with t (a, b) as ...`.
fn renamed(query: &BoundQuery, cte: &CteAst) -> Result<Vec<CteColumn>> {
    if cte.alias.columns.len() > query.columns.len() {
        return Err(Error::new(
            "42P10",
            format!(
                "WITH query \"{}\" has {} columns available but {} columns specified",
                fold(&cte.alias.name),
                query.columns.len(),
                cte.alias.columns.len()
            ),
        ));
    }
    let columns = query.columns.iter().enumerate().map(|(index, column)| CteColumn {
        name: cte.alias.columns.get(index).map_or(column.name.clone(), |c| fold(&c.name)),
        sqlite: format!("c{index}"),
        ty: if column.ty == Type::UNKNOWN { Type::TEXT } else { column.ty.clone() },
        typmod: column.typmod,
        not_null: column.not_null,
        collated: column.collated,
        leakproof: column.leakproof,
        source: column.source.clone(),
    });
    Ok(columns.collect())
}

/// Refuses a data-modifying WITH below the top of a statement.
pub(super) fn dml_in_from(query: &Query) -> Result<()> {
    let modifies =
        |cte: &CteAst| matches!(*cte.query.body, SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_));
    match query.with.as_ref().is_some_and(|with| with.cte_tables.iter().any(modifies)) {
        true => Err(Error::new("0A000", "WITH clause containing a data-modifying statement must be at the top level")),
        false => Ok(()),
    }
}
