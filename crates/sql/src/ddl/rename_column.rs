//! A column's new name, written where a view, a policy or a function's parsed body names the column.

use std::ops::ControlFlow;

use basalt_core::{Error, Result};
use sqlparser::ast::{
    Assignment, AssignmentTarget, ConflictTarget, Expr, FromTable, Ident, Insert, ObjectName, ObjectNamePart,
    OnConflictAction, OnInsert, OrderBy, Query, Select, SelectItem, SetExpr, Statement, TableFactor, TableObject,
    TableWithJoins, UpdateTableFromKind, VisitMut, VisitorMut,
};

use super::source::{Uses, fold, ident_node, parse_expr};
use crate::catalog::{Catalog, Name};
use crate::visit::{any_expression, visit_mut};

/// An expression over one table alone, with a column renamed.
pub(super) fn renamed(table: &Name, source: &str, from: &str, to: &str) -> Result<String> {
    let mut expr = parse_expr(source)?;
    ColumnRenamer { table, from, to, own: true, scopes: Vec::new(), outputs: Vec::new() }.apply(&mut expr);
    Ok(expr.to_string())
}

/// The condition of a trigger, with a column of `new` and `old` renamed.
pub(super) fn renamed_in_rows(source: &str, from: &str, to: &str) -> Result<String> {
    let mut expr = parse_expr(source)?;
    let _ = visit_mut(&mut expr, &mut FieldRenamer { from, to });
    Ok(expr.to_string())
}

/// Whether the condition of a trigger reads a column of `new` or `old`.
pub(super) fn reads_in_rows(source: &str, column: &str) -> bool {
    let reads = |expr: &Expr| matches!(expr, Expr::CompoundIdentifier(parts) if is_field(parts, column));
    parse_expr(source).is_ok_and(|expr| any_expression(&expr, reads))
}

/// Whether a name is that of a column of `new` or `old`.
fn is_field(parts: &[Ident], column: &str) -> bool {
    matches!(parts, [row, name] if matches!(fold(row).as_str(), "new" | "old") && fold(name) == column)
}

struct FieldRenamer<'a> {
    from: &'a str,
    to: &'a str,
}

impl VisitorMut for FieldRenamer<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(parts) = expr
            && is_field(parts, self.from)
        {
            parts[1] = ident_node(self.to);
        }
        ControlFlow::Continue(())
    }
}

/// Writes a column's new name where it is read.
pub(super) struct ColumnRenamer<'a> {
    table: &'a Name,
    from: &'a str,
    to: &'a str,
    /// Whether what stands outside of all queries is a row of the table: in its policies and checks.
    own: bool,
    /// What the queries around read, outermost first.
    scopes: Vec<Scope>,
    /// Within ORDER BY, whether the query gives a column of the old name, which then is meant.
    outputs: Vec<bool>,
}

/// What one query reads.
struct Scope {
    /// Names under which it reads the table.
    aliases: Vec<String>,
    /// Whether it reads something whose columns are not known here.
    opaque: bool,
}

impl<'a> ColumnRenamer<'a> {
    /// Refuses when an unqualified name might mean another table's column.
    pub(super) fn new(
        catalog: &Catalog,
        table: &'a Name,
        (from, to): (&'a str, &'a str),
        own: bool,
        uses: &Uses,
        what: &str,
    ) -> Result<Self> {
        let shared = |name: &&Name| catalog.relations.get(*name).is_some_and(|r| r.column(from).is_some());
        if let Some(other) = uses.relations.iter().filter(|name| *name != table).find(shared) {
            return Err(Error::unsupported(
                format!("cannot rename column \"{from}\": {what} also reads column \"{from}\" of \"{}\"", other.name),
                format!("Drop {what} first, and create it again afterwards."),
            ));
        }
        Ok(ColumnRenamer { table, from, to, own, scopes: Vec::new(), outputs: Vec::new() })
    }

    /// In no place of its own, whatever else is read.
    pub(super) fn unchecked(table: &'a Name, (from, to): (&'a str, &'a str)) -> Self {
        ColumnRenamer { table, from, to, own: false, scopes: Vec::new(), outputs: Vec::new() }
    }

    pub(super) fn apply(mut self, node: &mut impl VisitMut) {
        let _ = visit_mut(node, &mut self);
    }

    /// Whether an unqualified name is the column: the innermost query that can tell decides.
    fn means_column(&self) -> bool {
        for scope in self.scopes.iter().rev() {
            if !scope.aliases.is_empty() || scope.opaque {
                return !scope.aliases.is_empty();
            }
        }
        self.own
    }

    /// Whether a column qualified by this name is the table's.
    fn means_table(&self, alias: &str) -> bool {
        self.scopes.iter().any(|scope| scope.aliases.iter().any(|a| a == alias))
            || (self.own && alias == self.table.name)
    }

    /// The identifier to rename, if the expression is the column.
    fn column<'e>(&self, expr: &'e mut Expr) -> Option<&'e mut Ident> {
        match expr {
            Expr::Identifier(ident) => (fold(ident) == self.from && self.means_column()).then_some(ident),
            Expr::CompoundIdentifier(idents) => {
                let [.., table, column] = idents.as_mut_slice() else { return None };
                (fold(column) == self.from && self.means_table(&fold(table))).then_some(column)
            }
            _ => None,
        }
    }

    fn scope(&self, from: &[TableWithJoins]) -> Scope {
        let mut scope = Scope { aliases: Vec::new(), opaque: false };
        for item in from {
            for factor in std::iter::once(&item.relation).chain(item.joins.iter().map(|join| &join.relation)) {
                self.read(factor, &mut scope);
            }
        }
        scope
    }

    fn read(&self, factor: &TableFactor, scope: &mut Scope) {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                self.read_table(name, alias.as_ref().map(|alias| &alias.name), scope);
            }
            TableFactor::NestedJoin { table_with_joins, .. } => {
                let inner = self.scope(std::slice::from_ref(table_with_joins));
                scope.aliases.extend(inner.aliases);
                scope.opaque |= inner.opaque;
            }
            _ => scope.opaque = true,
        }
    }

    fn read_table(&self, name: &ObjectName, alias: Option<&Ident>, scope: &mut Scope) {
        let parts: Vec<String> = name.0.iter().filter_map(|part| part.as_ident()).map(fold).collect();
        match parts.as_slice() {
            [.., schema, table] if *schema == self.table.schema && *table == self.table.name => {
                scope.aliases.push(alias.map_or_else(|| table.clone(), fold));
            }
            // Another relation has no such column; a name without a schema is one that WITH gives.
            [_, _, ..] => {}
            _ => scope.opaque = true,
        }
    }
}

/// The first SELECT of a query.
fn first_select(body: &SetExpr) -> Option<&Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::Query(query) => first_select(&query.body),
        SetExpr::SetOperation { left, .. } => first_select(left),
        _ => None,
    }
}

impl ColumnRenamer<'_> {
    /// What a statement reads and writes, or reads beside what it writes.
    fn all(&self, tables: &[TableWithJoins], others: &[TableWithJoins]) -> Scope {
        let (mut scope, others) = (self.scope(tables), self.scope(others));
        scope.aliases.extend(others.aliases);
        scope.opaque |= others.opaque;
        scope
    }

    /// The columns that a statement writes, which it names without the table.
    fn assigned(&self, assignments: &mut [Assignment]) {
        for assignment in assignments {
            match &mut assignment.target {
                AssignmentTarget::ColumnName(name) => self.target(name),
                AssignmentTarget::Tuple(names) => names.iter_mut().for_each(|name| self.target(name)),
            }
        }
    }

    fn target(&self, name: &mut ObjectName) {
        if let Some(ObjectNamePart::Identifier(column)) = name.0.last_mut()
            && fold(column) == self.from
        {
            *column = ident_node(self.to);
        }
    }

    /// Renames in an INSERT all but what is inserted, which does not see the table.
    fn inserted(&mut self, insert: &mut Insert) {
        let mut scope = Scope { aliases: Vec::new(), opaque: false };
        if let TableObject::TableName(name) = &insert.table {
            self.read_table(name, insert.table_alias.as_ref().map(|alias| &alias.alias), &mut scope);
        }
        if !scope.aliases.is_empty() {
            scope.aliases.push("excluded".to_owned());
            insert.columns.iter_mut().for_each(|name| self.target(name));
            if let Some(OnInsert::OnConflict(conflict)) = &mut insert.on {
                if let Some(ConflictTarget::Columns(columns)) = &mut conflict.conflict_target {
                    columns
                        .iter_mut()
                        .filter(|column| fold(column) == self.from)
                        .for_each(|c| *c = ident_node(self.to));
                }
                if let OnConflictAction::DoUpdate(update) = &mut conflict.action {
                    self.assigned(&mut update.assignments);
                }
            }
        }
        self.scopes.push(scope);
        if let Some(on) = &mut insert.on {
            let _ = visit_mut(on, self);
        }
        if let Some(returning) = &mut insert.returning {
            self.list(returning);
            let _ = visit_mut(returning, self);
        }
        self.scopes.pop();
    }

    /// What a list of results gives keeps its name.
    fn list(&self, list: &mut [SelectItem]) {
        for item in list {
            let SelectItem::UnnamedExpr(expr) = item else { continue };
            if self.column(expr).is_some() {
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: ident_node(self.from) };
            }
        }
    }
}

impl VisitorMut for ColumnRenamer<'_> {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &mut Statement) -> ControlFlow<()> {
        let (scope, returning) = match statement {
            Statement::Insert(insert) => {
                self.inserted(insert);
                (Scope { aliases: Vec::new(), opaque: true }, &mut None)
            }
            Statement::Update(update) => {
                let table = std::slice::from_ref(&update.table);
                if !self.scope(table).aliases.is_empty() {
                    self.assigned(&mut update.assignments);
                }
                let others = match &update.from {
                    Some(UpdateTableFromKind::BeforeSet(from) | UpdateTableFromKind::AfterSet(from)) => from.as_slice(),
                    None => &[],
                };
                (self.all(table, others), &mut update.returning)
            }
            Statement::Delete(delete) => {
                let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
                (self.all(from, delete.using.as_deref().unwrap_or_default()), &mut delete.returning)
            }
            _ => return ControlFlow::Continue(()),
        };
        self.scopes.push(scope);
        if let Some(returning) = returning {
            self.list(returning);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_statement(&mut self, statement: &mut Statement) -> ControlFlow<()> {
        if let Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) = statement {
            self.scopes.pop();
        }
        ControlFlow::Continue(())
    }

    /// For ORDER BY, which stands outside of the SELECT.
    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let select = first_select(&query.body);
        let gives = |item: &SelectItem| match item {
            SelectItem::UnnamedExpr(Expr::Identifier(ident)) | SelectItem::ExprWithAlias { alias: ident, .. } => {
                fold(ident) == self.from
            }
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(idents)) => {
                idents.last().is_some_and(|ident| fold(ident) == self.from)
            }
            _ => false,
        };
        self.outputs.push(select.is_some_and(|select| select.projection.iter().any(gives)));
        self.scopes.push(select.map_or(Scope { aliases: Vec::new(), opaque: true }, |select| self.scope(&select.from)));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.scopes.pop();
        self.outputs.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.scopes.push(self.scope(&select.from));
        self.list(&mut select.projection);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _select: &mut Select) -> ControlFlow<()> {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    /// A name that the query gives is meant as such: it is hidden from what follows.
    fn pre_visit_order_by(&mut self, _order_by: &mut OrderBy) -> ControlFlow<()> {
        let opaque = self.outputs.last().copied().unwrap_or(false);
        self.scopes.push(Scope { aliases: Vec::new(), opaque });
        ControlFlow::Continue(())
    }

    fn post_visit_order_by(&mut self, _order_by: &mut OrderBy) -> ControlFlow<()> {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let to = self.to;
        if let Some(ident) = self.column(expr) {
            *ident = ident_node(to);
        }
        ControlFlow::Continue(())
    }
}
