//! `exclude using gist (room with =, during with &&)`: reading it, and checking that it can hold.

use basalt_core::{Error, Result};
use basalt_types::{Base, Type};
use sqlparser::ast::Expr;
use sqlparser::tokenizer::Token;

use super::constraint::NewKind;
use super::index::key_name;
use super::{Change, conflicts, naming, source};
use crate::catalog::{Exclusion, ExclusionElement, Relation};

/// Operators that say the same of two values in either order.
const COMMUTATIVE: [&str; 5] = ["=", "<>", "!=", "&&", "-|-"];

/// An exclusion constraint as written.
pub(super) struct NewExclusion {
    method: String,
    elements: Vec<(Expr, String)>,
    predicate: Option<Expr>,
}

/// The part of a generated name that tells the elements, by their keys as the catalog keeps them.
pub(super) fn elements_name<'a>(keys: impl Iterator<Item = &'a str>) -> String {
    let name = |key| source::parse_expr(key).ok().and_then(|expr| key_name(&expr)).unwrap_or_else(|| "expr".to_owned());
    let names: Vec<String> = keys.map(name).collect();
    naming::joined(names.iter().map(String::as_str))
}

impl Change<'_> {
    /// What follows `exclude`.
    pub(super) fn exclusion(&mut self) -> Result<NewKind> {
        let method = if self.cursor.accept("using") { self.cursor.ident()? } else { "btree".to_owned() };
        self.cursor.expect_token(&Token::LParen)?;
        let mut elements = vec![self.exclusion_element()?];
        while self.cursor.accept_token(&Token::Comma) {
            elements.push(self.exclusion_element()?);
        }
        self.cursor.expect_token(&Token::RParen)?;
        if self.cursor.accept("include") {
            self.cursor.column_list()?;
        }
        if self.cursor.accept("with") {
            self.storage_parameters()?;
        }
        if self.cursor.accept("using index tablespace") {
            self.cursor.ident()?;
        }
        let predicate = if self.cursor.accept("where") { Some(self.cursor.parenthesized()?) } else { None };
        Ok(NewKind::Exclude(Box::new(NewExclusion { method, elements, predicate })))
    }

    /// `key with operator`.
    fn exclusion_element(&mut self) -> Result<(Expr, String)> {
        let (key, _) = self.index_key()?;
        self.cursor.expect("with")?;
        if !self.cursor.accept("operator") {
            return Ok((key, self.cursor.skip()));
        }
        self.cursor.expect_token(&Token::LParen)?;
        while self.cursor.ident_ahead().is_some() {
            self.cursor.ident()?;
            self.cursor.expect_token(&Token::Period)?;
        }
        let operator = self.cursor.skip();
        self.cursor.expect_token(&Token::RParen)?;
        Ok((key, operator))
    }

    /// The constraint as the catalog keeps it, and the part of its name that tells its elements.
    ///
    /// Errors: 42703 for a column and 42883 for an operator that is not there, 42809 for one that may not exclude, 42704 for a type that the access method
    /// does not take, those of its expressions.
    pub(super) fn resolve_exclusion(&self, relation: &Relation, new: NewExclusion) -> Result<(String, Exclusion)> {
        for (key, _) in &new.elements {
            if let Expr::Identifier(column) = key
                && relation.column(&source::fold(column)).is_none()
            {
                let message = format!("column \"{}\" named in key does not exist", source::fold(column));
                return Err(Error::new("42703", message));
            }
        }
        let element = |(key, operator)| ExclusionElement { key: self.source(Some(relation), key), operator };
        let exclusion = Exclusion {
            elements: new.elements.into_iter().map(element).collect(),
            predicate: new.predicate.map(|predicate| self.source(Some(relation), predicate)),
        };
        let types = conflicts::check(&self.catalog, relation, &exclusion)?;
        for (element, ty) in exclusion.elements.iter().zip(&types) {
            self.check_method(&new.method, &element.operator, ty)?;
        }
        let name = elements_name(exclusion.elements.iter().map(|element| element.key.as_str()));
        Ok((name, exclusion))
    }

    fn check_method(&self, method: &str, operator: &str, ty: &Type) -> Result<()> {
        let is_range = ty.base().and_then(Base::subtype).is_some();
        let shown = if is_range { "anyrange".to_owned() } else { ty.sql_name() };
        if !COMMUTATIVE.contains(&operator) {
            let message = format!("operator {operator}({shown},{shown}) is not commutative");
            let detail = "Only commutative operators can be used in exclusion constraints.";
            return Err(Error::new("42809", message).with_detail(detail));
        }
        match method {
            "gist" if is_range || self.catalog.extensions.contains_key("btree_gist") => Ok(()),
            "gist" | "spgist" if !is_range => {
                let message = format!("data type {ty} has no default operator class for access method \"{method}\"");
                Err(Error::new("42704", message).with_hint(
                    "You must specify an operator class for the index or define a default operator class for the data type.",
                ))
            }
            "btree" | "hash" if operator != "=" => {
                let family = if is_range { "range" } else { ty.base().map_or("array", Base::internal_name) };
                let message =
                    format!("operator {operator}({shown},{shown}) is not a member of operator family \"{family}_ops\"");
                let detail = "The exclusion operator must be related to the index operator class for the constraint.";
                Err(Error::new("42809", message).with_detail(detail))
            }
            "gin" | "brin" => {
                let message = format!("access method \"{method}\" does not support exclusion constraints");
                Err(Error::new("0A000", message))
            }
            _ => Ok(()),
        }
    }
}
