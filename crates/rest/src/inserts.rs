//! Plans of inserts, kept by the shape of their bodies.
//!
//! The members of a body that is one object become parameters, and their values decide nothing else. A request that has the same
//! members as one before it, and asks for the same, finds its plan and only puts its own values in. Nothing of them is kept.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use basalt_query::Statement;
use basalt_sql::Name;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::RestResult;
use crate::parse::prefer::{Preferences, Return};
use crate::write::Plan;

/// Plans kept.
const CAPACITY: usize = 4096;
/// Bytes that all kept plans may have.
const BYTES: u64 = 16 << 20;
/// Bytes that a plan has beside its texts, about.
const OVERHEAD: usize = 1024;
/// Plans with longer keys are not kept.
const MAX_KEY: usize = 4096;
/// Plans of objects with more members are not kept: members are found by looking through all.
const MAX_MEMBERS: usize = 64;

/// Stands in a key where a text ends.
const END: char = '\0';

/// A plan, and the parameters of one request.
type Planned = (Arc<Plan>, Vec<Option<String>>);

/// The plans of one version of the catalog.
pub(crate) struct Inserts {
    cache: Cache<Box<str>, Arc<Plan>, Bytes>,
}

#[derive(Clone)]
struct Bytes;

impl Inserts {
    /// None yet.
    pub(crate) fn new() -> Inserts {
        Inserts { cache: Cache::with_weighter(CAPACITY, BYTES, Bytes) }
    }

    /// The insert into `relation` that a request asks for by its query string, preferences and JSON body, planned by `plan` unless
    /// its shape is known. Nothing else may decide the plan.
    ///
    /// Errors: those of `plan`.
    pub(crate) fn plan(
        &self,
        relation: &Name,
        query: &str,
        preferences: &Preferences,
        body: &[u8],
        plan: impl Fn() -> RestResult<Plan>,
    ) -> RestResult<Planned> {
        // What is wrong with a body's escapes planning says, too.
        let object = serde_json::from_slice::<Object<'_>>(body).ok().filter(|_| has_sound_escapes(body));
        let key = object.as_ref().and_then(|object| key(relation, query, preferences, object));
        let (Some(object), Some(key)) = (object, key) else { return plan().map(Inserts::whole) };
        if let Some(known) = self.cache.get(key.as_str())
            && let Some(params) = known.statement.as_ref().ok().and_then(|statement| object.params(statement))
        {
            return Ok((known, params));
        }
        // Planning says what is wrong with the values, too.
        let (planned, params) = Inserts::whole(plan()?);
        if planned.statement.is_ok() {
            self.cache.insert(key.into(), planned.clone());
        }
        Ok((planned, params))
    }

    /// A plan without the values of the body, and all parameters.
    pub(crate) fn whole(mut plan: Plan) -> Planned {
        let Ok(statement) = &mut plan.statement else { return (Arc::new(plan), Vec::new()) };
        let params = statement.params.clone();
        for place in &statement.places {
            statement.params[place.param] = None;
        }
        (Arc::new(plan), params)
    }
}

fn has_sound_escapes(body: &[u8]) -> bool {
    !body.contains(&b'\\')
        || std::str::from_utf8(body).is_ok_and(|text| basalt_types::json::check_escapes(text).is_ok())
}

/// The members of a body that is one object. Of members of the same name the last counts.
struct Object<'a> {
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Object<'a> {
    fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.members.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// The parameters of a statement that was planned for other values. `None` if a value can't be one.
    fn params(&self, statement: &Statement) -> Option<Vec<Option<String>>> {
        let mut params = statement.params.clone();
        for place in &statement.places {
            params[place.param] = place.text(self.get(&place.member)).ok()?;
        }
        Some(params)
    }
}

/// What a plan is kept by: all that decides it. `None` if it is not to be kept.
fn key(relation: &Name, query: &str, preferences: &Preferences, object: &Object<'_>) -> Option<String> {
    let flag = |flag: Option<bool>| match flag {
        None => ' ',
        Some(false) => '-',
        Some(true) => '+',
    };
    let texts =
        [&relation.schema, &relation.name, query].into_iter().chain(object.members.iter().map(|(name, _)| &**name));
    let length: usize = texts.clone().map(|text| text.len() + 1).sum();
    if length > MAX_KEY {
        return None;
    }
    let mut key = String::with_capacity(length + 3);
    key.push(match preferences.returning {
        None | Some(Return::Minimal) => ' ',
        Some(Return::HeadersOnly) => 'h',
        Some(Return::Representation) => 'r',
    });
    key.push(flag(preferences.merge));
    key.push(flag(preferences.missing_default));
    for text in texts {
        if text.contains(END) {
            return None;
        }
        key.push_str(text);
        key.push(END);
    }
    Some(key)
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members(PhantomData))
    }
}

/// Collects the members of an object.
struct Members<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for Members<'a> {
    type Value = Object<'a>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'a>, A::Error> {
        let mut members: Vec<(Cow<'a, str>, &'a RawValue)> = Vec::with_capacity(8);
        while let Some(Key(name)) = map.next_key()? {
            let value = map.next_value()?;
            match members.iter().position(|(known, _)| *known == name) {
                Some(at) => members[at].1 = value,
                None if members.len() == MAX_MEMBERS => return Err(A::Error::custom("too many members")),
                None => members.push((name, value)),
            }
        }
        Ok(Object { members })
    }
}

/// A member's name, borrowed unless it has escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl Weighter<Box<str>, Arc<Plan>> for Bytes {
    fn weight(&self, key: &Box<str>, plan: &Arc<Plan>) -> u64 {
        let sql = plan.statement.as_ref().map_or(0, |statement| statement.sql.len());
        // Each column has its name in a place of its own.
        (OVERHEAD + 2 * key.len() + sql) as u64
    }
}

#[cfg(test)]
mod tests;
