//! Vectors and queries made of others.

use basalt_core::{Error, Result};

use super::function::stored_query;
use super::lexeme;
use super::query::{Query, check_distance};
use super::vector::{Vector, entries, weight_of};
use crate::array::stored::Array;
use crate::{Context, Type, Value, ValueRef};

/// `tsvector || tsvector`.
pub(super) fn concat(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(Vector::concat(args[0].text(), args[1].text()).write().into())
}

/// `setweight(vector, weight [, lexemes])`.
pub(super) fn set_weight(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let first = args[1].text().chars().next().unwrap_or('\0');
    let weight =
        weight_of(first).ok_or_else(|| Error::new("22023", format!("unrecognized weight: {}", u32::from(first))))?;
    let only = args.get(2).map(|lexemes| Array::read(&Type::TEXT, lexemes.text()).values);
    let mut vector = Vector::read(args[0].text());
    for (lexeme, positions) in &mut vector.0 {
        if only.as_ref().is_none_or(|only| only.iter().any(|wanted| wanted.as_ref().text() == lexeme)) {
            positions.iter_mut().for_each(|position| position.weight = weight);
        }
    }
    Ok(vector.write().into())
}

/// `strip(vector)`.
pub(super) fn strip(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let mut vector = Vector::read(args[0].text());
    vector.0.values_mut().for_each(Vec::clear);
    Ok(vector.write().into())
}

/// `length(vector)`: how many lexemes.
pub(super) fn length(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok((entries(args[0].text()).count() as i64).into())
}

/// `tsvector_to_array(vector)`: its lexemes.
pub(super) fn to_array(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let lexemes = entries(args[0].text()).map(|entry| lexeme::unescape(entry.raw).into_owned().into());
    Ok(Array::of(lexemes.collect()).into())
}

/// `numnode(query)`.
pub(super) fn node_count(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok((stored_query(args[0].text())?.query.as_ref().map_or(0, Query::node_count) as i64).into())
}

/// `querytree(query)`: what of it an index can look for; `T` when that is nothing.
pub(super) fn query_tree(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(match &stored_query(args[0].text())?.query {
        None => "".into(),
        Some(query) => query.indexable().map_or_else(|| "T".to_owned(), |query| query.write()).into(),
    })
}

/// `query && query`.
pub(super) fn and(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    joined(args, Query::and)
}

/// `query || query`.
pub(super) fn or(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    joined(args, Query::or)
}

/// `query <-> query`, `tsquery_phrase(query, query [, distance])`.
pub(super) fn phrase(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let distance = check_distance(args.get(2).map_or(1, |distance| distance.int()))?;
    joined(args, |left, right| left.followed_by(distance, right))
}

/// `!! query`.
pub(super) fn not(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    let parsed = stored_query(args[0].text())?;
    Ok(parsed.query.clone().map(|query| query.not().write()).unwrap_or_default().into())
}

/// An empty query leaves the other one.
fn joined(args: &[ValueRef<'_>], join: impl FnOnce(Query, Query) -> Query) -> Result<Value> {
    let (left, right) = (stored_query(args[0].text())?, stored_query(args[1].text())?);
    Ok(match (&left.query, &right.query) {
        (Some(left), Some(right)) => join(left.clone(), right.clone()).write().into(),
        (Some(_), None) => left.text.as_str().into(),
        _ => right.text.as_str().into(),
    })
}
