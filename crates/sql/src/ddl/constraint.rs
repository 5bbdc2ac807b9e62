//! Table constraints: reading them, naming them, and checking that they can hold.

use basalt_core::{Error, Result};
use basalt_types::codec::{CastContext, castable};
use basalt_types::{Base, Type};
use sqlparser::ast::Expr;
use sqlparser::tokenizer::Token;

use super::cursor::RawName;
use super::exclusion::NewExclusion;
use super::source::{self, Uses};
use super::{Change, naming, physical};
use crate::catalog::{Constraint, ConstraintKind, ForeignKey, ReferentialAction, Relation};

/// A constraint as written.
pub(super) struct NewConstraint {
    pub(super) name: Option<String>,
    pub(super) kind: NewKind,
    pub(super) deferrable: bool,
    pub(super) initially_deferred: bool,
    /// Rows that exist already are not checked.
    pub(super) not_valid: bool,
    /// Where it stands.
    pub(super) at: usize,
}

/// What a constraint demands, as written.
pub(super) enum NewKind {
    PrimaryKey(Vec<String>),
    Unique(Vec<String>),
    /// A key over the columns of an index that is there.
    UsingIndex {
        is_primary: bool,
        index: String,
    },
    Check(Box<Expr>),
    ForeignKey {
        columns: Vec<String>,
        target: RawName,
        target_columns: Option<Vec<String>>,
        on_delete: ReferentialAction,
        on_update: ReferentialAction,
        set_columns: Vec<String>,
    },
    Exclude(Box<NewExclusion>),
}

impl Change<'_> {
    /// Whether a table constraint comes next, rather than a column.
    pub(super) fn at_constraint(&self) -> bool {
        let words = ["constraint", "primary key", "unique", "check", "foreign key", "exclude"];
        words.iter().any(|word| self.cursor.peek(word))
    }

    /// Reads a table constraint.
    pub(super) fn table_constraint(&mut self) -> Result<NewConstraint> {
        let at = self.cursor.offset();
        let name = if self.cursor.accept("constraint") { Some(self.cursor.ident()?) } else { None };
        let kind = match self.cursor.accept_any(&["primary key", "unique", "check", "foreign key"]) {
            Some("check") => NewKind::Check(Box::new(self.cursor.parenthesized()?)),
            Some("foreign key") => {
                let columns = self.cursor.column_list()?;
                self.cursor.expect("references")?;
                self.references(columns)?
            }
            Some(word) => {
                if self.cursor.accept("using index") {
                    let kind = NewKind::UsingIndex { is_primary: word == "primary key", index: self.cursor.ident()? };
                    return self.constraint_tail(name, kind, at);
                }
                self.nulls_distinct()?;
                let columns = self.cursor.column_list()?;
                if self.cursor.accept("include") {
                    self.cursor.column_list()?;
                }
                if word == "unique" { NewKind::Unique(columns) } else { NewKind::PrimaryKey(columns) }
            }
            None if self.cursor.accept("exclude") => self.exclusion()?,
            None => return Err(self.cursor.unexpected()),
        };
        self.constraint_tail(name, kind, at)
    }

    /// What follows `references`.
    pub(super) fn references(&mut self, columns: Vec<String>) -> Result<NewKind> {
        let target = self.cursor.name()?;
        let target_columns =
            if self.cursor.peek_token(&Token::LParen) { Some(self.cursor.column_list()?) } else { None };
        let (mut on_delete, mut on_update) = (ReferentialAction::NoAction, ReferentialAction::NoAction);
        let mut set_columns = Vec::new();
        loop {
            match self.cursor.accept_any(&["match simple", "on delete", "on update"]) {
                Some("on delete") => {
                    on_delete = self.referential_action()?;
                    let sets = matches!(on_delete, ReferentialAction::SetNull | ReferentialAction::SetDefault);
                    if sets && self.cursor.peek_token(&Token::LParen) {
                        set_columns = self.cursor.column_list()?;
                    }
                }
                Some("on update") => {
                    on_update = self.referential_action()?;
                    let word = match on_update {
                        ReferentialAction::SetNull => "SET NULL",
                        ReferentialAction::SetDefault => "SET DEFAULT",
                        _ => continue,
                    };
                    if self.cursor.peek_token(&Token::LParen) {
                        let message = format!("a column list with {word} is only supported for ON DELETE actions");
                        return Err(Error::new("0A000", message));
                    }
                }
                Some(_) => {}
                None if columns.len() == 1 && self.cursor.accept("match full") => {}
                None if self.cursor.peek("match") => {
                    return Err(
                        self.lacking("MATCH FULL", "Add a check that the columns are all null or all not null.")
                    );
                }
                None => {
                    return Ok(NewKind::ForeignKey {
                        columns,
                        target,
                        target_columns,
                        on_delete,
                        on_update,
                        set_columns,
                    });
                }
            }
        }
    }

    fn referential_action(&mut self) -> Result<ReferentialAction> {
        match self.cursor.accept_any(&["no action", "restrict", "cascade", "set null", "set default"]) {
            Some("no action") => Ok(ReferentialAction::NoAction),
            Some("restrict") => Ok(ReferentialAction::Restrict),
            Some("cascade") => Ok(ReferentialAction::Cascade),
            Some("set null") => Ok(ReferentialAction::SetNull),
            Some(_) => Ok(ReferentialAction::SetDefault),
            None => Err(self.cursor.unexpected()),
        }
    }

    /// What follows any constraint: when it is checked, and against which rows.
    pub(super) fn constraint_tail(&mut self, name: Option<String>, kind: NewKind, at: usize) -> Result<NewConstraint> {
        let mut new = NewConstraint { name, kind, deferrable: false, initially_deferred: false, not_valid: false, at };
        let words = [
            "not deferrable",
            "deferrable",
            "initially deferred",
            "initially immediate",
            "not valid",
            "no inherit",
            "using index tablespace",
            "with",
        ];
        while let Some(word) = self.cursor.accept_any(&words) {
            match word {
                "deferrable" => new.deferrable = true,
                "initially deferred" => (new.deferrable, new.initially_deferred) = (true, true),
                "not valid" => new.not_valid = true,
                "using index tablespace" => drop(self.cursor.ident()?),
                "with" => self.storage_parameters()?,
                _ => {}
            }
        }
        if new.deferrable && !matches!(new.kind, NewKind::ForeignKey { .. }) {
            return Err(Error::unsupported(
                "only foreign keys can be deferrable in the embedded engine",
                "Leave out DEFERRABLE; rows are checked one by one.",
            )
            .at(at));
        }
        Ok(new)
    }

    /// `(name = value, ...)`: how pages are filled changes no results.
    pub(super) fn storage_parameters(&mut self) -> Result<()> {
        self.cursor.expect_token(&Token::LParen)?;
        while !self.cursor.accept_token(&Token::RParen) {
            if self.cursor.at_end() {
                return Err(self.cursor.unexpected());
            }
            self.cursor.skip();
        }
        Ok(())
    }

    /// A constraint of the table, named and checked against the catalog.
    ///
    /// Errors: 42703, 42710, 42P16, 42804, 42830, and those of a check's compilation.
    pub(super) fn resolve_constraint(&self, relation: &Relation, new: NewConstraint) -> Result<Constraint> {
        let at = new.at;
        self.resolve_kind(relation, &new.name, new.kind).map_err(|e| e.at(at)).map(|(name, kind)| Constraint {
            name,
            kind,
            initially_deferred: new.initially_deferred,
            deferrable: new.deferrable,
            not_valid: false,
        })
    }

    fn resolve_kind(
        &self,
        relation: &Relation,
        name: &Option<String>,
        kind: NewKind,
    ) -> Result<(String, ConstraintKind)> {
        let table = &relation.name;
        let own = |name: &str| relation.constraints.iter().any(|c| c.name == name);
        let constraint_taken =
            |name: &str| own(name) || naming::constraint_name_taken(&self.catalog, &table.schema, name);
        let index_taken =
            |name: &str| constraint_taken(name) || naming::relation_name_taken(&self.catalog, &table.schema, name);
        if let Some(name) = name.as_ref().filter(|name| own(name)) {
            let message = format!("constraint \"{name}\" for relation \"{}\" already exists", table.name);
            return Err(Error::new("42710", message));
        }
        let given = |generated: String| name.clone().unwrap_or(generated);
        match kind {
            NewKind::PrimaryKey(columns) => {
                if relation.primary_key().is_some() {
                    let message = format!("multiple primary keys for table \"{}\" are not allowed", table.name);
                    return Err(Error::new("42P16", message));
                }
                check_key_columns(relation, &columns)?;
                let name = given(naming::free_name(&table.name, None, "pkey", index_taken));
                Ok((name, ConstraintKind::PrimaryKey(columns)))
            }
            NewKind::Unique(columns) => {
                check_key_columns(relation, &columns)?;
                let joined = naming::joined(columns.iter().map(String::as_str));
                let name = given(naming::free_name(&table.name, Some(&joined), "key", index_taken));
                Ok((name, ConstraintKind::Unique(columns)))
            }
            NewKind::UsingIndex { .. } => Err(Error::new("0A000", "cannot use an existing index in CREATE TABLE")),
            NewKind::Check(mut expr) => {
                source::qualify_over(&mut *expr, &self.catalog, &self.session.search_path, Some(relation));
                let used: Vec<String> = Uses::of(&*expr).columns.into_iter().collect();
                let column = match used.as_slice() {
                    [one] if relation.column(one).is_some() => Some(one.as_str()),
                    _ => None,
                };
                let source = expr.to_string();
                physical::check(&self.catalog, relation, &source)?;
                let name = given(naming::free_name(&table.name, column, "check", constraint_taken));
                Ok((name, ConstraintKind::Check(source)))
            }
            NewKind::Exclude(new) => {
                let (joined, exclusion) = self.resolve_exclusion(relation, *new)?;
                let name = given(naming::free_name(&table.name, Some(&joined), "excl", index_taken));
                Ok((name, ConstraintKind::Exclude(exclusion)))
            }
            NewKind::ForeignKey { columns, target, target_columns, on_delete, on_update, set_columns } => {
                let target = self.find_key_target(relation, &target)?;
                let target_columns = match target_columns {
                    Some(columns) => columns,
                    None => primary_key_of(&target)?,
                };
                let joined = naming::joined(columns.iter().map(String::as_str));
                let name = given(naming::free_name(&table.name, Some(&joined), "fkey", constraint_taken));
                check_foreign_key(&name, relation, &columns, &target, &target_columns)?;
                check_set_columns(relation, &columns, &set_columns)?;
                let target = target.name.clone();
                let key = ForeignKey { columns, target, target_columns, on_delete, on_update, set_columns };
                Ok((name, ConstraintKind::ForeignKey(key)))
            }
        }
    }

    /// The table that a foreign key refers to: maybe the one that is being made.
    fn find_key_target(&self, relation: &Relation, raw: &RawName) -> Result<std::sync::Arc<Relation>> {
        let found = self.lookup(raw, |name| *name == relation.name || self.catalog.relations.contains_key(name));
        if found.as_ref() == Some(&relation.name) {
            return Ok(std::sync::Arc::new(relation.clone()));
        }
        let target = self.find_relation(raw)?;
        if target.view().is_some() {
            return Err(Error::new("42809", format!("referenced relation \"{}\" is not a table", raw.name)).at(raw.at));
        }
        Ok(target)
    }
}

fn check_key_columns(relation: &Relation, columns: &[String]) -> Result<()> {
    for (i, name) in columns.iter().enumerate() {
        let Some(column) = relation.column(name) else {
            return Err(Error::new("42703", format!("column \"{name}\" named in key does not exist")));
        };
        if columns[..i].contains(name) {
            return Err(Error::new("42701", format!("column \"{name}\" appears twice in unique constraint")));
        }
        if matches!(column.ty, Type::JSON | Type::JSONPATH) {
            let message =
                format!("data type {} has no default operator class for access method \"btree\"", column.ty.sql_name());
            return Err(Error::new("42704", message)
                .with_hint("You must specify an operator class for the index or define a default operator class for the data type."));
        }
    }
    Ok(())
}

fn primary_key_of(target: &Relation) -> Result<Vec<String>> {
    match target.primary_key() {
        Some(columns) => Ok(columns.to_vec()),
        None => {
            let message = format!("there is no primary key for referenced table \"{}\"", target.name.name);
            Err(Error::new("42704", message))
        }
    }
}

/// Errors: 42703, 42P10 for a column that ON DELETE sets and that is none of the key's.
fn check_set_columns(relation: &Relation, columns: &[String], set: &[String]) -> Result<()> {
    let Some(other) = set.iter().find(|column| !columns.contains(column)) else { return Ok(()) };
    Err(match relation.column(other) {
        None => Error::new("42703", format!("column \"{other}\" referenced in foreign key constraint does not exist")),
        Some(_) => {
            let message = format!("column \"{other}\" referenced in ON DELETE SET action must be part of foreign key");
            Error::new("42P10", message)
        }
    })
}

/// Errors: 42703, 42830, 42804.
pub(super) fn check_foreign_key(
    name: &str,
    relation: &Relation,
    columns: &[String],
    target: &Relation,
    target_columns: &[String],
) -> Result<()> {
    let missing = |name: &str| {
        Error::new("42703", format!("column \"{name}\" referenced in foreign key constraint does not exist"))
    };
    if columns.len() != target_columns.len() {
        let message = "number of referencing and referenced columns for foreign key disagree";
        return Err(Error::new("42830", message));
    }
    let pairs = columns.iter().zip(target_columns);
    let pairs = pairs
        .map(|(from, to)| {
            let from = relation.column(from).ok_or_else(|| missing(from))?;
            Ok((from, target.column(to).ok_or_else(|| missing(to))?))
        })
        .collect::<Result<Vec<_>>>()?;
    let same_set = |key: &[String]| key.len() == target_columns.len() && key.iter().all(|c| target_columns.contains(c));
    let unique_index = target
        .indexes
        .iter()
        .any(|index| index.unique && index.predicate.is_none() && index.columns.as_deref().is_some_and(same_set));
    if !unique_index && !target.unique_keys().any(same_set) {
        let message =
            format!("there is no unique constraint matching given keys for referenced table \"{}\"", target.name.name);
        return Err(Error::new("42830", message));
    }
    for (from, to) in pairs {
        if comparable(&from.ty, &to.ty) {
            continue;
        }
        if refers(&from.ty, &to.ty) {
            let what = format!(
                "a foreign key from a column of type {} to one of type {} is not supported on the embedded engine",
                from.ty, to.ty
            );
            let instead = format!("Give column \"{}\" the type {}.", from.name, to.ty);
            return Err(Error::unsupported(what, instead));
        }
        return Err(Error::new("42804", format!("foreign key constraint \"{name}\" cannot be implemented"))
            .with_detail(format!(
                "Key columns \"{}\" and \"{}\" are of incompatible types: {} and {}.",
                from.name, to.name, from.ty, to.ty
            )));
    }
    Ok(())
}

/// Whether a foreign key can compare the types: their stored forms have to be equal when the values are.
fn comparable(a: &Type, b: &Type) -> bool {
    let text = |ty: &Type| ty.is_textual() && ty.collation().is_none();
    let float = |ty: &Type| matches!(ty, Type::Base(Base::Float4 | Base::Float8));
    a == b || (a.is_integer() && b.is_integer()) || (text(a) && text(b)) || (float(a) && float(b))
}

/// Whether PostgreSQL's keys may refer from one type to another: an index over the one finds the other, or it becomes the one by itself.
fn refers(from: &Type, to: &Type) -> bool {
    let is_time = |ty: &Type| matches!(ty, Type::Base(Base::Date | Base::Timestamp | Base::Timestamptz));
    is_time(from) && is_time(to) || castable(from, to) == Some(CastContext::Implicit)
}
