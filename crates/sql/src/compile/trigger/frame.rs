//! Places of a body's values: the columns of `new`, those of `old`, and the variables.

use basalt_core::{Error, Result};
use basalt_types::{Type, Typmod};
use sqlparser::ast;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use crate::catalog::{Column, Relation};
use crate::compile::parse::parse_expr;
use crate::compile::types::{fold, resolve_type};
use crate::plpgsql::ast::{Block, Declared, Statement, Target};
use crate::{Catalog, Name};

/// Where a run of a body keeps its values.
#[derive(Debug)]
pub struct Frame {
    columns: usize,
    pub(super) variables: Vec<Variable>,
}

/// What a place of a frame holds.
#[derive(Debug, Clone)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Its modifier.
    pub typmod: Option<Typmod>,
    /// Its domain.
    pub(super) domain: Option<Name>,
    /// Whether NULL is refused.
    pub not_null: bool,
    /// Whether it is assigned to only where it is declared.
    pub constant: bool,
}

impl Frame {
    /// The places for a body that a table's rows fire.
    ///
    /// Errors: 42704 for an unknown type of a variable, 0A000 for one that holds a row.
    pub(super) fn new(catalog: &Catalog, path: &[String], relation: &Relation, block: &Block) -> Result<Frame> {
        let mut variables = vec![Variable::plain("found", Type::BOOL)];
        variables.extend(["sqlstate", "sqlerrm"].map(|name| Variable::plain(name, Type::TEXT)));
        for declared in block.all_declared() {
            variables.push(variable(catalog, path, declared)?);
        }
        Ok(Frame { columns: relation.columns.len(), variables })
    }

    /// How many places there are.
    pub fn size(&self) -> usize {
        self.columns * 2 + self.variables.len()
    }

    /// Where the columns of `new` are.
    pub fn new_row(&self) -> std::ops::Range<usize> {
        0..self.columns
    }

    /// Where the columns of `old` are.
    pub fn old_row(&self) -> std::ops::Range<usize> {
        self.columns..self.columns * 2
    }

    /// The place of a variable.
    pub fn variable(&self, name: &str) -> Option<usize> {
        self.variables.iter().position(|variable| variable.name == name).map(|at| self.columns * 2 + at)
    }

    /// The place of what is assigned to, and what it holds.
    ///
    /// Errors: 42601 for what is no variable, 42703 for a column that the row has not.
    pub(super) fn target(&self, relation: &Relation, target: &Target) -> Result<(usize, Variable)> {
        let row = match target.row.as_deref() {
            None => {
                let place = self.variable(&target.name);
                let place = place.ok_or_else(|| unknown_variable(&target.name))?;
                return Ok((place, self.variables[place - self.columns * 2].clone()));
            }
            Some("new") => 0,
            Some("old") => self.columns,
            Some(row) => return Err(unknown_variable(&format!("{row}.{}", target.name))),
        };
        let index = relation.columns.iter().position(|column| column.name == target.name);
        let index = index.ok_or_else(|| {
            let row = target.row.as_deref().unwrap_or_default();
            Error::new("42703", format!("record \"{row}\" has no field \"{}\"", target.name))
        })?;
        let variable =
            Variable { not_null: false, constant: false, ..Variable::like(&target.name, &relation.columns[index]) };
        Ok((row + index, variable))
    }
}

impl Variable {
    pub(super) fn plain(name: &str, ty: Type) -> Variable {
        Variable { name: name.to_owned(), ty, typmod: None, domain: None, not_null: false, constant: false }
    }

    fn like(name: &str, column: &Column) -> Variable {
        Variable { typmod: column.typmod, domain: column.domain.clone(), ..Variable::plain(name, column.ty.clone()) }
    }
}

fn unknown_variable(name: &str) -> Error {
    Error::new("42601", format!("\"{name}\" is not a known variable"))
}

fn variable(catalog: &Catalog, path: &[String], declared: &Declared) -> Result<Variable> {
    let written = declared.ty.trim();
    let holds_row = || {
        let what = format!("variable \"{}\" that holds a row", declared.name);
        Error::unsupported(what, "Declare a variable for each column, and select into them.").at(declared.at)
    };
    let found = if let Some((named, word)) = written.rsplit_once('%') {
        if !word.trim().eq_ignore_ascii_case("type") {
            return Err(holds_row());
        }
        Variable::like(&declared.name, column_named(catalog, path, named)?)
    } else {
        if written.eq_ignore_ascii_case("record") {
            return Err(holds_row());
        }
        let parse = || Parser::new(&PostgreSqlDialect {}).try_with_sql(written)?.parse_data_type();
        let unknown = |_| Error::new("42704", format!("type \"{written}\" does not exist"));
        let found = resolve_type(catalog, path, &parse().map_err(unknown)?)?;
        if found.relation.is_some() || matches!(found.ty, Type::Record(_)) {
            return Err(holds_row());
        }
        let (typmod, domain) = (found.typmod, found.domain);
        Variable { typmod, domain, ..Variable::plain(&declared.name, found.ty) }
    };
    Ok(Variable { not_null: declared.not_null, constant: declared.constant, ..found })
}

/// The column of `t.a%type`.
fn column_named<'c>(catalog: &'c Catalog, path: &[String], written: &str) -> Result<&'c Column> {
    let unknown = || Error::new("42P01", format!("column \"{}\" does not exist", written.trim()));
    let Ok(ast::Expr::CompoundIdentifier(parts)) = parse_expr(written) else { return Err(unknown()) };
    let names: Vec<String> = parts.iter().map(fold).collect();
    let (relation, column) = match names.as_slice() {
        [table, column] => (path.iter().find_map(|schema| catalog.relation(schema, table)), column),
        [schema, table, column] => (catalog.relation(schema, table), column),
        _ => return Err(unknown()),
    };
    relation.and_then(|relation| relation.column(column)).ok_or_else(unknown)
}

impl Block {
    /// Its variables, and those of the blocks within.
    fn all_declared(&self) -> Vec<&Declared> {
        let mut found: Vec<&Declared> = self.declared.iter().collect();
        self.each_statement(&mut |statement| {
            if let Statement::Block(block) = statement {
                found.extend(&block.declared);
            }
        });
        found
    }
}
