//! Similarity of texts by their trigrams, as the extension `pg_trgm` measures it.

use std::collections::{BTreeSet, HashSet};

use basalt_core::Result;

use super::letters::lower_char;
use crate::{Context, Value, ValueRef};

type Trigram = [char; 3];

/// The trigrams of each word in order, words being runs of letters and digits, two spaces before and one behind.
fn trigrams(text: &str) -> Vec<Trigram> {
    let mut all = Vec::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let letters: Vec<char> = "  ".chars().chain(word.chars().map(lower_char)).chain([' ']).collect();
        all.extend(letters.windows(3).map(|three| [three[0], three[1], three[2]]));
    }
    all
}

/// Shared trigrams to all trigrams of both.
fn similarity_of(a: &str, b: &str) -> f32 {
    let a: BTreeSet<Trigram> = trigrams(a).into_iter().collect();
    let b: BTreeSet<Trigram> = trigrams(b).into_iter().collect();
    ratio(a.intersection(&b).count(), a.len(), b.len())
}

fn ratio(shared: usize, a: usize, b: usize) -> f32 {
    if shared == 0 { 0.0 } else { shared as f32 / (a + b - shared) as f32 }
}

/// The greatest similarity of the first text to any run of trigrams of the second.
fn word_similarity_of(a: &str, b: &str) -> f32 {
    let wanted: HashSet<Trigram> = trigrams(a).into_iter().collect();
    let all = trigrams(b);
    let mut best = 0.0_f32;
    for start in 0..all.len() {
        let mut run = HashSet::new();
        let mut shared = 0;
        for trigram in &all[start..] {
            if run.insert(trigram) && wanted.contains(trigram) {
                shared += 1;
                best = best.max(ratio(shared, wanted.len(), run.len()));
            }
            // Longer runs can't do better than to hold every trigram wanted.
            if run.len() > wanted.len() && wanted.len() as f32 / run.len() as f32 <= best {
                break;
            }
        }
    }
    best
}

pub(super) fn similarity(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(f64::from(similarity_of(args[0].text(), args[1].text())).into())
}

pub(super) fn distance(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(f64::from(1.0 - similarity_of(args[0].text(), args[1].text())).into())
}

/// Whether the similarity reaches `pg_trgm.similarity_threshold`'s default.
pub(super) fn is_similar(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok((similarity_of(args[0].text(), args[1].text()) >= 0.3).into())
}

pub(super) fn word_similarity(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok(f64::from(word_similarity_of(args[0].text(), args[1].text())).into())
}

/// Whether the word similarity reaches `pg_trgm.word_similarity_threshold`'s default.
pub(super) fn has_similar_word(_: &Context, args: &[ValueRef<'_>]) -> Result<Value> {
    Ok((word_similarity_of(args[0].text(), args[1].text()) >= 0.6).into())
}
