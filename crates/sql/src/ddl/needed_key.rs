//! What needs a unique key by its constraint: queries grouped by a primary key, which may read the table's other columns, and ON CONFLICT ON
//! CONSTRAINT.

use std::ops::ControlFlow;
use std::sync::Arc;

use basalt_core::Result;
use sqlparser::ast::{
    ConflictTarget, ObjectName, ObjectNamePart, OnConflict, OnInsert, Statement, TableObject, VisitorMut,
};

use super::Change;
use super::drop::Object;
use super::source::{Uses, fold, ident_node, joined, parse_query, parse_statements};
use crate::Catalog;
use crate::catalog::{Name, Relation};
use crate::compile;
use crate::visit::visit_mut;

impl Change<'_> {
    /// What reads the table and is understood with the constraint alone.
    pub(super) fn key_readers(&self, table: &Relation, constraint: &str) -> Result<Vec<Object>> {
        let mut loose = table.clone();
        loose.constraints.retain(|other| other.name != constraint);
        let mut without = self.catalog.clone();
        without.relations.insert(table.name.clone(), Arc::new(loose));
        // Where a key is found by its columns, PostgreSQL looks for it anew each time.
        let is_missed = |compiles: &dyn Fn(&Catalog) -> Result<()>| {
            let missed = compiles(&without).is_err_and(|error| matches!(error.code(), "42803" | "42704"));
            missed && compiles(&self.catalog).is_ok()
        };
        let reads = |uses: &Uses| uses.relations.contains(&table.name);
        let mut found = Vec::new();
        for relation in self.catalog.relations.values() {
            for policy in &relation.policies {
                let mut sources = policy.using.iter().chain(&policy.check);
                let needs = |source: &String| {
                    reads(&Uses::of_expr(source))
                        && is_missed(&|catalog| compile::check_policy(catalog, relation, source))
                };
                if sources.any(needs) {
                    found.push(Object::Policy(relation.name.clone(), policy.name.clone()));
                }
            }
            let Some(view) = relation.view() else { continue };
            let query = parse_query(&view.query)?;
            let compiles = |catalog: &Catalog| compile::view_columns(catalog, &[], &query, None).map(drop);
            if reads(&Uses::of(&query)) && is_missed(&compiles) {
                found.push(Object::Relation(relation.name.clone()));
            }
        }
        for routine in self.catalog.functions.values().flatten().filter(|routine| routine.parsed) {
            let needs = || is_missed(&|catalog| compile::check_routine(catalog, routine));
            if reads(&Uses::of(&parse_statements(&routine.body)?)) && needs() {
                found.push(Object::Routine(routine.name.clone(), routine.input_types()));
            }
        }
        Ok(found)
    }

    /// Writes a constraint's new name where parsed bodies say ON CONFLICT ON CONSTRAINT.
    pub(super) fn rename_arbiter(&mut self, table: &Name, from: &str, to: &str) -> Result<()> {
        for routine in self.catalog.functions.values_mut().flatten().filter(|routine| routine.parsed) {
            let mut statements = parse_statements(&routine.body)?;
            let mut arbiters = Arbiters { table, from, to, found: false };
            let _ = visit_mut(&mut statements, &mut arbiters);
            if arbiters.found {
                Arc::make_mut(routine).body = joined(&statements);
            }
        }
        Ok(())
    }
}

struct Arbiters<'a> {
    table: &'a Name,
    from: &'a str,
    to: &'a str,
    found: bool,
}

impl VisitorMut for Arbiters<'_> {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &mut Statement) -> ControlFlow<()> {
        if let Statement::Insert(insert) = statement
            && let TableObject::TableName(table) = &insert.table
            && parts(table) == [&*self.table.schema, &*self.table.name]
            && let Some(OnInsert::OnConflict(OnConflict { conflict_target, .. })) = &mut insert.on
            && let Some(ConflictTarget::OnConstraint(constraint)) = conflict_target
            && parts(constraint) == [self.from]
        {
            *constraint = ObjectName::from(vec![ident_node(self.to)]);
            self.found = true;
        }
        ControlFlow::Continue(())
    }
}

fn parts(name: &ObjectName) -> Vec<String> {
    name.0.iter().filter_map(ObjectNamePart::as_ident).map(fold).collect()
}
