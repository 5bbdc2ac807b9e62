//! The catalogs of `pg_catalog` that have a row for each object: what scripts ask to find out whether something is there already.
//!
//! An object's number is its name, as `regclass` and `regtype` show it, so that these join and compare as PostgreSQL's numbers do.

use basalt_types::text::quoted_ident as quoted;
use basalt_types::{Base, Type, Volatility};
use serde_json::{Value as Json, json};

use super::constraints::mentions;
use super::internal::flag;
use super::{Asker, NAME, View};
use crate::Name;
use crate::catalog::{Column, ConstraintKind, Identity, PolicyCommand, Relation, RelationKind};

const TEXT: Type = Type::TEXT;
const BOOL: Type = Type::BOOL;
const NUMBER: Type = Type::Base(Base::Int2);

impl Asker<'_> {
    /// The catalog of that name.
    pub(super) fn objects(&self, name: &str) -> Option<View> {
        Some(match name {
            "pg_class" => self.pg_class(),
            "pg_attribute" => self.pg_attribute(),
            "pg_type" => self.pg_type(),
            "pg_enum" => self.pg_enum(),
            "pg_constraint" => self.pg_constraint(),
            "pg_policy" => self.pg_policy(),
            "pg_proc" => self.pg_proc(),
            "pg_trigger" => self.pg_trigger(),
            "pg_publication" => self.pg_publication(),
            _ => return None,
        })
    }

    /// An object's name: with its schema where the search path leads to none, or to another one.
    fn shown(&self, name: &Name, is_there: impl Fn(&Name) -> bool) -> String {
        let first = self.path.iter().find(|schema| is_there(&Name::new(schema.as_str(), name.name.as_str())));
        match first.is_some_and(|schema| *schema == name.schema) {
            true => quoted(&name.name),
            false => format!("{}.{}", quoted(&name.schema), quoted(&name.name)),
        }
    }

    pub(super) fn class(&self, name: &Name) -> String {
        self.shown(name, |name| self.catalog.relations.contains_key(name))
    }

    /// A sequence.
    pub(super) fn sequence(&self, name: &Name) -> String {
        self.shown(name, |name| self.catalog.sequences.contains_key(name))
    }

    /// A type of the project's own.
    pub(super) fn own_type(&self, name: &Name) -> String {
        let catalog = self.catalog;
        self.shown(name, |name| {
            catalog.enums.contains_key(name)
                || catalog.domains.contains_key(name)
                || catalog.composites.contains_key(name)
                || catalog.relations.contains_key(name)
        })
    }

    fn type_of(&self, column: &Column) -> String {
        let own = column.domain.as_ref().or(column.composite.as_ref());
        match (own, &column.ty) {
            (Some(name), _) => self.own_type(name),
            (None, Type::Enum(labels)) => self.own_type(&Name::new(labels.schema.as_str(), labels.name.as_str())),
            (None, ty) => ty.sql_name(),
        }
    }

    fn pg_class(&self) -> View {
        let columns = vec![
            ("oid", TEXT),
            ("relname", NAME),
            ("relnamespace", TEXT),
            ("relowner", TEXT),
            ("relkind", TEXT),
            ("relrowsecurity", BOOL),
            ("relhastriggers", BOOL),
        ];
        let mut rows = Vec::new();
        for relation in self.relations() {
            let Name { schema, name } = &relation.name;
            let kind = if matches!(relation.kind, RelationKind::Table) { "r" } else { "v" };
            let secured = flag(relation.row_security);
            let fires = flag(!relation.triggers.is_empty());
            let oid = self.class(&relation.name);
            rows.push(vec![json!(oid), json!(name), json!(schema), json!(relation.owner), json!(kind), secured, fires]);
            let of_constraints = relation.constraints.iter().filter(|c| c.kind.has_index()).map(|c| &c.name);
            for index in of_constraints.chain(relation.indexes.iter().map(|index| &index.name)) {
                let oid = self.class(&Name::new(schema.as_str(), index.as_str()));
                let (owner, kind) = (json!(relation.owner), json!("i"));
                rows.push(vec![json!(oid), json!(index), json!(schema), owner, kind, flag(false), flag(false)]);
            }
        }
        for Name { schema, name } in self.catalog.sequences.keys() {
            let oid =
                self.shown(&Name::new(schema.as_str(), name.as_str()), |n| self.catalog.sequences.contains_key(n));
            let (owner, kind) = (json!(basalt_core::Identity::OWNER), json!("S"));
            rows.push(vec![json!(oid), json!(name), json!(schema), owner, kind, flag(false), flag(false)]);
        }
        View { columns, rows }
    }

    fn pg_attribute(&self) -> View {
        let columns = vec![
            ("attrelid", TEXT),
            ("attname", NAME),
            ("atttypid", TEXT),
            ("attnum", NUMBER),
            ("attnotnull", BOOL),
            ("atthasdef", BOOL),
            ("attidentity", TEXT),
            ("attgenerated", TEXT),
            ("attisdropped", BOOL),
        ];
        let mut rows = Vec::new();
        for relation in self.relations() {
            let class = self.class(&relation.name);
            for (at, column) in relation.columns.iter().enumerate() {
                let identity = match column.identity {
                    Some(Identity::Always) => "a",
                    Some(Identity::ByDefault) => "d",
                    None => "",
                };
                let has_default = column.default.is_some() && !column.default_by_domain && column.identity.is_none();
                rows.push(vec![
                    json!(class),
                    json!(column.name),
                    json!(self.type_of(column)),
                    json!(at + 1),
                    flag(column.not_null && !column.not_null_by_domain),
                    flag(column.generated.is_some() || has_default),
                    identity.into(),
                    if column.generated.is_some() { "s" } else { "" }.into(),
                    flag(false),
                ]);
            }
        }
        View { columns, rows }
    }

    fn pg_type(&self) -> View {
        let columns =
            vec![("oid", TEXT), ("typname", NAME), ("typnamespace", TEXT), ("typtype", TEXT), ("typrelid", TEXT)];
        let catalog = self.catalog;
        let plain = |name: &Name, kind: &str| {
            vec![json!(self.own_type(name)), json!(name.name), json!(name.schema), kind.into(), "".into()]
        };
        let mut rows: Vec<Vec<Json>> = catalog.enums.keys().map(|name| plain(name, "e")).collect();
        rows.extend(catalog.domains.keys().map(|name| plain(name, "d")));
        rows.extend(catalog.composites.keys().map(|name| plain(name, "c")));
        rows.extend(self.relations().map(|relation| {
            let mut row = plain(&relation.name, "c");
            row[4] = json!(self.class(&relation.name));
            row
        }));
        View { columns, rows }
    }

    fn pg_enum(&self) -> View {
        let columns = vec![("enumtypid", TEXT), ("enumsortorder", Type::Base(Base::Float4)), ("enumlabel", NAME)];
        let rows = self.catalog.enums.iter().flat_map(|(name, labels)| {
            let own = self.own_type(name);
            labels.labels.iter().enumerate().map(move |(at, label)| vec![json!(own), json!(at + 1), json!(label)])
        });
        View { columns, rows: rows.collect() }
    }

    fn pg_constraint(&self) -> View {
        let columns = vec![
            ("oid", TEXT),
            ("conname", NAME),
            ("connamespace", TEXT),
            ("contype", TEXT),
            ("condeferrable", BOOL),
            ("condeferred", BOOL),
            ("convalidated", BOOL),
            ("conrelid", TEXT),
            ("confrelid", TEXT),
            ("conkey", NUMBER.array_of()),
            ("confkey", NUMBER.array_of()),
        ];
        let numbers = |relation: &Relation, columns: &[String]| {
            let number = |name: &String| relation.columns.iter().position(|c| c.name == *name).map(|at| at + 1);
            Some(columns.iter().filter_map(number).collect::<Vec<_>>())
        };
        let mut rows = Vec::new();
        for relation in self.relations() {
            for constraint in &relation.constraints {
                let (kind, key, target) = match &constraint.kind {
                    ConstraintKind::PrimaryKey(columns) => ("p", numbers(relation, columns), None),
                    ConstraintKind::Unique(columns) => ("u", numbers(relation, columns), None),
                    ConstraintKind::Check(check) => {
                        let named = relation.columns.iter().filter(|column| mentions(check, &column.name));
                        let named: Vec<String> = named.map(|column| column.name.clone()).collect();
                        ("c", numbers(relation, &named), None)
                    }
                    ConstraintKind::Exclude(_) => ("x", None, None),
                    ConstraintKind::ForeignKey(key) => ("f", numbers(relation, &key.columns), Some(key)),
                };
                let other = target.and_then(|key| self.catalog.relations.get(&key.target).map(|other| (key, other)));
                let other_key = other.and_then(|(key, other)| numbers(other, &key.target_columns));
                let stored = |key: Option<Vec<usize>>| json!(key.map(|key| crate::compile::cast::json(&key)));
                rows.push(vec![
                    json!(self.constraint(relation, constraint)),
                    json!(constraint.name),
                    json!(relation.name.schema),
                    kind.into(),
                    flag(constraint.deferrable),
                    flag(constraint.initially_deferred),
                    flag(!constraint.not_valid),
                    json!(self.class(&relation.name)),
                    json!(other.map(|(_, other)| self.class(&other.name)).unwrap_or_default()),
                    stored(key),
                    stored(other_key),
                ]);
            }
        }
        View { columns, rows }
    }

    fn pg_policy(&self) -> View {
        let columns = vec![("polname", NAME), ("polrelid", TEXT), ("polcmd", TEXT), ("polpermissive", BOOL)];
        let rows = self.relations().flat_map(|relation| {
            let class = self.class(&relation.name);
            relation.policies.iter().map(move |policy| {
                let command = match policy.command {
                    PolicyCommand::All => "*",
                    PolicyCommand::Select => "r",
                    PolicyCommand::Insert => "a",
                    PolicyCommand::Update => "w",
                    PolicyCommand::Delete => "d",
                };
                vec![json!(policy.name), json!(class), command.into(), flag(policy.permissive)]
            })
        });
        View { columns, rows: rows.collect() }
    }

    fn pg_proc(&self) -> View {
        let columns = vec![
            ("oid", TEXT),
            ("proname", NAME),
            ("pronamespace", TEXT),
            ("proowner", TEXT),
            ("prokind", TEXT),
            ("prosecdef", BOOL),
            ("proisstrict", BOOL),
            ("proretset", BOOL),
            ("provolatile", TEXT),
            ("pronargs", NUMBER),
            ("prosrc", TEXT),
        ];
        let rows = self.catalog.functions.values().flatten().map(|routine| {
            let volatility = match routine.volatility {
                Volatility::Immutable => "i",
                Volatility::Stable => "s",
                Volatility::Volatile => "v",
            };
            vec![
                json!(self.shown(&routine.name, |name| self.catalog.functions.contains_key(name))),
                json!(routine.name.name),
                json!(routine.name.schema),
                json!(routine.owner),
                "f".into(),
                flag(routine.security_definer),
                flag(routine.strict),
                flag(routine.returns_set),
                volatility.into(),
                json!(routine.inputs().count()),
                json!(routine.body),
            ]
        });
        View { columns, rows: rows.collect() }
    }

    fn pg_trigger(&self) -> View {
        let columns = vec![
            ("tgrelid", TEXT),
            ("tgname", NAME),
            ("tgfoid", TEXT),
            ("tgenabled", TEXT),
            ("tgisinternal", BOOL),
            ("tgnargs", NUMBER),
        ];
        let rows = self.relations().flat_map(|relation| {
            let class = self.class(&relation.name);
            relation.triggers.iter().map(move |trigger| {
                vec![
                    json!(class),
                    json!(trigger.name),
                    json!(self.shown(&trigger.function, |name| self.catalog.functions.contains_key(name))),
                    if trigger.disabled { "D" } else { "O" }.into(),
                    flag(false),
                    json!(trigger.args.len()),
                ]
            })
        });
        View { columns, rows: rows.collect() }
    }

    fn pg_publication(&self) -> View {
        let columns = vec![("oid", TEXT), ("pubname", NAME), ("puballtables", BOOL)];
        let rows = self
            .catalog
            .publications
            .iter()
            .map(|(name, publication)| vec![json!(name), json!(name), flag(publication.all_tables)]);
        View { columns, rows: rows.collect() }
    }
}
