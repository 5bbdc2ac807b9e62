//! What PostgreSQL's manual says that a statement gives, computed naively over rows in memory (`create policy`, `grant`,
//! `insert`). It shares nothing with the compiler.

use serde_json::{Value as Json, json};

use super::ask::{Ask, Caller, Conflict, Filter, Insert, Read};
use super::demands::{Demands, columns_read};
use super::expression::{Comparison, Expr};
use super::world::{Command, Policy, Row, Table, Value, World};

/// Three-valued.
type Truth = Option<bool>;

/// Rows as JSON objects or the number of rows changed; or the SQLSTATE of the refusal.
pub type Outcome = Result<Json, &'static str>;

pub(super) const DENIED: &str = "42501";
pub(super) const RECURSION: &str = "42P17";

/// Answers a statement, and changes the world as it says.
pub fn answer(world: &mut World, caller: Caller, ask: &Ask) -> Outcome {
    Demands::of(world, caller, ask).verdict()?;
    let mut changed = world.clone();
    let outcome = Evaluation { world, caller, session_role: caller.role }.run(ask, &mut changed)?;
    *world = changed;
    Ok(outcome)
}

/// Whether a privilege is missing, whatever else is wrong.
pub fn lacks_privilege(world: &World, caller: Caller, ask: &Ask) -> bool {
    Demands::of(world, caller, ask).denied
}

pub(super) fn bypasses(table: &Table, role: &str) -> bool {
    !table.row_security || ["service_role", "postgres"].contains(&role) || (table.owner == role && !table.force)
}

/// The policies of a command that bind a role: permissive and restrictive.
pub(super) fn policies<'a>(table: &'a Table, role: &str, command: Command) -> (Vec<&'a Policy>, Vec<&'a Policy>) {
    let binds = |policy: &&Policy| {
        (policy.command == Command::All || policy.command == command)
            && (policy.roles.is_empty() || policy.roles.contains(&role))
    };
    table.policies.iter().filter(binds).partition(|policy| policy.permissive)
}

/// The part of a policy that judges new rows.
pub(super) fn check(policy: &Policy) -> Option<&Expr> {
    policy.check.as_ref().or(policy.using.as_ref())
}

pub(super) fn using(policy: &Policy) -> Option<&Expr> {
    policy.using.as_ref()
}

pub(super) type Part = fn(&Policy) -> Option<&Expr>;

/// One statement over rows as they are.
#[derive(Clone, Copy)]
struct Evaluation<'a> {
    world: &'a World,
    caller: Caller,
    /// `current_user`: the caller's role, or that of the definer's function.
    session_role: &'static str,
}

impl<'a> Evaluation<'a> {
    fn run(&self, ask: &Ask, changed: &mut World) -> Outcome {
        let role = self.caller.role;
        match ask {
            Ask::Read(read) => Ok(self.read(read)),
            Ask::Embed { parent, child, key, inner } => {
                let children = self.visible(role, *child);
                let rows = self.visible(role, *parent).into_iter().filter_map(|row| {
                    let mut mine: Vec<&Value> = children.iter().filter(|c| c[*key] == row[0]).map(|c| &c[0]).collect();
                    mine.sort_by(|a, b| a.partial_cmp(b).expect("ids"));
                    let name = &self.world.tables[*child].name;
                    let mine: Vec<Json> = mine.into_iter().map(|id| json!({"id": id.json()})).collect();
                    (!inner || !mine.is_empty()).then(|| json!({"id": row[0].json(), name: mine}))
                });
                Ok(Json::Array(rows.collect()))
            }
            Ask::EmbedOne { parent, child, key } => {
                let parents = self.visible(role, *parent);
                let rows = self.visible(role, *child).into_iter().map(|row| {
                    let mine = parents.iter().find(|p| p[0] == row[*key]);
                    let mine = mine.map_or(Json::Null, |p| json!({"id": p[0].json()}));
                    json!({"id": row[0].json(), &self.world.tables[*parent].name: mine})
                });
                Ok(Json::Array(rows.collect()))
            }
            Ask::Insert(insert) => self.insert(insert, changed),
            Ask::Update { table, set, filter, returning } => {
                let reads = !columns_read(filter, returning.as_deref()).is_empty();
                let mut result = Vec::new();
                for (index, row) in self.world.tables[*table].rows.iter().enumerate() {
                    if self.is_target(*table, row, Command::Update, reads, filter) {
                        let mut new = row.clone();
                        set.iter().for_each(|(c, value)| new[*c] = value.clone());
                        self.require(*table, &new, Command::Update, check)?;
                        if reads {
                            self.require(*table, &new, Command::Select, using)?;
                        }
                        result.push(new.clone());
                        changed.tables[*table].rows[index] = new;
                    }
                }
                referred(changed)?;
                Ok(self.given(*table, &result, returning.as_deref()))
            }
            Ask::Delete { table, filter, returning } => {
                let reads = !columns_read(filter, returning.as_deref()).is_empty();
                let rows = &self.world.tables[*table].rows;
                let gone: Vec<Row> = rows
                    .iter()
                    .filter(|row| self.is_target(*table, row, Command::Delete, reads, filter))
                    .cloned()
                    .collect();
                let ids: Vec<Value> = gone.iter().map(|row| row[0].clone()).collect();
                delete(changed, *table, &ids);
                referred(changed)?;
                Ok(self.given(*table, &gone, returning.as_deref()))
            }
        }
    }

    fn read(&self, read: &Read) -> Json {
        let rows = match read.view {
            None => self.visible(self.caller.role, read.table),
            Some(view) => {
                let view = &self.world.views[view];
                let role = view.owner.unwrap_or(self.caller.role);
                let mut rows = self.visible(role, view.table);
                rows.retain(|row| self.truth(role, row, &view.condition) == Some(true));
                rows
            }
        };
        let asked = |row: &&Row| read.filter.all().all(|expr| self.truth(self.caller.role, row, expr) == Some(true));
        let rows: Vec<Row> = rows.iter().filter(asked).cloned().collect();
        match &read.columns {
            Some(columns) => self.objects(read.table, &rows, columns),
            None => json!([{"count": rows.len()}]),
        }
    }

    fn insert(&self, insert: &Insert, changed: &mut World) -> Outcome {
        let reads = !insert.columns_read().is_empty();
        let mut result = Vec::new();
        let mut touched: Vec<Value> = Vec::new();
        for values in &insert.rows {
            let table = &self.world.tables[insert.table];
            let mut row = vec![Value::Null; table.columns.len()];
            insert.columns.iter().zip(values).for_each(|(c, value)| row[*c] = value.clone());
            self.require(insert.table, &row, Command::Insert, check)?;
            if reads {
                self.require(insert.table, &row, Command::Select, using)?;
            }
            if table.columns.iter().zip(&row).any(|(c, value)| c.not_null && *value == Value::Null) {
                return Err("23502");
            }
            let rows = &mut changed.tables[insert.table].rows;
            let taken = rows.iter().position(|old| old[0] == row[0]);
            match (taken, insert.conflict) {
                (None, _) => {
                    touched.push(row[0].clone());
                    result.push(row.clone());
                    rows.push(row);
                }
                (Some(_), None) => return Err("23505"),
                (Some(_), Some(Conflict::Nothing)) => {}
                (Some(at), Some(Conflict::Update)) => {
                    if touched.contains(&row[0]) {
                        return Err("21000");
                    }
                    let old = rows[at].clone();
                    for command in [Command::Update, Command::Select] {
                        self.require(insert.table, &old, command, using)?;
                    }
                    let mut new = old;
                    insert.columns.iter().for_each(|c| new[*c] = row[*c].clone());
                    self.require(insert.table, &new, Command::Update, check)?;
                    self.require(insert.table, &new, Command::Select, using)?;
                    touched.push(row[0].clone());
                    result.push(new.clone());
                    rows[at] = new;
                }
            }
        }
        referred(changed)?;
        Ok(self.given(insert.table, &result, insert.returning.as_deref()))
    }

    /// Rows given back, or their number.
    fn given(&self, table: usize, rows: &[Row], returning: Option<&[usize]>) -> Json {
        match returning {
            Some(columns) => self.objects(table, rows, columns),
            None => json!(rows.len()),
        }
    }

    fn objects(&self, table: usize, rows: &[Row], columns: &[usize]) -> Json {
        let name = |c: &usize| self.world.tables[table].columns[*c].name.clone();
        let object = |row: &Row| Json::Object(columns.iter().map(|c| (name(c), row[*c].json())).collect());
        Json::Array(rows.iter().map(object).collect())
    }

    fn is_target(&self, table: usize, row: &Row, command: Command, reads: bool, filter: &Filter) -> bool {
        let role = self.caller.role;
        self.passes(role, table, row, command, using)
            && (!reads || self.passes(role, table, row, Command::Select, using))
            && filter.all().all(|expr| self.truth(role, row, expr) == Some(true))
    }

    fn require(&self, table: usize, row: &Row, command: Command, part: Part) -> Result<(), &'static str> {
        if self.passes(self.caller.role, table, row, command, part) { Ok(()) } else { Err(DENIED) }
    }

    fn visible(&self, role: &'static str, table: usize) -> Vec<Row> {
        let rows = self.world.tables[table].rows.iter();
        rows.filter(|row| self.passes(role, table, row, Command::Select, using)).cloned().collect()
    }

    fn passes(&self, role: &'static str, table: usize, row: &Row, command: Command, part: Part) -> bool {
        let target = &self.world.tables[table];
        if bypasses(target, role) {
            return true;
        }
        let (permissive, restrictive) = policies(target, role, command);
        let holds = |policy: &&Policy| part(policy).is_some_and(|expr| self.truth(role, row, expr) == Some(true));
        permissive.iter().any(holds) && restrictive.iter().all(|policy| part(policy).is_none() || holds(policy))
    }

    /// A condition over a row; tables in it are read as `role`.
    fn truth(&self, role: &'static str, row: &Row, expr: &Expr) -> Truth {
        match expr {
            Expr::Constant(value) => Some(*value),
            Expr::Compare(c, comparison, value) => compare(&row[*c], *comparison, value),
            Expr::Columns(a, comparison, b) => compare(&row[*a], *comparison, &row[*b]),
            Expr::Flag(c) => match &row[*c] {
                Value::Bool(value) => Some(*value),
                _ => None,
            },
            Expr::IsNull(c, expected) => Some((row[*c] == Value::Null) == *expected),
            Expr::IsDistinct(c, value) => Some(row[*c] != *value),
            Expr::In(c, values, negated) => {
                let found = any(values.iter().map(|value| compare(&row[*c], Comparison::Equal, value)));
                if *negated { found.map(|found| !found) } else { found }
            }
            Expr::AnyOf(text, c) => match &row[*c] {
                Value::Texts(texts) => Some(texts.contains(text)),
                _ => None,
            },
            Expr::IsCaller(c, _) => {
                let caller = self.caller.sub.map_or(Value::Null, |sub| Value::Uuid(sub.into()));
                compare(&row[*c], Comparison::Equal, &caller)
            }
            Expr::Claim(key, value) => self.claim(key).map(|claim| claim == *value),
            Expr::ClaimColumn(c, key) => {
                let claim = self.claim(key).map_or(Value::Null, |claim| Value::Text(claim.into()));
                compare(&row[*c], Comparison::Equal, &claim)
            }
            Expr::AuthRole(value) => Some(self.caller.role == *value),
            Expr::CurrentUser(value) => Some(self.session_role == *value),
            Expr::Not(inner) => self.truth(role, row, inner).map(|truth| !truth),
            Expr::And(parts) => {
                let negated = any(parts.iter().map(|part| self.truth(role, row, part).map(|truth| !truth)));
                negated.map(|truth| !truth)
            }
            Expr::Or(parts) => any(parts.iter().map(|part| self.truth(role, row, part))),
            Expr::Exists { table, inner, outer, condition } => {
                let found = |other: &Row| {
                    compare(&other[*inner], Comparison::Equal, &row[*outer]) == Some(true)
                        && self.truth(role, other, condition) == Some(true)
                };
                Some(self.visible(role, *table).iter().any(found))
            }
            Expr::InTable { column, table, inner, condition, negated } => {
                let mut rows = self.visible(role, *table);
                rows.retain(|other| self.truth(role, other, condition) == Some(true));
                let found = any(rows.iter().map(|other| compare(&row[*column], Comparison::Equal, &other[*inner])));
                if *negated { found.map(|found| !found) } else { found }
            }
            Expr::Call(function, c) => {
                let function = &self.world.functions[*function];
                // A function runs as its definer or as whoever is current, whatever view or policy called it.
                let session_role = function.definer.unwrap_or(self.session_role);
                let inside = Evaluation { session_role, ..*self };
                let found = |other: &Row| {
                    compare(&other[0], Comparison::Equal, &row[*c]) == Some(true)
                        && inside.truth(session_role, other, &function.condition) == Some(true)
                };
                Some(inside.visible(session_role, function.table).iter().any(found))
            }
        }
    }

    fn claim(&self, key: &str) -> Option<&'static str> {
        match key {
            "team" => self.caller.team,
            "sub" => self.caller.sub,
            _ => Some(self.caller.role),
        }
    }
}

fn compare(a: &Value, comparison: Comparison, b: &Value) -> Truth {
    match (a, b) {
        (Value::Null, _) | (_, Value::Null) => None,
        (Value::Text(a), Value::Text(b)) => Some(comparison.holds(a.as_bytes(), b.as_bytes())),
        (a, b) => Some(comparison.holds(a, b)),
    }
}

/// OR of three-valued truths.
fn any(truths: impl Iterator<Item = Truth>) -> Truth {
    let mut result = Some(false);
    for truth in truths {
        match truth {
            Some(true) => return Some(true),
            None => result = None,
            Some(false) => {}
        }
    }
    result
}

/// Deletes rows, and those that refer to them by keys that cascade.
fn delete(world: &mut World, table: usize, ids: &[Value]) {
    if ids.is_empty() {
        return;
    }
    world.tables[table].rows.retain(|row| !ids.contains(&row[0]));
    for other in 0..world.tables.len() {
        let keys: Vec<usize> = (0..world.tables[other].columns.len())
            .filter(|c| world.tables[other].columns[*c].references == Some((table, true)))
            .collect();
        let rows = world.tables[other].rows.iter();
        let gone: Vec<Value> =
            rows.filter(|row| keys.iter().any(|key| ids.contains(&row[*key]))).map(|row| row[0].clone()).collect();
        delete(world, other, &gone);
    }
}

/// Whether every foreign key finds its row.
fn referred(world: &World) -> Result<(), &'static str> {
    for table in &world.tables {
        for (c, column) in table.columns.iter().enumerate() {
            let Some((to, _)) = column.references else { continue };
            let found =
                |value: &Value| *value == Value::Null || world.tables[to].rows.iter().any(|row| row[0] == *value);
            if !table.rows.iter().all(|row| found(&row[c])) {
                return Err("23503");
            }
        }
    }
    Ok(())
}
