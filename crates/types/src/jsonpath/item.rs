//! Values that a path leads to.

use std::rc::Rc;

use crate::json::{Json, key_order};

/// A value on the way: of the document, or made by the path.
#[derive(Debug, Clone)]
pub(super) enum Item<'j> {
    Stored(&'j Json<'j>),
    Made(Rc<Json<'j>>),
}

impl<'j> Item<'j> {
    pub(super) fn json(&self) -> &Json<'j> {
        match self {
            Item::Stored(json) => json,
            Item::Made(json) => json,
        }
    }

    pub(super) fn made(json: Json<'j>) -> Item<'j> {
        Item::Made(Rc::new(json))
    }

    /// How many elements or members it has.
    pub(super) fn len(&self) -> usize {
        match self.json() {
            Json::Array(elements) => elements.len(),
            Json::Object(members) => members.len(),
            _ => 0,
        }
    }

    /// An array's element or an object's value, by its place.
    pub(super) fn part(&self, place: usize) -> Option<Item<'j>> {
        match self {
            Item::Stored(json) => part_of(json, place).map(Item::Stored),
            Item::Made(json) => part_of(json, place).map(|json| Item::made(json.clone())),
        }
    }

    /// An array's elements, or an object's values.
    pub(super) fn parts(&self) -> impl DoubleEndedIterator<Item = Item<'j>> {
        (0..self.len()).filter_map(|place| self.part(place))
    }

    /// An object's value by its key.
    pub(super) fn member(&self, key: &str) -> Option<Item<'j>> {
        let Json::Object(members) = self.json() else { return None };
        let place = members.binary_search_by(|(name, _)| key_order(name, key)).ok()?;
        self.part(place)
    }

    /// What it takes to have it: what is made, as part of something else too, is copied whole.
    pub(super) fn cost(&self) -> usize {
        match self {
            Item::Stored(_) => 1,
            Item::Made(json) => size(json),
        }
    }

    pub(super) fn is_array(&self) -> bool {
        matches!(self.json(), Json::Array(_))
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self.json(), Json::Object(_))
    }

    pub(super) fn number(&self) -> Option<&str> {
        match self.json() {
            Json::Number(number) => Some(number),
            _ => None,
        }
    }
}

fn part_of<'a, 'j>(json: &'a Json<'j>, place: usize) -> Option<&'a Json<'j>> {
    match json {
        Json::Array(elements) => elements.get(place),
        Json::Object(members) => members.get(place).map(|(_, value)| value),
        _ => None,
    }
}

/// The values in a value, itself included.
fn size(json: &Json<'_>) -> usize {
    match json {
        Json::Array(elements) => 1 + elements.iter().map(size).sum::<usize>(),
        Json::Object(members) => 1 + members.iter().map(|(_, value)| size(value)).sum::<usize>(),
        _ => 1,
    }
}
