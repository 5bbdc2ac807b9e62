//! A column's new name, written where a view, a policy or a function's parsed body names the column.
//!
//! Which names do is what they mean when the source is compiled, and it is compiled again with the new name: whatever else has that name
//! must not be meant by it, nor the column by another's.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use basalt_core::{Error, Result};
use sqlparser::ast::{
    Assignment, AssignmentTarget, ConflictTarget, Expr, Ident, Insert, ObjectName, ObjectNamePart, OnConflictAction,
    OnInsert, Select, SelectItem, Statement, TableFactor, TableObject, Visit, VisitMut, Visitor, VisitorMut,
};

use super::depend::{calls_for_rows, reads_rows};
use super::source::{Uses, fold, ident_node, parse_expr};
use crate::catalog::{Catalog, ConstraintKind, Name};
use crate::compile::{Kept, Meanings};
use crate::visit::{any_expression, visit, visit_mut};

/// An expression over one table alone, with a column renamed.
pub(super) fn renamed(table: &Name, source: &str, from: &str, to: &str) -> Result<String> {
    let mut expr = parse_expr(source)?;
    let _ = visit_mut(&mut expr, &mut OwnRenamer { table, from, to });
    Ok(expr.to_string())
}

struct OwnRenamer<'a> {
    table: &'a Name,
    from: &'a str,
    to: &'a str,
}

impl VisitorMut for OwnRenamer<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) if fold(ident) == self.from => *ident = ident_node(self.to),
            Expr::CompoundIdentifier(idents) => {
                if let [.., table, column] = idents.as_mut_slice()
                    && fold(table) == self.table.name
                    && fold(column) == self.from
                {
                    *column = ident_node(self.to);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
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

/// A column that gets another name.
pub(super) struct Renaming<'a> {
    table: &'a Name,
    from: &'a str,
    to: &'a str,
    /// What there was before.
    before: Catalog,
    /// What there will be, and the column's old name beside its new one, for views that still say it.
    after: Catalog,
}

impl<'a> Renaming<'a> {
    pub(super) fn new(catalog: &Catalog, table: &'a Name, from: &'a str, to: &'a str) -> Self {
        let mut after = catalog.clone();
        if let Some(relation) = after.relations.get_mut(table) {
            let relation = Arc::make_mut(relation);
            let old = relation.column(from).cloned();
            relation.columns.iter_mut().filter(|c| c.name == from).for_each(|c| to.clone_into(&mut c.name));
            relation.columns.extend(old);
            for constraint in &mut relation.constraints {
                if let ConstraintKind::PrimaryKey(key) | ConstraintKind::Unique(key) = &mut constraint.kind {
                    key.iter_mut().filter(|c| *c == from).for_each(|c| to.clone_into(c));
                }
            }
        }
        Renaming { table, from, to, before: catalog.clone(), after }
    }

    /// The source with the column's new name. `what` is how messages name it.
    ///
    /// Errors: 0A000 where the new name can't be written so that all names go on to mean what they mean.
    pub(super) fn in_source<T: Visit + VisitMut>(
        &self,
        source: &str,
        kept: &Kept,
        (parse, show): (impl Fn(&str) -> Result<T>, impl Fn(&T) -> String),
        what: &str,
    ) -> Result<String> {
        let means = |catalog: &Catalog, source: &str| Meanings::of(catalog, kept, source);
        let refused = |why: &str| {
            let message = format!("cannot rename column \"{}\": {what} {why}", self.from);
            Err(Error::unsupported(message, format!("Drop {what} first, and create it again afterwards.")))
        };
        let uses = Uses::of(&parse(source)?);
        if calls_for_rows(&self.before, &uses, self.table)
            && [self.from, self.to].iter().any(|name| uses.columns.contains(*name))
        {
            return refused("reads it in the rows of a function");
        }
        let meanings = means(&self.before, source)?;
        if meanings.is_joined(self.table, self.from) {
            return refused("joins tables by it");
        }
        let (mut broken, mut is_captured) = (None, false);
        for qualifies in [false, true] {
            let mut node = parse(source)?;
            let mut renamer =
                ColumnRenamer { renaming: self, meanings: &meanings, qualifies, met: 0, found: BTreeSet::new() };
            let _ = visit_mut(&mut node, &mut renamer);
            let (found, text) = (renamer.found, show(&node));
            match means(&self.after, &text) {
                Ok(now) if found == places(&parse(&text)?, &now, self.table, self.to) && now.joins_as(&meanings) => {
                    return Ok(text);
                }
                Ok(_) => is_captured = true,
                Err(_) => drop(broken.get_or_insert(text)),
            }
        }
        match broken {
            // It is told when all that reads the table is compiled at last.
            Some(text) if !is_captured => Ok(text),
            _ => refused(&format!("gives the name \"{}\" another meaning", self.to)),
        }
    }

    /// What there will be, and the column's old name beside its new one.
    pub(super) fn into_after(self) -> Catalog {
        self.after
    }

    /// Whether something may name the column, or what has its new name.
    pub(super) fn concerns(&self, uses: &Uses) -> bool {
        reads_rows(&self.before, uses, self.table)
    }
}

/// Which of the names in a tree, in order, mean the column.
fn places(node: &impl Visit, meanings: &Meanings, table: &Name, column: &str) -> BTreeSet<usize> {
    struct Finder<'a> {
        meanings: &'a Meanings,
        table: &'a Name,
        column: &'a str,
        met: usize,
        found: BTreeSet<usize>,
    }
    impl Visitor for Finder<'_> {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if let Some(name) = last_part(expr) {
                self.met += 1;
                let means = self.meanings.of_name(name).is_some_and(|meaning| meaning.is(self.table, self.column));
                if means && fold(name) == self.column {
                    self.found.insert(self.met);
                }
            }
            ControlFlow::Continue(())
        }
    }
    let mut finder = Finder { meanings, table, column, met: 0, found: BTreeSet::new() };
    let _ = visit(node, &mut finder);
    finder.found
}

/// The last part of a name.
fn last_part(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Identifier(ident) => Some(ident),
        Expr::CompoundIdentifier(idents) => idents.last(),
        _ => None,
    }
}

/// Writes a column's new name where it is read.
struct ColumnRenamer<'a> {
    renaming: &'a Renaming<'a>,
    meanings: &'a Meanings,
    /// Whether the column, and what has its new name, is written with its entry of FROM.
    qualifies: bool,
    /// How many names were met.
    met: usize,
    /// Which of them mean the column.
    found: BTreeSet<usize>,
}

impl ColumnRenamer<'_> {
    /// Whether an expression is the column.
    fn is_column(&self, expr: &Expr) -> bool {
        let Renaming { table, from, .. } = self.renaming;
        last_part(expr).is_some_and(|name| {
            fold(name) == *from && self.meanings.of_name(name).is_some_and(|meaning| meaning.is(table, from))
        })
    }

    fn is_table(&self, name: &ObjectName) -> bool {
        let parts: Vec<String> = name.0.iter().filter_map(|part| part.as_ident()).map(fold).collect();
        let table = self.renaming.table;
        matches!(parts.as_slice(), [.., schema, name] if *schema == table.schema && *name == table.name)
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
        if let Some(ObjectNamePart::Identifier(column)) = name.0.last_mut() {
            self.target_column(column);
        }
    }

    fn target_column(&self, column: &mut Ident) {
        if fold(column) == self.renaming.from {
            *column = ident_node(self.renaming.to);
        }
    }

    fn inserted(&self, insert: &mut Insert) {
        insert.columns.iter_mut().for_each(|name| self.target(name));
        let Some(OnInsert::OnConflict(conflict)) = &mut insert.on else { return };
        if let Some(ConflictTarget::Columns(columns)) = &mut conflict.conflict_target {
            columns.iter_mut().for_each(|column| self.target_column(column));
        }
        if let OnConflictAction::DoUpdate(update) = &mut conflict.action {
            self.assigned(&mut update.assignments);
        }
    }

    /// What a list of results gives keeps its name.
    fn list(&self, list: &mut [SelectItem]) {
        for item in list {
            let SelectItem::UnnamedExpr(expr) = item else { continue };
            if self.is_column(expr) {
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: ident_node(self.renaming.from) };
            }
        }
    }
}

impl VisitorMut for ColumnRenamer<'_> {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &mut Statement) -> ControlFlow<()> {
        let returning = match statement {
            Statement::Insert(insert) => {
                if matches!(&insert.table, TableObject::TableName(name) if self.is_table(name)) {
                    self.inserted(insert);
                }
                &mut insert.returning
            }
            Statement::Update(update) => {
                if matches!(&update.table.relation, TableFactor::Table { name, .. } if self.is_table(name)) {
                    self.assigned(&mut update.assignments);
                }
                &mut update.returning
            }
            Statement::Delete(delete) => &mut delete.returning,
            _ => return ControlFlow::Continue(()),
        };
        if let Some(returning) = returning {
            self.list(returning);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.list(&mut select.projection);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Some(name) = last_part(expr) else { return ControlFlow::Continue(()) };
        self.met += 1;
        let (folded, Renaming { from, to, .. }) = (fold(name), self.renaming);
        let is_column = self.is_column(expr);
        let Some(meaning) = self.meanings.of_name(name).filter(|_| is_column || folded == *from || folded == *to)
        else {
            return ControlFlow::Continue(());
        };
        let entry = ident_node(&meaning.entry);
        if is_column {
            self.found.insert(self.met);
        }
        let written = ident_node(if is_column { to } else { &folded });
        match expr {
            Expr::Identifier(_) if self.qualifies && !meaning.is_qualified => {
                *expr = Expr::CompoundIdentifier(vec![entry, written]);
            }
            Expr::Identifier(ident) if is_column => *ident = written,
            Expr::CompoundIdentifier(idents) if is_column => drop(idents.pop().map(|_| idents.push(written))),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
