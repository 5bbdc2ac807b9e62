//! Values that a path leads to.

use std::rc::Rc;

use crate::json::Json;

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

    /// A part of it, taken out as it is kept itself.
    pub(super) fn part(&self, json: &Json<'j>) -> Item<'j> {
        Item::made(json.clone())
    }

    /// An array's elements.
    pub(super) fn elements(&self) -> Vec<Item<'j>> {
        match self {
            Item::Stored(Json::Array(elements)) => elements.iter().map(Item::Stored).collect(),
            Item::Made(json) => match &**json {
                Json::Array(elements) => elements.iter().map(|element| self.part(element)).collect(),
                _ => Vec::new(),
            },
            Item::Stored(_) => Vec::new(),
        }
    }

    /// An object's values.
    pub(super) fn values(&self) -> Vec<Item<'j>> {
        match self {
            Item::Stored(Json::Object(members)) => members.iter().map(|(_, value)| Item::Stored(value)).collect(),
            Item::Made(json) => match &**json {
                Json::Object(members) => members.iter().map(|(_, value)| self.part(value)).collect(),
                _ => Vec::new(),
            },
            Item::Stored(_) => Vec::new(),
        }
    }

    pub(super) fn member(&self, key: &str) -> Option<Item<'j>> {
        match self {
            Item::Stored(Json::Object(members)) => {
                members.iter().find(|(name, _)| name == key).map(|(_, value)| Item::Stored(value))
            }
            Item::Made(json) => match &**json {
                Json::Object(members) => {
                    members.iter().find(|(name, _)| name == key).map(|(_, value)| self.part(value))
                }
                _ => None,
            },
            Item::Stored(_) => None,
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
