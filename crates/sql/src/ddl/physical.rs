//! A table or index as SQLite keeps it.

use std::fmt::Write as _;

use basalt_core::{Error, Result};
use basalt_types::{Base, Type};

use super::domain::over_column;
use super::source::parse_expr;
use crate::catalog::{
    Catalog, Column, Constraint, ConstraintKind, DomainCheck, ForeignKey, Index, Name, ReferentialAction, Relation,
};
use crate::compile;
use crate::quote::{ident, literal};

/// Where a rebuilt table's rows are gathered.
const REBUILD_TABLE: &str = "basalt rebuild";

/// The SQLite table of a relation, quoted.
pub(super) fn table(name: &Name) -> String {
    ident(&name.physical())
}

/// The SQLite index of that name, quoted. PostgreSQL's index names are unique within their schema.
pub(super) fn index_name(schema: &str, index: &str) -> String {
    ident(&Name::new(schema, index).physical())
}

/// `CREATE TABLE` under a physical name.
///
/// Errors: those of the expressions in checks and generated columns.
pub(super) fn create_table(catalog: &Catalog, relation: &Relation, physical: &str) -> Result<String> {
    let row_id = row_id_column(relation);
    let mut parts = Vec::new();
    for column in &relation.columns {
        let is_row_id = row_id.is_some_and(|(_, name)| name == column.name);
        let mut part = column_definition(catalog, relation, column)?;
        if let Some((constraint, _)) = row_id.filter(|_| is_row_id) {
            let _ = write!(part, " CONSTRAINT {} PRIMARY KEY", ident(constraint));
        }
        parts.push(part);
    }
    for constraint in in_order_of_checking(relation) {
        if row_id.is_none_or(|(name, _)| name != constraint.name) {
            parts.push(constraint_definition(catalog, relation, constraint)?);
        }
    }
    // What is written to other columns is judged on its way there.
    for column in relation.columns.iter().filter(|column| column.generated.is_some()) {
        let checks = column.domain.iter().flat_map(|domain| catalog.domain_checks(domain));
        for DomainCheck { name, source, .. } in checks {
            let source = parse_expr(&over_column(source, &column.name)?)?;
            let compiled = kept(compile::condition(catalog, relation, &source, "CHECK")?, "a generated column")?;
            parts.push(format!("CONSTRAINT {} CHECK ({})", ident(name), compiled.sql));
        }
    }
    if parts.is_empty() {
        return Err(Error::unsupported("a table without columns is not supported", "Give the table a column."));
    }
    if relation.columns.iter().all(|column| column.generated.is_some()) {
        let what = "a table of nothing but generated columns is not supported on the embedded engine";
        return Err(Error::unsupported(what, "Give the table a column that is not generated, such as a primary key."));
    }
    Ok(format!("CREATE TABLE {} ({})", ident(physical), parts.join(", ")))
}

/// The constraints in an order that has SQLite find the same violation first as PostgreSQL does: checks go by name, and of
/// keys SQLite tries the last declared one first.
fn in_order_of_checking(relation: &Relation) -> Vec<&Constraint> {
    let (mut keys, mut others, mut checks) = (Vec::new(), Vec::new(), Vec::new());
    for constraint in &relation.constraints {
        match constraint.kind {
            ConstraintKind::PrimaryKey(_) | ConstraintKind::Unique(_) => keys.push(constraint),
            ConstraintKind::Check(_) => checks.push(constraint),
            ConstraintKind::ForeignKey(_) => others.push(constraint),
            // Triggers of the writer's judge it (`conflicts`).
            ConstraintKind::Exclude(_) => {}
        }
    }
    keys.reverse();
    checks.sort_by(|a, b| a.name.cmp(&b.name));
    keys.into_iter().chain(checks).chain(others).collect()
}

/// `CREATE INDEX`, or nothing for an index that only PostgreSQL's GIN or GiST could use: an access method never changes results,
/// and what is asked of documents, text search vectors and arrays is containment.
pub(super) fn create_index(catalog: &Catalog, relation: &Relation, index: &Index) -> Result<Option<String>> {
    let mut keys = Vec::new();
    for IndexKey { source, compiled, direction } in index_keys(catalog, relation, index)? {
        if !index.unique && !is_ordered(&compiled.ty) {
            return Ok(None);
        }
        let plain = relation.column(source.trim_matches('"')).is_some();
        let collation = compiled.ty.collation().filter(|_| !plain).map(|name| format!(" COLLATE {}", ident(&name)));
        // SQLite takes a text that is a key for the name of a column. And where a unique key is a column that was cast, which SQLite
        // does not show, it is to say which index a row violates rather than over which columns.
        let is_cast = index.unique && !plain && compiled.sql.starts_with('"');
        let sign = if is_cast || compiled.sql.starts_with('\'') { "+" } else { "" };
        keys.push(format!("{sign}{}{}{direction}", compiled.sql, collation.unwrap_or_default()));
    }
    let predicate = index_predicate(catalog, relation, index)?;
    Ok(Some(format!(
        "CREATE {}INDEX {} ON {} ({}){predicate}",
        if index.unique { "UNIQUE " } else { "" },
        index_name(&relation.name.schema, &index.name),
        table(&relation.name),
        keys.join(", ")
    )))
}

/// A key of an index.
pub(super) struct IndexKey<'a> {
    /// PostgreSQL source.
    pub(super) source: &'a str,
    /// It in SQLite's terms.
    pub(super) compiled: compile::Expression,
    direction: &'static str,
}

/// The keys of an index.
///
/// Errors: those of its expressions.
pub(super) fn index_keys<'a>(catalog: &Catalog, relation: &Relation, index: &'a Index) -> Result<Vec<IndexKey<'a>>> {
    let key = |key: &'a String| {
        let (source, direction) = split_direction(key);
        let compiled = compile::expression(catalog, Some(relation), &parse_expr(source)?, None);
        let message = "functions in index expression must be marked IMMUTABLE";
        let compiled = kept(compiled.map_err(|error| immutable(error, message))?, "an index")?;
        Ok(IndexKey { source, compiled, direction })
    };
    index.keys.iter().map(key).collect()
}

/// The WHERE of a partial index, or nothing.
pub(super) fn index_predicate(catalog: &Catalog, relation: &Relation, index: &Index) -> Result<String> {
    let Some(source) = &index.predicate else { return Ok(String::new()) };
    let compiled = compile::condition(catalog, relation, &parse_expr(source)?, "WHERE");
    let message = "functions in index predicate must be marked IMMUTABLE";
    let compiled = kept(compiled.map_err(|error| immutable(error, message))?, "an index")?;
    Ok(format!(" WHERE {}", compiled.sql))
}

/// What SQLite is to keep in a table's definition, where it lets no query stand.
///
/// Errors: 0A000 for an expression that asks one, as a SQL function may, or that judges values where SQLite has to be sure that they stay.
fn kept(compiled: compile::Expression, place: &str) -> Result<compile::Expression> {
    let mut quote = None;
    let bare: String = compiled
        .sql
        .chars()
        .map(|c| match quote {
            Some(open) => {
                quote = (c != open).then_some(open);
                ' '
            }
            None => {
                quote = (c == '\'' || c == '"').then_some(c);
                c
            }
        })
        .collect();
    if bare.contains("SELECT ") {
        return Err(Error::unsupported(
            format!("a function that needs a query of its own is not supported in {place} on the embedded engine"),
            "Write the expression out over the table's own columns, or judge rows in the function that writes them.",
        ));
    }
    if place != "a check" && bare.contains("pg_require(") {
        return Err(Error::unsupported(
            format!(
                "a cast to a domain that asks something of its values is not supported in {place} on the embedded engine"
            ),
            "Cast to the domain's base type, and give a column the domain: what is written to it is judged.",
        ));
    }
    Ok(compiled)
}

/// The statements that put `new` in the place of `old`. `values` gives each stored column's value, as SQLite source over `old`;
/// a column without one starts as NULL.
pub(super) fn rebuild(
    catalog: &Catalog,
    old: &Relation,
    new: &Relation,
    values: impl Fn(&Column) -> Option<String>,
) -> Result<Vec<String>> {
    let values = |column: &Column| Some(not_null(old, new, column, values(column)?));
    let mut statements = super::unique::rebuild_guards(old, new, values);
    statements.push(create_table(catalog, new, REBUILD_TABLE)?);
    let copied: Vec<(String, String)> = new
        .columns
        .iter()
        .filter(|column| column.generated.is_none())
        .filter_map(|column| Some((ident(&column.name), values(column)?)))
        .collect();
    if !copied.is_empty() {
        let (columns, values): (Vec<_>, Vec<_>) = copied.into_iter().unzip();
        let copy = format!(
            "INSERT INTO {} ({}) SELECT {} FROM {}",
            ident(REBUILD_TABLE),
            columns.join(", "),
            values.join(", "),
            table(&old.name)
        );
        let is_loose = |c: &Constraint| c.not_valid && matches!(c.kind, ConstraintKind::Check(_));
        match new.constraints.iter().any(is_loose) {
            true => statements.extend([IGNORE_CHECKS.to_owned(), copy, HEED_CHECKS.to_owned()]),
            false => statements.push(copy),
        }
    }
    statements.push(format!("DROP TABLE {}", table(&old.name)));
    statements.push(format!("ALTER TABLE {} RENAME TO {}", ident(REBUILD_TABLE), table(&new.name)));
    for index in &new.indexes {
        statements.extend(create_index(catalog, new, index)?);
    }
    statements.extend(super::conflicts::indexes(catalog, new)?);
    let changes =
        |name: &str| new.column(name).is_some_and(|c| c.generated.is_some() || values(c) != Some(ident(name)));
    statements.extend(super::conflicts::guards(catalog, new, changes)?);
    Ok(statements)
}

/// Old rows may violate a check that is not valid.
const IGNORE_CHECKS: &str = "PRAGMA ignore_check_constraints = ON";
const HEED_CHECKS: &str = "PRAGMA ignore_check_constraints = OFF";

/// A column's value in a rebuilt table: 23502 for NULL where it may not be. SQLite doesn't name the table, and gives a row without
/// its number one.
fn not_null(old: &Relation, new: &Relation, column: &Column, value: String) -> String {
    let is_kept = value == ident(&column.name) && old.column(&column.name).is_some_and(|old| old.not_null);
    if is_kept || !column.not_null {
        return value;
    }
    let message = format!("column \"{}\" of relation \"{}\" contains null values", column.name, new.name.name);
    format!("coalesce({value}, {})", demand("0", "23502", &message))
}

/// A SELECT that fails with `sqlstate` and `message` unless `condition` holds.
pub(super) fn require(condition: &str, sqlstate: &str, message: &str) -> String {
    format!("SELECT {}", demand(condition, sqlstate, message))
}

/// The same as an expression.
fn demand(condition: &str, sqlstate: &str, message: &str) -> String {
    format!("pg_require({condition}, {}, {})", literal(sqlstate), literal(message))
}

/// 42P17 in the words of what must not depend on the session; other errors stay.
fn immutable(error: Error, message: &'static str) -> Error {
    if error.code() == "42P17" { Error::new("42P17", message) } else { error }
}

/// [`require`] for a CHECK of that name.
pub(super) fn require_check(condition: &str, message: &str, constraint: &str) -> String {
    let (message, constraint) = (literal(message), literal(constraint));
    format!("SELECT pg_require({condition}, '23514', {message}, NULL, {constraint})")
}

/// A check's expression in SQLite's terms.
pub(super) fn check(catalog: &Catalog, relation: &Relation, source: &str) -> Result<String> {
    Ok(compile::condition(catalog, relation, &parse_expr(source)?, "CHECK")?.sql)
}

/// A key of an index without its direction, and the direction. The order of nulls stays behind: SQLite's
/// indexes have it one way only.
fn split_direction(key: &str) -> (&str, &'static str) {
    let key = key.strip_suffix(" NULLS FIRST").or_else(|| key.strip_suffix(" NULLS LAST")).unwrap_or(key);
    match key.strip_suffix(" DESC") {
        Some(source) => (source, " DESC"),
        None => (key.strip_suffix(" ASC").unwrap_or(key), ""),
    }
}

/// Whether an ordered index over the type serves anyone: none finds the nearest vectors.
fn is_ordered(ty: &Type) -> bool {
    !matches!(
        ty,
        Type::Base(Base::Json | Base::Jsonb | Base::Tsvector | Base::Tsquery | Base::Jsonpath | Base::Vector)
            | Type::Array(_)
            | Type::Record(_)
    )
}

/// The constraint and column of a primary key over one integer column, which SQLite makes the row's own id.
fn row_id_column(relation: &Relation) -> Option<(&str, &str)> {
    relation.constraints.iter().find_map(|constraint| match &constraint.kind {
        ConstraintKind::PrimaryKey(columns) if columns.len() == 1 => {
            let column = relation.column(&columns[0])?;
            let plain = column.ty.is_integer() && column.generated.is_none();
            plain.then_some((constraint.name.as_str(), column.name.as_str()))
        }
        _ => None,
    })
}

/// A column's definition, its constraints aside.
pub(super) fn column_definition(catalog: &Catalog, relation: &Relation, column: &Column) -> Result<String> {
    let mut sql = format!("{} {}", ident(&column.name), affinity(&column.ty));
    if let Some(collation) = column.ty.collation() {
        let _ = write!(sql, " COLLATE {}", ident(&collation));
    }
    if column.not_null {
        sql.push_str(" NOT NULL");
    }
    if let Some(source) = &column.generated {
        let expected = Some((&column.ty, column.typmod));
        let compiled = compile::expression(catalog, Some(relation), &parse_expr(source)?, expected);
        let compiled = compiled.map_err(|error| immutable(error, "generation expression is not immutable"))?;
        let compiled = kept(compiled, "a generated column")?;
        let _ = write!(sql, " GENERATED ALWAYS AS ({}) STORED", compiled.sql);
    }
    // Defaults belong to the inserts; only SQLite itself can apply the one of ON DELETE SET DEFAULT.
    if let Some(source) = column.default.as_ref().filter(|_| sets_default(relation, &column.name)) {
        let compiled = compile::expression(catalog, None, &parse_expr(source)?, Some((&column.ty, column.typmod)))?;
        let _ = write!(sql, " DEFAULT ({})", compiled.sql);
    }
    Ok(sql)
}

/// Whether a foreign key sets the column to its default.
pub(super) fn sets_default(relation: &Relation, column: &str) -> bool {
    relation.foreign_keys().any(|(_, key)| {
        let deletes = key.on_delete == ReferentialAction::SetDefault && key.set_on_delete().any(|c| c == column);
        let updates = key.on_update == ReferentialAction::SetDefault && key.columns.iter().any(|c| c == column);
        deletes || updates
    })
}

/// The declared type whose affinity keeps the stored form as it is.
fn affinity(ty: &Type) -> &'static str {
    match ty {
        ty if ty.is_stored_as_integer() => "INTEGER",
        Type::Base(Base::Float4 | Base::Float8) => "REAL",
        Type::Base(Base::Bytea | Base::Vector) => "BLOB",
        _ => "TEXT",
    }
}

fn constraint_definition(catalog: &Catalog, relation: &Relation, constraint: &Constraint) -> Result<String> {
    let body = match &constraint.kind {
        ConstraintKind::PrimaryKey(columns) => format!("PRIMARY KEY ({})", column_list(columns)),
        ConstraintKind::Unique(columns) => format!("UNIQUE ({})", column_list(columns)),
        ConstraintKind::Check(source) => {
            let compiled = compile::condition(catalog, relation, &parse_expr(source)?, "CHECK")?;
            format!("CHECK ({})", kept(compiled, "a check")?.sql)
        }
        ConstraintKind::ForeignKey(key) => foreign_key(key, constraint),
        ConstraintKind::Exclude(_) => return Err(Error::internal("a table's definition has no exclusion constraint")),
    };
    Ok(format!("CONSTRAINT {} {body}", ident(&constraint.name)))
}

fn foreign_key(key: &ForeignKey, constraint: &Constraint) -> String {
    let mut sql = format!(
        "FOREIGN KEY ({}) REFERENCES {} ({})",
        column_list(&key.columns),
        table(&key.target),
        column_list(&key.target_columns)
    );
    // What sets some of its columns is done by a trigger (`partial_action`).
    let on_delete = if key.set_columns.is_empty() { key.on_delete } else { ReferentialAction::NoAction };
    for (event, action) in [("DELETE", on_delete), ("UPDATE", key.on_update)] {
        let action = match action {
            ReferentialAction::NoAction => continue,
            ReferentialAction::Restrict => "RESTRICT",
            ReferentialAction::Cascade => "CASCADE",
            ReferentialAction::SetNull => "SET NULL",
            ReferentialAction::SetDefault => "SET DEFAULT",
        };
        let _ = write!(sql, " ON {event} {action}");
    }
    if constraint.deferrable {
        sql.push_str(" DEFERRABLE");
        sql.push_str(if constraint.initially_deferred { " INITIALLY DEFERRED" } else { " INITIALLY IMMEDIATE" });
    }
    sql
}

/// Quoted names with commas between.
pub(super) fn column_list(columns: &[String]) -> String {
    columns.iter().map(|column| ident(column)).collect::<Vec<_>>().join(", ")
}
