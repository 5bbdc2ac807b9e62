//! What a statement needs before a row is touched, as PostgreSQL's manual says it.

use std::collections::BTreeSet;

use super::ask::{Ask, Caller, Conflict, Filter, Insert, Read};
use super::evaluator::{DENIED, Part, RECURSION, bypasses, check, policies, using};
use super::expression::Expr;
use super::world::{Columns, Command, Policy, ROLES, Rights, Table, View, World};

/// What a statement needs before a row is touched: privileges, and policies that end.
pub(super) struct Demands<'a> {
    world: &'a World,
    pub denied: bool,
    recursive: bool,
}

impl<'a> Demands<'a> {
    pub fn of(world: &'a World, caller: Caller, ask: &Ask) -> Self {
        let mut demands = Demands { world, denied: false, recursive: false };
        demands.statement(caller.role, ask);
        demands
    }

    pub fn verdict(&self) -> Result<(), &'static str> {
        match (self.recursive, self.denied) {
            (true, _) => Err(RECURSION),
            (_, true) => Err(DENIED),
            _ => Ok(()),
        }
    }

    fn statement(&mut self, role: &'static str, ask: &Ask) {
        match ask {
            Ask::Read(Read { view, table, columns, filter }) => {
                let mut read: BTreeSet<usize> = columns.iter().flatten().copied().collect();
                filter.all().for_each(|expr| expr.columns(&mut read));
                match view {
                    None => self.read(role, *table, &read, &mut Vec::new()),
                    Some(view) => {
                        let view = &self.world.views[*view];
                        // Only the roles of the API are granted views.
                        self.denied |= role == "keeper" && view.owner != Some("keeper");
                        self.view(role, view);
                    }
                }
                self.filter(role, filter);
            }
            Ask::Embed { parent, child, key, .. } => {
                self.read(role, *parent, &[0].into(), &mut Vec::new());
                self.read(role, *child, &[0, *key].into(), &mut Vec::new());
            }
            Ask::EmbedOne { parent, child, key } => {
                self.read(role, *parent, &[0].into(), &mut Vec::new());
                self.read(role, *child, &[0, *key].into(), &mut Vec::new());
            }
            Ask::Insert(insert) => self.insert(role, insert),
            Ask::Update { table, set, filter, returning } => {
                let written: BTreeSet<usize> = set.iter().map(|(c, _)| *c).collect();
                self.write(role, *table, |rights| &rights.update, &written);
                let read = self.reads(role, *table, filter, returning.as_deref());
                self.policies(role, *table, Command::Update, using, &mut Vec::new());
                self.policies(role, *table, Command::Update, check, &mut Vec::new());
                if read {
                    self.policies(role, *table, Command::Select, using, &mut Vec::new());
                }
                self.filter(role, filter);
            }
            Ask::Delete { table, filter, returning } => {
                let target = &self.world.tables[*table];
                self.denied |= target.owner != role && !rights(target, role).delete;
                let read = self.reads(role, *table, filter, returning.as_deref());
                self.policies(role, *table, Command::Delete, using, &mut Vec::new());
                if read {
                    self.policies(role, *table, Command::Select, using, &mut Vec::new());
                }
                self.filter(role, filter);
            }
        }
    }

    fn insert(&mut self, role: &'static str, insert: &Insert) {
        let written: BTreeSet<usize> = insert.columns.iter().copied().collect();
        self.write(role, insert.table, |rights| &rights.insert, &written);
        self.policies(role, insert.table, Command::Insert, check, &mut Vec::new());
        let read = insert.columns_read();
        if !read.is_empty() {
            self.select(role, insert.table, &read);
            self.policies(role, insert.table, Command::Select, using, &mut Vec::new());
        }
        if insert.conflict == Some(Conflict::Update) {
            self.write(role, insert.table, |rights| &rights.update, &written);
            self.policies(role, insert.table, Command::Update, using, &mut Vec::new());
            self.policies(role, insert.table, Command::Update, check, &mut Vec::new());
        }
    }

    /// Whether an update or delete reads its table, so that the policies of SELECT count.
    fn reads(&mut self, role: &'static str, table: usize, filter: &Filter, returning: Option<&[usize]>) -> bool {
        let read = columns_read(filter, returning);
        if !read.is_empty() {
            self.select(role, table, &read);
        }
        !read.is_empty()
    }

    fn filter(&mut self, role: &'static str, filter: &Filter) {
        filter.all().for_each(|expr| self.subqueries(role, expr, &mut Vec::new()));
    }

    fn write(&mut self, role: &str, table: usize, columns: impl Fn(&Rights) -> &Columns, written: &BTreeSet<usize>) {
        let table = &self.world.tables[table];
        let allowed = columns(rights(table, role));
        self.denied |= role != table.owner && !written.iter().all(|c| allowed.contains(*c));
    }

    fn select(&mut self, role: &str, table: usize, columns: &BTreeSet<usize>) {
        let table = &self.world.tables[table];
        let allowed = &rights(table, role).select;
        let allowed = columns.iter().all(|c| allowed.contains(*c)) && !(columns.is_empty() && allowed.is_empty());
        self.denied |= role != "postgres" && role != table.owner && !allowed;
    }

    fn read(&mut self, role: &'static str, table: usize, columns: &BTreeSet<usize>, open: &mut Vec<usize>) {
        self.select(role, table, columns);
        self.policies(role, table, Command::Select, using, open);
    }

    fn view(&mut self, role: &'static str, view: &View) {
        let role = view.owner.unwrap_or(role);
        let mut columns: BTreeSet<usize> = view.columns.iter().copied().collect();
        view.condition.columns(&mut columns);
        self.read(role, view.table, &columns, &mut Vec::new());
        self.subqueries(role, &view.condition, &mut Vec::new());
    }

    fn policies(&mut self, role: &'static str, table: usize, command: Command, part: Part, open: &mut Vec<usize>) {
        let target = &self.world.tables[table];
        if bypasses(target, role) {
            return;
        }
        let (permissive, restrictive) = policies(target, role, command);
        let alternatives: Vec<&Expr> = permissive.into_iter().filter_map(part).collect();
        // Nothing can pass then, and the restrictive ones are not asked.
        if alternatives.is_empty() {
            return;
        }
        let restrictive: Vec<&Expr> = restrictive.into_iter().filter_map(part).collect();
        // A subquery in either expression of a policy counts.
        let queries =
            |policy: &&Policy| part(policy).is_some() && policy.using.iter().chain(&policy.check).any(Expr::has_query);
        if !policies(target, role, command).0.iter().chain(&policies(target, role, command).1).any(queries) {
            return;
        }
        if open.contains(&table) {
            self.recursive = true;
            return;
        }
        open.push(table);
        // What is or-ed to `true` is never looked at, its privileges included.
        let denied = self.denied;
        let is_open = alternatives.iter().any(|expr| matches!(expr, Expr::Constant(true)));
        alternatives.into_iter().for_each(|expr| self.subqueries(role, expr, open));
        if is_open {
            self.denied = denied;
        }
        restrictive.into_iter().for_each(|expr| self.subqueries(role, expr, open));
        open.pop();
    }

    fn subqueries(&mut self, role: &'static str, expr: &Expr, open: &mut Vec<usize>) {
        match expr {
            Expr::Not(inner) => self.subqueries(role, inner, open),
            Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| self.subqueries(role, part, open)),
            Expr::Exists { table, inner, condition, .. } | Expr::InTable { table, inner, condition, .. } => {
                let mut columns = BTreeSet::from([*inner]);
                condition.columns(&mut columns);
                self.read(role, *table, &columns, open);
                self.subqueries(role, condition, open);
            }
            _ => {}
        }
    }
}

fn rights<'a>(table: &'a Table, role: &str) -> &'a Rights {
    let index = ROLES.iter().position(|r| *r == role);
    index.map_or(&Rights::ALL, |index| &table.rights[index])
}

pub(super) fn columns_read(filter: &Filter, returning: Option<&[usize]>) -> BTreeSet<usize> {
    let mut read: BTreeSet<usize> = returning.into_iter().flatten().copied().collect();
    filter.all().for_each(|expr| expr.columns(&mut read));
    read
}

impl Insert {
    /// The columns of its table that it reads: given back, asked for conflicts, and taken from the row that conflicted.
    pub(super) fn columns_read(&self) -> BTreeSet<usize> {
        let mut read: BTreeSet<usize> = self.returning.iter().flatten().copied().collect();
        if self.conflict.is_some() {
            read.insert(0);
        }
        if self.conflict == Some(Conflict::Update) {
            read.extend(&self.columns);
        }
        read
    }
}
