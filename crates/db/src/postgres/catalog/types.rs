//! OIDs to types.

use std::collections::HashMap;
use std::sync::Arc;

use basalt_sql::catalog::Domain;
use basalt_sql::{Catalog, Name};
use basalt_types::{Base, EnumType, OtherType, Type, Typmod};

use super::rows::TypeRow;

/// Composite types may hold each other, but not this deep.
const DEEPEST: usize = 16;

/// Every type by its OID.
pub struct Types(HashMap<u32, TypeRow>);

impl Types {
    pub fn new(rows: Vec<TypeRow>) -> Types {
        Types(rows.into_iter().map(|row| (row.oid, row)).collect())
    }

    /// The type; a domain's base type.
    pub fn get(&self, oid: u32) -> Type {
        self.nested(oid, 0)
    }

    /// The domain of that OID, with the modifier of its base type.
    pub fn domain(&self, oid: u32) -> Option<(Name, Option<Typmod>)> {
        let row = self.0.get(&oid).filter(|row| row.kind == 'd')?;
        Some((Name::new(&row.schema, &row.name), modifier(&self.get(oid), row.typmod)))
    }

    /// The OID of the relation whose row type it is.
    pub fn relation(&self, oid: u32) -> Option<u32> {
        let row = self.0.get(&oid)?;
        row.relation.filter(|_| row.relation_kind != "c")
    }

    /// The name of the composite type of that OID, or of the elements of an array or of the base of a domain.
    pub fn composite(&self, oid: u32) -> Option<Name> {
        let mut oid = oid;
        for _ in 0..DEEPEST {
            let row = self.0.get(&oid)?;
            match row.kind {
                'c' => return Some(Name::new(&row.schema, &row.name)),
                _ => oid = row.base.or(row.element)?,
            }
        }
        None
    }

    /// Puts enumerations, domains and composite types into the catalog.
    pub fn describe(&self, catalog: &mut Catalog) {
        for row in self.0.values().filter(|row| row.schema != "pg_catalog" && row.schema != "information_schema") {
            let name = Name::new(&row.schema, &row.name);
            match (row.kind, self.get(row.oid)) {
                ('e', Type::Enum(of)) => drop(catalog.enums.insert(name, of)),
                ('d', ty) => {
                    let typmod = modifier(&ty, row.typmod);
                    let (not_null, default) = (row.not_null, row.default.clone());
                    let domain = Domain { ty, typmod, over: None, not_null, default, checks: Vec::new() };
                    catalog.domains.insert(name, domain);
                }
                ('c', Type::Record(fields)) if row.relation_kind == "c" => {
                    catalog.composites.insert(name, fields.to_vec());
                }
                _ => {}
            }
        }
    }

    fn nested(&self, oid: u32, depth: usize) -> Type {
        let Some(row) = self.0.get(&oid).filter(|_| depth < DEEPEST) else { return Type::UNKNOWN };
        if row.schema == "pg_catalog"
            && let Some(base) = built_in(&row.name)
        {
            return Type::Base(base);
        }
        match row.kind {
            'e' => {
                let labels = row.labels.clone().unwrap_or_default();
                Type::Enum(Arc::new(EnumType { schema: row.schema.clone(), name: row.name.clone(), labels }))
            }
            'd' => row.base.map_or(Type::UNKNOWN, |base| self.nested(base, depth + 1)),
            'c' => {
                let fields = row.fields.iter().flatten();
                Type::Record(Arc::new(fields.map(|(name, ty)| (name.clone(), self.nested(*ty, depth + 1))).collect()))
            }
            'p' if row.name == "record" => Type::Record(Arc::default()),
            'p' if row.name == "event_trigger" => Type::EVENT_TRIGGER,
            _ => match row.element {
                Some(element) => self.nested(element, depth + 1).array_of(),
                None => Type::Other(Arc::new(OtherType { schema: row.schema.clone(), name: row.name.clone() })),
            },
        }
    }
}

/// A type that Basalt knows by itself, by its internal name.
fn built_in(name: &str) -> Option<Base> {
    Base::by_name(name).filter(|base| base.internal_name() == name)
}

/// What a type modifier means for a type (`format_type` in PostgreSQL's sources tells the encodings).
pub fn modifier(ty: &Type, typmod: i32) -> Option<Typmod> {
    let header = 4;
    let given = u32::try_from(typmod - header).ok();
    match ty {
        Type::Array(element) => modifier(element, typmod),
        Type::Base(Base::Varchar | Base::Bpchar) => given.map(Typmod::Length),
        Type::Base(Base::Numeric) => {
            let given = given?;
            // The scale is eleven bits with a sign.
            let scale = ((given & 0x7ff) as i32 ^ 1024) - 1024;
            Some(Typmod::Precision((given >> 16) & 0xffff, scale))
        }
        Type::Base(Base::Time | Base::Timestamp | Base::Timestamptz) => {
            u32::try_from(typmod).ok().map(Typmod::Fraction)
        }
        _ => None,
    }
}
