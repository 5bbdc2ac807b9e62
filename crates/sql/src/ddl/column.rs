//! Column definitions (PostgreSQL manual, `create table`).

use basalt_core::{Error, Result};
use basalt_types::{Base, Type};
use sqlparser::ast::{Expr, Value};
use sqlparser::tokenizer::Token;

use super::Change;
use super::constraint::{NewConstraint, NewKind};
use super::sequence::Options;
use super::source;
use crate::catalog::{Column, Grants, Identity, Name, Relation};
use crate::compile;
use crate::compile::collation::is_byte_order;

/// A column as written, before its table exists.
pub(super) struct NewColumn {
    pub(super) column: Column,
    /// The options of the sequence that a serial or identity column gets.
    pub(super) sequence: Option<Options>,
    /// Constraints written within the column's definition.
    pub(super) constraints: Vec<NewConstraint>,
    /// DEFAULT was written, or is what serial means.
    pub(super) has_default: bool,
    /// NULL was written.
    pub(super) nullable: bool,
    /// Where it stands.
    pub(super) at: usize,
}

impl NewColumn {
    /// A column without more.
    pub(super) fn of(column: Column, sequence: Option<Options>, at: usize) -> Self {
        NewColumn { has_default: sequence.is_some(), column, sequence, constraints: Vec::new(), nullable: false, at }
    }
}

impl Change<'_> {
    /// Reads `name type options ...`.
    pub(super) fn column_definition(&mut self, table: &Name) -> Result<NewColumn> {
        let at = self.cursor.offset();
        let name = self.cursor.ident()?;
        let declared = self.data_type()?;
        self.check_storable(&declared.ty, declared.composite.as_ref()).map_err(|e| e.at(declared.at))?;
        let column = Column {
            name,
            not_null: declared.serial,
            not_null_by_domain: false,
            default: None,
            default_by_domain: false,
            ty: declared.ty,
            typmod: declared.typmod,
            domain: declared.domain,
            composite: declared.composite,
            generated: None,
            identity: None,
            sequence: None,
            grants: Grants::new(),
            comment: None,
        };
        let sequence = declared.serial.then(|| Options::default().of_type(&column.ty));
        let mut new = NewColumn::of(column, sequence, at);
        let mut has_own_default = false;
        while self.column_option(table, &mut new)? {
            has_own_default |= new.has_default && !declared.serial;
        }
        if new.column.generated.is_some() && (new.column.default.is_some() || new.sequence.is_some()) {
            return Err(said_twice("both default and generation expression specified", table, &new).at(at));
        }
        if new.column.identity.is_some() && has_own_default {
            return Err(said_twice("both default and identity specified", table, &new).at(at));
        }
        if new.sequence.is_none() {
            new.column.inherit(&self.catalog);
        }
        Ok(new)
    }

    /// Reads one option of a column, if there is one.
    fn column_option(&mut self, table: &Name, new: &mut NewColumn) -> Result<bool> {
        let at = self.cursor.offset();
        let name = if self.cursor.accept("constraint") { Some(self.cursor.ident()?) } else { None };
        let words = [
            "not null",
            "null",
            "default",
            "generated",
            "unique",
            "primary key",
            "check",
            "references",
            "collate",
            "storage",
            "compression",
        ];
        let Some(option) = self.cursor.accept_any(&words) else {
            return if name.is_some() { Err(self.cursor.unexpected()) } else { Ok(false) };
        };
        let columns = || vec![new.column.name.clone()];
        match option {
            "not null" | "null" => {
                let not_null = option == "not null";
                if if not_null { new.nullable } else { new.column.not_null } {
                    return Err(said_twice("conflicting NULL/NOT NULL declarations", table, new).at(at));
                }
                new.column.not_null |= not_null;
                new.nullable = !not_null;
            }
            "default" if std::mem::replace(&mut new.has_default, true) => {
                return Err(said_twice("multiple default values specified", table, new).at(at));
            }
            "default" => {
                let expr = self.cursor.default_expr()?;
                new.column.default = self.default_source(expr, &new.column).map_err(|e| e.at(at))?;
            }
            "generated" => self.generated(new)?,
            "unique" => {
                let kind = NewKind::Unique(columns());
                self.nulls_distinct()?;
                self.push_constraint(new, name, kind, at)?;
            }
            "primary key" => {
                let kind = NewKind::PrimaryKey(columns());
                self.push_constraint(new, name, kind, at)?;
            }
            "check" => {
                let expr = self.cursor.parenthesized()?;
                self.push_constraint(new, name, NewKind::Check(Box::new(expr)), at)?;
            }
            "references" => {
                let columns = columns();
                let key = self.references(columns)?;
                self.push_constraint(new, name, key, at)?;
            }
            "collate" => self.collation()?,
            // How values are laid out on PostgreSQL's disk changes no results.
            _ => drop(self.cursor.label()?),
        }
        Ok(true)
    }

    fn push_constraint(&mut self, new: &mut NewColumn, name: Option<String>, kind: NewKind, at: usize) -> Result<()> {
        let constraint = self.constraint_tail(name, kind, at)?;
        new.constraints.push(constraint);
        Ok(())
    }

    /// `always as (expr) stored`, or `always | by default as identity`.
    fn generated(&mut self, new: &mut NewColumn) -> Result<()> {
        let at = self.cursor.offset();
        let always = self.cursor.accept("always");
        if !always {
            self.cursor.expect("by default")?;
        }
        self.cursor.expect("as")?;
        if always && self.cursor.peek_token(&Token::LParen) {
            let mut expr = self.cursor.parenthesized()?;
            self.cursor.expect("stored")?;
            source::qualify(&mut expr, &self.catalog, &self.session.search_path);
            new.column.generated = Some(expr.to_string());
            return Ok(());
        }
        self.cursor.expect("identity")?;
        if !new.column.ty.is_integer() {
            return Err(Error::new("22023", "identity column type must be smallint, integer, or bigint").at(at));
        }
        new.column.identity = Some(if always { Identity::Always } else { Identity::ByDefault });
        new.column.not_null = true;
        new.sequence = Some(self.identity_options()?.of_type(&new.column.ty));
        Ok(())
    }

    /// 42P17 if a generated column reads another one.
    pub(super) fn check_generated(relation: &Relation) -> Result<()> {
        let is_generated = |name: &&String| relation.column(name).is_some_and(|column| column.generated.is_some());
        for source in relation.columns.iter().filter_map(|column| column.generated.as_deref()) {
            if let Some(other) = source::Uses::of_expr(source).columns.iter().find(is_generated) {
                let message = format!("cannot use generated column \"{other}\" in column generation expression");
                return Err(Error::new("42P17", message)
                    .with_detail("A generated column cannot reference another generated column."));
            }
        }
        Ok(())
    }

    /// The sequence options of an identity column, in parentheses.
    pub(super) fn identity_options(&mut self) -> Result<Options> {
        if !self.cursor.accept_token(&Token::LParen) {
            return Ok(Options::default());
        }
        let options = self.sequence_options()?;
        self.cursor.expect_token(&Token::RParen)?;
        Ok(options)
    }

    /// Makes the sequence of a serial or identity column of the table.
    pub(super) fn give_sequence(&mut self, table: &Name, new: &mut NewColumn) -> Result<()> {
        let Some(options) = &new.sequence else { return Ok(()) };
        let name = self.column_sequence(table, &new.column.name, options).map_err(|e| e.at(new.at))?;
        if new.column.identity.is_none() {
            new.column.default = Some(nextval(&name));
        }
        new.column.sequence = Some(name);
        Ok(())
    }

    /// A default as the catalog keeps it; nothing for NULL, unless a domain's default would stand for that.
    ///
    /// Errors: those of its compilation, but it may depend on the session, since it is compiled into each INSERT.
    pub(super) fn default_source(&self, mut expr: Expr, column: &Column) -> Result<Option<String>> {
        if is_null(&expr) && column.domain.is_none() {
            return Ok(None);
        }
        source::qualify(&mut expr, &self.catalog, &self.session.search_path);
        match compile::check_default(&self.catalog, &expr, (&column.ty, column.typmod)) {
            Err(error) if error.code() == "42703" => {
                Err(Error::new("0A000", "cannot use column reference in DEFAULT expression"))
            }
            checked => checked.map(|()| Some(expr.to_string())),
        }
    }

    /// Reads a collation's name: only byte order exists.
    pub(super) fn collation(&mut self) -> Result<()> {
        let at = self.cursor.offset();
        let raw = self.cursor.name()?;
        if is_byte_order(&raw.name) {
            return Ok(());
        }
        Err(Error::unsupported(
            format!("collation \"{}\" is not supported by the embedded engine", raw.name),
            "Text compares by bytes, as under collation \"C\"; sort by lower(...) to ignore case.",
        )
        .at(at))
    }

    /// `nulls [not] distinct`, of which only the default exists.
    pub(super) fn nulls_distinct(&mut self) -> Result<()> {
        if self.cursor.peek("nulls not distinct") {
            return Err(
                self.lacking("NULLS NOT DISTINCT", "Make the columns NOT NULL, or index coalesce(column, ...).")
            );
        }
        self.cursor.accept("nulls distinct");
        Ok(())
    }
}

impl Change<'_> {
    /// The composite type whose rows a column of this type holds, where the type alone is known.
    ///
    /// Errors: as for [`Change::check_storable`].
    pub(super) fn composite_of(&self, ty: &Type) -> Result<Option<Name>> {
        let has_fields = |fields: &Vec<_>| matches!(ty.element().unwrap_or(ty), Type::Record(own) if **own == *fields);
        let found = self.catalog.composites.iter().find(|(_, fields)| has_fields(fields)).map(|(name, _)| name.clone());
        self.check_storable(ty, found.as_ref()).map(|()| found)
    }

    /// 42P16 for a type that no column can have; 0A000 for the rows of a table, which would change with it.
    pub(super) fn check_storable(&self, ty: &Type, composite: Option<&Name>) -> Result<()> {
        match (ty.element().unwrap_or(ty), composite) {
            (Type::Base(Base::Void | Base::Trigger | Base::EventTrigger | Base::Unknown), _) => {
                Err(Error::new("42P16", format!("column has pseudo-type {}", ty.sql_name())))
            }
            (Type::Record(_), Some(name)) if self.catalog.composites.contains_key(name) => Ok(()),
            (Type::Record(_), _) => Err(Error::unsupported(
                "columns that hold a table's rows are not supported by the embedded engine",
                "Create a composite type with the same fields: create type ... as (...).",
            )),
            _ => Ok(()),
        }
    }
}

/// The default of a serial column.
pub(super) fn nextval(sequence: &Name) -> String {
    format!("nextval({})", crate::quote::literal(&source::plain_name(sequence)))
}

/// 42601 for options of a column that exclude each other.
fn said_twice(what: &str, table: &Name, new: &NewColumn) -> Error {
    Error::new("42601", format!("{what} for column \"{}\" of table \"{}\"", new.column.name, table.name))
}

fn is_null(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => matches!(value.value, Value::Null),
        Expr::Cast { expr, .. } | Expr::Nested(expr) => is_null(expr),
        _ => false,
    }
}
