//! Rows on their way to a table with BEFORE triggers: computed by a step of their own, and written as the triggers leave them.

use basalt_core::Operation;

use super::target::Target;
use crate::Catalog;
use crate::catalog::Relation;
use crate::compile::typed::Typed;
use crate::compile::{Compiler, trigger};
use crate::plpgsql::ast::Statement;
use crate::plpgsql::{self, Kind};
use crate::program::{Command, Output, Proposed};

/// Whether a table's rows are changed, or left out, before they are written.
pub(super) fn is_asked(table: &Relation, command: Command) -> bool {
    table.runs(true, operation(command))
}

fn operation(command: Command) -> Operation {
    match command {
        Command::Insert => Operation::Insert,
        Command::Update => Operation::Update,
        Command::Delete => Operation::Delete,
    }
}

/// Ends the step that computes rows, which the triggers of `command` see next: the slot that keeps them. `assigned` are the columns
/// that an UPDATE assigns to, by their index in the table.
pub(super) fn end_step(
    compiler: &mut Compiler<'_>,
    target: &Target,
    command: Command,
    rows: String,
    assigned: impl IntoIterator<Item = usize>,
) -> usize {
    let slot = compiler.slot();
    let assigned = assigned.into_iter().map(|index| target.table_column(index).name.clone()).collect();
    let relation = target.table.name.clone();
    let output = match is_asked(&target.table, command) {
        true => Output::Proposed(Box::new(Proposed { slot, relation, command, who: compiler.who(), assigned })),
        false => Output::Capture(slot),
    };
    compiler.end_step(rows, output, None);
    // The name is the table's in the next step, too.
    compiler.alias(&target.table.name.physical());
    slot
}

/// The columns (indices in the table) that the BEFORE UPDATE triggers of a table may assign to.
pub(super) fn assigned_by_triggers(catalog: &Catalog, table: &Relation) -> Vec<usize> {
    let mut names: Vec<String> = Vec::new();
    for trigger in table.triggers.iter().filter(|trigger| trigger.runs(true, Operation::Update)) {
        let Ok(routine) = trigger::routine(catalog, trigger) else { continue };
        let Ok(body) = plpgsql::parse(&routine.body, Kind::Trigger) else { continue };
        let all = || table.columns.iter().map(|column| column.name.clone());
        body.block.each_statement(&mut |statement| {
            if let Statement::Return(Some(_)) = statement {
                names.extend(all());
            }
            for target in statement.targets() {
                match (target.row.as_deref(), target.name.as_str()) {
                    (Some("new"), column) => names.push(column.to_owned()),
                    (None, "new") => names.extend(all()),
                    _ => {}
                }
            }
        });
    }
    let is_meant = |index: &usize| {
        let column = &table.columns[*index];
        column.generated.is_none() && names.contains(&column.name)
    };
    (0..table.columns.len()).filter(is_meant).collect()
}

/// The columns of the table as the cells of a proposed row: from `first` on, under a name in SQLite.
pub(super) fn cell(target: &Target, index: usize, sql: String) -> Typed {
    let column = target.table_column(index);
    let mut typed = Typed::new(sql, column.ty.clone());
    typed.typmod = column.typmod;
    typed
}

/// The list of SELECT for an updated row: its number, what it is to be, what it is.
pub(super) fn update_list(
    target: &Target,
    number: &str,
    new: impl Fn(usize) -> String,
    old: impl Fn(usize) -> String,
) -> Vec<String> {
    let mut list = vec![number.to_owned()];
    for (index, column) in target.table.columns.iter().enumerate() {
        list.push(if column.generated.is_some() { "NULL".to_owned() } else { new(index) });
    }
    list.extend((0..target.table.columns.len()).map(old));
    list.into_iter().enumerate().map(|(at, value)| format!("{value} AS c{at}")).collect()
}
