//! Who is present in a channel: the state that a joiner is told, and the differences after it. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use basalt_messaging::NodeId;
use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::room::{Full, Room};

/// A member of a channel, on whatever node it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Who {
    pub node: NodeId,
    pub member: u64,
}

/// The presences of a channel by key, then by member. Each is its own node's to change, so that nodes that have heard all of each
/// other have the same.
#[derive(Debug)]
pub(crate) struct Presence {
    node: NodeId,
    room: Arc<Room>,
    /// How many there are, and their bytes as they are shown.
    held: usize,
    shown: usize,
    keys: IndexMap<String, BTreeMap<Who, Tracked>>,
    /// Presences of this node so far, for their references.
    count: u64,
}

#[derive(Debug)]
struct Tracked {
    /// What was tracked; for members of this node.
    fields: Map<String, Value>,
    meta: String,
    reference: String,
    /// The telling in which another node last mentioned it.
    telling: u64,
}

impl Tracked {
    /// The memory that it takes, about. Fields are kept beside what they look like.
    fn bytes(&self, key: &str) -> u64 {
        let meta = if self.fields.is_empty() { self.meta.len() } else { 2 * self.meta.len() };
        (key.len() + meta + self.reference.len() + size_of::<(Who, Tracked)>()) as u64
    }

    /// What of a state it takes, in bytes.
    fn shown(&self, key: &str) -> usize {
        key.len() + self.meta.len()
    }
}

/// A presence as nodes tell each other of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Present<'a> {
    pub key: &'a str,
    pub member: u64,
    pub reference: &'a str,
    /// What clients are shown: a JSON object.
    pub meta: &'a str,
}

/// A `presence_diff`: `joins` and `leaves` as JSON texts by key.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Diff {
    joins: IndexMap<String, Vec<String>>,
    leaves: IndexMap<String, Vec<String>>,
}

impl Presence {
    /// Nobody is present. `node` is this one; the room is all channels'.
    pub fn new(node: NodeId, room: Arc<Room>) -> Presence {
        Presence { node, room, held: 0, shown: 0, keys: IndexMap::new(), count: 0 }
    }

    /// Notes that a member of this node is present with `fields`. `None`: it was so already.
    ///
    /// Errors: there is no room; what was tracked before stays.
    pub fn track(&mut self, key: &str, member: u64, mut fields: Map<String, Value>) -> Result<Option<Diff>, Full> {
        // References are the server's.
        fields.retain(|name, _| name != "phx_ref" && name != "phx_ref_prev");
        let who = Who { node: self.node, member };
        let before = self.keys.get(key).and_then(|metas| metas.get(&who));
        if before.is_some_and(|before| before.fields == fields) {
            return Ok(None);
        }
        self.count += 1;
        // Clients know a presence by its reference, whatever node it is on.
        let [a, b, c, d, ..] = *self.node.as_bytes();
        let reference = format!("F{a:02x}{b:02x}{c:02x}{d:02x}{:06x}", self.count);
        let mut shown = Map::with_capacity(fields.len() + 2);
        shown.insert("phx_ref".into(), reference.as_str().into());
        if let Some(before) = before {
            shown.insert("phx_ref_prev".into(), before.reference.as_str().into());
        }
        shown.extend(fields.clone());
        let meta = Value::Object(shown).to_string();
        let mut diff = Diff::default();
        self.put(key, who, Tracked { fields, meta, reference, telling: 0 }, &mut diff)?;
        Ok(Some(diff))
    }

    /// Notes what another node tells of its members. One for which there is no room is not present here. Whether there was room for all.
    pub fn mention(&mut self, node: NodeId, telling: u64, presences: &[Present<'_>]) -> (Diff, bool) {
        let (mut diff, mut fits) = (Diff::default(), true);
        for Present { key, member, reference, meta } in presences {
            let who = Who { node, member: *member };
            match self.keys.get_mut(*key).and_then(|metas| metas.get_mut(&who)) {
                Some(known) if known.reference == *reference => known.telling = telling,
                _ => {
                    let (meta, reference) = ((*meta).to_owned(), (*reference).to_owned());
                    if self.put(key, who, Tracked { fields: Map::new(), meta, reference, telling }, &mut diff).is_err()
                    {
                        fits = false;
                        // What it was before is not so any more.
                        if let Some(left) = self.forget(key, who) {
                            diff.leave(key, left);
                        }
                    }
                }
            }
        }
        (diff, fits)
    }

    fn put(&mut self, key: &str, who: Who, tracked: Tracked, diff: &mut Diff) -> Result<(), Full> {
        let before = self.keys.get(key).and_then(|metas| metas.get(&who)).map(|before| before.shown(key));
        let held = self.held + usize::from(before.is_none());
        let shown = self.shown + tracked.shown(key) - before.unwrap_or_default();
        if !self.room.fits_channel(held, shown) {
            return Err(Full::Channel);
        }
        self.room.take(tracked.bytes(key))?;
        (self.held, self.shown) = (held, shown);
        diff.joins.entry(key.to_owned()).or_default().push(tracked.meta.clone());
        if let Some(left) = self.keys.entry(key.to_owned()).or_default().insert(who, tracked) {
            self.room.give_back(left.bytes(key));
            diff.leaves.entry(key.to_owned()).or_default().push(left.meta);
        }
        Ok(())
    }

    /// Forgets a member. `None`: it was not present.
    pub fn forget(&mut self, key: &str, who: Who) -> Option<Diff> {
        let metas = self.keys.get_mut(key)?;
        let left = metas.remove(&who)?;
        self.held -= 1;
        self.shown -= left.shown(key);
        self.room.give_back(left.bytes(key));
        if metas.is_empty() {
            self.keys.swap_remove(key);
        }
        Some(Diff { leaves: IndexMap::from([(key.to_owned(), vec![left.meta])]), ..Diff::default() })
    }

    /// Forgets the members of another node that it did not mention in this telling; without one, all of them.
    pub fn sweep(&mut self, node: NodeId, telling: Option<u64>) -> Diff {
        let mut diff = Diff::default();
        let is_gone = |who: &Who, tracked: &Tracked| who.node == node && Some(tracked.telling) != telling;
        self.keys.retain(|key, metas| {
            for (_, left) in metas.extract_if(.., |who, tracked| is_gone(who, tracked)) {
                self.held -= 1;
                self.shown -= left.shown(key);
                self.room.give_back(left.bytes(key));
                diff.leaves.entry(key.clone()).or_default().push(left.meta);
            }
            !metas.is_empty()
        });
        diff
    }

    /// The keys and members of a node that are present.
    pub fn members(&self, node: NodeId) -> impl Iterator<Item = (&str, u64)> {
        let all = self.keys.iter().flat_map(|(key, metas)| metas.keys().map(move |who| (key.as_str(), who)));
        all.filter(move |(_, who)| who.node == node).map(|(key, who)| (key, who.member))
    }

    /// How a member of this node is present, if it is.
    pub fn present<'a>(&'a self, key: &'a str, member: u64) -> Option<Present<'a>> {
        let tracked = self.keys.get(key)?.get(&Who { node: self.node, member })?;
        Some(Present { key, member, reference: &tracked.reference, meta: &tracked.meta })
    }

    /// Whether nobody is present.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
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

impl Drop for Presence {
    fn drop(&mut self) {
        let tracked = self.keys.iter().flat_map(|(key, metas)| metas.values().map(|tracked| tracked.bytes(key)));
        self.room.give_back(tracked.sum());
    }
}

impl Diff {
    /// Takes over who left a key.
    fn leave(&mut self, key: &str, other: Diff) {
        self.leaves.entry(key.to_owned()).or_default().extend(other.leaves.into_values().flatten());
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.joins.is_empty() && self.leaves.is_empty()
    }

    /// `presence_diff`, a JSON text.
    pub fn json(&self) -> String {
        let mut text = String::from("{\"joins\":{");
        for (key, metas) in &self.joins {
            entry(&mut text, key, metas.iter().map(String::as_str));
        }
        text.push_str("},\"leaves\":{");
        for (key, metas) in &self.leaves {
            entry(&mut text, key, metas.iter().map(String::as_str));
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
    use crate::limits::Limits;

    fn node(first: u8) -> NodeId {
        let mut bytes = [0; NodeId::LENGTH];
        bytes[0] = first;
        NodeId::from_bytes(bytes)
    }

    fn presence(limits: &Limits) -> Presence {
        Presence::new(node(0), Arc::new(Room::new(limits)))
    }

    fn here(member: u64) -> Who {
        Who { node: node(0), member }
    }

    fn fields(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    fn shown(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_presence_comes_changes_and_goes() {
        let mut presence = presence(&Limits::default());
        let joined = presence.track("a", 1, fields(json!({"x": 1, "phx_ref": "mine"}))).unwrap().unwrap();
        let first = json!({"phx_ref": "F00000000000001", "x": 1});
        assert_eq!(shown(&joined.json()), json!({"joins": {"a": {"metas": [first]}}, "leaves": {}}));
        assert_eq!(presence.track("a", 1, fields(json!({"x": 1}))), Ok(None));

        let changed = presence.track("a", 1, fields(json!({"x": 2}))).unwrap().unwrap();
        let second = json!({"phx_ref": "F00000000000002", "phx_ref_prev": "F00000000000001", "x": 2});
        let expected = json!({"joins": {"a": {"metas": [second]}}, "leaves": {"a": {"metas": [first]}}});
        assert_eq!(shown(&changed.json()), expected);
        assert_eq!(shown(&presence.state()), json!({"a": {"metas": [second]}}));

        let left = presence.forget("a", here(1)).unwrap();
        assert_eq!(shown(&left.json()), json!({"joins": {}, "leaves": {"a": {"metas": [second]}}}));
        assert_eq!(presence.forget("a", here(1)), None);
        assert_eq!(presence.state(), "{}");
    }

    #[test]
    fn members_of_one_key_add_up() {
        let mut presence = presence(&Limits::default());
        presence.track("a\"", 1, fields(json!({}))).unwrap();
        presence.track("a\"", 2, fields(json!({}))).unwrap();
        presence.track("b", 3, fields(json!({}))).unwrap();
        let state = shown(&presence.state());
        assert_eq!(state["a\""]["metas"].as_array().unwrap().len(), 2);
        presence.forget("a\"", here(1));
        assert_eq!(shown(&presence.state())["a\""]["metas"], json!([{"phx_ref": "F00000000000002"}]));
        assert_eq!(shown(&presence.state())["b"]["metas"], json!([{"phx_ref": "F00000000000003"}]));
    }

    #[test]
    fn other_nodes_tell_theirs() {
        let mut presence = presence(&Limits::default());
        presence.track("a", 1, fields(json!({"x": 0}))).unwrap();
        let told =
            |member: u64, reference: &'static str, meta: &'static str| Present { key: "a", member, reference, meta };
        let (one, two) = (told(1, "r1", r#"{"x":1}"#), told(2, "r2", r#"{"x":2}"#));
        let (diff, _) = presence.mention(node(1), 7, &[one, two]);
        let expected = json!({"joins": {"a": {"metas": [{"x": 1}, {"x": 2}]}}, "leaves": {}});
        assert_eq!(shown(&diff.json()), expected);
        assert_eq!(presence.members(node(1)).collect::<Vec<_>>(), [("a", 1), ("a", 2)]);
        assert_eq!(shown(&presence.state())["a"]["metas"].as_array().unwrap().len(), 3);

        // The same again is nothing; another reference is another presence.
        assert!(presence.mention(node(1), 8, &[one]).0.is_empty());
        let (diff, _) = presence.mention(node(1), 8, &[told(1, "r3", r#"{"x":3}"#)]);
        let (joins, leaves) = (json!({"a": {"metas": [{"x": 3}]}}), json!({"a": {"metas": [{"x": 1}]}}));
        assert_eq!(shown(&diff.json()), json!({"joins": joins, "leaves": leaves}));

        // What a node no longer mentions is gone.
        let diff = presence.sweep(node(1), Some(8));
        assert_eq!(shown(&diff.json())["leaves"], json!({"a": {"metas": [{"x": 2}]}}));
        let diff = presence.sweep(node(1), None);
        assert_eq!(shown(&diff.json())["leaves"], json!({"a": {"metas": [{"x": 3}]}}));
        assert!(presence.sweep(node(1), None).is_empty() && !presence.is_empty());
        assert_eq!(presence.members(node(0)).collect::<Vec<_>>(), [("a", 1)]);
    }

    #[test]
    fn a_channel_has_room_for_so_many_of_all_nodes() {
        let mut presence = presence(&Limits { presences: 2, ..Limits::default() });
        let told = |member: u64, reference: &'static str| Present { key: "a", member, reference, meta: "{}" };
        presence.track("a", 1, fields(json!({}))).unwrap();
        let (diff, fits) = presence.mention(node(1), 1, &[told(1, "r1"), told(2, "r2")]);
        assert_eq!((shown(&diff.json())["joins"]["a"]["metas"].as_array().unwrap().len(), fits), (1, false));
        assert_eq!(presence.track("b", 2, fields(json!({}))), Err(Full::Channel));
        // Who is there may say something else; who leaves makes room.
        assert!(presence.track("a", 1, fields(json!({"x": 1}))).unwrap().is_some());
        assert!(presence.mention(node(1), 1, &[told(1, "r3")]).1);
        presence.sweep(node(1), None);
        assert!(presence.track("b", 2, fields(json!({}))).unwrap().is_some());
    }

    #[test]
    fn a_state_fits_into_the_queue_of_whoever_joins() {
        let mut presence = presence(&Limits { queue_bytes: bytesize::ByteSize::b(440), ..Limits::default() });
        let large = |size: usize| fields(json!({"x": "x".repeat(size)}));
        presence.track("a", 1, large(200)).unwrap();
        assert_eq!(presence.track("b", 2, large(200)), Err(Full::Channel));
        assert!(presence.state().len() < 300);
        // Who makes itself smaller, or leaves, makes room.
        presence.track("a", 1, large(10)).unwrap();
        assert!(presence.track("b", 2, large(200)).unwrap().is_some());
        presence.forget("b", here(2));
        presence.forget("a", here(1));
        assert!(presence.track("c", 3, large(200)).unwrap().is_some());
    }

    #[test]
    fn all_channels_together_have_room_for_so_many_bytes() {
        let limits = Limits { presence_bytes: bytesize::ByteSize::kib(4), ..Limits::default() };
        let room = Arc::new(Room::new(&limits));
        let (mut one, mut other) = (Presence::new(node(0), room.clone()), Presence::new(node(0), room.clone()));
        let large: &'static str = "x".repeat(3000).leak();
        let told = |member: u64, meta: &'static str| Present { key: "a", member, reference: meta, meta };
        assert!(!one.mention(node(1), 1, &[told(1, large)]).1, "reference and meta count");
        let big = fields(json!({"x": "x".repeat(1500)}));
        one.track("a", 1, big.clone()).unwrap();
        assert_eq!(other.track("a", 1, big.clone()), Err(Full::Server));
        // One that says more than fits is as it was; another node's is not.
        assert_eq!(one.track("a", 1, fields(json!({"x": "x".repeat(1900)}))), Err(Full::Server));
        assert!(one.state().contains(&"x".repeat(1500)));
        assert!(other.mention(node(1), 1, &[told(1, "{}")]).1);
        let (diff, fits) = other.mention(node(1), 1, &[told(1, large)]);
        assert!(!fits && other.is_empty() && !diff.is_empty());
        one.forget("a", here(1));
        other.track("a", 1, big).unwrap();
        drop((one, other));
        assert_eq!(room.held(), 0);
    }
}
