//! Row policies: which rows a command may see or write, as SQLite conditions (PostgreSQL manual, `create policy`).
//!
//! Permissive policies are or-ed, restrictive ones and-ed to that; without a permissive one nothing passes.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use basalt_core::{Error, Result};
use basalt_types::{Type, Value};
use sqlparser::ast::{self, Visit, Visitor};

use super::Compiler;
use super::parse::parse_expr;
use super::scope::{Clause, Scope, Source};
use super::typed::{Form, Typed, constant_sql};
use crate::catalog::{PUBLIC, Policy, PolicyCommand, Relation};
use crate::definition_path;
use crate::visit::visit;

/// How often a table's policies may be reached again through functions before the stack is called exhausted.
const MAX_REENTRY: usize = 2;

/// What a policy's expressions may hold.
pub(super) const EXPRESSIONS: Clause = Clause::Rows("policy expressions");

/// What SELECT's policies of a table ask of a row, over the source's columns, or `None` if the role is not bound by policies.
/// `42P17` when the table's policies are already being compiled.
pub(super) fn read_filter(compiler: &mut Compiler<'_>, source: &Source) -> Result<Option<Typed>> {
    using(compiler, source, PolicyCommand::Select)
}

/// What the policies of `command` ask by USING of a row that is there, or `None` if the role is not bound by policies.
pub(super) fn using(compiler: &mut Compiler<'_>, source: &Source, command: PolicyCommand) -> Result<Option<Typed>> {
    let Some(policies) = Policies::of(compiler, source, command) else { return Ok(None) };
    let condition = policies.bind(compiler, source, |policy| policy.using.as_deref())?.condition();
    compiler.asks_at_length |= !condition.leakproof || condition.sql.contains("(SELECT ");
    Ok(Some(condition))
}

/// Which part of a policy a written row has to satisfy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// WITH CHECK, or USING where there is none: a new row.
    Check,
    /// USING: a new row that the statement gives back, by SELECT's policies.
    Using,
    /// USING: the row that `on conflict do update` is about to change.
    Conflict,
}

impl Part {
    /// Its expression in a policy.
    fn of(self, policy: &Policy) -> Option<&str> {
        match self {
            Part::Check => policy.check.as_deref().or(policy.using.as_deref()),
            Part::Using | Part::Conflict => policy.using.as_deref(),
        }
    }
}

/// Whether a row that satisfies one command's policies satisfies another's for certain, as far as their texts tell: every
/// permissive one counts there too, and no restrictive one comes in addition. Then the others need not be asked.
///
/// Errors: 42501 for what the others' subqueries read, asked or not.
pub(super) fn implies(
    compiler: &mut Compiler<'_>,
    source: &Source,
    (command, part): (PolicyCommand, Part),
    (other, other_part): (PolicyCommand, Part),
) -> Result<bool> {
    let texts = |policies: &[&Policy], part: Part| -> BTreeSet<String> {
        policies.iter().filter_map(|policy| part.of(policy)).map(str::to_owned).collect()
    };
    match (Policies::of(compiler, source, command), Policies::of(compiler, source, other)) {
        (Some(given), Some(asked)) => {
            let permissive = texts(&given.permissive, part);
            // Nothing passes without one.
            let implied = !permissive.is_empty()
                && permissive.is_subset(&texts(&asked.permissive, other_part))
                && texts(&asked.restrictive, other_part).is_subset(&texts(&given.restrictive, part));
            if implied {
                asked.bind(compiler, source, |policy| other_part.of(policy))?;
            }
            Ok(implied)
        }
        _ => Ok(true),
    }
}

/// Conditions (`pg_require`, true or an error 42501) that a written row has to satisfy by the policies of `command`.
/// Nothing if the role is not bound by policies.
pub(super) fn demands(
    compiler: &mut Compiler<'_>,
    source: &Source,
    command: PolicyCommand,
    part: Part,
) -> Result<Vec<Typed>> {
    let Some(policies) = Policies::of(compiler, source, command) else { return Ok(Vec::new()) };
    let table = policies.relation.name.name.clone();
    let bound = policies.bind(compiler, source, |policy| part.of(policy))?;
    let clause = if part == Part::Conflict { " (USING expression)" } else { "" };
    let message = |name: Option<&str>| match name {
        None => format!("new row violates row-level security policy{clause} for table \"{table}\""),
        Some(name) => format!("new row violates row-level security policy \"{name}\"{clause} for table \"{table}\""),
    };
    let permissive = (&bound.permissive, message(None));
    let restrictive = bound.restrictive.iter().map(|(name, condition)| (condition, message(Some(name))));
    let all = std::iter::once(permissive).chain(restrictive);
    Ok(all.filter(|(condition, _)| !is_true(condition)).map(|(c, message)| require(c, "42501", &message)).collect())
}

/// A condition that is true, or else the error.
pub(super) fn require(condition: &Typed, code: &str, message: &str) -> Typed {
    let sql = format!(
        "pg_require({}, {}, {})",
        condition.sql,
        constant_sql(&Value::from(code)),
        constant_sql(&Value::from(message))
    );
    let mut typed = Typed::over(sql, Type::BOOL, [condition]);
    (typed.leakproof, typed.not_null) = (false, true);
    typed
}

/// Whether a part of the syntax tree contains a query.
pub(super) fn has_query(node: &impl Visit) -> bool {
    struct Queries;
    impl Visitor for Queries {
        type Break = ();
        fn pre_visit_query(&mut self, _: &ast::Query) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
    }
    visit(node, &mut Queries).is_break()
}

/// The policies of one command that bind the current role.
struct Policies<'a> {
    relation: &'a Relation,
    permissive: Vec<&'a Policy>,
    restrictive: Vec<&'a Policy>,
}

/// Their conditions.
struct Bound {
    permissive: Typed,
    restrictive: Vec<(String, Typed)>,
}

impl<'a> Policies<'a> {
    fn of(compiler: &Compiler<'_>, source: &'a Source, command: PolicyCommand) -> Option<Self> {
        let relation = source.relation.as_deref()?;
        if relation.view().is_some() || !compiler.catalog.policies_apply(&compiler.role, relation) {
            return None;
        }
        let inherited = compiler.catalog.inherited(&compiler.role);
        let binds = |policy: &&Policy| {
            let mine = policy.roles.iter().any(|role| role == PUBLIC || inherited.contains(role.as_str()));
            let command_fits = policy.command == PolicyCommand::All || policy.command == command;
            command_fits && (policy.roles.is_empty() || mine)
        };
        let (permissive, mut restrictive): (Vec<_>, Vec<_>) =
            relation.policies.iter().filter(binds).partition(|policy| policy.permissive);
        restrictive.sort_by(|a, b| a.name.cmp(&b.name));
        Some(Policies { relation, permissive, restrictive })
    }

    fn bind(
        &self,
        compiler: &mut Compiler<'_>,
        source: &Source,
        part: impl Fn(&Policy) -> Option<&str>,
    ) -> Result<Bound> {
        let mut alternatives: Vec<Typed> = Vec::new();
        let mut refused = None;
        for policy in &self.permissive {
            let Some(expr) = part(policy) else { continue };
            let condition = match bind_policy(compiler, source, self.relation, policy, expr) {
                Err(error) if error.code() == "42501" => {
                    refused.get_or_insert(error);
                    continue;
                }
                bound => bound?,
            };
            if !alternatives.iter().any(|seen| seen.sql == condition.sql) {
                alternatives.push(condition);
            }
        }
        // Beside one that always holds PostgreSQL looks at no other, nor asks for the rights to what it reads.
        if let Some(error) = refused.filter(|_| !alternatives.iter().any(is_true)) {
            return Err(error);
        }
        let mut restrictive = Vec::new();
        // Where nothing passes anyway, PostgreSQL does not look at the restrictive ones, nor do their faults count.
        for policy in self.restrictive.iter().filter(|_| !alternatives.is_empty()) {
            if let Some(expr) = part(policy) {
                restrictive.push((policy.name.clone(), bind_policy(compiler, source, self.relation, policy, expr)?));
            }
        }
        Ok(Bound { permissive: any_of(alternatives), restrictive })
    }
}

impl Bound {
    /// All of it as one condition.
    fn condition(self) -> Typed {
        let all = std::iter::once(self.permissive).chain(self.restrictive.into_iter().map(|(_, condition)| condition));
        all_of(all.collect())
    }
}

/// Binds a policy's expression over its own table's columns. Reading those asks for no privilege; tables in its subqueries do.
fn bind_policy(
    compiler: &mut Compiler<'_>,
    source: &Source,
    relation: &Relation,
    policy: &Policy,
    text: &str,
) -> Result<Typed> {
    let expr = parse_expr(text)?;
    let entered = compiler.policies.iter().filter(|name| **name == relation.name).count();
    // As in PostgreSQL, a subquery in either expression of the policy counts.
    if entered > 0 && queries(policy)? {
        let message = format!("infinite recursion detected in policy for relation \"{}\"", relation.name.name);
        return Err(Error::new("42P17", message));
    }
    if entered > MAX_REENTRY {
        return Err(Error::new("54001", "stack depth limit exceeded"));
    }
    let mut scope = Scope::new(None);
    scope.clause.set(EXPRESSIONS);
    scope.sources.push(Source {
        alias: relation.name.name.clone(),
        schema: Some(relation.name.schema.clone()),
        check_privileges: false,
        guard: None,
        qualified_only: false,
        at_most_one: false,
        ..source.clone()
    });
    compiler.policies.push(relation.name.clone());
    let path = definition_path(&relation.name.schema);
    let bound =
        compiler.inside(path, |compiler| compiler.deeper(|compiler| compiler.bind_condition(&scope, &expr, "POLICY")));
    compiler.policies.pop();
    bound
}

/// Whether a policy contains a query.
fn queries(policy: &Policy) -> Result<bool> {
    let mut found = false;
    for text in policy.using.iter().chain(&policy.check) {
        found |= has_query(&parse_expr(text)?);
    }
    Ok(found)
}

fn is_true(condition: &Typed) -> bool {
    matches!(condition.form, Form::Constant(Value::Int(1)))
}

fn any_of(conditions: Vec<Typed>) -> Typed {
    if conditions.iter().any(is_true) {
        return Typed::constant(Value::from(true), Type::BOOL);
    }
    joined(conditions, " OR ", false)
}

fn all_of(conditions: Vec<Typed>) -> Typed {
    joined(conditions.into_iter().filter(|condition| !is_true(condition)).collect(), " AND ", true)
}

/// The conditions joined by an operator; `empty` if there are none.
fn joined(mut conditions: Vec<Typed>, operator: &str, empty: bool) -> Typed {
    match conditions.len() {
        0 => Typed::constant(Value::from(empty), Type::BOOL),
        1 => conditions.remove(0),
        _ => {
            let sql: Vec<&str> = conditions.iter().map(|condition| condition.sql.as_str()).collect();
            Typed::over(format!("({})", sql.join(operator)), Type::BOOL, &conditions)
        }
    }
}
