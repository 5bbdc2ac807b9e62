//! Functions with their parameters and results.

use std::collections::HashMap;
use std::sync::Arc;

use basalt_sql::catalog::{Param, ParamMode, Routine};
use basalt_sql::{Catalog, Name};
use basalt_types::{Type, Volatility};

use super::grants;
use super::rows::FunctionRow;
use super::types::Types;

/// Puts functions into the catalog. `relations` are the names of relations by OID.
pub fn build(catalog: &mut Catalog, types: &Types, relations: &HashMap<u32, Name>, rows: Vec<FunctionRow>) {
    for row in rows {
        let name = Name::new(&row.schema, &row.name);
        let routine = routine(row, name.clone(), types, relations);
        catalog.functions.entry(name).or_default().push(Arc::new(routine));
    }
}

fn routine(row: FunctionRow, name: Name, types: &Types, relations: &HashMap<u32, Name>) -> Routine {
    let params = params(&row, types, relations);
    let outputs = params.iter().filter(|p| matches!(p.mode, ParamMode::Out | ParamMode::InOut | ParamMode::Table));
    let columns: Vec<(String, Type)> = outputs.map(|param| (param.name.clone(), param.ty.clone())).collect();
    let returns = match types.get(row.returns) {
        Type::Record(fields) if fields.is_empty() && !columns.is_empty() => Type::Record(Arc::new(columns)),
        ty => ty,
    };
    Routine {
        returns_relation: types.relation(row.returns).and_then(|oid| relations.get(&oid).cloned()),
        returns_domain: types.domain(row.returns).map(|(name, _)| name),
        returns_composite: None,
        name,
        owner: row.owner,
        params,
        returns,
        returns_set: row.returns_set,
        language: row.language,
        body: row.body,
        // PostgreSQL runs it.
        parsed: false,
        volatility: match row.volatility {
            'i' => Volatility::Immutable,
            's' => Volatility::Stable,
            _ => Volatility::Volatile,
        },
        strict: row.strict,
        security_definer: row.security_definer,
        rows: row.returns_set.then_some(row.rows as u64),
        settings: row.settings.into_iter().flatten().filter_map(|setting| pair(&setting)).collect(),
        grants: grants(row.grants),
        comment: row.comment,
    }
}

fn params(row: &FunctionRow, types: &Types, relations: &HashMap<u32, Name>) -> Vec<Param> {
    // The last inputs are those with defaults.
    let without_default = row.inputs.saturating_sub(row.defaults);
    let mut inputs = 0;
    let mut params = Vec::with_capacity(row.types.len());
    for (index, oid) in row.types.iter().enumerate() {
        let mode = match row.modes.as_ref().and_then(|modes| modes.get(index)) {
            Some('o') => ParamMode::Out,
            Some('b') => ParamMode::InOut,
            Some('v') => ParamMode::Variadic,
            Some('t') => ParamMode::Table,
            _ => ParamMode::In,
        };
        let is_input = !matches!(mode, ParamMode::Out | ParamMode::Table);
        inputs += usize::from(is_input);
        let has_default = is_input && inputs > without_default;
        let text = || row.default_texts.as_ref().and_then(|texts| texts.get(index).cloned()).flatten();
        params.push(Param {
            name: row.names.as_ref().and_then(|names| names.get(index).cloned()).unwrap_or_default(),
            mode,
            ty: types.get(*oid),
            relation: types.relation(*oid).and_then(|oid| relations.get(&oid).cloned()),
            domain: None,
            composite: None,
            default: has_default.then(|| text().unwrap_or_default()),
        });
    }
    params
}

/// `name=value`.
fn pair(setting: &str) -> Option<(String, String)> {
    setting.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
}
