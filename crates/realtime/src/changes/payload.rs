//! A change as a subscriber is told it (contract: wire.md section 3.6).

use std::collections::BTreeSet;
use std::fmt::Write as _;

use basalt_core::{Change, ChangedColumn, Operation};
use basalt_db::changes::readable;
use basalt_sql::catalog::REALTIME;
use basalt_sql::{Catalog, Name};
use jiff::Timestamp;
use serde_json::Value;
use serde_json::value::RawValue;

use super::filter::Row;

/// A larger record is told without its large values.
const LARGEST: usize = 1 << 20;
/// What of a record that is too large is told all the same.
const SMALL: usize = 64;

/// `data` for a role, a JSON text. `only`: the columns that were asked for, besides the key.
pub(super) fn data(catalog: &Catalog, change: &Change, role: &str, only: Option<&BTreeSet<String>>) -> String {
    let table = &change.table;
    let readable: BTreeSet<&str> = readable(catalog, table, role).into_iter().collect();
    let keys_readable = table.key.iter().all(|name| readable.contains(name.as_str()));
    let timestamp = Timestamp::from_microsecond(change.committed_at).unwrap_or_default();
    let mut text = String::with_capacity(512);
    // Writing to a string can't fail.
    let _ = write!(
        text,
        "{{\"schema\":{},\"table\":{},\"type\":\"{}\",\"commit_timestamp\":\"{timestamp:.3}\"",
        Value::from(table.schema.as_str()),
        Value::from(table.name.as_str()),
        change.operation
    );
    let refused = match (table.key.is_empty(), keys_readable) {
        (true, _) if change.operation != Operation::Delete => Some("Error 400: Bad Request, no primary key"),
        (false, false) => Some("Error 401: Unauthorized"),
        _ => None,
    };
    if let Some(error) = refused {
        let _ = write!(text, ",\"columns\":[],\"record\":{{}},\"errors\":[\"{error}\"]}}");
        return text;
    }
    let name = Name::new(table.schema.as_str(), table.name.as_str());
    let part = catalog.publications.get(REALTIME).and_then(|publication| publication.part(&name));
    let published = |name: &str| part.is_none_or(|part| part.has(name));
    let wanted = |name: &str| only.is_none_or(|only| only.contains(name) || table.key.iter().any(|key| key == name));
    let shown = |column: &&ChangedColumn| {
        let name = column.name.as_str();
        readable.contains(name) && published(name) && wanted(name)
    };
    let columns: Vec<&ChangedColumn> = table.columns.iter().filter(shown).collect();
    let _ = write!(text, ",\"columns\":{}", serde_json::to_string(&columns).unwrap_or_default());

    // What of the old row is public. Under row policies, it may have been hidden from who sees the new one.
    let public = if table.row_security { &table.key } else { &table.identity };
    let old: Vec<&ChangedColumn> = columns.iter().copied().filter(|column| public.contains(&column.name)).collect();
    let mut too_large = false;
    for (name, row, columns) in [("record", &change.new, &columns), ("old_record", &change.old, &old)] {
        let Some(row) = row else { continue };
        let _ = write!(text, ",\"{name}\":");
        too_large |= push_record(&mut text, row, columns);
    }
    text.push_str(if too_large { ",\"errors\":[\"Error 413: Payload Too Large\"]}" } else { ",\"errors\":null}" });
    text
}

/// Writes the columns of a row. Whether it was too large for all of them.
fn push_record(text: &mut String, row: &RawValue, columns: &[&ChangedColumn]) -> bool {
    let row: Row<'_> = serde_json::from_str(row.get()).unwrap_or_default();
    let values = columns.iter().filter_map(|column| Some((&column.name, row.get(column.name.as_str())?.get())));
    let too_large = values.clone().map(|(name, value)| name.len() + value.len()).sum::<usize>() > LARGEST;
    text.push('{');
    for (name, value) in values.filter(|(_, value)| !too_large || value.len() <= SMALL) {
        if !text.ends_with('{') {
            text.push(',');
        }
        let _ = write!(text, "{}:{value}", Value::from(name.as_str()));
    }
    text.push('}');
    too_large
}
