//! How relations are joined: foreign keys in both directions, junctions, views over them, and functions; read off the
//! catalog once.

use std::collections::{HashMap, HashSet};

use basalt_sql::catalog::{Param, Relation, Routine};
use basalt_sql::{Catalog, Name};
use basalt_types::Type;

use crate::Settings;

/// A way from one relation (the origin) to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relationship {
    /// The relation that it leads to.
    pub target: Name,
    /// How.
    pub kind: Kind,
    /// Whether the target is a view, which may repeat its base table's rows.
    pub target_is_view: bool,
}

/// Kinds of relationships.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A foreign key between the two, either way.
    Key {
        /// How many on each side.
        cardinality: Cardinality,
        /// The key's constraint.
        constraint: String,
        /// Pairs of columns: origin's, target's.
        columns: Vec<(String, String)>,
    },
    /// Many-to-many: two foreign keys of a third relation.
    Junction {
        /// The third relation.
        junction: Name,
        /// The key to the origin.
        origin_constraint: String,
        /// Its columns: origin's, junction's.
        origin_columns: Vec<(String, String)>,
        /// The key to the target.
        target_constraint: String,
        /// Its columns: junction's, target's.
        target_columns: Vec<(String, String)>,
    },
    /// A function of the origin's row.
    Computed {
        /// The function.
        function: Name,
        /// Whether it gives any number of rows.
        to_many: bool,
    },
}

/// How many rows stand on each side of a foreign key, origin first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // the field's own words
pub enum Cardinality {
    OneToMany,
    ManyToOne,
    OneToOne,
}

/// Every relationship and computed field of a catalog.
#[derive(Debug, Default)]
pub struct Relationships {
    by_origin: HashMap<Name, Vec<Relationship>>,
    references: HashMap<Name, Vec<Reference>>,
    fields: HashMap<Name, Vec<ComputedField>>,
}

/// A column that refers to another relation's by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The column.
    pub column: String,
    /// The relation that it refers to.
    pub target: Name,
    /// That relation's column.
    pub target_column: String,
    /// Whether the target is a view.
    pub target_is_view: bool,
}

/// A function of a row that is used like a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComputedField {
    /// The function.
    pub function: Name,
    /// Its result type.
    pub ty: Type,
}

impl Relationship {
    /// Whether any number of rows may be at the other end.
    pub fn is_to_many(&self) -> bool {
        match &self.kind {
            Kind::Key { cardinality, .. } => *cardinality == Cardinality::OneToMany,
            Kind::Junction { .. } => true,
            Kind::Computed { to_many, .. } => *to_many,
        }
    }

    /// Whether the database guarantees at most one row at the other end.
    pub fn is_unique(&self) -> bool {
        !self.is_to_many() && !self.target_is_view && matches!(self.kind, Kind::Key { .. })
    }

    /// The origin's columns that take part in the join.
    pub fn origin_columns(&self) -> impl Iterator<Item = &str> {
        let columns = match &self.kind {
            Kind::Key { columns, .. } => columns.as_slice(),
            Kind::Junction { origin_columns, .. } => origin_columns,
            Kind::Computed { .. } => &[],
        };
        columns.iter().map(|(origin, _)| origin.as_str())
    }
}

impl Relationships {
    /// Finds every relationship. Views and junctions count where the settings expose their schemas.
    pub fn new(catalog: &Catalog, settings: &Settings) -> Relationships {
        let edges = edges(catalog);
        let mut found = Relationships::default();
        for edge in edges.iter().filter(|edge| edge.origin.schema == edge.target.schema) {
            found.add_key(edge);
        }
        found.add_junctions(catalog, settings, &edges);
        for routine in catalog.functions.values().flatten() {
            found.add_function(catalog, settings, routine);
        }
        found
    }

    /// The relationships from one relation.
    pub fn of(&self, origin: &Name) -> &[Relationship] {
        self.by_origin.get(origin).map_or(&[], Vec::as_slice)
    }

    /// Relations of a schema that have relationships.
    pub fn origins<'a>(&'a self, schema: &'a str) -> impl Iterator<Item = &'a Name> {
        self.by_origin.keys().filter(move |name| name.schema == schema)
    }

    /// The columns of one relation that refer to another by themselves.
    pub fn references(&self, origin: &Name) -> &[Reference] {
        self.references.get(origin).map_or(&[], Vec::as_slice)
    }

    /// The computed field of that name.
    pub fn field(&self, relation: &Name, name: &str) -> Option<&ComputedField> {
        self.fields.get(relation)?.iter().find(|field| field.function.name == name)
    }

    fn add(&mut self, origin: &Name, relationship: Relationship) {
        self.by_origin.entry(origin.clone()).or_default().push(relationship);
    }

    /// A foreign key, both ways.
    fn add_key(&mut self, edge: &Edge) {
        let (there, back) = match edge.one_to_one {
            true => (Cardinality::OneToOne, Cardinality::OneToOne),
            false => (Cardinality::ManyToOne, Cardinality::OneToMany),
        };
        if let [(column, target_column)] = edge.columns.as_slice() {
            self.references.entry(edge.origin.clone()).or_default().push(Reference {
                column: column.clone(),
                target: edge.target.clone(),
                target_column: target_column.clone(),
                target_is_view: edge.target_is_view,
            });
        }
        let key = |cardinality, columns| Kind::Key { cardinality, constraint: edge.constraint.clone(), columns };
        let reversed = edge.columns.iter().map(|(origin, target)| (target.clone(), origin.clone())).collect();
        let forward = Relationship {
            target: edge.target.clone(),
            kind: key(there, edge.columns.clone()),
            target_is_view: edge.target_is_view,
        };
        let backward = Relationship {
            target: edge.origin.clone(),
            kind: key(back, reversed),
            target_is_view: edge.origin_is_view,
        };
        self.add(&edge.origin, forward);
        self.add(&edge.target, backward);
    }

    /// Many-to-many, through relations with two foreign keys within their primary key.
    fn add_junctions(&mut self, catalog: &Catalog, settings: &Settings, edges: &[Edge]) {
        let mut by_junction: HashMap<&Name, Vec<&Edge>> = HashMap::new();
        for edge in edges.iter().filter(|edge| !edge.one_to_one && settings.schemas.contains(&edge.origin.schema)) {
            let key = catalog.relations.get(&edge.origin).and_then(|relation| relation.primary_key());
            let key = key.unwrap_or_default();
            if edge.columns.iter().all(|(column, _)| key.contains(column)) {
                by_junction.entry(&edge.origin).or_default().push(edge);
            }
        }
        for (junction, keys) in by_junction {
            for (one, other) in keys.iter().flat_map(|one| keys.iter().map(move |other| (one, other))) {
                let different = one.constraint != other.constraint && one.target != other.target;
                if different && one.target.schema == other.target.schema {
                    let origin_columns = one.columns.iter().map(|(j, o)| (o.clone(), j.clone())).collect();
                    let kind = Kind::Junction {
                        junction: junction.clone(),
                        origin_constraint: one.constraint.clone(),
                        origin_columns,
                        target_constraint: other.constraint.clone(),
                        target_columns: other.columns.clone(),
                    };
                    let target_is_view = other.target_is_view;
                    self.add(&one.target, Relationship { target: other.target.clone(), kind, target_is_view });
                }
            }
        }
    }

    /// A function of a row: a computed relationship, which replaces what leads to the relation of its name, or a computed field.
    fn add_function(&mut self, catalog: &Catalog, settings: &Settings, routine: &Routine) {
        let mut inputs = routine.inputs();
        let Some(origin) = inputs.next().and_then(|parameter| parameter.relation.as_ref()) else { return };
        let others: Vec<&Param> = inputs.collect();
        let (is_alone, has_defaults) = (others.is_empty(), others.iter().all(|other| other.default.is_some()));
        match &routine.returns_relation {
            Some(target) if is_alone && target.schema == origin.schema && routine.name.schema == origin.schema => {
                let target_is_view = catalog.relations.get(target).is_some_and(|relation| relation.view().is_some());
                let to_many = routine.returns_set && routine.rows != Some(1);
                let kind = Kind::Computed { function: routine.name.clone(), to_many };
                let known = self.by_origin.entry(origin.clone()).or_default();
                known.retain(|other| other.target != routine.name || matches!(other.kind, Kind::Computed { .. }));
                known.push(Relationship { target: target.clone(), kind, target_is_view });
            }
            None if has_defaults && !routine.returns_set && routine.outputs().next().is_none() => {
                let schema = &routine.name.schema;
                if *schema == origin.schema || settings.extra_search_path.contains(schema) {
                    let field = ComputedField { function: routine.name.clone(), ty: routine.returns.clone() };
                    self.fields.entry(origin.clone()).or_default().push(field);
                }
            }
            _ => {}
        }
    }
}

/// A foreign key as tables and views show it: from the referencing relation (origin) to the referenced one.
struct Edge {
    origin: Name,
    target: Name,
    constraint: String,
    columns: Vec<(String, String)>,
    one_to_one: bool,
    origin_is_view: bool,
    target_is_view: bool,
}

/// A relation that shows a base table's columns: itself, or a view.
struct Showing<'a> {
    relation: &'a Name,
    is_view: bool,
    /// Pairs: the base table's column, the name by which it is shown.
    columns: Vec<(&'a str, &'a str)>,
}

fn edges(catalog: &Catalog) -> Vec<Edge> {
    let showings = showings(catalog);
    let of = |name: &Name| showings.get(name).map_or(&[][..], Vec::as_slice);
    let mut edges = Vec::new();
    for table in catalog.relations.values().filter(|relation| relation.view().is_none()) {
        for (constraint, key) in table.foreign_keys() {
            let one_to_one = is_unique(table, &key.columns);
            for origin in of(&table.name) {
                for target in of(&key.target) {
                    for origin_columns in origin.spellings(&key.columns) {
                        for target_columns in target.spellings(&key.target_columns) {
                            edges.push(Edge {
                                origin: origin.relation.clone(),
                                target: target.relation.clone(),
                                constraint: constraint.to_owned(),
                                columns: pairs(&origin_columns, &target_columns),
                                one_to_one,
                                origin_is_view: origin.is_view,
                                target_is_view: target.is_view,
                            });
                        }
                    }
                }
            }
        }
    }
    edges
}

/// By base table: the relations that show its columns.
fn showings(catalog: &Catalog) -> HashMap<&Name, Vec<Showing<'_>>> {
    let mut showings: HashMap<&Name, Vec<Showing<'_>>> = HashMap::new();
    for relation in catalog.relations.values() {
        let mut of_relation: HashMap<&Name, Showing<'_>> = HashMap::new();
        let showing = |is_view| Showing { relation: &relation.name, is_view, columns: Vec::new() };
        match relation.view() {
            None => {
                let columns = relation.columns.iter().map(|c| (c.name.as_str(), c.name.as_str())).collect();
                of_relation.insert(&relation.name, Showing { columns, ..showing(false) });
            }
            Some(view) => {
                for (column, source) in relation.columns.iter().zip(&view.sources) {
                    if let Some((base, base_column)) = source {
                        let of_base = of_relation.entry(base).or_insert_with(|| showing(true));
                        of_base.columns.push((base_column, &column.name));
                    }
                }
            }
        }
        for (base, showing) in of_relation {
            showings.entry(base).or_default().push(showing);
        }
    }
    showings
}

impl Showing<'_> {
    /// Every way to name the base table's `columns`; none if one of them isn't shown.
    fn spellings(&self, columns: &[String]) -> Vec<Vec<&str>> {
        let mut all = vec![Vec::with_capacity(columns.len())];
        for column in columns {
            let names = || self.columns.iter().filter(|(base, _)| base == column).map(|(_, name)| *name);
            all = all.into_iter().flat_map(|begun| names().map(move |name| [&begun[..], &[name]].concat())).collect();
        }
        all
    }
}

fn pairs(origin: &[&str], target: &[&str]) -> Vec<(String, String)> {
    origin.iter().zip(target).map(|(o, t)| ((*o).to_owned(), (*t).to_owned())).collect()
}

/// Whether a PRIMARY KEY or UNIQUE constraint has exactly these columns.
fn is_unique(table: &Relation, columns: &[String]) -> bool {
    let set: HashSet<&String> = columns.iter().collect();
    table.unique_keys().any(|key| key.iter().collect::<HashSet<_>>() == set)
}
