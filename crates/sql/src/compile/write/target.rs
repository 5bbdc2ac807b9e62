//! The table that a write goes to: named itself, or through a view that passes simple writes on.

use std::sync::Arc;

use basalt_core::{Error, Result};
use sqlparser::ast::{self, Spanned};

use super::refused_view;
use crate::catalog::{Column, Privilege, Relation};
use crate::compile::column::SYSTEM;
use crate::compile::parse::parse_statement;
use crate::compile::scope::{Scope, Source, SourceColumn};
use crate::compile::typed::Typed;
use crate::compile::types::fold;
use crate::compile::{Compiler, privilege};
use crate::definition_path;
use crate::program::Command;
use crate::quote;
use crate::visit::any_expression;

/// What a write goes to.
pub(super) struct Target {
    /// The base table.
    pub table: Arc<Relation>,
    /// What the statement names: the table, or a view over it.
    pub named: Arc<Relation>,
    /// For each column of `named`, the table's column that it is.
    pub columns: Vec<Option<usize>>,
    /// The name by which the statement refers to it.
    pub alias: String,
    /// The SQLite table, quoted.
    pub sqlite: String,
    /// The role whose rights hold on the table.
    pub role: String,
    /// Views between the statement and the table, outermost first.
    views: Vec<ViewLevel>,
}

/// A view's query, as far as writes through it care.
struct ViewLevel {
    view: Arc<Relation>,
    select: ast::Select,
    /// How the view's query calls what it reads.
    alias: String,
    /// The role whose rights hold inside.
    role: String,
}

impl Target {
    /// Looks up what a write names, and claims the table's name in the step: nothing else there may be called so. `written` are the columns
    /// that the statement lists.
    ///
    /// Errors: 42501 without USAGE of its schema; 0A000 and 55000 for views that take no such write.
    pub fn resolve(
        compiler: &mut Compiler<'_>,
        name: &ast::ObjectName,
        alias: Option<&ast::Ident>,
        command: Command,
        written: &[&ast::Ident],
    ) -> Result<Target> {
        let named = compiler.relation(name)?;
        privilege::use_schema(compiler, &named.name.schema).map_err(|e| compiler.place(e, name.span()))?;
        let mut views = Vec::new();
        let mut table = named.clone();
        let mut role = compiler.role.clone();
        while table.view().is_some() {
            let level = ViewLevel::of(&table, &compiler.user, command).or_else(|refused| {
                refused_before(compiler, &named, &views, written, command)?;
                Err(refused)
            })?;
            role.clone_from(&level.role);
            let inside = definition_path(&table.name.schema);
            let from = level.from(&table)?.clone();
            table = compiler.inside(inside, |compiler| compiler.relation(&from))?;
            views.push(level);
        }
        let columns = match named.view() {
            None => (0..table.columns.len()).map(Some).collect(),
            Some(view) => {
                let base = |source: &Option<(crate::Name, String)>| {
                    let (relation, column) = source.as_ref()?;
                    if *relation != table.name {
                        return None;
                    }
                    table.columns.iter().position(|c| c.name == *column)
                };
                view.sources.iter().map(base).collect()
            }
        };
        let physical = table.name.physical();
        let sqlite = compiler.alias(&physical);
        let alias = alias.map_or_else(|| named.name.name.clone(), |alias| alias.value.clone());
        Ok(Target { table, named, columns, alias, sqlite, role, views })
    }

    /// The table as an entry of FROM that SQLite calls `sqlite`, for its policies. Reading it asks for no privilege.
    pub fn table_source(&self, compiler: &mut Compiler<'_>, sqlite: &str) -> Source {
        let mut source = compiler.table_source(&self.table, &self.alias, sqlite);
        source.check_privileges = false;
        source
    }

    /// What the statement names, over an entry for the table: the names that its expressions use.
    pub fn named_source(&self, compiler: &mut Compiler<'_>, table: &Source) -> Result<Source> {
        let mut source = table.clone();
        for level in self.views.iter().rev() {
            source = level.over(compiler, &source, table)?;
        }
        source.alias.clone_from(&self.alias);
        source.schema = (self.alias == self.named.name.name).then(|| self.named.name.schema.clone());
        source.check_privileges = true;
        source.guard.clone_from(&table.guard);
        Ok(source)
    }

    /// The conditions of the views between, over an entry for the table.
    pub fn conditions(&self, compiler: &mut Compiler<'_>, table: &Source) -> Result<Vec<Typed>> {
        let mut conditions = Vec::new();
        let mut source = table.clone();
        for level in self.views.iter().rev() {
            if let Some(selection) = &level.select.selection {
                let scope = level.scope(&source);
                let bound = level.inside(compiler, |compiler| compiler.bind_condition(&scope, selection, "WHERE"))?;
                conditions.push(bound);
            }
            source = level.over(compiler, &source, table)?;
        }
        Ok(conditions)
    }

    /// The column that a statement writes by this name: its index in `named`. 42703 if there is none.
    pub fn column(&self, compiler: &Compiler<'_>, ident: &ast::Ident) -> Result<usize> {
        column_of(compiler, &self.named, ident)
    }

    /// The table's column behind a column of `named`. 0A000 if a view computes it.
    pub fn base(&self, index: usize, command: &str) -> Result<usize> {
        self.columns[index].ok_or_else(|| {
            let (view, column) =
                computing(&self.named, &self.views, index).unwrap_or((&self.named, &self.named.columns[index].name));
            computed(command, view, column)
        })
    }

    /// A column of `named` as values are assigned to it: it takes what the table's column takes, whose domain a view's does not have.
    pub fn assigned_column(&self, index: usize) -> Column {
        let named = &self.named.columns[index];
        match self.columns[index] {
            Some(base) => Column { name: named.name.clone(), ..self.table.columns[base].clone() },
            None => named.clone(),
        }
    }

    /// The table's column of that index.
    pub fn table_column(&self, index: usize) -> &Column {
        &self.table.columns[index]
    }

    /// Demands a privilege on columns (indices in `named`) of what is named, and on the table behind a view.
    pub fn require(&self, compiler: &Compiler<'_>, columns: &[usize], privilege: Privilege) -> Result<()> {
        let names = columns.iter().map(|&i| self.named.columns[i].name.as_str());
        privilege::require_columns(compiler.catalog, &compiler.role, &self.named, names, privilege)?;
        if self.views.is_empty() {
            return Ok(());
        }
        let base = || columns.iter().filter_map(|&i| self.columns[i]).map(|i| self.table.columns[i].name.as_str());
        for (role, view) in self.inner_views() {
            let names = base().filter_map(|name| shown_as(view, &self.table, name));
            privilege::require_columns(compiler.catalog, role, view, names, privilege)?;
        }
        privilege::require_columns(compiler.catalog, &self.role, &self.table, base(), privilege)
    }

    /// The views behind the one that is named, each with the role whose rights to it count.
    fn inner_views(&self) -> impl Iterator<Item = (&str, &Relation)> {
        self.views.windows(2).map(|pair| (pair[0].role.as_str(), &*pair[1].view))
    }

    /// Demands SELECT of all that the views between name, where the statement reads its target: each query of theirs is run.
    pub fn require_reads(&self, compiler: &Compiler<'_>) -> Result<()> {
        for (index, level) in self.views.iter().enumerate() {
            let base = self.views.get(index + 1).map_or(&self.table, |next| &next.view);
            let named = base.columns.iter().map(|column| column.name.as_str()).filter(|name| level.names(name));
            privilege::require_columns(compiler.catalog, &level.role, base, named, Privilege::Select)?;
        }
        Ok(())
    }

    /// Demands DELETE.
    pub fn require_delete(&self, compiler: &Compiler<'_>) -> Result<()> {
        privilege::require(compiler.catalog, &compiler.role, &self.named, Privilege::Delete)?;
        for (role, view) in self.inner_views() {
            privilege::require(compiler.catalog, role, view, Privilege::Delete)?;
        }
        privilege::require(compiler.catalog, &self.role, &self.table, Privilege::Delete)
    }

    /// Whether the caller may be shown a failing row: no policies bind it, and it may read every column.
    pub fn shows_values(&self, compiler: &Compiler<'_>) -> bool {
        let catalog = compiler.catalog;
        let readable = |column| catalog.allows_column(&compiler.caller, &self.table, column, Privilege::Select);
        !catalog.policies_apply(&compiler.caller, &self.table) && self.table.columns.iter().all(readable)
    }

    /// The name by which SQLite knows the row's number; one that no column has.
    pub fn rowid(&self) -> Result<&'static str> {
        self.table.row_number().ok_or_else(|| {
            Error::unsupported("a table with columns rowid, _rowid_ and oid can't be written so", "Rename one of them.")
        })
    }

    /// Whether the nodes read a column of what is named, as far as their spelling tells: then SELECT's policies and
    /// privileges count too.
    pub fn is_read_in(&self, node: &impl ast::Visit) -> bool {
        any_expression(node, |expr| match expr {
            ast::Expr::Identifier(ident) if !super::values::is_default(expr) => {
                let name = fold(ident);
                name == self.alias || SYSTEM.contains(&name.as_str()) || self.named.column(&name).is_some()
            }
            ast::Expr::CompoundIdentifier(parts) => {
                let names: Vec<String> = parts.iter().map(fold).collect();
                let qualifier = names.len().checked_sub(2).map(|i| names[i].as_str());
                qualifier.is_some_and(|q| q == self.alias || q == "excluded")
            }
            _ => false,
        })
    }
}

/// The view that computes a column (an index in `named`), and what it calls it: `named` or one of `views`, those behind it.
fn computing<'v>(named: &'v Relation, views: &'v [ViewLevel], index: usize) -> Option<(&'v Relation, &'v str)> {
    match named.view()?.sources.get(index)? {
        None => Some((named, &named.columns[index].name)),
        Some((relation, column)) => {
            let level = views.iter().find(|level| level.view.name == *relation)?;
            Some((&level.view, column))
        }
    }
}

fn column_of(compiler: &Compiler<'_>, named: &Relation, ident: &ast::Ident) -> Result<usize> {
    let name = &fold(ident);
    named.columns.iter().position(|column| column.name == *name).ok_or_else(|| {
        let message = format!("column \"{name}\" of relation \"{}\" does not exist", named.name.name);
        compiler.place(Error::new("42703", message), ident.span)
    })
}

/// What comes before the refusal of a view that lies behind `views`: a column that is not there, and one that these compute.
fn refused_before(
    compiler: &Compiler<'_>,
    named: &Relation,
    views: &[ViewLevel],
    written: &[&ast::Ident],
    command: Command,
) -> Result<()> {
    let listed = written.iter().map(|ident| column_of(compiler, named, ident)).collect::<Result<Vec<_>>>()?;
    let word = if command == Command::Insert { "insert into" } else { "update" };
    let mut computing = listed.into_iter().filter_map(|index| computing(named, views, index));
    match computing.next() {
        Some((view, column)) if !views.is_empty() => Err(computed(word, view, column)),
        _ => Ok(()),
    }
}

fn computed(command: &str, view: &Relation, column: &str) -> Error {
    Error::new("0A000", format!("cannot {command} column \"{column}\" of view \"{}\"", view.name.name))
        .with_detail("View columns that are not columns of their base relation are not updatable.")
}

/// The name of a view's column for a column of the table behind it.
fn shown_as<'v>(view: &'v Relation, table: &Relation, column: &str) -> Option<&'v str> {
    let is_it = |source: &Option<(crate::Name, String)>| {
        source.as_ref().is_some_and(|(relation, name)| *relation == table.name && name == column)
    };
    let at = view.view()?.sources.iter().position(is_it)?;
    Some(&view.columns[at].name)
}

impl ViewLevel {
    fn of(relation: &Arc<Relation>, user: &str, command: Command) -> Result<ViewLevel> {
        let refused = || refused_view::refused(relation, command);
        let view = relation.view().filter(|view| view.updatable && !view.materialized).ok_or_else(refused)?;
        let ast::Statement::Query(query) = parse_statement(&view.query)? else { return Err(refused()) };
        let ast::SetExpr::Select(select) = *query.body else { return Err(refused()) };
        let [from] = select.from.as_slice() else { return Err(refused()) };
        let ast::TableFactor::Table { name, alias, .. } = &from.relation else { return Err(refused()) };
        let own_name = name.0.last().and_then(|part| part.as_ident()).map(fold).unwrap_or_default();
        let alias = alias.as_ref().map_or(own_name, |alias| fold(&alias.name));
        let role = if view.security_invoker { user.to_owned() } else { relation.owner.clone() };
        Ok(ViewLevel { view: relation.clone(), select: *select, alias, role })
    }

    fn from(&self, relation: &Relation) -> Result<&ast::ObjectName> {
        match self.select.from.first().map(|from| &from.relation) {
            Some(ast::TableFactor::Table { name, .. }) => Ok(name),
            _ => Err(Error::internal(format!("view {} has no table", relation.name))),
        }
    }

    /// Whether the view's query names a column.
    fn names(&self, column: &str) -> bool {
        let all = self.select.projection.iter().any(|item| matches!(item, ast::SelectItem::Wildcard(_)));
        let named = |expr: &ast::Expr| match expr {
            ast::Expr::Identifier(ident) => fold(ident) == column,
            ast::Expr::CompoundIdentifier(parts) => parts.last().is_some_and(|part| fold(part) == column),
            _ => false,
        };
        all || any_expression(&self.select, named)
    }

    /// The names that the view's query sees.
    fn scope(&self, source: &Source) -> Scope<'static> {
        let mut scope = Scope::new(None);
        let check_privileges = false;
        scope.sources.push(Source { alias: self.alias.clone(), check_privileges, guard: None, ..source.clone() });
        scope
    }

    fn inside<T>(&self, compiler: &mut Compiler<'_>, f: impl FnOnce(&mut Compiler<'_>) -> Result<T>) -> Result<T> {
        let path = definition_path(&self.view.name.schema);
        compiler.as_role(&self.role, |compiler| compiler.inside(path, f))
    }

    /// The view's columns over what its query reads.
    fn over(&self, compiler: &mut Compiler<'_>, source: &Source, table: &Source) -> Result<Source> {
        let scope = self.scope(source);
        let sources = self.view.view().map(|view| view.sources.as_slice()).unwrap_or_default();
        let mut columns: Vec<SourceColumn> = Vec::new();
        for (index, column) in self.view.columns.iter().enumerate() {
            let plain = sources.get(index).and_then(Option::as_ref);
            let plain = plain.and_then(|(_, base)| table.columns.iter().find(|c| c.name == *base));
            if let Some(base) = plain {
                columns.push(SourceColumn { name: column.name.clone(), ..base.clone() });
                continue;
            }
            let expr = match self.select.projection.get(index) {
                Some(ast::SelectItem::UnnamedExpr(expr) | ast::SelectItem::ExprWithAlias { expr, .. }) => expr,
                _ => return Err(Error::internal(format!("view {} has no such column", self.view.name))),
            };
            let value = self.inside(compiler, |compiler| {
                let value = compiler.bind_expr(&scope, expr, Some(&column.ty))?;
                compiler.storable(value)
            })?;
            columns.push(SourceColumn {
                name: column.name.clone(),
                ty: value.ty,
                typmod: value.typmod,
                sql: format!("({})", value.sql),
                not_null: value.not_null,
                collated: false,
                leakproof: value.leakproof,
                hidden: false,
            });
        }
        let rows_of = Some(Arc::new(self.view.name.clone()));
        Ok(Source { columns, relation: Some(self.view.clone()), rows_of, row_number: None, ..source.clone() })
    }
}

/// `"a", "b"`.
pub(super) fn column_list<'c>(columns: impl IntoIterator<Item = &'c Column>) -> String {
    columns.into_iter().map(|column| quote::ident(&column.name)).collect::<Vec<_>>().join(", ")
}
