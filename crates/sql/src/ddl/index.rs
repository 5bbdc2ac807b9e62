//! Indexes (PostgreSQL manual, `create index`).

use std::sync::Arc;

use basalt_core::{Error, Result};
use sqlparser::ast::{Expr, FunctionArguments};
use sqlparser::tokenizer::Token;

use super::drop::Object;
use super::sequence::already_exists;
use super::source::{self, fold};
use super::{Action, Change, naming, physical, unique};
use crate::catalog::{Column, Index, Name, Relation};
use crate::compile::collation::{is_byte_order, name_of};

impl Change<'_> {
    pub(super) fn create_index(&mut self, unique: bool) -> Result<()> {
        // A migration holds the only writer anyway.
        self.cursor.accept("concurrently");
        let if_not_exists = self.cursor.accept("if not exists");
        let raw = if self.cursor.peek("on") { None } else { Some(self.cursor.name()?) };
        self.cursor.expect("on")?;
        self.cursor.accept("only");
        let table = self.cursor.name()?;
        let relation = self.find_table(&table)?;
        if let Some(raw) = &raw
            && naming::relation_name_taken(&self.catalog, &relation.name.schema, &raw.name)
        {
            self.cursor.skip_all();
            return if if_not_exists { Ok(()) } else { Err(already_exists(raw)) };
        }
        // An access method never changes results: all become ordered indexes, and those that could not serve are left out.
        if self.cursor.accept("using") {
            self.cursor.ident()?;
        }
        let at = self.cursor.offset();
        self.cursor.expect_token(&Token::LParen)?;
        let mut keys = vec![self.index_key()?];
        while self.cursor.accept_token(&Token::Comma) {
            keys.push(self.index_key()?);
        }
        self.cursor.expect_token(&Token::RParen)?;
        if self.cursor.accept("include") {
            self.cursor.column_list()?;
        }
        self.nulls_distinct()?;
        if self.cursor.accept("with") {
            self.storage_parameters()?;
        }
        if self.cursor.accept("tablespace") {
            self.cursor.ident()?;
        }
        let predicate = if self.cursor.accept("where") { Some(self.cursor.expr()?) } else { None };

        let plain: Option<Vec<String>> = keys.iter().map(|(key, _)| plain_column(key)).collect();
        for column in plain.iter().flatten() {
            if relation.column(column).is_none() {
                return Err(Error::new("42703", format!("column \"{column}\" does not exist")).at(at));
            }
        }
        let keys: Vec<String> =
            keys.into_iter().map(|(key, direction)| self.source(Some(&relation), key) + direction).collect();
        let name = match raw {
            Some(raw) => raw.name,
            None => self.free_index_name(&relation, &keys),
        };
        let predicate = predicate.map(|expr| self.source(Some(&relation), expr));
        let index = Index { name, unique, keys, columns: plain, predicate };
        self.add_index(&relation.name, index).map_err(|e| e.at(at))
    }

    /// One key: `column` or `(expression)`, with operator class and direction.
    pub(super) fn index_key(&mut self) -> Result<(Expr, &'static str)> {
        let expr = self.cursor.default_expr()?;
        let expr = match expr {
            Expr::Nested(inner) => *inner,
            Expr::Collate { expr, collation } if is_byte_order(name_of(&collation)) => *expr,
            Expr::Collate { .. } => {
                return Err(self.lacking(
                    "an index under another collation",
                    "Text compares by bytes; index lower(...) to ignore case.",
                ));
            }
            other => other,
        };
        if self.cursor.accept("collate") {
            self.collation()?;
        }
        let direction = ["asc", "desc", "nulls", "with"];
        let mut operator_class = false;
        while let Some(word) = self.cursor.ident_ahead() {
            if direction.contains(&word.as_str()) || operator_class {
                break;
            }
            // An operator class chooses which operators an index serves, never what they answer.
            self.cursor.name()?;
            if self.cursor.peek_token(&Token::LParen) {
                self.storage_parameters()?;
            }
            operator_class = true;
        }
        let descending = self.cursor.accept_any(&["asc", "desc"]) == Some("desc");
        let nulls = self.cursor.accept_any(&["nulls first", "nulls last"]);
        Ok((
            expr,
            match (descending, nulls) {
                (false, Some("nulls first")) => " NULLS FIRST",
                (false, _) => "",
                (true, Some("nulls last")) => " DESC NULLS LAST",
                (true, _) => " DESC",
            },
        ))
    }

    /// Adds an index, checked and named already.
    pub(super) fn add_index(&mut self, table: &Name, index: Index) -> Result<()> {
        self.check_physical(&Name::new(&table.schema, &index.name))?;
        let relation = self.relation(table)?;
        if index.unique {
            self.push(unique::index_guard(&self.catalog, &relation, &index)?);
        }
        let statement = physical::create_index(&self.catalog, &relation, &index)?;
        self.actions.extend(statement.map(Action::Sql));
        self.relation_mut(table)?.indexes.push(index);
        Ok(())
    }

    /// The name that an index gets when it is given none.
    pub(super) fn free_index_name(&self, relation: &Relation, keys: &[String]) -> String {
        let mut names: Vec<String> = Vec::new();
        for key in keys {
            let source = key.split(" DESC").next().unwrap_or(key);
            let source = source.split(" NULLS ").next().unwrap_or(source);
            let base =
                source::parse_expr(source).ok().and_then(|expr| key_name(&expr)).unwrap_or_else(|| "expr".into());
            let taken = |name: &str| names.iter().any(|n| n == name);
            let name = std::iter::once(base.clone()).chain((1..).map(|n| format!("{base}{n}"))).find(|n| !taken(n));
            names.extend(name);
        }
        let joined = naming::joined(names.iter().map(String::as_str));
        let taken = |name: &str| {
            naming::relation_name_taken(&self.catalog, &relation.name.schema, name)
                || relation.indexes.iter().any(|index| index.name == name)
        };
        naming::free_name(&relation.name.name, Some(&joined), "idx", taken)
    }

    pub(super) fn alter_index(&mut self) -> Result<()> {
        let if_exists = self.cursor.accept("if exists");
        let raw = self.cursor.name()?;
        if self.find_index(&raw).is_none() && if_exists {
            self.cursor.skip_all();
            return Ok(());
        }
        self.alter_named_index(&raw)
    }

    /// What stands behind the name of an index.
    pub(super) fn alter_named_index(&mut self, raw: &super::cursor::RawName) -> Result<()> {
        let (table, name) = self.find_index(raw).ok_or_else(|| self.missing_relation(raw))?;
        if let Some(to) = self.rename_to()? {
            return self.rename_index(&table, &name, to).map_err(|e| e.at(raw.at));
        }
        if self.cursor.accept_any(&["set", "reset", "owner to", "alter column"]).is_some() {
            // Storage parameters, statistics and owners of indexes change no results.
            self.cursor.skip_all();
            return Ok(());
        }
        Err(self.refused())
    }

    fn rename_index(&mut self, table: &Name, from: &str, to: String) -> Result<()> {
        let new = Name::new(&table.schema, &to);
        if naming::relation_name_taken(&self.catalog, &table.schema, &to) {
            return Err(Error::new("42P07", format!("relation \"{to}\" already exists")));
        }
        self.check_physical(&new)?;
        let relation = self.relation(table)?;
        let Some(old) = relation.indexes.iter().find(|index| index.name == from) else {
            return self.rename_constraint(table, from, to);
        };
        let index = Index { name: to, ..old.clone() };
        self.push(format!("DROP INDEX IF EXISTS {}", physical::index_name(&table.schema, from)));
        let statement = physical::create_index(&self.catalog, &relation, &index)?;
        self.actions.extend(statement.map(Action::Sql));
        if let Some(slot) = self.relation_mut(table)?.indexes.iter_mut().find(|i| i.name == from) {
            *slot = index;
        }
        Ok(())
    }

    /// The table of an index, one made for a constraint included, and the index's name.
    pub(super) fn find_index(&self, raw: &super::cursor::RawName) -> Option<(Name, String)> {
        let holds = |relation: &Arc<Relation>, name: &Name| {
            let by_constraint = relation.constraints.iter().any(|c| c.name == name.name && c.kind.has_index());
            relation.name.schema == name.schema
                && (by_constraint || relation.indexes.iter().any(|i| i.name == name.name))
        };
        let name = self.lookup(raw, |name| self.catalog.relations.values().any(|r| holds(r, name)))?;
        let relation = self.catalog.relations.values().find(|r| holds(r, &name))?;
        Some((relation.name.clone(), name.name))
    }

    /// Removes an index.
    pub(super) fn remove_index(&mut self, table: &Name, index: &str) -> Result<()> {
        self.push(format!("DROP INDEX IF EXISTS {}", physical::index_name(&table.schema, index)));
        self.relation_mut(table)?.indexes.retain(|i| i.name != index);
        Ok(())
    }

    /// What `drop index` names.
    pub(super) fn index_object(&self, raw: &super::cursor::RawName) -> Result<Option<Object>> {
        let Some((table, name)) = self.find_index(raw) else { return Ok(None) };
        let relation = self.relation(&table)?;
        if relation.indexes.iter().any(|index| index.name == name) {
            return Ok(Some(Object::Index(table, name)));
        }
        let message = format!("cannot drop index {name} because constraint {name} on table {} requires it", table.name);
        let hint = format!("You can drop constraint {name} on table {} instead.", table.name);
        Err(Error::new("2BP01", message).with_hint(hint).at(raw.at))
    }

    /// An expression as the catalog keeps it.
    pub(super) fn source(&self, over: Option<&Relation>, mut expr: Expr) -> String {
        source::qualify_over(&mut expr, &self.catalog, &self.session.search_path, over);
        match plain_column(&expr) {
            Some(column) => source::ident_node(&column).to_string(),
            None => expr.to_string(),
        }
    }
}

fn plain_column(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(fold(ident)),
        _ => None,
    }
}

/// Whether a key, as the catalog keeps it, is just this column.
pub(super) fn names(key: &str, column: &Column) -> bool {
    source::ident_node(&column.name).to_string() == key
}

/// The name that PostgreSQL takes from a key: its column, function or cast.
pub(super) fn key_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(fold(ident)),
        Expr::CompoundIdentifier(idents) => idents.last().map(fold),
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => key_name(inner),
        Expr::Function(function) if !matches!(function.args, FunctionArguments::Subquery(_)) => {
            Some(function.name.0.last()?.as_ident().map(fold)?)
        }
        Expr::Cast { expr, data_type, .. } => key_name(expr).or_else(|| Some(data_type.to_string().to_lowercase())),
        Expr::Case { else_result, .. } => else_result.as_deref().and_then(key_name).or_else(|| Some("case".to_owned())),
        Expr::Trim { .. } => Some("btrim".to_owned()),
        Expr::Substring { .. } => Some("substring".to_owned()),
        Expr::Extract { .. } => Some("extract".to_owned()),
        _ => None,
    }
}
