//! FROM: tables, views, subqueries, functions and their joins, with the row policies of what they read.

use std::sync::Arc;

use basalt_core::{Error, Result};
use sqlparser::ast::{Join, JoinOperator, ObjectName, Spanned, TableAlias, TableFactor, TableWithJoins};

use super::compiler::Compiler;
use super::scope::{Scope, Source, SourceColumn};
use super::select::BoundColumn;
use super::typed::Typed;
use super::types::{fold, split_name};
use super::{absent, policy, privilege};
use crate::catalog::Relation;
use crate::quote;

/// A bound FROM.
#[derive(Default)]
pub(crate) struct FromClause {
    /// Row policies that WHERE has to add.
    pub filters: Vec<Typed>,
    /// What conditions and subqueries within it read.
    pub effects: Vec<Typed>,
    parts: Vec<Part>,
    /// Sources of subqueries that something that leaks reads.
    barred: Vec<usize>,
    /// Conditions that are asked behind a barrier too: the source, what it is called, the condition.
    searched: Vec<(usize, String, String)>,
}

/// A piece of FROM's source.
enum Part {
    Text(String),
    /// What reads the source: a subquery in parentheses, or its name. Behind a barrier if something that leaks reads it.
    Derived(usize, String),
}

/// Policies of tables that still wait for WHERE or for an outer join's ON.
pub(super) type Pending = Vec<(usize, Typed)>;

impl FromClause {
    /// No sources of its own: the table of a write, and its row policies.
    pub fn filtered(filters: Vec<Typed>) -> FromClause {
        FromClause { filters, ..FromClause::default() }
    }

    /// SQLite source, without the word FROM. After [`Compiler::bind_where`].
    pub fn sql(&self) -> String {
        let mut sql = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => sql.push_str(text),
                Part::Derived(source, query) if self.barred.contains(source) => {
                    sql.push_str(&self.behind_barrier(*source, query));
                }
                Part::Derived(_, query) => sql.push_str(query),
            }
        }
        sql
    }

    /// SQLite moves no condition into a subquery with a LIMIT; those that tell nothing are written there.
    fn behind_barrier(&self, source: usize, query: &str) -> String {
        let searched: Vec<_> = self.searched.iter().filter(|(id, ..)| *id == source).collect();
        match searched.first() {
            None => format!("(SELECT * FROM {query} LIMIT -1)"),
            Some((_, alias, _)) => {
                let conditions: Vec<&str> = searched.iter().map(|(.., condition)| condition.as_str()).collect();
                format!("(SELECT * FROM {query} AS {alias} WHERE {} LIMIT -1)", conditions.join(" AND "))
            }
        }
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub(super) fn text(&mut self, text: impl Into<String>) {
        self.parts.push(Part::Text(text.into()));
    }

    /// A subquery that is the source of this id.
    pub(super) fn derived(&mut self, source: usize, query: &str) {
        self.parts.push(Part::Derived(source, format!("({query})")));
    }

    /// A subquery that is the source of this id, by its name.
    fn named(&mut self, source: usize, name: String) {
        self.parts.push(Part::Derived(source, name));
    }

    /// Something that leaks reads the source.
    pub(super) fn bar(&mut self, source: usize) {
        self.barred.push(source);
    }

    /// A condition over this source alone, which tells nothing.
    pub(super) fn search(&mut self, source: &Source, condition: &str) {
        self.searched.push((source.id, source.sqlite.clone(), condition.to_owned()));
    }

    /// What follows is read for each row of what stands here, in that order.
    pub(super) fn cross(&mut self) {
        if !self.is_empty() {
            self.text(" CROSS JOIN ");
        }
    }

    /// A comma, unless what stands here asks for a source.
    pub(super) fn separate(&mut self) {
        if matches!(self.parts.last(), Some(Part::Text(text)) if !text.ends_with([' ', '('])) {
            self.text(", ");
        }
    }
}

/// How a table of a join tree is to be read.
#[derive(Clone, Copy)]
pub(super) struct Position {
    /// Policies go into a subquery: the table stands under a FULL JOIN.
    pub enclosed: bool,
}

impl Compiler<'_> {
    /// Binds FROM (or USING of DELETE, FROM of UPDATE): adds its entries to the scope.
    pub fn bind_from(&mut self, scope: &mut Scope<'_>, from: &[TableWithJoins]) -> Result<FromClause> {
        let mut clause = FromClause::default();
        scope.in_from = true;
        for (index, tree) in from.iter().enumerate() {
            if index > 0 {
                clause.text(", ");
            }
            let outer = |j: &Join| {
                matches!(
                    j.join_operator,
                    JoinOperator::Right(_) | JoinOperator::RightOuter(_) | JoinOperator::FullOuter(_)
                )
            };
            // SQLite's comma binds as JOIN does, which only these joins notice.
            let parenthesized = index > 0 && tree.joins.iter().any(outer);
            if parenthesized {
                clause.text("(");
            }
            let mut pending = self.bind_tree(scope, tree, &mut clause, Position { enclosed: false })?;
            if parenthesized {
                clause.text(")");
            }
            clause.filters.extend(pending.drain(..).map(|(_, filter)| filter));
        }
        scope.in_from = false;
        Ok(clause)
    }

    /// The relation of that name, by the search path. 42P01 if there is none.
    pub fn relation(&self, name: &ObjectName) -> Result<Arc<Relation>> {
        let (schema, table) = split_name(name)?;
        let found = match &schema {
            Some(schema) => self.catalog.relation(schema, &table),
            None => self.search_path.iter().find_map(|schema| self.catalog.relation(schema, &table)),
        };
        let shown = schema.as_ref().map_or(table.clone(), |schema| format!("{schema}.{table}"));
        let undefined = || {
            let is_sequence = self.find_sequence(schema.as_deref(), &table).is_some();
            absent::relation(schema.as_deref(), &table, is_sequence)
                .unwrap_or_else(|| absent::no_relation(schema.as_deref(), &shown))
        };
        found.cloned().ok_or_else(|| self.place(undefined(), name.span()))
    }

    /// One table with its joins.
    fn bind_tree(
        &mut self,
        scope: &mut Scope<'_>,
        tree: &TableWithJoins,
        clause: &mut FromClause,
        position: Position,
    ) -> Result<Pending> {
        let full = tree.joins.iter().any(|j| matches!(j.join_operator, JoinOperator::FullOuter(_)));
        let position = Position { enclosed: position.enclosed || full };
        let start = scope.sources.len();
        let mut pending = self.bind_factor(scope, &tree.relation, clause, position)?;
        for join in &tree.joins {
            self.bind_join(scope, join, start, clause, &mut pending, position)?;
        }
        Ok(pending)
    }

    pub(super) fn bind_factor(
        &mut self,
        scope: &mut Scope<'_>,
        factor: &TableFactor,
        clause: &mut FromClause,
        position: Position,
    ) -> Result<Pending> {
        match factor {
            TableFactor::Table { name, alias, args: None, sample: None, .. } => {
                self.bind_table(scope, name, alias.as_ref(), clause, position)
            }
            TableFactor::Table { name, alias, args: Some(args), with_ordinality, .. } => {
                self.bind_table_function(scope, name, &args.args, *with_ordinality, alias.as_ref(), clause)?;
                Ok(Pending::new())
            }
            TableFactor::Function { name, args, with_ordinality, alias, .. } => {
                self.bind_table_function(scope, name, args, *with_ordinality, alias.as_ref(), clause)?;
                Ok(Pending::new())
            }
            TableFactor::UNNEST { array_exprs, with_ordinality, alias, .. } => {
                self.bind_unnest(scope, array_exprs, *with_ordinality, alias.as_ref(), clause)?;
                Ok(Pending::new())
            }
            TableFactor::Derived { lateral, subquery, alias, .. } => {
                self.bind_derived(scope, *lateral, subquery, alias.as_ref(), clause)?;
                Ok(Pending::new())
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                clause.text("(");
                let pending = self.bind_tree(scope, table_with_joins, clause, position)?;
                clause.text(")");
                Ok(pending)
            }
            other => Err(Error::unsupported(
                format!("{other} is not supported in FROM on the embedded engine"),
                "Write it as a subquery.",
            )),
        }
    }

    fn bind_table(
        &mut self,
        scope: &mut Scope<'_>,
        name: &ObjectName,
        alias: Option<&TableAlias>,
        clause: &mut FromClause,
        position: Position,
    ) -> Result<Pending> {
        let (schema, table) = split_name(name)?;
        if schema.is_none()
            && let Some(cte) = scope.cte(&table).cloned()
        {
            let shown = alias.map_or(table, |a| fold(&a.name));
            let sqlite = self.alias(&shown);
            let columns = cte.columns.iter().map(|c| SourceColumn {
                name: c.name.clone(),
                ty: c.ty.clone(),
                typmod: c.typmod,
                sql: format!("{sqlite}.{}", quote::ident(&c.sqlite)),
                not_null: c.not_null,
                collated: c.collated,
                leakproof: c.leakproof || !cte.protected,
                hidden: false,
            });
            let columns = columns.collect();
            let mut source = self.source(&shown, &sqlite, columns);
            source.protected = cte.protected;
            source.origins = cte.columns.iter().map(|column| column.source.clone()).collect();
            rename(&mut source, alias)?;
            clause.named(source.id, cte.table);
            clause.text(format!(" AS {sqlite}"));
            scope.add(source)?;
            return Ok(Pending::new());
        }
        if let Some(sequence) = self.sequence_in_from(name)? {
            self.bind_sequence(scope, (&sequence, name), alias, clause)?;
            return Ok(Pending::new());
        }
        if self.bind_system_view(scope, (schema.as_deref(), &table), alias, clause)? {
            return Ok(Pending::new());
        }
        let relation = self.relation(name)?;
        privilege::use_schema(self, &relation.name.schema).map_err(|e| self.place(e, name.span()))?;
        let shown = alias.map_or(relation.name.name.clone(), |a| fold(&a.name));
        let sqlite = self.alias(&shown);
        let mut source = self.table_source(&relation, &shown, &sqlite).with_row_number();
        if alias.is_some() {
            source.schema = None;
        }
        let pending = match relation.view().filter(|view| !view.materialized) {
            Some(view) => {
                // The view's own privileges come before those that its query needs.
                privilege::read_any(self, &relation)?;
                let query = self.inline_view(&relation)?;
                // With its owner's rights a view may be all that holds rows back.
                source.protected = query.protected || !view.security_invoker;
                for (index, column) in source.columns.iter_mut().enumerate() {
                    // `select *` may give more columns today than when the view was made.
                    let same = |bound: &&BoundColumn| bound.name == column.name;
                    let by_place = query.columns.get(index);
                    let Some(bound) = by_place.filter(same).or_else(|| query.columns.iter().find(same)).or(by_place)
                    else {
                        continue;
                    };
                    column.sql = format!("{sqlite}.{}", quote::ident(&bound.sqlite));
                    column.collated = bound.collated;
                    column.leakproof = bound.leakproof || !source.protected;
                    column.not_null = bound.not_null;
                }
                clause.derived(source.id, &self.computed_once(query.sql, &query.columns, &query.effects));
                clause.text(format!(" AS {sqlite}"));
                clause.effects.push(query.effects);
                Pending::new()
            }
            None => {
                let physical = quote::ident(&relation.name.physical());
                // A policy that lets every row through holds nothing back.
                let filter =
                    policy::read_filter(self, &source)?.filter(|filter| self.known(filter) != Some(Some(true)));
                match filter {
                    Some(filter) if position.enclosed => {
                        let query = format!("SELECT * FROM {physical} AS {sqlite} WHERE {}", filter.sql);
                        source.protected = true;
                        clause.derived(source.id, &query);
                        clause.text(format!(" AS {sqlite}"));
                        Pending::new()
                    }
                    filter => {
                        let as_alias = format!("{physical} AS {sqlite}");
                        clause.text(if physical == sqlite { physical } else { as_alias });
                        source.guard = filter.as_ref().map(|f| f.sql.clone());
                        filter.map(|f| (source.id, f)).into_iter().collect()
                    }
                }
            }
        };
        rename(&mut source, alias)?;
        scope.add(source)?;
        Ok(pending)
    }

    /// Asks for the privilege on some column of each relation of which none was read.
    pub(super) fn check_unread(&self, scope: &Scope<'_>) -> Result<()> {
        for source in scope.sources.iter().filter(|s| s.check_privileges && !s.used.get()) {
            if let Some(relation) = &source.relation {
                privilege::read_any(self, relation)?;
            }
        }
        Ok(())
    }
}

/// Gives a source's columns the names of its alias: `t (a, b)`.
pub(super) fn rename(source: &mut Source, alias: Option<&TableAlias>) -> Result<()> {
    let Some(alias) = alias else { return Ok(()) };
    let visible = source.columns.iter().filter(|c| !c.hidden).count();
    if alias.columns.len() > visible {
        return Err(Error::new(
            "42P10",
            format!(
                "table \"{}\" has {visible} columns available but {} columns specified",
                source.alias,
                alias.columns.len()
            ),
        ));
    }
    let columns = source.columns.iter_mut().filter(|c| !c.hidden);
    for (column, name) in columns.zip(&alias.columns) {
        column.name = fold(&name.name);
    }
    Ok(())
}
