//! Who is present in a channel (contract: wire.md section 3.5): the state that a joiner is told, and the differences after it. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use indexmap::IndexMap;
use serde_json::{Map, Value};

/// The presences of a channel by key, then by member.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    keys: IndexMap<String, BTreeMap<u64, Tracked>>,
    /// Presences so far, for their references.
    count: u64,
}

#[derive(Debug)]
struct Tracked {
    fields: Map<String, Value>,
    meta: String,
    reference: String,
}

/// A `presence_diff`: `joins` and `leaves` as JSON texts by key.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Diff {
    joins: Vec<(String, String)>,
    leaves: Vec<(String, String)>,
}

impl Presence {
    /// Notes that a member is present with `fields`. `None`: it was so already.
    pub fn track(&mut self, key: &str, member: u64, mut fields: Map<String, Value>) -> Option<Diff> {
        // References are the server's.
        fields.retain(|name, _| name != "phx_ref" && name != "phx_ref_prev");
        let before = self.keys.get(key).and_then(|metas| metas.get(&member));
        if before.is_some_and(|before| before.fields == fields) {
            return None;
        }
        self.count += 1;
        let reference = format!("F{:08x}", self.count);
        let mut shown = Map::with_capacity(fields.len() + 2);
        shown.insert("phx_ref".into(), reference.as_str().into());
        if let Some(before) = before {
            shown.insert("phx_ref_prev".into(), before.reference.as_str().into());
        }
        shown.extend(fields.clone());
        let meta = Value::Object(shown).to_string();
        let tracked = Tracked { fields, meta: meta.clone(), reference };
        let left = self.keys.entry(key.to_owned()).or_default().insert(member, tracked);
        let leaves = left.map(|left| (key.to_owned(), left.meta)).into_iter().collect();
        Some(Diff { joins: vec![(key.to_owned(), meta)], leaves })
    }

    /// Forgets a member. `None`: it was not present.
    pub fn untrack(&mut self, key: &str, member: u64) -> Option<Diff> {
        let metas = self.keys.get_mut(key)?;
        let left = metas.remove(&member)?;
        if metas.is_empty() {
            self.keys.swap_remove(key);
        }
        Some(Diff { joins: Vec::new(), leaves: vec![(key.to_owned(), left.meta)] })
    }

    /// `presence_state`, a JSON text.
    pub fn state(&self) -> String {
        let metas =
            self.keys.iter().map(|(key, metas)| (key.as_str(), metas.values().map(|tracked| tracked.meta.as_str())));
        let mut text = String::from("{");
        for (key, metas) in metas {
            entry(&mut text, key, metas);
        }
        text.push('}');
        text
    }
}

impl Diff {
    /// `presence_diff`, a JSON text.
    pub fn json(&self) -> String {
        let mut text = String::from("{\"joins\":{");
        for (key, meta) in &self.joins {
            entry(&mut text, key, [meta.as_str()]);
        }
        text.push_str("},\"leaves\":{");
        for (key, meta) in &self.leaves {
            entry(&mut text, key, [meta.as_str()]);
        }
        text.push_str("}}");
        text
    }
}

/// `"key":{"metas":[...]}`, after a comma where one is due.
fn entry<'a>(text: &mut String, key: &str, metas: impl IntoIterator<Item = &'a str>) {
    if !text.ends_with('{') {
        text.push(',');
    }
    // Writing to a string can't fail.
    let _ = write!(text, "{}:{{\"metas\":[", Value::from(key));
    for (i, meta) in metas.into_iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        text.push_str(meta);
    }
    text.push_str("]}");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    fn shown(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_presence_comes_changes_and_goes() {
        let mut presence = Presence::default();
        let joined = presence.track("a", 1, fields(json!({"x": 1, "phx_ref": "mine"}))).unwrap();
        let first = json!({"phx_ref": "F00000001", "x": 1});
        assert_eq!(shown(&joined.json()), json!({"joins": {"a": {"metas": [first]}}, "leaves": {}}));
        assert_eq!(presence.track("a", 1, fields(json!({"x": 1}))), None);

        let changed = presence.track("a", 1, fields(json!({"x": 2}))).unwrap();
        let second = json!({"phx_ref": "F00000002", "phx_ref_prev": "F00000001", "x": 2});
        let expected = json!({"joins": {"a": {"metas": [second]}}, "leaves": {"a": {"metas": [first]}}});
        assert_eq!(shown(&changed.json()), expected);
        assert_eq!(shown(&presence.state()), json!({"a": {"metas": [second]}}));

        let left = presence.untrack("a", 1).unwrap();
        assert_eq!(shown(&left.json()), json!({"joins": {}, "leaves": {"a": {"metas": [second]}}}));
        assert_eq!(presence.untrack("a", 1), None);
        assert_eq!(presence.state(), "{}");
    }

    #[test]
    fn members_of_one_key_add_up() {
        let mut presence = Presence::default();
        presence.track("a\"", 1, fields(json!({})));
        presence.track("a\"", 2, fields(json!({})));
        presence.track("b", 3, fields(json!({})));
        let state = shown(&presence.state());
        assert_eq!(state["a\""]["metas"].as_array().unwrap().len(), 2);
        presence.untrack("a\"", 1);
        assert_eq!(shown(&presence.state())["a\""]["metas"], json!([{"phx_ref": "F00000002"}]));
        assert_eq!(shown(&presence.state())["b"]["metas"], json!([{"phx_ref": "F00000003"}]));
    }
}
