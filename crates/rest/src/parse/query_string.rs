//! The query string: its parameters by kind, and their assembly into one tree of levels (contract: sections 2 and 7).

use basalt_query::ask::{Condition, Filter, Level};
use indexmap::IndexSet;
use percent_encoding::percent_decode_str;

use super::cursor::Cursor;
use super::{field, filter, order, range, select};
use crate::error::{RestError, RestResult};

/// The parameters, decoded, by kind.
#[derive(Debug, Default)]
pub(crate) struct QueryString {
    /// Every parameter that has a `=`, in order.
    pub(crate) pairs: Vec<(String, String)>,
    pub(crate) select: Option<String>,
    pub(crate) columns: Option<Vec<String>>,
    pub(crate) on_conflict: Option<Vec<String>>,
    filters: Vec<(Vec<String>, Filter)>,
    logic: Vec<(Vec<String>, Condition)>,
    orders: Vec<(Vec<String>, Vec<basalt_query::ask::Order>)>,
    limits: Vec<(Vec<String>, i64)>,
    offsets: Vec<(Vec<String>, i64)>,
    /// Function arguments: what did not parse as a filter (GET on a function only).
    pub(crate) arguments: Vec<(String, String)>,
}

/// What stands behind a parameter's key.
enum Kind {
    Order,
    Limit,
    Offset,
    Logic { all: bool },
    Filter,
}

impl QueryString {
    /// Parses the raw query. `arguments`: parameters that are no filters are function arguments rather than errors.
    pub(crate) fn parse(raw: &str, arguments: bool) -> RestResult<QueryString> {
        let mut query = QueryString::default();
        for part in raw.split(['&', ';']) {
            let Some((key, value)) = part.split_once('=') else { continue };
            query.pairs.push((decode(key)?, decode(value)?));
        }
        for (key, value) in std::mem::take(&mut query.pairs) {
            query.take(&key, &value, arguments)?;
            query.pairs.push((key, value));
        }
        Ok(query)
    }

    fn take(&mut self, key: &str, value: &str, arguments: bool) -> RestResult<()> {
        match key {
            "select" => {
                self.select.get_or_insert_with(|| value.to_owned());
                return Ok(());
            }
            "columns" => {
                if self.columns.is_none() && !value.is_empty() {
                    // A set: what is named twice is written once.
                    let names: IndexSet<String> = names("columns parameter", value)?.into_iter().collect();
                    self.columns = Some(names.into_iter().collect());
                }
                return Ok(());
            }
            "on_conflict" => {
                if self.on_conflict.is_none() && !value.is_empty() {
                    self.on_conflict = Some(names("on_conflict parameter", value)?);
                }
                return Ok(());
            }
            _ => {}
        }
        let kind = match key.rsplit('.').next().unwrap_or(key) {
            "order" => Kind::Order,
            "limit" => Kind::Limit,
            "offset" => Kind::Offset,
            "and" => Kind::Logic { all: true },
            "or" => Kind::Logic { all: false },
            _ => Kind::Filter,
        };
        match kind {
            Kind::Order => {
                let terms = order::order(value).map_err(|e| RestError::syntax("order", value, e))?;
                self.orders.push((embed_path("tree path", key)?, terms));
            }
            // Text that is no number is ignored, as PostgREST does.
            Kind::Limit => {
                let path = embed_path("tree path", key)?;
                self.limits.extend(range::number(value).map(|limit| (path, limit)));
            }
            Kind::Offset => {
                let path = embed_path("tree path", key)?;
                self.offsets.extend(range::number(value).map(|offset| (path, offset)));
            }
            Kind::Logic { all } => {
                let mut path = embed_path("logic path", key)?;
                let negated = path.pop_if(|word| word == "not").is_some();
                // The operator is read with the value, but shown where it stands: in the key.
                let text = format!("{}{}{value}", if negated { "not." } else { "" }, if all { "and" } else { "or" });
                let tree = filter::logic(&text).map_err(|e| RestError::syntax("logic tree", value, e))?;
                self.logic.push((path, tree));
            }
            Kind::Filter => self.filter(key, value, arguments)?,
        }
        Ok(())
    }

    fn filter(&mut self, key: &str, value: &str, arguments: bool) -> RestResult<()> {
        let parsed = filter::filter(value);
        if arguments && parsed.is_err() && !filter::commits_to_filter(value) {
            self.arguments.push((key.to_owned(), value.to_owned()));
            return Ok(());
        }
        let (path, field) =
            field::tree_path(&mut Cursor::new(key)).map_err(|e| RestError::syntax("tree path", key, e))?;
        let (negated, test) = parsed.map_err(|e| RestError::syntax("filter", value, e))?;
        self.filters.push((path, Filter { field, negated, test }));
        Ok(())
    }

    /// Whether any limit or offset was given for the root (which PUT refuses).
    ///
    /// Errors: PGRST103 for a limit that can't be.
    pub(crate) fn limits_root(&self) -> RestResult<bool> {
        let of_root = |clauses: &[(Vec<String>, i64)]| {
            clauses.iter().rev().find(|(path, _)| path.is_empty()).map(|(_, number)| *number)
        };
        let (limit, offset) = (of_root(&self.limits), of_root(&self.offsets));
        range::judge(&mut Level { limit, offset, ..Level::default() })?;
        Ok(limit.or(offset).is_some())
    }

    /// Builds the tree: items from `select`, and every clause at the level that its path names. `legacy`: a relation's name
    /// works as a path although the resource has an alias; each such use is reported as `(name, alias)`.
    pub(crate) fn level(&self, legacy: bool) -> RestResult<(Level, Vec<(String, String)>)> {
        let text = self.select.as_deref().unwrap_or("*");
        let items = select::select(text).map_err(|e| RestError::syntax("select parameter", text, e))?;
        let mut root = Level { items, ..Level::default() };
        let mut outdated = Vec::new();
        for (path, filter) in &self.filters {
            let level = root.descend(path, legacy, &mut outdated)?;
            level.conditions.push(Condition::Filter(filter.clone()));
        }
        for (path, tree) in &self.logic {
            root.descend(path, legacy, &mut outdated)?.conditions.push(tree.clone());
        }
        for (path, terms) in &self.orders {
            root.descend(path, legacy, &mut outdated)?.order.extend(terms.iter().cloned());
        }
        for (path, limit) in &self.limits {
            root.descend(path, legacy, &mut outdated)?.limit = Some(*limit);
        }
        for (path, offset) in &self.offsets {
            root.descend(path, legacy, &mut outdated)?.offset = Some(*offset);
        }
        Ok((root, outdated))
    }

    /// The parameters re-encoded, sorted by name, for `Content-Location`.
    pub(crate) fn canonical(&self) -> String {
        let mut pairs: Vec<&(String, String)> = self.pairs.iter().collect();
        pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut text = String::new();
        for (key, value) in pairs {
            text.push_str(if text.is_empty() { "" } else { "&" });
            push_encoded(&mut text, key);
            text.push('=');
            push_encoded(&mut text, value);
        }
        text
    }
}

/// Percent-encodes all but RFC 3986's unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    push_encoded(&mut encoded, text);
    encoded
}

/// Appends what [`encode`] gives.
pub(crate) fn push_encoded(to: &mut String, text: &str) {
    const RESERVED: percent_encoding::AsciiSet =
        percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    to.extend(percent_encoding::utf8_percent_encode(text, &RESERVED));
}

/// Reads a percent-encoded key or value.
///
/// Errors: PGRST100 for bytes that are no UTF-8, 22021 for a NUL.
pub(crate) fn decode(text: &str) -> RestResult<String> {
    // Most texts stand as they are.
    if !text.bytes().any(|b| matches!(b, b'+' | b'%' | b'\0')) {
        return Ok(text.to_owned());
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    let decoded = decoded.map_err(|_| {
        RestError::new(400, "PGRST100", "The query string is not valid UTF-8")
            .hint("Percent-encode the bytes of UTF-8 text.")
    })?;
    if decoded.contains('\0') {
        return Err(RestError::new(400, "22021", "invalid byte sequence for encoding \"UTF8\": 0x00"));
    }
    Ok(decoded.into_owned())
}

/// The resources that a clause's key names before its last word.
fn embed_path(what: &str, key: &str) -> RestResult<Vec<String>> {
    if !key.contains('.') {
        return Ok(Vec::new());
    }
    let mut names = Cursor::new(key).list(".", field::name).map_err(|e| RestError::syntax(what, key, e))?;
    names.pop();
    Ok(names)
}

fn names(what: &str, text: &str) -> RestResult<Vec<String>> {
    let mut cursor = Cursor::new(text);
    cursor.skip_spaces();
    let names = cursor.list(",", field::name).map_err(|e| RestError::syntax(what, text, e))?;
    if cursor.at_end() {
        Ok(names)
    } else {
        Err(RestError::syntax(what, text, cursor.unexpected("\",\" or end of input")))
    }
}
