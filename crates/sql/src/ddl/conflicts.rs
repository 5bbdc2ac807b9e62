//! How rows that exclude each other are found: the index of an exclusion constraint, the triggers that judge a row when it was
//! written, and the guard over rows that were there before.
//!
//! Where one element asks whether ranges overlap and all others are equal, the rows that are there are apart from each other. In the
//! order of their ranges, then, only the two next to a new row can overlap it: that takes two looks into the index.

use basalt_core::Result;
use basalt_types::{Base, Type};

use super::source::parse_expr;
use super::table::plain_column;
use super::{index, physical};
use crate::catalog::{Catalog, Constraint, ConstraintKind, Exclusion, Index, Relation};
use crate::compile::{self, type_literal};
use crate::quote::{ident, literal};

/// An exclusion constraint in SQLite's terms.
struct Compiled<'a> {
    relation: &'a Relation,
    name: &'a str,
    exclusion: &'a Exclusion,
    /// Each element's value under its collation, and its type.
    keys: Vec<(String, Type)>,
    predicate: Option<String>,
    /// What holds of rows that exclude each other, over `existing 0`, `new 0`, ...
    condition: String,
}

/// The types of an exclusion constraint's elements.
///
/// Errors: those of its expressions; 42883 for an operator that is not there.
pub(super) fn check(catalog: &Catalog, relation: &Relation, exclusion: &Exclusion) -> Result<Vec<Type>> {
    let compiled = Compiled::new(catalog, relation, "", exclusion)?;
    Ok(compiled.keys.into_iter().map(|(_, ty)| ty).collect())
}

/// The index that finds the rows near to a new one: what is equal first.
pub(super) fn index(name: &str, exclusion: &Exclusion) -> Index {
    let (equal, others): (Vec<_>, Vec<_>) = exclusion.elements.iter().partition(|element| element.operator == "=");
    let keys = equal.into_iter().chain(others).map(|element| element.key.clone()).collect();
    Index { name: name.to_owned(), unique: false, keys, columns: None, predicate: exclusion.predicate.clone() }
}

/// The `CREATE INDEX` of every exclusion constraint of a table.
pub(super) fn indexes(catalog: &Catalog, relation: &Relation) -> Result<Vec<String>> {
    let statements = exclusions(relation)
        .map(|(constraint, exclusion)| physical::create_index(catalog, relation, &index(&constraint.name, exclusion)));
    Ok(statements.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// The temporary triggers by which a table's exclusion constraints judge the rows that are written. They raise a JSON object:
/// `exclusion`, the table's name in SQLite, `constraint`, and `detail` in PostgreSQL's words.
///
/// Errors: those of the constraints' expressions.
pub fn exclusion_triggers(catalog: &Catalog, relation: &Relation) -> Result<Vec<String>> {
    let mut triggers = Vec::new();
    for (constraint, exclusion) in exclusions(relation) {
        let compiled = Compiled::new(catalog, relation, &constraint.name, exclusion)?;
        triggers.extend(["INSERT", "UPDATE"].map(|event| compiled.trigger(event)));
    }
    Ok(triggers)
}

/// A SELECT that fails with 23P01 if two rows of the table exclude each other.
///
/// Errors: those of the constraint's expressions.
pub(super) fn guard(catalog: &Catalog, relation: &Relation, name: &str, exclusion: &Exclusion) -> Result<String> {
    Ok(Compiled::new(catalog, relation, name, exclusion)?.guard())
}

/// The guards of the exclusion constraints over the columns of which `changes` holds.
pub(super) fn guards(catalog: &Catalog, relation: &Relation, changes: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let is_touched = |exclusion: &Exclusion| {
        exclusion.sources().any(|source| super::source::Uses::of_expr(source).columns.iter().any(|c| changes(c)))
    };
    let touched = exclusions(relation).filter(|(_, exclusion)| is_touched(exclusion));
    touched.map(|(constraint, exclusion)| guard(catalog, relation, &constraint.name, exclusion)).collect()
}

fn exclusions(relation: &Relation) -> impl Iterator<Item = (&Constraint, &Exclusion)> {
    relation.constraints.iter().filter_map(|constraint| match &constraint.kind {
        ConstraintKind::Exclude(exclusion) => Some((constraint, exclusion)),
        _ => None,
    })
}

impl<'a> Compiled<'a> {
    fn new(catalog: &Catalog, relation: &'a Relation, name: &'a str, exclusion: &'a Exclusion) -> Result<Self> {
        let index = index(name, &Exclusion { elements: exclusion.elements.clone(), predicate: None });
        let mut keys = Vec::new();
        for element in &exclusion.elements {
            let of_one = Index { keys: vec![element.key.clone()], ..index.clone() };
            let compiled = physical::index_keys(catalog, relation, &of_one)?.remove(0).compiled;
            let collation = compiled.ty.collation().map(|name| format!(" COLLATE {}", ident(&name)));
            keys.push((format!("{}{}", compiled.sql, collation.unwrap_or_default()), compiled.ty));
        }
        let predicate = match &exclusion.predicate {
            Some(source) => Some(compile::condition(catalog, relation, &parse_expr(source)?, "WHERE")?.sql),
            None => None,
        };
        let mut pairs = relation.clone();
        let column = |side: &str, at: usize, ty: &Type| plain_column(format!("{side} {at}"), ty.clone());
        pairs.columns = keys
            .iter()
            .enumerate()
            .flat_map(|(at, (_, ty))| [column("existing", at, ty), column("new", at, ty)])
            .collect();
        let elements = exclusion.elements.iter().enumerate();
        let conditions: Vec<String> =
            elements.map(|(at, element)| format!("\"existing {at}\" {} \"new {at}\"", element.operator)).collect();
        let condition = compile::condition(catalog, &pairs, &parse_expr(&conditions.join(" AND "))?, "WHERE")?.sql;
        Ok(Compiled { relation, name, exclusion, keys, predicate, condition })
    }

    /// The element that asks for overlapping ranges, if all others ask for equal values.
    fn overlapping(&self) -> Option<usize> {
        let is_equal = |at: &usize| self.exclusion.elements[*at].operator == "=";
        let mut others = (0..self.keys.len()).filter(|at| !is_equal(at));
        let only = others.next().filter(|_| others.next().is_none())?;
        let is_range = self.keys[only].1.base().and_then(Base::subtype).is_some();
        (is_range && self.exclusion.elements[only].operator == "&&").then_some(only)
    }

    fn trigger(&self, event: &str) -> String {
        let physical = self.relation.name.physical();
        let new: Vec<String> = (0..self.keys.len()).map(|at| format!("{} AS \"new {at}\"", self.of_new(at))).collect();
        // Of a row to which the constraint does not apply nothing is computed.
        let when = self.predicate.as_ref().map(|predicate| format!(" WHEN {}", self.over_new(predicate)));
        let existing = match self.overlapping() {
            Some(range) => self.neighbours(range),
            None => self.rows(""),
        };
        let raised = format!(
            "json_object('exclusion', {}, 'constraint', {}, 'detail', {})",
            literal(&physical),
            literal(self.name),
            self.detail("conflicts with existing key")
        );
        format!(
            "CREATE TEMP TRIGGER {} AFTER {event} ON main.{}{} BEGIN \
             SELECT RAISE(ABORT, {raised}) FROM (SELECT {}), ({existing}) WHERE {} LIMIT 1; END",
            ident(&format!("exclude {event} {physical} {}", self.name)),
            ident(&physical),
            when.unwrap_or_default(),
            new.join(", "),
            self.condition
        )
    }

    /// An expression over the row that was written, in a trigger.
    fn over_new(&self, sql: &str) -> String {
        let columns = self.relation.columns.iter().map(|column| {
            let name = ident(&column.name);
            format!("new.{name} AS {name}")
        });
        format!("(SELECT {sql} FROM (SELECT {}))", columns.collect::<Vec<_>>().join(", "))
    }

    /// An element's value of the row that was written.
    fn of_new(&self, at: usize) -> String {
        let plain = self.relation.columns.iter().find(|column| index::names(&self.exclusion.elements[at].key, column));
        plain.map_or_else(|| self.over_new(&self.keys[at].0), |column| format!("new.{}", ident(&column.name)))
    }

    /// The rows before and after the new one, in the order of their ranges.
    fn neighbours(&self, range: usize) -> String {
        let (key, new) = (&self.keys[range].0, self.of_new(range));
        let next = self.rows(&format!(" AND {key} >= {new} ORDER BY {key} LIMIT 1"));
        let previous = self.rows(&format!(" AND {key} <= {new} ORDER BY {key} DESC LIMIT 1"));
        format!("SELECT * FROM ({next}) UNION ALL SELECT * FROM ({previous})")
    }

    /// The other rows with the same equal elements.
    fn rows(&self, rest: &str) -> String {
        let number = self.relation.row_number().unwrap_or("rowid");
        let mut conditions = vec![format!("{number} <> new.{number}")];
        conditions.extend(self.predicate.clone());
        for (at, (key, _)) in self.keys.iter().enumerate() {
            if self.exclusion.elements[at].operator == "=" {
                conditions.push(format!("{key} = {}", self.of_new(at)));
            }
        }
        format!(
            "SELECT {} FROM main.{} WHERE {}{rest}",
            self.values("existing"),
            physical::table(&self.relation.name),
            conditions.join(" AND ")
        )
    }

    /// Every element's value under the name by which conditions know it.
    fn values(&self, side: &str) -> String {
        let named = self.keys.iter().enumerate().map(|(at, (key, _))| format!("{key} AS \"{side} {at}\""));
        named.collect::<Vec<_>>().join(", ")
    }

    fn guard(&self) -> String {
        let table = physical::table(&self.relation.name);
        let among = self.predicate.as_ref().map(|predicate| format!(" WHERE {predicate}")).unwrap_or_default();
        let pairs = match self.overlapping() {
            Some(range) => {
                let others = (0..self.keys.len()).filter(|at| *at != range);
                let equal: Vec<&str> = others.clone().map(|at| self.keys[at].0.as_str()).collect();
                let by = if equal.is_empty() { String::new() } else { format!("PARTITION BY {} ", equal.join(", ")) };
                let key = &self.keys[range].0;
                let before: Vec<String> = others.map(|at| format!(", {} AS \"new {at}\"", self.keys[at].0)).collect();
                format!(
                    "SELECT {}, lag({key}) OVER ({by}ORDER BY {key}) AS \"new {range}\"{} FROM {table}{among}",
                    self.values("existing"),
                    before.concat()
                )
            }
            None => {
                let number = self.relation.row_number().unwrap_or("rowid");
                let rows =
                    |side: &str| format!("(SELECT {number} AS \"{side}\", {} FROM {table}{among})", self.values(side));
                format!("SELECT * FROM {} JOIN {} ON \"new\" < \"existing\"", rows("new"), rows("existing"))
            }
        };
        let message = literal(&format!("could not create exclusion constraint \"{}\"", self.name));
        format!(
            "SELECT pg_require(0, '23P01', {message}, NULL, {}, {}) FROM ({pairs}) WHERE {} LIMIT 1",
            literal(self.name),
            self.detail("conflicts with key"),
            self.condition
        )
    }

    /// `Key (room, during)=(1, [1,5)) conflicts with existing key (room, during)=(1, [4,9)).`
    fn detail(&self, verb: &str) -> String {
        let keys: Vec<&str> = self.exclusion.elements.iter().map(|element| element.key.as_str()).collect();
        let keys = keys.join(", ");
        let values = |side: &str| {
            let text = self.keys.iter().enumerate().map(|(at, (_, ty))| {
                format!("pg_cast({}, {}, \"{side} {at}\")", type_literal(ty, None), type_literal(&Type::TEXT, None))
            });
            text.collect::<Vec<_>>().join(" || ', ' || ")
        };
        let (before, between) = (literal(&format!("Key ({keys})=(")), literal(&format!(") {verb} ({keys})=(")));
        format!("{before} || {} || {between} || {} || ').'", values("new"), values("existing"))
    }
}
