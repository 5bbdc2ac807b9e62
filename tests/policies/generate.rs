//! Random worlds and random statements over them, the same for the same seed.

use std::collections::BTreeSet;

use fastrand::Rng;

use super::ask::{ANN, Ask, BOB, Conflict, Filter, Insert, Read};
use super::expression::{Comparison, Expr};
use super::world::{Column, Columns, Command, Function, Kind, Policy, ROLES, Rights, Row, Table, Value, View, World};

const KINDS: [Kind; 7] = [Kind::Int, Kind::Text, Kind::Bool, Kind::Uuid, Kind::Numeric, Kind::Level, Kind::Texts];
const COMPARISONS: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Less,
    Comparison::LessOrEqual,
    Comparison::Greater,
    Comparison::GreaterOrEqual,
];
const TEXTS: [&str; 9] = ["", "a", "b", "B", "a b", "é", "100%", "null", "it's"];
const UUIDS: [&str; 3] = [ANN, BOB, "c0000000-0000-4000-8000-000000000000"];
const NUMBERS: [i64; 7] = [0, 50, 100, 150, -225, 1000, 99];
const LISTS: [&[&str]; 5] = [&[], &["a"], &["a", "b"], &["b"], &["c", "a", "b"]];

/// Where an expression stands, which says what it may refer to.
#[derive(Clone, Copy)]
struct Place {
    table: usize,
    /// Tables below this number may be read.
    below: usize,
    functions: bool,
    depth: usize,
}

/// Makes worlds and statements.
pub struct Generator {
    pub random: Rng,
}

impl Generator {
    pub fn new(seed: u64) -> Self {
        Generator { random: Rng::with_seed(seed) }
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.random.usize(0..n) == 0
    }

    fn pick<T: Clone>(&mut self, among: &[T]) -> T {
        among[self.random.usize(0..among.len())].clone()
    }

    pub fn world(&mut self) -> World {
        // Where policies may come back to their own table, functions would do so while they run.
        let recursive = self.one_in(10);
        let count = self.random.usize(2..=4);
        let mut world = World { tables: Vec::new(), functions: Vec::new(), views: Vec::new() };
        for index in 0..count {
            let table = self.table(&world, index);
            world.tables.push(table);
        }
        for index in 0..if recursive { 0 } else { self.random.usize(0..3) } {
            let function = self.function(&world, index);
            world.functions.push(function);
        }
        if !world.functions.is_empty() {
            // Privileges within a function count only once it is called with a row; those refusals are not predicted here.
            let all = world.tables.iter_mut().flat_map(|table| &mut table.rights);
            all.for_each(|rights| rights.select = Columns::All);
        }
        for index in 0..count {
            let below = if recursive { count } else { index };
            let place = Place { table: index, below, functions: !recursive, depth: 2 };
            world.tables[index].policies =
                (0..self.random.usize(0..5)).map(|n| self.policy(&world, place, n)).collect();
        }
        for index in 0..self.random.usize(0..3) {
            let view = self.view(&world, index);
            world.views.push(view);
        }
        world
    }

    fn table(&mut self, world: &World, index: usize) -> Table {
        let column = |name: &str, kind, not_null| Column { name: name.into(), kind, not_null, references: None };
        let mut columns = vec![column("id", Kind::Int, true), column("owner", Kind::Uuid, false)];
        for n in 0..self.random.usize(2..5) {
            let kind = self.pick(&KINDS);
            columns.push(column(&format!("c{n}"), kind, self.one_in(4)));
        }
        for to in 0..world.tables.len() {
            if self.one_in(2) {
                let mut key = column(&format!("t{to}_id"), Kind::Int, false);
                key.references = Some((to, self.one_in(2)));
                columns.push(key);
            }
        }
        let mut table = Table {
            name: format!("t{index}"),
            columns,
            rows: Vec::new(),
            row_security: !self.one_in(8),
            force: self.one_in(3),
            owner: if self.one_in(4) { "keeper" } else { "postgres" },
            policies: Vec::new(),
            rights: [Rights::ALL, Rights::ALL, Rights::ALL, Rights::NONE],
        };
        for id in 0..self.random.usize(2..7) {
            let row = (0..table.columns.len()).map(|c| match c {
                0 => Value::Int(id as i64 + 1),
                _ => self.fitting(world, &table, c),
            });
            let row = row.collect();
            table.rows.push(row);
        }
        for role in 0..ROLES.len() {
            if role == 3 && self.one_in(2) {
                table.rights[3] = Rights::ALL;
            } else if self.one_in(7) {
                table.rights[role] = self.rights(&table);
            }
        }
        if table.owner == "keeper" {
            table.rights[3] = Rights::ALL;
        }
        table
    }

    fn rights(&mut self, table: &Table) -> Rights {
        let select = self.columns(table);
        let insert = self.columns(table);
        let update = self.columns(table);
        Rights { select, insert, update, delete: self.one_in(2) }
    }

    fn columns(&mut self, table: &Table) -> Columns {
        match self.random.usize(0..5) {
            0 | 1 => Columns::All,
            2 => Columns::Only(BTreeSet::new()),
            _ => {
                let some = (0..table.columns.len()).filter(|_| !self.one_in(4));
                Columns::Only(some.collect())
            }
        }
    }

    /// A value that a column may hold.
    fn fitting(&mut self, world: &World, table: &Table, column: usize) -> Value {
        let definition = &table.columns[column];
        if let Some((to, _)) = definition.references {
            let rows = &world.tables[to].rows;
            return if rows.is_empty() || self.one_in(4) { Value::Null } else { self.pick(rows)[0].clone() };
        }
        if !definition.not_null && self.one_in(4) {
            return Value::Null;
        }
        self.value(definition.kind)
    }

    fn value(&mut self, kind: Kind) -> Value {
        match kind {
            Kind::Int => Value::Int(self.random.i64(-1..6)),
            Kind::Text => Value::Text(self.pick(&TEXTS).into()),
            Kind::Bool => Value::Bool(self.random.bool()),
            Kind::Uuid => Value::Uuid(self.pick(&UUIDS).into()),
            Kind::Numeric => Value::Numeric(self.pick(&NUMBERS)),
            Kind::Level => Value::Level(self.random.usize(0..3)),
            Kind::Texts => Value::Texts(self.pick(&LISTS).iter().map(|text| text.to_string()).collect()),
        }
    }

    fn function(&mut self, world: &World, index: usize) -> Function {
        let table = self.random.usize(0..world.tables.len());
        let definer = match self.random.usize(0..3) {
            0 => None,
            1 => Some("postgres"),
            _ => Some("keeper"),
        };
        let condition = self.term(&world.tables[table]);
        Function { name: format!("f{index}"), table, condition, definer }
    }

    fn policy(&mut self, world: &World, place: Place, number: usize) -> Policy {
        let command = self.pick(&[
            Command::All,
            Command::All,
            Command::Select,
            Command::Insert,
            Command::Update,
            Command::Delete,
        ]);
        let mut roles: Vec<&'static str> = Vec::new();
        if self.one_in(2) {
            roles.extend(ROLES.into_iter().filter(|_| self.one_in(2)));
        }
        let expr = |generator: &mut Self| match generator.random.usize(0..8) {
            0 => Expr::Constant(true),
            _ => generator.expr(world, place),
        };
        let (has_using, has_check) = match command {
            Command::Insert => (false, true),
            Command::Select | Command::Delete => (true, false),
            _ => [(true, false), (true, true), (true, true), (false, true)][self.random.usize(0..4)],
        };
        let permissive = !self.one_in(4);
        let using = has_using.then(|| expr(self));
        let check = has_check.then(|| expr(self));
        Policy { name: format!("p{number}"), permissive, command, roles, using, check }
    }

    fn view(&mut self, world: &World, index: usize) -> View {
        let table = self.random.usize(0..world.tables.len());
        let place = Place { table, below: world.tables.len(), functions: true, depth: 1 };
        let columns = (0..world.tables[table].columns.len()).filter(|c| *c == 0 || !self.one_in(4)).collect();
        let condition = if self.one_in(3) { Expr::Constant(true) } else { self.expr(world, place) };
        let owner = match self.random.usize(0..4) {
            0 => Some("postgres"),
            1 => Some("keeper"),
            _ => None,
        };
        View { name: format!("v{index}"), table, columns, condition, owner }
    }

    fn expr(&mut self, world: &World, place: Place) -> Expr {
        let table = &world.tables[place.table];
        let deeper = Place { depth: place.depth.saturating_sub(1), ..place };
        let choices = if place.depth == 0 { 6 } else { 12 };
        match self.random.usize(0..choices) {
            0 => Expr::IsCaller(1, self.random.bool()),
            1 => match self.random.usize(0..5) {
                0 => Expr::Claim("team", "a"),
                1 => Expr::Claim("role", "anon"),
                2 => Expr::AuthRole(self.pick(&ROLES)),
                3 => Expr::CurrentUser(self.pick(&ROLES)),
                _ => match self.column(table, |kind| kind == Kind::Text) {
                    Some(c) => Expr::ClaimColumn(c, "team"),
                    None => Expr::Claim("sub", ANN),
                },
            },
            2 if place.functions && !world.functions.is_empty() => {
                let callable: Vec<usize> =
                    (0..world.functions.len()).filter(|f| world.functions[*f].table < place.below).collect();
                match callable.is_empty() {
                    true => self.term(table),
                    false => {
                        Expr::Call(self.pick(&callable), self.column(table, |kind| kind == Kind::Int).unwrap_or(0))
                    }
                }
            }
            2..=5 => self.term(table),
            6 => Expr::Not(Box::new(self.expr(world, deeper))),
            7 => Expr::And(vec![self.expr(world, deeper), self.expr(world, deeper)]),
            8 | 9 => Expr::Or(vec![self.expr(world, deeper), self.expr(world, deeper)]),
            _ if place.below == 0 => self.term(table),
            n => {
                let other = self.random.usize(0..place.below);
                let inner_place = Place { table: other, below: place.below.min(other), ..deeper };
                let condition = Box::new(self.expr(world, inner_place));
                let key = table.columns.iter().position(|c| c.references.is_some_and(|(to, _)| to == other));
                let (inner, outer) = match key {
                    Some(key) if !self.one_in(4) => (0, key),
                    _ => self.pick(&[(1, 1), (0, 0)]),
                };
                match n {
                    10 => Expr::Exists { table: other, inner, outer, condition },
                    _ => Expr::InTable { column: outer, table: other, inner, condition, negated: self.one_in(4) },
                }
            }
        }
    }

    /// A condition that reads its own row only.
    fn term(&mut self, table: &Table) -> Expr {
        let c = self.random.usize(0..table.columns.len());
        let kind = table.columns[c].kind;
        match self.random.usize(0..9) {
            0 => Expr::IsNull(c, self.random.bool()),
            1 => Expr::In(c, (0..3).map(|_| self.value(kind)).collect(), self.one_in(3)),
            2 => Expr::IsDistinct(c, self.value(kind)),
            3 if kind == Kind::Bool => Expr::Flag(c),
            3 => match self.column(table, |kind| kind == Kind::Texts) {
                Some(c) => Expr::AnyOf(self.pick(&["a", "b", "c"]).into(), c),
                None => Expr::IsNull(c, false),
            },
            4 => {
                let same: Vec<usize> = (0..table.columns.len()).filter(|o| table.columns[*o].kind == kind).collect();
                Expr::Columns(c, self.pick(&COMPARISONS), self.pick(&same))
            }
            _ => Expr::Compare(c, self.pick(&COMPARISONS), self.value(kind)),
        }
    }

    fn column(&mut self, table: &Table, fits: impl Fn(Kind) -> bool) -> Option<usize> {
        let fitting: Vec<usize> = (0..table.columns.len()).filter(|c| fits(table.columns[*c].kind)).collect();
        (!fitting.is_empty()).then(|| self.pick(&fitting))
    }

    /// A statement over a world.
    pub fn ask(&mut self, world: &World) -> Ask {
        let table = self.random.usize(0..world.tables.len());
        match self.random.usize(0..14) {
            0..=3 => self.read(world),
            4 | 5 => self.embedding(world),
            6 | 7 => Ask::Insert(self.insert(world, table, None)),
            8 | 9 => {
                let conflict = self.pick(&[Conflict::Nothing, Conflict::Update, Conflict::Update]);
                Ask::Insert(self.insert(world, table, Some(conflict)))
            }
            10 | 11 => {
                let target = &world.tables[table];
                let c = self.random.usize(1..target.columns.len());
                let set = vec![(c, self.fitting(world, target, c))];
                Ask::Update { table, set, filter: self.filter(world, table), returning: self.returning(target) }
            }
            _ => Ask::Delete {
                table,
                filter: self.filter(world, table),
                returning: self.returning(&world.tables[table]),
            },
        }
    }

    fn read(&mut self, world: &World) -> Ask {
        let view = (!world.views.is_empty() && self.one_in(3)).then(|| self.random.usize(0..world.views.len()));
        let (table, mut columns): (usize, Vec<usize>) = match view {
            Some(view) => (world.views[view].table, world.views[view].columns.clone()),
            None => {
                let table = self.random.usize(0..world.tables.len());
                (table, (0..world.tables[table].columns.len()).collect())
            }
        };
        let mut filter = self.filter(world, table);
        if view.is_some() {
            let shown = |expr: &Expr| {
                let mut read = BTreeSet::new();
                expr.columns(&mut read);
                read.iter().all(|c| columns.contains(c))
            };
            filter.terms.retain(shown);
            filter.extra = filter.extra.filter(|expr| shown(expr));
        }
        if self.one_in(3) {
            columns.retain(|c| *c == 0 || self.one_in(2));
        }
        let columns = (!self.one_in(4)).then_some(columns);
        Ask::Read(Read { view, table, columns, filter })
    }

    fn embedding(&mut self, world: &World) -> Ask {
        let keys: Vec<(usize, usize, usize)> = world
            .tables
            .iter()
            .enumerate()
            .flat_map(|(child, table)| {
                let keys = table.columns.iter().enumerate();
                keys.filter_map(move |(key, column)| column.references.map(|(parent, _)| (parent, child, key)))
            })
            .collect();
        if keys.is_empty() {
            return self.read(world);
        }
        let (parent, child, key) = self.pick(&keys);
        match self.one_in(3) {
            true => Ask::EmbedOne { parent, child, key },
            false => Ask::Embed { parent, child, key, inner: self.one_in(3) },
        }
    }

    fn insert(&mut self, world: &World, table: usize, conflict: Option<Conflict>) -> Insert {
        let target = &world.tables[table];
        let columns: Vec<usize> =
            (0..target.columns.len()).filter(|c| *c == 0 || target.columns[*c].not_null || !self.one_in(5)).collect();
        let rows = (0..self.random.usize(1..3)).map(|_| self.new_row(world, target, &columns, conflict)).collect();
        Insert { table, columns, rows, conflict, returning: self.returning(target) }
    }

    fn new_row(&mut self, world: &World, target: &Table, columns: &[usize], conflict: Option<Conflict>) -> Row {
        let highest = if conflict.is_some() { 8 } else { 40 };
        let value = |c: &usize| match c {
            0 => Value::Int(self.random.i64(1..highest)),
            1 if self.one_in(2) => Value::Uuid(self.pick(&[ANN, BOB]).into()),
            c if target.columns[*c].references.is_some() && self.one_in(12) => Value::Int(77),
            c if self.one_in(25) => {
                let _ = c;
                Value::Null
            }
            c => self.fitting(world, target, *c),
        };
        columns.iter().map(value).collect()
    }

    fn returning(&mut self, target: &Table) -> Option<Vec<usize>> {
        let columns = (0..target.columns.len()).filter(|c| *c == 0 || !self.one_in(3)).collect();
        self.one_in(2).then_some(columns)
    }

    fn filter(&mut self, world: &World, table: usize) -> Filter {
        let terms = (0..self.random.usize(0..3)).map(|_| self.term(&world.tables[table])).collect();
        let place = Place { table, below: world.tables.len(), functions: true, depth: 1 };
        let extra = self.one_in(3).then(|| self.expr(world, place));
        Filter { terms, extra }
    }
}
