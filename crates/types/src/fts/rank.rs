//! `ts_rank` and `ts_rank_cd`: how well a document answers a query (manual, section 12.3.3).

use basalt_core::{Error, Result};

use super::cover::{self, Word};
use super::function::stored_query;
use super::matching::occurrences;
use super::query::{Operand, Query};
use super::vector::{self, MAX_POSITION, Position, entries};
use crate::array::stored::Array;
use crate::{Base, Context, Kind, Type, Value, ValueRef};

/// What a word of weight D, C, B and A counts for, unless said otherwise.
const WEIGHTS: [f32; 4] = [0.1, 0.2, 0.4, 1.0];
/// The limit of the sum of 1/n².
const SQUARES: f64 = 1.64493406685;

/// Signatures' argument kinds: with and without weights.
pub(super) const WEIGHTED: &[Kind] =
    &[Kind::ArrayOf(Base::Float4), Kind::Is(Base::Tsvector), Kind::Is(Base::Tsquery), Kind::Is(Base::Int4)];
pub(super) const UNWEIGHTED: &[Kind] = &[Kind::Is(Base::Tsvector), Kind::Is(Base::Tsquery), Kind::Is(Base::Int4)];

/// `ts_rank([weights,] vector, query [, normalization])`.
pub(super) fn rank(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    by(args, |weights, vector, query, method| {
        let operands = distinct_operands(query);
        let rank = match query {
            Query::And(_) | Query::Phrase(..) if operands.len() > 1 => nearness(&weights, vector, &operands),
            _ => frequency(&weights, vector, &operands),
        };
        let rank = if rank < 0.0 { 1e-20 } else { rank };
        let logarithm = if method & 1 != 0 { (word_count(vector) + 1.0).log2() } else { 1.0 };
        normalize(f64::from(rank) / logarithm, vector, method)
    })
}

/// `ts_rank_cd([weights,] vector, query [, normalization])`: by cover density.
pub(super) fn rank_by_cover_density(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    by(args, |weights, vector, query, method| {
        let words = cover::words(vector, query);
        let covers = cover::covers(&words, query);
        let mut density = 0.0;
        let mut distances = 0.0;
        let mut last: Option<f64> = None;
        for cover in &covers {
            density += cover_density(cover, &weights);
            let middle = (f64::from(cover[0].at) + f64::from(cover[cover.len() - 1].at)) / 2.0;
            if let Some(last) = last.filter(|last| middle > *last) {
                distances += 1.0 / (middle - last);
            }
            last = Some(middle);
        }
        if method & 1 != 0 {
            density /= (word_count(vector) + 1.0).ln();
        }
        if method & 4 != 0 && distances > 0.0 {
            density /= covers.len() as f64 / distances;
        }
        normalize(density, vector, method)
    })
}

fn cover_density(cover: &[Word<'_>], weights: &[f32; 4]) -> f64 {
    let inverse: f64 = cover.iter().map(|word| 1.0 / f64::from(weights[usize::from(word.weight)])).sum();
    let between = cover.len() as i32 - 1;
    let mut noise = i32::from(cover[cover.len() - 1].at) - i32::from(cover[0].at) - between;
    if noise < 0 {
        noise = between / 2;
    }
    cover.len() as f64 / inverse / f64::from(1 + noise)
}

fn by(args: &[ValueRef<'_>], rank: impl FnOnce([f32; 4], &str, &Query, i64) -> f64) -> Result<Value> {
    let (weights, args) = match args {
        [weights, rest @ ..] if weights.text().starts_with('[') => (read_weights(weights.text())?, rest),
        _ => (WEIGHTS, args),
    };
    let parsed = stored_query(args[1].text())?;
    let vector = args[0].text();
    let (Some(query), false) = (&parsed.query, vector.is_empty()) else { return Ok(0.0.into()) };
    let rank = rank(weights, vector, query, args.get(2).map_or(0, |method| method.int()));
    Ok(f64::from(rank as f32).into())
}

fn read_weights(text: &str) -> Result<[f32; 4]> {
    let given = Array::read(&Type::FLOAT4, text);
    if given.dims.len() != 1 {
        return Err(Error::new("2202E", "array of weight must be one-dimensional"));
    }
    if given.values.len() < WEIGHTS.len() {
        return Err(Error::new("2202E", "array of weight is too short"));
    }
    let mut weights = WEIGHTS;
    for (weight, value) in weights.iter_mut().zip(&given.values) {
        if value.is_null() {
            return Err(Error::new("22004", "array of weight must not contain nulls"));
        }
        let value = value.as_ref().float() as f32;
        if value > 1.0 {
            return Err(Error::new("22023", "weight out of range"));
        }
        if value >= 0.0 {
            *weight = value;
        }
    }
    Ok(weights)
}

/// Each lexeme of a query once, in order.
fn distinct_operands(query: &Query) -> Vec<&Operand> {
    let mut operands = Vec::new();
    query.operands(&mut operands);
    operands.sort_by(|a, b| a.lexeme.cmp(&b.lexeme));
    operands.dedup_by(|a, b| a.lexeme == b.lexeme);
    operands
}

/// The places of one lexeme; `None` when they aren't known.
fn places(list: &str) -> Option<Vec<Position>> {
    (!list.is_empty()).then(|| vector::positions(list).collect())
}

/// The more often and the heavier, the better.
fn frequency(weights: &[f32; 4], vector: &str, operands: &[&Operand]) -> f32 {
    let mut rank = 0.0_f32;
    for list in operands.iter().flat_map(|operand| occurrences(vector, operand)) {
        let found = places(list).unwrap_or_else(|| vec![Position { at: 0, weight: 0 }]);
        let (mut sum, mut heaviest, mut at) = (0.0_f32, -1.0_f32, 0);
        for (i, position) in found.iter().enumerate() {
            let weight = weights[usize::from(position.weight)];
            sum += weight / ((i + 1) * (i + 1)) as f32;
            if weight > heaviest {
                (heaviest, at) = (weight, i);
            }
        }
        let total = heaviest + sum - heaviest / ((at + 1) * (at + 1)) as f32;
        rank = (f64::from(rank) + f64::from(total) / SQUARES) as f32;
    }
    if operands.is_empty() { rank } else { rank / operands.len() as f32 }
}

/// The closer the words stand to each other, the better. Negative when none does.
fn nearness(weights: &[f32; 4], vector: &str, operands: &[&Operand]) -> f32 {
    let nowhere = vec![Position { at: MAX_POSITION, weight: 0 }];
    let mut seen: Vec<Option<(Vec<Position>, bool)>> = Vec::with_capacity(operands.len());
    let mut rank = -1.0_f32;
    for operand in operands {
        let mut last = None;
        for list in occurrences(vector, operand) {
            let known = places(list);
            let unknown = known.is_none();
            let found = known.unwrap_or_else(|| nowhere.clone());
            for here in &found {
                for (others, other_unknown) in seen.iter().flatten() {
                    for there in others {
                        let distance = here.at.abs_diff(there.at);
                        if distance == 0 && !unknown && !other_unknown {
                            continue;
                        }
                        let distance = if distance == 0 { MAX_POSITION + 1 } else { distance };
                        let product = weights[usize::from(here.weight)] * weights[usize::from(there.weight)];
                        let near = (f64::from(product) * f64::from(closeness(distance))).sqrt() as f32;
                        rank = if rank < 0.0 {
                            near
                        } else {
                            (1.0 - (1.0 - f64::from(rank)) * (1.0 - f64::from(near))) as f32
                        };
                    }
                }
            }
            last = Some((found, unknown));
        }
        seen.push(last);
    }
    rank
}

/// 1 for neighbours, and less and less with distance.
fn closeness(distance: u16) -> f32 {
    if distance > 100 {
        return 1e-30;
    }
    (1.0 / (1.005 + 0.05 * (f64::from(f32::from(distance)) / 1.5 - 2.0).exp())) as f32
}

/// All places of all lexemes.
fn word_count(vector: &str) -> f64 {
    entries(vector).map(|entry| entry.positions.split(',').count()).sum::<usize>() as f64
}

/// The options that both rankings understand alike, by bit.
fn normalize(rank: f64, vector: &str, method: i64) -> f64 {
    if method & !5 == 0 {
        return rank;
    }
    let lexeme_count = entries(vector).count() as f64;
    let mut rank = rank;
    if method & 2 != 0 {
        rank /= word_count(vector);
    }
    if method & 8 != 0 {
        rank /= lexeme_count;
    }
    if method & 16 != 0 {
        rank /= (lexeme_count + 1.0).log2();
    }
    if method & 32 != 0 {
        rank /= rank + 1.0;
    }
    rank
}
