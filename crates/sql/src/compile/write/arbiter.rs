//! The arbiter of ON CONFLICT: the unique constraint or index that says which rows conflict.

use std::collections::BTreeSet;

use basalt_core::{Error, Result};
use basalt_types::Type;
use sqlparser::ast;

use super::target::{Target, column_list};
use super::values;
use crate::catalog::{ConstraintKind, Privilege, Relation};
use crate::compile::column::{argument, preferred};
use crate::compile::parse::parse_expr;
use crate::compile::scope::{Clause, Scope, Source};
use crate::compile::suggest::missing_column;
use crate::compile::typed::{CastContext, Typed};
use crate::compile::types::fold;
use crate::compile::{Compiler, condition, index_predicate};
use crate::{definition_path, quote};

/// A bound conflict target.
pub(super) struct Arbiter {
    /// The table's columns whose uniqueness arbitrates; none for a bare DO NOTHING.
    pub key: Vec<usize>,
    /// What a row has to be for its key to be unique, where a partial index arbitrates.
    pub partial: Option<Partial>,
}

/// The predicate of a partial index, as SQLite source.
pub(super) struct Partial {
    /// As the index's definition has it.
    definition: String,
    /// Over the row that is there.
    there: String,
    /// Over the proposed row.
    pub proposed: String,
}

/// What takes the place of a key that holds the row number beside other columns.
pub(super) struct SameKey {
    /// The row number's column in SQLite, quoted.
    pub number: String,
    /// The demand that the rest is the same too.
    pub demand: String,
}

impl Arbiter {
    /// Binds a conflict target, and demands the privilege to read its columns; `table` is the existing row.
    ///
    /// Errors: 0A000 for an exclusion constraint; 42P10 without a matching unique constraint, 42704 for an unknown one.
    pub fn bind(
        compiler: &mut Compiler<'_>,
        target: &Target,
        table: &Source,
        outer: Option<&Scope<'_>>,
        clause: &ast::OnConflict,
    ) -> Result<Arbiter> {
        let (key, partial) = match &clause.conflict_target {
            Some(ast::ConflictTarget::OnConstraint(name)) => (constraint_key(target, name)?, None),
            Some(ast::ConflictTarget::Columns(columns)) => {
                let updates = matches!(clause.action, ast::OnConflictAction::DoUpdate(_));
                let (columns, predicate) = index_predicate::of(columns)?;
                let mut scope = Scope::new(outer);
                scope.sources.push(target.named_source(compiler, table)?);
                scope.forbid_subqueries();
                let key = listed_key(compiler, target, &scope, columns, &|name| missing(table, updates, name))?;
                let partial = Partial::of(compiler, target, table, &key, (&scope, predicate.as_ref()))?;
                (key, partial)
            }
            None if target.table.constraints.iter().any(|c| matches!(c.kind, ConstraintKind::Exclude(_))) => {
                return Err(not_ignored());
            }
            None => (Vec::new(), None),
        };
        let is_key = |&index: &usize| target.columns[index].is_some_and(|base| key.contains(&base));
        let columns: Vec<usize> = (0..target.columns.len()).filter(is_key).collect();
        if !columns.is_empty() {
            target.require(compiler, &columns, Privilege::Select)?;
        }
        Ok(Arbiter { key, partial })
    }

    /// What holds of a proposed row, `excluded`, and the one that it conflicts with.
    pub fn meets(&self, target: &Target) -> String {
        let equal = |&index: &usize| {
            let column = quote::ident(&target.table_column(index).name);
            format!("{}.{column} = excluded.{column}", target.sqlite)
        };
        let mut all: Vec<String> = self.key.iter().map(equal).collect();
        all.extend(self.partial.iter().flat_map(|partial| [partial.there.clone(), partial.proposed.clone()]));
        all.join(" AND ")
    }

    /// SQLite's ON CONFLICT with its target, and what has to be asked beside it.
    pub fn sql(&self, compiler: &mut Compiler<'_>, target: &Target) -> Result<(String, Option<SameKey>)> {
        if self.key.is_empty() {
            return Ok((" ON CONFLICT".to_owned(), None));
        }
        if let Some(same) = self.same_key(compiler, target)? {
            return Ok((format!(" ON CONFLICT ({})", same.number), Some(same)));
        }
        let key = column_list(self.key.iter().map(|&index| target.table_column(index)));
        let predicate = self.partial.as_ref().map(|partial| format!(" WHERE {}", partial.definition));
        Ok((format!(" ON CONFLICT ({key}){}", predicate.unwrap_or_default()), None))
    }

    /// SQLite finds no index by a key that holds the row number beside other columns, but
    /// rows that are the same in it are the same in the row number: then that, and the demand that the rest is the same too.
    fn same_key(&self, compiler: &mut Compiler<'_>, target: &Target) -> Result<Option<SameKey>> {
        let number =
            values::rowid_column(&target.table).filter(|number| self.key.len() > 1 && self.key.contains(number));
        let Some(number) = number else { return Ok(None) };
        let names = |index: usize| {
            let name = &target.table_column(index).name;
            let sql = quote::ident(name);
            (name, format!("{}.{sql}", target.sqlite), format!("excluded.{sql}"))
        };
        let rest = self.key.iter().filter(|&&index| index != number).map(|&index| {
            let (_, old, new) = names(index);
            format!("{old} = {new}")
        });
        let rest: Vec<String> = rest.collect();
        let (name, _, number_given) = names(number);
        let constraint = target.table.constraints.iter().find(|constraint| {
            matches!(&constraint.kind, ConstraintKind::PrimaryKey(columns) if columns.len() == 1 && columns[0] == *name)
        });
        let constraint = constraint.map(|constraint| constraint.name.as_str()).unwrap_or_default();
        let message = quote::literal(&format!("duplicate key value violates unique constraint \"{constraint}\""));
        let given = Typed::new(number_given, target.table_column(number).ty.clone());
        let given = compiler.coerce(given, &Type::TEXT, None, CastContext::Explicit)?.sql;
        let detail = match target.shows_values(compiler) {
            true => format!("{} || {given} || ') already exists.'", quote::literal(&format!("Key ({name})=("))),
            false => "NULL".to_owned(),
        };
        let constraint = quote::literal(constraint);
        let demand = format!("pg_require({}, '23505', {message}, NULL, {constraint}, {detail})", rest.join(" AND "));
        Ok(Some(SameKey { number: quote::ident(name), demand }))
    }
}

/// The table's columns of a unique constraint.
fn constraint_key(target: &Target, name: &ast::ObjectName) -> Result<Vec<usize>> {
    let table = &target.table;
    let index_of = |name: &String| table.columns.iter().position(|column| column.name == *name);
    let name = name.0.last().and_then(|part| part.as_ident()).map(fold).unwrap_or_default();
    let found = table.constraints.iter().find(|constraint| constraint.name == name);
    let missing = || {
        let table = &table.name.name;
        Error::new("42704", format!("constraint \"{name}\" for table \"{table}\" does not exist"))
    };
    match found.map(|constraint| &constraint.kind) {
        None => Err(missing()),
        Some(ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns)) => {
            Ok(columns.iter().filter_map(index_of).collect())
        }
        Some(ConstraintKind::Exclude(_)) => Err(not_ignored()),
        Some(_) => Err(Error::new("42809", "constraint in ON CONFLICT clause has no associated index")),
    }
}

/// The table's columns that a conflict target lists, each once. As in any expression, a name may be that of a variable of PL/pgSQL, which no
/// index is over.
fn listed_key(
    compiler: &Compiler<'_>,
    target: &Target,
    scope: &Scope<'_>,
    idents: &[ast::Ident],
    unknown: &dyn Fn(&str) -> Error,
) -> Result<Vec<usize>> {
    let mut key = Vec::new();
    for ident in idents {
        let name = fold(ident);
        if preferred(scope, &name).map_err(|error| compiler.place(error, ident.span))?.is_some() {
            return Err(unmatched());
        }
        let named = target.named.columns.iter().position(|column| column.name == name);
        let index = named.and_then(|i| target.columns[i]);
        let index = index.ok_or_else(|| argument(scope, &name).map_or_else(|| unknown(&name), |_| unmatched()))?;
        if !key.contains(&index) {
            key.push(index);
        }
    }
    Ok(key)
}

impl Partial {
    /// The partial index that arbitrates over `key`, if no unique index over the whole table does. `given` is the conflict target's
    /// predicate, `scope` what it sees.
    ///
    /// Errors: 42P10 without a matching index; those of the predicate.
    fn of(
        compiler: &mut Compiler<'_>,
        target: &Target,
        table: &Source,
        key: &[usize],
        (scope, given): (&Scope<'_>, Option<&ast::Expr>),
    ) -> Result<Option<Partial>> {
        let given = given.map(|given| conjuncts(compiler, scope, given)).transpose()?.unwrap_or_default();
        let relation = &target.table;
        let wanted: BTreeSet<&str> = key.iter().map(|&index| relation.columns[index].name.as_str()).collect();
        let is_wanted = |columns: &[String]| columns.iter().map(String::as_str).collect::<BTreeSet<_>>() == wanted;
        if unique_sets(relation).any(is_wanted) {
            return Ok(None);
        }
        let mut excluded = compiler.table_source(relation, "excluded", "excluded");
        excluded.columns.iter_mut().for_each(|column| column.collated = false);
        for index in relation.indexes.iter().filter(|index| index.unique) {
            let Some(predicate) = &index.predicate else { continue };
            if !index.columns.as_deref().is_some_and(is_wanted) {
                continue;
            }
            let predicate = parse_expr(predicate)?;
            let mut over = |source: &Source| {
                let mut scope = Scope::new(None);
                scope.sources.push(Source {
                    alias: relation.name.name.clone(),
                    check_privileges: false,
                    ..source.clone()
                });
                let path = definition_path(&relation.name.schema);
                compiler.inside(path, |compiler| conjuncts(compiler, &scope, &predicate))
            };
            let (there, proposed) = (over(table)?, over(&excluded)?);
            if there.iter().all(|one| given.contains(one)) {
                let definition = condition(compiler.catalog, relation, &predicate, "WHERE")?.sql;
                let (there, proposed) = (there.join(" AND "), proposed.join(" AND "));
                return Ok(Some(Partial { definition, there, proposed }));
            }
        }
        Err(unmatched())
    }
}

fn unmatched() -> Error {
    Error::new("42P10", "there is no unique or exclusion constraint matching the ON CONFLICT specification")
}

/// The parts of an index's predicate that AND joins, as SQLite source.
fn conjuncts(compiler: &mut Compiler<'_>, scope: &Scope<'_>, predicate: &ast::Expr) -> Result<Vec<String>> {
    match predicate {
        ast::Expr::Nested(inner) => conjuncts(compiler, scope, inner),
        ast::Expr::BinaryOp { left, op: ast::BinaryOperator::And, right } => {
            let mut all = conjuncts(compiler, scope, left)?;
            all.extend(conjuncts(compiler, scope, right)?);
            Ok(all)
        }
        _ => {
            scope.clause.set(Clause::Rows("index predicates"));
            // As in PostgreSQL, what is no condition is none that the index has.
            Ok(vec![compiler.bind_expr(scope, predicate, Some(&Type::BOOL))?.sql])
        }
    }
}

/// 42703, with the columns of the row that is there, and of the proposed one, that may have been meant.
fn missing(table: &Source, updates: bool, name: &str) -> Error {
    let mut scope = Scope::new(None);
    scope.sources.push(table.clone());
    if updates {
        scope.sources.push(Source { alias: "excluded".to_owned(), ..table.clone() });
    }
    missing_column(&scope, None, name)
}

/// 0A000: what a trigger refuses SQLite can't pass over.
fn not_ignored() -> Error {
    Error::unsupported(
        "ON CONFLICT can't pass over rows that an exclusion constraint refuses, on the embedded engine",
        "Name the columns of a unique constraint after ON CONFLICT, or leave out rows that conflict by a condition.",
    )
}

/// Column sets that are unique over the whole table.
fn unique_sets(table: &Relation) -> impl Iterator<Item = &[String]> {
    let indexes = table.indexes.iter().filter(|index| index.unique && index.predicate.is_none());
    table.unique_keys().chain(indexes.filter_map(|index| index.columns.as_deref()))
}
