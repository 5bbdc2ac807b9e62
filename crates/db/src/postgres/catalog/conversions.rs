//! What turns values and rows into what clients see: representations of domains, and aggregates that write bodies.

use std::collections::HashMap;

use basalt_sql::catalog::MediaHandler;
use basalt_sql::{Catalog, Name};
use basalt_types::Type;

use super::rows::{CastRow, HandlerRow};
use super::types::Types;

/// Puts them into the catalog. `relations` are the names of relations by OID.
pub fn build(
    catalog: &mut Catalog,
    types: &Types,
    relations: &HashMap<u32, Name>,
    casts: Vec<CastRow>,
    handlers: Vec<HandlerRow>,
) {
    for row in casts {
        let function = Some(Name::new(row.schema, row.name));
        if let Some((domain, _)) = types.domain(row.source) {
            catalog.representations.entry(domain).or_default().to_json = function;
        } else if let Some((domain, _)) = types.domain(row.target) {
            let representation = catalog.representations.entry(domain).or_default();
            match types.get(row.source) {
                Type::JSON => representation.from_json = function,
                _ => representation.from_text = function,
            }
        }
    }
    catalog.media_handlers = handlers
        .into_iter()
        .filter_map(|row| {
            let relation = match row.relation {
                None => None,
                // A type that is no relation's has no rows to ask for.
                Some(of_type) => Some(relations.get(&of_type)?.clone()),
            };
            let aggregate = Name::new(row.schema, row.name);
            Some(MediaHandler { media: row.media, aggregate, relation, bytes: row.bytes })
        })
        .collect();
}
