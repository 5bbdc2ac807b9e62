//! What the names in policies, views and parsed bodies mean stays what it was when a relation has got columns or lost one.
//!
//! PostgreSQL binds names when it keeps a source; here the source is kept, and bound anew. A column that comes later may take a name
//! that meant something else (`exists (select from team where who = owner)`, once team has an owner too), and what stands for all
//! columns (a star, NATURAL, an alias's list of columns) would stand for others. Such sources are written so that they mean what
//! they meant: names with their entry of FROM, stars with their columns.

use std::ops::ControlFlow;
use std::sync::Arc;

use basalt_core::{Error, Result};
use sqlparser::ast::{
    Expr, GroupByExpr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, Select, SelectItem, Statement,
    TableAlias, TableAliasColumnDef, TableFactor, Visit, VisitMut, Visitor, VisitorMut,
};

use super::Change;
use super::depend::reads_rows;
use super::resolve::takes;
use super::source::{Uses, fold, ident_node, joined, parse_expr, parse_query, parse_statements};
use crate::Catalog;
use crate::catalog::{Input, Name, Relation, RelationKind, Routine};
use crate::compile::{Kept, Meaning, Meanings, Starred, WHOLE};
use crate::visit::{visit, visit_mut};

/// A change of a relation's columns.
pub(super) enum Columns<'a> {
    /// These come.
    Added(&'a [String]),
    /// The one at this place goes.
    Dropped(usize),
}

/// A source that the change concerns, and what its names mean before it.
pub(super) struct Held {
    place: Place,
    source: String,
    kept: Kept,
    meanings: Meanings,
}

/// Where a source is kept.
enum Place {
    /// A table's policy of that name: its USING, or its CHECK.
    Policy(Name, String, bool),
    View(Name),
    Body(Name, Vec<Input>),
}

impl Change<'_> {
    /// The sources whose names may mean something else after a change of the relation's columns.
    pub(super) fn meanings_to_hold(&self, table: &Name, change: &Columns<'_>) -> Vec<Held> {
        let catalog = &self.catalog;
        let mut found = Vec::new();
        let mut hold = |place: Place, source: &str, kept: Kept| {
            // In what does not compile nothing has a meaning that could be kept.
            if let Ok(meanings) = Meanings::of(catalog, &kept, source) {
                found.push(Held { place, source: source.to_owned(), kept, meanings });
            }
        };
        for relation in catalog.relations.values() {
            let name = &relation.name;
            for policy in &relation.policies {
                for (source, is_check) in
                    policy.using.iter().map(|s| (s, false)).chain(policy.check.iter().map(|s| (s, true)))
                {
                    let is_own = name == table;
                    if may_concern(source, change) && concerns(catalog, &Uses::of_expr(source), table, is_own, change) {
                        let place = Place::Policy(name.clone(), policy.name.clone(), is_check);
                        hold(place, source, Kept::Row(name.clone()));
                    }
                }
            }
            if let Some(view) = relation.view()
                && may_concern(&view.query, change)
                && concerns(catalog, &Uses::of_query(&view.query), table, false, change)
            {
                hold(Place::View(name.clone()), &view.query, Kept::View);
            }
        }
        for routine in catalog.functions.values().flatten().filter(|routine| routine.parsed) {
            let uses = |body: &str| parse_statements(body).map(|body| Uses::of(&body)).unwrap_or_default();
            if may_concern(&routine.body, change) && concerns(catalog, &uses(&routine.body), table, false, change) {
                let place = Place::Body(routine.name.clone(), routine.input_types());
                hold(place, &routine.body, Kept::Body(routine.clone()));
            }
        }
        found
    }

    /// Writes the sources so that their names go on to mean what they meant.
    ///
    /// Errors: 0A000 where they can't.
    pub(super) fn hold_meanings(&mut self, held: Vec<Held>, table: &Name, change: &Columns<'_>) -> Result<()> {
        for one in held {
            let Some(source) = self.source_at(&one.place) else { continue };
            if *source != one.source {
                continue;
            }
            let holder = Holder { catalog: &self.catalog, table, change, held: &one };
            if let Some(text) = holder.written()? {
                self.put_source(&one.place, text);
            }
        }
        Ok(())
    }

    /// The source that is kept there, if it still is.
    fn source_at(&self, place: &Place) -> Option<&String> {
        match place {
            Place::Policy(table, name, is_check) => {
                let policy = self.catalog.relations.get(table)?.policies.iter().find(|policy| policy.name == *name)?;
                if *is_check { policy.check.as_ref() } else { policy.using.as_ref() }
            }
            Place::View(name) => Some(&self.catalog.relations.get(name)?.view()?.query),
            Place::Body(name, args) => {
                let routine = self.catalog.routines(&name.schema, &name.name).iter().find(|one| takes(one, args))?;
                Some(&routine.body)
            }
        }
    }

    fn put_source(&mut self, place: &Place, text: String) {
        match place {
            Place::Policy(table, name, is_check) => {
                let policies =
                    self.catalog.relations.get_mut(table).map(|relation| &mut Arc::make_mut(relation).policies);
                if let Some(policy) = policies.into_iter().flatten().find(|policy| policy.name == *name) {
                    *(if *is_check { &mut policy.check } else { &mut policy.using }) = Some(text);
                }
            }
            Place::View(name) => {
                let relation = self.catalog.relations.get_mut(name).map(Arc::make_mut);
                if let Some(Relation { kind: RelationKind::View(view), .. }) = relation {
                    view.query = text;
                }
            }
            Place::Body(name, args) => {
                let overloads = self.catalog.functions.get_mut(name);
                if let Some(routine) = overloads.into_iter().flatten().find(|routine| takes(routine, args)) {
                    Arc::make_mut(routine).body = text;
                }
            }
        }
    }
}

/// Whether the text of a source allows that a change concerns it: parsing each of them for each new column would take its time.
fn may_concern(source: &str, change: &Columns<'_>) -> bool {
    let Columns::Added(names @ [_, ..]) = change else { return matches!(change, Columns::Dropped(_)) };
    let source = source.to_ascii_lowercase();
    let is_named = names.iter().any(|name| source.contains(&name.to_ascii_lowercase()));
    is_named || source.contains('*') || source.contains("natural")
}

/// Whether a change of the table's columns may give what a source says another meaning.
fn concerns(catalog: &Catalog, uses: &Uses, table: &Name, is_own: bool, change: &Columns<'_>) -> bool {
    let may = match change {
        Columns::Added(names) => uses.stars || uses.unspelled || names.iter().any(|name| uses.columns.contains(name)),
        Columns::Dropped(_) => uses.unspelled,
    };
    may && (is_own || reads_rows(catalog, uses, table))
}

/// Finds the text by which a source means what it meant.
struct Holder<'a> {
    /// What there is after the change.
    catalog: &'a Catalog,
    table: &'a Name,
    change: &'a Columns<'a>,
    held: &'a Held,
}

impl Holder<'_> {
    /// The new text, if one is needed.
    fn written(&self) -> Result<Option<String>> {
        let Held { source, kept, meanings, .. } = self.held;
        let now = self.meanings(source);
        // A body may give all columns of its table, whatever they are.
        let is_body = matches!(kept, Kept::Body(_));
        let is_same = |now: &Meanings| now.names_as(meanings) && (is_body || now.stars_as(meanings));
        if now.as_ref().is_ok_and(is_same) {
            return Ok(None);
        }
        let text = match kept {
            Kept::Row(_) => self.rewritten(source, now.as_ref().ok(), parse_expr, ToString::to_string),
            Kept::View => self.rewritten(source, now.as_ref().ok(), parse_query, ToString::to_string),
            Kept::Body(_) => {
                self.rewritten(source, now.as_ref().ok(), parse_statements, |all: &Vec<Statement>| joined(all))
            }
        }?;
        match text {
            Some(text) => Ok(Some(text)),
            None => Err(self.refused()),
        }
    }

    fn meanings(&self, source: &str) -> Result<Meanings> {
        Meanings::of(self.catalog, &self.held.kept, source)
    }

    /// The source with its names qualified and its stars written out, if it means what it meant then.
    fn rewritten<T: Visit + VisitMut>(
        &self,
        source: &str,
        now: Option<&Meanings>,
        parse: impl Fn(&str) -> Result<T>,
        show: impl Fn(&T) -> String,
    ) -> Result<Option<String>> {
        let before = &self.held.meanings;
        let mut node = parse(source)?;
        let meant = told(&node, before);
        let _ = visit_mut(&mut node, &mut Writer { holder: self, now, naturals: before.naturals().iter() });
        let text = show(&node);
        let Ok(after) = self.meanings(&text) else { return Ok(None) };
        let is_kept = after.joins_as(before) && told(&parse(&text)?, &after) == meant;
        Ok(is_kept.then_some(text))
    }

    fn refused(&self) -> Error {
        let what = match &self.held.place {
            Place::Policy(table, name, _) => format!("policy \"{name}\" on table \"{}\"", table.name),
            Place::View(name) => format!("view \"{}\"", name.name),
            Place::Body(name, _) => format!("function {}", name.name),
        };
        let columns = match self.change {
            Columns::Added(names) => format!("add column \"{}\"", names.join("\", \"")),
            Columns::Dropped(_) => "drop the column".to_owned(),
        };
        let message = format!("cannot {columns}: {what} would mean something else");
        Error::unsupported(message, format!("Drop {what} first, and create it again with qualified names afterwards."))
    }
}

/// An entry of FROM, the column of which relation is meant there, and whether the whole row is.
type Told = (String, Option<(Name, String)>, bool);

/// What the names and stars in a tree mean, in an order that their places do not change.
fn told(node: &impl Visit, meanings: &Meanings) -> Vec<Told> {
    struct Teller<'a> {
        meanings: &'a Meanings,
        found: Vec<Told>,
    }
    impl Teller<'_> {
        fn stars(&mut self, list: &[SelectItem]) {
            for one in list.iter().filter_map(|item| self.meanings.of_star(item)).flatten() {
                self.found.extend(one.entry.as_ref().map(|entry| (entry.clone(), one.column.clone(), false)));
            }
        }
    }
    impl Visitor for Teller<'_> {
        type Break = ();

        fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
            self.stars(returning(statement));
            ControlFlow::Continue(())
        }

        fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
            self.stars(&select.projection);
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            let meaning = last_part(expr).and_then(|name| self.meanings.of_name(name));
            self.found.extend(meaning.map(|m| (m.entry.clone(), m.column.clone(), m.is_row)));
            ControlFlow::Continue(())
        }
    }
    let mut teller = Teller { meanings, found: Vec::new() };
    let _ = visit(node, &mut teller);
    teller.found.sort();
    teller.found
}

/// The part of a name by which its meaning is noted.
fn last_part(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Identifier(ident) => Some(ident),
        Expr::CompoundIdentifier(idents) => idents.iter().rfind(|ident| ident.value != WHOLE),
        _ => None,
    }
}

fn returning(statement: &Statement) -> &[SelectItem] {
    let list = match statement {
        Statement::Insert(insert) => &insert.returning,
        Statement::Update(update) => &update.returning,
        Statement::Delete(delete) => &delete.returning,
        _ => &None,
    };
    list.as_deref().unwrap_or_default()
}

/// Writes what the change gives another meaning.
struct Writer<'a> {
    holder: &'a Holder<'a>,
    /// What the names mean after the change, if they mean anything.
    now: Option<&'a Meanings>,
    /// The columns of the NATURAL JOINs that are still to come.
    naturals: std::slice::Iter<'a, Vec<String>>,
}

impl Writer<'_> {
    /// Whether one of the new columns has the name.
    fn is_new(&self, name: &Ident) -> bool {
        matches!(self.holder.change, Columns::Added(names) if names.contains(&fold(name)))
    }

    fn meaning(&self, name: &Ident) -> Option<&Meaning> {
        self.holder.held.meanings.of_name(name)
    }

    /// A name that one of the new columns has, as what it meant.
    fn name(&self, name: &Ident) -> Option<Expr> {
        let entry = |entry: &str, last: Ident| Expr::CompoundIdentifier(vec![ident_node(entry), last]);
        match self.meaning(name) {
            Some(meaning) if meaning.is_row => Some(entry(&meaning.entry, Ident::with_quote('"', WHOLE))),
            Some(meaning) => Some(entry(&meaning.entry, name.clone())),
            None => {
                let Kept::Body(routine) = &self.holder.held.kept else { return None };
                let is_param = routine.params.iter().any(|param| param.name == fold(name));
                is_param.then(|| entry(&routine.name.name, name.clone()))
            }
        }
    }

    /// `t.f` for a function over t's rows, where a new column has its name.
    fn computed(&self, row: &[Ident], field: &Ident) -> Option<Expr> {
        let meant = self.now?.of_name(field)?;
        let (table, _) = meant.column.as_ref()?;
        let of_row = |routine: &&Arc<Routine>| {
            let row = routine.inputs().next().and_then(|param| param.relation.as_ref());
            routine.name.name == fold(field) && row == Some(table)
        };
        let routine = self.holder.catalog.functions.values().flatten().find(of_row)?;
        let row = ObjectName::from(row.to_vec());
        parse_expr(&format!("{}({row})", routine.name.quoted())).ok()
    }

    /// A list of results with its stars written out.
    fn list(&self, list: &mut Vec<SelectItem>) {
        let meanings = &self.holder.held.meanings;
        let stands = |item: &SelectItem| {
            let columns = meanings.of_star(item)?;
            let is_same = self.now.is_some_and(|now| now.of_star(item) == Some(columns));
            (!is_same).then_some(columns)
        };
        *list = std::mem::take(list)
            .into_iter()
            .flat_map(|item| match stands(&item) {
                Some(columns) => columns.iter().map(column).collect(),
                None => vec![self.named(item)],
            })
            .collect();
    }

    /// A result whose value is about to be written otherwise keeps its name.
    fn named(&self, item: SelectItem) -> SelectItem {
        match item {
            SelectItem::UnnamedExpr(Expr::Identifier(name)) if self.is_new(&name) => {
                SelectItem::ExprWithAlias { alias: name.clone(), expr: Expr::Identifier(name) }
            }
            item => item,
        }
    }

    /// `group by label` of a result's name, as its number.
    fn group(&self, select: &mut Select) {
        let GroupByExpr::Expressions(keys, _) = &mut select.group_by else { return };
        for key in keys {
            let Expr::Identifier(name) = key else { continue };
            if !self.is_new(name) || self.meaning(name).is_some() {
                continue;
            }
            let is_meant = |item: &SelectItem| match item {
                SelectItem::ExprWithAlias { alias, .. } => fold(alias) == fold(name),
                _ => false,
            };
            if let Some(at) = select.projection.iter().position(is_meant)
                && let Ok(number) = parse_expr(&(at + 1).to_string())
            {
                *key = number;
            }
        }
    }

    /// NATURAL as USING.
    fn join(&mut self, join: &mut Join) {
        use JoinOperator::*;
        let (Join(on) | Inner(on) | Left(on) | LeftOuter(on) | Right(on) | RightOuter(on) | FullOuter(on)) =
            &mut join.join_operator
        else {
            return;
        };
        if let (JoinConstraint::Natural, Some(columns)) = (&*on, self.naturals.next())
            && !columns.is_empty()
        {
            *on = JoinConstraint::Using(columns.iter().map(|name| ObjectName::from(vec![ident_node(name)])).collect());
        }
    }

    /// An alias's list of columns: without the one that is gone; with other names for new ones that have one of its names.
    fn alias(&self, alias: &mut TableAlias, is_of_table: bool) {
        let Holder { catalog, table, change, .. } = self.holder;
        let Some(relation) = catalog.relations.get(*table).filter(|_| is_of_table) else { return };
        let mut names: Vec<String> = alias.columns.iter().map(|column| fold(&column.name)).collect();
        match change {
            Columns::Dropped(at) if *at < names.len() => drop(alias.columns.remove(*at)),
            Columns::Added(added) if added.iter().any(|name| names.contains(name)) => {
                for column in relation.columns.iter().skip(names.len()) {
                    let mut name = column.name.clone();
                    while names.contains(&name) {
                        name.push('_');
                    }
                    alias.columns.push(TableAliasColumnDef { name: ident_node(&name), data_type: None });
                    names.push(name);
                }
            }
            _ => {}
        }
    }

    /// Whether an entry of FROM is the table, or a function that gives its rows.
    fn is_of_table(&self, name: &ObjectName, is_call: bool) -> bool {
        let parts: Vec<String> = name.0.iter().filter_map(|part| part.as_ident()).map(fold).collect();
        let [.., schema, name] = parts.as_slice() else { return false };
        let Holder { catalog, table, .. } = self.holder;
        match is_call {
            false => *schema == table.schema && *name == table.name,
            true => catalog.routines(schema, name).iter().any(|one| one.returns_relation.as_ref() == Some(*table)),
        }
    }
}

impl VisitorMut for Writer<'_> {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &mut Statement) -> ControlFlow<()> {
        let list = match statement {
            Statement::Insert(insert) => &mut insert.returning,
            Statement::Update(update) => &mut update.returning,
            Statement::Delete(delete) => &mut delete.returning,
            _ => return ControlFlow::Continue(()),
        };
        list.iter_mut().for_each(|list| self.list(list));
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        select.from.iter_mut().flat_map(|from| &mut from.joins).for_each(|join| self.join(join));
        self.group(select);
        self.list(&mut select.projection);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, alias: Some(alias), args, .. } => {
                let is_of_table = self.is_of_table(name, args.is_some());
                self.alias(alias, is_of_table);
            }
            TableFactor::Function { name, alias: Some(alias), .. } => {
                let is_of_table = self.is_of_table(name, true);
                self.alias(alias, is_of_table);
            }
            TableFactor::NestedJoin { table_with_joins, .. } => {
                table_with_joins.joins.iter_mut().for_each(|join| self.join(join));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let written = match expr {
            Expr::Identifier(name) if self.is_new(name) => self.name(name),
            Expr::CompoundIdentifier(parts) => match parts.split_last() {
                // Before, it was the function's, over the whole row.
                Some((field, row)) if self.is_new(field) && self.meaning(field).is_none_or(|meant| meant.is_row) => {
                    self.computed(row, field)
                }
                _ => None,
            },
            _ => None,
        };
        if let Some(written) = written {
            *expr = written;
        }
        ControlFlow::Continue(())
    }
}

/// A column that a star stands for, as a result of its own.
fn column(starred: &Starred) -> SelectItem {
    let name = ident_node(&starred.name);
    SelectItem::UnnamedExpr(match &starred.entry {
        Some(entry) => Expr::CompoundIdentifier(vec![ident_node(entry), name]),
        None => Expr::Identifier(name),
    })
}
