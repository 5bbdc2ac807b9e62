//! Plans of reads, kept by the shape of their query strings.
//!
//! The value of a plain filter on the root (`id=eq.7`) becomes a parameter and decides nothing else. Such values are cut out of the
//! query string; a request that is the same but for them finds its plan, and only puts its own values in. Nothing of them is kept.

use std::sync::Arc;

use basalt_query::Statement;
use basalt_sql::Name;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::error::RestResult;
use crate::parse::query_string::{decode, push_encoded};

/// Plans kept.
const CAPACITY: usize = 4096;
/// Bytes that all kept plans may have.
const BYTES: u64 = 16 << 20;
/// Bytes that a plan has beside its texts, about.
const OVERHEAD: usize = 512;
/// Plans of longer query strings are not kept. What is cut out does not count.
const MAX_TEXT: usize = 1024;
/// Stands in a shape's key where a value was cut out.
const CUT: char = '\0';

/// Parameters of a query string that are no filters.
const NO_FILTERS: [&str; 8] = ["select", "columns", "on_conflict", "order", "limit", "offset", "and", "or"];
/// Operators whose value becomes a parameter as it stands.
const OPERATORS: [&str; 6] = ["eq", "neq", "gt", "gte", "lt", "lte"];

/// What planning a read gives.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    /// The statement.
    pub(crate) statement: Statement,
    /// `Content-Location`.
    pub(crate) location: String,
    /// Rows skipped.
    pub(crate) offset: i64,
    /// `Warning`.
    pub(crate) warning: Option<String>,
    /// Whether whole rows are asked for, and nothing else.
    pub(crate) whole: bool,
}

/// A planned read with the values of one request.
#[derive(Debug)]
pub(crate) struct Read {
    /// The plan. Its parameters and location are not this request's.
    pub(crate) plan: Arc<Shape>,
    /// Parameters.
    pub(crate) params: Vec<Option<String>>,
    /// `Content-Location`.
    pub(crate) location: String,
}

/// A plan without the values that were cut out.
#[derive(Debug)]
pub(crate) struct Shape {
    /// The plan; its location ends where the first value was cut out.
    pub(crate) plan: Plan,
    /// Where values go: the parameter of each.
    params: Vec<usize>,
    /// Values of the location in order, each with the text that follows it.
    location: Vec<(usize, String)>,
}

/// The plans of one version of the catalog.
pub(crate) struct Shapes {
    cache: Cache<Box<str>, Arc<Shape>, Bytes>,
}

#[derive(Clone)]
struct Bytes;

/// A query string with its values cut out.
struct Masked<'q> {
    /// What the plan is kept by: all that decides it, with [`CUT`] for each value.
    key: String,
    /// Where the query string begins in the key.
    start: usize,
    /// The values, as they stand in the query string.
    values: Vec<&'q str>,
}

impl Shapes {
    /// None yet.
    pub(crate) fn new() -> Shapes {
        Shapes { cache: Cache::with_weighter(CAPACITY, BYTES, Bytes) }
    }

    /// The read of `relation` that `query` asks for, planned by `plan` unless its shape is known. `count`: whether rows are counted.
    /// Nothing else but the query string may decide the plan.
    ///
    /// Errors: those of `plan`.
    pub(crate) fn read(
        &self,
        relation: &Name,
        count: bool,
        query: &str,
        plan: impl Fn(&str) -> RestResult<Plan>,
    ) -> RestResult<Read> {
        let Some(masked) = Masked::new(relation, count, query) else { return plan(query).map(Read::whole) };
        let values: RestResult<Vec<String>> = masked.values.iter().map(|value| decode(value)).collect();
        // Planning says what is wrong with the query string as it stands.
        let Ok(values) = values else { return plan(query).map(Read::whole) };
        if let Some(shape) = self.cache.get(masked.key.as_str()) {
            return Ok(shape.fill(values));
        }
        let planned = plan(&masked.marked());
        match planned.ok().and_then(|plan| Shape::new(plan, values.len())) {
            Some(shape) => {
                let shape = Arc::new(shape);
                self.cache.insert(masked.key.into(), shape.clone());
                Ok(shape.fill(values))
            }
            None => plan(query).map(Read::whole),
        }
    }
}

impl Read {
    /// A plan of which nothing was cut out.
    pub(crate) fn whole(plan: Plan) -> Read {
        let (params, location) = (plan.statement.params.clone(), plan.location.clone());
        Read { plan: Arc::new(Shape { plan, params: Vec::new(), location: Vec::new() }), params, location }
    }
}

impl Shape {
    /// Takes the marks out of a plan. `None` if any of them is not exactly one whole parameter and one part of the location, as where
    /// the caller wrote the same text.
    fn new(mut plan: Plan, values: usize) -> Option<Shape> {
        let mut params = Vec::with_capacity(values);
        let mut places = Vec::with_capacity(values);
        for value in 0..values {
            let mark = mark(value);
            let statement = &mut plan.statement;
            let param = only(statement.params.iter().enumerate().filter(|(_, param)| param.as_ref() == Some(&mark)))?.0;
            statement.params[param] = None;
            params.push(param);
            let (at, _) = only(plan.location.match_indices(&mark))?;
            places.push((at, at + mark.len(), value));
            let is_elsewhere = |text: &str| text.contains(&mark);
            if is_elsewhere(&statement.sql) || plan.warning.as_deref().is_some_and(is_elsewhere) {
                return None;
            }
        }
        places.sort_unstable();
        let next = places.iter().skip(1).map(|place| place.0).chain([plan.location.len()]);
        let location =
            places.iter().zip(next).map(|(&(_, end, value), next)| (value, plan.location[end..next].to_owned()));
        let location = location.collect();
        if let Some((first, ..)) = places.first() {
            plan.location.truncate(*first);
        }
        Some(Shape { plan, params, location })
    }

    fn fill(self: Arc<Self>, values: Vec<String>) -> Read {
        let extra: usize = self.location.iter().map(|(value, text)| values[*value].len() * 3 + text.len()).sum();
        let mut location = String::with_capacity(self.plan.location.len() + extra);
        location.push_str(&self.plan.location);
        for (value, text) in &self.location {
            push_encoded(&mut location, &values[*value]);
            location.push_str(text);
        }
        let mut params = self.plan.statement.params.clone();
        for (&param, value) in self.params.iter().zip(values) {
            params[param] = Some(value);
        }
        Read { plan: self, params, location }
    }
}

impl<'q> Masked<'q> {
    /// `None` if the plan is not to be kept.
    fn new(relation: &Name, count: bool, query: &'q str) -> Option<Masked<'q>> {
        let mut key =
            String::with_capacity(relation.schema.len() + relation.name.len() + 3 + query.len().min(MAX_TEXT));
        for text in [&relation.schema, &relation.name] {
            key.push_str(text);
            key.push(CUT);
        }
        key.push(if count { '#' } else { ' ' });
        let start = key.len();
        let mut values = Vec::with_capacity(4);
        if query.contains(CUT) {
            return None;
        }
        for (index, part) in query.split(['&', ';']).enumerate() {
            if index > 0 {
                key.push('&');
            }
            match value(part) {
                Some(value) => {
                    key.push_str(&part[..part.len() - value.len()]);
                    key.push(CUT);
                    values.push(value);
                }
                None => key.push_str(part),
            }
            if key.len() - start > MAX_TEXT {
                return None;
            }
        }
        Some(Masked { key, start, values })
    }

    /// The query string with a mark in each value's place.
    fn marked(&self) -> String {
        let mut parts = self.key[self.start..].split(CUT);
        let mut query = parts.next().unwrap_or_default().to_owned();
        for (value, part) in parts.enumerate() {
            query.push_str(&mark(value));
            query.push_str(part);
        }
        query
    }
}

/// The value to cut out of a parameter: that of a plain filter on the root.
fn value(part: &str) -> Option<&str> {
    let (key, test) = part.split_once('=')?;
    let is_plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let (operator, value) = test.split_once('.')?;
    (is_plain && OPERATORS.contains(&operator) && !NO_FILTERS.contains(&key)).then_some(value)
}

/// Stands for a value while its shape is planned: characters that are never encoded, so that the location has it as it is.
fn mark(value: usize) -> String {
    format!("~{value}~value~")
}

/// The only item.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

impl Weighter<Box<str>, Arc<Shape>> for Bytes {
    fn weight(&self, key: &Box<str>, shape: &Arc<Shape>) -> u64 {
        let Plan { statement, location, .. } = &shape.plan;
        let counted = statement.count_sql.as_ref().map_or(0, |sql| sql.len());
        // The location and the parameters are of the key's length at most.
        (OVERHEAD + 3 * key.len() + statement.sql.len() + counted + location.len()) as u64
    }
}

#[cfg(test)]
mod tests;
