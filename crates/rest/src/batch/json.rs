//! JSON as it was written: numbers keep all their digits, objects their order.

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::value::RawValue;

/// A value whose members can be reached.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(super) enum Json {
    Object(IndexMap<String, Json>),
    Array(Vec<Json>),
    Scalar(Box<RawValue>),
}

/// How deep values are taken apart: each level is read once more for each level around it.
pub(super) const DEEPEST: usize = 32;

impl Json {
    /// A text or a number.
    pub(super) fn plain(value: &(impl Serialize + ?Sized)) -> Json {
        Json::Scalar(serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }

    /// Takes a value apart. None if it is nested too deeply for that.
    pub(super) fn read(raw: &RawValue) -> Option<Json> {
        Json::within(raw, DEEPEST)
    }

    fn within(raw: &RawValue, depth: usize) -> Option<Json> {
        let deeper = |raw: &RawValue| Json::within(raw, depth.checked_sub(1)?);
        let text = raw.get();
        Some(match text.as_bytes().first() {
            Some(b'{') => {
                let members: IndexMap<String, &RawValue> = serde_json::from_str(text).ok()?;
                Json::Object(members.into_iter().map(|(name, raw)| Some((name, deeper(raw)?))).collect::<Option<_>>()?)
            }
            Some(b'[') => {
                let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                Json::Array(elements.into_iter().map(deeper).collect::<Option<_>>()?)
            }
            _ => Json::Scalar(raw.to_owned()),
        })
    }

    /// What a string says, or how a number or boolean is written.
    pub(super) fn text(&self) -> Option<String> {
        let Json::Scalar(raw) = self else { return None };
        match raw.get() {
            "null" => None,
            text if text.starts_with('"') => serde_json::from_str(text).ok(),
            text => Some(text.to_owned()),
        }
    }

    /// The text of the value.
    pub(super) fn written(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
