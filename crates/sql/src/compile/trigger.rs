//! What a trigger runs for a row: its function's body over the row, and its condition.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use basalt_core::{Error, Operation, Result};
use basalt_types::{Type, Value};

use super::Compiler;
use super::body::{self, Code, Gives, Holds, Outcome, Slot, Variable, Who};
use super::built_in_trigger;
use crate::catalog::{Relation, Routine, Trigger};
use crate::plpgsql::{self, Kind};
use crate::{Catalog, DEFAULT_PATH, Program, telling};

/// Arguments of a trigger that are known at least: NULL where it has fewer.
const ARGUMENTS: usize = 16;

/// A trigger's function, for one of its operations.
#[derive(Debug)]
pub struct Firing {
    /// The trigger.
    pub trigger: Trigger,
    /// Its function's body. The first two variables are the rows `new` and `old`.
    pub code: Code,
    /// Whose rights the condition is asked with.
    asking: Who,
    condition: OnceLock<Result<Option<Program>>>,
    /// The pieces that are told from the change log, and not run.
    told: HashSet<usize>,
}

impl Firing {
    /// Looks up what a trigger runs when an operation fires it.
    ///
    /// Errors: 42883 when the function is gone; those of [`plpgsql::parse`]; 42704 for an unknown type of a variable.
    pub fn new(
        catalog: &Catalog,
        relation: &Arc<Relation>,
        trigger: &Trigger,
        operation: Operation,
        asking: &Who,
    ) -> Result<Firing> {
        let routine = routine(catalog, trigger)?;
        let mut body = plpgsql::parse(&routine.body, Kind::Trigger)?;
        let told = if trigger.after.is_empty() { HashSet::new() } else { telling::pieces(&body) };
        body.each_perform_mut(&mut |sql| {
            if let Some(text) = telling::sending(&sql.text, operation) {
                sql.text = text;
            }
        });
        let row = |name: &str, lacking: Operation| {
            let is_there = operation != lacking;
            Variable { is_there, ..Variable::new(name, Holds::row_of(relation)) }
        };
        let found = Variable::new("found", Holds::Value(Slot::new("found", Type::BOOL)));
        let own = vec![row("new", Operation::Delete), row("old", Operation::Insert), found];
        let constants = constants(relation, trigger, operation);
        let mut code = Code::new(catalog, &routine, body, own, constants, asking)?;
        code.outcome = Outcome::of_trigger(body::shape_of(relation));
        Ok(Firing { trigger: trigger.clone(), code, asking: asking.clone(), condition: OnceLock::new(), told })
    }

    /// Whether a piece of the body is told from the change log, and not run.
    pub fn is_told(&self, piece: usize) -> bool {
        self.told.contains(&piece)
    }

    /// The trigger's WHEN, if it has one: a program whose row is one boolean.
    ///
    /// Errors: PostgreSQL's own.
    pub fn condition(&self, catalog: &Catalog) -> Result<Option<&Program>> {
        let compiled = self.condition.get_or_init(|| {
            let when = self.trigger.run.as_ref().and_then(|run| run.when.as_deref());
            let compiled = when.map(|when| {
                let mut compiler = self.asking.compiler(catalog, when);
                // Its names were looked up when the trigger was made.
                compiler.names_anew = false;
                self.compile_condition(compiler, when)
            });
            compiled.transpose()
        });
        compiled.as_ref().map(Option::as_ref).map_err(Clone::clone)
    }

    /// Checks WHEN as a definition, which names functions whose bodies may be out of date.
    fn check_condition(&self, catalog: &Catalog) -> Result<()> {
        let Some(when) = self.trigger.run.as_ref().and_then(|run| run.when.as_deref()) else { return Ok(()) };
        self.compile_condition(Compiler::defining(catalog, &self.asking.search_path, when), when).map(drop)
    }

    fn compile_condition(&self, compiler: Compiler<'_>, when: &str) -> Result<Program> {
        let layout = self.code.first_layout();
        self.code.compile(compiler, &self.asking, &layout, self.code.names(&layout, None), when, &Gives::When)
    }
}

/// Checks a trigger's WHEN.
///
/// Errors: PostgreSQL's own.
pub(crate) fn check_condition(catalog: &Catalog, relation: &Arc<Relation>, trigger: &Trigger) -> Result<()> {
    let operation = trigger.run.iter().flat_map(|run| &run.operations).next();
    let Some(operation) = operation else { return Ok(()) };
    Firing::new(catalog, relation, trigger, *operation, &owner(relation))?.check_condition(catalog)
}

/// The table's owner, as whom a trigger is checked.
fn owner(relation: &Relation) -> Who {
    let owner = &relation.owner;
    Who { caller: owner.clone(), user: owner.clone(), search_path: DEFAULT_PATH.map(str::to_owned).to_vec() }
}

/// What a trigger's function knows of it.
fn constants(relation: &Relation, trigger: &Trigger, operation: Operation) -> Vec<(String, super::typed::Typed)> {
    let is_before = trigger.run.as_ref().is_some_and(|run| run.before);
    let texts = [
        ("tg_op", operation.to_string().to_uppercase()),
        ("tg_name", trigger.name.clone()),
        ("tg_when", if is_before { "BEFORE" } else { "AFTER" }.to_owned()),
        ("tg_level", "ROW".to_owned()),
        ("tg_table_name", relation.name.name.clone()),
        ("tg_relname", relation.name.name.clone()),
        ("tg_table_schema", relation.name.schema.clone()),
    ];
    let mut values: Vec<_> =
        texts.into_iter().map(|(name, text)| Code::constant(name, Value::from(text), Type::TEXT)).collect();
    let count = i64::try_from(trigger.args.len()).unwrap_or_default();
    values.push(Code::constant("tg_nargs", Value::from(count), Type::INT4));
    for at in 0..trigger.args.len().max(ARGUMENTS) {
        let argument = Value::from(trigger.args.get(at).cloned());
        values.push(Code::constant(&format!("tg_argv{at}"), argument, Type::TEXT));
    }
    values
}

/// The function of a trigger.
///
/// Errors: 42883 when it is gone.
pub(super) fn routine(catalog: &Catalog, trigger: &Trigger) -> Result<Arc<Routine>> {
    if let Some(routine) = built_in_trigger::routine(trigger) {
        return Ok(Arc::new(routine));
    }
    let name = &trigger.function;
    let found = catalog.routines(&name.schema, &name.name).iter().find(|routine| routine.inputs().next().is_none());
    found.cloned().ok_or_else(|| Error::new("42883", format!("function {}() does not exist", name.name)))
}

/// Compiles everything that a trigger would run, as far as that can be told when it is made. A body may name what later migrations make,
/// as PostgreSQL leaves open too.
///
/// Gives whether all that the body calls is there; where that may come, its lack is no error.
///
/// Errors: 0A000 for what the embedded engine lacks, and PostgreSQL's own for what could not run whatever comes. The message of one
/// in the function's body says in which line of it.
pub fn check(catalog: &Catalog, relation: &Arc<Relation>, trigger: &Trigger, calls_may_come: bool) -> Result<bool> {
    let who = owner(relation);
    let mut is_complete = true;
    for operation in trigger.run.iter().flat_map(|run| &run.operations) {
        let firing = match Firing::new(catalog, relation, trigger, *operation, &who) {
            Err(error) if body::may_come(&error) => continue,
            firing => firing?,
        };
        firing.check_condition(catalog)?;
        let source = &routine(catalog, trigger)?.body;
        body::simulate(
            catalog,
            &firing.code,
            &mut |sql, error| match firing.is_told(sql.id) || body::may_come(&error) {
                true => Ok(()),
                false if calls_may_come && error.code() == "42883" => {
                    is_complete = false;
                    Ok(())
                }
                false => Err(body::placed(error, &trigger.function.name, source, sql.at)),
            },
        )?;
    }
    Ok(is_complete)
}
