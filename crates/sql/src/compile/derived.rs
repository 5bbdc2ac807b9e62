//! Subqueries and table-valued functions in FROM.

use basalt_core::{Error, Result};
use sqlparser::ast::{Query, TableAlias};

use super::compiler::Compiler;
use super::cte::dml_in_from;
use super::from::{FromClause, rename};
use super::scope::{Scope, Source, SourceColumn};
use super::select::{BoundColumn, BoundQuery};
use super::typed::Typed;
use super::types::fold;
use super::unrolled::{is_bytes, json_of};
use crate::quote;

impl Compiler<'_> {
    /// A subquery in FROM.
    pub(super) fn bind_derived(
        &mut self,
        scope: &mut Scope<'_>,
        lateral: bool,
        query: &Query,
        alias: Option<&TableAlias>,
        clause: &mut FromClause,
    ) -> Result<()> {
        dml_in_from(query)?;
        let bound = match lateral {
            true => self.bind_query(Some(&*scope), query)?,
            false => self.bind_query(scope.parent, query)?,
        };
        let shown = match alias {
            Some(alias) => fold(&alias.name),
            None => {
                return Err(Error::new("42601", "subquery in FROM must have an alias")
                    .with_hint("For example, FROM (SELECT ...) [AS] foo."));
            }
        };
        self.add_query(scope, bound, &shown, alias, clause)
    }

    /// A bound query as an entry of FROM. One that reads entries before it (LATERAL) becomes a JSON array that is unrolled,
    /// since SQLite lets only table-valued functions see those.
    pub(super) fn add_query(
        &mut self,
        scope: &mut Scope<'_>,
        query: BoundQuery,
        shown: &str,
        alias: Option<&TableAlias>,
        clause: &mut FromClause,
    ) -> Result<()> {
        let sqlite = self.alias(shown);
        let lateral = query.effects.sources.iter().any(|id| scope.source(*id).is_some());
        let columns = query.columns.iter().enumerate().map(|(index, c)| SourceColumn {
            name: c.name.clone(),
            ty: c.ty.clone(),
            typmod: c.typmod,
            sql: match lateral {
                true if is_bytes(&c.ty) => format!("unhex({sqlite}.value ->> {index})"),
                true => format!("({sqlite}.value ->> {index})"),
                false => format!("{sqlite}.{}", quote::ident(&c.sqlite)),
            },
            not_null: c.not_null,
            collated: c.collated && !lateral,
            leakproof: c.leakproof || lateral || !query.protected,
            hidden: false,
        });
        let columns = columns.collect();
        let mut source = self.source(shown, &sqlite, columns);
        source.protected = query.protected && !lateral;
        source.at_most_one = query.at_most_one;
        source.origins = query.columns.iter().map(|column| column.source.clone()).collect();
        if lateral {
            let row = self.alias("_l");
            let value = |column: &BoundColumn| json_of(&column.ty, format!("{row}.{}", quote::ident(&column.sqlite)));
            let values: Vec<String> = query.columns.iter().map(value).collect();
            clause.text(format!(
                "json_each((SELECT json_group_array(json_array({})) FROM ({}) AS {row})) AS {sqlite}",
                values.join(", "),
                query.sql
            ));
        } else {
            clause.derived(source.id, &self.computed_once(query.sql, &query.columns, &query.effects));
            clause.text(format!(" AS {sqlite}"));
        }
        clause.effects.push(query.effects);
        rename(&mut source, alias)?;
        scope.add(source)
    }

    /// A query in FROM, of which whoever reads a volatile value twice reads the same one: SQLite would compute it at each mention.
    pub(super) fn computed_once(&mut self, sql: String, columns: &[BoundColumn], effects: &Typed) -> String {
        if !effects.volatile || columns.is_empty() {
            return sql;
        }
        let names: Vec<String> = columns.iter().map(|column| quote::ident(&column.sqlite)).collect();
        let rows = self.alias("_rows");
        format!("WITH {rows} ({}) AS MATERIALIZED ({sql}) SELECT * FROM {rows}", names.join(", "))
    }

    /// Adds the text of a table-valued function and its source.
    pub(super) fn add_function(
        &mut self,
        scope: &mut Scope<'_>,
        sql: String,
        source: Source,
        args: &[Typed],
        clause: &mut FromClause,
    ) -> Result<()> {
        clause.separate();
        clause.text(format!("{sql} AS {}", source.sqlite));
        clause.effects.extend(args.iter().cloned());
        scope.add(source)
    }
}
