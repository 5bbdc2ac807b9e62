//! `add constraint ... using index`: an index that is there becomes a key's.

use basalt_core::{Error, ReplicaIdentity, Result};

use super::super::constraint::{NewConstraint, NewKind};
use super::super::cursor::RawName;
use super::super::{Change, source};
use crate::catalog::{Index, Name};

impl Change<'_> {
    /// The constraint with the columns of its index as key, and the index's name if it has none; the index itself goes, as the
    /// constraint brings its own.
    ///
    /// Errors: 42704 and 55000 for an index that is not the table's own, 42809 for one that is no key.
    pub(super) fn take_index(&mut self, table: &Name, new: NewConstraint) -> Result<NewConstraint> {
        let NewKind::UsingIndex { is_primary, index: name } = new.kind else { return Ok(new) };
        let index = self.index_of_key(table, &name).map_err(|e| e.at(new.at))?;
        let columns = key_of(&index).map_err(|e| e.at(new.at))?;
        self.remove_index(table, &name)?;
        let constraint = new.name.unwrap_or(name.clone());
        let relation = self.relation_mut(table)?;
        if relation.replica_identity == ReplicaIdentity::Index(name) {
            relation.replica_identity = ReplicaIdentity::Index(constraint.clone());
        }
        let kind = if is_primary { NewKind::PrimaryKey(columns) } else { NewKind::Unique(columns) };
        Ok(NewConstraint { name: Some(constraint), kind, ..new })
    }

    fn index_of_key(&self, table: &Name, name: &str) -> Result<Index> {
        let raw = RawName { schema: Some(table.schema.clone()), name: name.to_owned(), at: 0 };
        let Some((owner, _)) = self.find_index(&raw) else {
            return Err(match self.catalog.relations.contains_key(&Name::new(&table.schema, name)) {
                true => Error::new("42809", format!("\"{name}\" is not an index")),
                false => Error::new("42704", format!("index \"{name}\" does not exist")),
            });
        };
        let relation = self.relation(&owner)?;
        let Some(index) = relation.indexes.iter().find(|index| index.name == name) else {
            return Err(Error::new("55000", format!("index \"{name}\" is already associated with a constraint")));
        };
        if owner != *table {
            let message = format!("index \"{name}\" does not belong to table \"{}\"", table.name);
            return Err(Error::new("55000", message));
        }
        Ok(index.clone())
    }
}

/// The columns of an index that can be a key's.
fn key_of(index: &Index) -> Result<Vec<String>> {
    let name = &index.name;
    let unfit = |why: String| {
        let detail = "Cannot create a primary key or unique constraint using such an index.";
        Err(Error::new("42809", why).with_detail(detail))
    };
    if !index.unique {
        return unfit(format!("\"{name}\" is not a unique index"));
    }
    let Some(columns) = &index.columns else { return unfit(format!("index \"{name}\" contains expressions")) };
    if index.predicate.is_some() {
        return unfit(format!("\"{name}\" is a partial index"));
    }
    let is_sorted_otherwise = |(key, column): (&String, &String)| *key != source::ident_node(column).to_string();
    if let Some(at) = index.keys.iter().zip(columns).position(is_sorted_otherwise) {
        return unfit(format!("index \"{name}\" column number {} does not have default sorting behavior", at + 1));
    }
    Ok(columns.clone())
}
