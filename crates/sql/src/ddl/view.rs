//! Views (PostgreSQL manual, `create view`, `alter view`). Their queries are inlined, so nothing of them stands in SQLite.

use std::collections::BTreeSet;
use std::sync::Arc;

use basalt_core::{Error, Result};
use sqlparser::ast::{
    Cte, Expr, GroupByExpr, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableFactor, With,
};
use sqlparser::tokenizer::Token;

use super::captured::Columns;
use super::sequence::already_exists;
use super::source::{self, Uses, fold, ident_node};
use super::table::plain_column;
use super::{Change, naming};
use crate::Catalog;
use crate::catalog::{Column, Name, Relation, RelationKind, Takes, View};
use crate::compile::{self, ViewColumn};
use crate::definition_path;
use crate::visit::any_outside_queries;

/// `(select ...)` as `select ...`.
fn without_parentheses(mut query: Query) -> Query {
    let is_alone = query.with.is_none()
        && query.order_by.is_none()
        && query.limit_clause.is_none()
        && query.fetch.is_none()
        && query.locks.is_empty();
    match *query.body {
        SetExpr::Query(inner) if is_alone => without_parentheses(*inner),
        body => {
            query.body = Box::new(body);
            query
        }
    }
}

impl Change<'_> {
    pub(super) fn create_view(&mut self, replace: bool) -> Result<()> {
        let raw = self.cursor.name()?;
        let name = self.new_name(&raw)?;
        let names = if self.cursor.peek_token(&Token::LParen) { self.cursor.column_list()? } else { Vec::new() };
        let mut security_invoker = true;
        if self.cursor.accept("with") {
            self.view_options(&mut security_invoker)?;
        }
        self.cursor.expect("as")?;
        let at = self.cursor.offset();
        let mut query = without_parentheses(self.cursor.query()?);
        if self.cursor.peek("with") {
            return Err(self.lacking("WITH CHECK OPTION", "Use row policies on the table."));
        }
        let old = self.catalog.relations.get(&name).cloned();
        match &old {
            Some(_) if !replace => return Err(already_exists(&raw)),
            Some(old) if old.view().is_none() => {
                return Err(Error::new("42809", format!("\"{}\" is not a view", raw.name)).at(raw.at));
            }
            None if naming::relation_name_taken(&self.catalog, &name.schema, &name.name) => {
                return Err(already_exists(&raw));
            }
            _ => {}
        }
        source::qualify(&mut query, &self.catalog, &self.session.search_path);
        self.check_view_cycle(&name, &query).map_err(|e| e.at(raw.at))?;
        let path = self.path_of(&name, &query);
        let found =
            compile::view_columns(&self.catalog, &path, &query, Some(self.cursor.sql())).map_err(|e| e.at(at))?;
        if names.len() > found.len() {
            return Err(Error::new("42601", "CREATE VIEW specifies more column names than columns").at(at));
        }
        let updatable = is_updatable(&query);
        self.expand_stars(&mut query, None, &path).map_err(|e| e.at(at))?;
        let columns = view_columns(&found, &names).map_err(|e| e.at(at))?;
        let names: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
        let given: Vec<String> = found.iter().map(|c| c.name.clone()).collect();
        let query = with_names(query, &given, &names);

        let mut relation = self.empty_relation(name.clone());
        relation.columns = columns;
        if let Some(old) = &old {
            check_replacement(old, &relation).map_err(|e| e.at(raw.at))?;
            relation = Relation { columns: kept_columns(old, relation.columns), ..(**old).clone() };
        }
        let sources = found.into_iter().map(|c| c.source).collect();
        let takes = takes(&self.catalog, &query);
        relation.kind = RelationKind::View(View {
            query: query.to_string(),
            security_invoker,
            owners_by_default: false,
            key: Vec::new(),
            sources,
            materialized: false,
            updatable,
            takes,
            reads: None,
            calls: Vec::new(),
        });
        let known = old.as_ref().map_or(relation.columns.len(), |old| old.columns.len());
        let added: Vec<String> = relation.columns[known..].iter().map(|column| column.name.clone()).collect();
        let held = self.meanings_to_hold(&name, &Columns::Added(&added));
        let takes = relation.takes();
        self.catalog.relations.insert(name.clone(), Arc::new(relation));
        if old.is_some_and(|old| old.takes() != takes) {
            self.judge_takes();
        }
        self.refresh_row_type(&name);
        self.hold_meanings(held, &name, &Columns::Added(&added)).map_err(|error| error.at(raw.at))?;
        self.refresh_shown_rows();
        Ok(())
    }

    /// Judges anew which views pass writes on, since one takes others than it did.
    fn judge_takes(&mut self) {
        loop {
            let judged = self.catalog.relations.values().filter_map(|relation| {
                let view = relation.view()?;
                let takes = takes(&self.catalog, &source::parse_query(&view.query).ok()?);
                (takes != view.takes).then(|| (relation.name.clone(), takes))
            });
            let judged: Vec<_> = judged.collect();
            if judged.is_empty() {
                return;
            }
            for (name, judged) in judged {
                if let Some(relation) = self.catalog.relations.get_mut(&name)
                    && let RelationKind::View(view) = &mut Arc::make_mut(relation).kind
                {
                    view.takes = judged;
                }
            }
        }
    }

    /// `(security_invoker = true, ...)`.
    fn view_options(&mut self, security_invoker: &mut bool) -> Result<()> {
        self.cursor.expect_token(&Token::LParen)?;
        loop {
            let at = self.cursor.offset();
            let option = self.cursor.label()?;
            let value = if self.cursor.accept_token(&Token::Eq) {
                let text = match self.cursor.accept_string() {
                    Some(text) => text,
                    None => self.cursor.skip(),
                };
                !matches!(text.to_ascii_lowercase().as_str(), "false" | "off" | "0" | "no")
            } else {
                true
            };
            match option.as_str() {
                "security_invoker" => *security_invoker = value,
                // Every view's own conditions come before what its caller asks.
                "security_barrier" => {}
                "check_option" => {
                    return Err(Error::unsupported(
                        "WITH CHECK OPTION is not supported",
                        "Use row policies on the table.",
                    )
                    .at(at));
                }
                _ => return Err(Error::new("22023", format!("unrecognized parameter \"{option}\"")).at(at)),
            }
            if !self.cursor.accept_token(&Token::Comma) {
                return self.cursor.expect_token(&Token::RParen);
            }
        }
    }

    pub(super) fn alter_view(&mut self) -> Result<()> {
        let if_exists = self.cursor.accept("if exists");
        let raw = self.cursor.name()?;
        let relation = match self.find_relation(&raw) {
            Ok(relation) if relation.view().is_some() => relation,
            Ok(_) => return Err(Error::new("42809", format!("\"{}\" is not a view", raw.name)).at(raw.at)),
            Err(_) if if_exists => {
                self.cursor.skip_all();
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let name = relation.name.clone();
        if self.alter_any_relation(&relation)? {
            return Ok(());
        }
        let at = self.cursor.offset();
        let mut security_invoker = match self.cursor.accept_any(&["set", "reset"]) {
            Some("set") => relation.view().is_none_or(|view| view.security_invoker),
            Some(_) => {
                self.storage_parameters()?;
                true
            }
            None => return Err(self.lacking("ALTER VIEW of a column", "Drop the view and create it again.").at(at)),
        };
        if self.cursor.peek_token(&Token::LParen) {
            self.view_options(&mut security_invoker)?;
        }
        if let RelationKind::View(view) = &mut self.relation_mut(&name)?.kind {
            view.security_invoker = security_invoker;
        }
        Ok(())
    }

    /// 42P17 if the view would read itself.
    fn check_view_cycle(&self, name: &Name, query: &Query) -> Result<()> {
        let mut open: Vec<Name> = Uses::of(query).relations.into_iter().collect();
        let mut seen = open.clone();
        while let Some(next) = open.pop() {
            if next == *name {
                let message = format!("infinite recursion detected in rules for relation \"{}\"", name.name);
                return Err(Error::new("42P17", message));
            }
            if let Some(view) = self.catalog.relations.get(&next).and_then(|r| r.view()) {
                for relation in Uses::of_query(&view.query).relations {
                    if !seen.contains(&relation) {
                        seen.push(relation.clone());
                        open.push(relation);
                    }
                }
            }
        }
        Ok(())
    }

    /// Where names are looked up in bodies of functions that a view calls: as when it is read, since PostgreSQL looks into them only then. The
    /// session's path stays in force for a query with names of its own that only the other would find.
    fn path_of(&self, name: &Name, query: &Query) -> Vec<String> {
        let path = definition_path(&name.schema);
        let mut anew = query.clone();
        source::qualify(&mut anew, &self.catalog, &path);
        if anew == *query { path } else { self.session.search_path.clone() }
    }

    /// Writes out what `*` stands for, in subqueries of FROM too, so that columns which come later do not appear, and renamed ones keep
    /// their names there. `around` are the `with` queries that it sees besides its own.
    fn expand_stars(&self, query: &mut Query, around: Option<&With>, path: &[String]) -> Result<()> {
        if let Some(with) = query.with.as_mut().filter(|with| !with.recursive) {
            for i in 0..with.cte_tables.len() {
                let mut before = with.clone();
                before.cte_tables.truncate(i);
                let before = with_around(around, Some(before).filter(|_| i > 0));
                self.expand_stars(&mut with.cte_tables[i].query, before.as_ref(), path)?;
            }
        }
        let with = with_around(around, query.with.clone());
        self.expand_body(&mut query.body, with.as_ref(), path)
    }

    fn expand_body(&self, body: &mut SetExpr, with: Option<&With>, path: &[String]) -> Result<()> {
        match body {
            SetExpr::Select(select) => {
                for from in &mut select.from {
                    self.expand_entry(&mut from.relation, with, path)?;
                    from.joins.iter_mut().try_for_each(|join| self.expand_entry(&mut join.relation, with, path))?;
                }
                if select.projection.iter().any(is_star) {
                    self.expand_select(select, with, path)?;
                }
                Ok(())
            }
            SetExpr::SetOperation { left, right, .. } => {
                self.expand_body(left, with, path)?;
                self.expand_body(right, with, path)
            }
            SetExpr::Query(query) => self.expand_stars(query, with, path),
            _ => Ok(()),
        }
    }

    /// The stars of a subquery in FROM. One that is LATERAL is left as it is where it can't be understood by itself.
    fn expand_entry(&self, entry: &mut TableFactor, with: Option<&With>, path: &[String]) -> Result<()> {
        match entry {
            TableFactor::Derived { lateral, subquery, .. } => match self.expand_stars(subquery, with, path) {
                Err(_) if *lateral => Ok(()),
                expanded => expanded,
            },
            TableFactor::NestedJoin { table_with_joins, .. } => {
                self.expand_entry(&mut table_with_joins.relation, with, path)?;
                let mut joins = table_with_joins.joins.iter_mut();
                joins.try_for_each(|join| self.expand_entry(&mut join.relation, with, path))
            }
            _ => Ok(()),
        }
    }

    fn expand_select(&self, select: &mut Select, with: Option<&With>, path: &[String]) -> Result<()> {
        let mut items = Vec::new();
        for item in &select.projection {
            let qualifier = match item {
                SelectItem::Wildcard(_) => None,
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                    name.0.last().and_then(|part| part.as_ident()).cloned()
                }
                other => {
                    items.push(other.clone());
                    continue;
                }
            };
            let columns = self.columns_of_star(select, item, with, path)?;
            // Of two columns of one name, which a subquery may have, neither can be written so.
            if columns.iter().map(|column| &column.name).collect::<BTreeSet<_>>().len() < columns.len() {
                items.push(item.clone());
                continue;
            }
            for column in columns {
                let name = ident_node(&column.name);
                items.push(SelectItem::UnnamedExpr(match &qualifier {
                    Some(qualifier) => Expr::CompoundIdentifier(vec![qualifier.clone(), name]),
                    None => Expr::Identifier(name),
                }));
            }
        }
        select.projection = items;
        Ok(())
    }

    /// What a star of a select list stands for: the columns of a query over the same relations that selects nothing else.
    fn columns_of_star(
        &self,
        select: &Select,
        star: &SelectItem,
        with: Option<&With>,
        path: &[String],
    ) -> Result<Vec<ViewColumn>> {
        let alone = Select {
            projection: vec![star.clone()],
            distinct: None,
            selection: None,
            group_by: GroupByExpr::Expressions(Vec::new(), Vec::new()),
            having: None,
            ..select.clone()
        };
        let query = Query { with: with.cloned(), ..query_of(SetExpr::Select(Box::new(alone))) };
        compile::view_columns(&self.catalog, path, &query, None)
    }
}

/// The `with` queries that a query sees: its own, and those around it whose names it does not use anew.
fn with_around(around: Option<&With>, own: Option<With>) -> Option<With> {
    let Some(around) = around else { return own };
    let Some(mut own) = own else { return Some(around.clone()) };
    let is_hidden = |outer: &Cte| own.cte_tables.iter().any(|cte| fold(&cte.alias.name) == fold(&outer.alias.name));
    let mut seen: Vec<Cte> = around.cte_tables.iter().filter(|outer| !is_hidden(outer)).cloned().collect();
    seen.append(&mut own.cte_tables);
    Some(With { recursive: own.recursive || around.recursive, cte_tables: seen, ..own })
}

fn is_star(item: &SelectItem) -> bool {
    matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
}

fn query_of(body: SetExpr) -> Query {
    Query {
        with: None,
        body: Box::new(body),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

/// The columns of a view, renamed as its column list says.
fn view_columns(found: &[ViewColumn], names: &[String]) -> Result<Vec<Column>> {
    let mut columns: Vec<Column> = Vec::new();
    for (i, column) in found.iter().enumerate() {
        let name = names.get(i).unwrap_or(&column.name).clone();
        if columns.iter().any(|c| c.name == name) {
            return Err(Error::new("42701", format!("column \"{name}\" specified more than once")));
        }
        columns.push(Column { typmod: column.typmod, ..plain_column(name, column.ty.clone()) });
    }
    Ok(columns)
}

/// The query, giving its columns the view's names.
fn with_names(mut query: Query, found: &[String], names: &[String]) -> Query {
    if found == names {
        return query;
    }
    if let SetExpr::Select(select) = &mut *query.body
        && select.projection.len() == names.len()
    {
        for (item, name) in select.projection.iter_mut().zip(names) {
            let expr = match item {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => expr.clone(),
                _ => continue,
            };
            *item = SelectItem::ExprWithAlias { expr, alias: ident_node(name) };
        }
        return query;
    }
    let list: Vec<String> = names.iter().map(|name| ident_node(name).to_string()).collect();
    let list = list.join(", ");
    source::parse_query(&format!("SELECT {list} FROM ({query}) AS v ({list})")).unwrap_or(query)
}

/// Gives a column of a view another name.
pub(super) fn rename_output(relation: &mut Relation, from: &str, to: &str) -> Result<()> {
    let before: Vec<String> = relation.columns.iter().map(|c| c.name.clone()).collect();
    let after: Vec<String> = before.iter().map(|name| if name == from { to } else { name }.to_owned()).collect();
    if let RelationKind::View(view) = &mut relation.kind {
        view.query = with_names(source::parse_query(&view.query)?, &before, &after).to_string();
    }
    Ok(())
}

/// 42P16 if readers of the old view would be surprised.
fn check_replacement(old: &Relation, new: &Relation) -> Result<()> {
    if new.columns.len() < old.columns.len() {
        return Err(Error::new("42P16", "cannot drop columns from view"));
    }
    for (old, new) in old.columns.iter().zip(&new.columns) {
        if old.name != new.name {
            let message = format!("cannot change name of view column \"{}\" to \"{}\"", old.name, new.name);
            return Err(Error::new("42P16", message)
                .with_hint("Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead."));
        }
        if old.ty != new.ty {
            let message =
                format!("cannot change data type of view column \"{}\" from {} to {}", old.name, old.ty, new.ty);
            return Err(Error::new("42P16", message));
        }
    }
    Ok(())
}

/// The new columns with the old ones' comments and privileges.
fn kept_columns(old: &Relation, new: Vec<Column>) -> Vec<Column> {
    new.into_iter()
        .map(|column| match old.column(&column.name) {
            Some(old) => Column { comment: old.comment.clone(), grants: old.grants.clone(), ..column },
            None => column,
        })
        .collect()
}

/// What a view takes, unless its own query tells: nothing over a view that takes nothing.
fn takes(catalog: &Catalog, query: &Query) -> Option<Takes> {
    let SetExpr::Select(select) = &*query.body else { return None };
    let [from] = select.from.as_slice() else { return None };
    let TableFactor::Table { name, args: None, .. } = &from.relation else { return None };
    let read = catalog.relations.get(&source::qualified(name)?)?;
    (!read.takes().any()).then(|| Takes::all(false))
}

/// Whether PostgreSQL would let writes through to what the query reads: one relation, and each row one of its rows.
fn is_updatable(query: &Query) -> bool {
    let SetExpr::Select(select) = &*query.body else { return false };
    let plain_from = match select.from.as_slice() {
        [from] => from.joins.is_empty() && matches!(&from.relation, TableFactor::Table { args: None, .. }),
        _ => false,
    };
    let grouped = match &select.group_by {
        GroupByExpr::All(_) => true,
        GroupByExpr::Expressions(exprs, _) => !exprs.is_empty(),
    };
    let computed = select.projection.iter().any(|item| {
        let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else { return false };
        aggregates(expr)
    });
    plain_from
        && !grouped
        && !computed
        && query.with.is_none()
        && query.limit_clause.is_none()
        && query.fetch.is_none()
        && select.distinct.is_none()
        && select.having.is_none()
}

/// Whether an expression holds an aggregate, a window function or a function of sets, of the view's query itself.
fn aggregates(expr: &Expr) -> bool {
    any_outside_queries(expr, |expr| {
        let Expr::Function(function) = expr else { return false };
        let name = function.name.0.last().and_then(|part| part.as_ident()).map(fold).unwrap_or_default();
        function.over.is_some()
            || matches!(name.as_str(), "count" | "generate_series" | "unnest")
            || basalt_types::aggregates().any(|a| a.name == name)
            || basalt_types::set_functions().any(|f| f.name == name)
    })
}
