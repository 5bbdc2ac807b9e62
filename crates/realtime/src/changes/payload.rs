//! A change as a subscriber is told it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use basalt_core::{Change, ChangedColumn, Operation};
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

/// What of a change somebody is shown.
pub(super) struct Sight<'s> {
    /// The columns that may be read.
    pub readable: &'s [&'s str],
    /// Whether row policies show the old row, too.
    pub old: bool,
    /// The columns that were asked for, besides the key.
    pub only: Option<&'s BTreeSet<String>>,
}

/// An update under row policies whose old row would tell more than its new one, as the change that its old row's sight is judged by.
pub(super) fn revealing(change: &Change) -> Option<Change> {
    if change.operation != Operation::Update || !change.table.row_security {
        return None;
    }
    let (old, new): (Row<'_>, Row<'_>) = (read(change.old.as_deref()?), read(change.new.as_deref()?));
    let differs = |name: &String| value(&old, name) != value(&new, name);
    change.table.identity.iter().any(differs).then(|| Change { new: None, ..change.clone() })
}

/// `data` as it is shown, a JSON text.
pub(super) fn data(catalog: &Catalog, change: &Change, sight: &Sight<'_>) -> String {
    let table = &change.table;
    let readable = |name: &str| sight.readable.contains(&name);
    let keys_readable = !sight.readable.is_empty() && table.key.iter().all(|name| readable(name));
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
        (_, false) => Some("Error 401: Unauthorized"),
        _ => None,
    };
    if let Some(error) = refused {
        let _ = write!(text, ",\"columns\":[],\"record\":{{}},\"errors\":[\"{error}\"]}}");
        return text;
    }
    let name = Name::new(table.schema.as_str(), table.name.as_str());
    let part = catalog.publications.get(REALTIME).and_then(|publication| publication.part(&name));
    let published = |name: &str| part.is_none_or(|part| part.has(name));
    let wanted =
        |name: &str| sight.only.is_none_or(|only| only.contains(name) || table.key.iter().any(|key| key == name));
    let shown = |column: &&ChangedColumn| {
        let name = column.name.as_str();
        readable(name) && published(name) && wanted(name)
    };
    let columns: Vec<&ChangedColumn> = table.columns.iter().filter(shown).collect();
    let _ = write!(text, ",\"columns\":{}", serde_json::to_string(&columns).unwrap_or_default());

    // Under row policies a deleted row is known by its key. Where they hide an update's old row, what is left of its key was not changed.
    let is_known = |name: &String| match (change.operation, &change.new, &change.old) {
        (Operation::Update, Some(new), Some(old)) if !sight.old => {
            table.key.contains(name) && value(&read(new), name) == value(&read(old), name)
        }
        (Operation::Update, ..) => table.identity.contains(name),
        _ if table.row_security => table.key.contains(name),
        _ => table.identity.contains(name),
    };
    let old: Vec<&ChangedColumn> = columns.iter().copied().filter(|column| is_known(&column.name)).collect();
    let mut too_large = false;
    for (name, row, columns) in [("record", &change.new, &columns), ("old_record", &change.old, &old)] {
        let Some(row) = row else { continue };
        let _ = write!(text, ",\"{name}\":");
        too_large |= push_record(&mut text, row, columns);
    }
    text.push_str(if too_large { ",\"errors\":[\"Error 413: Payload Too Large\"]}" } else { ",\"errors\":null}" });
    text
}

fn read(row: &RawValue) -> Row<'_> {
    serde_json::from_str(row.get()).unwrap_or_default()
}

fn value<'r>(row: &Row<'r>, name: &str) -> Option<&'r str> {
    row.get(name).map(|value| value.get())
}

/// Writes the columns of a row. Whether it was too large for all of them.
fn push_record(text: &mut String, row: &RawValue, columns: &[&ChangedColumn]) -> bool {
    let row = read(row);
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
