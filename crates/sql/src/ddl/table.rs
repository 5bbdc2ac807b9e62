//! `create table`.

use std::sync::Arc;

use basalt_core::{Error, Identity, Result};
use sqlparser::ast::{Expr, Query, SelectItem, SetExpr};
use sqlparser::tokenizer::Token;

use super::column::NewColumn;
use super::constraint::{NewConstraint, NewKind};
use super::sequence::already_exists;
use super::{Action, Change, conflicts, exclusion, naming, physical, source};
use crate::catalog::{Column, ConstraintKind, DefaultObject, Grants, Name, Relation, RelationKind};
use crate::compile;

/// What stands between the parentheses.
#[derive(Default)]
struct Elements {
    columns: Vec<NewColumn>,
    constraints: Vec<NewConstraint>,
    /// Indexes that `like ... including indexes` copies.
    copied: Vec<Copied>,
}

/// A table that `like` names, and what of it is wanted beyond its columns.
struct Copied {
    from: Arc<Relation>,
    checks: bool,
    indexes: bool,
    comments: bool,
}

impl Change<'_> {
    pub(super) fn create_table(&mut self) -> Result<()> {
        let if_not_exists = self.cursor.accept("if not exists");
        let raw = self.cursor.name()?;
        let name = self.new_name(&raw)?;
        if naming::relation_name_taken(&self.catalog, &name.schema, &name.name) {
            self.cursor.skip_all();
            return if if_not_exists { Ok(()) } else { Err(already_exists(&raw)) };
        }
        self.check_physical(&name).map_err(|e| e.at(raw.at))?;
        if self.cursor.peek("of") || self.cursor.peek("partition of") {
            return Err(self.lacking("a typed table or a partition", "Write a plain `create table` with columns."));
        }
        if self.cursor.peek("as") || self.is_list_of_names() {
            return self.create_table_as(name);
        }
        self.cursor.expect_token(&Token::LParen)?;
        let mut elements = Elements::default();
        if !self.cursor.accept_token(&Token::RParen) {
            loop {
                self.table_element(&name, &mut elements)?;
                if !self.cursor.accept_token(&Token::Comma) {
                    break;
                }
            }
            self.cursor.expect_token(&Token::RParen)?;
        }
        self.table_tail()?;
        self.add_table(name, elements)
    }

    fn table_element(&mut self, table: &Name, elements: &mut Elements) -> Result<()> {
        if self.cursor.accept("like") {
            return self.like(elements);
        }
        if self.at_constraint() {
            let constraint = self.table_constraint()?;
            elements.constraints.push(constraint);
            return Ok(());
        }
        let mut new = self.column_definition(table)?;
        elements.constraints.append(&mut new.constraints);
        push_column(&mut elements.columns, new)
    }

    /// What may follow the closing parenthesis.
    fn table_tail(&mut self) -> Result<()> {
        if self.cursor.peek("inherits") || self.cursor.peek("partition by") {
            return Err(self
                .lacking("inheritance and partitions", "Use one table; add a column for what would tell them apart."));
        }
        while let Some(words) = self.cursor.accept_any(&["with", "without oids", "tablespace", "using"]) {
            match words {
                "with" => self.storage_parameters()?,
                "without oids" => {}
                _ => drop(self.cursor.ident()?),
            }
        }
        Ok(())
    }

    fn add_table(&mut self, name: Name, elements: Elements) -> Result<()> {
        let Elements { columns, constraints, copied } = elements;
        let mut relation = self.empty_relation(name.clone());
        for mut new in columns {
            self.give_sequence(&name, &mut new)?;
            relation.columns.push(new.column);
        }
        // Primary keys first: they make columns NOT NULL, and other keys may refer to them.
        let (keys, others): (Vec<_>, Vec<_>) = constraints.into_iter().partition(NewConstraint::is_key);
        for new in distinct_keys(keys).into_iter().chain(others) {
            let constraint = self.resolve_constraint(&relation, new)?;
            add_constraint(&mut relation, constraint);
        }
        for table in &copied {
            self.copy_from(&mut relation, table);
        }
        Self::check_generated(&relation)?;
        self.actions.push(Action::Sql(physical::create_table(&self.catalog, &relation, &name.physical())?));
        for index in &relation.indexes {
            self.actions.extend(physical::create_index(&self.catalog, &relation, index)?.map(Action::Sql));
        }
        self.actions.extend(conflicts::indexes(&self.catalog, &relation)?.into_iter().map(Action::Sql));
        self.catalog.relations.insert(name, Arc::new(relation));
        Ok(())
    }

    /// `as query [with [no] data]`.
    fn create_table_as(&mut self, name: Name) -> Result<()> {
        let names = if self.cursor.peek_token(&Token::LParen) { self.cursor.column_list()? } else { Vec::new() };
        self.cursor.expect("as")?;
        let at = self.cursor.offset();
        let mut query = match self.cursor.accept("table") {
            true => source::parse_query(&format!("select * from {}", self.cursor.name()?.quoted()))?,
            false => self.cursor.query()?,
        };
        let with_data = !self.cursor.accept("with no data");
        self.cursor.accept("with data");
        let found = compile::view_columns(&self.catalog, &self.session.search_path, &query, Some(self.cursor.sql()))
            .map_err(|e| e.at(at))?;
        if names.len() > found.len() {
            return Err(Error::new("42601", "too many column names were specified").at(at));
        }
        source::qualify(&mut query, &self.catalog, &self.session.search_path);
        let cast_to = self.domains_cast_to(&query, found.len());
        let mut relation = self.empty_relation(name.clone());
        for (i, column) in found.into_iter().enumerate() {
            let name = names.get(i).cloned().unwrap_or(column.name);
            let from = column
                .source
                .as_ref()
                .and_then(|(relation, column)| self.catalog.relations.get(relation)?.column(column));
            let domain = match cast_to.get(i) {
                Some(Some(domain)) => Some(domain.clone()),
                _ => from.and_then(|column| column.domain.clone()),
            };
            let composite = match from.and_then(|column| column.composite.clone()) {
                None => self.composite_of(&column.ty).map_err(|e| e.at(at))?,
                of_column => of_column,
            };
            let mut new = Column { typmod: column.typmod, domain, composite, ..plain_column(name, column.ty) };
            new.inherit(&self.catalog);
            push_plain(&mut relation.columns, new)?;
        }
        self.actions.push(Action::Sql(physical::create_table(&self.catalog, &relation, &name.physical())?));
        if with_data {
            self.actions.push(Action::Statement(format!("insert into {} {query}", name.quoted())));
        }
        self.catalog.relations.insert(name, Arc::new(relation));
        Ok(())
    }

    /// The domain to which the query casts each of so many columns; nothing of those behind a star.
    fn domains_cast_to(&self, query: &Query, columns: usize) -> Vec<Option<Name>> {
        let SetExpr::Select(select) = &*query.body else { return Vec::new() };
        let cast_to = |item: &SelectItem| {
            let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else { return None };
            let mut expr = expr;
            while let Expr::Nested(inner) = expr {
                expr = inner;
            }
            let Expr::Cast { data_type, .. } = expr else { return None };
            compile::resolve_type(&self.catalog, &[], data_type).ok()?.domain
        };
        match select.projection.len() == columns {
            true => select.projection.iter().map(cast_to).collect(),
            false => Vec::new(),
        }
    }

    /// Whether `(a, b) as` comes next rather than column definitions.
    fn is_list_of_names(&self) -> bool {
        let rest = &self.cursor.sql()[self.cursor.offset()..];
        let Ok(mut ahead) = super::cursor::Cursor::new(rest) else { return false };
        ahead.column_list().is_ok() && ahead.peek("as")
    }

    /// `like table [including ...]`.
    fn like(&mut self, elements: &mut Elements) -> Result<()> {
        let raw = self.cursor.name()?;
        let from = self.find_relation(&raw)?;
        let [mut defaults, mut generated, mut identity] = [false; 3];
        let mut copied = Copied { from: from.clone(), checks: false, indexes: false, comments: false };
        while let Some(words) = self.cursor.accept_any(&["including", "excluding"]) {
            let on = words == "including";
            let kinds = [
                "all",
                "defaults",
                "generated",
                "identity",
                "constraints",
                "indexes",
                "comments",
                "storage",
                "statistics",
                "compression",
            ];
            match self.cursor.accept_any(&kinds) {
                Some("all") => {
                    (defaults, generated, identity) = (on, on, on);
                    (copied.checks, copied.indexes, copied.comments) = (on, on, on);
                }
                Some("defaults") => defaults = on,
                Some("generated") => generated = on,
                Some("identity") => identity = on,
                Some("constraints") => copied.checks = on,
                Some("indexes") => copied.indexes = on,
                Some("comments") => copied.comments = on,
                Some(_) => {}
                None => return Err(self.cursor.unexpected()),
            }
        }
        for column in &from.columns {
            let mut kept = Column {
                default: column.default.clone().filter(|_| defaults),
                generated: column.generated.clone().filter(|_| generated),
                identity: column.identity.filter(|_| identity),
                comment: column.comment.clone().filter(|_| copied.comments),
                sequence: None,
                grants: Grants::new(),
                ..column.clone()
            };
            if kept.composite.is_none() {
                kept.composite = self.composite_of(&kept.ty).map_err(|e| e.at(raw.at))?;
            }
            kept.inherit(&self.catalog);
            let sequence = kept.identity.is_some().then(|| super::sequence::Options::default().of_type(&kept.ty));
            push_column(&mut elements.columns, NewColumn::of(kept, sequence, raw.at))?;
        }
        elements.copied.push(copied);
        Ok(())
    }

    /// Copies the constraints and indexes of a table that `like` named.
    fn copy_from(&self, relation: &mut Relation, copied: &Copied) {
        let schema = relation.name.schema.clone();
        if copied.comments {
            relation.comment = relation.comment.take().or_else(|| copied.from.comment.clone());
        }
        for constraint in &copied.from.constraints {
            let wanted = match &constraint.kind {
                ConstraintKind::Check(_) => copied.checks,
                ConstraintKind::PrimaryKey(_) | ConstraintKind::Unique(_) => copied.indexes,
                ConstraintKind::Exclude(_) => copied.indexes,
                ConstraintKind::ForeignKey(_) => false,
            };
            if !wanted {
                continue;
            }
            let taken = |name: &str| {
                let own = relation.constraints.iter().any(|other| other.name == name);
                own || naming::relation_name_taken(&self.catalog, &schema, name)
            };
            let mut constraint = constraint.clone();
            match &constraint.kind {
                ConstraintKind::PrimaryKey(_) => {
                    constraint.name = naming::free_name(&relation.name.name, None, "pkey", taken);
                }
                ConstraintKind::Unique(columns) => {
                    let joined = naming::joined(columns.iter().map(String::as_str));
                    constraint.name = naming::free_name(&relation.name.name, Some(&joined), "key", taken);
                }
                ConstraintKind::Exclude(exclusion) => {
                    let joined =
                        exclusion::elements_name(exclusion.elements.iter().map(|element| element.key.as_str()));
                    constraint.name = naming::free_name(&relation.name.name, Some(&joined), "excl", taken);
                }
                _ => {}
            }
            add_constraint(relation, constraint);
        }
        if copied.indexes {
            for index in &copied.from.indexes {
                let mut index = index.clone();
                index.name = self.free_index_name(relation, &index.keys);
                relation.indexes.push(index);
            }
        }
    }

    /// A relation without columns, owned and granted as a new one is.
    pub(super) fn empty_relation(&self, name: Name) -> Relation {
        Relation { grants: self.default_grants(&name.schema, DefaultObject::Tables), ..bare_relation(name) }
    }

    /// 0A000 for a name that SQLite would take for another one's: it ignores case.
    pub(super) fn check_physical(&self, name: &Name) -> Result<()> {
        let physical = name.physical();
        if physical.to_ascii_lowercase().starts_with("sqlite_") || physical.starts_with("basalt ") {
            return Err(Error::unsupported(format!("the name \"{physical}\" is reserved"), "Choose another name."));
        }
        let tables = self.catalog.relations.values().filter(|r| r.view().is_none());
        let clash = tables
            .flat_map(|r| {
                let indexes = r.indexes.iter().map(|index| Name::new(&r.name.schema, &index.name));
                indexes.chain([r.name.clone()])
            })
            .find(|other| other != name && other.physical().eq_ignore_ascii_case(&physical));
        match clash {
            Some(other) => Err(Error::unsupported(
                format!("\"{}\" and \"{}\" differ only in case", name.name, other.name),
                "Choose a name that differs in its letters.",
            )),
            None => Ok(()),
        }
    }
}

/// Adds a constraint to a relation; the columns of a primary key become NOT NULL.
pub(super) fn add_constraint(relation: &mut Relation, constraint: crate::catalog::Constraint) {
    if let ConstraintKind::PrimaryKey(columns) = &constraint.kind {
        for column in relation.columns.iter_mut().filter(|c| columns.contains(&c.name)) {
            (column.not_null, column.not_null_by_domain) = (true, false);
        }
    }
    relation.constraints.push(constraint);
}

fn push_column(columns: &mut Vec<NewColumn>, new: NewColumn) -> Result<()> {
    let clash = columns.iter().find(|c| c.column.name.eq_ignore_ascii_case(&new.column.name));
    if let Some(clash) = clash {
        return Err(duplicate_column(&clash.column.name, &new.column.name).at(new.at));
    }
    columns.push(new);
    Ok(())
}

fn push_plain(columns: &mut Vec<Column>, column: Column) -> Result<()> {
    if let Some(clash) = columns.iter().find(|c| c.name.eq_ignore_ascii_case(&column.name)) {
        return Err(duplicate_column(&clash.name, &column.name));
    }
    columns.push(column);
    Ok(())
}

/// 42701, or 0A000 for names that only PostgreSQL tells apart.
pub(super) fn duplicate_column(one: &str, other: &str) -> Error {
    if one == other {
        return Error::new("42701", format!("column \"{one}\" specified more than once"));
    }
    Error::unsupported(
        format!("columns \"{one}\" and \"{other}\" differ only in case"),
        "Choose a name that differs in its letters.",
    )
}

/// A column with nothing but a name and type.
pub(super) fn plain_column(name: String, ty: basalt_types::Type) -> Column {
    Column {
        name,
        ty,
        typmod: None,
        domain: None,
        composite: None,
        not_null: false,
        not_null_by_domain: false,
        default: None,
        default_by_domain: false,
        generated: None,
        identity: None,
        sequence: None,
        grants: Grants::new(),
        comment: None,
    }
}

/// Keys without those that say again what another one says; a name given to either stays.
fn distinct_keys(keys: Vec<NewConstraint>) -> Vec<NewConstraint> {
    let (primary, unique): (Vec<_>, Vec<_>) =
        keys.into_iter().partition(|key| matches!(key.kind, NewKind::PrimaryKey(_)));
    let mut distinct = primary;
    for key in unique {
        match distinct.iter_mut().find(|other| other.key_columns() == key.key_columns()) {
            Some(other) if other.name.is_none() || key.name.is_none() => other.name = other.name.take().or(key.name),
            _ => distinct.push(key),
        }
    }
    distinct
}

impl NewConstraint {
    fn key_columns(&self) -> Option<&[String]> {
        match &self.kind {
            NewKind::PrimaryKey(columns) | NewKind::Unique(columns) => Some(columns),
            _ => None,
        }
    }

    fn is_key(&self) -> bool {
        self.key_columns().is_some()
    }
}

/// A table with nothing, that nobody but the owner may use.
pub(super) fn bare_relation(name: Name) -> Relation {
    Relation {
        kind: RelationKind::Table,
        owner: Identity::OWNER.to_owned(),
        columns: Vec::new(),
        constraints: Vec::new(),
        indexes: Vec::new(),
        row_security: false,
        force_row_security: false,
        replica_identity: Default::default(),
        partitioned: false,
        policies: Vec::new(),
        triggers: Vec::new(),
        grants: Default::default(),
        comment: None,
        name,
    }
}
